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

/// Most segments of a profile.
const SEGMENTS_MAX: usize = 1_000;

/// A profile, as written.
pub(super) enum Written {
    /// Segments, played one after the other.
    Open(Vec<Segment>),
    /// `unlimited`.
    Unlimited(End),
}

/// When an unlimited stream ends.
#[derive(Clone, Copy)]
pub(super) enum End {
    /// After so long.
    After(Duration),
    /// When its limit is reached.
    AtLimit,
}

/// Reads a profile. None if some of it is broken.
pub(super) fn profile(
    file: &Spanned<Vec<Kept<Spanned<SegmentFile>>>>,
    problems: &mut Problems,
) -> Option<Written> {
    let mut segments = Vec::new();
    let mut is_whole = true;
    let mut unlimited = None;
    for segment in &file.value {
        match segment.0.as_ref().map(|segment| one(segment, problems)) {
            Some(Some(Read::Segment(segment))) => segments.push(segment),
            Some(Some(Read::Unlimited(length, place))) => unlimited = Some((length, place)),
            Some(None) | None => is_whole = false,
        }
    }
    if file.value.is_empty() || file.value.len() > SEGMENTS_MAX {
        let message = format!("a profile has 1 to {SEGMENTS_MAX} segments");
        let problem = Problem::new(message).at(file.place);
        problems.add(problem.help("write `profile: [ { hold: 100/s, for: 1m } ]`"));
        return None;
    }
    if let Some((length, place)) = unlimited {
        if file.value.len() > 1 {
            let message = "`unlimited` stands alone in its profile";
            problems.add(Problem::new(message).at(place));
            return None;
        }
        return Some(Written::Unlimited(length));
    }
    let has_rate = segments.iter().any(|segment| highest(segment) > 0.0);
    if is_whole && !has_rate {
        problems.add(Problem::new("the profile has no rate above 0").at(file.place));
    }
    is_whole.then_some(Written::Open(segments))
}

enum Read {
    Segment(Segment),
    Unlimited(End, Place),
}

fn one(file: &Spanned<SegmentFile>, problems: &mut Problems) -> Option<Read> {
    let SegmentFile { hold, ramp, steps, spike, idle, unlimited, length } = &file.value;
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

/// The highest rate of a segment.
fn highest(segment: &Segment) -> f64 {
    match segment {
        Segment::Hold { rate, .. } => *rate,
        // What it begins at is another segment's, or 0.
        Segment::Ramp { from, to, .. } => from.unwrap_or(0.0).max(*to),
        Segment::Steps { from, by, count, .. } => from.max(from + by * f64::from(count - 1)),
        Segment::Spike { peak, .. } => *peak,
        Segment::Idle { .. } => 0.0,
    }
}

/// How long a segment is.
fn length_of(segment: &Segment) -> Duration {
    match segment {
        Segment::Hold { length, .. }
        | Segment::Ramp { length, .. }
        | Segment::Spike { length, .. }
        | Segment::Idle { length } => *length,
        Segment::Steps { count, each, .. } => each.saturating_mul(*count),
    }
}

/// The segments, lasting just so long: cut, or held at their last rate (the last spikes go on).
pub(super) fn lasting(mut segments: Vec<Segment>, wanted: Duration) -> Vec<Segment> {
    let mut start = Duration::ZERO;
    for index in 0..segments.len() {
        let length = length_of(&segments[index]);
        let is_last = index + 1 == segments.len();
        if start + length < wanted && !is_last {
            start += length;
            continue;
        }
        segments.truncate(index + 1);
        let before = segments[..index].last().map_or(0.0, ending);
        if let Some(last) = segments.pop() {
            segments.extend(fitted(last, wanted.saturating_sub(start), before));
        }
        break;
    }
    segments
}

/// The rate at which a segment ends.
fn ending(segment: &Segment) -> f64 {
    match segment {
        Segment::Hold { rate, .. } => *rate,
        Segment::Ramp { to, .. } => *to,
        Segment::Steps { from, by, count, .. } => from + by * f64::from(count - 1),
        Segment::Spike { base, .. } => *base,
        Segment::Idle { .. } => 0.0,
    }
}

/// One segment, lasting just so long.
fn fitted(segment: Segment, wanted: Duration, before: f64) -> Vec<Segment> {
    let own = length_of(&segment);
    match segment {
        Segment::Hold { rate, .. } => vec![Segment::Hold { rate, length: wanted }],
        Segment::Idle { .. } => vec![Segment::Idle { length: wanted }],
        Segment::Spike { base, peak, rise, hold, fall, every, .. } => {
            vec![Segment::Spike { base, peak, rise, hold, fall, every, length: wanted }]
        }
        Segment::Ramp { from, to, .. } if wanted < own => {
            let from = from.unwrap_or(before);
            let to = from + (to - from) * wanted.as_secs_f64() / own.as_secs_f64();
            vec![Segment::Ramp { from: Some(from), to, length: wanted }]
        }
        Segment::Steps { from, by, count, each } if wanted < own => {
            let mut left = wanted;
            let mut steps = Vec::new();
            for step in 0..count {
                let length = each.min(left);
                left -= length;
                steps.push(Segment::Hold { rate: from + by * f64::from(step), length });
                if left.is_zero() {
                    break;
                }
            }
            steps
        }
        longer => {
            let rate = ending(&longer);
            vec![longer, Segment::Hold { rate, length: wanted.saturating_sub(own) }]
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::lasting;
    use crate::pace::Curve;
    use crate::pace::Profile;
    use crate::pace::Segment;

    fn seconds(count: u64) -> Duration {
        Duration::from_secs(count)
    }

    #[test]
    fn a_profile_is_cut_or_goes_on() {
        let segments = vec![
            Segment::Hold { rate: 10.0, length: seconds(10) },
            Segment::Ramp { from: None, to: 30.0, length: seconds(10) },
        ];
        let expected = |length: u64| {
            let fitted = Curve::new(lasting(segments.clone(), seconds(length)));
            assert_eq!(fitted.length(), seconds(length));
            fitted.slots()
        };
        assert_eq!(expected(5), 50);
        assert_eq!(expected(10), 100);
        assert_eq!(expected(15), 175);
        assert_eq!(expected(20), 300);
        assert_eq!(expected(30), 600);
        let steps = vec![Segment::Steps { from: 1.0, by: 1.0, count: 3, each: seconds(10) }];
        let slots = |length| Curve::new(lasting(steps.clone(), seconds(length))).slots();
        assert_eq!((slots(15), slots(30), slots(40)), (20, 60, 90));
    }
}
