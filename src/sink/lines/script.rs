//! What statements need before them and behind the seeded rows, so that `psql -f` runs them in an empty
//! database.

use std::collections::BTreeSet;

use crate::scenario::Domain;
use crate::schema::Table;
use crate::sink::postgres::ddl;
use crate::sink::postgres::quote;

/// What stands as a comment on types that a file makes: they are not loadgen's to remove.
const COMMENT: &str = "made by a file of loadgen";

/// What makes a domain's tables.
pub(crate) fn preamble(domain: &Domain, scenario: &str, seed: u64) -> Vec<u8> {
    let namespace = domain.namespace.as_str();
    let schema = &domain.schema;
    let tables: BTreeSet<&str> = schema.stored().iter().map(|table| table.name.as_str()).collect();
    let mut columns = schema.stored().iter().flat_map(|table| &table.columns);
    let mut statements = vec![
        "SET client_encoding = 'UTF8'".to_owned(),
        // What is read from a file can be read again.
        "SET synchronous_commit = off".to_owned(),
    ];
    if namespace != "public" {
        let name = quote::identifier(namespace);
        statements.push(format!("CREATE SCHEMA IF NOT EXISTS {name}"));
    }
    if columns.any(|column| column.kind.needs_citext()) {
        statements.push("CREATE EXTENSION IF NOT EXISTS citext".to_owned());
    }
    statements.extend(ddl::create_types(schema, namespace, &BTreeSet::new(), COMMENT));
    statements.extend(ddl::create_tables(schema, namespace, &tables));
    // Neither name can end the line.
    let head = format!("-- {scenario}, seed {seed}: {}\n", schema.name.escape_default());
    (head + &ended(&statements)).into_bytes()
}

/// What moves the sequences of a domain's keys behind the greatest that the run may use, by table.
pub(crate) fn sequences(domain: &Domain, keys_max: &[Option<i64>]) -> Vec<u8> {
    let statements = domain.schema.stored().iter().zip(keys_max).filter_map(|(table, max)| {
        let (column, kind) = ddl::identity(table)?;
        let most = kind.integer_range().map_or(i64::MAX, |(_, most)| most);
        let max = (*max)?.clamp(1, most);
        let table = quote::literal(&table_name(domain, table));
        let column = quote::literal(column);
        Some(format!("SELECT setval(pg_get_serial_sequence({table}, {column}), {max})"))
    });
    ended(&statements.collect::<Vec<_>>()).into_bytes()
}

fn table_name(domain: &Domain, table: &Table) -> String {
    quote::qualified(&domain.namespace, &table.name)
}

fn ended(statements: &[String]) -> String {
    statements.iter().flat_map(|statement| [statement.as_str(), ";\n"]).collect()
}
