//! Fills that are made for one type, or of other fills.

use crate::diagnostic::Problem;
use crate::diagnostic::Problems;
use crate::schema::ColumnType;
use crate::schema::Fill;
use crate::schema::TypedFill;
use crate::schema::check::draw;
use crate::schema::check::draw::Spot;
use crate::schema::check::draw::wants;
use crate::schema::check::names;
use crate::schema::check::shape;
use crate::schema::file::ArrayFile;
use crate::schema::file::EventTimeFile;
use crate::schema::file::FillFile;
use crate::schema::file::RangeFile;
use crate::schema::typed::ArrayFill;
use crate::schema::written;
use crate::schema::written::Written;
use crate::yaml::Kind;
use crate::yaml::OneOrMany;
use crate::yaml::Scalar;
use crate::yaml::ScalarOr;
use crate::yaml::Spanned;

mod json;

/// Most bytes of a value.
const BYTES_MAX: u32 = 1 << 20;

/// Most elements of an array.
const ELEMENTS_MAX: u32 = 10_000;

/// The fill, if it is one of these.
pub(super) fn fill(
    spot: Spot,
    file: &FillFile,
    shape: &str,
    problems: &mut Problems,
) -> Option<Fill> {
    let typed = match shape {
        "bytes" => {
            let is_bytes = spot.kind == ColumnType::Bytea;
            wants(spot, is_bytes, "`bytes` makes bytes", problems)?;
            let (min, max) = count(file.bytes.as_ref()?, "bytes", BYTES_MAX, problems)?;
            TypedFill::Bytes { min, max }
        }
        "json" => {
            let is_right = spot.kind.is_json() || spot.kind.is_text();
            wants(spot, is_right, "`json` makes JSON", problems)?;
            TypedFill::Json(json::object(file.json.as_ref()?, problems)?)
        }
        "array" => array(spot, file.array.as_ref()?, problems)?,
        "range" => range(spot, &file.range.as_ref()?.value, problems)?,
        _ => return None,
    };
    Some(Fill::Typed(typed))
}

/// Whether the type holds spans or times of day.
pub(super) fn is_span(kind: ColumnType) -> bool {
    matches!(kind, ColumnType::Interval | ColumnType::Time(_) | ColumnType::Timetz(_))
}

/// `uniform: [1h, 3d]`
pub(super) fn span(
    spot: Spot,
    range: &Spanned<(Spanned<Scalar>, Spanned<Scalar>)>,
    problems: &mut Problems,
) -> Option<Fill> {
    let mut read = |end: &Spanned<Scalar>| match written::read(&end.value.1, spot.kind) {
        Ok(Written::Interval(span)) => Some(span.total_us()),
        Ok(Written::Time(time)) => Some(time.us),
        Ok(_) => None,
        Err(message) => {
            problems.add(Problem::new(message).at(end.place));
            None
        }
    };
    let (min, max) = (read(&range.value.0), read(&range.value.1));
    let (min, max) = (min?, max?);
    if min > max {
        let problem = Problem::new("the range ends before it begins").at(range.value.0.place);
        problems.add(problem.help("write the smaller value first"));
        return None;
    }
    Some(Fill::Typed(TypedFill::Span { min, max }))
}

/// `3` or `[0, 5]`: in order, and limited.
fn count(
    range: &Spanned<OneOrMany<u32>>,
    what: &str,
    limit: u32,
    problems: &mut Problems,
) -> Option<(u32, u32)> {
    match range.value.0.as_slice() {
        // `bounds` begins at 1.
        [0] => Some((0, 0)),
        [0, max] => {
            let raised =
                Spanned { value: OneOrMany(vec![(*max).min(1), *max]), place: range.place };
            if *max == 0 {
                return Some((0, 0));
            }
            draw::bounds(&raised, what, limit, problems).map(|(_, max)| (0, max))
        }
        _ => draw::bounds(range, what, limit, problems),
    }
}

fn array(spot: Spot, file: &Spanned<ArrayFile>, problems: &mut Problems) -> Option<TypedFill> {
    if spot.kind.is_json() {
        return json::array(&file.value, problems).map(TypedFill::Json);
    }
    let ColumnType::Array(kind) = spot.kind else {
        wants(spot, false, "`array` makes arrays and JSON", problems)?;
        return None;
    };
    let ArrayFile { of, .. } = &file.value;
    let of = part(*kind, of, problems);
    let (min, max, null_rate) = elements(&file.value, problems)?;
    Some(TypedFill::Array(ArrayFill { of: Box::new(of?), kind: *kind, min, max, null_rate }))
}

/// How many elements, and the share of those that are NULL.
fn elements(file: &ArrayFile, problems: &mut Problems) -> Option<(u32, u32, f64)> {
    let bounds = count(&file.count, "count", ELEMENTS_MAX, problems);
    let null_rate = file.null_rate.as_ref().map_or(0.0, |rate| rate.value);
    if let Some(written) = file.null_rate.as_ref().filter(|_| !(0.0..=1.0).contains(&null_rate)) {
        problems.add(Problem::new("a share is between 0 and 1").at(written.place));
        return None;
    }
    bounds.map(|(min, max)| (min, max, null_rate))
}

fn range(spot: Spot, file: &RangeFile, problems: &mut Problems) -> Option<TypedFill> {
    let ColumnType::Range(kind) = spot.kind else {
        wants(spot, false, "`range` makes ranges", problems)?;
        return None;
    };
    let (of, length_kind) = (kind.of(), kind.length());
    let from = part(of, &file.from, problems);
    let length = part(length_kind, &file.length, problems);
    let (from, length) = (Box::new(from?), Box::new(length?));
    Some(TypedFill::Range { of, from, length, length_kind })
}

/// The fill of a part of a value: one that draws from nothing but chance and time.
fn part(
    kind: ColumnType,
    written: &Spanned<ScalarOr<FillFile>>,
    problems: &mut Problems,
) -> Option<Fill> {
    let spot = Spot { kind, is_nullable: false, place: written.place };
    match &written.value {
        ScalarOr::Scalar(scalar) => bare(spot, scalar, problems),
        ScalarOr::Other(inner) => {
            let shape = shape::fill_shape(inner, written.place, false, problems)?;
            if !names::is_drawn(shape) {
                let message = format!("`{shape}` cannot fill a part of a value");
                let help = "a part is drawn from chance and time alone";
                problems.add(Problem::new(message).at(written.place).help(help));
                return None;
            }
            draw::drawn(spot, inner, shape, problems)
        }
    }
}

/// `random`, `event_time`, or a value.
fn bare(spot: Spot, scalar: &Scalar, problems: &mut Problems) -> Option<Fill> {
    let file = match (scalar.0, scalar.1.as_str()) {
        (Kind::Word, "random") => return Some(Fill::Typed(TypedFill::Random)),
        (Kind::Word, "event_time") => {
            FillFile { event_time: Some(EventTimeFile::default()), ..FillFile::default() }
        }
        (Kind::Word, word) if names::is_bare(word) || draw::is_bare_word(spot, scalar) => {
            let message = format!("`{word}` cannot fill a part of a value");
            let help = format!("for the text itself write `{{ constant: {word} }}`");
            problems.add(Problem::new(message).at(spot.place).help(help));
            return None;
        }
        _ => return draw::constant(spot, scalar, spot.place, problems),
    };
    draw::drawn(spot, &file, "event_time", problems)
}
