//! What became of the rows of each table, and how far each lane got: always kept, exact.

use serde::Deserialize;
use serde::Serialize;

use crate::action::Action;
use crate::action::Change;
use crate::action::Operation;
use crate::action::StatementId;
use crate::action::TableId;
use crate::generate::Decision;

/// A run's account.
#[derive(Debug, Default, Clone, Serialize, Deserialize)]
pub struct Account {
    /// By table.
    pub tables: Vec<Rows>,
    /// How far each lane got, and what in it went wrong.
    pub lanes: Vec<LaneAccount>,
    /// Actions that were in flight on a lost connection and proved committed.
    pub resolved_committed: u64,
    /// Actions that were in flight on a lost connection, proved absent, and were sent again.
    pub resolved_absent: u64,
    /// Rows that the server acknowledged as changed, by statement; it ends with the last that
    /// changed any.
    #[serde(skip)]
    changed: Vec<u64>,
}

/// What became of a table's rows, warm-up included.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rows {
    /// The server acknowledged that they were inserted.
    pub inserted: u64,
    /// The server acknowledged that they were changed; a row counts each time.
    pub updated: u64,
    /// The server acknowledged that they were deleted.
    pub deleted: u64,
    /// Changes that the server refused.
    pub failed: u64,
    /// Changes of which nobody can tell.
    pub unknown: u64,
    /// Changes that found no row, or were withheld, because an earlier action on the row failed.
    pub missed: u64,
    /// Bytes of events that were handed over.
    #[serde(skip)]
    pub bytes: u64,
}

/// How far a lane got.
#[derive(Debug, Default, Clone, Serialize, Deserialize)]
pub struct LaneAccount {
    /// The group of streams it belongs to.
    pub group: usize,
    /// Its number.
    pub lane: u32,
    /// For each stream of the group: its next slot, `null` at its end.
    pub next: Vec<Option<u64>>,
    /// How many decisions it took: slots, and what follows them; those of earlier runs that it continues
    /// are among them.
    pub decided: u64,
    /// When the last of them was planned, in nanoseconds since the warm-up began.
    #[serde(default)]
    pub planned_ns: u64,
    /// Slots that were decided and did not take effect as decided, at most a lane's share of
    /// [`EXCEPTIONS_MAX`].
    pub exceptions: Vec<Exception>,
    /// Exceptions beyond those.
    pub more: u64,
    /// What it sent last, if nobody knows what became of that and one may find out later.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub doubt: Option<Doubt>,
    /// How many exceptions there is room for.
    #[serde(skip)]
    pub(super) room: usize,
}

/// An action of which nobody knows whether it took effect, and how it was sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Doubt {
    /// Its series.
    pub stream: u16,
    /// Its slot.
    pub slot: u64,
    /// The part of it that was sent.
    pub part: u16,
    /// What the sink said of it: see [`crate::sink::Receipt`].
    pub horizon: u64,
    /// Whether the number of its transaction was asked for; and the number, if it is known.
    pub is_numbered: bool,
    /// See there.
    pub number: Option<u64>,
    /// Whether its rows were no evidence when it was sent.
    pub is_doubtful: bool,
    /// How many exceptions of its lane had been noted when it was sent.
    pub seen: u32,
}

/// Exceptions that are kept over all lanes, 24 bytes each; and in each lane at least.
pub const EXCEPTIONS_MAX: usize = 1 << 20;
const EXCEPTIONS_MIN: usize = 256;

/// A slot that did not take effect as decided.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
pub struct Exception {
    /// Its stream.
    pub stream: u16,
    /// Of an action that goes to several databases: how many of its parts took effect before.
    #[serde(default, skip_serializing_if = "is_none")]
    pub parts: u16,
    /// Its number.
    pub slot: u64,
    /// What became of it.
    pub fate: ExceptionKind,
}

impl Exception {
    /// Of a decision, of which so many `parts` had taken effect.
    pub(super) fn of(decision: &Decision, parts: usize, fate: ExceptionKind) -> Self {
        let Decision { stream, slot, .. } = *decision;
        Self { stream, parts: u16::try_from(parts).unwrap_or(u16::MAX), slot, fate }
    }
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde asks for it")]
fn is_none(parts: &u16) -> bool {
    *parts == 0
}

/// What became of a slot that did not take effect as decided.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ExceptionKind {
    /// The server refused it.
    Failed,
    /// It was withheld.
    Missed,
    /// It was not sent, as it was too late.
    Late,
    /// It changed fewer rows than it should have.
    Short,
    /// Nobody can tell.
    Unknown,
    /// It was decided and then not sent, as the run ended.
    Unsent,
    /// It was sent and proved absent, and was not sent again, as the run ended.
    Abandoned,
}

/// One operation's effect, as the account needs it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Effect {
    pub(super) table: TableId,
    pub(super) change: Change,
    pub(super) rows: u32,
    pub(super) statement: StatementId,
}

impl From<&Operation> for Effect {
    fn from(operation: &Operation) -> Self {
        let Operation { table, change, rows, statement, .. } = *operation;
        Self { table, change, rows, statement }
    }
}

impl Account {
    /// With nothing in it yet.
    pub fn new(tables: usize) -> Self {
        Self { tables: vec![Rows::default(); tables], ..Self::default() }
    }

    /// Adds another worker's.
    pub fn merge(&mut self, other: &Self) {
        for (ours, theirs) in self.tables.iter_mut().zip(&other.tables) {
            ours.inserted += theirs.inserted;
            ours.updated += theirs.updated;
            ours.deleted += theirs.deleted;
            ours.failed += theirs.failed;
            ours.unknown += theirs.unknown;
            ours.missed += theirs.missed;
            ours.bytes += theirs.bytes;
        }
        self.lanes.extend(other.lanes.iter().cloned());
        self.resolved_committed += other.resolved_committed;
        self.resolved_absent += other.resolved_absent;
        for (statement, rows) in other.changed.iter().enumerate() {
            *self.changed_at(statement) += rows;
        }
    }

    /// How many rows a statement changed, a row each time, as far as the server acknowledged it.
    pub fn changed_by(&self, statement: StatementId) -> u64 {
        self.changed.get(usize::from(statement.0)).copied().unwrap_or(0)
    }

    fn changed_at(&mut self, statement: usize) -> &mut u64 {
        if self.changed.len() <= statement {
            self.changed.resize(statement + 1, 0);
        }
        &mut self.changed[statement]
    }

    fn rows(&mut self, table: TableId) -> &mut Rows {
        &mut self.tables[usize::from(table.0)]
    }

    /// An action was acknowledged; `shortfalls` are operations that changed another number of rows.
    pub(super) fn acknowledged(&mut self, effects: &[Effect], shortfalls: &[(u32, u32)]) {
        for effect in effects {
            self.change(*effect, effect.rows);
        }
        for (operation, rows) in shortfalls {
            let Some(effect) = effects.get(*operation as usize).copied() else { continue };
            self.unchange(effect, effect.rows);
            self.change(effect, *rows);
            self.rows(effect.table).missed += u64::from(effect.rows.saturating_sub(*rows));
        }
    }

    /// A crash took an acknowledged action back.
    pub(super) fn taken_back(&mut self, effects: &[Effect]) {
        for effect in effects {
            self.unchange(*effect, effect.rows);
        }
    }

    fn change(&mut self, effect: Effect, rows: u32) {
        *self.counter(effect) += u64::from(rows);
        *self.changed_at(effect.statement.0.into()) += u64::from(rows);
    }

    fn unchange(&mut self, effect: Effect, rows: u32) {
        *self.counter(effect) -= u64::from(rows);
        *self.changed_at(effect.statement.0.into()) -= u64::from(rows);
    }

    fn counter(&mut self, effect: Effect) -> &mut u64 {
        let rows = self.rows(effect.table);
        match effect.change {
            Change::Insert => &mut rows.inserted,
            Change::Update => &mut rows.updated,
            Change::Delete => &mut rows.deleted,
        }
    }

    /// So many bytes were handed over for an action.
    pub(super) fn handed_over(&mut self, effects: &[Effect], bytes: u64) {
        if let Some(first) = effects.first() {
            self.rows(first.table).bytes += bytes;
        }
    }

    /// An action was refused.
    pub(super) fn failed(&mut self, effects: &[Effect]) {
        for effect in effects {
            self.rows(effect.table).failed += u64::from(effect.rows);
        }
    }

    /// Nobody can tell what became of an action.
    pub(super) fn unknown(&mut self, effects: &[Effect]) {
        for effect in effects {
            self.rows(effect.table).unknown += u64::from(effect.rows);
        }
    }

    /// An action was withheld.
    pub(super) fn missed(&mut self, action: &Action) {
        for operation in action.operations() {
            self.rows(operation.table).missed += u64::from(operation.rows);
        }
    }

    /// Rows of a cascade that are not there.
    pub(super) fn absent(&mut self, table: TableId, rows: u64) {
        self.rows(table).missed += rows;
    }
}

impl LaneAccount {
    /// Of one of so many lanes.
    pub(super) fn new(group: usize, lane: u32, lanes: u32) -> Self {
        let room = (EXCEPTIONS_MAX / lanes.max(1) as usize).max(EXCEPTIONS_MIN);
        Self { group, lane, room, ..Self::default() }
    }

    /// Notes what became of a slot, of which so many `parts` had taken effect.
    pub(super) fn except(&mut self, decision: &Decision, parts: usize, fate: ExceptionKind) {
        self.add(Exception::of(decision, parts, fate));
    }

    /// Adds an exception, if there is room.
    pub(super) fn add(&mut self, exception: Exception) {
        if self.exceptions.len() < self.room {
            self.exceptions.push(exception);
        } else {
            self.more += 1;
        }
    }
}
