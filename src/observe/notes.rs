//! What is noted of all that came, so that it can be judged again later.

use crate::action::Catalog;
use crate::action::Change;
use crate::action::TableId;
use crate::ledger::Out;
use crate::ledger::Seen;
use crate::ledger::What;
use crate::ledger::hash::half;
use crate::ledger::hash::identity;
use crate::observe::RowChange;
use crate::observe::cells;
use crate::observe::cells::Owed;
use crate::observe::whose::Whose;
use crate::sink::postgres::replication::Lsn;

/// Where and when a transaction came.
#[derive(Debug, Clone, Copy)]
pub(super) struct Arrival {
    pub(super) transaction: u32,
    pub(super) lsn: Lsn,
    pub(super) at: u64,
    /// Whether it came in no order.
    pub(super) is_loose: bool,
}

impl Arrival {
    /// Of what says nothing of it.
    const NONE: Self = Self { transaction: 0, lsn: Lsn(0), at: 0, is_loose: false };
}

/// Who notes what came.
#[derive(Debug, Default)]
pub(super) struct Notes {
    pub(super) out: Option<Out>,
    /// The number of the surface.
    pub(super) surface: u8,
    /// Tables from this number on are our own: what comes of them is judged once, in the run.
    own: Option<TableId>,
}

impl Notes {
    /// Of the domains' tables.
    pub(super) fn beside(catalog: &Catalog) -> Self {
        Self { own: catalog.all().map(|it| it.0).find(|it| catalog.is_own(*it)), ..Self::default() }
    }

    /// A change came; again, if it had come before, and `was_restarted` says whether that is no wonder.
    pub(super) fn change(&mut self, change: &RowChange, arrival: Arrival, again: Option<bool>) {
        if self.out.is_none() || self.own.is_some_and(|own| change.table >= own) {
            return;
        }
        let what = match change.change {
            Change::Insert => What::Insert,
            Change::Update => What::Update,
            Change::Delete => What::Delete,
        };
        let (content, open) = cells::content(&change.row, 0);
        let row = half(identity(change.table, &change.key));
        let seen = Seen {
            is_again: again.is_some(),
            is_replay: again == Some(true),
            is_nameless: again.is_none() && change.whose == Whose::Nobody,
            row,
            content,
            open,
            ..self.plain(change.table, what, arrival)
        };
        self.owed(&change.row, &seen);
        self.add(&seen);
    }

    /// A change that had come is not there any more.
    pub(super) fn gone(&mut self, change: &RowChange, arrival: Arrival) {
        if self.out.is_some() && self.own.is_none_or(|own| change.table < own) {
            let (content, open) = cells::content(&change.row, 0);
            let row = half(identity(change.table, &change.key));
            let plain = self.plain(change.table, What::Gone, arrival);
            self.add(&Seen { row, content, open, ..plain });
        }
    }

    /// A change of a row did not come, and may be held back.
    pub(super) fn held(&mut self, table: TableId, key: &[u8]) {
        let row = half(identity(table, key));
        let plain = self.plain(table, What::Held, Arrival::NONE);
        self.add(&Seen { row, ..plain });
    }

    /// So many values of a column could not be compared.
    pub(super) fn uncompared(&mut self, (table, column): (TableId, usize), count: u64) {
        let plain = self.plain(table, What::Uncompared, Arrival::NONE);
        self.add(&Seen { row: column as u64, content: count, ..plain });
    }

    /// Columns that did not come stand before the row to which they belong.
    fn owed(&mut self, row: &[u8], seen: &Seen) {
        let owed = if seen.open == 0 { Owed::default() } else { cells::owed(row) };
        if !owed.is_none() {
            let plain = self.plain(TableId(seen.table), What::Owed, Arrival::NONE);
            let Owed { unsent, absent } = owed;
            self.add(&Seen { row: seen.row, open: unsent, content: absent, ..plain });
        }
    }

    /// A row of a snapshot came. Those that lanes share, or that are told by all they have, have no versions.
    pub(super) fn snapshot(&mut self, change: &RowChange, arrival: Arrival) {
        let (content, open) = cells::content(&change.row, 0);
        let row = half(identity(change.table, &change.key));
        let plain = self.plain(change.table, What::Snapshot, arrival);
        let seen = Seen { row, content, open, ..plain };
        self.owed(&change.row, &seen);
        self.add(&seen);
    }

    /// All rows of a table went.
    pub(super) fn truncated(&mut self, table: TableId, arrival: Arrival) {
        if self.own.is_none_or(|own| table < own) {
            self.add(&self.plain(table, What::Truncate, arrival));
        }
    }

    /// The surface was read to its end. Where something was left out this is not said, or that would be taken
    /// for lost.
    pub(super) fn end(&mut self) {
        if self.out.as_ref().is_some_and(|out| !out.is_whole()) {
            return;
        }
        self.add(&self.plain(TableId(0), What::End, Arrival::NONE));
    }

    /// Behind what was left out nothing is noted: what is missing before something that is there did not come.
    fn add(&mut self, seen: &Seen) {
        if let Some(out) = &mut self.out {
            out.add_next(&seen.bytes());
        }
    }

    /// Something was left out: nothing behind it is noted, nor that the surface was read to its end.
    pub(super) fn leave_off(&mut self) {
        self.out = None;
    }

    /// Hands over what was noted.
    pub(super) fn flush(&mut self) {
        self.out.iter_mut().for_each(Out::flush);
    }

    fn plain(&self, table: TableId, what: What, arrival: Arrival) -> Seen {
        let Arrival { transaction, lsn, at, is_loose } = arrival;
        let (is_again, is_replay, is_nameless) = (false, false, false);
        let (surface, table, lsn, row, content, open) = (self.surface, table.0, lsn.0, 0, 0, 0);
        Seen {
            surface,
            table,
            what,
            is_again,
            is_replay,
            is_nameless,
            is_loose,
            transaction,
            row,
            content,
            open,
            lsn,
            at,
        }
    }
}
