//! Values that come from other rows: whichever row it is, what is asked of it follows from its number.

use crate::action::Action;
use crate::action::Cell;
use crate::action::TableId;
use crate::action::Take;
use crate::action::Value;
use crate::generate::column::Column;
use crate::generate::column::Filler;
use crate::generate::column::ParentRow;
use crate::generate::column::Row;
use crate::generate::derive::derived;
use crate::generate::key::Draw;
use crate::generate::lane::NOBODY;
use crate::generate::pick::rank_beside;
use crate::generate::world::World;

impl World {
    /// The row that a reference of this row names, if it names one.
    pub(super) fn looked_up(&self, row: &Row<'_>, through: usize, table: TableId) -> Option<u64> {
        let via = &self.table(row.table).columns[through];
        match &via.filler {
            _ if self.is_null(via, row) => None,
            Filler::Reference { parent, .. } => Some(self.parent_ordinal(via, parent, table, row)),
            _ => None,
        }
    }

    /// The last of some columns of another row, whose values follow from that row's number, some of
    /// them by way of those before them.
    pub(super) fn made_value(
        &self,
        table: TableId,
        columns: &[usize],
        ordinal: u64,
        action: &mut Action,
    ) -> Value {
        let of = self.table(table);
        let row = Row::pure(table, ordinal);
        let first = action.push_nulls(of.columns.len());
        let mut value = Value::Null;
        for number in columns {
            value = self.filled(&of.columns[*number], &row, first, action);
            action.set(first + number, value);
        }
        action.truncate_values(first);
        value
    }

    /// The value of a column of a row whose values begin at `first`: those that it is made from are
    /// there already.
    pub(super) fn filled(
        &self,
        column: &Column,
        row: &Row<'_>,
        first: usize,
        action: &mut Action,
    ) -> Value {
        match &column.filler {
            _ if self.is_null(column, row) => Value::Null,
            Filler::Derived(expression) => derived(column.kind, expression, first, action),
            Filler::Dependent(dependent) => {
                self.dependent_value((column, dependent), row, first, action)
            }
            filler => {
                let mut cell = Cell::new(action, first);
                self.fill(column, filler, row, &mut cell);
                cell.value
            }
        }
    }

    /// The run-wide number of the row that a reference names.
    pub(super) fn parent_ordinal(
        &self,
        column: &Column,
        parent: &ParentRow,
        table: TableId,
        row: &Row<'_>,
    ) -> u64 {
        match parent {
            ParentRow::Owner => row.ordinal,
            ParentRow::Decided(place) => row.parents[*place],
            ParentRow::Still { pick, unlike } => {
                let key = self.column_key(column, row);
                let count = self.table(table).seeded;
                let other = unlike.map(|other| {
                    let via = &self.table(row.table).columns[other];
                    match &via.filler {
                        Filler::Reference { parent, .. } => {
                            self.parent_ordinal(via, parent, table, row)
                        }
                        _ => NOBODY,
                    }
                });
                rank_beside(pick, count, other, &mut Draw::new(key))
            }
            ParentRow::Of { through, table: between, column } => {
                let ordinal = self.looked_up(row, *through, *between).unwrap_or_default();
                let other = Row { table: *between, ordinal, parents: &[], ..*row };
                let other = Row { line: 0, state: 0, change: 0, ..other };
                let via = &self.table(*between).columns[*column];
                match &via.filler {
                    Filler::Reference { parent, .. } => {
                        self.parent_ordinal(via, parent, table, &other)
                    }
                    _ => 0,
                }
            }
        }
    }

    /// A column of another row, whose value follows from that row's number alone.
    pub(super) fn pure_value(
        &self,
        table: TableId,
        column: usize,
        ordinal: u64,
        action: &mut Action,
    ) -> Value {
        let mut cell = Cell::alone(action);
        self.put_pure(table, column, ordinal, &mut cell);
        cell.value
    }

    /// The same, given away.
    pub(super) fn put_pure(
        &self,
        table: TableId,
        column: usize,
        ordinal: u64,
        out: &mut impl Take,
    ) {
        let row = Row::pure(table, ordinal);
        self.put_column(&self.table(table).columns[column], &row, out);
    }
}
