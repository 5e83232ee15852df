//! The types that a schema declares, and the extension that one of them needs.

use std::collections::BTreeSet;

use tokio_postgres::Client;

use crate::scenario::Domain;
use crate::sink::postgres::catalogue::reading;
use crate::sink::postgres::mark;
use crate::sink::postgres::provision::ObjectKind;
use crate::sink::postgres::provision::SetupError;
use crate::sink::postgres::quote;

/// Makes `citext`; not as the owner group, because whoever may make databases may make it, since
/// PostgreSQL 13. A clean leaves it: others may use it by then.
const CITEXT: &str = "CREATE EXTENSION IF NOT EXISTS citext";

/// The statement that makes the extension, if a column of the domain needs it and it is missing.
pub(super) async fn extension(
    client: &Client,
    domain: &Domain,
) -> Result<Option<String>, SetupError> {
    if !needs_citext(domain) {
        return Ok(None);
    }
    let sql = "SELECT EXISTS (SELECT FROM pg_extension WHERE extname = 'citext')";
    let row = client.query_one(sql, &[]).await.map_err(|error| reading(&error))?;
    Ok((!row.get::<_, bool>(0)).then(|| CITEXT.to_owned()))
}

/// Whether the server has `citext` to give, if a domain needs it.
pub(in crate::sink::postgres) async fn check_extension(
    client: &Client,
    domains: &[&Domain],
) -> Result<(), SetupError> {
    let Some(domain) = domains.iter().find(|domain| needs_citext(domain)) else { return Ok(()) };
    let sql = "SELECT EXISTS (SELECT FROM pg_available_extensions WHERE name = 'citext')";
    let row = client.query_one(sql, &[]).await.map_err(|error| reading(&error))?;
    if row.get(0) {
        return Ok(());
    }
    Err(SetupError::Extension { domain: domain.schema.name.clone(), name: "citext".to_owned() })
}

fn needs_citext(domain: &Domain) -> bool {
    let mut columns = domain.schema.stored().iter().flat_map(|table| &table.columns);
    columns.any(|column| column.kind.needs_citext())
}

/// The enums and domains of ours in a PostgreSQL schema. An error if one that the schema declares
/// is there and is not ours.
pub(super) async fn present(
    client: &Client,
    domain: &Domain,
) -> Result<BTreeSet<String>, SetupError> {
    let schema = &domain.schema;
    let enums = schema.enums.iter().map(|declared| declared.name.as_str());
    let wanted: Vec<&str> =
        enums.chain(schema.domains.iter().map(|declared| declared.name.as_str())).collect();
    let mut ours = BTreeSet::new();
    for (name, _, is_ours) in read(client, &domain.namespace).await? {
        if is_ours {
            ours.insert(name);
        } else if wanted.contains(&name.as_str()) {
            let name = format!("{}.{name}", domain.namespace);
            return Err(SetupError::Foreign { kind: ObjectKind::Type, name });
        }
    }
    Ok(ours)
}

/// What drops the enums and domains of ours in a PostgreSQL schema.
pub(in crate::sink::postgres) async fn drop_all(
    client: &Client,
    namespace: &str,
) -> Result<Vec<String>, SetupError> {
    let found = read(client, namespace).await?.into_iter().filter(|(_, _, is_ours)| *is_ours);
    Ok(found
        .map(|(name, is_domain, _)| {
            let kind = if is_domain { "DOMAIN" } else { "TYPE" };
            format!("DROP {kind} {}", quote::qualified(namespace, &name))
        })
        .collect())
}

/// The enums and domains in a PostgreSQL schema: name, whether it is a domain, whether it is ours.
async fn read(client: &Client, namespace: &str) -> Result<Vec<(String, bool, bool)>, SetupError> {
    let sql = "SELECT t.typname::text, t.typtype = 'd', obj_description(t.oid, 'pg_type') \
        FROM pg_type t JOIN pg_namespace n ON n.oid = t.typnamespace \
        WHERE n.nspname::text = $1 AND t.typtype IN ('d', 'e') ORDER BY 1";
    let rows = client.query(sql, &[&namespace]).await.map_err(|error| reading(&error))?;
    let found = rows.iter().map(|row| {
        let comment: Option<&str> = row.get(2);
        (row.get(0), row.get(1), mark::is_ours(comment))
    });
    Ok(found.collect())
}
