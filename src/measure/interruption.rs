//! What befell the connectors of a run.

use serde::Serialize;

/// Something that lets a connector begin again a little before where it was: what it sends twice then is no
/// fault of anybody.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Interruption {
    /// When it was seen, on the run's clock.
    pub at_ns: u64,
    /// The connector.
    pub connector: String,
    /// The database that it captures, as tables are told with it.
    pub database: String,
    /// Whether it, or its task, had failed.
    pub is_failure: bool,
    /// What was seen.
    pub what: String,
}

impl Interruption {
    /// Whether a table, by database, PostgreSQL schema and name, is one whose changes did not come by then.
    pub fn concerns(&self, table: &str) -> bool {
        let rest = table.strip_prefix(self.database.as_str());
        self.is_failure && rest.is_some_and(|rest| rest.starts_with('.'))
    }
}
