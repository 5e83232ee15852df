//! Where what a domain does goes, and as whom.

use std::sync::Arc;

use sha2::Digest;
use sha2::Sha256;

use crate::action::StatementId;
use crate::action::StatementKind;
use crate::cli::prepare::Prepared;
use crate::cli::publish::Publishers;
use crate::engine::Destination;
use crate::scenario::PostgresTarget;
use crate::scenario::Provision;
use crate::scenario::TargetKind;
use crate::scenario::Way;
use crate::sink::postgres::worker::PostgresOptions;

/// Where a way leads.
pub(super) fn destination(
    prepared: &Prepared,
    number: usize,
    way: Way,
    publishers: &Publishers,
) -> Destination {
    let scenario = &prepared.scenario;
    let domain = &scenario.domains[way.domain];
    if let Some(options) = publishers.destination(prepared, number, way) {
        return Destination::Events(Arc::new(options));
    }
    if let Some(options) = prepared.lines.destination(way.target) {
        return Destination::Lines(Arc::new(options));
    }
    if way.target != domain.target {
        return Destination::Discard;
    }
    let target = &scenario.targets[domain.target].kind;
    let (TargetKind::Postgres(target), Some(address)) =
        (target, prepared.place.way(scenario, domain))
    else {
        return Destination::Discard;
    };
    let address = match (target.provision, prepared.passwords.get(number)) {
        (Provision::Databases, Some(passwords)) => {
            address.with_login(&domain.roles.application, Some(passwords.application.clone()))
        }
        _ => address,
    };
    let catalog = &prepared.world.catalog;
    let statements = catalog
        .statements
        .iter()
        .enumerate()
        .filter(|(_, statement)| {
            let table = catalog.table(statement.table);
            // A row without a key is never deleted by it.
            let is_used = !matches!(statement.kind, StatementKind::Delete) || !table.key.is_empty();
            // Of what only loadgen knows, and of events, no server has heard.
            let is_here = table.domain == way.domain && table.is_row();
            is_here && is_used
        })
        .map(|(id, _)| StatementId::of(id));
    let options = PostgresOptions {
        application_name: format!("{}/{number}", prepared.application_name()),
        lock: lock(prepared.folder.run(), number),
        settings: settings(target),
        catalog: Arc::clone(catalog),
        statements: Arc::new(statements.collect()),
        in_flight_max: scenario.in_flight(domain.target, target) as usize,
        is_pooled: target.is_pooled,
        address,
    };
    let (connections, reconnect) = (target.connections, target.reconnect);
    Destination::Postgres { options: Box::new(options), connections, reconnect }
}

fn settings(target: &PostgresTarget) -> Vec<(String, String)> {
    let timeout = target.statement_timeout.map(|timeout| timeout.as_millis().to_string());
    let commit = target.synchronous_commit.clone();
    let isolation = target.isolation.map(|level| level.setting().to_owned());
    let settings = [
        ("statement_timeout", timeout),
        ("synchronous_commit", commit),
        ("default_transaction_isolation", isolation),
    ];
    settings.into_iter().filter_map(|(name, value)| Some((name.to_owned(), value?))).collect()
}

/// The first of the advisory locks of a run in a domain's database; connections count up from it.
fn lock(run: &str, domain: usize) -> i64 {
    let hash = Sha256::digest(format!("{run} {domain}"));
    let mut first = [0; 8];
    first.copy_from_slice(&hash[..8]);
    // Room for the connections' numbers.
    i64::from_be_bytes(first) & !0xffff
}
