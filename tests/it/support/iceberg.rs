//! An Iceberg table that a test writes: data files, manifests, snapshots and metadata, and what maintenance does to them.
//! Knows nothing of how loadgen reads it.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::path::PathBuf;

use serde_json::Value;
use serde_json::json;

use super::avro::Codec;
use super::avro::container;
use super::lake::parquet_of;

/// A data file of the newest snapshot.
struct File {
    path: PathBuf,
    rows: Vec<Value>,
    /// The snapshot that has added it.
    by: u64,
}

/// What it was in the newest manifest.
#[derive(Clone, Copy)]
enum Status {
    There = 0,
    Added = 1,
    Deleted = 2,
}

pub(super) struct Table {
    name: String,
    folder: PathBuf,
    /// Snapshots, and metadata files.
    commits: u64,
    versions: u64,
    current: Option<u64>,
    files: Vec<File>,
    /// Path, length and commit of each.
    manifests: Vec<(PathBuf, usize, u64)>,
    snapshots: Vec<Value>,
    /// Metadata files that were the newest once.
    log: Vec<Value>,
    columns: Value,
}

impl Table {
    pub(super) fn new(name: &str, folder: &Path) -> Self {
        fs::create_dir_all(folder.join("data")).unwrap();
        fs::create_dir_all(folder.join("metadata")).unwrap();
        Self {
            name: name.to_owned(),
            folder: folder.to_owned(),
            commits: 0,
            versions: 0,
            current: None,
            files: Vec::new(),
            manifests: Vec::new(),
            snapshots: Vec::new(),
            log: Vec::new(),
            columns: Value::Null,
        }
    }

    pub(super) fn commits(&self) -> u64 {
        self.commits
    }

    pub(super) fn newest(&self) -> PathBuf {
        self.files.last().unwrap().path.clone()
    }

    pub(super) fn oldest(&self) -> PathBuf {
        self.files[0].path.clone()
    }

    /// Rows in a file and a manifest of their own.
    pub(super) fn append(&mut self, rows: &[Value]) {
        self.commits += 1;
        let entry = self.add(rows.to_vec());
        self.manifest(&[entry]);
        self.snapshot("append", 1);
    }

    /// Rows in a file of their own, and one manifest for all that is there: what was taken out before is not in it.
    pub(super) fn merge(&mut self, rows: &[Value]) {
        self.commits += 1;
        let mut entries: Vec<_> = self.files.iter().map(|it| entry(it, Status::There)).collect();
        self.manifests.clear();
        entries.push(self.add(rows.to_vec()));
        self.manifest(&entries);
        self.snapshot("append", 1);
    }

    /// Puts all rows, but for so many of the last, into one file.
    pub(super) fn rewrite(&mut self, without: usize) {
        self.commits += 1;
        let mut rows = Vec::new();
        let mut entries = Vec::new();
        for file in std::mem::take(&mut self.files) {
            let file = File { by: self.commits, ..file };
            entries.push(entry(&file, Status::Deleted));
            rows.extend(file.rows);
        }
        rows.truncate(rows.len() - without);
        entries.push(self.add(rows));
        self.manifests.clear();
        self.manifest(&entries);
        self.snapshot("replace", 1);
    }

    pub(super) fn delete(&mut self, path: &Path) {
        self.commits += 1;
        let at = self.files.iter().position(|file| file.path == path).unwrap();
        let gone = File { by: self.commits, ..self.files.remove(at) };
        let mut entries: Vec<_> = self.files.iter().map(|it| entry(it, Status::There)).collect();
        entries.push(entry(&gone, Status::Deleted));
        self.manifests.clear();
        self.manifest(&entries);
        self.snapshot("delete", 0);
    }

    /// Makes the snapshot before the current one current.
    pub(super) fn set_back(&mut self) {
        let is_current = |it: &&Value| it["snapshot-id"].as_u64() == self.current;
        let current = self.snapshots.iter().find(is_current).unwrap();
        self.current = current["parent-snapshot-id"].as_u64();
        self.files.retain(|file| Some(file.by) <= self.current);
        self.manifests.retain(|manifest| Some(manifest.2) <= self.current);
        self.metadata();
    }

    /// All snapshots but the current one go, with all files that only they have; and what metadata there was before,
    /// unless that is kept.
    pub(super) fn expire(&mut self, keeps_log: bool) {
        let current = self.current;
        self.snapshots.retain(|it| it["snapshot-id"].as_u64() == current);
        if !keeps_log {
            for old in std::mem::take(&mut self.log) {
                fs::remove_file(old["metadata-file"].as_str().unwrap()).unwrap();
            }
        }
        self.metadata();
        let list = self.list_path();
        let files = self.files.iter().map(|it| it.path.clone());
        let manifests = self.manifests.iter().map(|it| it.0.clone());
        let kept: BTreeSet<PathBuf> = files.chain(manifests).chain([list]).collect();
        for folder in ["data", "metadata"] {
            for entry in fs::read_dir(self.folder.join(folder)).unwrap() {
                let path = entry.unwrap().path();
                let is_of_snapshots =
                    path.extension().is_some_and(|it| it == "avro" || it == "parquet");
                if is_of_snapshots && !kept.contains(&path) {
                    fs::remove_file(path).unwrap();
                }
            }
        }
        self.publish();
    }

    /// From now on everybody sees what was committed.
    pub(super) fn publish(&self) {
        let hint = self.folder.join("metadata/version-hint.text");
        fs::write(hint.with_extension("new"), self.versions.to_string()).unwrap();
        fs::rename(hint.with_extension("new"), hint).unwrap();
    }

    fn add(&mut self, rows: Vec<Value>) -> Value {
        let path = self.folder.join(format!("data/{:05}.parquet", self.commits));
        let (bytes, columns) = parquet_of(&rows);
        fs::write(&path, bytes).unwrap();
        self.columns = columns;
        self.files.push(File { path, rows, by: self.commits });
        entry(self.files.last().unwrap(), Status::Added)
    }

    fn manifest(&mut self, entries: &[Value]) {
        let commit = self.commits;
        let path = self.folder.join(format!("metadata/{commit:05}-m0.avro"));
        let bytes = container(&schema(MANIFEST), entries, Codec::Null);
        fs::write(&path, &bytes).unwrap();
        self.manifests.insert(0, (path, bytes.len(), commit));
    }

    fn list_path(&self) -> PathBuf {
        self.folder.join(format!("metadata/snap-{}.avro", self.current.unwrap()))
    }

    fn snapshot(&mut self, operation: &str, added: u64) {
        let commit = self.commits;
        let of = |(path, length, commit): &(PathBuf, usize, u64)| {
            json!({ "manifest_path": path, "manifest_length": length, "content": 0,
                "sequence_number": commit, "added_snapshot_id": commit })
        };
        let list: Vec<Value> = self.manifests.iter().map(of).collect();
        let mut snapshot = json!({ "snapshot-id": commit, "sequence-number": commit,
            "summary": { "operation": operation, "added-data-files": added.to_string() } });
        if let Some(parent) = self.current.replace(commit) {
            snapshot["parent-snapshot-id"] = json!(parent);
        }
        let path = self.list_path();
        fs::write(&path, container(&schema(LIST), &list, Codec::Null)).unwrap();
        snapshot["manifest-list"] = json!(format!("file://{}", path.display()));
        self.snapshots.push(snapshot);
        self.metadata();
    }

    /// Each commit writes its own.
    fn metadata(&mut self) {
        self.versions += 1;
        let metadata = json!({ "format-version": 2, "table-uuid": self.name, "location": self.folder,
            "last-sequence-number": self.commits, "current-snapshot-id": self.current,
            "current-schema-id": 0,
            "schemas": [{ "type": "struct", "schema-id": 0, "fields": self.columns }],
            "snapshots": self.snapshots, "metadata-log": self.log });
        let path = self.folder.join(format!("metadata/v{}.metadata.json", self.versions));
        fs::write(&path, metadata.to_string()).unwrap();
        self.log.push(json!({ "timestamp-ms": self.versions, "metadata-file": path }));
    }
}

/// As a manifest has it. The number of a commit is inherited by what it has added.
fn entry(file: &File, status: Status) -> Value {
    let sequence = if matches!(status, Status::Added) { None } else { Some(file.by) };
    json!({ "status": status as i32, "snapshot_id": file.by, "sequence_number": sequence, "data_file": {
        "content": 0, "file_path": file.path, "file_format": "PARQUET", "record_count": file.rows.len(),
        "file_size_in_bytes": fs::metadata(&file.path).map_or(0, |it| it.len()) } })
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
