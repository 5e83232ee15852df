//! Records in Avro, as an encoder that is not ours has written them: see samples.py.

use std::sync::LazyLock;

use serde_json::Value as Json;
use serde_json::json;

use super::NUMERIC;
use super::bytes;
use super::cell;
use super::decimal;
use crate::action::Catalog;
use crate::action::Change;
use crate::action::TableId;
use crate::action::TableInfo;
use crate::action::Value;
use crate::observe::cells;
use crate::observe::debezium::beside;
use crate::observe::debezium::coded::Coded;
use crate::observe::debezium::coded::Decoder;
use crate::observe::debezium::coded::Unread;
use crate::observe::debezium::raw::Raw;
use crate::observe::debezium::record::DebeziumReader;
use crate::observe::debezium::record::Record;
use crate::observe::reading::Asked;
use crate::scenario::TopicFormat;
use crate::schema::ColumnType;
use crate::schema::EnumType;
use crate::schema::Marker;
use crate::units::TimeOfDay;

const UUID: &str = "018f0000-0000-7000-8000-000000000001";
const BARE: ColumnType = ColumnType::Numeric { precision: 0, scale: 0, is_bare: true };

/// A record, or a file of several; the schema that it was written by, and what it would be in JSON.
pub(in crate::observe) struct Sample {
    schema: String,
    pub(in crate::observe) bytes: Vec<u8>,
    pub(in crate::observe) json: Json,
}

pub(in crate::observe) fn sample(name: &str) -> Sample {
    let all: Vec<Json> = serde_json::from_str(include_str!("samples.json")).unwrap();
    let one = all.into_iter().find(|it| it["name"] == name).unwrap();
    let hex = one["hex"].as_str().unwrap();
    let byte = |at: usize| u8::from_str_radix(&hex[at..at + 2], 16).unwrap();
    let bytes = (0..hex.len()).step_by(2).map(byte).collect();
    Sample { schema: one["schema"].to_string(), bytes, json: one["json"].clone() }
}

impl Sample {
    /// With the number of its schema before it.
    fn headed(&self) -> Vec<u8> {
        [&[0, 0, 0, 0, 7], self.bytes.as_slice()].concat()
    }

    fn decoder(&self) -> Decoder {
        Decoder::knowing(&[(7, &self.schema)])
    }

    fn decoded(&self, bytes: &[u8]) -> Result<Json, Unread> {
        self.decoder().read(bytes, &Asked::default()).map(Coded::whole)
    }

    /// What the record is for a table, and how many of its values were not compared.
    fn record(&self, format: TopicFormat, columns: &[(&str, ColumnType)]) -> (Record, u64) {
        let mut reader = DebeziumReader::new(format, self.decoder());
        let value = self.headed();
        let raw = Raw { value: Some(&value), ..Raw::default() };
        let asked = Asked::default();
        let read = reader.read(&catalog(columns), TableId(0), (raw, &asked)).unwrap();
        (read, reader.columns.unknown.values().sum())
    }
}

fn catalog(columns: &[(&str, ColumnType)]) -> Catalog {
    Catalog { tables: vec![TableInfo::with_columns("t", columns)], ..Catalog::default() }
}

/// The columns of the samples, each with the cell that it must become.
fn columns() -> Vec<(&'static str, ColumnType, Vec<u8>)> {
    static MOOD: LazyLock<EnumType> = LazyLock::new(|| EnumType {
        name: "mood".to_owned(),
        labels: vec!["sad".to_owned(), "ok".to_owned()],
    });
    let mood = ColumnType::Enum(&MOOD);
    let us = |us| Value::Time(TimeOfDay { us, zone: None });
    let texts = ColumnType::Array(&ColumnType::Text);
    let sums = ColumnType::Array(&NUMERIC);
    let (moment, clock, to_ms) =
        (ColumnType::Timestamptz, ColumnType::Time(6), ColumnType::TimestampTo(3));
    let of = |kind, value| cell(kind, value);
    let array =
        |kind, head: [u8; 20], elements: &[u8]| bytes(kind, &[head.as_slice(), elements].concat());
    // Its form, whether it has NULLs, its elements' type, how many there are, and the first's number.
    let head = |kind: u8, kind_low: u8, count: u8| {
        [0, 0, 0, 1, 0, 0, 0, 1, 0, 0, kind, kind_low, 0, 0, 0, count, 0, 0, 0, 1]
    };
    let three = [&[0, 0, 0, 1, b'x'][..], &[255; 4], &[0, 0, 0, 1, b'y']].concat();
    // 12.50: two groups of four digits, the first of weight 0, positive, two digits shown.
    let sum = [0, 0, 0, 12, 0, 2, 0, 0, 0, 0, 0, 2, 0, 12, 19, 136];
    let two = [&sum[..], &[255; 4]].concat();
    let uuid = uuid::Uuid::parse_str(UUID).unwrap();
    let real = ColumnType::Real;
    vec![
        ("id", ColumnType::Integer, of(ColumnType::Integer, Value::Int(1))),
        ("x", ColumnType::Text, bytes(ColumnType::Text, "größer".as_bytes())),
        ("small", ColumnType::Smallint, of(ColumnType::Smallint, Value::Int(-7))),
        ("price", NUMERIC, of(NUMERIC, decimal(1_250, 2))),
        ("debt", NUMERIC, of(NUMERIC, decimal(-305, 2))),
        ("any", BARE, of(BARE, decimal(1_250, 3))),
        ("other", BARE, of(BARE, decimal(5, 0))),
        ("local", ColumnType::Timestamp, of(ColumnType::Timestamp, Value::Timestamp(5))),
        ("local_ns", ColumnType::Timestamp, of(ColumnType::Timestamp, Value::Timestamp(5))),
        ("local_ms", to_ms, of(to_ms, Value::Timestamp(1_000))),
        ("clock", clock, of(clock, us(5))),
        ("clock_ms", ColumnType::Time(3), of(ColumnType::Time(3), us(5_000))),
        ("day", ColumnType::Date, of(ColumnType::Date, Value::Date(20_000))),
        ("moment", moment, of(moment, Value::Timestamp(1_800_000_000_123_456))),
        (
            "span",
            ColumnType::Interval,
            of(ColumnType::Interval, Value::Interval("1 day 02:00:00".parse().unwrap())),
        ),
        ("mark", ColumnType::Uuid, bytes(ColumnType::Uuid, uuid.as_bytes())),
        ("raw", ColumnType::Bytea, bytes(ColumnType::Bytea, &[0x75, 0xe6, 0x9d, 0x6d, 0xe7, 0x9f])),
        ("facts", ColumnType::Json, bytes(ColumnType::Json, b"{\"a\": 1}")),
        ("tags", texts, array(texts, head(0, 25, 3), &three)),
        (
            "sums",
            sums,
            array(sums, head(1_700_u16.to_be_bytes()[0], 1_700_u16.to_be_bytes()[1], 2), &two),
        ),
        ("mood", mood, bytes(mood, b"ok")),
        ("flag", ColumnType::Boolean, of(ColumnType::Boolean, Value::Bool(true))),
        ("one", real, of(real, Value::Float(0.5))),
        ("two", ColumnType::Double, of(ColumnType::Double, Value::Float(f64::NEG_INFINITY))),
        (
            "bits",
            ColumnType::Bit(11),
            bytes(ColumnType::Bit(11), &[0, 0, 0, 11, 0b1010_0000, 0b0010_0000]),
        ),
        ("2nd word", ColumnType::Text, bytes(ColumnType::Text, b"b")),
    ]
}

#[test]
fn what_is_decoded_is_what_kafka_connect_writes_as_json() {
    for name in ["c", "u", "d", "null", "bare", "flattened", "key", "end", "message"] {
        let sample = sample(name);
        let decoded = sample.decoded(&sample.headed()).unwrap();
        assert_eq!(decoded, sample.json, "{name}");
    }
}

#[test]
fn a_row_of_every_type_becomes_the_cells_of_a_slot() {
    let columns = columns();
    let named: Vec<_> = columns.iter().map(|(name, kind, _)| (*name, *kind)).collect();
    let cells: Vec<u8> = columns.iter().flat_map(|it| it.2.clone()).collect();
    let formats = [
        ("c", TopicFormat::Debezium, Change::Insert),
        ("u", TopicFormat::Debezium, Change::Update),
        ("flattened", TopicFormat::Flattened, Change::Update),
    ];
    for (name, format, change) in formats {
        let (record, unknown) = sample(name).record(format, &named);
        let Record::Change(found, origin) = record else { panic!("{name}: {record:?}") };
        assert_eq!((origin.lsn.0, origin.transaction), (34, 9), "{name}");
        assert_eq!((found.change, &*found.key), (change, columns[0].2.as_slice()), "{name}");
        assert_eq!(&*found.row, cells.as_slice(), "{name}");
        assert_eq!(unknown, 0, "{name}");
    }
    let (record, _) = sample("d").record(TopicFormat::Debezium, &named);
    let Record::Change(found, _) = record else { panic!("{record:?}") };
    assert_eq!((found.change, &*found.key), (Change::Delete, columns[0].2.as_slice()));
    let (record, _) = sample("null").record(TopicFormat::Debezium, &named);
    let Record::Change(found, _) = record else { panic!("{record:?}") };
    let mut nulls = columns[0].2.clone();
    (1..columns.len()).for_each(|_| cells::push_null(&mut nulls));
    assert_eq!(&*found.row, nulls.as_slice());
}

/// As with `connect.meta.data=false`.
#[test]
fn without_what_kafka_connect_says_avro_says_enough() {
    let all = ["id", "price", "local_ms", "clock_ms"];
    let columns: Vec<_> = columns().into_iter().filter(|it| all.contains(&it.0)).collect();
    let named: Vec<_> = columns.iter().map(|(name, kind, _)| (*name, *kind)).collect();
    let (record, unknown) = sample("bare").record(TopicFormat::Debezium, &named);
    let Record::Change(found, _) = record else { panic!("{record:?}") };
    let cells: Vec<u8> = columns.iter().flat_map(|it| it.2.clone()).collect();
    assert_eq!((&*found.row, unknown), (cells.as_slice(), 0));
}

#[test]
fn keys_in_avro_tell_which_row_it_was() {
    let (key, value) = (sample("key"), sample("c"));
    let schemas = [(7, value.schema.as_str()), (8, key.schema.as_str())];
    let (old, asked) = ([&[0, 0, 0, 0, 8], key.bytes.as_slice()].concat(), Asked::default());
    let five = cell(ColumnType::Integer, Value::Int(5));
    // A row that got another key.
    let mut reader = DebeziumReader::new(TopicFormat::Debezium, Decoder::knowing(&schemas));
    let headed = value.headed();
    let raw = Raw { value: Some(&headed), old_key: Some(&old), ..Raw::default() };
    let plain = catalog(&[("id", ColumnType::Integer)]);
    let Ok(Record::Change(moved, _)) = reader.read(&plain, TableId(0), (raw, &asked)) else {
        panic!()
    };
    assert_eq!((moved.change, &*moved.key), (Change::Update, five.as_slice()));
    // Of a row that is gone nothing but a tombstone is left.
    let marked = Marker::ALL.map(|it| (it.column(), ColumnType::Bigint));
    let marked = catalog(&[&[("id", ColumnType::Integer)][..], &marked].concat());
    let mut reader = DebeziumReader::new(TopicFormat::Flattened, Decoder::knowing(&schemas));
    let raw = Raw { key: Some(&old), ..Raw::default() };
    let Ok(Record::Change(gone, _)) = reader.read(&marked, TableId(0), (raw, &asked)) else {
        panic!()
    };
    assert_eq!((gone.change, &*gone.key), (Change::Delete, five.as_slice()));
}

#[test]
fn what_comes_beside_is_read_as_well() {
    let end = sample("end");
    let decoded = end.decoded(&end.headed()).unwrap();
    let ended = beside::ended(&decoded).unwrap().unwrap();
    assert_eq!((ended.transaction, ended.all), (9, 2));
    assert_eq!(ended.collections, [("public.orders".to_owned(), 2)]);
    let message = sample("message");
    let decoded = message.decoded(&message.headed()).unwrap();
    assert_eq!(beside::message(&decoded).unwrap().unwrap().transaction, 9);
}

/// Names that are none in Avro may also be changed so that no two become one.
#[test]
fn a_column_is_found_by_each_name_that_a_connector_may_give_it() {
    let names = ["2nd word", "_2nd_word", "_u0032nd_u0020word"];
    for name in names {
        let row = json!({ "id": 1, name: "b" });
        let value = json!({ "before": null, "after": row, "source": { "lsn": 34 }, "op": "c" });
        let mut reader = DebeziumReader::new(TopicFormat::Debezium, Decoder::default());
        let text = value.to_string();
        let raw = Raw { value: Some(text.as_bytes()), ..Raw::default() };
        let columns = [("id", ColumnType::Integer), ("2nd word", ColumnType::Text)];
        let read = reader.read(&catalog(&columns), TableId(0), (raw, &Asked::default()));
        let Ok(Record::Change(found, _)) = read else { panic!("{name}") };
        assert!(found.row.ends_with(&bytes(ColumnType::Text, b"b")), "{name}");
    }
}

#[test]
fn bytes_that_are_no_record_are_said_to_be_strange() {
    for name in ["c", "flattened", "end"] {
        let sample = sample(name);
        let whole = sample.headed();
        for length in 0..whole.len() {
            let read = sample.decoded(&whole[..length]);
            assert!(matches!(read, Err(Unread::Strange(_))), "{name}: {length}");
        }
        let longer = sample.decoded(&[whole.as_slice(), &[0]].concat());
        let said = "not what the schema 7 of the registry says: there is more behind it";
        assert_eq!(longer.unwrap_err(), Unread::Strange(said.to_owned()));
        for at in 5..whole.len() {
            for nonsense in [0x00, 0x01, 0x7f, 0x80, 0xff] {
                let mut altered = whole.clone();
                altered[at] = nonsense;
                // It may be another record; it takes no time, no memory, and no panic.
                let _ = sample.decoded(&altered);
            }
        }
    }
    let said = |read: Result<Coded, Unread>| match read {
        Err(Unread::Strange(why)) => why,
        other => panic!("{other:?}"),
    };
    let nobody = Decoder::default().read(&[0, 0, 0, 1, 2, 5], &Asked::default());
    let why = "it holds Avro by the schema 258 of a registry; name that by `registry`";
    assert_eq!(nobody.unwrap_err(), Unread::Unknown(why.to_owned()));
    for schema in ["", "7", "{}", "\"thing\"", r#"{"type":"array"}"#, r#"{"type":"record"}"#] {
        let mut decoder = Decoder::knowing(&[(7, schema)]);
        let why = said(decoder.read(&[0, 0, 0, 0, 7, 0], &Asked::default()));
        assert!(why.contains("the schema 7 of the registry says: its schema"), "{schema}: {why}");
    }
}
