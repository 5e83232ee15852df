//! Fills that are made for one type, or of other fills: see [`crate::schema::TypedFill`].

mod json;
mod random;

use crate::action::Action;
use crate::action::Value;
use crate::generate::column::Column;
use crate::generate::column::Row;
use crate::generate::key::Draw;
use crate::generate::key::mix64;
use crate::generate::world::World;
use crate::schema::ColumnType;
use crate::schema::typed::Bound;
use crate::schema::written::Written;
use crate::units::DAY_US;
use crate::units::Interval;
use crate::units::TimeOfDay;

/// A fill, made ready.
#[derive(Debug, Clone)]
pub(in crate::generate) enum TypedFiller {
    Random,
    Bytes { min: u32, max: u32 },
    Span { min: i64, count: u64 },
    Json(JsonFiller),
    Array(Elements),
    Range { from: Box<Column>, length: Box<Column> },
}

/// The elements of an array.
#[derive(Debug, Clone)]
pub(in crate::generate) struct Elements {
    pub(in crate::generate) of: Box<Column>,
    pub(in crate::generate) min: u32,
    pub(in crate::generate) max: u32,
    pub(in crate::generate) null_rate: f64,
}

/// A piece of JSON.
#[derive(Debug, Clone)]
pub(in crate::generate) enum JsonFiller {
    Object(Vec<(String, JsonFiller)>),
    Array { of: Box<JsonFiller>, min: u32, max: u32, null_rate: f64 },
    Value(Box<Column>),
}

/// The row as a part of a value sees it: its draws are its own.
fn part<'a>(key: u64, row: &Row<'a>, number: u64) -> Row<'a> {
    Row { change: mix64(key ^ mix64(number + 1)), ..*row }
}

/// How many, and each of them NULL or not.
fn count(min: u32, max: u32, draw: &mut Draw) -> u32 {
    min + u32::try_from(draw.below(u64::from(max - min) + 1)).unwrap_or(0)
}

impl World {
    /// The value of such a fill, drawn from `key`.
    pub(in crate::generate) fn typed(
        &self,
        kind: ColumnType,
        filler: &TypedFiller,
        (key, row): (u64, &Row<'_>),
        action: &mut Action,
    ) -> Value {
        let mut draw = Draw::new(key);
        match filler {
            TypedFiller::Random => random::value(kind, &mut draw, action),
            TypedFiller::Bytes { min, max } => {
                let length = count(*min, *max, &mut draw);
                Value::Bytes(action.push_bytes(random::bytes(length, &mut draw)))
            }
            TypedFiller::Span { min, count } => {
                span(kind, min.saturating_add_unsigned(draw.below(*count)))
            }
            TypedFiller::Json(json) => {
                let start = action.arena().len();
                let mut text = action.take_draft();
                self.json(json, (key, row), action, &mut text);
                action.arena().push_str(&text);
                action.return_draft(text);
                crate::generate::column::cut(kind, start, action);
                action.text_from(start)
            }
            TypedFiller::Array(elements) => self.array(elements, (key, row), action),
            TypedFiller::Range { from, length } => {
                let from = self.column_value(from, &part(key, row, 0), action);
                let length = self.column_value(length, &part(key, row, 1), action);
                range(from, length, action)
            }
        }
    }

    fn array(&self, of: &Elements, (key, row): (u64, &Row<'_>), action: &mut Action) -> Value {
        let mut draw = Draw::new(key);
        let count = count(of.min, of.max, &mut draw);
        let span = action.reserve_elements(usize::try_from(count).unwrap_or(0));
        for number in 0..count {
            if of.null_rate > 0.0 && draw.unit() < of.null_rate {
                continue;
            }
            let row = part(key, row, u64::from(number));
            let value = self.column_value(&of.of, &row, action);
            action.set_element(span, usize::try_from(number).unwrap_or(0), value);
        }
        Value::Array(span)
    }
}

/// A value written in a file.
pub(super) fn written(value: &Written, action: &mut Action) -> Value {
    match value {
        Written::Null => Value::Null,
        Written::Bool(value) => Value::Bool(*value),
        Written::Int(value) => Value::Int(*value),
        Written::Float(value) => Value::Float(*value),
        Written::Decimal(value) => Value::Decimal(*value),
        Written::Uuid(value) => Value::Uuid(*value),
        Written::Timestamp(value) => Value::Timestamp(*value),
        Written::Date(value) => Value::Date(*value),
        Written::Network(value) => Value::Network(*value),
        Written::Hardware(value) => Value::Hardware(*value),
        Written::Interval(value) => Value::Interval(*value),
        Written::Time(value) => Value::Time(*value),
        Written::Text(text) => {
            let start = action.arena().len();
            action.arena().push_str(text);
            action.text_from(start)
        }
        Written::Bytes(bytes) => Value::Bytes(action.push_bytes(bytes.iter().copied())),
        Written::Bits(bits) => Value::Bits(action.push_bytes(bits.iter().copied())),
        Written::Shape(geometry, numbers) => {
            let span = action.reserve_elements(numbers.len());
            for (at, number) in numbers.iter().enumerate() {
                action.set_element(span, at, Value::Float(*number));
            }
            Value::Shape(*geometry, span)
        }
        Written::Array(elements) => {
            let span = action.reserve_elements(elements.len());
            for (at, element) in elements.iter().enumerate() {
                let element = written(element, action);
                action.set_element(span, at, element);
            }
            Value::Array(span)
        }
        Written::Range(None) => Value::EmptyRange,
        Written::Range(Some(bounds)) => {
            let span = action.reserve_elements(2);
            for (at, (_, value)) in bounds.iter().enumerate() {
                let value = written(value, action);
                action.set_element(span, at, value);
            }
            Value::Range(span, [bounds[0].0, bounds[1].0])
        }
    }
}

/// A time with no more digits of seconds than its type keeps, so that the server has none to round.
pub(super) fn to_digits(kind: ColumnType, value: Value) -> Value {
    let Some(digits @ 0..6) = kind.second_digits() else { return value };
    let step = 10_i64.pow(u32::from(6 - digits));
    match value {
        Value::Timestamp(us) if us != i64::MAX && us != i64::MIN => {
            Value::Timestamp(us - us.rem_euclid(step))
        }
        Value::Time(time) => Value::Time(TimeOfDay { us: time.us - time.us % step, ..time }),
        _ => value,
    }
}

/// Microseconds as a time of day, or as a span.
fn span(kind: ColumnType, us: i64) -> Value {
    match kind {
        ColumnType::Time(_) => Value::Time(TimeOfDay { us, zone: None }),
        ColumnType::Timetz(_) => Value::Time(TimeOfDay { us, zone: Some(0) }),
        _ => {
            let days = i32::try_from(us / DAY_US).unwrap_or(i32::MAX);
            Value::Interval(Interval { months: 0, days, us: us % DAY_US })
        }
    }
}

/// The range between a value and one that lies so much later; without an end where that lies beyond
/// the type, empty where it lies before it.
fn range(from: Value, length: Value, action: &mut Action) -> Value {
    let to = match (from, length) {
        (Value::Int(from), Value::Int(length)) => from.checked_add(length.max(0)).map(Value::Int),
        (Value::Date(from), Value::Int(length)) => {
            let length = i32::try_from(length.max(0)).ok();
            length.and_then(|length| from.checked_add(length)).map(Value::Date)
        }
        (Value::Timestamp(from), Value::Interval(length)) => {
            from.checked_add(length.total_us().max(0)).map(Value::Timestamp)
        }
        (Value::Decimal(from), Value::Decimal(length)) if length.unscaled < 0 => {
            Some(Value::Decimal(from))
        }
        (Value::Decimal(from), Value::Decimal(length)) => {
            from.checked_add(length).map(Value::Decimal)
        }
        _ => return Value::Null,
    };
    let span = action.reserve_elements(2);
    action.set_element(span, 0, from);
    action.set_element(span, 1, to.unwrap_or(Value::Null));
    let end = if to.is_some() { Bound::Excluded } else { Bound::Open };
    Value::Range(span, [Bound::Included, end])
}
