//! The records of an object, whatever it is packed in.

use std::fmt;
use std::io::BufReader;
use std::io::Read as _;
use std::ops::ControlFlow;

use serde::de::Deserializer as _;
use serde::de::Error as _;
use serde::de::SeqAccess;
use serde::de::Visitor;
use serde_json::Value as Json;

use crate::ledger::hash::half;
use crate::ledger::hash::hash;
use crate::observe::avro::container::Container;
use crate::observe::debezium::coded::Schema;
use crate::observe::debezium::form::Described;
use crate::observe::debezium::mended::mended;
use crate::observe::lake::rows::rows;
use crate::observe::objects::lines;
use crate::observe::objects::lines::BYTES_MAX;
use crate::observe::objects::lines::beyond;
use crate::observe::objects::lines::unpacked;

/// What a Parquet file begins with.
const PARQUET: &[u8] = b"PAR1";

/// A record of an object.
#[derive(Debug)]
pub(super) struct ObjectRecord<'a> {
    pub(super) record: Json,
    /// What the object says of its form.
    pub(super) described: Described<'a>,
    /// As it was written, where that is text.
    text: Option<&'a [u8]>,
}

impl ObjectRecord<'_> {
    /// Tells it from others.
    pub(super) fn number(&self) -> u64 {
        let of = |text: &[u8]| half(hash(0, text));
        self.text.map_or_else(|| of(self.record.to_string().as_bytes()), of)
    }
}

/// Hands each record to `take`, until that has had enough. The error says why the object cannot be read to its end.
pub(super) fn each(
    bytes: &[u8],
    mut take: impl FnMut(ObjectRecord<'_>) -> ControlFlow<()>,
) -> Result<(), String> {
    if bytes.starts_with(PARQUET) {
        let read = rows(bytes.to_vec(), |record| {
            take(ObjectRecord { record, described: Described::Nothing, text: None }).is_continue()
        });
        return read.map(drop);
    }
    if Container::is_begun_by(bytes) {
        let file = Container::open(bytes)?;
        let schema = Schema::of(&file.schema)?;
        return file.each((schema.shape(), BYTES_MAX), |record| {
            take(ObjectRecord { record, described: schema.described(), text: None })
        });
    }
    let mut take = |record: Json, text: Option<&[u8]>| {
        take(ObjectRecord { record, described: Described::Nothing, text })
    };
    if is_array(bytes) { each_element(bytes, &mut take) } else { each_line(bytes, &mut take) }
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

/// Whether it begins as an array of JSON does.
fn is_array(bytes: &[u8]) -> bool {
    let mut first = BufReader::new(unpacked(bytes)).bytes().map_while(Result::ok);
    first.find(|byte| !byte.is_ascii_whitespace()) == Some(b'[')
}

/// Of an object that is an array, or several: a record is an element, on however many lines.
fn each_element(bytes: &[u8], take: Take<'_>) -> Result<(), String> {
    let (mut text, mut is_over) = (unpacked(bytes).take(BYTES_MAX + 1), false);
    let mut arrays = serde_json::Deserializer::from_reader(BufReader::new(&mut text));
    let mut read = Ok(());
    while read.is_ok() && arrays.end().is_err() {
        read = arrays.deserialize_seq(Elements { take: &mut *take, is_over: &mut is_over });
    }
    match read {
        _ if is_over => Ok(()),
        _ if text.limit() == 0 => Err(beyond()),
        read => read.map_err(|error| format!("it is no array of records of JSON: {error}")),
    }
}

/// Who takes a record, with its text, if it is one by itself.
type Take<'a> = &'a mut dyn FnMut(Json, Option<&[u8]>) -> ControlFlow<()>;

/// Takes the elements of an array until somebody has had enough.
struct Elements<'a> {
    take: Take<'a>,
    is_over: &'a mut bool,
}

impl<'de> Visitor<'de> for Elements<'_> {
    type Value = ();

    fn expecting(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("an array")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut all: A) -> Result<(), A::Error> {
        while let Some(record) = all.next_element()? {
            if one_or_all(record, None, self.take).is_break() {
                *self.is_over = true;
                return Err(A::Error::custom("enough"));
            }
        }
        Ok(())
    }
}

/// A record, or all that are in an array.
fn one_or_all(record: Json, text: Option<&[u8]>, take: Take<'_>) -> ControlFlow<()> {
    match record {
        Json::Array(all) => all.into_iter().try_for_each(|it| one_or_all(it, None, take)),
        record => take(record, text),
    }
}

fn each_line(bytes: &[u8], take: Take<'_>) -> Result<(), String> {
    let mut number = 0_u64;
    let read = lines::each(bytes, |line| {
        number += 1;
        let strange = |why| Some(format!("line {number} is no record of JSON: {why}"));
        let (left, why) = match each_in(line, take) {
            Err((at, why)) => (&line[at..], why),
            Ok(flow) => return if flow.is_break() { Err(None) } else { Ok(()) },
        };
        // What is no text spoils the value that has it, and no other.
        let mended = mended(left).ok_or_else(|| strange(why))?;
        let flow = each_in(&mended, take).map_err(|(_, why)| strange(why))?;
        if flow.is_break() { Err(None) } else { Ok(()) }
    });
    match read? {
        Err(Some(why)) => Err(why),
        Ok(()) | Err(None) => Ok(()),
    }
}

/// Those of a line: who puts no end behind a record puts the next one there. An error says where the first begins that
/// cannot be read, and why.
fn each_in(line: &[u8], take: Take<'_>) -> Result<ControlFlow<()>, (usize, String)> {
    let mut records = serde_json::Deserializer::from_slice(line).into_iter::<Json>();
    let mut begin = 0;
    while let Some(record) = records.next() {
        let record = record.map_err(|error| (begin, plain(&error)))?;
        let end = records.byte_offset();
        let text = line[begin..end].trim_ascii();
        begin = end;
        if one_or_all(record, Some(text), take).is_break() {
            return Ok(ControlFlow::Break(()));
        }
    }
    Ok(ControlFlow::Continue(()))
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
    fn an_array_has_the_records_that_are_its_elements() {
        let expected = vec![json!({ "a": 1 }), json!({ "a": [2] })];
        for text in [
            "[{\"a\":1},{\"a\":[2]}]",
            " [\n{\"a\":1},\n{\"a\":[2]}\n]\n",
            "[{\"a\":1}]\n[\n{\n\"a\":\n[2]}]",
            "[[{\"a\":1}],[],{\"a\":[2]}]",
            // One that is a line.
            "{\"a\":1}\n[{\"a\":[2]}]",
        ] {
            assert_eq!(all(text.as_bytes()), Ok(expected.clone()), "{text}");
        }
        assert_eq!(all(b"[]"), Ok(Vec::new()));
        let some = |text: &str| {
            each(text.as_bytes(), |_| ControlFlow::Break(())).map(|()| "it had enough")
        };
        assert_eq!(some("[{},{"), Ok("it had enough"));
        for (text, why) in [
            ("[{\"a\":1},", "EOF while parsing a value at line 1 column 9"),
            ("[{\"a\":1}]\n{\"a\":2}", "invalid type: map, expected an array at line 2 column 1"),
        ] {
            let said = all(text.as_bytes()).unwrap_err();
            assert_eq!(said, format!("it is no array of records of JSON: {why}"));
        }
    }

    /// Half a character, or half of its bytes, is in no text that was sent.
    #[test]
    fn a_text_that_is_none_spoils_itself_and_no_other() {
        let rows = [
            &b"{\"a\":1} {\"a\":\"x\\ud800\"} {\"a\":3}"[..],
            b"{\"a\":1}{\"a\":\"x\xff\"}{\"a\":3}",
        ];
        for text in rows {
            let expected = [json!({ "a": 1 }), json!({ "a": "x\0" }), json!({ "a": 3 })];
            assert_eq!(all(text), Ok(expected.to_vec()), "{}", String::from_utf8_lossy(text));
        }
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
        assert!(count(b"{\"a\":1e999}").is_err() && all(b"{\"a\":1e999}").is_err());
    }
}
