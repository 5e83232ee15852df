//! What actions add to the columns of shared tables.

use crate::action::Assign;
use crate::action::StatementId;
use crate::action::StatementKind;
use crate::action::TableId;
use crate::action::Value;
use crate::generate::World;
use crate::generate::column::Constant;
use crate::generate::world::Choice;
use crate::generate::world::SetValue;
use crate::generate::world::StepKind;
use crate::units::Decimal;

/// An update that adds to a column of a shared table.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Addition {
    /// The table.
    pub table: TableId,
    /// Its column.
    pub column: usize,
    /// The statement that adds to it.
    pub statement: StatementId,
    /// How much it adds to a row.
    pub amount: Decimal,
}

impl World {
    /// Every addition to a shared table, in the order of tables and columns.
    pub fn additions(&self) -> Vec<Addition> {
        let mut additions = Vec::new();
        for step in self.actions.iter().flat_map(|action| &action.steps) {
            let StepKind::Update { statement, set, choice: Choice::Shared(..), .. } = &step.kind
            else {
                continue;
            };
            let StatementKind::Update { set: assignments, .. } =
                &self.catalog.statement(*statement).kind
            else {
                continue;
            };
            for (assignment, value) in assignments.iter().zip(set) {
                if let (Assign::Add, Some(amount)) = (&assignment.how, constant(value)) {
                    let (table, column, statement) = (step.table, assignment.column, *statement);
                    additions.push(Addition { table, column, statement, amount });
                }
            }
        }
        additions.sort_by_key(|addition| (addition.table, addition.column, addition.statement));
        additions
    }
}

fn constant(value: &SetValue) -> Option<Decimal> {
    match value {
        SetValue::Constant(Constant::Value(Value::Int(whole))) => Some(Decimal::from(*whole)),
        SetValue::Constant(Constant::Value(Value::Decimal(decimal))) => Some(*decimal),
        _ => None,
    }
}
