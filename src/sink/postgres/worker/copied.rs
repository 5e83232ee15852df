//! Batches: the rows of many slots in one transaction, by COPY.
//!
//! COPY takes rows of any number and of any type without a plan, and costs the server least: see
//! `benches/batch.md`. It goes out like any statement: prepared, bound, its rows right behind, and the
//! Sync at the end. A few rows are cheaper as inserts; and inserts it is where COPY would mean
//! something else (rules, row security) or sessions change (poolers).

use crate::action::Action;
use crate::action::Operation;
use crate::action::TableId;
use crate::sink::postgres::encode::encode;
use crate::sink::postgres::frames;
use crate::sink::postgres::rows;
use crate::sink::postgres::worker::PostgresSink;

/// Fewer rows than these are sent as inserts.
const ROWS_MIN: usize = 10;

/// The name under which the COPY of a table is prepared.
pub(super) fn prepared_name(table: TableId) -> String {
    format!("c{}", table.0)
}

impl PostgresSink {
    /// Whether an action is to be sent by COPY.
    pub(super) fn is_copied(&self, action: &Action) -> bool {
        action.is_batch
            && !self.options.is_pooled
            && action.operations().len() >= ROWS_MIN
            && !self.has_watched(action)
    }

    /// Writes an action by COPY, one for each table, parents first. Returns the first operation of
    /// each: an answer comes for each.
    pub(super) fn write_copies(&mut self, action: &Action) -> Vec<u32> {
        let Some(open) = &mut self.open else { return Vec::new() };
        let catalog = std::sync::Arc::clone(&self.options.catalog);
        let mut tables: Vec<(TableId, u32)> = Vec::new();
        for (operation, number) in action.operations().iter().zip(0..) {
            if !tables.iter().any(|(table, _)| *table == operation.table) {
                tables.push((operation.table, number));
            }
        }
        tables.sort_by_key(|(table, _)| catalog.ranks.get(usize::from(table.0)).copied());
        for (table, _) in &tables {
            let kinds = &catalog.table(*table).columns;
            let columns = u16::try_from(kinds.len()).unwrap_or(u16::MAX).to_be_bytes();
            let is_its = |operation: &&Operation| operation.table == *table;
            frames::execute(&mut open.outgoing, &prepared_name(*table), 0, |_| {});
            let mut rows = 0;
            frames::message(&mut open.outgoing, b'd', |out| {
                out.extend_from_slice(rows::HEADER);
                for operation in action.operations().iter().filter(is_its) {
                    rows += operation.rows;
                    out.extend_from_slice(&columns);
                    for (value, (_, kind)) in action.values(operation).iter().zip(kinds) {
                        encode(*value, *kind, action, out);
                    }
                }
                out.extend_from_slice(&rows::TRAILER);
            });
            frames::message(&mut open.outgoing, b'c', |_| {});
            self.expected.push_back(rows);
        }
        tables.into_iter().map(|(_, first)| first).collect()
    }
}
