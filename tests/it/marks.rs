//! `cdc: { trace: columns }`: rows tell which change wrote them, in every way of sending, and where nothing but rows
//! comes all that was spoilt on the way is named.

use std::collections::BTreeMap;
use std::collections::BTreeSet;

use serde_json::Value;

use crate::support::broker::Broker;
use crate::support::command::Place;
use crate::support::command::scenario;
use crate::support::command::surface;
use crate::support::connector::Connector;
use crate::support::connector::Spoil;
use crate::support::server::TestServer;
use crate::support::slot::wait_for_reader;

fn place(profile: &str) -> Place<'static> {
    let mut place = Place::on(TestServer::shared(), &["orders"]);
    place.set("domains.orders.rows={ products: 50, customers: 500, orders: 2k }");
    place.set("load.warmup=0s");
    place.set("thresholds=[]");
    place.set("cdc.trace=columns");
    place.set(&format!("load.streams.shop.profile={profile}"));
    place
}

const RUNS: &str = "SELECT count(DISTINCT _lg_run) FROM orders WHERE _lg_run <> 0";

#[test]
fn each_row_tells_which_change_wrote_it() {
    let place = place("[ { hold: 200/s, for: 3s } ]");
    let done = place.must(&["run", "@cdc-lag", "--out", "run"]);
    let summary = place.summary("run");
    place.assert_counted(&summary);
    let verification = &summary["verification"];
    assert_eq!(verification["expected"], verification["observed"], "{}", done.out);
    assert!(verification["expected"].as_u64() > Some(1_000), "{verification}");
    // Seeded rows are of no action; others are of one run, and of an action each with what it owns.
    let untouched = "SELECT count(*) FROM orders WHERE (_lg_run = 0) <> (_lg_op = 0) \
                     OR _lg_op = 0 AND _lg_ver <> 1";
    assert_eq!(place.number("orders", untouched), 0);
    assert_eq!(place.number("orders", RUNS), 1);
    let with_items = "SELECT count(*) FROM orders o JOIN order_items i ON i.order_id = o.id \
                      WHERE o._lg_ver = 1 AND o._lg_op <> i._lg_op";
    assert_eq!(place.number("orders", with_items), 0);
    // The sum of all versions is what was changed of the rows that are left.
    let versions = place.number("orders", "SELECT sum(_lg_ver - 1) FROM orders");
    let table = &summary["tables"].as_array().unwrap()[2];
    assert!(table["table"].as_str().unwrap().ends_with("orders"), "{table}");
    let updated = table["updated"].as_u64().unwrap();
    assert!(versions > updated / 2 && versions <= updated, "{versions} of {updated}");
    let said = place.must(&["verify", "run"]).out;
    assert!(said.contains("rows, as the ledger says"), "{said}");
    place.must(&["verify", "@cdc-lag", "--source"]);
    // A run that goes on is the same one.
    place.must(&["run", "@cdc-lag", "--continue", "--out", "on"]);
    assert_eq!(place.number("orders", RUNS), 1);
}

#[test]
fn batches_and_sessions_of_a_pooler_tell_it_as_well() {
    let mut place = place("[ { hold: 2k/s, for: 2s } ]");
    place.set("load.streams.shop.mix={ orders.new_customer: 1 }");
    let url = place.url.clone();
    let pooled = format!(
        "targets.operational={{ postgres: {{ url: \"{url}\", admin: \"{url}\", prepare: false, connections: 8 }} }}"
    );
    for way in ["load.streams.shop.batch={ rows: 200, linger: 50ms }", pooled.as_str()] {
        place.must(&["run", "@cdc-lag", "--fresh", "--set", way, "--out", "run"]);
        let summary = place.summary("run");
        let made = summary["verification"]["expected"].as_u64().unwrap();
        assert_eq!(summary["verification"]["observed"], made, "{way}");
        let told = "SELECT count(DISTINCT _lg_op) FROM customers WHERE _lg_op > 0 AND _lg_ver = 1";
        assert_eq!(place.number("orders", told), made, "{way}");
    }
}

#[test]
fn one_worker_and_four_tell_the_same() {
    let all = ["1", "4"].map(|workers| {
        let mut place = Place::new(&["orders"]);
        place.set("cdc.trace=columns");
        place.set(
            "load.streams={ shop: { mix: { orders.place_order: 6, orders.pay: 3, \
                   orders.delete_order: 1 }, profile: [ { hold: 2k/s, for: 2s } ] } }",
        );
        let words = ["run", &scenario("same_rows.yaml"), "--workers", workers, "--out", "run"];
        place.must(&words);
        assert_eq!(place.number("orders", RUNS), 1);
        place.content("orders")
    });
    assert_eq!(all[0], all[1]);
}

#[test]
fn rows_of_another_run_are_none_of_ours_and_rows_of_nobody_are_made_up() {
    let mut place = place("[ { hold: 50/s, for: 5s } ]");
    // However few samples there are, what went wrong did.
    place
        .set("thresholds=[{ metric: phantom, expr: \"== 0\", min_samples: 1M, on_no_data: pass }]");
    let child = place.spawn(&["run", "@cdc-lag", "--out", "run"]);
    wait_for_reader(&place, "orders");
    let others = "INSERT INTO customers SELECT 900000000 + n, name, n || email, phone, created_at, run, 7, 1 \
                  FROM (SELECT * FROM customers LIMIT 1) one, (VALUES (1, 5::bigint), (2, NULL)) other(n, run)";
    let done = place.psql("orders", others);
    let output = child.wait_with_output().unwrap();
    let summary = place.summary("run");
    let verification = &summary["verification"];
    assert_eq!(done.code, 0, "{}", done.err);
    assert_eq!(output.status.code(), Some(99), "{verification}");
    assert_eq!((&verification["phantom"], &verification["lost"]), (&1.into(), &0.into()));
    assert_eq!(verification["examples"][0]["key"], "900000002");
}

#[test]
fn tables_that_loadgen_does_not_make_must_have_the_columns() {
    let mut place = place("[ { hold: 50/s, for: 1s } ]");
    place.must(&["setup", "@cdc-lag"]);
    let tables = ["products", "customers", "orders", "order_items"];
    let drop =
        tables.map(|table| format!("ALTER TABLE {table} DROP _lg_run, DROP _lg_op, DROP _lg_ver;"));
    assert_eq!(place.psql("orders", &drop.concat()).code, 0);
    place.set("targets.operational.postgres.provision=none");
    place.set("observe={}");
    let done = place.run(&["run", "@cdc-lag", "--out", "run"]);
    assert_eq!(done.code, 4, "{}", done.err);
    assert!(done.err.contains("`public.orders` has no column `_lg_run`"), "{}", done.err);
    let add = tables.map(|table| {
        format!("ALTER TABLE {table} ADD _lg_run bigint, ADD _lg_op bigint, ADD _lg_ver integer;")
    });
    assert_eq!(place.psql("orders", &add.concat()).code, 0);
    place.must(&["run", "@cdc-lag", "--out", "run"]);
    assert_eq!(place.number("orders", RUNS), 1);
}

/// Rows and nothing else: neither an operation nor a place in the log; of a row that goes, a tombstone.
struct Flat {
    place: Place<'static>,
    broker: Broker,
}

impl Flat {
    fn new(profile: &str) -> Self {
        let mut place = place(profile);
        let topics = ["products", "customers", "orders", "order_items", "loadgen_canary"]
            .map(|table| format!("domain_orders.public.{table}"));
        let broker = Broker::new(&topics.each_ref().map(String::as_str));
        place.beside_kafka(&broker.address());
        place.set(
            "observe={ tap: { slot: { on: operational } }, \
             topics: { kafka: { on: events, format: flattened } } }",
        );
        Self { place, broker }
    }

    fn run(&self, spoil: &[Spoil]) -> (i32, String, Value) {
        self.place.must(&["seed", "@cdc-lag"]);
        let (place, database) = (&self.place, self.place.database("orders"));
        let connector =
            Connector::flat(place.server, &database, (&self.broker.address(), None), spoil);
        connector.run(place)
    }
}

#[test]
fn where_rows_alone_come_all_of_them_are_found_out() {
    let flat = Flat::new("[ { hold: 200/s, for: 4s } ]");
    let (code, said, summary) = flat.run(&[]);
    assert_eq!(code, 0, "{said}");
    let (tap, topics) = (surface(&summary, "tap"), surface(&summary, "topics"));
    assert!(topics["expected"].as_u64() > Some(1_000), "{topics}");
    for count in ["expected", "observed", "lost", "doubled", "wrong", "phantom", "pending"] {
        assert_eq!(tap[count], topics[count], "{count}: {summary}");
    }
    let lags = summary["lag"].as_array().unwrap().iter();
    let here = lags.filter(|lag| lag["surface"] == "topics");
    let operations: BTreeSet<_> = here.map(|lag| lag["operation"].as_str().unwrap()).collect();
    assert_eq!(operations.into_iter().collect::<Vec<_>>(), ["delete", "insert", "update"]);
    flat.place.must(&["verify", "run"]);
}

#[test]
fn where_rows_alone_come_what_was_spoilt_is_named_and_nothing_else() {
    let all = [Spoil::Lose, Spoil::Double, Spoil::Alter, Spoil::Invent, Spoil::Exchange];
    let flat = Flat::new("[ { hold: 200/s, for: 8s } ]");
    let (code, said, summary) = flat.run(&all);
    assert_eq!(code, 99, "{said}");
    let (topics, examples) = (surface(&summary, "topics"), &summary["verification"]["examples"]);
    let classes = ["lost", "doubled", "wrong", "phantom", "reordered"];
    for class in classes {
        assert_eq!(topics[class], 1, "{class}: {topics} {examples}");
        assert_eq!(surface(&summary, "tap")[class], 0, "{class}");
    }
    let examples = examples.as_array().unwrap();
    let named: BTreeMap<_, _> =
        examples.iter().map(|it| (it["class"].as_str().unwrap(), it)).collect();
    assert_eq!(named.len(), classes.len(), "{examples:?}");
    for class in classes {
        assert!(named[class]["table"].as_str().unwrap().ends_with(".public.orders"), "{class}");
    }
    assert!(named["wrong"]["seen"].as_str().unwrap().contains("channel=pigeon"));
    assert_eq!(named["phantom"]["key"], "00000000-0000-0000-0000-000000000001");
    let judged = flat.place.run(&["verify", "run", "--format", "json"]);
    let judged: Value = serde_json::from_str(&judged.out).unwrap();
    assert_eq!(judged["surfaces"], summary["surfaces"]);
}
