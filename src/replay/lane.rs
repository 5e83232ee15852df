//! Goes through a lane's decisions again, and makes of its rows what became of them.

use std::sync::Arc;

use crate::action::Action;
use crate::action::Assignment;
use crate::action::Change;
use crate::action::Operation;
use crate::action::StatementKind;
use crate::action::TableId;
use crate::action::TableInfo;
use crate::action::Value;
use crate::engine::stop::Halt;
use crate::generate::Decision;
use crate::generate::Lane;
use crate::generate::Turn;
use crate::generate::World;
use crate::ledger::Fate;
use crate::ledger::hash::half;
use crate::observe::Certainty;
use crate::observe::cells;
use crate::replay::Replay;
use crate::replay::digest::Identity;
use crate::replay::digest::identity;
use crate::replay::evaluate::advance;
use crate::replay::follow::Follower;
use crate::replay::horizon::When;
use crate::replay::observed::Set;
use crate::replay::past::Note;
use crate::replay::past::Past;
use crate::replay::rows::LaneRows;
use crate::replay::shared::Additions;
use crate::replay::snapshots::Snapshots;
use crate::sink::postgres::encode::encode;

/// After so many rows or decisions one looks whether to go on: some milliseconds.
const STEPS: u32 = 1024;

/// Who goes through lanes: with what is used again for each row.
#[derive(Debug)]
pub(super) struct Walker<'a> {
    world: &'a Arc<World>,
    past: &'a Past,
    /// By table: whether its rows are judged.
    is_judged: &'a [bool],
    rows: Action,
    statements: Action,
    field: Vec<u8>,
    /// When what is gone through was sent and settled, if it was.
    when: When,
    /// What becomes of shared tables.
    pub(super) additions: Additions,
    /// Decisions of which the trace does not tell.
    pub(super) untold: u64,
    /// Who wants to know of each change.
    pub(super) follower: Option<Follower<'a>>,
    /// Who wants to know of each version of some rows.
    pub(super) snapshots: Option<Snapshots>,
    halt: &'a Halt,
    /// What was gone through, to look now and then whether to go on.
    steps: u32,
    is_halted: bool,
}

/// Whether a change was made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Effect {
    Made,
    NotMade,
    /// Its statement changed some rows, and not this one, perhaps.
    Short,
    Unknown,
}

impl<'a> Walker<'a> {
    /// One who goes through the lanes of a run; `is_judged` says of which tables, by number.
    pub(super) fn new(replay: &'a Replay, is_judged: &'a [bool]) -> Self {
        let Replay { world, past, halt, .. } = replay;
        let (rows, statements, field) = (Action::default(), Action::default(), Vec::new());
        let additions = Additions::default();
        let (when, untold, follower, snapshots) = (When::default(), 0, None, None);
        Self {
            world,
            past,
            is_judged,
            rows,
            statements,
            field,
            when,
            additions,
            untold,
            follower,
            snapshots,
            halt,
            steps: 0,
            is_halted: false,
        }
    }

    /// Whether to take another step. Who has heard no takes none in the lanes behind, either.
    pub(super) fn goes_on(&mut self) -> bool {
        self.steps = self.steps.wrapping_add(1);
        if self.steps.is_multiple_of(STEPS) {
            self.is_halted |= self.halt.is_told();
        }
        !self.is_halted
    }

    fn is_judged(&self, table: TableId) -> bool {
        self.is_judged.get(usize::from(table.0)).copied().unwrap_or(false)
    }

    /// The rows that a lane leaves; not all of them if it does not go on.
    pub(super) fn walk(&mut self, group: usize, index: u32) -> LaneRows {
        let mut rows = LaneRows::default();
        let mut snapshots = self.snapshots.take();
        for table in self.world.tables_of(group) {
            if self.is_judged(table) && !self.world.catalog.table(table).shared {
                for number in self.world.seeded_of(table, index) {
                    if !self.goes_on() {
                        break;
                    }
                    let info = self.world.catalog.table(table);
                    self.seeded(table, number, |identity, row| {
                        if let Some(snapshots) = &mut snapshots {
                            snapshots.seeded(identity, &key_of(info, row), row);
                        }
                        rows.seed(table, identity, row.into());
                    });
                }
            }
        }
        self.snapshots = snapshots;
        let overall = self.world.lane_number(group, index);
        let mut notes = self.past.notes(overall);
        let mut lane = Lane::new(self.world, group, index);
        while lane.decided() < self.past.decided(overall) && self.goes_on() {
            let Some(decision) = lane.decide() else { break };
            let notes = notes.of(decision.number);
            if decision.turn != Turn::Skip {
                self.decision(&decision, notes, &mut rows);
            }
        }
        rows
    }

    /// The seeded rows of a number, each with what tells it from others.
    pub(super) fn seeded(
        &mut self,
        table: TableId,
        number: u64,
        mut each: impl FnMut(Identity, &[u8]),
    ) {
        let mut action = std::mem::take(&mut self.rows);
        self.world.render_seeded(table, number, &mut action);
        let info = self.world.catalog.table(table);
        for operation in action.operations() {
            let row = self.row(info, action.values(operation), &action);
            each(identity(table, &key_of(info, &row)), &row);
        }
        self.rows = action;
    }

    fn decision(&mut self, decision: &Decision, notes: &[Note], rows: &mut LaneRows) {
        let mut next = self.world.part_from(decision, 0);
        while let Some(part) = next {
            if self.world.is_events(decision, part) {
                return;
            }
            self.part(decision, part, notes, rows);
            next = self.world.part_from(decision, part + 1);
        }
    }

    fn part(&mut self, decision: &Decision, part: usize, notes: &[Note], rows: &mut LaneRows) {
        let number = u8::try_from(part).unwrap_or(u8::MAX);
        let is_ended =
            |note: &&Note| note.part == number || note.fate == Fate::Nothing && note.part < number;
        let note = notes.iter().rfind(is_ended);
        self.when = note.map(|note| note.when).unwrap_or_default();
        let world = Arc::clone(self.world);
        world.render_rows(decision, part, &mut self.rows);
        let action = std::mem::take(&mut self.rows);
        let count = action.operations().len();
        let effect = match note.map(|note| note.fate) {
            Some(Fate::Committed) => Effect::Made,
            Some(Fate::Nothing | Fate::TakenBack) => Effect::NotMade,
            Some(Fate::Unknown) => Effect::Unknown,
            Some(Fate::Short | Fate::Shortfall) => {
                let all = self.shortened(decision, part, count);
                for (operation, effect) in action.operations().iter().zip(all) {
                    self.change(operation, &action, effect, rows);
                }
                self.rows = action;
                return;
            }
            None => {
                // What does nothing in tables is noted by nobody.
                self.untold += u64::from(count > 0);
                Effect::Unknown
            }
        };
        for operation in action.operations().iter().filter(|_| effect != Effect::NotMade) {
            self.change(operation, &action, effect, rows);
        }
        self.rows = action;
    }

    /// For each row whether it was changed, where some were not.
    fn shortened(&mut self, decision: &Decision, part: usize, count: usize) -> Vec<Effect> {
        let number = u8::try_from(part).unwrap_or(u8::MAX);
        let shortfalls = self.past.shortfalls((decision.lane, decision.number, number));
        self.world.render_part(decision, part, &mut self.statements);
        let mut all = vec![Effect::Made; count];
        let mut from = 0;
        for (number, operation) in (0_u32..).zip(self.statements.operations()) {
            let rows = operation.rows as usize;
            if let Some((_, found)) = shortfalls.iter().find(|(short, _)| *short == number) {
                // Of several rows it is not known which were there.
                let effect = if *found > 0 { Effect::Short } else { Effect::NotMade };
                all.iter_mut().skip(from).take(rows).for_each(|each| *each = effect);
            }
            from += rows;
        }
        all
    }

    fn change(
        &mut self,
        operation: &Operation,
        action: &Action,
        effect: Effect,
        rows: &mut LaneRows,
    ) {
        if effect == Effect::NotMade || !self.is_judged(operation.table) {
            return;
        }
        let world = Arc::clone(self.world);
        let info = world.catalog.table(operation.table);
        let statement = world.catalog.statement(operation.statement);
        let values = action.values(operation);
        let is_certain = effect == Effect::Made;
        let table = operation.table;
        let (identity, key) = match &statement.kind {
            StatementKind::Insert => {
                let row = self.row(info, values, action);
                let key = key_of(info, &row);
                let mut identity = identity(table, &key);
                if info.key.is_empty() {
                    identity = rows.free(identity);
                }
                rows.change((table, identity), is_certain, |_| Some(row.clone().into()));
                (identity, key)
            }
            StatementKind::Update { set, .. } => {
                let (assigned, key) = values.split_at(values.len().saturating_sub(info.key.len()));
                let key = self.key(info, key, action);
                let identity = identity(table, &key);
                if info.shared {
                    self.additions.add((table, identity), set, assigned, is_certain);
                } else {
                    let assigned = (set.as_slice(), assigned, action);
                    rows.change((table, identity), is_certain, |old| {
                        old.map(|old| updated(info, old, assigned))
                    });
                }
                (identity, key)
            }
            StatementKind::Upsert { set, .. } => {
                let (new, assigned) = values.split_at(info.columns.len().min(values.len()));
                let row = self.row(info, new, action);
                let key = key_of(info, &row);
                let identity = identity(table, &key);
                let assigned = (set.as_slice(), assigned, action);
                rows.change((table, identity), is_certain, |old| match old {
                    Some(old) => Some(updated(info, old, assigned)),
                    None => Some(row.clone().into()),
                });
                (identity, key)
            }
            StatementKind::Delete | StatementKind::DeleteOwned { .. } => {
                let key = self.key(info, values, action);
                let identity = identity(table, &key);
                rows.change((table, identity), is_certain, |_| None);
                (identity, key)
            }
        };
        self.tell((operation, info), effect, (identity, &key), rows);
    }

    /// Tells who wants to know of a change.
    fn tell(
        &mut self,
        (operation, info): (&Operation, &TableInfo),
        effect: Effect,
        (identity, key): (Identity, &[u8]),
        rows: &LaneRows,
    ) {
        if let Some(snapshots) = &mut self.snapshots {
            let about = (effect == Effect::Made, self.when);
            snapshots.changed(identity, (key, rows.known(identity)), about);
        }
        let Some(follower) = &mut self.follower else { return };
        let certainty = match effect {
            Effect::Made => Certainty::Certain,
            Effect::Short => Certainty::Short,
            Effect::NotMade | Effect::Unknown => Certainty::Unknown,
        };
        let (table, change) = (operation.table, operation.change);
        if info.shared || info.key.is_empty() {
            let row = half(super::digest::identity(table, key));
            follower.counts((table, row), (change, certainty, self.when), key);
        } else {
            let row = (rows.known(identity), set_by(self.world, operation, info));
            follower.made((table, half(identity)), (change, certainty, self.when), key, row);
        }
    }

    /// The cells of a whole row.
    fn row(&mut self, info: &TableInfo, values: &[Value], action: &Action) -> Vec<u8> {
        let mut row = Vec::with_capacity(16 * values.len());
        for (value, (_, kind)) in values.iter().zip(&info.columns) {
            self.field.clear();
            encode(*value, *kind, action, &mut self.field);
            cells::push_field(*kind, &self.field, &mut row);
        }
        row
    }

    fn key(&mut self, info: &TableInfo, values: &[Value], action: &Action) -> Vec<u8> {
        let mut key = Vec::with_capacity(32);
        for (value, column) in values.iter().zip(&info.key) {
            let kind = info.columns[*column].1;
            self.field.clear();
            encode(*value, kind, action, &mut self.field);
            cells::push_field(kind, &self.field, &mut key);
        }
        key
    }
}

/// What of its row a change sets.
fn set_by(world: &World, operation: &Operation, info: &TableInfo) -> Set {
    match &world.catalog.statement(operation.statement).kind {
        StatementKind::Update { set, .. } => Set::by(set, &info.key),
        StatementKind::Upsert { set, .. } if operation.change != Change::Insert => {
            Set::by(set, &info.key)
        }
        StatementKind::Insert | StatementKind::Upsert { .. } => Set::WHOLE,
        StatementKind::Delete | StatementKind::DeleteOwned { .. } => Set::default(),
    }
}

/// The cells of a row's key; of a table without one, all.
pub(super) fn key_of(info: &TableInfo, row: &[u8]) -> Vec<u8> {
    if info.key.is_empty() {
        return row.to_vec();
    }
    let places: Vec<&[u8]> = cells::pieces(row).map(|(piece, _)| piece).collect();
    info.key.iter().filter_map(|column| places.get(*column)).copied().flatten().copied().collect()
}

/// A row with assignments made to it.
fn updated(
    info: &TableInfo,
    old: &[u8],
    (set, values, action): (&[Assignment], &[Value], &Action),
) -> Box<[u8]> {
    let mut row = Vec::with_capacity(old.len() + 16);
    for (column, (piece, cell)) in cells::pieces(old).enumerate() {
        let mut values = values.iter().copied();
        let mut assigned = set.iter().map(|it| {
            let value = if it.how.has_parameter() { values.next() } else { None };
            (it, value.unwrap_or(Value::Null))
        });
        match assigned.find(|(it, _)| it.column == column) {
            None => row.extend_from_slice(piece),
            Some((it, value)) => {
                let kind = info.columns[column].1;
                advance(kind, &it.how, (value, action), cell, &mut row);
            }
        }
    }
    row.into()
}
