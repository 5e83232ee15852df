//! Anything that a type holds: its whole range, and its edges more often than chance would have it.

use std::fmt::Write as _;

use crate::action::Action;
use crate::action::Value;
use crate::generate::key::Draw;
use crate::generate::typed::json;
use crate::schema::ColumnType;
use crate::schema::Geometry;
use crate::schema::RangeType;
use crate::schema::typed::Bound;
use crate::units::Decimal;
use crate::units::Hardware;
use crate::units::Interval;
use crate::units::Network;
use crate::units::TimeOfDay;

/// One value of so many is an edge of its type.
const EDGE_EVERY: u64 = 16;
/// Most characters of a text without a limit, and most bytes.
const LENGTH_MAX: u64 = 200;
/// Most elements of an array.
const ELEMENTS_MAX: u64 = 6;
/// Days from 1970 to 0001-01-01 and to 9999-12-31: what every reader of dates can read.
const DAYS: (i64, i64) = (-719_162, 2_932_896);

const SECOND_US: i64 = 1_000_000;
const DAY_US: i64 = 86_400 * SECOND_US;

/// A value of a type.
pub(super) fn value(kind: ColumnType, draw: &mut Draw, action: &mut Action) -> Value {
    match kind {
        ColumnType::Smallint | ColumnType::Integer | ColumnType::Bigint | ColumnType::Oid => {
            integer(kind, draw)
        }
        ColumnType::Real | ColumnType::Double => Value::Float(float(kind, draw)),
        ColumnType::Numeric { precision, scale, .. } => decimal(precision, scale, draw),
        ColumnType::Money => decimal(18, 2, draw),
        ColumnType::Boolean => Value::Bool(draw.below(2) == 1),
        ColumnType::Text | ColumnType::Varchar(_) | ColumnType::Char(_) | ColumnType::Citext => {
            let start = action.arena().len();
            text(kind, draw, action.arena());
            action.text_from(start)
        }
        ColumnType::Bytea => {
            let length = u32::try_from(length(draw)).unwrap_or(0);
            Value::Bytes(action.push_bytes(bytes(length, draw)))
        }
        ColumnType::Uuid => Value::Uuid(sixteen(draw)),
        ColumnType::Date => date(draw),
        ColumnType::Timestamp
        | ColumnType::Timestamptz
        | ColumnType::TimestampTo(_)
        | ColumnType::TimestamptzTo(_) => timestamp(draw),
        ColumnType::Time(_) | ColumnType::Timetz(_) => Value::Time(time(kind, draw)),
        ColumnType::Interval => Value::Interval(interval(draw)),
        ColumnType::Json | ColumnType::Jsonb => {
            let start = action.arena().len();
            json(draw, action.arena(), 0);
            action.text_from(start)
        }
        ColumnType::Inet | ColumnType::Cidr => Value::Network(network(kind, draw)),
        ColumnType::Macaddr | ColumnType::Macaddr8 => {
            let bytes = draw.bits().to_be_bytes();
            Value::Hardware(Hardware { bytes, is_long: kind == ColumnType::Macaddr8 })
        }
        ColumnType::Bit(length) => bits(u64::from(length), draw, action),
        ColumnType::Varbit(limit) => {
            let limit = limit.map_or(LENGTH_MAX, u64::from).min(LENGTH_MAX);
            let length = draw.below(limit + 1);
            bits(length, draw, action)
        }
        ColumnType::Geometric(geometry) => shape(geometry, draw, action),
        ColumnType::Range(of) => range(of, draw, action),
        ColumnType::Enum(of) => {
            let at = usize::try_from(draw.below(of.labels.len() as u64)).unwrap_or(0);
            let start = action.arena().len();
            action.arena().push_str(of.labels.get(at).map_or("", String::as_str));
            action.text_from(start)
        }
        ColumnType::Array(of) => array(*of, draw, action),
    }
}

fn is_edge(draw: &mut Draw) -> bool {
    draw.below(EDGE_EVERY) == 0
}

/// One of a few.
fn one_of<T: Copy>(values: &[T], draw: &mut Draw) -> T {
    values[usize::try_from(draw.below(values.len() as u64)).unwrap_or(0)]
}

/// Evenly from `least` to `greatest`, both included.
fn between(least: i64, greatest: i64, draw: &mut Draw) -> i64 {
    // All 2^64 numbers are one more than can be counted.
    match greatest.abs_diff(least).checked_add(1) {
        Some(count) => least.saturating_add_unsigned(draw.below(count)),
        None => draw.bits().cast_signed(),
    }
}

fn integer(kind: ColumnType, draw: &mut Draw) -> Value {
    let (least, greatest) = kind.integer_range().unwrap_or((i64::MIN, i64::MAX));
    Value::Int(if is_edge(draw) {
        one_of(&[least, least + 1, least.max(-1), 0, 1, greatest - 1, greatest], draw)
    } else {
        between(least, greatest, draw)
    })
}

/// Any pattern of bits but those that are no number: there are many, and they all read as NaN.
fn float(kind: ColumnType, draw: &mut Draw) -> f64 {
    if is_edge(draw) {
        let edges =
            [0.0, -0.0, 1.0, f64::NAN, f64::INFINITY, f64::NEG_INFINITY, 0.1, -1e10, 1.5e-10];
        return one_of(&edges, draw);
    }
    let bits = draw.bits();
    let number = match kind {
        ColumnType::Real => f64::from(f32::from_bits(u32::try_from(bits >> 32).unwrap_or(0))),
        _ => f64::from_bits(bits),
    };
    if number.is_nan() { 0.5 } else { number }
}

fn decimal(precision: u8, scale: u8, draw: &mut Draw) -> Value {
    let greatest = 10_i64.pow(u32::from(precision.min(18))) - 1;
    let unscaled = if is_edge(draw) {
        one_of(&[-greatest, -1, 0, 1, greatest], draw)
    } else {
        // Small numbers as often as large ones.
        let digits = u32::try_from(draw.below(u64::from(precision.min(18)))).unwrap_or(0) + 1;
        let limit = 10_i64.pow(digits) - 1;
        between(-limit, limit, draw)
    };
    Value::Decimal(Decimal { unscaled, scale })
}

/// Short ones more often than long ones.
fn length(draw: &mut Draw) -> u64 {
    let limit = draw.below(LENGTH_MAX + 1);
    draw.below(limit + 1)
}

fn text(kind: ColumnType, draw: &mut Draw, out: &mut String) {
    let limit = kind.length_max().map_or(LENGTH_MAX, u64::from);
    for _ in 0..length(draw).min(limit) {
        out.push(letter(draw));
    }
}

/// Letters of several scripts, and what is easily written or read wrongly.
fn letter(draw: &mut Draw) -> char {
    const AWKWARD: &str = "'\"\\,;{}[]()$%&\t\n\r/<>|`~ \u{a0}\u{7f}\u{1}";
    let code = match draw.below(16) {
        0..8 => 0x61 + draw.below(26),
        8..10 => 0x20 + draw.below(95),
        10 => {
            let at = usize::try_from(draw.below(AWKWARD.chars().count() as u64)).unwrap_or(0);
            return AWKWARD.chars().nth(at).unwrap_or(' ');
        }
        11 => 0xc0 + draw.below(0x140),
        12 => 0x391 + draw.below(17),
        13 => 0x410 + draw.below(64),
        14 => 0x4e00 + draw.below(0x5000),
        _ => 0x1f600 + draw.below(0x40),
    };
    u32::try_from(code).ok().and_then(char::from_u32).unwrap_or('?')
}

/// So many random bytes.
pub(super) fn bytes(length: u32, draw: &mut Draw) -> impl Iterator<Item = u8> {
    let mut left = [0; 8];
    (0..usize::try_from(length).unwrap_or(0)).map(move |at| {
        if at % 8 == 0 {
            left = draw.bits().to_be_bytes();
        }
        left[at % 8]
    })
}

fn sixteen(draw: &mut Draw) -> [u8; 16] {
    (u128::from(draw.bits()) << 64 | u128::from(draw.bits())).to_be_bytes()
}

fn date(draw: &mut Draw) -> Value {
    let days = if is_edge(draw) {
        // The leap day of 2000, the first day, and the days around PostgreSQL's own first.
        let edges = [i32::MIN.into(), i32::MAX.into(), DAYS.0, DAYS.1, 0, -1, 10_957, 11_016];
        one_of(&edges, draw)
    } else {
        between(DAYS.0, DAYS.1, draw)
    };
    Value::Date(i32::try_from(days).unwrap_or(0))
}

fn timestamp(draw: &mut Draw) -> Value {
    let edges = [i64::MIN, i64::MAX, -1, 0, 946_684_800 * SECOND_US, 946_684_800 * SECOND_US - 1];
    Value::Timestamp(if is_edge(draw) {
        one_of(&edges, draw)
    } else {
        between(DAYS.0, DAYS.1, draw) * DAY_US + between(0, DAY_US - 1, draw)
    })
}

fn time(kind: ColumnType, draw: &mut Draw) -> TimeOfDay {
    let us = if is_edge(draw) {
        one_of(&[0, 1, DAY_US - 1, DAY_US], draw)
    } else {
        between(0, DAY_US - 1, draw)
    };
    let zone = matches!(kind, ColumnType::Timetz(_)).then(|| {
        let quarters = between(-15 * 4, 15 * 4, draw);
        i32::try_from(quarters * 900).unwrap_or(0)
    });
    TimeOfDay { us, zone }
}

fn interval(draw: &mut Draw) -> Interval {
    let mut part = |limit: i64| if draw.below(3) == 0 { 0 } else { between(-limit, limit, draw) };
    let whole = |number: i64| i32::try_from(number).unwrap_or(0);
    Interval {
        months: whole(part(12 * 1_000)),
        days: whole(part(100_000)),
        us: part(1_000 * 3_600 * SECOND_US),
    }
}

fn network(kind: ColumnType, draw: &mut Draw) -> Network {
    let mut bytes = sixteen(draw);
    let is_six = draw.below(2) == 1;
    if !is_six {
        bytes[4..].fill(0);
    }
    let network = Network { bytes, prefix: 0, is_six };
    let width = network.width();
    let prefix = match draw.below(3) {
        0 => width,
        _ => u8::try_from(draw.below(u64::from(width) + 1)).unwrap_or(0),
    };
    let network = Network { prefix, ..network };
    if kind == ColumnType::Cidr { network.network() } else { network }
}

fn bits(length: u64, draw: &mut Draw, action: &mut Action) -> Value {
    let mut left = 0;
    let bits = (0..length).map(|at| {
        left = if at % 64 == 0 { draw.bits() } else { left >> 1 };
        u8::try_from(left & 1).unwrap_or(0)
    });
    Value::Bits(action.push_bytes(bits))
}

fn shape(geometry: Geometry, draw: &mut Draw, action: &mut Action) -> Value {
    let count = match geometry {
        Geometry::Point => 2,
        Geometry::Circle | Geometry::Line => 3,
        Geometry::Segment | Geometry::Box => 4,
        Geometry::Path | Geometry::Polygon => 2 * (1 + draw.below(5)),
    };
    let count = usize::try_from(count).unwrap_or(2);
    let span = action.reserve_elements(count);
    for number in 0..count {
        let thousandths = between(-1_000_000_000, 1_000_000_000, draw);
        let mut coordinate = Decimal { unscaled: thousandths, scale: 3 }.to_f64();
        if geometry == Geometry::Circle && number == 2 {
            coordinate = coordinate.abs();
        }
        if geometry == Geometry::Line && number == 0 {
            // A line has a direction.
            coordinate += if coordinate < 0.0 { -1.0 } else { 1.0 };
        }
        action.set_element(span, number, Value::Float(coordinate));
    }
    Value::Shape(geometry, span)
}

/// Bounds in order, each included, excluded or open; empty ranges, and those without any bound.
fn range(of: RangeType, draw: &mut Draw, action: &mut Action) -> Value {
    if is_edge(draw) {
        return Value::EmptyRange;
    }
    let [lower, upper] = two(of, draw);
    let bound = |open: bool, included: bool| match (open, included) {
        (true, _) => Bound::Open,
        (false, true) => Bound::Included,
        (false, false) => Bound::Excluded,
    };
    let mut bounds = [Bound::Open; 2];
    let span = action.reserve_elements(2);
    for (at, value) in [lower, upper].into_iter().enumerate() {
        bounds[at] = bound(draw.below(8) == 0, draw.below(2) == 0);
        if bounds[at] != Bound::Open {
            action.set_element(span, at, value);
        }
    }
    Value::Range(span, bounds)
}

/// Two values, the smaller first. The greatest whole number is left out: the server counts one on to
/// make an included end an excluded one.
fn two(of: RangeType, draw: &mut Draw) -> [Value; 2] {
    let (least, greatest) = match of {
        RangeType::Int4 => (i32::MIN.into(), i64::from(i32::MAX) - 1),
        RangeType::Int8 => (i64::MIN, i64::MAX - 1),
        RangeType::Num => (-999_999_999_999_999_999, 999_999_999_999_999_999),
        RangeType::Ts | RangeType::Tstz => (DAYS.0 * DAY_US, DAYS.1 * DAY_US),
        RangeType::Date => DAYS,
    };
    let (one, other) = (between(least, greatest, draw), between(least, greatest, draw));
    [one.min(other), one.max(other)].map(|number| match of {
        RangeType::Int4 | RangeType::Int8 => Value::Int(number),
        RangeType::Num => Value::Decimal(Decimal { unscaled: number, scale: 6 }),
        RangeType::Ts | RangeType::Tstz => Value::Timestamp(number),
        RangeType::Date => Value::Date(i32::try_from(number).unwrap_or(0)),
    })
}

fn array(of: ColumnType, draw: &mut Draw, action: &mut Action) -> Value {
    let count = usize::try_from(draw.below(ELEMENTS_MAX + 1)).unwrap_or(0);
    let span = action.reserve_elements(count);
    for number in 0..count {
        if !is_edge(draw) {
            let element = value(of, draw, action);
            action.set_element(span, number, element);
        }
    }
    Value::Array(span)
}

/// Objects and arrays of at most three levels.
fn json(draw: &mut Draw, out: &mut String, depth: u32) {
    let count = if depth < 3 { draw.below(4) } else { 0 };
    // Writing to a string does not fail.
    let _ = match draw.below(if depth < 3 { 9 } else { 6 }) {
        0 => write!(out, "null"),
        1 => write!(out, "{}", draw.below(2) == 1),
        2 => write!(out, "{}", draw.bits().cast_signed()),
        3 => {
            let number = Decimal { unscaled: between(-999_999, 999_999, draw), scale: 3 };
            write!(out, "{number}")
        }
        4 => write!(out, "{}e{}", between(1, 9, draw), between(-20, 20, draw)),
        5 => {
            let mut plain = [0; 4];
            out.push('"');
            for _ in 0..draw.below(12) {
                let written = out.len();
                json::text(letter(draw).encode_utf8(&mut plain), out);
                // Without the quotes around each.
                out.remove(written);
                out.pop();
            }
            out.push('"');
            Ok(())
        }
        6 => {
            list(count, ['[', ']'], draw, out, |_, draw, out| json(draw, out, depth + 1));
            Ok(())
        }
        _ => {
            list(count, ['{', '}'], draw, out, |number, draw, out| {
                let _ = write!(out, "\"k{number}\": ");
                json(draw, out, depth + 1);
            });
            Ok(())
        }
    };
}

fn list(
    count: u64,
    [open, close]: [char; 2],
    draw: &mut Draw,
    out: &mut String,
    mut item: impl FnMut(u64, &mut Draw, &mut String),
) {
    out.push(open);
    for number in 0..count {
        out.push_str(if number == 0 { "" } else { ", " });
        item(number, draw, out);
    }
    out.push(close);
}
