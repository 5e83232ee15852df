//! Records as Debezium's documentation shapes them, and the cells that they become.

pub(in crate::observe) mod avro;
mod intake;
mod learned;
mod missing;

use serde_json::Value as Json;
use serde_json::json;

use crate::action::Action;
use crate::action::Catalog;
use crate::action::Change;
use crate::action::TableId;
use crate::action::TableInfo;
use crate::action::Value;
use crate::observe::RowChange;
use crate::observe::cells;
use crate::observe::debezium::coded::Decoder;
use crate::observe::debezium::coded::payload;
use crate::observe::debezium::form::DECIMAL;
use crate::observe::debezium::form::Meaning;
use crate::observe::debezium::form::Written;
use crate::observe::debezium::node::Node;
use crate::observe::debezium::raw::Raw;
use crate::observe::debezium::record::DebeziumReader;
use crate::observe::debezium::record::LogPosition;
use crate::observe::debezium::record::Record;
use crate::observe::debezium::values::Comparable;
use crate::observe::debezium::values::Learned;
use crate::observe::reading::Asked;
use crate::observe::whose::Whose;
use crate::scenario::TopicFormat;
use crate::schema::ColumnType;
use crate::sink::postgres::encode::encode;
use crate::sink::postgres::replication::Lsn;
use crate::units::Decimal;
use crate::units::TimeOfDay;

const NUMERIC: ColumnType = ColumnType::Numeric { precision: 10, scale: 2, is_bare: false };

/// The cell that a slot's value becomes.
fn cell(kind: ColumnType, value: Value) -> Vec<u8> {
    let (mut field, mut cell) = (Vec::new(), Vec::new());
    encode(value, kind, &Action::default(), &mut field);
    cells::push_field(kind, &field, &mut cell);
    cell
}

/// The cell of bytes in the form of their type.
fn bytes(kind: ColumnType, bytes: &[u8]) -> Vec<u8> {
    let mut cell = Vec::new();
    cells::push(kind, bytes, &mut cell);
    cell
}

fn read(kind: ColumnType, json: &Json, meaning: Meaning<'_>) -> (Vec<u8>, Comparable) {
    let mut out = Vec::new();
    let known = Learned::default().push(kind, Node::Tree(json), meaning, &mut out);
    (out, known)
}

fn decimal(unscaled: i64, scale: u8) -> Value {
    Value::Decimal(Decimal { unscaled, scale })
}

#[test]
fn a_value_of_each_type_becomes_the_cell_of_a_slot() {
    let us = |us| Value::Time(TimeOfDay { us, zone: None });
    let cases = [
        (ColumnType::Smallint, json!(-7), Value::Int(-7)),
        (ColumnType::Integer, json!(7), Value::Int(7)),
        (ColumnType::Bigint, json!(1_i64 << 60), Value::Int(1 << 60)),
        (ColumnType::Oid, json!(4_000_000_000_u32), Value::Int(4_000_000_000)),
        (ColumnType::Real, json!(0.1), Value::Float(f64::from(0.1_f32))),
        (ColumnType::Double, json!(0.1), Value::Float(0.1)),
        (ColumnType::Double, json!("NaN"), Value::Float(f64::NAN)),
        (NUMERIC, json!("12.50"), decimal(1_250, 2)),
        (NUMERIC, json!(12.5), decimal(125, 1)),
        (ColumnType::Money, json!("-3.10"), decimal(-310, 2)),
        (ColumnType::Boolean, json!(true), Value::Bool(true)),
        (ColumnType::Date, json!(20_000), Value::Date(20_000)),
        (
            ColumnType::Timestamp,
            json!(1_800_000_000_123_456_i64),
            Value::Timestamp(1_800_000_000_123_456),
        ),
        (
            ColumnType::TimestampTo(3),
            json!(1_800_000_000_123_i64),
            Value::Timestamp(1_800_000_000_123_000),
        ),
        (
            ColumnType::Timestamptz,
            json!("2027-01-15T08:00:00.123456Z"),
            Value::Timestamp(1_800_000_000_123_456),
        ),
        (
            ColumnType::Timestamptz,
            json!("2027-01-15T09:00:00+01:00"),
            Value::Timestamp(1_800_000_000_000_000),
        ),
        (ColumnType::Time(6), json!(52_200_000_001_i64), us(52_200_000_001)),
        (ColumnType::Time(3), json!(52_200_001), us(52_200_001_000)),
        (
            ColumnType::Interval,
            json!("P1Y2M-3DT4H5M6.7S"),
            Value::Interval("1 year 2 months -3 days 04:05:06.7".parse().unwrap()),
        ),
        (ColumnType::Inet, json!("10.0.0.1"), Value::Network("10.0.0.1".parse().unwrap())),
        (ColumnType::Cidr, json!("10.0.0.0/8"), Value::Network("10.0.0.0/8".parse().unwrap())),
        (
            ColumnType::Macaddr,
            json!("08:00:2b:01:02:03"),
            Value::Hardware("08:00:2b:01:02:03".parse().unwrap()),
        ),
        (ColumnType::Integer, Json::Null, Value::Null),
    ];
    for (kind, json, value) in cases {
        assert_eq!(
            read(kind, &json, Meaning::default()),
            (cell(kind, value), Comparable::Yes),
            "{kind:?} {json}"
        );
    }
}

#[test]
fn a_text_and_bytes_of_each_type_become_the_cell_of_a_slot() {
    let uuid = "018f0000-0000-7000-8000-000000000001";
    let uuid_bytes = uuid::Uuid::parse_str(uuid).unwrap();
    let cases: [(ColumnType, Json, &[u8]); 8] = [
        (ColumnType::Text, json!("größer\n"), "größer\n".as_bytes()),
        (ColumnType::Varchar(Some(9)), json!("o'clock"), b"o'clock"),
        (ColumnType::Char(7), json!("ab"), b"ab     "),
        (ColumnType::Json, json!("{\"a\": 1}"), b"{\"a\": 1}"),
        (ColumnType::Jsonb, json!("{\"b\":1,\"a\":6e+1}"), b"\x01{\"a\": 60, \"b\": 1}"),
        (ColumnType::Bytea, json!("AP8="), &[0, 255]),
        (ColumnType::Uuid, json!(uuid), uuid_bytes.as_bytes()),
        // 101 0000 0001, lowest byte first.
        (ColumnType::Bit(11), json!("AQU="), &[0, 0, 0, 11, 0b1010_0000, 0b0010_0000]),
    ];
    for (kind, json, expected) in cases {
        let found = read(kind, &json, Meaning::default());
        assert_eq!(found, (bytes(kind, expected), Comparable::Yes), "{kind:?} {json}");
    }
}

#[test]
fn arrays_are_those_that_the_server_sends() {
    let kind = ColumnType::Array(&ColumnType::Text);
    let head = [0, 0, 0, 1, 0, 0, 0, 1, 0, 0, 0, 25, 0, 0, 0, 2, 0, 0, 0, 1];
    let expected = [&head[..], &[0, 0, 0, 1, b'x', 255, 255, 255, 255]].concat();
    assert_eq!(
        read(kind, &json!(["x", null]), Meaning::default()),
        (bytes(kind, &expected), Comparable::Yes)
    );
    let empty = [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 25];
    assert_eq!(read(kind, &json!([]), Meaning::default()), (bytes(kind, &empty), Comparable::Yes));
}

#[test]
fn what_leaves_a_doubt_is_not_compared() {
    let mut open = Vec::new();
    cells::push_open(&mut open);
    let doubtful = [
        // A text of digits, or bytes that look like one.
        (ColumnType::Numeric { precision: 8, scale: 0, is_bare: false }, json!("1234")),
        (NUMERIC, json!(1_234_567_890_123_456.7)),
        // Microseconds of 1970, or milliseconds of our days.
        (ColumnType::Timestamp, json!(1_800_000_000_123_i64)),
        (ColumnType::Time(6), json!(52_200_000)),
        (ColumnType::Timetz(6), json!("10:00:00Z")),
        (ColumnType::Varbit(None), json!("AQU=")),
        (ColumnType::Interval, json!(86_400_000_000_i64)),
        (ColumnType::Date, json!(2_146_033_979)),
        (ColumnType::Bytea, json!("deadbeef")),
        (ColumnType::Integer, json!("7.0")),
    ];
    for (kind, json) in doubtful {
        let found = read(kind, &json, Meaning::default());
        assert_eq!(found, (open.clone(), Comparable::No), "{kind:?} {json}");
    }
    let unsent = [
        (ColumnType::Text, json!("__debezium_unavailable_value")),
        (ColumnType::Bytea, json!("X19kZWJleml1bV91bmF2YWlsYWJsZV92YWx1ZQ==")),
        (ColumnType::Array(&ColumnType::Text), json!(["__debezium_unavailable_value"])),
    ];
    let mut left_out = Vec::new();
    cells::push_unsent(&mut left_out);
    for (kind, json) in unsent {
        let found = read(kind, &json, Meaning::default());
        assert_eq!(found, (left_out.clone(), Comparable::Unsent), "{kind:?} {json}");
    }
}

#[test]
fn a_record_that_says_what_it_means_leaves_none() {
    let of = |name| Meaning { name: Some(name), ..Meaning::default() };
    let decimals = Meaning { scale: Some(2), ..of(DECIMAL) };
    let text = Meaning { is: Some(Written::Text), ..Meaning::default() };
    let whole = ColumnType::Numeric { precision: 8, scale: 0, is_bare: false };
    let cases = [
        (NUMERIC, json!("BOI="), decimals, decimal(1_250, 2)),
        (NUMERIC, json!("/s8="), decimals, decimal(-305, 2)),
        // Bytes in base 64 look like this as well.
        (whole, json!("1234"), text, decimal(1_234, 0)),
        (ColumnType::Integer, json!("7"), Meaning::default(), Value::Int(7)),
        (
            ColumnType::Timestamp,
            json!(5),
            of("io.debezium.time.MicroTimestamp"),
            Value::Timestamp(5),
        ),
        (
            ColumnType::Time(6),
            json!(5),
            of("io.debezium.time.MicroTime"),
            Value::Time(TimeOfDay { us: 5, zone: None }),
        ),
    ];
    for (kind, json, meaning, value) in cases {
        assert_eq!(
            read(kind, &json, meaning),
            (cell(kind, value), Comparable::Yes),
            "{kind:?} {json}"
        );
    }
    // Milliseconds of a column with more digits have lost some.
    let lost = of("org.apache.kafka.connect.data.Timestamp");
    assert_eq!(read(ColumnType::Timestamp, &json!(1_800_000_000_123_i64), lost).1, Comparable::No);
    // What no column of its type holds is known, and agrees with nothing that it may have held.
    let (unfit, known) = read(ColumnType::Integer, &json!(7.5), Meaning::default());
    assert_eq!(known, Comparable::Yes);
    assert!([0, 7, 8].iter().all(|it| unfit != cell(ColumnType::Integer, Value::Int(*it))));
    // What nothing can be is no reason to fail.
    let coarse = of("io.debezium.time.Time");
    for (kind, json, meaning) in [
        (ColumnType::Time(3), json!(i64::MAX), coarse),
        (ColumnType::Time(3), json!(i64::MIN), Meaning::default()),
        (ColumnType::Interval, json!("-P-2147483648M"), Meaning::default()),
    ] {
        assert_eq!(read(kind, &json, meaning).1, Comparable::No, "{kind:?} {json}");
    }
}

fn catalog() -> Catalog {
    let columns = [("id", ColumnType::Integer), ("x", ColumnType::Text)];
    let table = TableInfo::with_columns("t", &columns);
    Catalog { tables: vec![table], ..Catalog::default() }
}

fn record(format: TopicFormat, value: Option<&Json>, raw: Raw<'_>) -> Record {
    let text = value.map(Json::to_string);
    let raw = Raw { value: text.as_deref().map(str::as_bytes), ..raw };
    let mut reader = DebeziumReader::new(format, Decoder::default());
    reader.read(&catalog(), TableId(0), (raw, &Asked::default())).unwrap()
}

fn change(change: Change, key: i64, row: Option<&str>) -> Record {
    let id = |id| cell(ColumnType::Integer, Value::Int(id));
    let x = |text: &str| bytes(ColumnType::Text, text.as_bytes());
    let row = row.map_or_else(Vec::new, |text| [id(1), x(text)].concat());
    let (key, row, whose) = (id(key).into(), row.into(), Whose::Untold);
    let change = RowChange { table: TableId(0), change, key, row, whose };
    Record::Change(change, LogPosition { lsn: Lsn(34), transaction: 9 })
}

#[test]
fn an_envelope_says_what_became_of_a_row() {
    let source = json!({ "lsn": 34, "txId": 9, "sequence": "[\"33\",\"34\"]" });
    let of = |op: &str, before: Json, after: Json| json!({ "before": before, "after": after, "source": source, "op": op, "ts_ms": 1 });
    let row = json!({ "id": 1, "x": "a" });
    let gone = json!({ "id": 1, "x": null });
    let read = |value: &Json| record(TopicFormat::Debezium, Some(value), Raw::default());
    let insert = of("c", Json::Null, row.clone());
    assert_eq!(read(&insert), change(Change::Insert, 1, Some("a")));
    let wrapped = json!({ "schema": { "type": "struct", "fields": [] }, "payload": insert });
    assert_eq!(read(&wrapped), change(Change::Insert, 1, Some("a")));
    let update = of("u", Json::Null, row.clone());
    assert_eq!(read(&update), change(Change::Update, 1, Some("a")));
    let delete = of("d", gone, Json::Null);
    assert_eq!(read(&delete), change(Change::Delete, 1, None));
    let Record::Change(insert_of, origin) = read(&insert) else { panic!() };
    let snapshot = read(&of("r", Json::Null, row.clone()));
    assert_eq!(snapshot, Record::Snapshot(insert_of.clone(), origin));
    // One that is read beside the log says how far that was read then.
    let mut beside = of("r", Json::Null, row.clone());
    for (sequence, lsn) in [("[null,\"7\"]", 7), ("[\"7\",\"9\"]", 9), ("?", 0)] {
        beside["source"] = json!({ "lsn": null, "txId": null, "sequence": sequence });
        let origin = LogPosition { lsn: Lsn(lsn), transaction: 0 };
        assert_eq!(read(&beside), Record::Snapshot(insert_of.clone(), origin), "{sequence}");
    }
    assert!(matches!(read(&of("t", Json::Null, Json::Null)), Record::Truncated(_)));
    assert!(matches!(read(&row), Record::Strange(_)));
    // What is written twice over is no record; what has no schema may leave room for one.
    assert!(matches!(read(&json!(insert.to_string())), Record::Strange(_)));
    let bare = |payload: &Json| json!({ "schema": null, "payload": payload });
    assert_eq!(read(&bare(&insert)), change(Change::Insert, 1, Some("a")));
    assert_eq!((read(&bare(&Json::Null)), read(&Json::Null)), (Record::Nothing, Record::Nothing));
    assert_eq!(record(TopicFormat::Debezium, None, Raw::default()), Record::Nothing);
    // A row that gets another key goes away under the old one, and comes under the new one.
    let half = Raw { has_new_key: true, ..Raw::default() };
    assert_eq!(record(TopicFormat::Debezium, Some(&delete), half), Record::Nothing);
    let other = Raw { old_key: Some(b"{\"id\":5}"), ..Raw::default() };
    let moved = record(TopicFormat::Debezium, Some(&insert), other);
    assert_eq!(moved, change(Change::Update, 5, Some("a")));
}

/// Whoever keeps rows by the keys of records has it under that key.
#[test]
fn a_change_is_of_the_row_that_its_key_names() {
    let value = |op: &str| {
        let row = json!({ "id": 1, "x": "a" });
        json!({ "op": op, "source": { "lsn": 34, "txId": 9 }, "before": row, "after": row })
    };
    let read = |op: &str, key: &str| {
        let raw = Raw { key: Some(key.as_bytes()), ..Raw::default() };
        record(TopicFormat::Debezium, Some(&value(op)), raw)
    };
    for (op, expected, row) in [
        ("c", Change::Insert, Some("a")),
        ("u", Change::Update, Some("a")),
        ("d", Change::Delete, None),
    ] {
        assert_eq!(read(op, r#"{"id":1}"#), change(expected, 1, row));
        assert_eq!(read(op, r#"{"id":7}"#), change(expected, 7, row));
        let wrapped = r#"{"schema":{"type":"struct"},"payload":{"id":7}}"#;
        assert_eq!(read(op, wrapped), change(expected, 7, row));
        // Of a key that is made otherwise, or that nobody can read, nothing can be told.
        for other in [r#"{"x":"a"}"#, r#"{"id":null}"#, r#"{"id":"7.0"}"#, "Struct{id=7}", "7", ""]
        {
            assert_eq!(read(op, other), change(expected, 1, row), "{op} {other}");
        }
    }
    // Nor of one in Avro beside a value in JSON, where nobody says where its schema is.
    let text = value("c").to_string();
    let avro =
        Raw { value: Some(text.as_bytes()), key: Some(b"\0\0\0\0\x08\x0e"), ..Raw::default() };
    let mut reader = DebeziumReader::new(TopicFormat::Debezium, Decoder::default());
    let read = reader.read(&catalog(), TableId(0), (avro, &Asked::default()));
    assert_eq!(read, Ok(change(Change::Insert, 1, Some("a"))));
    // What a row had before, as a header tells, comes before its new key.
    let raw = Raw { key: Some(b"{\"id\":1}"), old_key: Some(b"{\"id\":5}"), ..Raw::default() };
    let moved = record(TopicFormat::Debezium, Some(&value("c")), raw);
    assert_eq!(moved, change(Change::Update, 5, Some("a")));
}

#[test]
fn a_flattened_record_must_say_what_it_is() {
    let read = |value: &Json| record(TopicFormat::Flattened, Some(value), Raw::default());
    let row =
        json!({ "id": 1, "x": "a", "__op": "u", "__lsn": 34, "__txId": 9, "__deleted": "false" });
    assert_eq!(read(&row), change(Change::Update, 1, Some("a")));
    let gone =
        json!({ "id": 1, "x": null, "__op": "d", "__lsn": 34, "__txId": 9, "__deleted": "true" });
    assert_eq!(read(&gone), change(Change::Delete, 1, None));
    assert_eq!(record(TopicFormat::Flattened, None, Raw::default()), Record::Nothing);
    // Columns of these names are no schema beside a record.
    let mut named = row.clone();
    named["schema"] = json!({ "a": 1 });
    named["payload"] = json!("b");
    assert_eq!(read(&named), change(Change::Update, 1, Some("a")));
    assert_eq!(*payload(&named), named);
    let wrapped = json!({ "schema": null, "payload": row });
    assert_eq!(*payload(&wrapped), row);
    for (missing, word) in [("__op", "`__op`"), ("__lsn", "`__lsn`")] {
        let mut less = row.clone();
        less.as_object_mut().unwrap().remove(missing);
        assert!(matches!(read(&less), Record::Strange(why) if why.contains(word)), "{missing}");
    }
}
