//! What is learned of a connector's settings from the values that it writes.

use super::*;

#[test]
fn settings_are_learned_from_values_that_leave_no_doubt() {
    let mut learned = Learned::default();
    let kind = ColumnType::Numeric { precision: 8, scale: 0, is_bare: false };
    let mut push = |json: &Json| {
        let mut out = Vec::new();
        (learned.push(kind, Node::Tree(json), Meaning::default(), &mut out), out)
    };
    assert_eq!(push(&json!("1234")).0, Comparable::No);
    assert_eq!(push(&json!("-12")).0, Comparable::Yes);
    assert_eq!(push(&json!("1234")), (Comparable::Yes, cell(kind, Value::Int(1_234))));
    // These are no bytes.
    for text in ["", "Infinity", "NaN"] {
        assert_eq!(push(&json!(text)).0, Comparable::No, "{text:?}");
        assert_eq!(push(&json!("1234")).0, Comparable::Yes, "{text:?}");
    }
    // One that looks like bytes for certain is spoilt, or another connector's: it makes none wrong that may be either.
    assert_eq!(push(&json!("DA==")).0, Comparable::Yes);
    assert_eq!(push(&json!("-12")), (Comparable::Yes, cell(kind, Value::Int(-12))));
    assert_eq!(push(&json!("1234")).0, Comparable::No);

    let mut push = |text: &str| {
        let mut out = Vec::new();
        let known =
            learned.push(ColumnType::Bytea, Node::Tree(&json!(text)), Meaning::default(), &mut out);
        (known, out)
    };
    assert_eq!(push("abcdef"), (Comparable::Yes, bytes(ColumnType::Bytea, &[0xab, 0xcd, 0xef])));
    let hex = (Comparable::Yes, bytes(ColumnType::Bytea, &[0xde, 0xad, 0xbe, 0xef]));
    assert_eq!(push("deadbeef"), hex);
    assert_eq!(push("AP8=").0, Comparable::Yes);
    assert_eq!(push("deadbeef").0, Comparable::No);
}

/// Each database has a connector of its own, with settings of its own.
#[test]
fn what_one_connector_writes_says_nothing_of_anothers_settings() {
    let kind = ColumnType::Numeric { precision: 8, scale: 0, is_bare: false };
    let columns = [("id", ColumnType::Integer), ("x", kind)];
    let table = |domain| TableInfo { domain, ..TableInfo::with_columns("t", &columns) };
    let catalog = Catalog { tables: vec![table(0), table(1)], ..Catalog::default() };
    let mut reader = DebeziumReader::new(TopicFormat::Debezium, Decoder::default());
    let mut read = |table: u16, text: &str| {
        let after = json!({ "id": 1, "x": text });
        let value = json!({ "op": "c", "source": { "lsn": 34, "txId": 9 }, "after": after });
        let value = value.to_string();
        let raw = Raw { value: Some(value.as_bytes()), ..Raw::default() };
        match reader.read(&catalog, TableId(table), (raw, &Asked::default())).unwrap() {
            Record::Change(change, _) => change.row,
            other => panic!("{other:?}"),
        }
    };
    let row = |x: Vec<u8>| [cell(ColumnType::Integer, Value::Int(1)), x].concat();
    assert_eq!(*read(0, "-12"), row(cell(kind, Value::Int(-12))));
    assert_eq!(*read(1, "DA=="), row(cell(kind, Value::Int(12))));
    assert_eq!(*read(0, "1234"), row(cell(kind, Value::Int(1_234))));
    assert_eq!(*read(1, "1234"), row(cell(kind, Value::Int(-2_658_824))));
}
