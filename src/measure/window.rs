//! How a worker hands over what it measured, without ever waiting for who looks.

use std::sync::Arc;
use std::sync::Mutex;
use std::sync::MutexGuard;
use std::sync::PoisonError;
use std::sync::TryLockError;

use super::recorder::Record;

/// Between one worker and whoever adds up. Clones are the same.
#[derive(Debug, Clone, Default)]
pub struct Window(Arc<Mutex<Handover>>);

/// Two records change places: the full one goes to who adds up, the empty one comes back.
#[derive(Debug, Default)]
pub(super) struct Handover {
    pub(super) full: Option<Record>,
    pub(super) empty: Option<Record>,
}

impl Window {
    /// Without waiting; `None` while somebody looks.
    pub(super) fn try_open(&self) -> Option<MutexGuard<'_, Handover>> {
        match self.0.try_lock() {
            Ok(handover) => Some(handover),
            Err(TryLockError::Poisoned(poisoned)) => Some(poisoned.into_inner()),
            Err(TryLockError::WouldBlock) => None,
        }
    }

    /// What was handed over, if it was not fetched yet. It comes back by [`Window::give_back`].
    pub(super) fn fetch(&self) -> Option<Record> {
        self.open().full.take()
    }

    /// An empty record, for the worker to fill.
    pub(super) fn give_back(&self, mut record: Record) {
        record.clear();
        self.open().empty = Some(record);
    }

    fn open(&self) -> MutexGuard<'_, Handover> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
