//! Events, as they are written in YAML.

use schemars::JsonSchema;
use serde::Deserialize;

use crate::schema::file::ColumnFile;
use crate::schema::file::ReplicaIdentityFile;
use crate::schema::file::SchemaFile;
use crate::schema::file::TableFile;
use crate::yaml::Entries;
use crate::yaml::Kept;
use crate::yaml::Spanned;

/// An event: one JSON object, sent by `emit`.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct EventFile {
    /// The column whose value is the key of the record: records of one key keep their order. Without it
    /// they go anywhere.
    pub(crate) key: Option<Spanned<String>>,
    /// The columns, by name: the object has them in this order. Numbers and booleans are such in JSON,
    /// `timestamptz` is RFC 3339 in UTC, `timestamp` the same without its zone.
    pub(crate) columns: Spanned<Entries<ColumnFile>>,
}

/// The name of the key's column, if an event says one.
#[derive(Debug, Clone)]
pub(crate) struct EventKeyFile(pub(crate) Option<Spanned<String>>);

/// What is checked: an event is a table whose rows are sent and forgotten, behind the tables; behind
/// those that are stored stand those that are not.
pub(crate) fn with_events(mut file: SchemaFile) -> SchemaFile {
    let is_kept = |table: &TableFile| table.stored.as_ref().is_none_or(|word| word.value);
    file.tables.value.0.sort_by_key(|(_, table)| !table.as_ref().is_none_or(is_kept));
    let Kept(Some(Entries(events))) = &mut file.events else { return file };
    let events = events.drain(..).map(|(name, event)| {
        let table = event.map(|EventFile { key, columns }| TableFile {
            per: None,
            count: None,
            replica_identity: ReplicaIdentityFile::Default,
            shared: false,
            stored: None,
            rows: None,
            columns,
            event: Some(EventKeyFile(key)),
        });
        (name, table)
    });
    file.tables.value.0.extend(events);
    file
}
