//! Profiles: lists of segments.

mod shape;

use std::time::Duration;

use crate::diagnostic::Place;
use crate::diagnostic::Problem;
use crate::diagnostic::Problems;
use crate::pace::Bend;
use crate::pace::Segment;
use crate::scenario::check::positive;
use crate::scenario::file::SegmentFile;
use crate::yaml::Kept;
use crate::yaml::Kind;
use crate::yaml::Scalar;
use crate::yaml::Spanned;

/// Most segments of a profile, and most pieces of a repeated one.
const SEGMENTS_MAX: usize = 1_000;
const PIECES_MAX: usize = 400_000;

/// A profile, as written.
pub(super) enum Written {
    /// Segments, played one after the other.
    Open(Vec<Part>),
    /// `unlimited`, and its name.
    Unlimited(End, Option<String>),
}

/// A segment and its name.
#[derive(Clone)]
pub(super) struct Part {
    pub(super) segment: Segment,
    pub(super) name: Option<String>,
}

/// When an unlimited stream ends.
#[derive(Clone, Copy)]
pub(super) enum End {
    /// After so long.
    After(Duration),
    /// When its limit is reached.
    AtLimit,
}

/// Reads the profile of a stream, played `repeat` times. None if some of it is broken.
pub(super) fn profile(
    file: &Spanned<Vec<Kept<Spanned<SegmentFile>>>>,
    repeat: Option<&Spanned<u32>>,
    scenario: &str,
    problems: &mut Problems,
) -> Option<Written> {
    let mut parts = Vec::new();
    let mut is_whole = names_differ(file, problems);
    let mut unlimited = None;
    for segment in file.value.iter().map(|segment| segment.0.as_ref()) {
        let name = segment.and_then(|segment| segment.value.name.as_ref());
        let name = name.map(|name| name.value.clone());
        let read = segment.and_then(|segment| Some((one(segment, scenario, problems)?, segment)));
        match read {
            Some((Read::Segment(read), written)) => {
                let before = parts.last().map_or(0.0, |part: &Part| part.segment.ending());
                is_whole &= grows_from_something(&read, (before, is_whole), written, problems);
                parts.push(Part { segment: read, name });
            }
            Some((Read::Unlimited(length, place), _)) => unlimited = Some((length, place, name)),
            None => is_whole = false,
        }
    }
    if file.value.is_empty() || file.value.len() > SEGMENTS_MAX {
        let message = format!("a profile has 1 to {SEGMENTS_MAX} segments");
        let problem = Problem::new(message).at(file.place);
        problems.add(problem.help("write `profile: [ { hold: 100/s, for: 1m } ]`"));
        return None;
    }
    if let Some((length, place, name)) = unlimited {
        let message = match repeat {
            _ if file.value.len() > 1 => "`unlimited` stands alone in its profile",
            Some(_) => "`unlimited` is not repeated: write how long it lasts",
            None => return Some(Written::Unlimited(length, name)),
        };
        problems.add(Problem::new(message).at(place));
        return None;
    }
    let has_rate = parts.iter().any(|part| part.segment.highest() > 0.0);
    if is_whole && !has_rate {
        problems.add(Problem::new("the profile has no rate above 0").at(file.place));
    }
    let times = times(repeat, &parts, problems)?;
    is_whole.then(|| Written::Open(repeated(parts, times)))
}

/// Whether an exponential ramp has something to begin with: the rate before, if that is known.
fn grows_from_something(
    segment: &Segment,
    (before, is_known): (f64, bool),
    written: &Spanned<SegmentFile>,
    problems: &mut Problems,
) -> bool {
    let Segment::Ramp { from, to, curve: Bend::Exponential, .. } = segment else { return true };
    let from = from.unwrap_or(if is_known { before } else { 1.0 });
    if from > 0.0 && *to > 0.0 {
        return true;
    }
    let place = written.value.ramp.as_ref().map_or(written.place, |ramp| ramp.place);
    let problem = Problem::new("an `exp` ramp neither begins nor ends at 0").at(place);
    problems.add(problem.help("write `from: 1/s`, or `curve: smooth`"));
    false
}

/// How often it is played.
fn times(repeat: Option<&Spanned<u32>>, parts: &[Part], problems: &mut Problems) -> Option<usize> {
    let Some(repeat) = repeat else { return Some(1) };
    let times = usize::try_from(repeat.value).unwrap_or(usize::MAX);
    let pieces: usize = parts.iter().map(|part| part.segment.pieces()).sum();
    let most = (PIECES_MAX / pieces.max(1)).max(1);
    if (1..=most).contains(&times) {
        return Some(times);
    }
    let message = format!("`repeat` is 1 to {most} for this profile");
    problems.add(Problem::new(message).at(repeat.place));
    None
}

/// A profile, so many times. Each time is the same: a ramp that begins it without `from` begins at 0.
fn repeated(mut parts: Vec<Part>, times: usize) -> Vec<Part> {
    if times > 1
        && let Some(Part { segment: Segment::Ramp { from, .. }, .. }) = parts.first_mut()
    {
        *from = Some(from.unwrap_or(0.0));
    }
    (0..times).flat_map(|_| parts.iter().cloned()).collect()
}

/// Whether no two segments share a name, and each name can be printed.
fn names_differ(file: &Spanned<Vec<Kept<Spanned<SegmentFile>>>>, problems: &mut Problems) -> bool {
    let mut known: Vec<&str> = Vec::new();
    let mut is_good = true;
    let segments = file.value.iter().filter_map(|segment| segment.0.as_ref());
    for name in segments.filter_map(|segment| segment.value.name.as_ref()) {
        let text = name.value.as_str();
        let message = if text.is_empty() || text.len() > 100 || text.contains(char::is_control) {
            "a segment's name has 1 to 100 characters that can be printed".to_owned()
        } else if known.contains(&text) {
            format!("two segments of this profile are called `{text}`")
        } else {
            known.push(text);
            continue;
        };
        problems.add(Problem::new(message).at(name.place));
        is_good = false;
    }
    is_good
}

enum Read {
    Segment(Segment),
    Unlimited(End, Place),
}

/// Whether a shape has `for` beside it.
#[derive(Clone, Copy, PartialEq)]
enum Length {
    Needed,
    Possible,
    Own,
}

fn one(file: &Spanned<SegmentFile>, scenario: &str, problems: &mut Problems) -> Option<Read> {
    let written = &file.value;
    let shapes = [
        ("hold", written.hold.is_some(), Length::Needed),
        ("ramp", written.ramp.is_some(), Length::Needed),
        ("steps", written.steps.is_some(), Length::Own),
        ("spike", written.spike.is_some(), Length::Needed),
        ("sine", written.sine.is_some(), Length::Needed),
        ("bump", written.bump.is_some(), Length::Own),
        ("day", written.day.is_some(), Length::Possible),
        ("trace", written.trace.is_some(), Length::Own),
        ("idle", written.idle.is_some(), Length::Own),
        ("unlimited", written.unlimited.is_some(), Length::Own),
    ];
    let given: Vec<(&str, Length)> = shapes
        .iter()
        .filter_map(|(name, is_given, length)| is_given.then_some((*name, *length)))
        .collect();
    let (shape, needs) = match given.as_slice() {
        [shape] => *shape,
        [] => {
            let names: Vec<String> = shapes.iter().map(|(name, ..)| format!("`{name}`")).collect();
            let problem = Problem::new("the segment has no shape").at(file.place);
            problems.add(problem.help(format!("write one of {}", names.join(", "))));
            return None;
        }
        [(first, _), (second, _), ..] => {
            let message = format!("`{first}` and `{second}` are two segments");
            let problem = Problem::new(message).at(file.place);
            problems.add(problem.help("write them one after the other"));
            return None;
        }
    };
    match &written.length {
        None if needs == Length::Needed => {
            let problem = Problem::new(format!("`{shape}` needs its length")).at(file.place);
            problems.add(problem.help("write `for: 1m`"));
            return None;
        }
        Some(length) if needs == Length::Own => {
            let message = format!("`{shape}` says its length itself");
            problems.add(Problem::new(message).at(length.place).help("leave `for` away"));
            return None;
        }
        _ => {}
    }
    if let Some(unlimited) = &written.unlimited {
        return self::unlimited(unlimited, problems)
            .map(|length| Read::Unlimited(length, unlimited.place));
    }
    shape::shape(written, scenario, problems).map(Read::Segment)
}

/// `unlimited: 60s`, or `unlimited: true`.
fn unlimited(scalar: &Spanned<Scalar>, problems: &mut Problems) -> Option<End> {
    let Scalar(kind, text) = &scalar.value;
    if *kind == Kind::Bool {
        if text == "true" {
            return Some(End::AtLimit);
        }
        problems.add(Problem::new("`unlimited` is a duration or `true`").at(scalar.place));
        return None;
    }
    let text = Spanned { value: text.clone(), place: scalar.place };
    positive(&text, problems).map(End::After)
}
