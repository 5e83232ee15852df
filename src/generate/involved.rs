//! Which rows a decision needs, changes and makes: for who sends it, to know what it depends on.

use crate::generate::Decision;
use crate::generate::RowId;
use crate::generate::World;
use crate::generate::lane::Turn;
use crate::generate::world::Step;
use crate::generate::world::StepKind;

impl World {
    /// The rows an action needs to exist: those it changes, and the parents of those it makes.
    pub fn needs(&self, decision: &Decision, rows: &mut Vec<RowId>) {
        self.changes(decision, rows);
        for step in &self.actions[usize::from(decision.action)].steps {
            if matches!(step.kind, StepKind::Insert { .. } | StepKind::Upsert { .. }) {
                for (place, parent) in self.table(step.table).decided.iter().enumerate() {
                    let ordinal = decision.pick(step.parent_at(place));
                    rows.push(RowId { table: parent.table, ordinal });
                }
            }
        }
        // A row that the action makes itself need not exist before.
        let mut made = Vec::new();
        self.makes(decision, &mut made);
        rows.retain(|row| !made.contains(row));
    }

    /// The rows an action changes or deletes, without the children of those it deletes, and without
    /// those of shared tables, which are always there.
    pub fn changes(&self, decision: &Decision, rows: &mut Vec<RowId>) {
        let changes = |step: &Step| !step.makes(decision) && !self.table(step.table).shared;
        self.touched(decision, changes, rows);
    }

    /// Whether there is an action that deletes rows.
    pub fn has_deletes(&self) -> bool {
        self.has_deletes
    }

    /// Whether an action deletes rows.
    pub fn deletes(&self, decision: &Decision) -> bool {
        let steps = &self.actions[usize::from(decision.action)].steps;
        steps.iter().any(|step| matches!(step.kind, StepKind::Delete { .. }))
    }

    /// The rows an action makes, without those they own.
    pub fn makes(&self, decision: &Decision, rows: &mut Vec<RowId>) {
        self.touched(decision, |step| step.makes(decision), rows);
    }

    fn touched(&self, decision: &Decision, which: impl Fn(&Step) -> bool, rows: &mut Vec<RowId>) {
        if decision.turn == Turn::Skip {
            return;
        }
        let steps = self.actions[usize::from(decision.action)].steps.iter();
        rows.extend(
            steps
                .filter(|step| which(step))
                .map(|step| RowId { table: step.table, ordinal: decision.pick(step.at) }),
        );
    }
}
