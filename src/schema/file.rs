//! A schema as it is written in YAML.

use serde::Deserialize;

use crate::yaml::Entries;
use crate::yaml::Kept;
use crate::yaml::ListOr;
use crate::yaml::OneOrMany;
use crate::yaml::Scalar;
use crate::yaml::ScalarOr;
use crate::yaml::Spanned;

/// The whole file.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct SchemaFile {
    /// The domain's name.
    pub(crate) schema: Spanned<String>,
    /// The database; the domain's name unless set.
    pub(crate) database: Option<Spanned<String>>,
    pub(crate) tables: Spanned<Entries<TableFile>>,
    #[serde(default)]
    pub(crate) actions: Kept<Entries<ActionFile>>,
}

/// A table.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct TableFile {
    /// The table whose rows own the rows of this one.
    pub(crate) per: Option<Spanned<String>>,
    /// How many rows an owner has: `3` or `[1, 5]`.
    pub(crate) count: Option<Spanned<OneOrMany<u32>>>,
    #[serde(default)]
    pub(crate) replica_identity: ReplicaIdentityFile,
    pub(crate) columns: Spanned<Entries<ColumnFile>>,
}

/// `replica_identity`
#[derive(Debug, Clone, Copy, Default, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum ReplicaIdentityFile {
    #[default]
    Default,
    Full,
    Nothing,
}

/// A column.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct ColumnFile {
    #[serde(rename = "type")]
    pub(crate) kind: Spanned<String>,
    /// Part of the primary key.
    #[serde(default)]
    pub(crate) key: bool,
    #[serde(default)]
    pub(crate) unique: bool,
    /// Whether NULL is allowed; where `null_rate` is above 0 it is anyway.
    pub(crate) nullable: Option<Spanned<bool>>,
    /// The share of rows in which it is NULL.
    pub(crate) null_rate: Option<Spanned<f64>>,
    pub(crate) fill: Spanned<ScalarOr<FillFile>>,
}

/// What `fill` and the values of `set` may be, beside a scalar: exactly one of these, and `pick`
/// beside `reference`. The last group is for `set` only.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct FillFile {
    pub(crate) sequence: Option<SequenceFile>,
    pub(crate) event_time: Option<EventTimeFile>,
    pub(crate) email: Option<EmailFile>,
    pub(crate) constant: Option<Spanned<Scalar>>,
    pub(crate) uniform: Option<Spanned<(Spanned<Scalar>, Spanned<Scalar>)>>,
    pub(crate) lognormal: Option<LognormalFile>,
    pub(crate) weighted: Option<Spanned<WeightedFile>>,
    pub(crate) listed: Option<Spanned<Vec<Spanned<Scalar>>>>,
    pub(crate) then: Option<Spanned<ScalarOr<FillFile>>>,
    pub(crate) words: Option<Spanned<OneOrMany<u32>>>,
    pub(crate) name: Option<NamePartFile>,
    pub(crate) reference: Option<Spanned<String>>,
    pub(crate) pick: Option<Spanned<PickFile>>,
    pub(crate) lookup: Option<LookupFile>,
    pub(crate) derived: Option<Spanned<String>>,
    pub(crate) state: Option<Spanned<StateFile>>,

    pub(crate) add: Option<Spanned<Scalar>>,
    pub(crate) multiply: Option<Spanned<Scalar>>,
    pub(crate) append: Option<Spanned<String>>,
    pub(crate) next: Option<Spanned<Vec<Spanned<Scalar>>>>,
}

/// Values and their weights.
pub(crate) type WeightedFile = Entries<Spanned<f64>, Scalar>;

/// `sequence`
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct SequenceFile {
    /// 1 unless set.
    pub(crate) start: Option<Spanned<i64>>,
}

/// `event_time`
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct EventTimeFile {
    /// `[-30d, 0s]`: drawn evenly between the two; none unless set.
    pub(crate) offset: Option<Spanned<(Spanned<String>, Spanned<String>)>>,
}

/// `email`
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct EmailFile {
    /// The column that holds the name.
    pub(crate) from: Option<Spanned<String>>,
}

/// `lognormal`
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct LognormalFile {
    pub(crate) median: Spanned<f64>,
    pub(crate) p99: Spanned<f64>,
}

/// `name`
#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum NamePartFile {
    First,
    Last,
    Full,
}

/// `lookup`
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct LookupFile {
    /// A column of this table that is a reference.
    pub(crate) through: Spanned<String>,
    /// The wanted column of the table referred to.
    pub(crate) column: Spanned<String>,
}

/// `state`
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct StateFile {
    /// The state of a new row.
    pub(crate) initial: Spanned<String>,
    #[serde(default)]
    pub(crate) others: Vec<Spanned<String>>,
    /// Weights of the states of seeded rows; all are in the initial one unless set.
    pub(crate) seeded: Option<Spanned<Entries<Spanned<f64>>>>,
}

/// `pick`
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum PickFile {
    Uniform,
    /// The mean distance from the newest; 64 unless set.
    Recent(Option<Spanned<f64>>),
    State(OneOrMany<Spanned<String>>),
}

/// An action: its steps, or settings with what follows it.
pub(crate) type ActionFile = ListOr<Kept<Spanned<StepFile>>, FollowedFile>;

/// The steps of an action.
pub(crate) fn steps_of(file: &ActionFile) -> &[Kept<Spanned<StepFile>>] {
    match file {
        ListOr::List(steps) => steps,
        ListOr::Settings(file) => &file.steps,
    }
}

/// An action that others follow.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct FollowedFile {
    /// What it does.
    pub(crate) steps: Vec<Kept<Spanned<StepFile>>>,
    /// What happens later to the same row.
    #[serde(default)]
    pub(crate) then: Vec<Kept<Spanned<ThenFile>>>,
}

/// `then`: an action that follows another, on the same row.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct ThenFile {
    /// The action, of the same schema.
    pub(crate) action: Spanned<String>,
    /// How long after the moment for which the first one was planned: `3s`, or `[2s, 5s]`, drawn
    /// evenly between the two.
    pub(crate) after: Spanned<OneOrMany<Spanned<String>>>,
    /// How often it follows, 0 to 1; always unless set.
    pub(crate) share: Option<Spanned<f64>>,
}

/// A step of an action: exactly one of `insert`, `update` and `delete`.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct StepFile {
    pub(crate) insert: Option<Spanned<String>>,
    pub(crate) update: Option<Spanned<String>>,
    pub(crate) delete: Option<Spanned<String>>,
    /// `uniform` unless set.
    pub(crate) pick: Option<Spanned<PickFile>>,
    pub(crate) set: Option<Spanned<Entries<Spanned<ScalarOr<FillFile>>>>>,
    /// `skip` unless set.
    pub(crate) otherwise: Option<Spanned<OtherwiseFile>>,
}

/// `otherwise`
#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum OtherwiseFile {
    Skip,
    Insert,
}
