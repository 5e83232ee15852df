//! Events: what may be wrong with them, and what is sent of them to several targets: to each further one
//! it is counted as a table of its own.

use crate::action::Catalog;
use crate::action::TableId;
use crate::action::TableInfo;
use crate::generate::faults::TableFaults;
use crate::generate::world::Table;
use crate::scenario::Scenario;

/// Tells each event what may be wrong with it and as what it is sent, and adds to the catalog, behind all tables, what is sent of it to
/// targets beyond the first.
pub(super) fn further(scenario: &Scenario, tables: &mut [Table], catalog: &mut Catalog) {
    let ways = scenario.ways();
    for (number, table) in tables.iter_mut().enumerate() {
        let id = TableId::of(number);
        let first = catalog.table(id).clone();
        if first.event.is_none() {
            continue;
        }
        table.sent_as.push(id);
        let faults = scenario.domains[first.domain].faults.as_ref();
        table.faults = faults.map(|faults| Box::new(TableFaults::of(faults, &first)));
        for way in scenario.event_ways(first.domain).into_iter().skip(1) {
            table.sent_as.push(TableId::of(catalog.tables.len()));
            let target = ways[way].target;
            catalog.tables.push(TableInfo { target, way, same_as: Some(id), ..first.clone() });
        }
    }
}
