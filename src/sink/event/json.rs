//! An event as one JSON object: its columns in their order, each of the JSON type that its own asks for.

mod faulty;

use std::io::Write as _;

use crate::action::Action;
use crate::action::Fault;
use crate::action::Operation;
use crate::action::TableInfo;
use crate::action::Value;
use crate::action::write_value;
use crate::schema::ColumnType;
use crate::units::DAY_US;
use crate::units::civil;

pub(super) use faulty::cut_off;

/// How the events of one table are written.
#[derive(Debug, Clone)]
pub(crate) struct Form {
    /// The number of each column, what stands before its value, `,"name":`, and its type.
    columns: Vec<(usize, Box<[u8]>, ColumnType)>,
    /// The column that is the record's key.
    key: Option<usize>,
}

impl Form {
    /// Of a table with these columns, some of which are not sent.
    pub(crate) fn new(
        columns: &[(String, ColumnType)],
        hidden: &[usize],
        key: Option<usize>,
    ) -> Self {
        let sent = columns.iter().enumerate().filter(|(number, _)| !hidden.contains(number));
        let prefixed = sent.enumerate().map(|(at, (number, (name, kind)))| {
            let mut prefix = vec![if at == 0 { b'{' } else { b',' }];
            quoted(name.as_bytes(), &mut prefix);
            prefix.push(b':');
            (number, prefix.into_boxed_slice(), *kind)
        });
        Self { columns: prefixed.collect(), key }
    }

    /// Of a table, if its rows are events.
    pub(crate) fn of(table: &TableInfo) -> Option<Self> {
        Some(Self::new(&table.columns, &table.hidden, table.event?.key))
    }

    /// Appends the event whose columns have these values.
    pub(crate) fn write(&self, values: &[Value], action: &Action, out: &mut Vec<u8>) {
        for (number, prefix, kind) in &self.columns {
            out.extend_from_slice(prefix);
            write_json(values[*number], *kind, action, out);
        }
        out.extend_from_slice(if self.columns.is_empty() { b"{}" } else { b"}" });
    }

    /// An event as a line for people: as it is sent, or with what is known of it `head`. What is no JSON
    /// stands there as text.
    pub(crate) fn line(
        &self,
        head: Option<(u64, &str)>,
        name: &str,
        (operation, action): (&Operation, &Action),
    ) -> String {
        let (mut line, mut key) = (Vec::new(), Vec::new());
        let Some((planned_ns, of)) = head else {
            self.write_event(operation, action, &mut line);
            return String::from_utf8_lossy(&line).into_owned() + "\n";
        };
        let values = action.values(operation);
        written(&mut line, format_args!("{{\"at_ns\":{planned_ns},\"action\":"));
        quoted(of.as_bytes(), &mut line);
        line.extend_from_slice(b",\"event\":");
        quoted(name.as_bytes(), &mut line);
        if self.write_key(values, action, &mut key) {
            line.extend_from_slice(b",\"key\":");
            quoted(&key, &mut line);
        }
        if let Some(fault) = operation.fault {
            written(&mut line, format_args!(",\"fault\":\"{}\"", fault.class().name()));
            if let Fault::Late(by_ns) = fault {
                written(&mut line, format_args!(",\"late_ns\":{by_ns}"));
            }
        }
        line.extend_from_slice(b",\"value\":");
        let mut event = Vec::new();
        self.write_event(operation, action, &mut event);
        match operation.fault {
            Some(Fault::Malformed(_)) => quoted(&event, &mut line),
            _ => line.extend_from_slice(&event),
        }
        line.extend_from_slice(b"}\n");
        String::from_utf8_lossy(&line).into_owned()
    }

    /// Appends the record's key: the text of its column's value. Returns whether there is one.
    pub(crate) fn write_key(&self, values: &[Value], action: &Action, out: &mut Vec<u8>) -> bool {
        let value = self.key.and_then(|key| values.get(key));
        value.is_some_and(|value| write_text(*value, action, out))
    }
}

/// Appends a value as plain text, as a key has it. Returns whether it is any.
pub(crate) fn write_text(value: Value, action: &Action, out: &mut Vec<u8>) -> bool {
    match value {
        Value::Null => return false,
        Value::Text(span) => out.extend_from_slice(action.letters(span)),
        Value::Uuid(uuid) => hyphenated(uuid, out),
        value => {
            let mut text = String::new();
            write_value(value, action, &mut text);
            out.extend_from_slice(text.as_bytes());
        }
    }
    true
}

/// Appends a value as JSON: numbers and booleans as such, what JSON has no type for as text.
pub(crate) fn write_json(value: Value, kind: ColumnType, action: &Action, out: &mut Vec<u8>) {
    match value {
        Value::Null => out.extend_from_slice(b"null"),
        Value::Bool(true) => out.extend_from_slice(b"true"),
        Value::Bool(false) => out.extend_from_slice(b"false"),
        Value::Int(value) => written(out, format_args!("{value}")),
        Value::Float(value) if value.is_finite() => written(out, format_args!("{value}")),
        Value::Decimal(value) => written(out, format_args!("{value}")),
        Value::Uuid(value) => in_quotes(out, |out| hyphenated(value, out)),
        Value::Timestamp(value) if is_ordinary(value) => {
            in_quotes(out, |out| timestamp(value, kind, out));
        }
        Value::Text(span) if kind.is_json() => out.extend_from_slice(action.letters(span)),
        Value::Text(span) => quoted(action.letters(span), out),
        Value::Array(span) => {
            let of = if let ColumnType::Array(of) = kind { *of } else { kind };
            for (at, element) in action.elements(span).iter().enumerate() {
                out.push(if at == 0 { b'[' } else { b',' });
                write_json(*element, of, action, out);
            }
            out.extend_from_slice(if action.elements(span).is_empty() { b"[]" } else { b"]" });
        }
        other => {
            let mut text = String::new();
            write_value(other, action, &mut text);
            quoted(text.as_bytes(), out);
        }
    }
}

fn written(out: &mut Vec<u8>, text: std::fmt::Arguments<'_>) {
    // Writing to memory does not fail.
    let _ = out.write_fmt(text);
}

fn in_quotes(out: &mut Vec<u8>, write: impl FnOnce(&mut Vec<u8>)) {
    out.push(b'"');
    write(out);
    out.push(b'"');
}

/// Text as JSON has it.
pub(crate) fn quoted(text: &[u8], out: &mut Vec<u8>) {
    out.push(b'"');
    if is_plain(text) {
        out.extend_from_slice(text);
    } else {
        for byte in text {
            match byte {
                b'"' => out.extend_from_slice(b"\\\""),
                b'\\' => out.extend_from_slice(b"\\\\"),
                b'\n' => out.extend_from_slice(b"\\n"),
                b'\r' => out.extend_from_slice(b"\\r"),
                b'\t' => out.extend_from_slice(b"\\t"),
                0..b' ' => written(out, format_args!("\\u{byte:04x}")),
                byte => out.push(*byte),
            }
        }
    }
    out.push(b'"');
}

/// Whether text stands in JSON as it is. All of it is looked at, whatever is found: so the compiler looks at
/// many bytes at a time.
fn is_plain(text: &[u8]) -> bool {
    let is_odd =
        |byte: u8| u8::from(byte < b' ') | u8::from(byte == b'"') | u8::from(byte == b'\\');
    text.iter().fold(0, |so_far, byte| so_far | is_odd(*byte)) == 0
}

/// Appends a UUID as text.
pub(super) fn hyphenated(uuid: [u8; 16], out: &mut Vec<u8>) {
    let mut text = [0; uuid::fmt::Hyphenated::LENGTH];
    let text = uuid::Uuid::from_bytes(uuid).as_hyphenated().encode_lower(&mut text);
    out.extend_from_slice(text.as_bytes());
}

/// Whether a moment is neither infinite nor in a year of other than four digits.
fn is_ordinary(us: i64) -> bool {
    const YEAR_0: i64 = -719_528 * DAY_US;
    const YEAR_10_000: i64 = 2_932_897 * DAY_US;
    (YEAR_0..YEAR_10_000).contains(&us)
}

/// `2026-01-31T08:15:00.250000Z`, RFC 3339, of a type with a zone; `2026-01-31 08:15:00.250000` of
/// one without. As many digits behind the point as the type keeps.
fn timestamp(us: i64, kind: ColumnType, out: &mut Vec<u8>) {
    let (digits, has_zone) = match kind {
        ColumnType::Timestamp => (6, false),
        ColumnType::TimestampTo(digits) => (usize::from(digits), false),
        ColumnType::TimestamptzTo(digits) => (usize::from(digits), true),
        _ => (6, true),
    };
    let (year, month, day) = civil(us.div_euclid(DAY_US));
    let in_day = us.rem_euclid(DAY_US);
    let (seconds, fraction) = (in_day / 1_000_000, in_day % 1_000_000);
    let separator = if has_zone { b'T' } else { b' ' };
    number(year, 4, out);
    for (before, part) in [
        (b'-', month),
        (b'-', day),
        (separator, seconds / 3600),
        (b':', seconds / 60 % 60),
        (b':', seconds % 60),
    ] {
        out.push(before);
        number(part, 2, out);
    }
    if digits > 0 {
        out.push(b'.');
        let start = out.len();
        number(fraction, 6, out);
        out.truncate(start + digits);
    }
    if has_zone {
        out.push(b'Z');
    }
}

/// A number above 0 in so many digits.
fn number(mut value: i64, digits: usize, out: &mut Vec<u8>) {
    let start = out.len();
    out.resize(start + digits, b'0');
    for digit in out[start..].iter_mut().rev() {
        *digit += u8::try_from(value % 10).unwrap_or(0);
        value /= 10;
    }
}

#[cfg(test)]
mod tests {
    use chrono::DateTime;
    use proptest::prelude::*;

    use super::*;

    fn text_of(us: i64, kind: ColumnType) -> String {
        let mut out = Vec::new();
        write_json(Value::Timestamp(us), kind, &Action::default(), &mut out);
        String::from_utf8(out).unwrap()
    }

    proptest! {
        /// Any moment of four-digit years, as chrono writes it.
        #[test]
        fn moments_are_rfc_3339(us in -719_528 * DAY_US..2_932_897 * DAY_US) {
            let at = DateTime::from_timestamp_micros(us).unwrap();
            let zoned = at.format("\"%Y-%m-%dT%H:%M:%S%.6fZ\"").to_string();
            prop_assert_eq!(text_of(us, ColumnType::Timestamptz), zoned);
            let plain = at.format("\"%Y-%m-%d %H:%M:%S%.3f\"").to_string();
            prop_assert_eq!(text_of(us, ColumnType::TimestampTo(3)), plain);
        }

        /// Any text is read back as it was.
        #[test]
        fn text_comes_back(text in any::<String>()) {
            let mut out = Vec::new();
            quoted(text.as_bytes(), &mut out);
            prop_assert_eq!(serde_json::from_slice::<String>(&out).unwrap(), text);
        }
    }

    #[test]
    fn values_have_the_json_type_of_their_column() {
        let mut action = Action::default();
        let start = action.arena().len();
        action.arena().push_str("say \"hi\"\u{1}");
        let text = action.text_from(start);
        let columns = [
            ("n", ColumnType::Bigint, Value::Int(-7)),
            ("x", ColumnType::Double, Value::Float(0.5)),
            ("none", ColumnType::Double, Value::Null),
            ("nan", ColumnType::Double, Value::Float(f64::NAN)),
            ("b", ColumnType::Boolean, Value::Bool(true)),
            ("t", ColumnType::Text, text),
            ("u", ColumnType::Uuid, Value::Uuid([0x11; 16])),
            ("d", ColumnType::Date, Value::Date(0)),
        ];
        let named: Vec<_> =
            columns.iter().map(|(name, kind, _)| ((*name).to_owned(), *kind)).collect();
        let values: Vec<_> = columns.iter().map(|(_, _, value)| *value).collect();
        let form = Form::new(&named, &[], Some(6));
        let (mut out, mut key) = (Vec::new(), Vec::new());
        form.write(&values, &action, &mut out);
        assert_eq!(
            String::from_utf8(out).unwrap(),
            "{\"n\":-7,\"x\":0.5,\"none\":null,\"nan\":\"NaN\",\"b\":true,\
             \"t\":\"say \\\"hi\\\"\\u0001\",\"u\":\"11111111-1111-1111-1111-111111111111\",\
             \"d\":\"1970-01-01\"}"
        );
        assert!(form.write_key(&values, &action, &mut key));
        assert_eq!(key, b"11111111-1111-1111-1111-111111111111");
    }
}
