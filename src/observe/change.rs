//! What observers hold against each other.

use crate::action::Change;
use crate::action::TableId;
use crate::observe::whose::Whose;

/// A change of one row, as it was sent or as it came.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct RowChange {
    pub(super) table: TableId,
    pub(super) change: Change,
    /// Its key: see [`crate::observe::cells`].
    pub(super) key: Box<[u8]>,
    /// Its values.
    pub(super) row: Box<[u8]>,
    /// Whose it is.
    pub(super) whose: Whose,
}
