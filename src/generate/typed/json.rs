//! JSON made of fills.

use std::fmt::Write as _;

use crate::action::Action;
use crate::action::Value;
use crate::action::write_value;
use crate::generate::column::Column;
use crate::generate::column::Row;
use crate::generate::key::Draw;
use crate::generate::typed::JsonFiller;
use crate::generate::typed::count;
use crate::generate::typed::part;
use crate::generate::world::World;

impl World {
    /// Appends a piece of JSON to `out`, which is not the arena: texts come and go there meanwhile.
    pub(super) fn json(
        &self,
        filler: &JsonFiller,
        (key, row): (u64, &Row<'_>),
        action: &mut Action,
        out: &mut String,
    ) {
        match filler {
            JsonFiller::Object(members) => {
                out.push('{');
                for (number, (name, member)) in (0_u64..).zip(members) {
                    out.push_str(if number == 0 { "" } else { ", " });
                    text(name, out);
                    out.push_str(": ");
                    let row = part(key, row, number);
                    self.json(member, (row.change, &row), action, out);
                }
                out.push('}');
            }
            JsonFiller::Array { of, min, max, null_rate } => {
                let mut draw = Draw::new(key);
                out.push('[');
                for number in 0..u64::from(count(*min, *max, &mut draw)) {
                    out.push_str(if number == 0 { "" } else { ", " });
                    if *null_rate > 0.0 && draw.unit() < *null_rate {
                        out.push_str("null");
                        continue;
                    }
                    let row = part(key, row, number);
                    self.json(of, (row.change, &row), action, out);
                }
                out.push(']');
            }
            JsonFiller::Value(column) => self.leaf(column, row, action, out),
        }
    }

    fn leaf(&self, column: &Column, row: &Row<'_>, action: &mut Action, out: &mut String) {
        let start = action.arena().len();
        let value = self.column_value(column, row, action);
        // Writing to a string does not fail.
        let _ = match value {
            Value::Null => write!(out, "null"),
            Value::Bool(value) => write!(out, "{value}"),
            Value::Int(value) => write!(out, "{value}"),
            Value::Decimal(value) => write!(out, "{value}"),
            Value::Float(value) if value.is_finite() => write!(out, "{value}"),
            Value::Text(span) if column.kind.is_json() => write!(out, "{}", action.text(span)),
            Value::Text(span) => {
                text(action.text(span), out);
                Ok(())
            }
            other => {
                let from = out.len();
                write_value(other, action, out);
                let written = out.split_off(from);
                text(&written, out);
                Ok(())
            }
        };
        action.arena().truncate(start);
    }
}

/// A text in double quotes.
pub(super) fn text(text: &str, out: &mut String) {
    out.push('"');
    for letter in text.chars() {
        match letter {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\t' => out.push_str("\\t"),
            control if u32::from(control) < 0x20 => {
                let _ = write!(out, "\\u{:04x}", u32::from(control));
            }
            plain => out.push(plain),
        }
    }
    out.push('"');
}
