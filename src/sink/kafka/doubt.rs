//! What nobody can tell of records: whether those that were given up are there, and whether what was sent again is
//! there twice.

use std::sync::atomic::AtomicBool;
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering;
use std::time::Duration;

use rdkafka::Statistics;

use crate::sink::kafka::Cluster;
use crate::sink::kafka::health::Health;

/// For how long a broker knows a producer after its last record, by that record's own time: of one whose events
/// are older it knows nothing once it has been started again, and stores what is repeated.
const PRODUCER_KEPT: Duration = Duration::from_hours(24);

/// What is doubtful of what one producer sends.
#[derive(Debug)]
pub(super) struct Doubt {
    /// Whether what is sent again is stored once, whatever befalls a broker.
    is_idempotent: bool,
    /// Records that left, as of the last statistics, each as often as it was sent; and those of which the
    /// cluster has told what became of them.
    transmitted: AtomicU64,
    answered: AtomicU64,
    /// Set once records were given up without an answer, and that is told.
    is_told: AtomicBool,
}

impl Doubt {
    /// Of a producer for a cluster, whose events' times begin so long ago.
    pub(super) fn new(cluster: &Cluster, age: Duration) -> Self {
        let is_idempotent = cluster.config.get("enable.idempotence") == Some("true");
        Self {
            is_idempotent: is_idempotent && age < PRODUCER_KEPT,
            transmitted: AtomicU64::new(0),
            answered: AtomicU64::new(0),
            is_told: AtomicBool::new(false),
        }
    }

    /// How often records were sent so far.
    pub(super) fn sent(&self, statistics: &Statistics) {
        let partitions = statistics.topics.values().flat_map(|topic| topic.partitions.values());
        let transmitted = partitions.map(|partition| partition.txmsgs).sum();
        self.transmitted.store(transmitted, Ordering::Relaxed);
    }

    /// The cluster has told what became of so many records more.
    pub(super) fn answered(&self, count: usize) {
        self.answered.fetch_add(count as u64, Ordering::Relaxed);
    }

    /// A record was given up without an answer: that is said once.
    pub(super) fn gave_up(&self, health: &Health) {
        if !self.is_told.swap(true, Ordering::Relaxed) {
            health.say(format!(
                "`{}` has not answered within `timeout`: events that are given up may be there, and \
                 count as unknown",
                health.brokers()
            ));
        }
    }

    /// How many records were sent again, at most, that a cluster may have stored before.
    pub(super) fn repeated(&self) -> u64 {
        if self.is_idempotent {
            return 0;
        }
        let answered = self.answered.load(Ordering::Relaxed);
        self.transmitted.load(Ordering::Relaxed).saturating_sub(answered)
    }
}
