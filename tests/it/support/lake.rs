//! A lake that a test writes: a folder with an Iceberg table for each table of a database, to which commits append
//! the changes that a connector hands over. Of one data file it spoils what it is told.

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

use super::avro::Codec;
use super::avro::container;
use super::connector::Change;

/// From one commit to the next.
const COMMIT: Duration = Duration::from_millis(300);
/// Data files of orders before the one that is spoilt.
const BEFORE: u64 = 5;

/// What is done to one data file of orders.
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

#[derive(Default)]
struct Table {
    commits: u64,
    /// Path, length and commit of each.
    manifests: Vec<(String, usize, u64)>,
    snapshots: Vec<Value>,
}

struct Writer {
    folder: PathBuf,
    tables: BTreeMap<String, Table>,
    harm: Harm,
    harmed: Arc<Mutex<Vec<String>>>,
    /// A file that is to go, after so many commits.
    later: Option<(PathBuf, u32)>,
}

impl Writer {
    fn commit(&mut self, changes: Vec<(String, String, Value)>) {
        if let Some((file, left)) = &mut self.later {
            *left = left.saturating_sub(1);
            if *left == 0 {
                let _ = fs::remove_file(file);
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
        fs::create_dir_all(folder.join("data")).unwrap();
        fs::create_dir_all(folder.join("metadata")).unwrap();
        let table = self.tables.entry(name.to_owned()).or_default();
        table.commits += 1;
        let commit = table.commits;
        let data = folder.join(format!("data/{commit:05}.parquet"));
        let (bytes, columns) = parquet_of(rows);
        let length = bytes.len();
        let is_harmed =
            name == "orders" && commit > BEFORE && self.harmed.lock().unwrap().is_empty();
        match if is_harmed { self.harm } else { Harm::Nothing } {
            Harm::Nothing => fs::write(&data, bytes).unwrap(),
            harm => {
                *self.harmed.lock().unwrap() = keys;
                match harm {
                    Harm::Cut => fs::write(&data, &bytes[..length / 2]).unwrap(),
                    Harm::Scribble => {
                        let mut bytes = bytes;
                        bytes[length / 4..length / 2].fill(0xA5);
                        fs::write(&data, bytes).unwrap();
                    }
                    Harm::RemoveLater => {
                        fs::write(&data, bytes).unwrap();
                        // The observer looks five times a second.
                        self.later = Some((data.clone(), 4));
                    }
                    Harm::Remove | Harm::Nothing => {}
                }
            }
        }
        let path = data.display().to_string();
        let entry = json!({ "status": 1, "snapshot_id": commit, "sequence_number": null, "data_file": {
            "content": 0, "file_path": path, "file_format": "PARQUET", "record_count": rows.len(),
            "file_size_in_bytes": length } });
        let manifest = folder.join(format!("metadata/{commit:05}-m0.avro"));
        let bytes = container(&schema(MANIFEST), &[entry], Codec::Null);
        fs::write(&manifest, &bytes).unwrap();
        table.manifests.insert(0, (manifest.display().to_string(), bytes.len(), commit));
        let list: Vec<Value> = table
            .manifests
            .iter()
            .map(|(path, length, commit)| {
                json!({ "manifest_path": path, "manifest_length": length, "content": 0,
                "sequence_number": commit, "added_snapshot_id": commit })
            })
            .collect();
        let list_path = folder.join(format!("metadata/snap-{commit}.avro"));
        fs::write(&list_path, container(&schema(LIST), &list, Codec::Null)).unwrap();
        table.snapshots.push(json!({ "snapshot-id": commit, "sequence-number": commit,
            "manifest-list": format!("file://{}", list_path.display()), "summary": { "operation": "append" } }));
        let metadata = json!({ "format-version": 2, "table-uuid": name, "location": folder,
            "last-sequence-number": commit, "current-snapshot-id": commit, "current-schema-id": 0,
            "schemas": [{ "type": "struct", "schema-id": 0, "fields": columns }],
            "snapshots": table.snapshots });
        fs::write(folder.join(format!("metadata/v{commit}.metadata.json")), metadata.to_string())
            .unwrap();
        let hint = folder.join("metadata/version-hint.text");
        fs::write(hint.with_extension("new"), commit.to_string()).unwrap();
        fs::rename(hint.with_extension("new"), hint).unwrap();
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

const MANIFEST: &str = r#"{"type":"record","name":"manifest_entry","fields":[
    {"name":"status","type":"int"},
    {"name":"snapshot_id","type":["null","long"]},
    {"name":"sequence_number","type":["null","long"]},
    {"name":"data_file","type":{"type":"record","name":"r2","fields":[
        {"name":"content","type":"int"},
        {"name":"file_path","type":"string"},
        {"name":"file_format","type":"string"},
        {"name":"record_count","type":"long"},
        {"name":"file_size_in_bytes","type":"long"}]}}]}"#;
const LIST: &str = r#"{"type":"record","name":"manifest_file","fields":[
    {"name":"manifest_path","type":"string"},
    {"name":"manifest_length","type":"long"},
    {"name":"content","type":"int"},
    {"name":"sequence_number","type":"long"},
    {"name":"added_snapshot_id","type":"long"}]}"#;

fn schema(text: &str) -> Value {
    serde_json::from_str(text).unwrap()
}
