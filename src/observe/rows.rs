//! The rows of a table of which something is outstanding, found by their keys.

use hashbrown::HashTable;
use hashbrown::hash_table::Entry;

use crate::action::TableId;
use crate::ledger::hash::half;
use crate::ledger::hash::identity;
use crate::observe::judge::Outstanding;

/// What is outstanding of the rows of one table. Each change of a row is looked up here, so that is done once for each.
#[derive(Debug, Default)]
pub(super) struct OutstandingRows {
    all: HashTable<Row>,
}

#[derive(Debug)]
struct Row {
    number: u64,
    key: Box<[u8]>,
    place: Outstanding,
}

/// Which row it is.
#[derive(Debug, Clone, Copy)]
pub(super) struct Which<'a> {
    number: u64,
    key: &'a [u8],
}

impl<'a> Which<'a> {
    pub(super) fn new(table: TableId, key: &'a [u8]) -> Self {
        Self { number: half(identity(table, key)), key }
    }

    /// A number that rows hardly ever share.
    pub(super) fn number(&self) -> u64 {
        self.number
    }
}

impl OutstandingRows {
    /// Lets somebody work on what is outstanding of a row, which is forgotten if nothing is left.
    pub(super) fn with<T>(
        &mut self,
        which: Which<'_>,
        work: impl FnOnce(&mut Outstanding) -> T,
    ) -> T {
        let is_it = |row: &Row| row.number == which.number && *row.key == *which.key;
        match self.all.entry(which.number, is_it, |row| row.number) {
            Entry::Occupied(mut row) => {
                let done = work(&mut row.get_mut().place);
                if row.get().place.is_empty() {
                    row.remove();
                }
                done
            }
            Entry::Vacant(room) => {
                let mut place = Outstanding::default();
                let done = work(&mut place);
                if !place.is_empty() {
                    room.insert(Row { number: which.number, key: which.key.into(), place });
                }
                done
            }
        }
    }

    /// What is outstanding of each row, by its key, in no order.
    pub(super) fn iter(&self) -> impl Iterator<Item = (&[u8], &Outstanding)> {
        self.all.iter().map(|row| (&*row.key, &row.place))
    }

    /// All of it, in the order of the keys.
    pub(super) fn take(&mut self) -> Vec<(Box<[u8]>, Outstanding)> {
        let mut all: Vec<_> = self.all.drain().map(|row| (row.key, row.place)).collect();
        all.sort_unstable_by(|one, other| one.0.cmp(&other.0));
        all
    }

    pub(super) fn is_empty(&self) -> bool {
        self.all.is_empty()
    }

    pub(super) fn clear(&mut self) {
        self.all.clear();
    }
}
