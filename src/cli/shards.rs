//! A run in several processes: what each of them leaves for `loadgen merge`, and when they begin.

use std::str::FromStr;
use std::time::Duration;
use std::time::Instant;

use chrono::DateTime;
use chrono::Utc;
use serde::Deserialize;
use serde::Serialize;

use crate::cli::prepare::Prepared;
use crate::measure::Part;
use crate::measure::Recorder;
use crate::measure::RunFacts;
use crate::units::parse_duration;

/// The format's name and version.
pub(super) const FORMAT: &str = "loadgen.shard/1";

/// `shard.json`: what a shard came to, with all that must be the same in all shards of a run.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct ShardFile {
    pub(super) format: String,
    /// The hash of what decides the content.
    pub(super) hash: String,
    /// The time in the data at which the run began, in microseconds since 1970.
    pub(super) start_us: i64,
    /// The run of the shard that began first; `None` where nobody keeps that in mind.
    pub(super) together: Option<String>,
    pub(super) part: Part,
}

impl ShardFile {
    /// What is to be left of a run, if it is a shard.
    pub(super) fn of(
        prepared: &Prepared,
        facts: &RunFacts,
        recorder: &Recorder,
        together: Option<String>,
    ) -> Option<Self> {
        let shard = prepared.shard?;
        Some(Self {
            format: FORMAT.to_owned(),
            hash: prepared.scenario.hash.clone(),
            start_us: prepared.start_us,
            together,
            part: Part::new(shard, facts, recorder, &prepared.scenario.thresholds),
        })
    }
}

/// When a load is to begin.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum StartAt {
    /// So long after the command.
    In(Duration),
    /// At this time.
    At(DateTime<Utc>),
}

impl StartAt {
    /// The moment, for a command that began at another.
    pub(super) fn seen_from(self, began: Instant) -> Instant {
        match self {
            Self::In(left) => began + left,
            Self::At(at) => {
                let (now, until) = (Instant::now(), at - Utc::now());
                match until.to_std() {
                    Ok(left) => now + left,
                    Err(_) => {
                        now.checked_sub(until.abs().to_std().unwrap_or_default()).unwrap_or(now)
                    }
                }
            }
        }
    }
}

/// Nobody waits longer for a load to begin.
const WAIT_MAX: Duration = Duration::from_hours(24 * 7);

impl FromStr for StartAt {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let start = match text.strip_prefix('+') {
            Some(left) => Self::In(parse_duration(left)?),
            None => Self::At(DateTime::parse_from_rfc3339(text).map(|at| at.to_utc()).map_err(
                |_| "write `+30s`, or a time with its zone as in `2026-01-31T12:00:00Z`".to_owned(),
            )?),
        };
        let now = Instant::now();
        if start.seen_from(now) > now + WAIT_MAX {
            return Err("that is more than a week ahead".to_owned());
        }
        Ok(start)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_start_is_a_time_or_a_while_from_now() {
        assert_eq!("+30s".parse(), Ok(StartAt::In(Duration::from_secs(30))));
        let at = Utc::now() + Duration::from_mins(1);
        let parsed: StartAt = at.to_rfc3339().parse().unwrap();
        let began = Instant::now();
        let left = parsed.seen_from(began) - began;
        assert!(left > Duration::from_secs(20) && left <= Duration::from_secs(61), "{left:?}");
        for wrong in ["30s", "12:00", "2026-01-31", "+8d1h", "+200h", "9999-01-01T00:00:00Z", ""] {
            assert!(wrong.parse::<StartAt>().is_err(), "{wrong}");
        }
    }
}
