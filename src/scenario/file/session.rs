//! Closed streams, as they are written.

use schemars::JsonSchema;
use serde::Deserialize;

use crate::yaml::BareWords;
use crate::yaml::Spanned;

/// A part of a number of sessions over time: exactly one of `hold` and `ramp`, and `for`.
#[derive(Clone, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::scenario) struct SessionsFile {
    /// So many sessions.
    pub(in crate::scenario) hold: Option<Spanned<String>>,
    /// From one number of sessions to another, evenly.
    pub(in crate::scenario) ramp: Option<Spanned<SessionsRampFile>>,
    /// How long.
    #[serde(rename = "for")]
    pub(in crate::scenario) length: Option<Spanned<String>>,
}

/// From one number of sessions to another, evenly.
#[derive(Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::scenario) struct SessionsRampFile {
    /// How many at first; as many as the segment before ended with unless set.
    pub(in crate::scenario) from: Option<Spanned<String>>,
    /// How many at last.
    pub(in crate::scenario) to: Spanned<String>,
}

/// How long a session thinks: exactly one of these, or a duration by itself.
#[derive(Clone, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::scenario) struct ThinkFile {
    /// `[1s, 3s]`: evenly between the two.
    pub(in crate::scenario) uniform: Option<Spanned<(Spanned<String>, Spanned<String>)>>,
    /// By its median and its 99th percentile.
    pub(in crate::scenario) lognormal: Option<Spanned<ThinkLognormalFile>>,
    /// By its mean.
    pub(in crate::scenario) exponential: Option<ThinkExponentialFile>,
}

/// Thinking that mostly takes about as long, and now and then much longer.
#[derive(Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::scenario) struct ThinkLognormalFile {
    /// Half of the times are shorter.
    pub(in crate::scenario) median: Spanned<String>,
    /// 99 % of the times are shorter.
    pub(in crate::scenario) p99: Spanned<String>,
}

/// Thinking that ends at a random moment.
#[derive(Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::scenario) struct ThinkExponentialFile {
    /// The mean of the times.
    pub(in crate::scenario) mean: Spanned<String>,
}

impl BareWords for ThinkFile {
    fn words() -> Vec<(&'static str, &'static str)> {
        Vec::new()
    }
}
