//! Events that go to several targets: what is sent to each further one is counted as a table of its own.

use crate::action::Catalog;
use crate::action::TableId;
use crate::action::TableInfo;
use crate::generate::world::Table;
use crate::scenario::Scenario;

/// Tells each event as what it is sent, and adds to the catalog, behind all tables, what is sent of it to
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
        for way in scenario.event_ways(first.domain).into_iter().skip(1) {
            table.sent_as.push(TableId::of(catalog.tables.len()));
            let target = ways[way].target;
            catalog.tables.push(TableInfo { target, way, same_as: Some(id), ..first.clone() });
        }
    }
}
