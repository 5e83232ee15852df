//! Rows whose end did not take effect: dead to the lane, whose decisions ask for no outcome, and still
//! in the database. What they refer to must not be deleted there, or the server would refuse it.

use crate::generate::RowId;
use crate::generate::World;
use crate::generate::lane::Decision;
use crate::generate::lane::Lane;
use crate::generate::lane::Turn;
use crate::generate::world::StepKind;

impl Lane {
    /// These rows were to be deleted and stand. Decisions do not change by it.
    pub fn survived(&mut self, rows: impl Iterator<Item = RowId>) {
        self.undying.extend(rows);
    }

    /// How many such rows there are.
    pub fn survivors(&self) -> usize {
        self.undying.len()
    }

    /// Whether the last decision deletes a row to which such a row refers: it would be refused.
    pub fn is_barred(&self) -> bool {
        self.is_barred
    }

    pub(super) fn leaves_orphans(&self, world: &World, decision: &Decision) -> bool {
        if self.undying.is_empty() || decision.turn == Turn::Skip {
            return false;
        }
        let mut doomed = Vec::new();
        world.ends(decision, &mut doomed);
        doomed.iter().any(|row| {
            let index = world.index(row.table, row.ordinal);
            world.table(row.table).relations.iter().any(|relation| {
                let born = &self.tables[usize::from(relation.child.0)].born[relation.place];
                let family = world.family(relation.child, relation.place, self.index);
                let seeded = family.iter().flat_map(|family| family.children(index));
                seeded.chain(born.children(index)).any(|child| {
                    let ordinal = world.ordinal(relation.child, self.index, child);
                    self.undying.contains(&RowId { table: relation.child, ordinal })
                        && !doomed.contains(&RowId { table: relation.child, ordinal })
                })
            })
        })
    }
}

impl World {
    /// The rows that an action deletes, with the children of those, and without what they own.
    pub fn ends(&self, decision: &Decision, rows: &mut Vec<RowId>) {
        if decision.turn == Turn::Skip {
            return;
        }
        rows.extend(decision.victims());
        for step in &self.actions[usize::from(decision.action)].steps {
            if matches!(step.kind, StepKind::Delete { .. }) {
                rows.push(RowId { table: step.table, ordinal: decision.pick(step.at) });
            }
        }
    }
}
