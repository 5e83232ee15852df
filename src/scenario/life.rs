//! Which rows come and go in a run.

mod links;

use std::collections::BTreeSet;

use crate::pace::Sessions;
use crate::scenario::Copy;
use crate::scenario::Scenario;
use crate::scenario::Stream;
use crate::schema::Otherwise;
use crate::schema::Reference;
use crate::schema::Step;
use crate::schema::Table;

use links::Links;

/// A table of the run: domain, table.
pub(crate) type At = (usize, usize);

/// All tables of a run.
#[derive(Debug)]
pub(crate) struct Tables<'a> {
    pub(crate) scenario: &'a Scenario,
    /// By domain and table.
    links: Vec<Vec<Links>>,
}

impl<'a> Tables<'a> {
    /// Of a scenario whose references are all well formed, or say so elsewhere.
    pub(crate) fn new(scenario: &'a Scenario) -> Self {
        Self { scenario, links: links::of(scenario) }
    }

    /// The table that a reference names; `relations` has seen that it exists.
    pub(crate) fn target(&self, reference: &Reference) -> Option<At> {
        target(self.scenario, reference)
    }

    /// The tables that a table refers to.
    pub(crate) fn parents(&self, at: At) -> &[At] {
        &self.links(at).parents
    }

    /// Whether no rows of a table come or go, by any action of its schema, mixed or not.
    pub(crate) fn is_still(&self, at: At) -> bool {
        self.links(at).is_still()
    }

    fn links(&self, at: At) -> &Links {
        &self.links[at.0][at.1]
    }

    pub(crate) fn all(&self) -> impl Iterator<Item = (At, &'a Table)> {
        self.scenario.domains.iter().enumerate().flat_map(|(domain, each)| {
            let tables = each.schema.tables.iter().enumerate();
            tables.map(move |(table, meant)| ((domain, table), meant))
        })
    }

    pub(crate) fn table(&self, at: At) -> &'a Table {
        &self.scenario.domains[at.0].schema.tables[at.1]
    }

    /// How many rows are seeded; of an owned table, at most.
    pub(crate) fn seeded(&self, at: At) -> u64 {
        match &self.table(at).owner {
            Some(owner) => {
                let owners = self.scenario.domains[at.0].rows[owner.table];
                owners.saturating_mul(u64::from(owner.max))
            }
            None => self.scenario.domains[at.0].rows[at.1],
        }
    }

    /// Whether all lanes change a table's rows.
    pub(crate) fn is_shared(&self, at: At) -> bool {
        self.table(at).shared
    }

    /// Sets of streams that share rows, each in the order of its streams: those that touch the same
    /// tables, or tables that refer to each other. What all lanes share ties nobody.
    pub(crate) fn groups(&self) -> Vec<Vec<usize>> {
        let all: Vec<At> = self.all().map(|(at, _)| at).collect();
        let number = |at: At| all.iter().position(|each| *each == at).unwrap_or(0);
        // Union by relabelling: there are few tables.
        let mut label: Vec<usize> = (0..all.len()).collect();
        let mut join = |left: At, right: At| {
            let (from, to) = (label[number(left)], label[number(right)]);
            label.iter_mut().filter(|each| **each == from).for_each(|each| *each = to);
        };
        for &at in &all {
            self.links(at).ties.iter().for_each(|parent| join(at, *parent));
        }
        let streams = self.scenario.load.streams.iter();
        let touched: Vec<Vec<At>> = streams.map(|stream| self.touched(stream)).collect();
        for tables in &touched {
            tables.windows(2).for_each(|pair| join(pair[0], pair[1]));
        }
        let mut groups: Vec<(Option<usize>, Vec<usize>)> = Vec::new();
        for (stream, tables) in touched.iter().enumerate() {
            let label = tables.first().map(|at| label[number(*at)]);
            match groups.iter_mut().find(|(of, _)| of.is_some() && *of == label) {
                Some((_, group)) => group.push(stream),
                None => groups.push((label, vec![stream])),
            }
        }
        groups.into_iter().map(|(_, group)| group).collect()
    }

    /// The tables of which a stream's actions work on rows of their lane.
    fn touched(&self, stream: &Stream) -> Vec<At> {
        let all = self.steps_of(stream).map(|(domain, step)| (domain, step.table()));
        all.filter(|at| !self.is_shared(*at)).collect()
    }

    /// The steps of the actions that the streams mix, and of those that follow, with their domains.
    pub(crate) fn mixed(&self) -> impl Iterator<Item = (usize, &'a Step)> {
        self.scenario.load.streams.iter().flat_map(|stream| self.steps_of(stream))
    }

    /// The same of one stream.
    pub(crate) fn steps_of(&self, stream: &'a Stream) -> impl Iterator<Item = (usize, &'a Step)> {
        let scenario = self.scenario;
        stream.mix.iter().flat_map(move |entry| {
            let actions = scenario.leading_to(entry).into_iter();
            let schema = &scenario.domains[entry.domain].schema;
            actions
                .flat_map(move |action| &schema.actions[action].steps)
                .map(move |step| (entry.domain, step))
        })
    }

    /// All tables that hang together with those that a stream touches.
    pub(crate) fn reach(&self, stream: &Stream) -> Vec<At> {
        let mut reached = self.touched(stream);
        let mut is_reached: BTreeSet<At> = reached.iter().copied().collect();
        let mut next = 0;
        while let Some(&at) = reached.get(next) {
            next += 1;
            for neighbour in &self.links(at).neighbours {
                if is_reached.insert(*neighbour) {
                    reached.push(*neighbour);
                }
            }
        }
        reached
    }

    /// To how many lanes the rows of a table are dealt: to those that work on it; of a copy's table, to
    /// the copy's own among them.
    pub(crate) fn lanes(&self, at: At) -> u32 {
        let Copy { number, count, .. } = self.scenario.domains[at.0].copy;
        self.all_lanes(at).saturating_sub(number).div_ceil(count).max(1)
    }

    /// How many lanes work on a table, or on that of another copy: those of the sessions that do, or else
    /// the scenario's.
    pub(crate) fn all_lanes(&self, at: At) -> u32 {
        self.sessions(at).map_or(self.scenario.lanes, Sessions::most)
    }

    /// Whether it is sessions that work on a table.
    pub(crate) fn has_sessions(&self, at: At) -> bool {
        self.sessions(at).is_some()
    }

    /// What decides that, as a scenario writes it.
    pub(crate) fn lanes_word(&self, at: At) -> &'static str {
        if self.sessions(at).is_some() {
            "`sessions`: each has a lane of its own"
        } else {
            "`lanes`"
        }
    }

    /// The sessions that work on a table.
    fn sessions(&self, at: At) -> Option<&'a Sessions> {
        let streams = self.scenario.load.streams.iter();
        let mut closed = streams.filter(|stream| stream.pacing.sessions().is_some());
        closed.find(|stream| self.reach(stream).contains(&at))?.pacing.sessions()
    }

    /// Whether an action that some stream mixes may make rows of a table.
    pub(crate) fn is_inserted(&self, at: At) -> bool {
        let table = self.table(at).owner.as_ref().map_or(at.1, |owner| owner.table);
        self.mixed().any(|(domain, step)| domain == at.0 && inserts(step) == Some(table))
    }

    /// Whether an action that some stream mixes may delete rows of a table.
    pub(crate) fn is_deleted(&self, at: At) -> bool {
        self.mixed().any(|(domain, step)| {
            domain == at.0 && matches!(step, Step::Delete { table, .. } if *table == at.1)
        })
    }

    /// Whether rows of a table may be deleted, by any action of its schema, mixed or not:
    /// themselves, or with a row that they refer to.
    pub(crate) fn is_mortal(&self, at: At) -> bool {
        self.links(at).is_mortal
    }
}

/// The table that a reference names; `relations` has seen that it exists.
fn target(scenario: &Scenario, reference: &Reference) -> Option<At> {
    let domain = scenario.domain(&reference.schema)?;
    Some((domain, scenario.domains[domain].schema.table(&reference.table)?))
}

/// The table that a step may make a row of.
pub(crate) fn inserts(step: &Step) -> Option<usize> {
    match step {
        Step::Insert { table }
        | Step::Upsert { table, .. }
        | Step::Update { table, otherwise: Otherwise::Insert, .. }
        | Step::Delete { table, otherwise: Otherwise::Insert, .. } => Some(*table),
        _ => None,
    }
}
