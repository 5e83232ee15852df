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

impl KafkaTarget {
    /// The topic of an event.
    pub fn topic_of(&self, domain: &str, event: &str) -> String {
        self.topic.replace("{domain}", domain).replace("{event}", event)
    }
}
