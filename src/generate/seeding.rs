//! The rows that seeding makes: computed from their numbers, in chunks that can be made by anyone,
//! in any order, again.

use crate::action::Action;
use crate::action::TableId;
use crate::action::TakeRows;
use crate::generate::World;
use crate::generate::column::Filler;
use crate::generate::column::Row;
use crate::generate::key::Draw;
use crate::generate::key::Purpose;
use crate::generate::key::key;
use crate::generate::lane::NOBODY;
use crate::generate::pick::past;
use crate::generate::pick::rank_beside;
use crate::generate::world::Table;
use crate::schema::PAST_US;
use crate::schema::order::parents_first;

/// Rows of a chunk (of an owned table: owners).
const CHUNK_ROWS: u64 = 20_000;

/// A range of a table's seeded rows: what one COPY loads and one marker vouches for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Chunk {
    /// The table.
    pub table: TableId,
    /// Its number in the table.
    pub number: u64,
    /// The first row (of an owned table: owner).
    pub first: u64,
    /// The row behind the last.
    pub end: u64,
}

/// Of each table its place in an order in which no table refers to a later one.
pub(super) fn ranks(tables: &[Table]) -> Vec<usize> {
    let parents = |table: usize| {
        let columns = tables[table].columns.iter();
        let parents = columns.filter_map(|column| match &column.filler {
            Filler::Reference { table, .. } => Some(usize::from(table.0)),
            _ => None,
        });
        parents.collect()
    };
    // `check` has refused cycles.
    let order = parents_first(tables.len(), parents).unwrap_or_default();
    let mut ranks = vec![0; tables.len()];
    order.iter().enumerate().for_each(|(rank, table)| ranks[*table] = rank);
    ranks
}

/// ⌊whole · part / of⌋, for `part` up to `of`; without the slow division of long numbers where it can be.
fn share(whole: u64, part: u64, of: u64) -> u64 {
    let (each, rest) = (whole / of, whole % of);
    let more = match rest.checked_mul(part) {
        Some(product) => product / of,
        None => u64::try_from(u128::from(rest) * u128::from(part) / u128::from(of)).unwrap_or(0),
    };
    each * part + more
}

impl World {
    /// The chunks of a table, in order.
    pub fn chunks(&self, table: TableId) -> impl Iterator<Item = Chunk> + use<> {
        let rows = self.seeded_rows(table);
        (0..rows.div_ceil(CHUNK_ROWS)).map(move |number| Chunk {
            table,
            number,
            first: number * CHUNK_ROWS,
            end: ((number + 1) * CHUNK_ROWS).min(rows),
        })
    }

    /// How many rows seeding puts into a table; of an owned table, those of all seeded owners.
    pub fn seeded_count(&self, table: TableId) -> u64 {
        let owners = self.seeded_rows(table);
        match self.table(table).owner {
            None => owners,
            Some(owner) if owner.min == owner.max => owners * u64::from(owner.min),
            Some(_) => (0..owners).map(|of| u64::from(self.owned_count(table, of))).sum(),
        }
    }

    /// Tables in the order in which they are seeded: parents before children.
    pub fn seeding_order(&self) -> Vec<TableId> {
        let mut order: Vec<usize> = (0..self.tables.len()).collect();
        order.sort_by_key(|table| self.catalog.ranks[*table]);
        order.into_iter().map(TableId::of).collect()
    }

    /// Fills `action` with row `number` of a table's seeded rows; of an owned table, with the rows
    /// of owner `number`: an insert for each.
    pub fn render_seeded(&self, table: TableId, number: u64, action: &mut Action) {
        action.clear();
        self.each_seeded(table, number, |row| self.render_row(row, action));
    }

    /// Gives the same rows away, value by value as they are made; those of a table with columns that
    /// are computed from others are put together first.
    pub fn write_seeded(&self, table: TableId, number: u64, out: &mut impl TakeRows) {
        let columns = &self.table(table).columns;
        if self.table(table).is_straight {
            self.each_seeded(table, number, |row| {
                out.begin_row();
                for column in columns {
                    self.put_column(column, row, out);
                }
            });
        } else {
            self.render_seeded(table, number, out.scratch());
            out.take_rows();
        }
    }

    /// Row `number` of a table's seeded rows, or those that belong to it.
    fn each_seeded(&self, table: TableId, number: u64, mut each: impl FnMut(&Row<'_>)) {
        let owner = self.table(table).owner.map_or(table, |owner| owner.table);
        let mut parents = Vec::new();
        let row = self.seeded_row(owner, number, &mut parents);
        let row = Row { parents: &parents, ..row };
        if owner == table {
            each(&row);
        } else {
            self.each_owned(table, &row, each);
        }
    }

    /// When a seeded row was made, if they are spread over so long before the start; unless the
    /// scenario says otherwise.
    #[expect(clippy::cast_precision_loss, reason = "at most 2^40 rows")]
    pub(super) fn seeded_at(&self, table: TableId, ordinal: u64, past_us: u64) -> i64 {
        let of = self.table(table);
        let seeded = of.seeded.max(1);
        let back = match of.history {
            Some(history) => history.ago_us(ordinal as f64 / seeded as f64),
            None => share(past_us, of.seeded - ordinal, seeded),
        };
        self.start_us.saturating_sub_unsigned(back) - 1
    }

    fn seeded_row(&self, table: TableId, ordinal: u64, parents: &mut Vec<u64>) -> Row<'static> {
        let of = self.table(table);
        // Worked out only where it is needed: it takes two divisions.
        let home = || (self.lane_of(table, ordinal), self.index(table, ordinal));
        for place in 0..of.decided.len() {
            parents.push(self.seeded_parent(table, place, home(), parents));
        }
        let state = of.states.as_ref().map_or(0, |states| {
            let (lane, index) = home();
            states.seeded_state(index, self.seeded_in_lane(table, lane))
        });
        let at_us = self.seeded_at(table, ordinal, PAST_US);
        Row { at_us, state, ..Row::pure(table, ordinal) }
    }

    /// The row that a reference names; the rows that those before it name are `known`.
    fn seeded_parent(
        &self,
        table: TableId,
        place: usize,
        (lane, index): (u32, u64),
        known: &[u64],
    ) -> u64 {
        let parent = &self.table(table).decided[place];
        let other = parent.unlike.and_then(|other| known.get(other).copied());
        if let Some(deal) = self.deal(table, place, lane) {
            let named = deal.parent(index);
            let beside = |other| past(named, self.index(parent.table, other));
            return self.ordinal(parent.table, lane, other.map_or(named, beside));
        }
        let count = self.table(parent.table).seeded;
        let column = u16::try_from(parent.column).unwrap_or(u16::MAX);
        let key =
            key(self.seed, table.0, Purpose::Column(column), self.ordinal(table, lane, index));
        if count == 0 {
            return NOBODY;
        }
        rank_beside(&parent.pick, count, other, &mut Draw::new(key))
    }

    /// The greatest key that a run may give to a row of a table whose key is a sequence; of an
    /// unlimited run, the greatest that seeding gives. `None` if its key is none.
    pub fn key_max(&self, table: TableId) -> Option<i64> {
        let of = self.table(table);
        let start = of.key.iter().find_map(|column| match of.columns[*column].filler {
            Filler::Sequence { start } => Some(start),
            _ => None,
        })?;
        let numbers = of.taken.saturating_add(of.numbers_max);
        Some(start.saturating_add_unsigned(numbers.saturating_sub(1)))
    }
}
