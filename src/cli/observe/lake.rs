//! A lake that is observed: which of its tables are whose.

use std::collections::BTreeMap;

use secrecy::ExposeSecret as _;

use crate::cli::observe::named::Named;
use crate::cli::observe::sources;
use crate::cli::prepare::Prepared;
use crate::observe::Lake;
use crate::observe::LakeCatalog;
use crate::observe::Source;
use crate::scenario::Confirms;
use crate::scenario::Observer;
use crate::scenario::Warehouse;
use crate::schema::beside::HEARTBEATS;
use crate::sink::postgres::address::Address;
use crate::sink::postgres::provision::SetupError;

/// What an observer of a lake reads.
pub(super) fn lake(
    prepared: &Prepared,
    observer: &Observer,
    warehouse: &Warehouse,
) -> Result<Lake, SetupError> {
    let scenario = &prepared.scenario;
    let named = Named { prepared, observer, template: &warehouse.tables };
    let mut tables = named.tables("Iceberg table", "tables", str::to_owned)?;
    // A sink leaves out the headers by which a new key is told from a delete and an insert.
    tables.retain(|_, table| !prepared.world.catalog.is_own(*table));
    let mut beats = BTreeMap::new();
    let mut all: Vec<(Source, String)> = Vec::new();
    for source in sources((&prepared.scenario, &prepared.place), observer, Confirms::All) {
        let Some(first) = source.domains.first() else { continue };
        let domain = &scenario.domains[*first];
        beats.insert(named.of(domain, (&domain.namespace, HEARTBEATS)), all.len());
        all.push((source, domain.namespace.clone()));
    }
    let catalog = match &warehouse.catalog {
        None => LakeCatalog::Hints,
        Some((url, name)) => {
            let environment = |name: &str| std::env::var(name).ok();
            let address = Address::parse(url.expose_secret(), &environment);
            let address = address.map_err(|error| SetupError::Local(error.to_string()))?;
            LakeCatalog::Database(Box::new(address), name.clone())
        }
    };
    let Warehouse { site, format, every, within, .. } = warehouse.clone();
    Ok(Lake { site, catalog, tables, beats, format, every, within, sources: all })
}
