//! What came a second time, told by its place in the log; and whether a restart of the connector explains it.

pub(super) mod known;

use std::collections::BTreeMap;
use std::collections::BTreeSet;
use std::collections::VecDeque;

use crate::action::Change;
use crate::action::TableId;
use crate::ledger::hash::half;
use crate::ledger::hash::hash;
use crate::ledger::hash::identity;
use crate::observe::RowChange;
use crate::observe::debezium::record::LogPosition;
use crate::observe::debezium::repeats::known::Known;
use crate::observe::debezium::repeats::known::Standing;
use crate::sink::postgres::replication::Lsn;

/// Restarts that are remembered, of each source.
const RESTARTS_MAX: usize = 1_000;
/// What came again and is not decided, at most: a connector that nobody can look at may send a long log anew.
const UNDECIDED_MAX: usize = 1 << 18;
/// For so long, in nanoseconds, a change from far back in the log may come before its acknowledgement is heard of.
const GRACE_NS: u64 = 10_000_000_000;

/// The last records that came, of all partitions.
#[derive(Debug, Default)]
pub(in crate::observe) struct Repeats {
    known: Known,
    /// By partition: when the last record came that had not come before.
    new_at: Vec<u64>,
    /// By the number of the source whose connector it was: what began again there says nothing of other databases.
    restarts: BTreeMap<usize, VecDeque<Restart>>,
    /// What came again, and is not decided yet.
    undecided: Vec<Repeat>,
    /// What may have come before, and is not remembered.
    doubtful: Vec<Repeat>,
    /// Tables without a key: equal rows of one statement share their place in the log.
    keyless: BTreeSet<TableId>,
    /// How much has come again.
    count: u64,
    /// Whether there was more of that than is kept.
    pub(super) is_beyond: bool,
    /// Whether it was said that nobody can tell of a change whether it came before.
    is_untold: bool,
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
    /// The number of its source.
    source: Option<usize>,
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

    /// A change came in a partition, from the source of a number. Gives it back if it is new; `is_awaited` says so of one
    /// that is from before all that is remembered.
    pub(in crate::observe) fn came(
        &mut self,
        (partition, source): (usize, Option<usize>),
        (change, origin): (RowChange, LogPosition),
        at: u64,
        is_awaited: impl FnOnce(&RowChange) -> bool,
    ) -> Option<RowChange> {
        if self.new_at.len() <= partition {
            self.new_at.resize(partition + 1, 0);
        }
        let number_of = number(&change, origin);
        if origin.lsn == Lsn::default() && change.change != Change::Delete {
            // The row is there again, and may go again.
            let gone = RowChange { row: Box::default(), change: Change::Delete, ..change.clone() };
            self.known.forget(number(&gone, origin));
        }
        let new_at = if self.is_batched { 0 } else { self.new_at[partition] };
        let way = (change.table, partition);
        let kept = match self.known.standing(number_of, (way, origin.lsn)) {
            Standing::Known => &mut self.undecided,
            // It came late, of a transaction that was open for long, or again. Taken for new it would be made up.
            Standing::Doubtful if !is_awaited(&change) => &mut self.doubtful,
            Standing::Doubtful | Standing::New => {
                self.new_at[partition] = at;
                self.known.add(number_of, (way, origin.lsn));
                return Some(change);
            }
        };
        self.count += 1;
        if kept.len() < UNDECIDED_MAX {
            kept.push(Repeat { change, origin, at, source, new_at });
        }
        self.is_beyond |= self.undecided.len() >= UNDECIDED_MAX;
        None
    }

    /// The connector of a source began again.
    pub(in crate::observe) fn restarted(&mut self, source: usize, restart: Restart) {
        let restarts = self.restarts.entry(source).or_default();
        restarts.push_back(restart);
        if restarts.len() > RESTARTS_MAX {
            restarts.pop_front();
        }
    }

    /// What lies before all that is remembered and is awaited by now, as `is_awaited` says: it has not come before.
    pub(in crate::observe) fn awaited(
        &mut self,
        mut is_awaited: impl FnMut(&RowChange) -> bool,
    ) -> Vec<Repeat> {
        self.doubtful.extract_if(.., |it| is_awaited(&it.change)).collect()
    }

    /// Lets go what lies before all that is remembered and was not awaited until long before a look at the connector: nobody
    /// can tell whether it came before. Returns the very first of all that.
    pub(in crate::observe) fn untold(&mut self, looked: u64) -> Option<Repeat> {
        let is_full = self.doubtful.len() >= UNDECIDED_MAX;
        let is_over = |it: &mut Repeat| is_full || it.at.saturating_add(GRACE_NS) <= looked;
        let first = self.doubtful.extract_if(.., is_over).reduce(|first, _| first)?;
        (!std::mem::replace(&mut self.is_untold, true)).then_some(first)
    }

    /// What came again before a look at the connector, and what it is: a restart explains it that lies between what
    /// was new in the partition and what came again.
    pub(in crate::observe) fn decided(&mut self, looked: u64) -> Vec<(Repeat, Again)> {
        let (restarts, keyless) = (&self.restarts, &self.keyless);
        let what = |it: &Repeat| {
            let between =
                |restart: &Restart| restart.after.max(it.new_at) <= restart.before.min(it.at);
            let of_source = it.source.and_then(|source| restarts.get(&source));
            match of_source.into_iter().flatten().any(between) {
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
    use crate::observe::debezium::repeats::known::REMEMBERED;
    use crate::observe::whose::Whose;

    fn change(key: u8) -> RowChange {
        let (key, row) = (Box::from([key]), Box::default());
        RowChange { table: TableId(0), change: Change::Insert, key, row, whose: Whose::Untold }
    }

    fn at(lsn: u64) -> LogPosition {
        LogPosition { lsn: Lsn(lsn), transaction: 7 }
    }

    /// Comes by a partition of the first source.
    fn came(
        repeats: &mut Repeats,
        partition: usize,
        of: (RowChange, LogPosition),
        at: u64,
    ) -> bool {
        repeats.came((partition, Some(0)), of, at, |_| false).is_some()
    }

    fn what(repeats: &mut Repeats, looked: u64) -> Vec<Again> {
        repeats.decided(looked).iter().map(|it| it.1).collect()
    }

    #[test]
    fn only_what_came_again_behind_a_restart_is_a_replay() {
        let mut repeats = Repeats::default();
        assert!(came(&mut repeats, 0, (change(1), at(1)), 10));
        // Rows of one place in the log are told apart.
        assert!(came(&mut repeats, 0, (change(2), at(1)), 11));
        assert!(!came(&mut repeats, 0, (change(2), at(1)), 12));
        // Nothing is said before somebody has looked.
        assert!(repeats.decided(11).is_empty());
        assert_eq!(what(&mut repeats, 20), [Again::Doubled]);

        repeats.restarted(0, Restart { after: 20, before: 30 });
        assert!(!came(&mut repeats, 0, (change(1), at(1)), 28));
        assert!(!came(&mut repeats, 0, (change(2), at(1)), 29));
        assert!(came(&mut repeats, 0, (change(3), at(2)), 31));
        // Behind what is new, the restart explains nothing any more.
        assert!(!came(&mut repeats, 0, (change(3), at(2)), 32));
        // Another partition is still at its beginning.
        assert!(!came(&mut repeats, 1, (change(1), at(1)), 33));
        let decided = what(&mut repeats, 40);
        let replayed = Again::Replayed;
        assert_eq!(decided, [replayed, replayed, Again::Doubled, replayed]);
    }

    /// A COPY writes many rows to one place in the log, and two of them may be equal.
    #[test]
    fn equal_rows_without_a_key_are_two() {
        let mut repeats = Repeats::default();
        repeats.has_no_key(TableId(0));
        assert!(came(&mut repeats, 0, (change(1), at(1)), 10));
        assert!(!came(&mut repeats, 0, (change(1), at(1)), 11));
        repeats.restarted(0, Restart { after: 20, before: 30 });
        assert!(!came(&mut repeats, 0, (change(1), at(1)), 28));
        let decided = what(&mut repeats, 40);
        assert_eq!(decided, [Again::New, Again::Replayed]);
    }

    /// Also where a restart explains all that comes again in files from then on.
    #[test]
    fn a_restart_of_one_databases_connector_excuses_no_double_of_another() {
        for mut repeats in [Repeats::default(), Repeats::of_files()] {
            for (source, key) in [(0, 1), (1, 2)] {
                for at_ns in [10, 40] {
                    let of = (change(key), at(u64::from(key)));
                    let is_new = repeats.came((source, Some(source)), of, at_ns, |_| false);
                    assert_eq!(is_new.is_some(), at_ns == 10);
                }
            }
            repeats.restarted(0, Restart { after: 20, before: 30 });
            assert_eq!(what(&mut repeats, 50), [Again::Replayed, Again::Doubled]);
        }
    }

    /// A connector that goes on from far before all that is remembered.
    #[test]
    fn what_is_not_remembered_any_more_is_not_taken_for_new() {
        let (mut repeats, far) = (Repeats::default(), REMEMBERED as u64 + 100_000);
        assert!((1..=far).all(|lsn| came(&mut repeats, 0, (change(1), at(lsn)), lsn)));
        repeats.restarted(0, Restart { after: far, before: far });
        let again =
            (1..=far).filter(|lsn| came(&mut repeats, 0, (change(1), at(*lsn)), far)).count();
        assert_eq!(again, 0, "came again and was taken for new");
        // In other partitions, and where no place is told, nothing lies before what is forgotten.
        assert!(came(&mut repeats, 1, (change(1), at(1)), far));
        assert!(came(&mut repeats, 0, (change(9), at(0)), far));
        // What is awaited has not come yet: a transaction may have been open for so long.
        let late = (change(2), at(5));
        assert!(repeats.came((0, Some(0)), late, far, |_| true).is_some());
        assert!(!came(&mut repeats, 0, (change(3), at(6)), far));
        let awaited = repeats.awaited(|it| *it == change(3));
        assert_eq!(awaited.iter().map(|it| it.origin).collect::<Vec<_>>(), [at(6)]);
        // It is said once, when no acknowledgement can come any more; all that is remembered is replayed.
        assert!(repeats.untold(far).is_none());
        let first = repeats.untold(far + GRACE_NS).map(|it| it.origin);
        assert_eq!(first, Some(at(1)));
        assert!(!came(&mut repeats, 0, (change(1), at(1)), far));
        assert!(repeats.untold(u64::MAX).is_none() && repeats.doubtful.is_empty());
        let decided = what(&mut repeats, u64::MAX);
        assert!(decided.iter().all(|it| *it == Again::Replayed), "{decided:?}");
    }
}
