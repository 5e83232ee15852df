//! What a server keeps of its write-ahead log for its replication slots, whosoever they are; and the
//! heartbeat that lets a slot of an idle database move on.

use tokio_postgres::Client;

use crate::schema::beside::HEARTBEATS;
use crate::sink::postgres::provision::SetupError;
use crate::sink::postgres::quote::qualified;

/// The row of the table of heartbeats that is a fence; the first is for whoever beats.
const FENCE: i32 = 2;

/// A replication slot, as it stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SlotState {
    /// Its name.
    pub slot: String,
    /// Its database; `None` of a physical one.
    pub database: Option<String>,
    /// Bytes of the log that are kept for it.
    pub kept_bytes: u64,
    /// Bytes of the log that its reader has not confirmed; `None` of a physical one.
    pub unconfirmed_bytes: Option<u64>,
    /// Whether somebody reads it.
    pub is_active: bool,
    /// What the server keeps for a slot at most (`max_slot_wal_keep_size`), in bytes; `None`: all.
    pub keep_bytes: Option<u64>,
    /// How it is with what it needs.
    pub standing: Standing,
}

/// Whether a slot can still be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Standing {
    /// What it needs is kept.
    Kept,
    /// What it needs goes with the next checkpoint.
    Endangered,
    /// What it needs is gone.
    Lost,
}

/// All replication slots of a server, by name.
pub async fn look(client: &Client) -> Result<Vec<SlotState>, SetupError> {
    // What older versions do not have is NULL by way of JSON.
    let sql = "SELECT slot_name::text, database::text, \
            greatest(pg_wal_lsn_diff(pg_current_wal_lsn(), restart_lsn), 0)::bigint, \
            greatest(pg_wal_lsn_diff(pg_current_wal_lsn(), confirmed_flush_lsn), 0)::bigint, \
            active, to_jsonb(slots) ->> 'wal_status', \
            (SELECT nullif(setting::bigint, -1) * 1048576 FROM pg_settings \
                WHERE name = 'max_slot_wal_keep_size'), \
            slot_type = 'logical' \
        FROM pg_replication_slots AS slots ORDER BY 1";
    let rows = client.query(sql, &[]).await;
    let rows = rows.map_err(|error| SetupError::server("look at replication slots", &error))?;
    let bytes = |bytes: Option<i64>| bytes.map(|bytes| u64::try_from(bytes).unwrap_or(0));
    let state = |row: &tokio_postgres::Row| SlotState {
        slot: row.get(0),
        database: row.get(1),
        kept_bytes: bytes(row.get(2)).unwrap_or(0),
        unconfirmed_bytes: bytes(row.get(3)).filter(|_| row.get(7)),
        is_active: row.get(4),
        keep_bytes: bytes(row.get(6)),
        standing: match row.get::<_, Option<&str>>(5) {
            Some("unreserved") => Standing::Endangered,
            Some("lost") => Standing::Lost,
            _ => Standing::Kept,
        },
    };
    Ok(rows.iter().map(state).collect())
}

/// Writes a heartbeat into the table `debezium_heartbeat` of a PostgreSQL schema.
pub async fn beat(client: &Client, namespace: &str) -> Result<(), SetupError> {
    let table = qualified(namespace, HEARTBEATS);
    let sql = format!(
        "INSERT INTO {table} (id, beat) VALUES (1, now()) ON CONFLICT (id) DO UPDATE SET beat = now()"
    );
    let written = client.batch_execute(&sql).await;
    written.map_err(|error| SetupError::server(format!("write a heartbeat into {table}"), &error))
}

/// Writes the row by which a reader elsewhere knows how far it is: behind all that is committed. Returns what it
/// holds, in microseconds; each holds more than those before.
pub async fn write_fence(client: &Client, namespace: &str) -> Result<i64, SetupError> {
    let table = qualified(namespace, HEARTBEATS);
    let sql = format!(
        "INSERT INTO {table} AS fence (id, beat) VALUES ({FENCE}, clock_timestamp()) ON CONFLICT (id) DO \
         UPDATE SET beat = greatest(clock_timestamp(), fence.beat + interval '1 microsecond') \
         RETURNING (extract(epoch FROM beat) * 1000000)::bigint"
    );
    let row = client.query_one(&sql, &[]).await;
    let row =
        row.map_err(|error| SetupError::server(format!("write a fence into {table}"), &error))?;
    Ok(row.get(0))
}

/// Whether the row of [`write_fence`] has come here, or a later one.
pub async fn has_fence(client: &Client, namespace: &str, fence: i64) -> Result<bool, SetupError> {
    let table = qualified(namespace, HEARTBEATS);
    let sql = format!(
        "SELECT count(*) > 0 FROM {table} WHERE id = {FENCE} \
         AND (extract(epoch FROM beat) * 1000000)::bigint >= $1"
    );
    let row = client.query_one(&sql, &[&fence]).await;
    let row =
        row.map_err(|error| SetupError::server(format!("look for a fence in {table}"), &error))?;
    Ok(row.get(0))
}
