//! An action of several databases is sent in parts, one transaction for each: nothing commits in two
//! databases at once. Its events are parts as well, one for each target that they go to, behind all
//! others. Almost all actions have one part.

use std::collections::BTreeSet;

use crate::action::Action;
use crate::action::TableId;
use crate::generate::Decision;
use crate::generate::RowId;
use crate::generate::World;
use crate::generate::key::Draw;
use crate::generate::key::Purpose;
use crate::generate::key::key;
use crate::generate::lane::Turn;
use crate::generate::render::Detail;
use crate::generate::world::Step;

/// What an action does in one database, in one transaction; or the events that it sends to one target.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Part {
    /// The number of the way that it goes.
    pub(super) way: usize,
    /// The tables.
    pub(super) tables: Vec<TableId>,
    /// Whether it is events.
    pub(super) is_events: bool,
}

impl World {
    /// The first part of an action, from part number `from` on, in which it does anything.
    pub fn part_from(&self, decision: &Decision, from: usize) -> Option<usize> {
        let parts = &self.actions[usize::from(decision.action)].parts;
        if parts.len() == 1 {
            return (from == 0).then_some(0);
        }
        let is_busy = |part: &Part| {
            let is_in = |table: TableId| part.tables.contains(&table);
            let is_sent = |step: &Step| match self.table(step.table).sent_as.as_slice() {
                [] => is_in(step.table),
                events => events.iter().any(|event| is_in(*event)),
            };
            self.steps(decision).iter().any(is_sent)
                || decision.victims().iter().any(|victim| is_in(victim.table))
        };
        (from..parts.len()).find(|part| is_busy(&parts[*part]))
    }

    /// The number of the way that a part of an action goes.
    pub fn way_of(&self, decision: &Decision, part: usize) -> usize {
        let parts = &self.actions[usize::from(decision.action)].parts;
        parts.get(part).map_or(0, |part| part.way)
    }

    /// Whether a part of an action is events, as are all behind it then.
    pub fn is_events(&self, decision: &Decision, part: usize) -> bool {
        let parts = &self.actions[usize::from(decision.action)].parts;
        parts.get(part).is_some_and(|part| part.is_events)
    }

    /// How long the events of an action come after the commit of its rows, in nanoseconds. Drawn from what
    /// decided the action.
    pub fn skew_ns(&self, decision: &Decision) -> u64 {
        let (min, max) = self.actions[usize::from(decision.action)].skew_ns;
        if max == 0 {
            return 0;
        }
        let key = key(self.seed, decision.stream, Purpose::Skew, decision.slot);
        min + Draw::new(key).below((max - min).saturating_add(1))
    }

    /// Fills `action` with one part of what a decision sends; nothing, if it skips.
    pub fn render_part(&self, decision: &Decision, part: usize, action: &mut Action) {
        if self.actions[usize::from(decision.action)].parts.len() == 1 {
            return self.render(decision, action);
        }
        action.clear();
        let is_in = |table| self.part_of(decision, table) == part;
        self.render_tables(decision, (is_in, Detail::Statements), action);
        action.origin.mark.part = u8::try_from(part).unwrap_or(u8::MAX);
    }

    /// Fills `action` with what a decision sends from a part on.
    pub fn render_from(&self, decision: &Decision, part: usize, action: &mut Action) {
        if part == 0 && self.actions[usize::from(decision.action)].parts.len() == 1 {
            return self.render(decision, action);
        }
        action.clear();
        let is_in = |table| self.part_of(decision, table) >= part;
        self.render_tables(decision, (is_in, Detail::Statements), action);
    }

    /// The number of the part that a table of an action is in.
    pub fn part_of(&self, decision: &Decision, table: TableId) -> usize {
        let parts = &self.actions[usize::from(decision.action)].parts;
        if parts.len() == 1 {
            return 0;
        }
        parts.iter().position(|part| part.tables.contains(&table)).unwrap_or(0)
    }

    /// The rows that a part of an action changes or deletes and that tell whether it was committed:
    /// see [`World::changes`]; of a part that only deletes children, those.
    pub fn tells(&self, decision: &Decision, part: usize, rows: &mut Vec<RowId>) {
        self.changes(decision, rows);
        if self.actions[usize::from(decision.action)].parts.len() == 1 {
            return;
        }
        let is_told = |row: &RowId| {
            self.catalog.table(row.table).is_sent && self.part_of(decision, row.table) == part
        };
        rows.retain(is_told);
        if rows.is_empty() {
            let victims = decision.victims().iter();
            rows.extend(victims.filter(|victim| self.part_of(decision, victim.table) == part));
        }
    }

    /// The numbers of the ways that a group's actions go.
    pub fn ways_of(&self, group: usize) -> Vec<usize> {
        let parts = self.parts_of(group);
        let ways: BTreeSet<_> = parts.map(|part| part.way).collect();
        ways.into_iter().collect()
    }

    /// Whether a group's actions send events; and whether that is all that they do.
    pub fn sends_events(&self, group: usize) -> (bool, bool) {
        let mut some = self.parts_of(group);
        let mut all = self.parts_of(group);
        (some.any(|part| part.is_events), all.all(|part| part.is_events || !self.is_any_sent(part)))
    }

    /// The ways that events of a group go, in their order.
    pub fn event_ways(&self, group: usize) -> Vec<usize> {
        let events = self.parts_of(group).filter(|part| part.is_events);
        let ways: BTreeSet<usize> = events.map(|part| part.way).collect();
        ways.into_iter().collect()
    }

    pub(super) fn parts_of(&self, group: usize) -> impl Iterator<Item = &Part> {
        let actions = self.groups[group].iter().flat_map(|stream| self.actions_of(*stream));
        actions.flat_map(|action| &action.parts)
    }

    fn is_any_sent(&self, part: &Part) -> bool {
        part.tables.iter().any(|table| self.catalog.table(*table).is_sent)
    }

    fn steps(&self, decision: &Decision) -> &[Step] {
        let steps = &self.actions[usize::from(decision.action)].steps;
        if decision.turn == Turn::Skip { &[] } else { steps }
    }
}
