//! Fills that draw a value from nothing but chance and time: for new rows, for the rows beyond a
//! list, and for updates.

use crate::diagnostic::Place;
use crate::diagnostic::Problem;
use crate::diagnostic::Problems;
use crate::schema::ColumnType;
use crate::schema::Fill;
use crate::schema::Literal;
use crate::schema::NamePart;
use crate::schema::check::chance;
use crate::schema::check::literal;
use crate::schema::check::moment;
use crate::schema::check::names;
use crate::schema::check::names::Source;
use crate::schema::check::typed;
use crate::schema::file::EventTimeFile;
use crate::schema::file::FillFile;
use crate::schema::file::NamePartFile;
use crate::schema::file::WeightedFile;
use crate::units::Decimal;
use crate::units::parse_signed_duration;
use crate::yaml::Kind;
use crate::yaml::OneOrMany;
use crate::yaml::Scalar;
use crate::yaml::Spanned;

/// Most words of a text.
const WORDS_MAX: u32 = 10_000;

/// The column that is filled.
#[derive(Clone, Copy)]
pub(super) struct Spot {
    pub(super) kind: ColumnType,
    pub(super) is_nullable: bool,
    pub(super) place: Place,
}

/// The fill, if it is one of these.
pub(super) fn drawn(
    spot: Spot,
    file: &FillFile,
    shape: &str,
    problems: &mut Problems,
) -> Option<Fill> {
    let FillFile { constant, uniform, weighted, words, name, event_time, .. } = file;
    match shape {
        "constant" => {
            let value = literal_in(spot, constant.as_ref()?, problems)?;
            Some(Fill::Constant(value))
        }
        "uniform" => uniform_fill(spot, uniform.as_ref()?, problems),
        "weighted" => weighted_fill(spot, weighted.as_ref()?, problems),
        "words" => words_fill(spot, words.as_ref()?, problems),
        "name" => name_fill(spot, name.as_ref().copied()?, problems),
        "event_time" => event_time_fill(spot, event_time.as_ref()?, problems),
        _ if names::source(shape) == Some(Source::Chance) => {
            chance::fill(spot, file, shape, problems)
        }
        _ => typed::fill(spot, file, shape, problems),
    }
}

/// A value of the column's type.
pub(super) fn literal_in(
    spot: Spot,
    scalar: &Spanned<Scalar>,
    problems: &mut Problems,
) -> Option<Literal> {
    match literal::literal(&scalar.value, spot.kind) {
        Ok(Literal::Null) if !spot.is_nullable => {
            let problem = Problem::new("the column does not allow NULL").at(scalar.place);
            problems.add(problem.help("write `nullable: true`"));
            None
        }
        Ok(literal) => Some(literal),
        Err(message) => {
            problems.add(Problem::new(message).at(scalar.place));
            None
        }
    }
}

/// Adds a mistake if the column's type is not right for what `says`: "`words` makes text".
pub(super) fn wants(spot: Spot, is_right: bool, says: &str, problems: &mut Problems) -> Option<()> {
    if is_right {
        return Some(());
    }
    let message = format!("{says}, and the column is `{}`", spot.kind);
    problems.add(Problem::new(message).at(spot.place));
    None
}

fn uniform_fill(
    spot: Spot,
    range: &Spanned<(Spanned<Scalar>, Spanned<Scalar>)>,
    problems: &mut Problems,
) -> Option<Fill> {
    if typed::is_span(spot.kind) {
        return typed::span(spot, range, problems);
    }
    if spot.kind.is_time() {
        return chance::between(spot, range, problems);
    }
    wants(spot, spot.kind.is_number(), "`uniform` makes numbers, dates and times", problems)?;
    let spot = Spot { is_nullable: false, ..spot };
    let (min, max) = &range.value;
    let min = literal_in(spot, min, problems);
    let max = literal_in(spot, max, problems);
    let (min, max) = (min?, max?);
    if decimal(&min)?.to_f64() > decimal(&max)?.to_f64() {
        let problem = Problem::new("the range ends before it begins").at(range.value.0.place);
        problems.add(problem.help("write the smaller value first"));
        return None;
    }
    Some(Fill::Uniform { min, max })
}

fn decimal(literal: &Literal) -> Option<Decimal> {
    match literal {
        Literal::Int(whole) => Some(Decimal::from(*whole)),
        Literal::Decimal(decimal) => Some(*decimal),
        _ => None,
    }
}

/// The greatest number of a type, nearly.
#[expect(clippy::cast_precision_loss, reason = "a bound for a sanity check")]
pub(super) fn greatest(kind: ColumnType) -> f64 {
    match (kind, kind.integer_range()) {
        (_, Some((_, greatest))) => greatest as f64,
        (ColumnType::Numeric { precision, scale, .. }, _) => {
            10_i64.pow(u32::from(precision - scale)) as f64
        }
        _ => f64::from(f32::MAX),
    }
}

fn weighted_fill(
    spot: Spot,
    entries: &Spanned<WeightedFile>,
    problems: &mut Problems,
) -> Option<Fill> {
    if entries.value.0.is_empty() {
        let problem = Problem::new("`weighted` has no values").at(entries.place);
        problems.add(problem.help("write `weighted: { value: weight, … }`"));
        return None;
    }
    let mut values = Vec::new();
    let mut is_good = true;
    for (value, weight) in &entries.value.0 {
        let literal = literal_in(spot, value, problems);
        let weight = weight.as_ref().filter(|weight| positive(weight, problems));
        match (literal, weight) {
            (Some(literal), Some(_)) if values.iter().any(|(other, _)| *other == literal) => {
                let message = format!("`{}` is given twice", value.value.1);
                problems.add(Problem::new(message).at(value.place));
                is_good = false;
            }
            (Some(literal), Some(weight)) => values.push((literal, weight.value)),
            _ => is_good = false,
        }
    }
    is_good.then_some(Fill::Weighted(values))
}

/// Whether a weight is one.
pub(super) fn positive(weight: &Spanned<f64>, problems: &mut Problems) -> bool {
    let is_positive = weight.value > 0.0;
    if !is_positive {
        let problem = Problem::new("a weight must be above 0").at(weight.place);
        problems.add(problem.help("leave the entry away if it is never wanted"));
    }
    is_positive
}

fn words_fill(
    spot: Spot,
    range: &Spanned<OneOrMany<u32>>,
    problems: &mut Problems,
) -> Option<Fill> {
    wants(spot, spot.kind.is_text(), "`words` makes text", problems)?;
    let (min, max) = bounds(range, "words", WORDS_MAX, problems)?;
    Some(Fill::Words { min, max })
}

/// `3` or `[1, 5]`: at least 1, in order, and limited.
pub(super) fn bounds(
    range: &Spanned<OneOrMany<u32>>,
    what: &str,
    limit: u32,
    problems: &mut Problems,
) -> Option<(u32, u32)> {
    let (min, max) = match range.value.0.as_slice() {
        [exactly] => (*exactly, *exactly),
        [min, max] => (*min, *max),
        _ => {
            let message = format!("`{what}` is one number, or two: `3` or `[1, 5]`");
            problems.add(Problem::new(message).at(range.place));
            return None;
        }
    };
    let message = if min == 0 {
        format!("`{what}` begins at 1")
    } else if max < min {
        format!("`{what}` ends before it begins")
    } else if max > limit {
        format!("`{what}` is at most {limit}")
    } else {
        return Some((min, max));
    };
    problems.add(Problem::new(message).at(range.place));
    None
}

fn name_fill(spot: Spot, part: NamePartFile, problems: &mut Problems) -> Option<Fill> {
    wants(spot, spot.kind.is_text(), "`name` makes text", problems)?;
    Some(Fill::Name(match part {
        NamePartFile::First => NamePart::First,
        NamePartFile::Last => NamePart::Last,
        NamePartFile::Full => NamePart::Full,
    }))
}

fn event_time_fill(spot: Spot, file: &EventTimeFile, problems: &mut Problems) -> Option<Fill> {
    wants(spot, spot.kind.is_time(), "`event_time` makes dates and times", problems)?;
    moment::refuse(spot, file, problems)?;
    let Some(offset) = &file.offset else {
        return Some(Fill::EventTime { offset_min: 0, offset_max: 0 });
    };
    let mut read = |text: &Spanned<String>| match parse_signed_duration(&text.value) {
        Ok(micros) => Some(micros),
        Err(message) => {
            problems.add(Problem::new(message).at(text.place));
            None
        }
    };
    let (offset_min, offset_max) = (read(&offset.value.0)?, read(&offset.value.1)?);
    if offset_min > offset_max {
        let problem = Problem::new("the offset ends before it begins").at(offset.value.0.place);
        problems.add(problem.help("write the earlier one first: `[-30d, 0s]`"));
        return None;
    }
    Some(Fill::EventTime { offset_min, offset_max })
}

/// A bare word or value, as the fill that always makes it.
pub(super) fn constant(
    spot: Spot,
    scalar: &Scalar,
    place: Place,
    problems: &mut Problems,
) -> Option<Fill> {
    let scalar = Spanned { value: Scalar(scalar.0, scalar.1.clone()), place };
    literal_in(spot, &scalar, problems).map(Fill::Constant)
}

/// The fill that a bare word names, or its mistakes; None if it names none of those drawn.
#[expect(clippy::option_option, reason = "no such word, or its mistakes")]
pub(super) fn bare(spot: Spot, scalar: &Scalar, problems: &mut Problems) -> Option<Option<Fill>> {
    if !is_bare(scalar) {
        return None;
    }
    Some(match scalar.1.as_str() {
        "event_time" => event_time_fill(spot, &EventTimeFile::default(), problems),
        word => chance::fill(spot, &FillFile::default(), word, problems),
    })
}

/// Whether a bare word names a fill that is drawn.
pub(super) fn is_bare(scalar: &Scalar) -> bool {
    let word = scalar.1.as_str();
    scalar.0 == Kind::Word && names::is_bare(word) && names::is_drawn(word) && word != "random"
}

/// Whether a bare word can only be meant as a name of a fill: text must be in quotes.
pub(super) fn is_bare_word(spot: Spot, scalar: &Scalar) -> bool {
    let is_any_word = spot.kind.is_text() || spot.kind == ColumnType::Bytea;
    scalar.0 == Kind::Word && (is_any_word || literal::literal(scalar, spot.kind).is_err())
}
