//! What a run would do to its tables: the slots of some lanes, or of all, are decided as the run
//! would decide them, and counted.

use std::sync::Arc;

use crate::action::Action;
use crate::action::Change;
use crate::action::TableId;
use crate::cli::plan::greatest::Greatest;
use crate::generate::Lane;
use crate::generate::Turn;
use crate::generate::World;
use crate::pace::Plan;
use crate::pace::real;
use crate::sink::event::json::Form;
use crate::sink::postgres::size::Layout;
use crate::sink::postgres::size::Weight;

/// Slots that are decided, at most: a second's work.
const SLOTS_MAX: u64 = 200_000;
/// Seeded rows of each table that are weighed, at most.
const ROWS_MAX: u64 = 500;

/// Rows that are changed.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Changes {
    pub(super) inserted: f64,
    pub(super) updated: f64,
    pub(super) deleted: f64,
}

/// What was seen of a stream.
#[derive(Debug, Clone, Default)]
pub(super) struct StreamContent {
    /// Slots that were decided.
    pub(super) slots: u64,
    /// Of them: those that found nothing to do.
    pub(super) skipped: u64,
    /// Rows that they changed, by table.
    pub(super) changes: Vec<Changes>,
    /// Log records that are a statement's: of each kind and table. Deletes of owned rows are one
    /// statement of several rows.
    last: Option<u64>,
}

/// What was seen.
#[derive(Debug)]
pub(super) struct Content {
    /// By stream.
    pub(super) streams: Vec<StreamContent>,
    /// By table.
    pub(super) weights: Vec<Weight>,
    /// Rows that seeding makes, by table.
    pub(super) seeded: Vec<u64>,
    /// Bytes of an event on average, by table.
    pub(super) event_bytes: Vec<f64>,
    /// The greatest rows and events.
    pub(super) greatest: Greatest,
    /// Whether every slot of every stream was decided.
    pub(super) is_exact: bool,
}

/// Decides and weighs as much as shows what a run is.
pub(super) fn look(world: &Arc<World>, layout: &Layout) -> Content {
    let tables = world.table_count();
    let streams: usize = world.groups.iter().map(Vec::len).sum();
    let none =
        StreamContent { changes: vec![Changes::default(); tables], ..StreamContent::default() };
    let mut content = Content {
        streams: vec![none; streams],
        weights: vec![Weight::default(); tables],
        seeded: Vec::new(),
        event_bytes: Vec::new(),
        greatest: Greatest::of(world),
        is_exact: true,
    };
    for table in 0..tables {
        let info = world.catalog.table(TableId::of(table));
        content.event_bytes.push(0.0);
        if !info.is_row() {
            content.seeded.push(0);
            continue;
        }
        let rows = weigh_seeded(world, layout, TableId::of(table), &mut content);
        content.seeded.push(rows);
    }
    for group in 0..world.groups.len() {
        look_at(world, layout, group, &mut content);
    }
    weigh_events(world, &mut content);
    content
}

/// Weighs the first events of each kind that are made.
fn weigh_events(world: &Arc<World>, content: &mut Content) {
    let forms: Vec<_> = world.catalog.tables.iter().map(Form::of).collect();
    let mut weighed = vec![(0_usize, 0_usize); forms.len()];
    let (mut action, mut bytes) = (Action::default(), Vec::new());
    for group in 0..world.groups.len() {
        let mut lane = Lane::new(world, group, 0);
        for _ in 0..ROWS_MAX {
            let Some(decision) = lane.decide() else { break };
            world.render(&decision, &mut action);
            for operation in action.operations() {
                let table = usize::from(operation.table.0);
                let Some(form) = &forms[table] else { continue };
                bytes.clear();
                form.write(action.values(operation), &action, &mut bytes);
                form.write_key(action.values(operation), &action, &mut bytes);
                weighed[table] = (weighed[table].0 + bytes.len(), weighed[table].1 + 1);
            }
        }
    }
    let mean = |(bytes, count): (usize, usize)| real(bytes as u64) / real(count.max(1) as u64);
    content.event_bytes = weighed.into_iter().map(mean).collect();
}

/// Weighs some seeded rows, evenly over all of them; returns how many there will be.
fn weigh_seeded(world: &World, layout: &Layout, table: TableId, content: &mut Content) -> u64 {
    let weight = &mut content.weights[usize::from(table.0)];
    // Of an owned table these are the owners.
    let numbers = world.seeded_rows(table);
    let looked = numbers.min(ROWS_MAX);
    let mut action = Action::default();
    for nth in 0..looked {
        world.render_seeded(table, nth * numbers / looked, &mut action);
        for operation in action.operations() {
            layout.weigh(table, action.values(operation), &action, weight);
            content.greatest.note(operation, &action);
        }
    }
    if !world.is_owned(table) || numbers <= SLOTS_MAX {
        return world.seeded_count(table);
    }
    // Counting the rows of each owner would take as long as seeding them.
    let share = real(weight.rows) / real(looked.max(1));
    crate::pace::whole(share * real(numbers))
}

/// How many slots a lane may take: of a closed stream, its share of the limit, which it need not reach.
fn limit_of(world: &World, streams: &[usize], (lane, lanes): (u64, u64)) -> u64 {
    let plans = streams.iter().map(|stream| world.plan(*stream));
    let limits = plans.filter(|plan| !plan.is_open()).filter_map(Plan::slots);
    limits.map(|limit| limit.saturating_sub(lane).div_ceil(lanes)).min().unwrap_or(u64::MAX)
}

/// Decides the slots of a group: all, or all of some lanes, or the first ones of each lane.
fn look_at(world: &Arc<World>, layout: &Layout, group: usize, content: &mut Content) {
    let streams = &world.groups[group];
    let slots = streams.iter().map(|stream| world.plan(*stream).slots());
    let slots = slots.sum::<Option<u64>>();
    let lanes = u64::from(world.lanes_of(group));
    let (looked_lanes, each) = match slots {
        Some(slots) if slots <= SLOTS_MAX => (lanes, u64::MAX),
        Some(slots) if slots / lanes <= SLOTS_MAX => ((SLOTS_MAX * lanes / slots).max(1), u64::MAX),
        _ => (lanes, SLOTS_MAX / lanes),
    };
    content.is_exact &= looked_lanes == lanes && each == u64::MAX;
    let mut action = Action::default();
    for lane in 0..looked_lanes {
        for stream in streams {
            content.streams[*stream].last = None;
        }
        let mut left = limit_of(world, streams, (lane, lanes));
        let mut lane = Lane::new(world, group, u32::try_from(lane).unwrap_or(0));
        for _ in 0..each {
            if left == 0 {
                break;
            }
            let Some(decision) = lane.decide() else { break };
            // What follows is a part of what its stream comes to, and no slot of it.
            let stream = world.stream_of(decision.stream);
            let is_slot = stream == usize::from(decision.stream);
            left -= u64::from(is_slot);
            let seen = &mut content.streams[stream];
            if is_slot && seen.last.is_none_or(|last| decision.slot > last) {
                seen.last = Some(decision.slot);
                seen.slots += 1;
                seen.skipped += u64::from(decision.turn == Turn::Skip);
            }
            world.render(&decision, &mut action);
            for operation in action.operations() {
                let table = usize::from(operation.table.0);
                content.greatest.note(operation, &action);
                let changes = &mut seen.changes[table];
                let rows = f64::from(operation.rows);
                match operation.change {
                    Change::Insert => {
                        changes.inserted += rows;
                        if world.catalog.table(operation.table).event.is_none() {
                            let weight = &mut content.weights[table];
                            let values = action.values(operation);
                            layout.weigh(operation.table, values, &action, weight);
                        }
                    }
                    Change::Update => changes.updated += rows,
                    Change::Delete => changes.deleted += rows,
                }
            }
        }
    }
}
