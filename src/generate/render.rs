//! From a decision to the values to send. May be done by anyone at any time: it reads the world and
//! the decision only.

use smallvec::SmallVec;

use crate::action::Action;
use crate::action::Change;
use crate::action::Mark;
use crate::action::Origin;
use crate::action::Shape;
use crate::action::StatementId;
use crate::action::TableId;
use crate::generate::Decision;
use crate::generate::RowId;
use crate::generate::World;
use crate::generate::column::Row;
use crate::generate::key::Draw;
use crate::generate::key::Purpose;
use crate::generate::key::key;
use crate::generate::lane::Turn;
use crate::generate::world::SetValue;
use crate::generate::world::Step;
use crate::generate::world::StepKind;
use crate::generate::world::Table;

impl World {
    /// Fills `action` with what a decision sends; nothing, if it skips.
    pub fn render(&self, decision: &Decision, action: &mut Action) {
        action.clear();
        self.render_more(decision, action);
    }

    /// Adds to `action` what a decision sends: to be committed together with what it holds. An event is
    /// there once, to however many targets it goes.
    pub fn render_more(&self, decision: &Decision, action: &mut Action) {
        let is_first = |table: TableId| usize::from(table.0) < self.tables.len();
        self.render_tables(decision, (is_first, Detail::Statements), action);
    }

    /// Fills `action` with what one part of a decision does, an operation for each row: owned rows that
    /// go with their owner go one by one, each by its own key.
    pub fn render_rows(&self, decision: &Decision, part: usize, action: &mut Action) {
        action.clear();
        let is_in = |table: TableId| self.part_of(decision, table) == part;
        self.render_tables(decision, (is_in, Detail::Rows), action);
    }

    /// Adds what a decision does in some of its tables.
    pub(super) fn render_tables(
        &self,
        decision: &Decision,
        (is_in, detail): (impl Fn(TableId) -> bool, Detail),
        action: &mut Action,
    ) {
        if decision.turn == Turn::Skip {
            return;
        }
        action.origin = self.origin(decision);
        let mut victims = decision.victims().iter();
        for step in &self.actions[usize::from(decision.action)].steps {
            if matches!(step.kind, StepKind::Delete { .. }) {
                // The victims of all deletes stand in one list, and the first delete takes it.
                let is_meant = |victim: &&RowId| is_in(victim.table) && self.is_sent(victim.table);
                for victim in victims.by_ref().filter(is_meant) {
                    self.render_delete(*victim, detail, action);
                }
            }
            let events = self.table(step.table).sent_as.as_slice();
            for event in events.iter().filter(|event| is_in(**event)) {
                self.render_event(step, *event, decision, action);
            }
            if !events.is_empty() || !is_in(step.table) || !self.is_sent(step.table) {
                continue;
            }
            let row = decision.pick(step.at);
            match &step.kind {
                StepKind::Insert { .. } => self.render_insert(step, decision, action),
                StepKind::Update { statement, set, walks, .. } => {
                    let shape = shape(step.table, Change::Update, *statement, 1);
                    // Only a row that walks has its state among the picks.
                    let state = if *walks { decision.pick(step.at + 1) } else { 0 };
                    let state = usize::try_from(state).unwrap_or(0);
                    self.render_update((shape, row, state), set, decision, action);
                }
                StepKind::Upsert { statement, set, .. } => {
                    self.render_upsert((step, *statement), set, decision, action);
                }
                StepKind::Delete { .. } => {
                    let row = RowId { table: step.table, ordinal: row };
                    self.render_delete(row, detail, action);
                }
            }
        }
    }

    /// What is told of a decision beside its events.
    fn origin(&self, decision: &Decision) -> Origin {
        let stream = u16::try_from(self.stream_of(decision.stream)).unwrap_or(u16::MAX);
        let (slot, hop) = decision.led_by();
        let at_us = self.event_us(decision);
        let mark = Mark { action: decision.operation(), part: 0 };
        Origin { series: decision.stream, stream, slot, hop, at_us, mark }
    }

    /// The time of a decision's events in the data.
    fn event_us(&self, decision: &Decision) -> i64 {
        let skew_us = i64::try_from(self.skew_ns(decision) / 1000).unwrap_or(0);
        decision.at_us.saturating_add(skew_us)
    }

    fn is_sent(&self, table: TableId) -> bool {
        self.catalog.table(table).is_sent
    }

    /// What an action is called: `orders.pay`.
    pub fn action_name(&self, decision: &Decision) -> &str {
        &self.actions[usize::from(decision.action)].name
    }

    fn render_insert(&self, step: &Step, decision: &Decision, action: &mut Action) {
        let table = self.table(step.table);
        let parents = self.parents_of_new(step, decision);
        let state = self
            .walk(step.table)
            .and_then(|_| usize::try_from(decision.pick(step.state_at(table))).ok());
        let row = Row { state: state.unwrap_or(0), ..new_row(step, decision, &parents) };
        self.render_row(&row, action);
        for owned in &table.owned {
            self.each_owned(*owned, &row, |row| self.render_row(row, action));
        }
    }

    /// An event, as one of the tables that it is sent as.
    fn render_event(
        &self,
        step: &Step,
        sent_as: TableId,
        decision: &Decision,
        action: &mut Action,
    ) {
        let parents = self.parents_of_new(step, decision);
        let row = Row { at_us: self.event_us(decision), ..new_row(step, decision, &parents) };
        let first = self.push_row(&row, action);
        let insert = self.table(step.table).insert;
        action.finish(first, shape(sent_as, Change::Insert, insert, 1));
        if let Some(fault) = self.fault_of(step, decision) {
            action.fault_last(fault);
        }
    }

    /// The rows of an owned table that belong to a row.
    pub(super) fn each_owned(
        &self,
        table: TableId,
        owner: &Row<'_>,
        mut each: impl FnMut(&Row<'_>),
    ) {
        for line in 1..=self.owned_count(table, owner.ordinal) {
            each(&Row { table, line, parents: &[], ..*owner });
        }
    }

    /// How many rows of an owned table belong to a row.
    pub(super) fn owned_count(&self, table: TableId, owner: u64) -> u32 {
        let Some(of) = self.table(table).owner else { return 0 };
        let key = key(self.seed, of.table.0, Purpose::Count(table.0), owner);
        let more = Draw::new(key).below(u64::from(of.max - of.min) + 1);
        of.min + u32::try_from(more).unwrap_or(0)
    }

    /// The numbers of a new row's decided parents, and behind them the states that it shows.
    fn parents_of_new(&self, step: &Step, decision: &Decision) -> SmallVec<[u64; 4]> {
        let Table { decided, watched, .. } = self.table(step.table);
        let walks = usize::from(self.walk(step.table).is_some());
        let states = decided.len() + walks..decided.len() + walks + watched.len();
        (0..decided.len()).chain(states).map(|place| decision.pick(step.parent_at(place))).collect()
    }

    /// One inserted row.
    pub(super) fn render_row(&self, row: &Row<'_>, action: &mut Action) {
        let first = self.push_row(row, action);
        action.finish(first, shape(row.table, Change::Insert, self.table(row.table).insert, 1));
    }

    /// The values of a new row; the result is the place of the first.
    fn push_row(&self, row: &Row<'_>, action: &mut Action) -> usize {
        let table = self.table(row.table);
        let first = action.push_nulls(table.columns.len());
        for number in &table.order {
            let column = &table.columns[*number];
            let value = self.filled(column, row, first, action);
            action.set(first + number, value);
        }
        first
    }

    fn render_update(
        &self,
        (shape, ordinal, state): (Shape, u64, usize),
        set: &[SetValue],
        decision: &Decision,
        action: &mut Action,
    ) {
        let first = action.value_count();
        self.push_set((shape.table, ordinal, state), set, decision, action);
        self.push_key(shape.table, ordinal, action);
        action.finish(first, shape);
    }

    /// The values of assignments to a row.
    fn push_set(
        &self,
        (table, ordinal, state): (TableId, u64, usize),
        set: &[SetValue],
        decision: &Decision,
        action: &mut Action,
    ) {
        let change = (u64::from(decision.stream) << 48 | decision.slot) + 1;
        let at_us = decision.at_us;
        let operation = decision.operation();
        let row = Row { at_us, state, change, operation, ..Row::pure(table, ordinal) };
        for each in set {
            let value = match each {
                SetValue::Draw(column) => self.column_value(column, &row, action),
                SetValue::Constant(constant) => constant.value(action),
                SetValue::Walk(names) => names[state].value(action),
                SetValue::Nothing => continue,
            };
            action.push(value);
        }
    }

    /// A row as if it were new, and what becomes of it if it is not.
    fn render_upsert(
        &self,
        (step, statement): (&Step, StatementId),
        set: &[SetValue],
        decision: &Decision,
        action: &mut Action,
    ) {
        let parents = self.parents_of_new(step, decision);
        let first = self.push_row(&new_row(step, decision, &parents), action);
        self.push_set((step.table, decision.pick(step.at), 0), set, decision, action);
        let change = if step.makes(decision) { Change::Insert } else { Change::Update };
        action.finish(first, shape(step.table, change, statement, 1));
    }

    fn push_key(&self, table: TableId, ordinal: u64, action: &mut Action) {
        for column in &self.table(table).key {
            let value = self.pure_value(table, *column, ordinal, action);
            action.push(value);
        }
    }

    /// The end of a row, after that of the rows it owns.
    fn render_delete(&self, row: RowId, detail: Detail, action: &mut Action) {
        let table = self.table(row.table);
        for owned in &table.owned {
            if detail == Detail::Rows {
                self.render_owned_delete(*owned, row.ordinal, action);
                continue;
            }
            let rows = self.owned_count(*owned, row.ordinal);
            let first = action.value_count();
            self.push_key(row.table, row.ordinal, action);
            action.finish(first, shape(*owned, Change::Delete, self.table(*owned).delete, rows));
        }
        let first = action.value_count();
        self.push_key(row.table, row.ordinal, action);
        action.finish(first, shape(row.table, Change::Delete, table.delete, 1));
    }
}

/// What is an operation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Detail {
    /// A statement.
    Statements,
    /// A row.
    Rows,
}

fn new_row<'a>(step: &Step, decision: &Decision, parents: &'a [u64]) -> Row<'a> {
    let (at_us, operation) = (decision.at_us, decision.operation());
    Row { at_us, parents, operation, ..Row::pure(step.table, decision.pick(step.at)) }
}

impl World {
    /// The end of the rows of an owned table that belong to a row, one by one.
    fn render_owned_delete(&self, of: TableId, ordinal: u64, action: &mut Action) {
        let table = self.table(of);
        for line in 1..=self.owned_count(of, ordinal) {
            let row = Row { line, ..Row::pure(of, ordinal) };
            let first = action.value_count();
            for column in &table.key {
                let value = self.column_value(&table.columns[*column], &row, action);
                action.push(value);
            }
            action.finish(first, shape(of, Change::Delete, table.delete, 1));
        }
    }
}

fn shape(table: TableId, change: Change, statement: StatementId, rows: u32) -> Shape {
    Shape { table, change, statement, rows }
}
