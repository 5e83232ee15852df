//! A run keeps its schedule, counts what the server holds, and says so in its files.

mod closed;
mod files;
mod follow;
mod secrets;
mod shapes;

use std::thread;
use std::time::Duration;
use std::time::Instant;

use serde_json::Value;

use crate::support::command::Place;
use crate::support::command::interrupt;
use crate::support::machine::wait_for;
use crate::support::server::TestServer;

/// Few enough rows that seeding takes no time.
const ROWS: &str = "domains.orders.rows={ products: 50, customers: 500, orders: 2k }";

/// A small quickstart with this profile and no warm-up.
fn place(profile: &str) -> Place<'static> {
    let mut place = Place::new(&["orders"]);
    place.set(ROWS);
    place.set("load.warmup=0s");
    place.set(&format!("load.streams.shop.profile={profile}"));
    place
}

/// A number of a stream's summary.
fn of(stream: &Value, path: &str) -> u64 {
    let found = path.split('.').fold(stream, |value, key| &value[key]);
    found.as_u64().unwrap_or_else(|| panic!("no number at {path}: {stream}"))
}

/// The counts of a stream add up, and nothing failed.
fn assert_sound(stream: &Value) {
    for count in ["failed", "unknown", "unfinished", "missed"] {
        assert_eq!(stream[count], 0, "{count}");
    }
    assert_eq!(of(stream, "scheduled"), of(stream, "sent") + of(stream, "skipped"));
    assert_eq!(of(stream, "sent"), of(stream, "acknowledged"));
    // Without a schedule nothing is late.
    let is_open = stream["target_rate"] != 0.0;
    let distributions = ["service", "response", "sched", "queue"];
    for distribution in &distributions[..if is_open { 4 } else { 2 }] {
        assert_eq!(of(stream, &format!("{distribution}.count")), of(stream, "acknowledged"));
    }
}

#[test]
fn connections_without_a_lane_are_not_made_and_not_hushed_up() {
    let mut place = place("[ { hold: 100/s, for: 1s } ]");
    place.set("lanes=2");
    place.set("targets.operational.postgres.connections=5");
    let done = place.run(&["run", "@quickstart"]);
    assert!([0, 99].contains(&done.code), "{}{}", done.out, done.err);
    assert!(done.err.contains("2 of 5 connections are used"), "{}", done.err);
}

#[test]
fn a_table_without_a_key_is_loaded_and_a_pause_at_the_end_is_played() {
    let place = Place::new(&["log"]);
    let begun = Instant::now();
    place.must(&["run", &crate::support::command::scenario("log.yaml"), "--out", "run"]);
    assert!(begun.elapsed() >= Duration::from_secs(2), "the pause is missing");
    let summary = place.summary("run");
    assert_eq!(summary["streams"][0]["acknowledged"], 200);
    place.assert_counted(&summary);
}

#[test]
fn of_two_runs_that_begin_together_one_goes_on() {
    let mut place = place("[ { hold: 200/s, for: 3s } ]");
    place.set("thresholds=[]");
    let mut codes = Vec::new();
    let both = ["one", "two"].map(|out| place.spawn(&["run", "@quickstart", "--out", out]));
    for (child, out) in both.into_iter().zip(["one", "two"]) {
        let output = child.wait_with_output().unwrap();
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        codes.push(output.status.code());
        if output.status.code() == Some(0) {
            place.assert_counted(&place.summary(out));
        } else {
            let reasons = ["used already", "cannot be used as it is", "another loadgen"];
            assert!(reasons.iter().any(|reason| said.contains(reason)), "{said}");
        }
    }
    codes.sort_unstable();
    assert_eq!(codes, [Some(0), Some(4)]);
}

/// What was due while the program itself stood still is its own lateness, in every lane's every slot.
#[test]
fn a_generator_that_stood_still_blames_nobody_else() {
    let mut place = place("[ { hold: 1k/s, for: 4s } ]");
    place.set("thresholds=[]");
    place.set("validity={ sched_p99: 50ms }");
    let child = place.spawn(&["run", "@quickstart", "--out", "run"]);
    let id = rustix::process::Pid::from_child(&child);
    wait_for_workers(&place);
    thread::sleep(Duration::from_millis(300));
    rustix::process::kill_process(id, rustix::process::Signal::STOP).unwrap();
    thread::sleep(Duration::from_millis(1500));
    rustix::process::kill_process(id, rustix::process::Signal::CONT).unwrap();
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(6), "{}", String::from_utf8_lossy(&output.stdout));
    let stream = &place.summary("run")["streams"][0];
    assert!(of(stream, "sched.p90") > of(stream, "queue.p90"), "{stream}");
    assert!(of(stream, "sched.p90") > 500_000_000, "{stream}");
}

#[test]
fn a_hold_is_its_rate_times_its_time() {
    hold(Duration::from_secs(5));
}

/// The full length, by hand: `cargo test a_minute -- --ignored --nocapture`.
#[test]
#[ignore = "takes more than a minute"]
fn a_minute_of_a_thousand_a_second_is_sixty_thousand() {
    println!("{}", hold(Duration::from_mins(1)));
}

fn hold(length: Duration) -> String {
    let seconds = length.as_secs();
    let place = place(&format!("[ {{ hold: 1k/s, for: {seconds}s }} ]"));
    let begun = Instant::now();
    let done = place.run(&["run", "@quickstart", "--out", "run"]);
    // A busy machine may miss the threshold of the response, but nothing else.
    assert!([0, 99].contains(&done.code), "{}{}", done.out, done.err);
    assert!(begun.elapsed() >= length);
    let summary = place.summary("run");
    let stream = &summary["streams"][0];
    assert_eq!(of(stream, "scheduled"), seconds * 1000);
    assert_sound(stream);
    assert_eq!(stream["target_rate"], 1000.0);
    let achieved = stream["achieved_rate"].as_f64().unwrap();
    let wanted = of(stream, "acknowledged") as f64 / length.as_secs_f64();
    assert!(achieved > wanted * 0.9 && achieved <= wanted, "{achieved} of {wanted}");
    place.assert_counted(&summary);
    done.out
}

/// While the server holds still, slots come due as planned: their waiting shows in `response`, and
/// not in `service`, except of those few that were with the server.
#[test]
fn a_stall_shows_in_the_response_and_drops_nothing() {
    let mut place = place("[ { hold: 500/s, for: 5s } ]");
    place.set("targets.operational.postgres.connections=2");
    place.set("targets.operational.postgres.in_flight=2");
    let summary = thread::scope(|scope| {
        scope.spawn(|| {
            place.wait_for_rows("orders", "orders", 2_200);
            place.query(
                "orders",
                "BEGIN; LOCK TABLE orders, customers; SELECT pg_sleep(1.2); COMMIT",
            );
        });
        let done = place.run(&["run", "@quickstart", "--out", "run", "--set", "thresholds=[]"]);
        assert_eq!(done.code, 0, "{}{}", done.out, done.err);
        place.summary("run")
    });
    let stream = &summary["streams"][0];
    assert_eq!(of(stream, "scheduled"), 2500);
    assert_sound(stream);
    place.assert_counted(&summary);
    let second = 1_000_000_000;
    assert!(of(stream, "response.max") >= second, "{stream}");
    assert!(of(stream, "response.p90") >= second / 5, "a fifth of the slots came due in the stall");
    assert!(of(stream, "service.max") >= second, "some were with the server");
    assert!(of(stream, "service.p99") < second / 5, "only those: {}", stream["service"]);
    assert!(of(stream, "lag_max_ns") >= second / 2);
}

/// What a run is at work in is neither removed nor made anew beside it.
#[test]
fn a_run_that_is_at_work_is_not_swept_away() {
    let place = place("[ { hold: 50/s, for: 60s } ]");
    let mut run = place.spawn(&["run", "@quickstart", "--out", "live"]);
    wait_for_workers(&place);
    for arguments in [&["clean", "@quickstart"][..], &["setup", "@quickstart", "--fresh"]] {
        let done = place.run(arguments);
        assert_eq!(done.code, 4, "{}{}", done.out, done.err);
        let said = ["cannot be removed: the run `quickstart-", "is at work in it; stop that first"];
        assert!(said.iter().all(|said| done.err.contains(said)), "{}", done.err);
    }
    assert!(run.try_wait().unwrap().is_none(), "it goes on");
    run.kill().unwrap();
    run.wait().unwrap();
    wait_for("its sessions to end", || place.run(&["clean", "@quickstart"]).code == 0);
}

/// Its connections do nothing, for longer than those of a run at work usually do.
#[test]
fn a_run_that_waits_for_its_next_slot_is_not_swept_away() {
    let place = place("[ { hold: 1/min, for: 30s } ]");
    let run = place.spawn(&["run", "@quickstart", "--out", "live"]);
    wait_for_workers(&place);
    thread::sleep(Duration::from_secs(13));
    for arguments in [&["clean", "@quickstart"][..], &["setup", "@quickstart", "--fresh"]] {
        let done = place.run(arguments);
        assert_eq!(done.code, 4, "{}{}", done.out, done.err);
        assert!(done.err.contains("is at work in it; stop that first"), "{}", done.err);
    }
    let output = run.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(0), "{}", String::from_utf8_lossy(&output.stderr));
    place.must(&["clean", "@quickstart"]);
}

/// In a database that is not ours, those of other runs in it do not count.
#[test]
fn a_run_on_a_postgresql_schema_of_its_own_is_not_swept_away() {
    let server = TestServer::shared();
    let database = server.fresh_database();
    let mut place = Place::new(&[]);
    place.set(ROWS);
    place.set("load.streams.shop.profile=[ { hold: 50/s, for: 60s } ]");
    place.url = server.url_of(&database);
    place.set("targets.operational.postgres.provision=schemas");
    let live = ["domains.orders.namespace=live", "cdc.publication=live"];
    let mut command = place.command(&["run", "@quickstart", "--out", "live"]);
    let mut run = command.args(["--set", live[0], "--set", live[1]]).spawn().unwrap();
    let rows = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() \
                AND application_name LIKE 'loadgen/%/0/%'";
    wait_for("its load", || server.query(&database, rows)[0][0] != "0");
    // As where a server starts again, and the run goes on: it is said anew.
    let present = |what: &str| {
        let sql = format!(
            "SELECT {what} FROM pg_locks WHERE locktype = 'advisory' AND objsubid = 2 AND objid = 4 \
             AND database = (SELECT oid FROM pg_database WHERE datname = current_database())"
        );
        server.query(&database, &sql)
    };
    let before = present("pid");
    assert_eq!(present("pg_terminate_backend(pid)"), [["t"]]);
    wait_for("another session that says so", || {
        ![Vec::new(), before.clone()].contains(&present("pid"))
    });
    let options = ["--set", live[0], "--set", live[1]];
    for arguments in [&["clean", "@quickstart"][..], &["setup", "@quickstart", "--fresh"]] {
        let done = place.run(&[arguments, &options].concat());
        assert_eq!(done.code, 4, "{}{}", done.out, done.err);
        assert!(done.err.contains("is at work in it; stop that first"), "{}", done.err);
    }
    // Beside it, another's goes.
    let other = ["--set", "domains.orders.namespace=other", "--set", "cdc.publication=other"];
    place.must(&[&["setup", "@quickstart"], &other[..]].concat());
    place.must(&[&["clean", "@quickstart"], &other[..]].concat());
    assert!(run.try_wait().unwrap().is_none(), "it goes on");
    run.kill().unwrap();
    run.wait().unwrap();
    let clean = [&["clean", "@quickstart"], &options[..]].concat();
    wait_for("its sessions to end", || place.run(&clean).code == 0);
}

/// Waits until the load's connections are made.
fn wait_for_workers(place: &Place<'_>) {
    // Workers have a number behind that of their domain.
    let sessions = format!(
        "SELECT count(*) FROM pg_stat_activity WHERE datname = '{}' \
         AND application_name LIKE 'loadgen/%/0/%'",
        place.database("orders")
    );
    wait_for("the connections of the load", || {
        place.server.query("postgres", &sessions)[0][0] != "0"
    });
}

#[test]
fn the_warm_up_is_in_the_tables_and_not_in_the_streams() {
    let mut place = place("[ { hold: 400/s, for: 2s } ]");
    place.set("load.warmup=1s");
    place.set("load.streams.shop.mix={ orders.place_order: 1 }");
    place.set("thresholds=[]");
    place.must(&["run", "@quickstart", "--out", "run"]);
    let summary = place.summary("run");
    let stream = &summary["streams"][0];
    assert_eq!(of(stream, "scheduled"), 800);
    assert_sound(stream);
    assert_eq!(summary["tables"][2]["inserted"], 1200);
    place.assert_counted(&summary);
}

#[test]
fn a_limit_ends_a_stream_early() {
    for (profile, limit) in [("[ { hold: 1k/s, for: 1h } ]", 700), ("[ { unlimited: true } ]", 900)]
    {
        let mut place = place(profile);
        place.set(&format!("load.streams.shop.limit={{ ops: {limit} }}"));
        place.set("thresholds=[]");
        let begun = Instant::now();
        place.must(&["run", "@quickstart", "--out", "run"]);
        assert!(begun.elapsed() < Duration::from_mins(1));
        let summary = place.summary("run");
        assert_eq!(of(&summary["streams"][0], "scheduled"), limit, "{profile}");
        assert_sound(&summary["streams"][0]);
        place.assert_counted(&summary);
    }
}

#[test]
fn streams_that_share_tables_share_lanes_and_others_run_beside_them() {
    let mut place = Place::new(&[]);
    place.set("load.warmup=500ms");
    place.set("thresholds=[ { metric: missed, expr: '== 0' } ]");
    let (orders, original) = (place.database("orders"), place.database("orders_original"));
    place.set(&format!(
        "domains={{ orders: {{ on: operational, rows: {{ products: 50, customers: 500, orders: 2k }}, \
         database: {orders}, roles: {{ owner: {orders}_o, application: {orders}_a, capture: {orders}_c }} }}, \
         orders_original: {{ on: operational, rows: {{ orders: 100 }}, \
         database: {original}, roles: {{ owner: {original}_o, application: {original}_a, capture: {original}_c }} }} }}"
    ));
    place.set(
        "load.streams={ \
         placing: { mix: { orders.place_order: 5, orders.new_customer: 1 }, profile: [ { hold: 200/s, for: 2s } ] }, \
         working: { mix: { orders.pay: 3, orders.ship: 2, orders.delete_order: 1, orders.close_customer: 0.2 }, \
                    profile: [ { ramp: { from: 50/s, to: 250/s }, for: 2s } ] }, \
         beside:  { mix: { orders_original.order: 3, orders_original.remove: 1 }, profile: [ { hold: 150/s, for: 2s } ] } }",
    );
    place.must(&["run", "@quickstart", "--out", "run"]);
    let summary = place.summary("run");
    let names: Vec<_> = summary["streams"].as_array().unwrap().iter().map(|s| &s["name"]).collect();
    assert_eq!(names, ["placing", "working", "beside"]);
    for (stream, scheduled) in [(0, 400), (1, 300), (2, 300)] {
        assert_eq!(of(&summary["streams"][stream], "scheduled"), scheduled);
        assert_sound(&summary["streams"][stream]);
    }
    assert_eq!(summary["tables"].as_array().unwrap().len(), 5);
    place.assert_counted(&summary);
}

#[test]
fn a_threshold_that_does_not_hold_is_99() {
    let mut place = place("[ { hold: 200/s, for: 1s } ]");
    place.set(
        "thresholds=[ { metric: response, expr: 'p50 < 1us' }, { metric: failed, expr: '== 0' } ]",
    );
    let done = place.run(&["run", "@quickstart", "--out", "run"]);
    assert_eq!(done.code, 99, "{}", done.err);
    let summary = place.summary("run");
    assert_eq!((&summary["verdict"], &summary["exit_code"]), (&"failed".into(), &99.into()));
    let passed: Vec<_> =
        summary["thresholds"].as_array().unwrap().iter().map(|t| &t["passed"]).collect();
    assert_eq!(passed, [false, true]);
    assert!(done.out.starts_with("failed  quickstart: 1 of 2 thresholds failed"), "{}", done.out);
    place.assert_counted(&summary);
}

#[test]
fn a_signal_ends_a_run_in_order() {
    let mut place = place("[ { hold: 300/s, for: 1h } ]");
    place.set("thresholds=[]");
    let child = place.spawn(&["run", "@quickstart", "--out", "run"]);
    wait_for_workers(&place);
    thread::sleep(Duration::from_millis(500));
    interrupt(&child);
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(105), "{}", String::from_utf8_lossy(&output.stderr));
    let summary = place.summary("run");
    assert_eq!(summary["verdict"], "interrupted");
    assert!(of(&summary["streams"][0], "acknowledged") > 0);
    place.assert_counted(&summary);
}
