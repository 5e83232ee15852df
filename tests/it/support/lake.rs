//! A lake that a test writes: a folder with an Iceberg table for each table of a database, to which commits append
//! the changes that a connector hands over. To one data file it does what it is told.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::atomic::AtomicBool;
use std::sync::atomic::Ordering;
use std::thread::JoinHandle;
use std::time::Duration;

use parquet::data_type::BoolType;
use parquet::data_type::ByteArrayType;
use parquet::data_type::Int64Type;
use parquet::file::properties::WriterProperties;
use parquet::file::writer::SerializedFileWriter;
use parquet::schema::parser::parse_message_type;
use serde_json::Value;
use serde_json::json;

use super::connector::Change;
use super::iceberg::Table;

/// From one commit to the next.
const COMMIT: Duration = Duration::from_millis(300);
/// Data files of orders before the one that is spoilt.
const BEFORE: u64 = 5;
/// All that was committed is read by then: the observer looks five times a second.
const READ: Duration = Duration::from_secs(2);
/// The same, in commits.
const LATER: u32 = 6;

/// What befalls one data file of orders.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Harm {
    Nothing,
    /// It is not there.
    Remove,
    /// It ends too early.
    Cut,
    /// Its bytes are others.
    Scribble,
    /// It goes once it was read.
    RemoveLater,
    /// Its snapshot and one that puts all rows into one file come at once.
    Compact,
    /// What was read is put into one file, and one that is merged with that comes at once; later the old ones go.
    CompactAppend,
    /// The same, and all snapshots but the newest expire before anybody sees them.
    CompactExpire,
    /// It comes, is put into another, and expires, before anybody sees that.
    CompactUnread,
    /// It is put into another at once, and goes.
    CompactRemove,
    /// What was read is put into one file, which goes.
    CompactLose,
    /// What was read is put into one file, but for a row.
    CompactShort,
    /// It comes in two snapshots, of which the first expires.
    Expire,
    /// The same, and no earlier metadata says what that was.
    ExpireForgotten,
    /// A snapshot takes it out of the table once it was read.
    Delete,
    /// Once it was read the table is set back to what was before it.
    SetBack,
}

/// At work until it is dropped.
pub(crate) struct Lake {
    waiting: Arc<Mutex<Vec<(String, String, Value)>>>,
    /// The keys in the file that was spoilt, a line each.
    harmed: Arc<Mutex<Vec<String>>>,
    is_over: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Lake {
    pub(crate) fn start(folder: &Path, harm: Harm) -> Self {
        let waiting = Arc::<Mutex<Vec<(String, String, Value)>>>::default();
        let (harmed, is_over) =
            (Arc::<Mutex<Vec<String>>>::default(), Arc::<AtomicBool>::default());
        let mut writer = Writer {
            folder: folder.to_owned(),
            tables: BTreeMap::new(),
            harm,
            harmed: Arc::clone(&harmed),
            later: None,
        };
        let (taken, flag) = (Arc::clone(&waiting), Arc::clone(&is_over));
        let thread = std::thread::spawn(move || {
            while !flag.load(Ordering::Relaxed) {
                std::thread::sleep(COMMIT);
                writer.commit(std::mem::take(&mut *taken.lock().unwrap()));
            }
        });
        Self { waiting, harmed, is_over, thread: Some(thread) }
    }

    /// For a connector.
    pub(crate) fn out(&self) -> impl FnMut(&Change, &Value) + Send + 'static {
        let waiting = Arc::clone(&self.waiting);
        move |change, envelope| {
            let key =
                if change.table == "orders" { change.key().to_string() } else { String::new() };
            waiting.lock().unwrap().push((change.table.clone(), key, envelope.clone()));
        }
    }

    pub(crate) fn harmed(&self) -> Vec<String> {
        self.harmed.lock().unwrap().clone()
    }
}

impl Drop for Lake {
    fn drop(&mut self) {
        self.is_over.store(true, Ordering::Relaxed);
        let _ = self.thread.take().map(JoinHandle::join);
    }
}

type Later = Box<dyn FnOnce(&mut Table) + Send>;

struct Writer {
    folder: PathBuf,
    tables: BTreeMap<String, Table>,
    harm: Harm,
    harmed: Arc<Mutex<Vec<String>>>,
    /// What is to befall the orders, after so many commits.
    later: Option<(Later, u32)>,
}

impl Writer {
    fn commit(&mut self, changes: Vec<(String, String, Value)>) {
        if let Some((later, left)) = self.later.take() {
            match (left, self.tables.get_mut("orders")) {
                (1, Some(orders)) => later(orders),
                _ => self.later = Some((later, left - 1)),
            }
        }
        let mut by_table: BTreeMap<String, (Vec<String>, Vec<Value>)> = BTreeMap::new();
        for (table, key, envelope) in changes {
            let (keys, rows) = by_table.entry(table).or_default();
            keys.push(key);
            rows.push(envelope);
        }
        for (table, (keys, rows)) in by_table {
            self.append(&table, keys, &rows);
        }
    }

    fn append(&mut self, name: &str, keys: Vec<String>, rows: &[Value]) {
        let folder = self.folder.join("domain_orders/public").join(name);
        let table = self.tables.entry(name.to_owned()).or_insert_with(|| Table::new(name, &folder));
        let is_harmed =
            name == "orders" && table.commits() >= BEFORE && self.harmed.lock().unwrap().is_empty();
        let harm = if is_harmed { self.harm } else { Harm::Nothing };
        if harm != Harm::Nothing {
            *self.harmed.lock().unwrap() = keys;
        }
        append(table, harm, rows);
        if let Some(later) = befall(table, harm) {
            self.later = Some((later, LATER));
        }
        table.publish();
    }
}

/// Appends rows, in as many snapshots as a harm needs.
fn append(table: &mut Table, harm: Harm, rows: &[Value]) {
    let (first, last) = rows.split_at(rows.len() / 2);
    match harm {
        Harm::CompactAppend | Harm::CompactExpire | Harm::CompactLose | Harm::CompactShort => {
            std::thread::sleep(READ);
            table.rewrite(usize::from(harm == Harm::CompactShort));
            table.merge(rows);
        }
        Harm::CompactUnread => {
            table.append(first);
            table.rewrite(0);
            table.append(last);
        }
        Harm::Expire | Harm::ExpireForgotten => {
            table.append(first);
            table.append(last);
        }
        _ => table.append(rows),
    }
}

/// Does a harm. Returns what is to be done later.
fn befall(table: &mut Table, harm: Harm) -> Option<Later> {
    match harm {
        Harm::Remove => {
            fs::remove_file(table.newest()).unwrap();
            None
        }
        Harm::Cut => {
            let bytes = fs::read(table.newest()).unwrap();
            fs::write(table.newest(), &bytes[..bytes.len() / 2]).unwrap();
            None
        }
        Harm::Scribble => {
            let mut bytes = fs::read(table.newest()).unwrap();
            let length = bytes.len();
            bytes[length / 4..length / 2].fill(0xA5);
            fs::write(table.newest(), bytes).unwrap();
            None
        }
        Harm::RemoveLater => {
            let file = table.newest();
            Some(Box::new(move |_| fs::remove_file(file).unwrap()))
        }
        Harm::Compact => {
            table.rewrite(0);
            Some(Box::new(|table| table.expire(true)))
        }
        Harm::CompactRemove => {
            fs::remove_file(table.newest()).unwrap();
            table.rewrite(0);
            None
        }
        Harm::CompactAppend => Some(Box::new(|table| table.expire(true))),
        Harm::CompactExpire | Harm::CompactUnread | Harm::Expire => {
            table.expire(true);
            None
        }
        Harm::ExpireForgotten => {
            table.expire(false);
            None
        }
        Harm::CompactLose => {
            let copy = table.oldest();
            Some(Box::new(move |_| fs::remove_file(copy).unwrap()))
        }
        Harm::Delete => {
            let file = table.newest();
            Some(Box::new(move |table| {
                table.delete(&file);
                table.publish();
            }))
        }
        Harm::SetBack => Some(Box::new(|table| {
            table.set_back();
            table.publish();
        })),
        Harm::CompactShort | Harm::Nothing => None,
    }
}

/// A file of envelopes, or of rows, and the columns that are in it, as a schema of Iceberg names them.
pub(super) fn parquet_of(rows: &[Value]) -> (Vec<u8>, Value) {
    let mut schema = vec!["message row {".to_owned()];
    let mut leaves = Vec::new();
    let mut columns = Vec::new();
    for (name, kind) in kinds(rows.iter()) {
        let text = if kind == "binary" { " (STRING)" } else { "" };
        schema.push(format!(" optional {kind} {name}{text};"));
        leaves.push((String::new(), name.to_owned(), kind));
        columns.push(json!({ "name": name, "type": "string" }));
    }
    for part in ["before", "after", "source"] {
        let kinds = kinds(rows.iter().map(|row| &row[part]));
        if kinds.is_empty() {
            continue;
        }
        schema.push(format!(" optional group {part} {{"));
        for (name, kind) in &kinds {
            let text = if *kind == "binary" { " (STRING)" } else { "" };
            schema.push(format!(" optional {kind} {name}{text};"));
            leaves.push((part.to_owned(), (*name).to_owned(), kind));
        }
        schema.push(" }".to_owned());
        let fields: Vec<_> =
            kinds.keys().map(|name| json!({ "name": name, "type": "string" })).collect();
        columns.push(json!({ "name": part, "type": { "type": "struct", "fields": fields } }));
    }
    schema.push(" }".to_owned());
    let schema = Arc::new(parse_message_type(&schema.concat()).unwrap());
    let properties = Arc::new(
        WriterProperties::builder()
            .set_compression(
                parquet::basic::Compression::ZSTD(parquet::basic::ZstdLevel::default()),
            )
            .build(),
    );
    let mut writer = SerializedFileWriter::new(Vec::new(), schema, properties).unwrap();
    let mut group = writer.next_row_group().unwrap();
    for (part, name, kind) in leaves {
        let mut column = group.next_column().unwrap().unwrap();
        let (mut levels, mut values) = (Vec::new(), Vec::new());
        for row in rows {
            let (inside, depth) = if part.is_empty() { (row, 0) } else { (&row[&part], 1) };
            let value = &inside[&name];
            let level = if inside.is_null() { 0 } else { depth + i16::from(!value.is_null()) };
            levels.push(level);
            if !value.is_null() {
                values.push(value.clone());
            }
        }
        match kind {
            "int64" => {
                let values: Vec<i64> = values.iter().map(|it| it.as_i64().unwrap()).collect();
                column.typed::<Int64Type>().write_batch(&values, Some(&levels), None).unwrap();
            }
            "boolean" => {
                let values: Vec<bool> = values.iter().map(|it| it.as_bool().unwrap()).collect();
                column.typed::<BoolType>().write_batch(&values, Some(&levels), None).unwrap();
            }
            _ => {
                let values: Vec<_> = values.iter().map(|it| it.as_str().unwrap().into()).collect();
                column.typed::<ByteArrayType>().write_batch(&values, Some(&levels), None).unwrap();
            }
        }
        column.close().unwrap();
    }
    group.close().unwrap();
    (writer.into_inner().unwrap(), Value::Array(columns))
}

/// The type of each field that has a value, but for what has fields of its own.
fn kinds<'a>(objects: impl Iterator<Item = &'a Value>) -> BTreeMap<&'a str, &'static str> {
    let mut kinds = BTreeMap::new();
    for (name, value) in objects.filter_map(Value::as_object).flatten() {
        let kind = match value {
            Value::Null | Value::Object(_) => continue,
            Value::Number(_) => "int64",
            Value::Bool(_) => "boolean",
            _ => "binary",
        };
        kinds.insert(name.as_str(), kind);
    }
    kinds
}
