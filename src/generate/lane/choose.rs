//! Which rows a decision works on. First all of them are found, then the lane is changed, so that
//! an action that finds nothing leaves no trace.

use std::collections::HashSet;
use std::sync::Arc;

use crate::action::TableId;
use crate::generate::World;
use crate::generate::key::Draw;
use crate::generate::lane::Decision;
use crate::generate::lane::Lane;
use crate::generate::lane::RowId;
use crate::generate::lane::Turn;
use crate::generate::pick::rank;
use crate::generate::population::Population;
use crate::generate::world::Choice;
use crate::generate::world::Step;
use crate::generate::world::StepKind;
use crate::schema::Otherwise;
use crate::schema::Pick;

/// Rows that one action deletes, at most; one that would delete more finds nothing to work on.
const VICTIMS_MAX: usize = 10_000;

/// How often a row is drawn anew if the one drawn is in the way of the action's earlier steps.
pub(super) const TRIES_MAX: u32 = 16;

/// No row was found for a step on this table.
pub(super) struct NoRow {
    pub(super) table: TableId,
    pub(super) otherwise: Otherwise,
}

impl Lane {
    /// Finds the rows of a decision and changes the lane accordingly.
    /// What follows another action works on the row that is `given`.
    pub(super) fn choose(
        &mut self,
        decision: &mut Decision,
        given: Option<RowId>,
        draw: &mut Draw,
    ) {
        let world = Arc::clone(&self.world);
        if let Err(NoRow { table, otherwise }) = self.find_all(&world, given, (decision, draw)) {
            decision.turn = Turn::Skip;
            decision.more = None;
            // A life that has ended is not made up for by a new row.
            if otherwise == Otherwise::Insert && given.is_none() {
                let drawn = decision.action;
                decision.action =
                    u16::try_from(world.fallbacks + usize::from(table.0)).unwrap_or(0);
                if self.find_all(&world, None, (decision, draw)).is_ok() {
                    decision.turn = Turn::Fallback;
                } else {
                    decision.action = drawn;
                }
            }
        }
        self.is_barred = self.leaves_orphans(&world, decision);
        if decision.turn != Turn::Skip {
            self.apply(&world, decision);
            self.end_walks(&world, decision, draw);
        }
    }

    fn find_all(
        &self,
        world: &World,
        given: Option<RowId>,
        (decision, draw): (&mut Decision, &mut Draw),
    ) -> Result<(), NoRow> {
        let given = given.map(|row| self.present(row)).transpose()?;
        let steps = &world.actions[usize::from(decision.action)].steps;
        for (number, step) in steps.iter().enumerate() {
            match &step.kind {
                StepKind::Insert { parents, earlier } => {
                    self.begin_row(step, *earlier, decision);
                    self.find_parents(step, parents, given, (decision, draw))?;
                    self.begin_walk(world, (&steps[..number], step), (decision, draw));
                }
                StepKind::Upsert { parents, pick, existing, .. } => {
                    self.find_or_begin(step, (pick, *existing), given, (decision, draw));
                    self.find_parents(step, parents, given, (decision, draw))?;
                }
                StepKind::Update { choice, walks, .. } => {
                    let row = self.find_row(step, choice, given, (decision, draw))?;
                    decision.set_pick(step.at, row);
                    let is_over = *walks && self.walk_on(world, step, (decision, draw)).is_none();
                    if is_over {
                        return Err(NoRow { table: step.table, otherwise: Otherwise::Skip });
                    }
                }
                StepKind::Delete { choice } => {
                    let held = self.held(&steps[..number], decision);
                    self.find_doomed(step, choice, (given, &held), (decision, draw))?;
                }
            }
        }
        Ok(())
    }

    /// Rows that steps of the action rely on: those that they change or delete themselves, and
    /// those that their new rows refer to. What a later step deletes must take none of them along.
    fn held(&self, steps: &[Step], decision: &Decision) -> HashSet<RowId> {
        let mut held = HashSet::new();
        for step in steps {
            let mut add = |table, at| held.insert(RowId { table, ordinal: decision.pick(at) });
            if matches!(step.kind, StepKind::Insert { .. } | StepKind::Upsert { .. }) {
                let decided = &self.world.table(step.table).decided;
                for (place, parent) in decided.iter().enumerate() {
                    add(parent.table, step.parent_at(place));
                }
            }
            if !matches!(step.kind, StepKind::Insert { .. }) {
                add(step.table, step.at);
            }
        }
        held
    }

    /// The number of a row to be made.
    fn begin_row(&self, step: &Step, earlier: u64, decision: &mut Decision) {
        let index = self.tables[usize::from(step.table.0)].alive.len() + earlier;
        decision.set_pick(step.at, self.world.ordinal(step.table, self.index, index));
    }

    /// A living row, or the number of one to be made: as the draw says, and a new one if none lives.
    fn find_or_begin(
        &self,
        step: &Step,
        (pick, existing): (&Pick, f64),
        given: Option<RowId>,
        (decision, draw): (&mut Decision, &mut Draw),
    ) {
        let row = match given.filter(|given| given.table == step.table) {
            Some(given) => Some(given.ordinal),
            None if draw.unit() < existing => self.pick_staying(step.table, pick, decision, draw),
            None => None,
        };
        match row {
            Some(row) => decision.set_pick(step.at, row),
            None => self.begin_row(step, 0, decision),
        }
        decision.set_pick(step.at + 1, u64::from(row.is_some()));
    }

    /// A row of a shared table, of whichever lane. Drawn anew while it is one that an earlier step
    /// has; where there are hardly others, it may be the same.
    fn pick_shared(
        &self,
        step: &Step,
        (pick, earlier): (&Pick, &[usize]),
        decision: &Decision,
        draw: &mut Draw,
    ) -> u64 {
        let count = self.world.table(step.table).seeded;
        let mut number = 0;
        for _ in 0..TRIES_MAX {
            number = rank(pick, count, draw);
            if earlier.iter().all(|at| decision.pick(*at) != number) {
                break;
            }
        }
        number
    }

    /// As `pick`, but none of those that an earlier step of the action deletes with their parents.
    pub(super) fn pick_staying(
        &self,
        table: TableId,
        pick: &Pick,
        decision: &Decision,
        draw: &mut Draw,
    ) -> Option<u64> {
        for tries in 0..TRIES_MAX {
            let ordinal = self.pick(table, (pick, tries), draw)?;
            if !decision.victims().contains(&RowId { table, ordinal }) {
                return Some(ordinal);
            }
        }
        None
    }

    /// The run-wide number of a living row of this lane; `tries` have been made before.
    fn pick(&self, table: TableId, (pick, tries): (&Pick, u32), draw: &mut Draw) -> Option<u64> {
        let rows = &self.tables[usize::from(table.0)];
        let index = match pick {
            Pick::State(states) => {
                let living = |state: &usize| rows.states.get(*state).map_or(0, Population::count);
                let mut number = draw.below(states.iter().map(living).sum());
                let state = states.iter().find(|state| {
                    let count = living(state);
                    let is_here = number < count;
                    number -= if is_here { 0 } else { count };
                    is_here
                })?;
                rows.states[*state].select(number)?
            }
            Pick::Oldest(states) => rows.oldest(states, u64::from(tries))?,
            pick => rows.alive.select(rank(pick, rows.alive.count(), draw))?,
        };
        Some(self.world.ordinal(table, self.index, index))
    }

    fn find_row(
        &self,
        step: &Step,
        choice: &Choice,
        given: Option<RowId>,
        (decision, draw): (&Decision, &mut Draw),
    ) -> Result<u64, NoRow> {
        let (pick, otherwise) = match choice {
            Choice::Same(at) => return Ok(decision.pick(*at)),
            Choice::Shared(pick, earlier) => {
                return Ok(self.pick_shared(step, (pick, earlier), decision, draw));
            }
            Choice::Pick(pick, otherwise) => (pick, *otherwise),
        };
        let row = match given.filter(|given| given.table == step.table) {
            Some(given) => Some(given.ordinal).filter(|_| self.is_eligible(given, pick)),
            None => self.pick_staying(step.table, pick, decision, draw),
        };
        row.ok_or(NoRow { table: step.table, otherwise })
    }

    /// A row that was passed on, if it still lives.
    fn present(&self, row: RowId) -> Result<RowId, NoRow> {
        let rows = &self.tables[usize::from(row.table.0)];
        let lives = rows.alive.contains(self.world.index(row.table, row.ordinal));
        lives.then_some(row).ok_or(NoRow { table: row.table, otherwise: Otherwise::Skip })
    }

    /// Whether a living row is in one of the states from which is picked.
    fn is_eligible(&self, row: RowId, pick: &Pick) -> bool {
        let states = match pick {
            Pick::State(states) => states,
            Pick::Oldest(states) if !states.is_empty() => states,
            _ => return true,
        };
        let rows = &self.tables[usize::from(row.table.0)];
        let index = self.world.index(row.table, row.ordinal);
        let is_in = |state: &usize| rows.states.get(*state).is_some_and(|it| it.contains(index));
        states.iter().any(is_in)
    }

    /// A row to be deleted, and those that go with it; `held` do not.
    fn find_doomed(
        &self,
        step: &Step,
        choice: &Choice,
        (given, held): (Option<RowId>, &HashSet<RowId>),
        (decision, draw): (&mut Decision, &mut Draw),
    ) -> Result<(), NoRow> {
        let is_given = given.is_some_and(|given| given.table == step.table);
        let (tries, otherwise) = match choice {
            // The row stands; it is in the way or it is not.
            Choice::Same(_) | Choice::Shared(..) => (1, Otherwise::Skip),
            Choice::Pick(_, otherwise) => (if is_given { 1 } else { TRIES_MAX }, *otherwise),
        };
        for _ in 0..tries {
            let row = self.find_row(step, choice, given, (decision, draw))?;
            let victims = self.victims(step.table, row, decision);
            if victims.len() > VICTIMS_MAX {
                break;
            }
            let is_same = matches!(choice, Choice::Same(_));
            let doomed = RowId { table: step.table, ordinal: row };
            if (is_same || !held.contains(&doomed)) && !victims.iter().any(|it| held.contains(it)) {
                decision.set_pick(step.at, row);
                if !victims.is_empty() {
                    decision.more.get_or_insert_default().victims.extend(victims);
                }
                return Ok(());
            }
        }
        Err(NoRow { table: step.table, otherwise })
    }

    /// What must go before a row can, children before parents; without those that go with the row
    /// of an earlier step already.
    fn victims(&self, table: TableId, ordinal: u64, decision: &Decision) -> Vec<RowId> {
        let mut victims = Vec::new();
        let mut seen: HashSet<RowId> = decision.victims().iter().copied().collect();
        self.descend(table, self.world.index(table, ordinal), &mut seen, &mut victims);
        victims
    }

    /// The living children of a row, each after its own children. As deep as tables refer to each
    /// other; `check` refuses cycles.
    fn descend(
        &self,
        parent: TableId,
        index: u64,
        seen: &mut HashSet<RowId>,
        victims: &mut Vec<RowId>,
    ) {
        for relation in &self.world.table(parent).relations {
            let child = &self.tables[usize::from(relation.child.0)];
            let family = self.world.family(relation.child, relation.place, self.index);
            let seeded = family.iter().flat_map(|family| family.children(index));
            for row in seeded.chain(child.born[relation.place].children(index)) {
                let ordinal = self.world.ordinal(relation.child, self.index, row);
                let victim = RowId { table: relation.child, ordinal };
                let is_child = child.alive.contains(row)
                    && !self.world.refers_to_nobody(relation.child, relation.place, ordinal);
                if is_child && victims.len() <= VICTIMS_MAX && seen.insert(victim) {
                    self.descend(relation.child, row, seen, victims);
                    victims.push(victim);
                }
            }
        }
    }
}
