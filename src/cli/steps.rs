//! A scenario's steps, and where each of them happens.

use std::collections::BTreeMap;

use crate::cli::prepare::Prepared;
use crate::engine::StepPlace;
use crate::engine::Steps;
use crate::sink::postgres::quote::qualified;

/// All steps. The scenario's own login does them, not that of the load: it may change tables.
pub(super) fn steps(prepared: &Prepared) -> Steps {
    let scenario = &prepared.scenario;
    let mut places = BTreeMap::new();
    for step in &scenario.load.steps {
        let domain = &scenario.domains[step.domain];
        let Some(address) = prepared.place.domain(scenario, domain) else { continue };
        let own = prepared.world.catalog.all().find(|(table, info)| {
            prepared.world.catalog.is_own(*table) && info.domain == step.domain
        });
        let table = own.map(|(table, info)| (table, qualified(&info.namespace, &info.name)));
        let name = domain.schema.name.clone();
        places.insert(step.domain, StepPlace { domain: name, address, table });
    }
    Steps::new(scenario.load.steps.clone(), places, prepared.application_name())
}
