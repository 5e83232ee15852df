//! A lake as a sink fills it, observed: Iceberg tables that a far end of the test's own writes. What is missing of
//! it is named, and nothing else is.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::sync::atomic::Ordering;
use std::time::Duration;
use std::time::Instant;

use serde_json::Value;

use crate::support::command::Place;
use crate::support::command::surface;
use crate::support::connector::Connector;
use crate::support::connector::Spoil;
use crate::support::lake::Harm;
use crate::support::lake::Lake;
use crate::support::server::TestServer;

/// A run of a few seconds into a lake. Exit code, what was said, the summary, and the keys in the file that was
/// spoilt.
struct Done {
    code: i32,
    said: String,
    summary: Value,
    harmed: Vec<String>,
}

fn run(seconds: u32, harm: Harm, spoil: &[Spoil]) -> Done {
    run_within("30s", seconds, harm, (spoil, |_: &_, _: &_| ()))
}

/// The same, with something done to the connector, or in its database, before it.
fn run_within(
    within: &str,
    seconds: u32,
    harm: Harm,
    (spoil, before): (&[Spoil], impl FnOnce(&Connector, &str)),
) -> Done {
    let folder = tempfile::tempdir().unwrap();
    let mut place = Place::on(TestServer::shared(), &["orders"]);
    place.set("domains.orders.rows={ products: 50, customers: 500, orders: 2k }");
    place.set("load.warmup=1s");
    place.set("thresholds=[]");
    place.set(&format!("load.streams.shop.profile=[ {{ hold: 200/s, for: {seconds}s }} ]"));
    place.set(&format!(
        "observe={{ tap: {{ slot: {{ on: operational }} }}, \
         lake: {{ lake: {{ at: \"file://{}\", every: 200ms, within: {within} }} }} }}",
        folder.path().display()
    ));
    place.must(&["seed", "@cdc-lag"]);
    let lake = Lake::start(folder.path(), harm);
    let connector = Connector::into(place.server, &place.database("orders"), spoil, lake.out());
    before(&connector, &place.database("orders"));
    let (code, said, summary) = connector.run(&place);
    if code != 6 {
        let judged = place.run(&["verify", "run", "--format", "json"]);
        let judged: Value = serde_json::from_str(&judged.out).unwrap();
        assert_eq!(judged["surfaces"], summary["surfaces"]);
    }
    Done { code, said, summary, harmed: lake.harmed() }
}

#[test]
fn all_that_a_sink_commits_is_held_against_what_was_acknowledged() {
    let Done { code, said, summary, .. } = run(4, Harm::Nothing, &[]);
    assert_eq!(code, 0, "{said}");
    let (tap, lake) = (surface(&summary, "tap"), surface(&summary, "lake"));
    assert!(lake["expected"].as_u64() > Some(1_000), "{lake}");
    for count in ["expected", "observed", "lost", "doubled", "wrong", "phantom", "pending"] {
        assert_eq!(tap[count], lake[count], "{count}: {summary}");
    }
    assert!(!said.contains("could not compare") && !said.contains("not there"), "{said}");
    let lags = summary["lag"].as_array().unwrap().iter();
    assert!(lags.clone().any(|lag| lag["surface"] == "lake" && lag["operation"] == "delete"));
}

#[test]
fn the_rows_of_a_data_file_that_is_gone_are_lost_and_no_others() {
    for harm in [Harm::Remove, Harm::RemoveLater] {
        let Done { code, said, summary, harmed } = run(6, harm, &[]);
        assert_eq!(code, 99, "{said}");
        let lake = surface(&summary, "lake");
        assert!(harmed.len() > 10, "{harmed:?}");
        assert_eq!(lake["lost"], harmed.len(), "{lake}");
        for count in ["doubled", "reordered", "wrong", "phantom", "pending"] {
            assert_eq!(lake[count], 0, "{count}: {lake}");
        }
        let tap = surface(&summary, "tap");
        assert_eq!(tap["lost"], 0);
        let observed = tap["observed"].as_u64().unwrap() - harmed.len() as u64;
        assert_eq!(lake["observed"], observed, "{harm:?}");
        let why = if harm == Harm::Remove { "and not there" } else { "any more, which they were" };
        assert!(said.contains(&format!("1 file with {} rows: ", harmed.len())), "{said}");
        assert!(said.contains(why) && said.contains("data/00006.parquet"), "{harm:?}: {said}");
        let key = |key: &String| {
            serde_json::from_str::<Value>(key).unwrap()["id"].as_str().unwrap().to_owned()
        };
        let keys: BTreeSet<String> = harmed.iter().map(key).collect();
        for example in summary["verification"]["examples"].as_array().unwrap() {
            assert_eq!((&example["class"], &example["surface"]), (&"lost".into(), &"lake".into()));
            assert!(example["table"].as_str().unwrap().ends_with(".public.orders"), "{example}");
            assert!(keys.contains(example["key"].as_str().unwrap()), "{example} is in {keys:?}");
        }
    }
}

/// Each row counts once, whichever file it is in.
fn nothing_is_lost(harm: Harm) {
    let Done { code, said, summary, harmed } = run(6, harm, &[]);
    assert_eq!(code, 0, "{said}");
    assert!(harmed.len() > 10, "{harmed:?}");
    let (tap, lake) = (surface(&summary, "tap"), surface(&summary, "lake"));
    for count in ["expected", "observed", "lost", "doubled", "reordered", "phantom", "pending"] {
        assert_eq!(tap[count], lake[count], "{count}: {summary}");
    }
    assert!(!said.contains("not there") && !said.contains("any more, which"), "{said}");
}

#[test]
fn what_is_added_and_compacted_between_two_looks_is_read() {
    nothing_is_lost(Harm::Compact);
}

#[test]
fn old_files_may_go_once_their_rows_are_in_others() {
    nothing_is_lost(Harm::CompactAppend);
}

#[test]
fn a_compaction_may_expire_before_a_look() {
    nothing_is_lost(Harm::CompactExpire);
}

#[test]
fn a_commit_may_expire_before_a_look_while_its_files_are_there() {
    nothing_is_lost(Harm::Expire);
}

/// Nobody is accused of what nobody can know: the run is invalid.
fn nobody_knows(harm: Harm, why: &str) {
    let Done { code, said, summary, .. } = run(6, harm, &[]);
    assert_eq!(code, 6, "{said}");
    let reasons = summary["invalid_because"].to_string();
    assert!(reasons.contains(why), "{reasons}");
    assert_eq!(surface(&summary, "lake")["lost"], 0, "{summary}");
}

#[test]
fn rows_that_are_compacted_and_expired_before_a_look_are_told() {
    nobody_knows(Harm::CompactUnread, "expired before it was looked at, and what it added");
}

#[test]
fn a_file_that_is_compacted_and_removed_before_a_look_is_told() {
    nobody_knows(Harm::CompactRemove, "removed before it could be read");
}

#[test]
fn commits_of_which_nothing_is_left_are_told() {
    nobody_knows(Harm::ExpireForgotten, "expired before it was looked at, and no earlier metadata");
}

#[test]
fn a_file_with_the_rows_of_others_that_is_gone_is_told() {
    nobody_knows(Harm::CompactLose, "nobody knows which rows these were");
}

#[test]
fn a_compaction_that_drops_rows_is_told() {
    nobody_knows(Harm::CompactShort, "into other files");
}

#[test]
fn a_table_that_is_set_back_is_told() {
    nobody_knows(Harm::SetBack, "was set back");
}

#[test]
fn what_a_snapshot_takes_out_of_the_table_is_lost() {
    let Done { code, said, summary, harmed } = run(6, Harm::Delete, &[]);
    assert_eq!(code, 99, "{said}");
    assert!(said.contains("any more, which they were") && said.contains("data/00006.parquet"));
    let lake = surface(&summary, "lake");
    assert_eq!(lake["lost"], harmed.len(), "{lake}");
    for count in ["doubled", "reordered", "wrong", "phantom", "pending"] {
        assert_eq!(lake[count], 0, "{count}: {lake}");
    }
}

#[test]
fn what_is_spoilt_on_its_way_to_the_lake_is_named() {
    let all = [Spoil::Lose, Spoil::Double, Spoil::Alter, Spoil::Invent];
    let Done { code, said, summary, .. } = run(6, Harm::Nothing, &all);
    assert_eq!(code, 99, "{said}");
    let lake = surface(&summary, "lake");
    for class in ["lost", "doubled", "wrong", "phantom"] {
        assert_eq!(lake[class], 1, "{class}: {lake} {}", summary["verification"]["examples"]);
        assert_eq!(surface(&summary, "tap")[class], 0, "{class}");
    }
    assert_eq!((&lake["replayed"], &lake["pending"]), (&0.into(), &0.into()));
}

#[test]
fn a_broken_data_file_makes_the_run_invalid() {
    for harm in [Harm::Cut, Harm::Scribble] {
        let Done { code, said, .. } = run(4, harm, &[]);
        assert_eq!(code, 6, "{harm:?}: {said}");
        assert!(said.contains("data/00006.parquet` cannot be read: "), "{harm:?}: {said}");
        assert!(!said.contains("panicked"), "{harm:?}: {said}");
    }
}

/// Nothing is waited for without an end, and whoever does not go on is named.
#[test]
fn a_connector_that_stands_still_ends_the_wait() {
    let nothing = (&[][..], |connector: &Connector, _: &str| connector.stand_still());
    let Done { code, said, summary, .. } = run_within("3s", 1, Harm::Nothing, nothing);
    assert_eq!(code, 6, "{said}");
    let reasons = summary["invalid_because"].to_string();
    let expected = "`lake` did not come to its end: for 3s no connector went on: `";
    assert!(reasons.contains(expected), "{reasons}");
}

/// What others write is not what is waited for: one row is lost, and the lake never comes to rest.
#[test]
fn others_that_go_on_writing_do_not_put_the_end_off() {
    let is_over = Arc::new(AtomicBool::new(false));
    let ended = Arc::clone(&is_over);
    let others = move |_: &Connector, database: &str| {
        let database = database.to_owned();
        std::thread::spawn(move || {
            let other = "UPDATE products SET name = name WHERE id = (SELECT min(id) FROM products)";
            while !ended.load(Ordering::Relaxed) {
                TestServer::shared().query(&database, other);
                std::thread::sleep(Duration::from_millis(50));
            }
        });
    };
    let begun = Instant::now();
    let Done { said, summary, .. } = run_within("4s", 2, Harm::Nothing, (&[Spoil::Lose], others));
    is_over.store(true, Ordering::Relaxed);
    assert!(begun.elapsed() < Duration::from_mins(1), "{:?}: {said}", begun.elapsed());
    let lake = surface(&summary, "lake");
    assert_eq!((&lake["lost"], &lake["pending"]), (&1.into(), &0.into()), "{lake} {said}");
}
