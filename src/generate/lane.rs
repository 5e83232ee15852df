//! One lane: the order of its slots, and what each of them does to its rows.
//!
//! A lane owns a fixed share of every table's rows and takes one decision after the other. A
//! decision holds numbers only; values are computed when it is sent. Decisions follow from the
//! scenario, the seed and the lane's number; what became of earlier ones is not asked.

use std::collections::HashSet;
use std::sync::Arc;

use crate::action::TableId;
use crate::generate::World;
use crate::generate::key::Draw;
use crate::generate::key::Purpose;
use crate::generate::key::key;
use crate::generate::world::Then;

mod apply;
mod choose;
mod follow;
mod orphans;
mod parents;
mod rows;
mod think;
mod walk;

pub use follow::Unscheduled;

use follow::FollowUps;
use rows::LaneTable;

/// What one slot does: a cache line.
#[derive(Debug, Clone)]
pub struct Decision {
    /// The number of the slot in its stream.
    pub slot: u64,
    /// The action's time in the data: microseconds since 1970. Rises from decision to decision.
    pub at_us: i64,
    /// The run-wide numbers of the rows it works on; see `world::Step::at`.
    picks: [u64; PICKS],
    /// What does not fit: further picks, and rows to be deleted first.
    more: Option<Box<More>>,
    /// The stream's number.
    pub stream: u16,
    /// The number of the action (of the fall-back insert, if it fell back).
    pub(super) action: u16,
    /// Whether it acts.
    pub turn: Turn,
    /// The number of its lane over all groups, and which of the lane's decisions it is, from 0 on.
    pub lane: u32,
    /// See there.
    pub number: u32,
}

/// Picks that fit into a decision itself.
const PICKS: usize = 3;

/// Where in the number of a slot stands how often an action has followed itself; below it there is
/// room for 76 hours of a million slots a second.
const HOP_SHIFT: u32 = 38;

/// "No row": the reference is NULL.
pub(super) const NOBODY: u64 = u64::MAX;

#[derive(Debug, Clone, Default)]
struct More {
    picks: Vec<u64>,
    victims: Vec<RowId>,
}

/// Whether a slot acts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Turn {
    /// As the mix says.
    Act,
    /// There was no row to work on; a row is inserted instead.
    Fallback,
    /// There was no row to work on; nothing is sent.
    Skip,
}

/// A row of a table with a life of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RowId {
    /// Its table.
    pub table: TableId,
    /// Its run-wide number.
    pub ordinal: u64,
}

#[cfg(test)]
impl Decision {
    /// Of nothing in particular.
    pub(crate) fn blank() -> Self {
        let (turn, picks) = (Turn::Skip, [NOBODY; PICKS]);
        let (slot, at_us, stream, action) = (0, 0, 0, 0);
        Self { slot, at_us, picks, more: None, stream, action, turn, lane: 0, number: 0 }
    }
}

impl Decision {
    pub(super) fn pick(&self, at: usize) -> u64 {
        let further = || self.more.as_ref().map_or(NOBODY, |more| more.picks[at - PICKS]);
        self.picks.get(at).copied().unwrap_or_else(further)
    }

    fn set_pick(&mut self, at: usize, row: u64) {
        if let Some(pick) = self.picks.get_mut(at) {
            *pick = row;
        } else {
            let picks = &mut self.more.get_or_insert_default().picks;
            picks.resize(picks.len().max(at - PICKS + 1), NOBODY);
            picks[at - PICKS] = row;
        }
    }

    /// The slot that led to it, and how many actions of its own kind did.
    pub fn led_by(&self) -> (u64, u16) {
        (
            self.slot & ((1 << HOP_SHIFT) - 1),
            u16::try_from(self.slot >> HOP_SHIFT).unwrap_or(u16::MAX),
        )
    }

    /// Its number among all that the run decides, from 1 on: its lane, and which of the lane's decisions it is.
    pub fn operation(&self) -> u64 {
        (u64::from(self.lane) << 32 | u64::from(self.number)) + 1
    }

    /// Rows to be deleted first, children before parents.
    pub fn victims(&self) -> &[RowId] {
        self.more.as_ref().map_or(&[], |more| &more.victims)
    }

    /// Leaves out victims that do not exist, and returns them.
    pub fn spare(&mut self, is_absent: impl Fn(&RowId) -> bool) -> Vec<RowId> {
        let Some(more) = &mut self.more else { return Vec::new() };
        let (spared, left) = more.victims.iter().partition(|victim| is_absent(victim));
        more.victims = left;
        spared
    }
}

/// The next slot of a lane.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Due {
    /// When, on the planned clock (nanoseconds since the warm-up began). Of an unlimited stream:
    /// the time it has in the data.
    pub planned_ns: u64,
    /// The stream's number.
    pub stream: u16,
    /// The slot's number in the stream.
    pub slot: u64,
}

/// A lane of one group of streams.
#[derive(Debug)]
pub struct Lane {
    #[expect(
        clippy::redundant_allocation,
        reason = "a count of its own: one that all lanes share is written by all threads for each decision"
    )]
    world: Arc<Arc<World>>,
    index: u32,
    /// Its number over all groups.
    overall: u32,
    /// How many lanes its group has.
    lanes: u32,
    /// The next slot of each stream of the group.
    next: Vec<Option<Due>>,
    tables: Vec<LaneTable>,
    last_us: i64,
    follow_ups: FollowUps,
    /// How many decisions were taken, and for when the last one was planned.
    decided: u64,
    planned_ns: u64,
    /// Rows that are dead here and stand in the database all the same.
    undying: HashSet<RowId>,
    /// Whether the last decision deletes a row to which one of those refers.
    is_barred: bool,
}

impl Lane {
    /// A lane at its beginning, with its share of the seeded rows.
    pub fn new(world: &Arc<World>, group: usize, index: u32) -> Self {
        let next = world.groups[group]
            .iter()
            .map(|stream| first(world, u16::try_from(*stream).unwrap_or(u16::MAX), index))
            .collect();
        let tables = (0..world.tables.len())
            .map(|table| LaneTable::new(world, TableId::of(table), index))
            .collect();
        Self {
            world: Arc::new(Arc::clone(world)),
            index,
            overall: world.lane_number(group, index),
            lanes: world.lanes_of(group),
            next,
            tables,
            last_us: i64::MIN,
            follow_ups: FollowUps::new(world.lanes_of(group)),
            decided: 0,
            planned_ns: 0,
            undying: HashSet::new(),
            is_barred: false,
        }
    }

    /// Its number.
    pub fn index(&self) -> u32 {
        self.index
    }

    /// How many lanes its group has.
    pub fn lanes(&self) -> u32 {
        self.lanes
    }

    /// What it decides next: the earliest, then the stream's order, then the slot's.
    pub fn peek(&self) -> Option<Due> {
        self.upcoming().min()
    }

    /// The next slot of each stream, and the next follow-up.
    pub fn upcoming(&self) -> impl Iterator<Item = Due> {
        self.next.iter().flatten().copied().chain(self.follow_ups.next())
    }

    /// All follow-ups that wait, in no order.
    pub fn waiting(&self) -> impl Iterator<Item = Due> {
        self.follow_ups.all().map(|waiting| waiting.due)
    }

    /// Follow-ups of the last decision that will not be, by series.
    pub fn unscheduled(&mut self) -> impl Iterator<Item = (u16, Unscheduled)> {
        self.follow_ups.unscheduled()
    }

    /// How many decisions it has taken: that tells where it stands.
    pub fn decided(&self) -> u64 {
        self.decided
    }

    /// For when the last one was planned; 0 before it.
    pub fn planned_ns(&self) -> u64 {
        self.planned_ns
    }

    /// How far each stream has got: its next slot in this lane, `None` at its end.
    pub fn position(&self) -> impl Iterator<Item = Option<u64>> {
        self.next.iter().map(|due| due.map(|due| due.slot))
    }

    /// Takes the next decision. `None` when all streams have ended.
    pub fn decide(&mut self) -> Option<Decision> {
        let due = self.peek()?;
        let follow_up = self.follow_ups.take(due);
        if follow_up.is_none() {
            self.advance(due);
        }
        self.decided += 1;
        self.planned_ns = due.planned_ns;
        let planned_us = i64::try_from(due.planned_ns / 1000).unwrap_or(i64::MAX);
        // Two actions of a lane never share a time, so that a time tells them apart in the rows.
        self.last_us = self.world.start_us.saturating_add(planned_us).max(self.last_us + 1);
        let mut draw = Draw::new(key(self.world.seed, due.stream, Purpose::Slot, due.slot));
        let action = match follow_up {
            Some(follow_up) => follow_up.action,
            None => self.mix(due.stream, &mut draw),
        };
        let mut decision = Decision {
            slot: due.slot,
            at_us: self.last_us,
            picks: [NOBODY; PICKS],
            more: None,
            stream: due.stream,
            action,
            turn: Turn::Act,
            lane: self.overall,
            // Nobody keeps more decisions of a lane apart.
            number: u32::try_from(self.decided - 1).unwrap_or(u32::MAX),
        };
        self.choose(&mut decision, follow_up.map(|it| it.row), &mut draw);
        if decision.turn == Turn::Act {
            let world = Arc::clone(&self.world);
            let tables = &self.tables;
            let follows = |then: &Then, row: RowId| {
                let (rows, index) =
                    (&tables[usize::from(row.table.0)], world.index(row.table, row.ordinal));
                let is_in = |state| then.states.contains(&state);
                // Who has come to the end of its walk is followed up no more.
                !rows.is_over(index)
                    && (then.states.is_empty() || rows.state(index).is_some_and(is_in))
            };
            self.follow_ups.add(&world, &decision, due.planned_ns, follows);
        }
        Some(decision)
    }

    /// A slot is taken: its stream goes on to its next one here.
    fn advance(&mut self, taken: Due) {
        let after = match self.world.plan_of(taken.stream).think() {
            Some(think) => think::next(&self.world, think, taken, self.lanes),
            None => due(&self.world, taken.stream, taken.slot + u64::from(self.lanes)),
        };
        if let Some(next) = self.next.iter_mut().find(|next| **next == Some(taken)) {
            *next = after;
        }
    }

    fn mix(&self, stream: u16, draw: &mut Draw) -> u16 {
        let mix = match self.world.streams[usize::from(stream)].mixes.as_slice() {
            [only] => only,
            several => &several[self.index as usize % several.len()],
        };
        let unit = draw.unit();
        let found = mix.iter().find(|(_, share)| unit < *share).or(mix.last());
        found.map_or(0, |(action, _)| *action)
    }
}

/// The first slot of a lane.
fn first(world: &World, stream: u16, lane: u32) -> Option<Due> {
    let plan = world.plan_of(stream);
    match plan.sessions() {
        Some(sessions) => think::first(plan, sessions, stream, lane),
        None => due(world, stream, u64::from(lane)),
    }
}

fn due(world: &World, stream: u16, slot: u64) -> Option<Due> {
    let planned_ns = world.streams[usize::from(stream)].plan.due(slot)?;
    Some(Due { planned_ns, stream, slot })
}

#[cfg(test)]
mod tests {
    #[test]
    fn a_decision_is_a_cache_line() {
        assert!(size_of::<super::Decision>() <= 64, "{}", size_of::<super::Decision>());
    }
}
