//! The end: what is left of each row is judged.

use std::cmp::Reverse;
use std::collections::BTreeMap;

use crate::action::Catalog;
use crate::action::Change;
use crate::action::TableId;
use crate::measure::Deviation;
use crate::measure::NotCompared;
use crate::measure::SurfaceFindings;
use crate::observe::judge::Expected;
use crate::observe::judge::Judge;
use crate::observe::judge::Times;
use crate::observe::table::Table;
use crate::observe::tails::Tails;
use crate::observe::verdict::Scope;

impl Judge {
    /// A table's topic has so many partitions at least.
    pub(in crate::observe) fn has_partitions(&mut self, table: TableId, count: usize) {
        self.tails.iter_mut().for_each(|tails| tails.has(table, count));
    }

    /// Whether what comes by a partition is in no order.
    pub(in crate::observe) fn is_loose(&self, partition: usize) -> bool {
        self.tails.is_some() && Tails::is_loose(partition)
    }

    /// So many values of some columns cannot be compared.
    pub(in crate::observe) fn leaves_open(&mut self, unknown: &BTreeMap<(TableId, usize), u64>) {
        for (at, count) in unknown {
            *self.unknown.entry(*at).or_default() += count;
        }
    }

    /// Ends the notes with what could not be compared, but for what is of our own tables: steps give them columns, and
    /// take them. Returns what that is.
    fn end_notes(&mut self, catalog: &Catalog, is_complete: bool) -> Vec<NotCompared> {
        let mut all = Vec::new();
        for ((table, column), values) in std::mem::take(&mut self.unknown) {
            let of = self.tables.get(usize::from(table.0)).and_then(Option::as_ref);
            let Some(of) = of.filter(|it| !it.is_own) else { continue };
            let column_name = catalog.table(table).columns[column].0.clone();
            let (surface, table_name) = (self.surface.clone(), of.name.clone());
            all.push(NotCompared { surface, table: table_name, column: column_name, values });
            self.notes.uncompared((table, column), values);
        }
        if is_complete {
            self.notes.end();
        }
        all
    }

    pub(super) fn reached(&mut self, place: (TableId, usize), times: &Times) {
        self.tails.iter_mut().for_each(|tails| tails.came(place, times.sent));
    }

    /// Tables of our own do not come here.
    pub(in crate::observe) fn leave_out_own(&mut self, catalog: &Catalog) {
        let own = catalog.all().map(|it| it.0).filter(|it| catalog.is_own(*it));
        own.for_each(|own| self.tables[usize::from(own.0)] = None);
    }

    /// Leaves out the tables that need not come, and did not. Returns what they are called.
    pub(in crate::observe) fn leave_out_absent(&mut self) -> Vec<String> {
        for place in &mut self.tables {
            // One that nothing happened to is not missed.
            let is_absent = |it: &mut Table| it.is_awaited && !it.rows.is_empty();
            self.absent.extend(place.take_if(is_absent).map(|table| table.name));
        }
        std::mem::take(&mut self.absent)
    }

    /// Of what is missing of a table and may be held back, only so much is as can be: the rest, which is older, is lost.
    fn hold(&mut self, (table, is_own): (TableId, bool), mut held: Vec<(Box<[u8]>, Expected)>) {
        let most = self.tails.as_ref().map_or(0, |tails| tails.most(table));
        held.sort_by_key(|(_, expected)| Reverse(expected.times.settled));
        for (newer, (key, expected)) in held.into_iter().enumerate() {
            let class = if newer < most { Deviation::Pending } else { Deviation::Lost };
            if class == Deviation::Pending {
                self.notes.held(table, &key);
            }
            *self.counts.of(is_own).of(class) += 1;
            self.faults.missing(class, (table, key), expected);
        }
    }

    /// Judges what is left, and says why that means nothing, if it does not. `is_complete` says that the
    /// surface was read to its end; otherwise what did not come is pending.
    pub(in crate::observe) fn finish(
        mut self,
        catalog: &Catalog,
        is_complete: bool,
    ) -> (SurfaceFindings, Vec<String>) {
        self.lose();
        if self.keys.is_some() {
            self.leave_to_the_end();
        }
        for number in 0..self.tables.len() {
            let id = TableId::of(number);
            let Some(Some(table)) = self.tables.get_mut(number) else { continue };
            let (is_apart, is_own) = (table.is_apart, table.is_own);
            let mut held = Vec::new();
            for (key, mut place) in table.rows.take() {
                let tails = self.tails.as_ref();
                let scope = Scope { table: id, key: &key, is_complete, is_apart, tails };
                let mut left = self.faults.judge(scope, &mut place, self.counts.of(is_own));
                left.held.sort_unstable();
                for (expected, seen) in left.matched {
                    let Expected { change, times, certainty, .. } = &place.expected[expected];
                    let at = place.seen[seen].at;
                    self.matched((id, *change), times, *certainty, (at, at));
                }
                let expected = std::mem::take(&mut place.expected).into_iter().enumerate();
                let is_held = expected.filter(|(at, _)| left.held.binary_search(at).is_ok());
                held.extend(is_held.map(|(_, expected)| (key.clone(), expected)));
            }
            self.hold((id, is_own), held);
        }
        let not_compared = self.end_notes(catalog, is_complete);
        let truncations = std::mem::take(&mut self.truncations);
        for (table, unsure, missing, phantoms) in truncations.odd() {
            let is_own = self.tables.get(usize::from(table.0)).and_then(Option::as_ref);
            let sums = self.counts.of(is_own.is_some_and(|table| table.is_own));
            self.faults.judge_truncations(table, (unsure, missing, phantoms), is_complete, sums);
        }
        let mut transactions = std::mem::take(&mut self.transactions);
        for odd in transactions.iter_mut().flat_map(|it| it.end(is_complete)) {
            self.faults.transaction(odd, self.counts.of(true));
        }
        let snapshot_rows = self.snapshot_rows;
        let Self { surface, tables, high, freshness, counts, faults, invalid_because, .. } = self;
        let mut lags = Vec::new();
        let mut names = Vec::new();
        for table in tables {
            let Some(table) = table else {
                names.push(String::new());
                continue;
            };
            let kinds = [Change::Insert, Change::Update, Change::Delete];
            lags.extend(kinds.into_iter().filter_map(|change| table.lag(&surface, change)));
            names.push(table.name);
        }
        lags.extend(transactions.iter().flat_map(|it| it.lags(&surface)));
        let (mut verification, own) = counts.end();
        verification.not_compared = not_compared;
        verification.examples = faults.examples(&surface, catalog, &names);
        let found = SurfaceFindings {
            surface,
            lags,
            high,
            freshness,
            verification,
            own,
            snapshot_rows,
            is_of_events: false,
        };
        (found, invalid_because.all())
    }
}
