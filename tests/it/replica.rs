//! A replica as a far end: what a subscription brings is all there is, and what is not as it was sent is named.

use std::fs;
use std::thread::sleep;
use std::time::Duration;
use std::time::Instant;

use serde_json::Value;

use crate::support::command::Done;
use crate::support::command::Place;
use crate::support::command::interrupt;
use crate::support::machine::wait_for;
use crate::support::server::TestServer;

/// Two servers with the same databases, and a subscription from the one to the other.
struct Pair<'s> {
    place: Place<'s>,
    replica: &'s TestServer,
}

impl<'s> Pair<'s> {
    /// Sets up both; what the source gets from now on comes to the replica.
    fn new(source: &'s TestServer, replica: &'s TestServer) -> Self {
        let mut place = Place::on(source, &["orders"]);
        place.set("domains.orders.rows={ products: 50, customers: 500, orders: 500 }");
        place.set("load.warmup=1s");
        // Rows come and stay, so what is done to one at the replica shows once.
        place.set("load.streams.shop.mix={ orders.place_order: 3, orders.new_customer: 1 }");
        place.set("load.streams.shop.profile=[{ hold: 100/s, for: 6s }]");
        let url = replica.url();
        place.set(&format!(
            "observe.copy={{ postgres: {{ url: \"{url}\", on: operational, within: 20s }} }}"
        ));
        place.must(&["setup", "@cdc-lag"]);
        let mut there = place.command(&["setup", "@cdc-lag"]);
        let output = there.env("LOADGEN_POSTGRES", &url).output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        Self { place, replica }
    }

    fn subscribe(&self) {
        let (database, port) = (self.place.database("orders"), self.place.server.port());
        let connection = format!("host=127.0.0.1 port={port} dbname={database} user=postgres");
        self.at_replica(&format!(
            "CREATE SUBSCRIPTION copy CONNECTION '{connection}' PUBLICATION debezium WITH (copy_data = false)"
        ));
    }

    fn at_replica(&self, sql: &str) -> Vec<Vec<String>> {
        self.replica.query(&self.place.database("orders"), sql)
    }
}

fn surface<'a>(summary: &'a Value, name: &str) -> &'a Value {
    let all = summary["surfaces"].as_array().unwrap();
    all.iter().find(|it| it["surface"] == name).unwrap()
}

#[test]
fn a_replica_has_all_that_was_sent_and_one_row_deleted_there_is_named() {
    let (source, replica) = (TestServer::start(), TestServer::start());
    let pair = Pair::new(&source, &replica);
    pair.subscribe();
    let done = pair.place.run(&["run", "@cdc-lag", "--out", "clean"]);
    assert_eq!(done.code, 0, "{}{}", done.out, done.err);
    let summary = pair.place.summary("clean");
    let copy = surface(&summary, "copy");
    assert!(copy["expected"].as_u64().unwrap() > 600, "{copy}");
    for class in ["lost", "doubled", "reordered", "wrong", "phantom", "pending"] {
        assert_eq!(copy[class], 0, "{class}: {copy}");
    }
    assert_eq!(copy["expected"], copy["observed"]);
    assert!(summary["lag"].as_array().unwrap().iter().any(|it| it["surface"] == "copy"));
    let slots = "SELECT count(*) FROM pg_replication_slots";
    assert_eq!(pair.at_replica(slots), [["0"]], "what it made there is gone");

    let words = ["run", "@cdc-lag", "--continue", "--out", "spoilt"];
    let child = pair.place.spawn(&words);
    let streams = "SELECT count(*) FROM pg_stat_replication WHERE application_name LIKE 'loadgen%'";
    wait_for("the replica to be observed", || pair.at_replica(streams) != [["0"]]);
    let deleted = pair.at_replica(
        "DELETE FROM order_items WHERE ctid = (SELECT min(ctid) FROM order_items) RETURNING *",
    );
    let output = child.wait_with_output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(99), "{said}");
    let summary = pair.place.summary("spoilt");
    let copy = surface(&summary, "copy");
    assert_eq!(
        (&copy["phantom"], &copy["lost"], &copy["wrong"]),
        (&1.into(), &0.into(), &0.into())
    );
    let example = &summary["verification"]["examples"][0];
    assert_eq!((&example["class"], &example["surface"]), (&"phantom".into(), &"copy".into()));
    assert!(example["table"].as_str().unwrap().ends_with("public.order_items"), "{example}");
    let key = example["key"].as_str().unwrap();
    assert!(
        key.split(", ").all(|part| deleted[0].iter().any(|it| it == part)),
        "{example} {deleted:?}"
    );
    assert_eq!(example["operation"], "delete");
}

/// A subscription would stand still at a table that is not there.
#[test]
fn a_replica_has_a_canary_where_it_is_asked_for() {
    let (source, replica) = (TestServer::start(), TestServer::start());
    let pair = Pair::new(&source, &replica);
    assert_eq!(pair.at_replica("SELECT to_regclass('loadgen_canary') IS NULL"), [["t"]]);
    let asked = ["run", "@cdc-lag", "--set", "cdc.canary=100ms", "--out", "run"];
    let mut there = pair.place.command(&["setup", "@cdc-lag", "--set", "cdc.canary=100ms"]);
    let output = there.env("LOADGEN_POSTGRES", replica.url()).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    pair.place.must(&["setup", "@cdc-lag", "--set", "cdc.canary=100ms"]);
    pair.subscribe();
    pair.place.must(&asked);
    let summary = pair.place.summary("run");
    let lags = summary["lag"].as_array().unwrap().iter();
    let canaries = lags.filter(|it| it["table"].as_str().unwrap().ends_with("loadgen_canary"));
    let surfaces: Vec<_> = canaries.map(|it| it["surface"].as_str().unwrap()).collect();
    assert!(surfaces.contains(&"copy") && surfaces.contains(&"changes"), "{summary}");
}

#[test]
fn a_replica_to_which_nothing_comes_ends_the_run_before_it_begins() {
    let (source, replica) = (TestServer::start(), TestServer::start());
    let mut pair = Pair::new(&source, &replica);
    pair.place.set("observe.copy.postgres.within=2s");
    let done = pair.place.run(&["run", "@cdc-lag", "--out", "run"]);
    assert_eq!(done.code, 4, "{}", done.err);
    assert!(
        done.err.contains("did not get within 2 s") && done.err.contains("pg_stat_subscription"),
        "{}",
        done.err
    );
    assert_eq!(pair.at_replica("SELECT count(*) FROM pg_replication_slots"), [["0"]]);
}

/// A subscription brings all rows, and the replica's tables are looked at.
fn looked_at<'s>((source, replica): (&'s TestServer, &'s TestServer), trace: &str) -> Pair<'s> {
    let mut place = Place::on(source, &["orders"]);
    place.set("domains.orders.rows={ products: 50, customers: 500, orders: 500 }");
    place.set("load.warmup=0s");
    place.set("thresholds=[]");
    place.set(&format!("cdc.trace={trace}"));
    place.set(
        "load.streams.shop.mix={ orders.place_order: 3, orders.new_customer: 1, orders.pay: 3 }",
    );
    place.set("load.streams.shop.profile=[{ hold: 100/s, for: 5s }]");
    let url = replica.url();
    place.set(&format!(
        "observe={{ copy: {{ postgres: {{ url: \"{url}\", on: operational, by: poll, every: 200ms, \
         within: 10s }} }} }}"
    ));
    place.must(&["setup", "@cdc-lag"]);
    let mut there = place.command(&["setup", "@cdc-lag"]);
    let output = there.env("LOADGEN_POSTGRES", &url).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let pair = Pair { place, replica };
    pair.subscribe();
    pair
}

#[test]
fn tables_that_are_looked_at_are_as_they_must_be_in_the_end() {
    for trace in ["xid", "columns"] {
        let (source, replica) = (TestServer::start(), TestServer::start());
        let pair = looked_at((&source, &replica), trace);
        let done = pair.place.run(&["run", "@cdc-lag", "--out", "run"]);
        assert_eq!(done.code, 0, "{trace}: {}{}", done.out, done.err);
        let summary = pair.place.summary("run");
        let copy = surface(&summary, "copy");
        let of = |name: &str| copy[name].as_u64().unwrap();
        assert!(of("observed") > 600, "{copy}");
        assert_eq!(of("expected"), of("observed") + of("passed_over"), "{copy}");
        for class in ["lost", "doubled", "reordered", "wrong", "phantom", "pending"] {
            assert_eq!(copy[class], 0, "{class}: {copy}");
        }
        let lags = summary["lag"].as_array().unwrap().iter();
        let mut orders = lags.filter(|it| it["table"].as_str().unwrap().ends_with(".orders"));
        let (low, high) = orders.next().map(|it| (&it["low"]["p99"], &it["high"]["p99"])).unwrap();
        // The look that found it came up to so long after it was there.
        assert!(low.as_u64() < high.as_u64(), "{low} {high}");
        assert_eq!(pair.at_replica("SELECT count(*) FROM pg_replication_slots"), [["0"]]);
        let again = pair.place.must(&["verify", "run"]).out;
        let lines = again.lines().filter(|it| it.contains(" at `copy`: ") && it.starts_with("ok "));
        assert_eq!(lines.count(), 4, "{again}");
        let done = pair.place.run(&["run", "@cdc-lag", "--continue", "--out", "on"]);
        assert_eq!(done.code, 4, "{}", done.err);
        assert!(done.err.contains("compares all rows in the end"), "{}", done.err);
    }
}

#[test]
fn what_is_done_to_rows_of_a_replica_is_named_by_how_they_stand() {
    let (source, replica) = (TestServer::start(), TestServer::start());
    let pair = looked_at((&source, &replica), "xid");
    let child = pair.place.spawn(&["run", "@cdc-lag", "--out", "run"]);
    let came = "SELECT count(*) FROM orders WHERE id IN (SELECT order_id FROM order_items)";
    wait_for("a row to come to the replica", || pair.at_replica(came) != [["0"]]);
    let deleted = pair.at_replica(
        "DELETE FROM order_items WHERE ctid = (SELECT min(ctid) FROM order_items) RETURNING order_id, line",
    );
    pair.at_replica("UPDATE customers SET name = 'nobody' WHERE id = 7");
    pair.at_replica("INSERT INTO customers VALUES (900000001, 'x', 'x', NULL, now())");
    let output = child.wait_with_output().unwrap();
    let summary = pair.place.summary("run");
    let copy = surface(&summary, "copy");
    assert_eq!(output.status.code(), Some(99), "{copy}");
    for class in ["lost", "wrong", "phantom"] {
        assert_eq!(copy[class], 1, "{class}: {copy} {}", summary["verification"]["examples"]);
    }
    let examples = summary["verification"]["examples"].as_array().unwrap();
    let of = |class: &str| {
        let example = examples.iter().find(|it| it["class"] == class).unwrap();
        assert_eq!(example["surface"], "copy");
        (example["table"].as_str().unwrap(), example["key"].as_str().unwrap())
    };
    let (table, key) = of("lost");
    assert!(table.ends_with(".public.order_items"), "{table}");
    assert_eq!(key, deleted[0].join(", "));
    assert_eq!(of("wrong").1, "7");
    assert_eq!(of("phantom").1, "900000001");
    // The same is found long after.
    let again = pair.place.run(&["verify", "run", "--format", "json"]);
    assert_eq!(again.code, 99, "{}{}", again.out, again.err);
    let again: Value = serde_json::from_str(&again.out).unwrap();
    let named = |examples: &Value| {
        let all = examples.as_array().unwrap().iter();
        all.map(|it| ["class", "surface", "table", "key"].map(|word| it[word].clone()))
            .collect::<Vec<_>>()
    };
    let (copies, found) = (&again["copies"], named(&summary["verification"]["examples"]));
    assert_eq!(named(&copies[0]["examples"]), found, "{copies}");
    assert_eq!(again["examples"], serde_json::json!([]), "the source is as it must be");
    // Where nobody can look any more, that is said.
    replica.stop();
    let again = pair.place.run(&["verify", "run"]);
    assert_eq!(again.code, 6, "{}{}", again.out, again.err);
    assert!(again.out.contains("how rows stand at `copy` could not be judged: "), "{}", again.out);
}

/// Waits until more orders came than are seeded.
fn wait_for_load(pair: &Pair<'_>) {
    let came = "SELECT count(*) > 520 FROM orders";
    wait_for("the load to come to the replica", || pair.at_replica(came) == [["t"]]);
}

/// Nobody changes products, so nobody asks for them before all rows are compared.
#[test]
fn a_signal_ends_the_comparing_of_all_rows_and_that_can_be_done_later() {
    let (source, replica) = (TestServer::start(), TestServer::start());
    let pair = looked_at((&source, &replica), "xid");
    let child = pair.place.spawn(&["run", "@cdc-lag", "--out", "run"]);
    wait_for_load(&pair);
    let database = pair.place.database("orders");
    let lock = replica.hold(&database, "LOCK TABLE products IN ACCESS EXCLUSIVE MODE");
    replica.wait_for_waiting(&database);
    let begun = Instant::now();
    interrupt(&child);
    let done = Done::from(child.wait_with_output().unwrap());
    assert!(begun.elapsed() < Duration::from_secs(30), "{:?}: {}", begun.elapsed(), done.err);
    assert_eq!(done.code, 105, "{}{}", done.out, done.err);
    let told = "how rows stand at `copy` could not be judged: a signal ended it before it was done";
    assert!(done.err.contains(told) && done.err.contains("`loadgen verify "), "{}", done.err);
    let summary = pair.place.summary("run");
    assert_eq!((&summary["verdict"], &summary["exit_code"]), (&"interrupted".into(), &105.into()));
    drop(lock);
    pair.place.must(&["verify", "run"]);
}

/// Nobody can look at a table that is locked: that is said, and the run does not hang.
#[test]
fn a_copy_whose_answers_never_come_makes_the_run_invalid() {
    let (source, replica) = (TestServer::start(), TestServer::start());
    let mut pair = looked_at((&source, &replica), "xid");
    pair.place.set("observe.copy.postgres.reconnect=1s");
    replica.query("postgres", "ALTER ROLE postgres SET statement_timeout = '500ms'");
    let child = pair.place.spawn(&["run", "@cdc-lag", "--out", "run"]);
    wait_for_load(&pair);
    let lock =
        replica.hold(&pair.place.database("orders"), "LOCK TABLE orders IN ACCESS EXCLUSIVE MODE");
    // Whoever compares all rows waits for as long as that takes.
    let compares = "SELECT 1 FROM pg_stat_activity WHERE query LIKE 'COPY (SELECT%' AND wait_event_type = 'Lock'";
    wait_for("all rows to be compared", || !pair.at_replica(compares).is_empty());
    drop(lock);
    let done = Done::from(child.wait_with_output().unwrap());
    assert_eq!(done.code, 6, "{}{}", done.out, done.err);
    let reasons = pair.place.summary("run")["invalid_because"].to_string();
    let told = ["the observer `copy` could not look at", "statement timeout"];
    assert!(told.iter().all(|it| reasons.contains(it)), "{reasons}");
}

/// A mix of nothing but sums, of which no look can tell whether they have come.
fn sums<'s>(source: &'s TestServer, replica: &'s TestServer) -> Pair<'s> {
    let mut place = Place::on(source, &["sums"]);
    let schema = "schema: sums\ntables:\n  things:\n    columns:\n\
                  \x20     id: { type: bigint, key: true, fill: sequence }\n\
                  \x20     n: { type: bigint, fill: 0 }\n\
                  actions:\n  count: [ { update: things, pick: uniform, set: { n: { add: 1 } } } ]\n";
    let scenario = "scenario: sums\ntargets:\n  main: { postgres: { url: \"${LOADGEN_POSTGRES}\" } }\n\
                    domains:\n  sums: { schema: sums.yaml, on: main, rows: { things: 500 } }\n\
                    load:\n  streams:\n    s: { mix: { sums.count: 1 }, profile: [ { hold: 50/s, for: 2s } ] }\n";
    fs::write(place.folder.path().join("sums.yaml"), schema).unwrap();
    fs::write(place.folder.path().join("run.yaml"), scenario).unwrap();
    let url = replica.url();
    place.set(&format!(
        "observe={{ copy: {{ postgres: {{ url: \"{url}\", on: main, by: poll, every: 200ms, within: 30s }} }} }}"
    ));
    place.must(&["setup", "run.yaml"]);
    let mut there = place.command(&["setup", "run.yaml"]);
    let output = there.env("LOADGEN_POSTGRES", &url).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    Pair { place, replica }
}

/// Nothing of it is ever outstanding, not even its seeded rows, so only the comparing can see that it is behind.
#[test]
fn a_copy_that_is_only_behind_is_waited_for() {
    let (source, replica) = (TestServer::start(), TestServer::start());
    let pair = sums(&source, &replica);
    let (child, sum) =
        (pair.place.spawn(&["run", "run.yaml", "--out", "run"]), "SELECT sum(n) FROM things");
    let mut last = Vec::new();
    wait_for("the load to end", || {
        sleep(Duration::from_secs(1));
        let now = pair.place.query("sums", sum);
        let has_ended = now == last && !["", "0"].contains(&now[0][0].as_str());
        last = now;
        has_ended
    });
    sleep(Duration::from_secs(2));
    let (database, port) = (pair.place.database("sums"), source.port());
    let at_replica = |sql: &str| replica.query(&database, sql);
    at_replica(&format!(
        "CREATE SUBSCRIPTION copy CONNECTION 'host=127.0.0.1 port={port} dbname={database} user=postgres' \
         PUBLICATION debezium"
    ));
    let done = Done::from(child.wait_with_output().unwrap());
    assert_eq!(done.code, 0, "{}{}", done.out, done.err);
    let summary = pair.place.summary("run");
    for class in ["lost", "wrong", "phantom", "pending"] {
        assert_eq!(surface(&summary, "copy")[class], 0, "{class}: {summary}");
    }
    assert_eq!(at_replica(sum), last);
    // So is one that is judged again.
    at_replica("UPDATE things SET n = n - 1 WHERE id < 100");
    let child = pair.place.spawn(&["verify", "run"]);
    sleep(Duration::from_secs(3));
    at_replica("UPDATE things SET n = n + 1 WHERE id < 100");
    let done = Done::from(child.wait_with_output().unwrap());
    assert_eq!(done.code, 0, "{}{}", done.out, done.err);
}

/// A table without its key may have a row twice: that is a row that nobody made, and no reason not to look.
#[test]
fn a_row_that_a_copy_has_twice_is_named() {
    let (source, replica) = (TestServer::start(), TestServer::start());
    let mut pair = looked_at((&source, &replica), "xid");
    pair.place.set("observe.copy.postgres.reconnect=1s");
    for constraint in ["customers_pkey CASCADE", "customers_email_key"] {
        pair.at_replica(&format!("ALTER TABLE customers DROP CONSTRAINT {constraint}"));
    }
    pair.at_replica("ALTER TABLE customers REPLICA IDENTITY FULL");
    // It is there twice from its beginning, so it is outstanding when it is looked at.
    pair.at_replica(
        "CREATE FUNCTION twice() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN \
         IF pg_trigger_depth() = 1 AND NEW.id > 500 \
           AND (SELECT count(*) FROM public.customers WHERE id > 500) = 5 \
         THEN INSERT INTO public.customers SELECT NEW.*; END IF; RETURN NEW; END $$",
    );
    pair.at_replica(
        "CREATE TRIGGER twice BEFORE INSERT ON customers FOR EACH ROW EXECUTE FUNCTION twice()",
    );
    pair.at_replica("ALTER TABLE customers ENABLE ALWAYS TRIGGER twice");
    let done = pair.place.run(&["run", "@cdc-lag", "--out", "run"]);
    assert_eq!(done.code, 99, "{}{}", done.out, done.err);
    let summary = pair.place.summary("run");
    let copy = surface(&summary, "copy");
    for (class, count) in [("phantom", 1), ("lost", 0), ("wrong", 0), ("pending", 0)] {
        assert_eq!(copy[class], count, "{class}: {copy}");
    }
    let example = &summary["verification"]["examples"][0];
    let twice = pair.at_replica("SELECT id FROM customers GROUP BY id HAVING count(*) > 1");
    assert_eq!(
        (&example["class"], &example["key"]),
        (&"phantom".into(), &twice[0][0].as_str().into())
    );
}
