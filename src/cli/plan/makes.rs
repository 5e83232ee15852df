//! What set-up would make, and where.

use crate::action::Catalog;
use crate::action::TableInfo;
use crate::cli::plan::facts::Creates;
use crate::scenario::Domain;
use crate::scenario::Provision;
use crate::scenario::Scenario;
use crate::scenario::Server;
use crate::scenario::TargetKind;
use crate::schema::beside;

/// What is made on each target that a domain is on.
pub(super) fn creates(scenario: &Scenario, catalog: &Catalog) -> Vec<Creates> {
    let targets = scenario.targets.iter().enumerate().filter_map(|(number, target)| {
        let TargetKind::Postgres(postgres) = &target.kind else { return files(scenario, number) };
        let domains: Vec<&Domain> =
            scenario.domains.iter().filter(|domain| domain.target == number).collect();
        if domains.is_empty() {
            return None;
        }
        let server = match &postgres.server {
            Server::Embedded(None) => "a private PostgreSQL".to_owned(),
            Server::Embedded(Some(version)) => format!("a private PostgreSQL {version}"),
            Server::At(_) => "the server of its address".to_owned(),
        };
        let mut makes = Creates { target: target.name.clone(), server, ..Creates::default() };
        if postgres.provision == Provision::Nothing {
            return Some(makes);
        }
        let is_here = |table: &&TableInfo| table.target == number && table.is_row();
        let tables = catalog.tables.iter().filter(is_here);
        makes.tables = tables
            .map(|table| format!("{}.{}.{}", table.database, table.namespace, table.name))
            .collect();
        for domain in domains {
            make(scenario, domain, postgres.provision, &mut makes);
        }
        Some(makes)
    });
    targets.collect()
}

/// The files of a target, if it writes any.
fn files(scenario: &Scenario, target: usize) -> Option<Creates> {
    let files = scenario.line_files(target).into_iter();
    let files: Vec<String> = files.map(|file| file.path).collect();
    let (target, server) = (scenario.targets[target].name.clone(), "files".to_owned());
    (!files.is_empty()).then(|| Creates { target, server, files, ..Creates::default() })
}

fn make(scenario: &Scenario, domain: &Domain, provision: Provision, makes: &mut Creates) {
    let Domain { database, namespace, roles, .. } = domain;
    if provision == Provision::Databases {
        makes.databases.push(database.clone());
        for role in [&roles.owner, &roles.application, &roles.capture] {
            if !makes.roles.contains(role) {
                makes.roles.push(role.clone());
            }
        }
        let cdc = &scenario.cdc;
        let further =
            [(cdc.signal_table, beside::SIGNALS), (cdc.heartbeat_table, beside::HEARTBEATS)];
        for (is_made, table) in further {
            if is_made {
                makes.tables.push(format!("{database}.{namespace}.{table}"));
            }
        }
    }
    for own in scenario.own_tables(domain) {
        makes.tables.push(format!("{database}.{namespace}.{}", own.name()));
    }
    makes.schemas.push(format!("{database}.{namespace}"));
    makes.schemas.push(format!("{database}.loadgen_{namespace}"));
    makes.publications.push(format!("{database}.{}", scenario.cdc.publication));
}
