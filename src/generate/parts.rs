//! An action of several databases is sent in parts, one transaction for each: nothing commits in two
//! databases at once. Almost all actions have one part.

use std::collections::BTreeSet;

use crate::action::Action;
use crate::action::TableId;
use crate::generate::Decision;
use crate::generate::RowId;
use crate::generate::World;
use crate::generate::lane::Turn;
use crate::generate::render::Detail;
use crate::generate::world::Step;

/// What an action does in one database, in one transaction.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Part {
    /// The number of the domain, in the scenario.
    pub(super) domain: usize,
    /// The tables.
    pub(super) tables: Vec<TableId>,
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
            self.steps(decision).iter().any(|step| is_in(step.table))
                || decision.victims().iter().any(|victim| is_in(victim.table))
        };
        (from..parts.len()).find(|part| is_busy(&parts[*part]))
    }

    /// The number, in the scenario, of the domain that a part of an action goes to.
    pub fn domain_of(&self, decision: &Decision, part: usize) -> usize {
        let parts = &self.actions[usize::from(decision.action)].parts;
        parts.get(part).map_or(0, |part| part.domain)
    }

    /// Fills `action` with one part of what a decision sends; nothing, if it skips.
    pub fn render_part(&self, decision: &Decision, part: usize, action: &mut Action) {
        if self.actions[usize::from(decision.action)].parts.len() == 1 {
            return self.render(decision, action);
        }
        action.clear();
        let is_in = |table| self.part_of(decision, table) == part;
        self.render_tables(decision, (is_in, Detail::Statements), action);
    }

    /// Fills `action` with what a decision sends from a part on.
    pub fn render_from(&self, decision: &Decision, part: usize, action: &mut Action) {
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
        rows.retain(|row| self.part_of(decision, row.table) == part);
        if rows.is_empty() {
            let victims = decision.victims().iter();
            rows.extend(victims.filter(|victim| self.part_of(decision, victim.table) == part));
        }
    }

    /// The numbers, in the scenario, of the domains that a group's actions go to.
    pub fn domains_of(&self, group: usize) -> Vec<usize> {
        let actions = self.groups[group].iter().flat_map(|stream| self.actions_of(*stream));
        let parts = actions.flat_map(|action| &action.parts);
        let domains: BTreeSet<_> = parts.map(|part| part.domain).collect();
        domains.into_iter().collect()
    }

    fn steps(&self, decision: &Decision) -> &[Step] {
        let steps = &self.actions[usize::from(decision.action)].steps;
        if decision.turn == Turn::Skip { &[] } else { steps }
    }
}
