//! What connectors hand over of before the run, and of before all that is remembered.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::time::Duration;

use crate::action::Catalog;
use crate::action::Change;
use crate::action::TableId;
use crate::action::TableInfo;
use crate::observe::RowChange;
use crate::observe::Source;
use crate::observe::debezium::Intake;
use crate::observe::debezium::beside::Ended;
use crate::observe::debezium::record::LogPosition;
use crate::observe::debezium::record::Record;
use crate::observe::debezium::repeats::Repeats;
use crate::observe::debezium::repeats::known::REMEMBERED;
use crate::observe::debezium::source::CapturedSource;
use crate::observe::judge::Certainty;
use crate::observe::judge::Judge;
use crate::observe::judge::Times;
use crate::observe::table::ChangeSource;
use crate::observe::transactions::Transactions;
use crate::observe::whose::Whose;
use crate::scenario::Confirms;
use crate::schema::ColumnType;
use crate::sink::postgres::address::Address;
use crate::sink::postgres::replication::Lsn;

const TABLE: TableId = TableId(0);
const TIMES: Times = Times { due: 1, sent: 1, settled: 1, is_measured: true };

fn intake(repeats: Repeats) -> Intake {
    let intake = Intake::new(("topics", "a connector writes"), Vec::new(), repeats);
    Intake { sources: BTreeMap::from([(TABLE, 0)]), ..intake }
}

fn insert(key: u8) -> RowChange {
    let key: Box<[u8]> = Box::from([0, 0, 0, 1, key]);
    let (row, whose) = (key.clone(), Whose::Untold);
    RowChange { table: TABLE, change: Change::Insert, key, row, whose }
}

fn at(lsn: u64) -> LogPosition {
    LogPosition { lsn: Lsn(lsn), transaction: 7 }
}

fn judge(catalog: &Catalog) -> RefCell<Judge> {
    let shop = || ChangeSource { database: "shop".to_owned(), slot: String::new() };
    RefCell::new(Judge::new(catalog, "topics", |_| Some(shop())))
}

fn catalog() -> Catalog {
    let table = TableInfo::with_columns("t", &[("id", ColumnType::Integer)]);
    Catalog { tables: vec![table], ..Catalog::default() }
}

/// What was acknowledged and comes from there is right; of all else it is said that nobody can tell.
#[test]
fn what_comes_from_before_all_that_is_remembered_is_not_made_up() {
    let (mut repeats, far) = (Repeats::default(), REMEMBERED as u64 + 100_000);
    for lsn in 1..=far {
        repeats.came((0, Some(0)), (insert(1), at(lsn)), lsn, |_| false);
    }
    let catalog = catalog();
    let judge = judge(&catalog);
    let mut intake = intake(repeats);
    let mut come = |key, lsn| {
        intake.take((0, TABLE), (Record::Change(insert(key), at(lsn)), far), &judge);
    };
    // It comes again.
    come(1, 5);
    // It was open for so long, and is acknowledged before it comes, or behind that.
    judge.borrow_mut().expect(insert(2), TIMES, Certainty::Certain);
    come(2, 6);
    assert!(judge.borrow().is_settled());
    come(3, 7);
    judge.borrow_mut().expect(insert(3), TIMES, Certainty::Certain);
    intake.decide(far, &mut judge.borrow_mut());
    assert!(judge.borrow().is_settled());
    intake.decide(u64::MAX, &mut judge.borrow_mut());
    let (found, why) = judge.into_inner().finish(&catalog, true);
    let found = found.verification;
    assert_eq!((found.observed, found.phantom, found.replayed, found.doubled), (2, 0, 0, 0));
    let [why] = why.as_slice() else { panic!("{why:?}") };
    assert!(why.contains("`shop.public.t` at 0/5"), "{why}");
    assert!(why.contains("1048576") && why.contains("offset.flush.interval.ms"), "{why}");
}

/// Whoever has written before the run, a connector that is far behind tells of it all the same.
#[test]
fn the_ends_of_transactions_of_before_the_run_are_waited_for_by_nobody() {
    let catalog = catalog();
    let judge = judge(&catalog);
    judge.borrow_mut().transactions = Some(Transactions::default());
    let mut intake = intake(Repeats::default());
    let source = Source {
        surface: "topics".to_owned(),
        name: "shop".to_owned(),
        address: Address::parse("postgresql://someone@localhost/shop", &|_| None).unwrap(),
        domains: vec![0],
        reconnect: Duration::ZERO,
        confirms: Confirms::All,
        upstream: None,
    };
    intake.captured.push(CapturedSource::unread(source, Lsn(100)));
    intake.collections.insert((0, "public.t".to_owned()), TABLE);
    // More than are kept.
    let ended = |number: u32, lsn: u64| {
        let collections = vec![("public.t".to_owned(), 1)];
        Ended { transaction: number, lsn: Lsn(lsn), all: 1, collections }
    };
    for number in 0..300_000 {
        intake.ended((0, 0), &ended(number, 99), &judge);
    }
    let doubt = |judge: &RefCell<Judge>| judge.borrow().transactions.as_ref()?.doubt("topics");
    assert_eq!(doubt(&judge), None);
    // Of those of the run, and where no place is told, a message may come.
    for (first, lsn) in [(300_000, 100), (450_000, 0)] {
        (0..150_000).for_each(|at| intake.ended((0, 0), &ended(first + at, lsn), &judge));
    }
    assert!(doubt(&judge).is_some_and(|why| why.contains("262144 transactions waited")));
}
