//! An Iceberg table as its metadata has it: which data files have come since the last look. Files are never
//! listed: after a crash there may be some that no snapshot names.

use std::collections::HashSet;

use serde_json::Value as Json;

use crate::observe::lake::changes::DataFile;
use crate::observe::lake::changes::News;
use crate::observe::lake::changes::found;
use crate::observe::lake::files::Trouble;
use crate::observe::lake::files::metadata;
use crate::observe::lake::files::number;
use crate::observe::lake::history::KEEP;
use crate::observe::lake::history::Snapshot;
use crate::observe::lake::history::headless;
use crate::observe::lake::history::listed;
use crate::observe::lake::history::newest;
use crate::observe::lake::history::since;
use crate::observe::objects::store::Store;

/// What is known of a table.
#[derive(Debug, Default)]
pub(super) struct LakeTable {
    /// The metadata file that was read last.
    location: Option<String>,
    uuid: Option<String>,
    /// The last snapshot whose files are known.
    last: Option<Snapshot>,
    /// Files with rows that have come.
    known: HashSet<String>,
    /// Files that a commit has taken out of the table, and those whose rows it has put into others.
    pub(super) removed: HashSet<String>,
    pub(super) moved: HashSet<String>,
    /// Files into which rows that have come were put: they are not read, and must stay.
    pub(super) copies: Vec<DataFile>,
    /// Files that are named and were not there.
    pub(super) missing: Vec<DataFile>,
    /// The columns of the table, and of the structs in it, by their names: `after.id`.
    pub(super) columns: Vec<String>,
}

impl LakeTable {
    /// All that is there now was there before the run.
    pub(super) async fn begin(&mut self, store: &mut Store, at: &str) -> Result<(), Trouble> {
        let metadata = metadata(store, at).await?;
        self.check(&metadata, at)?;
        if let Some(newest) = newest(&metadata) {
            self.last = Some(listed(&metadata, false).remove(&newest).ok_or_else(|| headless(at))?);
        }
        self.take(&metadata, at);
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
        self.check(&metadata, at)?;
        let snapshots = since(store, (at, &metadata), self.last.as_ref()).await?;
        let first = self.last.as_ref().map_or(0, |last| last.sequence);
        let mut news = News::default();
        let mut expired = Vec::new();
        for snapshot in &snapshots {
            if snapshot.is_expired {
                expired.push(snapshot);
                continue;
            }
            let found = found(store, (&expired, snapshot), first).await?;
            news.take(found, (&expired, snapshot), &self.known)?;
            expired.clear();
        }
        self.take(&metadata, at);
        self.last = snapshots.into_iter().last().or(self.last.take());
        self.known.extend(news.known);
        self.removed.extend(news.removed);
        self.moved.extend(news.moved);
        self.copies.extend(news.copies);
        Ok(news.files)
    }

    /// Once all files were asked for: none of those that are not there may have its rows in others.
    pub(super) fn nothing_is_unread(&self) -> Result<(), Trouble> {
        let Some(file) = self.missing.iter().find(|file| self.moved.contains(&file.path)) else {
            return Ok(());
        };
        Err(Trouble::Lasting(format!(
            "`{}` was put into other files and removed before it could be read, so nobody knows which rows were in \
             it; {KEEP}",
            file.path
        )))
    }

    /// Whether that is the table which is known, and can be read.
    fn check(&self, metadata: &Json, at: &str) -> Result<(), Trouble> {
        let version = number(metadata, "format-version").unwrap_or(0);
        if !(2..=3).contains(&version) {
            return Err(Trouble::Lasting(format!(
                "`{at}` is of format version {version}, whose commits have no numbers; let the table have \
                 `format-version=2`"
            )));
        }
        let uuid = metadata.get("table-uuid").and_then(Json::as_str);
        if self.uuid.is_some() && self.uuid.as_deref() != uuid {
            return Err(Trouble::Lasting(format!(
                "`{at}` is of a table that was made anew during the run: what was in the old one is gone"
            )));
        }
        Ok(())
    }

    /// What metadata says of the table itself.
    fn take(&mut self, metadata: &Json, at: &str) {
        self.uuid = metadata.get("table-uuid").and_then(Json::as_str).map(str::to_owned);
        self.location = Some(at.to_owned());
        let schema = number(metadata, "current-schema-id");
        let schemas = metadata.get("schemas").and_then(Json::as_array).into_iter().flatten();
        let mut schemas = schemas.filter(|it| number(it, "schema-id") == schema);
        self.columns.clear();
        if let Some(schema) = schemas.next() {
            name_columns(schema, "", &mut self.columns);
        }
    }
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
