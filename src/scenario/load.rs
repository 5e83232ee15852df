//! How fast, how long, and how exactly.

use std::time::Duration;

use super::Stream;
use super::StressStep;

/// How fast, how long.
#[derive(Debug, Clone)]
pub struct Load {
    /// Runs before anything is measured.
    pub warmup: Duration,
    /// How long actions in flight may take at the end.
    pub drain: Duration,
    /// How exactly slots are sent when they are due.
    pub precision: Precision,
    /// All rates have been multiplied by it: 1 unless the command line says otherwise.
    pub scale_rate: f64,
    /// All lengths have been divided by it: 1 unless the command line says otherwise.
    pub time_scale: f64,
    /// What happens; may be empty (a scenario that only seeds).
    pub streams: Vec<Stream>,
    /// What happens once, beside them, in the order of its times.
    pub steps: Vec<StressStep>,
}

/// How exactly slots are sent when they are due, and what that costs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Precision {
    /// A worker wakes at most once a millisecond.
    Eco,
    /// A worker wakes at most every 200 µs.
    Normal,
    /// A connection waits awake for its next slot.
    Precise,
}
