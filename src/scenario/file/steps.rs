//! Steps as they are written: what happens once, beside the streams.

use schemars::JsonSchema;
use serde::Deserialize;

use crate::yaml::OneOrMany;
use crate::yaml::Spanned;

/// Something that happens once in a run, and that those who capture changes find hard: when, and exactly one
/// of the kinds. It works on rows of its own, in the table `loadgen_stress` of a domain's database, so that
/// what streams send is the same without it. Whoever observes that database knows what must come of it.
#[derive(Clone, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::scenario) struct LoadStepFile {
    /// When it begins, from the beginning of the measured part on: `20s`. Needed.
    pub(in crate::scenario) at: Option<Spanned<String>>,
    /// The domain in whose database it happens; the only one that is on a PostgreSQL server unless set.
    pub(in crate::scenario) domain: Option<Spanned<String>>,
    /// A transaction that stays open for a while.
    pub(in crate::scenario) hold_open: Option<Spanned<HoldOpenFile>>,
    /// Transactions of many rows, one after the other.
    pub(in crate::scenario) transactions: Option<Spanned<ManyRowsFile>>,
    /// Transactions of which some are rolled back.
    pub(in crate::scenario) rollbacks: Option<Spanned<RollbacksFile>>,
    /// A transaction with savepoints, one within another: every second is rolled back to, the others are
    /// released.
    pub(in crate::scenario) savepoints: Option<Spanned<SavepointsFile>>,
    /// Rows whose key changes, and changes back.
    pub(in crate::scenario) change_keys: Option<Spanned<RowsFile>>,
    /// Rows with a long value, of which updates change other columns only, and then that one.
    pub(in crate::scenario) unchanged_toast: Option<Spanned<ToastFile>>,
    /// Rows that are deleted and inserted again with the same key, within a transaction and in two.
    pub(in crate::scenario) reinsert: Option<Spanned<RowsFile>>,
    /// Rows that are inserted, truncated, and inserted again; and a truncation that is rolled back.
    pub(in crate::scenario) truncate: Option<Spanned<RowsFile>>,
    /// A column that is added, within a transaction that also writes, and dropped.
    pub(in crate::scenario) columns: Option<Spanned<RowsFile>>,
    /// A replica identity that becomes `full` and then `default` again, with updates and deletes in between.
    pub(in crate::scenario) replica_identity: Option<Spanned<RowsFile>>,
    /// All walsenders that read a slot of the domain's database are ended by the server: their readers connect
    /// again.
    pub(in crate::scenario) terminate_walsenders: Option<Spanned<NothingFile>>,
    /// A snapshot of tables, asked for while the load goes on: a row in the table `debezium_signal`. It lasts for as
    /// long as the connector takes.
    pub(in crate::scenario) snapshot: Option<Spanned<SignalFile>>,
    /// A command with its arguments, started without a shell in the folder in which loadgen was: it may pause
    /// a connector, or restart it. The run ends if it fails.
    pub(in crate::scenario) run: Option<Spanned<Vec<Spanned<String>>>>,
    /// How long the command of `run` may take; 1m unless set.
    pub(in crate::scenario) within: Option<Spanned<String>>,
}

/// How many rows a step works on.
#[derive(Clone, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::scenario) struct RowsFile {
    /// So many; 10 unless set.
    pub(in crate::scenario) rows: Option<Spanned<String>>,
}

/// A transaction that stays open.
#[derive(Clone, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::scenario) struct HoldOpenFile {
    /// How many rows it inserts, at its beginning; 10 unless set.
    pub(in crate::scenario) rows: Option<Spanned<String>>,
    /// For how long; 10s unless set.
    #[serde(rename = "for")]
    pub(in crate::scenario) length: Option<Spanned<String>>,
    /// How it ends; `commit` unless set.
    #[serde(default)]
    pub(in crate::scenario) end: EndFile,
}

/// How a transaction ends.
#[derive(Clone, Copy, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(in crate::scenario) enum EndFile {
    /// Its rows must come.
    #[default]
    Commit,
    /// Nothing of it may come.
    Rollback,
}

/// Transactions of many rows.
#[derive(Clone, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::scenario) struct ManyRowsFile {
    /// How many rows each inserts, 1 to 100k: `50k`, or drawn between two numbers, `[1, 100k]`, as often from 1
    /// to 10 as from 10k to 100k; 10k unless set.
    pub(in crate::scenario) rows: Option<Spanned<OneOrMany<Spanned<String>>>>,
    /// How many transactions, 1 to 10k; 1 unless set.
    pub(in crate::scenario) count: Option<Spanned<String>>,
}

/// Transactions that are rolled back.
#[derive(Clone, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::scenario) struct RollbacksFile {
    /// How many transactions, 1 to 10k; 20 unless set.
    pub(in crate::scenario) count: Option<Spanned<String>>,
    /// How many rows each inserts and updates; 10 unless set.
    pub(in crate::scenario) rows: Option<Spanned<String>>,
    /// Which share of them is rolled back; `50%` unless set.
    pub(in crate::scenario) share: Option<Spanned<String>>,
}

/// A transaction with savepoints.
#[derive(Clone, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::scenario) struct SavepointsFile {
    /// How many, 1 to 10k; 10 unless set. Beyond 64 a server keeps them in another way.
    pub(in crate::scenario) count: Option<Spanned<String>>,
    /// How many rows are inserted behind each; 10 unless set.
    pub(in crate::scenario) rows: Option<Spanned<String>>,
}

/// Rows with a long value.
#[derive(Clone, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::scenario) struct ToastFile {
    /// So many; 10 unless set.
    pub(in crate::scenario) rows: Option<Spanned<String>>,
    /// How long the value is, 4kB to 10MB; `64kB` unless set.
    pub(in crate::scenario) size: Option<Spanned<String>>,
}

/// A snapshot that is asked for.
#[derive(Clone, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::scenario) struct SignalFile {
    /// Of which tables of the domain; of all unless set.
    pub(in crate::scenario) tables: Option<Spanned<Vec<Spanned<String>>>>,
    /// How long the connector may take until it begins; 1m unless set.
    pub(in crate::scenario) within: Option<Spanned<String>>,
}

/// A step that needs no settings.
#[derive(Clone, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::scenario) struct NothingFile {}
