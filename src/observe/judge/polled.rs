//! Tables that are looked at now and then: what is there is a version of each row, and those before it may have been
//! passed over.

use crate::action::Catalog;
use crate::action::Change;
use crate::action::TableId;
use crate::observe::cells::agree;
use crate::observe::cells::pieces;
use crate::observe::judge::Certainty;
use crate::observe::judge::Expected;
use crate::observe::judge::Judge;
use crate::observe::rows::Which;

impl Judge {
    /// What is outstanding is looked for in the tables themselves; those without a key are looked at only in the end.
    pub(in crate::observe) fn is_polled(&mut self, catalog: &Catalog) {
        self.keys = Some(catalog.all().map(|(_, table)| table.key.clone()).collect());
        self.leave_out_own(catalog);
    }

    /// Whether a change can be found by looking at its row.
    pub(super) fn is_looked_for(&self, table: TableId, change: Change, row: &[u8]) -> bool {
        let Some(keys) = &self.keys else { return true };
        let key = &keys[usize::from(table.0)];
        // Of what is computed from the old value nothing is known.
        let mut told = pieces(row).enumerate().filter(|(_, (_, cell))| cell.is_some());
        let is_told = told.any(|(column, _)| !key.contains(&column));
        !key.is_empty() && (change != Change::Update || is_told)
    }

    /// The keys of a table whose rows are not as they must become yet: so many of the oldest at most.
    pub(in crate::observe) fn wanted(&self, table: TableId, at_most: usize) -> Vec<Box<[u8]>> {
        let Some(Some(of)) = self.tables.get(usize::from(table.0)) else { return Vec::new() };
        let rows = of.rows.iter();
        let mut all: Vec<_> = rows
            .filter_map(|(key, place)| Some((place.expected.front()?.times.settled, key)))
            .collect();
        if all.len() > at_most {
            all.select_nth_unstable(at_most);
            all.truncate(at_most);
        }
        all.into_iter().map(|(_, key)| key.into()).collect()
    }

    /// A row was looked at, and was this, or was not there; and was something else when it was looked at `since`.
    pub(in crate::observe) fn looked(
        &mut self,
        (table, key): (TableId, &[u8]),
        row: Option<&[u8]>,
        (since, at): (u64, u64),
    ) {
        let Some(Some(of)) = self.tables.get_mut(usize::from(table.0)) else { return };
        let is_it = |expected: &Expected| match (row, expected.change) {
            (None, change) => change == Change::Delete,
            (Some(_), Change::Delete) => false,
            (Some(row), _) => agree(&expected.row, row),
        };
        let come = of.rows.with(Which::new(table, key), |place| {
            let last = place.expected.iter().rposition(is_it)?;
            Some(place.expected.drain(..=last).collect::<Vec<_>>())
        });
        let Some(come) = come else { return };
        let last = come.len() - 1;
        // A row that is not there may be one that has gone, or one that has not come yet.
        let was_never_seen = row.is_none() && come.iter().any(|it| it.change == Change::Insert);
        for (number, expected) in come.into_iter().enumerate() {
            let Expected { change, row, times, certainty, .. } = expected;
            self.forget(key.len() + row.len());
            let sums = self.sums(table);
            if certainty == Certainty::Certain && was_never_seen {
                sums.passed_over += 1;
                continue;
            }
            if certainty == Certainty::Certain && number < last {
                sums.passed_over += 1;
            } else {
                sums.observed += 1;
            }
            self.matched((table, change), &times, certainty, (since.max(times.settled), at));
        }
    }

    /// What was not found until the end: how a row stands then is judged apart.
    pub(super) fn leave_to_the_end(&mut self) {
        let mut left = 0;
        for table in self.tables.iter_mut().flatten() {
            let expected = table.rows.iter().flat_map(|(_, place)| &place.expected);
            left += expected.filter(|it| it.certainty == Certainty::Certain).count() as u64;
            table.rows.clear();
        }
        self.counts.of(false).pending += left;
    }
}

#[cfg(test)]
mod tests {
    use crate::action::Catalog;
    use crate::action::Change;
    use crate::action::TableId;
    use crate::action::TableInfo;
    use crate::observe::RowChange;
    use crate::observe::cells;
    use crate::observe::judge::Certainty;
    use crate::observe::judge::Judge;
    use crate::observe::judge::Times;
    use crate::observe::table::ChangeSource;
    use crate::observe::whose::Whose;
    use crate::schema::ColumnType;

    /// A copy that is behind shows no row that has come and gone, and none that has not come yet: nobody can tell when
    /// it went.
    #[test]
    fn a_row_that_was_never_seen_has_no_time_at_which_it_went() {
        let columns = [("id", ColumnType::Integer)];
        let table = TableInfo { key: vec![0], ..TableInfo::with_columns("t", &columns) };
        let catalog = Catalog { tables: vec![table], ..Catalog::default() };
        let origin = |_| Some(ChangeSource { database: "shop".to_owned(), slot: String::new() });
        let mut judge = Judge::new(&catalog, "copy", origin);
        judge.is_polled(&catalog);
        let mut key = Vec::new();
        cells::push(ColumnType::Integer, &7_i32.to_be_bytes(), &mut key);
        for change in [Change::Insert, Change::Delete] {
            let (table, whose) = (TableId(0), Whose::Untold);
            let row = if change == Change::Insert { key.as_slice().into() } else { Box::default() };
            let change = RowChange { table, change, key: key.as_slice().into(), row, whose };
            let times = Times { due: 1, sent: 2, settled: 3, is_measured: true };
            judge.expect(change, times, Certainty::Certain);
        }
        judge.looked((TableId(0), &key), None, (10, 20));
        let found = judge.finish(&catalog, true).0;
        assert_eq!(found.lags.len(), 0, "{:?}", found.lags);
        assert_eq!((found.verification.observed, found.verification.passed_over), (0, 2));
    }
}
