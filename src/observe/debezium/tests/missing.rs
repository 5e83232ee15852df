//! Values that do not come, or come as what they cannot have been.

use super::*;

/// What a record is, and how its row is shown.
fn shown(reader: &mut DebeziumReader, value: &[u8]) -> String {
    let (catalog, raw) = (catalog(), Raw { value: Some(value), ..Raw::default() });
    match reader.read(&catalog, TableId(0), (raw, &Asked::default())) {
        Ok(Record::Change(change, _)) => cells::show(&change.row, &catalog.tables[0].columns, true),
        other => panic!("{other:?}"),
    }
}

/// An insert has all values of its row, and of one that looks as if it had not changed it is known that it is not what was
/// sent.
#[test]
fn what_is_left_out_is_counted() {
    for (op, row, expected) in [
        ("c", r#"{"id":1}"#, 1),
        ("u", r#"{"id":1}"#, 1),
        ("c", r#"{"id":1,"x":"__debezium_unavailable_value"}"#, 0),
        ("u", r#"{"id":1,"x":"__debezium_unavailable_value"}"#, 0),
        ("c", r#"{"id":"1.0","x":""}"#, 1),
    ] {
        let mut reader = DebeziumReader::new(TopicFormat::Debezium, Decoder::default());
        let value = format!(r#"{{"op":"{op}","source":{{"lsn":34}},"after":{row}}}"#);
        shown(&mut reader, value.as_bytes());
        assert_eq!(reader.columns.unknown.values().sum::<u64>(), expected, "{op} {row}");
    }
}

/// A column that some rows of its table have is lost where it is not there; one that no row has is nobody's fault.
#[test]
fn a_column_that_is_not_there_now_and_then_is_told_from_one_that_never_is() {
    let mut reader = DebeziumReader::new(TopicFormat::Debezium, Decoder::default());
    for (op, row, expected) in [
        ("c", r#"{"id":1}"#, "id=1"),
        ("c", r#"{"id":1,"x":null}"#, "id=1, x=NULL"),
        ("c", r#"{"id":1}"#, "id=1, x=(not there)"),
        ("u", r#"{"id":1}"#, "id=1, x=(not there)"),
    ] {
        let value = format!(r#"{{"op":"{op}","source":{{"lsn":34}},"after":{row}}}"#);
        assert_eq!(shown(&mut reader, value.as_bytes()), expected);
    }
    // The first, and the update.
    assert_eq!(reader.columns.unknown, [((TableId(0), 1), 2)].into());
}

/// What is no text makes its value one that nobody has sent, and no more of its record.
#[test]
fn a_text_that_is_none_is_a_value_that_nobody_sent() {
    let (head, end) = (br#"{"op":"c","source":{"lsn":34,"txId":9},"after":{"id":1,"x":""#, b"\"}}");
    for text in [&br"x\ud800"[..], b"x\xff", br"x\u0000"] {
        let value = [&head[..], text, end].concat();
        let mut reader = DebeziumReader::new(TopicFormat::Debezium, Decoder::default());
        assert_eq!(shown(&mut reader, &value), "id=1, x=x\u{fffd}", "{text:?}");
        assert!(reader.columns.unknown.is_empty());
        let raw = Raw { value: Some(&value), ..Raw::default() };
        let read = reader.read(&catalog(), TableId(0), (raw, &Asked::default()));
        assert_eq!(read, Ok(change(Change::Insert, 1, Some("x\0"))));
    }
}
