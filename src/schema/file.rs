//! A schema as it is written in YAML.

mod types;

use serde::Deserialize;

use crate::yaml::Entries;
use crate::yaml::Kept;
use crate::yaml::OneOrMany;
use crate::yaml::Scalar;
use crate::yaml::ScalarOr;
use crate::yaml::Spanned;

pub(crate) use types::ArrayFile;
pub(crate) use types::JsonFile;
pub(crate) use types::RangeFile;
pub(crate) use types::TypeFile;

/// The whole file.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct SchemaFile {
    /// The domain's name.
    pub(crate) schema: Spanned<String>,
    /// The database; the domain's name unless set.
    pub(crate) database: Option<Spanned<String>>,
    /// Enums and domains, by name.
    #[serde(default)]
    pub(crate) types: Kept<Entries<Spanned<TypeFile>>>,
    pub(crate) tables: Spanned<Entries<TableFile>>,
    #[serde(default)]
    pub(crate) actions: Kept<Entries<Vec<Kept<Spanned<StepFile>>>>>,
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

    /// Random bytes, so many: `16` or `[1, 200]`.
    pub(crate) bytes: Option<Spanned<OneOrMany<u32>>>,
    /// JSON: names, and the fill of what stands there.
    pub(crate) json: Option<Spanned<JsonFile>>,
    /// An array of values of one fill.
    pub(crate) array: Option<Spanned<ArrayFile>>,
    /// A range of numbers, days or moments.
    pub(crate) range: Option<Spanned<RangeFile>>,
    /// The type of a value inside JSON; found out by itself unless set.
    #[serde(rename = "type")]
    pub(crate) kind: Option<Spanned<String>>,

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
