//! Types that a schema declares, and fills that are made for one type or of other fills.

use schemars::JsonSchema;
use serde::Deserialize;

use crate::schema::file::FillFile;
use crate::yaml::Entries;
use crate::yaml::OneOrMany;
use crate::yaml::ScalarOr;
use crate::yaml::Spanned;

/// A type: exactly one of `enum` and `domain`.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct TypeFile {
    /// The labels of an enum, in their order.
    #[serde(rename = "enum")]
    pub(crate) labels: Option<Spanned<Vec<Spanned<String>>>>,
    /// The type that a domain is made of.
    pub(crate) domain: Option<Spanned<String>>,
    /// What a domain asks of its `VALUE`, in SQL: `VALUE > 0`. Tried when it is made.
    pub(crate) check: Option<Spanned<String>>,
}

/// `json`: what stands under each name.
pub(crate) type JsonFile = Entries<Spanned<ScalarOr<FillFile>>>;

/// `array`
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct ArrayFile {
    /// The fill of its elements.
    pub(crate) of: Spanned<ScalarOr<FillFile>>,
    /// How many elements: `3` or `[0, 5]`.
    pub(crate) count: Spanned<OneOrMany<u32>>,
    /// The share of elements that are NULL; none unless set.
    pub(crate) null_rate: Option<Spanned<f64>>,
}

/// `range`
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct RangeFile {
    /// The fill of its lower bound, which belongs to it.
    pub(crate) from: Spanned<ScalarOr<FillFile>>,
    /// The fill of its length: whole numbers (days, for dates), numbers, or spans for times.
    pub(crate) length: Spanned<ScalarOr<FillFile>>,
}
