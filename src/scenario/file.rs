//! A scenario as it is written in YAML.

mod cdc;
mod connect;
mod faults;
mod firehose;
mod history;
mod judge;
mod kafka;
mod ledger;
mod lines;
mod lake;
mod observe;
mod profile;
mod session;
mod steps;

use schemars::JsonSchema;
use serde::Deserialize;

use crate::yaml::Entries;
use crate::yaml::Kept;
use crate::yaml::OneOrMany;
use crate::yaml::ScalarOr;
use crate::yaml::Spanned;

pub(super) use cdc::CdcFile;
pub(super) use cdc::TraceByFile;
pub(super) use connect::ConnectFile;
pub(super) use connect::SnapshotFile;
pub(super) use faults::FaultsFile;
pub(super) use faults::LateEventsFile;
pub(super) use firehose::CreateFile;
pub(super) use firehose::FirehoseFile;
pub(super) use firehose::LimitsFile;
pub(super) use firehose::StandInFile;
pub(super) use history::HistoryFile;
pub(super) use judge::BreachActionFile;
pub(super) use judge::NoDataFile;
pub(super) use judge::ThresholdFile;
pub(super) use judge::ValidityFile;
pub(super) use kafka::AcksFile;
pub(super) use kafka::CompressionFile;
pub(super) use kafka::FormatFile;
pub(super) use kafka::KafkaFile;
pub(super) use kafka::KafkaTlsFile;
pub(super) use kafka::MechanismFile;
pub(super) use kafka::RegistryFile;
pub(super) use kafka::SaslFile;
pub(super) use lake::LakeFile;
pub(super) use lake::LayoutFile;
pub(super) use ledger::LedgerFile;
pub(super) use lines::CompressFile;
pub(super) use lines::LinesFile;
pub(super) use lines::LinesFormatFile;
pub(super) use observe::ConfirmFile;
pub(super) use observe::ObserverFile;
pub(super) use observe::ReplicaByFile;
pub(super) use observe::ReplicaFile;
pub(super) use observe::TopicFormatFile;
pub(super) use observe::TopicsFile;
pub(super) use profile::ArrivalFile;
pub(super) use profile::BumpFile;
pub(super) use profile::CountFile;
pub(super) use profile::CurveFile;
pub(super) use profile::DayFile;
pub(super) use profile::RampFile;
pub(super) use profile::SegmentFile;
pub(super) use profile::SineFile;
pub(super) use profile::SpikeFile;
pub(super) use profile::StartFile;
pub(super) use profile::StepsFile;
pub(super) use profile::TraceFile;
pub(super) use session::SessionsFile;
pub(super) use session::ThinkFile;
pub(super) use steps::EndFile;
pub(super) use steps::LoadStepFile;
pub(super) use steps::SignalFile;
pub(super) use steps::ToastFile;

/// One run: which domains, on which targets, under which load, judged how.
#[derive(Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct ScenarioFile {
    /// Its name; also that of the run's folder.
    pub(super) scenario: Spanned<String>,
    /// From which all content follows: the same seed, the same rows and actions; 1 unless set.
    #[serde(default)]
    pub(super) seed: Kept<Option<Spanned<u64>>>,
    /// The time in the data when the run begins, `2026-01-01T00:00:00Z` or a date; `now` unless set.
    #[serde(default)]
    pub(super) start: Kept<Option<Spanned<String>>>,
    /// How many lanes the rows and slots are dealt to, 1 to 4096; as many actions at most are under
    /// way at a time, for each group of streams that share tables. Other lanes are other content. 64
    /// unless set.
    #[serde(default)]
    pub(super) lanes: Kept<Option<Spanned<u32>>>,
    /// Whether targets may be on other machines; `false` unless set.
    #[serde(default)]
    pub(super) allow_remote: Kept<bool>,
    /// Where to send, by name.
    #[serde(default)]
    pub(super) targets: Kept<Entries<TargetFile>>,
    /// What to send: the name of each is its schema's.
    pub(super) domains: Spanned<Entries<DomainFile>>,
    /// How fast and how long.
    #[serde(default)]
    pub(super) load: Kept<LoadFile>,
    /// What change data capture needs on the source.
    #[serde(default)]
    pub(super) cdc: Kept<CdcFile>,
    /// Far ends to read, by name: how late changes arrive there, and whether all of them do.
    #[serde(default)]
    pub(super) observe: Kept<Entries<ObserverFile>>,
    /// What is kept of each transaction, so that the run can be judged again later.
    #[serde(default)]
    pub(super) ledger: Kept<LedgerFile>,
    /// When the run is good. Any that does not hold makes the exit code 99.
    #[serde(default)]
    pub(super) thresholds: Kept<Vec<Kept<ThresholdFile>>>,
    /// When the run's numbers are worth anything: `off`, or limits of what loadgen itself may do
    /// wrong before the run is invalid (exit code 6).
    #[serde(default)]
    pub(super) validity: Kept<Option<Spanned<ScalarOr<ValidityFile>>>>,
}

/// A place to send to.
#[derive(Clone, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(super) enum TargetFile {
    /// A PostgreSQL server.
    Postgres(Box<PostgresFile>),
    /// A Kafka cluster.
    Kafka(Box<KafkaFile>),
    /// Amazon Data Firehose, or a stand-in for it.
    Firehose(Box<Spanned<ScalarOr<FirehoseFile>>>),
    /// Files, or standard output.
    Lines(Box<LinesFile>),
    /// Renders everything, sends nothing.
    Discard(DiscardFile),
}

/// A target that sends nothing; it has no settings.
#[derive(Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct DiscardFile {}

/// A PostgreSQL server and how to use it.
#[derive(Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct PostgresFile {
    /// `embedded`, `embedded:16`, a URL or a key-value string.
    pub(super) url: Spanned<String>,
    /// The server's own address, where `url` is that of a pooler: set-up, seeding and the books go
    /// there. `url` unless set.
    pub(super) admin: Option<Spanned<String>>,
    /// Whether statements are prepared once for each connection; `true` unless set. `false` is for
    /// poolers in transaction mode: nothing of a session is relied on.
    pub(super) prepare: Option<Spanned<bool>>,
    /// Connections for each database, 1 to 1000; 8 unless set.
    pub(super) connections: Option<Spanned<u32>>,
    /// Actions in flight on a connection, at most; 1 to 64; 8 unless set.
    pub(super) in_flight: Option<Spanned<u32>>,
    /// What loadgen may make there; `databases` unless set.
    #[serde(default)]
    pub(super) provision: ProvisionFile,
    /// `synchronous_commit` of our sessions: `on`, `off`, `local`, `remote_write`, `remote_apply`; the
    /// server's own unless set.
    pub(super) synchronous_commit: Option<Spanned<String>>,
    /// `statement_timeout` of our sessions, a duration; the server's own unless set.
    pub(super) statement_timeout: Option<Spanned<String>>,
    /// `read_committed`, `repeatable_read` or `serializable`, for all our transactions; the server's
    /// own unless set.
    pub(super) isolation: Option<Spanned<String>>,
    /// How long a lost connection is tried again before the run stops; 60s unless set.
    pub(super) reconnect: Option<Spanned<String>>,
}

/// What loadgen may make on a server.
#[derive(Clone, Copy, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(super) enum ProvisionFile {
    /// A database and roles for each domain.
    #[default]
    Databases,
    /// A PostgreSQL schema for each domain, in the database that the URL names; no roles.
    Schemas,
    /// Nothing: the tables exist.
    #[serde(alias = "none")]
    Nothing,
}

/// One schema in this run.
#[derive(Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct DomainFile {
    /// The target, by its name: needed, unless the domain is `external`, or only says where its `events` go.
    pub(super) on: Option<Spanned<String>>,
    /// The target that its events go to, or several: each of them gets every event. Its rows are kept by
    /// the target `on`, or by nobody if there is none. Events go to the target `on` unless set.
    pub(super) events: Option<Spanned<OneOrMany<Spanned<String>>>>,
    /// What is wrong with some of its events, on purpose; nothing unless set.
    pub(super) faults: Option<Spanned<FaultsFile>>,
    /// The schema's file, from the scenario's folder; looked for by the domain's name unless set.
    pub(super) schema: Option<Spanned<String>>,
    /// The schema's own unless set.
    pub(super) database: Option<Spanned<String>>,
    /// The PostgreSQL schema; `public` unless set, or the domain's name with `provision: schemas`.
    pub(super) namespace: Option<Spanned<String>>,
    /// How many rows are seeded: so many times the `rows` that the schema says of each table.
    pub(super) scale: Option<Spanned<f64>>,
    /// How many rows are seeded into each table, `250k`; by `scale`, or 0, unless set.
    #[serde(default)]
    pub(super) rows: Entries<Spanned<String>>,
    /// When the seeded rows were made: spread over so long before the start. As the schema says (30 days,
    /// or a column's `past`) unless set.
    pub(super) history: Option<Spanned<ScalarOr<HistoryFile>>>,
    /// The names of its roles, which are made with `provision: databases` only.
    #[serde(default)]
    pub(super) roles: RolesFile,
    /// So many domains are made from this one, 1 to 256: `shop_1`, `shop_2` and so on, each with its
    /// database, logins and rows. `lanes` are dealt to them evenly. One that has no number unless set.
    pub(super) copies: Option<Spanned<u32>>,
    /// Its rows are kept elsewhere: others refer to them, and nothing is done to them.
    pub(super) external: Option<Spanned<ExternalFile>>,
}

/// Which rows of a domain are kept elsewhere: one of the two words. Their keys are those that the domain
/// would make of them in its place among the domains, with the scenario's seed.
#[derive(Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct ExternalFile {
    /// So many of each of its tables, `250k`.
    pub(super) rows: Option<Spanned<String>>,
    /// So many times the `rows` that the schema says of each table.
    pub(super) scale: Option<Spanned<f64>>,
}

/// The names of a domain's roles; `{domain}` stands for the domain's name.
#[derive(Clone, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct RolesFile {
    /// Owns everything and cannot log in; `{domain}_owners_group` unless set.
    pub(super) owner: Option<Spanned<String>>,
    /// The login that sends the load; `{domain}_app` unless set.
    pub(super) application: Option<Spanned<String>>,
    /// The login that captures changes; `debezium_{domain}` unless set here or by `cdc.role`.
    pub(super) capture: Option<Spanned<String>>,
}

/// How fast and how long.
#[derive(Clone, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct LoadFile {
    /// Runs before anything is measured, at the mean rate of the first such stretch of the profile; 0s
    /// unless set.
    pub(super) warmup: Option<Spanned<String>>,
    /// How long what is due may take to settle after the last slot, or after a signal; 30s unless set.
    pub(super) drain: Option<Spanned<String>>,
    /// How exactly slots are sent when they are due: `normal` unless set.
    #[serde(default)]
    pub(super) precision: PrecisionFile,
    /// What happens, by name; none is a scenario that only seeds.
    #[serde(default)]
    pub(super) streams: Entries<StreamFile>,
    /// What happens once, beside the streams, and what those who capture changes find hard.
    #[serde(default)]
    pub(super) steps: Kept<Vec<Kept<Spanned<LoadStepFile>>>>,
}

/// How exactly slots are sent when they are due, and what that costs.
#[derive(Clone, Copy, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(super) enum PrecisionFile {
    /// A worker wakes at most once a millisecond: for small machines and modest rates.
    Eco,
    /// A worker wakes at most every 200 µs.
    #[default]
    Normal,
    /// A connection waits awake for its next slot: takes a processor for each worker thread, and
    /// one more must be there.
    Precise,
}

/// An independently scheduled source of actions.
#[derive(Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct StreamFile {
    /// Which actions, how often: `domain.action: weight`.
    pub(super) mix: Spanned<Entries<Spanned<f64>>>,
    /// Who sets the pace; `open` unless set.
    #[serde(default)]
    pub(super) model: ModelFile,
    /// When, in an open stream: segments, played one after the other.
    pub(super) profile: Option<Spanned<Vec<Kept<Spanned<SegmentFile>>>>>,
    /// How many sessions a closed stream has: segments, played one after the other.
    pub(super) sessions: Option<Spanned<Vec<Kept<Spanned<SessionsFile>>>>>,
    /// How long a session of a closed stream thinks between an answer and its next action; 0s unless
    /// set.
    pub(super) think: Option<Spanned<ScalarOr<ThinkFile>>>,
    /// How often the profile is played, one time after the other; 1 unless set.
    pub(super) repeat: Option<Spanned<u32>>,
    /// Ends the stream early.
    pub(super) limit: Option<LimitFile>,
    /// Rows of many slots go out in one transaction: for streams that only insert.
    pub(super) batch: Option<Spanned<BatchFile>>,
    /// What becomes of slots that could not be sent when they were due; `catch_up` unless set.
    pub(super) late: Option<Spanned<LateFile>>,
    /// How its slots lie about the moments that the rate says: `uniform` unless set.
    pub(super) arrival: Option<Spanned<ArrivalFile>>,
}

/// Who sets the pace.
#[derive(Clone, Copy, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(super) enum ModelFile {
    /// Slots come due at their time, whatever became of those before.
    #[default]
    Open,
    /// Sessions wait for the answer, think, and go on.
    Closed,
}

/// Where a stream ends whatever its profile says.
#[derive(Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct LimitFile {
    /// After so many slots, the warm-up's not counted.
    pub(super) ops: Spanned<String>,
}

/// How rows of many slots are gathered.
#[derive(Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct BatchFile {
    /// Slots in one transaction, at most; 2 to 10000; 100 unless set.
    pub(super) rows: Option<Spanned<u32>>,
    /// How long a slot waits for others, 1m at most; 5ms unless set.
    pub(super) linger: Option<Spanned<String>>,
}

/// What becomes of slots that could not be sent when they were due.
#[derive(Clone, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(super) enum LateFile {
    /// They are sent, faster than scheduled, until the backlog is worked off.
    CatchUp(CatchUpFile),
    /// A slot later than `max_lag` is not sent.
    Skip(MaxLagFile),
    /// The run ends once slots have been later than `max_lag` for three seconds on end.
    Abort(MaxLagFile),
}

/// How a backlog is worked off.
#[derive(Clone, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct CatchUpFile {
    /// At no more than so many times the scheduled rate, at least 1; 2 unless set.
    pub(super) factor: Option<Spanned<f64>>,
    /// Slots that are sent later than this mark the stream as degraded; 5s unless set.
    pub(super) max_lag: Option<Spanned<String>>,
}

/// How late slots may be.
#[derive(Clone, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct MaxLagFile {
    /// Slots later than this are too late; 5s unless set.
    pub(super) max_lag: Option<Spanned<String>>,
}
