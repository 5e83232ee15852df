//! Lanes over all groups of streams, and which rows live in them: for who goes through all of them again.

use std::collections::BTreeSet;

use crate::action::TableId;
use crate::generate::World;

impl World {
    /// All lanes, in the order of their numbers: group, and number in it.
    pub fn all_lanes(&self) -> impl Iterator<Item = (usize, u32)> {
        let groups = 0..self.groups.len();
        groups.flat_map(|group| (0..self.lanes_of(group)).map(move |lane| (group, lane)))
    }

    /// The number of a group's lane over all groups.
    pub fn lane_number(&self, group: usize, lane: u32) -> u32 {
        (0..group).map(|before| self.lanes_of(before)).sum::<u32>() + lane
    }

    /// The tables whose rows the actions of a group make, change or delete.
    pub fn tables_of(&self, group: usize) -> BTreeSet<TableId> {
        let parts = self.parts_of(group).filter(|part| !part.is_events);
        let mut tables: BTreeSet<TableId> =
            parts.flat_map(|part| part.tables.iter().copied()).collect();
        // What belongs to a row comes and goes with it.
        let owned: Vec<_> =
            tables.iter().flat_map(|table| self.table(*table).owned.iter().copied()).collect();
        tables.extend(owned);
        tables.retain(|table| usize::from(table.0) < self.table_count());
        tables
    }

    /// The run-wide numbers of a table's seeded rows that live in a lane of the group that changes them; of
    /// an owned table, of their owners.
    pub fn seeded_of(&self, table: TableId, lane: u32) -> impl Iterator<Item = u64> + '_ {
        let owner = self.table(table).owner.map_or(table, |owner| owner.table);
        let rows = 0..self.seeded_in_lane(owner, lane);
        rows.map(move |index| self.ordinal(owner, lane, index))
    }
}
