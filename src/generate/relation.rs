//! References between tables, as a lane needs them.

use crate::action::TableId;
use crate::generate::spread::Spread;
use crate::schema::Pick;

/// A reference to a table, seen from the table.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Relation {
    /// The table that refers.
    pub(super) child: TableId,
    /// Which of its decided references.
    pub(super) place: usize,
}

/// A reference whose row a lane picks.
#[derive(Debug, Clone)]
pub(super) struct Parent {
    /// The table referred to.
    pub(super) table: TableId,
    /// The column that refers.
    pub(super) column: usize,
    /// Which of its rows.
    pub(super) pick: Pick,
    /// How often it is one that was born in the run.
    pub(super) born: f64,
    /// The other decided reference of the row that must name another row.
    pub(super) unlike: Option<usize>,
    /// Whether the row that refers stays when the other is deleted.
    pub(super) stays: bool,
    /// Of what is dealt unevenly, how: one for each number of children and of parents that lanes have.
    pub(super) spreads: Vec<Spread>,
}
