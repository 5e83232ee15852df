//! What is kept of each transaction, as it is written.

use schemars::JsonSchema;
use serde::Deserialize;

use crate::yaml::Spanned;

/// What is kept of each transaction in the run's folder, so that the run can be judged again later.
#[derive(Clone, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::scenario) struct LedgerFile {
    /// Whether what became of each transaction is kept, in 24 bytes; if something is observed unless set.
    pub(in crate::scenario) trace: Option<bool>,
    /// How many bytes the trace may have, and what was observed as many again, `1MB` at least: what comes
    /// behind them is left out, and said; `8GB` unless set.
    pub(in crate::scenario) limit: Option<Spanned<String>>,
}
