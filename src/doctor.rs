//! Is a PostgreSQL source fit for change data capture? Each check says what was found, how bad it is, and what
//! to do about it. Nothing is changed.
//!
//! A server is looked at once ([`server`]), each database of a scenario by itself ([`database`]), in the light of
//! what the scenario does to its tables ([`Needs`]).

mod clock;
mod connector;
mod database;
mod identity;
mod needs;
mod published;
mod rivals;
mod server;
mod settings;
mod signal;
mod sink;
mod slots;
mod topics;

use std::fmt;

pub use connector::Settings as ConnectorSettings;
pub use connector::Wanted;
pub use connector::connector;
pub use database::database;
pub use database::may_replicate;
pub use needs::Needs;
pub use needs::needs;
pub use server::Demand;
pub use server::databases;
pub use server::server;
pub use sink::SinkReader;
pub use sink::sink;
pub use topics::Changes;
pub use topics::Topic;
pub use topics::TopicDescription;
pub use topics::topic;

use crate::sink::postgres::quote::identifier;

/// How bad what was found is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, serde::Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// As it must be.
    Ok,
    /// Good to know.
    Info,
    /// It may hurt: lag, a disk that fills, values that consumers do not get.
    Warning,
    /// Capture does not work, or loses changes.
    Critical,
}

impl fmt::Display for Severity {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Ok => "ok",
            Self::Info => "info",
            Self::Warning => "warning",
            Self::Critical => "CRITICAL",
        })
    }
}

/// What one look showed.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct Check {
    /// What was looked at: `wal_level`, `publication`.
    pub check: &'static str,
    /// Where: a server's address, a database, a table; set by whoever knows.
    #[serde(rename = "where", skip_serializing_if = "String::is_empty")]
    pub place: String,
    /// How bad it is.
    pub severity: Severity,
    /// What was found, in words.
    pub found: String,
    /// What to do, as SQL or settings that can be pasted.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub remedy: Option<String>,
}

impl Check {
    fn new(check: &'static str, severity: Severity, found: impl Into<String>) -> Self {
        Self { check, place: String::new(), severity, found: found.into(), remedy: None }
    }

    fn ok(check: &'static str, found: impl Into<String>) -> Self {
        Self::new(check, Severity::Ok, found)
    }

    fn info(check: &'static str, found: impl Into<String>) -> Self {
        Self::new(check, Severity::Info, found)
    }

    fn warning(check: &'static str, found: impl Into<String>) -> Self {
        Self::new(check, Severity::Warning, found)
    }

    fn critical(check: &'static str, found: impl Into<String>) -> Self {
        Self::new(check, Severity::Critical, found)
    }

    /// Of a database that is not there.
    pub fn absent() -> Self {
        Self::info("database", "it is not there yet: `loadgen setup` makes it")
    }

    /// Of a database that nobody captures, though an observer waits for what others make of its changes.
    pub fn nobody(found: String) -> Self {
        Self::critical("capture", found).remedy(
            "loadgen connector SCENARIO --register URL -- or let runs register: `cdc: { connect: URL }`",
        )
    }

    /// The same, where there is a slot that nobody reads at this moment.
    pub fn unread(found: String) -> Self {
        Self::warning("capture", found).remedy("start its connector, or see why it does not run")
    }

    /// Of a replica that an observer of this name reads: in how many databases, or why not.
    pub fn replica(observer: &str, answer: Result<usize, String>) -> Self {
        let name = "replica";
        match answer {
            Ok(1) => Self::ok(name, "it answers, and has the database that is observed"),
            Ok(count) => Self::ok(name, format!("it answers, and has the {count} databases that are observed")),
            Err(why) => Self::critical(name, format!("it cannot be observed: {why}")).remedy(format!(
                "start it and make its databases, or mend `url` and `database` of `observe: {{ {observer}: {{ postgres: … }} }}`"
            )),
        }
    }

    /// Of a replication connection that was tried with this login, and why it did not come about.
    /// `may_replicate` says whether the login has the right.
    pub fn streaming(user: &str, refusal: Option<String>, may_replicate: bool) -> Self {
        let name = "replication connection";
        let Some(message) = refusal else { return Self::ok(name, format!("made, as `{user}`")) };
        let refused = Self::critical(name, format!("refused to `{user}`: {message}"));
        if !may_replicate {
            let user = identifier(user);
            return refused.remedy(format!(
                "ALTER ROLE {user} REPLICATION; -- on RDS: GRANT rds_replication TO {user};"
            ));
        }
        refused.remedy(format!(
            "in pg_hba.conf: host all {user} 0.0.0.0/0 scram-sha-256 -- a pooler cannot stand between"
        ))
    }

    fn remedy(mut self, remedy: impl Into<String>) -> Self {
        self.remedy = Some(remedy.into());
        self
    }

    /// The same, found there.
    fn at(mut self, place: impl Into<String>) -> Self {
        self.place = place.into();
        self
    }
}
