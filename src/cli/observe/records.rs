//! Objects of records that are observed: which of them are whose.

use crate::cli::observe::named::Named;
use crate::cli::observe::sources;
use crate::cli::observe::topic_of;
use crate::cli::prepare::Prepared;
use crate::observe::RecordObjects;
use crate::observe::Stored;
use crate::scenario::Confirms;
use crate::scenario::Observer;
use crate::scenario::RecordFiles;
use crate::sink::postgres::provision::SetupError;

/// What an observer of objects reads.
pub(super) fn records(
    prepared: &Prepared,
    observer: &Observer,
    meant: &RecordFiles,
) -> Result<RecordObjects, SetupError> {
    let (scenario, catalog) = (&prepared.scenario, &prepared.world.catalog);
    let named = Named { prepared, observer, template: &meant.topics };
    let mut topics = named.tables("topic", "topics", topic_of)?;
    // A sink leaves out the headers by which a new key is told from a delete and an insert.
    topics.retain(|_, table| !catalog.is_own(*table));
    let stored = topics.values().map(|id| {
        let info = catalog.table(*id);
        let database = prepared.place.database(scenario, &scenario.domains[info.domain]);
        let (schema, table) = (info.namespace.clone(), info.name.clone());
        Stored { database, schema, table, id: *id }
    });
    let RecordFiles { site, format, flush, every, within, .. } = meant.clone();
    let sources = sources((scenario, &prepared.place), observer, Confirms::All);
    let stored = stored.collect();
    Ok(RecordObjects { site, topics, stored, format, flush, every, within, sources })
}
