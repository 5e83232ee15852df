//! Tables that loadgen did not make (`provision: nothing`): do they fit the schema? It changes nothing.

use std::collections::BTreeMap;
use std::collections::BTreeSet;

use tokio_postgres::Client;

use crate::scenario::Domain;
use crate::scenario::Provision;
use crate::schema::Column;
use crate::schema::Fill;
use crate::schema::Literal;
use crate::schema::Schema;
use crate::schema::Step;
use crate::schema::Table;
use crate::sink::postgres::catalogue::reading;
use crate::sink::postgres::provision::Provisioner;
use crate::sink::postgres::provision::SetupError;
use crate::sink::postgres::quote;
use crate::sink::postgres::types;

/// Compares all tables of all domains with what exists; one error holds every difference.
pub(super) async fn verify(provisioner: &Provisioner<'_>) -> Result<(), SetupError> {
    let mut differences = Vec::new();
    for (database, domains) in provisioner.by_database() {
        let client = provisioner.servers.open(Some(database)).await?;
        for domain in domains {
            verify_domain(&client, domain, &mut differences).await?;
        }
    }
    if differences.is_empty() { Ok(()) } else { Err(SetupError::Differences(differences)) }
}

/// What is in a table before we touch it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Others {
    /// How many rows.
    pub rows: u64,
    /// How many numbers their sequences have used up, counted from where ours start; `None` if
    /// the table has no sequence.
    pub numbers: Option<u64>,
}

impl Provisioner<'_> {
    /// Counts what is in a domain's tables, in the order of its schema; none for tables of our own.
    pub async fn others(&self, domain: &Domain) -> Result<Vec<Others>, SetupError> {
        if self.settings.provision != Provision::Nothing {
            return Ok(Vec::new());
        }
        let client = self.servers.open(self.database_of(domain)).await?;
        let mut all = Vec::new();
        for table in domain.schema.stored() {
            all.push(count(&client, &domain.namespace, table).await?);
        }
        Ok(all)
    }
}

async fn count(client: &Client, namespace: &str, table: &Table) -> Result<Others, SetupError> {
    let sequences = table.columns.iter().filter_map(|column| match column.fill {
        Fill::Sequence { start } => Some((quote::identifier(&column.name), start)),
        _ => None,
    });
    let used: Vec<String> = sequences
        .map(|(column, start)| format!("max({column})::numeric - ({start}) + 1"))
        .collect();
    // Numbers are beyond every sequence; below our start, none is used up.
    let used = if used.is_empty() {
        "NULL::bigint".to_owned()
    } else {
        format!("greatest({}, 0)::bigint", used.join(", "))
    };
    let name = quote::qualified(namespace, &table.name);
    let sql = format!("SELECT count(*), {used} FROM {name}");
    let failed = |error| SetupError::server(format!("count the rows of {name}"), &error);
    let row = client.query_one(&sql, &[]).await.map_err(failed)?;
    let whole = |number: i64| u64::try_from(number).unwrap_or(0);
    Ok(Others { rows: whole(row.get(0)), numbers: row.get::<_, Option<i64>>(1).map(whole) })
}

async fn verify_domain(
    client: &Client,
    domain: &Domain,
    differences: &mut Vec<String>,
) -> Result<(), SetupError> {
    for (index, table) in domain.schema.stored().iter().enumerate() {
        let place = format!("{}.{}", domain.namespace, table.name);
        let Some(found) = FoundTable::read(client, &domain.namespace, &table.name).await? else {
            differences.push(format!("there is no table `{place}` in `{}`", domain.database));
            continue;
        };
        for column in &table.columns {
            match found.columns.get(&column.name) {
                None => differences.push(format!("`{place}` has no column `{}`", column.name)),
                Some(existing) => differences.extend(
                    existing
                        .difference(column)
                        .map(|what| format!("`{place}.{}` {what}", column.name)),
                ),
            }
        }
        let known: BTreeSet<&str> =
            table.columns.iter().map(|column| column.name.as_str()).collect();
        for (name, existing) in &found.columns {
            if !known.contains(name.as_str()) && existing.is_required {
                differences
                    .push(format!("`{place}.{name}` must have a value, and nothing fills it"));
            }
        }
        let changes = Changes::of(&domain.schema, index);
        differences.extend(found.differences(&changes).map(|what| format!("`{place}` {what}")));
    }
    Ok(())
}

/// What the actions of a schema do to one of its tables.
struct Changes {
    updates: bool,
    deletes: bool,
}

impl Changes {
    fn of(schema: &Schema, table: usize) -> Self {
        let mut changes = Self { updates: false, deletes: false };
        for step in schema.actions.iter().flat_map(|action| &action.steps) {
            match step {
                Step::Update { table: target, .. } | Step::Upsert { table: target, .. } => {
                    changes.updates |= *target == table;
                }
                // Owned rows go with their owner.
                Step::Delete { table: target, .. } => {
                    let owner = schema.tables[table].owner.as_ref().map(|owner| owner.table);
                    changes.deletes |= *target == table || owner == Some(*target);
                }
                Step::Insert { .. } => {}
            }
        }
        changes
    }
}

/// A table that exists.
struct FoundTable {
    columns: BTreeMap<String, FoundColumn>,
    /// What one may do: SELECT, INSERT, UPDATE, DELETE.
    rights: [bool; 4],
    /// Whether a publication carries its updates, and its deletes.
    publishes: [bool; 2],
    has_identity: bool,
}

/// A column that exists.
struct FoundColumn {
    /// The type without its modifier, as the server names it; that of the base type for a domain.
    base: String,
    /// The type as the server writes it.
    written: String,
    /// The type's modifier as the catalogue has it; -1 where there is none.
    modifier: i32,
    is_not_null: bool,
    is_required: bool,
    is_generated: bool,
}

impl FoundTable {
    async fn read(
        client: &Client,
        namespace: &str,
        name: &str,
    ) -> Result<Option<Self>, SetupError> {
        let sql = "SELECT c.oid, \
                has_table_privilege(c.oid, 'SELECT'), has_table_privilege(c.oid, 'INSERT'), \
                has_table_privilege(c.oid, 'UPDATE'), has_table_privilege(c.oid, 'DELETE'), \
                coalesce(bool_or(p.pubupdate), false), coalesce(bool_or(p.pubdelete), false), \
                CASE c.relreplident WHEN 'f' THEN true WHEN 'n' THEN false \
                    WHEN 'i' THEN EXISTS (SELECT FROM pg_index i WHERE i.indrelid = c.oid AND i.indisreplident) \
                    ELSE EXISTS (SELECT FROM pg_index i WHERE i.indrelid = c.oid AND i.indisprimary) END \
            FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace \
            LEFT JOIN pg_publication_tables t ON t.schemaname = n.nspname AND t.tablename = c.relname \
            LEFT JOIN pg_publication p ON p.pubname = t.pubname \
            WHERE n.nspname::text = $1 AND c.relname::text = $2 AND c.relkind IN ('r', 'p') \
            GROUP BY c.oid, c.relreplident";
        let row = client.query_opt(sql, &[&namespace, &name]).await;
        let Some(row) = row.map_err(|error| reading(&error))? else { return Ok(None) };
        let oid: u32 = row.get(0);
        let sql = "SELECT a.attname::text, b.typname::text, \
                format_type(b.oid, CASE WHEN t.typtype = 'd' THEN t.typtypmod ELSE a.atttypmod END), \
                CASE WHEN t.typtype = 'd' THEN t.typtypmod ELSE a.atttypmod END, \
                a.attnotnull, a.attnotnull AND NOT a.atthasdef AND a.attidentity = '', \
                a.attgenerated <> '' OR a.attidentity = 'a' \
            FROM pg_attribute a JOIN pg_type t ON t.oid = a.atttypid \
            JOIN pg_type b ON b.oid = CASE WHEN t.typtype = 'd' THEN t.typbasetype ELSE t.oid END \
            WHERE a.attrelid = $1 AND a.attnum > 0 AND NOT a.attisdropped";
        let rows = client.query(sql, &[&oid]).await.map_err(|error| reading(&error))?;
        let columns = rows.iter().map(|row| {
            let column = FoundColumn {
                base: row.get(1),
                written: row.get(2),
                modifier: row.get(3),
                is_not_null: row.get(4),
                is_required: row.get(5),
                is_generated: row.get(6),
            };
            (row.get(0), column)
        });
        Ok(Some(Self {
            columns: columns.collect(),
            rights: [row.get(1), row.get(2), row.get(3), row.get(4)],
            publishes: [row.get(5), row.get(6)],
            has_identity: row.get(7),
        }))
    }

    fn differences(&self, changes: &Changes) -> impl Iterator<Item = String> {
        let names = ["SELECT", "INSERT", "UPDATE", "DELETE"];
        let needed = [true, true, changes.updates, changes.deletes];
        let denied: Vec<&str> = (0..names.len())
            .filter(|&right| needed[right] && !self.rights[right])
            .map(|right| names[right])
            .collect();
        let denied = (!denied.is_empty())
            .then(|| format!("may not be used by this login: grant it {}", denied.join(", ")));
        let is_refused = !self.has_identity
            && ((changes.updates && self.publishes[0]) || (changes.deletes && self.publishes[1]));
        let refused = is_refused.then(|| {
            "is published without a replica identity, so PostgreSQL refuses its updates and \
             deletes: give it a primary key, or REPLICA IDENTITY FULL"
                .to_owned()
        });
        denied.into_iter().chain(refused)
    }
}

impl FoundColumn {
    /// What keeps this column from taking every value of `wanted` unchanged.
    fn difference(&self, wanted: &Column) -> Option<String> {
        if !types::takes(&self.base, self.modifier, wanted.kind) {
            let wanted = wanted.kind;
            return Some(format!("is {}, which does not take every {wanted}", self.written));
        }
        if self.is_generated {
            return Some("is generated by the server and takes no value".to_owned());
        }
        if self.is_not_null && may_be_null(wanted) {
            return Some("is NOT NULL, and the schema fills it with NULL at times".to_owned());
        }
        None
    }
}

fn may_be_null(column: &Column) -> bool {
    let draws_null = match &column.fill {
        Fill::Constant(value) => *value == Literal::Null,
        Fill::Weighted(values) => values.iter().any(|(value, _)| *value == Literal::Null),
        Fill::Listed { values, .. } => values.contains(&Literal::Null),
        _ => false,
    };
    draws_null || column.null_rate > 0.0
}
