//! The settings of fills, as they are written in YAML.

use schemars::JsonSchema;
use serde::Deserialize;

use crate::schema::file::FillFile;
use crate::yaml::BareWords;
use crate::yaml::Entries;
use crate::yaml::OneOrMany;
use crate::yaml::Scalar;
use crate::yaml::ScalarOr;
use crate::yaml::SeveralOr;
use crate::yaml::Spanned;

/// A normal distribution. For dates and times `mean`, `min`, `max` and `p99` are moments, and `sd`
/// is a duration.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct NormalFile {
    /// The middle.
    pub(crate) mean: Spanned<Scalar>,
    /// The standard deviation; or say `p99`.
    pub(crate) sd: Option<Spanned<Scalar>>,
    /// 99 % of the values lie below.
    pub(crate) p99: Option<Spanned<Scalar>>,
    /// Nothing lies below; no limit unless set.
    pub(crate) min: Option<Spanned<Scalar>>,
    /// Nothing lies above; no limit unless set.
    pub(crate) max: Option<Spanned<Scalar>>,
}

/// A lognormal distribution: many small values and a long tail.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct LognormalFile {
    /// Half of the values lie below.
    pub(crate) median: Spanned<Scalar>,
    /// 99 % of the values lie below.
    pub(crate) p99: Spanned<Scalar>,
    /// Nothing lies below; 0 unless set.
    pub(crate) min: Option<Spanned<Scalar>>,
    /// Nothing lies above; no limit unless set.
    pub(crate) max: Option<Spanned<Scalar>>,
}

/// An exponential distribution: the least value is the likeliest.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct ExponentialFile {
    /// The mean of the values (of those without an upper limit).
    pub(crate) mean: Spanned<Scalar>,
    /// Where it begins; 0 unless set.
    pub(crate) min: Option<Spanned<Scalar>>,
    /// Nothing lies above; no limit unless set.
    pub(crate) max: Option<Spanned<Scalar>>,
}

/// A Pareto distribution.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct ParetoFile {
    /// Where it begins, above 0.
    pub(crate) min: Spanned<Scalar>,
    /// The power by which it falls: the smaller, the heavier the tail. 1.16 is "80 % from 20 %".
    pub(crate) shape: Spanned<f64>,
    /// Nothing lies above; no limit unless set.
    pub(crate) max: Option<Spanned<Scalar>>,
}

/// Zipf's law: whole numbers of which the n-th has a weight of 1 ÷ n^s.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct ZipfFile {
    /// The numbers are 1 to `n`; or say `range`.
    pub(crate) n: Option<Spanned<Scalar>>,
    /// The numbers are these, the first of them the likeliest.
    pub(crate) range: Option<Spanned<(Spanned<Scalar>, Spanned<Scalar>)>>,
    /// The power, above 0; 1 unless set.
    pub(crate) s: Option<Spanned<f64>>,
}

/// Sentences: exactly one of `words` and `characters`.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct TextFile {
    /// How many words: `12`, `[5, 20]`, or a distribution.
    pub(crate) words: Option<Spanned<SeveralOr<SizeFile>>>,
    /// How many characters: `200`, `[100, 500]`, or a distribution.
    pub(crate) characters: Option<Spanned<SeveralOr<SizeFile>>>,
    /// Beside `words`: the file, from the schema's folder, whose lines are the sentences. The text ends
    /// with one of them, so it has some words more or less. What stands in braces differs each time:
    /// `{soup|stew}`, `{2..40}`, `{name}`. Latin unless set.
    pub(crate) from: Option<Spanned<String>>,
}

/// A distribution of sizes or durations: exactly one of these.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct SizeFile {
    /// Around a mean.
    pub(crate) normal: Option<NormalFile>,
    /// Most small, few large.
    pub(crate) lognormal: Option<LognormalFile>,
    /// Rarer from the least on.
    pub(crate) exponential: Option<ExponentialFile>,
    /// With a heavy tail.
    pub(crate) pareto: Option<ParetoFile>,
}

/// How a text that no other row has is written.
#[derive(Debug, Clone, Copy, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum IdFile {
    /// `2Qk0b9zVnT4mXa-Wc_7Rlg`: 16 bytes in 22 characters.
    Base64url,
}

/// A part of an address, and of which.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct AddressFile {
    /// `city`, `state`, `state_code`, `postcode`, `street`, `line`, `country`, `country_code`,
    /// `latitude` or `longitude`.
    pub(crate) part: Spanned<String>,
    /// Which address of the row, if it has several: the parts of one name agree.
    pub(crate) of: Option<Spanned<String>>,
    /// The codes of the countries; all that are known unless set.
    #[serde(rename = "in")]
    pub(crate) countries: Option<Spanned<OneOrMany<Spanned<String>>>>,
}

impl BareWords for AddressFile {
    fn words() -> Vec<(&'static str, &'static str)> {
        vec![
            ("city", "`Portland`"),
            ("state", "`Oregon`"),
            ("state_code", "`OR`"),
            ("postcode", "`97205`"),
            ("street", "`12 Oak St`"),
            ("line", "`12 Oak St, Portland, OR 97205`"),
            ("country", "`United States`"),
            ("country_code", "`US`"),
            ("latitude", "Degrees, north positive."),
            ("longitude", "Degrees, east positive."),
        ]
    }
}

/// How a phone number is written.
#[derive(Debug, Clone, Copy, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum PhoneFile {
    /// `(212) 555-0142`
    #[default]
    National,
    /// `+12125550142`
    E164,
}

/// The version of internet addresses.
#[derive(Debug, Clone, Copy, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum IpFile {
    /// `192.0.2.17`
    V4(Option<IpRangeFile>),
    /// `2001:db8::17`
    V6(Option<IpRangeFile>),
}

/// Which addresses.
#[derive(Debug, Clone, Copy, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum IpRangeFile {
    /// Those that are kept for examples.
    Documentation,
    /// Those of networks at home and in firms.
    #[default]
    Private,
    /// Those of the internet: they may be somebody's.
    Public,
}

/// What the value of another column asks for.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct GivenFile {
    /// The other column of the row.
    pub(crate) column: Spanned<String>,
    /// For each of its values a fill.
    pub(crate) when: Spanned<Entries<Spanned<ScalarOr<FillFile>>, Scalar>>,
    /// The fill for all other values, and for NULL.
    pub(crate) otherwise: Spanned<ScalarOr<FillFile>>,
}

/// High where another column is high, low where it is low.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct CorrelatedFile {
    /// The other column of the row: a distribution of numbers.
    pub(crate) with: Spanned<String>,
    /// The correlation of the two, each seen as a bell: -1 to 1.
    pub(crate) r: Spanned<f64>,
    /// The distribution of this column.
    pub(crate) fill: Spanned<ScalarOr<FillFile>>,
}

/// Later than another column.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct AfterFile {
    /// The other column of the row: a date or a time.
    pub(crate) column: Spanned<String>,
    /// How much later: `2h`, `[1h, 3d]`, or a distribution.
    pub(crate) by: Spanned<SeveralOr<SizeFile>>,
}
