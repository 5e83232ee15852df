//! Checks that concern a domain's database.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use tokio_postgres::Client;

use crate::doctor::Check;
use crate::doctor::Needs;
use crate::doctor::identity;
use crate::doctor::identity::Relation;
use crate::doctor::published::Publication;
use crate::doctor::server::is_too_old;
use crate::doctor::signal::signals;
use crate::scenario::Cdc;
use crate::scenario::Domain;
use crate::scenario::Scenario;
use crate::schema::beside::HEARTBEATS;
use crate::sink::postgres::provision::SetupError;
use crate::sink::postgres::quote::identifier;
use crate::sink::postgres::quote::qualified;
use crate::verify::failed;

/// Whether the role `r` may replicate.
const REPLICATES: &str = "r.rolreplication OR r.rolsuper OR EXISTS ( \
    SELECT FROM pg_auth_members m JOIN pg_roles g ON g.oid = m.roleid \
    WHERE m.member = r.oid AND g.rolname = 'rds_replication')";
/// A value of more characters than that may be kept apart from its row.
const LONG_MIN: i32 = 500;

/// Looks at the tables of the domain of a number, by a session in its database.
pub async fn database(
    client: &Client,
    (scenario, number): (&Scenario, usize),
    needs: &[Needs],
) -> Result<Vec<Check>, SetupError> {
    let (domain, cdc) = (&scenario.domains[number], &scenario.cdc);
    if is_too_old(client).await? {
        return Ok(vec![Check::info("database", "not looked at: its server is too old")]);
    }
    let relations = relations(client, domain).await?;
    let mut all = role(client, domain).await?;
    for (table, needs) in domain.schema.stored().iter().zip(needs) {
        let own: Vec<&Relation> =
            relations.iter().filter(|relation| relation.table == table.name).collect();
        if own.is_empty() {
            let check = Check::info("table", "it is not there yet: `loadgen setup` makes it");
            all.push(check.at(qualified(&domain.namespace, &table.name)));
        }
        let changed: Vec<&str> =
            needs.changed.iter().map(|column| table.columns[*column].name.as_str()).collect();
        for relation in own {
            all.extend(identity::judge(relation, needs, &changed));
        }
    }
    if relations.is_empty() {
        return Ok(all);
    }
    let names = twins(client, &domain.namespace).await?;
    all.extend(identity::twins(&domain.namespace, &names));
    let truncates = scenario.truncates(number);
    all.extend(publication(client, domain, (needs, truncates), (cdc, &relations)).await?);
    Ok(all)
}

async fn publication(
    client: &Client,
    domain: &Domain,
    (needs, truncates): (&[Needs], bool),
    (cdc, relations): (&Cdc, &[Relation]),
) -> Result<Vec<Check>, SetupError> {
    let name = &cdc.publication;
    let Some(publication) = Publication::read(client, name).await? else {
        let tables: Vec<String> = domain
            .schema
            .stored()
            .iter()
            .map(|table| qualified(&domain.namespace, &table.name))
            .collect();
        let remedy =
            format!("CREATE PUBLICATION {} FOR TABLE {};", identifier(name), tables.join(", "));
        let missing = Check::critical("publication", format!("there is no `{name}`"));
        return Ok(vec![missing.remedy(remedy)]);
    };
    let mut leaves: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for relation in relations {
        leaves.entry(relation.table.clone()).or_default().push(relation.bare.clone());
    }
    let mut all = publication.judge(domain, (needs, truncates), &leaves);
    all.push(heartbeat(client, domain, (cdc, &publication)).await?);
    all.extend(signals(client, domain, (cdc, &publication)).await?);
    Ok(all)
}

/// A database in which nothing happens holds back the log of all others.
async fn heartbeat(
    client: &Client,
    domain: &Domain,
    (cdc, publication): (&Cdc, &Publication),
) -> Result<Check, SetupError> {
    if !cdc.heartbeat_table {
        let found =
            "none: while nothing happens here, its slot holds back the log of the whole server";
        return Ok(
            Check::warning("heartbeat", found).remedy("write `heartbeat_table: true` into `cdc`")
        );
    }
    if publication.has(&domain.namespace, HEARTBEATS) {
        return Ok(Check::ok("heartbeat", format!("`{HEARTBEATS}` is published")));
    }
    let table = qualified(&domain.namespace, HEARTBEATS);
    let publish = format!("ALTER PUBLICATION {} ADD TABLE {table};", identifier(&cdc.publication));
    let (owner, capture) = (&domain.roles.owner, &domain.roles.capture);
    let sql = "SELECT to_regclass($1) IS NOT NULL, EXISTS (SELECT FROM pg_roles WHERE rolname = $2), \
               EXISTS (SELECT FROM pg_roles WHERE rolname = $3)";
    let row = client.query_one(sql, &[&table, owner, capture]).await;
    let row = row.map_err(|error| failed(&error))?;
    if row.get(0) {
        let found = format!("`{HEARTBEATS}` is not published: its rows move no slot");
        return Ok(Check::warning("heartbeat", found).remedy(publish));
    }
    // As `sql/heartbeat.sql` and `sql/heartbeat_access.sql` make it.
    let mut remedy = format!(
        "CREATE TABLE {table} (id integer PRIMARY KEY, beat timestamptz NOT NULL); \
         INSERT INTO {table} (id, beat) VALUES (1, now());"
    );
    if row.get(1) {
        let _ = write!(remedy, " ALTER TABLE {table} OWNER TO {};", identifier(owner));
    }
    if row.get(2) {
        let _ = write!(remedy, " GRANT INSERT, UPDATE ON {table} TO {};", identifier(capture));
    }
    let found = format!("`{HEARTBEATS}` is not there: no row of it moves a slot");
    Ok(Check::warning("heartbeat", found).remedy(format!("{remedy} {publish}")))
}

/// Whether a login has the right to replicate; one that is not there has not.
pub async fn may_replicate(client: &Client, user: &str) -> Result<bool, SetupError> {
    let sql = format!("SELECT {REPLICATES} FROM pg_roles r WHERE r.rolname = $1");
    let row = client.query_opt(&sql, &[&user]).await.map_err(|error| failed(&error))?;
    Ok(row.is_some_and(|row| row.get(0)))
}

/// Whether the login of capture may do its work.
async fn role(client: &Client, domain: &Domain) -> Result<Vec<Check>, SetupError> {
    let name = &domain.roles.capture;
    let sql = format!(
        "SELECT r.rolcanlogin, {REPLICATES}, \
            has_database_privilege(r.oid, current_database(), 'CONNECT') \
        FROM pg_roles r WHERE r.rolname = $1"
    );
    let row = client.query_opt(&sql, &[name]).await.map_err(|error| failed(&error))?;
    let Some(row) = row else {
        let found =
            format!("`{name}` is not there: capture logs in by another one, or set-up makes it");
        return Ok(vec![Check::info("login of capture", found)]);
    };
    let user = identifier(name);
    let lacks = [
        (0, "it cannot log in", format!("ALTER ROLE {user} LOGIN;")),
        (
            1,
            "it may not replicate",
            format!("ALTER ROLE {user} REPLICATION; -- on RDS: GRANT rds_replication TO {user};"),
        ),
        (
            2,
            "it may not connect to the database",
            format!("GRANT CONNECT ON DATABASE {} TO {user};", identifier(&domain.database)),
        ),
    ];
    let lacks = lacks.into_iter().filter(|(column, _, _)| !row.get::<_, bool>(*column));
    let mut all: Vec<Check> = lacks
        .map(|(_, found, remedy)| {
            Check::critical("login of capture", found).remedy(remedy).at(name)
        })
        .collect();
    if all.is_empty() {
        all.push(Check::ok(
            "login of capture",
            format!("`{name}` may log in, connect and replicate"),
        ));
    }
    Ok(all)
}

/// The domain's tables that are there, and their partitions.
async fn relations(client: &Client, domain: &Domain) -> Result<Vec<Relation>, SetupError> {
    let sql = format!(
        "SELECT root.relname::text, CASE WHEN root.relkind = 'p' THEN l.relname::text ELSE '' END, \
            l.relpersistence = 'u', l.relreplident::text, \
            EXISTS (SELECT FROM pg_index i WHERE i.indrelid = l.oid AND i.indisprimary), \
            EXISTS (SELECT FROM pg_index i WHERE i.indrelid = l.oid AND i.indisreplident), \
            ARRAY(SELECT a.attname::text FROM pg_attribute a WHERE a.attrelid = l.oid \
                AND a.attnum > 0 AND NOT a.attisdropped AND a.attstorage IN ('x', 'e') \
                AND (a.atttypmod < 0 OR a.atttypmod > {LONG_MIN}) \
                AND NOT EXISTS (SELECT FROM pg_index i WHERE i.indrelid = l.oid \
                    AND i.indisprimary AND a.attnum = ANY (i.indkey)) ORDER BY a.attnum), \
            ARRAY(SELECT a.attname::text FROM pg_attribute a WHERE a.attrelid = l.oid \
                AND a.attnum > 0 AND NOT a.attisdropped AND a.attgenerated <> '' ORDER BY a.attnum), \
            ARRAY(SELECT a.attname::text FROM pg_index i JOIN pg_attribute a ON a.attrelid = l.oid \
                AND a.attnum = ANY (i.indkey) JOIN pg_type t ON t.oid = a.atttypid \
                WHERE i.indrelid = l.oid AND i.indisprimary AND t.typtype = 'e'), \
            ARRAY(SELECT a.attname::text FROM pg_attribute a JOIN pg_type t ON t.oid = a.atttypid \
                WHERE a.attrelid = l.oid AND a.attnum > 0 AND t.typcategory = 'A' ORDER BY a.attnum) \
        FROM pg_class root JOIN pg_namespace n ON n.oid = root.relnamespace \
        JOIN pg_class l ON root.relkind = 'r' AND l.oid = root.oid \
            OR root.relkind = 'p' AND l.oid IN \
                (SELECT relid FROM pg_partition_tree(root.oid) WHERE isleaf) \
        WHERE n.nspname = $1 AND root.relname = ANY ($2) ORDER BY 1, 2"
    );
    let names: Vec<&str> = domain.schema.stored().iter().map(|table| table.name.as_str()).collect();
    let rows = client.query(&sql, &[&domain.namespace, &names]).await;
    let rows = rows.map_err(|error| failed(&error))?;
    Ok(rows
        .iter()
        .map(|row| {
            let (table, leaf): (String, String) = (row.get(0), row.get(1));
            let bare = if leaf.is_empty() { table.clone() } else { leaf };
            Relation {
                name: qualified(&domain.namespace, &bare),
                bare,
                table,
                is_unlogged: row.get(2),
                identity: row.get(3),
                has_key: row.get(4),
                has_index: row.get(5),
                wide: row.get(6),
                generated: row.get(7),
                enums: row.get(8),
                arrays: row.get(9),
            }
        })
        .collect())
}

async fn twins(client: &Client, schema: &str) -> Result<Vec<String>, SetupError> {
    let sql = "SELECT string_agg(c.relname::text, ', ' ORDER BY c.relname) FROM pg_class c \
               JOIN pg_namespace n ON n.oid = c.relnamespace \
               WHERE n.nspname = $1 AND c.relkind IN ('r', 'p') \
               GROUP BY lower(c.relname::text) HAVING count(*) > 1";
    let rows = client.query(sql, &[&schema]).await.map_err(|error| failed(&error))?;
    Ok(rows.iter().map(|row| row.get(0)).collect())
}
