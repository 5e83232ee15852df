//! The waist: what generators make and sinks send. Knows no generator and no destination.

use crate::schema::ColumnType;
use crate::schema::Literal;
use crate::units::Decimal;

/// A table of the run, counted over all its domains.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct TableId(pub u16);

impl TableId {
    /// The table of this number. `check` allows no more tables than there are numbers.
    pub fn of(number: usize) -> Self {
        Self(u16::try_from(number).unwrap_or(u16::MAX))
    }
}

/// A statement shape of the run (insert into a table, one action's update of a table, ...): the
/// same shape always has the same parameters, so a sink prepares it once.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct StatementId(pub u16);

impl StatementId {
    /// The statement of this number. `check` allows no more tables and steps than there are numbers.
    pub fn of(number: usize) -> Self {
        Self(u16::try_from(number).unwrap_or(u16::MAX))
    }
}

/// What an operation does to rows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Change {
    /// New rows.
    Insert,
    /// Some columns of rows that exist.
    Update,
    /// Rows go.
    Delete,
}

/// One value, ready to be written in any format. Text lives in the action's own arena.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Value {
    /// SQL `NULL`.
    Null,
    /// A boolean.
    Bool(bool),
    /// Any integer type.
    Int(i64),
    /// Any floating-point type.
    Float(f64),
    /// A `numeric`, exact.
    Decimal(Decimal),
    /// A `uuid`, in network byte order.
    Uuid([u8; 16]),
    /// Microseconds since 1970-01-01T00:00:00Z.
    Timestamp(i64),
    /// Days since 1970-01-01.
    Date(i32),
    /// Text in the arena: see [`Action::text`].
    Text(Span),
}

/// A piece of an action's arena.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Span {
    /// First byte.
    pub start: u32,
    /// Length in bytes.
    pub len: u32,
}

/// One statement to execute: its shape, and where its values stand in the action.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Operation {
    /// The table it changes.
    pub table: TableId,
    /// How it changes it.
    pub change: Change,
    /// The statement's shape.
    pub statement: StatementId,
    /// How many rows the server must report as changed.
    pub rows: u32,
    /// First value in the action.
    first: u32,
    /// Number of values.
    len: u32,
}

/// One or more operations that commit together. Reused: cleared and filled again for each slot.
#[derive(Debug, Default, Clone)]
pub struct Action {
    operations: Vec<Operation>,
    values: Vec<Value>,
    arena: String,
    /// Whether its rows may look already as if it had been committed: what it leaves in them then
    /// proves nothing.
    pub is_doubtful: bool,
    /// The transaction's number below which its telling row was before it was sent, as the sink said
    /// then; 0 if it said none. See [`crate::sink::Receipt`].
    pub horizon: u64,
}

impl Action {
    /// Empties it, and keeps the memory.
    pub fn clear(&mut self) {
        self.operations.clear();
        self.values.clear();
        self.arena.clear();
        self.is_doubtful = false;
        self.horizon = 0;
    }

    /// The operations, in the order in which they must be executed.
    pub fn operations(&self) -> &[Operation] {
        &self.operations
    }

    /// The values of one of its operations, in the order of the statement's parameters.
    pub fn values(&self, operation: &Operation) -> &[Value] {
        &self.values[operation.first as usize..(operation.first + operation.len) as usize]
    }

    /// Replaces a value pushed before.
    pub fn set(&mut self, index: usize, value: Value) {
        self.values[index] = value;
    }

    /// The text that a [`Value::Text`] stands for.
    pub fn text(&self, span: Span) -> &str {
        &self.arena[span.start as usize..(span.start + span.len) as usize]
    }

    /// Appends a value to the operation being written.
    pub fn push(&mut self, value: Value) {
        self.values.push(value);
    }

    /// Where text is appended before [`Action::text_from`] names it; never shortened below that.
    pub fn arena(&mut self) -> &mut String {
        &mut self.arena
    }

    /// The value that stands for everything written to the arena from `start` on.
    pub fn text_from(&self, start: usize) -> Value {
        let len = self.arena.len() - start;
        Value::Text(Span { start: narrow(start), len: narrow(len) })
    }

    /// The values written since `first`, as one operation.
    pub fn finish(&mut self, first: usize, shape: Shape) {
        let len = self.values.len() - first;
        let Shape { table, change, statement, rows } = shape;
        let (first, len) = (narrow(first), narrow(len));
        self.operations.push(Operation { table, change, statement, rows, first, len });
    }

    /// Number of values so far: what [`Action::finish`] takes as `first`.
    pub fn value_count(&self) -> usize {
        self.values.len()
    }

    /// The values from `first` on, of the operation being written.
    pub fn values_from(&self, first: usize) -> &[Value] {
        &self.values[first..]
    }
}

/// What [`Action::finish`] needs to know of the operation.
#[derive(Debug, Clone, Copy)]
pub struct Shape {
    /// The table it changes.
    pub table: TableId,
    /// How it changes it.
    pub change: Change,
    /// The statement's shape.
    pub statement: StatementId,
    /// How many rows the server must report as changed.
    pub rows: u32,
}

/// Actions are kept far below 4 GiB by the limits that `check` sets on rows and text.
fn narrow(size: usize) -> u32 {
    u32::try_from(size).unwrap_or(u32::MAX)
}

/// What sinks need to know of the run's tables and statements: made once, before anything is sent.
#[derive(Debug, Clone, Default)]
pub struct Catalog {
    /// By [`TableId`].
    pub tables: Vec<TableInfo>,
    /// By [`StatementId`].
    pub statements: Vec<Statement>,
}

impl Catalog {
    /// The table of that number.
    pub fn table(&self, id: TableId) -> &TableInfo {
        &self.tables[usize::from(id.0)]
    }

    /// The statement of that number.
    pub fn statement(&self, id: StatementId) -> &Statement {
        &self.statements[usize::from(id.0)]
    }
}

/// Where a table is, and its columns.
#[derive(Debug, Clone)]
pub struct TableInfo {
    /// Index of its target in the scenario.
    pub target: usize,
    /// Index of its domain in the scenario.
    pub domain: usize,
    /// Its database.
    pub database: String,
    /// Its PostgreSQL schema.
    pub namespace: String,
    /// Its name.
    pub name: String,
    /// Name and type of each column.
    pub columns: Vec<(String, ColumnType)>,
    /// Its primary key, as indexes into `columns`.
    pub key: Vec<usize>,
}

/// The shape of a statement.
#[derive(Debug, Clone)]
pub struct Statement {
    /// The table.
    pub table: TableId,
    /// What it does.
    pub kind: StatementKind,
    /// The types of its parameters, in order.
    pub parameters: Vec<ColumnType>,
}

/// What a statement does.
#[derive(Debug, Clone)]
pub enum StatementKind {
    /// One new row; the parameters are all columns.
    Insert,
    /// Assignments to one row; the parameters are those of the assignments, then the key.
    Update {
        /// What becomes of which column.
        set: Vec<Assignment>,
        /// The assignment, if there is one, whose parameter is certain to differ from what stood
        /// there before: reading the column then tells whether the update was committed.
        evidence: Option<usize>,
    },
    /// One row goes; the parameters are the key.
    Delete,
    /// All rows of one owner go; the only parameter is the owner's key.
    DeleteOwned {
        /// The column that refers to the owner.
        column: usize,
    },
}

/// What an update makes of a column.
#[derive(Debug, Clone)]
pub struct Assignment {
    /// The column.
    pub column: usize,
    /// How it changes.
    pub how: Assign,
}

/// How an assignment changes a column: see [`crate::schema::Set`].
#[derive(Debug, Clone)]
pub enum Assign {
    /// Becomes the parameter.
    Value,
    /// The parameter is added.
    Add,
    /// Multiplied by the parameter, rounded to the column's scale.
    Multiply,
    /// The parameter is appended.
    Append,
    /// Negated; no parameter.
    Toggle,
    /// The next of a list; no parameter.
    Next(Vec<Literal>),
}

impl Assign {
    /// Whether it takes a value of the operation.
    pub fn has_parameter(&self) -> bool {
        !matches!(self, Self::Toggle | Self::Next(_))
    }
}

/// Appends a value as PostgreSQL prints it (NULL as nothing): the one text form of values, for
/// samples, fingerprints and computed text.
pub fn write_value(value: Value, action: &Action, out: &mut String) {
    use std::fmt::Write as _;
    // Writing to a string does not fail.
    let _ = match value {
        Value::Null => Ok(()),
        Value::Bool(value) => write!(out, "{value}"),
        Value::Int(value) => write!(out, "{value}"),
        Value::Float(value) => write!(out, "{value}"),
        Value::Decimal(value) => write!(out, "{value}"),
        Value::Uuid(value) => write!(out, "{}", uuid::Uuid::from_bytes(value)),
        Value::Timestamp(value) => match chrono::DateTime::from_timestamp_micros(value) {
            Some(at) => write!(out, "{}", at.format("%Y-%m-%d %H:%M:%S%.6f+00")),
            None => write!(out, "{value}us"),
        },
        Value::Date(value) => match chrono::NaiveDate::default()
            .checked_add_signed(chrono::TimeDelta::try_days(i64::from(value)).unwrap_or_default())
        {
            Some(at) => write!(out, "{at}"),
            None => write!(out, "{value}d"),
        },
        Value::Text(span) => {
            out.push_str(action.text(span));
            Ok(())
        }
    };
}
