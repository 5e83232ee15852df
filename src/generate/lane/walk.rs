//! Where rows are on their walks, as far as a decision asks.

use crate::generate::World;
use crate::generate::key::Draw;
use crate::generate::lane::Decision;
use crate::generate::lane::Lane;
use crate::generate::world::Step;
use crate::generate::world::StepKind;

impl Lane {
    /// Draws where a new row begins, and notes where the rows are whose state it shows. `before` are
    /// the steps before its own.
    pub(super) fn begin_walk(
        &self,
        world: &World,
        (before, step): (&[Step], &Step),
        (decision, draw): (&mut Decision, &mut Draw),
    ) {
        let table = world.table(step.table);
        let mut at = step.state_at(table);
        if let Some(walk) = world.walk(step.table) {
            decision.set_pick(at, walk.begin(draw) as u64);
            at += 1;
        }
        for (number, place) in table.watched.iter().enumerate() {
            let row = decision.pick(step.parent_at(*place));
            let parent = table.decided[*place].table;
            let is_its = |step: &&Step| step.table == parent && decision.pick(step.at) == row;
            let is_on_way = |step: &&Step| match step.kind {
                StepKind::Update { walks, .. } => walks,
                _ => step.makes(decision),
            };
            // The last step that led the row on says where it is.
            let led = before.iter().rev().filter(is_its).find(is_on_way);
            let here = || {
                let rows = &self.tables[usize::from(parent.0)];
                let state = rows.state(world.index(parent, row));
                state.map_or(u64::MAX, |state| state as u64)
            };
            let led = led.map(|step| decision.pick(step.state_at(world.table(parent))));
            let state = led.unwrap_or_else(here);
            decision.set_pick(at + number, state);
        }
    }

    /// Draws where the row of a step walks to. `None` if it has come to its end.
    pub(super) fn walk_on(
        &self,
        world: &World,
        step: &Step,
        (decision, draw): (&mut Decision, &mut Draw),
    ) -> Option<()> {
        let rows = &self.tables[usize::from(step.table.0)];
        let state = rows.state(world.index(step.table, decision.pick(step.at)))?;
        let next = world.walk(step.table)?.next(state, draw)?;
        decision.set_pick(step.state_at(world.table(step.table)), next as u64);
        Some(())
    }
}
