//! What is no shard of a run, or not all of them; and what cannot be played in shards.

use std::fs;
use std::thread::sleep;
use std::time::Duration;
use std::time::Instant;

use rustix::process::Pid;
use rustix::process::Signal;
use rustix::process::kill_process;

use super::ended;
use super::merged;
use super::place;
use super::small;
use super::start;
use crate::support::command::Done;
use crate::support::command::Place;
use crate::support::command::scenario;

fn refuse(place: &Place<'_>, arguments: &[&str], code: i32, why: &str) {
    let done = place.run(arguments);
    assert_eq!(done.code, code, "{arguments:?}: {}{}", done.out, done.err);
    assert!(done.err.contains(why), "{arguments:?}: {}", done.err);
}

#[test]
fn only_all_shards_of_one_run_are_merged() {
    let file = scenario("shards.yaml");
    let place = small();
    for number in 1..=3 {
        ended(start(&place, &file, (number, 3), &[]));
    }
    refuse(&place, &["merge", "1of3", "3of3"], 6, "shard 2 of 3 is missing");
    refuse(&place, &["merge", "2of3"], 6, "shards 1, 3 of 3 are missing");
    refuse(
        &place,
        &["merge", "1of3", "2of3", "3of3", "./2of3"],
        2,
        "shard 2/3 is there twice: `2of3` and `./2of3`",
    );
    refuse(&place, &["merge", "1of3", "2of3", "3of3", "nowhere"], 2, "it is no folder of a run");
    let all = ["merge", "1of3", "2of3", "3of3", "--out", "3of3"];
    refuse(&place, &all, 2, "`3of3` is the folder of a shard");
    assert!(place.folder.path().join("3of3/shard.json").exists());

    // The same scenario, played once more.
    let again = small();
    for number in 1..=3 {
        ended(start(&again, &file, (number, 3), &[]));
    }
    let other = again.folder.path().join("2of3");
    let other = other.to_str().unwrap();
    sleep(Duration::from_secs(1));
    refuse(&place, &["merge", "1of3", other, "3of3"], 2, "the run on the databases is");
    // Another seed; and a run that was no shard.
    let mut seeded = small();
    seeded.set("seed=12");
    ended(start(&seeded, &file, (2, 3), &[]));
    let other = seeded.folder.path().join("2of3");
    let other = other.to_str().unwrap();
    refuse(
        &place,
        &["merge", "1of3", other, "3of3"],
        2,
        "the seed is 11 in one and 12 in the other",
    );
    let whole = small();
    whole.must(&["run", &file, "--out", "whole"]);
    let other = whole.folder.path().join("whole");
    refuse(&place, &["merge", "1of3", other.to_str().unwrap()], 2, "its run was no shard");

    let summary = merged(&place, 3);
    assert_eq!(summary["verdict"], "passed");
    place.assert_counted(&summary);
}

#[test]
fn a_shard_plays_once_and_no_other_run_comes_between() {
    let file = scenario("shards.yaml");
    let place = small();
    ended(start(&place, &file, (2, 3), &[]));
    let content = place.content("orders");
    refuse(&place, &["run", &file], 4, "has changed its rows");
    let two = ["run", &file, "--shard", "2/3", "--out", "again"];
    refuse(&place, &two, 4, "shard 2/3 (`shards-2of3-");
    assert!(!place.folder.path().join("again").exists(), "nothing was made, so nothing is kept");
    let of_four = ["run", &file, "--shard", "1/4"];
    refuse(&place, &of_four, 4, "it is loaded in 3 shards (`shards-2of3-");
    let other = ["run", &file, "--shard", "1/3", "--seed", "12"];
    refuse(&place, &other, 4, "for another state of `shards` (seed 11)");
    assert_eq!(place.content("orders"), content);
    // The others may still come.
    ended(start(&place, &file, (1, 3), &[]));
    ended(start(&place, &file, (3, 3), &[]));
    place.assert_counted(&merged(&place, 3));
    let stage = "SELECT stage FROM loadgen_public.mark";
    assert_eq!(place.query("orders", stage), [["loaded"]]);
}

#[test]
fn what_shards_cannot_play_is_refused_before_anything_is_touched() {
    let file = scenario("shards.yaml");
    let cases = [
        ("start=now", "all shards need the same start"),
        ("targets.operational.postgres.url=embedded", "is an embedded server"),
        (
            "targets={ operational: { postgres: { url: 'postgres://127.0.0.1:1/x', provision: schemas } }, \
             clicks: { firehose: embedded } }",
            "the target `clicks` is an embedded stand-in",
        ),
        ("targets.operational.postgres.provision=nothing", "loadgen did not make"),
        ("cdc={}", "whose passwords would be generated"),
        (
            "thresholds=[{ metric: achieved_rate, expr: '> 1/s', over: 5s }]",
            "a shard knows its own part only",
        ),
        ("observe={ changes: { slot: { on: operational } } }", "the observer `changes`"),
    ];
    for (set, why) in cases {
        let mut place = place(&["orders"]);
        place.set(set);
        refuse(&place, &["run", &file, "--shard", "1/2", "--out", "run"], 4, why);
        assert!(!place.folder.path().join("run").exists(), "{set}");
    }
    let place = place(&["orders"]);
    refuse(&place, &["run", &file, "--shard", "1/21"], 4, "there are 20 lanes");
    refuse(&place, &["run", &file, "--shard", "3/2"], 2, "the first of 2 shards is 1");
    refuse(&place, &["run", &file, "--shard", "1/2", "--fresh"], 2, "cannot be used with");
    refuse(&place, &["run", &file, "--start-at", "soon"], 2, "write `+30s`");
    let databases = format!("SELECT 1 FROM pg_database WHERE datname LIKE '{}%'", place.prefix);
    assert!(place.server.query("postgres", &databases).is_empty());
}

/// A shard that is killed leaves nothing to be merged, and the others all that is theirs.
#[test]
fn a_killed_shard_is_missed() {
    let file = scenario("shards.yaml");
    let mut place = small();
    place.set("load.streams.shop.profile=[{ hold: 300/s, for: 60s }]");
    place.set("load.streams.repairs.profile=[{ hold: 40/s, for: 60s }]");
    let mut killed = start(&place, &file, (1, 2), &[]);
    let begun = Instant::now();
    let changed = "SELECT 1 FROM loadgen_public.mark WHERE stage = 'loading'";
    let is_there = || place.folder.path().join("1of2/series.csv").exists();
    while !is_there() || place.query("orders", changed).is_empty() {
        assert!(begun.elapsed() < Duration::from_mins(1), "it does not begin");
        sleep(Duration::from_millis(50));
    }
    killed.kill().unwrap();
    killed.wait().unwrap();
    let other = start(&place, &file, (2, 2), &[]);
    while !place.folder.path().join("2of2/series.csv").exists() {
        assert!(begun.elapsed() < Duration::from_mins(2), "it does not begin");
        sleep(Duration::from_millis(50));
    }
    kill_process(Pid::from_child(&other), Signal::INT).unwrap();
    let done = Done::from(other.wait_with_output().unwrap());
    assert_eq!(done.code, 105, "{}", done.err);
    refuse(&place, &["merge", "1of2", "2of2"], 2, "has not come to its end, or was killed");
    refuse(&place, &["merge", "2of2"], 6, "shard 1 of 2 is missing");
    assert!(fs::exists(place.folder.path().join("2of2/shard.json")).unwrap());
}

/// Waiting for the moment ends with a signal, as every wait does; nobody begins before it.
#[test]
fn a_load_begins_at_its_time_and_not_before() {
    let file = scenario("shards.yaml");
    let place = small();
    let done = place.must(&["run", &file, "--start-at", "+4s", "--out", "run"]);
    assert!(done.err.contains("the load begins in "), "{}", done.err);
    // The wait, and a second of load.
    assert!(place.summary("run")["elapsed_ns"].as_u64().unwrap() >= 5_000_000_000);
    let place = small();
    let past = ["run", &file, "--start-at", "2026-01-01T00:00:00Z", "--out", "run"];
    let done = place.must(&past);
    assert!(done.err.contains("the load begins at once"), "{}", done.err);
    let place = small();
    let waiting = place.spawn(&["run", &file, "--start-at", "+10m", "--out", "run"]);
    let begun = Instant::now();
    let connected = "SELECT 1 FROM pg_stat_activity WHERE application_name LIKE 'loadgen/%/0/0'";
    let stage = "SELECT 1 FROM loadgen_public.mark WHERE stage = 'loading'";
    while !place.folder.path().join("run/series.csv").exists()
        || place.query("orders", stage).is_empty()
        || place.query("orders", connected).is_empty()
    {
        assert!(begun.elapsed() < Duration::from_mins(1), "it does not connect");
        sleep(Duration::from_millis(50));
    }
    kill_process(Pid::from_child(&waiting), Signal::INT).unwrap();
    let done = Done::from(waiting.wait_with_output().unwrap());
    assert_eq!(done.code, 105, "{}", done.err);
    assert_eq!(place.summary("run")["streams"][0]["sent"], 0);
}
