//! What steps do to rows of our own tables: the changes that must come of it.

use std::sync::Arc;

use crate::action::Change;
use crate::action::TableId;
use crate::observe::RowChange;
use crate::observe::cells;
use crate::observe::judge::Certainty;
use crate::observe::judge::Judge;
use crate::observe::judge::Times;
use crate::observe::whose::Whose;
use crate::schema::ColumnType;

/// A transaction on a table of our own.
#[derive(Debug, Clone)]
pub struct OwnFact {
    /// The domain in whose database it is.
    pub domain: usize,
    /// The table.
    pub table: TableId,
    /// What it did, in order.
    pub changes: Vec<OwnChange>,
    /// When it was due, on the run's clock.
    pub due: u64,
    /// When its commit was sent.
    pub sent: u64,
    /// When that was answered.
    pub settled: u64,
    /// Whether it is known that it was committed.
    pub is_known: bool,
    /// Whether it counts as measured.
    pub is_measured: bool,
}

/// One change.
#[derive(Debug, Clone, PartialEq)]
pub enum OwnChange {
    /// A new row.
    Insert(OwnRow),
    /// The row with this key became another one, perhaps with another key.
    Update(i64, OwnRow),
    /// The row with this key went.
    Delete(i64),
    /// All rows went.
    Truncate,
}

/// A row: its key, which is its first column, and the values of the others.
#[derive(Debug, Clone, PartialEq)]
pub struct OwnRow {
    /// The key.
    pub id: i64,
    /// The other columns.
    pub rest: Vec<OwnValue>,
}

/// A value.
#[derive(Debug, Clone, PartialEq)]
pub enum OwnValue {
    /// NULL, or a column that is not there.
    Null,
    /// An `integer`.
    Integer(i32),
    /// A `text`.
    Text(Arc<str>),
}

/// What must be seen.
#[derive(Debug)]
enum Must {
    /// A change of a row.
    Come(RowChange),
    /// All rows go.
    Truncate,
}

/// Tells a judge what must be seen.
pub(super) fn expect(fact: &OwnFact, judge: &mut Judge) {
    let OwnFact { due, sent, settled, is_known, is_measured, .. } = *fact;
    let times = Times { due, sent, settled, is_measured };
    let certainty = if is_known { Certainty::Certain } else { Certainty::Unknown };
    for must in fact.musts() {
        match must {
            Must::Come(change) => judge.expect(change, times, certainty),
            Must::Truncate => judge.expect_truncation(fact.table, is_known),
        }
    }
}

impl OwnFact {
    fn musts(&self) -> impl Iterator<Item = Must> + '_ {
        self.changes.iter().map(|change| match change {
            OwnChange::Insert(row) => self.come(Change::Insert, row.id, Some(row)),
            OwnChange::Update(old, row) => self.come(Change::Update, *old, Some(row)),
            OwnChange::Delete(old) => self.come(Change::Delete, *old, None),
            OwnChange::Truncate => Must::Truncate,
        })
    }

    fn come(&self, change: Change, key: i64, row: Option<&OwnRow>) -> Must {
        let key_of = |id: i64| {
            let mut key = Vec::with_capacity(12);
            cells::push(ColumnType::Bigint, &id.to_be_bytes(), &mut key);
            key
        };
        let mut bytes = Vec::new();
        if let Some(row) = row {
            bytes = key_of(row.id);
            for value in &row.rest {
                match value {
                    OwnValue::Null => cells::push_null(&mut bytes),
                    OwnValue::Integer(value) => {
                        cells::push(ColumnType::Integer, &value.to_be_bytes(), &mut bytes);
                    }
                    OwnValue::Text(text) => {
                        cells::push(ColumnType::Text, text.as_bytes(), &mut bytes);
                    }
                }
            }
        }
        Must::Come(RowChange {
            table: self.table,
            change,
            key: key_of(key).into(),
            row: bytes.into(),
            whose: Whose::Untold,
        })
    }
}
