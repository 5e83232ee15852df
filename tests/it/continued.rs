//! A run that goes on where another stopped leaves the rows of one run that was never stopped, however
//! the other came to its end.

use std::process::Child;
use std::process::Stdio;
use std::thread::sleep;
use std::time::Duration;
use std::time::Instant;

use rustix::process::Pid;
use rustix::process::Signal;
use rustix::process::kill_process;
use serde_json::Value;

use crate::support::command::Done;
use crate::support::command::Place;
use crate::support::command::scenario;
use crate::support::machine::psql;

/// A place for one long run, and one for the same in pieces.
fn places(domains: &[&str], sets: &[&str]) -> [Place<'static>; 2] {
    let mut places = [Place::new(domains), Place::new(domains)];
    for place in &mut places {
        for set in ["start=2026-01-01T00:00:00Z"].iter().chain(sets) {
            place.set(set);
        }
    }
    places
}

fn assert_same(domains: &[&str], [whole, pieces]: &[Place<'_>; 2]) {
    for domain in domains {
        let (one, many) = (whole.content(domain), pieces.content(domain));
        assert!(!one.is_empty());
        assert_eq!(one, many, "{domain}");
    }
}

fn sum(summaries: &[Value], what: &str) -> u64 {
    let streams = summaries.iter().flat_map(|summary| summary["streams"].as_array().unwrap());
    streams.map(|stream| stream[what].as_u64().unwrap()).sum()
}

/// Waits until a query counts so many more.
fn wait_for_rows(place: &Place<'_>, (domain, sql): (&str, &str), more: u64) {
    let begun = Instant::now();
    let first = place.number(domain, sql);
    while place.number(domain, sql) < first + more {
        assert!(begun.elapsed() < Duration::from_mins(1), "nothing happens");
        sleep(Duration::from_millis(20));
    }
}

fn started(place: &Place<'_>, arguments: &[&str], out: &str) -> Child {
    let child = place.spawn(&[arguments, &["--out", out]].concat());
    let begun = Instant::now();
    while !place.folder.path().join(out).join("series.csv").exists() {
        assert!(begun.elapsed() < Duration::from_mins(1), "it does not begin");
        sleep(Duration::from_millis(20));
    }
    child
}

/// Kills a run while it waits for a lock, so that what it has under way does not take effect.
fn kill_while_it_waits(place: &Place<'_>, domain: &str, mut child: Child) {
    let lock = "BEGIN; LOCK TABLE customers IN EXCLUSIVE MODE; SELECT pg_sleep(600)";
    let mut holder = psql(&place.server.url_of(&place.database(domain)));
    let mut holder = holder.args(["-c", lock]).stdout(Stdio::null()).spawn().unwrap();
    let waiting = "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' \
                   AND datname = current_database() AND application_name LIKE 'loadgen/%'";
    wait_for_rows(place, (domain, waiting), 1);
    child.kill().unwrap();
    child.wait().unwrap();
    holder.kill().unwrap();
    holder.wait().unwrap();
    let end = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity \
               WHERE datname = current_database() AND query LIKE 'BEGIN; LOCK TABLE customers%'";
    place.query(domain, end);
}

fn ended(child: Child) {
    let done = Done::from(child.wait_with_output().unwrap());
    assert_eq!(done.code, 0, "{}{}", done.out, done.err);
}

#[test]
fn three_times_more_is_one_run_of_the_summed_length() {
    let file = scenario("continued.yaml");
    let places = places(&["orders"], &[]);
    let [whole, pieces] = &places;
    whole.must(&["run", &file, "--for", "4s", "--out", "whole"]);
    pieces.must(&["run", &file, "--for", "1s", "--out", "0"]);
    for round in 1..=3 {
        let out = round.to_string();
        let done = pieces.must(&["run", &file, "--for", "1s", "--continue", "--out", &out]);
        let said = format!("is played once more (round {})", round + 1);
        assert!(done.err.contains(&said), "{}", done.err);
        let summary = pieces.summary(&out);
        pieces.assert_counted(&summary);
        assert_eq!(summary["tables"][0]["before"], 50, "rows that an earlier run left");
        assert_eq!(summary["verdict"], "passed", "{summary}");
    }
    assert_same(&["orders"], &places);
    let all: Vec<Value> = (0..4).map(|round| pieces.summary(&round.to_string())).collect();
    let one = [whole.summary("whole")];
    for what in ["scheduled", "sent", "acknowledged", "skipped", "missed"] {
        assert_eq!(sum(&all, what), sum(&one, what), "{what}");
    }
    for (number, table) in one[0]["tables"].as_array().unwrap().iter().enumerate() {
        for what in ["inserted", "updated", "deleted"] {
            let count = |summary: &Value| summary["tables"][number][what].as_u64().unwrap();
            let pieces: u64 = all.iter().map(count).sum();
            assert_eq!(pieces, table[what].as_u64().unwrap(), "{what} of {table}");
        }
    }
    assert!(!pieces.folder.path().join("3/lanes.bin").exists(), "it is noted in the books");
}

#[test]
fn what_was_to_follow_follows_in_the_next_run() {
    let file = scenario("life.yaml");
    let places = places(&["life"], &[]);
    let [whole, pieces] = &places;
    whole.must(&["run", &file, "--for", "4s", "--out", "whole"]);
    pieces.must(&["run", &file, "--for", "2s", "--out", "0"]);
    pieces.must(&["run", &file, "--for", "2s", "--continue", "--out", "1"]);
    assert_same(&["life"], &places);
}

#[test]
fn limits_of_unlimited_streams_go_on() {
    let file = scenario("same_rows.yaml");
    let places = places(&["orders"], &[]);
    let [whole, pieces] = &places;
    whole.must(&["run", &file, "--set", "load.streams.shop.limit={ ops: 9k }", "--out", "whole"]);
    let third = ["run", &file, "--set", "load.streams.shop.limit={ ops: 3k }"];
    pieces.must(&[&third[..], &["--out", "0"]].concat());
    pieces.must(&[&third[..], &["--continue", "--out", "1"]].concat());
    pieces.must(&[&third[..], &["--continue", "--out", "2", "--workers", "1"]].concat());
    assert_same(&["orders"], &places);
}

/// A signal leaves the rest of the timetable; a kill does, too, and what it had under way is found.
#[test]
fn what_a_signal_or_a_kill_left_is_played_to_its_end() {
    let file = scenario("continued.yaml");
    let places = places(&["orders"], &["thresholds=[]"]);
    let [whole, pieces] = &places;
    let run = ["run", &file, "--for", "5s"];
    let whole_run = started(whole, &run, "whole");
    let customers = ("orders", "SELECT count(*) FROM customers");

    let child = started(pieces, &run, "0");
    wait_for_rows(pieces, customers, 20);
    kill_process(Pid::from_child(&child), Signal::INT).unwrap();
    let done = Done::from(child.wait_with_output().unwrap());
    assert_eq!(done.code, 105, "{}", done.err);
    pieces.assert_counted(&pieces.summary("0"));

    let mut child = started(pieces, &[&run[..], &["--continue"]].concat(), "1");
    wait_for_rows(pieces, customers, 20);
    let busy = pieces.run(&[&run[..], &["--continue=1"]].concat());
    assert_eq!(busy.code, 4, "{}", busy.err);
    assert!(busy.err.contains("its run is still going on"), "{}", busy.err);
    child.kill().unwrap();
    child.wait().unwrap();

    // It was killed: of that its folder tells.
    let refused = pieces.run(&[&run[..], &["--continue"]].concat());
    assert_eq!(refused.code, 4, "{}", refused.err);
    assert!(refused.err.contains("has no notes of how far it got"), "{}", refused.err);
    for more in [&["--continue=1", "--out", "1"][..], &["--out", "1"]] {
        let refused = pieces.run(&[&run[..], more].concat());
        assert_eq!(refused.code, 4, "{}", refused.err);
        assert!(refused.err.contains("holds what a run noted that was killed"), "{}", refused.err);
    }

    let child = started(pieces, &[&run[..], &["--continue=1"]].concat(), "2");
    wait_for_rows(pieces, customers, 20);
    kill_while_it_waits(pieces, "orders", child);
    pieces.must(&[&run[..], &["--continue=2", "--out", "3"]].concat());
    pieces.assert_counted(&pieces.summary("3"));
    ended(whole_run);
    assert_same(&["orders"], &places);
}

/// What changes nothing but shared rows is found by the number of its transaction.
#[test]
fn what_leaves_no_trace_in_its_rows_is_found_after_a_kill() {
    let sets = [
        "domains.stock.rows={ products: 200, accounts: 800, orders: 640, carts: 640, jobs: 320 }",
        "targets.operational.postgres={ url: \"${LOADGEN_POSTGRES}\", connections: 4 }",
        "load.streams.shop.mix={ stock.settle: 1, stock.restock: 1, stock.place_order: 1 }",
        "load.streams.shop.profile=[{ hold: 200/s, for: 4s }]",
        "load.streams.shop.arrival=uniform",
    ];
    let places = places(&["stock"], &sets);
    let [whole, pieces] = &places;
    let whole_run = started(whole, &["run", "@orders-contention"], "whole");
    let orders = ("stock", "SELECT count(*) FROM orders");
    let mut child = started(pieces, &["run", "@orders-contention"], "0");
    for round in 1..=3 {
        wait_for_rows(pieces, orders, 30);
        child.kill().unwrap();
        child.wait().unwrap();
        let from = format!("--continue={}", round - 1);
        child = started(pieces, &["run", "@orders-contention", &from], &round.to_string());
    }
    ended(child);
    pieces.assert_counted(&pieces.summary("3"));
    for sum in pieces.summary("3")["shared"].as_array().unwrap() {
        assert_eq!(sum["exact"], true, "{sum}");
    }
    ended(whole_run);
    assert_same(&["stock"], &places);
}

#[test]
fn batches_go_on_after_an_end_and_not_after_a_kill() {
    let file = scenario("batches.yaml");
    let places = places(&["batches"], &["load.streams.orders.profile=[{ hold: 500/s, for: 2s }]"]);
    let [whole, pieces] = &places;
    whole.must(&["run", &file, "--for", "4s", "--out", "whole"]);
    let child = started(pieces, &["run", &file, "--for", "2s"], "0");
    wait_for_rows(pieces, ("batches", "SELECT count(*) FROM orders"), 100);
    kill_process(Pid::from_child(&child), Signal::INT).unwrap();
    assert_eq!(Done::from(child.wait_with_output().unwrap()).code, 105);
    for out in ["1", "2"] {
        pieces.must(&["run", &file, "--for", "2s", "--continue", "--out", out]);
    }
    assert_same(&["batches"], &places);
    let mut child = started(pieces, &["run", &file, "--for", "2s", "--continue"], "3");
    // Killed before it has sent anything it may well go on.
    wait_for_rows(pieces, ("batches", "SELECT count(*) FROM orders"), 1);
    child.kill().unwrap();
    child.wait().unwrap();
    let refused = pieces.run(&["run", &file, "--for", "2s", "--continue=3"]);
    assert_eq!(refused.code, 4, "{}", refused.err);
    assert!(refused.err.contains("nobody can tell which batches of the stream"), "{}", refused.err);
}

#[test]
fn each_of_several_copies_goes_on_after_a_kill() {
    let sets = [
        "domains.orders.rows={ products: 20, customers: 80, orders: 160 }",
        "load.warmup=0s",
        "load.streams.shops.profile=[{ hold: 320/s, for: 3s }]",
        "thresholds=[]",
    ];
    let places = places(&["orders"], &sets);
    let [whole, pieces] = &places;
    let whole_run = started(whole, &["run", "@tenants"], "whole");
    let mut child = started(pieces, &["run", "@tenants"], "0");
    wait_for_rows(pieces, ("orders_3", "SELECT count(*) FROM orders"), 10);
    child.kill().unwrap();
    child.wait().unwrap();
    pieces.must(&["run", "@tenants", "--continue=0", "--out", "1"]);
    pieces.assert_counted(&pieces.summary("1"));
    ended(whole_run);
    assert_same(&["orders_1", "orders_3", "orders_8"], &places);
}

#[test]
fn four_databases_go_on_after_a_kill() {
    let domains = ["user", "business", "checkin", "evaluations"];
    let sets = ["load.streams.platform.profile=[{ hold: 250/s, for: 5s }]", "thresholds=[]"];
    let places = places(&domains, &sets);
    let [whole, pieces] = &places;
    let whole_run = started(whole, &["run", "@yelp-small"], "whole");
    let mut child = started(pieces, &["run", "@yelp-small"], "0");
    wait_for_rows(pieces, ("checkin", "SELECT count(*) FROM checkins"), 100);
    child.kill().unwrap();
    child.wait().unwrap();
    pieces.must(&["run", "@yelp-small", "--continue=0", "--out", "1"]);
    pieces.assert_counted(&pieces.summary("1"));
    ended(whole_run);
    assert_same(&domains, &places);
    pieces.must(&["verify", "@yelp-small", "--source", "--run", "1"]);
}

#[test]
fn what_cannot_be_continued_is_refused_and_left_alone() {
    let file = scenario("continued.yaml");
    let mut place = Place::new(&["orders"]);
    place.set("load.streams.shop.profile=[{ hold: 50/s, for: 1s }]");
    let refuse = |place: &Place<'_>, more: &[&str], why: &str| {
        let done = place.run(&[&["run", &file, "--continue"], more].concat());
        assert!(done.code == 4 || done.code == 2, "{}{}", done.out, done.err);
        assert!(done.err.contains(why), "{}", done.err);
    };
    let nothing = "no run has loaded `orders` there yet";
    refuse(&place, &[], nothing);
    place.must(&["seed", &file]);
    refuse(&place, &[], nothing);
    place.must(&["run", &file, "--set", "load.streams.repairs.limit={ ops: 90 }", "--out", "run"]);
    let content = place.content("orders");
    refuse(&place, &["--seed", "9"], "for another state of `continued` (seed 21)");
    refuse(&place, &["--fresh"], "cannot be used with");
    refuse(&place, &["--shard", "1/2"], "cannot be used with");
    refuse(
        &place,
        &["--set", "targets.operational.postgres.url=embedded"],
        "is an embedded server",
    );
    refuse(
        &place,
        &["--set", "load.streams.repairs.profile=[{ hold: 9/s, for: 1s }]"],
        "only the same files",
    );
    refuse(
        &place,
        &["--set", "load.streams.repairs.limit={ ops: 30 }"],
        "the streams last differently long",
    );
    assert_eq!(place.content("orders"), content);

    let closed = Place::new(&["life"]).run(&["run", &scenario("sessions.yaml"), "--continue"]);
    assert_eq!(closed.code, 4, "{}", closed.err);
    assert!(closed.err.contains("the stream `people` is closed"), "{}", closed.err);

    place = Place::new(&["orders"]);
    place.set("load.streams.shop.arrival=poisson");
    place.must(&["run", &file, "--out", "poisson"]);
    refuse(&place, &[], "are drawn for a whole profile");
}
