//! What is told of rows that are not as they should be.

use super::super::judge::Judge;
use super::super::judge::Times;
use super::super::table::ChangeSource;
use super::*;
use crate::action::Change;
use crate::action::TableInfo;
use crate::measure::EXAMPLES_MAX;
use crate::observe::cells;
use crate::schema::ColumnType;

fn catalog() -> Catalog {
    with_table("t")
}

fn with_table(name: &str) -> Catalog {
    let columns = [("id", ColumnType::Integer), ("x", ColumnType::Integer)];
    let table = TableInfo::with_columns(name, &columns);
    Catalog { tables: vec![table], ..Catalog::default() }
}

fn change(change: Change, id: i32, x: i32) -> RowChange {
    let cell = |value: i32| {
        let mut cell = Vec::new();
        cells::push(ColumnType::Integer, &value.to_be_bytes(), &mut cell);
        cell
    };
    let row = if change == Change::Delete { Vec::new() } else { [cell(id), cell(x)].concat() };
    let (key, row, whose) = (cell(id).into(), row.into(), Whose::Untold);
    RowChange { table: TableId(0), change, key, row, whose }
}

fn judge() -> Judge {
    judge_of(&catalog())
}

fn judge_of(catalog: &Catalog) -> Judge {
    let shop = || ChangeSource { database: "shop".to_owned(), slot: String::new() };
    Judge::new(catalog, "changes", |_| Some(shop()))
}

/// What was expected and what came differ by nothing but what is told.
fn assert_sums(found: &Verification, what: &str) {
    let came = found.expected + found.phantom - found.lost - found.pending;
    assert_eq!(came, found.observed, "{what}: {found:?}");
}

fn times(sent: u64) -> Times {
    Times { due: sent, sent, settled: sent + 5, is_measured: true }
}

/// Where in the log a change was made: what comes twice comes from one place.
fn place(all: &[RowChange], change: &RowChange) -> Lsn {
    Lsn(all.iter().position(|it| it == change).unwrap() as u64 + 1)
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
            judge.see(change.clone(), 100 + at, place(seen, change));
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
    let all =
        [change(Change::Insert, 1, 1), change(Change::Update, 1, 2), change(Change::Delete, 1, 0)];
    for is_early in [true, false] {
        let findings = found(&all, &all, is_early);
        let good = Verification { expected: 3, observed: 3, ..Verification::default() };
        assert_eq!(findings.verification, good);
        let lags: Vec<_> = findings.lags.iter().map(|lag| (lag.operation, lag.high.max)).collect();
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
        assert_sums(&found, class);
        let example = &found.examples[0];
        assert_eq!((example.class.name(), example.key.as_str()), (class, "1"));
        assert_eq!(example.table, "shop.public.t");
    }
    let wrong = found(&all[..1], &[change(Change::Insert, 1, 7)], false).verification;
    assert_eq!(wrong.examples[0].expected.as_deref(), Some("id=1, x=1"));
    assert_eq!(wrong.examples[0].seen.as_deref(), Some("id=1, x=7"));
}

/// Somebody else writes once more what stands there.
#[test]
fn what_looks_like_an_earlier_change_and_is_another_is_made_up_and_not_doubled() {
    let mut judge = judge();
    let insert = change(Change::Insert, 1, 1);
    let same = change(Change::Update, 1, 1);
    for (at, change) in (0..).zip([&insert, &same]) {
        judge.expect(change.clone(), times(at), Certainty::Certain);
    }
    for (at, change) in (0..).zip([&insert, &same, &same]) {
        judge.see(change.clone(), 100 + at, Lsn(1 + at));
    }
    let found = judge.finish(&catalog(), true).0.verification;
    assert_eq!((found.phantom, found.doubled), (1, 0), "{found:?}");
}

#[test]
fn of_a_canary_only_faults_are_counted_and_the_sums_are_right_beside_them() {
    let catalog = with_table(crate::scenario::OwnTable::Canary.name());
    let insert = change(Change::Insert, 1, 1);
    let (two, three) = (change(Change::Update, 1, 2), change(Change::Update, 1, 3));
    let all = [insert.clone(), two.clone(), three.clone()];
    let cases: [(&str, &[RowChange], [u64; 2]); 6] = [
        ("", &all, [0, 0]),
        ("lost", &[insert.clone(), three.clone()], [1, 0]),
        ("wrong", &[insert.clone(), change(Change::Update, 1, 9), three.clone()], [1, 1]),
        ("reordered", &[insert.clone(), three.clone(), two.clone()], [1, 1]),
        ("doubled", &[insert.clone(), two.clone(), two.clone(), three.clone()], [0, 0]),
        ("phantom", &[insert, two, three, change(Change::Delete, 1, 0)], [0, 1]),
    ];
    for (class, seen, sums) in cases {
        let mut judge = judge_of(&catalog);
        for (at, change) in (0..).zip(&all) {
            judge.expect(change.clone(), times(at), Certainty::Certain);
        }
        for (at, change) in (0..).zip(seen) {
            judge.see(change.clone(), 100 + at, place(seen, change));
        }
        let found = judge.finish(&catalog, true).0.verification;
        assert_eq!([found.expected, found.observed], sums, "{class}: {found:?}");
        assert_sums(&found, class);
        assert_eq!(found.is_faulty(), !class.is_empty(), "{found:?}");
    }
    let mut judge = judge_of(&catalog);
    judge.expect(all[0].clone(), times(0), Certainty::Certain);
    judge.take_back(&all[0]);
    assert_eq!(judge.finish(&catalog, true).0.verification, Verification::default());
}

#[test]
fn what_nobody_was_certain_of_is_counted_when_it_came_in_another_order() {
    let (two, three) = (change(Change::Update, 1, 2), change(Change::Update, 1, 3));
    let mut judge = judge();
    judge.expect(change(Change::Insert, 1, 1), times(0), Certainty::Certain);
    judge.expect(two.clone(), times(1), Certainty::Unknown);
    judge.expect(three.clone(), times(2), Certainty::Unknown);
    for (at, change) in (0..).zip([change(Change::Insert, 1, 1), three, two]) {
        judge.see(change, 100 + at, Lsn(at));
    }
    let found = judge.finish(&catalog(), true).0.verification;
    assert_eq!((found.reordered, found.expected, found.observed), (1, 3, 3), "{found:?}");
}

#[test]
fn what_is_pending_hides_no_fault() {
    let mut judge = judge();
    for id in 0..200 {
        judge.expect(change(Change::Insert, id, 1), times(0), Certainty::Certain);
    }
    judge.see(change(Change::Delete, 500, 0), 1, Lsn(1));
    let found = judge.finish(&catalog(), false).0.verification;
    assert_eq!((found.pending, found.phantom, found.examples.len()), (200, 1, EXAMPLES_MAX));
    assert_eq!(found.examples[0].class, Deviation::Phantom);
    let pending = Verification { examples: found.examples[1..].to_vec(), ..found.clone() };
    assert_eq!(Verification::sum(&[&pending, &found]).examples[0].class, Deviation::Phantom);
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

/// Whether a change is gone before it is known that it came again, or after: copies go first.
#[test]
fn what_goes_is_lost_only_once_no_copy_is_left() {
    let insert = change(Change::Insert, 1, 1);
    for (copies, went, expected) in
        [(1, 0, (1, 0)), (1, 1, (0, 0)), (1, 2, (0, 1)), (2, 1, (1, 0)), (0, 1, (0, 1))]
    {
        for is_told_first in [false, true] {
            let mut judge = judge();
            judge.expect(insert.clone(), times(0), Certainty::Certain);
            judge.see(insert.clone(), 50, Lsn(1));
            if is_told_first {
                (0..went).for_each(|_| judge.gone(&insert, Lsn(1)));
            }
            (0..copies).for_each(|_| judge.repeated(std::slice::from_ref(&insert), false, Lsn(1)));
            if !is_told_first {
                (0..went).for_each(|_| judge.gone(&insert, Lsn(1)));
            }
            let found = judge.finish(&catalog(), true).0.verification;
            assert_eq!((found.doubled, found.lost), expected, "{copies} copies, {went} went");
            assert_eq!(found.observed, 1 - found.lost);
            assert_eq!(found.examples.len() as u64, found.doubled + found.lost);
        }
    }
}

#[test]
fn a_canary_that_need_not_come_is_lost_once_it_has_come() {
    let catalog = with_table(crate::scenario::OwnTable::Canary.name());
    let all = [change(Change::Insert, 1, 1), change(Change::Update, 1, 2)];
    // What comes, whether it need not, what is left out, and how many are lost.
    let cases: [(&[RowChange], bool, usize, u64); 4] =
        [(&[], true, 1, 0), (&[], false, 0, 2), (&all[..1], true, 0, 1), (&all, true, 0, 0)];
    for (seen, may_stay_away, absent, lost) in cases {
        let mut judge = judge_of(&catalog);
        if may_stay_away {
            judge.let_canaries_stay_away();
        }
        for (at, change) in (0..).zip(&all) {
            judge.expect(change.clone(), times(at), Certainty::Certain);
        }
        for (at, change) in (0..).zip(seen) {
            judge.see(change.clone(), 100 + at, Lsn(at));
        }
        assert_eq!(judge.leave_out_absent().len(), absent, "{seen:?}");
        assert_eq!(judge.finish(&catalog, true).0.verification.lost, lost, "{seen:?}");
    }
}

#[test]
fn a_canary_that_nobody_captures_is_given_up_before_it_fills_the_memory() {
    let catalog = with_table(crate::scenario::OwnTable::Canary.name());
    let mut judge = judge_of(&catalog);
    judge.let_canaries_stay_away();
    for at in 0..30_000 {
        judge.expect(change(Change::Update, 1, at), times(1), Certainty::Certain);
    }
    assert!(judge.is_settled(), "nothing is kept of it");
    judge.see(change(Change::Update, 1, 7), 2, Lsn(2));
    assert_eq!(judge.leave_out_absent().len(), 1);
    assert_eq!(judge.finish(&catalog, true).0.verification, Verification::default());
}
