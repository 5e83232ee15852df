//! The first of what is not as it should be, for people.

use crate::measure::Deviation;
use crate::measure::EXAMPLES_MAX;

/// So many as are shown, at most.
#[derive(Debug)]
pub(super) struct First<T> {
    known: Vec<T>,
    /// Those of which it is not known: they must not take the place of others.
    pending: Vec<T>,
}

impl<T> Default for First<T> {
    fn default() -> Self {
        Self { known: Vec::new(), pending: Vec::new() }
    }
}

impl<T> First<T> {
    /// One more, if there is room for it.
    pub(super) fn add(&mut self, class: Deviation, fault: impl FnOnce() -> T) {
        let kept = if class == Deviation::Pending { &mut self.pending } else { &mut self.known };
        if kept.len() < EXAMPLES_MAX {
            kept.push(fault());
        }
    }

    /// Those that are known, and behind them the others.
    pub(super) fn all(self) -> impl Iterator<Item = T> {
        self.known.into_iter().chain(self.pending).take(EXAMPLES_MAX)
    }
}
