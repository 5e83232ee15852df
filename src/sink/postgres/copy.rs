//! Bulk loading: rows in COPY's binary format (PostgreSQL documentation, "COPY", "Binary Format"),
//! in the same transaction as the marker that vouches for them.

use bytes::Bytes;
use bytes::BytesMut;
use futures_util::SinkExt;
use tokio_postgres::Client;

use crate::action::Action;
use crate::action::TableInfo;
use crate::schema::ColumnType;
use crate::sink::postgres::encode::encode;
use crate::sink::postgres::mark::Books;
use crate::sink::postgres::provision::SetupError;
use crate::sink::postgres::quote::identifier;
use crate::sink::postgres::statement::table_name;

/// Signature, flags and extension of the format.
pub(super) const HEADER: &[u8] = b"PGCOPY\n\xff\r\n\0\0\0\0\0\0\0\0\0";
/// The end of the rows.
pub(super) const TRAILER: [u8; 2] = (-1_i16).to_be_bytes();
/// Bytes that go to the socket at once.
const PIECE: usize = 128 << 10;

/// The statement that takes rows of a table.
pub(super) fn sql(table: &TableInfo) -> String {
    let names: Vec<_> = table.columns.iter().map(|(name, _)| identifier(name)).collect();
    format!("COPY {} ({}) FROM STDIN (FORMAT binary)", table_name(table), names.join(", "))
}

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

    /// Whether it is time to send a piece.
    fn piece(&mut self) -> Option<Bytes> {
        (self.buffer.len() >= PIECE).then(|| self.rest())
    }

    fn rest(&mut self) -> Bytes {
        let mut piece = BytesMut::with_capacity(self.buffer.len());
        piece.extend_from_slice(&self.buffer);
        self.buffer.clear();
        piece.freeze()
    }
}

/// Where a chunk's marker goes: the books, the table's name in them, the chunk's number.
#[derive(Debug, Clone, Copy)]
pub struct Marker<'a> {
    /// The books of the table's domain.
    pub books: &'a Books,
    /// The table.
    pub table: &'a str,
    /// The chunk.
    pub chunk: i64,
}

/// Loads one chunk: all of it and its marker, or nothing. `next` appends further rows until it
/// returns false; it is called between writes, so that memory stays small. Returns the row count.
pub async fn load(
    client: &mut Client,
    table: &TableInfo,
    marker: Option<Marker<'_>>,
    mut next: impl FnMut(&mut Rows) -> bool,
) -> Result<u64, SetupError> {
    let doing = format!("seed `{}`", table.name);
    let failed = |error: tokio_postgres::Error| SetupError::server(doing.as_str(), &error);
    let transaction = client.transaction().await.map_err(failed)?;
    let sink = transaction.copy_in::<_, Bytes>(&sql(table)).await.map_err(failed)?;
    let mut sink = Box::pin(sink);
    let mut rows = Rows::of(table);
    while next(&mut rows) {
        if let Some(piece) = rows.piece() {
            sink.feed(piece).await.map_err(failed)?;
        }
    }
    rows.buffer.extend_from_slice(&TRAILER);
    sink.feed(rows.rest()).await.map_err(failed)?;
    sink.as_mut().finish().await.map_err(failed)?;
    if let Some(Marker { books, table, chunk }) = marker {
        let count = i64::try_from(rows.count).unwrap_or(i64::MAX);
        let sql = books.enter_chunk_sql();
        transaction.execute(&sql, &[&table, &chunk, &count]).await.map_err(failed)?;
    }
    transaction.commit().await.map_err(failed)?;
    Ok(rows.count)
}
