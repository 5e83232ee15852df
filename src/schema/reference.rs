//! References, and which row they name.

/// A reference to a row of another table.
#[derive(Debug, Clone, PartialEq)]
pub struct Reference {
    /// The schema of the table: this one's, or another domain's.
    pub schema: String,
    /// The table.
    pub table: String,
    /// Its column: the table's key.
    pub column: String,
    /// Which row.
    pub pick: Pick,
    /// Of the rows made in a run, how great a share names a row that was born in the run; 0 to 1.
    pub born: f64,
    /// Whether PostgreSQL is told (FOREIGN KEY); only inside one schema, and if the row does not stay.
    pub enforced: bool,
    /// Whether the row stays when the row that it names is deleted.
    pub stays: bool,
    /// Set if it names the row that another row names: the column of this table that refers to that one.
    pub of: Option<usize>,
    /// Set if it never names the row that this column of the same row names: one before it.
    pub unlike: Option<usize>,
}

/// Which of the living rows.
#[derive(Debug, Clone, PartialEq)]
pub enum Pick {
    /// Each is equally likely.
    Uniform,
    /// The newest most: the distance from the newest is geometric with this mean (rows of a lane).
    Recent {
        /// Mean distance from the newest row.
        mean: f64,
    },
    /// Evenly among the rows in one of these states (indexes into [`crate::schema::States::names`]).
    State(Vec<usize>),
    /// The older the likelier: the row at place `k` by age, counted from 1, as often as
    /// `k^-exponent` says. So the oldest rows are the hot ones.
    Zipf {
        /// Above 0; the greater, the hotter.
        exponent: f64,
    },
    /// Always the oldest, of those in one of these states; of all, if none is given.
    Oldest(Vec<usize>),
}
