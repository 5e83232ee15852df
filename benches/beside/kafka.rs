//! Events into Kafka, beside a loop around librdkafka's own producer that sends ready messages with the same
//! settings. The broker is librdkafka's, in this process; another one if `BENCH_KAFKA` names it.

use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering;
use std::time::Duration;
use std::time::Instant;

use loadgen::embedded::EmbeddedKafka;
use rdkafka::ClientConfig;
use rdkafka::ClientContext;
use rdkafka::error::KafkaError;
use rdkafka::message::DeliveryResult;
use rdkafka::producer::BaseProducer;
use rdkafka::producer::BaseRecord;
use rdkafka::producer::Producer;
use rdkafka::producer::ProducerContext;
use rdkafka::types::RDKafkaErrorCode;

use super::events::Run;
use super::events::SIZE;
use super::events::peer;
use super::measure::Point;
use super::measure::Reading;
use super::measure::compare;

/// Makes this program the peer: the brokers to send to.
pub(crate) const PEER: &str = "BENCH_KAFKA_PEER";
const TOPIC: &str = "bench";
const PARTITIONS: u32 = 6;
/// How long each side sends.
const LENGTH: Duration = Duration::from_secs(3);
/// Records between two looks at the clock.
const STRIDE: usize = 1000;
/// What loadgen tells librdkafka unless a scenario says otherwise.
const SETTINGS: [(&str, &str); 5] = [
    ("acks", "all"),
    ("enable.idempotence", "true"),
    ("linger.ms", "5"),
    ("batch.size", "1000000"),
    ("partitioner", "murmur2_random"),
];

/// Messages that are as good as ready, and messages that are made.
pub(crate) fn all(rounds: usize) {
    let own = EmbeddedKafka::start(vec![(TOPIC.to_owned(), PARTITIONS)]).unwrap();
    let brokers = std::env::var("BENCH_KAFKA").unwrap_or_else(|_| own.brokers().to_owned());
    let points = [("ready", "constant messages"), ("made", "generated messages")];
    compare(
        ("librdkafka", "messages"),
        rounds,
        points.map(|(action, name)| (action, Point::new(name.to_owned()))).into(),
        |_| peer(PEER, &brokers),
        |action| loadgen(&brokers, action),
    );
}

fn loadgen(brokers: &str, action: &str) -> Reading {
    let folder = tempfile::tempdir().unwrap();
    let target = format!(
        "{{ kafka: {{ brokers: '{brokers}', topic: {TOPIC}, create: false, headers: false }} }}"
    );
    let profile = format!("{{ unlimited: {}s }}", LENGTH.as_secs());
    let arguments = &["--workers", "2"];
    let run = Run { folder: folder.path(), target: &target, action, profile: &profile, arguments };
    let (summary, cpu) = run.go();
    let stream = &summary["streams"][0];
    let count = stream["acknowledged"].as_f64().unwrap();
    eprintln!("{} bytes an event", summary["events"][0]["bytes"].as_f64().unwrap() / count);
    Reading { rate: stream["achieved_rate"].as_f64().unwrap(), cpu_us: cpu * 1e6 / count }
}

/// Counts what was acknowledged.
#[derive(Default)]
struct Counted(AtomicU64);

impl ClientContext for Counted {}

impl ProducerContext for Counted {
    type DeliveryOpaque = ();

    fn delivery(&self, result: &DeliveryResult<'_>, (): ()) {
        assert!(result.is_ok(), "{result:?}");
        self.0.fetch_add(1, Ordering::Relaxed);
    }
}

/// What the peer's process does: it prints how many messages were acknowledged, and in how many nanoseconds.
pub(crate) fn send(brokers: &str) {
    let mut config = ClientConfig::new();
    config.set("bootstrap.servers", brokers);
    for (name, value) in SETTINGS {
        config.set(name, value);
    }
    let producer: BaseProducer<Counted> = config.create_with_context(Counted::default()).unwrap();
    let payload = vec![b'x'; SIZE];
    let keys: Vec<String> = (0..1024).map(|key| format!("{key:036}")).collect();
    let began = Instant::now();
    while began.elapsed() < LENGTH {
        for key in keys.iter().cycle().take(STRIDE) {
            let record = BaseRecord::to(TOPIC).key(key.as_bytes()).payload(payload.as_slice());
            put(&producer, record.timestamp(1));
        }
        producer.poll(Duration::ZERO);
    }
    producer.flush(Duration::from_mins(1)).unwrap();
    let count = producer.context().0.load(Ordering::Relaxed);
    println!("{count} {}", began.elapsed().as_nanos());
}

/// Waits for room where there is none.
fn put(producer: &BaseProducer<Counted>, mut record: BaseRecord<'_, [u8], [u8]>) {
    while let Err((error, again)) = producer.send(record) {
        let full = Some(RDKafkaErrorCode::QueueFull);
        assert_eq!(KafkaError::rdkafka_error_code(&error), full, "{error}");
        producer.poll(Duration::from_millis(1));
        record = again;
    }
}
