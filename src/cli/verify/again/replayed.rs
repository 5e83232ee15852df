//! What is gone through again, and which of its rows are judged.

use std::collections::BTreeMap;
use std::sync::Arc;

use tokio_postgres::Client;

use crate::action::TableInfo;
use crate::cli::place::Place;
use crate::cli::verify::again::Manifest;
use crate::cli::verify::again::RunSummary;
use crate::cli::verify::again::SummaryTable;
use crate::engine::stop::Halt;
use crate::generate::World;
use crate::replay::Past;
use crate::replay::Replay;
use crate::scenario::Scenario;

/// The run, to be gone through again: rows are judged where the databases are and nobody else had any.
pub(super) fn replay(
    world: &Arc<World>,
    past: Past,
    (names, has_others): (Vec<String>, Vec<bool>),
    sessions: &BTreeMap<usize, Client>,
) -> Replay {
    let infos = world.catalog.tables.iter().zip(&has_others);
    let is_ours = |(info, has_others): (&TableInfo, &bool)| {
        info.is_row() && !has_others && sessions.contains_key(&info.domain)
    };
    let is_judged = infos.map(is_ours).collect();
    let workers = std::thread::available_parallelism().map_or(2, usize::from);
    // Here a signal ends the process, which leaves nothing behind.
    let (world, halt) = (Arc::clone(world), Halt::never());
    Replay { world, past, is_judged, has_others, names, workers, halt }
}

/// What the tables are called, and in which of them others had rows: among those ours cannot be told from what was
/// made up.
pub(super) fn tables(
    world: &World,
    scenario: &Scenario,
    (place, counted, manifest): (&Place, &RunSummary, &Manifest),
) -> (Vec<String>, Vec<bool>) {
    let tables = world.catalog.tables.iter().take(world.table_count()).enumerate();
    let table = |(number, info): (usize, &TableInfo)| {
        let domain = &scenario.domains[info.domain];
        let (database, table) =
            (place.database(scenario, domain), format!("{}.{}", info.namespace, info.name));
        let target = &scenario.targets[domain.target].name;
        let is_it = |it: &&SummaryTable| {
            (&it.target, &it.database, &it.table) == (target, &database, &table)
        };
        let before = counted.tables.iter().find(is_it).map_or(0, |it| it.before);
        let taken = manifest.taken.get(number).copied().unwrap_or(0);
        (format!("{}.{table}", place.shown(scenario, domain)), before + taken > 0)
    };
    tables.map(table).unzip()
}
