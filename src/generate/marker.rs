//! What rows tell of the changes that wrote them.

use crate::action::TableId;
use crate::action::Value;
use crate::generate::column::Row;
use crate::generate::world::World;
use crate::schema::Marker;

impl Row<'_> {
    /// One of which no more is needed than what follows from its number.
    pub(super) fn pure(table: TableId, ordinal: u64) -> Self {
        let (line, at_us, state, change, operation) = (0, 0, 0, 0, 0);
        Self { table, ordinal, line, at_us, parents: &[], state, change, operation }
    }
}

impl World {
    /// What a row tells in such a column, as far as it does not depend on what stood there before.
    pub(super) fn marker(&self, marker: Marker, row: &Row<'_>) -> Value {
        Value::Int(match marker {
            // Of which run seeding is a part, nobody knows.
            Marker::Run if row.operation == 0 => 0,
            Marker::Run => self.catalog.run,
            Marker::Operation => i64::try_from(row.operation).unwrap_or(i64::MAX),
            Marker::Version => 1,
        })
    }
}
