//! What is not as it should be: which, and the first of them.

use crate::action::Catalog;
use crate::action::TableId;
use crate::measure::EXAMPLES_MAX;
use crate::measure::Example;
use crate::measure::Verification;
use crate::observe::RowChange;
use crate::observe::cells::agree;
use crate::observe::cells::show;
use crate::observe::judge::Certainty;
use crate::observe::judge::Place;
use crate::observe::settle::Found;
use crate::observe::settle::settle;
use crate::observe::table::operation;
use crate::observe::truncations::Truncations;
use crate::sink::postgres::replication::Lsn;

/// The first faults.
#[derive(Debug, Default)]
pub(super) struct Faults {
    first: Vec<Fault>,
}

#[derive(Debug)]
struct Fault {
    class: &'static str,
    table: TableId,
    key: Box<[u8]>,
    operation: &'static str,
    expected: Option<Box<[u8]>>,
    seen: Option<Box<[u8]>>,
    lsn: Option<Lsn>,
}

impl Faults {
    pub(super) fn doubled(&mut self, change: &RowChange, lsn: Lsn) {
        self.add(|| Fault {
            class: "doubled",
            table: change.table,
            key: change.key.clone(),
            operation: operation(change.change),
            expected: None,
            seen: Some(change.row.clone()),
            lsn: Some(lsn),
        });
    }

    fn truncated(&mut self, class: &'static str, table: TableId, lsn: Option<Lsn>) {
        self.add(|| Fault {
            class,
            table,
            key: Box::default(),
            operation: "truncate",
            expected: lsn.is_none().then(Box::default),
            seen: lsn.map(|_| Box::default()),
            lsn,
        });
    }

    /// Judges what is left of truncations.
    pub(super) fn judge_truncations(
        &mut self,
        truncations: Truncations,
        is_complete: bool,
        verification: &mut Verification,
    ) {
        let class = if is_complete { "lost" } else { "pending" };
        for (table, missing, phantoms) in truncations.odd() {
            *count(verification, class) += missing as u64;
            (0..missing).for_each(|_| self.truncated(class, table, None));
            verification.phantom += phantoms.len() as u64;
            for lsn in phantoms {
                self.truncated("phantom", table, Some(lsn));
            }
        }
    }

    fn add(&mut self, fault: impl FnOnce() -> Fault) {
        if self.first.len() < EXAMPLES_MAX {
            self.first.push(fault());
        }
    }

    /// Judges what is left of a row. Those that belong together after all are added to `matched`.
    pub(super) fn judge(
        &mut self,
        (table, key, is_complete): (TableId, &[u8], bool),
        place: &mut Place,
        verification: &mut Verification,
        matched: &mut Vec<(usize, usize)>,
    ) {
        let (expected, seen) = (place.expected.make_contiguous(), place.seen.make_contiguous());
        let is_same_kind = |one: usize, other: usize| expected[one].change == seen[other].change;
        let found = settle(
            expected.len(),
            seen.len(),
            |one, other| is_same_kind(one, other) && agree(&expected[one].row, &seen[other].row),
            |one, other| is_same_kind(one, other) && expected[one].certainty == Certainty::Certain,
        );
        for found in found {
            let (class, one, other) = match found {
                Found::Same(one, other) => {
                    matched.push((one, other));
                    continue;
                }
                Found::Reordered(one, other) => ("reordered", Some(one), Some(other)),
                Found::Wrong(one, other) => ("wrong", Some(one), Some(other)),
                Found::Phantom(other) if seen[other].is_again => {
                    // Each is counted once.
                    verification.observed = verification.observed.saturating_sub(1);
                    ("doubled", None, Some(other))
                }
                Found::Phantom(other) => ("phantom", None, Some(other)),
                Found::Missing(one) => match expected[one].certainty {
                    Certainty::Short => continue,
                    Certainty::Certain if is_complete => ("lost", Some(one), None),
                    Certainty::Certain | Certainty::Unknown => ("pending", Some(one), None),
                },
            };
            *count(verification, class) += 1;
            let change = one.map(|at| expected[at].change).or(other.map(|at| seen[at].change));
            self.add(|| Fault {
                class,
                table,
                key: key.into(),
                operation: change.map_or("", operation),
                expected: one.map(|at| expected[at].row.clone()),
                seen: other.map(|at| seen[at].row.clone()),
                lsn: other.map(|at| seen[at].lsn),
            });
        }
    }

    /// For people. `names` are those of the tables, by number.
    pub(super) fn examples(
        self,
        surface: &str,
        catalog: &Catalog,
        names: &[String],
    ) -> Vec<Example> {
        let example = |fault: Fault| {
            let table = catalog.table(fault.table);
            let keys: Vec<_> = table.key.iter().map(|at| table.columns[*at].clone()).collect();
            let keys = if keys.is_empty() { table.columns.as_slice() } else { keys.as_slice() };
            let values = |row: &[u8]| match show(row, &table.columns, true) {
                text if text.is_empty() => fault.operation.to_owned(),
                text => text,
            };
            Example {
                class: fault.class,
                surface: surface.to_owned(),
                table: names.get(usize::from(fault.table.0)).cloned().unwrap_or_default(),
                key: show(&fault.key, keys, false),
                operation: fault.operation,
                expected: fault.expected.as_deref().map(values),
                seen: fault.seen.as_deref().map(values),
                lsn: fault.lsn.map(|lsn| lsn.to_string()),
            }
        };
        self.first.into_iter().map(example).collect()
    }
}

fn count<'a>(verification: &'a mut Verification, class: &str) -> &'a mut u64 {
    match class {
        "reordered" => &mut verification.reordered,
        "wrong" => &mut verification.wrong,
        "phantom" => &mut verification.phantom,
        "doubled" => &mut verification.doubled,
        "lost" => &mut verification.lost,
        _ => &mut verification.pending,
    }
}

#[cfg(test)]
mod tests {
    use super::super::judge::Judge;
    use super::super::judge::Times;
    use super::super::table::Origin;
    use super::*;
    use crate::action::Change;
    use crate::action::TableInfo;
    use crate::observe::cells;
    use crate::schema::ColumnType;

    fn catalog() -> Catalog {
        let table = TableInfo {
            target: 0,
            domain: 0,
            database: "shop".to_owned(),
            namespace: "public".to_owned(),
            name: "t".to_owned(),
            columns: vec![
                ("id".to_owned(), ColumnType::Integer),
                ("x".to_owned(), ColumnType::Integer),
            ],
            hidden: Vec::new(),
            key: vec![0],
            shared: false,
            way: 0,
            same_as: None,
            is_sent: true,
            event: None,
        };
        Catalog { tables: vec![table], ..Catalog::default() }
    }

    fn change(change: Change, id: i32, x: i32) -> RowChange {
        let cell = |value: i32| {
            let mut cell = Vec::new();
            cells::push(ColumnType::Integer, &value.to_be_bytes(), &mut cell);
            cell
        };
        let row = if change == Change::Delete { Vec::new() } else { [cell(id), cell(x)].concat() };
        RowChange { table: TableId(0), change, key: cell(id).into(), row: row.into() }
    }

    fn judge() -> Judge {
        let shop = || Origin { database: "shop".to_owned(), slot: String::new() };
        Judge::new(&catalog(), "changes", |_| Some(shop()))
    }

    fn times(sent: u64) -> Times {
        Times { due: sent, sent, settled: sent + 5, is_measured: true }
    }

    /// Expects each of `expected` and sees each of `seen`, the other way round if `is_early`.
    fn found(
        expected: &[RowChange],
        seen: &[RowChange],
        is_early: bool,
    ) -> crate::measure::SurfaceFindings {
        let mut judge = judge();
        let see = |judge: &mut Judge| {
            for (at, change) in (0..).zip(seen) {
                judge.see(change.clone(), 100 + at, Lsn(at));
            }
        };
        if is_early {
            see(&mut judge);
        }
        for (at, change) in (0..).zip(expected) {
            judge.expect(change.clone(), times(at), Certainty::Certain);
        }
        if !is_early {
            see(&mut judge);
        }
        judge.finish(&catalog(), true).0
    }

    #[test]
    fn whichever_comes_first_they_are_brought_together() {
        let all = [
            change(Change::Insert, 1, 1),
            change(Change::Update, 1, 2),
            change(Change::Delete, 1, 0),
        ];
        for is_early in [true, false] {
            let findings = found(&all, &all, is_early);
            let good = Verification { expected: 3, observed: 3, ..Verification::default() };
            assert_eq!(findings.verification, good);
            let lags: Vec<_> =
                findings.lags.iter().map(|lag| (lag.operation, lag.high.max)).collect();
            assert_eq!(lags, [("insert", 100), ("update", 100), ("delete", 100)]);
            assert_eq!(findings.lags[0].low.max, 95);
        }
    }

    #[test]
    fn each_fault_is_named_with_table_key_and_values() {
        let insert = change(Change::Insert, 1, 1);
        let (two, three) = (change(Change::Update, 1, 2), change(Change::Update, 1, 3));
        let all = [insert.clone(), two.clone(), three.clone()];
        let cases: [(&str, &[RowChange]); 5] = [
            ("lost", &[insert.clone(), three.clone()]),
            ("wrong", &[insert.clone(), change(Change::Update, 1, 9), three.clone()]),
            ("reordered", &[insert.clone(), three.clone(), two.clone()]),
            ("doubled", &[insert.clone(), two.clone(), two.clone(), three.clone()]),
            ("phantom", &[insert, two, three, change(Change::Delete, 1, 0)]),
        ];
        for (class, seen) in cases {
            let found = found(&all, seen, false).verification;
            let counts = [found.lost, found.wrong, found.reordered, found.phantom, found.doubled];
            assert_eq!(counts.iter().sum::<u64>(), 1, "{class}: {found:?}");
            let example = &found.examples[0];
            assert_eq!((example.class, example.key.as_str()), (class, "1"));
            assert_eq!(example.table, "shop.public.t");
        }
        let wrong = found(&all[..1], &[change(Change::Insert, 1, 7)], false).verification;
        assert_eq!(wrong.examples[0].expected.as_deref(), Some("id=1, x=1"));
        assert_eq!(wrong.examples[0].seen.as_deref(), Some("id=1, x=7"));
    }

    #[test]
    fn what_may_have_been_is_judged_by_what_came() {
        let mut judge = judge();
        let insert = |id| change(Change::Insert, id, 1);
        judge.expect(insert(1), times(0), Certainty::Unknown);
        judge.expect(insert(2), times(0), Certainty::Unknown);
        judge.expect(insert(3), times(0), Certainty::Short);
        judge.expect(insert(4), times(0), Certainty::Certain);
        judge.take_back(&insert(4));
        judge.see(insert(1), 50, Lsn(1));
        let found = judge.finish(&catalog(), true).0.verification;
        assert_eq!((found.expected, found.observed, found.pending), (1, 1, 1));
        assert_eq!((found.lost, found.phantom), (0, 0));
    }

    #[test]
    fn what_came_again_was_replayed_only_after_a_restart() {
        let mut judge = judge();
        let insert = change(Change::Insert, 1, 1);
        judge.repeated(std::slice::from_ref(&insert), true, Lsn(1));
        judge.repeated(&[insert], false, Lsn(1));
        let found = judge.finish(&catalog(), true).0.verification;
        assert_eq!((found.replayed, found.doubled, found.examples.len()), (1, 1, 1));
    }
}
