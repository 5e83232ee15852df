//! The connectors that are there already, whosoever they are.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::connect::Api;
use crate::connect::ConnectError;
use crate::connect::Standing;
use crate::connect::config::MARK;
use crate::connect::config::is_marked;

/// A Debezium connector that captures a PostgreSQL database.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Found {
    /// Its name.
    pub name: String,
    /// The database that it captures.
    pub database: String,
    /// Its properties, as Kafka Connect tells them.
    pub settings: BTreeMap<String, String>,
    /// How it is; `None`: nobody knows yet.
    pub standing: Option<Standing>,
}

impl Found {
    /// Whether loadgen has registered it for this domain of a scenario.
    pub fn is_of(&self, scenario: &str, domain: &str) -> bool {
        self.settings.get(MARK).is_some_and(|mark| is_marked(mark, scenario, domain))
    }

    /// The host and port of the server that it captures, as it reaches them.
    pub fn server(&self) -> (&str, &str) {
        let of = |key: &str| self.settings.get(key).map_or("", String::as_str);
        (of("database.hostname"), of("database.port"))
    }

    /// What its topics begin with.
    pub fn prefix(&self) -> &str {
        self.settings.get("topic.prefix").map_or("", String::as_str)
    }
}

/// A connector that writes topics elsewhere.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FoundSink {
    /// Its name.
    pub name: String,
    /// Its properties, as Kafka Connect tells them.
    pub settings: BTreeMap<String, String>,
    /// How it is; `None`: nobody knows yet.
    pub standing: Option<Standing>,
}

/// All connectors of either kind, by name.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Connectors {
    /// Those that capture PostgreSQL.
    pub sources: Vec<Found>,
    /// Those that read topics.
    pub sinks: Vec<FoundSink>,
}

/// All of them.
pub fn found(api: &Api) -> Result<Connectors, ConnectError> {
    let mut all = Connectors::default();
    for (name, config) in api.all()? {
        let settings = settings(&config);
        let is_postgres = settings
            .get("connector.class")
            .is_some_and(|class| class.contains("PostgresConnector") || class == "Postgres");
        let database = settings.get("database.dbname").filter(|_| is_postgres).cloned();
        // Every sink is told what to read by one of these, and nothing else is.
        let is_sink = settings.contains_key("topics") || settings.contains_key("topics.regex");
        if let Some(database) = database {
            let standing = api.standing(&name)?;
            all.sources.push(Found { name, database, settings, standing });
        } else if is_sink {
            let standing = api.standing(&name)?;
            all.sinks.push(FoundSink { name, settings, standing });
        }
    }
    all.sources.sort_by(|one, other| one.name.cmp(&other.name));
    all.sinks.sort_by(|one, other| one.name.cmp(&other.name));
    Ok(all)
}

fn settings(config: &Value) -> BTreeMap<String, String> {
    let pairs = config.as_object().into_iter().flatten();
    let text = |value: &Value| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    pairs.map(|(key, value)| (key.clone(), text(value))).collect()
}
