//! The settings of fills, as they are written in YAML.

use serde::Deserialize;

use crate::schema::file::FillFile;
use crate::yaml::Entries;
use crate::yaml::OneOrMany;
use crate::yaml::Scalar;
use crate::yaml::ScalarOr;
use crate::yaml::SeveralOr;
use crate::yaml::Spanned;

/// `normal`: the bell. For dates and times, `mean`, `min`, `max` and `p99` are moments and `sd` is
/// a duration.
#[derive(Debug, Clone, Deserialize)]
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

/// `lognormal`: many small values and a long tail.
#[derive(Debug, Clone, Deserialize)]
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

/// `exponential`: the least value is the likeliest.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct ExponentialFile {
    /// The mean of the values (of those without an upper limit).
    pub(crate) mean: Spanned<Scalar>,
    /// Where it begins; 0 unless set.
    pub(crate) min: Option<Spanned<Scalar>>,
    /// Nothing lies above; no limit unless set.
    pub(crate) max: Option<Spanned<Scalar>>,
}

/// `pareto`: a tail that is heavier than any other.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct ParetoFile {
    /// Where it begins, above 0.
    pub(crate) min: Spanned<Scalar>,
    /// The power by which it falls: the smaller, the heavier the tail. 1.16 is "80 % from 20 %".
    pub(crate) shape: Spanned<f64>,
    /// Nothing lies above; no limit unless set.
    pub(crate) max: Option<Spanned<Scalar>>,
}

/// `zipf`: whole numbers of which the n-th has a weight of 1 ÷ n^s.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct ZipfFile {
    /// The numbers are 1 to `n`; or say `range`.
    pub(crate) n: Option<Spanned<Scalar>>,
    /// The numbers are these, the first of them the likeliest.
    pub(crate) range: Option<Spanned<(Spanned<Scalar>, Spanned<Scalar>)>>,
    /// The power, above 0; 1 unless set.
    pub(crate) s: Option<Spanned<f64>>,
}

/// `text`: sentences.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct TextFile {
    /// How many words: `12`, `[5, 20]`, or a distribution.
    pub(crate) words: Option<Spanned<SeveralOr<SizeFile>>>,
    /// How many characters: `200`, `[100, 500]`, or a distribution.
    pub(crate) characters: Option<Spanned<SeveralOr<SizeFile>>>,
}

/// A distribution of sizes or durations: exactly one of these.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct SizeFile {
    pub(crate) normal: Option<NormalFile>,
    pub(crate) lognormal: Option<LognormalFile>,
    pub(crate) exponential: Option<ExponentialFile>,
    pub(crate) pareto: Option<ParetoFile>,
}

/// `address`, with settings.
#[derive(Debug, Clone, Deserialize)]
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

/// `phone`: how it is written.
#[derive(Debug, Clone, Copy, Default, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum PhoneFile {
    /// `(212) 555-0142`
    #[default]
    National,
    /// `+12125550142`
    E164,
}

/// `ip`: of which version.
#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum IpFile {
    V4(Option<IpRangeFile>),
    V6(Option<IpRangeFile>),
}

/// Which addresses.
#[derive(Debug, Clone, Copy, Default, Deserialize)]
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

/// `given`: what the value of another column asks for.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct GivenFile {
    /// The other column of the row.
    pub(crate) column: Spanned<String>,
    /// For each of its values a fill.
    pub(crate) when: Spanned<Entries<Spanned<ScalarOr<FillFile>>, Scalar>>,
    /// The fill for all other values, and for NULL.
    pub(crate) otherwise: Spanned<ScalarOr<FillFile>>,
}

/// `correlated`: high where another column is high.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct CorrelatedFile {
    /// The other column of the row: a distribution of numbers.
    pub(crate) with: Spanned<String>,
    /// The correlation of the two, each seen as a bell: -1 to 1.
    pub(crate) r: Spanned<f64>,
    /// The distribution of this column.
    pub(crate) fill: Spanned<ScalarOr<FillFile>>,
}

/// `after`: later than another column.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct AfterFile {
    /// The other column of the row: a date or a time.
    pub(crate) column: Spanned<String>,
    /// How much later: `2h`, `[1h, 3d]`, or a distribution.
    pub(crate) by: Spanned<SeveralOr<SizeFile>>,
}
