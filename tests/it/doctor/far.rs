//! What the doctor says of far ends: servers that cannot be captured, topics, and sinks behind them.

use std::time::Duration;
use std::time::Instant;

use serde_json::json;

use super::Found;
use super::examined_of;
use super::of;
use super::server;
use crate::support::cluster::Cluster;
use crate::support::cluster::Topic;
use crate::support::command::Place;
use crate::support::connect::Connect;
use crate::support::connector::Reader;
use crate::support::machine::wait_for;
use crate::support::server::Options;
use crate::support::server::TestServer;

/// A database of `@cdc-lag` that is set up, and a cluster into whose topics its changes go.
struct Far<'s> {
    place: Place<'s>,
    cluster: Cluster,
}

impl<'s> Far<'s> {
    fn on(server: &'s TestServer) -> Self {
        let mut place = Place::on(server, &["orders"]);
        let cluster = Cluster::start();
        place.beside_kafka(&cluster.address());
        place.set("observe={ topics: { kafka: { on: events } } }");
        place.set("thresholds=[]");
        Self { place, cluster }
    }

    /// A topic as brokers make them, but for some settings.
    fn topic(&self, table: &str, partitions: i32, but: &[(&str, &str)]) {
        let usual = [
            ("cleanup.policy", "delete"),
            ("message.timestamp.type", "CreateTime"),
            ("max.message.bytes", "1048588"),
        ];
        let all = usual.iter().chain(but);
        let settings = all.map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        let topic = Topic { partitions, replication: 1, settings, records: 0 };
        let name = format!("domain_orders.public.{table}");
        self.cluster.topics.lock().unwrap().insert(name, topic);
    }

    fn found(&self, code: i32) -> Vec<Found> {
        examined_of(&self.place, "@cdc-lag", code)
    }
}

#[test]
fn topics_that_forget_refuse_or_mix_are_found() {
    let server = server(&[("wal_level", "logical"), ("max_slot_wal_keep_size", "20GB")]);
    let mut far = Far::on(&server);
    far.place.must(&["setup", "@cdc-lag"]);
    let _connector = Reader::start(&server, &far.place.database("orders"), "theirs");
    let missing = far.found(0);
    assert!(of(&missing, "topic", "info")[0].found.contains("is not there yet"));
    for table in ["products", "customers", "orders", "order_items"] {
        far.topic(table, 3, &[]);
    }
    let clean = far.found(0);
    assert!(clean.iter().all(|it| !["critical", "warning"].contains(&it.severity.as_str())));
    assert!(of(&clean, "Kafka", "ok")[0].found.contains("4 topics"));

    far.place.set(
        "load.steps=[ { at: 1s, change_keys: { rows: 5 } }, \
         { at: 2s, unchanged_toast: { rows: 5, size: 2MB } } ]",
    );
    far.topic("loadgen_stress", 3, &[]);
    far.topic("orders", 1, &[("cleanup.policy", "compact,delete")]);
    far.topic("products", 1, &[("message.timestamp.type", "LogAppendTime")]);
    far.topic("customers", 1, &[("max.message.bytes", "1000")]);
    let found = far.found(0);
    for (table, words, remedy) in [
        ("loadgen_stress", "3 partitions: keys change", "--partitions 1"),
        (
            "loadgen_stress",
            "the greatest will have about 2.00 MiB",
            "producer.override.max.request.size",
        ),
        ("orders", "it is compacted", "cleanup.policy=delete"),
        ("products", "the time at which the broker got them", "message.timestamp.type=CreateTime"),
        ("customers", "it takes messages of 1000 B", "max.message.bytes="),
    ] {
        let place = format!("domain_orders.public.{table}");
        let all = of(&found, "topic", "warning");
        let is_it = |it: &&&Found| it.place == place && it.found.contains(words);
        let one = all.iter().find(is_it);
        let said: Vec<_> = all.iter().map(|it| (&it.place, &it.found)).collect();
        let one = one.unwrap_or_else(|| panic!("{table} {words}: {said:?}"));
        assert!(one.remedy.as_ref().unwrap().contains(remedy), "{:?}", one.remedy);
        assert!(one.remedy.as_ref().unwrap().contains(&far.cluster.address()));
    }
    assert_eq!(of(&found, "topic", "warning").len(), 5);

    far.place.set("targets.events.kafka.brokers=127.0.0.1:1");
    let away = far.found(4);
    assert!(of(&away, "Kafka", "critical")[0].found.contains("127.0.0.1:1"));
}

/// As a run says it before it seeds.
#[test]
fn a_database_that_nobody_captures_is_found() {
    let server = server(&[("wal_level", "logical"), ("max_slot_wal_keep_size", "20GB")]);
    let mut far = Far::on(&server);
    for table in ["products", "customers", "orders", "order_items"] {
        far.topic(table, 1, &[]);
    }
    let database = far.place.database("orders");
    let unmade = far.found(0);
    assert!(of(&unmade, "database", "info")[0].found.contains("not there yet"));
    assert!(!unmade.iter().any(|it| it.check == "capture"), "there is nothing to capture yet");

    far.place.must(&["setup", "@cdc-lag"]);
    let run = |far: &Far<'_>| far.place.run(&["run", "@cdc-lag"]);
    for observe in [
        "observe={ topics: { kafka: { on: events } } }",
        "observe={ topics: { lake: { at: \"file:///nowhere\", layout: objects } } }",
    ] {
        far.place.set(observe);
        let found = far.found(4);
        let nobody = of(&found, "capture", "critical");
        assert_eq!(nobody.len(), 1);
        let words = format!(
            "nobody captures the changes of the database `{database}`, so none can come to `topics`"
        );
        assert!(nobody[0].found.contains(&words), "{}", nobody[0].found);
        assert!(nobody[0].remedy.as_ref().unwrap().contains("--register"));
        let done = run(&far);
        assert!(done.code == 4 && done.err.contains(&nobody[0].found), "{}", done.err);
    }

    let connector = Reader::start(&server, &database, "theirs");
    let clean = far.found(0);
    assert!(clean.iter().all(|it| !["critical", "warning"].contains(&it.severity.as_str())));
    drop(connector);
    wait_for("nobody to read it", || {
        server.query("postgres", "SELECT 1 FROM pg_replication_slots WHERE active").is_empty()
    });
    let unread = far.found(0);
    let nobody = of(&unread, "capture", "warning");
    assert_eq!(nobody.len(), 1);
    assert!(nobody[0].found.contains("nobody reads the changes"), "{}", nobody[0].found);

    // A run registers it itself.
    let connect = Connect::start();
    far.place.query("orders", "SELECT pg_drop_replication_slot('theirs')");
    far.place.set(&format!("cdc.connect={}", connect.url()));
    let found = examined_of(&far.place, "@cdc-lag", 0);
    assert!(!found.iter().any(|it| it.check == "capture"));
}

#[test]
fn how_late_sinks_are_is_told_and_which_fail_at_deletes() {
    let server = server(&[("wal_level", "logical"), ("max_slot_wal_keep_size", "20GB")]);
    let mut place = Place::on(&server, &["orders"]);
    place.must(&["setup", "@quickstart"]);
    let connect = Connect::start();
    place.set(&format!("cdc.connect={}", connect.url()));
    connect.put(
        "lake",
        json!({
            "connector.class": "org.apache.iceberg.connect.IcebergSinkConnector",
            "topics.regex": ".*", "iceberg.control.commit.interval-ms": "60000",
        }),
    );
    connect.put(
        "files",
        json!({
            "connector.class": "io.confluent.connect.s3.S3SinkConnector", "flush.size": "1000",
            "topics": "domain_orders.public.orders",
        }),
    );
    connect.put(
        "theirs",
        json!({
            "connector.class": "io.confluent.connect.s3.S3SinkConnector", "flush.size": "1000",
            "topics": "clicks,views",
        }),
    );
    let found = examined_of(&place, "@quickstart", 0);
    let told = of(&found, "sink", "info");
    let said: Vec<&str> = told.iter().map(|it| it.found.as_str()).collect();
    assert!(said.iter().any(|it| it.contains("it commits every 1m: what comes is up to 1m late")));
    assert_eq!(said.iter().filter(|it| it.contains("and never by time")).count(), 1, "{said:?}");
    let failing = of(&found, "sink", "warning");
    assert_eq!(failing.len(), 1, "{said:?}");
    assert_eq!(failing[0].remedy.as_deref(), Some("\"behavior.on.null.values\": \"ignore\""));

    // Only what may write what an observer reads is held against it.
    place.set(
        "observe={ objects: { lake: { at: \"s3://lake/topics\", endpoint: \"http://127.0.0.1:1\", layout: objects, flush: 10 } } }",
    );
    for (name, topics, bucket) in [
        ("files", "domain_orders.public.orders", "lake"),
        ("elsewhere", "domain_orders.public.orders", "archive"),
        ("others", "domain_orders.public.none", "lake"),
    ] {
        connect.put(
            name,
            json!({
                "connector.class": "io.confluent.connect.s3.S3SinkConnector", "flush.size": "1000",
                "topics": topics, "s3.bucket.name": bucket, "behavior.on.null.values": "ignore",
            }),
        );
    }
    let found = examined_of(&place, "@quickstart", 0);
    let unlike = of(&found, "sink", "warning");
    let said: Vec<&str> = unlike.iter().map(|it| it.found.as_str()).collect();
    assert_eq!(said.len(), 1, "{said:?}");
    assert!(said[0].contains("`objects` takes 10: what it holds back counts as lost"), "{said:?}");
}

/// A real one, that follows a real primary.
#[test]
fn a_standby_is_told_from_a_primary() {
    let server = server(&[("wal_level", "logical"), ("max_slot_wal_keep_size", "20GB")]);
    let place = Place::on(&server, &["orders"]);
    place.must(&["setup", "@quickstart"]);
    let standby = server.standby(&Options::default());
    assert_eq!(standby.query("postgres", "SELECT pg_is_in_recovery()"), [["t"]]);
    let mut away = Place::on(&standby, &["orders"]);
    away.prefix.clone_from(&place.prefix);
    away.set(&format!("domains.orders.database={}", place.database("orders")));
    let begun = Instant::now();
    let found = examined_of(&away, "@quickstart", 4);
    assert!(begun.elapsed() < Duration::from_secs(20), "{:?}", begun.elapsed());
    let version = of(&found, "version", "critical");
    assert_eq!(version.len(), 1);
    assert!(version[0].found.contains("a standby"), "{}", version[0].found);
    assert!(version[0].remedy.is_some());
    assert!(!of(&found, "publication", "ok").is_empty(), "its databases are looked at");
}
