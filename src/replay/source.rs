//! The rows of a database, as they stand in one snapshot: read whole, in binary.

use bytes::Buf;
use bytes::BytesMut;
use futures_util::TryStreamExt;
use tokio_postgres::Client;

use crate::action::TableInfo;
use crate::observe::cells;
use crate::sink::postgres::provision::SetupError;
use crate::sink::postgres::quote::identifier;
use crate::sink::postgres::statement::table_name;
use crate::verify::failed;

/// Bytes before the first row, but for the extension that they announce.
const HEAD: usize = 19;

/// Gives the cells of each row away.
pub(super) async fn read(
    client: &Client,
    info: &TableInfo,
    mut each: impl FnMut(&[u8]),
) -> Result<(), SetupError> {
    let columns: Vec<String> = info.columns.iter().map(|(name, _)| identifier(name)).collect();
    let (columns, table) = (columns.join(", "), table_name(info));
    let sql = format!("COPY (SELECT {columns} FROM {table}) TO STDOUT (FORMAT binary)");
    let stream = client.copy_out(&sql).await.map_err(|error| failed(&error))?;
    let mut stream = Box::pin(stream);
    let mut rows = CopyReader { info, bytes: BytesMut::new(), has_head: false, row: Vec::new() };
    while let Some(piece) = stream.try_next().await.map_err(|error| failed(&error))? {
        rows.bytes.extend_from_slice(&piece);
        while rows.next().ok_or_else(|| strange(info))? {
            each(&rows.row);
        }
    }
    Ok(())
}

fn strange(info: &TableInfo) -> SetupError {
    SetupError::Local(format!("the server sent rows of `{}` that nobody understands", info.name))
}

struct CopyReader<'a> {
    info: &'a TableInfo,
    bytes: BytesMut,
    has_head: bool,
    /// The cells of the last row.
    row: Vec<u8>,
}

impl CopyReader<'_> {
    /// Takes the next row, if all of it is there. `None` on nonsense.
    fn next(&mut self) -> Option<bool> {
        if !self.has_head {
            let Some(extension) = self.bytes.get(15..HEAD) else { return Some(false) };
            let extension = u32::from_be_bytes(extension.try_into().ok()?) as usize;
            if self.bytes.len() < HEAD + extension {
                return Some(false);
            }
            self.bytes.advance(HEAD + extension);
            self.has_head = true;
        }
        let Some(count) = self.bytes.first_chunk::<2>() else { return Some(false) };
        let Ok(count) = usize::try_from(i16::from_be_bytes(*count)) else {
            // The end.
            return Some(false);
        };
        if count != self.info.columns.len() {
            return None;
        }
        self.row.clear();
        let mut at = 2;
        for (_, kind) in &self.info.columns {
            let Some(length) = self.bytes.get(at..at + 4) else { return Some(false) };
            let length = i32::from_be_bytes(length.try_into().ok()?);
            at += 4;
            let Ok(length) = usize::try_from(length) else {
                cells::push_null(&mut self.row);
                continue;
            };
            let Some(value) = self.bytes.get(at..at + length) else { return Some(false) };
            cells::push(*kind, value, &mut self.row);
            at += length;
        }
        self.bytes.advance(at);
        Some(true)
    }
}
