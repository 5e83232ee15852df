//! Topics as a connector fills them, observed: each change that a far end of the test's own spoils on its way
//! is named, and nothing else is.

mod avro;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;
use std::time::Instant;

use serde_json::Value;

use crate::support::broker::Broker;
use crate::support::command::Place;
use crate::support::command::surface;
use crate::support::connect::Connect;
use crate::support::connector::Connector;
use crate::support::connector::Spoil;
use crate::support::server::TestServer;
use crate::support::slot::Slot;

const TABLES: [&str; 6] =
    ["products", "customers", "orders", "order_items", "loadgen_stress", "loadgen_canary"];
/// Of those that do not need a connector's help, one of each kind, but for changed keys: these go to other
/// partitions, and nobody can tell then what came first.
const STEPS: &str = "[ { at: 300ms, rollbacks: { count: 10, rows: 5, share: 40% } }, \
    { at: 600ms, reinsert: { rows: 7 } }, \
    { at: 700ms, unchanged_toast: { rows: 5, size: 16kB } }, \
    { at: 1s, truncate: { rows: 9 } }, \
    { at: 1200ms, columns: { rows: 9 } }, \
    { at: 1400ms, replica_identity: { rows: 9 } } ]";

/// The slot of the scenario's own connector: slots of a server share their names.
const SLOT: &str = "debezium_orders";

/// A short `cdc-lag`, of which a connector of the test's own fills topics.
struct Far {
    place: Place<'static>,
    broker: Broker,
    /// What the connector does not capture.
    left_out: &'static [&'static str],
}

impl Far {
    fn new() -> Self {
        let mut place = Place::on(TestServer::shared(), &["orders"]);
        let topics: Vec<_> =
            TABLES.iter().map(|table| format!("domain_orders.public.{table}")).collect();
        let broker = Broker::new(&topics.iter().map(String::as_str).collect::<Vec<_>>());
        place.set("domains.orders.rows={ products: 50, customers: 500, orders: 2k }");
        place.set("load.warmup=1s");
        place.set("thresholds=[]");
        place.set("load.streams.shop.profile=[ { hold: 200/s, for: 4s } ]");
        place.beside_kafka(&broker.address());
        place.set(
            "observe={ tap: { slot: { on: operational } }, topics: { kafka: { on: events } } }",
        );
        Self { place, broker, left_out: &[] }
    }

    /// Runs while a connector spoils some of what it writes. Exit code, what was said, and the summary.
    fn run(&self, spoil: &[Spoil]) -> (i32, String, Value) {
        self.connector(spoil).run(&self.place)
    }

    /// A connector beside a database that was seeded.
    fn connector(&self, spoil: &[Spoil]) -> Connector {
        self.place.must(&["seed", "@cdc-lag"]);
        let (place, database) = (&self.place, self.place.database("orders"));
        let (brokers, left_out) = (self.broker.address(), self.left_out);
        Connector::start(place.server, &database, &brokers, spoil, left_out)
    }
}

#[test]
fn all_that_a_connector_writes_is_held_against_what_was_acknowledged() {
    let far = Far::new();
    let (code, said, summary) = far.run(&[]);
    assert_eq!(code, 0, "{said}");
    all_of_it_came(&said, &summary);
    let lags = summary["lag"].as_array().unwrap().iter();
    assert!(lags.clone().any(|lag| lag["surface"] == "topics" && lag["operation"] == "delete"));
    far.place.must(&["verify", "run"]);
}

/// What the tap has seen came by the topics, and all of it was compared.
fn all_of_it_came(said: &str, summary: &Value) {
    let (tap, topics) = (surface(summary, "tap"), surface(summary, "topics"));
    assert!(topics["expected"].as_u64() > Some(1_000), "{topics}");
    for count in ["expected", "observed", "lost", "doubled", "wrong", "phantom", "pending"] {
        assert_eq!(tap[count], topics[count], "{count}: {summary}");
    }
    assert!(!said.contains("could not compare"), "{said}");
}

/// Records that follow each other without a gap do not wait for the observer.
#[test]
fn a_stream_without_gaps_is_not_late() {
    let mut far = Far::new();
    far.place.set("load.streams.shop.profile=[ { hold: 400/s, for: 5s } ]");
    // The load may be late on a busy machine, but that is no matter here.
    far.place.set("validity={ sched_p99: 10s }");
    let (code, said, summary) = far.run(&[]);
    assert_eq!(code, 0, "{said}");
    assert!(surface(&summary, "topics")["expected"].as_u64() > Some(4_000), "{said}");
}

/// What steps do to rows of our own, and the canary, come by topics as well, whatever a connector makes of a changed
/// key or of a value that was not.
#[test]
fn steps_and_canaries_are_seen_in_topics() {
    let mut far = Far::new();
    far.place.set(&format!("load.steps={STEPS}"));
    far.place.set("cdc={ canary: 50ms }");
    let (code, said, summary) = far.run(&[]);
    assert_eq!(code, 0, "{said}");
    let (tap, topics) = (surface(&summary, "tap"), surface(&summary, "topics"));
    for count in ["expected", "observed", "lost", "doubled", "wrong", "phantom", "pending"] {
        assert_eq!(tap[count], topics[count], "{count}: {summary}");
    }
    let lags = summary["lag"].as_array().unwrap().iter();
    let has = |table: &str| {
        let is_it = |lag: &&Value| {
            lag["surface"] == "topics" && lag["table"].as_str().unwrap().ends_with(table)
        };
        lags.clone().any(|lag| is_it(&lag) && lag["high"]["count"].as_u64() > Some(10))
    };
    assert!(has("loadgen_stress") && has("loadgen_canary"), "{summary}");
}

/// A connector that was registered before there were canaries.
#[test]
fn a_connector_that_captures_no_canary_is_none_the_worse() {
    let far = Far { left_out: &["loadgen_canary"], ..Far::new() };
    let (code, said, summary) = far.run(&[]);
    assert_eq!(code, 0, "{said}");
    assert!(said.contains("no canary came to `topics`, as nobody captures"), "{said}");
    assert!(!said.contains("no canary came to `tap`"), "{said}");
    assert_eq!(surface(&summary, "topics")["expected"], surface(&summary, "tap")["expected"]);
}

/// Who looks in the wrong place is told so, beside what is missed there.
#[test]
fn topics_that_are_not_there_are_named() {
    let mut far = Far::new();
    far.place
        .set("observe.topics={ kafka: { on: events, topics: \"{domain}.{schema}.{table}\" } }");
    let (code, said, summary) = far.run(&[]);
    assert_eq!(code, 99, "{said}");
    let topics = surface(&summary, "topics");
    assert_eq!((&topics["observed"], &topics["lost"]), (&0.into(), &topics["expected"]), "{said}");
    let database = far.place.database("orders");
    let named = format!("no topic of `{database}` was there, not `orders.public.");
    assert!(said.contains(&named) && said.contains("topic.prefix"), "{said}");
}

#[test]
fn what_a_connector_spoils_is_named_and_nothing_else() {
    let all = [Spoil::Lose, Spoil::Double, Spoil::Alter, Spoil::Invent, Spoil::Exchange];
    let mut far = Far::new();
    far.place.set("load.streams.shop.profile=[ { hold: 200/s, for: 8s } ]");
    let (code, said, summary) = far.run(&all);
    assert_eq!(code, 99, "{said}");
    each_is_named_once(&far.place, &summary);
}

/// A value that does not come, or comes as what no text is, is not what was sent; where an update may leave one out, it is
/// none of this.
#[test]
fn values_that_a_connector_loses_are_wrong_and_those_that_it_may_leave_out_are_not() {
    let mut far = Far::new();
    far.place.set("load.streams.shop.profile=[ { hold: 200/s, for: 8s } ]");
    let all = [Spoil::Omit, Spoil::Halve, Spoil::Hide, Spoil::Unsend, Spoil::Keep, Spoil::Keep];
    let (code, said, summary) = far.run(&all);
    assert_eq!(code, 99, "{said}");
    let topics = surface(&summary, "topics");
    for class in ["lost", "doubled", "phantom", "reordered", "pending", "not_compared"] {
        assert_eq!(topics[class], 0, "{class}: {topics}");
    }
    let examples = summary["verification"]["examples"].as_array().unwrap();
    assert_eq!((topics["wrong"].as_u64(), examples.len()), (Some(4), 4), "{examples:?}");
    for (operation, seen) in [
        ("insert", "channel=(not there)"),
        ("insert", "channel=we\u{fffd}"),
        ("insert", "channel=(not sent)"),
        ("update", "status=(not sent)"),
    ] {
        let is_it = |it: &&Value| {
            it["operation"] == operation && it["seen"].as_str().unwrap().contains(seen)
        };
        assert_eq!(examples.iter().filter(is_it).count(), 1, "{seen}: {examples:?}");
    }
    let judged = far.place.run(&["verify", "run", "--format", "json"]);
    let judged: Value = serde_json::from_str(&judged.out).unwrap();
    assert_eq!(judged["surfaces"], summary["surfaces"]);
}

/// Each kind of fault was found once at the topics, and none at the tap.
fn each_is_named_once(place: &Place<'_>, summary: &Value) {
    let topics = surface(summary, "topics");
    let classes = ["lost", "doubled", "wrong", "phantom", "reordered"];
    for class in classes {
        assert_eq!(topics[class], 1, "{class}: {topics} {}", summary["verification"]["examples"]);
        assert_eq!(surface(summary, "tap")[class], 0, "{class}");
    }
    assert_eq!((&topics["replayed"], &topics["pending"]), (&0.into(), &0.into()));
    let examples = summary["verification"]["examples"].as_array().unwrap();
    assert_eq!(examples.len(), classes.len(), "{examples:?}");
    let named: BTreeMap<_, _> =
        examples.iter().map(|it| (it["class"].as_str().unwrap(), it)).collect();
    for class in classes {
        assert_eq!(named[class]["surface"], "topics");
        assert!(named[class]["table"].as_str().unwrap().ends_with(".public.orders"), "{class}");
    }
    assert!(named["wrong"]["seen"].as_str().unwrap().contains("channel=pigeon"));
    assert_eq!(named["phantom"]["key"], "00000000-0000-0000-0000-000000000001");
    let judged = place.run(&["verify", "run", "--format", "json"]);
    let judged: Value = serde_json::from_str(&judged.out).unwrap();
    assert_eq!(judged["surfaces"], summary["surfaces"]);
}

/// What befell the connector in the run stands beside what it lost.
#[test]
fn a_loss_beside_a_task_that_failed_names_it() {
    let mut far = Far::new();
    let _slot = Slot::of(far.place.server, SLOT);
    let connect = Arc::new(Connect::start());
    far.place.set("cdc.password=geheim");
    far.place.set(&format!("cdc.connect.url={}", connect.url()));
    far.place.set("load.streams.shop.profile=[ { hold: 200/s, for: 8s } ]");
    far.place.must(&["setup", "@cdc-lag"]);
    // The scenario's own connector reads; that of the test writes the topics.
    connect.employ(true);
    let watched = Arc::clone(&connect);
    let failing = std::thread::spawn(move || {
        let begun = Instant::now();
        while watched.looks() < 4 && begun.elapsed() < Duration::from_mins(1) {
            std::thread::sleep(Duration::from_millis(20));
        }
        watched.fail(Some("x.Gone: the broker is away\n\tat x.Y(Z.java:1)"));
    });
    let (code, said, summary) = far.run(&[Spoil::Lose]);
    failing.join().unwrap();
    assert_eq!(code, 99, "{said}");
    assert_eq!(surface(&summary, "topics")["lost"], 1, "{said}");
    let beside = "    beside: the connector `loadgen-cdc-lag-orders` failed: x.Gone: the broker is away, at ";
    let at = said.find(beside).unwrap_or_else(|| panic!("{said}"));
    assert!(said[at..].contains("    lost at `topics`"), "the loss follows: {said}");
}

/// A connector that stands still is named. Others go on by their heartbeats and by what else is written for ever, and do not
/// make it be waited for.
#[test]
fn a_connector_that_stands_still_ends_the_wait() {
    let mut far = Far::new();
    far.place.set("load.streams.shop.profile=[ { hold: 100/s, for: 2s } ]");
    far.place.set("observe={ topics: { kafka: { on: events, within: 4s } } }");
    let live = far.place.database("orders");
    let place = &mut far.place;
    let dead = format!("{live}_too");
    let domain = |name: &str, database: &str, rows: &str| {
        format!(
            "{name}: {{ on: operational, database: {database}, rows: {rows}, roles: {{ owner: {database}_owner, \
             application: {database}_application, capture: {database}_capture }} }}"
        )
    };
    let orders = domain("orders", &live, "{ products: 50, customers: 500, orders: 2k }");
    let user = domain("user", &dead, "{ users: 50 }");
    place.set(&format!("domains={{ {orders}, {user} }}"));
    place.must(&["seed", "@cdc-lag"]);
    let _live = Connector::start(place.server, &live, &far.broker.address(), &[], &[]);
    let dead_one = Connector::into(place.server, &dead, &[], |_, _| {});
    dead_one.stand_still();
    let mut run = place.spawn(&["run", "@cdc-lag", "--out", "run"]);
    let begun = Instant::now();
    let ended = loop {
        if let Some(ended) = run.try_wait().unwrap() {
            break ended;
        }
        assert!(begun.elapsed() < Duration::from_mins(1), "it goes on: {:?}", run.kill());
        let other = "UPDATE products SET name = name WHERE id = (SELECT min(id) FROM products)";
        place.server.query(&live, other);
        std::thread::sleep(Duration::from_millis(300));
    };
    assert_eq!(ended.code(), Some(6), "{}", place.summary("run"));
    let reasons = place.summary("run")["invalid_because"].to_string();
    let said = format!("did not come to its end: for 4s no connector went on: `{dead}` ends at");
    assert!(reasons.contains(&said), "{reasons}");
    assert!(!reasons.contains(&format!("`{live}` ends at")), "{reasons}");
}

/// What is read again among the changes is no change, and must be a version that its row has had since those before it.
#[test]
fn rows_of_snapshots_are_held_against_the_versions_of_their_rows() {
    let mut far = Far::new();
    far.place.set("load.streams.shop.profile=[ { hold: 200/s, for: 6s } ]");
    let (code, said, summary) = far.run(&[Spoil::Read; 40]);
    assert_eq!(code, 0, "{said}");
    let (tap, topics) = (surface(&summary, "tap"), surface(&summary, "topics"));
    assert_eq!(tap["expected"], topics["observed"], "{summary}");
    let judged = said.split(" rows of snapshots were held").next().unwrap();
    let judged: u64 = judged.rsplit(' ').next().unwrap().parse().unwrap();
    assert!((30..=40).contains(&judged), "{said}");
    far.place.must(&["verify", "run"]);
}

#[test]
fn a_row_of_a_snapshot_that_is_stale_altered_or_made_up_is_named() {
    let mut far = Far::new();
    far.place.set("load.streams.shop.profile=[ { hold: 200/s, for: 6s } ]");
    let spoil =
        [Spoil::Read, Spoil::ReadStale, Spoil::Read, Spoil::ReadAltered, Spoil::ReadInvented];
    let (code, said, summary) = far.run(&spoil);
    assert_eq!(code, 99, "{said}");
    let topics = surface(&summary, "topics");
    assert_eq!((&topics["wrong"], &topics["phantom"]), (&2.into(), &1.into()), "{topics} {said}");
    for class in ["lost", "doubled", "reordered", "pending"] {
        assert_eq!(topics[class], 0, "{class}: {topics}");
    }
    let examples = summary["verification"]["examples"].as_array().unwrap();
    assert!(examples.iter().all(|it| it["operation"] == "snapshot" && it["surface"] == "topics"));
    let tables = examples.iter().map(|it| it["table"].as_str().unwrap());
    assert_eq!(tables.filter(|it| it.ends_with(".public.orders")).count(), 3, "{examples:?}");
    let judged = far.place.run(&["verify", "run", "--format", "json"]);
    let judged: Value = serde_json::from_str(&judged.out).unwrap();
    assert_eq!(judged["surfaces"], summary["surfaces"]);
}

/// What others have in the tables cannot be told from what was made up.
#[test]
fn a_row_of_others_in_a_snapshot_is_left_out() {
    let mut far = Far::new();
    far.place.set("cdc.canary=off");
    far.place.set("domains.orders.rows={ products: 50, customers: 64, orders: 64 }");
    far.place.must(&["setup", "@cdc-lag"]);
    let theirs = "DROP SCHEMA loadgen_public CASCADE; \
                  INSERT INTO customers VALUES (900000001, 'x', 'x', NULL, now()); \
                  INSERT INTO orders VALUES ('00000000-0000-0000-0000-000000000002', 900000001, 'placed', \
                      'web', 1, now(), now())";
    let done = far.place.psql("orders", theirs);
    assert_eq!(done.code, 0, "{}", done.err);
    far.place.set("targets.operational.postgres.provision=nothing");
    // Who has lost the books seeds again in the run.
    let connector = far.connector(&[Spoil::ReadInvented]);
    connector.pass_over_seeding();
    let (code, said, summary) = connector.run(&far.place);
    assert_eq!(code, 0, "{said}");
    assert_eq!(surface(&summary, "topics")["phantom"], 0, "{said}");
    assert!(said.contains("and 1 of which nobody can tell what they must be were not"), "{said}");
}
