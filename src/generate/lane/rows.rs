//! A lane's rows of one table: who lives, in which state, whose child.

use std::collections::BTreeSet;

use crate::action::TableId;
use crate::generate::World;
use crate::generate::children::Born;
use crate::generate::children::Deal;
use crate::generate::children::Family;
use crate::generate::key::Purpose;
use crate::generate::key::key;
use crate::generate::population::Population;
use crate::generate::spread::Spread;
use crate::generate::world::Parent;
use crate::schema::Pick;

/// A lane's share of a table.
#[derive(Debug)]
pub(super) struct LaneTable {
    /// How many rows were seeded here.
    pub(super) seeded: u64,
    /// How many of those live.
    pub(super) seeded_alive: u64,
    /// Which rows live.
    pub(super) alive: Population,
    /// Which rows are in each state; empty if they have none.
    pub(super) states: Vec<Population>,
    /// Whether they walk from state to state, until they are in none.
    pub(super) walks: bool,
    /// Who was born to whom, for each reference that a lane decides.
    pub(super) born: Vec<Born>,
}

impl LaneTable {
    pub(super) fn new(world: &World, id: TableId, lane: u32) -> Self {
        let table = world.table(id);
        let seeded = world.seeded_in_lane(id, lane);
        let states = table.states.iter().flat_map(|states| {
            (0..states.count)
                .map(|state| Population::with_range(seeded, states.seeded_range(state, seeded)))
        });
        Self {
            seeded,
            seeded_alive: seeded,
            alive: Population::with_range(seeded, 0..seeded),
            states: states.collect(),
            walks: world.walk(id).is_some(),
            born: table.decided.iter().map(|_| Born::default()).collect(),
        }
    }

    /// The oldest living row in one of these states (of all, if none are given); with `older`, that
    /// behind so many older ones of its state.
    pub(super) fn oldest(&self, states: &[usize], older: u64) -> Option<u64> {
        if states.is_empty() {
            return self.alive.select(older);
        }
        let of_state = |state: &usize| self.states.get(*state)?.select(older);
        states.iter().filter_map(of_state).min()
    }

    /// A row is born, in this state.
    pub(super) fn insert(&mut self, born: usize) {
        self.alive.push(true);
        for (state, rows) in self.states.iter_mut().enumerate() {
            rows.push(state == born);
        }
    }

    /// The state that a row is in.
    pub(super) fn state(&self, index: u64) -> Option<usize> {
        self.states.iter().position(|rows| rows.contains(index))
    }

    /// Whether a row has come to the end of its walk.
    pub(super) fn is_over(&self, index: u64) -> bool {
        self.walks && self.state(index).is_none()
    }

    /// A row has come to the end of its walk.
    pub(super) fn end_walk(&mut self, index: u64) {
        self.states.iter_mut().for_each(|rows| rows.set(index, false));
    }

    pub(super) fn enter(&mut self, index: u64, state: usize) {
        for (each, rows) in self.states.iter_mut().enumerate() {
            rows.set(index, each == state);
        }
    }

    /// A row dies. What is `undying` stays listed with its parents, dead or not.
    pub(super) fn delete(&mut self, index: u64, is_undying: impl Fn(u64) -> bool) {
        if index < self.seeded && self.alive.contains(index) {
            self.seeded_alive -= 1;
        }
        self.alive.set(index, false);
        self.states.iter_mut().for_each(|rows| rows.set(index, false));
        if index >= self.seeded {
            let is_kept = |child| self.alive.contains(child) || is_undying(child);
            self.born.iter_mut().for_each(|born| born.died(is_kept));
        }
    }
}

impl World {
    /// Whether the rows that a reference names take those that refer to them along when they go.
    pub(in crate::generate) fn has_children(&self, parent: &Parent) -> bool {
        self.table(parent.table).mortal && !parent.stays
    }

    /// How a lane's seeded rows were dealt to the seeded parents of one reference; `None` if the
    /// parents are not mortal, or their end is none of the children's business: then any seeded row
    /// may be named.
    pub(in crate::generate) fn deal(
        &self,
        child: TableId,
        place: usize,
        lane: u32,
    ) -> Option<Deal<'_>> {
        let parent = &self.table(child).decided[place];
        if !self.has_children(parent) {
            return None;
        }
        let parents = self.dealt_parents(parent, lane);
        let column = u16::try_from(parent.column).unwrap_or(u16::MAX);
        let key = key(self.seed, child.0, Purpose::Deal(column), u64::from(lane));
        let children = self.seeded_in_lane(child, lane);
        let spread = parent.spreads.iter().find(|spread| spread.is_of(children, parents));
        Some(Deal::new(key, children, parents, spread))
    }

    /// The same, with the deal of the reference whose row is left out.
    pub(in crate::generate) fn family(
        &self,
        child: TableId,
        place: usize,
        lane: u32,
    ) -> Option<Family<'_>> {
        let unlike = self.table(child).decided[place].unlike;
        let deal = self.deal(child, place, lane)?;
        Some(Family { deal, other: unlike.and_then(|other| self.deal(child, other, lane)) })
    }

    /// To how many parents a lane's rows are dealt: who must not name one of them has one fewer.
    fn dealt_parents(&self, parent: &Parent, lane: u32) -> u64 {
        let parents = self.seeded_in_lane(parent.table, lane);
        parents.saturating_sub(u64::from(parent.unlike.is_some()))
    }

    /// Works out how seeded rows are dealt to parents of which some have more than others. Lanes differ
    /// by one row at most, so that there are few ways.
    pub(in crate::generate) fn spread(&mut self) {
        for number in 0..self.tables.len() {
            let child = TableId::of(number);
            let lanes = self.tables[number].lanes * self.tables[number].stride;
            for place in 0..self.tables[number].decided.len() {
                let parent = &self.tables[number].decided[place];
                let Pick::Zipf { exponent } = parent.pick else { continue };
                if !self.has_children(parent) {
                    continue;
                }
                let counts =
                    |lane| (self.seeded_in_lane(child, lane), self.dealt_parents(parent, lane));
                let counts: BTreeSet<_> = (0..lanes).map(counts).collect();
                let spread = |(children, parents)| Spread::new(children, parents, exponent);
                let spreads = counts.into_iter().map(spread).collect();
                self.tables[number].decided[place].spreads = spreads;
            }
        }
    }
}
