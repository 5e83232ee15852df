//! A Firehose endpoint, as it is meant.

use std::path::PathBuf;
use std::time::Duration;

/// Amazon Data Firehose and how to use it.
#[derive(Debug, Clone, PartialEq)]
pub struct FirehoseTarget {
    /// Which.
    pub endpoint: FirehoseEndpoint,
    /// The region; what the environment says if `None`.
    pub region: Option<String>,
    /// The stream's name; `{event}` and `{domain}` stand for names.
    pub stream: String,
    /// What a stream that does not exist is made with; none is made if `None`.
    pub create: Option<FirehoseCreate>,
    /// What is sent to a stream, at most.
    pub limits: FirehoseLimits,
    /// Calls under way for a stream, at most.
    pub in_flight: u32,
    /// Events in a record, at most.
    pub pack: u32,
    /// How long an event waits for others.
    pub linger: Duration,
    /// For how long an event is tried again.
    pub retry: Duration,
    /// How long a call may take.
    pub timeout: Duration,
    /// Events that wait or are under way, at most.
    pub queue: u32,
}

/// Which endpoint.
#[derive(Debug, Clone, PartialEq)]
pub enum FirehoseEndpoint {
    /// A stand-in in this process.
    Embedded(StandIn),
    /// That of the service in the region.
    Aws,
    /// At this URL; and whether that is on this machine.
    At(String, bool),
}

/// Amounts a second; 0 is no limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FirehoseLimits {
    /// Calls.
    pub requests: u64,
    /// Records.
    pub records: u64,
    /// Bytes of records, before base64.
    pub bytes: u64,
}

/// What a stream is made with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FirehoseCreate {
    /// The bucket's ARN.
    pub bucket: String,
    /// The role's ARN.
    pub role: String,
    /// What the names of objects begin with.
    pub prefix: String,
    /// Whether objects are compressed.
    pub is_gzip: bool,
    /// MiB after which an object is delivered.
    pub size: u32,
    /// How long an object waits for more.
    pub interval: Duration,
}

/// The stand-in.
#[derive(Debug, Clone, PartialEq)]
pub struct StandIn {
    /// Where it puts objects; in the run's folder if `None`.
    pub folder: Option<PathBuf>,
    /// What a stream takes.
    pub takes: FirehoseLimits,
    /// How it fails.
    pub faults: FirehoseFaults,
}

/// How the stand-in fails. Shares are of calls that put records, from 0 to 1; together 1 at most.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct FirehoseFaults {
    /// Another seed, other calls that fail.
    pub seed: u64,
    /// Calls of which some records are refused.
    pub partial: f64,
    /// The share of records that is refused in such a call; one at least.
    pub partial_records: f64,
    /// Calls that are told to slow down.
    pub throttled: f64,
    /// Calls that are answered by 500.
    pub error: f64,
    /// Calls whose connection is closed without an answer; half of them have stored their records.
    pub reset: f64,
    /// The least and the longest time before a call is looked at; evenly drawn between them.
    pub delay: (Duration, Duration),
}

impl FirehoseFaults {
    /// It never fails and does not wait.
    pub const NONE: Self = Self {
        seed: 1,
        partial: 0.0,
        partial_records: 0.5,
        throttled: 0.0,
        error: 0.0,
        reset: 0.0,
        delay: (Duration::ZERO, Duration::ZERO),
    };
}

impl FirehoseTarget {
    /// The stream of an event.
    pub fn stream_of(&self, domain: &str, event: &str) -> String {
        self.stream.replace("{domain}", domain).replace("{event}", event)
    }
}
