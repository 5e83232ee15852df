//! Events, observed: where they are sent, and where somebody copies them. Each that is spoilt on its way is named,
//! and nothing else is.

mod objects;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::sync::atomic::Ordering;
use std::thread::JoinHandle;
use std::time::Duration;

use rdkafka::ClientConfig;
use rdkafka::Message;
use rdkafka::Offset;
use rdkafka::TopicPartitionList;
use rdkafka::consumer::BaseConsumer;
use rdkafka::consumer::Consumer;
use rdkafka::message::OwnedMessage;
use rdkafka::producer::BaseProducer;
use rdkafka::producer::BaseRecord;
use rdkafka::producer::Producer;
use serde_json::Value;
use tempfile::TempDir;

use crate::support::broker::Broker;
use crate::support::broker::PARTITIONS;
use crate::support::command::Done;
use crate::support::command::loadgen;
use crate::support::command::surface;
use crate::support::registry::Registry;

/// Faults, as summaries count them.
const CLASSES: [&str; 7] =
    ["lost", "doubled", "replayed", "reordered", "wrong", "phantom", "pending"];
/// Few visitors, all of them in one lane: so that an event soon has another one of its key behind it.
const CLOSE: [&str; 3] = [
    "lanes=1",
    "domains.web_events.rows={ visitors: 5 }",
    "load.streams.sessions.profile=[{ hold: 200/s, for: 2s }]",
];

/// The shipped scenario, with these parts of it replaced; and its summary.
fn run(scenario: &str, brokers: Option<&str>, sets: &[&str]) -> (Done, Value, TempDir) {
    let folder = TempDir::with_prefix("loadgen-events-").unwrap();
    let mut command = loadgen(folder.path());
    command.args([
        "run",
        scenario,
        "--out",
        "out",
        "--set",
        "validity=off",
        "--set",
        "thresholds=[]",
    ]);
    for set in sets {
        command.args(["--set", set]);
    }
    if let Some(brokers) = brokers {
        command.env("LOADGEN_KAFKA", brokers);
    }
    let done = Done::from(command.output().unwrap());
    let summary = std::fs::read_to_string(folder.path().join("out/summary.json"));
    let summary = serde_json::from_str(&summary.unwrap_or_default()).unwrap_or_default();
    (done, summary, folder)
}

/// How many faults of each class a surface has, without those that it has none of.
fn faults(summary: &Value, name: &str) -> Vec<(&'static str, u64)> {
    let found = surface(summary, name);
    let of = |class: &'static str| (class, found[class].as_u64().unwrap());
    CLASSES.map(of).into_iter().filter(|(_, count)| *count > 0).collect()
}

#[test]
fn all_events_are_seen_where_they_are_sent() {
    let observe = "observe={ seen: { kafka: { on: clicks, format: events } } }";
    let profile = "load.streams.sessions.profile=[{ hold: 150/s, for: 3s }]";
    let (done, summary, folder) = run("@web-events-kafka", None, &[observe, profile]);
    assert_eq!(done.code, 0, "{}{}", done.out, done.err);
    let seen = surface(&summary, "seen");
    let acknowledged = summary["events"][0]["acknowledged"].as_u64().unwrap();
    assert!(acknowledged > 400, "{summary}");
    assert_eq!(seen["expected"].as_u64(), Some(acknowledged), "{seen}");
    assert_eq!((&seen["observed"], faults(&summary, "seen")), (&seen["expected"], vec![]));
    let lag = &summary["lag"][0];
    assert_eq!((lag["operation"].as_str(), lag["surface"].as_str()), (Some("event"), Some("seen")));
    let highs = ["low", "high", "freshness"].map(|of| lag[of]["p99"].as_u64().unwrap());
    assert!(highs.is_sorted() && highs[1] > 0, "{lag}");
    assert!(done.out.contains("events expected"), "{}", done.out);
    let seconds = std::fs::read_to_string(folder.path().join("out/lag.csv")).unwrap();
    assert!(seconds.lines().skip(1).any(|line| line.contains("clicks")), "{seconds}");
    // Nothing is noted of them, and that is said.
    let again = loadgen(folder.path()).args(["verify", "out"]).output().unwrap();
    let said = String::from_utf8(again.stderr).unwrap();
    assert_eq!(again.status.code(), Some(4), "{said}");
    assert!(said.contains("it observed events alone"), "{said}");
}

/// What is doubled, broken, late or out of order on purpose is expected so.
#[test]
fn events_that_have_faults_on_purpose_are_seen_with_them() {
    let observe = "observe={ seen: { kafka: { on: clicks, format: events } } }";
    let dirty = "domains.web_events.faults={ doubled: 5%, malformed: 5%, out_of_order: 5%, missing_field: 5%, \
                 late: { share: 5%, by: 500ms } }";
    let (done, summary, _folder) =
        run("@web-events-kafka", None, &[&[observe, dirty], &CLOSE[..]].concat());
    assert_eq!(done.code, 0, "{}{}", done.out, done.err);
    let seen = surface(&summary, "seen");
    assert_eq!((&seen["observed"], faults(&summary, "seen")), (&seen["expected"], vec![]));
    let dirty = &summary["events"][0]["faults"];
    assert!(dirty["doubled"].as_u64() > Some(0), "{dirty}");
}

/// What becomes of one record among those that are copied.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Spoil {
    Nothing,
    Lose,
    Double,
    Alter,
    Invent,
    /// It goes behind the next one of its key.
    Exchange,
}

/// The record that is spoilt.
const SPOILT: usize = 150;

/// Copies a topic into another one, until it is dropped.
struct Copier {
    is_over: Arc<AtomicBool>,
    thread: Option<JoinHandle<Option<String>>>,
}

impl Copier {
    fn start(brokers: &str, spoil: Spoil) -> Self {
        let config = |pairs: &[(&str, &str)]| {
            let mut config = ClientConfig::new();
            config.set("bootstrap.servers", brokers);
            for (name, value) in pairs {
                config.set(*name, *value);
            }
            config
        };
        let reader = [("group.id", "copier"), ("fetch.wait.max.ms", "10")];
        let consumer: BaseConsumer = config(&reader).create().unwrap();
        let mut all = TopicPartitionList::new();
        for partition in 0..PARTITIONS {
            all.add_partition_offset("web_events", partition, Offset::Beginning).unwrap();
        }
        consumer.assign(&all).unwrap();
        let writer = [("enable.idempotence", "true"), ("linger.ms", "1")];
        let producer: BaseProducer = config(&writer).create().unwrap();
        let is_over = Arc::new(AtomicBool::new(false));
        let ends = Arc::clone(&is_over);
        let work = move || {
            let (mut count, mut held, mut spoilt) = (0, None::<OwnedMessage>, None);
            while !ends.load(Ordering::Relaxed) {
                producer.poll(Duration::ZERO);
                let Some(record) = consumer.poll(Duration::from_millis(5)) else { continue };
                let record = record.unwrap().detach();
                let key = String::from_utf8(record.key().unwrap().to_vec()).unwrap();
                let payload = record.payload().unwrap().to_vec();
                count += 1;
                if count == SPOILT && spoil != Spoil::Nothing {
                    spoilt = Some(key.clone());
                    match spoil {
                        Spoil::Lose => continue,
                        Spoil::Exchange => {
                            held = Some(record);
                            continue;
                        }
                        Spoil::Alter => {
                            let at = payload.windows(4).position(|four| four == b"page").unwrap();
                            let mut altered = payload;
                            altered[at] = b'P';
                            copy(&producer, &record, &altered);
                            continue;
                        }
                        Spoil::Double => copy(&producer, &record, &payload),
                        Spoil::Invent => copy(&producer, &record, b"{\"made\":\"up\"}"),
                        Spoil::Nothing => {}
                    }
                }
                copy(&producer, &record, &payload);
                let is_behind = |it: &OwnedMessage| it.key() == record.key();
                if let Some(held) = held.take_if(|it| is_behind(it)) {
                    copy(&producer, &held, held.payload().unwrap());
                }
            }
            producer.flush(Duration::from_secs(10)).unwrap();
            spoilt
        };
        Self { is_over, thread: Some(std::thread::spawn(work)) }
    }

    /// The key of the record that was spoilt.
    fn end(mut self) -> Option<String> {
        self.is_over.store(true, Ordering::Relaxed);
        self.thread.take().unwrap().join().unwrap()
    }
}

impl Drop for Copier {
    fn drop(&mut self) {
        self.is_over.store(true, Ordering::Relaxed);
        let _ = self.thread.take().map(JoinHandle::join);
    }
}

fn copy(producer: &BaseProducer, record: &OwnedMessage, payload: &[u8]) {
    let mut copied = BaseRecord::to("copied")
        .key(record.key().unwrap())
        .payload(payload)
        .partition(record.partition());
    copied.headers = record.headers().cloned();
    producer.send(copied).map_err(|(error, _)| error).unwrap();
}

/// What is seen of the copies that are spoilt so, and the key of what was. Events are JSON unless somebody has their
/// schemas.
fn copied(spoil: Spoil, registry: Option<&Registry>) -> (Done, Value, Option<String>) {
    let broker = Broker::new(&["web_events", "copied"]);
    let copier = Copier::start(&broker.address(), spoil);
    let observe = "observe={ sent: { kafka: { on: clicks, format: events } }, \
                   copies: { kafka: { on: clicks, topics: copied, format: events, within: 3s } } }";
    let avro = registry.map(|it| {
        ["format=avro".to_owned(), format!("registry={}", it.url())]
            .map(|word| format!("targets.clicks.kafka.{word}"))
    });
    let avro: Vec<_> = avro.iter().flatten().map(String::as_str).collect();
    let sets = [&[observe], &CLOSE[..], &avro].concat();
    let (done, summary, _folder) = run("@web-events-kafka", Some(&broker.address()), &sets);
    (done, summary, copier.end())
}

/// Each fault is found at the copies, and nothing else.
fn each_is_named(registry: Option<&Registry>) {
    let classes = BTreeMap::from([
        ("lost", Spoil::Lose),
        ("doubled", Spoil::Double),
        ("wrong", Spoil::Alter),
        ("phantom", Spoil::Invent),
        ("reordered", Spoil::Exchange),
    ]);
    for (class, spoil) in classes {
        let (done, summary, key) = copied(spoil, registry);
        assert_eq!(done.code, 99, "{class}: {}{}", done.out, done.err);
        let key = key.unwrap_or_else(|| panic!("{spoil:?} found none"));
        assert_eq!(faults(&summary, "sent"), [], "{class}: {summary}");
        assert_eq!(faults(&summary, "copies"), [(class, 1)], "{}", summary["verification"]);
        let examples = summary["verification"]["examples"].as_array().unwrap();
        assert_eq!(examples.len(), 1, "{class}: {examples:?}");
        let named = ["class", "surface", "table"].map(|name| examples[0][name].as_str().unwrap());
        assert_eq!(named, [class, "copies", "clicks.copied"], "{examples:?}");
        assert!(examples[0]["key"].as_str().unwrap().starts_with(&key), "{key}: {examples:?}");
    }
}

/// Nothing is found at copies that are as they were sent.
fn nothing_is_named(registry: Option<&Registry>) {
    let (done, summary, _) = copied(Spoil::Nothing, registry);
    assert_eq!(done.code, 0, "{}{}", done.out, done.err);
    let copies = surface(&summary, "copies");
    assert!(copies["expected"].as_u64() > Some(300), "{copies}");
    assert_eq!((&copies["observed"], faults(&summary, "copies")), (&copies["expected"], vec![]));
}

#[test]
fn each_event_that_is_spoilt_on_its_way_is_named() {
    each_is_named(None);
}

#[test]
fn nothing_is_named_where_events_are_copied_as_they_are() {
    nothing_is_named(None);
}

#[test]
fn each_event_in_avro_that_is_spoilt_on_its_way_is_named() {
    each_is_named(Some(&Registry::start()));
}

#[test]
fn nothing_is_named_where_events_in_avro_are_copied_as_they_are() {
    nothing_is_named(Some(&Registry::start()));
}
