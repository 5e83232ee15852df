//! What is observed, as it is written.

use schemars::JsonSchema;
use serde::Deserialize;

use crate::yaml::Spanned;

/// A far end to read, in order to see how late changes arrive there, and whether all of them do.
#[derive(Clone, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(in crate::scenario) enum ObserverFile {
    /// A logical replication slot of our own in each database of a target: the far end that needs
    /// nothing but PostgreSQL (14 or newer, `wal_level=logical`).
    Slot(SlotFile),
}

/// A slot for each database of a target.
#[derive(Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::scenario) struct SlotFile {
    /// The target, by its name.
    pub(in crate::scenario) on: Spanned<String>,
}
