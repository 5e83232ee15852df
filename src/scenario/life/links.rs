//! What ties each table to others: found once for all tables, so that many cost no more than few.

use crate::scenario::Scenario;
use crate::scenario::life::At;
use crate::scenario::life::inserts;
use crate::scenario::life::target;
use crate::schema::Step;

/// What ties a table to others.
#[derive(Debug, Default, Clone)]
pub(super) struct Links {
    /// Whether rows may be deleted, by any action of its schema, mixed or not: themselves, or with
    /// a row that they refer to.
    pub(super) is_mortal: bool,
    /// Whether an action of its schema may make rows.
    is_made: bool,
    /// The tables that it refers to.
    pub(super) parents: Vec<At>,
    /// Its owner, and those that it refers to and whose rows come and go.
    pub(super) ties: Vec<At>,
    /// Those, and the tables that are so tied to it, in the order of tables.
    pub(super) neighbours: Vec<At>,
}

impl Links {
    /// Whether no rows come or go, by any action of its schema, mixed or not.
    pub(super) fn is_still(&self) -> bool {
        !self.is_mortal && !self.is_made
    }
}

/// Of all tables, by domain and table.
pub(super) fn of(scenario: &Scenario) -> Vec<Vec<Links>> {
    let domains = scenario.domains.iter();
    let mut links: Vec<Vec<Links>> =
        domains.map(|domain| vec![Links::default(); domain.schema.tables.len()]).collect();
    let mut dead = Vec::new();
    for (domain, each) in scenario.domains.iter().enumerate() {
        for step in each.schema.actions.iter().flat_map(|action| &action.steps) {
            if let Some(table) = inserts(step) {
                links[domain][table].is_made = true;
            }
            if let Step::Delete { table, .. } = step {
                dead.push((domain, *table));
            }
        }
    }
    mark_mortal(scenario, dead, &mut links);
    for at in all(scenario) {
        let (domain, table) = at;
        let meant = &scenario.domains[domain].schema.tables[table];
        let references = meant.references();
        let parents: Vec<At> =
            references.filter_map(|(_, reference)| target(scenario, reference)).collect();
        let moving = parents.iter().copied().filter(|at| !links[at.0][at.1].is_still());
        let owner = meant.owner.as_ref().map(|owner| (domain, owner.table));
        let ties: Vec<At> = moving.chain(owner).collect();
        for parent in &ties {
            links[parent.0][parent.1].neighbours.push(at);
            links[domain][table].neighbours.push(*parent);
        }
        links[domain][table].ties = ties;
        links[domain][table].parents = parents;
    }
    for links in links.iter_mut().flatten() {
        links.neighbours.sort_unstable();
        links.neighbours.dedup();
    }
    links
}

/// Rows go with those that they refer to, unless they stay behind.
fn mark_mortal(scenario: &Scenario, mut dead: Vec<At>, links: &mut [Vec<Links>]) {
    let mut children: Vec<Vec<Vec<At>>> =
        links.iter().map(|tables| vec![Vec::new(); tables.len()]).collect();
    for at in all(scenario) {
        let table = &scenario.domains[at.0].schema.tables[at.1];
        for (_, reference) in table.references().filter(|(_, reference)| !reference.stays) {
            if let Some(parent) = target(scenario, reference) {
                children[parent.0][parent.1].push(at);
            }
        }
    }
    while let Some((domain, table)) = dead.pop() {
        if !std::mem::replace(&mut links[domain][table].is_mortal, true) {
            dead.extend(&children[domain][table]);
        }
    }
}

fn all(scenario: &Scenario) -> impl Iterator<Item = At> {
    let domains = scenario.domains.iter().enumerate();
    domains
        .flat_map(|(domain, each)| (0..each.schema.tables.len()).map(move |table| (domain, table)))
}
