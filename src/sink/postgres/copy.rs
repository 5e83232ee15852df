//! Bulk loading: rows by COPY, in the same transaction as the marker that vouches for them.

use bytes::Bytes;
use futures_util::SinkExt;
use tokio_postgres::Client;

use crate::action::TableInfo;
use crate::sink::postgres::mark::Books;
use crate::sink::postgres::provision::SetupError;
use crate::sink::postgres::quote::identifier;
use crate::sink::postgres::rows::EncodedRows;
use crate::sink::postgres::statement::table_name;

/// The statement that takes rows of a table.
pub(super) fn sql(table: &TableInfo) -> String {
    let names: Vec<_> = table.columns.iter().map(|(name, _)| identifier(name)).collect();
    format!("COPY {} ({}) FROM STDIN (FORMAT binary)", table_name(table), names.join(", "))
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
    mut next: impl FnMut(&mut EncodedRows) -> bool,
) -> Result<u64, SetupError> {
    let doing = format!("seed `{}`", table.name);
    let failed = |error: tokio_postgres::Error| SetupError::server(doing.as_str(), &error);
    let transaction = client.transaction().await.map_err(failed)?;
    let sink = transaction.copy_in::<_, Bytes>(&sql(table)).await.map_err(failed)?;
    let mut sink = Box::pin(sink);
    let mut rows = EncodedRows::of(table);
    while next(&mut rows) {
        if let Some(piece) = rows.piece() {
            sink.feed(piece).await.map_err(failed)?;
        }
    }
    rows.end();
    sink.feed(rows.rest()).await.map_err(failed)?;
    let kept = sink.as_mut().finish().await.map_err(failed)?;
    if kept != rows.count() {
        let (name, sent) = (&table.name, rows.count());
        return Err(SetupError::Local(format!(
            "the server kept {kept} of {sent} rows that were to be seeded into `{name}`: a trigger or a \
             rule drops some, and counts would be wrong; switch it off, or seed no rows there"
        )));
    }
    if let Some(Marker { books, table, chunk }) = marker {
        let count = i64::try_from(rows.count()).unwrap_or(i64::MAX);
        let sql = books.enter_chunk_sql();
        transaction.execute(&sql, &[&table, &chunk, &count]).await.map_err(failed)?;
    }
    transaction.commit().await.map_err(failed)?;
    Ok(rows.count())
}
