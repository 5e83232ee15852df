//! Rows of a Parquet file, as JSON.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use parquet::data_type::Decimal;
use parquet::file::reader::FileReader as _;
use parquet::file::serialized_reader::SerializedFileReader;
use parquet::record::Field;
use parquet::record::Row;
use serde_json::Map;
use serde_json::Value as Json;

use crate::observe::avro::float;
use crate::observe::lake::quiet::aloud;
use crate::observe::lake::quiet::quietly;
use crate::scenario::TopicFormat;

/// Stands for a value that a converter would have written in one of several ways: it is no number, no time and
/// no address, so it is not compared.
const UNCLEAR: &str = "\u{fffd}";

/// Hands each row to `take`, until that says that it wants no more. Returns how many there were.
pub(in crate::observe) fn rows(
    file: impl Into<Bytes>,
    mut take: impl FnMut(Json) -> bool,
) -> Result<u64, String> {
    // The crate relies on what a file says of itself, and panics where that is wrong.
    let file = file.into();
    let read = quietly(|| read(file, &mut |row| aloud(|| take(row))));
    read.unwrap_or_else(|| Err("it contradicts itself".to_owned()))
}

fn read(file: Bytes, take: &mut impl FnMut(Json) -> bool) -> Result<u64, String> {
    let failed = |error: parquet::errors::ParquetError| error.to_string();
    let reader = SerializedFileReader::new(file).map_err(failed)?;
    let mut count = 0;
    for row in reader.get_row_iter(None).map_err(failed)? {
        count += 1;
        if !take(object(row.map_err(failed)?)) {
            break;
        }
    }
    Ok(count)
}

fn object(row: Row) -> Json {
    let columns = row.into_columns().into_iter();
    Json::Object(columns.map(|(name, field)| (name, value(field))).collect::<Map<_, _>>())
}

/// As Kafka Connect's converter would write it.
fn value(field: Field) -> Json {
    match field {
        Field::Null => Json::Null,
        Field::Bool(it) => Json::Bool(it),
        Field::Byte(it) => Json::from(it),
        Field::Short(it) => Json::from(it),
        Field::Int(it) | Field::Date(it) => Json::from(it),
        Field::Long(it) => Json::from(it),
        Field::UByte(it) => Json::from(it),
        Field::UShort(it) => Json::from(it),
        Field::UInt(it) => Json::from(it),
        Field::ULong(it) => Json::from(it),
        Field::Float(it) => float(&it, it.is_finite()),
        Field::Double(it) => float(&it, it.is_finite()),
        Field::Str(text) => Json::String(text),
        Field::Bytes(bytes) => Json::String(STANDARD.encode(bytes.data())),
        Field::Decimal(number) => Json::String(decimal(&number).unwrap_or(UNCLEAR.to_owned())),
        Field::TimestampMicros(us) => moment(chrono::DateTime::from_timestamp_micros(us)),
        Field::TimestampMillis(ms) => moment(chrono::DateTime::from_timestamp_millis(ms)),
        Field::Float16(_) | Field::TimeMillis(_) | Field::TimeMicros(_) => unclear(),
        Field::Group(row) => object(row),
        Field::ListInternal(list) => {
            Json::Array(list.elements().iter().cloned().map(value).collect())
        }
        Field::MapInternal(map) => {
            let named = |(name, of): &(Field, Field)| match name {
                Field::Str(name) => (name.clone(), value(of.clone())),
                other => (other.to_string(), value(of.clone())),
            };
            Json::Object(map.entries().iter().map(named).collect())
        }
    }
}

fn unclear() -> Json {
    Json::String(UNCLEAR.to_owned())
}

fn moment(at: Option<chrono::DateTime<chrono::Utc>>) -> Json {
    at.map_or_else(unclear, |at| Json::String(at.to_rfc3339()))
}

/// `-12.34`; `None` where it has more digits than 128 bits.
fn decimal(number: &Decimal) -> Option<String> {
    let bytes = number.data();
    let first = *bytes.first()?;
    let start = if first & 0x80 == 0 { 0 } else { -1_i128 };
    let is_short = bytes.len() <= 16;
    let unscaled = bytes.iter().fold(start, |all, byte| all << 8 | i128::from(*byte));
    let scale = usize::try_from(number.scale()).ok().filter(|_| is_short)?;
    let digits = format!("{:0>width$}", unscaled.unsigned_abs(), width = scale + 1);
    let (whole, part) = digits.split_at(digits.len() - scale);
    let sign = if unscaled < 0 { "-" } else { "" };
    Some(if scale == 0 { format!("{sign}{whole}") } else { format!("{sign}{whole}.{part}") })
}

/// Where in the log a row is from.
pub(super) fn place(row: &Json, format: TopicFormat) -> Option<u64> {
    match format {
        TopicFormat::Debezium => row.get("source")?.get("lsn")?.as_u64(),
        TopicFormat::Flattened => {
            row.get("__lsn").or_else(|| row.get("__source_lsn")).and_then(Json::as_u64)
        }
    }
}

/// A column that its table has and its file has not was NULL in all rows of it.
pub(super) fn fill(row: &mut Json, columns: &[String]) {
    for column in columns {
        let (inside, name) = column.split_once('.').unwrap_or(("", column));
        let object = if inside.is_empty() { Some(&mut *row) } else { row.get_mut(inside) };
        if let Some(object) = object.and_then(Json::as_object_mut)
            && !object.contains_key(name)
        {
            object.insert(name.to_owned(), Json::Null);
        }
    }
}
