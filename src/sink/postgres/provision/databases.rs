//! The databases of the domains. None ever bears its final name without its mark.

use crate::sink::postgres::catalogue::FoundDatabase;
use crate::sink::postgres::clean;
use crate::sink::postgres::mark;
use crate::sink::postgres::provision::Setup;
use crate::sink::postgres::provision::SetupError;
use crate::sink::postgres::provision::scripts;
use crate::sink::postgres::provision::session::alone;
use crate::sink::postgres::provision::session::atomically;

/// Drops what an interrupted set-up or clean left half done, makes the databases that are missing,
/// and brings the right to log in to each up to date.
pub(super) async fn make(setup: &mut Setup<'_>) -> Result<(), SetupError> {
    let Setup { provisioner, control, shared, report, .. } = setup;
    let broken = shared.databases.iter().filter(|(_, found)| found.is_broken);
    let broken: Vec<String> = broken.map(|(name, _)| name.clone()).collect();
    for name in shared.leftovers.drain(..).chain(broken) {
        clean::drop_database(control, &name, provisioner.servers.limit()).await?;
        shared.databases.remove(&name);
    }
    for (database, domains) in provisioner.by_database() {
        let Some(first) = domains.first() else { continue };
        if !shared.databases.contains_key(database) {
            let making = mark::making_name(database);
            let mark = mark::comment(&provisioner.scenario.name, &first.schema.name);
            let doing = format!("make the database `{database}`");
            let variables = [
                ("making", making.as_str()),
                ("database", database),
                ("owner", &first.roles.owner),
                ("mark", &mark),
            ];
            for statement in scripts::DATABASE.render(&variables)? {
                alone(control, &doing, &statement).await?;
            }
            atomically(control, &doing, &scripts::DATABASE_NAME.render(&variables)?).await?;
            let made = FoundDatabase { is_ours: true, is_broken: false };
            shared.databases.insert(database.to_owned(), made);
            report.made.push(format!("database `{database}`"));
        }
        let mut statements = Vec::new();
        for domain in domains {
            statements.extend(scripts::DATABASE_ACCESS.render(&[
                ("database", database),
                ("owner", &domain.roles.owner),
                ("application", &domain.roles.application),
                ("capture", &domain.roles.capture),
            ])?);
        }
        let doing = format!("say who may log in to the database `{database}`");
        atomically(control, &doing, &statements).await?;
    }
    Ok(())
}
