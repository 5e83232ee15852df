//! What librdkafka tells of a producer beside the reports of its records.

use std::sync::atomic::AtomicBool;
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering;
use std::time::Duration;
use std::time::Instant;

use rdkafka::Statistics;
use rdkafka::error::KafkaError;
use rdkafka::types::RDKafkaErrorCode;

use crate::measure::Feed;
use crate::sink::kafka::Cluster;

/// How long the last statistics are waited for.
const LAST_STATISTICS: Duration = Duration::from_millis(600);

/// Whether the cluster is there, and what it was asked.
#[derive(Debug)]
pub(super) struct Health {
    /// Produce requests, as of the last statistics.
    calls: AtomicU64,
    /// How often it has told.
    told: AtomicU64,
    /// Set once all brokers are gone, and told.
    is_away: AtomicBool,
    feed: Feed,
    brokers: String,
}

impl Health {
    /// Of a cluster that is there.
    pub(super) fn new(cluster: &Cluster, feed: &Feed) -> Self {
        Self {
            calls: AtomicU64::new(0),
            told: AtomicU64::new(0),
            is_away: AtomicBool::new(false),
            feed: feed.clone(),
            brokers: cluster.brokers.clone(),
        }
    }

    /// librdkafka has counted.
    pub(super) fn statistics(&self, statistics: &Statistics) {
        let produce = |broker: &rdkafka::statistics::Broker| {
            broker.req.get("Produce").copied().map_or(0, |count| u64::try_from(count).unwrap_or(0))
        };
        let calls = statistics.brokers.values().map(produce).sum();
        self.calls.store(calls, Ordering::Relaxed);
        self.told.fetch_add(1, Ordering::Release);
    }

    /// librdkafka has met an error that is none of a record.
    pub(super) fn error(&self, error: &KafkaError, reason: &str) {
        let is_down = error.rdkafka_error_code() == Some(RDKafkaErrorCode::AllBrokersDown);
        if is_down && !self.is_away.swap(true, Ordering::Relaxed) {
            self.feed.message(format!("no broker of `{}` answers: {reason}", self.brokers));
        }
    }

    /// A record has arrived.
    pub(super) fn delivered(&self) {
        if self.is_away.load(Ordering::Relaxed) {
            self.is_away.store(false, Ordering::Relaxed);
            self.feed.message(format!("`{}` answers again", self.brokers));
        }
    }

    /// Where the cluster is, for people.
    pub(super) fn brokers(&self) -> &str {
        &self.brokers
    }

    /// Tells people something.
    pub(super) fn say(&self, text: String) {
        self.feed.message(text);
    }

    /// Produce requests that were answered.
    pub(super) fn calls(&self) -> u64 {
        self.calls.load(Ordering::Relaxed)
    }

    /// Waits until librdkafka has counted once more.
    pub(super) fn await_statistics(&self) {
        let (before, until) = (self.told.load(Ordering::Acquire), Instant::now() + LAST_STATISTICS);
        while self.told.load(Ordering::Acquire) == before && Instant::now() < until {
            std::thread::sleep(Duration::from_millis(10));
        }
    }
}
