//! The producer of transactions: each call here waits for the cluster, so only a thread of its own makes
//! them.

use std::sync::Arc;
use std::sync::Mutex;
use std::time::Duration;
use std::time::Instant;

use rdkafka::ClientConfig;
use rdkafka::ClientContext;
use rdkafka::Statistics;
use rdkafka::config::RDKafkaLogLevel;
use rdkafka::error::KafkaError;
use rdkafka::error::RDKafkaError;
use rdkafka::message::DeliveryResult;
use rdkafka::producer::BaseRecord;
use rdkafka::producer::Producer;
use rdkafka::producer::ProducerContext;
use rdkafka::producer::ThreadedProducer;

use crate::measure::ErrorClass;
use crate::sink::Failure;
use crate::sink::event::kept::OwnedRecord;
use crate::sink::kafka::error::failure;
use crate::sink::kafka::headers;
use crate::sink::kafka::health::Health;
use crate::sink::kafka::is_full;
use crate::sink::kafka::lock;

/// How long one call of librdkafka may take before it is looked whether the time is over.
const SLICE: Duration = Duration::from_secs(1);
/// How long nothing may be heard of any record before its transaction is given up.
const STALL: Duration = Duration::from_secs(15);
const DRAIN_POLL: Duration = Duration::from_micros(500);
/// What records of a transaction that will be aborted carry, for who reads them nevertheless.
const MARK: (&str, &str) = ("loadgen.aborted", "true");

/// Why a transaction was not committed.
#[derive(Debug)]
pub(super) struct Wrong {
    /// In our words.
    pub(super) why: Failure,
    /// Whether the client is of no use any more.
    pub(super) is_over: bool,
    /// Whether it may have been committed all the same.
    pub(super) is_doubtful: bool,
}

/// A producer with a transactional id, and how to make another one.
pub(super) struct Client {
    config: ClientConfig,
    health: Arc<Health>,
    producer: ThreadedProducer<Reports>,
}

/// What librdkafka's own thread tells of the records of a transaction.
struct Reports {
    health: Arc<Health>,
    /// Records that were not taken, by their numbers.
    failed: Mutex<Vec<(usize, Failure)>>,
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
    /// The record's number in its transaction.
    type DeliveryOpaque = usize;

    fn delivery(&self, result: &DeliveryResult<'_>, number: usize) {
        match result {
            Ok(_) => self.health.delivered(),
            Err((error, _)) => lock(&self.failed).push((number, failure(error))),
        }
    }
}

impl Client {
    /// A producer whose predecessors of the same id, if there are any, can commit nothing any more.
    pub(super) fn new(
        config: ClientConfig,
        health: Arc<Health>,
        until: Instant,
    ) -> Result<Self, Failure> {
        let producer = begin(&config, &health, until)?;
        Ok(Self { config, health, producer })
    }

    /// Takes the place of a producer that is of no use any more. What was open is aborted by that.
    pub(super) fn renew(&mut self, until: Instant) -> Result<(), Failure> {
        self.producer = begin(&self.config, &self.health, until)?;
        Ok(())
    }

    /// Opens a transaction.
    pub(super) fn begin(&self) -> Result<(), Wrong> {
        lock(&self.producer.context().failed).clear();
        self.producer.begin_transaction().map_err(|error| wrong(&error))
    }

    /// Sends a record in the open transaction, as the one of this number; waits for room. `Ok(Some)`: it can
    /// never be sent, and the transaction goes on without it.
    pub(super) fn produce(
        &self,
        (number, record): (usize, &OwnedRecord),
        is_aborted: bool,
        until: Instant,
    ) -> Result<Option<Failure>, Wrong> {
        let mut pairs: Vec<_> =
            record.headers.iter().map(|(name, value)| (*name, value.as_str())).collect();
        if is_aborted {
            pairs.push(MARK);
        }
        let mut message: BaseRecord<'_, [u8], [u8], usize> =
            BaseRecord::with_opaque_to(&record.topic, number)
                .payload(&*record.payload)
                .timestamp(record.at_ms);
        message.key = record.key.as_deref();
        message.headers = headers(pairs.into_iter());
        loop {
            let Err((error, refused)) = self.producer.send(message) else { return Ok(None) };
            if !is_full(&error) {
                let why = failure(&error);
                return if is_final(&why) { Ok(Some(why)) } else { Err(wrong(&error)) };
            }
            if Instant::now() > until {
                return Err(Wrong { why: failure(&error), is_over: false, is_doubtful: false });
            }
            message = refused;
            std::thread::sleep(DRAIN_POLL);
        }
    }

    /// Commits the open transaction.
    pub(super) fn commit(&self, until: Instant) -> Result<(), Wrong> {
        self.drain(until)?;
        insist(until, || self.producer.commit_transaction(SLICE)).map_err(|wrong| {
            // A cluster that was asked to commit may have done it.
            let is_doubtful = wrong.is_over || wrong.why.class == ErrorClass::Timeout;
            Wrong { is_doubtful, ..wrong }
        })
    }

    /// Aborts the open transaction, and all of it that is still on its way.
    pub(super) fn abort(&self, until: Instant) -> Result<(), Wrong> {
        insist(until, || self.producer.abort_transaction(SLICE))
    }

    /// Waits until all records of the open transaction have arrived.
    pub(super) fn drain(&self, until: Instant) -> Result<(), Wrong> {
        let until = until.min(Instant::now() + STALL);
        while self.producer.flush(Duration::ZERO).is_err() {
            let failed = lock(&self.producer.context().failed).first().cloned();
            let is_late = Instant::now() > until;
            if let Some((_, why)) = failed {
                return Err(Wrong { why, is_over: false, is_doubtful: false });
            }
            if is_late {
                let message = "its records did not arrive in time".to_owned();
                let why = Failure {
                    class: ErrorClass::Timeout,
                    code: String::new(),
                    message,
                    is_doubtful: false,
                };
                return Err(Wrong { why, is_over: false, is_doubtful: false });
            }
            std::thread::sleep(DRAIN_POLL);
        }
        Ok(())
    }

    /// Records of the last transaction that can never be sent, by their numbers.
    pub(super) fn final_failures(&self) -> Vec<(usize, Failure)> {
        let failed = std::mem::take(&mut *lock(&self.producer.context().failed));
        failed.into_iter().filter(|(_, why)| is_final(why)).collect()
    }
}

/// Does something again for as long as that may help.
fn insist(until: Instant, call: impl Fn() -> Result<(), KafkaError>) -> Result<(), Wrong> {
    loop {
        let Err(error) = call() else { return Ok(()) };
        let passes = match &error {
            KafkaError::Transaction(error) => error.is_retriable(),
            KafkaError::Flush(_) => true,
            _ => false,
        };
        if !passes || Instant::now() > until {
            return Err(wrong(&error));
        }
    }
}

/// Whether sending a record again is in vain.
fn is_final(why: &Failure) -> bool {
    matches!(
        why.class,
        ErrorClass::TooLarge | ErrorClass::Privilege | ErrorClass::Statement | ErrorClass::Data
    )
}

fn begin(
    config: &ClientConfig,
    health: &Arc<Health>,
    until: Instant,
) -> Result<ThreadedProducer<Reports>, Failure> {
    let reports = Reports { health: Arc::clone(health), failed: Mutex::default() };
    let producer: ThreadedProducer<Reports> =
        config.create_with_context(reports).map_err(|error| failure(&error))?;
    loop {
        let Err(error) = producer.init_transactions(SLICE) else { return Ok(producer) };
        let passes = matches!(&error, KafkaError::Transaction(error) if error.is_retriable());
        if !passes || Instant::now() > until {
            return Err(wrong(&error).why);
        }
    }
}

fn wrong(error: &KafkaError) -> Wrong {
    let (mut why, mut is_over) = (failure(error), false);
    if let KafkaError::Transaction(inner) = error {
        why = of_transaction(inner);
        is_over = inner.is_fatal() || !(inner.txn_requires_abort() || inner.is_retriable());
    }
    Wrong { why, is_over, is_doubtful: false }
}

fn of_transaction(error: &RDKafkaError) -> Failure {
    let of_code = failure(&KafkaError::Global(error.code()));
    Failure { message: error.string(), ..of_code }
}
