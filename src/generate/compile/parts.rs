//! What of an action commits together: what goes to one database. Parts are sent one after the
//! other, the rows of children that must go before those of their parents; then come the events, for
//! each target that they go to a part.

use crate::action::Catalog;
use crate::action::TableId;
use crate::generate::parts::Part;
use crate::generate::world::Step;
use crate::generate::world::StepKind;
use crate::generate::world::Table;

/// The parts of an action of these steps, in the order in which they are sent.
pub(super) fn of(steps: &[Step], tables: &[Table], catalog: &Catalog) -> Vec<Part> {
    let all = touched(steps, tables);
    let is_row = |table: &&TableId| catalog.table(**table).is_row();
    let mut rest: Vec<TableId> = all.iter().filter(is_row).copied().collect();
    let way_of = |table: TableId| catalog.table(table).way;
    let mut parts: Vec<Part> = Vec::new();
    while !rest.is_empty() {
        let mut ways: Vec<usize> = rest.iter().map(|table| way_of(*table)).collect();
        ways.dedup();
        // Where a database can be done with, it is left only once.
        let reach = |way: usize| ready(&rest, tables, |table| way_of(table) == way);
        let is_last = |way: &&usize| {
            let all = rest.iter().filter(|table| way_of(**table) == **way).count();
            reach(**way).len() == all
        };
        let some = |way: &&usize| !reach(**way).is_empty();
        let next = ways.iter().find(is_last).or_else(|| ways.iter().find(some));
        // Tables that need each other do not exist: `check` has refused circles.
        let Some(way) = next.copied() else { break };
        let now = reach(way);
        rest.retain(|table| !now.contains(table));
        parts.push(Part { way, tables: now, is_events: false });
    }
    parts.extend(events(&all, tables, catalog));
    if let (Some(table), true) = (all.first(), parts.is_empty()) {
        // Nothing is sent of it, and that goes where its rows would.
        parts.push(Part { way: way_of(*table), tables: all, is_events: false });
    }
    parts
}

/// What is sent as events: a part for each way, in the order of ways.
fn events(all: &[TableId], tables: &[Table], catalog: &Catalog) -> Vec<Part> {
    let mut parts: Vec<Part> = Vec::new();
    for table in all.iter().flat_map(|table| &tables[usize::from(table.0)].sent_as) {
        let way = catalog.table(*table).way;
        match parts.iter_mut().find(|part| part.way == way) {
            Some(part) => part.tables.push(*table),
            None => parts.push(Part { way, tables: vec![*table], is_events: true }),
        }
    }
    parts.sort_by_key(|part| part.way);
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
