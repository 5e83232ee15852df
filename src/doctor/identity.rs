//! What the log says of old rows, and what of a table no log has.

use crate::doctor::Check;
use crate::doctor::Needs;
use crate::sink::postgres::quote::identifier;

/// A table or a partition, as the server has it.
pub(super) struct Relation {
    /// The table that it is, or is a part of.
    pub(super) table: String,
    /// Its own name.
    pub(super) bare: String,
    /// As SQL names it.
    pub(super) name: String,
    pub(super) is_unlogged: bool,
    /// `d`, `n`, `f`, `i`: as in `pg_class.relreplident`.
    pub(super) identity: String,
    pub(super) has_key: bool,
    pub(super) has_index: bool,
    /// Columns whose values may be kept apart.
    pub(super) wide: Vec<String>,
    pub(super) generated: Vec<String>,
    /// Columns of the key that are enums.
    pub(super) enums: Vec<String>,
    /// Columns that are arrays.
    pub(super) arrays: Vec<String>,
}

/// What is to be said of a relation to which this happens; `changed` are the columns that updates set.
pub(super) fn judge(relation: &Relation, needs: &Needs, changed: &[&str]) -> Vec<Check> {
    let mut all: Vec<Check> = identity(relation, needs).into_iter().collect();
    all.extend(unchanged(relation, needs, changed));
    if relation.is_unlogged {
        let remedy = format!("ALTER TABLE {} SET LOGGED;", relation.name);
        all.push(Check::critical("table", "unlogged: nothing of it is decoded").remedy(remedy));
    }
    if !relation.generated.is_empty() {
        let found = format!(
            "generated columns are not told before PostgreSQL 18: {}",
            relation.generated.join(", ")
        );
        all.push(Check::warning("table", found));
    }
    if !relation.enums.is_empty() {
        let found =
            format!("an enum in the key: {}; some consumers fail on it", relation.enums.join(", "));
        all.push(Check::warning("table", found));
    }
    if !relation.has_key && !relation.arrays.is_empty() {
        let found = format!(
            "arrays in a table without a primary key: {}; AWS DMS does not take such a table",
            relation.arrays.join(", ")
        );
        all.push(Check::warning("table", found));
    }
    all.into_iter().map(|check| check.at(relation.name.clone())).collect()
}

/// Without an identity the server refuses each update and delete of a published table.
fn identity(relation: &Relation, needs: &Needs) -> Option<Check> {
    let is_enough = match relation.identity.as_str() {
        "f" => true,
        "d" => relation.has_key,
        "i" => relation.has_index,
        _ => false,
    };
    if is_enough || !(needs.updates || needs.deletes) {
        return None;
    }
    let what = if needs.updates { "updates" } else { "deletes" };
    let found = format!(
        "it has no replica identity, and the scenario {what} it: the server will refuse that"
    );
    let remedy =
        format!("ALTER TABLE {} REPLICA IDENTITY FULL; -- or give it a key", relation.name);
    Some(Check::critical("replica identity", found).remedy(remedy))
}

fn unchanged(relation: &Relation, needs: &Needs, changed: &[&str]) -> Option<Check> {
    if !needs.updates || relation.identity == "f" {
        return None;
    }
    let kept: Vec<&str> = (relation.wide.iter().map(String::as_str))
        .filter(|column| !changed.contains(column))
        .collect();
    if kept.is_empty() {
        return None;
    }
    let found = format!(
        "updates leave out what is long and unchanged: {} may come as a placeholder",
        kept.join(", ")
    );
    let remedy = format!("ALTER TABLE {} REPLICA IDENTITY FULL;", relation.name);
    Some(Check::warning("long values", found).remedy(remedy))
}

/// Tables whose names differ in case only: many consumers take them for one.
pub(super) fn twins(schema: &str, names: &[String]) -> Option<Check> {
    (!names.is_empty()).then(|| {
        let found = format!("names that differ in case only: {}", names.join(", "));
        Check::warning("table", found).at(identifier(schema))
    })
}
