//! The records of an object, whatever it is packed in.

use std::ops::ControlFlow;

use serde_json::Value as Json;

use crate::ledger::hash::half;
use crate::ledger::hash::hash;
use crate::observe::avro::container::Container;
use crate::observe::debezium::coded::Schema;
use crate::observe::debezium::form::Described;
use crate::observe::lake::rows::rows;
use crate::observe::objects::lines;
use crate::observe::objects::lines::BYTES_MAX;

/// What a Parquet file begins with.
const PARQUET: &[u8] = b"PAR1";

/// A record of an object.
#[derive(Debug)]
pub(super) struct Found<'a> {
    pub(super) record: Json,
    /// What the object says of its form.
    pub(super) described: Described<'a>,
    /// As it was written, where that is text.
    text: Option<&'a [u8]>,
}

impl Found<'_> {
    /// Tells it from others.
    pub(super) fn number(&self) -> u64 {
        let of = |text: &[u8]| half(hash(0, text));
        self.text.map_or_else(|| of(self.record.to_string().as_bytes()), of)
    }
}

/// Hands each record to `take`, until that has had enough. The error says why the object cannot be read to its end.
pub(super) fn each(
    bytes: &[u8],
    mut take: impl FnMut(Found<'_>) -> ControlFlow<()>,
) -> Result<(), String> {
    if bytes.starts_with(PARQUET) {
        let read = rows(bytes.to_vec(), |record| {
            take(Found { record, described: Described::Nothing, text: None }).is_continue()
        });
        return read.map(drop);
    }
    if Container::is_begun_by(bytes) {
        let file = Container::open(bytes)?;
        let schema = Schema::of(&file.schema)?;
        return file.each((schema.shape(), BYTES_MAX), |record| {
            take(Found { record, described: schema.described(), text: None })
        });
    }
    each_line(bytes, |record, text| {
        take(Found { record, described: Described::Nothing, text: Some(text) })
    })
}

/// How many records there are, if the object can be read to its end: what it holds is told only then. They are read as
/// they are later: what one reader passes over another one may refuse.
pub(super) fn count(bytes: &[u8]) -> Result<u64, String> {
    let mut count = 0;
    each(bytes, |_| {
        count += 1;
        ControlFlow::Continue(())
    })?;
    Ok(count)
}

fn each_line(
    bytes: &[u8],
    mut take: impl FnMut(Json, &[u8]) -> ControlFlow<()>,
) -> Result<(), String> {
    let mut number = 0_u64;
    let read = lines::each(bytes, |line| {
        number += 1;
        // Who puts no end behind a record puts the next one there.
        let mut records = serde_json::Deserializer::from_slice(line).into_iter::<Json>();
        let mut begin = 0;
        while let Some(record) = records.next() {
            let record = record.map_err(|error| {
                Some(format!("line {number} is no record of JSON: {}", plain(&error)))
            })?;
            let end = records.byte_offset();
            let text = line[begin..end].trim_ascii();
            begin = end;
            if take(record, text).is_break() {
                return Err(None);
            }
        }
        Ok(())
    });
    match read? {
        Err(Some(why)) => Err(why),
        Ok(()) | Err(None) => Ok(()),
    }
}

/// Each line has a number of its own.
fn plain(error: &serde_json::Error) -> String {
    let text = error.to_string();
    text.replace(" at line 1 column ", ", at column ")
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn all(bytes: &[u8]) -> Result<Vec<Json>, String> {
        let mut all = Vec::new();
        let read = each(bytes, |found| {
            all.push(found.record);
            ControlFlow::Continue(())
        });
        assert_eq!(read.clone().map(|()| all.len() as u64), count(bytes));
        read.map(|()| all)
    }

    #[test]
    fn records_are_lines_or_stand_one_behind_the_other() {
        let expected = vec![json!({ "a": 1 }), json!({ "a": 2 })];
        for text in ["{\"a\":1}\n{\"a\":2}\n", "{\"a\":1}{\"a\":2}", "{\"a\":1}\r\n\n {\"a\":2}"] {
            assert_eq!(all(text.as_bytes()), Ok(expected.clone()), "{text}");
        }
        assert_eq!(all(b""), Ok(Vec::new()));
    }

    #[test]
    fn the_same_record_has_the_same_number() {
        let numbers = |text: &str| {
            let mut numbers = Vec::new();
            let read = each(text.as_bytes(), |found| {
                numbers.push(found.number());
                ControlFlow::Continue(())
            });
            read.map(|()| numbers).unwrap()
        };
        let one = numbers("{\"a\":1}\n{\"a\":2}\n");
        assert_eq!(one, numbers("{\"a\":1} {\"a\":2}"));
        assert_ne!(one[0], one[1]);
    }

    #[test]
    fn what_is_no_record_is_said() {
        let why = all(b"{\"a\":1}\n{\"a\":").unwrap_err();
        assert!(why.starts_with("line 2 is no record of JSON: EOF"), "{why}");
        assert!(why.ends_with(", at column 5"), "{why}");
        assert!(all(b"Obj\x01").is_err());
        assert!(all(b"PAR1rest").is_err());
        // What may be skipped and cannot be read.
        for strange in [&b"{\"a\":\"\\ud800\"}"[..], b"{\"a\":1e999}", b"{\"a\":\"\xff\"}"] {
            assert!(count(strange).is_err() && all(strange).is_err(), "{strange:?}");
        }
    }
}
