//! Closed streams: how many sessions, and how long they think.

use std::sync::Arc;
use std::time::Duration;

use crate::diagnostic::Problem;
use crate::diagnostic::Problems;
use crate::pace::Line;
use crate::pace::Pacing;
use crate::pace::SESSIONS_MAX;
use crate::pace::Sessions;
use crate::pace::Think;
use crate::scenario::check::duration;
use crate::scenario::check::positive;
use crate::scenario::check::scale::Scale;
use crate::scenario::file::SessionsFile;
use crate::scenario::file::StreamFile;
use crate::scenario::file::ThinkFile;
use crate::units::format_duration;
use crate::units::parse_count;
use crate::yaml::ScalarOr;
use crate::yaml::Spanned;

/// Most segments.
const SEGMENTS_MAX: usize = 1_000;

/// A closed stream's pacing; `length` is how long it lasts, if the command line says so.
pub(super) fn closed(
    name: &Spanned<String>,
    file: &StreamFile,
    (scale, length): (Scale, Option<Duration>),
    problems: &mut Problems,
) -> Option<Pacing> {
    let profile = file.profile.as_ref().map(|written| (written.place, "profile"));
    let repeat = file.repeat.as_ref().map(|written| (written.place, "repeat"));
    let late = file.late.as_ref().map(|written| (written.place, "late"));
    let arrival = file.arrival.as_ref().map(|written| (written.place, "arrival"));
    let batch = file.batch.as_ref().map(|written| (written.place, "batch"));
    for (place, word) in [profile, repeat, late, arrival, batch].into_iter().flatten() {
        let message = format!("`{word}` belongs to an open stream, and this one is closed");
        let help =
            "a session's next action is due when it has thought: write `sessions` and `think`";
        problems.add(Problem::new(message).at(place).help(help));
    }
    let think = match &file.think {
        None => Some(Think::Constant(Duration::ZERO)),
        Some(think) => self::think(think, problems),
    };
    let Some(written) = &file.sessions else {
        let problem = Problem::new("the closed stream has no `sessions`").at(name.place);
        problems.add(problem.help("write `sessions: [ { hold: 200, for: 5m } ]`"));
        return None;
    };
    if written.value.is_empty() || written.value.len() > SEGMENTS_MAX {
        let message = format!("`sessions` has 1 to {SEGMENTS_MAX} segments");
        let problem = Problem::new(message).at(written.place);
        problems.add(problem.help("write `sessions: [ { hold: 200, for: 5m } ]`"));
        return None;
    }
    let mut lines = Vec::new();
    let mut is_whole = true;
    for segment in &written.value {
        let before = lines.last().map_or(0.0, |line: &Line| line.to);
        match segment.0.as_ref().and_then(|segment| line(segment, before, problems)) {
            Some(line) => lines.push(line),
            None => is_whole = false,
        }
    }
    if is_whole && lines.iter().all(|line| line.from.max(line.to) <= 0.0) {
        problems.add(Problem::new("there is never a session").at(written.place));
        return None;
    }
    let sessions = Sessions::new(lines.into_iter().map(|line| scale.line(line)).collect());
    if sessions.most() > SESSIONS_MAX {
        let message = format!("scaled, the stream has more than {SESSIONS_MAX} sessions");
        problems.add(Problem::new(message).at(written.place));
        return None;
    }
    let sessions = match length {
        Some(length) => sessions.lasting(length),
        None => sessions,
    };
    let sessions = Some(Arc::new(sessions)).filter(|_| is_whole)?;
    Some(Pacing::Closed { sessions, think: think? })
}

fn line(file: &Spanned<SessionsFile>, before: f64, problems: &mut Problems) -> Option<Line> {
    let SessionsFile { hold, ramp, length } = &file.value;
    let numbers = match (hold, ramp) {
        (Some(hold), None) => count(hold, problems).map(|hold| (hold, hold)),
        (None, Some(ramp)) => {
            let from = ramp.value.from.as_ref().map_or(Some(before), |from| count(from, problems));
            let to = count(&ramp.value.to, problems);
            from.zip(to)
        }
        (Some(_), Some(_)) => {
            let problem = Problem::new("`hold` and `ramp` are two segments").at(file.place);
            problems.add(problem.help("write them one after the other"));
            return None;
        }
        (None, None) => {
            let problem = Problem::new("the segment has no shape").at(file.place);
            problems.add(problem.help("write `hold: 200` or `ramp: { from: 0, to: 200 }`"));
            return None;
        }
    };
    let Some(length) = length else {
        let problem = Problem::new("the segment needs its length").at(file.place);
        problems.add(problem.help("write `for: 1m`"));
        return None;
    };
    let length = positive(length, problems);
    let (from, to) = numbers?;
    Some(Line { from, to, length: length? })
}

/// How many sessions.
fn count(text: &Spanned<String>, problems: &mut Problems) -> Option<f64> {
    let problem = match parse_count(&text.value).map(u32::try_from) {
        Ok(Ok(count)) if count <= SESSIONS_MAX => return Some(f64::from(count)),
        Ok(_) => {
            let message = format!("a stream has at most {SESSIONS_MAX} sessions");
            Problem::new(message).help("each has a lane of its own")
        }
        Err(message) => Problem::new(message).help("sessions are counted: write `200`"),
    };
    problems.add(problem.at(text.place));
    None
}

/// `500ms`, or a distribution.
fn think(written: &Spanned<ScalarOr<ThinkFile>>, problems: &mut Problems) -> Option<Think> {
    let file = match &written.value {
        ScalarOr::Scalar(scalar) => {
            let text = Spanned { value: scalar.1.clone(), place: written.place };
            return short(&text, problems).map(Think::Constant);
        }
        ScalarOr::Other(file) => file,
    };
    match (&file.uniform, &file.lognormal, &file.exponential) {
        (Some(uniform), None, None) => {
            let (least, greatest) = &uniform.value;
            let (least, greatest) = (short(least, problems), short(greatest, problems));
            let (least, greatest) = (least?, greatest?);
            if least > greatest {
                let message = "the least is greater than the greatest";
                problems.add(Problem::new(message).at(uniform.place));
                return None;
            }
            Some(Think::Uniform(least, greatest))
        }
        (None, Some(lognormal), None) => {
            let median = positive(&lognormal.value.median, problems);
            let p99 = short(&lognormal.value.p99, problems);
            let (median, p99) = (median?, p99?);
            if p99 <= median {
                let message = "the 99th percentile is not above the median";
                problems.add(Problem::new(message).at(lognormal.value.p99.place));
                return None;
            }
            Some(Think::Lognormal { median, p99 })
        }
        (None, None, Some(exponential)) => {
            short(&exponential.mean, problems).map(|mean| Think::Exponential { mean })
        }
        _ => {
            let message = "`think` is one duration, or one distribution";
            let help = "write `think: 500ms`, `{ uniform: [1s, 3s] }`, \
                        `{ lognormal: { median: 2s, p99: 10s } }` or `{ exponential: { mean: 2s } }`";
            problems.add(Problem::new(message).at(written.place).help(help));
            None
        }
    }
}

/// A duration that a session may think.
fn short(text: &Spanned<String>, problems: &mut Problems) -> Option<Duration> {
    let duration = duration(text, problems)?;
    if duration > Think::MAX {
        let message = format!("a session thinks at most {}", format_duration(Think::MAX));
        problems.add(Problem::new(message).at(text.place));
        return None;
    }
    Some(duration)
}
