//! Changes that are there more than once. One that comes again in another object, before it goes from the first, has moved.

use std::collections::HashMap;

use crate::ledger::hash::half;
use crate::ledger::hash::identity;
use crate::observe::RowChange;
use crate::observe::cells;
use crate::sink::postgres::replication::Lsn;

/// Changes whose copies are remembered.
const CHANGES_MAX: usize = 1 << 18;

/// As what a copy was counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Copy {
    Replayed,
    Doubled,
}

/// Which changes have copies.
#[derive(Debug, Default)]
pub(super) struct Copies {
    /// By row, place in the log and values, as [`Notes`](crate::observe::notes::Notes) tell them apart.
    known: HashMap<(u64, u64, u64), Counts>,
    /// Whether there were more than are kept.
    pub(super) are_beyond: bool,
}

#[derive(Debug, Default)]
struct Counts {
    replayed: u32,
    doubled: u32,
}

impl Copies {
    /// A change came again.
    pub(super) fn came(&mut self, change: &RowChange, lsn: Lsn, is_replay: bool) {
        let number = number(change, lsn);
        if self.known.len() >= CHANGES_MAX && !self.known.contains_key(&number) {
            self.are_beyond = true;
            return;
        }
        let counts = self.known.entry(number).or_default();
        *(if is_replay { &mut counts.replayed } else { &mut counts.doubled }) += 1;
    }

    /// Takes a copy away, if there is one.
    pub(super) fn take(&mut self, change: &RowChange, lsn: Lsn) -> Option<Copy> {
        let counts = self.known.get_mut(&number(change, lsn))?;
        let all = [(&mut counts.doubled, Copy::Doubled), (&mut counts.replayed, Copy::Replayed)];
        let (count, copy) = all.into_iter().find(|(count, _)| **count > 0)?;
        *count -= 1;
        Some(copy)
    }
}

fn number(change: &RowChange, lsn: Lsn) -> (u64, u64, u64) {
    let row = half(identity(change.table, &change.key));
    (row, lsn.0, cells::content(&change.row, 0).0)
}
