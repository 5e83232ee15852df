//! Columns by which changes are told apart where they are observed: whose each is, which, and of which version of
//! its row.

use crate::schema::Column;
use crate::schema::ColumnType;
use crate::schema::Fill;
use crate::schema::Literal;
use crate::schema::Schema;
use crate::schema::Set;
use crate::schema::Step;

/// What a column tells of the change that wrote it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Marker {
    /// Which run made it; 0 of a seeded row.
    Run,
    /// Which action of the run, by the number that it has in the trace; 0 of a seeded row.
    Operation,
    /// How many changes the row has had, the first included.
    Version,
}

impl Marker {
    /// All of them, in the order of their columns.
    pub const ALL: [Self; 3] = [Self::Run, Self::Operation, Self::Version];

    /// Its column.
    pub fn column(self) -> &'static str {
        match self {
            Self::Run => "_lg_run",
            Self::Operation => "_lg_op",
            Self::Version => "_lg_ver",
        }
    }

    fn kind(self) -> ColumnType {
        match self {
            Self::Run | Self::Operation => ColumnType::Bigint,
            Self::Version => ColumnType::Integer,
        }
    }
}

impl Schema {
    /// Gives every table that is stored the columns, and every change of its rows what they hold then.
    pub(crate) fn mark(&mut self) {
        for table in self.tables.iter_mut().filter(|table| table.stored && table.event.is_none()) {
            table.columns.extend(Marker::ALL.map(|marker| Column {
                name: marker.column().to_owned(),
                kind: marker.kind(),
                domain: None,
                // Rows of others have none.
                nullable: true,
                null_rate: 0.0,
                unique: false,
                check: None,
                hidden: false,
                fill: Fill::Marker(marker),
            }));
        }
        let tables = &self.tables;
        for step in self.actions.iter_mut().flat_map(|action| &mut action.steps) {
            let (Step::Update { table, set, .. } | Step::Upsert { table, set, .. }) = step else {
                continue;
            };
            let of = &tables[*table];
            let Some(first) = of.columns.iter().position(|it| it.fill == Fill::Marker(Marker::Run))
            else {
                continue;
            };
            for (column, marker) in (first..).zip(Marker::ALL) {
                let becomes = match marker {
                    Marker::Version => Set::Add(Literal::Int(1)),
                    // Lanes change a shared row in any order, and what is left of it must not depend on that.
                    Marker::Operation if of.shared => continue,
                    marker => Set::Fill(Fill::Marker(marker)),
                };
                set.push((column, becomes));
            }
        }
    }
}
