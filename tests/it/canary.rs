//! Canaries: there is something to observe also while nothing else happens, and nothing else counts it.

use std::fs;
use std::time::Duration;

use serde_json::Value;

use crate::support::command::Place;
use crate::support::machine::wait_for;
use crate::support::server::TestServer;
use crate::support::slot::wait_for_load;
use crate::support::slot::wait_for_reader;

fn place<'s>(server: &'s TestServer, profile: &str) -> Place<'s> {
    let mut place = Place::on(server, &["orders"]);
    place.set("domains.orders.rows={ products: 50, customers: 500, orders: 2k }");
    place.set("load.warmup=0s");
    place.set("thresholds=[]");
    place.set("cdc={ canary: 50ms }");
    place.set(&format!("load.streams.shop.profile={profile}"));
    place
}

/// All that the load did was observed, and the canaries are in no count.
fn assert_exact(summary: &Value) {
    let tables = summary["tables"].as_array().unwrap();
    let of = |table: &Value, name: &str| table[name].as_u64().unwrap();
    let changes = |it: &Value| of(it, "inserted") + of(it, "updated") + of(it, "deleted");
    let changes: u64 = tables.iter().map(changes).sum();
    let verification = &summary["verification"];
    assert_eq!(verification["expected"], changes, "{verification}");
    assert_eq!(verification["observed"], changes, "{verification}");
    for fault in ["lost", "doubled", "reordered", "wrong", "phantom", "pending"] {
        assert_eq!(verification[fault], 0, "{fault}: {verification}");
    }
}

/// How often the canary's update was observed.
fn updates(summary: &Value) -> u64 {
    let lags = summary["lag"].as_array().unwrap();
    let is_it = |it: &&Value| {
        it["operation"] == "update" && it["table"].as_str().unwrap().ends_with(".loadgen_canary")
    };
    lags.iter().find(is_it).map_or(0, |it| it["high"]["count"].as_u64().unwrap())
}

#[test]
fn there_is_lag_to_see_while_nothing_else_happens() {
    let profile = "[ { hold: 100/s, for: 1s }, { idle: 3s }, { hold: 100/s, for: 1s } ]";
    let place = place(TestServer::shared(), profile);
    let done = place.run(&["run", "@cdc-lag", "--out", "run"]);
    assert_eq!(done.code, 0, "{}{}", done.out, done.err);
    let summary = place.summary("run");
    assert_exact(&summary);
    let count = updates(&summary);
    // More of them where the load took longer to settle.
    assert!(count >= 60, "{count} in five seconds, 20 a second");
    let lag = fs::read_to_string(place.folder.path().join("run/lag.csv")).unwrap();
    let mut lines = lag.lines().map(|line| line.split(',').collect::<Vec<_>>());
    let header = lines.next().unwrap();
    let column = |name: &str| header.iter().position(|it| *it == name).unwrap();
    let (observed, canary) = (column("observed"), column("canary_max_ns"));
    let silent: Vec<_> = lines.filter(|line| line[observed] == "0").collect();
    assert!(!silent.is_empty() && silent.iter().any(|line| !line[canary].is_empty()), "{lag}");
    place.must(&["verify", "run"]);
}

#[test]
fn a_server_that_is_killed_leaves_no_doubt_about_them() {
    let server = TestServer::start();
    let place = place(&server, "[ { hold: 50/s, for: 5s } ]");
    let child = place.spawn(&["run", "@cdc-lag", "--out", "run"]);
    wait_for_load(&place, 2_000);
    server.kill_hard();
    std::thread::sleep(Duration::from_millis(300));
    server.start_again();
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(0), "{}", String::from_utf8_lossy(&output.stdout));
    let summary = place.summary("run");
    assert_exact(&summary);
    assert!(updates(&summary) > 40, "{}", updates(&summary));
}

/// Waits until it has changed some times.
fn wait_for_canary(place: &Place<'_>) {
    let sung = "SELECT coalesce(max(n), 0) FROM loadgen_canary";
    wait_for("the canary", || place.number("orders", sung) >= 10);
}

/// Who deletes the row is named; what the canary does then is no fault.
#[test]
fn a_row_that_somebody_deletes_is_made_again() {
    let place = place(TestServer::shared(), "[ { hold: 50/s, for: 4s } ]");
    let child = place.spawn(&["run", "@cdc-lag", "--out", "run"]);
    wait_for_reader(&place, "orders");
    wait_for_canary(&place);
    place.query("orders", "DELETE FROM loadgen_canary");
    let output = child.wait_with_output().unwrap();
    let summary = place.summary("run");
    let verification = &summary["verification"];
    assert_eq!(output.status.code(), Some(99), "{verification}");
    assert_eq!(verification["phantom"], 1, "{verification}");
    for fault in ["lost", "doubled", "reordered", "wrong", "pending"] {
        assert_eq!(verification[fault], 0, "{fault}: {verification}");
    }
    let of = |name: &str| verification[name].as_u64().unwrap();
    assert_eq!(of("expected") + 1, of("observed"), "{verification}");
    let example = &verification["examples"][0];
    assert_eq!((&example["operation"], &example["key"]), (&"delete".into(), &"1".into()));
    assert!(updates(&summary) > 40, "it goes on: {}", updates(&summary));
}

#[test]
fn there_is_one_where_nobody_says_anything_of_it_and_none_where_it_is_off() {
    let mut place = Place::on(TestServer::shared(), &["orders"]);
    place.set("domains.orders.rows={ products: 50, customers: 500, orders: 2k }");
    place.set("load.streams.shop.profile=[ { hold: 50/s, for: 2s } ]");
    place.must(&["run", "@cdc-lag", "--set", "load.warmup=0s", "--out", "run"]);
    let summary = place.summary("run");
    assert_exact(&summary);
    // Ten times a second.
    assert!(updates(&summary) >= 15, "{}", updates(&summary));
    let words = ["run", "@cdc-lag", "--fresh", "--set", "cdc={ canary: off }", "--out", "silent"];
    place.must(&words);
    assert_eq!(updates(&place.summary("silent")), 0);
    let sql = "SELECT to_regclass('loadgen_canary') IS NULL";
    assert_eq!(place.query("orders", sql), [["t"]]);
}

#[test]
fn what_the_server_refuses_is_told_of() {
    let mut place = place(TestServer::shared(), "[ { hold: 50/s, for: 2s } ]");
    place.must(&["setup", "@cdc-lag"]);
    let refuse = "CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS \
                  $$ BEGIN RAISE insufficient_privilege USING MESSAGE = 'not here'; END $$; \
                  CREATE TRIGGER refuse BEFORE INSERT ON loadgen_canary FOR EACH ROW EXECUTE FUNCTION refuse()";
    assert_eq!(place.psql("orders", refuse).code, 0);
    let done = place.run(&["run", "@cdc-lag", "--out", "run"]);
    assert_eq!(done.code, 0, "{}{}", done.out, done.err);
    let told = format!("the canary of the database `{}` does not change", place.database("orders"));
    assert!(done.err.contains(&told) && done.err.contains("not here"), "{}", done.err);
    assert_eq!(done.err.matches(&told).count(), 1, "{}", done.err);
    let summary = place.summary("run");
    assert_exact(&summary);
    assert_eq!(updates(&summary), 0);
    place.set("cdc={ canary: off }");
    let done = place.run(&["run", "@cdc-lag", "--fresh", "--out", "off"]);
    assert!(!done.err.contains("the canary of"), "{}", done.err);
}

/// A server for which each commit takes longer than a canary's interval.
#[test]
fn one_that_is_always_behind_ends_with_the_load() {
    let server = TestServer::start();
    for setting in ["commit_delay=100000", "commit_siblings=0"] {
        server.query("postgres", &format!("ALTER SYSTEM SET {setting}"));
    }
    server.query("postgres", "SELECT pg_reload_conf()");
    let place = place(&server, "[ { hold: 20/s, for: 2s } ]");
    let done = place.run(&["run", "@cdc-lag", "--set", "validity=off", "--out", "run"]);
    assert_eq!(done.code, 0, "{}{}", done.out, done.err);
    let summary = place.summary("run");
    assert_exact(&summary);
    assert!(updates(&summary) > 5, "{}", updates(&summary));
}

/// A row that the server keeps as it is, without a word.
#[test]
fn what_the_server_holds_still_is_told_of_and_ends() {
    for when in ["INSERT OR UPDATE", "UPDATE"] {
        let place = place(TestServer::shared(), "[ { hold: 50/s, for: 2s } ]");
        place.must(&["setup", "@cdc-lag"]);
        let hold = format!(
            "CREATE FUNCTION hold() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RETURN NULL; END $$; \
             CREATE TRIGGER hold BEFORE {when} ON loadgen_canary FOR EACH ROW EXECUTE FUNCTION hold()"
        );
        assert_eq!(place.psql("orders", &hold).code, 0);
        let done = place.run(&["run", "@cdc-lag", "--out", "run"]);
        assert_eq!(done.code, 0, "{when}: {}{}", done.out, done.err);
        let told = done.err.matches("the server changes nothing and says nothing").count();
        assert_eq!(told, 1, "{when}: {}", done.err);
        assert!(!done.err.contains("duplicate key"), "{when}: {}", done.err);
        assert_exact(&place.summary("run"));
    }
}

/// What of a canary was under way at the end is in no count that a threshold knows.
#[test]
fn one_that_nobody_answered_breaks_no_threshold() {
    let mut place = place(TestServer::shared(), "[ { hold: 50/s, for: 4s } ]");
    place.set("thresholds=[ { metric: pending, expr: \"== 0\" } ]");
    let child = place.spawn(&["run", "@cdc-lag", "--out", "run"]);
    wait_for_reader(&place, "orders");
    wait_for_canary(&place);
    place.query("orders", "BEGIN; LOCK TABLE loadgen_canary; SELECT pg_sleep(9); COMMIT");
    let output = child.wait_with_output().unwrap();
    let said = String::from_utf8_lossy(&output.stdout);
    assert_eq!(output.status.code(), Some(0), "{said}");
    assert_exact(&place.summary("run"));
}

#[test]
fn an_idle_database_has_none() {
    let server = TestServer::shared();
    let place = Place::on(server, &["orders", "user"]);
    let schemas = concat!(env!("CARGO_MANIFEST_DIR"), "/schemas");
    let scenario = format!(
        "scenario: idle\n\
         targets: {{ operational: {{ postgres: {{ url: \"${{LOADGEN_POSTGRES}}\" }} }} }}\n\
         domains:\n  \
           orders: {{ on: operational, schema: {schemas}/orders.yaml, rows: {{ products: 50, \
             customers: 500, orders: 2k }} }}\n  \
           user: {{ on: operational, schema: {schemas}/user.yaml, rows: {{ users: 100 }} }}\n\
         load: {{ streams: {{ shop: {{ mix: {{ orders.place_order: 1 }}, \
           profile: [ {{ hold: 50/s, for: 1s }} ] }} }} }}\n\
         cdc: {{ canary: 50ms, idle: [ user ] }}\n\
         observe: {{ changes: {{ slot: {{ on: operational }} }} }}\n"
    );
    fs::write(place.folder.path().join("idle.yaml"), scenario).unwrap();
    let done = place.run(&["run", "idle.yaml", "--out", "run"]);
    assert_eq!(done.code, 0, "{}{}", done.out, done.err);
    assert_exact(&place.summary("run"));
    let there = ["orders", "user"].map(|domain| {
        let sql = "SELECT to_regclass('loadgen_canary') IS NOT NULL";
        server.query(&place.database(domain), sql).concat().concat()
    });
    assert_eq!(there, ["t", "f"]);
}
