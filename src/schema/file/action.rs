//! Actions, as they are written in YAML.

use schemars::JsonSchema;
use serde::Deserialize;

use crate::schema::file::FillFile;
use crate::schema::file::PickFile;
use crate::yaml::Entries;
use crate::yaml::Kept;
use crate::yaml::ListOr;
use crate::yaml::OneOrMany;
use crate::yaml::ScalarOr;
use crate::yaml::Spanned;

/// An action: its steps, or settings with what follows it.
pub(crate) type ActionFile = ListOr<Kept<Spanned<StepFile>>, FollowedFile>;

/// The steps of an action.
pub(crate) fn steps_of(file: &ActionFile) -> &[Kept<Spanned<StepFile>>] {
    match file {
        ListOr::List(steps) => steps,
        ListOr::Settings(file) => &file.steps,
    }
}

/// An action that others follow.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct FollowedFile {
    /// What it does.
    pub(crate) steps: Vec<Kept<Spanned<StepFile>>>,
    /// How long after the commit of its rows its events are sent, and how much later their own time is:
    /// `200ms`, or `[50ms, 400ms]`, drawn evenly between the two; at once unless set.
    pub(crate) skew: Option<Spanned<OneOrMany<Spanned<String>>>>,
    /// What happens later to the same row.
    #[serde(default)]
    pub(crate) then: Vec<Kept<Spanned<ThenFile>>>,
}

/// An action that follows another, on the same row.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct ThenFile {
    /// The action, of the same schema.
    pub(crate) action: Spanned<String>,
    /// How long after the moment for which the first one was planned: `3s`, or `[2s, 5s]`, drawn
    /// evenly between the two.
    pub(crate) after: Spanned<OneOrMany<Spanned<String>>>,
    /// How often it follows, 0 to 1; always unless set.
    pub(crate) share: Option<Spanned<f64>>,
    /// It follows only if the row is in this state, or in one of these, once the first one is decided; in
    /// whichever unless set.
    pub(crate) state: Option<Spanned<OneOrMany<Spanned<String>>>>,
}

/// A step of an action: exactly one of `insert`, `update`, `upsert`, `delete` and `emit`.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct StepFile {
    /// Inserts a row into this table, and what it owns.
    pub(crate) insert: Option<Spanned<String>>,
    /// Updates a row of this table: `set` says how.
    pub(crate) update: Option<Spanned<String>>,
    /// Inserts a row into this table, or changes one that is there, as `set` says, in one statement:
    /// `INSERT … ON CONFLICT (key) DO UPDATE`.
    pub(crate) upsert: Option<Spanned<String>>,
    /// Deletes a row of this table, first what refers to it.
    pub(crate) delete: Option<Spanned<String>>,
    /// Sends an event of this name.
    pub(crate) emit: Option<Spanned<String>>,
    /// With `update`, `upsert` and `delete`: which row; `uniform` unless set.
    pub(crate) pick: Option<Spanned<PickFile>>,
    /// With `update` and `upsert`: the new value of each column, a fill or a change of the old value.
    pub(crate) set: Option<Spanned<Entries<Spanned<ScalarOr<FillFile>>>>>,
    /// With `upsert`: the share of steps that take a row that is there already, 0 to 1; 0.5 unless
    /// set. Where there is none to take, a new one is inserted.
    pub(crate) existing: Option<Spanned<f64>>,
    /// With `update` and `delete`: what to do if there is no such row; `skip` unless set.
    pub(crate) otherwise: Option<Spanned<OtherwiseFile>>,
}

/// What becomes of a slot that finds no row to work on.
#[derive(Debug, Clone, Copy, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum OtherwiseFile {
    /// Nothing; it is counted as skipped.
    Skip,
    /// It inserts a row instead.
    Insert,
}
