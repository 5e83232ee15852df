//! The one text form of values.

use std::fmt::Write as _;

use chrono::DateTime;
use chrono::NaiveDate;
use chrono::TimeDelta;

use crate::action::Action;
use crate::action::Value;
use crate::schema::Geometry;
use crate::schema::typed::Bound;

/// Appends a value in a form that PostgreSQL reads as the same value (NULL as nothing): for samples,
/// fingerprints and computed text.
pub fn write_value(value: Value, action: &Action, out: &mut String) {
    // Writing to a string does not fail.
    let _ = match value {
        Value::Null => Ok(()),
        Value::Bool(value) => write!(out, "{value}"),
        Value::Int(value) => write!(out, "{value}"),
        Value::Float(value) => float(value, out),
        Value::Decimal(value) => write!(out, "{value}"),
        Value::Uuid(value) => write!(out, "{}", uuid::Uuid::from_bytes(value)),
        Value::Timestamp(value) => timestamp(value, out),
        Value::Date(value) => date(value, out),
        Value::Time(value) => write!(out, "{value}"),
        Value::Interval(value) => write!(out, "{value}"),
        Value::Network(value) => write!(out, "{value}"),
        Value::Hardware(value) => write!(out, "{value}"),
        Value::Text(span) => {
            out.push_str(action.text(span));
            Ok(())
        }
        Value::Bytes(span) => {
            out.push_str("\\x");
            action.bytes(span).iter().try_for_each(|byte| write!(out, "{byte:02x}"))
        }
        Value::Bits(span) => {
            out.extend(action.bytes(span).iter().map(|bit| char::from(b'0' + bit)));
            Ok(())
        }
        Value::Shape(geometry, span) => shape(geometry, action.elements(span), out),
        Value::Array(span) => {
            array(action.elements(span), action, out);
            Ok(())
        }
        Value::Range(span, bounds) => {
            range(action.elements(span), bounds, action, out);
            Ok(())
        }
        Value::EmptyRange => write!(out, "empty"),
    };
}

fn float(value: f64, out: &mut String) -> std::fmt::Result {
    if value.is_infinite() {
        return write!(out, "{}Infinity", if value < 0.0 { "-" } else { "" });
    }
    write!(out, "{value}")
}

fn timestamp(value: i64, out: &mut String) -> std::fmt::Result {
    match (value, DateTime::from_timestamp_micros(value)) {
        (i64::MAX, _) => write!(out, "infinity"),
        (i64::MIN, _) => write!(out, "-infinity"),
        (_, Some(at)) => write!(out, "{}", at.format("%Y-%m-%d %H:%M:%S%.6f+00")),
        (_, None) => write!(out, "{value}us"),
    }
}

fn date(value: i32, out: &mut String) -> std::fmt::Result {
    let days = TimeDelta::try_days(i64::from(value)).unwrap_or_default();
    match (value, NaiveDate::default().checked_add_signed(days)) {
        (i32::MAX, _) => write!(out, "infinity"),
        (i32::MIN, _) => write!(out, "-infinity"),
        (_, Some(at)) => write!(out, "{at}"),
        (_, None) => write!(out, "{value}d"),
    }
}

fn shape(geometry: Geometry, numbers: &[Value], out: &mut String) -> std::fmt::Result {
    let number = |at: usize| match numbers.get(at) {
        Some(Value::Float(number)) => *number,
        _ => 0.0,
    };
    match geometry {
        Geometry::Point => write!(out, "({},{})", number(0), number(1)),
        Geometry::Circle => write!(out, "<({},{}),{}>", number(0), number(1), number(2)),
        Geometry::Line => write!(out, "{{{},{},{}}}", number(0), number(1), number(2)),
        Geometry::Segment | Geometry::Box | Geometry::Path | Geometry::Polygon => {
            // Boxes have no parentheses around their corners, but the server reads them.
            out.push('(');
            for at in 0..numbers.len() / 2 {
                let comma = if at == 0 { "" } else { "," };
                write!(out, "{comma}({},{})", number(2 * at), number(2 * at + 1))?;
            }
            out.push(')');
            Ok(())
        }
    }
}

fn array(elements: &[Value], action: &Action, out: &mut String) {
    out.push('{');
    for (at, element) in elements.iter().enumerate() {
        out.push_str(if at == 0 { "" } else { "," });
        if *element == Value::Null {
            out.push_str("NULL");
            continue;
        }
        let start = out.len();
        write_value(*element, action, out);
        quote(start, out);
    }
    out.push('}');
}

fn range(values: &[Value], bounds: [Bound; 2], action: &Action, out: &mut String) {
    let is_included = |bound: Bound| bound == Bound::Included;
    out.push(if is_included(bounds[0]) { '[' } else { '(' });
    for (at, value) in values.iter().enumerate() {
        out.push_str(if at == 0 { "" } else { "," });
        if *value != Value::Null {
            let start = out.len();
            write_value(*value, action, out);
            quote(start, out);
        }
    }
    out.push(if is_included(bounds[1]) { ']' } else { ')' });
}

/// Puts what stands from `start` on into double quotes, unless it is plain.
fn quote(start: usize, out: &mut String) {
    let written = &out[start..];
    let is_plain = |letter: char| letter.is_ascii_alphanumeric() || "+-.:_".contains(letter);
    let is_null = written.eq_ignore_ascii_case("null");
    if !written.is_empty() && written.chars().all(is_plain) && !is_null {
        return;
    }
    let quoted = written.replace('\\', "\\\\").replace('"', "\\\"");
    out.truncate(start);
    let _ = write!(out, "\"{quoted}\"");
}
