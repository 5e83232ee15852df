//! Rows as bytes that can be compared: for each column its length and its bytes, in the binary form
//! of its type, brought to the one form that all equal values share.

mod owed;
#[cfg(test)]
mod tests;

use std::borrow::Cow;
use std::fmt::Write;

use serde_json::Value as Json;

use crate::action::Action;
use crate::action::TableInfo;
use crate::action::Value;
use crate::action::write_value;
use crate::ledger::hash::half;
use crate::ledger::hash::hash;
use crate::schema::ColumnType;
use crate::sink::postgres::encode::EPOCH_DAYS;
use crate::sink::postgres::encode::EPOCH_US;
use crate::sink::postgres::numeric::Numeric;
use crate::units::format_hex;

pub(crate) use owed::Owed;
pub(crate) use owed::UNAVAILABLE;
pub(crate) use owed::owed;
pub(crate) use owed::push_absent;
pub(crate) use owed::push_set;
pub(crate) use owed::push_unsent;

/// In the place of a length: NULL.
const NULL: i32 = -1;
/// In the place of a length: nothing is known of the value, or it is not compared.
const OPEN: i32 = -2;
/// Columns from this one on share a bit.
const SHARED: u32 = 63;
/// Characters of a value that are shown.
const SHOWN_MAX: usize = 60;

/// Appends a value that is not compared.
pub(crate) fn push_open(out: &mut Vec<u8>) {
    out.extend_from_slice(&OPEN.to_be_bytes());
}

/// Appends NULL.
pub(crate) fn push_null(out: &mut Vec<u8>) {
    out.extend_from_slice(&NULL.to_be_bytes());
}

/// Appends a value in the binary form of its type.
pub(crate) fn push(kind: ColumnType, bytes: &[u8], out: &mut Vec<u8>) {
    if !is_compared(kind) {
        return push_open(out);
    }
    let canonical = canonical(kind, bytes);
    out.extend_from_slice(&i32::try_from(canonical.len()).unwrap_or(i32::MAX).to_be_bytes());
    out.extend_from_slice(&canonical);
}

/// Appends a value as [`crate::sink::postgres::encode::encode`] writes it: with its length.
pub(crate) fn push_field(kind: ColumnType, field: &[u8], out: &mut Vec<u8>) {
    match field.split_first_chunk::<4>() {
        Some((length, bytes)) if i32::from_be_bytes(*length) >= 0 => push(kind, bytes, out),
        _ => push_null(out),
    }
}

/// Whether the server gives values of a type back as they were sent, or in a form that is known. It
/// brings ranges and shapes into forms of its own.
pub(crate) fn is_compared(kind: ColumnType) -> bool {
    match kind {
        ColumnType::Range(_) | ColumnType::Geometric(_) => false,
        ColumnType::Array(of) => matches!(
            of,
            ColumnType::Smallint
                | ColumnType::Integer
                | ColumnType::Bigint
                | ColumnType::Text
                | ColumnType::Varchar(_)
                | ColumnType::Uuid
                | ColumnType::Boolean
        ),
        _ => true,
    }
}

/// The one form of all equal values.
fn canonical(kind: ColumnType, bytes: &[u8]) -> Cow<'_, [u8]> {
    match kind {
        // How many digits are shown makes no other number.
        ColumnType::Numeric { .. } if bytes.len() >= 8 => {
            let mut same = bytes.to_vec();
            same[6..8].fill(0);
            Cow::Owned(same)
        }
        // Padded with spaces to its length.
        ColumnType::Char(_) => {
            let end = bytes.iter().rposition(|byte| *byte != b' ').map_or(0, |last| last + 1);
            Cow::Borrowed(&bytes[..end])
        }
        // The server sorts keys and spaces in its own way.
        ColumnType::Jsonb => {
            match bytes.get(1..).and_then(|text| serde_json::from_slice(text).ok()) {
                Some(json) => Cow::Owned(sorted(json).to_string().into_bytes()),
                None => Cow::Borrowed(bytes),
            }
        }
        _ => Cow::Borrowed(bytes),
    }
}

fn sorted(json: Json) -> Json {
    match json {
        Json::Object(fields) => {
            let mut fields: Vec<(String, Json)> =
                fields.into_iter().map(|(name, value)| (name, sorted(value))).collect();
            fields.sort_by(|one, other| one.0.cmp(&other.0));
            Json::Object(fields.into_iter().collect())
        }
        Json::Array(elements) => Json::Array(elements.into_iter().map(sorted).collect()),
        // No text in a document holds a NUL.
        Json::Number(number) => Json::String(format!("\0{}", plain(&number.to_string()))),
        other => other,
    }
}

/// The one way to write a number, of `6e+16`, `60000000000000000` and `6.0e16`: its digits without
/// zeros at their ends, and where the point is.
fn plain(number: &str) -> String {
    let (sign, number) = number.strip_prefix('-').map_or(("", number), |rest| ("-", rest));
    let (digits, exponent) = number.split_once(['e', 'E']).unwrap_or((number, "0"));
    let (whole, fraction) = digits.split_once('.').unwrap_or((digits, ""));
    let all = format!("{whole}{fraction}");
    let ended = all.trim_end_matches('0');
    let significant = ended.trim_start_matches('0');
    if significant.is_empty() {
        return "0".to_owned();
    }
    let exponent: i64 = exponent.parse().unwrap_or(0);
    let zeros = i64::try_from(all.len() - ended.len()).unwrap_or(0);
    let behind = i64::try_from(fraction.len()).unwrap_or(0);
    format!("{sign}{significant}e{}", exponent + zeros - behind)
}

/// A cell of a row: `None` where it is not known or not compared, `Some(None)` for NULL.
pub(crate) type Cell<'a> = Option<Option<&'a [u8]>>;

/// The cells of a row: all bytes of each, and its value.
pub(crate) fn pieces(mut row: &[u8]) -> impl Iterator<Item = (&[u8], Cell<'_>)> {
    std::iter::from_fn(move || {
        let (length, _) = row.split_first_chunk::<4>()?;
        let length = i32::from_be_bytes(*length);
        let Ok(bytes) = usize::try_from(length) else {
            let (piece, rest) = row.split_at(4);
            row = rest;
            return Some((piece, (length == NULL).then_some(None)));
        };
        let (piece, rest) = row.split_at_checked(4 + bytes)?;
        row = rest;
        Some((piece, Some(Some(&piece[4..]))))
    })
}

/// The bit of a column.
pub(crate) fn bit(column: u32) -> u64 {
    1 << column.min(SHARED)
}

/// What a row holds, in one number that does not depend on the columns in `but` (as bits), nor on those of
/// which nothing is known; and which those are.
pub(crate) fn content(row: &[u8], but: u64) -> (u64, u64) {
    let (mut sum, mut open) = (0_u64, but);
    for (column, (piece, cell)) in (0_u32..).zip(pieces(row)) {
        let bit = bit(column);
        if cell.is_none() {
            open |= bit;
        } else if but & bit == 0 {
            sum = sum.wrapping_add(half(hash(u64::from(column) + 1, piece)));
        }
    }
    (sum, open)
}

/// Whether two rows agree in all that is known of both.
pub(crate) fn agree(one: &[u8], other: &[u8]) -> bool {
    one == other
        || pieces(one).zip(pieces(other)).all(|(one, other)| match (one.1, other.1) {
            (Some(one), Some(other)) => one == other,
            _ => owed::may_be(one, other.0) && owed::may_be(other, one.0),
        })
}

/// The values of a key, or of what of a row is known, for people.
pub(crate) fn show(row: &[u8], columns: &[(String, ColumnType)], with_names: bool) -> String {
    let mut shown = String::new();
    for ((piece, cell), (name, kind)) in pieces(row).zip(columns) {
        let missing = owed::shown(piece);
        if cell.is_none() && missing.is_none() {
            continue;
        }
        if !shown.is_empty() {
            shown.push_str(", ");
        }
        if with_names {
            let _ = write!(shown, "{name}=");
        }
        let text = match cell.flatten() {
            Some(bytes) => text(*kind, bytes),
            None => missing.unwrap_or("NULL").to_owned(),
        };
        match text.char_indices().nth(SHOWN_MAX) {
            Some((end, _)) => {
                let _ = write!(shown, "{}…", &text[..end]);
            }
            None => shown.push_str(&text),
        }
    }
    shown
}

/// The key of a row for people, by its cells; of a table without one, the whole row.
pub(crate) fn show_key(key: &[u8], table: &TableInfo) -> String {
    if table.key.is_empty() {
        return show(key, &table.columns, false);
    }
    let columns: Vec<_> = table.key.iter().map(|at| table.columns[*at].clone()).collect();
    show(key, &columns, false)
}

/// What stands for a value that a column can never hold: no type but that of bytes, which never is unfit, has one of so many.
const UNFIT: [u8; 3] = [0; 3];

/// Appends a value that is none of its type.
pub(crate) fn push_unfit(out: &mut Vec<u8>) {
    out.extend_from_slice(&3_i32.to_be_bytes());
    out.extend_from_slice(&UNFIT);
}

/// A value for people; of types that one would have to explain, its bytes.
fn text(kind: ColumnType, bytes: &[u8]) -> String {
    if bytes == UNFIT && kind != ColumnType::Bytea {
        return "(no value of its type)".to_owned();
    }
    let value = match kind {
        ColumnType::Smallint => {
            bytes.try_into().ok().map(|it| Value::Int(i16::from_be_bytes(it).into()))
        }
        ColumnType::Integer => {
            bytes.try_into().ok().map(|it| Value::Int(i32::from_be_bytes(it).into()))
        }
        ColumnType::Bigint => bytes.try_into().ok().map(|it| Value::Int(i64::from_be_bytes(it))),
        ColumnType::Boolean => bytes.first().map(|it| Value::Bool(*it != 0)),
        ColumnType::Double => bytes.try_into().ok().map(|it| Value::Float(f64::from_be_bytes(it))),
        ColumnType::Real => {
            bytes.try_into().ok().map(|it| Value::Float(f32::from_be_bytes(it).into()))
        }
        ColumnType::Uuid => bytes.try_into().ok().map(Value::Uuid),
        ColumnType::Date => bytes
            .try_into()
            .ok()
            .map(|it| Value::Date(i32::from_be_bytes(it).saturating_add(EPOCH_DAYS))),
        ColumnType::Timestamp
        | ColumnType::Timestamptz
        | ColumnType::TimestampTo(_)
        | ColumnType::TimestamptzTo(_) => bytes
            .try_into()
            .ok()
            .map(|it| Value::Timestamp(i64::from_be_bytes(it).saturating_add(EPOCH_US))),
        ColumnType::Numeric { .. } => return numeric(bytes).unwrap_or_else(|| hex(bytes)),
        ColumnType::Text
        | ColumnType::Varchar(_)
        | ColumnType::Char(_)
        | ColumnType::Citext
        | ColumnType::Json
        | ColumnType::Jsonb
        | ColumnType::Enum(_) => {
            // In no text of the server there is a NUL: what came with one was none.
            return String::from_utf8_lossy(bytes).replace('\0', "\u{fffd}");
        }
        _ => None,
    };
    let Some(value) = value else { return hex(bytes) };
    let mut out = String::new();
    write_value(value, &Action::default(), &mut out);
    out
}

fn hex(bytes: &[u8]) -> String {
    format!("\\x{}", format_hex(bytes))
}

fn numeric(bytes: &[u8]) -> Option<String> {
    let digits = match Numeric::read(bytes)? {
        Numeric::Finite(digits) => digits,
        Numeric::NotANumber => return Some("NaN".to_owned()),
        Numeric::Infinity => return Some("Infinity".to_owned()),
        Numeric::MinusInfinity => return Some("-Infinity".to_owned()),
    };
    let is_negative = digits.is_negative && digits.all().any(|(_, digit)| digit != 0);
    let mut text = String::from(if is_negative { "-" } else { "" });
    let mut whole = String::new();
    for power in (0..=digits.weight.max(0)).rev() {
        let _ = write!(whole, "{:04}", digits.at(power));
    }
    let whole = whole.trim_start_matches('0');
    text.push_str(if whole.is_empty() { "0" } else { whole });
    let mut fraction = String::new();
    for power in (digits.last()..0).rev() {
        let _ = write!(fraction, "{:04}", digits.at(power));
    }
    let fraction = fraction.trim_end_matches('0');
    if !fraction.is_empty() {
        let _ = write!(text, ".{fraction}");
    }
    Some(text)
}
