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
    /// `open` unless set: slots come due at their time, whatever became of those before. `closed`:
    /// sessions wait for the answer, think, and go on.
    #[serde(default)]
    pub(super) model: ModelFile,
    /// How many slots a second come due, over time; of an open stream.
    pub(super) profile: Option<Spanned<Vec<Kept<Spanned<SegmentFile>>>>>,
    /// How many sessions there are, over time; of a closed stream.
    pub(super) sessions: Option<Spanned<Vec<Kept<Spanned<SessionsFile>>>>>,
    /// How long a session thinks between an answer and its next action; of a closed stream. A
    /// duration, or one of `uniform`, `lognormal` and `exponential`.
    pub(super) think: Option<Spanned<ScalarOr<ThinkFile>>>,
    /// How often the profile is played, one time after the other; 1 unless set.
    pub(super) repeat: Option<Spanned<u32>>,
    pub(super) limit: Option<LimitFile>,
    /// `catch_up` unless set.
    pub(super) late: Option<Spanned<LateFile>>,
    /// There is one kind; the word may be written.
    pub(super) arrival: Option<Spanned<ArrivalFile>>,
}

/// `model`
#[derive(Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum ModelFile {
    #[default]
    Open,
    Closed,
}

/// A segment of `sessions`: exactly one of `hold` and `ramp`, and `for`.
#[derive(Clone, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct SessionsFile {
    /// So many sessions.
    pub(super) hold: Option<Spanned<String>>,
    /// From one number of sessions to another, evenly.
    pub(super) ramp: Option<Spanned<RampFile>>,
    /// How long.
    #[serde(rename = "for")]
    pub(super) length: Option<Spanned<String>>,
}

/// `think`, beside a duration: exactly one of these.
#[derive(Clone, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ThinkFile {
    /// `[1s, 3s]`: evenly between the two.
    pub(super) uniform: Option<Spanned<(Spanned<String>, Spanned<String>)>>,
    /// By its median and its 99th percentile.
    pub(super) lognormal: Option<Spanned<ThinkLognormalFile>>,
    /// By its mean.
    pub(super) exponential: Option<ThinkExponentialFile>,
}

/// `lognormal` of `think`
#[derive(Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ThinkLognormalFile {
    /// Half of the times are shorter.
    pub(super) median: Spanned<String>,
    /// 99 % of the times are shorter.
    pub(super) p99: Spanned<String>,
}

/// `exponential` of `think`
#[derive(Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ThinkExponentialFile {
    /// The mean of the times.
    pub(super) mean: Spanned<String>,
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
    /// All slots are sent, a backlog at no more than `factor` times the schedule.
    CatchUp(CatchUpFile),
    /// A slot later than `max_lag` is not sent.
    Skip(MaxLagFile),
    /// The run ends once slots have been later than `max_lag` for three seconds on end.
    Abort(MaxLagFile),
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

/// `skip` and `abort`
#[derive(Clone, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct MaxLagFile {
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
    pub(super) metric: Spanned<String>,
    /// All streams together unless set.
    pub(super) stream: Option<Spanned<String>>,
    /// `p99 < 50ms`
    pub(super) expr: Spanned<String>,
}
