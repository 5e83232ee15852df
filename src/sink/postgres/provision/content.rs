//! What goes into a domain's database, or into its PostgreSQL schema in another's: tables, books and
//! rights, in one transaction.

use std::collections::BTreeSet;

use tokio_postgres::Client;

use crate::scenario::Domain;
use crate::scenario::OwnTable;
use crate::scenario::Provision;
use crate::scenario::Scenario;
use crate::schema::beside;
use crate::sink::postgres::catalogue::Login;
use crate::sink::postgres::catalogue::reading;
use crate::sink::postgres::ddl;
use crate::sink::postgres::mark;
use crate::sink::postgres::mark::Books;
use crate::sink::postgres::provision::Provisioner;
use crate::sink::postgres::provision::SetupError;
use crate::sink::postgres::provision::SetupReport;
use crate::sink::postgres::provision::scripts;
use crate::sink::postgres::provision::session::atomically;
use crate::sink::postgres::provision::types;
use crate::sink::postgres::quote;

/// Makes what is missing of a domain's tables and brings rights, replica identities and mark up to
/// date. `client` is a session in the domain's database.
pub(super) async fn fill(
    provisioner: &Provisioner<'_>,
    client: &Client,
    domain: &Domain,
    report: &mut SetupReport,
) -> Result<(), SetupError> {
    let namespace = domain.namespace.as_str();
    let present = tables_in(client, namespace).await?;
    let own = domain.schema.stored().iter().map(|table| table.name.as_str());
    let missing: BTreeSet<&str> = own.filter(|name| !present.contains(*name)).collect();

    let has_roles = provisioner.settings.provision == Provision::Databases;
    let mark = mark::comment(&provisioner.scenario.name, &domain.schema.name);
    let types = types::present(client, domain).await?;
    let mut statements = Vec::new();
    statements.extend(types::extension(client, domain).await?);
    if has_roles {
        statements.extend(own_namespace(client, domain).await?);
        statements.push(format!("SET LOCAL ROLE {}", quote::identifier(&domain.roles.owner)));
    } else {
        let variables = [("namespace", namespace), ("mark", &mark)];
        statements.extend(scripts::NAMESPACE_MARK.render(&variables)?);
    }
    let books = Books::beside(namespace);
    let variables = [("books", books.namespace()), ("mark", &mark)];
    statements.extend(scripts::BOOKS.render(&variables)?);
    statements.extend(ddl::create_types(&domain.schema, namespace, &types, &mark));
    statements.extend(ddl::create_tables(&domain.schema, namespace, &missing));
    let identities = domain.schema.stored().iter();
    statements.extend(identities.map(|table| ddl::replica_identity(namespace, table)));
    if provisioner.scenario.cdc.signal_table {
        statements.extend(scripts::SIGNAL.render(&[("namespace", namespace)])?);
    }
    if provisioner.scenario.cdc.heartbeat_table {
        statements.extend(scripts::HEARTBEAT.render(&[("namespace", namespace)])?);
    }
    statements.extend(own_tables(provisioner.scenario, domain)?);
    statements.extend(enter(provisioner, domain, report.start_us)?);
    if has_roles {
        let login = Login::read(client).await?;
        statements.extend(rights(provisioner, domain, &login.user)?);
    }
    let doing = format!("make the tables of `{}`", domain.schema.name);
    atomically(client, &doing, &statements).await?;
    report.made.extend(missing.iter().map(|name| format!("table `{namespace}.{name}`")));
    Ok(())
}

/// The tables that a domain has in its PostgreSQL schema: its own, and those of capture.
pub(super) fn table_names<'d>(
    provisioner: &Provisioner<'_>,
    domain: &'d Domain,
) -> BTreeSet<&'d str> {
    let mut names: BTreeSet<&str> =
        domain.schema.stored().iter().map(|table| table.name.as_str()).collect();
    if provisioner.scenario.cdc.signal_table {
        names.insert(beside::SIGNALS);
    }
    if provisioner.scenario.cdc.heartbeat_table {
        names.insert(beside::HEARTBEATS);
    }
    for own in provisioner.scenario.own_tables(domain) {
        names.insert(own.name());
    }
    names
}

/// What makes the tables of our own.
fn own_tables(scenario: &Scenario, domain: &Domain) -> Result<Vec<String>, SetupError> {
    let mut statements = Vec::new();
    for own in scenario.own_tables(domain) {
        let script = match own {
            OwnTable::Stress => scripts::STRESS,
            OwnTable::Canary => scripts::CANARY,
        };
        statements.extend(script.render(&[("namespace", &domain.namespace)])?);
    }
    Ok(statements)
}

async fn tables_in(client: &Client, namespace: &str) -> Result<BTreeSet<String>, SetupError> {
    let sql = "SELECT c.relname::text FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace \
        WHERE n.nspname::text = $1 AND c.relkind IN ('r', 'p')";
    let rows = client.query(sql, &[&namespace]).await.map_err(|error| reading(&error))?;
    Ok(rows.iter().map(|row| row.get(0)).collect())
}

/// Before PostgreSQL 15, only a superuser may give `public` away; others make their tables in it by
/// the right that PUBLIC has there.
async fn own_namespace(client: &Client, domain: &Domain) -> Result<Vec<String>, SetupError> {
    let sql = "SELECT pg_has_role(nspowner, 'USAGE') FROM pg_namespace WHERE nspname::text = $1";
    let row = client.query_opt(sql, &[&domain.namespace]).await.map_err(|error| reading(&error))?;
    let may_give = row.is_none_or(|row| row.get(0));
    let variables = [("namespace", domain.namespace.as_str()), ("owner", &domain.roles.owner)];
    let mut statements = scripts::NAMESPACE.render(&variables)?;
    if !may_give {
        statements.truncate(1);
    }
    Ok(statements)
}

fn enter(
    provisioner: &Provisioner<'_>,
    domain: &Domain,
    start_us: i64,
) -> Result<Vec<String>, SetupError> {
    let scenario = provisioner.scenario;
    let tables = quote::array(table_names(provisioner, domain));
    Ok(scripts::MARK.render(&[
        ("books", Books::beside(&domain.namespace).namespace()),
        ("scenario", &scenario.name),
        ("hash", &scenario.hash),
        ("seed", &scenario.seed.to_string()),
        ("start_us", &start_us.to_string()),
        ("lanes", &scenario.lanes.to_string()),
        ("tables", &tables),
    ])?)
}

/// What the logins may do, now and with later tables, whether the owner group or `user`, who is
/// logged in, makes those. Begins as the owner group and ends as `user`.
fn rights(
    provisioner: &Provisioner<'_>,
    domain: &Domain,
    user: &str,
) -> Result<Vec<String>, SetupError> {
    let books = Books::beside(&domain.namespace);
    let variables = |maker| {
        [
            ("namespace", domain.namespace.as_str()),
            ("books", books.namespace()),
            ("application", &domain.roles.application),
            ("capture", &domain.roles.capture),
            ("maker", maker),
        ]
    };
    let as_owner = variables(&domain.roles.owner);
    let mut statements = scripts::ACCESS.render(&as_owner)?;
    if provisioner.scenario.cdc.signal_table {
        statements.extend(scripts::SIGNAL_ACCESS.render(&as_owner)?);
    }
    if provisioner.scenario.cdc.heartbeat_table {
        statements.extend(scripts::HEARTBEAT_ACCESS.render(&as_owner)?);
    }
    statements.extend(scripts::ACCESS_LATER.render(&as_owner)?);
    statements.push("SET LOCAL ROLE NONE".to_owned());
    statements.extend(scripts::ACCESS_LATER.render(&variables(user))?);
    Ok(statements)
}
