//! The connectors that are there already, whosoever they are.

use std::collections::BTreeMap;
use std::collections::BTreeSet;

use serde_json::Value;

use crate::connect::Api;
use crate::connect::ConnectError;
use crate::connect::Standing;
use crate::connect::config::MARK;
use crate::connect::config::is_marked;
use crate::connect::config::mark_of;

/// Properties, as Kafka Connect tells them.
type Settings = BTreeMap<String, String>;

/// A Debezium connector that captures a PostgreSQL database.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FoundSource {
    /// Its name.
    pub name: String,
    /// The database that it captures.
    pub database: String,
    /// Its properties, as Kafka Connect tells them.
    pub settings: Settings,
    /// How it is; `None`: nobody knows yet.
    pub standing: Option<Standing>,
}

impl FoundSource {
    /// Whether loadgen has registered it for this domain of a scenario.
    pub fn is_of(&self, scenario: &str, domain: &str) -> bool {
        self.settings.get(MARK).is_some_and(|mark| is_marked(mark, scenario, domain))
    }

    /// The host and port of the server that it captures, as it reaches them.
    pub fn server(&self) -> (&str, &str) {
        let of = |key: &str| self.settings.get(key).map_or("", String::as_str);
        (of("database.hostname"), of("database.port"))
    }

    /// The replication slot that it reads.
    pub fn slot(&self) -> &str {
        self.seat().2
    }

    /// Whether it reads the slot that the other does, so that only one of them can: a server has one slot of a name.
    pub fn is_rival_of(&self, other: &Self) -> bool {
        let is_stopped = |it: &Self| it.standing.as_ref().is_some_and(Standing::is_stopped);
        let is_one = self.name == other.name;
        !is_one && self.seat() == other.seat() && !is_stopped(self) && !is_stopped(other)
    }

    fn seat(&self) -> (String, &str, &str) {
        seat(&self.settings)
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
    pub settings: Settings,
    /// How it is; `None`: nobody knows yet.
    pub standing: Option<Standing>,
}

/// All connectors of either kind, by name.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Connectors {
    /// Those that capture PostgreSQL.
    pub sources: Vec<FoundSource>,
    /// Those that read topics.
    pub sinks: Vec<FoundSink>,
}

/// Where a connector's slot is: host, port and name. What it is not told is as Debezium has it.
fn seat(settings: &Settings) -> (String, &str, &str) {
    let of = |key: &str, default| settings.get(key).map_or(default, String::as_str);
    let host = of("database.hostname", "").to_ascii_lowercase();
    (host, of("database.port", "5432"), of("slot.name", "debezium"))
}

/// All of them.
pub fn found(api: &Api) -> Result<Connectors, ConnectError> {
    let mut all = Connectors::default();
    for (name, config) in api.all()? {
        let settings = settings(&config);
        // Every sink is told what to read by one of these, and nothing else is.
        let is_sink = settings.contains_key("topics") || settings.contains_key("topics.regex");
        if let Some(database) = captured(&settings) {
            let standing = api.standing(&name)?;
            all.sources.push(FoundSource { name, database, settings, standing });
        } else if is_sink {
            let standing = api.standing(&name)?;
            all.sinks.push(FoundSink { name, settings, standing });
        }
    }
    all.sources.sort_by(|one, other| one.name.cmp(&other.name));
    all.sinks.sort_by(|one, other| one.name.cmp(&other.name));
    Ok(all)
}

/// The slots of all connectors of a scenario that loadgen has registered, each with its database.
pub fn slots(api: &Api, scenario: &str) -> Result<BTreeSet<(String, String)>, ConnectError> {
    let mark = mark_of(scenario);
    let all = api.all()?;
    let own = all.iter().map(|(_, config)| settings(config));
    let own = own.filter(|it| it.get(MARK).is_some_and(|its| its.starts_with(&mark)));
    Ok(own
        .filter_map(|it| Some((it.get("slot.name")?.clone(), it.get("database.dbname")?.clone())))
        .collect())
}

/// The connectors beside the one of that name that read, or would read, the slot that it is to read.
pub(super) fn rivals(
    api: &Api,
    own: &Settings,
    name: &str,
) -> Result<Vec<FoundSource>, ConnectError> {
    let mut all = Vec::new();
    for (other, config) in api.all()? {
        let settings = settings(&config);
        if other == name || seat(&settings) != seat(own) {
            continue;
        }
        let Some(database) = captured(&settings) else { continue };
        let standing = api.standing(&other)?;
        if !standing.as_ref().is_some_and(Standing::is_stopped) {
            all.push(FoundSource { name: other, database, settings, standing });
        }
    }
    Ok(all)
}

/// The database that a connector captures, if it captures PostgreSQL.
fn captured(settings: &Settings) -> Option<String> {
    let class = settings.get("connector.class")?;
    let is_postgres = class.contains("PostgresConnector") || class == "Postgres";
    settings.get("database.dbname").filter(|_| is_postgres).cloned()
}

/// A connector's properties.
pub(super) fn settings(config: &Value) -> Settings {
    let pairs = config.as_object().into_iter().flatten();
    let text = |value: &Value| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    pairs.map(|(key, value)| (key.clone(), text(value))).collect()
}
