//! Ends of transactions in whatever order they and all else come.

use super::*;
use crate::action::Change;
use crate::observe::whose::Whose;

const IT: Transaction = (0, 9);
const TIMES: Times = Times { due: 10, sent: 20, settled: 30, is_measured: true };

/// In the first partition.
fn end(counts: &[(u16, u64)], all: u64) -> (usize, End) {
    let sum = counts.iter().map(|it| it.1).sum();
    let counts = counts.iter().map(|(table, count)| (TableId(*table), *count)).collect();
    (0, End { counts, all, sum })
}

/// One of two tables, with one and two rows.
fn made(transactions: &mut Transactions, action: u64) {
    let change = |table: u16| RowChange {
        table: TableId(table),
        change: Change::Insert,
        key: Box::default(),
        row: Box::default(),
        whose: Whose::Untold,
    };
    let changes = [0, 1, 1].map(change);
    transactions.made(Mark { action, part: 0 }, (TIMES, true), changes.iter());
}

fn marks(actions: &[u64]) -> Arc<[Mark]> {
    actions.iter().map(|action| Mark { action: *action, part: 0 }).collect()
}

#[test]
fn an_end_is_held_against_what_was_acknowledged_in_whatever_order_all_of_it_comes() {
    for order in [[0, 1, 2, 3], [3, 2, 1, 0], [1, 3, 0, 2], [2, 0, 3, 1]] {
        for (told, wrong) in [
            (end(&[(0, 1), (1, 2)], 3), None),
            (end(&[(0, 1), (1, 1)], 2), Some("tells of 1 + 1 changes, and 1 + 2 were made")),
            (end(&[(0, 1), (1, 2)], 4), Some("tells of 4 events, and of 3 one by one")),
        ] {
            let mut all = Transactions::default();
            for step in order {
                match step {
                    0 => made(&mut all, 5),
                    1 => all.told(IT, marks(&[5])),
                    2 => [50, 40, 60].into_iter().for_each(|at| all.came(IT, at)),
                    _ => all.ended(IT, told.clone()),
                }
            }
            assert!(all.open.is_empty() && all.made.is_empty(), "{order:?}");
            let odd = all.end(true);
            assert_eq!(all.judged, 1);
            let text = odd.first().map(|odd| (odd.class, odd.text.as_str()));
            assert_eq!(text.is_some(), wrong.is_some(), "{odd:?}");
            assert!(
                text.is_none_or(|it| it.0 == Deviation::Wrong && it.1.ends_with(wrong.unwrap()))
            );
            assert_eq!((all.first.high.max(), all.last.high.max()), (Some(20), Some(40)));
        }
    }
}

#[test]
fn a_batch_is_the_sum_of_its_actions_and_one_without_an_end_is_named() {
    let mut all = Transactions::default();
    (1..=2).for_each(|action| made(&mut all, action));
    all.told(IT, marks(&[1, 2]));
    (0..6).for_each(|at| all.came(IT, at));
    all.ended(IT, end(&[(0, 2), (1, 4)], 6));
    made(&mut all, 3);
    all.told((0, 10), marks(&[3]));
    (0..3).for_each(|at| all.came((0, 10), at));
    // Somebody else's, one that was replayed, and one of which nothing came.
    all.ended((0, 11), end(&[(0, 7)], 7));
    all.told(IT, marks(&[1, 2]));
    all.ended(IT, end(&[(0, 2), (1, 4)], 6));
    assert!(!all.open.contains_key(&IT), "what was judged is opened again");
    made(&mut all, 4);
    all.told((0, 12), marks(&[4]));
    let odd = all.end(true);
    let text = "the end of transaction 10 was not told".to_owned();
    assert_eq!(odd, [Odd { class: Deviation::Lost, table: TableId(0), text }]);
    assert_eq!(all.judged, 2);
}

#[test]
fn what_nobody_is_certain_of_and_what_was_not_read_to_its_end_is_not_judged() {
    let mut all = Transactions::default();
    all.made(Mark { action: 1, part: 0 }, (TIMES, false), std::iter::empty());
    all.told(IT, marks(&[1]));
    all.came(IT, 5);
    all.ended(IT, end(&[(0, 9)], 9));
    made(&mut all, 2);
    all.told((0, 10), marks(&[2]));
    (0..3).for_each(|at| all.came((0, 10), at));
    assert_eq!((all.end(false), all.judged), (Vec::new(), 0));
}

/// Those of other tables of the database, and of other databases.
#[test]
fn what_does_not_come_here_takes_no_room() {
    let mut all = Transactions::default();
    let mark = Mark { action: 1, part: 0 };
    all.made(mark, (TIMES, true), std::iter::empty());
    all.told(IT, marks(&[1]));
    all.ended(IT, end(&[], 0));
    assert!(all.made.is_empty() && all.open.is_empty() && all.of.is_empty(), "{all:?}");
}

/// Nothing says which of the two topics is read first.
#[test]
fn what_does_not_come_here_takes_no_room_when_its_end_comes_before_its_message() {
    let mut all = Transactions::default();
    for number in 0..10 {
        let (transaction, mark) = ((0, number), Mark { action: u64::from(number), part: 0 });
        all.ended(transaction, end(&[], 0));
        all.made(mark, (TIMES, true), std::iter::empty());
        all.told(transaction, marks(&[mark.action]));
    }
    assert!(all.made.is_empty() && all.open.is_empty() && all.of.is_empty(), "{all:?}");
}

/// Most of them are others', and no message of them ever comes.
#[test]
fn what_is_remembered_of_ends_has_a_limit() {
    let mut all = Transactions::default();
    let many = u32::try_from(2 * SETTLED_MAX).unwrap();
    (0..many).for_each(|number| all.ended((0, number), end(&[], 0)));
    all.told((0, many - 1), marks(&[1]));
    assert!(all.open.is_empty() && all.passed.len() <= SETTLED_MAX, "{}", all.passed.len());
    // Those that are judged are not forgotten for them.
    made(&mut all, 5);
    all.told((1, 0), marks(&[5]));
    (0..3).for_each(|at| all.came((1, 0), at));
    all.ended((1, 0), end(&[(0, 1), (1, 2)], 3));
    (0..many).for_each(|number| all.ended((0, number), end(&[], 0)));
    all.told((1, 0), marks(&[5]));
    assert!(all.open.is_empty() && all.judged == 1, "{:?}", all.open);
}

/// Those of other clients and of other runs, which change observed tables as well.
#[test]
fn the_ends_of_others_take_no_room_once_a_later_transaction_is_known() {
    for is_told_first in [false, true] {
        let mut all = Transactions::default();
        for number in 0..9 {
            all.ended((0, number), end(&[(0, 7)], 7));
            all.came((0, number), 5);
        }
        // One of another partition and one of another database, whose messages may still come.
        let (_, other) = end(&[(0, 1), (1, 2)], 3);
        all.ended((0, 20), (1, other));
        all.ended((1, 0), end(&[(0, 1), (1, 2)], 3));
        if is_told_first {
            all.told(IT, marks(&[5]));
        }
        all.ended(IT, end(&[(0, 1), (1, 2)], 3));
        // So may that of a later one.
        all.ended((0, 10), end(&[(0, 1), (1, 2)], 3));
        if !is_told_first {
            all.told(IT, marks(&[5]));
        }
        let mut left: Vec<_> = all.open.keys().copied().collect();
        left.sort_unstable();
        assert_eq!(left, [IT, (0, 10), (0, 20), (1, 0)], "{is_told_first}");
        // All that is ours is judged.
        for (transaction, action) in [(IT, 5), ((0, 10), 6), ((1, 0), 7), ((0, 20), 8)] {
            made(&mut all, action);
            all.told(transaction, marks(&[action]));
            (0..3).for_each(|at| all.came(transaction, at));
        }
        assert_eq!((all.open.len(), all.judged), (0, 4), "{is_told_first}");
        assert!(all.unnamed.values().all(VecDeque::is_empty), "{:?}", all.unnamed);
        // A connector that begins again tells of them again.
        all.ended((0, 3), end(&[(0, 7)], 7));
        assert!(all.open.is_empty() && all.end(true).is_empty());
    }
}

#[test]
fn what_another_runs_message_is_of_takes_no_room() {
    let mut all = Transactions::default();
    for number in 0..9 {
        let transaction = (0, number);
        let mut steps = [0, 1, 2];
        steps.rotate_left(usize::try_from(number).unwrap() % 3);
        for step in steps {
            match step {
                0 => all.is_foreign(transaction),
                1 => all.ended(transaction, end(&[(0, 7)], 7)),
                _ => all.came(transaction, 5),
            }
        }
        assert!(all.open.is_empty(), "{steps:?}: {:?}", all.open);
    }
    assert!(all.unnamed.values().all(|it| it.len() < 9), "{:?}", all.unnamed);
}

/// A connector that has all that others did still to tell, and no message beside it.
#[test]
fn more_ends_than_are_kept_say_what_has_happened() {
    let mut all = Transactions::default();
    let many = u32::try_from(OPEN_MAX).unwrap();
    (0..=many).for_each(|number| all.ended((0, number), end(&[(0, 7)], 7)));
    let doubt = all.doubt("topics").unwrap();
    assert!(doubt.contains("without a message of the run"), "{doubt}");
    assert!(all.open.is_empty() && all.unnamed.is_empty());
}
