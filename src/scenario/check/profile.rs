//! Profiles: lists of segments.

use std::time::Duration;

use crate::diagnostic::Place;
use crate::diagnostic::Problem;
use crate::diagnostic::Problems;
use crate::pace::STEPS_MAX;
use crate::pace::Segment;
use crate::scenario::check::duration;
use crate::scenario::check::positive;
use crate::scenario::file::RampFile;
use crate::scenario::file::SegmentFile;
use crate::scenario::file::SpikeFile;
use crate::scenario::file::StepsFile;
use crate::units::parse_rate;
use crate::yaml::Kept;
use crate::yaml::Kind;
use crate::yaml::Scalar;
use crate::yaml::Spanned;

/// Most segments of a profile, and most of a repeated one.
const SEGMENTS_MAX: usize = 1_000;
const REPEATED_MAX: usize = 100_000;

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

/// Reads a profile, played `repeat` times. None if some of it is broken.
pub(super) fn profile(
    file: &Spanned<Vec<Kept<Spanned<SegmentFile>>>>,
    repeat: Option<&Spanned<u32>>,
    problems: &mut Problems,
) -> Option<Written> {
    let mut parts = Vec::new();
    let mut is_whole = names_differ(file, problems);
    let mut unlimited = None;
    for segment in file.value.iter().map(|segment| segment.0.as_ref()) {
        let name = segment.and_then(|segment| segment.value.name.as_ref());
        let name = name.map(|name| name.value.clone());
        match segment.map(|segment| one(segment, problems)) {
            Some(Some(Read::Segment(segment))) => parts.push(Part { segment, name }),
            Some(Some(Read::Unlimited(length, place))) => unlimited = Some((length, place, name)),
            Some(None) | None => is_whole = false,
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
    let times = times(repeat, file.value.len(), problems)?;
    is_whole.then(|| Written::Open(repeated(parts, times)))
}

/// How often it is played.
fn times(repeat: Option<&Spanned<u32>>, segments: usize, problems: &mut Problems) -> Option<usize> {
    let Some(repeat) = repeat else { return Some(1) };
    let times = usize::try_from(repeat.value).unwrap_or(usize::MAX);
    let most = REPEATED_MAX / segments.max(1);
    if (1..=most).contains(&times) {
        return Some(times);
    }
    let message = format!("`repeat` is 1 to {most} for a profile of {segments} segments");
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

fn one(file: &Spanned<SegmentFile>, problems: &mut Problems) -> Option<Read> {
    let SegmentFile { hold, ramp, steps, spike, idle, unlimited, length, .. } = &file.value;
    let given: Vec<&str> = [
        (hold.is_some(), "hold"),
        (ramp.is_some(), "ramp"),
        (steps.is_some(), "steps"),
        (spike.is_some(), "spike"),
        (idle.is_some(), "idle"),
        (unlimited.is_some(), "unlimited"),
    ]
    .into_iter()
    .filter_map(|(is_given, name)| is_given.then_some(name))
    .collect();
    let shape = match given.as_slice() {
        [shape] => *shape,
        [] => {
            let problem = Problem::new("the segment has no shape").at(file.place);
            let help = "write one of `hold`, `ramp`, `steps`, `spike`, `idle`, `unlimited`";
            problems.add(problem.help(help));
            return None;
        }
        [first, second, ..] => {
            let message = format!("`{first}` and `{second}` are two segments");
            let problem = Problem::new(message).at(file.place);
            problems.add(problem.help("write them one after the other"));
            return None;
        }
    };
    let is_long = ["hold", "ramp", "spike"].contains(&shape);
    match length {
        None if is_long => {
            let problem = Problem::new(format!("`{shape}` needs its length")).at(file.place);
            problems.add(problem.help("write `for: 1m`"));
            return None;
        }
        Some(length) if !is_long => {
            let message = format!("`{shape}` says its length itself");
            problems.add(Problem::new(message).at(length.place).help("leave `for` away"));
            return None;
        }
        _ => {}
    }
    if let Some(unlimited) = unlimited {
        return self::unlimited(unlimited, problems)
            .map(|length| Read::Unlimited(length, unlimited.place));
    }
    let length = length.as_ref().map(|length| positive(length, problems));
    let length = length.unwrap_or(Some(Duration::ZERO));
    let segment = match (hold, ramp, steps, spike, idle) {
        (Some(hold), ..) => {
            rate(hold, problems).and_then(|rate| Some(Segment::Hold { rate, length: length? }))
        }
        (_, Some(ramp), ..) => self::ramp(&ramp.value, length, problems),
        (_, _, Some(steps), ..) => self::steps(&steps.value, problems),
        (_, _, _, Some(spike), _) => self::spike(spike, length, problems),
        (.., idle) => {
            idle.as_ref().and_then(|idle| Some(Segment::Idle { length: positive(idle, problems)? }))
        }
    };
    segment.map(Read::Segment)
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

fn rate(text: &Spanned<String>, problems: &mut Problems) -> Option<f64> {
    parse_rate(&text.value)
        .map_err(|message| problems.add(Problem::new(message).at(text.place)))
        .ok()
}

fn ramp(file: &RampFile, length: Option<Duration>, problems: &mut Problems) -> Option<Segment> {
    let from = match &file.from {
        Some(from) => rate(from, problems).map(Some),
        None => Some(None),
    };
    let to = rate(&file.to, problems);
    Some(Segment::Ramp { from: from?, to: to?, length: length? })
}

fn steps(file: &StepsFile, problems: &mut Problems) -> Option<Segment> {
    let from = rate(&file.from, problems);
    let by = signed_rate(&file.by, problems);
    let each = positive(&file.each, problems);
    let count = file.count.value;
    if count == 0 || count > STEPS_MAX {
        let message = format!("`count` is 1 to {STEPS_MAX}");
        problems.add(Problem::new(message).at(file.count.place));
        return None;
    }
    let (from, by, each) = (from?, by?, each?);
    if from + by * f64::from(count - 1) < -1e-9 {
        let problem = Problem::new("the steps go below 0").at(file.by.place);
        problems.add(problem.help("take fewer or smaller steps"));
        return None;
    }
    Some(Segment::Steps { from, by, count, each })
}

/// A rate that may be negative: steps may go down.
fn signed_rate(text: &Spanned<String>, problems: &mut Problems) -> Option<f64> {
    match text.value.strip_prefix('-') {
        None => rate(text, problems),
        Some(positive) => {
            let positive = Spanned { value: positive.to_owned(), place: text.place };
            rate(&positive, problems).map(|rate| -rate)
        }
    }
}

fn spike(
    written: &Spanned<SpikeFile>,
    length: Option<Duration>,
    problems: &mut Problems,
) -> Option<Segment> {
    let file = &written.value;
    let (base, peak) = (rate(&file.base, problems), rate(&file.peak, problems));
    let [rise, hold, fall] =
        [&file.rise, &file.hold, &file.fall].map(|text| duration(text, problems));
    let every = positive(&file.every, problems);
    let (base, peak, rise, hold, fall, every) = (base?, peak?, rise?, hold?, fall?, every?);
    let mut is_good = true;
    if rise + hold + fall > every {
        let problem = Problem::new("`rise`, `hold` and `fall` together are longer than `every`");
        problems.add(problem.at(file.every.place));
        is_good = false;
    }
    if (rise + hold + fall).is_zero() {
        problems.add(Problem::new("the peak takes no time at all").at(file.hold.place));
        is_good = false;
    }
    if peak <= base {
        problems.add(Problem::new("the peak is not above the base").at(file.peak.place));
        is_good = false;
    }
    let length = length?;
    is_good.then_some(Segment::Spike { base, peak, rise, hold, fall, every, length })
}
