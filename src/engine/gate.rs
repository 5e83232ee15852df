//! Moments at which all connections wait for each other: when all are connected, and when
//! everybody's warm-up has settled, before anybody is measured.

use std::sync::atomic::AtomicUsize;
use std::sync::atomic::Ordering;

use tokio::sync::watch;

use crate::measure::Clock;

/// What follows begins so long after the last connection has arrived, so that all have heard.
const LEAD_NS: u64 = 20_000_000;

/// Opens when all connections have arrived.
#[derive(Debug)]
pub(super) struct Gate {
    missing: AtomicUsize,
    /// When it opened, on the run's clock.
    opened: watch::Sender<Option<u64>>,
}

impl Gate {
    /// For so many connections.
    pub(super) fn new(connections: usize) -> Self {
        Self { missing: AtomicUsize::new(connections), opened: watch::channel(None).0 }
    }

    /// One connection is here. The last one opens the gate. To be called once by each.
    pub(super) fn arrive(&self, clock: &Clock) {
        if self.missing.fetch_sub(1, Ordering::AcqRel) == 1 {
            self.opened.send_replace(Some(clock.now() + LEAD_NS));
        }
    }

    /// When it opened; `None` while it is closed.
    pub(super) fn opened(&self) -> Option<u64> {
        *self.opened.borrow()
    }

    /// To wait for it.
    pub(super) fn watch(&self) -> watch::Receiver<Option<u64>> {
        self.opened.subscribe()
    }
}
