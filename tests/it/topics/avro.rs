//! The same in Avro, as a connector with Confluent's converter writes it by the schemas of a registry.

use std::collections::BTreeMap;

use serde_json::Value;

use super::Far;
use super::STEPS;
use super::all_of_it_came;
use super::each_is_named_once;
use crate::support::command::surface;
use crate::support::connector::Connector;
use crate::support::connector::Spoil;
use crate::support::registry::Registry;

const ALL: [Spoil; 5] = [Spoil::Lose, Spoil::Double, Spoil::Alter, Spoil::Invent, Spoil::Exchange];

/// A scenario that reads Avro, and the registry that has its schemas.
struct Coded {
    far: Far,
    registry: Registry,
}

impl Coded {
    /// With more words for the observer of the topics.
    fn new(more: &str) -> Self {
        let (mut far, registry) = (Far::new(), Registry::start());
        let url = registry.url();
        far.place.set(&format!(
            "observe={{ tap: {{ slot: {{ on: operational }} }}, \
             topics: {{ kafka: {{ on: events, registry: \"{url}/\"{more} }} }} }}"
        ));
        Self { far, registry }
    }

    fn run(&self, spoil: &[Spoil]) -> (i32, String, Value) {
        let (place, brokers) = (&self.far.place, self.far.broker.address());
        place.must(&["seed", "@cdc-lag"]);
        let database = place.database("orders");
        let to = (brokers.as_str(), &self.registry);
        Connector::coded(place.server, &database, to, spoil).run(place)
    }
}

#[test]
fn all_that_a_connector_writes_in_avro_is_held_against_what_was_acknowledged() {
    let mut coded = Coded::new("");
    coded.far.place.set(&format!("load.steps={STEPS}"));
    let (code, said, summary) = coded.run(&[]);
    assert_eq!(code, 0, "{said}");
    all_of_it_came(&said, &summary);
    coded.far.place.must(&["verify", "run"]);
    // Once whether it is there, and once for each schema.
    let mut asked = BTreeMap::<_, usize>::new();
    for request in coded.registry.requests() {
        *asked.entry(request).or_default() += 1;
    }
    let first = "GET /subjects/domain_orders.public.customers-value/versions";
    assert_eq!(asked.remove(first), Some(1), "{asked:?}");
    assert!(asked.len() > 3 && asked.values().all(|count| *count == 1), "{asked:?}");
    assert!(asked.keys().all(|it| it.starts_with("GET /schemas/ids/")), "{asked:?}");
}

#[test]
fn what_a_connector_spoils_in_avro_is_named_and_nothing_else() {
    let mut coded = Coded::new("");
    coded.far.place.set("load.streams.shop.profile=[ { hold: 200/s, for: 8s } ]");
    // Whoever is away for a moment is asked again.
    coded.registry.be_silent(503, 2);
    let (code, said, summary) = coded.run(&ALL);
    assert_eq!(code, 99, "{said}");
    each_is_named_once(&coded.far.place, &summary);
}

/// Rows alone, of which a tombstone's key is all that is left in the end.
#[test]
fn where_rows_alone_come_in_avro_what_was_spoilt_is_named_and_nothing_else() {
    let mut coded = Coded::new(", format: flattened");
    let place = &mut coded.far.place;
    place.set("cdc.trace=columns");
    place.set("load.streams.shop.profile=[ { hold: 200/s, for: 8s } ]");
    place.must(&["seed", "@cdc-lag"]);
    let (database, brokers) = (place.database("orders"), coded.far.broker.address());
    let to = (brokers.as_str(), Some(&coded.registry));
    let place = &coded.far.place;
    let (code, said, summary) = Connector::flat(place.server, &database, to, &ALL).run(place);
    assert_eq!(code, 99, "{said}");
    each_is_named_once(place, &summary);
    let lags = summary["lag"].as_array().unwrap().iter();
    let mut here = lags.filter(|lag| lag["surface"] == "topics" && lag["operation"] == "delete");
    assert!(here.any(|lag| lag["high"]["count"].as_u64() > Some(10)), "{summary}");
}

#[test]
fn messages_and_the_ends_of_transactions_come_in_avro_as_well() {
    let mut coded = Coded::new(", transactions: \"domain_{domain}.transaction\"");
    for topic in ["domain_orders.message", "domain_orders.transaction"] {
        coded.far.broker.cluster.create_topic(topic, 1, 1).unwrap();
    }
    coded.far.place.set("cdc.trace=message");
    let (code, said, summary) = coded.run(&[]);
    assert_eq!(code, 0, "{said}");
    all_of_it_came(&said, &summary);
    let held = said.split(" transactions were held against").next().unwrap();
    let held: u64 = held.rsplit(' ').next().unwrap().parse().unwrap();
    assert!(held > 500, "{said}");
}

/// Nothing is called lost, or right, that nobody could read. Exit code, and why.
fn unread(coded: &mut Coded) -> (i32, String) {
    coded.far.place.set("load.streams.shop.profile=[ { hold: 50/s, for: 2s } ]");
    let (code, said, summary) = coded.run(&[]);
    assert_eq!(surface(&summary, "topics")["lost"], 0, "{said}");
    (code, summary["invalid_because"].to_string())
}

#[test]
fn where_a_registry_refuses_there_is_no_verdict() {
    let mut coded = Coded::new(", within: 5s");
    coded.registry.be_silent(403, usize::MAX);
    let (code, reasons) = unread(&mut coded);
    assert_eq!(code, 6, "{reasons}");
    for said in ["cannot be read: the schema registry at", "refused the login (Not now); write"] {
        assert!(reasons.contains(said), "{reasons}");
    }
}

#[test]
fn where_nobody_says_where_schemas_are_there_is_no_verdict() {
    let mut coded = Coded::new("");
    coded.far.place.set("observe={ topics: { kafka: { on: events, within: 5s } } }");
    let (code, reasons) = unread(&mut coded);
    assert_eq!(code, 6, "{reasons}");
    for said in ["it holds Avro by the schema ", "of a registry; name that by `registry`"] {
        assert!(reasons.contains(said), "{reasons}");
    }
}

#[test]
fn a_registry_that_is_not_there_is_said_before_anything_is_sent() {
    let mut coded = Coded::new("");
    let nowhere = "observe={ topics: { kafka: { on: events, registry: \"http://127.0.0.1:1\" } } }";
    coded.far.place.set(nowhere);
    let place = &coded.far.place;
    place.must(&["seed", "@cdc-lag"]);
    let (database, brokers) = (place.database("orders"), coded.far.broker.address());
    let _connector = Connector::coded(place.server, &database, (&brokers, &coded.registry), &[]);
    let done = place.run(&["run", "@cdc-lag", "--out", "run"]);
    assert_eq!(done.code, 4, "{}{}", done.out, done.err);
    let said = "no schema registry answers at `http://127.0.0.1:1`";
    assert!(done.err.contains(said), "{}", done.err);
}
