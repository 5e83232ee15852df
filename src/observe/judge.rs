//! Holds what came against what was acknowledged, row by row, and keeps what is outstanding only.

mod copies;
mod end;
mod odd;
mod older;
mod polled;

use std::collections::BTreeMap;
use std::collections::VecDeque;

use crate::action::Catalog;
use crate::action::Change;
use crate::action::TableId;
use crate::action::TableInfo;
use crate::measure::Histogram;
use crate::measure::LagPlace;
use crate::measure::LiveLag;
use crate::measure::Verification;
use crate::observe::RowChange;
use crate::observe::counts::Counts;
use crate::observe::judge::copies::Copies;
use crate::observe::judge::older::Older;
use crate::observe::notes::Notes;
use crate::observe::reasons::Reasons;
use crate::observe::recent::Recent;
use crate::observe::rows::Which;
use crate::observe::seconds::Places;
use crate::observe::table::ChangeSource;
use crate::observe::table::Table;
use crate::observe::tails::Tails;
use crate::observe::tails::UNTOLD;
use crate::observe::transactions::Transactions;
use crate::observe::truncations::Truncations;
use crate::observe::verdict::Discrepancies;
use crate::observe::whose::Whose;
use crate::sink::postgres::replication::Lsn;

/// Changes that are outstanding, at most; and the bytes that they take.
pub(super) const CHANGES_MAX: usize = 1 << 20;
pub(super) const BYTES_MAX: usize = 256 << 20;
/// What a change takes beside its values.
pub(super) const CHANGE_BYTES: usize = 160;
/// Of a table that need not come, so many changes are kept until one of them does.
const AWAITED_MAX: usize = 20_000;

/// Whether a change must come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Certainty {
    /// It must.
    Certain,
    /// Its statement changed fewer rows than it should have; which is not known.
    Short,
    /// Nobody can tell whether its transaction was committed.
    Unknown,
}

/// When something was due, sent and settled, on the run's clock.
#[derive(Debug, Clone, Copy)]
pub(super) struct Times {
    pub(super) due: u64,
    pub(super) sent: u64,
    pub(super) settled: u64,
    pub(super) is_measured: bool,
}

/// A change that was acknowledged and has not come.
#[derive(Debug)]
pub(super) struct Expected {
    pub(super) change: Change,
    pub(super) row: Box<[u8]>,
    pub(super) times: Times,
    pub(super) certainty: Certainty,
    pub(super) whose: Whose,
}

/// A change that has come and was not acknowledged.
#[derive(Debug)]
pub(super) struct Unacknowledged {
    pub(super) change: Change,
    pub(super) row: Box<[u8]>,
    pub(super) at: u64,
    pub(super) lsn: Lsn,
    /// By which partition: see [`Tails`].
    pub(super) partition: usize,
    /// The same came not long before.
    pub(super) is_again: bool,
    pub(super) whose: Whose,
}

/// What is outstanding of one row.
#[derive(Debug, Default)]
pub(super) struct Outstanding {
    pub(super) expected: VecDeque<Expected>,
    pub(super) seen: VecDeque<Unacknowledged>,
}

impl Outstanding {
    pub(super) fn is_empty(&self) -> bool {
        self.expected.is_empty() && self.seen.is_empty()
    }
}

/// Holds what came at one surface against what was acknowledged.
#[derive(Debug)]
pub(super) struct Judge {
    surface: String,
    /// Set if its tables are looked at now and then: the columns of their keys.
    keys: Option<Vec<Vec<usize>>>,
    /// Whether what comes a second time comes from another place in the log.
    has_own_log: bool,
    /// What tells the run's rows from those of other runs, where rows say whose they are.
    run: i64,
    tables: Vec<Option<Table>>,
    outstanding: usize,
    bytes: usize,
    high: Histogram,
    freshness: Histogram,
    /// Since the last look.
    recent: Places,
    came: Recent,
    truncations: Truncations,
    counts: Counts,
    /// What came again, and what is not there any more.
    copies: Copies,
    gone: Vec<(RowChange, Lsn)>,
    pub(super) faults: Discrepancies,
    /// What a sink may hold back of what comes here, if one writes that.
    pub(super) tails: Option<Tails>,
    /// Transactions as the connectors tell of them, if they do.
    pub(super) transactions: Option<Transactions>,
    /// Rows of snapshots that were noted.
    pub(super) snapshot_rows: u64,
    /// Values that could not be compared, by table and column.
    unknown: BTreeMap<(TableId, usize), u64>,
    /// What came, for those who judge later.
    pub(super) notes: Notes,
    invalid_because: Reasons,
    /// Tables that need not come, and do not.
    absent: Vec<String>,
}

impl Judge {
    /// For the surface of a name. `place_of` tells where a domain's changes come from, if they come there.
    pub(super) fn new(
        catalog: &Catalog,
        surface: &str,
        place_of: impl Fn(usize) -> Option<ChangeSource>,
    ) -> Self {
        let mut recent = Places::default();
        let mut table = |(id, info): (TableId, &TableInfo)| {
            let ChangeSource { database, slot } = place_of(info.domain)?;
            let at = recent.number(surface, (&database, &slot));
            info.is_row().then(|| Table::new((info, catalog.is_own(id)), &database, at))
        };
        let tables = catalog.all().map(&mut table).collect();
        Self {
            surface: surface.to_owned(),
            keys: None,
            has_own_log: false,
            run: catalog.run,
            tables,
            outstanding: 0,
            bytes: 0,
            high: Histogram::fine(),
            freshness: Histogram::fine(),
            recent,
            came: Recent::default(),
            truncations: Truncations::default(),
            counts: Counts::default(),
            copies: Copies::default(),
            gone: Vec::new(),
            faults: Discrepancies::default(),
            tails: None,
            transactions: None,
            snapshot_rows: 0,
            unknown: BTreeMap::new(),
            notes: Notes::beside(catalog),
            invalid_because: Reasons::default(),
            absent: Vec::new(),
        }
    }

    /// Canaries that nobody asked for need not come where nobody captures them.
    pub(super) fn let_canaries_stay_away(&mut self) {
        let canaries = self.tables.iter_mut().flatten().filter(|table| table.is_apart);
        canaries.for_each(|table| table.is_awaited = true);
    }

    /// The verdict will say nothing, for this reason.
    pub(super) fn spoil(&mut self, reason: impl Into<String>) {
        self.invalid_because.add(reason);
    }

    /// How many changes have come or were acknowledged, and not both.
    pub(super) fn outstanding(&self) -> usize {
        self.outstanding
    }

    /// Whether all that was acknowledged has come, and nothing else.
    pub(super) fn is_settled(&self) -> bool {
        self.outstanding == 0
    }

    /// The places of what comes here are those of the surface's own log.
    pub(super) fn has_own_log(&mut self) {
        self.has_own_log = true;
    }

    /// Whether changes of a table come here.
    pub(super) fn sees(&self, table: TableId) -> bool {
        self.tables.get(usize::from(table.0)).is_some_and(Option::is_some)
    }

    /// Whether a row says that it is another run's. One that says nothing is somebody's who meddles.
    pub(super) fn is_foreign(&self, change: &RowChange) -> bool {
        let table = self.tables.get(usize::from(change.table.0)).and_then(Option::as_ref);
        let run = table.and_then(|table| table.run_of(&change.row));
        run.is_some_and(|run| run != 0 && run != self.run)
    }

    /// A change of a table that comes here was acknowledged, or may have been made.
    pub(super) fn expect(&mut self, change: RowChange, times: Times, certainty: Certainty) {
        if self.is_given_up(change.table) {
            return;
        }
        let weight = self.weight(change.table) * u64::from(certainty == Certainty::Certain);
        self.sums(change.table).expected += weight;
        if !self.is_looked_for(change.table, change.change, &change.row) {
            self.sums(change.table).passed_over += weight;
            return;
        }
        let RowChange { table, change, key, row, whose } = change;
        let Some(Some(of)) = self.tables.get_mut(usize::from(table.0)) else { return };
        let bytes = key.len() + row.len() + CHANGE_BYTES;
        // Of what a sink hands over it may be that nobody knows what came first.
        let is_ordered = self.tails.is_none();
        let come = of.rows.with(Which::new(table, &key), |place| {
            let expected = Expected { change, row, times, certainty, whose };
            if place.expected.is_empty()
                && let Some(seen) = place.seen.pop_front_if(|seen| expected.is(seen))
            {
                return Ok(seen);
            }
            place.expected.push_back(expected);
            let both = (place.expected.len(), place.seen.len());
            Err(is_ordered.then(|| place.older(both)).flatten())
        });
        let seen = match come {
            Ok(seen) => seen,
            Err(older) => return self.keep((table, &key), bytes, older),
        };
        self.forget(key.len() + seen.row.len());
        self.reached((table, seen.partition), &times);
        self.matched((table, change), &times, certainty, (seen.at, seen.at));
    }

    /// A change has come.
    pub(super) fn see(&mut self, change: RowChange, at: u64, lsn: Lsn) {
        self.see_in(UNTOLD, change, (at, lsn));
    }

    /// The same in a partition.
    pub(super) fn see_in(&mut self, partition: usize, change: RowChange, (at, lsn): (u64, Lsn)) {
        if !self.sees(change.table) {
            return;
        }
        let weight = self.weight(change.table);
        self.sums(change.table).observed += weight;
        let RowChange { table, change, key, row, whose } = change;
        let Some(Some(of)) = self.tables.get_mut(usize::from(table.0)) else { return };
        of.is_awaited = false;
        let which = Which::new(table, &key);
        let place = if self.has_own_log { Lsn::default() } else { lsn };
        let is_again = self.came.came(which.number(), (change, place), &row);
        let bytes = key.len() + row.len() + CHANGE_BYTES;
        let is_ordered = self.tails.is_none();
        let expected = of.rows.with(which, |place| {
            let seen = Unacknowledged { change, row, at, lsn, partition, is_again, whose };
            if place.seen.is_empty()
                && let Some(expected) = place.expected.pop_front_if(|it| it.is(&seen))
            {
                return Ok(expected);
            }
            place.seen.push_back(seen);
            let both = (place.seen.len(), place.expected.len());
            Err(is_ordered.then(|| place.older(both)).flatten())
        });
        let expected = match expected {
            Ok(expected) => expected,
            Err(older) => return self.keep((table, &key), bytes, older),
        };
        self.forget(key.len() + expected.row.len());
        self.reached((table, partition), &expected.times);
        self.matched((table, change), &expected.times, expected.certainty, (at, at));
    }

    /// A change of a row is outstanding, and takes so many bytes; what lies before it may be judged by now.
    fn keep(&mut self, of: (TableId, &[u8]), bytes: usize, older: Option<Older>) {
        self.outstanding += 1;
        self.bytes += bytes;
        if let Some(older) = older {
            self.settle_older(of, older);
        }
        if self.outstanding > CHANGES_MAX || self.bytes > BYTES_MAX {
            self.spoil(format!(
                "more than {CHANGES_MAX} changes, or {} MB, were outstanding between what was \
                 acknowledged and what was observed; no more are kept, so the rest was not judged",
                BYTES_MAX >> 20
            ));
            self.tables.iter_mut().flatten().for_each(|table| table.rows.clear());
            (self.outstanding, self.bytes) = (0, 0);
        }
    }

    /// A change is not outstanding any more; its key and row took so many bytes.
    fn forget(&mut self, bytes: usize) {
        self.outstanding -= 1;
        self.bytes = self.bytes.saturating_sub(bytes + CHANGE_BYTES);
    }

    /// One that was expected has come, between two moments.
    fn matched(
        &mut self,
        (table, change): (TableId, Change),
        times: &Times,
        certainty: Certainty,
        (since, at): (u64, u64),
    ) {
        let weight = self.weight(table);
        self.sums(table).expected += weight * u64::from(certainty != Certainty::Certain);
        let Some(Some(table)) = self.tables.get_mut(usize::from(table.0)) else { return };
        if certainty == Certainty::Unknown {
            return;
        }
        let high = at.saturating_sub(times.sent);
        let freshness = at.saturating_sub(times.due);
        if table.is_apart {
            self.recent.sang(table.at, high);
        } else {
            self.recent.came(table.at, (high, freshness));
        }
        if !times.is_measured {
            return;
        }
        table.lags[change as usize].between(times, (since, at));
        if !table.is_apart {
            self.high.record(high);
            self.freshness.record(freshness);
        }
    }

    /// What is counted of a table.
    fn sums(&mut self, table: TableId) -> &mut Verification {
        let table = self.tables.get(usize::from(table.0)).and_then(Option::as_ref);
        self.counts.of(table.is_some_and(|table| table.is_own))
    }

    /// Whether a table that need not come is not waited for any more.
    fn is_given_up(&mut self, table: TableId) -> bool {
        let Some(place) = self.tables.get_mut(usize::from(table.0)) else { return false };
        let outstanding =
            |it: &Table| it.rows.iter().map(|(_, it)| it.expected.len()).sum::<usize>();
        let is_enough = |it: &mut Table| it.is_awaited && outstanding(it) >= AWAITED_MAX;
        let Some(gone) = place.take_if(is_enough) else { return place.is_none() };
        self.outstanding -= outstanding(&gone);
        let waited = |(key, it): (&[u8], &Outstanding)| {
            it.expected.iter().map(|it| key.len() + it.row.len() + CHANGE_BYTES).sum::<usize>()
        };
        self.bytes = self.bytes.saturating_sub(gone.rows.iter().map(waited).sum());
        self.absent.push(gone.name);
        true
    }

    /// For how much a change of a table counts.
    fn weight(&self, table: TableId) -> u64 {
        let table = self.tables.get(usize::from(table.0)).and_then(Option::as_ref);
        u64::from(table.is_none_or(|table| !table.is_apart))
    }

    /// Looks for the oldest that is missing. Returns how late changes came since the last look, in all and in
    /// each database.
    pub(super) fn look(&mut self, now: u64) -> (LiveLag, Vec<LagPlace>) {
        for table in self.tables.iter_mut().flatten().filter(|table| !table.is_awaited) {
            for expected in table.rows.iter().flat_map(|(_, place)| &place.expected) {
                if expected.certainty != Certainty::Certain {
                    continue;
                }
                let age = now.saturating_sub(expected.times.settled);
                self.recent.misses(table.at, age);
                let oldest = &mut table.lags[expected.change as usize].oldest_missing_max_ns;
                *oldest = (*oldest).max(age);
            }
        }
        self.notes.flush();
        self.recent.take()
    }
}
