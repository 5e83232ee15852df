//! Fills that look at another column of the same row.

use crate::schema::Fill;
use crate::schema::Literal;
use crate::schema::drawn::Distribution;

/// A fill that looks at another column of the row.
#[derive(Debug, Clone, PartialEq)]
pub enum Dependent {
    /// A fill for each value of the other column.
    Given {
        /// The other column.
        column: usize,
        /// Its values, and what to fill with.
        cases: Vec<(Literal, Fill)>,
        /// For every other value, and NULL.
        otherwise: Box<Fill>,
    },
    /// High where the other column is high: the two are a pair of normal numbers of this
    /// correlation, bent to their distributions (a Gaussian copula).
    Correlated {
        /// The other column; where it is NULL, this one is drawn freely.
        with: usize,
        /// How the other column is distributed.
        other: Distribution,
        /// -1 to 1.
        correlation: f64,
        /// How this one is.
        own: Distribution,
    },
    /// A moment so much later than the other column's; NULL where that is.
    After {
        /// The other column.
        column: usize,
        /// Microseconds, never below 0.
        by: Distribution,
    },
}

impl Dependent {
    /// The other column.
    pub fn column(&self) -> usize {
        match self {
            Self::Given { column, .. } | Self::After { column, .. } => *column,
            Self::Correlated { with, .. } => *with,
        }
    }
}
