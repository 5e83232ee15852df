//! Steps: what they do is seen as it must be, beside a load that does not notice them; and what they cannot do
//! is said.

use std::fs;
use std::time::Duration;
use std::time::Instant;

use serde_json::Value;

use crate::support::command::Place;
use crate::support::command::interrupt;
use crate::support::machine::wait_for;
use crate::support::server::TestServer;
use crate::support::slot::wait_for_reader;
use crate::support::slot_proxy::Mischief;
use crate::support::slot_proxy::SlotProxy;

/// One of each kind, in a few seconds.
const STEPS: &str = "[ { at: 100ms, hold_open: { rows: 20, for: 1s } }, \
    { at: 200ms, hold_open: { rows: 20, for: 500ms, end: rollback } }, \
    { at: 300ms, rollbacks: { count: 10, rows: 5, share: 40% } }, \
    { at: 400ms, savepoints: { count: 70, rows: 3 } }, \
    { at: 500ms, change_keys: { rows: 7 } }, \
    { at: 600ms, reinsert: { rows: 7 } }, \
    { at: 700ms, unchanged_toast: { rows: 5, size: 16kB } }, \
    { at: 800ms, transactions: { rows: [1, 3k], count: 5 } }, \
    { at: 1500ms, truncate: { rows: 9 } }, \
    { at: 1600ms, columns: { rows: 9 } }, \
    { at: 1700ms, replica_identity: { rows: 9 } }, \
    { at: 2500ms, terminate_walsenders: {} }, \
    { at: 2600ms, run: [ sh, -c, \"echo paused; echo resumed >&2\" ] } ]";

fn place<'s>(server: &'s TestServer, steps: &str) -> Place<'s> {
    let mut place = Place::on(server, &["orders"]);
    place.set("domains.orders.rows={ products: 50, customers: 500, orders: 2k }");
    place.set("load.warmup=0s");
    place.set("thresholds=[]");
    place.set("load.streams.shop.profile=[ { hold: 150/s, for: 4s } ]");
    place.set(&format!("load.steps={steps}"));
    place
}

fn of<'v>(summary: &'v Value, step: &str) -> &'v Value {
    let all = summary["steps"].as_array().unwrap();
    all.iter().find(|it| it["step"] == step).unwrap_or_else(|| panic!("no {step}: {all:?}"))
}

fn assert_clean(summary: &Value) {
    for fault in ["lost", "doubled", "reordered", "wrong", "phantom", "pending"] {
        assert_eq!(summary["verification"][fault], 0, "{fault}: {}", summary["verification"]);
    }
}

#[test]
fn counts_of_steps_are_written_as_all_counts_are() {
    let place = place(
        TestServer::shared(),
        "[ { at: 1s, transactions: { count: 10k, rows: 1 } }, { at: 1s, rollbacks: { count: 2k } }, \
           { at: 1s, savepoints: { count: 1k } } ]",
    );
    place.must(&["plan", "@cdc-stress"]);
}

#[test]
fn each_kind_of_step_is_seen_as_it_must_be() {
    let place = place(TestServer::shared(), STEPS);
    let done = place.run(&["run", "@cdc-stress", "--out", "run"]);
    assert_eq!(done.code, 0, "{}{}", done.out, done.err);
    let summary = place.summary("run");
    assert_clean(&summary);
    assert_eq!(summary["steps"].as_array().unwrap().len(), 13);
    for step in summary["steps"].as_array().unwrap() {
        assert!(step["failed_because"].is_null(), "{step}");
        assert!(step["ended_ns"].as_u64() >= step["began_ns"].as_u64(), "{step}");
    }
    let count = |step: &str, what: &str| of(&summary, step)[what].as_u64().unwrap();
    assert_eq!((count("rollbacks", "committed"), count("rollbacks", "rolled_back")), (6, 4));
    assert_eq!(count("rollbacks", "changes"), 60);
    assert_eq!((count("change_keys", "changes"), count("reinsert", "changes")), (35, 63));
    assert_eq!(of(&summary, "run")["exit_code"], 0);
    assert_eq!(of(&summary, "run")["output"], "paused\nresumed");
    // What steps change is expected beside what streams do.
    let sum = |name: &str, what: &[&str]| -> u64 {
        let all = summary[name].as_array().unwrap();
        all.iter().flat_map(|it| what.iter().filter_map(|what| it[*what].as_u64())).sum()
    };
    let changes = sum("tables", &["inserted", "updated", "deleted"]) + sum("steps", &["changes"]);
    assert_eq!(summary["verification"]["expected"], changes);
    assert_eq!(summary["verification"]["observed"], changes);
    let names: Vec<_> =
        summary["lag"].as_array().unwrap().iter().map(|it| it["table"].to_string()).collect();
    assert!(names.iter().any(|name| name.contains("loadgen_stress")), "{names:?}");
    // They are on the time series.
    let read = |name: &str| fs::read_to_string(place.folder.path().join("run").join(name)).unwrap();
    let series = read("series.csv");
    assert!(series.contains("step hold_open of orders began"), "{series}");
    assert!(series.contains("step terminate_walsenders of orders ended"), "{series}");
    let lag = read("lag.csv");
    assert!(lag.lines().any(|line| line.contains(",hold_open")), "{lag}");
    assert!(done.out.contains("rolled back"), "{}", done.out);
    // The account of the domain's tables knows nothing of steps; and what was observed is judged again.
    place.assert_counted(&summary);
    let verified = place.must(&["verify", "run", "--format", "json"]);
    let verified: Value = serde_json::from_str(&verified.out).unwrap();
    for count in ["expected", "observed", "lost", "doubled", "replayed", "wrong", "phantom"] {
        let (now, then) = (&verified["verification"][count], &summary["verification"][count]);
        assert_eq!(now, then, "{count}: {verified:#}");
    }
    let own = &summary["surfaces"][0]["own"];
    assert_eq!(own["expected"], sum("steps", &["changes"]), "{own}");
    assert_eq!(own, &verified["surfaces"][0]["own"]);
    // On a used database, once more.
    let again = place.run(&["run", "@cdc-stress", "--fresh", "--out", "again"]);
    assert_eq!(again.code, 0, "{}{}", again.out, again.err);
    assert_clean(&place.summary("again"));
}

/// What is spoilt of a step's rows is found as well: its steps are really judged.
#[test]
fn what_is_spoilt_of_steps_is_named() {
    let steps = "[ { at: 100ms, transactions: { rows: 3k } }, { at: 1s, truncate: {} } ]";
    for (mischief, class) in [(Mischief::Drop, "lost"), (Mischief::Add, "phantom")] {
        let server = TestServer::shared();
        let proxy = SlotProxy::start(server.port());
        let mut place = place(server, steps);
        place.url = proxy.url();
        place.set("load.streams.shop.profile=[ { hold: 20/s, for: 2s } ]");
        proxy.plan(1_000, mischief);
        let done = place.run(&["run", "@cdc-stress", "--out", "run"]);
        assert_eq!(done.code, 99, "{}{}", done.out, done.err);
        let verification = &place.summary("run")["verification"];
        assert_eq!(verification[class], 1, "{verification}");
        let table = verification["examples"][0]["table"].as_str().unwrap();
        assert!(table.ends_with(".public.loadgen_stress"), "{verification}");
    }
    // A truncation that is not published does not come.
    let server = TestServer::start();
    let place = place(&server, "[ { at: 3s, truncate: {} } ]");
    let child = place.spawn(&["run", "@cdc-stress", "--out", "run"]);
    let database = place.database("orders");
    wait_for_reader(&place, "orders");
    let sql = "ALTER PUBLICATION debezium SET (publish = 'insert, update, delete')";
    server.query(&database, sql);
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(99), "{}", String::from_utf8_lossy(&output.stdout));
    let verification = &place.summary("run")["verification"];
    assert_eq!(verification["lost"], 1, "{verification}");
    assert_eq!(verification["examples"][0]["operation"], "truncate");
}

#[test]
fn a_step_that_fails_ends_the_run_with_what_was_said() {
    let cases = [
        (
            "[ { at: 200ms, run: [ sh, -c, \"echo no such connector; exit 7\" ] } ]",
            "no such connector",
        ),
        ("[ { at: 200ms, run: [ there-is-no-such-program ] } ]", "does not start"),
        ("[ { at: 200ms, run: [ sleep, \"30\" ], within: 300ms } ]", "had not ended after 300ms"),
    ];
    for (steps, said) in cases {
        let place = place(TestServer::shared(), steps);
        let done = place.run(&["run", "@cdc-stress", "--out", "run"]);
        assert_eq!(done.code, 5, "{}{}", done.out, done.err);
        let summary = place.summary("run");
        assert!(summary["stopped_because"].to_string().contains(said), "{summary}");
        assert!(of(&summary, "run")["failed_because"].to_string().contains(said), "{summary}");
    }
    // Without an observer there is no walsender; and steps need none.
    let mut place = place(TestServer::shared(), "[ { at: 200ms, terminate_walsenders: {} } ]");
    place.set("observe={}");
    let done = place.run(&["run", "@cdc-stress", "--out", "run"]);
    assert_eq!(done.code, 5, "{}{}", done.out, done.err);
    assert!(done.out.contains("nobody reads a slot"), "{}", done.out);
    let (unread, _) = STEPS.split_once(", { at: 2500ms").unwrap();
    let mut place = self::place(TestServer::shared(), &format!("{unread} ]"));
    place.set("observe={}");
    let done = place.run(&["run", "@cdc-stress", "--out", "run"]);
    assert_eq!(done.code, 0, "{}{}", done.out, done.err);
}

/// A transaction that is held open does not hold up the end of a run that is stopped.
#[test]
fn a_stop_ends_what_is_held_open() {
    let place = place(TestServer::shared(), "[ { at: 100ms, hold_open: { for: 1h } } ]");
    let begun = Instant::now();
    let mut child = place.spawn(&["run", "@cdc-stress", "--out", "run"]);
    let database = place.database("orders");
    let open = format!(
        "SELECT count(*) FROM pg_stat_activity WHERE datname = '{database}' \
         AND state = 'idle in transaction' AND query LIKE 'INSERT INTO%loadgen_stress%'"
    );
    while place.server.query("postgres", &open)[0][0] == "0" {
        assert!(begun.elapsed().as_secs() < 60 && child.try_wait().unwrap().is_none());
        std::thread::sleep(Duration::from_millis(20));
    }
    interrupt(&child);
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(105), "{}", String::from_utf8_lossy(&output.stdout));
    let summary = place.summary("run");
    assert_clean(&summary);
    assert_eq!(of(&summary, "hold_open")["rolled_back"], 1, "{summary}");
}

/// A lock that nobody gives up holds a step up, and not the end of a run.
#[test]
fn a_step_that_waits_for_a_lock_is_cut_off_by_the_first_signal() {
    let mut place = place(TestServer::shared(), "[ { at: 6s, truncate: {} } ]");
    place.set("load.streams.shop.profile=[ { hold: 150/s, for: 1h } ]");
    let child = place.spawn(&["run", "@cdc-stress", "--out", "run"]);
    let database = place.database("orders");
    let loads = format!(
        "SELECT 1 FROM pg_stat_activity WHERE datname = '{database}' AND query LIKE '%loadgen_canary%'"
    );
    wait_for("the load", || !place.server.query("postgres", &loads).is_empty());
    let held = place.server.hold(&database, "LOCK TABLE loadgen_stress IN SHARE MODE");
    place.server.wait_for_waiting(&database);
    let begun = Instant::now();
    interrupt(&child);
    let output = child.wait_with_output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(begun.elapsed() < Duration::from_secs(15), "{:?}: {said}", begun.elapsed());
    assert_eq!(output.status.code(), Some(105), "{said}");
    drop(held);
    let summary = place.summary("run");
    assert_clean(&summary);
    assert_eq!(of(&summary, "truncate")["failed_because"], "the run was stopped", "{summary}");
}

/// A commit that the run does not wait for any more may be done all the same: what comes of it is made up by
/// nobody. What was done before it is counted.
#[test]
fn a_commit_that_is_cut_off_may_be_seen_and_what_was_done_before_is_counted() {
    let settings = [("synchronous_standby_names", "nobody"), ("synchronous_commit", "local")];
    let server = TestServer::set(&settings);
    let mut place = place(&server, "[ { at: 100ms, transactions: { rows: 5, count: 3 } } ]");
    place.set("load.drain=2s");
    place.set("load.streams.shop.profile=[ { hold: 20/s, for: 2s } ]");
    place.must(&["setup", "@cdc-stress"]);
    // The second transaction waits for a replica that there is not, and is in the log by then.
    let sql = "CREATE FUNCTION wait() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN \
               SET LOCAL synchronous_commit = on; RETURN NEW; END $$; \
               CREATE TRIGGER wait BEFORE INSERT ON loadgen_stress FOR EACH ROW \
               WHEN (NEW.id = 7) EXECUTE FUNCTION wait()";
    assert_eq!(place.psql("orders", sql).code, 0);
    let done = place.run(&["run", "@cdc-stress", "--out", "run"]);
    assert_eq!(done.code, 5, "{}{}", done.out, done.err);
    let summary = place.summary("run");
    let said = summary["stopped_because"].to_string();
    assert!(said.contains("transactions of `steps` had not ended"), "{said}");
    assert_clean(&summary);
    let step = of(&summary, "transactions");
    assert_eq!((&step["committed"], &step["changes"]), (&1.into(), &5.into()), "{step}");
    // What may have come and did is expected as well.
    let own = &summary["surfaces"][0]["own"];
    assert_eq!((&own["expected"], &own["observed"]), (&10.into(), &10.into()), "{own}");
}

/// A connector of the test's own marks how far it is, as Debezium does; and where none does, that is said.
#[test]
fn a_snapshot_is_asked_for_and_lasts_as_long_as_its_windows() {
    let asked = "[ { at: 300ms, snapshot: { tables: [ orders, customers ], within: 20s } } ]";
    let mut place = place(TestServer::shared(), asked);
    place.must(&["setup", "@cdc-stress"]);
    let database = place.database("orders");
    let connector = std::thread::spawn(move || {
        let server = TestServer::shared();
        let heard = "SELECT data FROM debezium_signal WHERE type = 'execute-snapshot'";
        let begun = Instant::now();
        let data = loop {
            let rows = server.query(&database, heard);
            if let Some(row) = rows.into_iter().next() {
                break row[0].clone();
            }
            assert!(begun.elapsed() < Duration::from_mins(1), "nobody asked");
            std::thread::sleep(Duration::from_millis(50));
        };
        for mark in 0..3 {
            for end in ["open", "close"] {
                let sql = format!(
                    "INSERT INTO debezium_signal VALUES ('{mark}-{end}', 'snapshot-window-{end}', NULL)"
                );
                server.query(&database, &sql);
                std::thread::sleep(Duration::from_millis(300));
            }
        }
        data
    });
    let done = place.run(&["run", "@cdc-stress", "--out", "run"]);
    let data: Value = serde_json::from_str(&connector.join().unwrap()).unwrap();
    assert_eq!(done.code, 0, "{}{}", done.out, done.err);
    assert_eq!(data["type"], "incremental");
    let collections = serde_json::json!(["public\\.orders", "public\\.customers"]);
    assert_eq!(data["data-collections"], collections);
    let summary = place.summary("run");
    let step = of(&summary, "snapshot");
    assert_eq!(step["output"], "taken in 3 windows");
    assert_eq!(step["changes"], 0);
    let took = step["ended_ns"].as_u64().unwrap() - step["began_ns"].as_u64().unwrap();
    assert!(took > 4_000_000_000, "three windows, and quiet behind them: {step}");
    assert_clean(&summary);

    place.set("load.steps=[ { at: 300ms, snapshot: { within: 1s } } ]");
    let done = place.run(&["run", "@cdc-stress", "--fresh", "--out", "unheard"]);
    assert_ne!(done.code, 0);
    assert!(
        done.out.contains("no connector began a snapshot within 1s"),
        "{}{}",
        done.out,
        done.err
    );
}
