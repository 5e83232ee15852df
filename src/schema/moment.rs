//! Times that follow another row's, or the hours of a week.

/// How long before the start seeded rows begin, unless their schema says otherwise: 30 days.
pub const PAST_US: u64 = 30 * 86_400_000_000;

/// When an action was due; of seeded rows a time before the start.
#[derive(Debug, Clone, PartialEq)]
pub struct Moment {
    /// Over how many microseconds before the start seeded rows are spread.
    pub past_us: u64,
    /// Not before this time.
    pub since: Option<Through>,
    /// At such an hour.
    pub week: Option<Week>,
    /// Whether only its year is wanted, as a whole number.
    pub is_year: bool,
}

/// A column of the row that a reference names.
#[derive(Debug, Clone, PartialEq)]
pub struct Through {
    /// A column of this table that is a reference.
    pub through: usize,
    /// The wanted column of the table referred to.
    pub column: String,
}

/// Which hours of a week are likely.
#[derive(Debug, Clone, PartialEq)]
pub struct Week {
    /// The weights of its 168 hours, from Monday on; not all are 0.
    pub hours: Vec<f64>,
    /// Only while what this column says is open.
    pub within: Option<Through>,
}
