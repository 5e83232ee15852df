//! What a decision changes in the lane: rows come, enter states, and go.

use crate::action::TableId;
use crate::generate::World;
use crate::generate::key::Draw;
use crate::generate::lane::Decision;
use crate::generate::lane::Lane;
use crate::generate::lane::NOBODY;
use crate::generate::lane::RowId;
use crate::generate::world::Step;
use crate::generate::world::StepKind;

impl Lane {
    pub(super) fn apply(&mut self, world: &World, decision: &Decision) {
        for victim in decision.victims() {
            self.delete(world, victim.table, world.index(victim.table, victim.ordinal));
        }
        for step in &world.actions[usize::from(decision.action)].steps {
            let index = world.index(step.table, decision.pick(step.at));
            match &step.kind {
                _ if step.makes(decision) => self.insert(world, step, index, decision),
                StepKind::Update { state: Some(state), .. }
                | StepKind::Upsert { state: Some(state), .. } => {
                    self.tables[usize::from(step.table.0)].enter(index, *state);
                }
                StepKind::Update { walks: true, .. } => {
                    let state = usize::try_from(decision.pick(step.at + 1)).unwrap_or(0);
                    self.tables[usize::from(step.table.0)].enter(index, state);
                }
                StepKind::Insert { .. }
                | StepKind::Update { state: None, .. }
                | StepKind::Upsert { state: None, .. } => {}
                StepKind::Delete { .. } => self.delete(world, step.table, index),
            }
        }
    }

    /// Draws which rows that came to a state end their walk there.
    pub(super) fn end_walks(&mut self, world: &World, decision: &Decision, draw: &mut Draw) {
        for step in &world.actions[usize::from(decision.action)].steps {
            let is_on_way = match step.kind {
                StepKind::Update { walks, .. } => walks,
                _ => step.makes(decision),
            };
            let Some(walk) = world.walk(step.table).filter(|_| is_on_way) else { continue };
            let state = usize::try_from(decision.pick(step.state_at(world.table(step.table))));
            if state.is_ok_and(|state| walk.ends(state, draw)) {
                let index = world.index(step.table, decision.pick(step.at));
                self.tables[usize::from(step.table.0)].end_walk(index);
            }
        }
    }

    fn insert(&mut self, world: &World, step: &Step, index: u64, decision: &Decision) {
        let rows = &mut self.tables[usize::from(step.table.0)];
        let born =
            world.walk(step.table).map(|_| decision.pick(step.state_at(world.table(step.table))));
        rows.insert(born.and_then(|state| usize::try_from(state).ok()).unwrap_or(0));
        for (place, parent) in world.table(step.table).decided.iter().enumerate() {
            let row = decision.pick(step.parent_at(place));
            if row != NOBODY && world.has_children(parent) {
                rows.born[place].add(world.index(parent.table, row), index);
            }
        }
    }

    fn delete(&mut self, world: &World, table: TableId, index: u64) {
        let (lane, undying) = (self.index, &self.undying);
        let is_undying =
            |index| undying.contains(&RowId { table, ordinal: world.ordinal(table, lane, index) });
        self.tables[usize::from(table.0)].delete(index, is_undying);
        for relation in &world.table(table).relations {
            let child = &mut self.tables[usize::from(relation.child.0)];
            child.born[relation.place].forget(index);
        }
    }
}
