//! A step of an action, made ready: where its rows stand among a decision's picks.

use crate::action::StatementId;
use crate::action::TableId;
use crate::generate::column::Column;
use crate::generate::column::Constant;
use crate::generate::lane::Decision;
use crate::generate::world::Table;
use crate::schema::Otherwise;
use crate::schema::Pick;

/// A step made ready.
#[derive(Debug)]
pub(super) struct Step {
    /// The table.
    pub(super) table: TableId,
    /// Where its row number stands among the decision's picks; an insert's parents follow it.
    pub(super) at: usize,
    /// What to do.
    pub(super) kind: StepKind,
}

/// What a step does.
#[derive(Debug)]
pub(super) enum StepKind {
    /// A new row, with the rows it owns. Its parents' numbers follow its own among the picks; before
    /// it, the action has made `earlier` rows in the same table.
    Insert { parents: Vec<ParentChoice>, earlier: u64 },
    /// A change of the row.
    /// If it `walks`, the number of the new state follows the row's among the picks.
    Update {
        statement: StatementId,
        state: Option<usize>,
        walks: bool,
        set: Vec<SetValue>,
        choice: Choice,
    },
    /// A new row or a change of one, as the number behind its own among the picks says: 0 or 1. Its
    /// parents' numbers follow that.
    Upsert {
        statement: StatementId,
        state: Option<usize>,
        set: Vec<SetValue>,
        parents: Vec<ParentChoice>,
        pick: Pick,
        existing: f64,
    },
    /// The end of the row.
    Delete { choice: Choice },
}

impl Step {
    /// Where the number of a new row's parent stands among the picks.
    pub(super) fn parent_at(&self, place: usize) -> usize {
        let is_upsert = matches!(self.kind, StepKind::Upsert { .. });
        self.at + 1 + usize::from(is_upsert) + place
    }

    /// Where the state of a new row of a table that walks stands among the picks, behind its parents;
    /// of a row that walks on, behind the row itself.
    pub(super) fn state_at(&self, table: &Table) -> usize {
        match self.kind {
            StepKind::Update { .. } => self.at + 1,
            _ => self.parent_at(table.decided.len()),
        }
    }

    /// Whether it makes a row of its own, as far as `decision` says.
    pub(super) fn makes(&self, decision: &Decision) -> bool {
        match self.kind {
            StepKind::Insert { .. } => true,
            StepKind::Upsert { .. } => decision.pick(self.at + 1) == 0,
            StepKind::Update { .. } | StepKind::Delete { .. } => false,
        }
    }
}

/// How an insert finds a parent.
#[derive(Debug, Clone, Copy)]
pub(super) enum ParentChoice {
    /// The row of an earlier step of the action, whose number stands at this pick.
    Same(usize),
    /// As the table's reference says.
    AsDeclared,
}

/// How a step finds its row.
#[derive(Debug)]
pub(super) enum Choice {
    /// The row of an earlier step of the action, whose number stands at this pick.
    Same(usize),
    /// One of the living.
    Pick(Pick, Otherwise),
    /// One of all lanes' rows, other than those that stand at these picks.
    Shared(Pick, Vec<usize>),
}

/// How an update's parameter comes about.
#[derive(Debug)]
pub(super) enum SetValue {
    /// Drawn from this fill.
    Draw(Box<Column>),
    /// Always the same.
    Constant(Constant),
    /// The state that the row walks to: one of these names.
    Walk(Vec<Constant>),
    /// The statement has none for it.
    Nothing,
}
