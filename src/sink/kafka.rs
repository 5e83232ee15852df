//! Kafka, by librdkafka: one producer for each cluster, shared by all connections. Records are handed
//! over without waiting, and delivery reports say what became of each.

pub(crate) mod error;
pub(crate) mod marks;
pub(crate) mod registry;
pub(crate) mod topics;
pub(crate) mod transactions;
mod health;

use std::fmt;
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::PoisonError;
use std::sync::atomic::AtomicBool;
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
use crate::sink::kafka::health::Health;

/// How often librdkafka tells how many requests it has made, in milliseconds.
const STATISTICS_MS: &str = "250";

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

    /// The settings of a client that tells how many requests it has made.
    fn counting(&self) -> ClientConfig {
        let mut config = self.config.clone();
        config.set("statistics.interval.ms", STATISTICS_MS);
        config
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
    health: Health,
}

impl ClientContext for Reports {
    fn stats(&self, statistics: Statistics) {
        self.health.statistics(&statistics);
    }

    fn error(&self, error: KafkaError, reason: &str) {
        self.health.error(&error, reason);
    }

    fn log(&self, _: RDKafkaLogLevel, _: &str, _: &str) {}
}

impl ProducerContext for Reports {
    type DeliveryOpaque = Box<Slip>;

    fn delivery(&self, result: &DeliveryResult<'_>, slip: Self::DeliveryOpaque) {
        let result = result.as_ref().map(|_| ()).map_err(|(error, _)| failure(error));
        if result.is_ok() {
            self.health.delivered();
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

/// What comes back with a record's report.
pub(crate) struct Slip {
    ticket: Ticket,
    mailbox: Arc<Mailbox>,
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// What travels beside a record, if anything does.
fn headers<'a>(pairs: impl ExactSizeIterator<Item = (&'a str, &'a str)>) -> Option<OwnedHeaders> {
    if pairs.len() == 0 {
        return None;
    }
    let empty = OwnedHeaders::new_with_capacity(pairs.len());
    let insert = |headers: OwnedHeaders, (key, value): (&str, &str)| {
        headers.insert(Header { key, value: Some(value) })
    };
    Some(pairs.fold(empty, insert))
}

/// Whether librdkafka has no room for a record.
fn is_full(error: &KafkaError) -> bool {
    error.rdkafka_error_code() == Some(RDKafkaErrorCode::QueueFull)
}

impl KafkaPublisher {
    /// A producer for a cluster. Nothing is connected yet.
    pub(crate) fn new(cluster: &Cluster, feed: &Feed) -> KafkaResult<Self> {
        let reports = Reports {
            waiting: Mutex::default(),
            is_waited_for: AtomicBool::new(false),
            health: Health::new(cluster, feed),
        };
        Ok(Self { producer: cluster.counting().create_with_context(reports)? })
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
        message.headers = headers(record.headers.iter().copied());
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
        self.producer.context().health.await_statistics();
    }

    fn traffic(&self) -> Vec<Traffic> {
        let calls = self.producer.context().health.calls();
        vec![Traffic { calls, ..Traffic::default() }]
    }
}
