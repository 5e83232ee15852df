//! One domain: tables, fills, actions. What is *meant*; a [`Schema`] has passed `schema/check.rs`.

pub mod order;
pub mod places;
pub(crate) mod avro;
pub(crate) mod beside;
pub(crate) mod check;
pub(crate) mod expression;
pub(crate) mod file;
pub(crate) mod lines;
pub(crate) mod pattern;
pub(crate) mod phrase;
mod declared;
mod dependent;
mod distribution;
mod drawn;
mod find;
mod kind;
mod marker;
mod moment;
mod reference;
mod set;
pub(crate) mod typed;
mod walk;
pub(crate) mod written;

use crate::units::Decimal;
use crate::yaml;

/// The JSON Schema of a schema file.
pub fn json_schema() -> serde_json::Value {
    yaml::json_schema_of::<file::SchemaFile>("loadgen schema")
}

pub use declared::DomainType;
pub use dependent::Dependent;
pub(crate) use distribution::normal_at;
pub(crate) use distribution::normal_below;
pub use drawn::Address;
pub use drawn::AddressPart;
pub use drawn::Distribution;
pub use drawn::Drawn;
pub use drawn::Invented;
pub use drawn::IpRange;
pub(crate) use drawn::PHONES;
pub(crate) use drawn::PUBLIC_V4;
pub use drawn::PhoneForm;
pub use drawn::Shape;
pub use drawn::Size;
pub use drawn::TextUnit;
pub use expression::Expression;
pub use expression::Function;
pub use expression::Operator;
pub use kind::ColumnType;
pub use kind::Geometry;
pub use kind::RangeType;
pub use kind::named::EnumType;
pub use lines::Lines;
pub use marker::Marker;
pub use moment::Moment;
pub use moment::PAST_US;
pub use moment::Through;
pub use moment::Week;
pub use pattern::Pattern;
pub use pattern::Piece;
pub use reference::Pick;
pub use reference::Reference;
pub use set::Set;
pub use typed::TypedFill;
pub use walk::Walk;

/// A domain, checked.
#[derive(Debug, Clone, PartialEq)]
pub struct Schema {
    /// Its name, as scenarios call it.
    pub name: String,
    /// The database it lives in, unless the scenario says otherwise.
    pub database: String,
    /// The enums it declares.
    pub enums: Vec<&'static EnumType>,
    /// The domains, in PostgreSQL's sense, that it declares.
    pub domains: Vec<DomainType>,
    /// Its tables. Indexes into this list are used throughout [`Schema`].
    pub tables: Vec<Table>,
    /// What happens to the tables.
    pub actions: Vec<Action>,
    /// What must hold besides what the words claim.
    pub checks: Option<Checks>,
    /// The text it was read from, without passwords, for the run's manifest.
    pub source: String,
    /// SHA-256 of what the text says once variables stand for their values, in hex: part of the
    /// scenario's hash. Places and comments are no part of it.
    pub content: String,
}

/// A query that judges the rows of a domain.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Checks {
    /// Its file, as it is shown.
    pub file: String,
    /// One statement: each row says what must hold, and how many rows break it.
    pub sql: String,
}

/// A table.
#[derive(Debug, Clone, PartialEq)]
pub struct Table {
    /// Its name.
    pub name: String,
    /// Its columns, in the order of the table.
    pub columns: Vec<Column>,
    /// The columns of its primary key; empty for a keyless table.
    pub key: Vec<usize>,
    /// What the WAL carries of old rows.
    pub replica_identity: ReplicaIdentity,
    /// Set for rows that live and die with a row of another table.
    pub owner: Option<Owner>,
    /// Set for rows whose life has states.
    pub states: Option<States>,
    /// Whether the rows belong to all lanes: they are seeded, they stay, and all that changes them
    /// is adding, whose order does not matter.
    pub shared: bool,
    /// Whether a database keeps its rows, where the domain has one. Those that are not stored stand
    /// behind the others.
    pub stored: bool,
    /// How many rows it has at `scale: 1`; 0 if it does not say.
    pub rows: u64,
    /// Set if its rows are events: they are sent by `emit`, and stored by nobody.
    pub event: Option<Event>,
}

/// What the rows of a table are as events.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Event {
    /// The column whose value is the key of the record.
    pub key: Option<usize>,
}

/// A table whose rows belong to a row of another table: made with it, deleted with it.
#[derive(Debug, Clone, PartialEq)]
pub struct Owner {
    /// The table of the owning row, in the same schema.
    pub table: usize,
    /// The column that refers to the owner's key.
    pub column: usize,
    /// How many rows an owner has at least.
    pub min: u32,
    /// How many rows an owner has at most (the count is uniform between the two).
    pub max: u32,
}

/// The states in a row's life.
#[derive(Debug, Clone, PartialEq)]
pub struct States {
    /// The column that shows the state.
    pub column: usize,
    /// Their names; the first is the state of a new row. At most 16.
    pub names: Vec<String>,
    /// In which states seeded rows stand, by weight: one weight for each name.
    pub seeded: Vec<f64>,
    /// Set if the row walks from state to state by chance.
    pub walk: Option<Walk>,
}

/// What the write-ahead log carries of a row that is updated or deleted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ReplicaIdentity {
    /// The primary key.
    Default,
    /// The whole row.
    Full,
    /// Nothing: PostgreSQL refuses updates and deletes of a published table.
    Nothing,
}

/// A column.
#[derive(Debug, Clone, PartialEq)]
pub struct Column {
    /// Its name.
    pub name: String,
    /// Its type in PostgreSQL; of a domain's column, the type that the domain is made of.
    pub kind: ColumnType,
    /// The domain (of [`Schema::domains`]) that the column is declared with.
    pub domain: Option<usize>,
    /// Whether it may be NULL.
    pub nullable: bool,
    /// The share of rows in which it is NULL, 0 to 1.
    pub null_rate: f64,
    /// Whether the table declares it UNIQUE (beside the primary key).
    pub unique: bool,
    /// A condition on it, in SQL.
    pub check: Option<String>,
    /// Of an event: whether it is left out of what is sent.
    pub hidden: bool,
    /// How it gets its value.
    pub fill: Fill,
}

/// A value written in a schema file.
#[derive(Debug, Clone, PartialEq)]
pub enum Literal {
    /// `null`
    Null,
    /// `true`, `false`
    Bool(bool),
    /// A whole number.
    Int(i64),
    /// A number with a point.
    Decimal(Decimal),
    /// Anything else.
    Text(String),
}

/// How a column gets its value when a row is inserted, or an update sets it anew.
#[derive(Debug, Clone, PartialEq)]
pub enum Fill {
    /// 1, 2, 3, ... over all lanes, from `start` on. Unique.
    Sequence {
        /// The first.
        start: i64,
    },
    /// A random-looking UUID (version 4), unique, and invertible to its row number.
    Uuid,
    /// 22 characters of base64url that look random, unique: 16 bytes made from the row number.
    Id,
    /// Always the same.
    Constant(Literal),
    /// Evenly between two values, both included; both are Int or Decimal (scaled to the column).
    Uniform {
        /// Least.
        min: Literal,
        /// Greatest.
        max: Literal,
    },
    /// Lognormal by its median and its 99th percentile; rounded to the column's type.
    Lognormal {
        /// Half of the values lie below.
        median: f64,
        /// 99 % of the values lie below; greater than the median.
        p99: f64,
    },
    /// One of a list, by weight. Weights are positive.
    Weighted(Vec<(Literal, f64)>),
    /// Row number n gets the n-th of the list; rows beyond it are filled by `then`.
    Listed {
        /// Values of the first rows.
        values: Vec<Literal>,
        /// Fill of all further rows.
        then: Box<Fill>,
    },
    /// Between `min` and `max` words.
    Words {
        /// At least so many.
        min: u32,
        /// At most so many.
        max: u32,
    },
    /// A person's name.
    Name(NamePart),
    /// An address at example.com/.org/.net, unique; made from a column that holds a name, if given.
    Email {
        /// The column with the name.
        from: Option<usize>,
    },
    /// When the action was due (seeded rows: evenly over the 30 days before the start), plus an
    /// offset drawn evenly between the two (microseconds).
    EventTime {
        /// Least offset.
        offset_min: i64,
        /// Greatest offset.
        offset_max: i64,
    },
    /// When the action was due, with more to it.
    Moment(Box<Moment>),
    /// A key column of a row of another table (or of the owner's).
    Reference(Reference),
    /// A column of the row that the reference in column `through` names. That row's table is
    /// never updated in that column.
    Lookup {
        /// A column of this table filled by [`Fill::Reference`].
        through: usize,
        /// The wanted column, by name, of the table referred to.
        column: String,
    },
    /// Computed from other columns of the row.
    Derived(Expression),
    /// The state of the row: see [`Table::states`].
    State,
    /// 1, 2, 3, ... among the rows of one owner: see [`Table::owner`].
    Line,
    /// Drawn by chance alone.
    Drawn(Drawn),
    /// Made from another column of the row.
    Dependent(Dependent),
    /// As this fill, but no two rows have the same: made from the row's shuffled number.
    Unique(Box<Fill>),
    /// Made for one type, or of other fills.
    Typed(TypedFill),
    /// Tells of the change that wrote it.
    Marker(Marker),
}

/// Which part of a name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NamePart {
    /// `Ada`
    First,
    /// `Lovelace`
    Last,
    /// `Ada Lovelace`
    Full,
}

/// The unit of business: steps that commit together.
#[derive(Debug, Clone, PartialEq)]
pub struct Action {
    /// Its name.
    pub name: String,
    /// What it does, in order. A step on a table that an earlier step of the action inserted into
    /// or picked from works on, or refers to, that same row.
    pub steps: Vec<Step>,
    /// How long its events come after the commit of its rows: least and most, in nanoseconds.
    pub skew_ns: (u64, u64),
    /// What happens later to the row it worked on.
    pub then: Vec<Then>,
}

/// An action that follows another.
#[derive(Debug, Clone, PartialEq)]
pub struct Then {
    /// Index into [`Schema::actions`].
    pub action: usize,
    /// The table whose row it works on, or refers to: a step of the first action inserted or changed
    /// that row.
    pub table: usize,
    /// It is due at least so many nanoseconds after the first was planned.
    pub min_ns: u64,
    /// It is due at most so many nanoseconds after the first was planned.
    pub max_ns: u64,
    /// How often it follows; above 0, at most 1.
    pub share: f64,
    /// It follows only if the row is in one of these states of its table then; empty for any.
    pub states: Vec<usize>,
}

/// One step of an action.
#[derive(Debug, Clone, PartialEq)]
pub enum Step {
    /// A new row, with the rows it owns if the action has a step for their table.
    Insert {
        /// Where.
        table: usize,
    },
    /// A change to one row.
    Update {
        /// Where.
        table: usize,
        /// Which row.
        pick: Pick,
        /// Column and what becomes of it.
        set: Vec<(usize, Set)>,
        /// When there is none.
        otherwise: Otherwise,
    },
    /// A new row, or a change to a row that exists: one statement, `INSERT … ON CONFLICT`. There is
    /// a new one wherever there is none to change.
    Upsert {
        /// Where.
        table: usize,
        /// Which row, if one that exists.
        pick: Pick,
        /// The share of steps that take a row that exists, 0 to 1.
        existing: f64,
        /// Column and what becomes of it, if the row exists.
        set: Vec<(usize, Set)>,
    },
    /// The end of one row, after that of its children.
    Delete {
        /// Where.
        table: usize,
        /// Which row.
        pick: Pick,
        /// When there is none.
        otherwise: Otherwise,
    },
}

/// What an action does when it finds no row to work on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Otherwise {
    /// Nothing; it is counted.
    Skip,
    /// A row (and the rows it owns) is inserted into the table instead; it is counted.
    Insert,
}
