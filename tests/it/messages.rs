//! `cdc: { trace: message }`: each transaction of the load says in the log which actions it is, in every way of sending,
//! and at slots and topics a change is told by that.

use std::collections::BTreeSet;

use serde_json::Value;

use crate::support::broker::Broker;
use crate::support::command::Place;
use crate::support::command::surface;
use crate::support::connector::Connector;
use crate::support::connector::Spoil;
use crate::support::server::TestServer;
use crate::support::slot::Slot;
use crate::support::slot::wait_for_reader;
use crate::support::slot_proxy::Mischief;
use crate::support::slot_proxy::SlotProxy;

fn place(profile: &str) -> Place<'static> {
    let mut place = Place::on(TestServer::shared(), &["orders"]);
    place.set("domains.orders.rows={ products: 50, customers: 500, orders: 2k }");
    place.set("load.warmup=0s");
    place.set("thresholds=[]");
    place.set("cdc.trace=message");
    place.set(&format!("load.streams.shop.profile={profile}"));
    place
}

/// The log of a database, as a client that is not ours reads it.
struct Log<'a> {
    place: &'a Place<'a>,
    slot: Slot<'a>,
}

impl<'a> Log<'a> {
    fn of(place: &'a Place<'_>) -> Self {
        let slot = format!("log_{}", place.database("orders"));
        let database = place.database("orders");
        Self { place, slot: Slot::make(place.server, &database, (&slot, "test_decoding")) }
    }

    /// For each transaction that changes tables of the domain: its messages, and how many changes it makes.
    fn transactions(&self) -> Vec<(Vec<String>, usize)> {
        let sql = format!(
            "SELECT regexp_replace(data, '\\s+', ' ', 'g') FROM pg_logical_slot_get_changes('{}', NULL, NULL)",
            self.slot.name()
        );
        let (mut all, mut own) = (Vec::new(), (Vec::new(), 0));
        for line in self.place.query("orders", &sql).concat() {
            if line.starts_with("BEGIN") {
                own = (Vec::new(), 0);
            } else if let Some((_, content)) = line.split_once(" content:") {
                own.0.push(content.to_owned());
            } else if line.starts_with("table public.") && !line.contains(".loadgen_") {
                own.1 += usize::from(!line.contains(".debezium_"));
            } else if line.starts_with("COMMIT") && own.1 > 0 {
                all.push(std::mem::take(&mut own));
            }
        }
        all
    }
}

/// The actions that messages name: all of them of one run.
fn actions(messages: &[String]) -> Vec<String> {
    let words =
        messages.iter().flat_map(|it| it.strip_prefix("action ").unwrap().split(' ').skip(1));
    words.filter(|word| *word != "+").map(str::to_owned).collect()
}

#[test]
fn each_transaction_says_which_action_it_is() {
    let place = place("[ { hold: 200/s, for: 3s } ]");
    place.must(&["seed", "@cdc-lag"]);
    let log = Log::of(&place);
    let done = place.must(&["run", "@cdc-lag", "--trace", "--out", "run"]);
    let summary = place.summary("run");
    let verification = &summary["verification"];
    assert_eq!(verification["expected"], verification["observed"], "{}", done.out);
    let all = log.transactions();
    assert!(all.iter().all(|(messages, _)| messages.len() == 1), "{all:?}");
    let runs: BTreeSet<_> =
        all.iter().map(|it| it.0[0].split(' ').nth(1).unwrap().to_owned()).collect();
    assert_eq!(runs.len(), 1, "{runs:?}");
    // Each action is one transaction, and no two are called alike.
    let named: BTreeSet<_> = all.iter().flat_map(|it| actions(&it.0)).collect();
    assert_eq!(named.len(), all.len());
    assert!(all.iter().any(|it| it.1 > 2), "some have several statements");
    assert_eq!(Some(all.len() as u64), summary["streams"][0]["acknowledged"].as_u64());
    place.must(&["verify", "run"]);
}

#[test]
fn batches_and_sessions_of_a_pooler_say_it_as_well() {
    let mut place = place("[ { hold: 4k/s, for: 2s } ]");
    place.set("load.streams.shop.mix={ orders.new_customer: 1 }");
    let url = place.url.clone();
    let to =
        |words: &str| format!("targets.operational={{ postgres: {{ url: \"{url}\", {words} }} }}");
    let pooled = to(&format!("admin: \"{url}\", prepare: false, connections: 8"));
    let single = to("connections: 1");
    let copied = "load.streams.shop.batch={ rows: 3000, linger: 900ms }";
    let few = "load.streams.shop.batch={ rows: 5, linger: 50ms }";
    for (way, target, most) in
        [(copied, single.as_str(), 3_000), (few, single.as_str(), 5), (few, pooled.as_str(), 5)]
    {
        place.must(&["seed", "@cdc-lag", "--fresh", "--set", way, "--set", target]);
        let log = Log::of(&place);
        place.must(&["run", "@cdc-lag", "--set", way, "--set", target, "--out", "run"]);
        let made = place.summary("run")["verification"]["expected"].as_u64().unwrap();
        let all = log.transactions();
        // As many are named as there are rows, also where one message does not hold them all.
        assert!(all.iter().all(|it| actions(&it.0).len() == it.1 && it.1 <= most), "{way}");
        let named: BTreeSet<_> = all.iter().flat_map(|it| actions(&it.0)).collect();
        assert_eq!(named.len() as u64, made, "{way}");
        let has_several = all.iter().any(|it| it.0.len() > 1);
        assert_eq!(has_several, way == copied, "{way} {target}: {}", all.len());
    }
}

fn faults(summary: &Value) -> Vec<(&'static str, u64)> {
    let of = |class: &'static str| (class, summary["verification"][class].as_u64().unwrap());
    let classes = ["lost", "doubled", "reordered", "wrong", "phantom", "pending"];
    classes.map(of).into_iter().filter(|it| it.1 > 0).collect()
}

#[test]
fn a_change_without_the_message_of_its_transaction_is_named() {
    let proxy = SlotProxy::start(TestServer::shared().port());
    let mut place = place("[ { hold: 300/s, for: 3s } ]");
    place.set("load.streams.shop.mix={ orders.new_customer: 1 }");
    place.url = proxy.url();
    proxy.plan(400, Mischief::Unname);
    let done = place.run(&["run", "@cdc-lag", "--trace", "--out", "run"]);
    assert_eq!(done.code, 99, "{}{}", done.out, done.err);
    let (spoilt, summary) = (proxy.spoilt().0.unwrap(), place.summary("run"));
    assert_eq!(faults(&summary), [("wrong", 1)]);
    let example = &summary["verification"]["examples"][0];
    assert_eq!(example["key"], spoilt.key.as_str());
    let seen = example["seen"].as_str().unwrap();
    assert!(seen.ends_with("(its transaction has no message of the run)"), "{seen}");
    let again = place.run(&["verify", "run", "--format", "json"]);
    let again: Value = serde_json::from_str(&again.out).unwrap();
    assert_eq!(again["surfaces"][0]["wrong"], 1, "{again}");
}

#[test]
fn what_another_client_does_is_told_apart_and_what_another_run_does_is_left_out() {
    let mut place = place("[ { hold: 100/s, for: 6s } ]");
    place.set("load.streams.shop.mix={ orders.new_customer: 1 }");
    let child = place.spawn(&["run", "@cdc-lag", "--trace", "--out", "run"]);
    wait_for_reader(&place, "orders");
    // Rows as they are already: nothing but the message of its transaction tells whose a change is.
    let same = |id: u64| format!("UPDATE customers SET name = name WHERE id = {id};");
    let theirs = format!(
        "BEGIN; SELECT pg_logical_emit_message(true, 'loadgen', 'action 5 100000001'); {} COMMIT;",
        same(2)
    );
    let done = place.psql("orders", &format!("{} {theirs}", same(1)));
    assert_eq!(done.code, 0, "{}", done.err);
    let output = child.wait_with_output().unwrap();
    let summary = place.summary("run");
    assert_eq!(output.status.code(), Some(99), "{}", summary["verification"]);
    assert_eq!(faults(&summary), [("phantom", 1)]);
    assert_eq!(summary["verification"]["examples"][0]["key"], "1");
}

/// A connector that hands messages on, beside a slot.
fn far(profile: &str) -> (Place<'static>, Broker) {
    let mut place = place(profile);
    let tables = ["products", "customers", "orders", "order_items", "loadgen_canary"];
    let mut topics = tables.map(|table| format!("domain_orders.public.{table}")).to_vec();
    topics.extend(["domain_orders.message", "domain_orders.transaction"].map(str::to_owned));
    let broker = Broker::new(&topics.iter().map(String::as_str).collect::<Vec<_>>());
    place.beside_kafka(&broker.address());
    place.set("observe={ tap: { slot: { on: operational } }, topics: { kafka: { on: events } } }");
    (place, broker)
}

fn run((place, broker): &(Place<'static>, Broker), spoil: &[Spoil]) -> (i32, String, Value) {
    place.must(&["seed", "@cdc-lag"]);
    let database = place.database("orders");
    Connector::start(place.server, &database, &broker.address(), spoil, &[]).run(place)
}

#[test]
fn at_topics_changes_are_joined_with_messages() {
    let far = far("[ { hold: 200/s, for: 4s } ]");
    let (code, said, summary) = run(&far, &[]);
    assert_eq!(code, 0, "{said}");
    let (tap, topics) = (surface(&summary, "tap"), surface(&summary, "topics"));
    assert!(topics["expected"].as_u64() > Some(1_000), "{topics}");
    for count in ["expected", "observed", "lost", "doubled", "wrong", "phantom", "pending"] {
        assert_eq!(tap[count], topics[count], "{count}: {summary}");
    }
    far.0.must(&["verify", "run"]);
    // What only the run could see is not passed over.
    let mut told = summary;
    let surfaces = told["surfaces"].as_array_mut().unwrap();
    let topics = surfaces.iter_mut().find(|it| it["surface"] == "topics").unwrap();
    topics["wrong"] = 1.into();
    std::fs::write(far.0.folder.path().join("run/summary.json"), told.to_string()).unwrap();
    let judged = far.0.run(&["verify", "run"]);
    assert_eq!(judged.code, 6, "{}", judged.out);
    let text = judged.out.split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(text.contains("the run found 1 changes at `topics` more to be wrong"), "{text}");
}

#[test]
fn at_topics_what_is_spoilt_is_named_with_messages_as_well() {
    let all = [Spoil::Lose, Spoil::Unname, Spoil::Double, Spoil::Invent];
    let far = far("[ { hold: 200/s, for: 8s } ]");
    let (code, said, summary) = run(&far, &all);
    assert_eq!(code, 99, "{said}");
    let topics = surface(&summary, "topics");
    for class in ["lost", "wrong", "doubled", "phantom"] {
        assert_eq!(topics[class], 1, "{class}: {topics} {}", summary["verification"]["examples"]);
        assert_eq!(surface(&summary, "tap")[class], 0, "{class}");
    }
    assert_eq!((&topics["reordered"], &topics["pending"]), (&0.into(), &0.into()));
    let examples = summary["verification"]["examples"].as_array().unwrap();
    let wrong = examples.iter().find(|it| it["class"] == "wrong").unwrap();
    assert!(
        wrong["seen"].as_str().unwrap().ends_with("(its transaction has no message of the run)")
    );
    let judged = far.0.run(&["verify", "run", "--format", "json"]);
    let judged: Value = serde_json::from_str(&judged.out).unwrap();
    assert_eq!(judged["surfaces"], summary["surfaces"]);
}

#[test]
fn where_no_message_comes_at_all_it_is_said() {
    let mut far = far("[ { hold: 100/s, for: 2s } ]");
    far.0.set("observe={ topics: { kafka: { on: events, messages: \"other.{domain}\" } } }");
    let (code, said, _) = run(&far, &[]);
    assert_eq!(code, 6, "{said}");
    assert!(said.contains("no message of a transaction in"), "{said}");
}

/// With the topic of transactions, read as well.
fn with_transactions(profile: &str) -> (Place<'static>, Broker) {
    let mut far = far(profile);
    far.0.set(
        "observe={ tap: { slot: { on: operational } }, \
         topics: { kafka: { on: events, transactions: \"domain_{domain}.transaction\" } } }",
    );
    far
}

#[test]
fn the_end_of_each_transaction_is_held_against_what_it_did() {
    let far = with_transactions("[ { hold: 200/s, for: 4s } ]");
    let (code, said, summary) = run(&far, &[]);
    assert_eq!(code, 0, "{said}");
    let acknowledged = &summary["streams"][0]["acknowledged"];
    let held = format!("the ends of {acknowledged} transactions were held against");
    assert!(said.contains(&held), "{held}: {said}");
    let lags = summary["lag"].as_array().unwrap();
    let of = |operation: &str| lags.iter().find(|lag| lag["operation"] == operation).unwrap();
    let (first, last) = (of("first row"), of("last row"));
    assert!(first["high"]["count"].as_u64() > Some(100), "{first}");
    assert_eq!(first["high"]["count"], last["high"]["count"]);
    assert!(first["high"]["max"].as_u64() <= last["high"]["max"].as_u64(), "{first} {last}");
    assert!(first["table"] == "transactions of several rows" && first["surface"] == "topics");
}

#[test]
fn a_transaction_whose_end_is_wrong_or_missing_is_named() {
    let far = with_transactions("[ { hold: 200/s, for: 6s } ]");
    let (code, said, summary) = run(&far, &[Spoil::Uncount, Spoil::Unend]);
    assert_eq!(code, 99, "{said}");
    let topics = surface(&summary, "topics");
    assert_eq!((&topics["wrong"], &topics["lost"]), (&1.into(), &1.into()), "{topics}");
    assert_eq!((&topics["phantom"], &topics["pending"]), (&0.into(), &0.into()), "{topics}");
    let examples = summary["verification"]["examples"].as_array().unwrap();
    let of = |class: &str| examples.iter().find(|it| it["class"] == class).unwrap();
    let (wrong, lost) = (of("wrong"), of("lost"));
    assert_eq!(
        (&wrong["operation"], &lost["operation"]),
        (&"transaction".into(), &"transaction".into())
    );
    assert!(wrong["seen"].as_str().unwrap().contains("tells of 7"), "{wrong}");
    assert!(lost["expected"].as_str().unwrap().ends_with("was not told)"), "{lost}");
    // It is counted once, and again where the run is judged again.
    let judged = far.0.run(&["verify", "run", "--format", "json"]);
    let judged: Value = serde_json::from_str(&judged.out).unwrap();
    assert_eq!(judged["surfaces"], summary["surfaces"]);
}
