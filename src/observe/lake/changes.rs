//! What a snapshot has done to the data files of a table, as its manifests tell.

use std::collections::BTreeMap;
use std::collections::HashSet;

use serde_json::Value as Json;

use crate::observe::lake::files::Trouble;
use crate::observe::lake::files::avro_file;
use crate::observe::lake::files::number;
use crate::observe::lake::history::KEEP;
use crate::observe::lake::history::Operation;
use crate::observe::lake::history::Snapshot;
use crate::observe::objects::store::Store;

/// The status of an entry whose file a snapshot has taken out of the table.
const DELETED: i64 = 2;

/// A data file that a snapshot has added.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct DataFile {
    /// Commits have rising numbers.
    pub(super) sequence: i64,
    pub(super) path: String,
    pub(super) rows: u64,
}

/// A snapshot that is there, behind those before it that have expired unseen.
type Behind<'a> = (&'a [&'a Snapshot], &'a Snapshot);

/// All of these, the oldest first.
fn all((expired, snapshot): Behind<'_>) -> impl Iterator<Item = &Snapshot> {
    expired.iter().copied().chain([snapshot])
}

/// What manifests tell of a snapshot, and of those before it.
#[derive(Debug, Default)]
pub(super) struct Found {
    /// By snapshot: what it has added, with the format of each.
    added: BTreeMap<i64, Vec<(DataFile, String)>>,
    /// What the snapshot that is there has taken out.
    taken: Vec<DataFile>,
    /// All that is in the table, if one that put rows into other files has expired: what it took out nobody says.
    there: Option<HashSet<String>>,
}

/// What has come, and become of what had come.
#[derive(Debug, Default)]
pub(super) struct News {
    pub(super) files: Vec<DataFile>,
    /// These, and the copies.
    pub(super) known: HashSet<String>,
    pub(super) removed: HashSet<String>,
    pub(super) moved: HashSet<String>,
    pub(super) copies: Vec<DataFile>,
}

/// Reads what a snapshot did, and what is left of those that have expired before it. All before commit `first` is known.
pub(super) async fn found(
    store: &mut Store,
    (expired, snapshot): Behind<'_>,
    first: i64,
) -> Result<Found, Trouble> {
    let list = snapshot.list.as_deref().ok_or_else(|| {
        Trouble::Lasting(format!("snapshot {} does not say what it consists of", snapshot.id))
    })?;
    let mut found = Found::default();
    if expired.iter().any(|it| it.operation == Operation::Replace) {
        found.there = Some(HashSet::new());
    }
    for manifest in avro_file(store, list).await? {
        let by = number(&manifest, "added_snapshot_id");
        let sequence = number(&manifest, "sequence_number").unwrap_or(0);
        let is_new = by == Some(snapshot.id) || (!expired.is_empty() && sequence > first);
        if !is_new && found.there.is_none() {
            continue;
        }
        let path = manifest.get("manifest_path").and_then(Json::as_str);
        let path =
            path.ok_or_else(|| Trouble::Lasting(format!("`{list}` names a manifest nowhere")))?;
        if number(&manifest, "content") == Some(1) {
            if !is_new {
                continue;
            }
            return Err(Trouble::Lasting(format!(
                "`{path}` takes rows away from others: only tables to which changes are appended are read, not those \
                 that a sink keeps equal to the source"
            )));
        }
        for entry in avro_file(store, path).await? {
            found.note(&entry, (path, by), (expired, snapshot))?;
        }
    }
    Ok(found)
}

impl Found {
    fn note(
        &mut self,
        entry: &Json,
        (manifest, by): (&str, Option<i64>),
        (expired, snapshot): Behind<'_>,
    ) -> Result<(), Trouble> {
        // The number is inherited by what its commit has added.
        let by = number(entry, "snapshot_id").or(by).unwrap_or(0);
        let is_there = number(entry, "status") != Some(DELETED);
        let file = &entry["data_file"];
        let path = file["file_path"].as_str();
        let path =
            path.ok_or_else(|| Trouble::Lasting(format!("`{manifest}` names a file nowhere")))?;
        if is_there && let Some(there) = &mut self.there {
            there.insert(path.to_owned());
        }
        let Some(by) = all((expired, snapshot)).find(|it| it.id == by) else { return Ok(()) };
        let rows = file["record_count"].as_u64().unwrap_or(0);
        let data = DataFile { sequence: by.sequence, path: path.to_owned(), rows };
        let format = file["file_format"].as_str().unwrap_or_default();
        match (is_there, by.id == snapshot.id) {
            (true, _) => self.added.entry(by.id).or_default().push((data, format.to_owned())),
            (false, true) => self.taken.push(data),
            // The list that has all of these is gone.
            (false, false) => {}
        }
        Ok(())
    }
}

impl News {
    /// Takes what was found. `known` are files whose rows have come before these news.
    pub(super) fn take(
        &mut self,
        mut found: Found,
        (expired, snapshot): Behind<'_>,
        known: &HashSet<String>,
    ) -> Result<(), Trouble> {
        let mut copies: Vec<DataFile> = Vec::new();
        for by in all((expired, snapshot)) {
            let added = found.added.remove(&by.id).unwrap_or_default();
            if by.is_expired && !is_whole(by, added.len(), (expired, snapshot)) {
                return Err(unclear(by));
            }
            if by.operation == Operation::Replace {
                let added: Vec<_> = added.into_iter().map(|(file, _)| file).collect();
                if !by.is_expired {
                    are_equal(by, &found.taken, &added)?;
                }
                copies.extend(added);
                continue;
            }
            for (file, format) in added {
                if !format.eq_ignore_ascii_case("parquet") {
                    return Err(Trouble::Lasting(format!(
                        "`{}` is a file of the format `{format}`; let the table have `write.format.default=parquet`",
                        file.path
                    )));
                }
                if !known.contains(&file.path) && self.known.insert(file.path.clone()) {
                    self.files.push(file);
                }
            }
        }
        let taken: HashSet<&str> = found.taken.iter().map(|file| file.path.as_str()).collect();
        let mut moved: HashSet<String> = HashSet::new();
        if let Some(there) = &found.there {
            let gone = known
                .iter()
                .chain(&self.known)
                .filter(|path| !there.contains(*path) && !taken.contains(path.as_str()));
            moved.extend(gone.cloned());
        }
        if snapshot.operation == Operation::Replace {
            moved.extend(taken.into_iter().map(str::to_owned));
        } else {
            self.removed.extend(taken.into_iter().map(str::to_owned));
        }
        // What has no row of ours may go.
        if moved.iter().any(|path| known.contains(path) || self.known.contains(path)) {
            self.known.extend(copies.iter().map(|file| file.path.clone()));
            self.copies.append(&mut copies);
        }
        self.moved.extend(moved);
        Ok(())
    }
}

/// Whether all that an expired snapshot has added is still named by one behind it.
fn is_whole(by: &Snapshot, named: usize, behind: Behind<'_>) -> bool {
    match by.operation {
        Operation::Append if all(behind).all(|it| it.operation == Operation::Append) => true,
        Operation::Append => by.added == Some(named as u64),
        // What it puts into other files was there before.
        Operation::Replace => true,
        Operation::Other => false,
    }
}

fn unclear(by: &Snapshot) -> Trouble {
    Trouble::Lasting(format!(
        "snapshot {} expired before it was looked at, and what it added or took away is not named any more, so nobody \
         knows which rows have come; {KEEP}",
        by.id
    ))
}

/// Rows that lie in other files are as many as before.
fn are_equal(by: &Snapshot, taken: &[DataFile], copies: &[DataFile]) -> Result<(), Trouble> {
    let rows = |of: &[DataFile]| of.iter().map(|file| file.rows).sum::<u64>();
    let (from, into) = (rows(taken), rows(copies));
    if from == into {
        return Ok(());
    }
    let named = copies.first().map_or("no file", |file| file.path.as_str());
    Err(Trouble::Lasting(format!(
        "snapshot {} says that it put rows into other files, takes {from} out of the table and adds {into} (`{named}`), \
         so nobody knows which became of which; look at what compacts the table",
        by.id
    )))
}
