//! A lake that is observed.

use std::path::PathBuf;
use std::time::Duration;

use secrecy::SecretString;

use crate::scenario::TopicFormat;

/// Iceberg tables into which a sink writes what connectors capture.
#[derive(Debug, Clone)]
pub struct Warehouse {
    /// Where its files are.
    pub site: LakeSite,
    /// The database of its catalog, and the catalog's name there; `None`: a file beside each table says which
    /// metadata is the newest.
    pub catalog: Option<(SecretString, String)>,
    /// The Iceberg table of a table; `{database}`, `{schema}`, `{table}` and `{domain}` stand for names.
    pub tables: String,
    /// How a row is written.
    pub format: TopicFormat,
    /// How often it is looked for news.
    pub every: Duration,
    /// For how long nothing may come at the end.
    pub within: Duration,
}

/// Objects into which a sink writes what connectors capture.
#[derive(Debug, Clone)]
pub struct RecordFiles {
    /// Where they are.
    pub site: LakeSite,
    /// The topic of a table; `{database}`, `{schema}`, `{table}` and `{domain}` stand for names.
    pub topics: String,
    /// How a record is written.
    pub format: TopicFormat,
    /// So many records of a topic's partition the sink writes together.
    pub flush: u64,
    /// How often it is looked for news.
    pub every: Duration,
    /// For how long nothing may come at the end.
    pub within: Duration,
}

/// Where a lake is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LakeSite {
    /// A folder of this machine.
    Folder(PathBuf),
    /// A bucket of an S3 server.
    Bucket(Bucket),
}

/// Which bucket, and where.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Bucket {
    /// Its name.
    pub name: String,
    /// What the names of all its objects begin with.
    pub prefix: String,
    /// The server; `None`: Amazon's own.
    pub endpoint: Option<String>,
    /// The region; `None`: what the environment says.
    pub region: Option<String>,
    /// Whether the server is on this machine: any credentials and region will do where none are found.
    pub is_local: bool,
}
