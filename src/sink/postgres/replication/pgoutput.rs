//! What the output plugin `pgoutput` says, version 1 of its protocol (documentation, "Logical
//! Replication Message Formats"). Decodes; keeps nothing.

use bytes::Buf;
use bytes::Bytes;

use super::Lsn;

/// Most columns of a table.
const COLUMNS_MAX: u16 = 1_664;

/// One message.
#[derive(Debug, PartialEq, Eq)]
pub enum Message {
    /// A transaction begins.
    Begin {
        /// Its number, which comes around again.
        xid: u32,
    },
    /// It was committed; its changes came before.
    Commit {
        /// Where its commit record begins, which tells it from all others.
        commit: Lsn,
        /// Where it ends.
        end: Lsn,
    },
    /// What later messages mean by a number.
    Relation(Relation),
    /// A new row.
    Insert {
        /// The table, by its number.
        relation: u32,
        /// The row.
        new: Tuple,
    },
    /// A row was changed.
    Update {
        /// The table, by its number.
        relation: u32,
        /// The key as it was, or the row, if that was needed to tell.
        old: Option<Tuple>,
        /// The row as it is.
        new: Tuple,
    },
    /// A row went.
    Delete {
        /// The table, by its number.
        relation: u32,
        /// Its key, or all of it.
        old: Tuple,
    },
    /// All rows of some tables went.
    Truncate {
        /// The tables, by their numbers.
        relations: Vec<u32>,
    },
    /// What somebody wrote into the log.
    Note {
        /// What kind of message it is.
        prefix: String,
        /// What it says.
        content: Bytes,
    },
    /// Nothing that matters: types, origins.
    Other,
}

/// A table, as the stream names it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Relation {
    /// Its number in the messages that follow.
    pub id: u32,
    /// Its PostgreSQL schema.
    pub namespace: String,
    /// Its name.
    pub name: String,
    /// The names of its columns, in the order of the tuples.
    pub columns: Vec<String>,
}

/// The values of a row, in the order of its relation's columns.
pub type Tuple = Vec<Cell>;

/// A value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Cell {
    /// NULL; or not part of the key, where only the key is sent.
    Null,
    /// A long value that was not changed, and so is not sent.
    Unchanged,
    /// In text form: its type has no binary one.
    Text(Bytes),
    /// In binary form.
    Binary(Bytes),
}

/// Reads a message. `None` on nonsense.
pub fn decode(mut body: Bytes) -> Option<Message> {
    let kind = body.try_get_u8().ok()?;
    let body = &mut body;
    Some(match kind {
        b'B' => {
            skip(body, 16)?;
            Message::Begin { xid: body.try_get_u32().ok()? }
        }
        b'C' => {
            skip(body, 1)?;
            let commit = Lsn(body.try_get_u64().ok()?);
            Message::Commit { commit, end: Lsn(body.try_get_u64().ok()?) }
        }
        b'R' => Message::Relation(relation(body)?),
        b'I' => {
            let relation = body.try_get_u32().ok()?;
            skip(body, 1)?;
            Message::Insert { relation, new: tuple(body)? }
        }
        b'U' => {
            let relation = body.try_get_u32().ok()?;
            let old = match body.try_get_u8().ok()? {
                b'K' | b'O' => {
                    let old = tuple(body)?;
                    skip(body, 1)?;
                    Some(old)
                }
                _ => None,
            };
            Message::Update { relation, old, new: tuple(body)? }
        }
        b'D' => {
            let relation = body.try_get_u32().ok()?;
            skip(body, 1)?;
            Message::Delete { relation, old: tuple(body)? }
        }
        b'T' => {
            let count = body.try_get_u32().ok()?;
            skip(body, 1)?;
            let relations = (0..count).map(|_| body.try_get_u32().ok());
            Message::Truncate { relations: relations.collect::<Option<_>>()? }
        }
        b'M' => {
            skip(body, 9)?;
            let prefix = text(body)?;
            let length = usize::try_from(body.try_get_u32().ok()?).ok()?;
            Message::Note { prefix, content: take(body, length)? }
        }
        _ => Message::Other,
    })
}

fn relation(body: &mut Bytes) -> Option<Relation> {
    let id = body.try_get_u32().ok()?;
    let namespace = text(body)?;
    let name = text(body)?;
    // How a row is told from others.
    skip(body, 1)?;
    let count = body.try_get_u16().ok().filter(|count| *count <= COLUMNS_MAX)?;
    let columns = (0..count).map(|_| {
        skip(body, 1)?;
        let name = text(body)?;
        // Type and its modifier.
        skip(body, 8)?;
        Some(name)
    });
    Some(Relation { id, namespace, name, columns: columns.collect::<Option<_>>()? })
}

fn tuple(body: &mut Bytes) -> Option<Tuple> {
    let count = body.try_get_u16().ok().filter(|count| *count <= COLUMNS_MAX)?;
    let mut tuple = Tuple::with_capacity(usize::from(count));
    for _ in 0..count {
        tuple.push(match body.try_get_u8().ok()? {
            b'n' => Cell::Null,
            b'u' => Cell::Unchanged,
            b't' => Cell::Text(value(body)?),
            b'b' => Cell::Binary(value(body)?),
            _ => return None,
        });
    }
    Some(tuple)
}

fn value(body: &mut Bytes) -> Option<Bytes> {
    let length = usize::try_from(body.try_get_u32().ok()?).ok()?;
    take(body, length)
}

fn take(body: &mut Bytes, length: usize) -> Option<Bytes> {
    (body.len() >= length).then(|| body.split_to(length))
}

fn skip(body: &mut Bytes, length: usize) -> Option<()> {
    take(body, length).map(drop)
}

fn text(body: &mut Bytes) -> Option<String> {
    let length = body.iter().position(|byte| *byte == 0)?;
    let text = String::from_utf8(take(body, length)?.to_vec()).ok()?;
    skip(body, 1)?;
    Some(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A message as a server sent it.
    fn message(parts: &[&[u8]]) -> Bytes {
        Bytes::from(parts.concat())
    }

    #[test]
    fn a_transaction_is_read_as_it_was_written() {
        let begin = message(&[b"B", &[0; 16], &[0, 0, 2, 221]]);
        assert_eq!(decode(begin), Some(Message::Begin { xid: 733 }));
        let relation = message(&[
            b"R",
            &[0, 0, 0, 7],
            b"public\0t\0d",
            &[0, 2],
            &[1],
            b"id\0",
            &[0; 8],
            &[0],
            b"x\0",
            &[0; 8],
        ]);
        let Some(Message::Relation(relation)) = decode(relation) else { panic!() };
        assert_eq!((relation.id, relation.name.as_str()), (7, "t"));
        assert_eq!(relation.columns, ["id", "x"]);
        let update = message(&[
            b"U",
            &[0, 0, 0, 7],
            b"K",
            &[0, 2],
            b"b",
            &[0, 0, 0, 1, 9],
            b"n",
            b"N",
            &[0, 2],
            b"t",
            &[0, 0, 0, 2],
            b"10",
            b"u",
        ]);
        let old = vec![Cell::Binary(Bytes::from_static(&[9])), Cell::Null];
        let new = vec![Cell::Text(Bytes::from_static(b"10")), Cell::Unchanged];
        assert_eq!(decode(update), Some(Message::Update { relation: 7, old: Some(old), new }));
        let note = message(&[b"M", &[1], &[0; 8], b"loadgen\0", &[0, 0, 0, 2], b"hi"]);
        let note_is =
            Message::Note { prefix: "loadgen".to_owned(), content: Bytes::from_static(b"hi") };
        assert_eq!(decode(note), Some(note_is));
        let commit = message(&[b"C", &[0], &5_u64.to_be_bytes(), &9_u64.to_be_bytes(), &[0; 8]]);
        assert_eq!(decode(commit), Some(Message::Commit { commit: Lsn(5), end: Lsn(9) }));
    }

    #[test]
    fn what_is_cut_short_is_refused() {
        let insert: &[u8] = &[b'I', 0, 0, 0, 7, b'N', 0, 1, b'b', 0, 0, 0, 4, 1, 2, 3, 4];
        assert!(decode(Bytes::from_static(insert)).is_some());
        for length in 0..insert.len() {
            assert_eq!(decode(Bytes::from_static(&insert[..length])), None, "{length}");
        }
    }
}
