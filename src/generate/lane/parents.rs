//! Which rows a new row names.

use crate::action::Action;
use crate::action::TableId;
use crate::generate::column::Row;
use crate::generate::key::Draw;
use crate::generate::lane::Decision;
use crate::generate::lane::Lane;
use crate::generate::lane::NOBODY;
use crate::generate::lane::RowId;
use crate::generate::lane::choose::NoRow;
use crate::generate::lane::choose::TRIES_MAX;
use crate::generate::moment::Opening;
use crate::generate::pick::rank;
use crate::generate::world::Parent;
use crate::generate::world::ParentChoice;
use crate::generate::world::Step;
use crate::schema::Otherwise;
use crate::schema::Pick;

impl Lane {
    /// The rows that a new row names. Where it keeps the hours of one, they are drawn anew while that is
    /// closed; if all are, it is the first that was open since the time from which on the row may lie.
    pub(super) fn find_parents(
        &self,
        step: &Step,
        choices: &[ParentChoice],
        given: Option<RowId>,
        (decision, draw): (&mut Decision, &mut Draw),
    ) -> Result<(), NoRow> {
        let table = self.world.table(step.table);
        if table.keeps_hours.is_empty() || !step.makes(decision) {
            return self.draw_parents(step, choices, given, (decision, draw));
        }
        let places = 0..table.decided.len();
        let mut action = Action::default();
        let mut found: Option<Vec<u64>> = None;
        for _ in 0..TRIES_MAX {
            self.draw_parents(step, choices, given, (decision, draw))?;
            let parents = places.clone().map(|place| decision.pick(step.parent_at(place)));
            let parents: Vec<u64> = parents.collect();
            let row = Row {
                at_us: decision.at_us,
                parents: &parents,
                ..Row::pure(step.table, decision.pick(step.at))
            };
            match self.world.opening(&row, &mut action) {
                Opening::Now => return Ok(()),
                Opening::Before => found = found.or(Some(parents)),
                Opening::TooEarly => {}
            }
        }
        let found = found.ok_or(NoRow { table: step.table, otherwise: Otherwise::Skip })?;
        places.zip(found).for_each(|(place, row)| decision.set_pick(step.parent_at(place), row));
        Ok(())
    }

    fn draw_parents(
        &self,
        step: &Step,
        choices: &[ParentChoice],
        given: Option<RowId>,
        (decision, draw): (&mut Decision, &mut Draw),
    ) -> Result<(), NoRow> {
        let ordinal = decision.pick(step.at);
        let decided = &self.world.table(step.table).decided;
        for (place, (parent, choice)) in decided.iter().zip(choices).enumerate() {
            let row = match choice {
                _ if self.world.refers_to_nobody(step.table, place, ordinal) => Some(NOBODY),
                ParentChoice::Same(at) => Some(decision.pick(*at)),
                ParentChoice::AsDeclared if given.is_some_and(|it| it.table == parent.table) => {
                    given.map(|row| row.ordinal)
                }
                ParentChoice::AsDeclared => {
                    let other = parent.unlike.map(|other| decision.pick(step.parent_at(other)));
                    self.find_other(parent, other, (decision, draw))
                }
            };
            let other = parent.unlike.map(|other| decision.pick(step.parent_at(other)));
            let row = row.filter(|row| *row == NOBODY || Some(*row) != other);
            let none = NoRow { table: step.table, otherwise: Otherwise::Skip };
            decision.set_pick(step.parent_at(place), row.ok_or(none)?);
        }
        Ok(())
    }

    /// A row, drawn anew while it is the other one.
    fn find_other(
        &self,
        parent: &Parent,
        other: Option<u64>,
        (decision, draw): (&Decision, &mut Draw),
    ) -> Option<u64> {
        let Some(other) = other else { return self.find_parent(parent, decision, draw) };
        for _ in 0..TRIES_MAX {
            let row = self.find_parent(parent, decision, draw)?;
            if row != other {
                return Some(row);
            }
        }
        None
    }

    /// A row that was born in the run, as often as the reference says; else a living row of this lane, or,
    /// of a table from which nothing is deleted, a seeded row of any other lane, too, as often as if the rows
    /// of all lanes were drawn from.
    fn find_parent(&self, parent: &Parent, decision: &Decision, draw: &mut Draw) -> Option<u64> {
        if parent.born > 0.0
            && draw.unit() < parent.born
            && let Some(row) = self.pick_born(parent.table, decision, draw)
        {
            return Some(row);
        }
        let rows = &self.tables[usize::from(parent.table.0)];
        let table = self.world.table(parent.table);
        if !table.mortal && matches!(parent.pick, Pick::Zipf { .. } | Pick::Oldest(_)) {
            return self.pick_by_age(parent, draw);
        }
        if !table.mortal {
            let born = rows.alive.len() - rows.seeded;
            let number = draw.below(table.seeded + born * u64::from(table.lanes));
            let is_recent = matches!(parent.pick, Pick::Recent { .. });
            if table.seeded > 0 && number < table.seeded && (!is_recent || rows.alive.is_empty()) {
                return Some(number);
            }
        }
        self.pick_staying(parent.table, &parent.pick, decision, draw)
    }

    /// By age among the seeded rows of all lanes, which are the oldest, and the younger ones of this
    /// lane: so all lanes find the same rows hot. The others' young rows are stood for by its own.
    fn pick_by_age(&self, parent: &Parent, draw: &mut Draw) -> Option<u64> {
        let rows = &self.tables[usize::from(parent.table.0)];
        let table = self.world.table(parent.table);
        let (seeded, lanes) = (table.seeded, u64::from(table.lanes));
        let count = seeded + (rows.alive.len() - rows.seeded) * lanes;
        let number = (count > 0).then(|| rank(&parent.pick, count, draw))?;
        let young = number.checked_sub(seeded);
        Some(young.map_or(number, |young| {
            self.world.ordinal(parent.table, self.index, rows.seeded + young / lanes)
        }))
    }

    /// A living row of this lane that was born in the run, each as likely.
    fn pick_born(&self, table: TableId, decision: &Decision, draw: &mut Draw) -> Option<u64> {
        let rows = &self.tables[usize::from(table.0)];
        let seeded = rows.seeded_alive;
        let born = rows.alive.count() - seeded;
        for _ in 0..if born > 0 { TRIES_MAX } else { 0 } {
            let index = rows.alive.select(seeded + draw.below(born))?;
            let ordinal = self.world.ordinal(table, self.index, index);
            if !decision.victims().contains(&RowId { table, ordinal }) {
                return Some(ordinal);
            }
        }
        None
    }
}
