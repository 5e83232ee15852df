//! A scenario as it is written in YAML.

use serde::Deserialize;

use crate::yaml::Entries;
use crate::yaml::Kept;
use crate::yaml::Scalar;
use crate::yaml::ScalarOr;
use crate::yaml::Spanned;

/// The whole file.
#[derive(Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ScenarioFile {
    /// Its name.
    pub(super) scenario: Spanned<String>,
    /// 1 unless set.
    #[serde(default)]
    pub(super) seed: Kept<Option<Spanned<u64>>>,
    /// `now` unless set.
    #[serde(default)]
    pub(super) start: Kept<Option<Spanned<String>>>,
    /// 64 unless set.
    #[serde(default)]
    pub(super) lanes: Kept<Option<Spanned<u32>>>,
    #[serde(default)]
    pub(super) allow_remote: Kept<bool>,
    #[serde(default)]
    pub(super) targets: Kept<Entries<TargetFile>>,
    pub(super) domains: Spanned<Entries<DomainFile>>,
    #[serde(default)]
    pub(super) load: Kept<LoadFile>,
    #[serde(default)]
    pub(super) cdc: Kept<CdcFile>,
    #[serde(default)]
    pub(super) thresholds: Kept<Vec<Kept<ThresholdFile>>>,
    /// When the run's numbers are worth anything: `off`, or limits of what loadgen itself may do
    /// wrong before the run is invalid (exit code 6).
    #[serde(default)]
    pub(super) validity: Kept<Option<Spanned<ScalarOr<ValidityFile>>>>,
}

/// A target.
#[derive(Clone, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum TargetFile {
    Postgres(Box<PostgresFile>),
    Discard(DiscardFile),
}

/// `discard: {}`
#[derive(Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct DiscardFile {}

/// `postgres`
#[derive(Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct PostgresFile {
    /// `embedded`, `embedded:16`, a URL or a key-value string.
    pub(super) url: Spanned<String>,
    /// For each database; 8 unless set.
    pub(super) connections: Option<Spanned<u32>>,
    /// On a connection; 8 unless set.
    pub(super) in_flight: Option<Spanned<u32>>,
    #[serde(default)]
    pub(super) provision: ProvisionFile,
    pub(super) synchronous_commit: Option<Spanned<String>>,
    pub(super) statement_timeout: Option<Spanned<String>>,
    /// 60s unless set.
    pub(super) reconnect: Option<Spanned<String>>,
}

/// `provision`
#[derive(Clone, Copy, Default, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum ProvisionFile {
    #[default]
    Databases,
    Schemas,
    #[serde(alias = "none")]
    Nothing,
}

/// A domain.
#[derive(Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct DomainFile {
    /// The target.
    pub(super) on: Spanned<String>,
    /// The schema's file, from the scenario's folder; looked for by the domain's name unless set.
    pub(super) schema: Option<Spanned<String>>,
    /// The schema's own unless set.
    pub(super) database: Option<Spanned<String>>,
    /// The PostgreSQL schema; `public` unless set, or the domain's name with `provision: schemas`.
    pub(super) namespace: Option<Spanned<String>>,
    /// How many rows are seeded into each table; 0 unless set.
    #[serde(default)]
    pub(super) rows: Entries<Spanned<String>>,
    #[serde(default)]
    pub(super) roles: RolesFile,
}

/// `roles`; `{domain}` stands for the domain's name.
#[derive(Clone, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RolesFile {
    /// `{domain}_owners_group` unless set.
    pub(super) owner: Option<Spanned<String>>,
    /// `{domain}_app` unless set.
    pub(super) application: Option<Spanned<String>>,
    /// `debezium_{domain}` unless set here or by `cdc.role`.
    pub(super) capture: Option<Spanned<String>>,
}

/// `load`
#[derive(Clone, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct LoadFile {
    /// 0s unless set.
    pub(super) warmup: Option<Spanned<String>>,
    /// 30s unless set.
    pub(super) drain: Option<Spanned<String>>,
    #[serde(default)]
    pub(super) streams: Entries<StreamFile>,
}

/// A stream.
#[derive(Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct StreamFile {
    /// `domain.action: weight`
    pub(super) mix: Spanned<Entries<Spanned<f64>>>,
    pub(super) profile: Spanned<Vec<Kept<Spanned<SegmentFile>>>>,
    /// How often the profile is played, one time after the other; 1 unless set.
    pub(super) repeat: Option<Spanned<u32>>,
    pub(super) limit: Option<LimitFile>,
    #[serde(default)]
    pub(super) late: LateFile,
    /// There is one kind, so nothing reads it; the word may be written.
    #[serde(default, rename = "arrival")]
    pub(super) _arrival: ArrivalFile,
}

/// `limit`
#[derive(Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct LimitFile {
    pub(super) ops: Spanned<String>,
}

/// `late`
#[derive(Clone, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum LateFile {
    CatchUp(CatchUpFile),
}

impl Default for LateFile {
    fn default() -> Self {
        Self::CatchUp(CatchUpFile::default())
    }
}

/// `catch_up`
#[derive(Clone, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct CatchUpFile {
    /// 2 unless set.
    pub(super) factor: Option<Spanned<f64>>,
    /// 5s unless set.
    pub(super) max_lag: Option<Spanned<String>>,
}

/// `arrival`
#[derive(Clone, Copy, Default, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum ArrivalFile {
    #[default]
    Uniform,
}

/// A segment of a profile: exactly one of the shapes, and `for` where it does not say its length.
#[derive(Clone, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct SegmentFile {
    pub(super) hold: Option<Spanned<String>>,
    pub(super) ramp: Option<Spanned<RampFile>>,
    pub(super) steps: Option<Spanned<StepsFile>>,
    pub(super) spike: Option<Spanned<SpikeFile>>,
    pub(super) idle: Option<Spanned<String>>,
    /// A duration, or `true`.
    pub(super) unlimited: Option<Spanned<Scalar>>,
    #[serde(rename = "for")]
    pub(super) length: Option<Spanned<String>>,
    /// By which thresholds and the time series know the segment; unique in its stream.
    pub(super) name: Option<Spanned<String>>,
}

/// `ramp`
#[derive(Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RampFile {
    /// Where the segment before ended unless set.
    pub(super) from: Option<Spanned<String>>,
    pub(super) to: Spanned<String>,
}

/// `steps`
#[derive(Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct StepsFile {
    pub(super) from: Spanned<String>,
    /// May be negative.
    pub(super) by: Spanned<String>,
    pub(super) count: Spanned<u32>,
    pub(super) each: Spanned<String>,
}

/// `spike`
#[derive(Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct SpikeFile {
    pub(super) base: Spanned<String>,
    pub(super) peak: Spanned<String>,
    pub(super) rise: Spanned<String>,
    pub(super) hold: Spanned<String>,
    pub(super) fall: Spanned<String>,
    pub(super) every: Spanned<String>,
}

/// `cdc`
#[derive(Clone, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct CdcFile {
    /// `debezium` unless set.
    pub(super) publication: Option<Spanned<String>>,
    /// `debezium_{domain}` unless set.
    pub(super) role: Option<Spanned<String>>,
    /// Of the capture login.
    pub(super) password: Option<Spanned<String>>,
    /// Of the application's login.
    pub(super) application_password: Option<Spanned<String>>,
    /// `true` unless set.
    pub(super) signal_table: Option<bool>,
    /// `true` unless set.
    pub(super) heartbeat_table: Option<bool>,
}

/// A threshold.
#[derive(Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ThresholdFile {
    /// Its name in messages and in the summary.
    pub(super) id: Option<Spanned<String>>,
    /// What is looked at: `sched`, `queue`, `service`, `response`, `failed_ratio`, `achieved_rate`,
    /// `failed`, `unknown`, `missed` or `skipped`.
    pub(super) metric: Spanned<String>,
    /// Of which stream; all together unless set.
    pub(super) stream: Option<Spanned<String>>,
    /// The same, as some write it: `where: { stream: orders }`.
    #[serde(rename = "where")]
    pub(super) selection: Option<SelectionFile>,
    /// `p99 < 50ms`: a statistic (`min`, `mean`, `max`, `p50`, `p99.9`, `count`, `rate`, `ratio`),
    /// a comparison, a number with its unit.
    pub(super) expr: Spanned<String>,
    /// Of which part of the run: `measure` (all that is measured), `segment:NAME` (what came due in
    /// it), or a duration such as `10s` (what settled in the last ten seconds, looked at each
    /// second). `measure` unless set.
    pub(super) over: Option<Spanned<String>>,
    /// So many evaluations in a row must not hold before it counts as breached; 1 unless set.
    #[serde(rename = "for")]
    pub(super) consecutive: Option<Spanned<u32>>,
    /// From the beginning of the measured part on, so long nothing is evaluated; 0s unless set.
    pub(super) grace: Option<Spanned<String>>,
    /// With fewer samples there is no evaluation; 1 unless set.
    pub(super) min_samples: Option<Spanned<String>>,
    /// What a breach does: `fail` the run, `warn` only, or `abort` it at once. `fail` unless set.
    pub(super) action: Option<Spanned<BreachActionFile>>,
    /// What becomes of it if it could never be evaluated: `fail` or `pass`. `fail` unless set.
    #[serde(default)]
    pub(super) on_no_data: NoDataFile,
}

/// `where`
#[derive(Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct SelectionFile {
    /// Of which stream.
    pub(super) stream: Spanned<String>,
}

/// `action` of a threshold
#[derive(Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum BreachActionFile {
    Fail,
    Warn,
    Abort,
}

/// `on_no_data`
#[derive(Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum NoDataFile {
    #[default]
    Fail,
    Pass,
}

/// `validity`; each may be `off`.
#[derive(Clone, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ValidityFile {
    /// Of the slots of a stream, so many must be taken within a second of when loadgen could have
    /// taken them; 99% unless set.
    pub(super) achieved: Option<Spanned<String>>,
    /// The 99th percentile of `sched`, and of the lateness of the workers, must not be more than
    /// this, or than a tenth of the median response if that is more; 50ms unless set.
    pub(super) sched_p99: Option<Spanned<String>>,
    /// How much of its processors loadgen may use, and how much of one a worker; 85% unless set.
    pub(super) cpu: Option<Spanned<String>>,
    /// In how many periods its control group may be held back; 1% unless set.
    pub(super) throttled: Option<Spanned<String>>,
}
