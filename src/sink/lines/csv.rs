//! Rows between commas, as RFC 4180 has it. What happens to a row stands first: `op`, the action, its time in
//! the data, and of an update the columns that it changes; then all columns of the table, of which an update
//! fills those of the key and those that it changes, and a delete those of the key.

use crate::action::Action;
use crate::action::Assign;
use crate::action::TableInfo;
use crate::action::Value;
use crate::action::write_value;
use crate::sink::lines::csv_text;
use crate::sink::lines::forms::Line;
use crate::sink::lines::shape::Changed;
use crate::sink::lines::shape::Shape;

/// A table as it stands in its file.
#[derive(Debug)]
pub(super) struct Table {
    columns: Vec<String>,
}

impl Table {
    pub(super) fn of(table: &TableInfo) -> Self {
        Self { columns: table.columns.iter().map(|(name, _)| name.clone()).collect() }
    }

    /// The first line.
    pub(super) fn head(&self) -> Vec<u8> {
        let own = self.columns.iter().map(|name| csv_text(name));
        let first = ["op", "action", "at", "changed"].map(str::to_owned).into_iter();
        (first.chain(own).collect::<Vec<_>>().join(",") + "\n").into_bytes()
    }
}

/// Appends a line. `name` appends the action's name in quotes, if it has one.
pub(super) fn write_csv(
    table: &Table,
    shape: &Shape,
    line: &Line<'_>,
    name: impl FnOnce(&mut Vec<u8>) -> bool,
    out: &mut Vec<u8>,
) {
    out.extend_from_slice(line.op.as_bytes());
    out.push(b',');
    name(out);
    out.push(b',');
    if line.origin.is_some() {
        line.write_at(out);
    }
    out.push(b',');
    if line.op == "update" {
        out.extend_from_slice(csv_text(&changed(table, shape)).as_bytes());
    }
    for column in 0..table.columns.len() {
        out.push(b',');
        let changes = shape.changes.iter().filter(|it| it.how.has_parameter());
        let fields = shape.values.iter().chain(&shape.key).chain(changes.map(|it| &it.field));
        if let Some(field) = { fields }.find(|field| field.column == column) {
            write_field(line.values[field.place], line.action, out);
        }
    }
    out.push(b'\n');
}

/// The names of the columns that an update sets, and of those that it changes with how.
fn changed(table: &Table, shape: &Shape) -> String {
    let set = shape.values.iter().map(|field| table.columns[field.column].clone());
    let changed = shape.changes.iter().map(|Changed { field, how }| {
        let how = match how {
            Assign::Value => "set",
            Assign::Add => "add",
            Assign::Multiply => "multiply",
            Assign::Append => "append",
            Assign::Toggle => "toggle",
            Assign::Next(_) => "next",
        };
        format!("{}:{how}", table.columns[field.column])
    });
    set.chain(changed).collect::<Vec<_>>().join(" ")
}

/// NULL is nothing, an empty text is `""`.
fn write_field(value: Value, action: &Action, out: &mut Vec<u8>) {
    match value {
        Value::Null => {}
        Value::Int(value) => out.extend_from_slice(value.to_string().as_bytes()),
        Value::Text(span) => {
            let text = action.letters(span);
            let is_odd = |byte: &u8| matches!(byte, b',' | b'"' | b'\n' | b'\r');
            if !text.is_empty() && !text.iter().any(is_odd) {
                out.extend_from_slice(text);
            } else {
                out.extend_from_slice(csv_text(action.text(span)).as_bytes());
            }
        }
        other => {
            let mut text = String::new();
            write_value(other, action, &mut text);
            out.extend_from_slice(csv_text(&text).as_bytes());
        }
    }
}
