//! What rows weigh on a server, and what changing them writes to the write-ahead log: estimates
//! from the layout of pages, index entries and log records.
//!
//! A log record has a head of 24 bytes and 20 for each page that it changes. Compared with servers:
//! a row of 48 bytes with one index entry makes 104 + 64 + 48 = 216 bytes when it is inserted and
//! committed by itself (measured: 219 to 222), and 56 + 64 = 120 by COPY (measured: 126). Whole pages,
//! which a server writes at the first change behind a checkpoint, come on top.

use crate::action::Action;
use crate::action::Catalog;
use crate::action::TableId;
use crate::action::TableInfo;
use crate::action::Value;
use crate::scenario::Scenario;
use crate::schema::ColumnType;
use crate::schema::Fill;
use crate::schema::ReplicaIdentity;
use crate::sink::postgres::ddl::foreign_key;
use crate::sink::postgres::encode::encode;

/// Bytes of a page, and of its head.
pub const PAGE: u64 = 8_192;
const PAGE_HEAD: f64 = 24.0;

/// What ends a transaction in the log, where logical decoding is on.
const COMMIT: f64 = 48.0;
/// A row lock, taken on each row that a new row refers to.
const LOCK: f64 = 56.0;
/// An insert, an update, a delete: the record's head, one page, and what the change needs.
const INSERT: f64 = 54.0;
const UPDATE: f64 = 65.0;
const DELETE: f64 = 54.0;
/// A row that COPY brings, of a record that many share.
const COPIED: f64 = 8.0;
/// Rows that one transaction brings.
const CHUNK: f64 = 20_000.0;
/// An entry of an index, without the entry.
const ENTRY: f64 = 48.0;
/// The old key or row that logical decoding needs, without its bytes.
const OLD: f64 = 5.0;
/// The second page of an update that finds no room beside the old row, and how often that is so: the
/// pages of seeded rows are full, those that were changed have room.
const MOVED: f64 = 20.0;
const MOVED_SHARE: f64 = 0.5;

/// The layout of the tables of a run.
#[derive(Debug)]
pub struct Layout {
    /// By [`TableId`].
    tables: Vec<Table>,
}

#[derive(Debug)]
struct Table {
    columns: Vec<ColumnType>,
    indexes: Vec<Index>,
    /// The tables that a new row refers to, in which it locks a row.
    parents: Vec<usize>,
    identity: ReplicaIdentity,
    is_owned: bool,
}

#[derive(Debug)]
struct Index {
    columns: Vec<usize>,
    /// Share of its pages that is used: new keys at the end leave them nearly full.
    fill: f64,
}

/// The mean weight of a table's rows, in bytes.
#[derive(Debug, Clone, Copy, Default)]
pub struct Weight {
    /// Rows that were weighed.
    pub rows: u64,
    /// On the table's pages.
    heap: f64,
    /// On the pages of its indexes.
    index: f64,
    /// The row's values, in the log.
    data: f64,
    /// Its index entries, in the log.
    entries: f64,
    /// Its key.
    key: f64,
}

impl Weight {
    fn mean(&self, sum: f64) -> f64 {
        if self.rows == 0 { 0.0 } else { sum / crate::pace::real(self.rows) }
    }

    /// Bytes of a row on the table's pages.
    pub fn heap(&self) -> f64 {
        self.mean(self.heap)
    }

    /// Bytes of a row on the pages of the table's indexes.
    pub fn index(&self) -> f64 {
        self.mean(self.index)
    }
}

impl Layout {
    /// The layout of a scenario's tables.
    pub fn of(scenario: &Scenario, catalog: &Catalog) -> Self {
        let tables = catalog.tables.iter().map(|info| {
            let schema = &scenario.domains[info.domain].schema;
            let meant = schema.table(&info.name).map(|at| &schema.tables[at]);
            let columns = info.columns.iter().map(|(_, kind)| *kind).collect();
            let Some(meant) = meant else {
                return Table {
                    columns,
                    indexes: Vec::new(),
                    parents: Vec::new(),
                    identity: ReplicaIdentity::Default,
                    is_owned: false,
                };
            };
            let mut indexes = vec![info.key.clone()];
            let mut parents = Vec::new();
            for (at, column) in meant.columns.iter().enumerate() {
                let parent = foreign_key(schema, column);
                parents.extend(parent.and_then(|parent| {
                    let is_it =
                        |of: &TableInfo| of.domain == info.domain && of.name == parent.table;
                    catalog.tables.iter().position(is_it)
                }));
                if column.unique || parent.is_some() && meant.key.first() != Some(&at) {
                    indexes.push(vec![at]);
                }
            }
            indexes.retain(|columns| !columns.is_empty());
            let indexes = indexes.into_iter().map(|columns| {
                let first = &meant.columns[columns[0]].fill;
                let is_rising = matches!(first, Fill::Sequence { .. } | Fill::EventTime { .. });
                Index { columns, fill: if is_rising { 0.9 } else { 0.7 } }
            });
            Table {
                columns,
                indexes: indexes.collect(),
                parents,
                identity: meant.replica_identity,
                is_owned: meant.owner.is_some(),
            }
        });
        Self { tables: tables.collect() }
    }

    /// Weighs the values of a new row.
    pub fn weigh(&self, table: TableId, values: &[Value], action: &Action, weight: &mut Weight) {
        let table = &self.tables[usize::from(table.0)];
        let all: Vec<usize> = (0..values.len()).collect();
        let sizes = Sizes { table, values, action };
        let data = sizes.of(&all);
        let has_null = values.contains(&Value::Null);
        let bitmap = if has_null { real(values.len().div_ceil(8)) } else { 0.0 };
        weight.rows += 1;
        weight.data += aligned(data + bitmap, 8.0);
        weight.heap += (aligned(23.0 + bitmap, 8.0) + aligned(data, 8.0) + 4.0) * page_share();
        for (number, index) in table.indexes.iter().enumerate() {
            let entry = aligned(8.0 + sizes.of(&index.columns), 8.0);
            weight.index += (entry + 4.0) / index.fill * page_share();
            weight.entries += ENTRY + entry;
            if number == 0 {
                weight.key += sizes.of(&index.columns);
            }
        }
    }

    /// What a row writes to the log when COPY brings it, with the locks that it takes. `seeded`: the
    /// rows of each table.
    pub fn copied(&self, table: TableId, weight: &Weight, seeded: &[u64]) -> f64 {
        let of = &self.tables[usize::from(table.0)];
        let rows = crate::pace::real(seeded[usize::from(table.0)]).max(1.0);
        let locks = of.parents.iter().map(|parent| {
            let parents = crate::pace::real(seeded[*parent]).max(1.0);
            if of.is_owned {
                return LOCK * (parents / rows).min(1.0);
            }
            // A chunk locks each row that it refers to once.
            let chunk = rows.min(CHUNK);
            LOCK * (parents * (1.0 - libm::exp(-chunk / parents))).min(chunk) / chunk
        });
        let locks: f64 = locks.sum();
        COPIED + weight.mean(weight.data) + weight.mean(weight.entries) + locks
    }

    /// What a statement that inserts a row writes to the log.
    pub fn inserted(&self, table: TableId, weight: &Weight) -> f64 {
        let of = &self.tables[usize::from(table.0)];
        // The rows of one owner come together, and lock it once.
        let locks = if of.is_owned { 0.0 } else { LOCK * real(of.parents.len()) };
        aligned(INSERT + weight.mean(weight.data), 8.0) + weight.mean(weight.entries) + locks
    }

    /// What a statement that updates a row writes to the log.
    pub fn updated(&self, table: TableId, weight: &Weight) -> f64 {
        let old = match self.tables[usize::from(table.0)].identity {
            ReplicaIdentity::Full => OLD + weight.mean(weight.data),
            ReplicaIdentity::Default | ReplicaIdentity::Nothing => 0.0,
        };
        let moved = MOVED_SHARE * (MOVED + weight.mean(weight.entries));
        aligned(UPDATE + weight.mean(weight.data) + old, 8.0) + moved
    }

    /// What a statement that deletes a row writes to the log.
    pub fn deleted(&self, table: TableId, weight: &Weight) -> f64 {
        let old = match self.tables[usize::from(table.0)].identity {
            ReplicaIdentity::Full => OLD + weight.mean(weight.data),
            ReplicaIdentity::Default => OLD + weight.mean(weight.key),
            ReplicaIdentity::Nothing => 0.0,
        };
        aligned(DELETE + old, 8.0)
    }

    /// What the end of a transaction writes to the log.
    pub fn committed() -> f64 {
        COMMIT
    }
}

/// The values of a row, to be measured.
struct Sizes<'a> {
    table: &'a Table,
    values: &'a [Value],
    action: &'a Action,
}

impl Sizes<'_> {
    /// Bytes of some columns, one behind the other, each at its place.
    fn of(&self, columns: &[usize]) -> f64 {
        let mut buffer = Vec::new();
        let mut size = 0.0;
        for &column in columns {
            let (Some(value), Some(kind)) =
                (self.values.get(column), self.table.columns.get(column))
            else {
                continue;
            };
            buffer.clear();
            encode(*value, *kind, self.action, &mut buffer);
            // The binary format has the length before the bytes; NULL has no bytes.
            let written = real(buffer.len()) - 4.0;
            if *value == Value::Null {
                continue;
            }
            size = match fixed(*kind) {
                Some((bytes, align)) => aligned(size, align) + bytes,
                // Stored, a numeric has a shorter head than on the way.
                None if matches!(kind, ColumnType::Numeric { .. }) => size + written - 5.0,
                // A short value has one byte before it, a long one four.
                None if written < 127.0 => size + written + 1.0,
                None => aligned(size, 4.0) + written + 4.0,
            };
        }
        size
    }
}

/// Bytes and alignment of a type of fixed length.
fn fixed(kind: ColumnType) -> Option<(f64, f64)> {
    match kind {
        ColumnType::Boolean => Some((1.0, 1.0)),
        ColumnType::Smallint => Some((2.0, 2.0)),
        ColumnType::Integer | ColumnType::Real | ColumnType::Date => Some((4.0, 4.0)),
        ColumnType::Bigint
        | ColumnType::Double
        | ColumnType::Timestamp
        | ColumnType::Timestamptz => Some((8.0, 8.0)),
        ColumnType::Uuid => Some((16.0, 1.0)),
        _ => None,
    }
}

/// Pages have heads that hold no rows.
fn page_share() -> f64 {
    crate::pace::real(PAGE) / (crate::pace::real(PAGE) - PAGE_HEAD)
}

fn aligned(size: f64, to: f64) -> f64 {
    (size / to).ceil() * to
}

fn real(size: usize) -> f64 {
    crate::pace::real(size as u64)
}
