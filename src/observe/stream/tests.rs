//! A transaction that is larger than what is kept of one.

use super::*;
use crate::action::TableInfo;
use crate::observe::table::ChangeSource;
use crate::schema::ColumnType;
use crate::schema::Marker;

const OURS: i64 = 7;
const ROOM: Room = Room { changes: 8, bytes: 8 * 400 };

fn catalog() -> Catalog {
    let own = [("id", ColumnType::Integer), ("x", ColumnType::Text)];
    let markers = Marker::ALL.map(|it| (it.column(), ColumnType::Bigint));
    let table = TableInfo::with_columns("t", &[&own[..], &markers].concat());
    Catalog { tables: vec![table], run: OURS, ..Catalog::default() }
}

fn relation() -> Vec<u8> {
    let columns = ["id", "x"].into_iter().chain(Marker::ALL.map(Marker::column));
    let columns: Vec<u8> =
        columns.flat_map(|it| [&[0], it.as_bytes(), &[0; 9][..]].concat()).collect();
    let count = 2 + u8::try_from(Marker::ALL.len()).unwrap();
    [b"R\0\0\0\x07public\0t\0d\0", &[count][..], &columns].concat()
}

/// A row of a run, or of nobody.
fn insert(id: i32, text: &str, run: i64) -> Vec<u8> {
    let cell = |bytes: &[u8]| {
        let length = u32::try_from(bytes.len()).unwrap().to_be_bytes();
        [b"b", &length[..], bytes].concat()
    };
    let mut cells = vec![cell(&id.to_be_bytes()), cell(text.as_bytes()), cell(&run.to_be_bytes())];
    cells.resize(2 + Marker::ALL.len(), cell(&0_i64.to_be_bytes()));
    let count = u8::try_from(cells.len()).unwrap();
    [b"I\0\0\0\x07N\0", &[count][..], &cells.concat()].concat()
}

/// What is left of a transaction of such rows before it is committed, and how many of its changes were judged.
fn taken(
    (stream, judge): (&mut SlotStream, &mut Judge),
    number: u8,
    rows: impl Iterator<Item = Vec<u8>>,
) -> (usize, usize) {
    let mut take =
        |stream: &mut SlotStream, message: &[u8]| stream.take(message, 1, judge).unwrap();
    let begin = [b"B", &[0; 16][..], &[0, 0, 0, number]].concat();
    take(stream, &begin);
    take(stream, &relation());
    let mut kept = 0;
    for row in rows {
        take(stream, &row);
        kept = kept.max(stream.changes.len());
    }
    let commit = [b"C\0", &[number; 8][..], &[number; 8], &[0; 8]].concat();
    take(stream, &commit);
    assert!(stream.changes.is_empty());
    (kept, judge.outstanding())
}

fn reasons((stream, judge): (SlotStream, Judge)) -> Vec<String> {
    judge.finish(&stream.catalog, true).1
}

fn both() -> (SlotStream, Judge) {
    let catalog = Arc::new(catalog());
    let shop = || ChangeSource { database: "shop".to_owned(), slot: String::new() };
    let judge = Judge::new(&catalog, "changes", |_| Some(shop()));
    let mut stream = SlotStream::new((catalog, false), vec![0], "fence".to_owned());
    stream.room = ROOM;
    (stream, judge)
}

#[test]
fn a_transaction_that_is_too_large_is_dropped_up_to_its_commit_and_named() {
    let long = "x".repeat(1_000);
    for (text, rows) in [("", 100), (long.as_str(), 7)] {
        let (mut stream, mut judge) = both();
        let all = (&mut stream, &mut judge);
        let (kept, judged) = taken(all, 9, (0..rows).map(|id| insert(id, text, 0)));
        assert!(kept <= ROOM.changes && judged == 0, "{kept} were kept, {judged} judged");
        // What follows is read as before.
        let all = (&mut stream, &mut judge);
        assert_eq!(taken(all, 10, (0..3).map(|id| insert(id, "", OURS))), (3, 3));
        assert_eq!(stream.end(), Lsn(u64::from_be_bytes([10; 8])));
        let why = reasons((stream, judge));
        let [why] = why.as_slice() else { panic!("{why:?}") };
        assert!(why.contains("transaction 9 ") && why.contains("`shop.public.t`"), "{why}");
    }
}

/// Another run may change as much at once as it likes, and so may we up to there.
#[test]
fn what_fits_is_judged_and_what_is_another_runs_takes_no_room() {
    let (mut stream, mut judge) = both();
    let all = (&mut stream, &mut judge);
    let rows = (0..100).map(|id| insert(id, "", if id % 20 == 0 { OURS } else { OURS + 1 }));
    assert_eq!(taken(all, 9, rows), (5, 5));
    assert!(reasons((stream, judge)).is_empty());
}

/// A message that a transaction of a run writes into the log.
fn message(run: i64) -> Vec<u8> {
    let content = format!("action {run:x} 1");
    let length = u32::try_from(content.len()).unwrap().to_be_bytes();
    [b"M\x01", &[0; 8][..], b"loadgen\0", &length, content.as_bytes()].concat()
}

fn repeated(stream: &SlotStream, judge: Judge) -> (u64, u64) {
    let found = judge.finish(&stream.catalog, true).0.verification;
    (found.replayed, found.doubled)
}

/// The server sends once more what was not confirmed, and then goes on: what comes again behind that has no excuse.
#[test]
fn a_connection_that_was_lost_excuses_only_what_comes_before_something_new() {
    let (mut stream, mut judge) = both();
    let mut come = |stream: &mut SlotStream, number: u8| {
        taken((stream, &mut judge), number, [insert(i32::from(number), "", OURS)].into_iter());
    };
    come(&mut stream, 9);
    come(&mut stream, 9);
    stream.restart();
    come(&mut stream, 9);
    come(&mut stream, 10);
    come(&mut stream, 10);
    assert_eq!(repeated(&stream, judge), (1, 2));
}

#[test]
fn what_another_run_did_comes_again_for_nobody() {
    let (mut stream, mut judge) = both();
    stream.ours = Some(OURS);
    for run in [OURS + 1, OURS] {
        for _ in 0..2 {
            let number = u8::try_from(run).unwrap();
            // A row that does not say whose it is.
            let rows = [message(run), insert(1, "", 0)];
            taken((&mut stream, &mut judge), 20 - number, rows.into_iter());
        }
        stream.restart();
    }
    assert_eq!(repeated(&stream, judge), (0, 1));
}
