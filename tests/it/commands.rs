//! Each command, once and again, alone and after others, on what others own.

mod existing;
mod shown;

use std::thread::sleep;
use std::time::Duration;
use std::time::Instant;

use loadgen::scenario::Overrides;
use loadgen::scenario::Scenario;
use loadgen::scenario::builtin::SCENARIOS;
use rustix::process::Pid;
use rustix::process::Signal;
use rustix::process::kill_process;

use crate::support::command::Done;
use crate::support::command::LENIENT;
use crate::support::command::Place;
use crate::support::server::TestServer;

/// Few enough rows that seeding takes no time.
const ROWS: &str = "domains.orders.rows={ products: 20, customers: 100, orders: 300 }";

/// A small quickstart.
fn small() -> Place<'static> {
    let mut place = Place::new(&["orders"]);
    place.set(ROWS);
    place.set(LENIENT);
    place.set("load.warmup=0s");
    place.set("load.streams.shop.profile=[ { hold: 300/s, for: 1s } ]");
    place
}

/// What the test's place left in the server's shared catalogues.
fn shared_objects(place: &Place<'_>) -> Vec<Vec<String>> {
    let prefix = &place.prefix;
    let sql = format!(
        "SELECT 'database', datname::text FROM pg_database WHERE datname LIKE '{prefix}\\_%' \
         UNION ALL SELECT 'role', rolname FROM pg_roles WHERE rolname LIKE '{prefix}\\_%' \
         UNION ALL SELECT 'slot', slot_name FROM pg_replication_slots WHERE database LIKE '{prefix}\\_%' \
         UNION ALL SELECT 'making', datname FROM pg_database WHERE datname LIKE 'loadgen_making%' \
         ORDER BY 1, 2"
    );
    place.server.query("postgres", &sql)
}

#[test]
fn setup_seed_and_clean_may_be_repeated() {
    let place = small();
    let before = shared_objects(&place);
    place.must(&["setup", "@quickstart"]);
    let refused = place.run(&["setup", "@quickstart", "--seed", "9"]);
    let said = "it was set up, and not yet seeded, for another state";
    assert!(refused.code == 4 && refused.err.contains(said), "{}", refused.err);
    let made = shared_objects(&place);
    assert!(made.len() > before.len(), "{made:?}");
    place.must(&["setup", "@quickstart"]);
    assert_eq!(shared_objects(&place), made);
    assert_eq!(place.number("orders", "SELECT count(*) FROM orders"), 0);

    let first = place.must(&["seed", "@quickstart"]).out;
    let content = place.content("orders");
    assert_eq!(place.number("orders", "SELECT count(*) FROM orders"), 300);
    assert_eq!(place.must(&["seed", "@quickstart"]).out, first, "seeded once, told alike");
    assert_eq!(place.content("orders"), content);
    place.must(&["setup", "@quickstart"]);
    assert_eq!(place.content("orders"), content, "a set-up touches no row");

    place.must(&["clean", "@quickstart"]);
    assert_eq!(shared_objects(&place), before);
    assert_eq!(place.must(&["clean", "@quickstart"]).out, "nothing to clean\n");
    assert_eq!(shared_objects(&place), before);
}

#[test]
fn a_run_goes_on_after_setup_and_seed_and_once_only() {
    let place = small();
    place.must(&["setup", "@quickstart"]);
    place.must(&["seed", "@quickstart"]);
    place.must(&["run", "@quickstart", "--out", "first"]);
    let summary = place.summary("first");
    assert_eq!(summary["tables"][2]["seeded"], 300);
    place.assert_counted(&summary);
    let content = place.content("orders");

    for command in ["run", "seed", "setup"] {
        let refused = place.run(&[command, "@quickstart"]);
        assert_eq!(refused.code, 4, "{command}: {}", refused.err);
        assert!(refused.err.contains("--fresh"), "{}", refused.err);
    }
    assert_eq!(place.content("orders"), content);

    place.must(&["run", "@quickstart", "--fresh", "--out", "second"]);
    let summary = place.summary("second");
    assert_eq!(summary["tables"][2]["seeded"], 300);
    place.assert_counted(&summary);
}

#[test]
fn another_state_of_the_scenario_does_not_touch_what_is_there() {
    let place = small();
    place.must(&["seed", "@quickstart"]);
    let content = place.content("orders");
    let refused = place.run(&["seed", "@quickstart", "--seed", "9", "--out", "refused"]);
    assert_eq!(refused.code, 4, "{}", refused.err);
    assert!(refused.err.contains("it was seeded for another state"), "{}", refused.err);
    assert!(!refused.err.contains("generated passwords"), "no role has them: {}", refused.err);
    assert!(!place.folder.path().join("refused").exists());
    assert_eq!(place.content("orders"), content);
    place.must(&["seed", "@quickstart", "--seed", "9", "--fresh"]);
    assert_ne!(place.content("orders"), content);
}

/// Of rows of two prices, nobody could say which are which.
#[test]
fn a_variable_in_a_schema_is_content_and_a_password_is_not() {
    let place = Place::new(&["shop"]);
    let write = |name: &str, text: &str| {
        std::fs::write(place.folder.path().join(name), text).unwrap();
    };
    write(
        "shop.yaml",
        "schema: shop\ntables:\n  wares:\n    columns:\n\
         \x20     id: { type: bigint, key: true, fill: sequence }\n\
         \x20     price: { type: integer, fill: \"${LOADGEN_PRICE:-1}\" }\n",
    );
    write(
        "day.yaml",
        "scenario: day\ntargets: { x: { postgres: { url: \"${LOADGEN_POSTGRES}\" } } }\n\
         domains: { shop: { on: x, schema: shop.yaml, rows: { wares: 100 } } }\n",
    );
    let seed = |price: &str, password: &str| {
        let mut command = place.command(&["seed", "day.yaml"]);
        let password = format!("cdc.password={password}");
        Done::from(command.env("LOADGEN_PRICE", price).args(["--set", &password]).output().unwrap())
    };
    assert_eq!(seed("1", "one").code, 0);
    let other = seed("2", "one");
    assert_eq!(other.code, 4, "{}{}", other.out, other.err);
    assert!(other.err.contains("--fresh"), "{}", other.err);
    let again = seed("1", "two");
    assert_eq!(again.code, 0, "{}", again.err);
    assert_eq!(place.number("shop", "SELECT count(*) FROM wares WHERE price = 1"), 100);
    place.must(&["clean", "day.yaml"]);
}

/// A second seeding that waits for a table is given up; those behind it are full all the same.
#[test]
fn an_interrupted_seeding_tells_what_an_earlier_one_has_filled() {
    let place = small();
    let all = place.must(&["seed", "@quickstart"]).out;
    let database = place.database("orders");
    place.query(
        "orders",
        "ALTER TABLE products DISABLE TRIGGER ALL; DELETE FROM products; \
         DELETE FROM loadgen_public.seeded WHERE table_name = 'products'",
    );
    // Whoever seeds the products again waits for the fate of this entry.
    let entry =
        "INSERT INTO loadgen_public.seeded (table_name, chunk, rows) VALUES ('products', 0, 20)";
    let _held = place.server.hold(&database, entry);
    let running = place.spawn(&["seed", "@quickstart"]);
    let waiting = "SELECT 1 FROM pg_stat_activity WHERE wait_event_type = 'Lock' \
                   AND datname = current_database() AND query LIKE '%seeded%'";
    let begun = Instant::now();
    while place.query("orders", waiting).is_empty() {
        assert!(begun.elapsed() < Duration::from_mins(1), "it does not wait");
        sleep(Duration::from_millis(20));
    }
    for _ in 0..2 {
        kill_process(Pid::from_child(&running), Signal::INT).unwrap();
        sleep(Duration::from_millis(300));
    }
    let done = Done::from(running.wait_with_output().unwrap());
    assert_eq!(done.code, 105, "{}", done.err);
    let full = |text: &str| -> Vec<String> {
        text.lines().filter(|line| !line.contains(".products ")).map(str::to_owned).collect()
    };
    assert_eq!(full(&done.out), full(&all), "{}", done.err);
    assert!(done.out.contains(" 300 rows"), "{}", done.out);
}

/// A name alone is no mark.
#[test]
fn a_database_that_only_bears_the_name_of_one_in_the_making_stays() {
    let place = small();
    place.must(&["setup", "@quickstart"]);
    let sql = "SELECT 'loadgen_making_' || left(encode(sha256($$NAME$$::bytea), 'hex'), 16)";
    let sql = sql.replace("NAME", &place.database("orders"));
    let making = place.server.query("postgres", &sql)[0][0].clone();
    place.must(&["clean", "@quickstart"]);
    place.server.query("postgres", &format!("CREATE DATABASE {making}"));
    for command in ["setup", "clean"] {
        let refused = place.run(&[command, "@quickstart"]);
        assert_eq!(refused.code, 4, "{}{}", refused.out, refused.err);
        assert!(refused.err.contains(&making), "{}", refused.err);
    }
    place.server.query("postgres", &format!("DROP DATABASE {making}"));
    place.must(&["setup", "@quickstart"]);
    place.must(&["clean", "@quickstart"]);
}

#[test]
fn what_others_own_survives_everything() {
    let place = small();
    let database = place.database("orders");
    place.server.query("postgres", &format!("CREATE DATABASE {database}"));
    place.query("orders", "CREATE TABLE orders (id int); INSERT INTO orders VALUES (7)");
    let before = shared_objects(&place);
    for command in [
        &["setup", "@quickstart"][..],
        &["seed", "@quickstart"],
        &["run", "@quickstart"],
        &["run", "@quickstart", "--fresh"],
        &["clean", "@quickstart"],
    ] {
        let refused = place.run(command);
        let is_clean = command[0] == "clean";
        assert!(refused.code == 4 || is_clean && refused.code == 0, "{command:?}: {}", refused.err);
        assert_eq!(shared_objects(&place), before, "{command:?}");
        assert_eq!(place.query("orders", "SELECT * FROM orders"), [["7"]], "{command:?}");
    }
}

/// Each shipped scenario runs: shortened, and with fewer rows to seed. The one that is about connectors says what
/// it needs where there are none.
#[test]
fn every_shipped_scenario_runs() {
    // Where others work beside it, what they write counts for the limit that one of them puts on the log.
    let server = TestServer::start();
    for (name, _) in SCENARIOS {
        if *name == "full-pipeline" {
            let domains = ["user", "business", "checkin", "evaluations", "orders"];
            let done = Place::new(&domains).run(&["run", "@full-pipeline", "--for", "1s"]);
            assert_eq!(done.code, 4, "{}{}", done.out, done.err);
            assert!(done.err.contains("scripts/pipeline up"), "{}", done.err);
            continue;
        }
        let reference = format!("@{name}");
        let scenario = Scenario::read(&reference, &Overrides::default()).unwrap();
        // As they are written: copies of one are made from one.
        let mut domains: Vec<_> =
            scenario.domains.iter().map(|each| each.copy.of.as_str()).collect();
        domains.dedup();
        let mut place = Place::on(&server, &domains);
        place.set("load.warmup=500ms");
        if domains == ["orders"] {
            place.set("domains.orders.rows={ products: 100, customers: 1k, orders: 2k }");
        }
        for domain in domains.iter().filter(|_| name.starts_with("yelp")) {
            place.set(&format!("domains.{domain}.scale=0.001"));
        }
        let done = place.must(&["run", &reference, "--for", "1s", "--out", "run"]);
        let summary = place.summary("run");
        assert_eq!(summary["verdict"], "passed", "{name}: {}", done.out);
        match summary["events"].as_array().unwrap().first() {
            // Nobody stores tables where events go.
            Some(events) => assert_eq!(events["acknowledged"], events["sent"], "{name}"),
            None => place.assert_counted(&summary),
        }
        let streams = summary["streams"].as_array().unwrap();
        assert_eq!(streams.len(), scenario.series().len(), "{name}");
        if let Some(stream) = streams.first() {
            assert!(stream["acknowledged"].as_u64().unwrap() >= 4, "{name}");
        }
        place.must(&["clean", &reference]);
    }
}
