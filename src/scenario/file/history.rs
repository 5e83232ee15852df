//! The past of seeded rows, as it is written.

use schemars::JsonSchema;
use serde::Deserialize;

use crate::yaml::BareWords;
use crate::yaml::Spanned;

/// When seeded rows were made; or how long before the start they begin, by itself.
#[derive(Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::scenario) struct HistoryFile {
    /// How long before the start the first of them was made: `2y`, `90d`.
    pub(in crate::scenario) over: Spanned<String>,
    /// How many times as many a day are made at the end as at the beginning, 0.001 to 1000; 1 unless set.
    pub(in crate::scenario) growth: Option<Spanned<f64>>,
}

impl BareWords for HistoryFile {
    fn words() -> Vec<(&'static str, &'static str)> {
        Vec::new()
    }
}
