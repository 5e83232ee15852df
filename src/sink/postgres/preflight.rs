//! Looks whether a server will do, before anything is changed on it.

use std::collections::BTreeMap;
use std::collections::BTreeSet;

use tokio_postgres::Client;

use crate::scenario::Domain;
use crate::scenario::Provision;
use crate::scenario::TraceBy;
use crate::sink::postgres::catalogue::Local;
use crate::sink::postgres::catalogue::Login;
use crate::sink::postgres::catalogue::Shared;
use crate::sink::postgres::catalogue::reading;
use crate::sink::postgres::mark;
use crate::sink::postgres::provision::Provisioner;
use crate::sink::postgres::provision::SetupError;
use crate::sink::postgres::provision::types;
use crate::sink::postgres::quote;

/// The oldest server that has what we use.
const VERSION_MIN: i32 = 120_000;
/// The oldest server whose `pgoutput` hands messages on.
const MESSAGES_MIN: i32 = 140_000;
/// The first major version that loadgen was not tried with.
const VERSION_UNTRIED: i32 = 190_000;
/// Connections for control work: provisioning, resolving, watching.
const CONTROL_CONNECTIONS: i64 = 4;
/// The settings that decide what a measurement means.
const SETTINGS: &[&str] = &[
    "autovacuum",
    "checkpoint_timeout",
    "fsync",
    "full_page_writes",
    "max_connections",
    "max_replication_slots",
    "max_slot_wal_keep_size",
    "max_wal_senders",
    "max_wal_size",
    "shared_buffers",
    "synchronous_commit",
    "synchronous_standby_names",
    "wal_buffers",
    "wal_compression",
    "wal_level",
    "wal_sync_method",
];

/// What was found out about a server that will do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Preflight {
    /// As the server says it: `15.4`.
    pub server_version: String,
    /// The settings that matter to a measurement, as the server shows them.
    pub settings: BTreeMap<String, String>,
    /// What a user should know, and what to do about it.
    pub notes: Vec<String>,
}

impl Provisioner<'_> {
    /// Whether the server will do: version, writes, privileges, connections, and no foreign object
    /// of a name that we need. Changes nothing.
    pub async fn preflight(&self) -> Result<Preflight, SetupError> {
        for domain in self.domains() {
            check_names(domain, &self.scenario.cdc.publication)?;
        }
        let client = self.servers.open(None).await?;
        let login = Login::read(&client).await?;
        let settings = read_settings(&client).await?;
        let setting = |name: &str| settings.get(name).map_or("", String::as_str);
        if login.version < VERSION_MIN {
            return Err(SetupError::Version(setting("server_version").to_owned()));
        }
        let scenario = self.scenario;
        let are_read = scenario.cdc.trace == TraceBy::Message && !scenario.observers.is_empty();
        if are_read && login.version < MESSAGES_MIN {
            return Err(SetupError::Local(format!(
                "the server is PostgreSQL {}, and messages in its log (`cdc: {{ trace: message }}`) reach those who read \
                 it from 14 on; leave `trace` out, or write `trace: columns`",
                setting("server_version")
            )));
        }
        if setting("in_hot_standby") == "on" || setting("transaction_read_only") == "on" {
            let which = if setting("in_hot_standby") == "on" {
                "it is a standby"
            } else {
                "`default_transaction_read_only` is on"
            };
            return Err(SetupError::ReadOnly(which.to_owned()));
        }
        self.check_privileges(&client, &login).await?;
        self.check_connections(&client).await?;
        self.check_objects(&client).await?;
        types::check_extension(&client, &self.domains()).await?;

        let mut notes = Vec::new();
        if login.version >= VERSION_UNTRIED {
            notes
                .push("the server is newer than PostgreSQL 18, the last that was tried".to_owned());
        }
        if setting("wal_level") != "logical" {
            let level = setting("wal_level");
            notes.push(format!(
                "`wal_level` is `{level}`, so changes cannot be captured; set it to `logical` and \
                 restart the server"
            ));
        }
        let server_version = setting("server_version").to_owned();
        let settings =
            settings.into_iter().filter(|(name, _)| SETTINGS.contains(&name.as_str())).collect();
        Ok(Preflight { server_version, settings, notes })
    }

    async fn check_privileges(&self, client: &Client, login: &Login) -> Result<(), SetupError> {
        let denied = |what: String, remedy: String| {
            Err(SetupError::Privilege { user: login.user.clone(), what, remedy })
        };
        let user = quote::identifier(&login.user);
        match self.settings.provision {
            Provision::Databases if !login.is_superuser => {
                let missing: &[&str] = match (login.may_create_databases, login.may_create_roles) {
                    (true, true) => return Ok(()),
                    (true, false) => &["CREATEROLE"],
                    (false, true) => &["CREATEDB"],
                    (false, false) => &["CREATEDB", "CREATEROLE"],
                };
                denied(
                    format!("make databases and roles (it lacks {})", missing.join(" and ")),
                    format!(
                        "let a superuser run `ALTER ROLE {user} {}`, or set `provision: schemas` \
                         or `provision: nothing`",
                        missing.join(" ")
                    ),
                )
            }
            Provision::Schemas => {
                let sql = "SELECT has_database_privilege(current_database(), 'CREATE')";
                let row = client.query_one(sql, &[]).await.map_err(|error| reading(&error))?;
                if row.get(0) {
                    return Ok(());
                }
                let database = &login.database;
                denied(
                    format!("make PostgreSQL schemas in the database `{database}`"),
                    format!(
                        "let its owner run `GRANT CREATE ON DATABASE {} TO {user}`, or set \
                         `provision: nothing`",
                        quote::identifier(database)
                    ),
                )
            }
            _ => Ok(()),
        }
    }

    /// Sessions of others whose kind one may not see are taken for clients.
    async fn check_connections(&self, client: &Client) -> Result<(), SetupError> {
        let databases = match self.settings.provision {
            Provision::Schemas => 1,
            _ => self.by_database().len(),
        };
        let databases = i64::try_from(databases).unwrap_or(i64::MAX);
        let workers = i64::from(self.settings.connections).saturating_mul(databases);
        let needed = workers.saturating_add(CONTROL_CONNECTIONS);
        let sql = "SELECT current_setting('max_connections')::bigint, \
                current_setting('superuser_reserved_connections')::bigint \
                    + coalesce(current_setting('reserved_connections', true)::bigint, 0), \
                (SELECT count(*) FROM pg_stat_activity WHERE datid IS NOT NULL \
                    AND pid <> pg_backend_pid() \
                    AND coalesce(backend_type, 'client backend') = 'client backend'), \
                rolconnlimit::bigint \
            FROM pg_roles WHERE rolname = current_user";
        let row = client.query_one(sql, &[]).await.map_err(|error| reading(&error))?;
        let (connections_max, reserved, used) =
            (row.get::<_, i64>(0), row.get::<_, i64>(1), row.get::<_, i64>(2));
        let free = (connections_max - reserved - used).max(0);
        if free < needed {
            let limit = format!("max_connections = {connections_max}");
            return Err(SetupError::Connections { needed, free, limit });
        }
        let limit = row.get::<_, i64>(3);
        if self.settings.provision != Provision::Databases && (0..needed).contains(&limit) {
            let setting = format!("CONNECTION LIMIT {limit} of the login");
            return Err(SetupError::Connections { needed, free: limit, limit: setting });
        }
        Ok(())
    }

    async fn check_objects(&self, client: &Client) -> Result<(), SetupError> {
        let domains = self.domains();
        match self.settings.provision {
            Provision::Databases => Shared::read(client, &domains).await?.refuse_foreign(),
            Provision::Schemas => {
                let publication = &self.scenario.cdc.publication;
                Local::read(client, &domains, publication).await?.refuse_foreign(publication)
            }
            Provision::Nothing => Ok(()),
        }
    }
}

async fn read_settings(client: &Client) -> Result<BTreeMap<String, String>, SetupError> {
    let mut names = SETTINGS.to_vec();
    names.extend(["server_version", "transaction_read_only"]);
    let sql = "SELECT name, current_setting(name) FROM pg_settings WHERE name = ANY($1) \
        UNION ALL SELECT 'in_hot_standby', CASE WHEN pg_is_in_recovery() THEN 'on' ELSE 'off' END";
    let rows = client.query(sql, &[&names]).await.map_err(|error| reading(&error))?;
    let settings: BTreeMap<String, String> =
        rows.iter().map(|row| (row.get(0), row.get(1))).collect();
    Ok(settings)
}

/// PostgreSQL cuts names that are too long without an error, and would then find other objects.
pub(super) fn check_names(domain: &Domain, publication: &str) -> Result<(), SetupError> {
    let roles = [&domain.roles.owner, &domain.roles.application, &domain.roles.capture];
    let mut names = vec![domain.database.as_str(), &domain.namespace, publication];
    names.extend(roles.iter().map(|role| role.as_str()));
    for table in domain.schema.stored() {
        names.push(&table.name);
        names.extend(table.columns.iter().map(|column| column.name.as_str()));
    }
    for name in names {
        let what = if name.is_empty() {
            "is empty".to_owned()
        } else if name.contains('\0') {
            "holds a NUL character".to_owned()
        } else if name.len() > quote::NAME_BYTES_MAX {
            let (length, most) = (name.len(), quote::NAME_BYTES_MAX);
            format!("has {length} bytes, and PostgreSQL keeps {most}")
        } else {
            continue;
        };
        return Err(SetupError::Name { name: name.replace('\0', "\u{fffd}"), what });
    }
    if roles.iter().collect::<BTreeSet<_>>().len() < roles.len() {
        let (name, what) = (&domain.schema.name, "has roles that share one name");
        return Err(SetupError::Name { name: name.clone(), what: what.to_owned() });
    }
    if mark::making_name(&domain.database) == domain.database {
        let what = "is kept for databases in the making".to_owned();
        return Err(SetupError::Name { name: domain.database.clone(), what });
    }
    Ok(())
}
