//! The statements that make a domain's tables. Text only; nothing is sent.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use crate::schema::Column;
use crate::schema::ColumnType;
use crate::schema::Fill;
use crate::schema::Reference;
use crate::schema::ReplicaIdentity;
use crate::schema::Schema;
use crate::schema::Table;
use crate::schema::order;
use crate::sink::postgres::quote;
use crate::sink::postgres::types::type_name;

/// Makes the enums and the domains that a schema declares, those of `present` excepted, each with
/// the mark.
pub fn create_types(
    schema: &Schema,
    namespace: &str,
    present: &BTreeSet<String>,
    mark: &str,
) -> Vec<String> {
    let mut statements = Vec::new();
    for declared in schema.enums.iter().filter(|each| !present.contains(&each.name)) {
        let name = quote::qualified(namespace, &declared.name);
        let labels: Vec<_> = declared.labels.iter().map(|label| quote::literal(label)).collect();
        statements.push(format!("CREATE TYPE {name} AS ENUM ({})", labels.join(", ")));
        statements.push(format!("COMMENT ON TYPE {name} IS {}", quote::literal(mark)));
    }
    for declared in schema.domains.iter().filter(|each| !present.contains(&each.name)) {
        let name = quote::qualified(namespace, &declared.name);
        let base = type_name(declared.base, namespace);
        let check = declared.check.as_ref();
        let check = check.map(|check| format!(" CHECK ({check})")).unwrap_or_default();
        statements.push(format!("CREATE DOMAIN {name} AS {base}{check}"));
        statements.push(format!("COMMENT ON DOMAIN {name} IS {}", quote::literal(mark)));
    }
    statements
}

/// What a column is declared with.
fn declared(schema: &Schema, namespace: &str, column: &Column) -> String {
    match column.domain.and_then(|domain| schema.domains.get(domain)) {
        Some(domain) => quote::qualified(namespace, &domain.name),
        None => type_name(column.kind, namespace),
    }
}

/// Makes the tables named in `missing`, parents before children, with their foreign keys and an
/// index for each foreign key that has none.
pub fn create_tables(schema: &Schema, namespace: &str, missing: &BTreeSet<&str>) -> Vec<String> {
    let mut made: BTreeSet<&str> = schema
        .stored()
        .iter()
        .map(|table| table.name.as_str())
        .filter(|name| !missing.contains(name))
        .collect();
    let mut statements = Vec::new();
    let mut later = Vec::new();
    for table in parents_first(schema).into_iter().map(|index| &schema.tables[index]) {
        if !missing.contains(table.name.as_str()) {
            continue;
        }
        made.insert(&table.name);
        statements.push(create_table(schema, namespace, table, &made));
        for index in 0..table.columns.len() {
            let Some(parent) = foreign_key(schema, &table.columns[index]) else { continue };
            let name = quote::qualified(namespace, &table.name);
            let column = quote::identifier(&table.columns[index].name);
            if !made.contains(parent.table.as_str()) {
                let references = references(namespace, parent);
                later.push(format!("ALTER TABLE {name} ADD FOREIGN KEY ({column}) {references}"));
            }
            if table.key.first() != Some(&index) && !table.columns[index].unique {
                statements.push(format!("CREATE INDEX ON {name} ({column})"));
            }
        }
    }
    statements.extend(later);
    statements
}

/// What the write-ahead log is to carry of a table's old rows.
pub fn replica_identity(namespace: &str, table: &Table) -> String {
    let identity = match table.replica_identity {
        ReplicaIdentity::Default => "DEFAULT",
        ReplicaIdentity::Full => "FULL",
        ReplicaIdentity::Nothing => "NOTHING",
    };
    let name = quote::qualified(namespace, &table.name);
    format!("ALTER TABLE {name} REPLICA IDENTITY {identity}")
}

/// Whether the column draws its default from a sequence of its own.
pub(super) fn is_identity(table: &Table, index: usize) -> bool {
    let column = &table.columns[index];
    let whole =
        matches!(column.kind, ColumnType::Smallint | ColumnType::Integer | ColumnType::Bigint);
    whole
        && table.key.contains(&index)
        && column.domain.is_none()
        && matches!(column.fill, Fill::Sequence { .. })
}

/// The column of a table that draws its default from a sequence of its own, and its type.
pub(crate) fn identity(table: &Table) -> Option<(&str, ColumnType)> {
    let at = (0..table.columns.len()).find(|at| is_identity(table, *at))?;
    Some((table.columns[at].name.as_str(), table.columns[at].kind))
}

fn create_table(schema: &Schema, namespace: &str, table: &Table, made: &BTreeSet<&str>) -> String {
    let mut parts = Vec::new();
    for (index, column) in table.columns.iter().enumerate() {
        let kind = declared(schema, namespace, column);
        let mut part = format!("{} {kind}", quote::identifier(&column.name));
        if is_identity(table, index) {
            part.push_str(" GENERATED BY DEFAULT AS IDENTITY");
        }
        if !column.nullable {
            part.push_str(" NOT NULL");
        }
        if column.unique {
            part.push_str(" UNIQUE");
        }
        if let Some(check) = &column.check {
            // Writing to a String cannot fail.
            let _ = write!(part, " CHECK ({check})");
        }
        let parent = foreign_key(schema, column);
        if let Some(parent) = parent.filter(|parent| made.contains(parent.table.as_str())) {
            let _ = write!(part, " {}", references(namespace, parent));
        }
        parts.push(part);
    }
    if !table.key.is_empty() {
        let key = table.key.iter().map(|&index| quote::identifier(&table.columns[index].name));
        parts.push(format!("PRIMARY KEY ({})", key.collect::<Vec<_>>().join(", ")));
    }
    let name = quote::qualified(namespace, &table.name);
    format!("CREATE TABLE IF NOT EXISTS {name} (\n    {}\n)", parts.join(",\n    "))
}

fn references(namespace: &str, parent: &Reference) -> String {
    let table = quote::qualified(namespace, &parent.table);
    format!("REFERENCES {table} ({})", quote::identifier(&parent.column))
}

/// The reference that PostgreSQL is told of. It can be told only of columns that are unique.
pub(super) fn foreign_key<'a>(schema: &'a Schema, column: &'a Column) -> Option<&'a Reference> {
    let mut fill = &column.fill;
    while let Fill::Listed { then, .. } = fill {
        fill = then;
    }
    let Fill::Reference(reference) = fill else { return None };
    if !reference.enforced || reference.schema != schema.name {
        return None;
    }
    let parent = schema.stored().iter().find(|table| table.name == reference.table)?;
    let index = parent.columns.iter().position(|column| column.name == reference.column)?;
    (parent.key == [index] || parent.columns[index].unique).then_some(reference)
}

/// Table indexes, each after those it refers to; tables of a schema with a circle stay in its order.
pub(super) fn parents_first(schema: &Schema) -> Vec<usize> {
    let parents = |index: usize| {
        let columns = schema.tables[index].columns.iter();
        let parents =
            columns.filter_map(|column| schema.table(&foreign_key(schema, column)?.table));
        parents.filter(|parent| *parent != index).collect()
    };
    let count = schema.stored().len();
    order::parents_first(count, parents).unwrap_or_else(|_| (0..count).collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::schema::Pick;

    /// A table with a key and a reference to each of `parents`.
    fn table(name: &str, parents: &[&str]) -> Table {
        let column = |name: &str, fill| Column {
            name: name.to_owned(),
            kind: ColumnType::Integer,
            domain: None,
            nullable: false,
            null_rate: 0.0,
            unique: false,
            check: None,
            hidden: false,
            fill,
        };
        let mut columns = vec![column("id", Fill::Sequence { start: 1 })];
        columns.extend(parents.iter().map(|parent| {
            let reference = Reference {
                schema: "s".to_owned(),
                table: (*parent).to_owned(),
                column: "id".to_owned(),
                pick: Pick::Uniform,
                born: 0.0,
                enforced: true,
                stays: false,
                of: None,
                unlike: None,
            };
            column(parent, Fill::Reference(reference))
        }));
        Table {
            name: name.to_owned(),
            columns,
            key: vec![0],
            replica_identity: ReplicaIdentity::Default,
            owner: None,
            states: None,
            shared: false,
            stored: true,
            rows: 0,
            event: None,
        }
    }

    fn schema(tables: Vec<Table>) -> Schema {
        Schema {
            name: "s".to_owned(),
            database: "s".to_owned(),
            enums: Vec::new(),
            domains: Vec::new(),
            tables,
            actions: Vec::new(),
            checks: None,
            source: String::new(),
            content: String::new(),
        }
    }

    #[test]
    fn parents_stand_before_their_children_and_a_circle_ends() {
        let tree = schema(vec![table("c", &["b", "a"]), table("b", &["a"]), table("a", &["a"])]);
        assert_eq!(parents_first(&tree), [2, 1, 0]);
        let circle = schema(vec![table("a", &["b"]), table("b", &["a"]), table("c", &[])]);
        assert_eq!(parents_first(&circle), [0, 1, 2]);
    }

    #[test]
    fn a_circle_is_closed_when_all_its_tables_are_made() {
        let circle = schema(vec![table("a", &["b"]), table("b", &["a"])]);
        let statements = create_tables(&circle, "n", &BTreeSet::from(["a", "b"]));
        assert!(!statements[0].contains("REFERENCES"), "{}", statements[0]);
        assert_eq!(statements[1], "CREATE INDEX ON \"n\".\"a\" (\"b\")");
        assert!(statements[2].contains("REFERENCES \"n\".\"a\" (\"id\")"), "{}", statements[2]);
        let close =
            "ALTER TABLE \"n\".\"a\" ADD FOREIGN KEY (\"b\") REFERENCES \"n\".\"b\" (\"id\")";
        assert_eq!(statements[4..], [close]);
    }

    #[test]
    fn tables_that_are_there_are_left_alone() {
        let tree = schema(vec![table("a", &[]), table("b", &["a"])]);
        let statements = create_tables(&tree, "n", &BTreeSet::from(["b"]));
        assert_eq!(statements.len(), 2);
        assert!(statements[0].starts_with("CREATE TABLE IF NOT EXISTS \"n\".\"b\""));
        assert!(statements[0].contains("REFERENCES"));
    }
}
