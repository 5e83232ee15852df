//! Rows and statements as text: jsonl, csv, sql. For eyes and for files; nothing is connected.

use std::fmt::Write as _;
use std::sync::Arc;

use crate::action::Action;
use crate::action::Assign;
use crate::action::Assignment;
use crate::action::Catalog;
use crate::action::Change;
use crate::action::Operation;
use crate::action::StatementKind;
use crate::action::TableId;
use crate::action::Value;
use crate::action::write_value;
use crate::schema::ColumnType;
use crate::schema::Literal;
use crate::sink::event::json::Form;
use crate::sink::postgres::quote::literal;
use crate::sink::postgres::statement::sql;

/// How lines are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// One JSON object for each row or operation.
    Jsonl,
    /// Comma-separated values, quoted as in RFC 4180, with a head line for each table.
    Csv,
    /// Statements with their values, each action in BEGIN and COMMIT.
    Sql,
}

/// Writes lines, one action after the other.
#[derive(Debug)]
pub struct Lines {
    catalog: Arc<Catalog>,
    format: Format,
    /// The table of the last CSV line.
    last: Option<TableId>,
}

impl Lines {
    /// For the tables of a run.
    pub fn new(catalog: Arc<Catalog>, format: Format) -> Self {
        Self { catalog, format, last: None }
    }

    /// Writes an action, planned for so many nanoseconds after the start, with its name.
    pub fn write_action(
        &mut self,
        (planned_ns, name): (u64, &str),
        action: &Action,
        out: &mut dyn FnMut(&str),
    ) {
        let sql = self.format == Format::Sql;
        if sql {
            let count = action.operations().len();
            out(&format!("-- {name} at {:.6} s\n", crate::pace::real(planned_ns) / 1e9));
            out(if count > 1 { "BEGIN;\n" } else { "" });
        }
        for operation in action.operations() {
            let line = match self.format {
                Format::Jsonl => self.json(Some((planned_ns, name)), action, operation),
                Format::Csv => self.csv(action, operation),
                Format::Sql => self.sql(action, operation),
            };
            out(&line);
        }
        if sql && action.operations().len() > 1 {
            out("COMMIT;\n");
        }
    }

    /// Writes at most `count` inserted rows of an action. Returns how many it wrote.
    pub fn write_rows(&mut self, action: &Action, count: u64, out: &mut dyn FnMut(&str)) -> u64 {
        let mut written = 0;
        for operation in action.operations() {
            if written == count {
                break;
            }
            let line = match self.format {
                Format::Jsonl => self.json(None, action, operation),
                Format::Csv => self.csv(action, operation),
                Format::Sql => self.sql(action, operation),
            };
            out(&line);
            written += 1;
        }
        written
    }

    /// An operation's values and the columns that they stand for.
    fn values(&self, action: &Action, operation: &Operation) -> Vec<(&str, Value, ColumnType)> {
        let table = self.catalog.table(operation.table);
        let values = action.values(operation);
        let kinds = &self.catalog.statement(operation.statement).parameters;
        let name = |column: usize| table.columns[column].0.as_str();
        let changed = |set: &[Assignment]| -> Vec<usize> {
            set.iter().filter(|each| each.how.has_parameter()).map(|each| each.column).collect()
        };
        let key = || table.key.iter().copied();
        let all = 0..table.columns.len();
        let columns: Vec<usize> = match &self.catalog.statement(operation.statement).kind {
            StatementKind::Upsert { set, .. } if operation.change == Change::Update => {
                // What a new row would hold does not matter, as there is one.
                let places = changed(set).into_iter().enumerate();
                let new = places.map(|(place, column)| (column, all.end + place));
                let both = new.chain(key().map(|column| (column, column)));
                return both.map(|(column, at)| (name(column), values[at], kinds[at])).collect();
            }
            StatementKind::Insert | StatementKind::Upsert { .. } => all.collect(),
            StatementKind::Delete => key().collect(),
            StatementKind::DeleteOwned { column } => vec![*column],
            StatementKind::Update { set, .. } => changed(set).into_iter().chain(key()).collect(),
        };
        let values = values.iter().zip(kinds);
        let named = columns.into_iter().zip(values);
        named.map(|(column, (value, kind))| (name(column), *value, *kind)).collect()
    }

    /// What becomes of the old values of a row that is updated.
    fn relative(&self, operation: &Operation) -> impl Iterator<Item = &Assignment> {
        let set = match &self.catalog.statement(operation.statement).kind {
            StatementKind::Update { set, .. } => set.as_slice(),
            StatementKind::Upsert { set, .. } if operation.change == Change::Update => set,
            _ => &[],
        };
        set.iter().filter(|each| !matches!(each.how, Assign::Value))
    }

    fn json(&self, head: Option<(u64, &str)>, action: &Action, operation: &Operation) -> String {
        let table = self.catalog.table(operation.table);
        if let Some(event) = table.event {
            let form = Form::new(&table.columns, &table.hidden, event.key);
            return form.line(head, &table.name, (operation, action));
        }
        let mut object = serde_json::Map::new();
        if let Some((planned_ns, name)) = head {
            object.insert("at_ns".to_owned(), planned_ns.into());
            object.insert("action".to_owned(), name.into());
            object.insert("change".to_owned(), change_name(operation.change).into());
            object.insert(
                "table".to_owned(),
                self.catalog.table(operation.table).name.clone().into(),
            );
        }
        let mut row = serde_json::Map::new();
        for (column, value, kind) in self.values(action, operation) {
            row.insert(column.to_owned(), json_value(value, kind, action));
        }
        for Assignment { column, how } in self.relative(operation) {
            let (name, _) = &self.catalog.table(operation.table).columns[*column];
            // Where its value stands, if it has one: the order is that of the file.
            let place = row.entry(name.as_str()).or_insert(serde_json::Value::Null);
            *place = change_of(how, place.take());
        }
        if head.is_some() {
            object.insert("values".to_owned(), row.into());
        } else {
            object = row;
        }
        format!("{}\n", serde_json::Value::Object(object))
    }

    fn csv(&mut self, action: &Action, operation: &Operation) -> String {
        let mut line = String::new();
        if self.last != Some(operation.table) {
            self.last = Some(operation.table);
            let table = self.catalog.table(operation.table);
            let _ = writeln!(line, "# {}", table.name);
        }
        let shown = self.values(action, operation).into_iter();
        let (columns, values): (Vec<_>, Vec<_>) =
            shown.map(|(column, value, _)| (column, value)).unzip();
        if operation.change == Change::Insert {
            if !line.is_empty() {
                let _ = writeln!(
                    line,
                    "{}",
                    columns.iter().map(|name| csv_text(name)).collect::<Vec<_>>().join(",")
                );
            }
        } else {
            let _ = writeln!(line, "# {} by {}", change_name(operation.change), columns.join(","));
        }
        let fields: Vec<_> = values
            .iter()
            .map(|value| {
                let mut text = String::new();
                write_value(*value, action, &mut text);
                if *value == Value::Null { text } else { csv_text(&text) }
            })
            .collect();
        let _ = writeln!(line, "{}", fields.join(","));
        line
    }

    /// The statement with literals for its parameters, `$10` before `$1`.
    fn sql(&self, action: &Action, operation: &Operation) -> String {
        if self.catalog.table(operation.table).event.is_some() {
            return format!("-- {}", self.json(None, action, operation));
        }
        let template = sql(&self.catalog, self.catalog.statement(operation.statement));
        let values = action.values(operation);
        let mut text = String::new();
        let mut rest = template.as_str();
        // `$` followed by digits stands for a parameter; inside quotes it is part of a name. A quote
        // ends with the sign it began with: a name may hold an apostrophe.
        let mut quote = None;
        while let Some(letter) = rest.chars().next() {
            let digits = rest.bytes().skip(1).take_while(u8::is_ascii_digit).count();
            if letter == '$' && digits > 0 && quote.is_none() {
                let number: usize = rest[1..=digits].parse().unwrap_or(1);
                text.push_str(&sql_value(values[number - 1], action));
                rest = &rest[1 + digits..];
                continue;
            }
            quote = match quote {
                Some(open) if open == letter => None,
                None if letter == '"' || letter == '\'' => Some(letter),
                _ => quote,
            };
            text.push(letter);
            rest = &rest[letter.len_utf8()..];
        }
        text + ";\n"
    }
}

fn change_name(change: Change) -> &'static str {
    match change {
        Change::Insert => "insert",
        Change::Update => "update",
        Change::Delete => "delete",
    }
}

/// JSON and arrays stand there as such, all else as number or text.
fn json_value(value: Value, kind: ColumnType, action: &Action) -> serde_json::Value {
    match value {
        Value::Null => serde_json::Value::Null,
        Value::Bool(value) => value.into(),
        Value::Int(value) => value.into(),
        Value::Float(value) if value.is_finite() => value.into(),
        Value::Array(span) => {
            let of = if let ColumnType::Array(of) = kind { *of } else { kind };
            action.elements(span).iter().map(|element| json_value(*element, of, action)).collect()
        }
        other => {
            let mut text = String::new();
            write_value(other, action, &mut text);
            let parsed = kind.is_json().then(|| serde_json::from_str(&text).ok()).flatten();
            parsed.unwrap_or_else(|| text.into())
        }
    }
}

/// What is done to a value, in the words of the schema: `{"add": 1}`.
fn change_of(how: &Assign, by: serde_json::Value) -> serde_json::Value {
    // A number is one here, if JSON's readers do not round it.
    let number = by.as_str().filter(|text| text.len() <= 16).and_then(|text| {
        let number: serde_json::Value = serde_json::from_str(text).ok()?;
        number.is_number().then_some(number)
    });
    match how {
        Assign::Value => by,
        Assign::Add => serde_json::json!({ "add": number.unwrap_or(by) }),
        Assign::Multiply => serde_json::json!({ "multiply": number.unwrap_or(by) }),
        Assign::Append => serde_json::json!({ "append": by }),
        Assign::Toggle => serde_json::json!({ "toggle": true }),
        Assign::Next(list) => {
            let list: Vec<_> = list.iter().map(json_literal).collect();
            serde_json::json!({ "next": list })
        }
    }
}

fn json_literal(literal: &Literal) -> serde_json::Value {
    match literal {
        Literal::Null => serde_json::Value::Null,
        Literal::Bool(value) => (*value).into(),
        Literal::Int(value) => (*value).into(),
        Literal::Decimal(value) => value.to_string().into(),
        Literal::Text(text) => text.clone().into(),
    }
}

fn sql_value(value: Value, action: &Action) -> String {
    let mut text = String::new();
    write_value(value, action, &mut text);
    match value {
        Value::Null => "NULL".to_owned(),
        // A number without quotes is exact to PostgreSQL: there is none below 0 and equal to it.
        Value::Float(number)
            if !number.is_finite() || (number == 0.0 && number.is_sign_negative()) =>
        {
            literal(&text)
        }
        Value::Bool(_) | Value::Int(_) | Value::Float(_) | Value::Decimal(_) => text,
        _ => literal(&text),
    }
}

fn csv_text(text: &str) -> String {
    if text.is_empty() || text.contains([',', '"', '\n', '\r']) {
        format!("\"{}\"", text.replace('"', "\"\""))
    } else {
        text.to_owned()
    }
}
