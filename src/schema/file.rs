//! A schema as it is written in YAML.

mod fills;

use serde::Deserialize;

use crate::yaml::Entries;
use crate::yaml::Kept;
use crate::yaml::OneOrMany;
use crate::yaml::Scalar;
use crate::yaml::ScalarOr;
use crate::yaml::Spanned;

pub(crate) use fills::AddressFile;
pub(crate) use fills::AfterFile;
pub(crate) use fills::CorrelatedFile;
pub(crate) use fills::ExponentialFile;
pub(crate) use fills::GivenFile;
pub(crate) use fills::IpFile;
pub(crate) use fills::IpRangeFile;
pub(crate) use fills::LognormalFile;
pub(crate) use fills::NormalFile;
pub(crate) use fills::ParetoFile;
pub(crate) use fills::PhoneFile;
pub(crate) use fills::SizeFile;
pub(crate) use fills::TextFile;
pub(crate) use fills::ZipfFile;

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
    /// The bell.
    pub(crate) normal: Option<NormalFile>,
    /// The least is the likeliest.
    pub(crate) exponential: Option<ExponentialFile>,
    /// A heavy tail.
    pub(crate) pareto: Option<ParetoFile>,
    /// Whole numbers by their rank.
    pub(crate) zipf: Option<ZipfFile>,
    /// The share of rows in which it is true.
    pub(crate) boolean: Option<Spanned<f64>>,
    /// Sentences.
    pub(crate) text: Option<TextFile>,
    /// A part of an address that agrees with the row's other parts.
    pub(crate) address: Option<Spanned<ScalarOr<AddressFile>>>,
    /// The name of a firm.
    pub(crate) company: Option<EmptyFile>,
    /// A phone number that nobody has.
    pub(crate) phone: Option<PhoneFile>,
    /// An internet address.
    pub(crate) ip: Option<IpFile>,
    /// What a browser says of itself.
    pub(crate) user_agent: Option<EmptyFile>,
    /// A page of an example domain.
    pub(crate) url: Option<EmptyFile>,
    /// Words with hyphens between them.
    pub(crate) slug: Option<EmptyFile>,
    /// A name to log in with.
    pub(crate) username: Option<EmptyFile>,
    /// `#a1b2c3`
    pub(crate) color: Option<EmptyFile>,
    /// Text of a pattern: `[A-Z]{3}-\d{4}`.
    pub(crate) pattern: Option<Spanned<String>>,
    /// A line of a file beside the schema; its weight stands behind a tab.
    pub(crate) lines: Option<Spanned<String>>,
    /// What the value of another column asks for.
    pub(crate) given: Option<GivenFile>,
    /// High where another column is high.
    pub(crate) correlated: Option<CorrelatedFile>,
    /// Later than another column.
    pub(crate) after: Option<AfterFile>,

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

/// A fill without settings: `{ company: {} }` is `company`.
#[derive(Debug, Clone, Copy, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct EmptyFile {}

/// `email`
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct EmailFile {
    /// The column that holds the name.
    pub(crate) from: Option<Spanned<String>>,
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
