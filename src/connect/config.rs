//! The configuration of a Debezium connector that fits a database of a scenario.

use std::collections::BTreeMap;
use std::collections::BTreeSet;

use secrecy::ExposeSecret as _;
use secrecy::SecretString;
use serde_json::Map;
use serde_json::Value;
use sha2::Digest as _;
use sha2::Sha256;

use crate::connect::found::settings;
use crate::diagnostic::names_secret;
use crate::scenario::Domain;
use crate::scenario::Provision;
use crate::scenario::Scenario;
use crate::scenario::TargetKind;
use crate::scenario::cdc::Snapshot;
use crate::scenario::pattern as pattern_of;
use crate::schema::beside;
use crate::sink::postgres::mark;
use crate::sink::postgres::quote;
use crate::sink::postgres::replication::slot::Process;
use crate::units::format_hex;

/// What the names of all our connectors begin with.
const PREFIX: &str = "loadgen-";
/// Where a connector says whose it is. Connect keeps what it does not know.
pub(super) const MARK: &str = "loadgen.mark";
/// What the sessions of loadgen call themselves, none of which is a connector.
const OURS: &str = "loadgen/";
/// How often a connector tells Kafka Connect, and the server, how far it is where nothing changes.
const HEARTBEAT_MS: u128 = 5_000;
/// The longest name of a replication slot.
const SLOT_MAX: usize = 63;

/// What is the same for all.
const FIXED: [(&str, &str); 15] = [
    // It leaves TRUNCATE out unless it is told not to.
    ("skipped.operations", "none"),
    ("provide.transaction.metadata", "true"),
    ("tombstones.on.delete", "true"),
    // Without a schema beside it, a number that is sent as bytes would have lost its scale.
    ("decimal.handling.mode", "string"),
    ("time.precision.mode", "adaptive"),
    ("interval.handling.mode", "string"),
    ("hstore.handling.mode", "json"),
    ("binary.handling.mode", "base64"),
    ("include.unknown.datatypes", "true"),
    ("key.converter", "org.apache.kafka.connect.json.JsonConverter"),
    ("key.converter.schemas.enable", "false"),
    ("value.converter", "org.apache.kafka.connect.json.JsonConverter"),
    ("value.converter.schemas.enable", "false"),
    // Where brokers make no topics by themselves, a connector that may not either waits for ever, and is said
    // to be RUNNING. As many partitions and copies as the cluster's own.
    ("topic.creation.default.partitions", "-1"),
    ("topic.creation.default.replication.factor", "-1"),
];

/// A database whose changes are captured.
#[derive(Debug, Clone)]
pub struct Source<'a> {
    /// Its name.
    pub database: String,
    /// Where Kafka Connect reaches its server.
    pub server: (String, u16),
    /// How safely: libpq's `sslmode`.
    pub sslmode: &'static str,
    /// Who logs in.
    pub user: String,
    /// With which password; `None`: nobody knows yet, or none is needed.
    pub password: Option<SecretString>,
    /// Its domains, one at least.
    pub domains: Vec<&'a Domain>,
    /// Who made what is in it.
    pub provision: Provision,
}

/// A connector as it should be.
#[derive(Debug, Clone)]
pub struct Connector {
    /// Its name.
    pub name: String,
    /// The replication slot that it reads.
    pub slot: String,
    /// The database that the slot is of, as people are told it.
    pub database: String,
    /// Its domains, by their numbers.
    pub domains: Vec<usize>,
    /// Which environment variable stands for the password where the configuration is shown.
    variable: String,
    config: Map<String, Value>,
    secrets: Vec<(String, SecretString)>,
}

impl Connector {
    /// Of that name, and nothing else.
    #[cfg(test)]
    pub(super) fn named(name: &str) -> Self {
        Self {
            name: name.to_owned(),
            slot: name.to_owned(),
            database: name.to_owned(),
            domains: Vec::new(),
            variable: String::new(),
            config: Map::new(),
            secrets: Vec::new(),
        }
    }

    /// What `PUT /connectors/{name}/config` takes, for people and files: passwords are asked of the
    /// environment of Kafka Connect, by its `EnvVarConfigProvider`.
    pub fn shown(&self) -> Value {
        let mut config = self.config.clone();
        for (key, _) in &self.secrets {
            let is_login = key == "database.password";
            let variable = if is_login { self.variable.clone() } else { capitals(key) };
            let placeholder = format!("${{env:{variable}}}");
            config.insert(key.clone(), Value::String(placeholder));
        }
        Value::Object(config)
    }

    /// The same with its passwords, for Kafka Connect alone.
    pub(super) fn sent(&self) -> Value {
        let mut config = self.config.clone();
        for (key, secret) in &self.secrets {
            config.insert(key.clone(), Value::String(secret.expose_secret().to_owned()));
        }
        Value::Object(config)
    }

    /// Its properties, but for those that are secret.
    pub(super) fn settings(&self) -> BTreeMap<String, String> {
        settings(&Value::Object(self.config.clone()))
    }

    /// Whether it may be this process that reads its slot, by what is to be seen of that.
    pub(super) fn may_be(&self, process: &Process) -> bool {
        let user = self.config.get("database.user").and_then(Value::as_str);
        // Kafka Connect may look up what the login is.
        let user = user.filter(|user| !user.contains("${"));
        let is_other = |(one, other): (&str, &str)| one != other;
        let is_ours = process.application.as_ref().is_some_and(|it| it.starts_with(OURS));
        !is_ours && !user.zip(process.user.as_deref()).is_some_and(is_other)
    }

    /// By which it is known as ours.
    pub(super) fn mark(&self) -> &str {
        self.config.get(MARK).and_then(Value::as_str).unwrap_or_default()
    }
}

/// The mark of all connectors of a scenario, up to where those of different domains differ.
pub(super) fn mark_of(scenario: &str) -> String {
    let mark = mark::comment(scenario, "");
    mark.trim_end_matches("domain=").to_owned()
}

/// Whether a connector with this mark was registered for a domain of a scenario.
pub(super) fn is_marked(mark: &str, scenario: &str, domain: &str) -> bool {
    mark == mark::comment(scenario, domain)
}

/// The environment variable that stands for the password of a login: `DEBEZIUM_ORDERS_PASSWORD`.
pub fn variable_of(user: &str) -> String {
    format!("{}_PASSWORD", capitals(user))
}

/// Of a name, what may stand in a variable's: capitals, digits and `_`.
fn capitals(name: &str) -> String {
    let plain = |c: char| if c.is_ascii_alphanumeric() { c.to_ascii_uppercase() } else { '_' };
    name.chars().map(plain).collect()
}

/// The connector of a database, whose domains have these numbers. `None` if it has none.
pub fn connector(
    scenario: &Scenario,
    source: &Source<'_>,
    domains: Vec<usize>,
) -> Option<Connector> {
    let first = source.domains.first()?;
    let domain = first.schema.name.as_str();
    let name = format!("{PREFIX}{}-{domain}", scenario.name);
    let slot = slot_of(domain);
    let mut config = Map::new();
    let mut put = |key: &str, value: &str| {
        config.insert(key.to_owned(), Value::String(value.to_owned()));
    };
    put("name", &name);
    put("connector.class", "io.debezium.connector.postgresql.PostgresConnector");
    put("tasks.max", "1");
    put(MARK, &mark::comment(&scenario.name, domain));
    put("database.hostname", &source.server.0);
    put("database.port", &source.server.1.to_string());
    put("database.user", &source.user);
    // Its place among the others; the value follows.
    put("database.password", "");
    put("database.dbname", &source.database);
    put("database.sslmode", source.sslmode);
    put("plugin.name", "pgoutput");
    put("publication.name", &scenario.cdc.publication);
    put("publication.autocreate.mode", "disabled");
    put("slot.name", &slot);
    put("slot.drop.on.stop", "false");
    put("lsn.flush.mode", "connector");
    put("topic.prefix", &scenario.cdc.connect.prefix.replace("{domain}", domain));
    put("table.include.list", &patterns(scenario, &source.domains));
    put("snapshot.mode", scenario.cdc.connect.snapshot.mode());
    if scenario.cdc.connect.snapshot == Snapshot::Initial {
        // Rows that change meanwhile are not waited for; the changes come behind.
        put("snapshot.locking.mode", "none");
    }
    put("poll.interval.ms", &scenario.cdc.connect.poll.as_millis().max(1).to_string());
    let capture = has_capture_tables(source);
    let heartbeat = scenario.cdc.heartbeat.map_or(HEARTBEAT_MS, |every| every.as_millis());
    put("heartbeat.interval.ms", &heartbeat.to_string());
    if scenario.cdc.heartbeat_table && capture {
        let table = quote::qualified(&first.namespace, beside::HEARTBEATS);
        put(
            "heartbeat.action.query",
            &format!(
                "INSERT INTO {table} (id, beat) VALUES (1, now()) ON CONFLICT (id) DO UPDATE SET beat = now()"
            ),
        );
    }
    if scenario.cdc.signal_table && capture {
        put("signal.data.collection", &format!("{}.{}", first.namespace, beside::SIGNALS));
    }
    for (key, value) in FIXED {
        put(key, value);
    }
    for (key, value) in scenario.cdc.connect.properties.iter().filter(|(key, _)| !names_secret(key))
    {
        put(key, value);
    }
    let secrets = secrets(scenario, source);
    let (database, variable) = (source.database.clone(), variable_of(&source.user));
    Some(Connector { name, slot, database, domains, variable, config, secrets })
}

/// What is shown to nobody.
fn secrets(scenario: &Scenario, source: &Source<'_>) -> Vec<(String, SecretString)> {
    let login = source.password.clone().unwrap_or_else(|| SecretString::from(String::new()));
    let mut secrets = vec![("database.password".to_owned(), login)];
    let others = scenario.cdc.connect.properties.iter().filter(|(key, _)| names_secret(key));
    secrets.extend(others.map(|(key, value)| (key.clone(), SecretString::from(value.clone()))));
    secrets
}

/// Whether the tables of capture are there: where nothing was made, they are not.
fn has_capture_tables(source: &Source<'_>) -> bool {
    source.provision != Provision::Nothing
}

/// The tables of a database's domains, as a list of patterns that each fit one.
pub fn patterns(scenario: &Scenario, domains: &[&Domain]) -> String {
    let mut all = Vec::new();
    for (number, domain) in domains.iter().enumerate() {
        let pattern =
            |table: &str| format!("{}\\.{}", pattern_of(&domain.namespace), pattern_of(table));
        all.extend(scenario.captured_tables(domain).iter().map(|table| pattern(table)));
        let is_made = match &scenario.targets[domain.target].kind {
            TargetKind::Postgres(target) => target.provision != Provision::Nothing,
            _ => false,
        };
        if number == 0 && is_made {
            if scenario.cdc.signal_table {
                // A signal is an insert that is captured.
                all.push(pattern(beside::SIGNALS));
            }
            if scenario.cdc.heartbeat_table {
                // Whoever reads what becomes of changes further on knows by it how far they are.
                all.push(pattern(beside::HEARTBEATS));
            }
        }
    }
    // Domains of one PostgreSQL schema share the tables of our own.
    let mut known = BTreeSet::new();
    all.retain(|pattern| known.insert(pattern.clone()));
    all.join(",")
}

/// The name of the slot of the connector whose first domain that is: not one of those that loadgen itself reads, which are swept. Slots have names of
/// lower-case letters, digits and `_`; a name that is another's without what else it has ends with a hash.
pub fn slot_of(domain: &str) -> String {
    let plain = |c: char| {
        if c.is_ascii_lowercase() || c.is_ascii_digit() { c } else { '_' }
    };
    let bare: String = domain.chars().map(plain).collect();
    let name = format!("debezium_{bare}");
    if bare == domain && name.len() <= SLOT_MAX {
        return name;
    }
    let hash = format_hex(&Sha256::digest(domain.as_bytes())[..4]);
    let kept: String = name.chars().take(SLOT_MAX - 1 - hash.len()).collect();
    format!("{kept}_{hash}")
}

#[cfg(test)]
mod tests {
    use super::pattern_of;
    use super::slot_of;
    use super::variable_of;

    #[test]
    fn names_become_what_each_place_takes() {
        assert_eq!(slot_of("orders"), "debezium_orders");
        // The first bytes of its SHA-256.
        assert_eq!(slot_of("Orders"), "debezium__rders_b7e8acdd");
        assert!(slot_of(&"x".repeat(63)).len() <= 63);
        assert_ne!(slot_of(&"x".repeat(63)), slot_of(&"x".repeat(62)));
        assert_eq!(pattern_of("a.b,c$d_1"), "a\\.b\\,c\\$d_1");
        assert_eq!(variable_of("debezium_orders"), "DEBEZIUM_ORDERS_PASSWORD");
    }
}
