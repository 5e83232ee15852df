//! Kafka, by librdkafka: one producer for each cluster, shared by all connections. Records are handed
//! over without waiting, and delivery reports say what became of each.

pub(crate) mod error;
pub(crate) mod retention;
pub(crate) mod topics;
mod unreachable;

use std::fmt;
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::PoisonError;
use std::sync::atomic::AtomicBool;
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering;
use std::time::Duration;
use std::time::Instant;

use rdkafka::ClientConfig;
use rdkafka::ClientContext;
use rdkafka::Statistics;
use rdkafka::config::RDKafkaLogLevel;
use rdkafka::error::KafkaError;
use rdkafka::error::KafkaResult;
use rdkafka::message::DeliveryResult;
use rdkafka::message::Header;
use rdkafka::message::OwnedHeaders;
use rdkafka::producer::BaseRecord;
use rdkafka::producer::Producer;
use rdkafka::producer::ProducerContext;
use rdkafka::producer::ThreadedProducer;
use rdkafka::types::RDKafkaErrorCode;

use crate::measure::Feed;
use crate::scenario::KafkaTarget;
use crate::sink::Ticket;
use crate::sink::event::Delivery;
use crate::sink::event::Mailbox;
use crate::sink::event::Publisher;
use crate::sink::event::Record;
use crate::sink::event::Refused;
use crate::sink::event::Traffic;
use crate::sink::kafka::error::failure;

/// How often librdkafka tells how many requests it has made, in milliseconds.
const STATISTICS_MS: &str = "250";
/// For how long a broker knows a producer after its last record, by that record's own time: of one whose events
/// are older it knows nothing once it has been started again, and stores what is repeated.
const PRODUCER_KEPT: Duration = Duration::from_hours(24);
/// How long the last of them is waited for.
const LAST_STATISTICS: Duration = Duration::from_millis(600);

/// A cluster's address, and what librdkafka is told for it.
#[derive(Clone)]
pub(crate) struct Cluster {
    config: ClientConfig,
    /// Where it is, for people.
    pub(crate) brokers: String,
}

impl fmt::Debug for Cluster {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        // The properties hold passwords.
        formatter.debug_struct("Cluster").field("brokers", &self.brokers).finish_non_exhaustive()
    }
}

impl Cluster {
    /// The cluster of a target, which is at `brokers`. Its clients go by the name of the run.
    pub(crate) fn new(target: &KafkaTarget, brokers: &str, run: &str) -> Self {
        let mut config = ClientConfig::new();
        for (name, value) in &target.properties {
            config.set(name, value);
        }
        config.set("bootstrap.servers", brokers);
        config.set("client.id", format!("loadgen/{run}"));
        // What goes wrong is said once, by us.
        config.set_log_level(RDKafkaLogLevel::Critical);
        Self { config, brokers: brokers.to_owned() }
    }
}

/// A producer, and what is known of its work.
pub(crate) struct KafkaPublisher {
    producer: ThreadedProducer<Reports>,
}

impl fmt::Debug for KafkaPublisher {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("KafkaPublisher").finish_non_exhaustive()
    }
}

/// What librdkafka's own thread tells.
struct Reports {
    /// Who waits for room, and whether anybody does: read for each report.
    waiting: Mutex<Vec<Arc<Mailbox>>>,
    is_waited_for: AtomicBool,
    /// Produce requests, as of the last statistics.
    calls: AtomicU64,
    /// How often it has told.
    told: AtomicU64,
    /// Records that left, as of the last statistics, each as often as it was sent; and those of which the
    /// cluster has told what became of them.
    transmitted: AtomicU64,
    answered: AtomicU64,
    /// Whether what is sent again is stored once, whatever befalls a broker.
    is_idempotent: bool,
    /// Set once all brokers are gone, and told.
    is_away: AtomicBool,
    /// Set once records were given up without an answer, and that is told.
    is_doubted: AtomicBool,
    feed: Feed,
    brokers: String,
}

impl ClientContext for Reports {
    fn stats(&self, statistics: Statistics) {
        let produce = |broker: &rdkafka::statistics::Broker| {
            broker.req.get("Produce").copied().map_or(0, |count| u64::try_from(count).unwrap_or(0))
        };
        let calls = statistics.brokers.values().map(produce).sum();
        self.calls.store(calls, Ordering::Relaxed);
        let partitions = statistics.topics.values().flat_map(|topic| topic.partitions.values());
        let transmitted = partitions.map(|partition| partition.txmsgs).sum();
        self.transmitted.store(transmitted, Ordering::Relaxed);
        self.told.fetch_add(1, Ordering::Release);
    }

    fn error(&self, error: KafkaError, reason: &str) {
        let is_down = error.rdkafka_error_code() == Some(RDKafkaErrorCode::AllBrokersDown);
        if is_down && !self.is_away.swap(true, Ordering::Relaxed) {
            self.feed.message(format!("no broker of `{}` answers: {reason}", self.brokers));
        }
    }

    fn log(&self, _: RDKafkaLogLevel, _: &str, _: &str) {}
}

impl ProducerContext for Reports {
    type DeliveryOpaque = Box<Slip>;

    fn delivery(&self, result: &DeliveryResult<'_>, slip: Self::DeliveryOpaque) {
        let result = result.as_ref().map(|_| ()).map_err(|(error, _)| failure(error));
        if result.as_ref().err().is_some_and(|failure| failure.is_doubtful) {
            self.doubt();
        } else {
            self.answered.fetch_add(1, Ordering::Relaxed);
        }
        if result.is_ok() && self.is_away.load(Ordering::Relaxed) {
            self.is_away.store(false, Ordering::Relaxed);
            self.feed.message(format!("`{}` answers again", self.brokers));
        }
        let Slip { ticket, mailbox } = *slip;
        mailbox.deliver(Delivery { ticket, result, at: Instant::now() });
        if self.is_waited_for.swap(false, Ordering::AcqRel) {
            let waiting = std::mem::take(&mut *lock(&self.waiting));
            for mailbox in waiting {
                mailbox.wake();
            }
        }
    }
}

impl Reports {
    /// Says once that nobody can tell what became of some records.
    fn doubt(&self) {
        if !self.is_doubted.swap(true, Ordering::Relaxed) {
            self.feed.message(format!(
                "`{}` has not answered within `timeout`: events that are given up may be there, and count as unknown",
                self.brokers
            ));
        }
    }

    /// How many records were sent again, at most, that a cluster may have stored before.
    fn repeated(&self) -> u64 {
        if self.is_idempotent {
            return 0;
        }
        let answered = self.answered.load(Ordering::Relaxed);
        self.transmitted.load(Ordering::Relaxed).saturating_sub(answered)
    }
}

/// What comes back with a record's report.
pub(crate) struct Slip {
    ticket: Ticket,
    mailbox: Arc<Mailbox>,
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl KafkaPublisher {
    /// A producer for a cluster, of events whose times begin so long ago. Nothing is connected yet.
    pub(crate) fn new(cluster: &Cluster, age: Duration, feed: &Feed) -> KafkaResult<Self> {
        let is_idempotent = cluster.config.get("enable.idempotence") == Some("true");
        let reports = Reports {
            waiting: Mutex::default(),
            is_waited_for: AtomicBool::new(false),
            calls: AtomicU64::new(0),
            told: AtomicU64::new(0),
            transmitted: AtomicU64::new(0),
            answered: AtomicU64::new(0),
            is_idempotent: is_idempotent && age < PRODUCER_KEPT,
            is_away: AtomicBool::new(false),
            is_doubted: AtomicBool::new(false),
            feed: feed.clone(),
            brokers: cluster.brokers.clone(),
        };
        let mut config = cluster.config.clone();
        config.set("statistics.interval.ms", STATISTICS_MS);
        Ok(Self { producer: config.create_with_context(reports)? })
    }

    /// The owner of a mailbox is to be woken when a record has left the queue.
    fn wait(&self, mailbox: &Arc<Mailbox>) {
        let reports = self.producer.context();
        lock(&reports.waiting).push(Arc::clone(mailbox));
        reports.is_waited_for.store(true, Ordering::Release);
    }
}

impl Publisher for KafkaPublisher {
    fn publish(&self, record: &Record<'_>, mailbox: &Arc<Mailbox>) -> Result<(), Refused> {
        let slip = Box::new(Slip { ticket: record.ticket, mailbox: Arc::clone(mailbox) });
        let mut message: BaseRecord<'_, [u8], [u8], _> =
            BaseRecord::with_opaque_to(record.destination, slip)
                .payload(record.payload)
                .timestamp(record.at_ms);
        message.key = record.key;
        if !record.headers.is_empty() {
            let headers = OwnedHeaders::new_with_capacity(record.headers.len());
            let insert = |headers: OwnedHeaders, (key, value): &(&str, &str)| {
                headers.insert(Header { key, value: Some(*value) })
            };
            message.headers = Some(record.headers.iter().fold(headers, insert));
        }
        let is_full =
            |error: &KafkaError| error.rdkafka_error_code() == Some(RDKafkaErrorCode::QueueFull);
        let Err((error, message)) = self.producer.send(message) else { return Ok(()) };
        if !is_full(&error) {
            return Err(Refused::Failed(failure(&error)));
        }
        self.wait(mailbox);
        // All may have left the queue just before it was noted who waits.
        match self.producer.send(message) {
            Ok(()) => Ok(()),
            Err((error, _)) if is_full(&error) => Err(Refused::Full),
            Err((error, _)) => Err(Refused::Failed(failure(&error))),
        }
    }

    fn hurry(&self) {}

    fn close(&self, within: Duration) {
        // What is not out by then is not acknowledged, and counted so.
        let _ = self.producer.flush(within);
        let reports = self.producer.context();
        let (before, until) =
            (reports.told.load(Ordering::Acquire), Instant::now() + LAST_STATISTICS);
        while reports.told.load(Ordering::Acquire) == before && Instant::now() < until {
            std::thread::sleep(Duration::from_millis(10));
        }
    }

    fn traffic(&self) -> Vec<Traffic> {
        let reports = self.producer.context();
        let calls = reports.calls.load(Ordering::Relaxed);
        let repeated = reports.repeated();
        vec![Traffic { calls, repeated, ..Traffic::default() }]
    }
}
