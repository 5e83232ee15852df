//! A schema as it is written in YAML.

mod action;
mod event;
mod event_time;
mod fills;
mod types;

use schemars::JsonSchema;
use serde::Deserialize;

use crate::schema::check::bare_words;
use crate::yaml::BareWords;
use crate::yaml::Entries;
use crate::yaml::Kept;
use crate::yaml::OneOrMany;
use crate::yaml::Scalar;
use crate::yaml::ScalarOr;
use crate::yaml::Spanned;

pub(crate) use action::ActionFile;
pub(crate) use action::OtherwiseFile;
pub(crate) use action::StepFile;
pub(crate) use action::ThenFile;
pub(crate) use action::steps_of;
pub(crate) use event::EventFile;
pub(crate) use event::EventKeyFile;
pub(crate) use event::with_events;
pub(crate) use event_time::EventTimeFile;
pub(crate) use event_time::WeekFile;
pub(crate) use fills::AddressFile;
pub(crate) use fills::AfterFile;
pub(crate) use fills::CorrelatedFile;
pub(crate) use fills::ExponentialFile;
pub(crate) use fills::GivenFile;
pub(crate) use fills::IdFile;
pub(crate) use fills::IpFile;
pub(crate) use fills::IpRangeFile;
pub(crate) use fills::LognormalFile;
pub(crate) use fills::NormalFile;
pub(crate) use fills::ParetoFile;
pub(crate) use fills::PhoneFile;
pub(crate) use fills::SizeFile;
pub(crate) use fills::TextFile;
pub(crate) use fills::ZipfFile;
pub(crate) use types::ArrayFile;
pub(crate) use types::JsonFile;
pub(crate) use types::RangeFile;
pub(crate) use types::TypeFile;

/// One domain: its database, its tables, how each column is filled, and what happens to the rows.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct SchemaFile {
    /// The domain's name; also the file's, without `.yaml`.
    pub(crate) schema: Spanned<String>,
    /// The database that is made for it; the domain's name unless set.
    pub(crate) database: Option<Spanned<String>>,
    /// A file of SQL, from the schema's folder: a query that yields what must hold and how many rows break it, for
    /// `verify --source`.
    pub(crate) checks: Option<Spanned<String>>,
    /// Enums and domains (types made of others), by name.
    #[serde(default)]
    pub(crate) types: Kept<Entries<Spanned<TypeFile>>>,
    /// The tables, by name, in any order.
    pub(crate) tables: Spanned<Entries<TableFile>>,
    /// The events, by name: what is sent to Kafka or Firehose, and stored by nobody.
    #[serde(default)]
    pub(crate) events: Kept<Entries<EventFile>>,
    /// What happens, by name: the steps of an action, in order. They commit together.
    #[serde(default)]
    pub(crate) actions: Kept<Entries<ActionFile>>,
}

/// A table.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct TableFile {
    /// The table whose rows own the rows of this one: they are inserted and deleted with their owner.
    pub(crate) per: Option<Spanned<String>>,
    /// With `per`, and needed there: how many rows an owner has, `3` or evenly from `[1, 5]`.
    pub(crate) count: Option<Spanned<OneOrMany<u32>>>,
    /// What the write-ahead log carries of an old row; `default` unless set.
    #[serde(default)]
    pub(crate) replica_identity: ReplicaIdentityFile,
    /// Whether its rows belong to all lanes: seeded, never inserted or deleted by an action, and
    /// changed by `add` alone. Real lock contention comes from such tables; they are judged by the
    /// sums of their columns.
    #[serde(default)]
    pub(crate) shared: bool,
    /// Whether a database keeps its rows; `true` unless set. With `false` loadgen alone knows them, and
    /// rows and events that refer to them: the sessions of a web site. Where a domain's rows are kept by
    /// nobody, none of its tables is.
    pub(crate) stored: Option<Spanned<bool>>,
    /// How many rows it has at `scale: 1` of its domain, `2M`.
    pub(crate) rows: Option<Spanned<String>>,
    /// The columns, by name, in their order.
    pub(crate) columns: Spanned<Entries<ColumnFile>>,
    /// Set for what was written among `events`.
    #[serde(skip)]
    pub(crate) event: Option<EventKeyFile>,
}

/// PostgreSQL's `REPLICA IDENTITY` of a table.
#[derive(Debug, Clone, Copy, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum ReplicaIdentityFile {
    /// The primary key.
    #[default]
    Default,
    /// All columns.
    Full,
    /// Nothing.
    Nothing,
}

/// A column.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct ColumnFile {
    /// Its PostgreSQL type, as in `CREATE TABLE`: `bigint`, `varchar(60)`, `numeric(8,2)`.
    #[serde(rename = "type")]
    pub(crate) kind: Spanned<String>,
    /// Whether it is part of the primary key; `false` unless set.
    #[serde(default)]
    pub(crate) key: bool,
    /// Whether no two rows may have the same value; `false` unless set.
    #[serde(default)]
    pub(crate) unique: bool,
    /// Whether NULL is allowed; `false` unless set or `null_rate` is above 0.
    pub(crate) nullable: Option<Spanned<bool>>,
    /// The share of rows in which it is NULL, 0 to 1; 0 unless set.
    pub(crate) null_rate: Option<Spanned<f64>>,
    /// What the table asks of its values, in SQL: `stars BETWEEN 0 AND 5`. Tried when it is made.
    pub(crate) check: Option<Spanned<String>>,
    /// Of an event only: whether it is left out of what is sent, so that others can look through it;
    /// `false` unless set.
    #[serde(default)]
    pub(crate) hidden: bool,
    /// How it gets its value: a fill, or a value that is always the same.
    pub(crate) fill: Spanned<ScalarOr<FillFile>>,
}

/// What becomes of a row when the row that it refers to is deleted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum OnParentDeleteFile {
    /// It is deleted first, in whichever database it is.
    Go,
    /// It stays, and names a row that is gone.
    Stay,
}

/// What `fill` and the values of `set` may be, beside a scalar: exactly one of these, and `pick`
/// beside `reference`. The last group is for `set` only.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct FillFile {
    /// Whole numbers, one after the other. A bare `sequence` begins at 1.
    pub(crate) sequence: Option<SequenceFile>,
    /// A text that no other row has: `base64url`, 22 characters that hold 16 bytes.
    pub(crate) id: Option<Spanned<IdFile>>,
    /// When the action was due; of seeded rows a time in the 30 days before the start.
    pub(crate) event_time: Option<EventTimeFile>,
    /// Addresses at `example.com` and the like, each of them once.
    pub(crate) email: Option<EmailFile>,
    /// Always the same value; needed for a single word, which would be taken for a fill.
    pub(crate) constant: Option<Spanned<Scalar>>,
    /// Evenly from the first to the last value: `[1, 6]`, both included.
    pub(crate) uniform: Option<Spanned<(Spanned<Scalar>, Spanned<Scalar>)>>,
    /// Most values small, few large: amounts, lengths, times.
    pub(crate) lognormal: Option<LognormalFile>,
    /// One of some values, by weight: `{ red: 5, blue: 1 }`.
    pub(crate) weighted: Option<Spanned<WeightedFile>>,
    /// The values of the first rows, in order; `then` fills the others.
    pub(crate) listed: Option<Spanned<Vec<Spanned<Scalar>>>>,
    /// Beside `listed`: how the rows beyond the list are filled.
    pub(crate) then: Option<Spanned<ScalarOr<FillFile>>>,
    /// So many random words: `4`, or from `[3, 12]`.
    pub(crate) words: Option<Spanned<OneOrMany<u32>>>,
    /// The name of a person.
    pub(crate) name: Option<NamePartFile>,
    /// The key of a row that is there: `customers.id`, told to PostgreSQL as a foreign key.
    pub(crate) reference: Option<Spanned<String>>,
    /// Beside `reference`: which row; `uniform` unless set.
    pub(crate) pick: Option<Spanned<PickFile>>,
    /// Beside `reference`: whether the row goes with the row that it names; `go` unless set. With
    /// `stay` PostgreSQL is told no foreign key.
    pub(crate) on_parent_delete: Option<Spanned<OnParentDeleteFile>>,
    /// Beside `reference`: of the rows that a run makes, this share names a row that was born in the run
    /// (of the lane, each as likely); the others, and all while none is born, are picked as `pick` says.
    /// 0 unless set.
    pub(crate) born: Option<Spanned<f64>>,
    /// Beside `reference`: a column before this one that refers to the same table: never to the same row.
    pub(crate) unlike: Option<Spanned<String>>,
    /// Beside `reference`: a column of this table that refers to a row; then it is the row that that row
    /// refers to. So an event names the visitor of its session.
    pub(crate) of: Option<Spanned<String>>,
    /// A column of the row that another column refers to.
    pub(crate) lookup: Option<LookupFile>,
    /// Computed from other columns of the row: `"price * count"`, `"first || ' ' || last"`, `lower(name)`.
    /// A number that is too great or too small for the column becomes the greatest or least that it holds.
    pub(crate) derived: Option<Spanned<String>>,
    /// A life: the state in which a row begins, and those that it may come to.
    pub(crate) state: Option<Spanned<StateFile>>,
    /// A life by chance: `set: { page: walk }` leads from state to state as weights say, until it ends.
    pub(crate) walk: Option<Spanned<WalkFile>>,
    /// Numbers, dates or times around a mean.
    pub(crate) normal: Option<NormalFile>,
    /// Numbers, dates or times that grow rarer from the least on.
    pub(crate) exponential: Option<ExponentialFile>,
    /// Numbers from the least on, with a tail that is heavier than any other.
    pub(crate) pareto: Option<ParetoFile>,
    /// Whole numbers by their rank: the first is the likeliest.
    pub(crate) zipf: Option<ZipfFile>,
    /// `true` in this share of rows: `0.3`.
    pub(crate) boolean: Option<Spanned<f64>>,
    /// Sentences of so many words or characters.
    pub(crate) text: Option<TextFile>,
    /// A part of an address: `city`. The parts of a row are of one place.
    pub(crate) address: Option<Spanned<ScalarOr<AddressFile>>>,
    /// A phone number that nobody has: `national` or `e164`.
    pub(crate) phone: Option<PhoneFile>,
    /// An internet address: `v4` or `v6`.
    pub(crate) ip: Option<IpFile>,
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

    /// Random bytes, so many: `16`, or from `[1, 200]`.
    pub(crate) bytes: Option<Spanned<OneOrMany<u32>>>,
    /// A JSON object, also for text: names, and the fill of what stands there. A scalar is that value.
    pub(crate) json: Option<Spanned<JsonFile>>,
    /// An array of values of one fill; also for JSON.
    pub(crate) array: Option<Spanned<ArrayFile>>,
    /// A range of numbers, days or moments.
    pub(crate) range: Option<Spanned<RangeFile>>,
    /// Inside `json` only: the type of the value, where its fill does not say it: `numeric(10,2)`.
    #[serde(rename = "type")]
    pub(crate) kind: Option<Spanned<String>>,

    /// In `set` only: the old value plus this; numbers stop at the ends of their column.
    pub(crate) add: Option<Spanned<Scalar>>,
    /// In `set` only: the old value times this; numbers stop at the ends of their column.
    pub(crate) multiply: Option<Spanned<Scalar>>,
    /// In `set` only: the old text with this behind it, as long as it fits.
    pub(crate) append: Option<Spanned<String>>,
    /// In `set` only: of a list the value behind the old one; behind the last comes the first.
    pub(crate) next: Option<Spanned<Vec<Spanned<Scalar>>>>,
}

impl BareWords for FillFile {
    fn words() -> Vec<(&'static str, &'static str)> {
        bare_words().chain(["toggle", "walk"]).map(|word| (word, meaning(word))).collect()
    }
}

/// What a word means that fills a column by itself.
fn meaning(word: &str) -> &'static str {
    match word {
        "sequence" => "1, 2, 3 and so on.",
        "uuid" => "A UUID of its own for each row.",
        "event_time" => {
            "When the action was due; of seeded rows a time in the 30 days before the start."
        }
        "line" => "With `per`: 1, 2, 3 among the rows of one owner.",
        "email" => "An address of its own for each row.",
        "company" => "The name of a firm.",
        "phone" => "A phone number that nobody has, in the form of the country.",
        "ip" => "An internet address, of version 4 and a network at home.",
        "user_agent" => "What a browser of today says of itself.",
        "url" => "A page of an example domain.",
        "slug" => "Words with hyphens between them.",
        "username" => "A name to log in with.",
        "color" => "A colour: `#a1b2c3`.",
        "random" => "Anything that the type holds, its edges often.",
        "toggle" => "In `set` only: `true` becomes `false`, and `false` becomes `true`.",
        "walk" => "In `set` only: the state becomes another, as the walk of the column says.",
        _ => "",
    }
}

/// Values and their weights.
pub(crate) type WeightedFile = Entries<Spanned<f64>, Scalar>;

/// Whole numbers, one after the other.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct SequenceFile {
    /// The first number; 1 unless set.
    pub(crate) start: Option<Spanned<i64>>,
}

/// Addresses, each of them once.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct EmailFile {
    /// The column of this table that holds the name they are made from; a random name unless set.
    pub(crate) from: Option<Spanned<String>>,
}

/// Which part of a person's name.
#[derive(Debug, Clone, Copy, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum NamePartFile {
    /// The first name.
    First,
    /// The last name.
    Last,
    /// Both.
    Full,
}

/// A column of the row that another column refers to.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct LookupFile {
    /// A column of this table that is a reference.
    pub(crate) through: Spanned<String>,
    /// The wanted column of the table referred to.
    pub(crate) column: Spanned<String>,
}

/// A row's life.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct StateFile {
    /// The state of a new row.
    pub(crate) initial: Spanned<String>,
    /// The other states; `set: { state: … }` leads to them.
    #[serde(default)]
    pub(crate) others: Vec<Spanned<String>>,
    /// Weights of the states of seeded rows; all are in the initial one unless set.
    pub(crate) seeded: Option<Spanned<Entries<Spanned<f64>>>>,
}

/// A row's way from state to state: a session from page to page.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct WalkFile {
    /// Weights of the states of new rows: `{ home: 60, product: 40 }`.
    pub(crate) begin: Spanned<Entries<Spanned<f64>>>,
    /// For each state the weights of those that follow; `end` is the end of the walk, after which
    /// nothing works on the row.
    pub(crate) next: Spanned<Entries<Entries<Spanned<f64>>>>,
}

/// Which row.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum PickFile {
    /// Any living row, each as likely.
    Uniform,
    /// New rows most: the mean distance from the newest, in rows; 64 unless set.
    Recent(Option<Spanned<f64>>),
    /// Any row in this state, or in one of these.
    State(OneOrMany<Spanned<String>>),
    /// The older the hotter: the k-th oldest row comes as often as `1 / k^exponent` says; the exponent
    /// is 1.1 unless set. References to a table that nothing is deleted from have the same hot rows in
    /// all lanes; elsewhere each lane has its own.
    Zipf(Option<Spanned<f64>>),
    /// The oldest row of the lane, as in a queue; of those in these states, if any are given.
    Oldest(Option<OneOrMany<Spanned<String>>>),
}
