//! Reads the far ends, and holds what arrives there against what was acknowledged: how late each
//! change of a row was, and which were lost, doubled, reordered, wrong or made up.
//!
//! ```text
//!   engine ── Witness: Fact ──> render ──> what each row must become ──┐
//!                                                                      ├── judge: by row, in order
//!   slot ── pgoutput ──> stream ──> what each row was seen to become ──┤       └──> Findings
//!   topics ── kafka ──> record ──> what each row was seen to become ───┤
//!   files ─── lake ───> record ──> what each row was seen to become ───┤
//!   objects ─ records ─> record ──> what each row was seen to become ──┘
//! ```
//!
//! Each far end is a surface with a judge of its own: a fact is rendered once, and expected by each. Events have
//! judges of their own, as nobody keeps them as rows: see `events`. A row lives in one lane, and a lane has one action
//! under way, so the changes of a row are expected in the order in which they were acknowledged; and whatever came is
//! held against the first of them. What is outstanding is kept, and, up to a limit, what tells repeats from the new.

mod avro;
pub(crate) mod before;
pub(crate) mod cells;
mod change;
mod counts;
mod course;
mod debezium;
mod events;
mod judge;
mod kafka;
mod lake;
mod notes;
mod objects;
mod own;
mod poll;
mod postgres;
mod reader;
mod reading;
mod reasons;
mod recent;
mod records;
mod render;
mod rows;
mod seconds;
mod slots;
pub(crate) mod settle;
mod stream;
mod table;
mod tails;
mod taker;
mod transactions;
mod truncations;
mod verdict;
mod whose;
mod work;

pub use events::Departure;
pub use events::Ended;
pub use events::EventFate;
pub use events::EventTopics;
pub use events::Forms;
pub use events::Sender;
pub use events::files::EventFiles;
pub(crate) use judge::Certainty;
pub use kafka::Captures;
pub use kafka::Topics;
pub(crate) use lake::Catalog as LakeCatalog;
pub use lake::Lake;
pub use records::RecordObjects;
pub(crate) use records::Stored;

use std::sync::Arc;
use std::sync::Mutex;
use std::sync::PoisonError;
use std::sync::atomic::AtomicBool;
use std::sync::atomic::Ordering;
use std::sync::mpsc;
use std::sync::mpsc::RecvTimeoutError;
use std::thread::JoinHandle;
use std::time::Duration;

use tokio::sync::watch;

pub use poll::Polled;
pub use postgres::Upstream;

use crate::generate::Decision;
use crate::generate::World;
use crate::ledger::Ledger;
use crate::measure::Clock;
use crate::measure::Findings;
use crate::measure::LagSecond;
use crate::measure::LiveLag;
use crate::scenario::Confirms;
use crate::sink::postgres::address::Address;
use crate::sink::postgres::provision::SetupError;

use change::RowChange;
pub use own::OwnChange;
pub use own::OwnFact;
pub use own::OwnRow;
pub use own::OwnValue;

/// Facts that wait for the observer, at most; with more of them it is late, and the run invalid.
const FACTS_MAX: usize = 1 << 16;
/// How often one looks whether the observer has ended.
const LOOK: Duration = Duration::from_millis(20);

/// What became of a transaction that was sent.
#[derive(Debug, Clone)]
pub struct Fact {
    /// What was sent.
    pub decision: Decision,
    /// Which part of it: see [`World::part_from`].
    pub part: usize,
    /// When it was due, on the run's clock.
    pub due: u64,
    /// When its last attempt was sent.
    pub sent: u64,
    /// When its outcome was known.
    pub settled: u64,
    /// Whether it counts as measured: its warm-up is over.
    pub is_measured: bool,
    /// What became of it.
    pub fate: FactFate,
}

/// What became of a transaction.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum FactFate {
    /// It was committed. The operations named, by index, changed another number of rows.
    Committed(Vec<(u32, u32)>),
    /// Nobody can tell.
    Unknown,
    /// A crash took it back after it had been acknowledged.
    TakenBack,
}

/// What the engine tells.
#[derive(Debug)]
enum FromEngine {
    /// Of a transaction of the load.
    Fact(Fact),
    /// Of a transaction on a table of our own.
    Own(Box<OwnFact>),
    /// Of events that go out.
    Departure(Departure),
    /// What became of them.
    Ended(Ended),
    /// Nobody can tell what became of all that a connection has under way, as of a time.
    NoneKnown(u32, u64),
}

/// The engine's way to tell observers what became of what it sent. Never waits for them.
#[derive(Debug, Clone)]
pub struct Witness {
    facts: mpsc::SyncSender<FromEngine>,
    /// By domain.
    is_observed: Arc<[bool]>,
    forms: Arc<Forms>,
    shared: Arc<Shared>,
}

#[derive(Debug, Default)]
struct Shared {
    /// Facts were dropped, because the observer did not keep up.
    has_overflowed: AtomicBool,
    /// Of the last second.
    lag: Mutex<LiveLag>,
}

impl Witness {
    /// Whether somebody wants to know what is sent to a domain.
    pub fn sees(&self, domain: usize) -> bool {
        self.is_observed.get(domain).copied().unwrap_or(false)
    }

    /// Tells what became of a transaction.
    pub fn tell(&self, fact: Fact) {
        self.send(FromEngine::Fact(fact));
    }

    /// Tells what became of a transaction on a table of our own.
    pub fn tell_own(&self, fact: OwnFact) {
        self.send(FromEngine::Own(Box::new(fact)));
    }

    /// Whether somebody wants to know of the events that go a way.
    pub fn sees_events(&self, way: usize) -> bool {
        self.forms.ways.get(way).copied().unwrap_or(false)
    }

    /// Whether somebody wants to know of the events of any way.
    pub fn sees_any_events(&self) -> bool {
        !self.forms.ways.is_empty()
    }

    /// Tells that events go out, before they do.
    pub fn tell_departure(&self, departure: Departure) {
        self.send(FromEngine::Departure(departure));
    }

    /// Tells what became of events that have gone out.
    pub fn tell_end(&self, ended: Ended) {
        self.send(FromEngine::Ended(ended));
    }

    /// Tells that nobody knows what became of all that a connection has under way.
    pub fn tell_none_known(&self, connection: u32, now: u64) {
        self.send(FromEngine::NoneKnown(connection, now));
    }

    fn send(&self, told: FromEngine) {
        if self.facts.try_send(told).is_err() {
            self.shared.has_overflowed.store(true, Ordering::Relaxed);
        }
    }

    /// How late changes were observed in the last second.
    pub fn lag(&self) -> LiveLag {
        *self.shared.lag.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What is to be observed, and how.
#[derive(Debug)]
pub struct Options {
    /// What is sent.
    pub world: Arc<World>,
    /// The run's clock.
    pub clock: Clock,
    /// The far ends, in the order of the scenario.
    pub surfaces: Vec<Surface>,
    /// How the events are written that come to them.
    pub forms: Arc<Forms>,
    /// The publication in each of them.
    pub publication: String,
    /// Of all sessions.
    pub application: String,
    /// What tells this run's slots from those of others: lower-case letters and digits.
    pub mark: String,
    /// The 99th percentile of the observer's own lateness that makes the run invalid; `None`: none does.
    pub late_p99: Option<Duration>,
    /// Where all that comes is noted, if it is kept.
    pub ledger: Option<Ledger>,
    /// Who keeps how late changes come in each second.
    pub seconds: Option<mpsc::SyncSender<LagSecond>>,
    /// Whether canaries must come wherever changes do: the scenario asks for them.
    pub must_see_canaries: bool,
}

/// A far end: what comes there is held against all changes of its domains.
#[derive(Debug)]
pub struct Surface {
    /// The observer's name in the scenario.
    pub name: String,
    /// What it is.
    pub kind: SurfaceKind,
}

/// The kinds of far end.
#[derive(Debug)]
pub enum SurfaceKind {
    /// A slot of our own in each of these databases.
    Slots(Vec<Source>),
    /// Tables that are looked at again and again.
    Polled(Polled),
    /// Topics into which connectors write.
    Kafka(Box<Captures>),
    /// Tables of a lake into which a sink writes.
    Lake(Box<Lake>),
    /// Objects into which a sink writes records of changes.
    Records(Box<RecordObjects>),
    /// Topics with events.
    Events(Box<EventTopics>),
    /// Objects with events.
    EventFiles(Box<EventFiles>),
}

impl Surface {
    /// The database of a domain, as people are told it, if its changes come here.
    fn database(&self, domain: usize) -> Option<&str> {
        let is_it = |it: &&Source| it.domains.contains(&domain);
        let source = match &self.kind {
            SurfaceKind::Slots(sources) => sources.iter().find(is_it),
            SurfaceKind::Polled(polled) => polled.sources.iter().find(is_it),
            SurfaceKind::Kafka(captures) => captures.sources.iter().find(is_it),
            SurfaceKind::Lake(lake) => lake.sources.iter().map(|it| &it.0).find(is_it),
            SurfaceKind::Records(records) => records.sources.iter().find(is_it),
            SurfaceKind::Events(_) | SurfaceKind::EventFiles(_) => None,
        };
        source.map(|it| it.name.as_str())
    }
}

/// A database whose changes are observed.
#[derive(Debug, Clone)]
pub struct Source {
    /// The observer's name in the scenario.
    pub surface: String,
    /// The database, as people are told it: two servers may have databases of one name.
    pub name: String,
    /// Where.
    pub address: Address,
    /// Its domains, by their numbers in the scenario.
    pub domains: Vec<usize>,
    /// How long a lost connection is tried again.
    pub reconnect: Duration,
    /// What lets the server forget its log.
    pub confirms: Confirms,
    /// Where its rows are written, if that is elsewhere: it is a replica.
    pub upstream: Option<Upstream>,
}

/// What an observer is told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Order {
    /// Go on.
    Watch,
    /// Nothing more is sent: read to the end, and judge.
    Finish,
    /// Leave it: nothing more is waited for.
    Abandon,
}

/// Observers at work, on a thread of their own. Dropped, it removes what it made.
#[derive(Debug)]
pub struct Observing {
    witness: Witness,
    orders: watch::Sender<Order>,
    thread: Option<JoinHandle<Done>>,
}

/// What an observer left.
#[derive(Debug)]
pub struct Done {
    /// What it found.
    pub findings: Findings,
    /// What people should know.
    pub notes: Vec<String>,
}

impl Observing {
    /// Makes the slots, and begins to read them. All that is committed from now on is observed. Once
    /// `is_cancelled` says so, this is not waited for, and what was made is removed.
    pub fn start(options: Options, is_cancelled: impl Fn() -> bool) -> Result<Self, SetupError> {
        let (facts, told) = mpsc::sync_channel(FACTS_MAX);
        let (orders, ordered) = watch::channel(Order::Watch);
        let (ready, is_ready) = mpsc::sync_channel(1);
        let shared = Arc::new(Shared::default());
        let domains = options.world.catalog.tables.iter().map(|table| table.domain);
        let count = domains.max().map_or(0, |it| it + 1);
        let is_seen = |domain| options.surfaces.iter().any(|it| it.database(domain).is_some());
        let is_observed: Vec<bool> = (0..count).map(is_seen).collect();
        let (is_observed, forms) = (is_observed.into(), Arc::clone(&options.forms));
        let witness = Witness { facts, is_observed, forms, shared: Arc::clone(&shared) };
        let thread = std::thread::Builder::new()
            .name("observer".to_owned())
            .spawn(move || work::work(&options, (&told, &ordered), &shared, &ready))
            .map_err(|error| SetupError::Local(format!("no thread to observe with: {error}")))?;
        let observing = Self { witness, orders, thread: Some(thread) };
        loop {
            match is_ready.recv_timeout(LOOK) {
                Ok(Ok(())) => return Ok(observing),
                Ok(Err(error)) => return Err(error),
                Err(RecvTimeoutError::Timeout) if is_cancelled() => {
                    let _ = observing.orders.send(Order::Abandon);
                }
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => {
                    let ended = "the observer ended before it began".to_owned();
                    return Err(SetupError::Local(ended));
                }
            }
        }
    }

    /// For the engine.
    pub fn witness(&self) -> Witness {
        self.witness.clone()
    }

    /// Reads to the end of what was sent, and judges. `None` if the observer is gone. Waits no longer
    /// once `is_cancelled` says so.
    pub fn finish(mut self, is_cancelled: impl Fn() -> bool) -> Option<Done> {
        let _ = self.orders.send(if is_cancelled() { Order::Abandon } else { Order::Finish });
        let thread = self.thread.take()?;
        while !thread.is_finished() {
            if is_cancelled() {
                let _ = self.orders.send(Order::Abandon);
            }
            std::thread::sleep(LOOK);
        }
        thread.join().ok()
    }
}

impl Drop for Observing {
    fn drop(&mut self) {
        let _ = self.orders.send(Order::Abandon);
        let _ = self.thread.take().map(JoinHandle::join);
    }
}
