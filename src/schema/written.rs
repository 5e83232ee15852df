//! Values in text, read as values of a type: what PostgreSQL's own readers of text do, for what a
//! schema file may write.

mod composite;

use chrono::NaiveDate;
use uuid::Uuid;

use crate::schema::ColumnType;
use crate::schema::Geometry;
use crate::schema::check::moment;
use crate::schema::typed::Bound;
use crate::units::Decimal;
use crate::units::Hardware;
use crate::units::Interval;
use crate::units::Network;
use crate::units::TimeOfDay;

/// A value that was read.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Written {
    Null,
    Bool(bool),
    Int(i64),
    Float(f64),
    Decimal(Decimal),
    Uuid([u8; 16]),
    /// Microseconds since 1970; the ends of the type stand for infinity.
    Timestamp(i64),
    /// Days since 1970; the ends of the type stand for infinity.
    Date(i32),
    Text(String),
    Bytes(Vec<u8>),
    /// As 0 and 1, one for each bit.
    Bits(Vec<u8>),
    Network(Network),
    Hardware(Hardware),
    Interval(Interval),
    Time(TimeOfDay),
    Shape(Geometry, Vec<f64>),
    Array(Vec<Written>),
    /// None is the empty range.
    Range(Option<Box<[(Bound, Written); 2]>>),
}

/// Reads a value of a type. The error says what is wrong with the text.
pub(crate) fn read(text: &str, kind: ColumnType) -> Result<Written, String> {
    match kind {
        ColumnType::Smallint | ColumnType::Integer | ColumnType::Bigint | ColumnType::Oid => {
            integer(text, kind)
        }
        ColumnType::Real | ColumnType::Double => float(text).map(Written::Float),
        ColumnType::Numeric { .. } | ColumnType::Money => decimal(text, kind),
        ColumnType::Boolean => match text {
            "true" | "t" => Ok(Written::Bool(true)),
            "false" | "f" => Ok(Written::Bool(false)),
            _ => Err(format!("`{text}` is neither `true` nor `false`")),
        },
        ColumnType::Text | ColumnType::Varchar(_) | ColumnType::Char(_) | ColumnType::Citext => {
            fits(text, kind)?;
            Ok(Written::Text(text.to_owned()))
        }
        ColumnType::Bytea => bytes(text).map(Written::Bytes),
        ColumnType::Uuid => match Uuid::try_parse(text) {
            Ok(uuid) => Ok(Written::Uuid(uuid.into_bytes())),
            Err(_) => Err(format!("`{text}` is not a UUID")),
        },
        ColumnType::Date => date(text),
        ColumnType::Timestamp
        | ColumnType::Timestamptz
        | ColumnType::TimestampTo(_)
        | ColumnType::TimestamptzTo(_) => timestamp(text),
        ColumnType::Time(_) | ColumnType::Timetz(_) => time(text, kind),
        ColumnType::Interval => text.parse().map(Written::Interval),
        ColumnType::Json | ColumnType::Jsonb => match serde_json::from_str(text) {
            Ok(serde::de::IgnoredAny) => Ok(Written::Text(text.to_owned())),
            Err(_) => Err(format!("`{text}` is not JSON; a text in it needs double quotes")),
        },
        ColumnType::Inet | ColumnType::Cidr => network(text, kind),
        ColumnType::Macaddr | ColumnType::Macaddr8 => hardware(text, kind),
        ColumnType::Bit(_) | ColumnType::Varbit(_) => bits(text, kind),
        ColumnType::Geometric(geometry) => composite::shape(text, geometry),
        ColumnType::Range(range) => composite::range(text, range),
        ColumnType::Enum(of) if of.labels.iter().any(|label| label == text) => {
            Ok(Written::Text(text.to_owned()))
        }
        ColumnType::Enum(of) => {
            Err(format!("`{text}` is no label of `{}`: {}", of.name, of.labels.join(", ")))
        }
        ColumnType::Array(of) => composite::array(text, *of),
    }
}

fn integer(text: &str, kind: ColumnType) -> Result<Written, String> {
    let whole: i64 = text.parse().map_err(|_| format!("`{text}` is not a whole number"))?;
    let (least, greatest) = kind.integer_range().unwrap_or((i64::MIN, i64::MAX));
    if (least..=greatest).contains(&whole) {
        Ok(Written::Int(whole))
    } else {
        Err(format!("`{text}` does not fit into `{kind}` ({least} to {greatest})"))
    }
}

fn float(text: &str) -> Result<f64, String> {
    text.trim().parse().map_err(|_| format!("`{text}` is not a number"))
}

fn decimal(text: &str, kind: ColumnType) -> Result<Written, String> {
    let written: Decimal = text.parse()?;
    let (scale, whole) = match kind {
        ColumnType::Numeric { precision, scale, .. } => (scale, precision - scale),
        _ => (2, 16),
    };
    let fits = written.rescale(scale).filter(|scaled| {
        written.whole_digits() <= u32::from(whole)
            && scaled.checked_sub(written).is_some_and(|difference| difference.unscaled == 0)
    });
    fits.map(Written::Decimal).ok_or_else(|| format!("`{text}` does not fit into `{kind}`"))
}

fn fits(text: &str, kind: ColumnType) -> Result<(), String> {
    let length = text.chars().count();
    match kind.length_max() {
        Some(limit) if u32::try_from(length).unwrap_or(u32::MAX) > limit => {
            Err(format!("`{text}` has {length} characters, more than `{kind}` holds"))
        }
        _ => Ok(()),
    }
}

/// `\x00ff`, or text as it is.
fn bytes(text: &str) -> Result<Vec<u8>, String> {
    let Some(digits) = text.strip_prefix("\\x") else {
        return Ok(text.as_bytes().to_vec());
    };
    let bad = || format!("`{text}` is not pairs of hexadecimal digits behind `\\x`");
    let digits = digits.as_bytes();
    let pairs = digits.chunks(2).map(|pair| {
        let [high, low] = pair else { return None };
        let digit = |letter: &u8| char::from(*letter).to_digit(16);
        u8::try_from(digit(high)? * 16 + digit(low)?).ok()
    });
    pairs.collect::<Option<Vec<u8>>>().ok_or_else(bad)
}

fn date(text: &str) -> Result<Written, String> {
    match text {
        "infinity" => return Ok(Written::Date(i32::MAX)),
        "-infinity" => return Ok(Written::Date(i32::MIN)),
        _ => {}
    }
    let days = NaiveDate::parse_from_str(text, "%Y-%m-%d").ok().and_then(|date| {
        i32::try_from(date.signed_duration_since(NaiveDate::default()).num_days()).ok()
    });
    days.map(Written::Date).ok_or_else(|| format!("`{text}` is not a date like `2026-01-31`"))
}

fn timestamp(text: &str) -> Result<Written, String> {
    let us = match text {
        "infinity" => Some(i64::MAX),
        "-infinity" => Some(i64::MIN),
        _ => moment(text),
    };
    us.map(Written::Timestamp)
        .ok_or_else(|| format!("`{text}` is not a time like `2026-01-31T12:00:00Z`"))
}

/// A time of day has a zone exactly where its type has one; UTC is meant where none is written.
fn time(text: &str, kind: ColumnType) -> Result<Written, String> {
    let time: TimeOfDay = text.parse()?;
    match (kind, time.zone) {
        (ColumnType::Time(_), Some(_)) => {
            Err(format!("`{text}` has a zone, and `{kind}` has none"))
        }
        (ColumnType::Time(_), None) => Ok(Written::Time(time)),
        (_, zone) => Ok(Written::Time(TimeOfDay { zone: Some(zone.unwrap_or(0)), ..time })),
    }
}

fn network(text: &str, kind: ColumnType) -> Result<Written, String> {
    let network: Network = text.parse()?;
    if kind == ColumnType::Cidr && network.network() != network {
        let right = network.network();
        return Err(format!("`{text}` has bits right of its prefix; the network is `{right}`"));
    }
    Ok(Written::Network(network))
}

fn hardware(text: &str, kind: ColumnType) -> Result<Written, String> {
    let card: Hardware = text.parse()?;
    if card.is_long == (kind == ColumnType::Macaddr8) {
        Ok(Written::Hardware(card))
    } else {
        Err(format!(
            "`{text}` has {} bytes, and `{kind}` holds another number",
            card.address().len()
        ))
    }
}

fn bits(text: &str, kind: ColumnType) -> Result<Written, String> {
    if !text.bytes().all(|digit| matches!(digit, b'0' | b'1')) {
        return Err(format!("`{text}` is not bits like `\"0101\"`"));
    }
    let length = u32::try_from(text.len()).unwrap_or(u32::MAX);
    let is_right = match kind {
        ColumnType::Bit(exactly) => length == exactly,
        ColumnType::Varbit(limit) => limit.is_none_or(|limit| length <= limit),
        _ => true,
    };
    if is_right {
        Ok(Written::Bits(text.bytes().map(|digit| digit - b'0').collect()))
    } else {
        Err(format!("`{text}` has {length} bits, and does not fit into `{kind}`"))
    }
}
