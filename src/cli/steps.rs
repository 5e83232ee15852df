//! A scenario's steps, and where each of them happens.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::action::TableId;
use crate::cli::prepare::Prepared;
use crate::engine::Canaries;
use crate::engine::CanaryPlace;
use crate::engine::StepPlace;
use crate::engine::Steps;
use crate::scenario::Domain;
use crate::scenario::OwnTable;
use crate::schema::beside::SIGNALS;
use crate::sink::postgres::quote::qualified;

/// All steps. The scenario's own login does them, not that of the load: it may change tables.
pub(super) fn steps(prepared: &Prepared) -> Steps {
    let scenario = &prepared.scenario;
    let mut places = BTreeMap::new();
    for step in &scenario.load.steps {
        let domain = &scenario.domains[step.domain];
        let Some(address) = prepared.place.domain(scenario, domain) else { continue };
        let table = own(prepared, OwnTable::Stress).find(|(domain, _)| *domain == step.domain);
        let table = table.map(|(_, table)| table);
        let name = domain.schema.name.clone();
        // A connector captures a database, and hears the signals of its first domain.
        let database = prepared.place.database(scenario, domain);
        let is_there = |it: &&Domain| {
            it.target == domain.target && prepared.place.database(scenario, it) == database
        };
        let first = scenario.domains.iter().find(is_there).unwrap_or(domain);
        let signals = (qualified(&first.namespace, SIGNALS), domain.namespace.clone());
        places.insert(step.domain, StepPlace { domain: name, address, table, signals });
    }
    Steps::new(scenario.load.steps.clone(), places, prepared.application_name())
}

/// All canaries.
pub(super) fn canaries(prepared: &Prepared) -> Canaries {
    let scenario = &prepared.scenario;
    let places = own(prepared, OwnTable::Canary).filter_map(|(domain, table)| {
        let address = prepared.place.domain(scenario, &scenario.domains[domain])?;
        Some(CanaryPlace { domain, address, table })
    });
    let every = scenario.cdc.canary.map_or(Duration::MAX, |canary| canary.every);
    Canaries { places: places.collect(), every, application: prepared.application_name() }
}

/// The tables of our own of one kind: domain, number, and name as the server reads it.
fn own(
    prepared: &Prepared,
    which: OwnTable,
) -> impl Iterator<Item = (usize, (TableId, String))> + '_ {
    let catalog = &prepared.world.catalog;
    let own = catalog
        .all()
        .filter(move |(table, info)| catalog.is_own(*table) && info.name == which.name());
    own.map(|(table, info)| (info.domain, (table, qualified(&info.namespace, &info.name))))
}
