//! A Kafka cluster, as it is meant.

use std::fmt;
use std::time::Duration;

use secrecy::SecretString;

/// A Kafka cluster and how to use it.
#[derive(Clone)]
pub struct KafkaTarget {
    /// Which.
    pub brokers: Brokers,
    /// The topic's name; `{event}` and `{domain}` stand for names.
    pub topic: String,
    /// Whether a topic that does not exist is made.
    pub creates: bool,
    /// Partitions of a topic that is made.
    pub partitions: u32,
    /// Replicas of one that is made; the cluster's own number if `None`.
    pub replication: Option<u32>,
    /// For how long one that is made keeps its records; the cluster's own time if `None`.
    pub retention: Option<Duration>,
    /// Whether records carry headers.
    pub has_headers: bool,
    /// How events are written.
    pub format: EventFormat,
    /// Set if records are committed together.
    pub transactions: Option<Transactions>,
    /// How long a record is tried.
    pub timeout: Duration,
    /// What librdkafka is told, beside the brokers: names and values, some of them secret.
    pub properties: Vec<(String, String)>,
    /// Passwords among those.
    pub secrets: Vec<SecretString>,
}

impl fmt::Debug for KafkaTarget {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("KafkaTarget").field("topic", &self.topic).finish_non_exhaustive()
    }
}

/// Which Kafka cluster.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Brokers {
    /// librdkafka's own broker, in this process.
    Embedded,
    /// At these addresses.
    At(String),
}

/// How events are written.
#[derive(Debug, Clone)]
pub enum EventFormat {
    /// One JSON object each.
    Json,
    /// Avro, with the number that this registry has given the schema.
    Avro(SchemaRegistry),
}

/// A schema registry, and how to reach it.
#[derive(Debug, Clone)]
pub struct SchemaRegistry {
    /// Its address, without a slash at the end.
    pub url: String,
    /// Whether it is on this machine.
    pub is_local: bool,
    /// Who logs in, if somebody does.
    pub user: Option<String>,
    /// With which password.
    pub password: Option<SecretString>,
    /// The file with the certificates that are trusted; those of the machine if `None`.
    pub ca: Option<String>,
}

/// How records are committed together.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Transactions {
    /// How long one is open, at most.
    pub every: Duration,
    /// How many records it has, at most.
    pub events: usize,
    /// The share of records that are also sent in a transaction that is aborted, 0 to 1.
    pub abort: f64,
}

impl KafkaTarget {
    /// Whether its broker is in this process, and ends with it.
    pub fn is_embedded(&self) -> bool {
        self.brokers == Brokers::Embedded
    }

    /// Whether what is sent again is stored once, in its order.
    pub fn is_idempotent(&self) -> bool {
        let is_it =
            |(name, value): &(String, String)| name == "enable.idempotence" && value == "true";
        self.properties.iter().any(is_it)
    }

    /// The registry, if events are written in Avro.
    pub fn registry(&self) -> Option<&SchemaRegistry> {
        match &self.format {
            EventFormat::Avro(registry) => Some(registry),
            EventFormat::Json => None,
        }
    }

    /// The topic of an event.
    pub fn topic_of(&self, domain: &str, event: &str) -> String {
        self.topic.replace("{domain}", domain).replace("{event}", event)
    }
}
