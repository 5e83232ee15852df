//! `doctor`: what is wrong with a source is found, and its remedy mends it.

mod far;

use std::time::Duration;
use std::time::Instant;

use rustix::process::Pid;
use rustix::process::Signal;
use rustix::process::kill_process;
use serde_json::Value;

use crate::support::command::Place;
use crate::support::connect::Connect;
use crate::support::machine::wait_for;
use crate::support::server::Options;
use crate::support::server::TestServer;

/// What was found wrong: check, place, words, remedy.
struct Found {
    check: String,
    place: String,
    found: String,
    remedy: Option<String>,
    severity: String,
}

fn examined(place: &Place<'_>, code: i32) -> Vec<Found> {
    examined_of(place, "@quickstart", code)
}

fn examined_of(place: &Place<'_>, scenario: &str, code: i32) -> Vec<Found> {
    let done = place.run(&["doctor", scenario, "--format", "json"]);
    assert_eq!(done.code, code, "{}{}", done.out, done.err);
    let report: Value = serde_json::from_str(&done.out).unwrap();
    assert_eq!(report["verdict"], if code == 0 { "fit" } else { "unfit" });
    let checks = report["reports"].as_array().unwrap().iter().flat_map(|report| {
        report["checks"].as_array().unwrap().iter().map(|check| {
            let text = |key: &str| check[key].as_str().unwrap_or_default().to_owned();
            Found {
                check: text("check"),
                place: text("where"),
                found: text("found"),
                remedy: check["remedy"].as_str().map(str::to_owned),
                severity: text("severity"),
            }
        })
    });
    checks.collect()
}

fn of<'a>(found: &'a [Found], check: &str, severity: &str) -> Vec<&'a Found> {
    found.iter().filter(|each| each.check == check && each.severity == severity).collect()
}

fn server(settings: &[(&'static str, &str)]) -> TestServer {
    let settings = settings.iter().map(|(name, value)| (*name, (*value).to_owned()));
    TestServer::with(&Options { settings: settings.collect(), ..Options::default() })
}

#[test]
fn a_server_that_cannot_be_captured_is_told_before_anything_is_made() {
    let server = server(&[("wal_level", "replica"), ("max_replication_slots", "0")]);
    let place = Place::on(&server, &["orders"]);
    let found = examined(&place, 4);
    let level = of(&found, "wal_level", "critical");
    assert!(level[0].found.starts_with("replica"), "{}", level[0].found);
    assert!(level[0].remedy.as_ref().unwrap().contains("wal_level = 'logical'"));
    assert_eq!(of(&found, "max_replication_slots", "critical").len(), 1);
    assert!(of(&found, "database", "info")[0].found.contains("not there yet"));
    let databases = server.query("postgres", "SELECT count(*) FROM pg_database");
    assert_eq!(databases, [["3"]], "nothing was made");
}

#[test]
fn each_remedy_mends_what_was_found() {
    let server = server(&[("wal_level", "logical"), ("max_slot_wal_keep_size", "20GB")]);
    let place = Place::on(&server, &["orders"]);
    place.must(&["setup", "@quickstart"]);
    let found = examined(&place, 0);
    assert!(found.iter().all(|each| each.severity != "critical"));
    for check in ["publication", "heartbeat", "login of capture", "replication connection"] {
        assert_eq!(of(&found, check, "ok").len(), 1, "{check}");
    }

    let capture = format!("{}_capture", place.database("orders"));
    for sql in [
        "ALTER PUBLICATION debezium DROP TABLE public.order_items".to_owned(),
        "ALTER PUBLICATION debezium DROP TABLE public.debezium_heartbeat".to_owned(),
        "ALTER PUBLICATION debezium SET (publish = 'insert, update')".to_owned(),
        "ALTER TABLE public.orders REPLICA IDENTITY NOTHING".to_owned(),
        format!("ALTER ROLE {capture} NOREPLICATION"),
        "SELECT pg_create_logical_replication_slot('left_behind', 'pgoutput')".to_owned(),
    ] {
        place.query("orders", &sql);
    }
    let found = examined(&place, 4);
    let missing = of(&found, "publication", "critical");
    assert!(missing.iter().any(|each| each.place == "order_items"), "the table that is not in it");
    assert!(missing.iter().any(|each| each.found.contains("each delete")), "what is not told");
    let identity = of(&found, "replica identity", "critical");
    assert_eq!(identity[0].place, "\"public\".\"orders\"");
    assert_eq!(of(&found, "login of capture", "critical").len(), 1);
    assert_eq!(of(&found, "heartbeat", "warning").len(), 1);
    assert_eq!(of(&found, "slot", "warning").len(), 1);

    // They are what one may paste.
    for each in
        found.iter().filter(|each| ["critical", "warning"].contains(&each.severity.as_str()))
    {
        let remedy = each.remedy.as_ref().unwrap();
        let done = place.psql("orders", remedy);
        assert_eq!(done.code, 0, "{}: {remedy}: {}", each.check, done.err);
    }
    let found = examined(&place, 0);
    assert!(found.iter().all(|each| !["critical", "warning"].contains(&each.severity.as_str())));
}

/// A table that somebody dropped, and a login that may not replicate any more.
#[test]
fn what_is_gone_is_made_again_by_its_remedy() {
    let hba = vec!["host all all 127.0.0.1/32 trust".to_owned()];
    let settings =
        vec![("wal_level", "logical".to_owned()), ("max_slot_wal_keep_size", "20GB".to_owned())];
    let server = TestServer::with(&Options { hba, settings, ..Options::default() });
    let mut place = Place::on(&server, &["orders"]);
    place.set("cdc.password=geheim");
    place.must(&["setup", "@quickstart"]);
    let capture = format!("{}_capture", place.database("orders"));
    place.query("orders", "DROP TABLE debezium_heartbeat");
    place.query("orders", &format!("ALTER ROLE {capture} NOREPLICATION"));
    let found = examined(&place, 4);
    let heartbeat = of(&found, "heartbeat", "warning");
    assert!(heartbeat[0].found.contains("is not there"), "{}", heartbeat[0].found);
    let streaming = of(&found, "replication connection", "critical");
    let remedy = streaming[0].remedy.as_ref().unwrap();
    assert!(remedy.contains(&format!("ALTER ROLE \"{capture}\" REPLICATION")), "{remedy}");
    assert!(!remedy.contains("pg_hba"), "{remedy}");
    for each in [heartbeat[0], streaming[0]] {
        let remedy = each.remedy.as_ref().unwrap();
        let done = place.psql("orders", remedy);
        assert_eq!(done.code, 0, "{remedy}: {}", done.err);
    }
    let found = examined(&place, 0);
    assert!(found.iter().all(|each| !["critical", "warning"].contains(&each.severity.as_str())));
    let sql = format!("SET ROLE {capture}; UPDATE debezium_heartbeat SET beat = now()");
    assert_eq!(place.psql("orders", &sql).code, 0);
}

#[test]
fn where_there_is_nothing_to_look_at_that_is_said() {
    let place = Place::new(&["orders"]);
    let mut command = place.command(&["doctor", "@quickstart"]);
    let output = command.env_remove("LOADGEN_POSTGRES").output().unwrap();
    assert_eq!(output.status.code(), Some(4));
    assert!(String::from_utf8_lossy(&output.stderr).contains("LOADGEN_POSTGRES"));
    let done = place.run(&["doctor", "@quickstart"]);
    assert!(done.out.contains("wal_level"), "{}{}", done.out, done.err);
    assert!(done.out.lines().last().unwrap().contains("critical"), "{}", done.out);
}

/// What may be wrong with tables, publications, slots and settings, each brought about on a real server.
#[test]
fn each_condition_that_is_brought_about_is_found() {
    let settings = [
        ("wal_level", "logical"),
        ("max_prepared_transactions", "2"),
        ("max_slot_wal_keep_size", "1MB"),
        ("min_wal_size", "32MB"),
        ("max_wal_size", "32MB"),
        ("wal_sender_timeout", "5s"),
    ];
    let server = server(&settings);
    let mut place = Place::on(&server, &["orders"]);
    place.must(&["setup", "@quickstart"]);
    place.set("targets.operational.postgres.connections=200");
    for sql in [
        "ALTER TABLE orders REPLICA IDENTITY DEFAULT; ALTER TABLE orders ADD COLUMN note text",
        "ALTER TABLE customers ADD COLUMN loud text GENERATED ALWAYS AS (upper(name)) STORED",
        "CREATE TYPE kind AS ENUM ('gift'); \
         ALTER TABLE order_items ADD COLUMN kind kind NOT NULL DEFAULT 'gift'; \
         ALTER TABLE order_items DROP CONSTRAINT order_items_pkey; \
         ALTER TABLE order_items ADD PRIMARY KEY (order_id, line, kind)",
        "CREATE TABLE \"Orders\" (id integer)",
        "ALTER PUBLICATION debezium DROP TABLE customers; \
         ALTER PUBLICATION debezium ADD TABLE customers WHERE (id > 5)",
        "ALTER PUBLICATION debezium DROP TABLE products; \
         ALTER PUBLICATION debezium ADD TABLE products (name)",
        "ALTER PUBLICATION debezium DROP TABLE order_items; ALTER TABLE order_items SET UNLOGGED",
        "SELECT pg_create_logical_replication_slot('out_of_log', 'pgoutput')",
        "CREATE TABLE noise AS SELECT repeat('x', 1000) FROM generate_series(1, 60000); \
         SELECT pg_switch_wal(); CHECKPOINT; CREATE TABLE more AS TABLE noise; \
         SELECT pg_switch_wal(); CHECKPOINT",
        // No slot is made while it is undecided.
        "BEGIN; CREATE TABLE undecided (); PREPARE TRANSACTION 'left open'",
    ] {
        let done = place.psql("orders", sql);
        assert_eq!(done.code, 0, "{sql}: {}", done.err);
    }
    let capture = format!("{}_capture", place.database("orders"));
    server.query("postgres", &format!("ALTER ROLE {capture} NOLOGIN"));
    let found = examined(&place, 4);
    for (check, severity, words) in [
        ("long values", "warning", "note"),
        ("table", "warning", "generated columns"),
        ("table", "warning", "enum in the key: kind"),
        ("table", "warning", "Orders, orders"),
        ("table", "critical", "unlogged"),
        ("publication", "warning", "only rows with (id > 5)"),
        ("publication", "critical", "leaves out `id` of the key"),
        ("publication", "critical", "does not have it"),
        ("open transactions", "warning", "left open"),
        ("slot", "critical", "lost"),
        ("max_slot_wal_keep_size", "warning", "loses its slot"),
        ("wal_sender_timeout", "warning", "thrown out"),
        ("connections", "critical", "200 needed"),
        ("login of capture", "critical", "cannot log in"),
    ] {
        let named = of(&found, check, severity);
        let said: Vec<&str> = named.iter().map(|each| each.found.as_str()).collect();
        assert!(said.iter().any(|it| it.contains(words)), "{check} {severity} {words}: {said:?}");
    }

    // What is pasted leaves all else in the publication.
    let of_publication = found.iter().filter(|each| each.check == "publication");
    for remedy in of_publication.filter_map(|each| each.remedy.as_ref()) {
        if !remedy.contains("order_items") {
            assert_eq!(place.psql("orders", remedy).code, 0, "{remedy}");
        }
    }
    let sql = "SELECT count(*), count(rowfilter) FROM pg_publication_tables WHERE pubname = 'debezium' \
               AND tablename IN ('products', 'customers', 'orders')";
    assert_eq!(place.query("orders", sql), [["3", "0"]]);
}

#[test]
fn connectors_that_fail_or_hide_what_they_lose_are_found() {
    let server = server(&[("wal_level", "logical"), ("max_slot_wal_keep_size", "20GB")]);
    let mut place = Place::on(&server, &["orders"]);
    place.must(&["setup", "@quickstart"]);
    place.set("cdc.connect=http://127.0.0.1:1");
    let away = examined(&place, 4);
    assert!(of(&away, "Kafka Connect", "critical")[0].found.contains("no Kafka Connect answers"));

    let connect = Connect::start();
    place.set(&format!("cdc.connect={}", connect.url()));
    let none = examined(&place, 0);
    assert!(of(&none, "connector", "info")[0].found.contains("no connector captures it yet"));

    let class = "io.debezium.connector.postgresql.PostgresConnector";
    let config = |tables: &str| {
        serde_json::json!({
            "connector.class": class, "database.dbname": place.database("orders"),
            "publication.name": "debezium", "heartbeat.interval.ms": "5000",
            "table.include.list": tables, "errors.tolerance": "all",
            "producer.override.sasl.jaas.config": "x.Login required user=\"u\" password=\"jaaspw55\";",
            "schema.history.uri": "jdbc:postgresql://lake:urlpw99@db/lake",
        })
    };
    connect.put("theirs", config("public\\.orders,public\\.products"));
    connect
        .fail(Some("x.ConnectException: no such slot, jaaspw55 or urlpw99\n\tat x.Y(Z.java:1)\n"));
    let found = examined(&place, 4);
    for words in [
        "no such slot, *** or ***",
        "leave out public.customers, public.order_items",
        "without a word",
    ] {
        let named = of(&found, "connector", "critical");
        assert!(named.iter().any(|each| each.found.contains(words)), "{words}");
    }
}

/// What is wrong with the table through which a snapshot is asked for, and what mends it.
#[test]
fn signals_that_nobody_would_hear_are_found_and_mended() {
    let server = server(&[("wal_level", "logical"), ("max_slot_wal_keep_size", "20GB")]);
    let place = Place::on(&server, &["orders"]);
    place.must(&["setup", "@quickstart"]);
    let capture = format!("{}_capture", place.database("orders"));
    let revoke = format!("REVOKE INSERT ON debezium_signal FROM {capture}");
    for (sql, words) in [
        (revoke.as_str(), "may not insert"),
        ("ALTER PUBLICATION debezium DROP TABLE debezium_signal", "is not published"),
        (
            "ALTER TABLE debezium_signal ADD COLUMN more text",
            "id, type, data, more, not id, type, data",
        ),
        ("DROP TABLE debezium_signal", "is not there"),
    ] {
        place.query("orders", sql);
        let found = examined(&place, 0);
        let signals = of(&found, "signals", "warning");
        assert!(signals[0].found.contains(words), "{}", signals[0].found);
        let remedy = signals[0].remedy.as_ref().unwrap();
        let done = place.psql("orders", remedy);
        assert_eq!(done.code, 0, "{remedy}: {}", done.err);
        assert_eq!(of(&examined(&place, 0), "signals", "ok").len(), 1, "{remedy}");
    }
}

/// Only where a step truncates is it missed that the publication does not tell of that.
#[test]
fn truncations_that_are_not_published_are_missed_where_there_are_any() {
    let server = server(&[("wal_level", "logical"), ("max_slot_wal_keep_size", "20GB")]);
    let mut place = Place::on(&server, &["orders"]);
    place.must(&["setup", "@quickstart"]);
    place.query("orders", "ALTER PUBLICATION debezium SET (publish = 'insert, update, delete')");
    let none = examined(&place, 0);
    assert!(of(&none, "publication", "ok")[0].found.contains("TRUNCATE is not told"));
    place.set("load.steps=[ { at: 1s, truncate: {} } ]");
    let found = examined(&place, 4);
    let missed = of(&found, "publication", "critical");
    assert!(missed[0].found.contains("does not tell of each truncation"), "{}", missed[0].found);
    assert_eq!(place.psql("orders", missed[0].remedy.as_ref().unwrap()).code, 0);
    examined(&place, 0);
}

/// A connector that is there has its slot already; each observer needs one of its own.
#[test]
fn slots_that_connectors_have_are_not_needed_again() {
    let server = server(&[
        ("wal_level", "logical"),
        ("max_slot_wal_keep_size", "20GB"),
        ("max_replication_slots", "1"),
    ]);
    let mut place = Place::on(&server, &["orders"]);
    place.must(&["setup", "@quickstart"]);
    let free = examined(&place, 0);
    let room = of(&free, "max_replication_slots", "ok");
    assert_eq!(room[0].found, "0 of 1 in use, 1 more needed");
    place.query(
        "orders",
        "SELECT pg_create_logical_replication_slot('debezium_orders', 'pgoutput')",
    );
    let held = examined(&place, 0);
    let room = of(&held, "max_replication_slots", "ok");
    assert_eq!(room[0].found, "1 of 1 in use, 0 more needed");
    let senders = of(&held, "max_wal_senders", "ok");
    assert!(senders[0].found.contains("1 more needed"), "{}", senders[0].found);

    place.query("orders", "SELECT pg_drop_replication_slot('debezium_orders')");
    place.set("observe={ a: { slot: { on: operational } }, b: { slot: { on: operational } } }");
    let refused = place.run(&["run", "@quickstart", "--fresh"]);
    assert_eq!(refused.code, 4, "{}", refused.err);
    assert!(refused.err.contains("0 of 1 in use, 2 more needed"), "{}", refused.err);
}

/// Partitions, arrays and transactions that are larger than what they are decoded in.
#[test]
fn what_comes_by_other_names_or_from_disk_is_found() {
    let server = server(&[("wal_level", "logical")]);
    // What is given on the command line no remedy could change.
    server.query("postgres", "ALTER SYSTEM SET logical_decoding_work_mem = '64kB'");
    server.query("postgres", "SELECT pg_reload_conf()");
    let memory = || server.query("postgres", "SHOW logical_decoding_work_mem");
    wait_for("little memory", || memory() == [["64kB"]]);
    let place = Place::on(&server, &["orders"]);
    place.must(&["setup", "@quickstart"]);
    for sql in [
        "DROP TABLE products CASCADE; \
         CREATE TABLE products (id integer PRIMARY KEY) PARTITION BY RANGE (id); \
         CREATE TABLE products_a PARTITION OF products DEFAULT; ALTER PUBLICATION debezium ADD TABLE products",
        "ALTER TABLE order_items DROP CONSTRAINT order_items_pkey; \
         ALTER TABLE order_items REPLICA IDENTITY FULL; ALTER TABLE order_items ADD COLUMN tags text[]",
        "SELECT pg_create_logical_replication_slot('small', 'pgoutput')",
        "INSERT INTO debezium_signal SELECT n, 'none', repeat('x', 1000) FROM generate_series(1, 2000) n",
        "SELECT count(*) FROM pg_logical_slot_get_binary_changes('small', NULL, NULL, \
         'proto_version', '1', 'publication_names', 'debezium')",
    ] {
        let done = place.psql("orders", sql);
        assert_eq!(done.code, 0, "{sql}: {}", done.err);
    }
    let found = examined(&place, 0);
    let of = |check: &str, severity: &str, words: &str| {
        let named = of(&found, check, severity).into_iter().find(|it| it.found.contains(words));
        named.map(|it| (it.place.clone(), it.remedy.clone().unwrap_or_default()))
    };
    let (table, by_root) = of("publication", "warning", "as `products_a`").unwrap();
    assert_eq!(table, "products");
    assert!(
        of("table", "warning", "without a primary key: tags").unwrap().0.contains("order_items")
    );
    let (slot, more) =
        of("slot", "info", "larger than `logical_decoding_work_mem` (64kB)").unwrap();
    assert_eq!(slot, "small");
    for remedy in [by_root, more] {
        // Settings of the system are changed outside of transactions.
        for statement in remedy.split(" -- ").next().unwrap().split("; ") {
            let done = place.psql("orders", statement);
            assert_eq!(done.code, 0, "{statement}: {}", done.err);
        }
    }
    let again = examined(&place, 0);
    assert!(again.iter().all(|it| !it.found.contains("as `products_a`")), "the remedy mends it");
    // A server reads its settings again when it comes to it.
    wait_for("more memory", || {
        let again = examined(&place, 0);
        again.iter().any(|it| it.found.contains("`logical_decoding_work_mem` (256kB)"))
    });
}

/// A replica that is observed and does not answer, or has no place for another slot.
#[test]
fn replicas_that_cannot_be_observed_are_found_in_time() {
    let settings = [("max_slot_wal_keep_size", "20GB")];
    let (server, replica) = (TestServer::set(&settings), TestServer::set(&settings));
    let mut place = Place::on(&server, &["orders"]);
    place.must(&["setup", "@quickstart"]);
    let url = replica.url();
    let copy = |by: &str, url: &str| {
        format!("{by}: {{ postgres: {{ url: \"{url}\", on: operational, by: {by} }} }}")
    };
    let observe = |url: &str| format!("observe={{ {}, {} }}", copy("slot", url), copy("poll", url));
    let found = |place: &Place<'_>, what: &str, code: i32| {
        let begun = Instant::now();
        let found = examined(place, code);
        assert!(begun.elapsed() < Duration::from_secs(6), "{what}: {:?}", begun.elapsed());
        found
    };
    place.set(&observe(&url));
    let missing = found(&place, "without the database", 4);
    let said = of(&missing, "replica", "critical");
    assert_eq!(said.len(), 2);
    assert!(said.iter().all(|it| it.found.contains("does not exist") && it.remedy.is_some()));
    replica.query("postgres", &format!("CREATE DATABASE {}", place.database("orders")));
    let there = found(&place, "with it", 0);
    assert_eq!(of(&there, "replica", "ok").len(), 2);

    replica.freeze();
    let frozen = found(&place, "frozen", 4);
    let said = of(&frozen, "replica", "critical");
    assert!(said.len() == 2 && said[0].found.contains("no answer within 3 s"), "{}", said[0].found);
    place.set(&observe("postgres://postgres@127.0.0.1:1/postgres"));
    let gone = found(&place, "gone", 4);
    let said = of(&gone, "replica", "critical");
    assert_eq!(said.len(), 2);
    assert!(said[0].found.contains("connection refused"), "{}", said[0].found);
    let begun = Instant::now();
    let done = place.run(&["run", "@quickstart"]);
    assert!(done.code == 4 && done.err.contains("it cannot be observed"), "{}", done.err);
    assert!(begun.elapsed() < Duration::from_secs(10));
    assert_eq!(place.number("orders", "SELECT count(*) FROM products"), 0);

    let full = TestServer::set(&[("max_replication_slots", "0")]);
    full.query("postgres", &format!("CREATE DATABASE {}", place.database("orders")));
    place.set(&observe(&full.url()));
    let found = found(&place, "full", 4);
    assert_eq!(of(&found, "max_replication_slots", "critical").len(), 1);
}

/// One that takes connections and says nothing.
#[test]
fn a_server_that_does_not_answer_is_given_up_in_time() {
    let server = TestServer::start();
    let place = Place::on(&server, &["orders"]);
    server.freeze();
    let within = |began: Instant, limit: u64, said: &str| {
        assert!(began.elapsed() < Duration::from_secs(limit), "{:?}: {said}", began.elapsed());
    };
    for command in ["doctor", "setup", "clean"] {
        let began = Instant::now();
        let done = place.run(&[command, "@quickstart"]);
        assert_eq!(done.code, 4, "{command}: {}{}", done.out, done.err);
        // Each try more is 10 s; a busy machine takes some of its own.
        within(began, 30, &done.err);
        let named = format!("`postgres@127.0.0.1:{}/postgres`", server.port());
        assert!(done.err.contains(&named), "{command}: {}", done.err);
        assert!(done.err.contains("no answer within 10 s"), "{command}: {}", done.err);
    }
    for (command, code) in [("doctor", None), ("setup", Some(105)), ("clean", None)] {
        let child = place.spawn(&[command, "@quickstart"]);
        // By then it hears signals, on a busy machine too, and waits for the server.
        std::thread::sleep(Duration::from_secs(3));
        let began = Instant::now();
        // Whoever runs the tests in the background may have told all to ignore the other one.
        kill_process(Pid::from_child(&child), Signal::TERM).unwrap();
        let output = child.wait_with_output().unwrap();
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        within(began, 8, &said);
        assert_eq!(output.status.code(), code, "{command}: {said}");
    }
}
