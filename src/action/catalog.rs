//! What sinks know of a run's tables and statements.

use crate::action::StatementId;
use crate::action::TableId;
use crate::schema::ColumnType;
use crate::schema::Literal;
use crate::schema::Marker;

/// What sinks need to know of the run's tables and statements: made once, before anything is sent.
#[derive(Debug, Clone, Default)]
pub struct Catalog {
    /// By [`TableId`].
    pub tables: Vec<TableInfo>,
    /// Tables of our own beside the domains', which no lane works on; numbered behind all others.
    pub own: Vec<TableInfo>,
    /// By [`StatementId`].
    pub statements: Vec<Statement>,
    /// By [`TableId`]: its place in an order in which no table refers to a later one.
    pub ranks: Vec<usize>,
    /// What tells the run's changes from those of others, where rows or messages tell of theirs: see
    /// [`Marker::Run`]; 0 where they do not.
    pub run: i64,
    /// Whether the transactions of the load tell of themselves by messages in the log, instead: see
    /// [`message`](crate::action::message).
    pub has_messages: bool,
}

impl Catalog {
    /// The table of that number.
    pub fn table(&self, id: TableId) -> &TableInfo {
        let number = usize::from(id.0);
        self.tables.get(number).unwrap_or_else(|| &self.own[number - self.tables.len()])
    }

    /// Whether a table is one of our own.
    pub fn is_own(&self, id: TableId) -> bool {
        usize::from(id.0) >= self.tables.len()
    }

    /// Whether rows tell of the changes that wrote them.
    pub fn is_marked(&self) -> bool {
        self.run != 0 && !self.has_messages
    }

    /// All tables in the order of their numbers, ours included.
    pub fn all(&self) -> impl Iterator<Item = (TableId, &TableInfo)> {
        let all = self.tables.iter().chain(&self.own).enumerate();
        all.map(|(number, table)| (TableId::of(number), table))
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
    /// Of an event: the columns that are not sent.
    pub hidden: Vec<usize>,
    /// Its primary key, as indexes into `columns`.
    pub key: Vec<usize>,
    /// Whether all lanes change its rows, by adding.
    pub shared: bool,
    /// Which way its rows go, by its number: see [`crate::scenario::Scenario::ways`].
    pub way: usize,
    /// Set if it stands for what is sent of the rows of another one, an event, to a further target.
    pub same_as: Option<TableId>,
    /// Whether its rows are sent at all: not those of a table that nobody keeps.
    pub is_sent: bool,
    /// Set if its rows are events: they are sent, and stored by nobody.
    pub event: Option<EventInfo>,
}

impl TableInfo {
    /// Whether its rows are sent to be rows of a table: it is no event, and somebody keeps it.
    pub fn is_row(&self) -> bool {
        self.is_sent && self.event.is_none()
    }

    /// The first of the columns that tell of changes, if it has them.
    pub fn markers(&self) -> Option<usize> {
        let first = self.columns.len().checked_sub(Marker::ALL.len())?;
        let names = self.columns[first..].iter().map(|(name, _)| name.as_str());
        names.eq(Marker::ALL.map(Marker::column)).then_some(first)
    }
}

#[cfg(test)]
impl TableInfo {
    /// A table of a database `shop`, whose first column is its key.
    pub(crate) fn with_columns(name: &str, columns: &[(&str, ColumnType)]) -> Self {
        Self {
            target: 0,
            domain: 0,
            database: "shop".to_owned(),
            namespace: "public".to_owned(),
            name: name.to_owned(),
            columns: columns.iter().map(|(name, kind)| ((*name).to_owned(), *kind)).collect(),
            hidden: Vec::new(),
            key: vec![0],
            shared: false,
            way: 0,
            same_as: None,
            is_sent: true,
            event: None,
        }
    }
}

/// What a table's rows are as events.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct EventInfo {
    /// The column whose value is the record's key, as an index into the table's columns.
    pub key: Option<usize>,
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
    /// One new row, or assignments to the one that has its key; the parameters are all columns, then
    /// those of the assignments.
    Upsert {
        /// What becomes of which column, if the row exists.
        set: Vec<Assignment>,
        /// As of an update.
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
