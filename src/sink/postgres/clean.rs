//! Removes exactly what set-up made: what carries our mark, and nothing else. If something of a name
//! that we use is not ours, nothing at all is changed.

mod slots;

use std::collections::BTreeSet;
use std::time::Duration;
use std::time::Instant;

use tokio_postgres::Client;

use crate::scenario::Provision;
use crate::sink::postgres::catalogue::Local;
use crate::sink::postgres::catalogue::Login;
use crate::sink::postgres::catalogue::Shared;
use crate::sink::postgres::catalogue::reading;
use crate::sink::postgres::catalogue::role_names;
use crate::sink::postgres::mark::Books;
use crate::sink::postgres::presence;
use crate::sink::postgres::provision::DEPENDENTS_EXIST;
use crate::sink::postgres::provision::ObjectKind;
use crate::sink::postgres::provision::Provisioner;
use crate::sink::postgres::provision::SetupError;
use crate::sink::postgres::provision::alone;
use crate::sink::postgres::provision::atomically;
use crate::sink::postgres::provision::published;
use crate::sink::postgres::provision::scripts;
use crate::sink::postgres::provision::types;
use crate::sink::postgres::quote;
use crate::sink::postgres::replication::slot;

pub use slots::OwnSlots;

/// SQLSTATE of a database or slot that somebody uses.
const OBJECT_IN_USE: &str = "55006";
/// How often a used database is tried again, and for how long at most.
const PAUSE: Duration = Duration::from_millis(100);
const DROP_WITHIN: Duration = Duration::from_secs(20);

/// A session that did something so lately is one of a run that goes on.
const AT_WORK: Duration = Duration::from_secs(10);
/// How long sessions of a run that has ended may need to go.
const GONE_WITHIN: Duration = Duration::from_secs(2);

/// What a clean removed, and what it left.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Cleaned {
    /// What is gone, in order: ``database `orders` ``.
    pub removed: Vec<String>,
    /// The replication slots among that, by name.
    pub slots: Vec<String>,
    /// What is ours and had to stay, with the reason.
    pub kept: Vec<String>,
}

impl Cleaned {
    /// Whether there was nothing to clean.
    pub fn is_nothing(&self) -> bool {
        self.removed.is_empty() && self.kept.is_empty()
    }
}

impl Provisioner<'_> {
    /// Looks whether all that is marked could be dropped, and changes nothing: an error if something of one of the
    /// names is not ours, if a run is at work there, or if others have made something or have replication slots in it.
    pub async fn look_before_clean(&self) -> Result<(), SetupError> {
        if self.settings.provision == Provision::Nothing {
            return Ok(());
        }
        let control = self.servers.open(None).await?;
        if self.settings.provision == Provision::Schemas {
            return refuse_runs_on_schemas(self, &control).await;
        }
        let login = Login::read(&control).await?;
        let shared = Shared::read(&control, &self.domains()).await?;
        shared.refuse_foreign()?;
        refuse(self, &control, &login, &shared).await
    }

    /// Removes everything marked that the scenario's domains use on this server: sessions and slots
    /// first, then databases, then roles. An error before anything is changed if an object of one of
    /// the names is not ours. May be repeated; the second time finds nothing.
    pub async fn clean(&self) -> Result<Cleaned, SetupError> {
        match self.settings.provision {
            Provision::Databases => {
                let control = self.servers.open_locked(None).await?;
                let login = Login::read(&control).await?;
                let shared = Shared::read(&control, &self.domains()).await?;
                shared.refuse_foreign()?;
                databases(self, &control, &login, &shared).await
            }
            Provision::Schemas => {
                let client = self.servers.open_locked(None).await?;
                let publication = &self.scenario.cdc.publication;
                let local = Local::read(&client, &self.domains(), publication).await?;
                local.refuse_foreign(publication)?;
                refuse_runs_on_schemas(self, &client).await?;
                let swept = slot::sweep(&client).await?;
                let mut cleaned = schemas(self, &client, &local).await?;
                let slots = swept.iter().map(|slot| format!("replication slot `{slot}`"));
                cleaned.removed.splice(0..0, slots);
                cleaned.slots = swept;
                Ok(cleaned)
            }
            Provision::Nothing => Ok(Cleaned::default()),
        }
    }
}

/// Refuses to drop databases that are ours while something in them is not.
async fn refuse(
    provisioner: &Provisioner<'_>,
    control: &Client,
    login: &Login,
    shared: &Shared,
) -> Result<(), SetupError> {
    if shared.databases.contains_key(&login.database) {
        return Err(SetupError::Inside(login.database.clone()));
    }
    refuse_runs(control, shared).await?;
    for name in shared.databases.keys() {
        refuse_guests(provisioner, name).await?;
    }
    slots::refuse_theirs(&provisioner.slots, control, shared).await
}

/// Removes databases and roles, all of which are known to be ours.
pub(super) async fn databases(
    provisioner: &Provisioner<'_>,
    control: &Client,
    login: &Login,
    shared: &Shared,
) -> Result<Cleaned, SetupError> {
    refuse(provisioner, control, login, shared).await?;
    let mut cleaned = Cleaned::default();
    if !login.is_superuser {
        let owners = provisioner.domains.iter().map(|(_, domain)| domain.roles.owner.as_str());
        let owners: BTreeSet<&str> =
            owners.filter(|owner| shared.roles.contains_key(*owner)).collect();
        let mut statements = Vec::new();
        for owner in owners {
            statements.extend(scripts::JOIN_OWNER.render(&[("owner", owner)])?);
        }
        atomically(control, "become a member of the owner groups", &statements).await?;
    }
    for name in shared.leftovers.iter().chain(shared.databases.keys()) {
        let slots = drop_database(control, name, provisioner.servers.limit()).await?;
        cleaned.removed.extend(slots.iter().map(|slot| format!("replication slot `{slot}`")));
        cleaned.slots.extend(slots);
        cleaned.removed.push(format!("database `{name}`"));
    }
    let names = role_names(&provisioner.domains());
    for role in names.into_iter().filter(|name| shared.roles.contains_key(*name)) {
        let users = users_of(control, role).await?;
        if users.is_empty() {
            let statements = scripts::CLEAN_ROLE.render(&[("role", role)])?;
            atomically(control, &format!("drop the role `{role}`"), &statements).await?;
            cleaned.removed.push(format!("role `{role}`"));
        } else {
            cleaned.kept.push(format!("role `{role}`: it is still used in {}", users.join(", ")));
        }
    }
    Ok(cleaned)
}

/// Refuses to go on while a run is at work in one of the databases: it would end in errors, or go on in what is
/// made next.
async fn refuse_runs(control: &Client, shared: &Shared) -> Result<(), SetupError> {
    let names: Vec<&str> = shared.databases.keys().map(String::as_str).collect();
    refuse_while(ObjectKind::Database, async || {
        let present = presence::in_databases(control, &names).await?;
        if present.is_some() { Ok(present) } else { busy(control, &names).await }
    })
    .await
}

/// The same, of PostgreSQL schemas in a database that is not ours.
pub(super) async fn refuse_runs_on_schemas(
    provisioner: &Provisioner<'_>,
    client: &Client,
) -> Result<(), SetupError> {
    let books = provisioner.domains().into_iter().map(|domain| Books::beside(&domain.namespace));
    let books: Vec<Books> = books.collect();
    let names: Vec<&str> = books.iter().map(Books::namespace).collect();
    refuse_while(ObjectKind::Schema, async || presence::on_books(client, &names).await).await
}

/// Refuses to go on while a run is `at_work`, which says on what, and which run it is. Sessions of one that has ended may
/// need a moment to go.
async fn refuse_while(
    kind: ObjectKind,
    mut at_work: impl AsyncFnMut() -> Result<Option<(String, String)>, SetupError>,
) -> Result<(), SetupError> {
    let begun = Instant::now();
    while let Some((name, run)) = at_work().await? {
        if begun.elapsed() >= GONE_WITHIN {
            let why = format!(
                "the run `{run}` is at work in it; stop that first (of one that was killed, sessions may be there for \
                 another {} s)",
                AT_WORK.as_secs()
            );
            return Err(SetupError::Kept { kind, name, why });
        }
        tokio::time::sleep(PAUSE).await;
    }
    Ok(())
}

/// A database in which a run's connections do something, and the run. A pooler may keep a run's sessions, which then do
/// nothing.
async fn busy(control: &Client, names: &[&str]) -> Result<Option<(String, String)>, SetupError> {
    let sql = "SELECT datname::text, split_part(application_name, '/', 2) \
        FROM pg_stat_activity WHERE datname::text = ANY($1) \
        AND application_name ~ '^loadgen/[^/]+/[0-9]' \
        AND (state <> 'idle' OR state_change > clock_timestamp() - $2 * interval '1 second') \
        ORDER BY 1, 2 LIMIT 1";
    let row = control.query_opt(sql, &[&names, &AT_WORK.as_secs_f64()]).await;
    let row = row.map_err(|error| reading(&error))?;
    Ok(row.map(|row| (row.get(0), row.get(1))))
}

/// What is in a database that is not of some roles (`$1`), by name: all that loadgen makes is of the domain's. What
/// belongs to an extension goes as it came, and functions, types and schemas that the server gives to each new database
/// are older than the database, by their numbers. Subscriptions are in the way whose ever they are.
const GUESTS: &str = "WITH others AS ( \
        SELECT 'pg_class'::regclass AS kind, oid, relowner AS owner, relnamespace AS schema, '' AS called, \
            relname AS name FROM pg_class WHERE relkind IN ('r', 'p', 'v', 'm', 'f', 'S') \
        UNION ALL SELECT 'pg_proc'::regclass, oid, proowner, pronamespace, 'the function ', proname FROM pg_proc \
        UNION ALL SELECT 'pg_type'::regclass, oid, typowner, typnamespace, 'the type ', typname FROM pg_type \
            WHERE typtype IN ('d', 'e', 'r') \
        UNION ALL SELECT 'pg_type'::regclass, t.oid, typowner, typnamespace, 'the type ', typname \
            FROM pg_type t JOIN pg_class c ON c.oid = typrelid WHERE relkind = 'c'), \
    here AS (SELECT oid FROM pg_database WHERE datname = current_database()) \
    SELECT format('%s`%I.%I`', called, nspname, name) FROM others \
        JOIN pg_namespace n ON n.oid = schema CROSS JOIN here \
        WHERE nspname !~ '^pg_' AND nspname <> 'information_schema' \
        AND (called = '' OR others.oid > here.oid) AND pg_get_userbyid(owner)::text <> ALL($1) \
        AND NOT EXISTS (SELECT FROM pg_depend d WHERE d.classid = kind AND d.objid = others.oid \
            AND d.deptype = 'e') \
    UNION ALL SELECT format('the schema `%I`', nspname) FROM pg_namespace n CROSS JOIN here \
        WHERE nspname !~ '^pg_' AND n.oid > here.oid AND pg_get_userbyid(nspowner)::text <> ALL($1) \
        AND NOT EXISTS (SELECT FROM pg_extension WHERE extnamespace = n.oid) \
    UNION ALL SELECT format('the subscription `%I`', subname) FROM pg_subscription \
        WHERE subdbid = (SELECT oid FROM here) \
    ORDER BY 1 LIMIT 3";

/// Refuses to go on if a database of ours holds what others have made, or subscribes to another: then it cannot be
/// dropped.
async fn refuse_guests(provisioner: &Provisioner<'_>, name: &str) -> Result<(), SetupError> {
    let client = provisioner.servers.open(Some(name)).await?;
    let roles: Vec<&str> = role_names(&provisioner.domains()).into_iter().collect();
    let rows = client.query(GUESTS, &[&roles]).await.map_err(|error| reading(&error))?;
    let guests: Vec<&str> = rows.iter().map(|row| row.get(0)).collect();
    if guests.is_empty() {
        return Ok(());
    }
    let (kind, name) = (ObjectKind::Database, name.to_owned());
    let why = format!("others have made {} in it; move or drop that first", guests.join(", "));
    Err(SetupError::Kept { kind, name, why })
}

/// Ends what uses a database, then drops it. Clients that come back at once are ended again, for as
/// long as `patience` lasts. Returns the replication slots that went with it.
pub(super) async fn drop_database(
    control: &Client,
    name: &str,
    patience: Duration,
) -> Result<BTreeSet<String>, SetupError> {
    let doing = format!("drop the database `{name}`");
    let statements = scripts::CLEAN_DATABASE.render(&[("database", name)])?;
    let mut slots = BTreeSet::new();
    let begun = Instant::now();
    loop {
        slots.extend(end_users(control, name).await?);
        match alone(control, &doing, &statements.join(";")).await {
            Ok(()) => return Ok(slots),
            Err(error) if error.is(OBJECT_IN_USE) => {
                if begun.elapsed() >= patience.min(DROP_WITHIN) {
                    let why = "a session or a reader of its replication slots that this login may \
                        not end still uses it; end it, then try again";
                    let (kind, name) = (ObjectKind::Database, name.to_owned());
                    return Err(SetupError::Kept { kind, name, why: why.to_owned() });
                }
                tokio::time::sleep(PAUSE).await;
            }
            Err(error) => return Err(error),
        }
    }
}

/// Ends the sessions and slot readers of a database and drops its slots, as far as one may: what is
/// left makes DROP DATABASE say so. Returns the names of the slots.
async fn end_users(control: &Client, database: &str) -> Result<Vec<String>, SetupError> {
    let sql = "SELECT pid FROM pg_stat_activity WHERE datname::text = $1 \
        UNION SELECT active_pid FROM pg_replication_slots \
        WHERE database::text = $1 AND active_pid IS NOT NULL";
    for row in control.query(sql, &[&database]).await.map_err(|error| reading(&error))? {
        // One may not end a superuser's session; the others are ended all the same.
        let _ = control.execute("SELECT pg_terminate_backend($1)", &[&row.get::<_, i32>(0)]).await;
    }
    let sql = "SELECT slot_name::text FROM pg_replication_slots WHERE database::text = $1";
    let rows = control.query(sql, &[&database]).await.map_err(|error| reading(&error))?;
    let slots: Vec<String> = rows.iter().map(|row| row.get(0)).collect();
    for slot in &slots {
        let statements = scripts::CLEAN_SLOT.render(&[("slot", slot)])?;
        // Its reader may need a moment to end, and DROP DATABASE drops idle slots by itself.
        let _ = control.batch_execute(&statements.join(";")).await;
    }
    Ok(slots)
}

/// Where a role still owns something or holds rights.
async fn users_of(control: &Client, role: &str) -> Result<Vec<String>, SetupError> {
    let sql = "SELECT DISTINCT coalesce('the database `' || d.datname || '`', 'the server') \
        FROM pg_shdepend s JOIN pg_roles r ON r.oid = s.refobjid \
        LEFT JOIN pg_database d ON d.oid = CASE WHEN s.dbid <> 0 THEN s.dbid \
            WHEN s.classid = 'pg_database'::regclass THEN s.objid END \
        WHERE s.refclassid = 'pg_authid'::regclass AND r.rolname::text = $1 ORDER BY 1";
    let rows = control.query(sql, &[&role]).await.map_err(|error| reading(&error))?;
    Ok(rows.iter().map(|row| row.get(0)).collect())
}

/// Removes tables, books, PostgreSQL schemas and the publication from a database that is not ours,
/// in one transaction.
pub(super) async fn schemas(
    provisioner: &Provisioner<'_>,
    client: &Client,
    local: &Local,
) -> Result<Cleaned, SetupError> {
    let mut cleaned = Cleaned::default();
    let mut statements = Vec::new();
    let ours = &local.namespaces;
    for domain in provisioner.domains() {
        let books = Books::beside(&domain.namespace);
        if let Some(mark) = books.read(client).await? {
            let tables = mark.tables.iter().map(|name| quote::qualified(&domain.namespace, name));
            let tables = tables.collect::<Vec<_>>().join(", ");
            statements.push(format!("DROP TABLE IF EXISTS {tables}"));
            statements.extend(types::drop_all(client, &domain.namespace).await?);
            let books = quote::identifier(books.namespace());
            statements
                .push(format!("DROP TABLE IF EXISTS {books}.mark, {books}.seeded, {books}.shards"));
        }
        for name in [domain.namespace.as_str(), books.namespace()] {
            if ours.contains_key(name) {
                statements.extend(scripts::CLEAN_SCHEMA.render(&[("namespace", name)])?);
                cleaned.removed.push(format!("PostgreSQL schema `{name}`"));
            }
        }
    }
    let publication = provisioner.scenario.cdc.publication.as_str();
    if local.publication.is_some_and(|found| found.is_ours) {
        let others = published(client, publication).await?;
        if others.iter().all(|(namespace, _)| ours.contains_key(namespace)) {
            let variables = [("publication", publication)];
            statements.extend(scripts::CLEAN_PUBLICATION.render(&variables)?);
            cleaned.removed.push(format!("publication `{publication}`"));
        }
    }
    match atomically(client, "remove the tables and PostgreSQL schemas", &statements).await {
        Ok(()) => Ok(cleaned),
        Err(SetupError::Server { why, code: Some(code), .. }) if code == DEPENDENTS_EXIST => {
            let name = ours.keys().map(String::as_str).collect::<Vec<_>>().join("`, `");
            let why = format!(
                "others have put something there or built upon it, so nothing was changed: {why}"
            );
            Err(SetupError::Kept { kind: ObjectKind::Schema, name, why })
        }
        Err(error) => Err(error),
    }
}
