//! What of an action commits together: what goes to one database. Parts are sent one after the
//! other, the rows of children that must go before those of their parents.

use crate::action::Catalog;
use crate::action::TableId;
use crate::generate::parts::Part;
use crate::generate::world::Step;
use crate::generate::world::StepKind;
use crate::generate::world::Table;

/// The parts of an action of these steps, in the order in which they are sent.
pub(super) fn of(steps: &[Step], tables: &[Table], catalog: &Catalog) -> Vec<Part> {
    let mut rest = touched(steps, tables);
    let domain_of = |table: TableId| catalog.table(table).domain;
    let mut parts: Vec<Part> = Vec::new();
    while !rest.is_empty() {
        let mut domains: Vec<usize> = rest.iter().map(|table| domain_of(*table)).collect();
        domains.dedup();
        // Where a domain can be done with, it is left only once.
        let reach = |domain: usize| ready(&rest, tables, |table| domain_of(table) == domain);
        let is_last = |domain: &&usize| {
            let all = rest.iter().filter(|table| domain_of(**table) == **domain).count();
            reach(**domain).len() == all
        };
        let some = |domain: &&usize| !reach(**domain).is_empty();
        let next = domains.iter().find(is_last).or_else(|| domains.iter().find(some));
        // Tables that need each other do not exist: `check` has refused circles.
        let Some(domain) = next.copied() else { break };
        let now = reach(domain);
        rest.retain(|table| !now.contains(table));
        parts.push(Part { domain, tables: now });
    }
    parts
}

/// The tables that an action may touch: those of its steps, what their rows own, and the children
/// of what it deletes.
fn touched(steps: &[Step], tables: &[Table]) -> Vec<TableId> {
    let mut all: Vec<TableId> = Vec::new();
    for step in steps {
        let mut own = vec![step.table];
        let mut next = 0;
        while let Some(table) = own.get(next) {
            let Table { owned, relations, .. } = &tables[usize::from(table.0)];
            next += 1;
            let is_end = matches!(step.kind, StepKind::Delete { .. });
            let children = relations.iter().filter(|_| is_end).map(|relation| relation.child);
            let more: Vec<TableId> = children.chain(owned.iter().copied()).collect();
            for table in more {
                add(table, &mut own);
            }
        }
        for table in own {
            add(table, &mut all);
        }
    }
    all
}

fn add(table: TableId, all: &mut Vec<TableId>) {
    if !all.contains(&table) {
        all.push(table);
    }
}

/// Those of the tables of a domain that wait for none of another: all that refers to them, of the
/// rest, is in the domain as well, and waits for none either.
fn ready(rest: &[TableId], tables: &[Table], is_here: impl Fn(TableId) -> bool) -> Vec<TableId> {
    let mut found: Vec<TableId> = Vec::new();
    loop {
        let is_free = |table: &TableId| {
            let children = tables[usize::from(table.0)].relations.iter().map(|it| it.child);
            let mut waits = children.filter(|child| rest.contains(child));
            waits.all(|child| found.contains(&child))
        };
        let more = rest.iter().filter(|table| is_here(**table) && !found.contains(table));
        let more: Vec<TableId> = more.filter(|table| is_free(table)).copied().collect();
        if more.is_empty() {
            return found;
        }
        found.extend(more);
    }
}
