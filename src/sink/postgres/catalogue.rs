//! What is on a server already, and whose it is. It changes nothing.

use std::collections::BTreeMap;
use std::collections::BTreeSet;

use tokio_postgres::Client;
use tokio_postgres::Row;

use crate::scenario::Domain;
use crate::sink::postgres::mark;
use crate::sink::postgres::provision::ObjectKind;
use crate::sink::postgres::provision::SetupError;

/// Who is logged in, and where.
#[derive(Debug, Clone)]
#[expect(clippy::struct_excessive_bools, reason = "they are the role attributes of the catalogue")]
pub(super) struct Login {
    pub(super) user: String,
    pub(super) database: String,
    /// The server's version as a number: 150004 is 15.4.
    pub(super) version: i32,
    pub(super) is_superuser: bool,
    pub(super) may_create_databases: bool,
    pub(super) may_create_roles: bool,
    /// Whether `rds_replication` takes the place of the attribute REPLICATION.
    pub(super) is_rds: bool,
}

impl Login {
    pub(super) async fn read(client: &Client) -> Result<Self, SetupError> {
        let sql = "SELECT current_user::text, current_database()::text, \
                current_setting('server_version_num')::int, r.rolsuper, r.rolcreatedb, \
                r.rolcreaterole, \
                EXISTS (SELECT FROM pg_roles WHERE rolname = 'rds_replication') \
            FROM pg_roles r WHERE r.rolname = current_user";
        let row = client.query_one(sql, &[]).await.map_err(|error| reading(&error))?;
        Ok(Self {
            user: row.get(0),
            database: row.get(1),
            version: row.get(2),
            is_superuser: row.get(3),
            may_create_databases: row.get(4),
            may_create_roles: row.get(5),
            is_rds: row.get(6),
        })
    }
}

/// A database that exists.
#[derive(Debug, Clone)]
pub(super) struct FoundDatabase {
    pub(super) is_ours: bool,
    /// Left by a DROP DATABASE that was cut short: it can only be dropped again.
    pub(super) is_broken: bool,
}

/// A role that exists.
#[derive(Debug, Clone)]
pub(super) struct FoundRole {
    pub(super) is_ours: bool,
    pub(super) has_replication: bool,
}

/// The shared objects of the names that some domains need.
#[derive(Debug, Clone, Default)]
pub(super) struct Shared {
    pub(super) databases: BTreeMap<String, FoundDatabase>,
    pub(super) roles: BTreeMap<String, FoundRole>,
    /// Databases that a set-up left before it could name them: `loadgen_making_…`.
    pub(super) leftovers: Vec<String>,
    /// A database of such a name that is not ours.
    rival: Option<String>,
}

impl Shared {
    /// Looks for the databases and roles of `domains`.
    pub(super) async fn read(client: &Client, domains: &[&Domain]) -> Result<Self, SetupError> {
        let making: Vec<String> =
            domains.iter().map(|domain| mark::making_name(&domain.database)).collect();
        let mut names: Vec<&str> = domains.iter().map(|domain| domain.database.as_str()).collect();
        names.extend(making.iter().map(String::as_str));
        // One in the making has no comment yet, but an owner group that has.
        let sql = "SELECT datname::text, shobj_description(oid, 'pg_database'), datconnlimit, \
                shobj_description(datdba, 'pg_authid') \
            FROM pg_database WHERE datname::text = ANY($1) ORDER BY 1";
        let mut found = Self::default();
        for row in client.query(sql, &[&names]).await.map_err(|error| reading(&error))? {
            let name: String = row.get(0);
            if making.contains(&name) {
                if is_ours(&row, 1) || is_ours(&row, 3) {
                    found.leftovers.push(name);
                } else {
                    found.rival = Some(name);
                }
                continue;
            }
            let database =
                FoundDatabase { is_ours: is_ours(&row, 1), is_broken: row.get::<_, i32>(2) == -2 };
            found.databases.insert(name, database);
        }
        let names: Vec<&str> = role_names(domains).into_iter().collect();
        let sql = "SELECT rolname::text, shobj_description(oid, 'pg_authid'), rolreplication \
            FROM pg_roles WHERE rolname::text = ANY($1) ORDER BY 1";
        for row in client.query(sql, &[&names]).await.map_err(|error| reading(&error))? {
            let role = FoundRole { is_ours: is_ours(&row, 1), has_replication: row.get(2) };
            found.roles.insert(row.get(0), role);
        }
        Ok(found)
    }

    /// An error for the first one that loadgen did not make.
    pub(super) fn refuse_foreign(&self) -> Result<(), SetupError> {
        let foreign = |kind, name: &String| SetupError::Foreign { kind, name: name.clone() };
        if let Some(name) = &self.rival {
            return Err(foreign(ObjectKind::Database, name));
        }
        if let Some((name, _)) = self.databases.iter().find(|(_, found)| !found.is_ours) {
            return Err(foreign(ObjectKind::Database, name));
        }
        if let Some((name, _)) = self.roles.iter().find(|(_, found)| !found.is_ours) {
            return Err(foreign(ObjectKind::Role, name));
        }
        Ok(())
    }
}

/// The roles of some domains, each once.
pub(super) fn role_names<'a>(domains: &[&'a Domain]) -> BTreeSet<&'a str> {
    let roles = |domain: &&'a Domain| {
        let roles = &domain.roles;
        [roles.owner.as_str(), roles.application.as_str(), roles.capture.as_str()]
    };
    domains.iter().flat_map(roles).collect()
}

/// What stands in a database that is not ours, of the names that some domains need.
#[derive(Debug, Clone, Default)]
pub(super) struct Local {
    /// PostgreSQL schemas, and whether each is ours.
    pub(super) namespaces: BTreeMap<String, bool>,
    /// The publication, if there is one of that name.
    pub(super) publication: Option<FoundPublication>,
}

/// A publication that exists.
#[derive(Debug, Clone, Copy)]
pub(super) struct FoundPublication {
    pub(super) is_ours: bool,
    pub(super) is_for_all_tables: bool,
}

impl Local {
    /// Looks for the PostgreSQL schemas of `domains`, their books, and the publication.
    pub(super) async fn read(
        client: &Client,
        domains: &[&Domain],
        publication: &str,
    ) -> Result<Self, SetupError> {
        let mut names = Vec::new();
        for domain in domains {
            names.push(domain.namespace.clone());
            names.push(mark::Books::beside(&domain.namespace).namespace().to_owned());
        }
        let sql = "SELECT nspname::text, obj_description(oid, 'pg_namespace') \
            FROM pg_namespace WHERE nspname::text = ANY($1)";
        let rows = client.query(sql, &[&names]).await.map_err(|error| reading(&error))?;
        let namespaces = rows.iter().map(|row| (row.get(0), is_ours(row, 1))).collect();
        let sql = "SELECT obj_description(oid, 'pg_publication'), puballtables \
            FROM pg_publication WHERE pubname::text = $1";
        let row = client.query_opt(sql, &[&publication]).await.map_err(|error| reading(&error))?;
        let publication = row.map(|row| FoundPublication {
            is_ours: is_ours(&row, 0),
            is_for_all_tables: row.get(1),
        });
        Ok(Self { namespaces, publication })
    }

    /// An error for the first one that loadgen did not make. A publication of all tables is
    /// nobody's rival: it is used as it is.
    pub(super) fn refuse_foreign(&self, publication: &str) -> Result<(), SetupError> {
        if let Some((name, _)) = self.namespaces.iter().find(|(_, is_ours)| !**is_ours) {
            return Err(SetupError::Foreign { kind: ObjectKind::Schema, name: name.clone() });
        }
        match self.publication {
            Some(found) if !found.is_ours && !found.is_for_all_tables => Err(SetupError::Foreign {
                kind: ObjectKind::Publication,
                name: publication.to_owned(),
            }),
            _ => Ok(()),
        }
    }
}

fn is_ours(row: &Row, column: usize) -> bool {
    mark::is_ours(row.get::<_, Option<&str>>(column))
}

pub(super) fn reading(error: &tokio_postgres::Error) -> SetupError {
    SetupError::server("read the server's catalogues", error)
}
