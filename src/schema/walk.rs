//! Rows that walk from state to state by chance.

/// Where a row begins, and where it goes from each state. States are named by their place among
/// [`crate::schema::States::names`].
#[derive(Debug, Clone, PartialEq)]
pub struct Walk {
    /// Weights of the states of new rows.
    pub begin: Vec<f64>,
    /// For each state the weights of those that may follow it.
    pub next: Vec<Vec<f64>>,
    /// For each state the weight of the end: nothing works on the row any more.
    pub end: Vec<f64>,
}

/// What stands for the end among the weights of a state.
pub(crate) const END: &str = "end";
