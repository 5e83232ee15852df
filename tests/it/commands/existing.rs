//! Databases that we did not make: a PostgreSQL schema in one, or only the tables that stand there.

use std::thread::sleep;
use std::time::Duration;
use std::time::Instant;

use rustix::process::Pid;
use rustix::process::Signal;
use rustix::process::kill_process;

use crate::commands::ROWS;
use crate::support::command::Done;
use crate::support::command::LENIENT;
use crate::support::command::Place;
use crate::support::command::scenario;

/// A small quickstart in a database of somebody else.
fn place_in(database: &str, provision: &str) -> Place<'static> {
    let mut place = Place::new(&[]);
    place.url = place.server.url_of(database);
    place.set(ROWS);
    place.set(LENIENT);
    place.set(&format!("targets.operational.postgres.provision={provision}"));
    place.set("load.warmup=0s");
    place.set("load.streams.shop.profile=[ { hold: 300/s, for: 1s } ]");
    place
}

/// The tables of `orders`, made by hand.
const TABLES: &str = "
    CREATE TABLE products (id integer PRIMARY KEY, name varchar(60), price numeric);
    CREATE TABLE customers (id bigint PRIMARY KEY, name text NOT NULL, email text UNIQUE, phone text,
        created_at timestamptz, comment text DEFAULT 'by hand');
    CREATE TABLE orders (id uuid PRIMARY KEY, customer_id bigint REFERENCES customers, status text,
        channel varchar(8), shipping numeric(10,4), created_at timestamptz, updated_at timestamptz);
    CREATE TABLE order_items (order_id uuid REFERENCES orders, line smallint,
        product_id integer REFERENCES products, quantity integer, price numeric(10,2),
        value numeric(12,2), PRIMARY KEY (order_id, line))";

#[test]
fn a_schema_in_a_database_of_others() {
    let database = Place::new(&[]).server.fresh_database();
    let place = place_in(&database, "schemas");
    let query = |sql: &str| place.server.query(&database, sql);
    query("CREATE TABLE theirs (id int); INSERT INTO theirs VALUES (1); CREATE SCHEMA other");
    let catalogue = "SELECT nspname::text FROM pg_namespace WHERE nspname !~ '^pg_' UNION ALL \
                     SELECT pubname::text FROM pg_publication ORDER BY 1";
    let before = query(catalogue);
    place.must(&["setup", "@quickstart"]);
    place.must(&["seed", "@quickstart"]);
    place.must(&["run", "@quickstart", "--out", "run"]);
    let summary = place.summary("run");
    assert_eq!(summary["tables"][2]["table"], "orders.orders");
    assert_eq!(summary["tables"][2]["database"], database.as_str());
    place.assert_counted(&summary);
    assert_eq!(place.run(&["run", "@quickstart"]).code, 4);
    place.must(&["run", "@quickstart", "--fresh", "--out", "again"]);
    place.assert_counted(&place.summary("again"));
    place.must(&["clean", "@quickstart"]);
    assert_eq!(query(catalogue), before);
    assert_eq!(query("SELECT * FROM theirs"), [["1"]]);
    assert_eq!(place.must(&["clean", "@quickstart"]).out, "nothing to clean\n");
}

#[test]
fn tables_made_by_hand_empty_and_then_used_again_and_again() {
    let database = Place::new(&[]).server.fresh_database();
    let mut place = place_in(&database, "none");
    place.set(&format!("domains.orders.database={database}"));
    place.server.query(&database, TABLES);
    let objects = "SELECT relname::text, relkind::text FROM pg_class WHERE oid >= 16384 ORDER BY 1";
    let before = place.server.query(&database, objects);
    // Each run makes rows of its own beside those of the runs before it, with the same seed.
    let mut rows = 0;
    for out in ["first", "second", "third"] {
        place.must(&["run", "@quickstart", "--out", out]);
        let summary = place.summary(out);
        let orders = &summary["tables"][2];
        assert_eq!((&orders["before"], &orders["seeded"]), (&rows.into(), &300.into()));
        assert_eq!((&orders["failed"], &orders["missed"]), (&0.into(), &0.into()));
        assert_eq!(summary["streams"][0]["failed"], 0);
        place.assert_counted(&summary);
        rows = orders["alive"].as_u64().unwrap();
    }
    assert_eq!(place.server.query(&database, objects), before, "nothing is made");
    let cleaned = place.must(&["clean", "@quickstart"]).out;
    assert_eq!(cleaned, "nothing to clean\n");
    assert_eq!(
        place.server.query(&database, "SELECT count(*) FROM orders")[0][0],
        rows.to_string()
    );
}

#[test]
fn rows_of_others_are_left_alone() {
    let database = Place::new(&[]).server.fresh_database();
    let mut place = place_in(&database, "none");
    place.set(&format!("domains.orders.database={database}"));
    place.server.query(&database, TABLES);
    let theirs = "
        INSERT INTO products SELECT n, 'p', 1 FROM generate_series(-3, 12) n;
        INSERT INTO customers SELECT n, 'c', 'c' || n, NULL FROM generate_series(1, 1000, 7) n;
        INSERT INTO orders SELECT gen_random_uuid(), 8, 'placed', 'web', 1, now(), now()
            FROM generate_series(1, 50)";
    place.server.query(&database, theirs);
    let hash = "SELECT md5(string_agg(t::text, '' ORDER BY t::text)) FROM (
            SELECT c.* FROM customers c WHERE email LIKE 'c%' AND email NOT LIKE '%@%') t";
    let before = place.server.query(&database, hash);
    place.must(&["run", "@quickstart", "--out", "run"]);
    let summary = place.summary("run");
    assert_eq!(summary["tables"][0]["before"], 16);
    assert_eq!(summary["tables"][1]["before"], 143);
    assert_eq!(summary["tables"][2]["before"], 50);
    assert_eq!(summary["streams"][0]["failed"], 0);
    place.assert_counted(&summary);
    assert_eq!(place.server.query(&database, hash), before);
    let orders = "SELECT count(*) FROM orders WHERE customer_id = 8 AND status = 'placed'";
    assert_eq!(place.server.query(&database, orders), [["50"]]);
}

#[test]
fn keys_without_room_behind_those_of_others_are_refused() {
    let database = Place::new(&[]).server.fresh_database();
    let mut place = place_in(&database, "none");
    place.set(&format!("domains.orders.database={database}"));
    place.server.query(&database, TABLES);
    place.server.query(&database, "INSERT INTO products VALUES (2147483640, 'last', 1)");
    let refused = place.run(&["run", "@quickstart"]);
    assert_eq!(refused.code, 4, "{}", refused.err);
    assert!(refused.err.contains("products"), "{}", refused.err);
    assert_eq!(place.server.query(&database, "SELECT count(*) FROM customers"), [["0"]]);
}

#[test]
fn tables_that_do_not_fit_are_refused_untouched() {
    let database = Place::new(&[]).server.fresh_database();
    let mut place = Place::new(&[]);
    place.set("targets.operational.postgres.provision=none");
    place.set(&format!("domains.zoo.database={database}"));
    place.server.query(&database, "CREATE TABLE keepers (id text)");
    let refused = place.run(&["run", &scenario("zoo.yaml")]);
    assert_eq!(refused.code, 4, "{}", refused.err);
    assert!(refused.err.contains("`public.keepers.id` is text"), "{}", refused.err);
    assert!(refused.err.contains("there is no table `public.cages`"), "{}", refused.err);
}

/// Counting the rows of others may take long: it can be ended, too.
#[test]
fn the_second_signal_ends_the_count_of_others_rows() {
    let database = Place::new(&[]).server.fresh_database();
    let mut place = place_in(&database, "nothing");
    place.set(&format!("domains.orders.database={database}"));
    place.server.query(&database, TABLES);
    let _lock = place.server.hold(&database, "LOCK TABLE orders IN ACCESS EXCLUSIVE MODE");
    let mut running = place.spawn(&["run", "@quickstart", "--out", "run"]);
    let waiting = format!(
        "SELECT 1 FROM pg_stat_activity WHERE datname = '{database}' \
         AND wait_event_type = 'Lock' AND query LIKE '%count(%'"
    );
    let begun = Instant::now();
    while place.server.query("postgres", &waiting).is_empty() {
        assert!(running.try_wait().unwrap().is_none(), "it does not count");
        assert!(begun.elapsed() < Duration::from_mins(1), "it does not wait");
        sleep(Duration::from_millis(20));
    }
    for _ in 0..2 {
        kill_process(Pid::from_child(&running), Signal::INT).unwrap();
        sleep(Duration::from_millis(300));
    }
    let signalled = Instant::now();
    while running.try_wait().unwrap().is_none() {
        assert!(signalled.elapsed() < Duration::from_secs(20), "it does not hear");
        sleep(Duration::from_millis(20));
    }
    let done = Done::from(running.wait_with_output().unwrap());
    assert_eq!(done.code, 105, "{}", done.err);
}
