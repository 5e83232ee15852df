//! What became of a run's steps.

use serde::Serialize;

/// A step, as it was.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct StepSummary {
    /// Its word in the scenario.
    pub step: &'static str,
    /// The domain in whose database it happened.
    pub domain: String,
    /// When it was due, from the beginning of the measured part on.
    pub due_ns: u64,
    /// When it began; later than it was due if it had to wait for another one.
    pub began_ns: u64,
    /// When it ended.
    pub ended_ns: u64,
    /// Transactions that it committed, and that it rolled back.
    pub committed: u64,
    /// Those that it rolled back.
    pub rolled_back: u64,
    /// Changes of rows that must come of it.
    pub changes: u64,
    /// The exit code of a command.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub exit_code: Option<i32>,
    /// What a command said.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub output: Option<String>,
    /// Why it did not come to its end, if it did not.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub failed_because: Option<String>,
}
