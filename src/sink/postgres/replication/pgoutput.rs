//! What the output plugin `pgoutput` says, version 1 of its protocol (documentation, "Logical
//! Replication Message Formats"). Decodes; keeps nothing and copies nothing.

use bytes::Buf;

use super::Lsn;

/// Most columns of a table.
const COLUMNS_MAX: u16 = 1_664;

/// One message.
#[derive(Debug, PartialEq, Eq)]
pub enum Message<'a> {
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
        new: Tuple<'a>,
    },
    /// A row was changed.
    Update {
        /// The table, by its number.
        relation: u32,
        /// The key as it was, or the row, if that was needed to tell.
        old: Option<Tuple<'a>>,
        /// The row as it is.
        new: Tuple<'a>,
    },
    /// A row went.
    Delete {
        /// The table, by its number.
        relation: u32,
        /// Its key, or all of it.
        old: Tuple<'a>,
    },
    /// All rows of some tables went.
    Truncate {
        /// The tables, by their numbers.
        relations: Vec<u32>,
    },
    /// What somebody wrote into the log.
    Note {
        /// What kind of message it is.
        prefix: &'a str,
        /// What it says.
        content: &'a [u8],
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
pub type Tuple<'a> = Vec<Cell<'a>>;

/// A value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cell<'a> {
    /// NULL; or not part of the key, where only the key is sent.
    Null,
    /// A long value that was not changed, and so is not sent.
    Unchanged,
    /// In text form: its type has no binary one.
    Text(&'a [u8]),
    /// In binary form.
    Binary(&'a [u8]),
}

/// Reads a message. `None` on nonsense.
pub fn decode(mut body: &[u8]) -> Option<Message<'_>> {
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

fn relation(body: &mut &[u8]) -> Option<Relation> {
    let id = body.try_get_u32().ok()?;
    let namespace = text(body)?.to_owned();
    let name = text(body)?.to_owned();
    // How a row is told from others.
    skip(body, 1)?;
    let count = body.try_get_u16().ok().filter(|count| *count <= COLUMNS_MAX)?;
    let columns = (0..count).map(|_| {
        skip(body, 1)?;
        let name = text(body)?;
        // Type and its modifier.
        skip(body, 8)?;
        Some(name.to_owned())
    });
    Some(Relation { id, namespace, name, columns: columns.collect::<Option<_>>()? })
}

fn tuple<'a>(body: &mut &'a [u8]) -> Option<Tuple<'a>> {
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

fn value<'a>(body: &mut &'a [u8]) -> Option<&'a [u8]> {
    let length = usize::try_from(body.try_get_u32().ok()?).ok()?;
    take(body, length)
}

fn take<'a>(body: &mut &'a [u8], length: usize) -> Option<&'a [u8]> {
    body.split_off(..length)
}

fn skip(body: &mut &[u8], length: usize) -> Option<()> {
    take(body, length).map(drop)
}

fn text<'a>(body: &mut &'a [u8]) -> Option<&'a str> {
    let length = body.iter().position(|byte| *byte == 0)?;
    let text = std::str::from_utf8(take(body, length)?).ok()?;
    skip(body, 1)?;
    Some(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A message as a server sent it.
    fn message(parts: &[&[u8]]) -> Vec<u8> {
        parts.concat()
    }

    #[test]
    fn a_transaction_is_read_as_it_was_written() {
        let begin = message(&[b"B", &[0; 16], &[0, 0, 2, 221]]);
        assert_eq!(decode(&begin), Some(Message::Begin { xid: 733 }));
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
        let Some(Message::Relation(relation)) = decode(&relation) else { panic!() };
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
        let old = vec![Cell::Binary(&[9]), Cell::Null];
        let new = vec![Cell::Text(b"10"), Cell::Unchanged];
        assert_eq!(decode(&update), Some(Message::Update { relation: 7, old: Some(old), new }));
        let note = message(&[b"M", &[1], &[0; 8], b"loadgen\0", &[0, 0, 0, 2], b"hi"]);
        let note_is = Message::Note { prefix: "loadgen", content: b"hi" };
        assert_eq!(decode(&note), Some(note_is));
        let commit = message(&[b"C", &[0], &5_u64.to_be_bytes(), &9_u64.to_be_bytes(), &[0; 8]]);
        assert_eq!(decode(&commit), Some(Message::Commit { commit: Lsn(5), end: Lsn(9) }));
    }

    #[test]
    fn what_is_cut_short_is_refused() {
        let insert: &[u8] = &[b'I', 0, 0, 0, 7, b'N', 0, 1, b'b', 0, 0, 0, 4, 1, 2, 3, 4];
        assert!(decode(insert).is_some());
        for length in 0..insert.len() {
            assert_eq!(decode(&insert[..length]), None, "{length}");
        }
    }
}
