//! One run: which domains, on which targets, under which load, judged how. What is *meant*; a value
//! of [`Scenario`] has passed `scenario/check.rs` and does not fail later for a reason of its own.

pub mod builtin;
pub mod cdc;
mod check;
mod copy;
mod faults;
mod file;
mod firehose;
mod follow;
mod hash;
mod history;
mod judged;
mod kafka;
mod ledger;
pub(crate) mod life;
mod lines;
mod load;
mod numbers;
mod overrides;
mod pattern;
mod read;
mod schemas;
mod steps;
mod trace;
mod way;

use std::time::Duration;

use secrecy::SecretString;

use crate::diagnostic::Secrets;
use crate::pace::Pacing;
use crate::schema::Schema;
use crate::yaml;

pub use cdc::Arrivals;
pub use cdc::Bucket;
pub use cdc::Canary;
pub use cdc::Cdc;
pub use cdc::Confirms;
pub use cdc::EventSurface;
pub use cdc::Events;
pub use cdc::LakeSite;
pub use cdc::Observer;
pub use cdc::ObserverKind;
pub use cdc::RecordFiles;
pub use cdc::Replica;
pub use cdc::TopicFormat;
pub use cdc::TraceBy;
pub use cdc::Warehouse;
pub use copy::Copy;
pub use faults::Faults;
pub(crate) use faults::TYPE_FIELDS;
pub use firehose::FirehoseCreate;
pub use firehose::FirehoseEndpoint;
pub use firehose::FirehoseFaults;
pub use firehose::FirehoseLimits;
pub use firehose::FirehoseTarget;
pub use firehose::StandIn;
pub use follow::FollowUp;
pub(crate) use follow::HOPS_MAX;
pub use history::History;
pub use judged::BreachAction;
pub use judged::Comparison;
pub use judged::Metric;
pub use judged::Over;
pub use judged::Statistic;
pub use judged::Threshold;
pub use judged::Validity;
pub use kafka::Brokers;
pub use kafka::EventFormat;
pub use kafka::KafkaTarget;
pub use kafka::SchemaRegistry;
pub use kafka::Transactions;
pub use ledger::LedgerLimits;
pub use lines::Compress;
pub use lines::LineFile;
pub use lines::LinesFormat;
pub use lines::LinesTarget;
pub use lines::LinesTo;
pub use load::Load;
pub use load::Precision;
pub use overrides::Overrides;
pub(crate) use pattern::listed;
pub(crate) use pattern::literal;
pub(crate) use pattern::pattern;
pub use read::Checked;
pub use read::check_file;
pub use read::check_text;
pub use steps::OwnTable;
pub use steps::StressKind;
pub use steps::StressStep;
pub use way::Way;

/// The JSON Schema of a scenario file.
pub fn json_schema() -> serde_json::Value {
    yaml::json_schema_of::<file::ScenarioFile>("loadgen scenario")
}

/// A run, checked.
#[derive(Debug, Clone)]
pub struct Scenario {
    /// Its name.
    pub name: String,
    /// From which all content follows.
    pub seed: u64,
    /// The time in the data at which the run begins.
    pub start: Start,
    /// How many lanes the entities and slots are dealt to.
    pub lanes: u32,
    /// Whether targets may be on other machines.
    pub allow_remote: bool,
    /// Where to send.
    pub targets: Vec<Target>,
    /// What to send.
    pub domains: Vec<Domain>,
    /// How fast.
    pub load: Load,
    /// What change data capture needs on the source.
    pub cdc: Cdc,
    /// Which far ends are read.
    pub observers: Vec<Observer>,
    /// What is kept of each transaction.
    pub ledger: LedgerLimits,
    /// How it is judged.
    pub thresholds: Vec<Threshold>,
    /// When its numbers are worth anything.
    pub validity: Validity,
    /// SHA-256 of what decides the content (seed, lanes, start, schemas with their
    /// variables, rows, mixes, warm-up, profiles), in hex.
    /// Targets, connections and thresholds are not part of it.
    pub hash: String,
    /// The text it was read from, without passwords, for the run's manifest.
    pub source: String,
    /// What must not be told of it.
    pub secrets: Secrets,
}

impl Scenario {
    /// The index of a target.
    pub fn target(&self, name: &str) -> Option<usize> {
        self.targets.iter().position(|target| target.name == name)
    }

    /// Whether anything is sent to a PostgreSQL server.
    pub fn has_server(&self) -> bool {
        let kinds = self.domains.iter().filter_map(|domain| self.targets.get(domain.target));
        kinds.into_iter().any(|target| matches!(target.kind, TargetKind::Postgres(_)))
    }

    /// The index of a domain, by its name.
    pub fn domain(&self, name: &str) -> Option<usize> {
        self.domains.iter().position(|domain| domain.schema.name == name)
    }
}

/// When the run begins, in the data.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Start {
    /// The clock's time when the run begins.
    Now,
    /// Microseconds since 1970-01-01T00:00:00Z.
    At(i64),
}

/// A place to send to.
#[derive(Debug, Clone)]
pub struct Target {
    /// Its name in the scenario.
    pub name: String,
    /// What it is.
    pub kind: TargetKind,
}

/// The kinds of target.
#[derive(Debug, Clone)]
pub enum TargetKind {
    /// A PostgreSQL server.
    Postgres(PostgresTarget),
    /// A Kafka cluster.
    Kafka(KafkaTarget),
    /// Amazon Data Firehose.
    Firehose(Box<FirehoseTarget>),
    /// Files, or standard output.
    Lines(LinesTarget),
    /// Renders everything, sends nothing.
    Discard,
    /// Where external domains are: nothing is known of it, and nothing is sent there.
    Elsewhere,
}

impl TargetKind {
    /// Whether it takes events.
    pub fn takes_events(&self) -> bool {
        matches!(self, Self::Kafka(_) | Self::Firehose(_) | Self::Lines(_))
    }

    /// The topic, stream or file of an event; `None` where there is no such thing.
    pub fn destination_of(&self, domain: &str, event: &str) -> Option<String> {
        match self {
            Self::Kafka(kafka) => Some(kafka.topic_of(domain, event)),
            Self::Firehose(firehose) => Some(firehose.stream_of(domain, event)),
            Self::Lines(lines) => Some(lines.path_of(domain, event)),
            Self::Postgres(_) | Self::Discard | Self::Elsewhere => None,
        }
    }
}

/// A PostgreSQL server and how to use it.
#[derive(Debug, Clone)]
pub struct PostgresTarget {
    /// Which server.
    pub server: Server,
    /// The server's own address, where `server` is a pooler's.
    pub admin: Option<SecretString>,
    /// Whether nothing of a session is relied on: a pooler in transaction mode is between.
    pub is_pooled: bool,
    /// Connections for each database, 1 to 1000.
    pub connections: u32,
    /// Actions in flight on a connection, at most; 1 to 64.
    pub in_flight: u32,
    /// What loadgen may make there.
    pub provision: Provision,
    /// `synchronous_commit` of our sessions, if the scenario sets it: `on`, `off`, `local`, ...
    pub synchronous_commit: Option<String>,
    /// `statement_timeout` of our sessions, if the scenario sets it.
    pub statement_timeout: Option<Duration>,
    /// The isolation level of our transactions, if the scenario sets it.
    pub isolation: Option<Isolation>,
    /// How long a lost connection is tried again before the run gives up.
    pub reconnect: Duration,
}

/// How far transactions are kept apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Isolation {
    /// Each statement sees what is committed before it.
    ReadCommitted,
    /// The whole transaction does; who changes a row that has changed since is refused.
    RepeatableRead,
    /// As if they came one after the other.
    Serializable,
}

impl Isolation {
    /// As `default_transaction_isolation` has it.
    pub fn setting(self) -> &'static str {
        match self {
            Self::ReadCommitted => "read committed",
            Self::RepeatableRead => "repeatable read",
            Self::Serializable => "serializable",
        }
    }
}

/// Which PostgreSQL server.
#[derive(Debug, Clone)]
pub enum Server {
    /// A private throwaway server, of a major version if one is asked for.
    Embedded(Option<u16>),
    /// A connection URL or key-value string, which may hold a password.
    At(SecretString),
}

/// What loadgen may make on a server.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Provision {
    /// A database and roles for each domain.
    Databases,
    /// A PostgreSQL schema for each domain, in the database that the URL names; no roles.
    Schemas,
    /// Nothing: the tables exist.
    Nothing,
}

/// One schema in this run.
#[derive(Debug, Clone)]
pub struct Domain {
    /// What it is.
    pub schema: Schema,
    /// Which of several it is, if it was written once for all of them.
    pub copy: Copy,
    /// Index into [`Scenario::targets`]: where its rows are kept; of a domain whose rows nobody keeps,
    /// where its events go.
    pub target: usize,
    /// The targets that its events go to, as indexes too; empty if that is `target`.
    pub events: Vec<usize>,
    /// The database it lives in.
    pub database: String,
    /// The PostgreSQL schema its tables live in (`public` unless set, or the domain's own name
    /// with [`Provision::Schemas`]).
    pub namespace: String,
    /// The names of its roles.
    pub roles: Roles,
    /// How many rows to seed into each table of the schema. Owned tables have 0: their rows come
    /// with their owners'.
    pub rows: Vec<u64>,
    /// When those were made; as the schema says if `None`.
    pub history: Option<History>,
    /// What is wrong with some of its events on purpose, if anything is.
    pub faults: Option<Faults>,
}

/// The roles of a domain: made with [`Provision::Databases`] only.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Roles {
    /// Owns the database and its tables; cannot log in. `{domain}_owners_group` unless set.
    pub owner: String,
    /// The application's login. `{domain}_app` unless set.
    pub application: String,
    /// The login of change data capture. `debezium_{domain}` unless set.
    pub capture: String,
}

/// An independently scheduled source of actions.
#[derive(Debug, Clone)]
pub struct Stream {
    /// Its name.
    pub name: String,
    /// Which actions, how often.
    pub mix: Vec<MixEntry>,
    /// When.
    pub pacing: Pacing,
    /// The segments of its profile that have a name, in order; a repeated one as often as it is
    /// played.
    pub segments: Vec<NamedSegment>,
    /// What becomes of late slots.
    pub late: Late,
    /// At most so many slots (warm-up not counted).
    pub limit: Option<u64>,
    /// Whether slots are gathered into transactions, and how.
    pub batch: Option<Batching>,
}

/// How slots are gathered into transactions.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Batching {
    /// Slots in one transaction, at most; 2 to 10000.
    pub rows: usize,
    /// How long the first of them waits for the others.
    pub linger: Duration,
}

/// When a segment with a name is played. Times are measured: the warm-up is not counted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NamedSegment {
    /// Its name.
    pub name: String,
    /// When it begins.
    pub from: Duration,
    /// When it ends.
    pub to: Duration,
}

/// One action of a mix.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct MixEntry {
    /// Index into [`Scenario::domains`].
    pub domain: usize,
    /// Index into the schema's actions.
    pub action: usize,
    /// How often, relative to the others; positive.
    pub weight: f64,
}

/// What becomes of slots that cannot be sent when they are due.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Late {
    /// A backlog is worked off at no more than this many times the scheduled rate; at least 1.
    pub factor: f64,
    /// How late a slot may be.
    pub max_lag: Duration,
    /// What happens beyond that.
    pub policy: LatePolicy,
}

/// What happens to a slot that is later than [`Late::max_lag`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LatePolicy {
    /// It is sent all the same, and the stream counts as degraded.
    CatchUp,
    /// It is not sent, and counted.
    Skip,
    /// Three seconds of that on end stop the run.
    Abort,
}
