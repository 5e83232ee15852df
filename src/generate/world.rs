//! A scenario made ready to generate from: one list of tables over all domains, one of statements,
//! one of actions, and the streams' mixes.

use std::sync::Arc;

use crate::action::Catalog;
use crate::action::StatementId;
use crate::action::TableId;
use crate::generate::column::Column;
use crate::generate::faults::TableFaults;
use crate::generate::key::Purpose;
use crate::generate::key::stem;
use crate::generate::parts::Part;
use crate::generate::permute::Permutation;
use crate::generate::walk::Walk;
use crate::pace::Plan;
use crate::pace::Sessions;
use crate::scenario::History;

pub(super) use crate::generate::relation::Parent;
pub(super) use crate::generate::relation::Relation;
pub(super) use crate::generate::step::Choice;
pub(super) use crate::generate::step::ParentChoice;
pub(super) use crate::generate::step::SetValue;
pub(super) use crate::generate::step::Step;
pub(super) use crate::generate::step::StepKind;

/// A scenario made ready. Immutable, shared by all workers.
#[derive(Debug)]
pub struct World {
    /// From which all content follows.
    pub seed: u64,
    /// How many lanes share the work of a group of streams, unless it has sessions.
    pub lanes: u32,
    /// The run's start in the data, microseconds since 1970.
    pub start_us: i64,
    /// Tables and statements, for sinks.
    pub catalog: Arc<Catalog>,
    /// By [`TableId`].
    pub(super) tables: Vec<Table>,
    /// All actions of all domains, and behind them one plain insert for each table (fall-backs).
    pub(super) actions: Vec<Action>,
    /// By action: the same one of the first copy of its domain; itself where there are no copies.
    pub(super) firsts: Vec<u16>,
    /// By domain: which of several copies it is, and how many there are.
    pub(super) copies: Vec<(u32, u32)>,
    /// By way: its domain. See [`crate::scenario::Scenario::ways`].
    pub(super) ways: Vec<usize>,
    /// In the order of the scenario.
    pub(super) streams: Vec<Stream>,
    /// What follows in the streams: stream and action. Each is a series behind those of the streams.
    pub(super) follow_ups: Vec<(u16, u16)>,
    /// What each series is called: streams, then what follows in them.
    pub series: Vec<String>,
    /// The fall-back insert of the first table among `actions`.
    pub(super) fallbacks: usize,
    /// Sets of streams that share rows, each with its own lanes.
    pub groups: Vec<Vec<usize>>,
    /// Whether a stream has an action that deletes rows.
    pub(super) has_deletes: bool,
}

/// A table and what the generator must know of it.
#[derive(Debug)]
pub(super) struct Table {
    /// Rows made by seeding, over all lanes.
    pub(super) seeded: u64,
    /// When those were made, if the scenario says so.
    pub(super) history: Option<History>,
    /// To how many lanes its rows are dealt.
    pub(super) lanes: u32,
    /// Its lanes are the lane of this number and every `stride`-th after it: 0 and 1, unless its domain is
    /// one of several copies.
    pub(super) offset: u32,
    pub(super) stride: u32,
    /// Numbers that rows of others have: ours begin behind them.
    pub(super) taken: u64,
    /// Numbers that a run may use, from 0 on.
    pub(super) numbers_max: u64,
    /// For each column, what its keys have in common: it saves two mixes for each value.
    pub(super) stems: Vec<u64>,
    /// The same for the half of a UUID that proves the other one.
    pub(super) proof: u64,
    /// How to fill each column.
    pub(super) columns: Vec<Column>,
    /// The order in which columns are filled: those computed from others come after them.
    pub(super) order: Vec<usize>,
    /// Whether its values may be given away as they are made: each needs only texts before it.
    pub(super) is_straight: bool,
    /// The key, as column indexes.
    pub(super) key: Vec<usize>,
    /// Set for owned tables.
    pub(super) owner: Option<Owner>,
    /// Tables whose rows belong to this one's.
    pub(super) owned: Vec<TableId>,
    /// References to this table from tables with a life of their own; kept if it is mortal.
    pub(super) relations: Vec<Relation>,
    /// The references of this table that a lane decides (their parents come and go).
    pub(super) decided: Vec<Parent>,
    /// For rows whose life has states.
    pub(super) states: Option<States>,
    /// Columns whose time lies in the opening hours of a row that is named.
    pub(super) keeps_hours: Vec<usize>,
    /// Of an event: those of `decided` whose row's state it shows.
    pub(super) watched: Vec<usize>,
    /// Of an event: the tables that its rows are sent as, one for each target that it goes to.
    pub(super) sent_as: Vec<TableId>,
    /// Of an event: how many of them have a fault, if any have.
    pub(super) faults: Option<Box<TableFaults>>,
    /// The statement that inserts a row.
    pub(super) insert: StatementId,
    /// The statement that deletes a row by its key; for owned tables, by its owner.
    pub(super) delete: StatementId,
    /// Shuffles row numbers into UUIDs.
    pub(super) shuffle: Permutation,
    /// Whether some action deletes its rows.
    pub(super) mortal: bool,
    /// Whether all lanes change its rows.
    pub(super) shared: bool,
}

impl Table {
    /// Works out what the keys of its values have in common. `number` is the table's.
    pub(super) fn root(&mut self, seed: u64, number: u16) {
        let columns = (0..).take(self.columns.len());
        self.stems = columns.map(|column| stem(seed, number, Purpose::Column(column))).collect();
        self.proof = stem(seed, number, Purpose::Proof);
    }
}

/// To whom an owned table's rows belong.
#[derive(Debug, Clone, Copy)]
pub(super) struct Owner {
    /// The owner's table.
    pub(super) table: TableId,
    /// Least number of rows.
    pub(super) min: u32,
    /// Greatest number of rows.
    pub(super) max: u32,
}

/// The states of a table's rows.
#[derive(Debug, Clone)]
pub(super) struct States {
    /// How many.
    pub(super) count: usize,
    /// For seeded rows, oldest first: state and cumulated share (the last is 1).
    pub(super) seeded: Vec<(usize, f64)>,
    /// Set for rows that walk from state to state by chance.
    pub(super) walk: Option<Walk>,
}

impl States {
    /// The row indexes of a lane with `count` seeded rows that start in `state`. The oldest rows
    /// are furthest along.
    pub(super) fn seeded_range(&self, state: usize, count: u64) -> std::ops::Range<u64> {
        let mut from = 0;
        for (each, share) in &self.seeded {
            let end = share_of(count, *share);
            if *each == state {
                return from..end;
            }
            from = end;
        }
        0..0
    }

    /// The state in which row `index` of a lane with `count` seeded rows starts.
    pub(super) fn seeded_state(&self, index: u64, count: u64) -> usize {
        let found = self.seeded.iter().find(|(_, share)| index < share_of(count, *share));
        found.map_or(0, |(state, _)| *state)
    }
}

/// `share` of `count`, rounded down; exact at 1.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    clippy::cast_precision_loss,
    reason = "counts are below 2^53 and shares between 0 and 1"
)]
fn share_of(count: u64, share: f64) -> u64 {
    if share >= 1.0 { count } else { ((count as f64) * share) as u64 }
}

/// An action made ready.
#[derive(Debug)]
pub(super) struct Action {
    /// `domain.action`, for people.
    pub(super) name: String,
    /// Its steps.
    pub(super) steps: Vec<Step>,
    /// How long its events come after the commit of its rows, at least and at most.
    pub(super) skew_ns: (u64, u64),
    /// What follows it.
    pub(super) then: Vec<Then>,
    /// What of it commits together, in the order in which it is sent: one part, unless it goes to
    /// several databases.
    pub(super) parts: Vec<Part>,
}

/// An action that follows another, made ready.
#[derive(Debug, Clone)]
pub(super) struct Then {
    /// The number of the action.
    pub(super) action: u16,
    /// Whose row is passed on, and where its number stands among the first one's picks.
    pub(super) table: TableId,
    pub(super) at: usize,
    /// How often it follows, and when: nanoseconds after the first one's planned time.
    pub(super) share: f64,
    pub(super) min_ns: u64,
    pub(super) max_ns: u64,
    /// Whether it may follow itself.
    pub(super) is_again: bool,
    /// It follows only if the row is in one of these states; empty for any.
    pub(super) states: Vec<usize>,
}

/// A stream's mix and times.
#[derive(Debug)]
pub(super) struct Stream {
    /// Its slots and when they are due.
    pub(super) plan: Plan,
    /// Actions with cumulated shares; the last is 1. Where there are copies of a domain, lanes differ in
    /// which of them they work on: lane n has mix n modulo their number.
    pub(super) mixes: Vec<Vec<(u16, f64)>>,
}

impl World {
    /// A table's walk, if its rows have one.
    pub(super) fn walk(&self, id: TableId) -> Option<&Walk> {
        self.table(id).states.as_ref()?.walk.as_ref()
    }

    /// How many seeded rows of a table a lane has.
    pub(super) fn seeded_in_lane(&self, table: TableId, lane: u32) -> u64 {
        let Table { seeded, lanes, offset, stride, .. } = *self.table(table);
        if lane % stride != offset {
            return 0;
        }
        let (lane, lanes) = (u64::from(lane / stride), u64::from(lanes));
        if seeded > lane { (seeded - lane).div_ceil(lanes) } else { 0 }
    }

    /// The run-wide number of row `index` of a lane: unique in its table.
    pub(super) fn ordinal(&self, table: TableId, lane: u32, index: u64) -> u64 {
        let Table { lanes, stride, .. } = *self.table(table);
        // A division for each row is saved where there are no copies.
        let lane = if stride == 1 { lane } else { lane / stride };
        index * u64::from(lanes) + u64::from(lane)
    }

    /// What a row's unique values are made from: its run-wide number, behind those that are taken.
    #[inline]
    pub(super) fn number(&self, table: TableId, ordinal: u64) -> u64 {
        self.table(table).taken.wrapping_add(ordinal)
    }

    /// A row's index in its lane.
    pub(super) fn index(&self, table: TableId, ordinal: u64) -> u64 {
        ordinal / u64::from(self.table(table).lanes)
    }

    /// The lane a row lives in.
    pub(super) fn lane_of(&self, table: TableId, ordinal: u64) -> u32 {
        let Table { lanes, offset, stride, .. } = *self.table(table);
        u32::try_from(ordinal % u64::from(lanes)).unwrap_or(0) * stride + offset
    }

    /// How many lanes a group of streams has: the scenario's, or one for each session.
    pub fn lanes_of(&self, group: usize) -> u32 {
        let first = self.groups[group].first();
        let sessions = first.and_then(|stream| self.plan(*stream).sessions());
        sessions.map_or(self.lanes, Sessions::most)
    }

    /// How many lanes the group of a stream has.
    pub fn lanes_of_stream(&self, stream: usize) -> u32 {
        let group = self.groups.iter().position(|group| group.contains(&stream));
        group.map_or(self.lanes, |group| self.lanes_of(group))
    }

    /// How many copies there are of the domain that a way is of.
    pub fn copies_of(&self, way: usize) -> usize {
        self.copies[self.ways[way]].1 as usize
    }

    /// Whether what a lane does goes a way, if that of its group does.
    pub fn works_on(&self, lane: u32, way: usize) -> bool {
        let (number, count) = self.copies[self.ways[way]];
        lane % count == number
    }

    #[inline]
    pub(super) fn table(&self, id: TableId) -> &Table {
        &self.tables[usize::from(id.0)]
    }

    /// The stream that a series belongs to: itself, or the one in which it follows.
    pub fn stream_of(&self, series: u16) -> usize {
        let followed = usize::from(series).checked_sub(self.streams.len());
        let followed = followed.and_then(|number| self.follow_ups.get(number));
        usize::from(followed.map_or(series, |(stream, _)| *stream))
    }

    /// The series of an action that follows others of a stream: the same for all copies of a domain.
    pub(super) fn series_of(&self, stream: usize, action: u16) -> Option<u16> {
        let action = self.firsts.get(usize::from(action)).copied().unwrap_or(action);
        let is_it = |it: &(u16, u16)| usize::from(it.0) == stream && it.1 == action;
        let number = self.follow_ups.iter().position(is_it)?;
        u16::try_from(self.streams.len() + number).ok()
    }

    /// The same world, whose timetables are measured from a planned time on: an earlier run has played them
    /// until then.
    #[must_use]
    pub fn resumed(mut self, at: std::time::Duration) -> Self {
        for stream in &mut self.streams {
            stream.plan = stream.plan.clone().resumed(at);
        }
        self
    }

    /// How a stream's slots are due.
    pub fn plan(&self, stream: usize) -> &Plan {
        &self.streams[stream].plan
    }

    /// The timetable that a series keeps: its stream's.
    pub fn plan_of(&self, series: u16) -> &Plan {
        self.plan(self.stream_of(series))
    }

    /// The actions that a stream leads to: those of its mix, and those that follow.
    pub(super) fn actions_of(&self, stream: usize) -> impl Iterator<Item = &Action> {
        actions_of(&self.actions, &self.streams, &self.follow_ups, stream)
    }

    /// The number of tables, over all domains.
    pub fn table_count(&self) -> usize {
        self.tables.len()
    }

    /// The number of what is counted apart: all tables, and behind them what is sent of events to targets
    /// beyond their first.
    pub fn counted_tables(&self) -> usize {
        self.catalog.tables.len()
    }

    /// How many rows a table is seeded with; owned tables count their owners' rows.
    pub fn seeded_rows(&self, table: TableId) -> u64 {
        match self.table(table).owner {
            Some(owner) => self.seeded_rows(owner.table),
            None => self.table(table).seeded,
        }
    }

    /// Whether a table's rows belong to another's.
    pub fn is_owned(&self, table: TableId) -> bool {
        self.table(table).owner.is_some()
    }
}

/// As [`World::actions_of`], while the world is being made.
pub(super) fn actions_of<'a>(
    actions: &'a [Action],
    streams: &'a [Stream],
    follow_ups: &'a [(u16, u16)],
    stream: usize,
) -> impl Iterator<Item = &'a Action> {
    let mixed = streams[stream].mixes.iter().flatten().map(|(action, _)| *action);
    let following = follow_ups.iter().filter(move |it| usize::from(it.0) == stream);
    mixed.chain(following.map(|it| it.1)).map(|action| &actions[usize::from(action)])
}
