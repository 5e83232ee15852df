//! What a scenario does to the tables of its databases.

use std::collections::BTreeSet;

use crate::scenario::Scenario;
use crate::schema::Step;

/// What happens to a table.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Needs {
    /// Rows are made.
    pub inserts: bool,
    /// Rows are changed.
    pub updates: bool,
    /// Rows are removed.
    pub deletes: bool,
    /// The columns that some update sets.
    pub changed: BTreeSet<usize>,
}

/// What happens to each table of each domain, by the actions that streams mix, what follows them, and what goes
/// with rows that are deleted.
pub fn needs(scenario: &Scenario) -> Vec<Vec<Needs>> {
    let mut all: Vec<Vec<Needs>> =
        scenario.domains.iter().map(|domain| of_seeding(&domain.rows)).collect();
    let mut actions: BTreeSet<(usize, usize)> = BTreeSet::new();
    let mixed = scenario.load.streams.iter().flat_map(|stream| &stream.mix);
    let mut open: Vec<(usize, usize)> = mixed.map(|entry| (entry.domain, entry.action)).collect();
    while let Some((domain, action)) = open.pop() {
        if actions.insert((domain, action)) {
            let then = &scenario.domains[domain].schema.actions[action].then;
            open.extend(then.iter().map(|then| (domain, then.action)));
        }
    }
    for (domain, action) in actions {
        for step in &scenario.domains[domain].schema.actions[action].steps {
            note(scenario, domain, step, &mut all);
        }
    }
    all
}

fn of_seeding(rows: &[u64]) -> Vec<Needs> {
    rows.iter().map(|_| Needs { inserts: true, ..Needs::default() }).collect()
}

fn note(scenario: &Scenario, domain: usize, step: &Step, all: &mut [Vec<Needs>]) {
    match step {
        Step::Insert { table } => all[domain][*table].inserts = true,
        Step::Update { table, set, .. } | Step::Upsert { table, set, .. } => {
            let needs = &mut all[domain][*table];
            needs.updates = true;
            needs.changed.extend(set.iter().map(|(column, _)| *column));
        }
        Step::Delete { table, .. } => end(scenario, (domain, *table), all),
    }
}

/// Rows of a table are deleted, and with them what belongs to them or names them and does not stay.
fn end(scenario: &Scenario, at: (usize, usize), all: &mut [Vec<Needs>]) {
    let mut open = vec![at];
    while let Some((domain, table)) = open.pop() {
        if std::mem::replace(&mut all[domain][table].deletes, true) {
            continue;
        }
        let parent = &scenario.domains[domain].schema;
        for (number, other) in scenario.domains.iter().enumerate() {
            for (child, candidate) in other.schema.tables.iter().enumerate() {
                let is_owned = number == domain
                    && candidate.owner.as_ref().is_some_and(|owner| owner.table == table);
                let refers = candidate.references().any(|(_, reference)| {
                    !reference.stays
                        && reference.schema == parent.name
                        && reference.table == parent.tables[table].name
                });
                if is_owned || refers {
                    open.push((number, child));
                }
            }
        }
    }
}
