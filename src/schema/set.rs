//! What an update makes of a column.

use crate::schema::Fill;
use crate::schema::Literal;
use crate::units::Decimal;

/// What an update makes of a column. The dependent ones are a closed set that we and the server
/// evaluate alike.
#[derive(Debug, Clone, PartialEq)]
pub enum Set {
    /// A value drawn anew.
    Fill(Fill),
    /// The row enters this state.
    State(usize),
    /// The row goes on to a state that its walk draws.
    Walk,
    /// Old value plus this.
    Add(Literal),
    /// Old value times this, rounded half away from zero to the column's scale.
    Multiply(Decimal),
    /// Old text and this behind it (cut to the column's length).
    Append(String),
    /// NOT old value.
    Toggle,
    /// The value after the old one in this list, the first after the last.
    Next(Vec<Literal>),
}
