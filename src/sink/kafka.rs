//! Kafka, by librdkafka: one producer for each cluster, shared by all connections. Records are handed
//! over without waiting, and delivery reports say what became of each.

mod doubt;
pub(crate) mod error;
mod health;
pub(crate) mod marks;
pub(crate) mod registry;
mod reports;
pub(crate) mod retention;
pub(crate) mod settings;
pub(crate) mod topics;
pub(crate) mod transactions;
mod unreachable;

use std::fmt;
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::MutexGuard;
use std::sync::PoisonError;
use std::sync::atomic::AtomicBool;
use std::sync::atomic::Ordering;
use std::thread::JoinHandle;
use std::time::Duration;

use rdkafka::ClientConfig;
use rdkafka::config::RDKafkaLogLevel;
use rdkafka::error::KafkaError;
use rdkafka::error::KafkaResult;
use rdkafka::message::Header;
use rdkafka::message::OwnedHeaders;
use rdkafka::producer::BaseProducer;
use rdkafka::producer::BaseRecord;
use rdkafka::producer::Producer;
use rdkafka::types::RDKafkaErrorCode;

use crate::measure::Feed;
use crate::scenario::KafkaTarget;
use crate::sink::event::Mailbox;
use crate::sink::event::Publisher;
use crate::sink::event::Record;
use crate::sink::event::Refused;
use crate::sink::event::Traffic;
use crate::sink::kafka::doubt::Doubt;
use crate::sink::kafka::error::failure;
use crate::sink::kafka::health::Health;
use crate::sink::kafka::reports::Reports;

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

    /// The settings of a client that reads what is committed, says how far it is, and commits nothing itself.
    pub(crate) fn consumer(&self) -> ClientConfig {
        let mut config = self.counting();
        let settings = [
            // Nobody shares it: it is given its partitions.
            ("group.id", "loadgen-observer"),
            ("enable.auto.commit", "false"),
            ("enable.auto.offset.store", "false"),
            ("auto.offset.reset", "error"),
            ("isolation.level", "read_committed"),
            ("fetch.wait.max.ms", "10"),
            ("fetch.error.backoff.ms", "50"),
        ];
        for (name, value) in settings {
            config.set(name, value);
        }
        config
    }

    /// The settings of a client that tells how many requests it has made.
    fn counting(&self) -> ClientConfig {
        let mut config = self.config.clone();
        config.set("statistics.interval.ms", STATISTICS_MS);
        config
    }
}

/// A producer, and the thread that takes its reports.
pub(crate) struct KafkaPublisher {
    producer: Arc<BaseProducer<Reports>>,
    is_over: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl fmt::Debug for KafkaPublisher {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("KafkaPublisher").finish_non_exhaustive()
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
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
    /// A producer for a cluster, of events whose times begin so long ago. Nothing is connected yet.
    pub(crate) fn new(cluster: &Cluster, age: Duration, feed: &Feed) -> KafkaResult<Self> {
        let reports = Reports::new(Health::new(cluster, feed), Doubt::new(cluster, age));
        let producer: BaseProducer<Reports> = cluster.counting().create_with_context(reports)?;
        let producer = Arc::new(producer);
        let is_over = Arc::new(AtomicBool::new(false));
        let (polled, ends) = (Arc::clone(&producer), Arc::clone(&is_over));
        let thread = std::thread::Builder::new()
            .name("kafka reports".to_owned())
            .spawn(move || reports::take(&polled, &ends))
            .map_err(|error| KafkaError::ClientCreation(format!("no thread: {error}")))?;
        Ok(Self { producer, is_over, thread: Some(thread) })
    }
}

impl Drop for KafkaPublisher {
    fn drop(&mut self) {
        self.is_over.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            // A thread that panicked has nothing more to say.
            let _ = thread.join();
        }
    }
}

impl Publisher for KafkaPublisher {
    fn open(&self) -> Arc<Mailbox> {
        self.producer.context().open()
    }

    fn publish(&self, record: &Record<'_>, mailbox: &Arc<Mailbox>) -> Result<(), Refused> {
        let token = reports::token(mailbox.number(), record.ticket);
        let mut message: BaseRecord<'_, [u8], [u8], _> =
            BaseRecord::with_opaque_to(record.destination, token)
                .payload(record.payload)
                .timestamp(record.at_ms);
        message.key = record.key;
        message.headers = headers(record.headers.iter().copied());
        let Err((error, message)) = self.producer.send(message) else { return Ok(()) };
        if !is_full(&error) {
            return Err(Refused::Failed(failure(&error)));
        }
        self.producer.context().wait(mailbox);
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
        reports.hand_out();
        reports.health.await_statistics();
    }

    fn traffic(&self) -> Vec<Traffic> {
        let reports = self.producer.context();
        let (calls, repeated) = (reports.health.calls(), reports.doubt.repeated());
        vec![Traffic { calls, repeated, ..Traffic::default() }]
    }
}
