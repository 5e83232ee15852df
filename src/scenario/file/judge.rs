//! How a run is judged, as it is written.

use schemars::JsonSchema;
use serde::Deserialize;

use crate::yaml::BareWords;
use crate::yaml::Spanned;

/// A condition on the whole run.
#[derive(Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::scenario) struct ThresholdFile {
    /// Its name in messages and in the summary.
    pub(in crate::scenario) id: Option<Spanned<String>>,
    /// What is looked at: `sched`, `queue`, `service`, `response`, `failed_ratio`, `achieved_rate`,
    /// `failed`, `unknown`, `missed` or `skipped`; of what an observer sees: `cdc_lag`, `freshness`,
    /// `lost`, `doubled`, `replayed`, `reordered`, `wrong`, `phantom` or `pending`; `slot_wal`, the most
    /// of its log that a server kept for a replication slot.
    pub(in crate::scenario) metric: Spanned<String>,
    /// Of which stream; all together unless set.
    pub(in crate::scenario) stream: Option<Spanned<String>>,
    /// By which observer, of what observers see; the one that sees the worst unless set.
    pub(in crate::scenario) surface: Option<Spanned<String>>,
    /// The same as `stream`, as some write it: `where: { stream: orders }`.
    #[serde(rename = "where")]
    pub(in crate::scenario) selection: Option<SelectionFile>,
    /// `p99 < 50ms`: a statistic (`min`, `mean`, `max`, `p50`, `p99.9`, `count`, `rate`, `ratio`),
    /// a comparison, a number with its unit.
    pub(in crate::scenario) expr: Spanned<String>,
    /// Of which part of the run: `measure` (all that is measured), `segment:NAME` (what came due in
    /// it), or a duration such as `10s` (what settled in the last ten seconds, looked at each
    /// second). `measure` unless set.
    pub(in crate::scenario) over: Option<Spanned<String>>,
    /// So many evaluations in a row must not hold before it counts as breached; 1 unless set.
    #[serde(rename = "for")]
    pub(in crate::scenario) consecutive: Option<Spanned<u32>>,
    /// From the beginning of the measured part on, so long nothing is evaluated; 0s unless set.
    pub(in crate::scenario) grace: Option<Spanned<String>>,
    /// With fewer samples there is no evaluation; 1 unless set.
    pub(in crate::scenario) min_samples: Option<Spanned<String>>,
    /// What a breach does: `fail` the run, `warn` only, or `abort` it at once. `fail` unless set.
    pub(in crate::scenario) action: Option<Spanned<BreachActionFile>>,
    /// What becomes of it if it could never be evaluated: `fail` or `pass`. `fail` unless set.
    #[serde(default)]
    pub(in crate::scenario) on_no_data: NoDataFile,
}

/// What a threshold is about.
#[derive(Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::scenario) struct SelectionFile {
    /// Of which stream.
    pub(in crate::scenario) stream: Spanned<String>,
}

/// What a breach of a threshold does.
#[derive(Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(in crate::scenario) enum BreachActionFile {
    /// The run goes on, and fails: exit code 99.
    Fail,
    /// It is shown, and the run may pass.
    Warn,
    /// The run ends at once, drains, and fails: exit code 99.
    Abort,
}

/// What becomes of a threshold that could never be evaluated.
#[derive(Clone, Copy, PartialEq, Eq, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(in crate::scenario) enum NoDataFile {
    /// It does not hold.
    #[default]
    Fail,
    /// It holds.
    Pass,
}

/// Limits of what loadgen itself may do wrong before a run is invalid; each may be `off`.
#[derive(Clone, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::scenario) struct ValidityFile {
    /// Of the slots of a stream, so many must be taken within a second of when loadgen could have
    /// taken them; 99% unless set.
    pub(in crate::scenario) achieved: Option<Spanned<String>>,
    /// The 99th percentile of `sched`, and of the lateness of the workers, must not be more than
    /// this, or than a tenth of the median response if that is more; 50ms unless set.
    pub(in crate::scenario) sched_p99: Option<Spanned<String>>,
    /// How much of its processors loadgen may use, and how much of one a worker; 85% unless set.
    pub(in crate::scenario) cpu: Option<Spanned<String>>,
    /// In how many periods its control group may be held back; 1% unless set.
    pub(in crate::scenario) throttled: Option<Spanned<String>>,
}

impl BareWords for ValidityFile {
    fn words() -> Vec<(&'static str, &'static str)> {
        vec![("off", "No gate: a run is valid whatever loadgen did wrong.")]
    }
}
