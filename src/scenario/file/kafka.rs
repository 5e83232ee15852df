//! A Kafka cluster as it is written in YAML.

use schemars::JsonSchema;
use serde::Deserialize;

use crate::yaml::BareWords;
use crate::yaml::Entries;
use crate::yaml::Scalar;
use crate::yaml::ScalarOr;
use crate::yaml::Spanned;

/// A Kafka cluster and how to use it.
#[derive(Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::scenario) struct KafkaFile {
    /// `embedded`, or addresses: `host:9092,other:9092`.
    pub(in crate::scenario) brokers: Spanned<String>,
    /// The topic; `{event}` and `{domain}` stand for the names of the event and of its domain. The
    /// event's name unless set.
    pub(in crate::scenario) topic: Option<Spanned<String>>,
    /// Whether a topic that does not exist is made; `true` unless set.
    pub(in crate::scenario) create: Option<bool>,
    /// Of a topic that is made: how many partitions; 6 unless set.
    pub(in crate::scenario) partitions: Option<Spanned<u32>>,
    /// Of a topic that is made: how many brokers keep it; the cluster's own unless set.
    pub(in crate::scenario) replication: Option<Spanned<u32>>,
    /// Of a topic that is made: for how long its records are kept, `7d`; the cluster's own unless set. By so
    /// much longer as the events' times lie in the past.
    pub(in crate::scenario) retention: Option<Spanned<String>>,
    /// Who has it when it counts as acknowledged: `all` in-sync replicas, or `leader` alone; `all`
    /// unless set.
    #[serde(default)]
    pub(in crate::scenario) acks: AcksFile,
    /// Whether what is sent again is stored once, in its order; `true` unless `acks` is `leader`.
    pub(in crate::scenario) idempotence: Option<Spanned<bool>>,
    /// How batches are compressed; `none` unless set.
    #[serde(default)]
    pub(in crate::scenario) compression: CompressionFile,
    /// How long a record waits for others of its partition; 5ms unless set.
    pub(in crate::scenario) linger: Option<Spanned<String>>,
    /// How large a batch may be, in bytes; 1M unless set.
    pub(in crate::scenario) batch: Option<Spanned<String>>,
    /// How many records may wait or be under way; 100k unless set. Beyond that the load waits.
    pub(in crate::scenario) queue: Option<Spanned<String>>,
    /// How long a record is tried before it is given up; 1m unless set.
    pub(in crate::scenario) timeout: Option<Spanned<String>>,
    /// Whether records carry headers: the run, the action, and a W3C `traceparent`; `true` unless set.
    pub(in crate::scenario) headers: Option<bool>,
    /// How events are written: `json`, one object each, or `avro`, with the number of a schema before it;
    /// `json` unless set.
    pub(in crate::scenario) format: Option<Spanned<FormatFile>>,
    /// Where the schemas of `format: avro` are registered: its address, or its address and a login.
    pub(in crate::scenario) registry: Option<Spanned<ScalarOr<RegistryFile>>>,
    /// Commits records together, or not at all; each by itself unless set.
    pub(in crate::scenario) transactions: Option<Spanned<TransactionsFile>>,
    /// Connects by TLS.
    pub(in crate::scenario) tls: Option<Spanned<KafkaTlsFile>>,
    /// Logs in.
    pub(in crate::scenario) sasl: Option<Spanned<SaslFile>>,
    /// Any other property of librdkafka, by its name: `socket.keepalive.enable: true`.
    #[serde(default)]
    pub(in crate::scenario) properties: Entries<Spanned<Scalar>>,
}

/// Who has a record when it counts as acknowledged.
#[derive(Clone, Copy, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(in crate::scenario) enum AcksFile {
    /// All replicas that are in sync.
    #[default]
    All,
    /// The partition's leader.
    Leader,
}

/// How batches are compressed.
#[derive(Clone, Copy, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(in crate::scenario) enum CompressionFile {
    /// Not at all.
    #[default]
    None,
    /// `gzip`
    Gzip,
    /// `snappy`
    Snappy,
    /// `lz4`
    Lz4,
    /// `zstd`
    Zstd,
}

/// How TLS is used.
#[derive(Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::scenario) struct KafkaTlsFile {
    /// The file with the certificates that are trusted; those of the machine unless set.
    pub(in crate::scenario) ca: Option<Spanned<String>>,
    /// The file with our own certificate, where the cluster asks for one.
    pub(in crate::scenario) certificate: Option<Spanned<String>>,
    /// The file with its key.
    pub(in crate::scenario) key: Option<Spanned<String>>,
    /// The password of the key.
    pub(in crate::scenario) password: Option<Spanned<String>>,
    /// Whether the broker's certificate must be valid, and for its name; `true` unless set.
    pub(in crate::scenario) verify: Option<bool>,
}

/// How to log in.
#[derive(Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::scenario) struct SaslFile {
    /// The mechanism; `scram_sha_512` unless set.
    #[serde(default)]
    pub(in crate::scenario) mechanism: MechanismFile,
    /// The user.
    pub(in crate::scenario) user: Spanned<String>,
    /// The password: `${KAFKA_PASSWORD}`.
    pub(in crate::scenario) password: Spanned<String>,
}

/// A mechanism to log in by.
#[derive(Clone, Copy, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(in crate::scenario) enum MechanismFile {
    /// The password as it is: with TLS only.
    Plain,
    /// SCRAM with SHA-256.
    #[serde(rename = "scram_sha_256")]
    ScramSha256,
    /// SCRAM with SHA-512.
    #[default]
    #[serde(rename = "scram_sha_512")]
    ScramSha512,
}

/// How an event is written.
#[derive(Clone, Copy, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(in crate::scenario) enum FormatFile {
    /// One JSON object.
    #[default]
    Json,
    /// Avro, as Schema Registry's clients read it.
    Avro,
}

/// A schema registry.
#[derive(Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::scenario) struct RegistryFile {
    /// Its address: `https://registry:8081`.
    pub(in crate::scenario) url: Spanned<String>,
    /// Who logs in.
    pub(in crate::scenario) user: Option<Spanned<String>>,
    /// The password: `${REGISTRY_PASSWORD}`.
    pub(in crate::scenario) password: Option<Spanned<String>>,
    /// The file with the certificates that are trusted; those of the machine unless set.
    pub(in crate::scenario) ca: Option<Spanned<String>>,
}

impl BareWords for RegistryFile {
    fn words() -> Vec<(&'static str, &'static str)> {
        Vec::new()
    }
}

/// How records are committed together.
#[derive(Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::scenario) struct TransactionsFile {
    /// How long a transaction is open before it is committed; 100ms unless set.
    pub(in crate::scenario) every: Option<Spanned<String>>,
    /// How many records it has before it is committed; 10k unless set.
    pub(in crate::scenario) events: Option<Spanned<String>>,
    /// The share of records that are sent once more, in a transaction that is aborted: `2%`; none unless set.
    pub(in crate::scenario) abort: Option<Spanned<String>>,
}
