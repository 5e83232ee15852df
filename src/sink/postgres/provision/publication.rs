//! The publication of a database: exactly the tables of its domains, and those of capture.

use std::collections::BTreeSet;

use tokio_postgres::Client;

use crate::scenario::Domain;
use crate::scenario::Provision;
use crate::sink::postgres::catalogue::Local;
use crate::sink::postgres::catalogue::reading;
use crate::sink::postgres::mark;
use crate::sink::postgres::provision::Provisioner;
use crate::sink::postgres::provision::SetupError;
use crate::sink::postgres::provision::SetupReport;
use crate::sink::postgres::provision::content;
use crate::sink::postgres::provision::scripts;
use crate::sink::postgres::provision::session::atomically;
use crate::sink::postgres::script::Script;

/// Makes the publication, or adds and removes tables until it is right. In a database that is not
/// ours, tables of others stay in it.
pub(super) async fn bring_up_to_date(
    provisioner: &Provisioner<'_>,
    client: &Client,
    domains: &[&Domain],
    report: &mut SetupReport,
) -> Result<(), SetupError> {
    let Some(first) = domains.first() else { return Ok(()) };
    let publication = provisioner.scenario.cdc.publication.as_str();
    let found = Local::read(client, domains, publication).await?.publication;
    if found.is_some_and(|found| found.is_for_all_tables) {
        report.notes.push(format!(
            "the publication `{publication}` publishes every table of its database and was left as \
             it is"
        ));
        return Ok(());
    }
    let is_ours_alone = provisioner.settings.provision == Provision::Databases;
    let mut statements = Vec::new();
    if found.is_none() {
        let mark = mark::comment(&provisioner.scenario.name, &first.schema.name);
        let variables =
            [("publication", publication), ("mark", &mark), ("owner", &first.roles.owner)];
        statements.extend(scripts::PUBLICATION.render(&variables)?);
        if is_ours_alone {
            statements.extend(scripts::PUBLICATION_OWNER.render(&variables)?);
        }
        report.made.push(format!("publication `{publication}`"));
    }
    let mut wanted = BTreeSet::new();
    for domain in domains {
        let names = content::table_names(provisioner, domain);
        wanted.extend(names.iter().map(|name| (domain.namespace.clone(), (*name).to_owned())));
    }
    let present = published(client, publication).await?;
    let mut change = |script: Script, (namespace, table): &(String, String)| {
        let variables = [("publication", publication), ("namespace", namespace), ("table", table)];
        script.render(&variables).map(|rendered| statements.extend(rendered))
    };
    for table in present.difference(&wanted) {
        if is_ours_alone || domains.iter().any(|domain| domain.namespace == table.0) {
            change(scripts::PUBLICATION_WITHOUT, table)?;
        }
    }
    for table in wanted.difference(&present) {
        change(scripts::PUBLICATION_TABLE, table)?;
    }
    let doing = format!("bring the publication `{publication}` up to date");
    atomically(client, &doing, &statements).await
}

/// The tables of a publication: PostgreSQL schema and name of each.
pub(in crate::sink::postgres) async fn published(
    client: &Client,
    publication: &str,
) -> Result<BTreeSet<(String, String)>, SetupError> {
    let sql = "SELECT n.nspname::text, c.relname::text FROM pg_publication p \
        JOIN pg_publication_rel r ON r.prpubid = p.oid JOIN pg_class c ON c.oid = r.prrelid \
        JOIN pg_namespace n ON n.oid = c.relnamespace WHERE p.pubname::text = $1";
    let rows = client.query(sql, &[&publication]).await.map_err(|error| reading(&error))?;
    Ok(rows.iter().map(|row| (row.get(0), row.get(1))).collect())
}
