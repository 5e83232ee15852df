//! Values in PostgreSQL's binary format: the same bytes serve COPY and the parameters of
//! statements. Format: each value is its length (i32, −1 for NULL) and its bytes, big-endian, as
//! the types' `send` functions in the server's source write them.

mod composite;

use crate::action::Action;
use crate::action::Value;
use crate::schema::ColumnType;
use crate::units::Decimal;

/// Microseconds from 1970-01-01 to 2000-01-01, PostgreSQL's epoch.
const EPOCH_US: i64 = 946_684_800_000_000;
/// Days from 1970-01-01 to 2000-01-01.
const EPOCH_DAYS: i32 = 10_957;

/// Appends a value as a column of type `kind` takes it.
pub fn encode(value: Value, kind: ColumnType, action: &Action, out: &mut Vec<u8>) {
    match value {
        Value::Null => out.extend_from_slice(&(-1_i32).to_be_bytes()),
        Value::Bool(value) => fixed(out, [u8::from(value)]),
        Value::Int(value) => integer(value, kind, out),
        Value::Float(value) => real(value, kind, out),
        Value::Decimal(value) => decimal(value, kind, out),
        Value::Uuid(value) => fixed(out, value),
        Value::Timestamp(value) => fixed(out, timestamp(value).to_be_bytes()),
        Value::Date(value) => fixed(out, date(value).to_be_bytes()),
        Value::Text(span) if matches!(kind, ColumnType::Jsonb) => {
            // The version of the format stands before the text.
            nested(out, |out| {
                out.push(1);
                out.extend_from_slice(action.letters(span));
            });
        }
        Value::Text(span) => field(out, action.letters(span)),
        Value::Bytes(span) => field(out, action.bytes(span)),
        _ => nested(out, |out| composite::encode(value, kind, action, out)),
    }
}

/// Writes what `write` writes, and its length before it.
fn nested(out: &mut Vec<u8>, write: impl FnOnce(&mut Vec<u8>)) {
    let start = out.len();
    out.extend_from_slice(&[0; 4]);
    write(out);
    let length = i32::try_from(out.len() - start - 4).unwrap_or(i32::MAX);
    out[start..start + 4].copy_from_slice(&length.to_be_bytes());
}

/// The ends of the type stand for infinity, there and here.
fn timestamp(value: i64) -> i64 {
    match value {
        i64::MAX | i64::MIN => value,
        _ => value.saturating_sub(EPOCH_US),
    }
}

fn date(value: i32) -> i32 {
    match value {
        i32::MAX | i32::MIN => value,
        _ => value.saturating_sub(EPOCH_DAYS),
    }
}

#[inline]
fn field(out: &mut Vec<u8>, bytes: &[u8]) {
    out.extend_from_slice(&i32::try_from(bytes.len()).unwrap_or(i32::MAX).to_be_bytes());
    out.extend_from_slice(bytes);
}

/// A value of a width that its type has: written at once, with its length.
#[inline]
fn fixed<const WIDTH: usize>(out: &mut Vec<u8>, bytes: [u8; WIDTH]) {
    let mut field = [0; 4 + 16];
    field[..4].copy_from_slice(&i32::try_from(WIDTH).unwrap_or(i32::MAX).to_be_bytes());
    field[4..4 + WIDTH].copy_from_slice(&bytes);
    out.extend_from_slice(&field[..4 + WIDTH]);
}

/// Integers as wide as the column. `check` has seen that they fit; beyond it they saturate, and the
/// server's own checks speak.
fn integer(value: i64, kind: ColumnType, out: &mut Vec<u8>) {
    match kind {
        ColumnType::Smallint => {
            let narrow = value.clamp(i16::MIN.into(), i16::MAX.into());
            fixed(out, i16::try_from(narrow).unwrap_or(i16::MAX).to_be_bytes());
        }
        ColumnType::Integer => {
            let narrow = value.clamp(i32::MIN.into(), i32::MAX.into());
            fixed(out, i32::try_from(narrow).unwrap_or(i32::MAX).to_be_bytes());
        }
        ColumnType::Oid => {
            let narrow = value.clamp(0, u32::MAX.into());
            fixed(out, u32::try_from(narrow).unwrap_or(u32::MAX).to_be_bytes());
        }
        ColumnType::Numeric { .. } | ColumnType::Money => {
            decimal(Decimal { unscaled: value, scale: 0 }, kind, out);
        }
        #[expect(clippy::cast_precision_loss, reason = "the column is a double")]
        ColumnType::Real | ColumnType::Double => real(value as f64, kind, out),
        _ => fixed(out, value.to_be_bytes()),
    }
}

fn real(value: f64, kind: ColumnType, out: &mut Vec<u8>) {
    match kind {
        #[expect(clippy::cast_possible_truncation, reason = "the column holds no more")]
        ColumnType::Real => fixed(out, (value as f32).to_be_bytes()),
        _ => fixed(out, value.to_be_bytes()),
    }
}

/// An exact number; `money` is a count of cents.
fn decimal(value: Decimal, kind: ColumnType, out: &mut Vec<u8>) {
    let cents = matches!(kind, ColumnType::Money).then(|| value.rescale(2)).flatten();
    match cents {
        Some(cents) => fixed(out, cents.unscaled.to_be_bytes()),
        None => numeric(value, out),
    }
}

/// A `numeric`: number of digits, weight of the first, sign and scale as i16, then digits of base
/// 10,000, the decimal point between two of them.
fn numeric(value: Decimal, out: &mut Vec<u8>) {
    // Align the point to a digit of base 10,000.
    let padding = [1, 1000, 100, 10][usize::from(value.scale % 4)];
    let mut large = u128::from(value.unscaled.unsigned_abs()) * padding;
    let fraction_digits = i16::from(value.scale.div_ceil(4));
    let mut digits = [0_i16; 12];
    let mut first = digits.len();
    while large > u128::from(u64::MAX) {
        first -= 1;
        digits[first] = i16::try_from(large % 10_000).unwrap_or(0);
        large /= 10_000;
    }
    // Nearly all numbers are small from the start, and are divided much faster as such.
    let mut rest = u64::try_from(large).unwrap_or(0);
    while rest > 0 {
        first -= 1;
        digits[first] = i16::try_from(rest % 10_000).unwrap_or(0);
        rest /= 10_000;
    }
    let written = &digits[first..];
    let weight = i16::try_from(written.len()).unwrap_or(0) - fraction_digits - 1;
    let significant = written.len() - written.iter().rev().take_while(|digit| **digit == 0).count();
    let written = &written[..significant];
    let count = i16::try_from(written.len()).unwrap_or(0);
    let sign: u16 = if value.unscaled < 0 { 0x4000 } else { 0 };
    let weight = if count == 0 { 0 } else { weight };
    let mut head = [0; 12];
    head[..4].copy_from_slice(&(8 + 2 * i32::from(count)).to_be_bytes());
    head[4..6].copy_from_slice(&count.to_be_bytes());
    head[6..8].copy_from_slice(&weight.to_be_bytes());
    head[8..10].copy_from_slice(&sign.to_be_bytes());
    head[10..].copy_from_slice(&i16::from(value.scale).to_be_bytes());
    out.extend_from_slice(&head);
    for digit in written {
        out.extend_from_slice(&digit.to_be_bytes());
    }
}
