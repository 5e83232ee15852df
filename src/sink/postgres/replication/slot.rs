//! Slots of our own: whether the server will have one, made, looked after, dropped.

use std::fmt;
use std::time::Duration;
use std::time::Instant;

use tokio_postgres::Client;

use super::Lsn;
use super::partitions;
use crate::sink::postgres::provision::SetupError;
use crate::sink::postgres::quote::identifier;
use crate::sink::postgres::quote::literal;

/// What the names of all our slots begin with.
const PREFIX: &str = "loadgen_";
/// The oldest server whose `pgoutput` sends values in binary, and messages.
const VERSION_MIN: i32 = 140_000;
/// How often a slot that is still in use is tried again, and after which pause.
const DROP_TRIES: u32 = 50;
const DROP_PAUSE: Duration = Duration::from_millis(100);
/// What one does who sweeps, for people.
const SWEEP: &str = "drop slots that killed runs left";
/// Beside its name: of the advisory lock that says whose a slot is.
const CLAIM: i32 = 3;
/// For so long a slot must look like one that was left, until it is taken for one.
const CLAIM_WITHIN: Duration = Duration::from_secs(2);
/// SQLSTATE of a slot that somebody uses, and of one that is not there.
const OBJECT_IN_USE: &str = "55006";
const UNDEFINED_OBJECT: &str = "42704";

/// The name of a run's slot: `loadgen_` and what tells it from others.
pub fn name(mark: &str, number: usize) -> String {
    format!("{PREFIX}{mark}_{number}")
}

/// Whether a slot can be made and would get to see all changes of these tables (PostgreSQL schema and
/// name), once what killed runs left in its database is swept. If not, the error says what to do.
pub async fn check(
    client: &Client,
    publication: &str,
    tables: &[(String, String)],
) -> Result<(), SetupError> {
    let left = is_left();
    let sql = format!(
        "SELECT current_setting('server_version_num')::int, \
            current_setting('server_version'), current_setting('wal_level'), \
            current_setting('max_replication_slots')::bigint \
                - (SELECT count(*) FROM pg_replication_slots s \
                   WHERE (s.database = current_database() AND {left}) IS NOT TRUE), \
            current_setting('max_wal_senders')::bigint \
                - (SELECT count(*) FROM pg_stat_replication), \
            rolsuper OR rolreplication, rolname::text \
        FROM pg_roles WHERE rolname = current_user"
    );
    let row =
        client.query_one(&sql, &[]).await.map_err(|error| failed("look for slots", &error))?;
    let version: String = row.get(1);
    if row.get::<_, i32>(0) < VERSION_MIN {
        return refuse(format!(
            "the server is PostgreSQL {version}, and a slot is read from 14 on"
        ));
    }
    let level: String = row.get(2);
    if level != "logical" {
        return refuse(format!(
            "`wal_level` is `{level}`, so there are no logical slots; run `ALTER SYSTEM SET \
             wal_level = logical` and restart the server"
        ));
    }
    for (setting, free) in [("max_replication_slots", 3), ("max_wal_senders", 4)] {
        if row.get::<_, i64>(free) < 1 {
            return refuse(format!(
                "all of `{setting}` are in use; drop a slot that nobody needs (`SELECT * FROM \
                 pg_replication_slots`), or raise it and restart the server"
            ));
        }
    }
    if !row.get::<_, bool>(5) && !is_member_on_rds(client).await? {
        let user: String = row.get(6);
        let remedy = format!("let a superuser run `ALTER ROLE {} REPLICATION`", identifier(&user));
        return Err(SetupError::Privilege {
            user,
            what: "use replication slots".to_owned(),
            remedy,
        });
    }
    published(client, publication, tables).await
}

/// Amazon's servers grant the right by a role.
async fn is_member_on_rds(client: &Client) -> Result<bool, SetupError> {
    let sql = "SELECT count(*) > 0 FROM pg_roles WHERE rolname = 'rds_replication' \
               AND pg_has_role(current_user, oid, 'member')";
    let row =
        client.query_one(sql, &[]).await.map_err(|error| failed("look for rights", &error))?;
    Ok(row.get(0))
}

async fn published(
    client: &Client,
    publication: &str,
    tables: &[(String, String)],
) -> Result<(), SetupError> {
    let sql = "SELECT pubinsert AND pubupdate AND pubdelete FROM pg_publication \
               WHERE pubname::text = $1";
    let doing = "look at the publication";
    let row = client.query_opt(sql, &[&publication]).await;
    let shown = identifier(publication);
    match row.map_err(|error| failed(doing, &error))?.map(|row| row.get::<_, bool>(0)) {
        None => {
            return refuse(format!(
                "there is no publication `{publication}` to observe; run `CREATE PUBLICATION \
                 {shown} FOR ALL TABLES`, or name another by `cdc: {{ publication: … }}`"
            ));
        }
        Some(false) => {
            return refuse(format!(
                "the publication `{publication}` leaves out inserts, updates or deletes; run `ALTER \
                 PUBLICATION {shown} SET (publish = 'insert, update, delete, truncate')`"
            ));
        }
        Some(true) => {}
    }
    let sql = "SELECT schemaname::text, tablename::text FROM pg_publication_tables \
               WHERE pubname::text = $1";
    let rows = client.query(sql, &[&publication]).await.map_err(|error| failed(doing, &error))?;
    let present: Vec<(String, String)> = rows.iter().map(|row| (row.get(0), row.get(1))).collect();
    match tables.iter().find(|table| !present.contains(table)) {
        None => Ok(()),
        Some((namespace, table)) => {
            refuse(partitions::lacking(client, publication, (namespace, table)).await?)
        }
    }
}

/// Says that a slot of this name is this session's run's, whether it is read or not: for as long as the session is
/// there, nobody sweeps it. Returns whether it could: somebody may be looking at this moment.
pub async fn claim(client: &Client, name: &str) -> Result<bool, SetupError> {
    let sql = "SELECT pg_try_advisory_lock_shared(hashtext($1), $2)";
    let row = client.query_one(sql, &[&name, &CLAIM]).await;
    Ok(row.map_err(|error| failed("claim a replication slot", &error))?.get(0))
}

/// Drops the slots of this database that killed runs left: ours by name, read by nobody, and claimed by nobody.
pub async fn sweep(client: &Client) -> Result<Vec<String>, SetupError> {
    let mut left = idle(client).await?;
    // A server that was away has lost its sessions: those of runs that are alive come back.
    let begun = Instant::now();
    while !left.is_empty() && begun.elapsed() < CLAIM_WITHIN {
        tokio::time::sleep(DROP_PAUSE).await;
        let still = idle(client).await?;
        left.retain(|name| still.contains(name));
    }
    let mut swept = Vec::new();
    for name in left {
        // Kept to the end of the session: whoever comes now comes too late, and must not believe otherwise.
        let sql = "SELECT pg_try_advisory_lock(hashtext($1), $2)";
        let row = client.query_one(sql, &[&name, &CLAIM]).await;
        if row.map_err(|error| failed(SWEEP, &error))?.get(0) {
            drop(client, &name).await?;
            swept.push(name);
        }
    }
    Ok(swept)
}

/// What is true in SQL of a slot `s` of any database that looks like one that [`sweep`] drops.
pub fn is_left() -> String {
    format!(
        "NOT s.active AND s.plugin = 'pgoutput' AND starts_with(s.slot_name::text, {}) AND NOT EXISTS ( \
             SELECT FROM pg_locks l JOIN pg_database d ON d.oid = l.database \
             WHERE l.locktype = 'advisory' AND d.datname = s.database AND l.objsubid = 2 \
                 AND l.classid = hashtext(s.slot_name::text)::oid AND l.objid = {CLAIM})",
        literal(PREFIX)
    )
}

/// Slots of ours that look like left ones at this moment.
async fn idle(client: &Client) -> Result<Vec<String>, SetupError> {
    let sql = "SELECT slot_name::text FROM pg_replication_slots \
        WHERE database = current_database() AND NOT active AND plugin = 'pgoutput' \
        AND starts_with(slot_name::text, $1) ORDER BY 1";
    let rows = client.query(sql, &[&PREFIX]).await.map_err(|error| failed(SWEEP, &error))?;
    let mut idle = Vec::new();
    for row in rows {
        let name: String = row.get(0);
        let sql = "SELECT pg_try_advisory_lock(hashtext($1), $2) AND pg_advisory_unlock(hashtext($1), $2)";
        let row = client.query_one(sql, &[&name, &CLAIM]).await;
        if row.map_err(|error| failed(SWEEP, &error))?.get(0) {
            idle.push(name);
        }
    }
    Ok(idle)
}

/// Makes a slot. All that is committed from now on is kept for it.
pub async fn make(client: &Client, name: &str) -> Result<(), SetupError> {
    let sql = format!("SELECT pg_create_logical_replication_slot({}, 'pgoutput')", literal(name));
    let made = client.batch_execute(&sql).await;
    made.map_err(|error| failed(&format!("make the replication slot `{name}`"), &error))
}

/// Drops a slot, once its reader is gone; one that is not there is dropped already.
pub async fn drop(client: &Client, name: &str) -> Result<(), SetupError> {
    let sql = format!("SELECT pg_drop_replication_slot({})", literal(name));
    let mut tries = 0;
    loop {
        let dropped = client.batch_execute(&sql).await;
        let error = match dropped {
            Ok(()) => return Ok(()),
            Err(error) => failed(&format!("drop the replication slot `{name}`"), &error),
        };
        if error.is(UNDEFINED_OBJECT) {
            return Ok(());
        }
        if !error.is(OBJECT_IN_USE) || tries >= DROP_TRIES {
            return Err(error);
        }
        tries += 1;
        tokio::time::sleep(DROP_PAUSE).await;
    }
}

/// A process of the server that reads a slot; what one may not see of it is `None`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Process {
    /// Its number on the server.
    pub pid: i32,
    /// What it calls itself.
    pub application: Option<String>,
    /// Who has logged in.
    pub user: Option<String>,
    /// From where.
    pub host: Option<String>,
}

impl fmt::Display for Process {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { pid, application, user, host } = self;
        write!(formatter, "the process {pid}")?;
        let application = application.iter().map(|it| format!("`{it}`"));
        let user = user.iter().map(|it| format!("logged in as `{it}`"));
        let told = application.chain(user).chain(host.iter().map(|it| format!("from {it}")));
        match told.collect::<Vec<_>>().join(", ").as_str() {
            "" => Ok(()),
            told => write!(formatter, " ({told})"),
        }
    }
}

/// How a slot is read: by which process, if by one, and whether that one has nothing of before left to send.
/// `None`: there is no such slot, or the server gave it up.
pub async fn reading(
    client: &Client,
    name: &str,
) -> Result<Option<(Option<Process>, bool)>, SetupError> {
    // Who may not see what others do sees that they are there. Version 12 has no `wal_status`.
    let sql = "SELECT s.active_pid, r.pid IS NOT NULL AND coalesce(r.state = 'streaming', true), \
                   nullif(r.application_name, ''), r.usename::text, host(r.client_addr) \
               FROM pg_replication_slots s LEFT JOIN pg_stat_replication r ON r.pid = s.active_pid \
               WHERE s.slot_name::text = $1 AND to_jsonb(s) ->> 'wal_status' IS DISTINCT FROM 'lost'";
    let row = client.query_opt(sql, &[&name]).await;
    let row = row.map_err(|error| failed("look at the replication slot", &error))?;
    let process = |row: &tokio_postgres::Row| {
        let (application, user, host) = (row.get(2), row.get(3), row.get(4));
        row.get::<_, Option<i32>>(0).map(|pid| Process { pid, application, user, host })
    };
    Ok(row.map(|row| (process(&row), row.get(1))))
}

/// Up to where its readers have confirmed it; `None` if it is not there or the server gave it up.
pub async fn confirmed(client: &Client, name: &str) -> Result<Option<Lsn>, SetupError> {
    let sql = "SELECT confirmed_flush_lsn::text FROM pg_replication_slots s \
               WHERE slot_name::text = $1 AND to_jsonb(s) ->> 'wal_status' IS DISTINCT FROM 'lost'";
    let row = client.query_opt(sql, &[&name]).await;
    let row = row.map_err(|error| failed("look at the replication slot", &error))?;
    Ok(row.and_then(|row| row.get::<_, Option<String>>(0)).and_then(|text| Lsn::parse(&text)))
}

/// A logical slot that is none of ours: a connector's.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Foreign {
    /// Its name.
    pub name: String,
    /// The process that reads it, if one does.
    pub reader: Option<i32>,
    /// Up to where its reader has it for certain.
    pub confirmed: Lsn,
}

/// The logical slots of this database that others read.
pub async fn foreign(client: &Client) -> Result<Vec<Foreign>, SetupError> {
    let sql = "SELECT slot_name::text, active_pid, confirmed_flush_lsn::text FROM pg_replication_slots \
               WHERE database = current_database() AND slot_type = 'logical' AND NOT temporary \
               AND NOT starts_with(slot_name::text, $1) ORDER BY 1";
    let rows = client.query(sql, &[&PREFIX]).await;
    let rows = rows.map_err(|error| failed("look at the replication slots", &error))?;
    let foreign = |row: &tokio_postgres::Row| {
        let confirmed: Option<String> = row.get(2);
        let confirmed = confirmed.and_then(|text| Lsn::parse(&text)).unwrap_or_default();
        Foreign { name: row.get(0), reader: row.get(1), confirmed }
    };
    Ok(rows.iter().map(foreign).collect())
}

/// Where the log ends now: all that was committed is before it.
pub async fn position(client: &Client) -> Result<Lsn, SetupError> {
    let row = client.query_one("SELECT pg_current_wal_insert_lsn()::text", &[]).await;
    let row = row.map_err(|error| failed("look where the log ends", &error))?;
    let text: String = row.get(0);
    Lsn::parse(&text).ok_or_else(|| SetupError::Local(format!("`{text}` is no place in a log")))
}

/// Writes a message into the log, as a transaction of its own: who has read it has read all before.
pub async fn note(client: &Client, prefix: &str, content: &str) -> Result<(), SetupError> {
    let sql =
        format!("SELECT pg_logical_emit_message(true, {}, {})", literal(prefix), literal(content));
    client.batch_execute(&sql).await.map_err(|error| failed("write a fence into the log", &error))
}

fn failed(doing: &str, error: &tokio_postgres::Error) -> SetupError {
    SetupError::server(doing, error)
}

fn refuse(why: String) -> Result<(), SetupError> {
    Err(SetupError::Local(why))
}
