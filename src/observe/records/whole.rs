//! The records of an object, whatever it is packed in.

use std::ops::ControlFlow;

use serde_json::Value as Json;

use crate::ledger::hash::half;
use crate::ledger::hash::hash;
use crate::observe::lake::rows::rows;
use crate::observe::objects::lines;

/// What a Parquet file begins with, and what a container of Avro does.
const PARQUET: &[u8] = b"PAR1";
const AVRO: &[u8] = b"Obj\x01";

/// Hands each record to `take`, with a number that tells it from others, until that has had enough. The error says why
/// the object cannot be read to its end.
pub(super) fn each(
    bytes: &[u8],
    mut take: impl FnMut(Json, u64) -> ControlFlow<()>,
) -> Result<(), String> {
    if bytes.starts_with(PARQUET) {
        let read = rows(bytes.to_vec(), |row| {
            let number = half(hash(0, row.to_string().as_bytes()));
            take(row, number).is_continue()
        });
        return read.map(drop);
    }
    each_line(bytes, |record, text| take(record, half(hash(0, text))))
}

/// How many records there are, if the object can be read to its end: what it holds is told only then.
pub(super) fn count(bytes: &[u8]) -> Result<u64, String> {
    if bytes.starts_with(PARQUET) {
        return rows(bytes.to_vec(), |_| true);
    }
    let mut count = 0;
    // As it is read later: what one reader passes over another one may refuse.
    each_line(bytes, |_, _| {
        count += 1;
        ControlFlow::Continue(())
    })?;
    Ok(count)
}

fn each_line(
    bytes: &[u8],
    mut take: impl FnMut(Json, &[u8]) -> ControlFlow<()>,
) -> Result<(), String> {
    if bytes.starts_with(AVRO) {
        return Err("it is Avro; lines of JSON are read, plain or by gzip, and Parquet".to_owned());
    }
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
        let read = each(bytes, |record, _| {
            all.push(record);
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
            let read = each(text.as_bytes(), |_, number| {
                numbers.push(number);
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
        assert!(all(b"Obj\x01rest").unwrap_err().starts_with("it is Avro; "));
        assert!(all(b"PAR1rest").is_err());
        // What may be skipped and cannot be read.
        for strange in [&b"{\"a\":\"\\ud800\"}"[..], b"{\"a\":1e999}", b"{\"a\":\"\xff\"}"] {
            assert!(count(strange).is_err() && all(strange).is_err(), "{strange:?}");
        }
    }
}
