//! Whether a change came not long ago: what tells one that came twice from one that nobody had sent.

use crate::action::Change;
use crate::ledger::hash::half;
use crate::ledger::hash::hash;
use crate::pace::mix64;
use crate::sink::postgres::replication::Lsn;

/// Changes that are remembered, at most. A later one takes the place of an earlier one, at random.
const PLACES: usize = 1 << 16;

/// The last changes that came, each as a number of eight bytes.
#[derive(Debug)]
pub(super) struct Recent {
    all: Box<[u64]>,
}

impl Default for Recent {
    fn default() -> Self {
        Self::of(PLACES)
    }
}

impl Recent {
    /// With so many places.
    pub(super) fn of(places: usize) -> Self {
        Self { all: vec![0; places].into() }
    }

    /// A change of the row of a number came, from a place in the log. Returns whether the same one came before:
    /// from another place, what looks the same is another change.
    pub(super) fn came(&mut self, number: u64, (change, lsn): (Change, Lsn), row: &[u8]) -> bool {
        let seed = number.wrapping_add(change as u64) ^ mix64(lsn.0);
        self.is_again(hash(seed, row))
    }

    /// Something with this number came. Returns whether that came before.
    pub(super) fn is_again(&mut self, number: u128) -> bool {
        let number = half(number).max(1);
        let Ok(place) = usize::try_from(number % self.all.len() as u64) else { return false };
        std::mem::replace(&mut self.all[place], number) == number
    }
}
