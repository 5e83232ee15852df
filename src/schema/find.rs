//! Finds things in a schema by their names and relations.

use crate::schema::Action;
use crate::schema::Fill;
use crate::schema::Otherwise;
use crate::schema::Reference;
use crate::schema::Schema;
use crate::schema::Step;
use crate::schema::Table;

impl Schema {
    /// The index of a table.
    pub fn table(&self, name: &str) -> Option<usize> {
        self.tables.iter().position(|table| table.name == name)
    }

    /// The index of an action.
    pub fn action(&self, name: &str) -> Option<usize> {
        self.actions.iter().position(|action| action.name == name)
    }

    /// Whether an action of the schema makes or deletes rows of a table, so that a lane decides which
    /// of them new rows refer to.
    pub(crate) fn is_moving(&self, table: usize) -> bool {
        self.actions.iter().flat_map(|action| &action.steps).any(|step| match step {
            Step::Insert { table: of } | Step::Delete { table: of, .. } => *of == table,
            Step::Update { table: of, otherwise, .. } => {
                *of == table && *otherwise == Otherwise::Insert
            }
        })
    }

    /// The tables whose rows belong to rows of this one.
    pub fn owned_by(&self, owner: usize) -> impl Iterator<Item = usize> {
        let owners = self.tables.iter().enumerate();
        owners
            .filter(move |(_, table)| table.owner.as_ref().is_some_and(|of| of.table == owner))
            .map(|(index, _)| index)
    }
}

impl Table {
    /// The index of a column.
    pub fn column(&self, name: &str) -> Option<usize> {
        self.columns.iter().position(|column| column.name == name)
    }

    /// The columns that refer to other tables, and to what.
    pub fn references(&self) -> impl Iterator<Item = (usize, &Reference)> {
        let columns = self.columns.iter().enumerate();
        columns.filter_map(|(index, column)| match &column.fill {
            Fill::Reference(reference) => Some((index, reference)),
            _ => None,
        })
    }
}

impl Action {
    /// The table whose row an action passes on to one that follows it, if they share one: the first
    /// on which the follower works, or to whose rows its new rows refer.
    pub(crate) fn shared_table(&self, follower: &Action, schema: &Schema) -> Option<usize> {
        let is_passed_on = |table: usize| {
            let is_kept =
                |step: &Step| step.table() == table && !matches!(step, Step::Delete { .. });
            self.steps.iter().any(is_kept) && schema.tables[table].owner.is_none()
        };
        follower.steps.iter().find_map(|step| match step {
            Step::Insert { table } => {
                let references = schema.tables[*table].references();
                let mut parents = references
                    .filter(|(_, reference)| reference.schema == schema.name)
                    .filter_map(|(_, reference)| schema.table(&reference.table));
                parents.find(|parent| is_passed_on(*parent) && schema.is_moving(*parent))
            }
            Step::Update { table, .. } | Step::Delete { table, .. } => {
                Some(*table).filter(|table| is_passed_on(*table))
            }
        })
    }
}

impl Step {
    /// The table it works on.
    pub fn table(&self) -> usize {
        match self {
            Self::Insert { table } | Self::Update { table, .. } | Self::Delete { table, .. } => {
                *table
            }
        }
    }
}

impl Fill {
    /// Whether the value follows from the row's number alone, so that it can be found without
    /// the row.
    pub fn is_pure(&self) -> bool {
        match self {
            Self::Sequence { .. }
            | Self::Uuid
            | Self::Constant(_)
            | Self::Uniform { .. }
            | Self::Lognormal { .. }
            | Self::Weighted(_)
            | Self::Words { .. }
            | Self::Name(_) => true,
            Self::Listed { then, .. } => then.is_pure(),
            Self::Typed(fill) => fill.is_pure(),
            _ => false,
        }
    }
}
