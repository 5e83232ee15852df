//! The end: what is left of each row is judged.

use crate::action::Catalog;
use crate::action::Change;
use crate::action::TableId;
use crate::measure::SurfaceFindings;
use crate::observe::judge::Expected;
use crate::observe::judge::Judge;
use crate::observe::table::Table;

impl Judge {
    /// Leaves out the tables that need not come, and did not. Returns what they are called.
    pub(in crate::observe) fn leave_out_absent(&mut self) -> Vec<String> {
        for place in &mut self.tables {
            // One that nothing happened to is not missed.
            let is_absent = |it: &mut Table| it.is_awaited && !it.rows.is_empty();
            self.absent.extend(place.take_if(is_absent).map(|table| table.name));
        }
        std::mem::take(&mut self.absent)
    }

    /// Judges what is left, and says why that means nothing, if it does not. `is_complete` says that the
    /// surface was read to its end; otherwise what did not come is pending.
    pub(in crate::observe) fn finish(
        mut self,
        catalog: &Catalog,
        is_complete: bool,
    ) -> (SurfaceFindings, Vec<String>) {
        if is_complete {
            self.notes.end();
        }
        if self.keys.is_some() {
            self.leave_to_the_end();
        }
        for number in 0..self.tables.len() {
            let id = TableId::of(number);
            let Some(Some(table)) = self.tables.get_mut(number) else { continue };
            let (is_apart, is_own) = (table.is_apart, table.is_own);
            for (key, mut place) in table.rows.take() {
                let mut matched = Vec::new();
                let scope = (id, &*key, is_complete, is_apart);
                self.faults.judge(scope, &mut place, self.counts.of(is_own), &mut matched);
                for (expected, seen) in matched {
                    let Expected { change, times, certainty, .. } = &place.expected[expected];
                    let at = place.seen[seen].at;
                    self.matched((id, *change), times, *certainty, (at, at));
                }
            }
        }
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
        verification.examples = faults.examples(&surface, catalog, &names);
        let is_of_events = false;
        let found = SurfaceFindings {
            surface,
            lags,
            high,
            freshness,
            verification,
            own,
            snapshot_rows,
            is_of_events,
        };
        (found, invalid_because.all())
    }
}
