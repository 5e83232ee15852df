//! What is no plain change that comes once: taken back, come again, gone, or all rows of a table at once.

use crate::action::TableId;
use crate::observe::RowChange;
use crate::observe::judge::Certainty;
use crate::observe::judge::Judge;
use crate::observe::judge::copies::Copy;
use crate::observe::rows::Which;
use crate::sink::postgres::replication::Lsn;

impl Judge {
    /// A crash took back what was acknowledged: it must not come.
    pub(in crate::observe) fn take_back(&mut self, change: &RowChange) {
        if !self.is_looked_for(change.table, change.change, &change.row) {
            let sums = self.sums(change.table);
            sums.expected = sums.expected.saturating_sub(1);
            sums.passed_over = sums.passed_over.saturating_sub(1);
            return;
        }
        let Some(Some(of)) = self.tables.get_mut(usize::from(change.table.0)) else { return };
        let taken = of.rows.with(Which::new(change.table, &change.key), |place| {
            place.expected.pop_back_if(|last| last.change == change.change)
        });
        let Some(taken) = taken else { return };
        self.forget(change.key.len() + taken.row.len());
        let weight = self.weight(change.table) * u64::from(taken.certainty == Certainty::Certain);
        self.sums(change.table).expected -= weight;
    }

    /// Whether a change of a row is waited for.
    pub(in crate::observe) fn awaits(&mut self, change: &RowChange) -> bool {
        let Some(Some(of)) = self.tables.get_mut(usize::from(change.table.0)) else { return false };
        of.rows.with(Which::new(change.table, &change.key), |place| !place.expected.is_empty())
    }

    /// Whether just this change of a row is waited for.
    pub(in crate::observe) fn awaits_like(&mut self, change: &RowChange) -> bool {
        let Some(Some(of)) = self.tables.get_mut(usize::from(change.table.0)) else { return false };
        of.rows.with(Which::new(change.table, &change.key), |place| {
            place.expected.iter().any(|it| it.agrees((change.change, &change.row), &change.whose))
        })
    }

    /// A transaction came again.
    pub(in crate::observe) fn repeated(
        &mut self,
        changes: &[RowChange],
        was_restarted: bool,
        lsn: Lsn,
    ) {
        for change in changes {
            self.copies.came(change, lsn, was_restarted);
            let sums = self.sums(change.table);
            if was_restarted {
                sums.replayed += 1;
            } else {
                sums.doubled += 1;
                self.faults.doubled(change, lsn);
            }
        }
    }

    /// A transaction is so large that nothing of it is kept until it ends, where so many changes and bytes are at most.
    pub(in crate::observe) fn passes_over(
        &mut self,
        transaction: u32,
        table: TableId,
        (changes, bytes): (usize, usize),
    ) {
        let of = self.tables.get(usize::from(table.0)).and_then(Option::as_ref);
        let (name, surface) = (of.map_or("", |it| it.name.as_str()), &self.surface);
        self.spoil(format!(
            "transaction {transaction} has more than {changes} changes, or {} MB, of what the observer `{surface}` reads, \
             the last in `{name}`; none of them is kept, so they were not judged: let nobody change so many rows at once \
             there while it observes",
            bytes >> 20
        ));
        // What is missing in the notes must not pass for lost when they are judged.
        self.notes.leave_off();
    }

    /// What lies before the last records of a connector came, the first of it in a table and at a place: only so many are
    /// remembered.
    pub(in crate::observe) fn forgets(&mut self, (table, lsn): (TableId, Lsn), remembered: usize) {
        let of = self.tables.get(usize::from(table.0)).and_then(Option::as_ref);
        let (name, surface) = (of.map_or("", |it| it.name.as_str()), &self.surface);
        self.spoil(format!(
            "changes came to the observer `{surface}` that lie in the log before the last {remembered} it remembers, the \
             first in `{name}` at {lsn}: nobody can tell whether they had come before, so they were not judged; a connector \
             that begins again must not go so far back: let its offsets be kept, and written more often \
             (`offset.flush.interval.ms`)"
        ));
        self.notes.leave_off();
    }

    /// A change that had come is not there any more: at the end it is known whether a copy of it is.
    pub(in crate::observe) fn gone(&mut self, change: &RowChange, lsn: Lsn) {
        self.gone.push((change.clone(), lsn));
    }

    /// Of what came more than once and went, the copies go first: the last of them is lost.
    pub(super) fn lose(&mut self) {
        for (change, lsn) in std::mem::take(&mut self.gone) {
            let copy = self.copies.take(&change, lsn);
            let weight = self.weight(change.table);
            let sums = self.sums(change.table);
            match copy {
                Some(Copy::Replayed) => sums.replayed = sums.replayed.saturating_sub(1),
                Some(Copy::Doubled) => {
                    sums.doubled = sums.doubled.saturating_sub(1);
                    self.faults.not_doubled(&change, lsn);
                }
                None => {
                    sums.observed = sums.observed.saturating_sub(weight);
                    sums.lost += weight;
                    self.faults.gone(&change, lsn);
                    if self.copies.are_beyond {
                        self.spoil(
                            "more came again than is kept, and some of what came is not there any more: nobody can tell \
                             whether a copy of it is",
                        );
                    }
                }
            }
        }
    }

    /// All rows of a table went, or may have.
    pub(in crate::observe) fn expect_truncation(&mut self, table: TableId, is_known: bool) {
        self.sums(table).expected += u64::from(is_known);
        self.truncations.expect(table, is_known);
    }

    /// All rows of a table went.
    pub(in crate::observe) fn truncated(&mut self, table: TableId, lsn: Lsn) {
        self.sums(table).observed += 1;
        self.truncations.came(table, lsn);
    }
}
