//! Declared against observed: do the values that are made follow the laws that the schemas declare?
//!
//! What is expected comes from the checked schema alone (`law`), what is seen from rendered rows
//! (`columns`) and from decisions (`mix`); `statistics` holds one against the other. A law that is
//! kept is taken for broken once in a million columns.

mod columns;
mod fan_out;
mod law;
mod mix;
mod phrases;
mod statistics;
mod tally;

use serde::Serialize;

pub use columns::columns;
pub use mix::mix;

/// What became of a declared law.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Finding {
    /// Where it is declared: `domain.table.column`, and which part of the fill; or the stream.
    pub place: String,
    /// The law, in a few words.
    pub law: String,
    /// How many values were judged.
    pub values: u64,
    /// How far they are from the law: of 1, which is as far as chance may lead.
    pub distance: f64,
    /// What differs most, if too much does.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub differs: Option<String>,
}
