//! An event in Avro, with the head by which Schema Registry's clients find its schema: a byte 0, the
//! schema's number in four bytes, and the fields one behind the other.

use crate::action::Action;
use crate::action::Fault;
use crate::action::Operation;
use crate::action::Value;
use crate::action::write_value;
use crate::measure::ErrorClass;
use crate::schema::EnumType;
use crate::schema::Table;
use crate::schema::avro;
use crate::schema::avro::AvroField;
use crate::schema::avro::AvroType;
use crate::sink::Failure;
use crate::sink::event::json::cut_off;
use crate::sink::event::json::hyphenated;
use crate::units::Decimal;

/// Which of a union's types follows, null or the other one.
const IS_NULL: u8 = 0;
const IS_OTHER: u8 = 2;

/// How the events of one table are written.
#[derive(Debug, Clone)]
pub(crate) struct AvroForm {
    head: [u8; 5],
    fields: Vec<AvroField>,
}

impl AvroForm {
    /// Of a table whose schema has this number.
    pub(crate) fn new(schema: u32, table: &Table) -> Self {
        let [a, b, c, d] = schema.to_be_bytes();
        Self { head: [0, a, b, c, d], fields: avro::fields(table) }
    }

    /// Appends an event. One that is to be malformed is cut off behind its head.
    pub(crate) fn write(
        &self,
        operation: &Operation,
        action: &Action,
        out: &mut Vec<u8>,
    ) -> Result<(), Failure> {
        let start = out.len() + self.head.len();
        self.write_fields(action.values(operation), action, out)?;
        match operation.fault {
            Some(Fault::Malformed(number)) => cut_off(out, start, number),
            // `check` has seen that none of these comes.
            Some(Fault::MissingField(_) | Fault::WrongType(_) | Fault::UnknownType(_)) => {
                let message = "what a schema forbids cannot be written in Avro".to_owned();
                return Err(Failure {
                    class: ErrorClass::Data,
                    code: String::new(),
                    message,
                    is_doubtful: false,
                });
            }
            None | Some(Fault::Late(_) | Fault::OutOfOrder | Fault::Doubled) => {}
        }
        Ok(())
    }

    fn write_fields(
        &self,
        values: &[Value],
        action: &Action,
        out: &mut Vec<u8>,
    ) -> Result<(), Failure> {
        out.extend_from_slice(&self.head);
        for field in &self.fields {
            let value = values.get(field.column).copied().unwrap_or(Value::Null);
            let is_written = if field.is_nullable {
                optional(value, field.kind, action, out)
            } else {
                write(value, field.kind, action, out)
            };
            if !is_written {
                return Err(misfit(field, value));
            }
        }
        Ok(())
    }
}

fn misfit(field: &AvroField, value: Value) -> Failure {
    let message = format!("{value:?} does not fit the field `{}` of its Avro schema", field.name);
    Failure { class: ErrorClass::Data, code: String::new(), message, is_doubtful: false }
}

/// A union of null and another type.
fn optional(value: Value, kind: AvroType, action: &Action, out: &mut Vec<u8>) -> bool {
    if value == Value::Null {
        out.push(IS_NULL);
        return true;
    }
    out.push(IS_OTHER);
    write(value, kind, action, out)
}

/// Appends a value. Returns whether it is one of that type.
fn write(value: Value, kind: AvroType, action: &Action, out: &mut Vec<u8>) -> bool {
    match (kind, value) {
        (_, Value::Null) => return false,
        (AvroType::Text, Value::Text(span)) => blob(action.letters(span), out),
        (AvroType::Text, value) => {
            let mut text = String::new();
            write_value(value, action, &mut text);
            blob(text.as_bytes(), out);
        }
        (AvroType::Int, Value::Int(value)) => {
            long(value.clamp(i32::MIN.into(), i32::MAX.into()), out);
        }
        (AvroType::Long, Value::Int(value)) => long(value, out),
        (AvroType::Boolean, Value::Bool(value)) => out.push(value.into()),
        (AvroType::Float | AvroType::Double, value) => return real(value, kind, out),
        (AvroType::Bytes, Value::Bytes(span)) => blob(action.bytes(span), out),
        (AvroType::Uuid, Value::Uuid(uuid)) => {
            long(36, out);
            hyphenated(uuid, out);
        }
        (AvroType::Date, Value::Date(days)) => long(days.into(), out),
        (AvroType::Time, Value::Time(time)) => long(time.us, out),
        (AvroType::Timestamp { grain_us, .. }, Value::Timestamp(us)) => {
            long(us.saturating_sub(us.rem_euclid(grain_us)), out);
        }
        (AvroType::Decimal { scale, .. }, Value::Decimal(value)) => {
            return decimal(value, scale, out);
        }
        (AvroType::Decimal { scale, .. }, Value::Int(value)) => {
            return decimal(Decimal::from(value), scale, out);
        }
        (AvroType::Enum(of), Value::Text(span)) => return label(of, action.letters(span), out),
        (AvroType::Array(of), Value::Array(span)) => {
            let (of, elements) = (AvroType::of(*of), action.elements(span));
            if !elements.is_empty() {
                long(i64::try_from(elements.len()).unwrap_or(i64::MAX), out);
            }
            let are_written = elements.iter().all(|each| optional(*each, of, action, out));
            long(0, out);
            return are_written;
        }
        _ => return false,
    }
    true
}

#[expect(clippy::cast_precision_loss, reason = "the column holds the nearest that there is")]
#[expect(clippy::cast_possible_truncation, reason = "as above")]
fn real(value: Value, kind: AvroType, out: &mut Vec<u8>) -> bool {
    let value = match value {
        Value::Float(value) => value,
        Value::Int(value) => value as f64,
        Value::Decimal(value) => value.to_f64(),
        _ => return false,
    };
    match kind {
        AvroType::Float => out.extend_from_slice(&(value as f32).to_le_bytes()),
        _ => out.extend_from_slice(&value.to_le_bytes()),
    }
    true
}

/// The number without its point, big-endian, in as few bytes as tell its sign.
fn decimal(value: Decimal, scale: u8, out: &mut Vec<u8>) -> bool {
    let Some(value) = value.rescale(scale) else { return false };
    let bytes = value.unscaled.to_be_bytes();
    let is_spare = |pair: &[u8]| match pair[0] {
        0 => pair[1] < 0x80,
        0xff => pair[1] >= 0x80,
        _ => false,
    };
    let spare = bytes.windows(2).take_while(|pair| is_spare(pair)).count();
    blob(&bytes[spare..], out);
    true
}

fn label(of: &EnumType, text: &[u8], out: &mut Vec<u8>) -> bool {
    let found = of.labels.iter().position(|label| label.as_bytes() == text);
    let Some(number) = found.and_then(|number| i64::try_from(number).ok()) else { return false };
    long(number, out);
    true
}

fn blob(bytes: &[u8], out: &mut Vec<u8>) {
    long(i64::try_from(bytes.len()).unwrap_or(i64::MAX), out);
    out.extend_from_slice(bytes);
}

/// A whole number: its sign in the last bit, seven bits a byte, the lowest first.
fn long(value: i64, out: &mut Vec<u8>) {
    let mut left = ((value << 1) ^ (value >> 63)).cast_unsigned();
    while left >= 0x80 {
        out.push(u8::try_from(left & 0x7f).unwrap_or(0) | 0x80);
        left >>= 7;
    }
    out.push(u8::try_from(left).unwrap_or(0));
}
