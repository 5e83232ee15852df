//! What a fault makes of an event's JSON.

use crate::action::Action;
use crate::action::Fault;
use crate::action::Operation;
use crate::action::Value;
use crate::schema::ColumnType;
use crate::sink::event::json::Form;
use crate::sink::event::json::quoted;
use crate::sink::event::json::write_json;
use crate::sink::event::json::write_text;

/// The type of an event that nobody knows.
const UNKNOWN_EVENT: &str = "unknown_event";

impl Form {
    /// Appends an event as it is sent, with what is wrong with it.
    pub(crate) fn write_event(&self, operation: &Operation, action: &Action, out: &mut Vec<u8>) {
        let values = action.values(operation);
        match operation.fault {
            None | Some(Fault::Late(_) | Fault::OutOfOrder | Fault::Doubled) => {
                self.write(values, action, out);
            }
            Some(Fault::Malformed(number)) => {
                let start = out.len();
                self.write(values, action, out);
                cut_off(out, start, number);
            }
            Some(Fault::MissingField(column)) => {
                self.write_altered(values, action, (usize::from(column), None), out);
            }
            Some(Fault::WrongType(column)) => {
                let write: Alter = wrong_type;
                self.write_altered(values, action, (usize::from(column), Some(write)), out);
            }
            Some(Fault::UnknownType(column)) => {
                let write: Alter = |_, _, _, out| quoted(UNKNOWN_EVENT.as_bytes(), out);
                self.write_altered(values, action, (usize::from(column), Some(write)), out);
            }
        }
    }

    /// The object with one column written otherwise, or left out.
    fn write_altered(
        &self,
        values: &[Value],
        action: &Action,
        (altered, write): (usize, Option<Alter>),
        out: &mut Vec<u8>,
    ) {
        let mut before = b'{';
        for (number, prefix, kind) in &self.columns {
            if *number == altered && write.is_none() {
                continue;
            }
            out.push(before);
            out.extend_from_slice(prefix.get(1..).unwrap_or_default());
            match write.filter(|_| *number == altered) {
                Some(write) => write(values[*number], *kind, action, out),
                None => write_json(values[*number], *kind, action, out),
            }
            before = b',';
        }
        out.extend_from_slice(if before == b'{' { b"{}" } else { b"}" });
    }
}

/// Writes a value otherwise than it should be.
type Alter = fn(Value, ColumnType, &Action, &mut Vec<u8>);

/// Numbers and booleans as text, null as an empty list, all else as the number 0.
fn wrong_type(value: Value, kind: ColumnType, action: &Action, out: &mut Vec<u8>) {
    let mut plain = Vec::new();
    match value {
        Value::Null => out.extend_from_slice(b"[]"),
        Value::Float(number) if !number.is_finite() => out.push(b'0'),
        Value::Bool(_) | Value::Int(_) | Value::Float(_) | Value::Decimal(_) => {
            write_json(value, kind, action, &mut plain);
            quoted(&plain, out);
        }
        // JSON may be of any type, also a number.
        Value::Text(span) if kind.is_json() && !action.letters(span).starts_with(b"\"") => {
            write_text(value, action, &mut plain);
            quoted(&plain, out);
        }
        _ => out.push(b'0'),
    }
}

/// Leaves something of an object, and never all of it: so it is no JSON. Letters stay whole.
pub(in crate::sink::event) fn cut_off(out: &mut Vec<u8>, start: usize, number: u64) {
    let length = out.len().saturating_sub(start);
    let most = u64::try_from(length.saturating_sub(1)).unwrap_or(0).max(1);
    let mut left = usize::try_from(number % most).unwrap_or(0) + 1;
    let is_inner = |byte: &u8| byte & 0b1100_0000 == 0b1000_0000;
    while left > 1 && out.get(start + left).is_some_and(is_inner) {
        left -= 1;
    }
    out.truncate(start + left);
}

#[cfg(test)]
mod tests {
    use serde_json::Value as Json;
    use serde_json::json;

    use super::*;
    use crate::action::Change;
    use crate::action::Shape;
    use crate::action::StatementId;
    use crate::action::TableId;

    /// An event of some columns, with a fault.
    fn written(fault: Fault) -> Vec<u8> {
        let mut action = Action::default();
        let start = action.arena().len();
        action.arena().push_str("küche \"7\"");
        let text = action.text_from(start);
        let columns = [
            ("hidden", ColumnType::Bigint, Value::Int(1)),
            ("kind", ColumnType::Text, text),
            ("count", ColumnType::Bigint, Value::Int(-7)),
            ("ok", ColumnType::Boolean, Value::Bool(true)),
            ("none", ColumnType::Double, Value::Null),
        ];
        let first = action.value_count();
        for (_, _, value) in &columns {
            action.push(*value);
        }
        let (table, statement) = (TableId(0), StatementId(0));
        action.finish(first, Shape { table, change: Change::Insert, statement, rows: 1 });
        action.fault_last(fault);
        let named = columns.map(|(name, kind, _)| (name.to_owned(), kind));
        let mut out = b"before".to_vec();
        let last = *action.operations().last().unwrap();
        Form::new(&named, &[0], None).write_event(&last, &action, &mut out);
        out.drain(..6);
        out
    }

    fn json(fault: Fault) -> Json {
        serde_json::from_slice(&written(fault)).unwrap()
    }

    #[test]
    fn one_field_is_wrong_and_the_others_stay() {
        let right = json!({ "kind": "küche \"7\"", "count": -7, "ok": true, "none": null });
        for fault in [Fault::Late(1), Fault::OutOfOrder, Fault::Doubled] {
            assert_eq!(json(fault), right);
        }
        let with = |name: &str, value: Json| {
            let mut other = right.clone();
            other[name] = value;
            other
        };
        assert_eq!(json(Fault::WrongType(1)), with("kind", json!(0)));
        assert_eq!(json(Fault::WrongType(2)), with("count", json!("-7")));
        assert_eq!(json(Fault::WrongType(3)), with("ok", json!("true")));
        assert_eq!(json(Fault::WrongType(4)), with("none", json!([])));
        assert_eq!(json(Fault::UnknownType(1)), with("kind", json!("unknown_event")));
        for (column, name) in [(1, "kind"), (2, "count"), (4, "none")] {
            let mut without = right.clone();
            without.as_object_mut().unwrap().remove(name);
            assert_eq!(json(Fault::MissingField(column)), without);
        }
    }

    #[test]
    fn what_is_cut_off_is_never_json() {
        let whole = written(Fault::Doubled);
        let mut lengths = std::collections::BTreeSet::new();
        for number in 0..1_000 {
            let cut = written(Fault::Malformed(number * 7_919));
            assert!(whole.starts_with(&cut) && !cut.is_empty() && cut.len() < whole.len());
            assert!(serde_json::from_slice::<Json>(&cut).is_err());
            assert!(std::str::from_utf8(&cut).is_ok());
            lengths.insert(cut.len());
        }
        assert!(lengths.len() > whole.len() / 2, "{lengths:?}");
    }
}
