//! Whether a change came not long ago: what tells one that came twice from one that nobody had sent.

use crate::ledger::hash::half;
use crate::ledger::hash::hash;
use crate::ledger::hash::identity;
use crate::observe::RowChange;

/// Changes that are remembered, at most. A later one takes the place of an earlier one, at random.
const PLACES: usize = 1 << 16;

/// The last changes that came, each as a number: 512 kB.
#[derive(Debug)]
pub(super) struct Recent {
    all: Box<[u64]>,
}

impl Default for Recent {
    fn default() -> Self {
        Self { all: vec![0; PLACES].into() }
    }
}

impl Recent {
    /// A change came. Returns whether the same one came before.
    pub(super) fn came(&mut self, change: &RowChange) -> bool {
        let row = half(identity(change.table, &change.key));
        let number = half(hash(row.wrapping_add(change.change as u64), &change.row)).max(1);
        let Ok(place) = usize::try_from(number % PLACES as u64) else { return false };
        std::mem::replace(&mut self.all[place], number) == number
    }
}
