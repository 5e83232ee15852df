//! Rows in COPY's binary format (PostgreSQL documentation, "COPY", "Binary Format").

use bytes::Bytes;
use bytes::BytesMut;

use crate::action::Action;
use crate::action::TableInfo;
use crate::action::Take;
use crate::action::TakeRows;
use crate::action::Value;
use crate::schema::ColumnType;
use crate::sink::postgres::encode::encode;
use crate::sink::postgres::encode::text;

/// Signature, flags and extension of the format.
pub(super) const HEADER: &[u8] = b"PGCOPY\n\xff\r\n\0\0\0\0\0\0\0\0\0";
/// The end of the rows.
pub(super) const TRAILER: [u8; 2] = (-1_i16).to_be_bytes();
/// Bytes that go to the socket at once.
const PIECE: usize = 128 << 10;
/// Room for a row behind them.
const SLACK: usize = 4 << 10;

/// Rows of one table, encoded.
#[derive(Debug)]
pub struct EncodedRows {
    columns: Vec<Column>,
    /// Which column takes the next value.
    next: usize,
    scratch: Action,
    buffer: Vec<u8>,
    count: u64,
}

#[derive(Debug)]
struct Column {
    kind: ColumnType,
    /// Where its value in the row at hand stands in the buffer, with its length before it.
    at: usize,
}

impl EncodedRows {
    /// None yet.
    pub fn of(table: &TableInfo) -> Self {
        let columns = table.columns.iter().map(|(_, kind)| Column { kind: *kind, at: 0 }).collect();
        let mut buffer = Vec::with_capacity(PIECE + SLACK);
        buffer.extend_from_slice(HEADER);
        Self { columns, next: 0, scratch: Action::default(), buffer, count: 0 }
    }

    /// The type of the column that takes the next value.
    #[inline]
    fn advance(&mut self) -> ColumnType {
        let Some(column) = self.columns.get_mut(self.next) else { return ColumnType::Text };
        self.next += 1;
        column.at = self.buffer.len();
        column.kind
    }

    /// How many there are.
    pub fn count(&self) -> u64 {
        self.count
    }

    /// Bytes that are not sent yet.
    pub fn len(&self) -> usize {
        self.buffer.len()
    }

    /// Whether nothing waits to be sent.
    pub fn is_empty(&self) -> bool {
        self.buffer.is_empty()
    }

    /// Forgets what is not sent yet.
    pub fn clear(&mut self) {
        self.buffer.clear();
    }

    /// There are no more.
    pub(super) fn end(&mut self) {
        self.buffer.extend_from_slice(&TRAILER);
    }

    /// Whether it is time to send a piece.
    pub(super) fn piece(&mut self) -> Option<Bytes> {
        (self.buffer.len() >= PIECE).then(|| self.rest())
    }

    /// All that is not sent yet.
    pub(super) fn rest(&mut self) -> Bytes {
        let mut piece = BytesMut::with_capacity(self.buffer.len());
        piece.extend_from_slice(&self.buffer);
        self.buffer.clear();
        piece.freeze()
    }
}

impl TakeRows for EncodedRows {
    #[inline]
    fn begin_row(&mut self) {
        let columns = u16::try_from(self.columns.len()).unwrap_or(u16::MAX);
        self.buffer.extend_from_slice(&columns.to_be_bytes());
        self.next = 0;
        self.count += 1;
        self.scratch.clear();
    }

    fn take_rows(&mut self) {
        let action = std::mem::take(&mut self.scratch);
        for operation in action.operations() {
            self.begin_row();
            for (value, column) in action.values(operation).iter().zip(&self.columns) {
                encode(*value, column.kind, &action, &mut self.buffer);
            }
        }
        self.scratch = action;
    }
}

impl Take for EncodedRows {
    #[inline(always)]
    #[expect(clippy::inline_always, reason = "see `encode`")]
    fn take(&mut self, value: Value) {
        let kind = self.advance();
        encode(value, kind, &self.scratch, &mut self.buffer);
    }

    #[inline]
    fn take_text(&mut self, text: &str) {
        self.take_letters(|out| out.extend_from_slice(text.as_bytes()));
    }

    #[inline]
    fn take_letters(&mut self, write: impl FnOnce(&mut Vec<u8>)) {
        let kind = self.advance();
        text(kind, &mut self.buffer, write);
    }

    #[inline]
    fn scratch(&mut self) -> &mut Action {
        &mut self.scratch
    }

    fn text_of(&self, column: usize) -> Option<&[u8]> {
        let (length, text) = self.buffer[self.columns.get(column)?.at..].split_first_chunk()?;
        // The length of NULL is -1.
        text.get(..usize::try_from(i32::from_be_bytes(*length)).ok()?)
    }
}

#[cfg(test)]
mod tests {
    use super::EncodedRows;
    use crate::action::Take;
    use crate::action::TakeRows;
    use crate::generate::World;
    use crate::scenario::Checked;
    use crate::scenario::Overrides;
    use crate::scenario::builtin::SCENARIOS;
    use crate::scenario::check_file;

    #[test]
    fn rows_written_straight_are_those_that_actions_hold() {
        for (name, _) in SCENARIOS {
            let checked = check_file(&format!("@{name}"), &Overrides::default(), &|_| None);
            let Ok(Checked::Scenario(scenario)) = checked else { panic!("{name}: {checked:?}") };
            let world = World::new(&scenario, 1_767_225_600_000_000);
            for table in world.seeding_order() {
                let info = world.catalog.table(table);
                let (mut straight, mut held) = (EncodedRows::of(info), EncodedRows::of(info));
                for number in 0..world.seeded_rows(table).min(300) {
                    world.write_seeded(table, number, &mut straight);
                    world.render_seeded(table, number, held.scratch());
                    held.take_rows();
                }
                assert_eq!(straight.count(), held.count());
                assert!(straight.rest() == held.rest(), "{name}: {}", info.name);
            }
        }
    }
}
