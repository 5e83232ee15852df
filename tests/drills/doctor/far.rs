//! What may be wrong with connectors, topics and sinks: a Kafka and a Kafka Connect of the tests' own, which
//! answer as real ones do.

use serde_json::json;

use super::examined;
use super::options;
use super::say;
use crate::support::cluster::Cluster;
use crate::support::cluster::Topic;
use crate::support::command::Place;
use crate::support::connect::Connect;
use crate::support::server::TestServer;

pub(super) fn all() {
    let server = TestServer::with(&options(&[]));
    let mut place = Place::on(&server, &["orders"]);
    let (cluster, connect) = (Cluster::start(), Connect::start());
    place.beside_kafka(&cluster.address());
    place.set("observe={ topics: { kafka: { on: events } } }");
    place.set("thresholds=[]");
    place.must(&["setup", "@cdc-lag"]);
    place.set(&format!("cdc.connect={}", connect.url()));

    println!("18 connectors");
    connect.put(
        "theirs",
        json!({
            "connector.class": "io.debezium.connector.postgresql.PostgresConnector",
            "database.dbname": place.database("orders"), "publication.name": "debezium",
            "table.include.list": "public\\.orders", "errors.tolerance": "all",
            "decimal.handling.mode": "double", "skipped.operations": "d",
        }),
    );
    connect.fail(Some("x.ConnectException: no such slot\n\tat x.Y(Z.java:1)\n"));
    let found = examined(&place, "@cdc-lag");
    for (severity, words) in [
        ("critical", "no such slot"),
        ("critical", "its filters leave out"),
        ("critical", "without a word"),
        ("critical", "leaves out deletes"),
        ("warning", "digits of numbers"),
        ("warning", "no heartbeat"),
    ] {
        say(&found, "connector", severity, words);
    }
    connect.fail(None);

    println!("19 topics");
    let topic = |table: &str, settings: &[(&str, &str)]| {
        let all = settings.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
        let topic = Topic { partitions: 3, replication: 1, settings: all.collect(), records: 0 };
        let name = format!("domain_orders.public.{table}");
        cluster.topics.lock().unwrap().insert(name, topic);
    };
    place.set("load.steps=[ { at: 1s, truncate: { rows: 5 } } ]");
    topic("orders", &[("cleanup.policy", "compact")]);
    topic("products", &[("message.timestamp.type", "LogAppendTime")]);
    topic("customers", &[("max.message.bytes", "1000")]);
    topic("loadgen_stress", &[]);
    let found = examined(&place, "@cdc-lag");
    for words in ["it is compacted", "the broker got them", "it takes messages of", "3 partitions"]
    {
        say(&found, "topic", "warning", words);
    }

    println!("20 sinks");
    connect.put(
        "lake",
        json!({
            "connector.class": "org.apache.iceberg.connect.IcebergSinkConnector",
            "topics.regex": ".*",
        }),
    );
    connect.put(
        "files",
        json!({
            "connector.class": "io.confluent.connect.s3.S3SinkConnector", "flush.size": "1000",
            "topics": "domain_orders.public.orders",
        }),
    );
    let found = examined(&place, "@cdc-lag");
    say(&found, "sink", "info", "it commits every 5m");
    say(&found, "sink", "info", "never by time");
    say(&found, "sink", "warning", "it fails at the first");
}
