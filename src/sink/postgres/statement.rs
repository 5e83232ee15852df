//! The SQL of each statement shape.

use crate::action::Assign;
use crate::action::Assignment;
use crate::action::Catalog;
use crate::action::Statement;
use crate::action::StatementKind;
use crate::action::TableInfo;
use crate::schema::ColumnType;
use crate::schema::Literal;
use crate::sink::postgres::quote::identifier;
use crate::sink::postgres::quote::literal;
use crate::sink::postgres::types::type_name;

/// A table's full, quoted name.
pub fn table_name(table: &TableInfo) -> String {
    format!("{}.{}", identifier(&table.namespace), identifier(&table.name))
}

/// The statement with `$1`, `$2`, ... for its parameters.
pub fn sql(catalog: &Catalog, statement: &Statement) -> String {
    let table = catalog.table(statement.table);
    let name = table_name(table);
    match &statement.kind {
        StatementKind::Insert => format!("INSERT INTO {name} {}", new_row(table)),
        StatementKind::Upsert { set, .. } => {
            let key: Vec<_> =
                table.key.iter().map(|at| identifier(&table.columns[*at].0)).collect();
            let mut place = table.columns.len();
            let changes: Vec<_> =
                set.iter().map(|each| change(table, each, "present.", &mut place)).collect();
            format!(
                "INSERT INTO {name} AS present {} ON CONFLICT ({}) DO UPDATE SET {}",
                new_row(table),
                key.join(", "),
                changes.join(", ")
            )
        }
        StatementKind::Update { set, .. } => {
            let mut place = 0;
            let changes: Vec<_> =
                set.iter().map(|each| change(table, each, "", &mut place)).collect();
            format!("UPDATE {name} SET {} WHERE {}", changes.join(", "), key_is(table, place + 1))
        }
        StatementKind::Delete => format!("DELETE FROM {name} WHERE {}", key_is(table, 1)),
        StatementKind::DeleteOwned { column } => {
            format!("DELETE FROM {name} WHERE {} = $1", identifier(&table.columns[*column].0))
        }
    }
}

/// `("a", "b") VALUES ($1, $2)`: all columns.
fn new_row(table: &TableInfo) -> String {
    let columns: Vec<_> = table.columns.iter().map(|(name, _)| identifier(name)).collect();
    let places: Vec<_> = (1..=columns.len()).map(|place| format!("${place}")).collect();
    format!("({}) VALUES ({})", columns.join(", "), places.join(", "))
}

/// `"a" = $1 AND "b" = $2`: the row with this key.
pub fn key_is(table: &TableInfo, first: usize) -> String {
    let parts: Vec<_> = table
        .key
        .iter()
        .enumerate()
        .map(|(at, column)| format!("{} = ${}", identifier(&table.columns[*column].0), first + at))
        .collect();
    parts.join(" AND ")
}

/// `"a" = "a" + $1`; the old value stands behind the prefix `of`.
fn change(table: &TableInfo, assignment: &Assignment, of: &str, place: &mut usize) -> String {
    let (name, kind) = &table.columns[assignment.column];
    let target = identifier(name);
    let column = format!("{of}{target}");
    if assignment.how.has_parameter() {
        *place += 1;
    }
    let parameter = format!("${place}");
    let value = match (&assignment.how, kind) {
        (Assign::Value, _) => parameter,
        // What stopped at the end of the column would be no sum any more: it fails, and is counted.
        (Assign::Add, _) if table.shared => format!("{column} + {parameter}::numeric"),
        (Assign::Add, ColumnType::Money) => {
            within(*kind, &column, &format!("{column}::numeric + {parameter}::numeric"))
        }
        (Assign::Multiply, ColumnType::Money) => {
            within(*kind, &column, &format!("round({column}::numeric * {parameter}::numeric, 2)"))
        }
        (Assign::Add, _) => within(*kind, &column, &format!("{column} + {parameter}::numeric")),
        (Assign::Multiply, ColumnType::Numeric { scale, .. }) => {
            within(*kind, &column, &format!("round({column} * {parameter}::numeric, {scale})"))
        }
        (Assign::Multiply, _) => {
            within(*kind, &column, &format!("round({column} * {parameter}::numeric)"))
        }
        (Assign::Append, ColumnType::Varchar(Some(limit)) | ColumnType::Char(limit)) => {
            format!("left({column} || {parameter}, {limit})")
        }
        (Assign::Append, _) => format!("{column} || {parameter}"),
        (Assign::Toggle, _) => format!("NOT {column}"),
        (Assign::Next(list), _) => next(&column, &type_name(*kind, &table.namespace), list),
    };
    format!("{target} = {value}")
}

/// A number that would leave its column stops at the column's end: an update must not fail because
/// of the ones before it. Nothing comes of NULL but NULL, which `least` and `greatest` would pass over.
fn within(kind: ColumnType, column: &str, number: &str) -> String {
    let ends = match kind {
        ColumnType::Numeric { precision, scale, .. } => {
            let (digits, scale) = (usize::from(precision), usize::from(scale));
            let nines = "9".repeat(digits);
            let (whole, part) = nines.split_at(digits - scale);
            let greatest = if scale == 0 { nines.clone() } else { format!("{whole}.{part}") };
            Some((format!("-{greatest}"), greatest))
        }
        // The count of cents is a bigint.
        ColumnType::Money => {
            let [least, greatest] = ["-92233720368547758.08", "92233720368547758.07"];
            return format!(
                "CASE WHEN {column} IS NOT NULL THEN least(greatest({number}, {least}), {greatest})::money END"
            );
        }
        _ => {
            kind.integer_range().map(|(least, greatest)| (least.to_string(), greatest.to_string()))
        }
    };
    ends.map_or(number.to_owned(), |(least, greatest)| {
        format!(
            "CASE WHEN {column} IS NOT NULL THEN least(greatest({number}, {least}), {greatest}) END"
        )
    })
}

/// Each value is of the column's own type: what a comparison makes of a bare literal may be
/// another (a `real` is not equal to the number it was written as, a text is no date).
fn next(column: &str, kind: &str, list: &[Literal]) -> String {
    let values: Vec<_> = list.iter().map(|value| typed(value, kind)).collect();
    let first = values.first().cloned().unwrap_or_else(|| "NULL".to_owned());
    let cases: Vec<_> =
        values.windows(2).map(|pair| format!("WHEN {} THEN {}", pair[0], pair[1])).collect();
    format!("CASE {column} {} ELSE {first} END", cases.join(" "))
}

fn typed(value: &Literal, kind: &str) -> String {
    let text = match value {
        Literal::Null => return "NULL".to_owned(),
        Literal::Bool(value) => value.to_string(),
        Literal::Int(value) => value.to_string(),
        Literal::Decimal(value) => value.to_string(),
        Literal::Text(text) => text.clone(),
    };
    format!("{}::{kind}", literal(&text))
}
