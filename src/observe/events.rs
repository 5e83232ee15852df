//! Events that were sent, and what came of them at a far end: each is rendered again, and known by a number
//! that its bytes give.
//!
//! ```text
//!   engine ── Departure ──> render ──> what must come ──┐
//!          └─ Ended: stored, refused, unknown ──────────┼── judge: by content, and in the order of each key
//!   topics, files ── reading (a thread) ── Came ────────┘       └──> Findings
//! ```
//!
//! A departure is told before the event can be anywhere, and is taken before what came since: so whatever has
//! come is expected already, or nobody has sent it.

pub(super) mod files;
pub(super) mod judge;
mod quiet;
pub(super) mod render;
mod resolve;
mod strays;
pub(super) mod taker;
pub(super) mod topics;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use crate::action::TableId;
use crate::generate::Decision;
use crate::ledger::hash::half;
use crate::ledger::hash::hash;
use crate::sink::event::Publisher;
use crate::sink::event::way::Topic;
use crate::sink::kafka::Cluster;

/// Who sent events: a connection, and its ticket for them, which is theirs until their end.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Sender {
    /// The number of the connection.
    pub connection: u32,
    /// The ticket.
    pub ticket: u32,
}

/// Events of a part of a decision go out.
#[derive(Debug, Clone)]
pub struct Departure {
    /// What is sent.
    pub decision: Decision,
    /// Which part of it: see [`crate::generate::World::part_from`].
    pub part: usize,
    /// Who sends.
    pub sender: Sender,
    /// When it was due, on the run's clock.
    pub due: u64,
    /// When it is handed over.
    pub sent: u64,
}

/// Events have come to their end.
#[derive(Debug, Clone)]
pub struct Ended {
    /// Whose.
    pub sender: Sender,
    /// When that was known.
    pub settled: u64,
    /// Whether they count as measured: the warm-up is over.
    pub is_measured: bool,
    /// What became of them.
    pub fate: EventFate,
    /// Whether they may be there more than once, since they were sent again.
    pub is_repeated: bool,
}

/// What became of the events of a part.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum EventFate {
    /// They are there.
    Stored,
    /// The operations of these indexes are not, or none is if there is no index.
    Refused(Box<[u32]>),
    /// The same of those of which nobody knows whether they are.
    Unknown(Box<[u32]>),
}

/// How all events that are observed are written.
#[derive(Debug, Clone, Default)]
pub struct Forms {
    /// By table, as those who send them have it; `None`: nobody observes it.
    pub(crate) topics: Vec<Option<Topic>>,
    /// By way: whether events that go there are observed.
    pub(crate) ways: Vec<bool>,
}

/// Topics with events that are observed.
#[derive(Debug, Clone)]
pub struct EventTopics {
    /// The cluster.
    pub(crate) cluster: Cluster,
    /// The topic of each event, and what both together are called.
    pub(crate) events: BTreeMap<TableId, (String, String)>,
    /// What the place is called: the target.
    pub(crate) target: String,
    /// Whether records have keys.
    pub(crate) has_keys: bool,
    /// Whether the events of a key keep their order.
    pub(crate) is_ordered: bool,
    /// Those who know how many may be there twice, and not which.
    pub(crate) publishers: Vec<Arc<dyn Publisher>>,
    /// The run's name, if records say whose they are.
    pub(crate) run: Option<String>,
    /// Whether somebody copies them there: then nobody can tell by the topics whether more comes.
    pub(crate) is_copied: bool,
    /// For so long nothing may come at the end until it is given up.
    pub(crate) within: Duration,
}

/// What has come to a far end.
#[derive(Debug)]
pub(super) struct Came {
    /// The number of the place: of the topic.
    pub(super) place: usize,
    /// The object in which it is, where it is in one.
    pub(super) file: Option<Arc<str>>,
    pub(super) key: Option<Box<[u8]>>,
    pub(super) payload: Box<[u8]>,
    /// When it was not there yet, as far as anybody knows, and when it was.
    pub(super) since: u64,
    pub(super) at: u64,
}

impl Came {
    /// What it takes, beside what is the same for all.
    fn bytes(&self) -> usize {
        self.payload.len() + self.key.as_ref().map_or(0, |key| key.len())
    }
}

/// What tells an event from others: where it goes, its key, and its bytes.
fn content(topic: usize, key: Option<&[u8]>, payload: &[u8]) -> u128 {
    let key = key.map_or(0, |key| half(hash(1, key)));
    hash(key.wrapping_add(topic as u64), payload)
}

/// What tells those whose order is kept from others.
fn order(topic: usize, key: &[u8], lane: u32) -> u64 {
    half(hash(u64::from(lane) << 32 | topic as u64, key))
}
