//! An Iceberg table as its metadata has it: which data files have come since the last look. Files are never
//! listed: after a crash there may be some that no snapshot names.

use std::collections::HashSet;
use std::ops::ControlFlow;

use serde_json::Value as Json;

use crate::observe::avro::Shape;
use crate::observe::avro::container::Container;
use crate::observe::objects::store::Store;

/// What a list or a manifest may have once it is unpacked: all of it is held at once.
const BYTES_MAX: u64 = 256 << 20;

/// A data file that a snapshot has added.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct DataFile {
    /// Commits have rising numbers.
    pub(super) sequence: i64,
    pub(super) path: String,
    pub(super) rows: u64,
}

/// Why a look was in vain.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Trouble {
    /// It may go well later.
    Passing(String),
    /// It will not.
    Lasting(String),
}

/// What is known of a table.
#[derive(Debug, Default)]
pub(super) struct LakeTable {
    /// The metadata file that was read last.
    location: Option<String>,
    uuid: Option<String>,
    /// The number of the last commit whose files are known.
    last: i64,
    known: HashSet<String>,
    /// Files that a commit has taken out of the table, and those whose rows it has put into others.
    pub(super) removed: HashSet<String>,
    pub(super) moved: HashSet<String>,
    /// Files that are named and were not there.
    pub(super) missing: Vec<DataFile>,
    /// The columns of the table, and of the structs in it, by their names: `after.id`.
    pub(super) columns: Vec<String>,
}

impl LakeTable {
    /// All that is there now was there before the run.
    pub(super) async fn begin(&mut self, store: &mut Store, at: &str) -> Result<(), Trouble> {
        let metadata = metadata(store, at).await?;
        self.take(&metadata, at)?;
        self.last = number(&metadata, "last-sequence-number").unwrap_or(0);
        Ok(())
    }

    /// What has come since the last look, commit by commit.
    pub(super) async fn advance(
        &mut self,
        store: &mut Store,
        at: &str,
    ) -> Result<Vec<DataFile>, Trouble> {
        if self.location.as_deref() == Some(at) {
            return Ok(Vec::new());
        }
        let metadata = metadata(store, at).await?;
        let strange = |why: &str| Trouble::Lasting(format!("`{at}` {why}"));
        let snapshots = metadata.get("snapshots").and_then(Json::as_array);
        let snapshots = snapshots.map(Vec::as_slice).unwrap_or_default();
        let current = number(&metadata, "current-snapshot-id").filter(|id| *id != -1);
        let mut files = Vec::new();
        if let Some(current) = current {
            let is_it = |it: &&Json| number(it, "snapshot-id") == Some(current);
            let snapshot = snapshots.iter().find(is_it);
            let list = snapshot.and_then(|it| it.get("manifest-list")?.as_str());
            let list = list.ok_or_else(|| strange("does not say what its newest snapshot is"))?;
            let replaced = replacing(snapshots);
            files = self.added(store, list, &replaced).await?;
        }
        self.take(&metadata, at)?;
        self.last = number(&metadata, "last-sequence-number").unwrap_or(self.last);
        // A list has the newest commit first; what one commit has added stays in its order.
        files.sort_by_key(|file| file.sequence);
        self.known.extend(files.iter().map(|file| file.path.clone()));
        Ok(files)
    }

    /// What metadata says of the table itself.
    fn take(&mut self, metadata: &Json, at: &str) -> Result<(), Trouble> {
        let version = number(metadata, "format-version").unwrap_or(0);
        if !(2..=3).contains(&version) {
            return Err(Trouble::Lasting(format!(
                "`{at}` is of format version {version}, whose commits have no numbers; let the table have \
                 `format-version=2`"
            )));
        }
        let uuid = metadata.get("table-uuid").and_then(Json::as_str).map(str::to_owned);
        if self.uuid.is_some() && self.uuid != uuid {
            return Err(Trouble::Lasting(format!(
                "`{at}` is of a table that was made anew during the run: what was in the old one is gone"
            )));
        }
        (self.uuid, self.location) = (uuid, Some(at.to_owned()));
        let schema = number(metadata, "current-schema-id");
        let schemas = metadata.get("schemas").and_then(Json::as_array).into_iter().flatten();
        let mut schemas = schemas.filter(|it| number(it, "schema-id") == schema);
        self.columns.clear();
        if let Some(schema) = schemas.next() {
            name_columns(schema, "", &mut self.columns);
        }
        Ok(())
    }

    /// The files of commits that are not known yet.
    async fn added(
        &mut self,
        store: &mut Store,
        list: &str,
        replaced: &HashSet<i64>,
    ) -> Result<Vec<DataFile>, Trouble> {
        let mut found: Vec<DataFile> = Vec::new();
        for manifest in avro_file(store, list).await? {
            let sequence = number(&manifest, "sequence_number").unwrap_or(0);
            if sequence <= self.last {
                continue;
            }
            let path = manifest.get("manifest_path").and_then(Json::as_str);
            let path =
                path.ok_or_else(|| Trouble::Lasting(format!("`{list}` names a manifest nowhere")))?;
            if number(&manifest, "content") == Some(1) {
                return Err(Trouble::Lasting(format!(
                    "`{path}` takes rows away from others: only tables to which changes are appended are read, \
                     not those that a sink keeps equal to the source"
                )));
            }
            for entry in avro_file(store, path).await? {
                let by = number(&entry, "snapshot_id");
                let by = by.or_else(|| number(&manifest, "added_snapshot_id")).unwrap_or(0);
                // The number is inherited by what its commit has added.
                let sequence = number(&entry, "sequence_number").unwrap_or(sequence);
                let is_there = number(&entry, "status") != Some(2);
                if !is_there {
                    let file = entry["data_file"]["file_path"].as_str().unwrap_or_default();
                    let is_moved = replaced.contains(&by);
                    let into = if is_moved { &mut self.moved } else { &mut self.removed };
                    into.insert(file.to_owned());
                }
                if !is_there || sequence <= self.last || replaced.contains(&by) {
                    continue;
                }
                let file = data_file(&entry, sequence, path)?;
                if !self.known.contains(&file.path) {
                    found.push(file);
                }
            }
        }
        Ok(found)
    }
}

fn data_file(entry: &Json, sequence: i64, manifest: &str) -> Result<DataFile, Trouble> {
    let file = &entry["data_file"];
    let format = file["file_format"].as_str().unwrap_or_default();
    if !format.eq_ignore_ascii_case("parquet") {
        return Err(Trouble::Lasting(format!(
            "`{manifest}` names a file of the format `{format}`; let the table have \
             `write.format.default=parquet`"
        )));
    }
    let path = file["file_path"].as_str();
    let path =
        path.ok_or_else(|| Trouble::Lasting(format!("`{manifest}` names a file nowhere")))?;
    let rows = file["record_count"].as_u64().unwrap_or(0);
    Ok(DataFile { sequence, path: path.to_owned(), rows })
}

/// Snapshots that have put the same rows into other files.
fn replacing(snapshots: &[Json]) -> HashSet<i64> {
    let is_replacing = |it: &&Json| it["summary"]["operation"].as_str() == Some("replace");
    snapshots.iter().filter(is_replacing).filter_map(|it| number(it, "snapshot-id")).collect()
}

async fn metadata(store: &mut Store, at: &str) -> Result<Json, Trouble> {
    let bytes = file(store, at).await?;
    let broken =
        |_| Trouble::Lasting(format!("`{at}` is no JSON, so it is no metadata of a table"));
    serde_json::from_slice(&bytes).map_err(broken)
}

async fn avro_file(store: &mut Store, at: &str) -> Result<Vec<Json>, Trouble> {
    let bytes = file(store, at).await?;
    let broken = |why| Trouble::Lasting(format!("`{at}` cannot be read: {why}"));
    records(&bytes).map_err(broken)
}

/// All records of a list or of a manifest.
pub(super) fn records(file: &[u8]) -> Result<Vec<Json>, String> {
    let file = Container::open(file)?;
    let shape = Shape::read(&file.schema)?;
    let mut all = Vec::new();
    file.each((&shape, BYTES_MAX), |record| {
        all.push(record);
        ControlFlow::Continue(())
    })?;
    Ok(all)
}

/// What metadata names is there, or will be.
async fn file(store: &mut Store, at: &str) -> Result<Vec<u8>, Trouble> {
    let found = store.get(at).await.map_err(Trouble::Passing)?;
    found.ok_or_else(|| Trouble::Passing(format!("`{at}` is not there")))
}

fn number(of: &Json, name: &str) -> Option<i64> {
    of.get(name).and_then(Json::as_i64)
}

fn name_columns(of: &Json, before: &str, out: &mut Vec<String>) {
    for field in of.get("fields").and_then(Json::as_array).into_iter().flatten() {
        let Some(name) = field.get("name").and_then(Json::as_str) else { continue };
        let name = format!("{before}{name}");
        // What is deeper than that is a value.
        if before.is_empty() {
            name_columns(&field["type"], &format!("{name}."), out);
        }
        out.push(name);
    }
}
