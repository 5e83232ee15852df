//! What a connection does next: its idle lanes, soonest first.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

/// Idle lanes by the moment at which their next slot may be sent.
#[derive(Debug, Default)]
pub(super) struct Agenda {
    heap: BinaryHeap<Reverse<(u64, u64, usize)>>,
}

impl Agenda {
    /// A lane's next slot may be sent from `release_ns` on. Among equals the earlier planned goes
    /// first.
    pub(super) fn add(&mut self, release_ns: u64, planned_ns: u64, lane: usize) {
        self.heap.push(Reverse((release_ns, planned_ns, lane)));
    }

    /// The soonest release.
    pub(super) fn next(&self) -> Option<u64> {
        self.heap.peek().map(|Reverse((release, _, _))| *release)
    }

    /// A lane whose slot may be sent now.
    pub(super) fn take(&mut self, now: u64) -> Option<usize> {
        if self.next()? > now {
            return None;
        }
        self.heap.pop().map(|Reverse((_, _, lane))| lane)
    }

    /// Whether there is nothing to do.
    pub(super) fn is_empty(&self) -> bool {
        self.heap.is_empty()
    }

    /// Forgets everything.
    pub(super) fn clear(&mut self) {
        self.heap.clear();
    }
}
