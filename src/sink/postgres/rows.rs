//! Rows in COPY's binary format (PostgreSQL documentation, "COPY", "Binary Format").

use bytes::Bytes;
use bytes::BytesMut;

use crate::action::Action;
use crate::action::TableInfo;
use crate::schema::ColumnType;
use crate::sink::postgres::encode::encode;

/// Signature, flags and extension of the format.
pub(super) const HEADER: &[u8] = b"PGCOPY\n\xff\r\n\0\0\0\0\0\0\0\0\0";
/// The end of the rows.
pub(super) const TRAILER: [u8; 2] = (-1_i16).to_be_bytes();
/// Bytes that go to the socket at once.
const PIECE: usize = 128 << 10;

/// Rows of one table, encoded.
#[derive(Debug)]
pub struct Rows {
    kinds: Vec<ColumnType>,
    buffer: Vec<u8>,
    count: u64,
}

impl Rows {
    /// None yet.
    pub fn of(table: &TableInfo) -> Self {
        let kinds = table.columns.iter().map(|(_, kind)| *kind).collect();
        Self { kinds, buffer: HEADER.to_vec(), count: 0 }
    }

    /// Appends all inserts of an action: each one row.
    pub fn add(&mut self, action: &Action) {
        let columns = u16::try_from(self.kinds.len()).unwrap_or(u16::MAX).to_be_bytes();
        for operation in action.operations() {
            self.buffer.extend_from_slice(&columns);
            for (value, kind) in action.values(operation).iter().zip(&self.kinds) {
                encode(*value, *kind, action, &mut self.buffer);
            }
            self.count += 1;
        }
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
