//! From a value as Debezium writes it in JSON to the cell that a slot's value becomes. What cannot be told
//! for certain stays open: it is not compared, and never guessed.

use std::ops::RangeInclusive;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use base64::engine::general_purpose::URL_SAFE;
use chrono::DateTime;
use serde_json::Value as Json;

use crate::action::Action;
use crate::action::Value;
use crate::observe::cells;
use crate::observe::debezium::form::DECIMAL;
use crate::observe::debezium::form::Forms;
use crate::observe::debezium::form::Meaning;
use crate::observe::debezium::form::Written;
use crate::observe::debezium::node::Node;
use crate::observe::debezium::unfit::is_unfit;
use crate::schema::ColumnType;
use crate::sink::postgres::encode::encode;
use crate::sink::postgres::types::oid;
use crate::units::Decimal;
use crate::units::Interval;
use crate::units::TimeOfDay;

/// What stands for bytes that were stored apart and did not change, in base 64: see [`cells::UNAVAILABLE`].
const UNAVAILABLE_BYTES: &str = "X19kZWJleml1bV91bmF2YWlsYWJsZV92YWx1ZQ==";
/// A number without an end as text, which could be bytes as well.
const INFINITY: &str = "Infinity";
/// Digits of a number that went through a `double` and can be relied on.
const DOUBLE_DIGITS: usize = 15;
/// Microseconds nearer to 1970 than this may be milliseconds of our days: half of 1966 to half of 1973.
const UNCLEAR_US: u64 = 110_000_000_000_000;
/// Times so far away stand for infinity.
const FAR_US: u64 = 9_200_000_000_000_000_000;
/// The days that the server knows; what lies beyond stands for infinity.
const DAYS: RangeInclusive<i32> = -2_440_588..=2_145_042_905;
/// Milliseconds of a day.
const DAY_MS: i64 = 86_400_000;

/// What was learned of a connector's settings from values that leave no doubt.
#[derive(Debug, Default)]
pub(super) struct Learned {
    decimals: Forms,
    bytes: Forms,
}

/// What became of a value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Comparable {
    /// It is compared.
    Yes,
    /// It was left out, as what has not changed may be.
    Unsent,
    /// It is not compared.
    No,
}

impl Learned {
    /// Appends the cell of a column.
    pub(super) fn push(
        &mut self,
        kind: ColumnType,
        value: Node<'_>,
        meaning: Meaning<'_>,
        out: &mut Vec<u8>,
    ) -> Comparable {
        let Some(value) = value.whole() else {
            cells::push_open(out);
            return Comparable::No;
        };
        let value = value.as_ref();
        if value.is_null() {
            cells::push_null(out);
            return Comparable::Yes;
        }
        if is_unavailable(value) {
            cells::push_unsent(out);
            return Comparable::Unsent;
        }
        if !cells::is_compared(kind) {
            cells::push_open(out);
            return Comparable::Yes;
        }
        let Some(field) = self.field(kind, value, meaning) else {
            if is_unfit(kind, value) {
                cells::push_unfit(out);
                return Comparable::Yes;
            }
            cells::push_open(out);
            return Comparable::No;
        };
        cells::push_field(kind, &field, out);
        Comparable::Yes
    }

    /// In binary, with its length; `None` if that cannot be told.
    fn field(&mut self, kind: ColumnType, value: &Json, meaning: Meaning<'_>) -> Option<Vec<u8>> {
        let text = || value.as_str();
        let value = match kind {
            ColumnType::Smallint | ColumnType::Integer | ColumnType::Bigint | ColumnType::Oid => {
                Value::Int(value.as_i64().or_else(|| text()?.parse().ok())?)
            }
            ColumnType::Real => Value::Float(f64::from(single(value)?)),
            ColumnType::Double => Value::Float(double(value)?),
            ColumnType::Numeric { .. } | ColumnType::Money => {
                Value::Decimal(self.decimal(kind, value, meaning)?)
            }
            ColumnType::Boolean => Value::Bool(value.as_bool()?),
            ColumnType::Text
            | ColumnType::Varchar(_)
            | ColumnType::Char(_)
            | ColumnType::Citext
            | ColumnType::Json
            | ColumnType::Enum(_) => return Some(with_length(text()?.as_bytes())),
            ColumnType::Jsonb => return Some(with_length(&[b"\x01", text()?.as_bytes()].concat())),
            ColumnType::Bytea => return Some(with_length(&self.bytes(text()?, meaning)?)),
            ColumnType::Uuid => Value::Uuid(*uuid::Uuid::parse_str(text()?).ok()?.as_bytes()),
            ColumnType::Date => {
                let days = i32::try_from(value.as_i64()?).ok()?;
                Value::Date(Some(days).filter(|days| DAYS.contains(days))?)
            }
            ColumnType::Timestamp | ColumnType::TimestampTo(_) => {
                Value::Timestamp(local(kind, value.as_i64()?, meaning)?)
            }
            ColumnType::Timestamptz | ColumnType::TimestamptzTo(_) => {
                let moment = DateTime::parse_from_rfc3339(text()?).ok()?;
                Value::Timestamp(moment.timestamp_micros())
            }
            ColumnType::Time(digits) => {
                let us = clock(digits, value.as_i64()?, meaning)?;
                Value::Time(TimeOfDay { us, zone: None })
            }
            ColumnType::Interval => Value::Interval(interval(text()?)?),
            ColumnType::Inet | ColumnType::Cidr => Value::Network(text()?.parse().ok()?),
            ColumnType::Macaddr | ColumnType::Macaddr8 => Value::Hardware(text()?.parse().ok()?),
            ColumnType::Bit(width) => return bits(width, value),
            ColumnType::Array(of) => return self.array(*of, (value.as_array()?, meaning)),
            // Their zone is lost; a text of bits has lost its length.
            ColumnType::Timetz(_)
            | ColumnType::Varbit(_)
            | ColumnType::Range(_)
            | ColumnType::Geometric(_) => return None,
        };
        let mut field = Vec::new();
        encode(value, kind, &Action::default(), &mut field);
        Some(field)
    }

    /// As `decimal.handling.mode` has it: bytes (`precise`), a text or a number.
    fn decimal(&mut self, kind: ColumnType, value: &Json, meaning: Meaning<'_>) -> Option<Decimal> {
        if let Json::Number(number) = value {
            let digits = number.to_string();
            let count = digits.bytes().filter(u8::is_ascii_digit).count();
            return digits.parse().ok().filter(|_| count <= DOUBLE_DIGITS);
        }
        if let Json::Object(both) = value {
            // A number of its own scale.
            let scale = u8::try_from(both.get("scale")?.as_i64()?).ok()?;
            return unscaled(both.get("value")?.as_str()?, scale);
        }
        let text = value.as_str()?;
        let is_number = text.parse::<Decimal>().is_ok();
        // A number has a byte at least, and infinity is none.
        let may_be_bytes = text != INFINITY && STANDARD.decode(text).is_ok_and(|it| !it.is_empty());
        let written = match (is_number, may_be_bytes) {
            _ if meaning.name == Some(DECIMAL) => Written::Bytes,
            _ if meaning.is.is_some() => meaning.is?,
            (true, false) => self.decimals.saw(Written::Text),
            (false, true) => self.decimals.saw(Written::Bytes),
            (true, true) => self.decimals.likely()?,
            (false, false) => return None,
        };
        match (written, kind) {
            (Written::Text, _) => text.parse().ok(),
            (_, ColumnType::Money) => unscaled(text, meaning.scale.unwrap_or(2)),
            (_, ColumnType::Numeric { scale, is_bare: false, .. }) => {
                unscaled(text, meaning.scale.unwrap_or(scale))
            }
            _ => unscaled(text, meaning.scale?),
        }
    }

    /// As `binary.handling.mode` has it: in base 64, of either alphabet, or in hexadecimal digits.
    fn bytes(&mut self, text: &str, meaning: Meaning<'_>) -> Option<Vec<u8>> {
        let decoded = STANDARD.decode(text).or_else(|_| URL_SAFE.decode(text)).ok();
        let is_hex = |byte: u8| matches!(byte, b'0'..=b'9' | b'a'..=b'f');
        let may_be_hex = text.len().is_multiple_of(2) && text.bytes().all(is_hex);
        let written = match (may_be_hex, &decoded) {
            _ if text.is_empty() => return Some(Vec::new()),
            _ if meaning.is == Some(Written::Bytes) => Written::Bytes,
            (false, Some(_)) => self.bytes.saw(Written::Bytes),
            (true, None) => self.bytes.saw(Written::Text),
            (true, Some(_)) => self.bytes.likely()?,
            (false, None) => return None,
        };
        if written == Written::Bytes {
            return decoded;
        }
        digits(text)
    }

    /// As the server sends one: its form, its element's type, its length and first index, its elements.
    fn array(
        &mut self,
        of: ColumnType,
        (elements, meaning): (&[Json], Meaning<'_>),
    ) -> Option<Vec<u8>> {
        let mut array = Vec::new();
        let has_null = elements.iter().any(Json::is_null);
        array.extend_from_slice(&i32::from(!elements.is_empty()).to_be_bytes());
        array.extend_from_slice(&i32::from(has_null).to_be_bytes());
        array.extend_from_slice(&oid(of).to_be_bytes());
        if !elements.is_empty() {
            array.extend_from_slice(&i32::try_from(elements.len()).ok()?.to_be_bytes());
            array.extend_from_slice(&1_i32.to_be_bytes());
        }
        for element in elements {
            match element {
                Json::Null => array.extend_from_slice(&(-1_i32).to_be_bytes()),
                element => array.extend(self.field(of, element, meaning.items.meaning())?),
            }
        }
        Some(with_length(&array))
    }
}

/// Bytes that are written as pairs of hexadecimal digits.
pub(super) fn digits(text: &str) -> Option<Vec<u8>> {
    let pair = |at: usize| u8::from_str_radix(text.get(at..at + 2)?, 16).ok();
    (0..text.len()).step_by(2).map(pair).collect()
}

fn is_unavailable(value: &Json) -> bool {
    match value {
        Json::String(text) => text == cells::UNAVAILABLE || text == UNAVAILABLE_BYTES,
        Json::Array(elements) => elements.len() == 1 && is_unavailable(&elements[0]),
        _ => false,
    }
}

fn with_length(bytes: &[u8]) -> Vec<u8> {
    let length = i32::try_from(bytes.len()).unwrap_or(i32::MAX);
    [&length.to_be_bytes(), bytes].concat()
}

fn double(value: &Json) -> Option<f64> {
    match value {
        Json::Number(number) => number.as_f64(),
        Json::String(text) => special(text),
        _ => None,
    }
}

/// From its own shortest digits, not from those of a `double`.
fn single(value: &Json) -> Option<f32> {
    match value {
        Json::Number(number) => number.to_string().parse().ok(),
        #[expect(clippy::cast_possible_truncation, reason = "these have no digits")]
        Json::String(text) => special(text).map(|it| it as f32),
        _ => None,
    }
}

fn special(text: &str) -> Option<f64> {
    match text {
        "NaN" => Some(f64::NAN),
        INFINITY => Some(f64::INFINITY),
        "-Infinity" => Some(f64::NEG_INFINITY),
        _ => None,
    }
}

/// A whole number in bytes, as Java's `BigInteger` writes them, in base 64.
fn unscaled(text: &str, scale: u8) -> Option<Decimal> {
    let bytes = STANDARD.decode(text).ok()?;
    let first = *bytes.first()?;
    let start = if first & 0x80 == 0 { 0 } else { -1_i64 };
    let is_short = bytes.len() <= 8;
    let unscaled = bytes.iter().fold(start, |whole, byte| whole << 8 | i64::from(*byte));
    is_short.then_some(Decimal { unscaled, scale })
}

/// Microseconds since 1970 of a time without a zone. Milliseconds have lost digits, unless the column has
/// no more.
fn local(kind: ColumnType, number: i64, meaning: Meaning<'_>) -> Option<i64> {
    let is_coarse = matches!(kind, ColumnType::TimestampTo(0..=3));
    let us = match meaning.name {
        Some("io.debezium.time.MicroTimestamp") => number,
        Some("io.debezium.time.NanoTimestamp") => number / 1_000,
        Some("io.debezium.time.Timestamp" | "org.apache.kafka.connect.data.Timestamp") => {
            return is_coarse.then(|| number.checked_mul(1_000)).flatten();
        }
        Some(_) => return None,
        None if is_coarse => number.checked_mul(1_000)?,
        None if number.unsigned_abs() < UNCLEAR_US => return None,
        None => number,
    };
    (us.unsigned_abs() < FAR_US).then_some(us)
}

/// Microseconds since midnight.
fn clock(digits: u8, number: i64, meaning: Meaning<'_>) -> Option<i64> {
    let is_coarse = digits <= 3;
    match meaning.name {
        Some("io.debezium.time.MicroTime") => Some(number),
        Some("io.debezium.time.NanoTime") => Some(number / 1_000),
        Some("io.debezium.time.Time" | "org.apache.kafka.connect.data.Time") => {
            number.checked_mul(1_000).filter(|_| is_coarse)
        }
        Some(_) => None,
        // A time of few digits is in milliseconds, or, as some settings have it, not.
        None if is_coarse => number.checked_mul(1_000).filter(|_| number <= DAY_MS),
        None => (number > DAY_MS).then_some(number),
    }
}

/// `P1Y2M3DT4H5M6.7S`
fn interval(text: &str) -> Option<Interval> {
    let (sign, text) = text.strip_prefix('-').map_or((1, text), |rest| (-1, rest));
    let text = text.strip_prefix('P')?;
    let (days, clock) = text.split_once('T').unwrap_or((text, ""));
    let mut span = Interval::default();
    for (number, unit) in parts(days)? {
        let number = i32::try_from(number.parse::<i64>().ok()?).ok()?.checked_mul(sign)?;
        match unit {
            'Y' => span.months = span.months.checked_add(number.checked_mul(12)?)?,
            'M' => span.months = span.months.checked_add(number)?,
            'W' => span.days = span.days.checked_add(number.checked_mul(7)?)?,
            'D' => span.days = span.days.checked_add(number)?,
            _ => return None,
        }
    }
    for (number, unit) in parts(clock)? {
        let unit_us: i64 = match unit {
            'H' => 3_600_000_000,
            'M' => 60_000_000,
            'S' => 1_000_000,
            _ => return None,
        };
        // Digits behind the point count as microseconds, of seconds alone.
        let us = number.parse::<Decimal>().ok()?.rescale(6)?.unscaled;
        let us = if unit == 'S' { us } else { (us / 1_000_000).checked_mul(unit_us)? };
        span.us = span.us.checked_add(us.checked_mul(i64::from(sign))?)?;
    }
    Some(span)
}

/// Numbers, each with the letter behind it.
fn parts(mut text: &str) -> Option<Vec<(&str, char)>> {
    let mut all = Vec::new();
    while !text.is_empty() {
        let at = text.find(|letter: char| letter.is_ascii_alphabetic())?;
        all.push((&text[..at], text[at..].chars().next()?));
        text = &text[at + 1..];
    }
    Some(all)
}

/// So many bits: one is a truth value, more of them a number whose lowest byte comes first.
fn bits(width: u32, value: &Json) -> Option<Vec<u8>> {
    let width = usize::try_from(width).ok()?;
    let bytes = match value {
        Json::Bool(bit) => vec![u8::from(*bit)],
        value => STANDARD.decode(value.as_str()?).ok()?,
    };
    let is_set = |bit: usize| bytes.get(bit / 8).is_some_and(|byte| byte >> (bit % 8) & 1 == 1);
    let mut field = vec![0; width.div_ceil(8)];
    for place in 0..width {
        // The first of them is the highest.
        if is_set(width - 1 - place) {
            field[place / 8] |= 0x80 >> (place % 8);
        }
    }
    let count = i32::try_from(width).ok()?;
    Some(with_length(&[&count.to_be_bytes(), field.as_slice()].concat()))
}
