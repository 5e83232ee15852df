//! Values in PostgreSQL's binary format: the same bytes serve COPY and the parameters of
//! statements. Format: each value is its length (i32, −1 for NULL) and its bytes, big-endian, as
//! the types' `send` functions in the server's source write them.

mod composite;

use crate::action::Action;
use crate::action::Value;
use crate::schema::ColumnType;
use crate::units::Decimal;

/// Microseconds from 1970-01-01 to 2000-01-01, PostgreSQL's epoch.
pub(crate) const EPOCH_US: i64 = 946_684_800_000_000;
/// Days from 1970-01-01 to 2000-01-01.
pub(crate) const EPOCH_DAYS: i32 = 10_957;

/// Appends a value as a column of type `kind` takes it. Inlined everywhere, so that where it is known
/// what the value is, nothing is asked.
#[inline(always)]
#[expect(clippy::inline_always, reason = "measured: half of the time of a short row")]
pub fn encode(value: Value, kind: ColumnType, action: &Action, out: &mut Vec<u8>) {
    match value {
        Value::Null => out.extend_from_slice(&(-1_i32).to_be_bytes()),
        Value::Int(value) => integer(value, kind, out),
        Value::Decimal(value) => decimal(value, kind, out),
        Value::Uuid(value) => fixed(out, value),
        Value::Timestamp(value) => fixed(out, timestamp(value).to_be_bytes()),
        Value::Text(span) => text(kind, out, |out| out.extend_from_slice(action.letters(span))),
        _ => rare(value, kind, action, out),
    }
}

#[inline(never)]
fn rare(value: Value, kind: ColumnType, action: &Action, out: &mut Vec<u8>) {
    match value {
        Value::Bool(value) => fixed(out, [u8::from(value)]),
        Value::Float(value) => real(value, kind, out),
        Value::Date(value) => fixed(out, date(value).to_be_bytes()),
        Value::Bytes(span) => field(out, action.bytes(span)),
        _ => nested(out, |out| composite::encode(value, kind, action, out)),
    }
}

/// Appends what `write` writes as a column of type `kind` takes it.
#[inline]
pub(super) fn text(kind: ColumnType, out: &mut Vec<u8>, write: impl FnOnce(&mut Vec<u8>)) {
    nested(out, |out| {
        if matches!(kind, ColumnType::Jsonb) {
            // The version of the format stands before the text.
            out.push(1);
        }
        write(out);
    });
}

/// Writes what `write` writes, and its length before it.
#[inline]
fn nested(out: &mut Vec<u8>, write: impl FnOnce(&mut Vec<u8>)) {
    let start = out.len();
    out.extend_from_slice(&[0; 4]);
    write(out);
    let length = i32::try_from(out.len() - start - 4).unwrap_or(i32::MAX);
    out[start..start + 4].copy_from_slice(&length.to_be_bytes());
}

/// The ends of the type stand for infinity, there and here.
#[inline]
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
#[inline]
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
#[inline]
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
    let aligned = u128::from(value.unscaled.unsigned_abs()) * padding;
    // Digits above the fourth, which few numbers have, and the lower four.
    let (above, small) = match u64::try_from(aligned) {
        Ok(small @ ..FOUR_DIGITS) => (0, small),
        _ => split(aligned),
    };
    let digits = u128::from(four_digits(above)) << 64 | u128::from(four_digits(small));
    // A digit has 16 bits; zeros at both ends are not written.
    let leading = digits.leading_zeros() / 16;
    let trailing = if digits == 0 { 0 } else { digits.trailing_zeros() / 16 };
    let (whole, count) = (8 - leading, 8 - leading - trailing);
    let fraction = u32::from(value.scale.div_ceil(4));
    let weight = if digits == 0 { 0 } else { narrow(whole) - narrow(fraction) - 1 };
    let sign: u16 = if value.unscaled < 0 { 0x4000 } else { 0 };
    let mut number = [0; 12 + 16];
    number[..4].copy_from_slice(&(8 + 2 * count).to_be_bytes());
    number[4..6].copy_from_slice(&narrow(count).to_be_bytes());
    number[6..8].copy_from_slice(&weight.to_be_bytes());
    number[8..10].copy_from_slice(&sign.to_be_bytes());
    number[10..12].copy_from_slice(&i16::from(value.scale).to_be_bytes());
    let digits = digits.checked_shl(16 * leading).unwrap_or(0);
    number[12..].copy_from_slice(&digits.to_be_bytes());
    let end = out.len() + 12 + 2 * count as usize;
    out.extend_from_slice(&number);
    out.truncate(end);
}

/// The least number that needs a fifth digit of base 10,000.
const FOUR_DIGITS: u64 = 10_000_000_000_000_000;

/// The digits above the fourth, and the lower four.
#[cold]
fn split(number: u128) -> (u64, u64) {
    let of = |part: u128| u64::try_from(part).unwrap_or(0);
    (of(number / u128::from(FOUR_DIGITS)), of(number % u128::from(FOUR_DIGITS)))
}

/// Four digits of base 10,000, each in 16 bits.
#[inline]
fn four_digits(number: u64) -> u64 {
    let (upper, lower) = (number / 100_000_000, number % 100_000_000);
    (upper / 10_000) << 48 | (upper % 10_000) << 32 | (lower / 10_000) << 16 | (lower % 10_000)
}

/// A count of digits.
fn narrow(count: u32) -> i16 {
    i16::try_from(count).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const LARGEST: i64 = 999_999_999_999_999_999;

    proptest! {
        #[test]
        fn a_numeric_is_its_digits(unscaled in -LARGEST..=LARGEST, less in 0_u32..19, scale in 0_u8..19) {
            let unscaled = unscaled / 10_i64.pow(less);
            let mut out = Vec::new();
            numeric(Decimal { unscaled, scale }, &mut out);
            let of = |at: usize| i16::from_be_bytes([out[at], out[at + 1]]);
            prop_assert_eq!(usize::try_from(of(2)).unwrap(), out.len() - 4);
            let digits: Vec<i16> = (12..out.len()).step_by(2).map(of).collect();
            prop_assert_eq!(usize::try_from(of(4)).unwrap(), digits.len());
            prop_assert_eq!(of(10), i16::from(scale));
            prop_assert!(digits.first() != Some(&0) && digits.last() != Some(&0));
            // In units of 10^-20.
            let unit = |at: usize| 10_i128.pow(u32::try_from(4 * (i32::from(of(6)) - i32::try_from(at).unwrap()) + 20).unwrap());
            let sum: i128 = digits.iter().enumerate().map(|(at, digit)| i128::from(*digit) * unit(at)).sum();
            let sign = if of(8) == 0 { 1 } else { -1 };
            prop_assert_eq!(sign * sum, i128::from(unscaled) * 10_i128.pow(u32::from(20 - scale)));
        }
    }
}
