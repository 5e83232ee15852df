//! What came a second time, told by its place in the log; and whether a restart of the connector explains it.

use std::collections::BTreeSet;
use std::collections::HashSet;
use std::collections::VecDeque;

use crate::action::Change;
use crate::action::TableId;
use crate::ledger::hash::half;
use crate::ledger::hash::hash;
use crate::ledger::hash::identity;
use crate::observe::RowChange;
use crate::observe::debezium::record::LogPosition;
use crate::sink::postgres::replication::Lsn;

/// Records that are remembered: eight bytes and a place in a set each.
const REMEMBERED: usize = 1 << 20;
/// Restarts that are remembered.
const RESTARTS_MAX: usize = 1_000;
/// What came again and is not decided, at most: a connector that nobody can look at may send a long log anew.
const UNDECIDED_MAX: usize = 1 << 18;

/// The last records that came, of all partitions.
#[derive(Debug, Default)]
pub(in crate::observe) struct Repeats {
    known: HashSet<u64>,
    order: VecDeque<u64>,
    /// By partition: when the last record came that had not come before.
    new_at: Vec<u64>,
    restarts: VecDeque<Restart>,
    /// What came again, and is not decided yet.
    undecided: Vec<Repeat>,
    /// Tables without a key: equal rows of one statement share their place in the log.
    keyless: BTreeSet<TableId>,
    /// How much has come again.
    count: u64,
    /// Whether there was more of that than is kept.
    pub(super) is_beyond: bool,
    /// What is there at once says nothing of when it was written: what came again and what was new before.
    is_batched: bool,
}

/// The connector began again, some time between two looks.
#[derive(Debug, Clone, Copy)]
pub(in crate::observe) struct Restart {
    pub(in crate::observe) after: u64,
    pub(in crate::observe) before: u64,
}

/// A change that came again.
#[derive(Debug)]
pub(in crate::observe) struct Repeat {
    pub(in crate::observe) change: RowChange,
    pub(in crate::observe) origin: LogPosition,
    pub(in crate::observe) at: u64,
    /// When its partition last had something new.
    new_at: u64,
}

/// What a change is that looks as if it came again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::observe) enum Again {
    /// A restart explains it.
    Replayed,
    /// Nothing does.
    Doubled,
    /// It is another one that looks the same.
    New,
}

impl Repeats {
    /// Rows of a table have no key.
    pub(in crate::observe) fn has_no_key(&mut self, table: TableId) {
        self.keyless.insert(table);
    }

    /// Whether that was said of a table.
    pub(in crate::observe) fn is_keyless(&self, table: TableId) -> bool {
        self.keyless.contains(&table)
    }

    /// How much has come again.
    pub(in crate::observe) fn count(&self) -> u64 {
        self.count
    }

    /// Of files, which are there as a whole: any restart before one explains what came again in it.
    pub(in crate::observe) fn of_files() -> Self {
        Self { is_batched: true, ..Self::default() }
    }

    /// A change came in a partition. Gives it back if it is new.
    pub(in crate::observe) fn came(
        &mut self,
        partition: usize,
        (change, origin): (RowChange, LogPosition),
        at: u64,
    ) -> Option<RowChange> {
        if self.new_at.len() <= partition {
            self.new_at.resize(partition + 1, 0);
        }
        let number_of = number(&change, origin);
        if origin.lsn == Lsn::default() && change.change != Change::Delete {
            // The row is there again, and may go again.
            let gone = RowChange { row: Box::default(), change: Change::Delete, ..change.clone() };
            self.known.remove(&number(&gone, origin));
        }
        if !self.known.insert(number_of) {
            self.count += 1;
            let new_at = if self.is_batched { 0 } else { self.new_at[partition] };
            if self.undecided.len() < UNDECIDED_MAX {
                self.undecided.push(Repeat { change, origin, at, new_at });
            } else {
                self.is_beyond = true;
            }
            return None;
        }
        self.new_at[partition] = at;
        self.order.push_back(number_of);
        if self.order.len() > REMEMBERED
            && let Some(oldest) = self.order.pop_front()
        {
            self.known.remove(&oldest);
        }
        Some(change)
    }

    /// The connector began again.
    pub(in crate::observe) fn restarted(&mut self, restart: Restart) {
        self.restarts.push_back(restart);
        if self.restarts.len() > RESTARTS_MAX {
            self.restarts.pop_front();
        }
    }

    /// What came again before a look at the connector, and what it is: a restart explains it that lies between what
    /// was new in the partition and what came again.
    pub(in crate::observe) fn decided(&mut self, looked: u64) -> Vec<(Repeat, Again)> {
        let (restarts, keyless) = (&self.restarts, &self.keyless);
        let what = |it: &Repeat| {
            let between =
                |restart: &Restart| restart.after.max(it.new_at) <= restart.before.min(it.at);
            match restarts.iter().any(between) {
                true => Again::Replayed,
                false if keyless.contains(&it.change.table) => Again::New,
                false => Again::Doubled,
            }
        };
        let (decided, open) = self.undecided.drain(..).partition(|repeat| repeat.at <= looked);
        self.undecided = open;
        let decided: Vec<Repeat> = decided;
        let what: Vec<Again> = decided.iter().map(what).collect();
        decided.into_iter().zip(what).collect()
    }
}

/// A change by its place in the log, its row and its operation: several of a transaction may share a place.
fn number(change: &RowChange, origin: LogPosition) -> u64 {
    if origin.lsn == Lsn::default() {
        // The row tells which change it is; of one that goes nothing is left but its key, and it goes once.
        let row = half(identity(change.table, &change.key));
        return half(hash(row.wrapping_add(change.change as u64), &change.row));
    }
    let row = half(identity(change.table, &change.key));
    let place = origin.lsn.0.rotate_left(32) ^ u64::from(origin.transaction);
    half(hash(row.wrapping_add(change.change as u64), &place.to_be_bytes()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::observe::whose::Whose;

    fn change(key: u8) -> RowChange {
        let (key, row) = (Box::from([key]), Box::default());
        RowChange { table: TableId(0), change: Change::Insert, key, row, whose: Whose::Untold }
    }

    fn at(lsn: u64) -> LogPosition {
        LogPosition { lsn: Lsn(lsn), transaction: 7 }
    }

    #[test]
    fn only_what_came_again_behind_a_restart_is_a_replay() {
        let mut repeats = Repeats::default();
        assert!(repeats.came(0, (change(1), at(1)), 10).is_some());
        // Rows of one place in the log are told apart.
        assert!(repeats.came(0, (change(2), at(1)), 11).is_some());
        assert!(repeats.came(0, (change(2), at(1)), 12).is_none());
        // Nothing is said before somebody has looked.
        assert!(repeats.decided(11).is_empty());
        let decided = repeats.decided(20);
        assert_eq!(decided.iter().map(|it| it.1).collect::<Vec<_>>(), [Again::Doubled]);

        repeats.restarted(Restart { after: 20, before: 30 });
        assert!(repeats.came(0, (change(1), at(1)), 28).is_none());
        assert!(repeats.came(0, (change(2), at(1)), 29).is_none());
        assert!(repeats.came(0, (change(3), at(2)), 31).is_some());
        // Behind what is new, the restart explains nothing any more.
        assert!(repeats.came(0, (change(3), at(2)), 32).is_none());
        // Another partition is still at its beginning.
        assert!(repeats.came(1, (change(1), at(1)), 33).is_none());
        let decided: Vec<Again> = repeats.decided(40).iter().map(|it| it.1).collect();
        let replayed = Again::Replayed;
        assert_eq!(decided, [replayed, replayed, Again::Doubled, replayed]);
    }

    /// A COPY writes many rows to one place in the log, and two of them may be equal.
    #[test]
    fn equal_rows_without_a_key_are_two() {
        let mut repeats = Repeats::default();
        repeats.has_no_key(TableId(0));
        assert!(repeats.came(0, (change(1), at(1)), 10).is_some());
        assert!(repeats.came(0, (change(1), at(1)), 11).is_none());
        repeats.restarted(Restart { after: 20, before: 30 });
        assert!(repeats.came(0, (change(1), at(1)), 28).is_none());
        let decided: Vec<Again> = repeats.decided(40).iter().map(|it| it.1).collect();
        assert_eq!(decided, [Again::New, Again::Replayed]);
    }
}
