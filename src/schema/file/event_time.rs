//! Times, as they are written in YAML.

use schemars::JsonSchema;
use serde::Deserialize;

use crate::schema::file::LookupFile;
use crate::yaml::Spanned;

/// When the action was due, or a time near it.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct EventTimeFile {
    /// Added to it: a duration drawn evenly between two, `[-30d, 0s]`; none unless set.
    pub(crate) offset: Option<Spanned<(Spanned<String>, Spanned<String>)>>,
    /// Over how long before the start the times of seeded rows are spread; 30d unless set.
    pub(crate) past: Option<Spanned<String>>,
    /// A time of a row that is referred to, in whatever domain: no time lies before it, and those of
    /// seeded rows are spread between it and the start, evenly or as the domain's `history` says.
    pub(crate) since: Option<LookupFile>,
    /// Which hours of a week are likely: the time of a seeded row is moved back to such an hour of the
    /// seven days before it, or on to one of the next seven where that would be before `since`. What a
    /// run makes carries the time at which its action was due.
    pub(crate) week: Option<WeekFile>,
    /// Only this part of it, as a whole number: `year`.
    pub(crate) part: Option<Spanned<TimePartFile>>,
}

/// A part of a time.
#[derive(Debug, Clone, Copy, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum TimePartFile {
    /// `2026`
    Year,
}

/// Which hours of a week are likely.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct WeekFile {
    /// The weights of the 24 hours of a day, from midnight on; all alike unless set.
    pub(crate) hours: Option<Spanned<Vec<Spanned<f64>>>>,
    /// The weights of the seven days, from Monday on; all alike unless set.
    pub(crate) days: Option<Spanned<Vec<Spanned<f64>>>>,
    /// Only while a row that is referred to is open: its column holds JSON such as
    /// `{"Monday": "9:0-17:30"}`. Where that is NULL, or says nothing, it is open always. In a run, a row
    /// that is closed when the action is due is passed over for another; if all that are tried are, the
    /// time lies in the last minute in which one was open, or there is no such action (`skipped`).
    pub(crate) within: Option<LookupFile>,
}
