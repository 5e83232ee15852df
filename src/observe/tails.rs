//! What a sink may still hold back: it writes an object once it has so many records of a topic's partition, and nothing
//! makes it write the last ones.
//!
//! A partition hands changes over in the order in which they were committed. What was acknowledged before another was
//! sent was committed before it: so where the other one is there, what is missing of the same partition is lost.

use std::collections::HashMap;

use crate::action::TableId;

/// The number of what comes from nobody knows where, of what comes behind something later, and of the first partition.
pub(super) const UNTOLD: usize = 0;
pub(super) const LATE: usize = 1;
pub(super) const FIRST: usize = 2;

/// How far the partitions of each table have come.
#[derive(Debug)]
pub(super) struct Tails {
    /// So many records of a partition are written together.
    flush: u64,
    /// As many as the topic of a table has, as far as that is known; else one.
    partitions: HashMap<TableId, usize>,
    /// When the newest was sent of what came.
    newest: HashMap<(TableId, usize), u64>,
}

impl Tails {
    pub(super) fn new(flush: u64) -> Self {
        Self { flush, partitions: HashMap::new(), newest: HashMap::new() }
    }

    /// The topic of a table has so many partitions.
    pub(super) fn has(&mut self, table: TableId, partitions: usize) {
        let known = self.partitions.entry(table).or_default();
        *known = partitions.max(*known);
    }

    fn partitions(&self, table: TableId) -> usize {
        self.partitions.get(&table).copied().unwrap_or(1)
    }

    /// A change came that was sent at a time.
    pub(super) fn came(&mut self, (table, partition): (TableId, usize), sent: u64) {
        let newest = self.newest.entry((table, partition)).or_default();
        *newest = (*newest).max(sent);
        if partition >= FIRST {
            self.has(table, partition - FIRST + 1);
        }
    }

    /// Whether what comes by a partition tells nothing of what came before it.
    pub(super) fn is_loose(partition: usize) -> bool {
        partition < FIRST
    }

    /// Whether a change that is missing, and was acknowledged at a time, may be among the last of a partition.
    pub(super) fn may_hold(&self, table: TableId, settled: u64) -> bool {
        let newest = |partition| self.newest.get(&(table, partition)).copied();
        newest(UNTOLD).is_none()
            && (FIRST..FIRST + self.partitions(table))
                .any(|partition| newest(partition).is_none_or(|sent| sent <= settled))
    }

    /// So many changes of a table may be held back.
    pub(super) fn most(&self, table: TableId) -> usize {
        let each = usize::try_from(self.flush.saturating_sub(1)).unwrap_or(usize::MAX);
        each.saturating_mul(self.partitions(table))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_lies_before_something_newer_is_not_held_back() {
        let (table, other) = (TableId(1), TableId(2));
        let mut tails = Tails::new(10);
        assert!(tails.may_hold(table, 5));
        tails.came((table, FIRST), 7);
        tails.came((table, FIRST), 6);
        for (settled, expected) in [(5, false), (6, false), (7, true), (8, true)] {
            assert_eq!(tails.may_hold(table, settled), expected, "{settled}");
        }
        assert!(tails.may_hold(other, 5));
        assert_eq!(tails.most(table), 9);

        // It may be in the other partition, of which nothing has come.
        tails.has(table, 2);
        assert_eq!(tails.most(other), 9, "another topic has its own");
        assert!(tails.may_hold(table, 5));
        tails.came((table, FIRST + 1), 6);
        assert!(!tails.may_hold(table, 5) && tails.may_hold(table, 6));
        assert_eq!(tails.most(table), 18);

        // What comes late says nothing, and what tells no partition is not held back.
        tails.came((table, LATE), 100);
        assert!(tails.may_hold(table, 8));
        tails.came((table, UNTOLD), 1);
        assert!(!tails.may_hold(table, 8));
        assert_eq!(Tails::new(1).most(table), 0);
    }
}
