//! What is told of faults: how many events were sent with one, and of each of them a note. Workers tell,
//! a thread elsewhere writes; where it cannot follow, notes are left out, and counted.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::PoisonError;
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering;
use std::sync::mpsc::SyncSender;

use serde::Serialize;

use crate::action::FaultClass;
use crate::measure::FaultCounts;
use crate::pace::nanoseconds;

/// What became of one event that had a fault: a line of `faults.jsonl`.
#[derive(Debug, Clone, Serialize)]
pub struct FaultNote {
    /// Its fault.
    pub class: FaultClass,
    /// The target's name in the scenario.
    pub target: String,
    /// The topic or stream.
    pub destination: String,
    /// Series, slot and hop of its action, as the header `loadgen.action` has it.
    pub action: String,
    /// What stands in its column `event_id`, or `id`, if it has one: also where that is not sent.
    pub event_id: Option<String>,
    /// The column that the fault is about, if it is about one.
    pub field: Option<String>,
    /// For how long it was held back, in milliseconds, if it was.
    pub held_ms: Option<u64>,
    /// Of one that was to be out of order: whether another one of its key was sent before it.
    pub overtaken: Option<bool>,
    /// `acknowledged`, `failed`, or `unknown`.
    pub outcome: &'static str,
}

/// Where the ways of a run tell of faults.
#[derive(Debug, Clone)]
pub struct FaultBook {
    inner: Arc<Inner>,
    /// The target's name in the scenario.
    target: Arc<str>,
}

#[derive(Debug)]
struct Inner {
    /// By target and destination.
    counts: Mutex<BTreeMap<(String, String), FaultCounts>>,
    notes: SyncSender<Option<FaultNote>>,
    left_out: AtomicU64,
}

impl FaultBook {
    /// Whose notes go there; behind the last of them comes `None`.
    pub fn new(notes: SyncSender<Option<FaultNote>>) -> Self {
        let (counts, left_out) = (Mutex::default(), AtomicU64::new(0));
        Self { inner: Arc::new(Inner { counts, notes, left_out }), target: Arc::from("") }
    }

    /// The same for what goes to one target.
    #[must_use]
    pub fn of_target(&self, name: &str) -> Self {
        Self { inner: Arc::clone(&self.inner), target: Arc::from(name) }
    }

    /// The target's name.
    pub(super) fn target(&self) -> &str {
        &self.target
    }

    /// Tells of one event. Does not wait.
    pub(super) fn tell(&self, note: FaultNote) {
        if note.outcome == ACKNOWLEDGED {
            let place = (note.target.clone(), note.destination.clone());
            let mut counts = self.inner.counts.lock().unwrap_or_else(PoisonError::into_inner);
            counts.entry(place).or_default().count(note.class, note.overtaken == Some(true));
        }
        if self.inner.notes.try_send(Some(note)).is_err() {
            self.inner.left_out.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// Nothing more is told. Returns the counts, by target and destination, and how many notes were left
    /// out.
    pub fn close(&self) -> (Vec<(String, String, FaultCounts)>, u64) {
        // Whoever writes may have given up.
        let _ = self.inner.notes.send(None);
        let counts = self.inner.counts.lock().unwrap_or_else(PoisonError::into_inner);
        let each = counts.iter();
        let each = each.map(|((target, to), counts)| (target.clone(), to.clone(), *counts));
        (each.collect(), self.inner.left_out.load(Ordering::Relaxed))
    }
}

/// Outcomes of notes.
pub(super) const ACKNOWLEDGED: &str = "acknowledged";
pub(super) const FAILED: &str = "failed";
pub(super) const UNKNOWN: &str = "unknown";

/// What is known of the events of one action that have a fault, until it is known what became of them.
#[derive(Debug, Default)]
pub(super) struct Marked {
    pub(super) notes: Vec<FaultNote>,
    /// For how long they were held back, all together.
    pub(super) held_ns: u64,
}

impl Marked {
    /// One of them has waited so long, and goes out now.
    pub(super) fn held(&mut self, place: usize, waited: std::time::Duration, is_overtaken: bool) {
        self.held_ns = self.held_ns.max(nanoseconds(waited));
        let Some(note) = self.notes.get_mut(place) else { return };
        note.held_ms = u64::try_from(waited.as_millis()).ok();
        if note.class == FaultClass::OutOfOrder {
            note.overtaken = Some(is_overtaken);
        }
    }
}
