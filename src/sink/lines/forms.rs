//! How rows become lines, made once for each statement of a run: see [`Forms`].

use std::sync::Arc;

use crate::action::Action;
use crate::action::Catalog;
use crate::action::Change;
use crate::action::Operation;
use crate::action::Origin;
use crate::action::Statement;
use crate::action::StatementKind;
use crate::action::TableId;
use crate::action::Value;
use crate::scenario::LinesFormat;
use crate::schema::ColumnType;
use crate::sink::event::json::quoted;
use crate::sink::event::json::write_json;
use crate::sink::lines::Piece;
use crate::sink::lines::change_of;
use crate::sink::lines::csv::Table as CsvTable;
use crate::sink::lines::csv::write_csv;
use crate::sink::lines::json_value;
use crate::sink::lines::pieces;
use crate::sink::lines::shape::Shape;
use crate::sink::lines::write_sql;
use crate::sink::postgres::statement::sql;

/// Rows of an INSERT that seeds.
const ROWS_IN_STATEMENT: u32 = 100;

/// How all that goes to one target is written.
#[derive(Debug)]
pub(crate) struct Forms {
    format: LinesFormat,
    /// What each series is called, as JSON has it, without the last quote.
    series: Vec<Box<[u8]>>,
    /// By table; `None` for those that do not go there.
    tables: Vec<Option<TableForm>>,
    /// By statement.
    statements: Vec<Option<StatementForm>>,
}

/// How the rows of a table are written.
#[derive(Debug)]
struct TableForm {
    /// The number of its file.
    file: usize,
    /// `"domain.table"`
    name: Box<[u8]>,
    csv: CsvTable,
    /// `INSERT INTO … VALUES`
    insert: Box<[u8]>,
}

/// How what a statement does is written.
#[derive(Debug)]
enum StatementForm {
    /// As one that inserts, and as one that changes or deletes.
    Row(Shape, Shape),
    Sql(Vec<Piece>),
}

/// What is to be written: bytes by file.
#[derive(Debug, Default)]
pub(crate) struct Blocks {
    files: Vec<Vec<u8>>,
    size: usize,
}

impl Blocks {
    /// The end of a file's bytes.
    fn of(&mut self, file: usize) -> &mut Vec<u8> {
        if self.files.len() <= file {
            self.files.resize_with(file + 1, Vec::new);
        }
        &mut self.files[file]
    }

    /// How many bytes there are.
    pub(crate) fn size(&self) -> usize {
        self.size
    }

    /// Appends text to a file.
    pub(crate) fn push(&mut self, file: usize, text: &[u8]) {
        self.of(file).extend_from_slice(text);
        self.size += text.len();
    }

    /// Takes all of them.
    pub(crate) fn take(&mut self) -> Vec<(usize, Vec<u8>)> {
        self.size = 0;
        let files = self.files.iter_mut().enumerate().filter(|(_, bytes)| !bytes.is_empty());
        files.map(|(file, bytes)| (file, std::mem::take(bytes))).collect()
    }
}

impl Forms {
    /// Of a run whose series have these names. `place_of` tells the number of the file of a table and the
    /// domain's name, if its rows are written.
    pub(crate) fn new(
        catalog: &Catalog,
        series: &[String],
        format: LinesFormat,
        place_of: impl Fn(TableId) -> Option<(usize, String)>,
    ) -> Self {
        let tables: Vec<Option<TableForm>> = (0..catalog.tables.len())
            .map(|number| {
                let table = &catalog.tables[number];
                let (file, domain) = place_of(TableId::of(number))?;
                let mut name = Vec::new();
                quoted(format!("{domain}.{}", table.name).as_bytes(), &mut name);
                let insert = Statement {
                    table: TableId::of(number),
                    kind: StatementKind::Insert,
                    parameters: Vec::new(),
                };
                let insert = sql(catalog, &insert);
                let head = insert.split_inclusive(" VALUES ").next().unwrap_or_default();
                Some(TableForm {
                    file,
                    name: name.into(),
                    csv: CsvTable::of(table),
                    insert: head.trim_end().as_bytes().into(),
                })
            })
            .collect();
        let statements = catalog.statements.iter().map(|statement| {
            let number = usize::from(statement.table.0);
            let table = tables[number].as_ref().map(|_| &catalog.tables[number])?;
            let other = match statement.kind {
                StatementKind::Delete | StatementKind::DeleteOwned { .. } => Change::Delete,
                _ => Change::Update,
            };
            Some(match format {
                LinesFormat::Sql => StatementForm::Sql(pieces(&sql(catalog, statement))),
                LinesFormat::Jsonl | LinesFormat::Csv => StatementForm::Row(
                    Shape::of(table, statement, Change::Insert),
                    Shape::of(table, statement, other),
                ),
            })
        });
        let statements = statements.collect();
        let series = series.iter().map(|name| {
            let mut text = Vec::new();
            quoted(name.as_bytes(), &mut text);
            text.pop();
            text.into()
        });
        Self { format, series: series.collect(), tables, statements }
    }

    /// The file of a table.
    pub(crate) fn file_of(&self, table: TableId) -> Option<usize> {
        Some(self.tables.get(usize::from(table.0))?.as_ref()?.file)
    }

    /// What each file of a table begins with.
    pub(crate) fn head(&self, table: TableId) -> Vec<u8> {
        let form = self.tables.get(usize::from(table.0)).and_then(Option::as_ref);
        match (self.format, form) {
            (LinesFormat::Csv, Some(form)) => form.csv.head(),
            _ => Vec::new(),
        }
    }

    /// Appends what an action does.
    pub(crate) fn write(&self, action: &Action, blocks: &mut Blocks) {
        let is_many = self.format == LinesFormat::Sql && action.operations().len() > 1;
        let file = action.operations().iter().find_map(|each| self.file_of(each.table));
        let Some(file) = file else { return };
        if is_many {
            blocks.push(file, b"BEGIN;\n");
        }
        for (number, operation) in action.operations().iter().enumerate() {
            self.write_operation((number, operation), action, blocks);
        }
        if is_many {
            blocks.push(file, b"COMMIT;\n");
        }
    }

    fn write_operation(
        &self,
        (number, operation): (usize, &Operation),
        action: &Action,
        blocks: &mut Blocks,
    ) {
        let Some(table) = &self.tables[usize::from(operation.table.0)] else { return };
        let out = blocks.of(table.file);
        let before = out.len();
        let values = action.values(operation);
        if let Some(form) = &self.statements[usize::from(operation.statement.0)] {
            match form {
                StatementForm::Sql(pieces) => write_pieces(pieces, values, action, out),
                StatementForm::Row(insert, other) => {
                    let (shape, op) = match operation.change {
                        Change::Insert => (insert, "insert"),
                        Change::Update => (other, "update"),
                        Change::Delete => (other, "delete"),
                    };
                    let line = Line {
                        op,
                        origin: Some(action.origin_of(number)),
                        rows: operation.rows,
                        values,
                        action,
                    };
                    self.write_line(table, shape, &line, out);
                }
            }
        }
        let more = out.len() - before;
        blocks.size += more;
    }

    fn write_line(&self, table: &TableForm, shape: &Shape, line: &Line<'_>, out: &mut Vec<u8>) {
        match self.format {
            LinesFormat::Csv => write_csv(&table.csv, shape, line, |out| self.name(line, out), out),
            LinesFormat::Jsonl | LinesFormat::Sql => {
                self.write_object(table, shape, line, out);
            }
        }
    }

    /// Appends the name of an action, `shop/17`, in quotes.
    fn name(&self, line: &Line<'_>, out: &mut Vec<u8>) -> bool {
        let Some(origin) = line.origin else { return false };
        let name: &[u8] = self.series.get(usize::from(origin.series)).map_or(b"\"", |name| name);
        out.extend_from_slice(name);
        let slot = match origin.hop {
            0 => format!("/{}\"", origin.slot),
            hop => format!("/{}.{hop}\"", origin.slot),
        };
        out.extend_from_slice(slot.as_bytes());
        true
    }

    fn write_object(&self, table: &TableForm, shape: &Shape, line: &Line<'_>, out: &mut Vec<u8>) {
        out.extend_from_slice(b"{\"op\":\"");
        out.extend_from_slice(line.op.as_bytes());
        out.extend_from_slice(b"\",\"table\":");
        out.extend_from_slice(&table.name);
        out.extend_from_slice(b",\"action\":");
        if !self.name(line, out) {
            out.extend_from_slice(b"null");
        }
        out.extend_from_slice(b",\"at\":");
        line.write_at(out);
        for (word, fields) in [("key", &shape.key), ("values", &shape.values)] {
            if fields.is_empty() {
                continue;
            }
            out.extend_from_slice(format!(",\"{word}\":").as_bytes());
            for (at, field) in fields.iter().enumerate() {
                out.push(if at == 0 { b'{' } else { b',' });
                out.extend_from_slice(&field.name);
                write_json(line.values[field.place], field.kind, line.action, out);
            }
            out.push(b'}');
        }
        if !shape.changes.is_empty() {
            write_changes(shape, line, out);
        }
        if line.rows != 1 {
            out.extend_from_slice(format!(",\"rows\":{}", line.rows).as_bytes());
        }
        out.extend_from_slice(b"}\n");
    }
}

fn write_changes(shape: &Shape, line: &Line<'_>, out: &mut Vec<u8>) {
    out.extend_from_slice(b",\"changes\":");
    for (at, changed) in shape.changes.iter().enumerate() {
        out.push(if at == 0 { b'{' } else { b',' });
        out.extend_from_slice(&changed.field.name);
        let by = line.values.get(changed.field.place).filter(|_| changed.how.has_parameter());
        let by = by
            .map_or(serde_json::Value::Null, |by| json_value(*by, changed.field.kind, line.action));
        out.extend_from_slice(change_of(&changed.how, by).to_string().as_bytes());
    }
    out.push(b'}');
}

/// What a line tells of.
#[derive(Debug)]
pub(super) struct Line<'a> {
    /// `seed`, `insert`, `update` or `delete`.
    pub(super) op: &'static str,
    /// Whose it is; nobody's if it is seeded.
    pub(super) origin: Option<&'a Origin>,
    /// How many rows.
    pub(super) rows: u32,
    pub(super) values: &'a [Value],
    pub(super) action: &'a Action,
}

impl Line<'_> {
    /// Appends its time in the data, as JSON has it.
    pub(super) fn write_at(&self, out: &mut Vec<u8>) {
        let at = self.origin.map_or(Value::Null, |origin| Value::Timestamp(origin.at_us));
        write_json(at, ColumnType::Timestamptz, self.action, out);
    }
}

/// Appends a statement with literals for its parameters.
fn write_pieces(pieces: &[Piece], values: &[Value], action: &Action, out: &mut Vec<u8>) {
    for Piece { text, place } in pieces {
        out.extend_from_slice(text.as_bytes());
        if let Some(value) = place.and_then(|place| values.get(place)) {
            write_sql(*value, action, out);
        }
    }
    out.extend_from_slice(b";\n");
}

/// Rows of one table that are seeded, on their way into its file.
#[derive(Debug)]
pub(crate) struct SeededRows {
    forms: Arc<Forms>,
    table: TableId,
    /// Rows of the statement that is not ended yet.
    open: u32,
}

impl SeededRows {
    /// None yet.
    pub(crate) fn of(forms: &Arc<Forms>, table: TableId) -> Self {
        Self { forms: Arc::clone(forms), table, open: 0 }
    }

    /// Appends the inserts of an action. Returns how many there were.
    pub(crate) fn write(&mut self, action: &Action, blocks: &mut Blocks) -> u64 {
        let forms = Arc::clone(&self.forms);
        let mut count = 0;
        for operation in action.operations() {
            let number = usize::from(operation.table.0);
            let Some(table) =
                forms.tables[number].as_ref().filter(|_| operation.table == self.table)
            else {
                continue;
            };
            count += 1;
            let values = action.values(operation);
            let statement = &forms.statements[usize::from(operation.statement.0)];
            let out = blocks.of(table.file);
            let before = out.len();
            match statement {
                Some(StatementForm::Row(insert, _)) => {
                    let line = Line { op: "seed", origin: None, rows: 1, values, action };
                    forms.write_line(table, insert, &line, out);
                }
                Some(StatementForm::Sql(_)) => {
                    if self.open == 0 {
                        out.extend_from_slice(&table.insert);
                    }
                    out.extend_from_slice(if self.open == 0 { b"\n(" } else { b",\n(" });
                    for (at, value) in values.iter().enumerate() {
                        out.extend_from_slice(if at == 0 { b"" } else { b", " });
                        write_sql(*value, action, out);
                    }
                    out.push(b')');
                    self.open += 1;
                }
                None => {}
            }
            let more = out.len() - before;
            blocks.size += more;
            if self.open == ROWS_IN_STATEMENT {
                self.end(blocks);
            }
        }
        count
    }

    /// Ends what is not ended.
    pub(crate) fn end(&mut self, blocks: &mut Blocks) {
        if let Some(file) = self.forms.file_of(self.table).filter(|_| self.open > 0) {
            blocks.push(file, b";\n");
        }
        self.open = 0;
    }
}
