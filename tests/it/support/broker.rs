//! librdkafka's own broker, in the test's process, and a consumer that is not ours.

use std::collections::BTreeMap;
use std::time::Duration;
use std::time::Instant;

use rdkafka::ClientConfig;
use rdkafka::Message;
use rdkafka::Offset;
use rdkafka::TopicPartitionList;
use rdkafka::consumer::BaseConsumer;
use rdkafka::consumer::Consumer;
use rdkafka::message::Headers;
use rdkafka::mocking::MockCluster;
use rdkafka::producer::DefaultProducerContext;

/// Partitions of each topic.
pub(crate) const PARTITIONS: i32 = 4;

/// A broker that lives as long as this value.
pub(crate) struct Broker {
    pub(crate) cluster: MockCluster<'static, DefaultProducerContext>,
}

/// A record as it arrived.
#[derive(Debug, Clone)]
pub(crate) struct Arrived {
    pub(crate) partition: i32,
    pub(crate) key: String,
    pub(crate) payload: String,
    pub(crate) bytes: Vec<u8>,
    pub(crate) at_ms: i64,
    pub(crate) headers: BTreeMap<String, String>,
}

impl Broker {
    /// With these topics.
    pub(crate) fn new(topics: &[&str]) -> Self {
        let cluster = MockCluster::new(1).unwrap();
        for topic in topics {
            cluster.create_topic(topic, PARTITIONS, 1).unwrap();
        }
        Self { cluster }
    }

    /// Its address.
    pub(crate) fn address(&self) -> String {
        self.cluster.bootstrap_servers()
    }

    /// All that a topic holds, partition by partition, each in its order.
    pub(crate) fn read(&self, topic: &str) -> Vec<Arrived> {
        let consumer: BaseConsumer = ClientConfig::new()
            .set("bootstrap.servers", self.address())
            .set("group.id", "reader")
            .set("enable.auto.commit", "false")
            .create()
            .unwrap();
        let patience = Duration::from_secs(30);
        let mut wanted = BTreeMap::new();
        let mut assignment = TopicPartitionList::new();
        for partition in 0..PARTITIONS {
            let (low, high) = consumer.fetch_watermarks(topic, partition, patience).unwrap();
            assert_eq!(low, 0, "the broker has forgotten records: send fewer");
            wanted.insert(partition, high);
            assignment.add_partition_offset(topic, partition, Offset::Beginning).unwrap();
        }
        consumer.assign(&assignment).unwrap();
        let total: i64 = wanted.values().sum();
        let until = Instant::now() + patience;
        let mut all = Vec::new();
        while i64::try_from(all.len()).unwrap() < total {
            assert!(Instant::now() < until, "{} of {total} records", all.len());
            let Some(message) = consumer.poll(Duration::from_millis(100)) else { continue };
            let message = message.unwrap();
            let text = |bytes: Option<&[u8]>| String::from_utf8(bytes.unwrap().to_vec()).unwrap();
            let headers = message.headers().into_iter().flat_map(|headers| {
                headers.iter().map(|it| (it.key.to_owned(), text(it.value))).collect::<Vec<_>>()
            });
            all.push(Arrived {
                partition: message.partition(),
                key: text(message.key()),
                payload: String::from_utf8_lossy(message.payload().unwrap()).into_owned(),
                bytes: message.payload().unwrap().to_vec(),
                at_ms: message.timestamp().to_millis().unwrap(),
                headers: headers.collect(),
            });
        }
        all.sort_by_key(|arrived| arrived.partition);
        all
    }
}
