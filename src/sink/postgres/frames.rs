//! The messages that a worker sends and receives, in PostgreSQL's frontend/backend protocol 3
//! (documentation, "Message Formats"). Only what pipelined prepared statements need.

use bytes::Buf;
use bytes::BytesMut;

/// The longest message taken from a server: 64 MiB.
const MESSAGE_MAX: usize = 64 << 20;

/// Appends one message: its type, its length, its body.
pub(super) fn message(out: &mut Vec<u8>, kind: u8, body: impl FnOnce(&mut Vec<u8>)) {
    out.push(kind);
    let start = out.len();
    out.extend_from_slice(&[0; 4]);
    body(out);
    let len = i32::try_from(out.len() - start).unwrap_or(i32::MAX);
    out[start..start + 4].copy_from_slice(&len.to_be_bytes());
}

/// Prepares a statement under a name.
pub(super) fn parse(out: &mut Vec<u8>, name: &str, sql: &str, parameters: &[u32]) {
    message(out, b'P', |out| {
        text(out, name);
        text(out, sql);
        out.extend_from_slice(&count16(parameters.len()));
        for oid in parameters {
            out.extend_from_slice(&oid.to_be_bytes());
        }
    });
}

/// Executes a prepared statement with binary parameters; `values` writes them. Results, if there
/// are any, come as text.
pub(super) fn execute(
    out: &mut Vec<u8>,
    name: &str,
    parameter_count: usize,
    values: impl FnOnce(&mut Vec<u8>),
) {
    message(out, b'B', |out| {
        out.push(0);
        text(out, name);
        out.extend_from_slice(&count16(1));
        out.extend_from_slice(&count16(1));
        out.extend_from_slice(&count16(parameter_count));
        values(out);
        out.extend_from_slice(&count16(0));
    });
    message(out, b'E', |out| out.extend_from_slice(&[0; 5]));
}

/// Ends an implicit transaction.
pub(super) fn sync(out: &mut Vec<u8>) {
    message(out, b'S', |_| {});
}

/// A statement in the simple protocol.
pub(super) fn query(out: &mut Vec<u8>, sql: &str) {
    message(out, b'Q', |out| text(out, sql));
}

/// Leave.
pub(super) fn terminate(out: &mut Vec<u8>) {
    message(out, b'X', |_| {});
}

fn text(out: &mut Vec<u8>, text: &str) {
    out.extend_from_slice(text.as_bytes());
    out.push(0);
}

/// Statements have fewer parameters than 32,768: `check` limits columns.
fn count16(count: usize) -> [u8; 2] {
    u16::try_from(count).unwrap_or(u16::MAX).to_be_bytes()
}

/// What a server said that a worker cares about.
#[derive(Debug)]
pub(super) enum Reply {
    /// A statement is done and changed so many rows.
    Complete(u32),
    /// First column of a result row.
    Row(Option<String>),
    /// Something was refused.
    Error(ServerError),
    /// All messages up to a Sync are answered.
    Ready,
    /// Nothing of interest.
    Other,
}

/// An error report.
#[derive(Debug, Clone, Default)]
pub(super) struct ServerError {
    /// SQLSTATE.
    pub(super) code: String,
    /// In the server's words.
    pub(super) message: String,
    /// Whether the server ends the session with it.
    pub(super) is_fatal: bool,
}

/// Takes the next whole message from what was received. `Err` on nonsense.
pub(super) fn take(received: &mut BytesMut) -> Result<Option<Reply>, String> {
    if received.len() < 5 {
        return Ok(None);
    }
    let kind = received[0];
    let len =
        usize::try_from(i32::from_be_bytes([received[1], received[2], received[3], received[4]]))
            .ok()
            .filter(|len| (4..=MESSAGE_MAX).contains(len))
            .ok_or("the server sent a message of impossible length")?;
    if received.len() < len + 1 {
        received.reserve(len + 1 - received.len());
        return Ok(None);
    }
    let body = &received[5..=len];
    let reply = match kind {
        b'C' => Reply::Complete(rows_of(body)),
        b'D' => Reply::Row(first_column(body)),
        b'E' => Reply::Error(error_of(body)),
        b'Z' => Reply::Ready,
        _ => Reply::Other,
    };
    received.advance(len + 1);
    Ok(Some(reply))
}

/// The last word of `INSERT 0 1`, `UPDATE 3`; 0 for `COMMIT`.
fn rows_of(tag: &[u8]) -> u32 {
    let tag = tag.strip_suffix(&[0]).unwrap_or(tag);
    let digits = tag.iter().rev().take_while(|byte| byte.is_ascii_digit()).count();
    let digits = &tag[tag.len() - digits..];
    digits
        .iter()
        .fold(0_u32, |sum, digit| sum.saturating_mul(10).saturating_add(u32::from(digit - b'0')))
}

fn first_column(body: &[u8]) -> Option<String> {
    let len = body.get(2..6)?;
    let len = usize::try_from(i32::from_be_bytes([len[0], len[1], len[2], len[3]])).ok()?;
    Some(String::from_utf8_lossy(body.get(6..6 + len)?).into_owned())
}

pub(super) fn error_of(body: &[u8]) -> ServerError {
    let mut error = ServerError::default();
    for field in body.split(|byte| *byte == 0).filter(|field| !field.is_empty()) {
        let text = String::from_utf8_lossy(&field[1..]).into_owned();
        match field[0] {
            b'C' => error.code = text,
            b'M' => error.message = text,
            // `V` is the severity that is never translated. Poolers send `S` alone: in English.
            b'V' | b'S' => error.is_fatal |= text == "FATAL" || text == "PANIC",
            _ => {}
        }
    }
    error
}
