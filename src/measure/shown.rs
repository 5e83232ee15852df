//! What is shown of a run while it goes on.

use std::time::Duration;

use serde::Serialize;

use super::LiveLag;
use super::LiveSlot;
use super::Phase;

/// All streams at one moment.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct LiveState {
    /// Since the run began, in seconds.
    pub at_s: f64,
    /// What is going on.
    pub phase: Phase,
    /// How long this phase will still last, if it is known.
    #[serde(skip)]
    pub left: Option<Duration>,
    /// In the order of the scenario.
    pub streams: Vec<LiveStream>,
    /// How late changes are observed; `None` if nothing is observed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub observed: Option<LiveLag>,
    /// The replication slot that is nearest to its limit; `None` if there is none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub slot: Option<LiveSlot>,
    /// Steps that are under way.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub steps: Vec<&'static str>,
    /// Gates and thresholds that do not hold now, by name.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub tripped: Vec<String>,
}

/// What sets the pace of a stream, at one moment.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Pace {
    /// So many slots a second.
    Rate(f64),
    /// Nothing but the target.
    Unlimited,
    /// So many sessions, and how long they think.
    Sessions(u64),
    /// The actions that it follows.
    Follows,
}

impl Pace {
    /// Slots a second; infinite if none sets it.
    pub fn rate(&self) -> f64 {
        match self {
            Pace::Rate(rate) => *rate,
            Pace::Unlimited | Pace::Sessions(_) | Pace::Follows => f64::INFINITY,
        }
    }
}

/// One stream at one moment. Rates and percentiles are those since the last look.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct LiveStream {
    /// Its name.
    pub name: String,
    /// Slots a second that should come due; `None` if there is no such rate.
    pub target: Option<f64>,
    /// What there is instead.
    #[serde(skip)]
    pub pace: Pace,
    /// Acknowledged a second.
    pub achieved: f64,
    /// Acknowledged since the phase began.
    pub acknowledged: u64,
    /// Failed since the phase began.
    pub failed: u64,
    /// Sent, and nothing heard of it yet.
    pub in_flight: u64,
    /// Attempts beyond the first since the phase began.
    pub retries: u64,
    /// From intended to sent, 99th percentile; `None` if nothing was sent.
    pub lag_p99_ns: Option<u64>,
    /// From intended to acknowledged, 99th percentile; `None` if nothing was acknowledged.
    pub response_p99_ns: Option<u64>,
}
