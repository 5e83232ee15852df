//! What is observed, as it is written.

use schemars::JsonSchema;
use serde::Deserialize;

use crate::scenario::TopicFormat;
use crate::scenario::file::LakeFile;
use crate::scenario::file::RegistryFile;
use crate::yaml::ScalarOr;
use crate::yaml::Spanned;

/// A far end to read, in order to see how late changes arrive there, and whether all of them do.
#[derive(Clone, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(in crate::scenario) enum ObserverFile {
    /// A logical replication slot of our own in each database of a target: the far end that needs
    /// nothing but PostgreSQL (14 or newer, `wal_level=logical`).
    Slot(SlotFile),
    /// Another PostgreSQL server to which the rows of a target come under the same names, by a subscription or by
    /// whatever writes them there: read by a slot of our own there (14 or newer, `wal_level=logical`), or by looking at
    /// its tables.
    Postgres(ReplicaFile),
    /// Topics into which Debezium writes the changes that it captures; or topics with the events of domains.
    Kafka(TopicsFile),
    /// A lake into which a sink writes the changes that connectors capture; or objects with events.
    Lake(LakeFile),
}

/// The topics of connectors, one for each table; or those of events.
#[derive(Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::scenario) struct TopicsFile {
    /// The `kafka` target that says which cluster it is and how it is reached, by its name.
    pub(in crate::scenario) on: Spanned<String>,
    /// The topic of a table: `{database}`, `{schema}` and `{table}` stand for names, `{domain}` for that of the
    /// first domain in the database; `domain_{domain}.{schema}.{table}` unless set. With `format: events` the topic of
    /// an event, where somebody copies it: `{event}` and `{domain}` stand for names; where it is sent unless set.
    pub(in crate::scenario) topics: Option<Spanned<String>>,
    /// How a record is written; `debezium` unless set.
    #[serde(default)]
    pub(in crate::scenario) format: TopicFormatFile,
    /// Where the schemas of changes in Avro are registered: its address, or its address and a login; that of the target
    /// unless set. Without one, records are JSON.
    pub(in crate::scenario) registry: Option<Spanned<ScalarOr<RegistryFile>>>,
    /// The topic of the messages that transactions write into the log (`cdc: { trace: message }`): `{database}` and
    /// `{domain}` stand for names; unless set, `message` in the place of `{schema}.{table}`.
    pub(in crate::scenario) messages: Option<Spanned<String>>,
    /// The topic of what Debezium tells of transactions (`provide.transaction.metadata`), `domain_{domain}.transaction` as
    /// our own connectors call it: the end of each is held against what was acknowledged, and the first and the last row
    /// of each are timed. It needs `cdc: { trace: message }`; not read unless set.
    pub(in crate::scenario) transactions: Option<Spanned<String>>,
    /// The domains whose changes come there; all that are on a PostgreSQL server unless set. With `format: events` those
    /// whose events do; all that are sent to the target unless set.
    pub(in crate::scenario) domains: Option<Vec<Spanned<String>>>,
    /// For how long nothing may come at the end until it is given up; 2m unless set.
    pub(in crate::scenario) within: Option<Spanned<String>>,
}

/// How a record is written. Changes are JSON, with their schema beside it or without, or Avro, behind the number of a schema
/// in a `registry`.
#[derive(Clone, Copy, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(in crate::scenario) enum TopicFormatFile {
    /// As Debezium does by itself: what the row was and is, the operation, and where it comes from.
    #[default]
    Debezium,
    /// As `ExtractNewRecordState` leaves it: the row, with `add.fields=op,lsn,txId` at least, and deletes as
    /// `delete.tombstone.handling.mode=rewrite` has them; with `cdc: { trace: columns }` topics need neither.
    Flattened,
    /// No changes of rows, but the events of domains, byte by byte as they are sent.
    Events,
}

impl TopicFormatFile {
    /// How changes are written; `None`: there are none.
    pub(in crate::scenario) fn meant(self) -> Option<TopicFormat> {
        match self {
            Self::Debezium => Some(TopicFormat::Debezium),
            Self::Flattened => Some(TopicFormat::Flattened),
            Self::Events => None,
        }
    }
}

/// A server to which the rows of a target come.
#[derive(Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::scenario) struct ReplicaFile {
    /// The replica, by its address: `${REPLICA}`.
    pub(in crate::scenario) url: Spanned<String>,
    /// The target whose rows come there, by its name.
    pub(in crate::scenario) on: Spanned<String>,
    /// The database there; `{database}` stands for that of the source. `{database}` unless set.
    pub(in crate::scenario) database: Option<Spanned<String>>,
    /// How it is read; by a slot unless set.
    #[serde(default)]
    pub(in crate::scenario) by: ReplicaByFile,
    /// With `by: poll`: how often its tables are looked at, `10ms` to `1m`; 1s unless set.
    pub(in crate::scenario) every: Option<Spanned<String>>,
    /// How long it may take, at the beginning and at the end, until it has what the source has; 2m unless set.
    pub(in crate::scenario) within: Option<Spanned<String>>,
    /// How long a lost connection is tried again; 60s unless set.
    pub(in crate::scenario) reconnect: Option<Spanned<String>>,
}

/// How a replica is read.
#[derive(Clone, Copy, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(in crate::scenario) enum ReplicaByFile {
    /// By a slot of our own there: every change is seen.
    #[default]
    Slot,
    /// By looking at its tables, which needs nothing but the right to read them: of several changes of a row the last
    /// is seen, and at the end all rows are compared.
    Poll,
}

/// A slot for each database of a target.
#[derive(Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::scenario) struct SlotFile {
    /// The target, by its name.
    pub(in crate::scenario) on: Spanned<String>,
    /// Up to where the server is told that its log is not needed any more; `all` unless set.
    #[serde(default)]
    pub(in crate::scenario) confirm: ConfirmFile,
}

/// What is confirmed to the server of a slot.
#[derive(Clone, Copy, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(in crate::scenario) enum ConfirmFile {
    /// All that it has looked through, also where nothing of this database was in it.
    #[default]
    All,
    /// Up to the last transaction of this database that came, as many connectors do: the slot of an idle
    /// database stays where it is, and the log of its busy neighbours is kept for it.
    Changes,
}
