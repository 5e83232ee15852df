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
    /// What a stream that does not exist is made with.
    pub create: Option<FirehoseCreate>,
    /// Calls, records and bytes that a stream takes in a second; 0 for no limit.
    pub quota: [u64; 3],
    /// Calls under way for a stream, at most.
    pub calls: u32,
    /// Events in a record, at most.
    pub events_per_record: u32,
    /// How long an event waits for others.
    pub linger: Duration,
    /// How long an event is tried again.
    pub retry: Duration,
    /// How long a call may take.
    pub timeout: Duration,
    /// Events that wait or are under way, at most.
    pub queue: u64,
}

/// Which endpoint.
#[derive(Debug, Clone, PartialEq)]
pub enum FirehoseEndpoint {
    /// A stand-in in this process.
    Embedded {
        /// How it fails.
        fail: FirehoseFail,
        /// Where it puts objects; in the run's folder if `None`.
        folder: Option<PathBuf>,
    },
    /// That of the region.
    Aws,
    /// At this URL.
    At(String),
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

/// How the stand-in fails: shares of the calls.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct FirehoseFail {
    /// Calls of which some records are refused.
    pub partial: f64,
    /// The share of records refused in them.
    pub partial_records: f64,
    /// Calls told to slow down.
    pub throttled: f64,
    /// Calls answered by 500.
    pub error: f64,
    /// Calls without an answer.
    pub reset: f64,
    /// The shortest and the longest time that a call takes.
    pub delay: (Duration, Duration),
}

impl FirehoseTarget {
    /// The stream of an event.
    pub fn stream_of(&self, domain: &str, event: &str) -> String {
        self.stream.replace("{domain}", domain).replace("{event}", event)
    }
}
