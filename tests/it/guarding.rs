//! What servers keep of their log for replication slots: the load pauses before it is too much, the run
//! ends if that does not help, and heartbeats let idle slots move on.

use std::time::Duration;

use rustix::process::Signal;
use serde_json::Value;

use crate::support::command::Place;
use crate::support::loadgen::Ended;
use crate::support::loadgen::Loadgen;
use crate::support::machine::wait_for;
use crate::support::server::Options;
use crate::support::server::TestServer;

const FILE: &str = "quickstart.yaml";
/// Few rows, and a load that writes next to nothing.
const SMALL: [&str; 4] = [
    "domains.orders.rows={ products: 50, customers: 500, orders: 1k }",
    "load.warmup=0s",
    "load.streams.shop.profile=[{ hold: 50/s, for: 6s }]",
    "thresholds=[{ metric: slot_wal, expr: \"< 60MB\" }]",
];
/// Longer than any of these runs may take.
const PATIENCE: Duration = Duration::from_mins(2);
const MB: u64 = 1 << 20;

fn number(server: &TestServer, database: &str, sql: &str) -> u64 {
    server.query(database, sql)[0][0].parse().unwrap()
}

/// A slot that nobody reads, in a database that is no part of any run.
fn hold_log(server: &TestServer) {
    server.query("postgres", "SELECT pg_create_logical_replication_slot('held', 'pgoutput')");
}

/// Writes to the log until so much of it is kept for that slot.
fn write_log(server: &TestServer, kept: u64) {
    let sql = format!(
        "SELECT pg_logical_emit_message(false, 'noise', repeat('x', ({kept} - \
         pg_wal_lsn_diff(pg_current_wal_lsn(), restart_lsn))::int)) \
         FROM pg_replication_slots WHERE slot_name = 'held'"
    );
    server.query("postgres", &sql);
}

/// A short run on a server with that slot, once its load has begun.
fn start(server: &TestServer, sets: &[&str]) -> Loadgen {
    hold_log(server);
    let mut run = Loadgen::start("run", FILE, &server.url(), &[&SMALL, sets].concat());
    run.wait_for_load();
    run
}

/// What the summary has of that slot.
fn held(ended: &Ended) -> &Value {
    let slots = ended.summary["slots"].as_array().unwrap();
    slots.iter().find(|slot| slot["slot"] == "held").unwrap_or_else(|| panic!("{slots:?}"))
}

fn of(slot: &Value, name: &str) -> u64 {
    slot[name].as_u64().unwrap_or_else(|| panic!("no `{name}` in {slot}"))
}

#[test]
fn the_load_pauses_at_half_and_goes_on_when_the_log_is_free() {
    let server = TestServer::start();
    let mut run = start(&server, &["cdc.wal_limit=64MB"]);
    write_log(&server, 33 * MB);
    run.wait_for("writers pause", PATIENCE);
    // What was in flight has come to its end; nothing follows it.
    let orders = || number(&server, "orders", "SELECT count(*) FROM orders");
    let mut before = orders();
    wait_for("the load to stand", || {
        std::thread::sleep(Duration::from_millis(500));
        std::mem::replace(&mut before, orders()) == before
    });
    std::thread::sleep(Duration::from_secs(1));
    assert_eq!(orders(), before, "something was sent in the pause");
    assert!(!run.is_over());
    server.query("postgres", "SELECT pg_drop_replication_slot('held')");
    run.wait_for("writers go on after", PATIENCE);
    let ended = run.finish(PATIENCE);
    assert_eq!(ended.code, Some(0), "{}", ended.said);
    assert_eq!(ended.count("scheduled"), 300);
    assert_eq!(ended.count("acknowledged") + ended.count("skipped"), 300);
    let slot = held(&ended);
    assert_eq!((of(slot, "limit_bytes"), of(slot, "pauses")), (64 * MB, 1), "{slot}");
    assert!(
        of(slot, "kept_bytes_max") > 32 * MB && of(slot, "paused_ns") > 1_500_000_000,
        "{slot}"
    );
    assert_eq!((&slot["database"], &slot["was_lost"]), (&"postgres".into(), &false.into()));
    let threshold = &ended.summary["thresholds"][0];
    assert_eq!(threshold["observed"], slot["kept_bytes_max"], "{threshold}");
    assert_eq!(threshold["passed"], true, "{threshold}");
    assert!(ended.said.contains("\"is_paused\":true"), "{}", ended.said);
}

/// By the limit that the server itself has.
#[test]
fn at_four_fifths_the_run_ends() {
    let hba = vec!["host all all 127.0.0.1/32 trust".to_owned()];
    let settings = vec![("max_slot_wal_keep_size", "64MB".to_owned())];
    let server = TestServer::with(&Options { hba, settings, ..Options::default() });
    let run = start(&server, &[]);
    write_log(&server, 55 * MB);
    let ended = run.finish(PATIENCE);
    assert_eq!(ended.code, Some(5), "{}", ended.said);
    let why = ended.summary["stopped_because"].as_str().unwrap();
    for word in ["`held`", "`postgres`", "64 MiB", "max_slot_wal_keep_size", "nobody reads"] {
        assert!(why.contains(word), "`{word}` is not in: {why}");
    }
    assert_eq!(of(held(&ended), "limit_bytes"), 64 * MB);
    assert_eq!(ended.summary["verdict"], "stopped");
}

#[test]
fn a_pause_that_nothing_ends_is_no_run() {
    let server = TestServer::start();
    let sets = ["cdc.wal_limit=64MB", "load.drain=1s"];
    let mut run = start(&server, &sets);
    write_log(&server, 34 * MB);
    run.wait_for("writers pause", PATIENCE);
    let ended = run.finish(PATIENCE);
    assert_eq!(ended.code, Some(5), "{}", ended.said);
    let why = ended.summary["stopped_because"].as_str().unwrap();
    assert!(why.contains("writers were paused") && why.contains("heartbeat"), "{why}");
    assert!(ended.count("unfinished") > 0, "{}", ended.summary["streams"]);
}

/// A slot whose server gives it up.
#[test]
fn a_slot_that_is_lost_makes_the_run_invalid() {
    let hba = vec!["host all all 127.0.0.1/32 trust".to_owned()];
    let settings =
        vec![("max_slot_wal_keep_size", "32MB".to_owned()), ("max_wal_size", "32MB".to_owned())];
    let server = TestServer::with(&Options { hba, settings, ..Options::default() });
    let mut run = start(&server, &[]);
    // It has been seen.
    run.wait_for("\"slot\":\"held\"", PATIENCE);
    // Nobody looks before all is done.
    run.signal(Signal::STOP);
    write_log(&server, 128 * MB);
    server.query("postgres", "CHECKPOINT");
    let status = "SELECT wal_status FROM pg_replication_slots WHERE slot_name = 'held'";
    assert_eq!(server.query("postgres", status), [["lost"]]);
    run.signal(Signal::CONT);
    let ended = run.finish(PATIENCE);
    assert_eq!(ended.code, Some(6), "{}", ended.said);
    assert!(ended.summary["invalid_because"].to_string().contains("`held`"), "{}", ended.summary);
    assert_eq!(held(&ended)["was_lost"], true);
}

/// Where a slot of the observer stands.
fn confirmed(place: &Place<'_>, domain: &str) -> Option<String> {
    let sql = format!(
        "SELECT confirmed_flush_lsn FROM pg_replication_slots WHERE database = '{}'",
        place.database(domain)
    );
    place.server.query("postgres", &sql).concat().into_iter().next()
}

fn neighbours(server: &TestServer) -> Place<'_> {
    let mut place = Place::on(server, &["user", "business", "checkin", "evaluations"]);
    place.set("domains.user.rows={ users: 200 }");
    place.set("domains.business.rows={ business: 20 }");
    place.set("domains.checkin.rows={ checkins: 100 }");
    place.set("domains.evaluations.rows={ reviews: 300 }");
    place.set("lanes=8");
    place.set("thresholds=[]");
    place.set("load.streams.noise.profile=[{ hold: 100/s, for: 6s }]");
    place
}

/// The slots of idle databases move on with heartbeats, and stand still without.
#[test]
fn heartbeats_let_idle_slots_move_on() {
    for (heartbeat, moves) in [("200ms", true), ("off", false)] {
        // What others write would be kept for the idle slots, too.
        let server = TestServer::start();
        let mut place = neighbours(&server);
        place.set(&format!("cdc.heartbeat={heartbeat}"));
        let child = place.spawn(&["run", "@noisy-neighbour", "--out", "run"]);
        wait_for("the slot", || confirmed(&place, "user").is_some());
        let written = "SELECT count(*) FROM reviews";
        wait_for("the load", || place.number("evaluations", written) > 320);
        let begun = confirmed(&place, "user");
        if moves {
            wait_for("the slot to move", || confirmed(&place, "user") != begun);
        } else {
            wait_for("more of the load", || place.number("evaluations", written) > 480);
            assert_eq!(confirmed(&place, "user"), begun, "an idle slot moved");
        }
        let output = child.wait_with_output().unwrap();
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(0), "{said}");
        let summary = place.summary("run");
        assert_eq!(summary["heartbeats"].as_u64().unwrap() > 8, moves, "{summary}");
        assert_eq!(summary["heartbeats_failed"], 0);
        assert_eq!(summary["verification"]["lost"], 0);
        let slots = summary["slots"].as_array().unwrap();
        let ours: Vec<_> = ["user", "business", "checkin", "evaluations"]
            .map(|domain| {
                let is_it = |slot: &&Value| slot["database"] == place.database(domain);
                slots.iter().find(is_it).unwrap_or_else(|| panic!("{domain}: {slots:?}"))
            })
            .into();
        assert!(ours.iter().all(|slot| of(slot, "kept_bytes_max") > 0), "{ours:?}");
        let beat =
            "SELECT count(*) FROM debezium_heartbeat WHERE beat > pg_postmaster_start_time()";
        assert_eq!(place.number("user", beat), 1);
    }
}

#[test]
fn a_heartbeat_that_cannot_be_written_is_told_before_the_load() {
    let server = TestServer::start();
    let seeded = Loadgen::start("setup", FILE, &server.url(), &SMALL).finish(PATIENCE);
    assert_eq!(seeded.code, Some(0), "{}", seeded.said);
    server.query("orders", "DROP TABLE debezium_heartbeat");
    let sets = ["targets.operational.postgres.provision=nothing", "cdc.heartbeat=1s"];
    let ended = Loadgen::start("run", FILE, &server.url(), &[&SMALL[..], &sets].concat());
    let ended = ended.finish(PATIENCE);
    assert_eq!(ended.code, Some(4), "{}", ended.said);
    assert!(ended.said.contains("debezium_heartbeat"), "{}", ended.said);
}
