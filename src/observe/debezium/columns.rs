//! The columns of a row, as a record has them: from each to its cell.

use std::collections::BTreeMap;

use crate::action::Catalog;
use crate::action::Change;
use crate::action::TableId;
use crate::action::TableInfo;
use crate::observe::cells;
use crate::observe::debezium::side::Side;
use crate::observe::debezium::side::field;
use crate::observe::debezium::values::Comparable;
use crate::observe::debezium::values::Learned;

/// Of which table a record is.
#[derive(Debug, Clone, Copy)]
pub(super) struct Of<'a> {
    pub(super) table: TableId,
    pub(super) info: &'a TableInfo,
    /// Steps give it columns and take them, and it is known of no update which of them it has set.
    pub(super) is_own: bool,
}

impl<'a> Of<'a> {
    pub(super) fn new(catalog: &'a Catalog, table: TableId) -> Self {
        Self { table, info: catalog.table(table), is_own: catalog.is_own(table) }
    }
}

/// Reads columns, and keeps in mind how they were written.
#[derive(Debug, Default)]
pub(in crate::observe) struct Columns {
    /// By domain: those of other databases may come by connectors with other settings.
    learned: Vec<Learned>,
    /// Columns may be absent where they have no value.
    pub(super) are_sparse: bool,
    /// By table and column: whether some row had it.
    told: Vec<Vec<bool>>,
    /// Values that were not compared, by table and column.
    pub(in crate::observe) unknown: BTreeMap<(TableId, usize), u64>,
}

impl Columns {
    /// Appends a column's cell, and counts it if it cannot be compared: of a row that is there all values are told, but for
    /// those that an update leaves as they were.
    pub(super) fn push(
        &mut self,
        (of, column): (Of<'_>, usize),
        row: Side<'_>,
        change: Change,
        out: &mut Vec<u8>,
    ) {
        let begin = out.len();
        let read = self.read((of.info, column), row, out).map(|it| it.0);
        let is_told = self.was_told(of.table, column, read.is_some());
        let known = match read {
            Some(known) => known,
            None if is_told => {
                cells::push_absent(out);
                // An update may have left it as it was; it had to be told all the same.
                if change == Change::Insert { Comparable::Yes } else { self.unless_sparse() }
            }
            None => {
                cells::push_open(out);
                self.unless_sparse()
            }
        };
        if of.is_own && (known == Comparable::Unsent || read.is_none()) {
            out.truncate(begin);
            cells::push_open(out);
        }
        if known == Comparable::No && change != Change::Delete {
            *self.unknown.entry((of.table, column)).or_default() += 1;
        }
    }

    /// Appends the cell of a column that tells which row it is.
    pub(super) fn push_key(&mut self, of: (&TableInfo, usize), side: Side<'_>, out: &mut Vec<u8>) {
        let begin = out.len();
        if self.read(of, side, out).is_none_or(|it| it.0 == Comparable::Unsent) {
            out.truncate(begin);
            cells::push_open(out);
        }
    }

    /// The same as a record's key has it. Returns whether it is there and leaves no doubt.
    pub(super) fn push_told(
        &mut self,
        of: (&TableInfo, usize),
        key: Side<'_>,
        out: &mut Vec<u8>,
    ) -> bool {
        let begin = out.len();
        let is_told = matches!(self.read(of, key, out), Some((Comparable::Yes, false)));
        if !is_told {
            out.truncate(begin);
        }
        is_told
    }

    /// Appends a column's cell, if it is there. Returns what became of it, and whether it is NULL.
    fn read(
        &mut self,
        (info, column): (&TableInfo, usize),
        (row, described): Side<'_>,
        out: &mut Vec<u8>,
    ) -> Option<(Comparable, bool)> {
        let (name, kind) = &info.columns[column];
        let (name, value) = field((row, info), name)?;
        let meaning = described.field(&name).meaning();
        if self.learned.len() <= info.domain {
            self.learned.resize_with(info.domain + 1, Learned::default);
        }
        let learned = &mut self.learned[info.domain];
        Some((learned.push(*kind, value, meaning, out), value.is_null()))
    }

    /// Whether some row of a table had a column, this one included.
    fn was_told(&mut self, table: TableId, column: usize, is_told: bool) -> bool {
        let table = usize::from(table.0);
        if self.told.len() <= table {
            self.told.resize_with(table + 1, Vec::new);
        }
        let told = &mut self.told[table];
        if told.len() <= column {
            told.resize(column + 1, false);
        }
        told[column] |= is_told;
        told[column]
    }

    /// What becomes of a column that is not there.
    fn unless_sparse(&self) -> Comparable {
        if self.are_sparse { Comparable::Unsent } else { Comparable::No }
    }
}
