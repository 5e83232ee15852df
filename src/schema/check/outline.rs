//! Names and types of all tables and columns: what fills and actions are checked against.

use std::collections::BTreeSet;

use crate::diagnostic::Problem;
use crate::diagnostic::Problems;
use crate::schema::ColumnType;
use crate::schema::beside;
use crate::schema::check::types::Types;
use crate::schema::file::ColumnFile;
use crate::schema::file::SchemaFile;
use crate::schema::file::TableFile;
use crate::yaml::Spanned;

/// Longest identifier of PostgreSQL, in bytes.
const IDENTIFIER_MAX: usize = 63;

/// Most columns of a table: what fits into one row of PostgreSQL, rounded down.
const COLUMNS_MAX: usize = 1_000;

/// Most tables of a schema.
const TABLES_MAX: usize = 1_000;

/// All tables.
pub(super) struct Outline<'a> {
    pub(super) tables: Vec<TableOutline<'a>>,
    /// The types that the schema declares.
    pub(super) types: Types,
}

/// A table's names and types.
pub(super) struct TableOutline<'a> {
    pub(super) name: &'a Spanned<String>,
    /// None if it could not be read.
    pub(super) file: Option<&'a TableFile>,
    pub(super) columns: Vec<ColumnOutline<'a>>,
}

/// A column's name and type.
pub(super) struct ColumnOutline<'a> {
    pub(super) name: &'a Spanned<String>,
    /// None if it could not be read.
    pub(super) file: Option<&'a ColumnFile>,
    /// None if it could not be read.
    pub(super) kind: Option<ColumnType>,
    /// The domain that it is declared with.
    pub(super) domain: Option<usize>,
}

impl<'a> Outline<'a> {
    pub(super) fn new(file: &'a SchemaFile, problems: &mut Problems) -> Self {
        let entries = &file.tables.value.0;
        if entries.is_empty() {
            problems.add(Problem::new("the schema has no tables").at(file.tables.place));
        }
        if entries.len() > TABLES_MAX {
            let message = format!("the schema has more than {TABLES_MAX} tables");
            problems.add(Problem::new(message).at(file.tables.place));
        }
        let types = Types::new(file, problems);
        let mut tables = Vec::new();
        for (name, table) in entries {
            identifier(name, "a table's name", problems);
            // A table is a type too, of the same name, to PostgreSQL.
            let is_taken = beside::ALL.contains(&name.value.as_str()) || types.has(&name.value);
            unreserved(name, "a table", is_taken, problems);
            let table = table.as_ref();
            let columns =
                table.map(|table| columns(name, table, &types, problems)).unwrap_or_default();
            tables.push(TableOutline { name, file: table, columns });
        }
        unique(file.tables.value.names(), "table", problems);
        Self { tables, types }
    }

    pub(super) fn kinds(&self) -> Vec<Vec<Option<ColumnType>>> {
        let kinds = |table: &TableOutline<'_>| table.columns.iter().map(|c| c.kind).collect();
        self.tables.iter().map(kinds).collect()
    }

    pub(super) fn table(&self, name: &str) -> Option<usize> {
        self.tables.iter().position(|table| table.name.value == name)
    }

    pub(super) fn table_names(&self) -> Vec<&'a str> {
        self.tables.iter().map(|table| table.name.value.as_str()).collect()
    }
}

impl<'a> TableOutline<'a> {
    pub(super) fn column(&self, name: &str) -> Option<usize> {
        self.columns.iter().position(|column| column.name.value == name)
    }

    pub(super) fn column_names(&self) -> Vec<&'a str> {
        self.columns.iter().map(|column| column.name.value.as_str()).collect()
    }
}

/// Columns that every table of PostgreSQL has.
const SYSTEM_COLUMNS: [&str; 6] = ["ctid", "xmin", "xmax", "cmin", "cmax", "tableoid"];

/// Refuses names that PostgreSQL cannot carry.
pub(crate) fn identifier(name: &Spanned<String>, what: &str, problems: &mut Problems) {
    let text = &name.value;
    let reason = if text.is_empty() {
        format!("{what} is empty")
    } else if text.contains('\0') {
        format!("{what} contains a NUL character")
    } else if text.len() > IDENTIFIER_MAX {
        format!("{what} is {} bytes long; PostgreSQL cuts it at {IDENTIFIER_MAX}", text.len())
    } else {
        return;
    };
    problems.add(Problem::new(reason).at(name.place));
}

/// Refuses names that stand for something else already.
pub(crate) fn unreserved(
    name: &Spanned<String>,
    what: &str,
    is_reserved: bool,
    problems: &mut Problems,
) {
    if is_reserved {
        let message = format!("`{}` cannot be {what}: the name is taken", name.value);
        problems.add(Problem::new(message).at(name.place).help("choose another name"));
    }
}

fn columns<'a>(
    name: &Spanned<String>,
    table: &'a TableFile,
    types: &Types,
    problems: &mut Problems,
) -> Vec<ColumnOutline<'a>> {
    let entries = &table.columns.value.0;
    if entries.is_empty() {
        let message = format!("the table `{}` has no columns", name.value);
        problems.add(Problem::new(message).at(name.place));
    }
    if entries.len() > COLUMNS_MAX {
        let message = format!("the table `{}` has more than {COLUMNS_MAX} columns", name.value);
        problems.add(Problem::new(message).at(name.place));
    }
    unique(table.columns.value.names(), "column", problems);
    let mut columns = Vec::new();
    for (name, file) in entries {
        identifier(name, "a column's name", problems);
        let is_taken = SYSTEM_COLUMNS.contains(&name.value.as_str());
        unreserved(name, "a column", is_taken, problems);
        let read = file.as_ref().and_then(|file| types.read(&file.kind, problems));
        let (kind, domain) = read.unzip();
        columns.push(ColumnOutline { name, file: file.as_ref(), kind, domain: domain.flatten() });
    }
    columns
}

/// YAML refuses a key given twice only where both are spelled alike (`1` and `"1"` are not).
fn unique<'a>(
    names: impl Iterator<Item = &'a Spanned<String>>,
    what: &str,
    problems: &mut Problems,
) {
    let mut seen = BTreeSet::new();
    for name in names {
        if !seen.insert(name.value.as_str()) {
            let message = format!("there is a {what} `{}` already", name.value);
            problems.add(Problem::new(message).at(name.place));
        }
    }
}
