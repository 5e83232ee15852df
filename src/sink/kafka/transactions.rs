//! Records that are committed together, or not at all. Connections leave them in a queue; a thread of its
//! own sends them as they come, commits each transaction when its time is over or it is full, and
//! acknowledges its records when it is committed. What was aborted because of an error is sent again in
//! the next transaction. A record may be asked to be sent in an aborted transaction as well: that one
//! follows the one that it was committed in.

mod client;
mod queue;

use std::fmt;
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering;
use std::thread::JoinHandle;
use std::time::Duration;
use std::time::Instant;

use crate::measure::ErrorClass;
use crate::measure::Feed;
use crate::scenario::KafkaTarget;
use crate::scenario::Transactions;
use crate::sink::Failure;
use crate::sink::event::Delivery;
use crate::sink::event::Mailbox;
use crate::sink::event::Publisher;
use crate::sink::event::Record;
use crate::sink::event::Refused;
use crate::sink::event::Traffic;
use crate::sink::event::kept::OwnedRecord;
use crate::sink::kafka::Cluster;
use crate::sink::kafka::health::Health;
use crate::sink::kafka::lock;
use crate::sink::kafka::topics::ClusterError;
use crate::sink::kafka::transactions::client::Client;
use crate::sink::kafka::transactions::client::Wrong;
use crate::sink::kafka::transactions::queue::Queue;

/// How long the cluster may take to let a producer begin.
const BEGIN_WITHIN: Duration = Duration::from_secs(20);
/// How long is waited before a transaction is tried again.
const REST: Duration = Duration::from_millis(100);
/// How long a transaction that is asked to be aborted may take.
const ABORT_WITHIN: Duration = Duration::from_secs(10);
/// The least that a cluster is told to let a transaction take.
const TIMEOUT_MIN: Duration = Duration::from_mins(1);

/// A record that waits, or whose transaction is open.
#[derive(Debug)]
struct Uncommitted {
    record: OwnedRecord,
    mailbox: Arc<Mailbox>,
}

/// A client of a cluster that commits records together.
pub(crate) struct TransactionalPublisher {
    shared: Arc<Shared>,
    thread: Mutex<Option<JoinHandle<()>>>,
}

impl fmt::Debug for TransactionalPublisher {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("TransactionalPublisher").finish_non_exhaustive()
    }
}

/// What the thread and the connections know of each other.
struct Shared {
    queue: Queue,
    health: Arc<Health>,
    aborted: AtomicU64,
    repeated: AtomicU64,
}

impl TransactionalPublisher {
    /// Connects, and ends what an earlier producer of this name has left open.
    pub(crate) fn start(
        (cluster, target): (&Cluster, &KafkaTarget),
        transactions: Transactions,
        name: &str,
        feed: &Feed,
    ) -> Result<Self, ClusterError> {
        let mut config = cluster.counting();
        let longest = transactions.every.saturating_add(target.timeout).max(TIMEOUT_MIN);
        config.set("transactional.id", name);
        config.set("transaction.timeout.ms", longest.as_millis().to_string());
        let room = config.get("queue.buffering.max.messages").and_then(|text| text.parse().ok());
        let health = Arc::new(Health::new(cluster, feed));
        let client = Client::new(config, Arc::clone(&health), Instant::now() + BEGIN_WITHIN);
        let client = client.map_err(|why| refused(&cluster.brokers, name, &why))?;
        let shared = Arc::new(Shared {
            queue: Queue::new(room.unwrap_or(transactions.events)),
            health,
            aborted: AtomicU64::new(0),
            repeated: AtomicU64::new(0),
        });
        let worker =
            Worker { shared: Arc::clone(&shared), client, transactions, timeout: target.timeout };
        let thread = std::thread::Builder::new().name("kafka transactions".to_owned());
        let thread = thread.spawn(move || worker.work()).map_err(|error| {
            ClusterError(format!("no thread could be started for transactions: {error}"))
        })?;
        Ok(Self { shared, thread: Mutex::new(Some(thread)) })
    }
}

fn refused(brokers: &str, name: &str, why: &Failure) -> ClusterError {
    let help = match why.class {
        ErrorClass::Privilege => {
            format!("the login needs the right to write the transactional id `{name}`")
        }
        ErrorClass::Timeout | ErrorClass::Connection => {
            "its coordinator does not answer: has the cluster as many brokers as its \
             `transaction.state.log.replication.factor`?"
                .to_owned()
        }
        _ => "leave `transactions` out, if the cluster has none".to_owned(),
    };
    ClusterError(format!("`{brokers}` begins no transaction: {}; {help}", why.message))
}

impl Publisher for TransactionalPublisher {
    fn publish(&self, record: &Record<'_>, mailbox: &Arc<Mailbox>) -> Result<(), Refused> {
        let held = || Uncommitted { record: OwnedRecord::of(record), mailbox: Arc::clone(mailbox) };
        self.shared.queue.put(mailbox, held)
    }

    fn hurry(&self) {
        self.shared.queue.hurry();
    }

    fn close(&self, within: Duration) {
        let until = Instant::now() + within;
        self.shared.queue.close(until);
        let Some(thread) = lock(&self.thread).take() else { return };
        while !thread.is_finished() && Instant::now() < until {
            std::thread::sleep(Duration::from_millis(5));
        }
        // One that still waits for the cluster ends with the process; its records are not acknowledged.
        if thread.is_finished() {
            let _ = thread.join();
        }
    }

    fn traffic(&self) -> Vec<Traffic> {
        let Shared { health, aborted, repeated, .. } = &*self.shared;
        vec![Traffic {
            calls: health.calls(),
            repeated: repeated.load(Ordering::Relaxed),
            aborted: aborted.load(Ordering::Relaxed),
            ..Traffic::default()
        }]
    }
}

/// The thread that sends.
struct Worker {
    shared: Arc<Shared>,
    client: Client,
    transactions: Transactions,
    timeout: Duration,
}

/// The records of a transaction, and those of them that can never be sent.
#[derive(Default)]
struct Batch {
    records: Vec<Uncommitted>,
    failed: Vec<(usize, Failure)>,
    /// Whether it was sent again after a commit of which nobody knows whether it took place.
    is_repeated: bool,
}

impl Batch {
    fn has_failed(&self, number: usize) -> bool {
        self.failed.iter().any(|(failed, _)| *failed == number)
    }

    /// Tells the owners of all records what became of them, those that did not fail by themselves alike.
    fn deliver(self, others: &Result<(), Failure>) -> Vec<Uncommitted> {
        let at = Instant::now();
        let mut lists: Vec<(&Arc<Mailbox>, Vec<Delivery>)> = Vec::new();
        for (number, held) in self.records.iter().enumerate() {
            let failed = self.failed.iter().find(|(failed, _)| *failed == number);
            let result = failed.map_or_else(|| others.clone(), |(_, why)| Err(why.clone()));
            let result = result.map_err(Box::new);
            let (ticket, is_repeated) = (held.record.ticket, self.is_repeated);
            let delivery = Delivery { ticket, result, at, is_repeated };
            match lists.iter_mut().find(|(known, _)| Arc::ptr_eq(known, &held.mailbox)) {
                Some((_, list)) => list.push(delivery),
                None => lists.push((&held.mailbox, vec![delivery])),
            }
        }
        for (mailbox, mut list) in lists {
            mailbox.deliver_all(&mut list);
        }
        self.records
    }
}

impl Worker {
    fn work(mut self) {
        while self.shared.queue.wait_for_first() {
            let mut batch = Batch::default();
            let attempt = self.open(&mut batch).and_then(|()| self.client.commit(self.patience()));
            let result = self.settle(&mut batch, attempt);
            let count = batch.records.len();
            let is_committed = result.is_ok();
            let mut records = batch.deliver(&result);
            self.shared.queue.leave(count);
            records.retain(|held| held.record.is_aborted);
            if is_committed && !records.is_empty() {
                self.abort_copies(&records);
            }
        }
        self.shared.health.await_statistics();
    }

    /// Until when a transaction that begins now is tried.
    fn patience(&self) -> Instant {
        let until = Instant::now() + self.timeout;
        self.shared.queue.closes_at().map_or(until, |closes_at| closes_at.min(until))
    }

    /// Sends in one transaction what comes until its time is over or it is full.
    fn open(&self, batch: &mut Batch) -> Result<(), Wrong> {
        let mut opened = self.client.begin();
        let until = Instant::now() + self.transactions.every;
        loop {
            let room = self.transactions.events.saturating_sub(batch.records.len());
            let more = self.shared.queue.take(room, until);
            if more.is_empty() {
                return opened;
            }
            let first = batch.records.len();
            batch.records.extend(more);
            // After an error all that comes is taken along: it is sent in the next attempt.
            if opened.is_ok() {
                opened = self.produce(batch, first);
            }
        }
    }

    /// Sends the records of a batch from this number on.
    fn produce(&self, batch: &mut Batch, first: usize) -> Result<(), Wrong> {
        let until = self.patience();
        for number in first..batch.records.len() {
            if batch.has_failed(number) {
                continue;
            }
            let record = (number, &batch.records[number].record);
            if let Some(why) = self.client.produce(record, false, until)? {
                batch.failed.push((number, why));
            }
        }
        Ok(())
    }

    /// Tries a transaction again until it is committed, or it is too late.
    fn settle(&mut self, batch: &mut Batch, first: Result<(), Wrong>) -> Result<(), Failure> {
        let (mut attempt, until) = (first, self.patience());
        loop {
            let found = self.client.final_failures().into_iter();
            let news: Vec<_> = found.filter(|(number, _)| !batch.has_failed(*number)).collect();
            batch.failed.extend(news);
            let Err(wrong) = attempt else { return Ok(()) };
            if Instant::now() > until || self.shared.queue.is_given_up() {
                // The next one begins with a clean slate.
                let _ = self.client.renew(Instant::now() + REST);
                return Err(wrong.why);
            }
            if wrong.is_doubtful {
                batch.is_repeated = true;
                let count = u64::try_from(batch.records.len()).unwrap_or(0);
                self.shared.repeated.fetch_add(count, Ordering::Relaxed);
            }
            std::thread::sleep(REST);
            attempt = self.again(batch, &wrong, until);
        }
    }

    fn again(&mut self, batch: &mut Batch, wrong: &Wrong, until: Instant) -> Result<(), Wrong> {
        let is_over = wrong.is_over || wrong.is_doubtful;
        if is_over || self.client.abort(until.min(Instant::now() + ABORT_WITHIN)).is_err() {
            let renewed = self.client.renew(until);
            renewed.map_err(|why| Wrong { why, is_over: true, is_doubtful: false })?;
        }
        if batch.records.len() == batch.failed.len() {
            return Ok(());
        }
        self.client.begin()?;
        self.produce(batch, 0)?;
        self.client.commit(until)
    }

    /// Sends records once more, in a transaction that is aborted; tries that for as long as others.
    fn abort_copies(&mut self, records: &[Uncommitted]) {
        let until = self.patience();
        while let Err(wrong) = self.try_abort(records, until) {
            if Instant::now() > until || self.shared.queue.is_given_up() {
                let why = wrong.why.message;
                let text = format!("a transaction could not be aborted as asked: {why}");
                return self.shared.health.say(text);
            }
            std::thread::sleep(REST);
            // What is open is aborted by that, if the cluster is there; or it is tried again.
            let _ = self.client.renew(until);
        }
        let count = u64::try_from(records.len()).unwrap_or(0);
        self.shared.aborted.fetch_add(count, Ordering::Relaxed);
    }

    fn try_abort(&self, records: &[Uncommitted], until: Instant) -> Result<(), Wrong> {
        self.client.begin()?;
        for record in records.iter().map(|held| &held.record).enumerate() {
            self.client.produce(record, true, until)?;
        }
        self.client.drain(until)?;
        self.client.abort(until)
    }
}
