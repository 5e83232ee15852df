//! Two servers with a database of the same name each: what is meant for one is not done to the other.

use std::fs;
use std::process::Command;

use serde_json::json;

use crate::support::broker::Broker;
use crate::support::command::Done;
use crate::support::command::Place;
use crate::support::connect::Connect;
use crate::support::connector::Reader;
use crate::support::server::TestServer;

const SCENARIO: &str = r#"
scenario: twins
seed: 7
targets:
  one: { postgres: { url: "${ONE}", connections: 2 } }
  two: { postgres: { url: "${TWO}", connections: 2 } }
domains:
  orders: { on: one, database: twin, rows: { products: 50, customers: 100, orders: 100 } }
  user: { on: two, database: twin, rows: { users: 500, friends: 100, elite_members: 100 } }
cdc: { password: geheim }
load:
  streams:
    shop: { mix: { orders.place_order: 1 }, profile: [ { hold: 50/s, for: 1s } ] }
    people: { mix: { user.create_user: 1 }, profile: [ { hold: 50/s, for: 1s } ] }
"#;

struct Twins {
    servers: [TestServer; 2],
}

impl Twins {
    /// Two servers, on which all is made.
    fn new() -> Self {
        Self { servers: [TestServer::start(), TestServer::start()] }
    }

    fn place(&self) -> Place<'_> {
        let place = Place::on(&self.servers[0], &[]);
        fs::write(place.folder.path().join("twins.yaml"), SCENARIO).unwrap();
        place
    }

    fn command(&self, place: &Place<'_>, arguments: &[&str]) -> Command {
        let mut command = place.command(arguments);
        command.env("ONE", self.servers[0].url()).env("TWO", self.servers[1].url());
        command
    }

    fn run(&self, place: &Place<'_>, arguments: &[&str]) -> Done {
        Done::from(self.command(place, arguments).output().unwrap())
    }

    /// The logical slots of both.
    fn slots(&self) -> [Vec<String>; 2] {
        let sql = "SELECT slot_name FROM pg_replication_slots ORDER BY 1";
        [0, 1].map(|number| self.servers[number].query("postgres", sql).concat())
    }
}

#[test]
fn each_connector_is_waited_for_and_removed_on_its_own_server() {
    let twins = Twins::new();
    let place = twins.place();
    let done = twins.run(&place, &["setup", "twins.yaml"]);
    assert_eq!(done.code, 0, "{}", done.err);
    let connect = Connect::start();
    let url = connect.url();
    let register = ["connector", "twins.yaml", "--register", &url, "--within", "5s"];
    connect.employ(true);
    let done = twins.run(&place, &register);
    assert_eq!(done.code, 0, "{}{}", done.out, done.err);
    assert_eq!(done.out.matches(" streams what slot ").count(), 2, "{}", done.out);
    // Slots of those names that somebody else has on the other server.
    for (server, slot) in [(1, "debezium_orders"), (0, "debezium_user")] {
        let sql = format!("SELECT pg_create_logical_replication_slot('{slot}', 'pgoutput')");
        twins.servers[server].query("postgres", &sql);
    }
    let done = twins.run(&place, &["clean", "twins.yaml", "--connect", &url]);
    let left = [vec!["debezium_user".to_owned()], vec!["debezium_orders".to_owned()]];
    assert_eq!(twins.slots(), left, "{}{}", done.out, done.err);
    assert_eq!(done.out.matches("removed replication slot").count(), 2, "{}", done.out);
}

/// What a connector was made for may have left the scenario: its slot may be anywhere.
#[test]
fn a_slot_whose_server_nobody_knows_is_named_and_left() {
    let twins = Twins::new();
    let place = twins.place();
    let done = twins.run(&place, &["setup", "twins.yaml"]);
    assert_eq!(done.code, 0, "{}", done.err);
    let connect = Connect::start();
    let sql = "SELECT pg_create_logical_replication_slot('debezium_gone', 'pgoutput')";
    twins.servers[1].query("twin", sql);
    connect.put(
        "loadgen-twins-gone",
        json!({
            "name": "loadgen-twins-gone", "loadgen.mark": "loadgen/1 scenario=twins domain=gone",
            "slot.name": "debezium_gone", "database.dbname": "twin",
        }),
    );
    let done = twins.run(&place, &["clean", "twins.yaml", "--connect", &connect.url()]);
    assert_eq!(done.code, 4, "{}{}", done.out, done.err);
    assert!(done.err.contains("`debezium_gone` of `twin`"), "{}", done.err);
    assert!(done.err.contains("pg_drop_replication_slot('debezium_gone')"), "{}", done.err);
}

#[test]
fn a_connector_of_one_server_does_not_stand_for_the_other() {
    let twins = Twins::new();
    let place = twins.place();
    let done = twins.run(&place, &["setup", "twins.yaml"]);
    assert_eq!(done.code, 0, "{}", done.err);
    let connect = Connect::start();
    let class = "io.debezium.connector.postgresql.PostgresConnector";
    let port = twins.servers[1].port().to_string();
    connect.put(
        "theirs",
        json!({
            "connector.class": class, "database.dbname": "twin", "database.hostname": "127.0.0.1",
            "database.port": port, "table.include.list": "public\\.users",
        }),
    );
    let set = format!("cdc.connect={}", connect.url());
    let examined = |what: &str| {
        let done = twins.run(&place, &["doctor", "twins.yaml", "--set", &set]);
        let uncaptured = done.out.matches("no connector captures it yet").count();
        let named = done.out.matches("connector theirs of twin").count();
        assert_eq!((uncaptured, named), (1, 1), "{what}: {}{}", done.out, done.err);
        done.out
    };
    examined("by host and port");
    connect.put(
        "theirs",
        json!({
            "connector.class": class, "database.dbname": "twin", "database.hostname": "elsewhere",
            "loadgen.mark": "loadgen/1 scenario=twins domain=orders", "table.include.list": "public\\.users",
        }),
    );
    // It captures none of the tables of `orders`, on whose server it is.
    assert!(examined("by its mark").contains("order_items"));
}

#[test]
fn topics_of_two_servers_come_from_two_databases() {
    let twins = Twins::new();
    let place = twins.place();
    let broker = Broker::new(&[]);
    let scenario = fs::read_to_string(place.folder.path().join("twins.yaml")).unwrap();
    let targets =
        format!("targets:\n  topics: {{ kafka: {{ brokers: \"{}\" }} }}\n", broker.address());
    let scenario = scenario.replace("targets:\n", &targets);
    fs::write(place.folder.path().join("twins.yaml"), scenario).unwrap();
    let done = twins.run(&place, &["setup", "twins.yaml"]);
    assert_eq!(done.code, 0, "{}", done.err);
    let _reader = Reader::start(&twins.servers[0], "twin", "debezium_orders");
    let done = twins
        .run(&place, &["run", "twins.yaml", "--set", "observe={ far: { kafka: { on: topics } } }"]);
    assert_eq!(done.code, 4, "{}{}", done.out, done.err);
    assert!(
        done.err.contains("nobody captures the changes of the database `twin`"),
        "{}",
        done.err
    );
    let seeded = "SELECT count(*) FROM products";
    assert_eq!(twins.servers[0].query("twin", seeded), [["0"]], "it is said before it seeds");
}

/// Only of one of the two anything was observed.
#[test]
fn what_was_observed_of_one_database_says_nothing_of_another_that_is_gone() {
    let twins = Twins::new();
    let mut place = twins.place();
    place.set("observe={ tap: { slot: { on: one } } }");
    let done = twins.run(&place, &["run", "twins.yaml", "--out", "run"]);
    assert_eq!(done.code, 0, "{}{}", done.out, done.err);
    let judged = |code: i32, says: &[&str]| {
        let done = twins.run(&place, &["verify", "run"]);
        assert_eq!(done.code, code, "{}{}", done.out, done.err);
        for said in says {
            assert!(done.out.contains(said), "`{said}`: {}", done.out);
        }
    };
    judged(0, &["passed"]);
    twins.servers[1].query("postgres", "DROP DATABASE twin");
    let gone = "the database `twin` is gone, and nothing was observed there";
    judged(6, &["the database `twin` is gone: nothing is judged", "invalid", gone]);
    twins.servers[0].query("postgres", "DROP DATABASE twin");
    judged(6, &["the database `twin` is gone: only what was observed is judged", gone]);
}
