//! Judges what stands at the far end. Here: in the databases themselves, from their rows alone.
//!
//! What a schema declares makes *claims* ([`claims`]): this column names rows that are there, these two
//! agree, this time lies not before that one. [`source::judge`] holds a claim against the rows of one or
//! two databases. It knows nothing of how the rows came about, so it also finds what generators, sinks
//! and servers did wrong.

mod claim;
mod read;
pub mod source;

pub use claim::Claim;
pub use claim::Rule;
pub use claim::Side;
pub use claim::claims;
pub(crate) use read::failed;

/// What became of a claim.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct Finding {
    /// What is claimed, in words.
    pub claim: String,
    /// How many rows were judged by it.
    pub rows: u64,
    /// How many of them break it.
    pub wrong: u64,
    /// How many could not be judged: what they name is gone or elsewhere, or says nothing.
    #[serde(skip_serializing_if = "is_none")]
    pub unjudged: u64,
    /// One that breaks it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub example: Option<String>,
}

impl Finding {
    /// Whether all of it holds.
    pub fn holds(&self) -> bool {
        self.wrong == 0
    }
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde asks for a reference")]
fn is_none(rows: &u64) -> bool {
    *rows == 0
}
