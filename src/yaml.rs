//! A YAML file as a tree in which every node knows its place, and typed values decoded from it.
//! Everything that loadgen knows of the YAML library is behind this module.

mod decode;
mod digest;
mod environment;
mod json_schema;
mod mistake;
mod read;
mod secret;
mod types;

use crate::diagnostic::Place;

pub use decode::decode;
pub use digest::digest;
pub use environment::interpolate;
pub use json_schema::BareWords;
pub use json_schema::json_schema_of;
pub use read::read;
pub use secret::Before;
pub use secret::hide_secrets;
pub use secret::note_secrets;
pub use types::Entries;
pub use types::Kept;
pub use types::ListOr;
pub use types::OneOrMany;
pub use types::Scalar;
pub use types::ScalarOr;
pub use types::SeveralOr;
pub use types::Spanned;

/// A node of the tree.
#[derive(Debug, Clone, PartialEq)]
pub struct Node {
    /// Where it is written.
    pub place: Place,
    /// What is written.
    pub value: Value,
}

/// What a node is.
#[derive(Debug, Clone, PartialEq)]
pub enum Value {
    /// One word, number, text.
    Scalar {
        /// What kind it is, by its look.
        kind: Kind,
        /// As written, without quotes.
        text: String,
    },
    /// `[a, b]`
    List(Vec<Node>),
    /// `{ key: value }`
    Map(Vec<(Node, Node)>),
}

/// What a scalar looks like.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Deserialize)]
pub enum Kind {
    /// Nothing, `~` or `null`.
    Null,
    /// `true` or `false`.
    Bool,
    /// Digits, a sign, a point, an exponent.
    Number,
    /// Anything else without quotes.
    Word,
    /// Text in quotes or in a block.
    Quoted,
}

impl Node {
    /// What it is, in words, for messages.
    pub fn describe(&self) -> String {
        match &self.value {
            Value::Scalar { kind: Kind::Null, .. } => "nothing".to_owned(),
            Value::Scalar { text, .. } => format!("`{}`", shortened(text)),
            Value::List(_) => "a list".to_owned(),
            Value::Map(_) => "settings in `{ … }`".to_owned(),
        }
    }
}

/// The beginning of a long text.
fn shortened(text: &str) -> String {
    const LENGTH_MAX: usize = 60;
    if text.chars().count() <= LENGTH_MAX {
        return text.to_owned();
    }
    let mut start: String = text.chars().take(LENGTH_MAX).collect();
    start.push('…');
    start
}
