//! Faults of events, as they are written.

use schemars::JsonSchema;
use serde::Deserialize;

use crate::yaml::BareWords;
use crate::yaml::OneOrMany;
use crate::yaml::ScalarOr;
use crate::yaml::Spanned;

/// What is wrong with some of a domain's events, on purpose. A share is `0.5%` or `0.005`; together they
/// make 100 % at most, as an event has one fault at most.
#[derive(Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::scenario) struct FaultsFile {
    /// Events that are sent later than they happened; their own time stays.
    pub(in crate::scenario) late: Option<Spanned<LateEventsFile>>,
    /// The share of events that are sent behind the next one of their key (of their topic or stream, where
    /// there are no keys).
    pub(in crate::scenario) out_of_order: Option<Spanned<String>>,
    /// The share of events that are sent twice.
    pub(in crate::scenario) doubled: Option<Spanned<String>>,
    /// The share of events that are cut off somewhere: no JSON any more.
    pub(in crate::scenario) malformed: Option<Spanned<String>>,
    /// The share of events without one of their fields, whichever.
    pub(in crate::scenario) missing_field: Option<Spanned<String>>,
    /// The share of events in which a field, whichever, has another JSON type: a number or a boolean becomes
    /// text, text becomes the number 0, and null an empty list.
    pub(in crate::scenario) wrong_type: Option<Spanned<String>>,
    /// The share of events whose type is `unknown_event`, which nobody knows; or that, and the field.
    pub(in crate::scenario) unknown_type: Option<Spanned<ScalarOr<UnknownTypeFile>>>,
}

/// Events that are sent later than they happened.
#[derive(Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::scenario) struct LateEventsFile {
    /// How many of all.
    pub(in crate::scenario) share: Spanned<String>,
    /// How much later, a day at most: `10m`, or `[1m, 10m]`, drawn evenly between the two. What still waits
    /// when the run is over is sent then.
    pub(in crate::scenario) by: Spanned<OneOrMany<Spanned<String>>>,
}

/// Events of a type that nobody knows; or their share, by itself.
#[derive(Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::scenario) struct UnknownTypeFile {
    /// How many of all.
    pub(in crate::scenario) share: Spanned<String>,
    /// The column that says of what type an event is; `event_type`, or `type` where there is none, unless
    /// set.
    pub(in crate::scenario) field: Option<Spanned<String>>,
}

impl BareWords for UnknownTypeFile {
    fn words() -> Vec<(&'static str, &'static str)> {
        Vec::new()
    }
}
