//! How a run is judged, and the exit code that says so.

use serde::Deserialize;
use serde::Serialize;

use crate::pace::Shard;

/// The judgement on a run, the mildest first: of several, the last one stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// All thresholds hold.
    Passed,
    /// A threshold does not hold.
    Failed,
    /// A signal ended it early: what thresholds say of a part is no judgement on the whole.
    Interrupted,
    /// The error or late policy ended it early.
    Stopped,
    /// Its numbers say nothing about the target: the generator was the limit, or counts do not add up.
    Invalid,
    /// It could not be set up: connection, permission, or a database that is in use.
    SetUpFailed,
    /// The scenario is wrong; nothing was touched.
    ScenarioWrong,
}

impl Verdict {
    /// The exit code of the process.
    pub fn exit_code(self) -> u8 {
        match self {
            Verdict::Passed => 0,
            Verdict::ScenarioWrong => 3,
            Verdict::SetUpFailed => 4,
            Verdict::Stopped => 5,
            Verdict::Invalid => 6,
            Verdict::Failed => 99,
            Verdict::Interrupted => 105,
        }
    }

    /// As the summary calls it.
    pub fn name(self) -> &'static str {
        match self {
            Verdict::Passed => "passed",
            Verdict::Interrupted => "interrupted",
            Verdict::Stopped => "stopped",
            Verdict::Failed => "failed",
            Verdict::Invalid => "invalid",
            Verdict::SetUpFailed => "set_up_failed",
            Verdict::ScenarioWrong => "scenario_wrong",
        }
    }
}

/// How a run came to its end.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum End {
    /// Every stream came to the end of its profile or limit.
    Complete,
    /// By a signal.
    Interrupted,
    /// By the error or late policy: which, in words.
    Stopped(String),
    /// By a threshold that says `action: abort`: which, in words.
    Aborted(String),
    /// It could not begin: why, in words.
    SetUpFailed(String),
}

impl End {
    pub(super) fn verdict(&self) -> Verdict {
        match self {
            End::Complete => Verdict::Passed,
            End::Interrupted => Verdict::Interrupted,
            End::Stopped(_) => Verdict::Stopped,
            End::Aborted(_) => Verdict::Failed,
            End::SetUpFailed(_) => Verdict::SetUpFailed,
        }
    }

    /// The same, told of one of several shards.
    pub(super) fn of_shard(self, shard: Shard) -> End {
        let told = |reason: String| format!("shard {shard}: {reason}");
        match self {
            End::Complete | End::Interrupted => self,
            End::Stopped(reason) => End::Stopped(told(reason)),
            End::Aborted(reason) => End::Aborted(told(reason)),
            End::SetUpFailed(reason) => End::SetUpFailed(told(reason)),
        }
    }

    pub(super) fn reason(self) -> Option<String> {
        match self {
            End::Complete | End::Interrupted => None,
            End::Stopped(reason) | End::Aborted(reason) | End::SetUpFailed(reason) => Some(reason),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_graver_verdict_stands() {
        let by_precedence = [
            Verdict::Passed,
            Verdict::Failed,
            Verdict::Interrupted,
            Verdict::Stopped,
            Verdict::Invalid,
            Verdict::SetUpFailed,
            Verdict::ScenarioWrong,
        ];
        assert!(by_precedence.is_sorted());
        let codes = by_precedence.map(Verdict::exit_code);
        assert_eq!(codes, [0, 99, 105, 5, 6, 4, 3]);
    }
}
