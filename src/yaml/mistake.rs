//! What serde's derived code finds wrong, in our words.

use std::fmt;

use serde::de::Error;
use serde::de::Expected;
use serde::de::Unexpected;

use crate::diagnostic::Place;
use crate::diagnostic::Problem;
use crate::diagnostic::suggest;

/// A structural mistake on its way up.
#[derive(Debug)]
pub(super) struct Mistake {
    pub(super) problem: Problem,
    /// It is about the whole of the settings it was found in: something is missing.
    pub(super) is_about_whole: bool,
    /// It is in the list already.
    pub(super) is_recorded: bool,
}

impl Mistake {
    pub(super) fn new(problem: Problem) -> Self {
        Self { problem, is_about_whole: false, is_recorded: false }
    }

    /// Sets the place unless a deeper one is known.
    pub(super) fn placed(mut self, place: Place, name: Option<Place>) -> Self {
        if self.problem.place.is_none() {
            let place = if self.is_about_whole { name.unwrap_or(place) } else { place };
            self.problem.place = Some(place);
        }
        self
    }
}

impl fmt::Display for Mistake {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.problem.message)
    }
}

impl std::error::Error for Mistake {}

impl Error for Mistake {
    fn custom<T: fmt::Display>(message: T) -> Self {
        Self::new(Problem::new(message.to_string()))
    }

    fn invalid_type(_: Unexpected<'_>, expected: &dyn Expected) -> Self {
        Self::new(Problem::new(format!("expected {expected}")))
    }

    fn unknown_variant(word: &str, expected: &'static [&'static str]) -> Self {
        let problem = Problem::new(format!("`{word}` is not known here"));
        Self::new(problem.maybe_help(suggest(word, "known are", expected)))
    }

    fn unknown_field(word: &str, expected: &'static [&'static str]) -> Self {
        let problem = Problem::new(format!("there is no key `{word}` here"));
        Self::new(problem.maybe_help(suggest(word, "the keys here", expected)))
    }

    fn missing_field(word: &'static str) -> Self {
        let problem = Problem::new(format!("the key `{word}` is missing")).label("in here");
        Self { is_about_whole: true, ..Self::new(problem) }
    }

    fn duplicate_field(word: &'static str) -> Self {
        Self::new(Problem::new(format!("`{word}` is given twice")))
    }
}
