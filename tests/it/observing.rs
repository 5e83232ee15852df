//! What a slot of our own sees of a run: all of it and nothing else, or what is named.

use std::process::Child;
use std::time::Duration;
use std::time::Instant;

use loadgen::sink::postgres::address::Address;
use loadgen::sink::postgres::control::control;
use loadgen::sink::postgres::replication::slot;
use rustix::process::Pid;
use rustix::process::Signal;
use rustix::process::kill_process;
use serde_json::Value;

use crate::support::command::Place;
use crate::support::command::interrupt;
use crate::support::machine::wait_for;
use crate::support::server::TestServer;
use crate::support::slot::Slot;
use crate::support::slot::wait_for_load;

/// Few enough rows that seeding takes no time.
const ROWS: &str = "domains.orders.rows={ products: 50, customers: 500, orders: 2k }";
/// As many orders.
const SEEDED: u64 = 2_000;

/// A short `cdc-lag` with this profile, on a server.
fn place<'s>(server: &'s TestServer, profile: &str) -> Place<'s> {
    let mut place = Place::on(server, &["orders"]);
    place.set(ROWS);
    place.set("load.warmup=1s");
    place.set("thresholds=[ { metric: cdc_lag, expr: \"p99 < 1m\" } ]");
    place.set(&format!("load.streams.shop.profile={profile}"));
    place
}

/// The slots of our own in the database of `orders`.
fn slots(place: &Place<'_>) -> Vec<String> {
    let sql = format!(
        "SELECT slot_name FROM pg_replication_slots WHERE database = '{}' ORDER BY 1",
        place.database("orders")
    );
    place.server.query("postgres", &sql).concat()
}

/// What the next run would drop in a database, as it begins.
fn sweep(server: &TestServer, database: &str) -> Vec<String> {
    let address = Address::parse(&server.url_of(database), &|_| None).unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let client = control(&address, "loadgen/another").await.unwrap();
        slot::sweep(&client).await.unwrap()
    })
}

/// Starts a run, does something while its load goes on, and waits for its end: exit code, what it
/// said, and its summary.
fn meddle(place: &Place<'_>, meddle: impl FnOnce()) -> (Option<i32>, String, Value) {
    let child: Child = place.spawn(&["run", "@cdc-lag", "--out", "run"]);
    wait_for_load(place, SEEDED);
    meddle();
    let output = child.wait_with_output().unwrap();
    let said = [output.stdout, output.stderr].concat();
    (output.status.code(), String::from_utf8_lossy(&said).into_owned(), place.summary("run"))
}

fn count(summary: &Value, name: &str) -> u64 {
    summary["verification"][name].as_u64().unwrap_or_else(|| panic!("no `{name}`: {summary}"))
}

/// All changes that the tables' account has.
fn changes(summary: &Value) -> u64 {
    let tables = summary["tables"].as_array().unwrap();
    let of = |table: &Value, name: &str| table[name].as_u64().unwrap();
    tables.iter().map(|it| of(it, "inserted") + of(it, "updated") + of(it, "deleted")).sum()
}

/// All that was acknowledged was observed, and nothing else.
fn assert_exact(summary: &Value) {
    assert_eq!(count(summary, "expected"), changes(summary), "{}", summary["verification"]);
    assert_eq!(count(summary, "observed"), changes(summary), "{}", summary["verification"]);
    for fault in ["lost", "doubled", "reordered", "wrong", "phantom", "pending"] {
        assert_eq!(count(summary, fault), 0, "{fault}: {}", summary["verification"]);
    }
}

#[test]
fn all_that_is_acknowledged_is_observed_and_the_lag_has_its_bounds() {
    let place = place(TestServer::shared(), "[ { hold: 200/s, for: 4s } ]");
    let done = place.run(&["run", "@cdc-lag", "--out", "run"]);
    assert_eq!(done.code, 0, "{}{}", done.out, done.err);
    assert!(done.out.contains("none lost, doubled, reordered, wrong or made up"), "{}", done.out);
    let summary = place.summary("run");
    assert!(changes(&summary) > 1_000);
    assert_exact(&summary);
    place.assert_counted(&summary);
    let lags = summary["lag"].as_array().unwrap();
    let named: Vec<_> = lags.iter().map(|lag| (&lag["table"], &lag["operation"])).collect();
    let orders = format!("{}.public.orders", place.database("orders"));
    for operation in ["insert", "update", "delete"] {
        assert!(named.contains(&(&orders.clone().into(), &operation.into())), "{named:?}");
    }
    let mut measured = 0;
    for lag in lags {
        assert_eq!(lag["surface"], "changes");
        let of = |path: &str| lag.pointer(path).and_then(Value::as_u64).unwrap();
        measured += of("/high/count");
        assert!(of("/low/p99") <= of("/high/p99") && of("/high/max") <= of("/freshness/max"));
        assert!(of("/high/min") > 0, "a commit is observed after it was sent");
    }
    assert!(measured < count(&summary, "observed"), "the warm-up is verified, and not measured");
    assert_eq!(slots(&place), Vec::<String>::new());
}

/// Four databases with a slot each, values of every type, and rows that all lanes change: nothing is
/// made up.
#[test]
fn nothing_is_named_where_nothing_is_wrong() {
    let scenarios: [(&str, &[&str]); 3] = [
        ("@yelp-small", &["user", "business", "checkin", "evaluations"]),
        ("@type-zoo", &["type_zoo"]),
        ("@orders-contention", &["stock"]),
    ];
    for (scenario, domains) in scenarios {
        let mut place = Place::on(TestServer::shared(), domains);
        place.set("thresholds=[]");
        place.set("observe={ changes: { slot: { on: operational } } }");
        let done = place.run(&["run", scenario, "--for", "2s", "--out", "run"]);
        assert_eq!(done.code, 0, "{scenario}: {}{}", done.out, done.err);
        let summary = place.summary("run");
        assert!(changes(&summary) > 100, "{scenario}");
        assert_exact(&summary);
    }
}

#[test]
fn what_others_do_is_found_and_named() {
    let place = place(TestServer::shared(), "[ { hold: 200/s, for: 5s } ]");
    let (code, said, summary) = meddle(&place, || {
        let sql = "UPDATE products SET price = price + 1 WHERE id = 1; \
                   INSERT INTO customers VALUES (900000001, 'x', 'x', NULL, now()); \
                   DELETE FROM customers WHERE id = 900000001; \
                   CREATE FUNCTION meddle() RETURNS trigger LANGUAGE plpgsql AS \
                   $$ BEGIN NEW.channel := 'pigeon'; RETURN NEW; END $$; \
                   CREATE TRIGGER meddle BEFORE INSERT ON orders FOR EACH ROW \
                   EXECUTE FUNCTION meddle(); SELECT pg_sleep(0.3); DROP TRIGGER meddle ON orders";
        assert_eq!(place.psql("orders", sql).code, 0);
    });
    assert_eq!(code, Some(99), "{said}");
    assert_eq!(count(&summary, "phantom"), 3, "{}", summary["verification"]);
    assert!(count(&summary, "wrong") > 0, "{}", summary["verification"]);
    assert_eq!(count(&summary, "lost") + count(&summary, "reordered"), 0);
    let examples = summary["verification"]["examples"].as_array().unwrap();
    let of = |class: &'static str| examples.iter().filter(move |it| it["class"] == class);
    let mut phantoms: Vec<_> = of("phantom").map(|it| it["operation"].as_str().unwrap()).collect();
    phantoms.sort_unstable();
    assert_eq!(phantoms, ["delete", "insert", "update"]);
    assert!(of("phantom").all(|it| it["key"] == "1" || it["key"] == "900000001"));
    for wrong in of("wrong") {
        assert!(wrong["table"].as_str().unwrap().ends_with(".public.orders"), "{wrong}");
        assert!(wrong["seen"].as_str().unwrap().contains("channel=pigeon"), "{wrong}");
        assert!(!wrong["expected"].as_str().unwrap().contains("pigeon"), "{wrong}");
    }
    assert!(said.contains("that nobody had sent"), "{said}");
}

#[test]
fn a_table_that_leaves_the_publication_is_missed() {
    let place = place(TestServer::shared(), "[ { hold: 200/s, for: 4s } ]");
    let (code, said, summary) = meddle(&place, || {
        let done = place.psql("orders", "ALTER PUBLICATION debezium DROP TABLE order_items");
        assert_eq!(done.code, 0, "{}", done.err);
    });
    assert_eq!(code, Some(99), "{said}");
    let lost = count(&summary, "lost");
    assert!(lost > 0);
    assert_eq!(count(&summary, "expected") - lost, count(&summary, "observed"));
    let examples = summary["verification"]["examples"].as_array().unwrap();
    let is_named =
        |it: &Value| it["table"].as_str().is_some_and(|it| it.ends_with(".public.order_items"));
    assert!(examples.iter().all(|it| it["class"] == "lost" && is_named(it)), "{examples:?}");
}

/// Takes the slot away from its reader, and does something to it before the reader is back.
fn take_slot(place: &Place<'_>, what: &str) {
    let slot = slots(place).swap_remove(0);
    let sql = format!(
        "DO $$ BEGIN FOR i IN 1..200 LOOP BEGIN \
         PERFORM pg_terminate_backend(active_pid) FROM pg_replication_slots \
             WHERE slot_name = '{slot}' AND active; \
         PERFORM pg_sleep(0.02); PERFORM {what}; RETURN; \
         EXCEPTION WHEN object_in_use THEN NULL; END; END LOOP; END $$",
        what = what.replace("SLOT", &format!("'{slot}'")),
    );
    let done = place.psql("orders", &sql);
    assert_eq!(done.code, 0, "{}", done.err);
}

#[test]
fn a_slot_that_others_move_or_drop_makes_the_run_invalid() {
    let cases = [
        ("pg_replication_slot_advance(SLOT, pg_current_wal_lsn())", "was moved to"),
        ("pg_drop_replication_slot(SLOT)", "is gone"),
    ];
    for (what, reason) in cases {
        let place = place(TestServer::shared(), "[ { hold: 200/s, for: 4s } ]");
        let (code, said, summary) = meddle(&place, || take_slot(&place, what));
        assert_eq!(code, Some(6), "{what}: {said}");
        assert!(summary["invalid_because"].to_string().contains(reason), "{summary}");
        assert_eq!(slots(&place), Vec::<String>::new());
        // Nor does it prove more when it is judged again.
        let judged = place.run(&["verify", "run"]);
        assert_eq!(judged.code, 6, "{what}: {}{}", judged.out, judged.err);
        assert!(judged.out.contains(reason), "{}", judged.out);
    }
}

/// What breaks as soon as it is read is not read again and again without an end.
#[test]
fn a_slot_that_cannot_be_read_any_more_makes_the_run_invalid() {
    // What others write to a server is read before it breaks, and takes time.
    let server = TestServer::start();
    let mut place = place(&server, "[ { hold: 200/s, for: 4s } ]");
    place.set("targets.operational.postgres.reconnect=2s");
    let (code, said, summary) = meddle(&place, || {
        let sql = "DO $$ DECLARE p name; BEGIN FOR p IN SELECT pubname FROM pg_publication LOOP \
                   EXECUTE format('DROP PUBLICATION %I', p); END LOOP; END $$";
        assert_eq!(place.psql("orders", sql).code, 0);
    });
    assert_eq!(code, Some(6), "{said}");
    let reasons = summary["invalid_because"].to_string();
    assert!(reasons.contains("lost its slot") && reasons.contains("publication"), "{reasons}");
    assert_eq!(slots(&place), Vec::<String>::new());
}

/// Two slots of one database are two surfaces.
fn on_two_surfaces() -> Place<'static> {
    let mut place = place(TestServer::shared(), "[ { hold: 200/s, for: 4s } ]");
    place.set("observe={ one: { slot: { on: operational } }, two: { slot: { on: operational } } }");
    place.set("thresholds=[ { metric: cdc_lag, surface: two, expr: \"p99 < 1m\" } ]");
    place
}

#[test]
fn all_is_expected_at_each_surface() {
    let place = on_two_surfaces();
    let done = place.run(&["run", "@cdc-lag", "--out", "run"]);
    assert_eq!(done.code, 0, "{}{}", done.out, done.err);
    let summary = place.summary("run");
    let all = changes(&summary);
    let surfaces = summary["surfaces"].as_array().unwrap();
    assert_eq!(surfaces.len(), 2);
    for (surface, name) in surfaces.iter().zip(["one", "two"]) {
        assert_eq!(surface["surface"], name);
        assert_eq!((&surface["expected"], &surface["observed"]), (&all.into(), &all.into()));
    }
    assert_eq!(count(&summary, "expected"), 2 * all);
    let lags = summary["lag"].as_array().unwrap();
    let of = |name: &str| lags.iter().filter(|lag| lag["surface"] == name).count();
    assert!(of("one") == of("two") && of("one") > 0, "{lags:?}");
    assert!(done.out.contains("observed at `two`"), "{}", done.out);
    let judged = place.run(&["verify", "run", "--format", "json"]);
    assert_eq!(judged.code, 0, "{}{}", judged.out, judged.err);
    let judged: Value = serde_json::from_str(&judged.out).unwrap();
    assert_eq!(judged["surfaces"], summary["surfaces"]);
}

#[test]
fn what_befalls_one_surface_is_not_said_of_the_other() {
    let place = on_two_surfaces();
    let (code, said, summary) = meddle(&place, || {
        take_slot(&place, "pg_drop_replication_slot(SLOT)");
        let sql = "UPDATE products SET price = price + 1 WHERE id = 1";
        assert_eq!(place.psql("orders", sql).code, 0);
    });
    assert_eq!(code, Some(6), "{said}");
    assert!(summary["invalid_because"].to_string().contains("observer `one`"), "{summary}");
    let [one, two] = &summary["surfaces"].as_array().unwrap()[..] else { panic!("{summary}") };
    assert!(one["pending"].as_u64() > Some(0), "{one}");
    assert_eq!((&two["pending"], &two["phantom"]), (&0.into(), &1.into()), "{two}");
    assert_eq!(two["expected"].as_u64().unwrap() + 1, two["observed"].as_u64().unwrap());
    let examples = summary["verification"]["examples"].as_array().unwrap();
    assert!(examples.iter().any(|it| it["surface"] == "two" && it["class"] == "phantom"));
    assert_eq!(slots(&place), Vec::<String>::new());
}

#[test]
fn a_killed_server_keeps_the_verdict_exact() {
    let server = TestServer::start();
    let place = place(&server, "[ { hold: 200/s, for: 5s } ]");
    let (code, said, summary) = meddle(&place, || {
        server.kill_hard();
        std::thread::sleep(Duration::from_millis(300));
        server.start_again();
    });
    assert_eq!(code, Some(0), "{said}");
    assert_exact(&summary);
    place.assert_counted(&summary);
    assert_eq!(slots(&place), Vec::<String>::new());
}

/// A run is killed under its load and leaves its slot; the next one, begun in this way, must end well.
fn run_after_a_killed_one(place: &Place<'_>, way: &str) {
    let mut child = place.spawn(&["run", "@cdc-lag"]);
    wait_for_load(place, SEEDED);
    child.kill().unwrap();
    child.wait().unwrap();
    assert_eq!(slots(place).len(), 1);
    // The server sees a moment later that nobody reads it.
    let active =
        "SELECT 1 FROM pg_replication_slots WHERE active AND database = current_database()";
    wait_for("its slot to be idle", || place.query("orders", active).is_empty());
    let done = place.run(&["run", "@cdc-lag", way, "--out", "run"]);
    assert_eq!(done.code, 0, "{}{}", done.out, done.err);
}

#[test]
fn what_a_killed_run_left_is_cleared_by_the_next() {
    let place = place(TestServer::shared(), "[ { hold: 100/s, for: 2s } ]");
    run_after_a_killed_one(&place, "--fresh");
    assert_exact(&place.summary("run"));
    assert_eq!(slots(&place), Vec::<String>::new());
}

/// There is no room before it is cleared.
#[test]
fn what_a_killed_run_left_takes_no_room_from_the_next() {
    let server = TestServer::set(&[("max_replication_slots", "1")]);
    for way in ["--fresh", "--continue"] {
        let place = place(&server, "[ { hold: 100/s, for: 2s } ]");
        run_after_a_killed_one(&place, way);
    }
}

/// One run sweeps while the other, which is alive, does not read its slot, for however long.
#[test]
fn what_a_run_that_is_alive_has_made_is_not_swept() {
    let server = TestServer::start();
    let place = place(&server, "[ { hold: 200/s, for: 6s } ]");
    let database = place.database("orders");
    let end = |sessions: &str| {
        let sql = format!(
            "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE {sessions}"
        );
        server.query(&database, &sql);
    };
    let child = place.spawn(&["run", "@cdc-lag", "--out", "run"]);
    wait_for_load(&place, SEEDED);
    let left = "SELECT pg_create_logical_replication_slot('loadgen_dead_0', 'pgoutput')";
    server.query(&database, left);
    // It cannot come back by itself.
    let process = Pid::from_child(&child);
    kill_process(process, Signal::STOP).unwrap();
    end("backend_type = 'walsender'");
    assert_eq!(sweep(&server, &database), ["loadgen_dead_0"]);
    kill_process(process, Signal::CONT).unwrap();
    // As when a server was away: nothing of the run is there for a moment.
    end("datname = current_database() AND pid <> pg_backend_pid()");
    assert_eq!(sweep(&server, &database), Vec::<String>::new());
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(0), "{}", String::from_utf8_lossy(&output.stderr));
    assert_exact(&place.summary("run"));
    assert_eq!(slots(&place), Vec::<String>::new());
}

/// A slot is made once all older transactions have ended: whoever does not want to wait for that need not.
#[test]
fn a_signal_ends_the_wait_for_a_slot_and_leaves_none() {
    let server = TestServer::start();
    let place = place(&server, "[ { hold: 100/s, for: 2s } ]");
    place.must(&["seed", "@cdc-lag"]);
    let database = place.database("orders");
    let held = server.hold(&database, "SELECT txid_current()");
    let child = place.spawn(&["run", "@cdc-lag", "--out", "run"]);
    let sql = "SELECT count(*) FROM pg_stat_activity WHERE state = 'active' \
               AND query LIKE 'SELECT pg_create_logical%'";
    wait_for("the slot to be asked for", || server.query("postgres", sql)[0][0] == "1");
    let begun = Instant::now();
    interrupt(&child);
    let output = child.wait_with_output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(begun.elapsed() < Duration::from_secs(10), "{:?}: {said}", begun.elapsed());
    assert_eq!(output.status.code(), Some(105), "{said}");
    drop(held);
    std::thread::sleep(Duration::from_millis(500));
    assert_eq!(slots(&place), Vec::<String>::new(), "{said}");
}

#[test]
fn a_server_without_logical_slots_is_refused_with_the_remedy() {
    let server = TestServer::set(&[("wal_level", "replica")]);
    let place = place(&server, "[ { hold: 100/s, for: 1s } ]");
    let done = place.run(&["run", "@cdc-lag"]);
    assert_eq!(done.code, 4, "{}{}", done.out, done.err);
    assert!(done.err.contains("ALTER SYSTEM SET wal_level = 'logical'"), "{}", done.err);
    let databases = server.query("postgres", "SELECT count(*) FROM pg_database");
    assert_eq!(databases, [["3"]], "nothing was made");
}

/// What the doctor would call critical about the tables ends a run before its load, and all of it is told.
#[test]
fn tables_that_cannot_be_observed_end_the_run_before_it_seeds() {
    let place = place(TestServer::shared(), "[ { hold: 100/s, for: 1s } ]");
    place.must(&["setup", "@cdc-lag"]);
    place.query("orders", "ALTER PUBLICATION debezium SET (publish = 'insert, update')");
    let done = place.run(&["run", "@cdc-lag"]);
    assert_eq!(done.code, 4, "{}{}", done.out, done.err);
    for told in ["of customers, orders, order_items", "each delete", "loadgen doctor"] {
        assert!(done.err.contains(told), "{told}: {}", done.err);
    }
    assert_eq!(place.number("orders", "SELECT count(*) FROM orders"), 0);
}

/// In a database that is not ours, with a login that may not replicate and then may.
#[test]
fn the_right_to_replicate_is_asked_for_and_left_slots_are_cleaned() {
    let server = TestServer::shared();
    let mut place = place(server, "[ { hold: 100/s, for: 1s } ]");
    let database = place.database("orders");
    server.query("postgres", &format!("CREATE ROLE \"{database}_plain\" LOGIN"));
    let owner = format!("CREATE DATABASE \"{database}\" OWNER \"{database}_plain\"");
    server.query("postgres", &owner);
    place.url = server.url_of(&database).replace("postgres@", &format!("{database}_plain@"));
    place.set("targets.operational.postgres.provision=schemas");
    place.set(
        "domains.orders={ on: operational, rows: { products: 50, customers: 500, orders: 2k } }",
    );
    let done = place.run(&["run", "@cdc-lag"]);
    assert_eq!(done.code, 4, "{}{}", done.out, done.err);
    assert!(done.err.contains("REPLICATION"), "{}", done.err);
    assert!(!done.err.contains("\"seeding\""), "it is said before it seeds: {}", done.err);
    server.query("postgres", &format!("ALTER ROLE \"{database}_plain\" REPLICATION"));
    let done = place.run(&["run", "@cdc-lag", "--fresh", "--out", "run"]);
    assert_eq!(done.code, 0, "{}{}", done.out, done.err);
    assert_exact(&place.summary("run"));
    let left = format!("loadgen_left_{}", place.prefix);
    let _left = Slot::make(server, &database, (&left, "pgoutput"));
    let done = place.must(&["clean", "@cdc-lag"]);
    assert!(done.out.contains(&left) || done.err.contains(&left), "{}{}", done.out, done.err);
    assert_eq!(slots(&place), Vec::<String>::new());
}

/// What `slot::check` says of a table, and what its remedies do.
fn refused(server: &TestServer, database: &str, publication: &str, table: &str) -> Option<String> {
    let address = Address::parse(&server.url_of(database), &|_| None).unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let client = control(&address, "loadgen/test").await.unwrap();
        let table = ("public".to_owned(), table.to_owned());
        slot::check(&client, publication, &[table]).await.err().map(|error| error.to_string())
    })
}

/// Whether a table with partitions is told of, or they are, is for the publication to say: what is told mends it.
#[test]
fn the_remedy_for_partitions_is_one() {
    let server = TestServer::shared();
    let database = server.fresh_database();
    server.query(
        &database,
        "CREATE TABLE parts (id int PRIMARY KEY) PARTITION BY RANGE (id); \
         CREATE TABLE parts_a PARTITION OF parts DEFAULT; CREATE TABLE plain (id int PRIMARY KEY); \
         CREATE UNLOGGED TABLE quick (id int PRIMARY KEY)",
    );
    for (publication, made, table, why) in [
        ("one", "FOR TABLE parts", "parts", "by their names"),
        ("every", "FOR ALL TABLES", "parts", "by their names"),
        ("leaf", "FOR TABLE parts_a", "parts", "which has partitions"),
        ("other", "FOR TABLE plain", "parts", "which has partitions"),
        (
            "root",
            "FOR TABLE parts WITH (publish_via_partition_root = true)",
            "parts_a",
            "by the name of `public.parts`",
        ),
        (
            "roots",
            "FOR ALL TABLES WITH (publish_via_partition_root = true)",
            "parts_a",
            "by the name of `public.parts`",
        ),
        ("none", "", "plain", "lacks the table"),
        ("all_but", "FOR ALL TABLES", "quick", "unlogged"),
    ] {
        server.query(&database, &format!("CREATE PUBLICATION {publication} {made}"));
        let told = refused(server, &database, publication, table).unwrap();
        assert!(told.contains(why), "{publication}: {told}");
        let remedy = told.split("run `").nth(1).unwrap().trim_end_matches('`');
        for statement in remedy.split("; ") {
            server.query(&database, statement);
        }
        assert_eq!(refused(server, &database, publication, table), None, "{publication}: {told}");
    }
}
