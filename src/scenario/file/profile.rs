//! Profiles and arrivals as they are written.

use schemars::JsonSchema;
use serde::Deserialize;

use crate::yaml::Scalar;
use crate::yaml::Spanned;

/// How slots lie about the moments that the rate says.
#[derive(Clone, Copy, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(in crate::scenario) enum ArrivalFile {
    /// At even distances.
    Uniform,
    /// At random, independently of each other; the seed decides.
    Poisson(PoissonFile),
    /// In groups that share a moment.
    Burst(BurstFile),
}

/// Slots at random.
#[derive(Clone, Copy, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::scenario) struct PoissonFile {
    /// Whether the number of slots is drawn too: `exact` for profiles shorter than a minute, `drawn`
    /// for longer ones, unless set.
    pub(in crate::scenario) count: Option<CountFile>,
}

/// Whether the number of random slots is drawn too.
#[derive(Clone, Copy, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(in crate::scenario) enum CountFile {
    /// About as many slots as the profile says.
    Drawn,
    /// As many slots as the profile says, in each stretch of 1,024.
    Exact,
}

/// Slots in groups.
#[derive(Clone, Copy, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::scenario) struct BurstFile {
    /// How many slots share a moment. The rate counts slots, not bursts.
    pub(in crate::scenario) size: u32,
}

/// A segment of a profile: exactly one of the shapes, and `for` where it does not say its length.
#[derive(Clone, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::scenario) struct SegmentFile {
    /// One rate: `500/s`.
    pub(in crate::scenario) hold: Option<Spanned<String>>,
    /// From one rate to another.
    pub(in crate::scenario) ramp: Option<Spanned<RampFile>>,
    /// A staircase of rates.
    pub(in crate::scenario) steps: Option<Spanned<StepsFile>>,
    /// A rate with regular spikes.
    pub(in crate::scenario) spike: Option<Spanned<SpikeFile>>,
    /// A wave about a mean rate.
    pub(in crate::scenario) sine: Option<Spanned<SineFile>>,
    /// A smooth peak of so many slots.
    pub(in crate::scenario) bump: Option<Spanned<BumpFile>>,
    /// The 24 hours of a day, once unless `for` says how long; a day may take minutes.
    pub(in crate::scenario) day: Option<Spanned<DayFile>>,
    /// What was recorded.
    pub(in crate::scenario) trace: Option<Spanned<TraceFile>>,
    /// Nothing, for so long: `10s`.
    pub(in crate::scenario) idle: Option<Spanned<String>>,
    /// As much as the target takes, for so long; `true` with a `limit`. The only segment then.
    pub(in crate::scenario) unlimited: Option<Spanned<Scalar>>,
    /// How long the segment lasts.
    #[serde(rename = "for")]
    pub(in crate::scenario) length: Option<Spanned<String>>,
    /// By which thresholds and the time series know the segment; unique in its stream.
    pub(in crate::scenario) name: Option<Spanned<String>>,
}

/// From one rate to another.
#[derive(Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::scenario) struct RampFile {
    /// The first rate: that at which the segment before ended unless set.
    pub(in crate::scenario) from: Option<Spanned<String>>,
    /// The last rate.
    pub(in crate::scenario) to: Spanned<String>,
    /// On which way: `linear` unless set.
    pub(in crate::scenario) curve: Option<CurveFile>,
}

/// The way of a ramp.
#[derive(Clone, Copy, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(in crate::scenario) enum CurveFile {
    /// A straight line.
    Linear,
    /// The same factor in the same time; no rate is 0.
    Exp,
    /// S-shaped: slowly out of the first rate and slowly into the last.
    Smooth,
}

/// A staircase of rates.
#[derive(Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::scenario) struct StepsFile {
    /// The first rate.
    pub(in crate::scenario) from: Spanned<String>,
    /// What is added from step to step; may be negative.
    pub(in crate::scenario) by: Spanned<String>,
    /// How many steps.
    pub(in crate::scenario) count: Spanned<u32>,
    /// How long each is.
    pub(in crate::scenario) each: Spanned<String>,
}

/// A rate with regular spikes.
#[derive(Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::scenario) struct SpikeFile {
    /// The rate between peaks.
    pub(in crate::scenario) base: Spanned<String>,
    /// The rate at the peak.
    pub(in crate::scenario) peak: Spanned<String>,
    /// How long it takes from base to peak.
    pub(in crate::scenario) rise: Spanned<String>,
    /// How long the peak is held.
    pub(in crate::scenario) hold: Spanned<String>,
    /// How long it takes from peak to base.
    pub(in crate::scenario) fall: Spanned<String>,
    /// The period: the peak stands in its middle.
    pub(in crate::scenario) every: Spanned<String>,
}

/// A wave about a mean rate.
#[derive(Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::scenario) struct SineFile {
    /// The mean of each period.
    pub(in crate::scenario) mean: Spanned<String>,
    /// How far the rate goes above and below; at most the mean.
    pub(in crate::scenario) amplitude: Spanned<String>,
    /// How long a wave is.
    pub(in crate::scenario) period: Spanned<String>,
    /// Where it begins: at the `mean`, rising, unless set.
    pub(in crate::scenario) start: Option<StartFile>,
}

/// Where a wave begins.
#[derive(Clone, Copy, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(in crate::scenario) enum StartFile {
    /// At the mean, rising.
    Mean,
    /// At its highest.
    Peak,
    /// At its lowest.
    Trough,
}

/// A smooth peak of so many slots.
#[derive(Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::scenario) struct BumpFile {
    /// How many slots it has in all.
    pub(in crate::scenario) total: Spanned<String>,
    /// How long it lasts.
    #[serde(rename = "for")]
    pub(in crate::scenario) length: Spanned<String>,
}

/// The 24 hours of a day: `rates`, or `weights` with a `mean` or a `peak`.
#[derive(Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::scenario) struct DayFile {
    /// The rate in the middle of each of the 24 hours, from midnight on.
    pub(in crate::scenario) rates: Option<Spanned<Vec<Spanned<String>>>>,
    /// The same as weights: only their proportions count.
    pub(in crate::scenario) weights: Option<Spanned<Vec<Spanned<f64>>>>,
    /// With `weights`: the mean rate of a whole day.
    pub(in crate::scenario) mean: Option<Spanned<String>>,
    /// With `weights`: the rate in the middle of the busiest hour.
    pub(in crate::scenario) peak: Option<Spanned<String>>,
    /// How long a day takes: 24h unless set.
    pub(in crate::scenario) day: Option<Spanned<String>>,
}

/// What was recorded.
#[derive(Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::scenario) struct TraceFile {
    /// A CSV file with the columns second and ops, from the scenario's folder. A line says how many
    /// slots lie between its second and that of the next line; the last line is as long as the one
    /// before it (one second, if it is alone).
    pub(in crate::scenario) file: Spanned<String>,
    /// Only such a part of the slots, or more: 1 unless set.
    pub(in crate::scenario) scale: Option<Spanned<f64>>,
    /// So many times as fast, as in `60x`: all slots in a sixtieth of the time. 1x unless set.
    pub(in crate::scenario) speed: Option<Spanned<String>>,
}
