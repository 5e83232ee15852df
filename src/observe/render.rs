//! From what was sent to what each row must become.

use std::ops::Range;
use std::sync::Arc;

use crate::action::Action;
use crate::action::Assign;
use crate::action::Assignment;
use crate::action::Catalog;
use crate::action::Change;
use crate::action::Mark;
use crate::action::Operation;
use crate::action::StatementKind;
use crate::action::TableInfo;
use crate::generate::World;
use crate::observe::Fact;
use crate::observe::FactFate;
use crate::observe::RowChange;
use crate::observe::cells;
use crate::observe::judge::Certainty;
use crate::observe::whose::Whose;
use crate::observe::whose::is_told;
use crate::sink::postgres::encode::encode;

/// Renders transactions again.
#[derive(Debug)]
pub(super) struct Renderer {
    world: Arc<World>,
    rows: Action,
    statements: Action,
    row: Scratch,
}

/// What one row after the other is put together in.
#[derive(Debug, Default)]
struct Scratch {
    field: Vec<u8>,
    /// The cells that are known, in any order, and where each column's is.
    cells: Vec<u8>,
    places: Vec<Option<Range<usize>>>,
    bytes: Vec<u8>,
}

impl Renderer {
    pub(super) fn new(world: Arc<World>) -> Self {
        let (rows, statements) = Default::default();
        Self { world, rows, statements, row: Scratch::default() }
    }

    /// The changes of rows that a transaction makes, in order, and whether each must come.
    pub(super) fn changes(&mut self, fact: &Fact) -> Vec<(RowChange, Certainty)> {
        let world = Arc::clone(&self.world);
        world.render_rows(&fact.decision, fact.part, &mut self.rows);
        let rows = std::mem::take(&mut self.rows);
        let certainties = self.certainties(fact, rows.operations().len());
        let operations = rows.operations().iter().zip(certainties);
        let action = fact.decision.operation();
        let part = u8::try_from(fact.part).unwrap_or(u8::MAX);
        let whose = world.catalog.has_messages.then(|| Whose::action(Mark { action, part }));
        let changes = operations.filter_map(|(operation, certainty)| {
            let mut change = self.change(&world.catalog, &rows, operation);
            if let Some(whose) = whose.as_ref().filter(|_| is_told(&world.catalog, change.table)) {
                change.whose = whose.clone();
            }
            Some((change, certainty?))
        });
        let changes = changes.collect();
        self.rows = rows;
        changes
    }

    /// For each row whether its change must come; `None`: it was not changed.
    fn certainties(&mut self, fact: &Fact, count: usize) -> Vec<Option<Certainty>> {
        let shortfalls = match &fact.fate {
            FactFate::Unknown => return vec![Some(Certainty::Unknown); count],
            FactFate::TakenBack => return vec![Some(Certainty::Certain); count],
            FactFate::Committed(shortfalls) => shortfalls,
        };
        let mut all = vec![Some(Certainty::Certain); count];
        if shortfalls.is_empty() {
            return all;
        }
        self.world.render_part(&fact.decision, fact.part, &mut self.statements);
        let mut from = 0;
        for (number, operation) in (0_u32..).zip(self.statements.operations()) {
            let rows = operation.rows as usize;
            if let Some((_, found)) = shortfalls.iter().find(|(short, _)| *short == number) {
                // Of several rows it is not known which were there.
                let certainty = (*found > 0).then_some(Certainty::Short);
                all.iter_mut().skip(from).take(rows).for_each(|each| *each = certainty);
            }
            from += rows;
        }
        all
    }

    fn change(&mut self, catalog: &Catalog, action: &Action, operation: &Operation) -> RowChange {
        let table = catalog.table(operation.table);
        let statement = catalog.statement(operation.statement);
        let kinds = table.columns.len();
        let mut given = Given::begin((table, action), &mut self.row);
        let values = action.values(operation);
        match &statement.kind {
            StatementKind::Insert => given.all(values),
            StatementKind::Update { set, .. } => {
                let assigned = values.len().saturating_sub(table.key.len());
                given.key(&values[assigned..]);
                given.assigned(set, &values[..assigned]);
            }
            StatementKind::Upsert { set, .. } => {
                let (row, assigned) = values.split_at(kinds.min(values.len()));
                if operation.change == Change::Insert {
                    given.all(row);
                } else {
                    let key: Vec<_> = table.key.iter().map(|column| row[*column]).collect();
                    given.key(&key);
                    given.assigned(set, assigned);
                }
            }
            StatementKind::Delete | StatementKind::DeleteOwned { .. } => given.key(values),
        }
        let (key, row) = given.finish(operation.change);
        RowChange {
            table: operation.table,
            change: operation.change,
            key,
            row,
            whose: Whose::Untold,
        }
    }
}

/// What is known of a row's values.
struct Given<'a> {
    table: &'a TableInfo,
    action: &'a Action,
    row: &'a mut Scratch,
}

impl<'a> Given<'a> {
    fn begin((table, action): (&'a TableInfo, &'a Action), row: &'a mut Scratch) -> Self {
        row.cells.clear();
        row.places.clear();
        row.places.resize(table.columns.len(), None);
        Self { table, action, row }
    }

    fn all(&mut self, values: &[crate::action::Value]) {
        for (column, value) in values.iter().enumerate().take(self.table.columns.len()) {
            self.one(column, *value);
        }
    }

    fn key(&mut self, values: &[crate::action::Value]) {
        let table = self.table;
        for (column, value) in table.key.iter().zip(values) {
            self.one(*column, *value);
        }
    }

    /// Of what depends on what stood there before it is only known here that it must come.
    fn assigned(&mut self, set: &[Assignment], values: &[crate::action::Value]) {
        let mut values = values.iter();
        for Assignment { column, how, .. } in set {
            let value = if how.has_parameter() { values.next() } else { None };
            match value.filter(|_| matches!(how, Assign::Value)) {
                Some(value) => self.one(*column, *value),
                None => self.put(*column, cells::push_set),
            }
        }
    }

    fn one(&mut self, column: usize, value: crate::action::Value) {
        let (kind, action) = (self.table.columns[column].1, self.action);
        let mut field = std::mem::take(&mut self.row.field);
        field.clear();
        encode(value, kind, action, &mut field);
        self.put(column, |cells| {
            if cells::is_compared(kind) {
                cells::push_field(kind, &field, cells);
            } else {
                cells::push_set(cells);
            }
        });
        self.row.field = field;
    }

    fn put(&mut self, column: usize, push: impl FnOnce(&mut Vec<u8>)) {
        let Scratch { cells, places, .. } = &mut *self.row;
        let begin = cells.len();
        push(cells);
        places[column] = Some(begin..cells.len());
    }

    /// Key and row as bytes.
    fn finish(self, change: Change) -> (Box<[u8]>, Box<[u8]>) {
        let Scratch { cells, places, bytes, .. } = self.row;
        let known = |column: usize| places[column].clone().map(|place| &cells[place]);
        bytes.clear();
        // A row without a key is told by all that it has.
        for column in &self.table.key {
            bytes.extend_from_slice(known(*column).unwrap_or_default());
        }
        let key_bytes = bytes.len();
        for column in 0..places.len() {
            match known(column) {
                Some(cell) => bytes.extend_from_slice(cell),
                None => cells::push_open(bytes),
            }
        }
        let (key, row) = bytes.split_at(key_bytes);
        let key = if self.table.key.is_empty() { row } else { key };
        let row = if change == Change::Delete { &[] } else { row };
        (key.into(), row.into())
    }
}
