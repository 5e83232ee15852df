//! A row that is changed all the time: what differs in it must not be outstanding, with all that is behind it, until the
//! end.

use crate::action::Change;
use crate::action::TableId;
use crate::observe::cells::agree;
use crate::observe::judge::Expected;
use crate::observe::judge::Judge;
use crate::observe::judge::Outstanding;
use crate::observe::judge::Unacknowledged;
use crate::observe::settle::Settled;
use crate::observe::settle::settle;
use crate::observe::verdict::Scope;
use crate::observe::whose::Whose;

/// So many changes of a row on both sides are compared before the end.
const MANY: usize = 1 << 10;

/// What of a row can be judged by now.
#[derive(Debug)]
pub(super) struct Older {
    /// What lies before changes that belong together again.
    place: Outstanding,
    /// Those behind it that do.
    matched: Vec<(Expected, Unacknowledged)>,
}

impl Expected {
    /// Whether a change that came is this one.
    pub(super) fn is(&self, seen: &Unacknowledged) -> bool {
        self.agrees((seen.change, &seen.row), &seen.whose)
    }

    /// The same of one that is not kept yet.
    pub(super) fn agrees(&self, (change, row): (Change, &[u8]), whose: &Whose) -> bool {
        self.change == change && agree(&self.row, row) && self.whose.fits(whose)
    }
}

impl Outstanding {
    /// Takes what can be judged, once one side has grown to so many, and the other has as many.
    pub(super) fn older(&mut self, (grown, other): (usize, usize)) -> Option<Older> {
        if grown < MANY || !grown.is_power_of_two() || other < grown {
            return None;
        }
        let (expected, seen) = (self.expected.make_contiguous(), self.seen.make_contiguous());
        // What came last may only be early.
        let (one_max, other_max) = (expected.len() / 4 * 3, seen.len() / 4 * 3);
        let found = settle(
            expected.len(),
            seen.len(),
            |one, other| expected[one].is(&seen[other]),
            |_, _| false,
        );
        let mut same = found.iter().filter_map(|found| match found {
            Settled::Same(one, other) if *one < one_max && *other < other_max => {
                Some((*one, *other))
            }
            _ => None,
        });
        let (one, other) = same.next_back()?;
        let place = Outstanding {
            expected: self.expected.drain(..=one).collect(),
            seen: self.seen.drain(..=other).collect(),
        };
        let mut matched = Vec::new();
        while let Some((expected, seen)) = self.expected.front().zip(self.seen.front())
            && expected.is(seen)
        {
            matched.extend(self.expected.pop_front().zip(self.seen.pop_front()));
        }
        Some(Older { place, matched })
    }
}

impl Judge {
    /// Judges what lies before changes of a row that belong together again.
    pub(super) fn settle_older(&mut self, (table, key): (TableId, &[u8]), older: Older) {
        let Older { mut place, matched } = older;
        let Some(Some(of)) = self.tables.get(usize::from(table.0)) else { return };
        let (is_apart, is_own) = (of.is_apart, of.is_own);
        let (is_complete, tails) = (true, None);
        let scope = Scope { table, key, is_complete, is_apart, tails };
        let left = self.faults.judge(scope, &mut place, self.counts.of(is_own));
        for (one, other) in left.matched {
            self.met((table, place.expected[one].change), &place.expected[one], &place.seen[other]);
        }
        for (expected, seen) in &matched {
            self.met((table, expected.change), expected, seen);
        }
        let (expected, seen) = (place.expected.iter(), place.seen.iter());
        let rows = expected.map(|it| it.row.len()).chain(seen.map(|it| it.row.len()));
        let behind = matched.iter().flat_map(|it| [it.0.row.len(), it.1.row.len()]);
        for row in rows.chain(behind).collect::<Vec<_>>() {
            self.forget(key.len() + row);
        }
    }

    fn met(&mut self, of: (TableId, Change), expected: &Expected, seen: &Unacknowledged) {
        self.reached((of.0, seen.partition), &expected.times);
        self.matched(of, &expected.times, expected.certainty, (seen.at, seen.at));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::action::Catalog;
    use crate::action::TableInfo;
    use crate::measure::Verification;
    use crate::observe::RowChange;
    use crate::observe::cells;
    use crate::observe::judge::Certainty;
    use crate::observe::judge::Times;
    use crate::observe::table::ChangeSource;
    use crate::observe::tails::Tails;
    use crate::observe::whose::Whose;
    use crate::schema::ColumnType;
    use crate::sink::postgres::replication::Lsn;

    fn judge() -> (Judge, Catalog) {
        let columns = [("id", ColumnType::Integer), ("x", ColumnType::Integer)];
        let table = TableInfo { key: vec![0], ..TableInfo::with_columns("t", &columns) };
        let catalog = Catalog { tables: vec![table], ..Catalog::default() };
        let origin = |_| Some(ChangeSource { database: "shop".to_owned(), slot: String::new() });
        (Judge::new(&catalog, "changes", origin), catalog)
    }

    fn change(x: i32) -> RowChange {
        let cell = |value: i32| {
            let mut cell = Vec::new();
            cells::push(ColumnType::Integer, &value.to_be_bytes(), &mut cell);
            cell
        };
        let (key, row) = (cell(1).into(), [cell(1), cell(x)].concat().into());
        RowChange { table: TableId(0), change: Change::Update, key, row, whose: Whose::Untold }
    }

    fn expect(judge: &mut Judge, x: i32) -> u64 {
        let at = u64::try_from(x).unwrap();
        let times = Times { due: at, sent: at, settled: at, is_measured: true };
        judge.expect(change(x), times, Certainty::Certain);
        at
    }

    /// One row, changed all the time: some of its changes are lost, and one is altered.
    #[test]
    fn a_row_that_is_changed_all_the_time_is_judged_on_the_way() {
        let (mut judge, catalog) = judge();
        let (all, mut most) = (20_000, 0);
        for x in 0..all {
            let at = expect(&mut judge, x);
            match x {
                10 | 7_000 => {}
                9_000 => judge.see(change(-1), at, Lsn(at)),
                _ => judge.see(change(x), at, Lsn(at)),
            }
            most = most.max(judge.outstanding);
        }
        assert!(most < 4 * MANY, "{most} were outstanding");
        assert!(judge.outstanding < 2 * MANY && judge.bytes < 2 * MANY * 400);
        let found = judge.finish(&catalog, true).0;
        let lags: u64 = found.lags.iter().map(|lag| lag.high.count).sum();
        let found = Verification { examples: Vec::new(), ..found.verification };
        let expected = u64::try_from(all).unwrap();
        let right = Verification {
            expected,
            observed: expected - 2,
            lost: 2,
            wrong: 1,
            ..Verification::default()
        };
        assert_eq!((found, lags), (right, expected - 3));
    }

    /// Objects that tell no order may be read the wrong way round.
    #[test]
    fn what_comes_in_no_order_is_judged_as_a_whole() {
        let (mut judge, catalog) = judge();
        judge.tails = Some(Tails::new(1));
        (0..2_400).for_each(|x| _ = expect(&mut judge, x));
        for x in (1_200..2_400).chain(0..1_200) {
            judge.see(change(x), 5_000, Lsn(1));
        }
        let found = judge.finish(&catalog, true).0.verification;
        let right = Verification { expected: 2_400, observed: 2_400, ..Verification::default() };
        assert_eq!(found, right);
    }
}
