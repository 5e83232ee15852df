//! Values of several parts in PostgreSQL's binary format, without their length.

use crate::action::Action;
use crate::action::Value;
use crate::schema::ColumnType;
use crate::schema::Geometry;
use crate::schema::typed::Bound;
use crate::sink::postgres::encode::encode as field;
use crate::sink::postgres::types::oid;

/// How the server numbers the families of addresses: `AF_INET`, and the number behind it.
const FAMILY_FOUR: u8 = 2;
const FAMILY_SIX: u8 = 3;

/// Flags of a range, from `utils/rangetypes.h`.
const RANGE_EMPTY: u8 = 0x01;
const RANGE_LOWER_INCLUDED: u8 = 0x02;
const RANGE_UPPER_INCLUDED: u8 = 0x04;
const RANGE_LOWER_OPEN: u8 = 0x08;
const RANGE_UPPER_OPEN: u8 = 0x10;

/// Appends the parts of a value.
pub(super) fn encode(value: Value, kind: ColumnType, action: &Action, out: &mut Vec<u8>) {
    match value {
        Value::Time(time) => {
            out.extend_from_slice(&time.us.to_be_bytes());
            if let Some(zone) = time.zone {
                // Seconds west of UTC.
                out.extend_from_slice(&(-zone).to_be_bytes());
            }
        }
        Value::Interval(span) => {
            out.extend_from_slice(&span.us.to_be_bytes());
            out.extend_from_slice(&span.days.to_be_bytes());
            out.extend_from_slice(&span.months.to_be_bytes());
        }
        Value::Network(network) => {
            let family = if network.is_six { FAMILY_SIX } else { FAMILY_FOUR };
            let is_cidr = u8::from(kind == ColumnType::Cidr);
            let address = network.address();
            let length = u8::try_from(address.len()).unwrap_or(0);
            out.extend_from_slice(&[family, network.prefix, is_cidr, length]);
            out.extend_from_slice(address);
        }
        Value::Hardware(card) => out.extend_from_slice(card.address()),
        Value::Bits(span) => bits(action.bytes(span), out),
        Value::Shape(geometry, span) => shape(geometry, action.elements(span), out),
        Value::Array(span) => array(action.elements(span), kind, action, out),
        Value::Range(span, bounds) => range(action.elements(span), bounds, kind, action, out),
        Value::EmptyRange => out.push(RANGE_EMPTY),
        // All others are written by the caller.
        _ => {}
    }
}

/// The number of bits, and the bits, the first in the highest place of a byte.
fn bits(bits: &[u8], out: &mut Vec<u8>) {
    out.extend_from_slice(&i32::try_from(bits.len()).unwrap_or(i32::MAX).to_be_bytes());
    for eight in bits.chunks(8) {
        let byte = eight.iter().enumerate().fold(0, |byte, (at, bit)| byte | (bit & 1) << (7 - at));
        out.push(byte);
    }
}

fn shape(geometry: Geometry, numbers: &[Value], out: &mut Vec<u8>) {
    if geometry == Geometry::Path {
        // Closed.
        out.push(1);
    }
    if matches!(geometry, Geometry::Path | Geometry::Polygon) {
        let points = i32::try_from(numbers.len() / 2).unwrap_or(i32::MAX);
        out.extend_from_slice(&points.to_be_bytes());
    }
    for number in numbers {
        let Value::Float(number) = number else { continue };
        out.extend_from_slice(&number.to_be_bytes());
    }
}

/// Number of dimensions (none if it is empty), whether there are NULLs, the elements' type; then
/// length and first index; then the elements.
fn array(elements: &[Value], kind: ColumnType, action: &Action, out: &mut Vec<u8>) {
    let ColumnType::Array(of) = kind else { return };
    let has_null = elements.contains(&Value::Null);
    out.extend_from_slice(&i32::from(!elements.is_empty()).to_be_bytes());
    out.extend_from_slice(&i32::from(has_null).to_be_bytes());
    out.extend_from_slice(&oid(*of).to_be_bytes());
    if !elements.is_empty() {
        let count = i32::try_from(elements.len()).unwrap_or(i32::MAX);
        out.extend_from_slice(&count.to_be_bytes());
        out.extend_from_slice(&1_i32.to_be_bytes());
    }
    for element in elements {
        field(*element, *of, action, out);
    }
}

/// Flags, and the bounds that are not open.
fn range(
    values: &[Value],
    bounds: [Bound; 2],
    kind: ColumnType,
    action: &Action,
    out: &mut Vec<u8>,
) {
    let ColumnType::Range(range) = kind else { return };
    let flags = [
        (bounds[0] == Bound::Included, RANGE_LOWER_INCLUDED),
        (bounds[1] == Bound::Included, RANGE_UPPER_INCLUDED),
        (bounds[0] == Bound::Open, RANGE_LOWER_OPEN),
        (bounds[1] == Bound::Open, RANGE_UPPER_OPEN),
    ];
    out.push(flags.iter().filter(|(is_set, _)| *is_set).fold(0, |all, (_, flag)| all | flag));
    for (value, bound) in values.iter().zip(bounds) {
        if bound != Bound::Open {
            field(*value, range.of(), action, out);
        }
    }
}
