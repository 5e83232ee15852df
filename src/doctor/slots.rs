//! Room for slots and senders, and how the slots that are there fare.

use tokio_postgres::Client;

use crate::doctor::Check;
use crate::doctor::Demand;
use crate::doctor::settings::Settings;
use crate::sink::postgres::provision::SetupError;
use crate::sink::postgres::quote::literal;
use crate::sink::postgres::replication::slot::is_left;
use crate::units::format_bytes;
use crate::verify::failed;

/// What an idle slot may hold back without a word.
const RETAINED_MAX: i64 = 1 << 30;

/// Whether the slots that are not there yet, and their senders, find room.
pub(super) async fn room(
    client: &Client,
    settings: &Settings,
    demand: &Demand,
) -> Result<Vec<Check>, SetupError> {
    // Who may not see whose senders there are sees how many.
    // A database that is captured already has its slot, and its sender while somebody reads that; what observers of
    // runs read is gone with them.
    let left = is_left();
    let sql = format!(
        "SELECT (SELECT count(*) FROM pg_replication_slots), \
                (SELECT count(*) FROM pg_stat_replication), \
                count(DISTINCT w.database), count(DISTINCT w.database) FILTER (WHERE s.active), \
                (SELECT count(*) FROM pg_replication_slots s WHERE s.database::text = ANY ($3) AND {left}) \
         FROM unnest($1::text[], $2::text[]) AS w (database, slot) \
         JOIN pg_replication_slots s ON s.database::text = w.database AND s.slot_type = 'logical' \
             AND (s.slot_name::text = w.slot OR s.active AND s.slot_name::text NOT LIKE 'loadgen\\_%')"
    );
    let (databases, slots): (Vec<&str>, Vec<&str>) =
        demand.captures.iter().map(|(database, slot)| (database.as_str(), slot.as_str())).unzip();
    let row = client.query_one(&sql, &[&databases, &slots, &demand.databases]).await;
    let row = row.map_err(|error| failed(&error))?;
    let all = demand.slots + i64::try_from(databases.len()).unwrap_or(i64::MAX);
    let room = |name: &'static str, used: i64, held: i64| {
        let most = settings.number(name).unwrap_or(0);
        let needed = all - held;
        let found = format!("{used} of {most} in use, {needed} more needed");
        if most - used >= needed {
            Check::ok(name, found)
        } else {
            let enough = used + needed;
            Check::critical(name, found)
                .remedy(format!("ALTER SYSTEM SET {name} = {enough}; -- and restart"))
        }
    };
    // Whoever makes slots there drops those that killed runs left before.
    let left: i64 = if demand.slots > 0 { row.get(4) } else { 0 };
    Ok(vec![
        room("max_replication_slots", row.get::<_, i64>(0) - left, row.get(2)),
        room("max_wal_senders", row.get(1), row.get(3)),
    ])
}

/// A slot as the server shows it.
struct Slot {
    name: String,
    database: String,
    is_active: bool,
    /// `reserved`, `extended`, `unreserved`, `lost`; empty before PostgreSQL 13.
    status: String,
    /// Bytes of log that it holds back.
    retained: i64,
}

/// How the slots fare that are there.
pub(super) async fn fare(client: &Client) -> Result<Vec<Check>, SetupError> {
    let sql = "SELECT slot_name::text, coalesce(database::text, ''), active, \
                      coalesce(to_jsonb(s) ->> 'wal_status', ''), \
                      coalesce(pg_wal_lsn_diff( \
                          CASE WHEN pg_is_in_recovery() THEN pg_last_wal_replay_lsn() \
                               ELSE pg_current_wal_lsn() END, restart_lsn), 0)::bigint \
               FROM pg_replication_slots s ORDER BY 1";
    let rows = client.query(sql, &[]).await.map_err(|error| failed(&error))?;
    let slots = rows.iter().map(|row| Slot {
        name: row.get(0),
        database: row.get(1),
        is_active: row.get(2),
        status: row.get(3),
        retained: row.get(4),
    });
    let mut all: Vec<Check> = slots.map(|slot| judge(&slot).at(place(&slot))).collect();
    all.extend(spilt(client).await?);
    Ok(all)
}

/// Transactions that did not fit into the memory in which they are decoded, which the server counts for each slot from
/// PostgreSQL 14 on.
async fn spilt(client: &Client) -> Result<Vec<Check>, SetupError> {
    let sql = "SELECT to_regclass('pg_catalog.pg_stat_replication_slots') IS NOT NULL";
    let row = client.query_one(sql, &[]).await.map_err(|error| failed(&error))?;
    if !row.get::<_, bool>(0) {
        return Ok(Vec::new());
    }
    let sql = "SELECT slot_name::text, spill_txns, spill_bytes, current_setting('logical_decoding_work_mem'), \
                      pg_size_bytes(current_setting('logical_decoding_work_mem')) / 1024 \
               FROM pg_stat_replication_slots WHERE spill_txns > 0 ORDER BY 1";
    let rows = client.query(sql, &[]).await.map_err(|error| failed(&error))?;
    let check = |row: &tokio_postgres::Row| {
        let (slot, count, bytes): (String, i64, i64) = (row.get(0), row.get(1), row.get(2));
        let (memory, kilobytes): (String, i64) = (row.get(3), row.get(4));
        let found = format!(
            "{count} transactions were larger than `logical_decoding_work_mem` ({memory}), and {} of them went \
             to disk, which makes them come later",
            format_bytes(bytes.unsigned_abs())
        );
        let more = kilobytes.saturating_mul(4);
        let remedy = format!(
            "ALTER SYSTEM SET logical_decoding_work_mem = '{more}kB'; SELECT pg_reload_conf(); -- of memory for \
             each slot that is read"
        );
        Check::info("slot", found).remedy(remedy).at(slot)
    };
    Ok(rows.iter().map(check).collect())
}

fn place(slot: &Slot) -> String {
    match slot.database.as_str() {
        "" => slot.name.clone(),
        database => format!("{} of {database}", slot.name),
    }
}

fn judge(slot: &Slot) -> Check {
    let retained = format_bytes(slot.retained.unsigned_abs());
    let drop = format!("SELECT pg_drop_replication_slot({});", literal(&slot.name));
    match (slot.status.as_str(), slot.is_active) {
        ("lost", _) => Check::critical("slot", "lost: the log that it needs is gone; begin anew, with a snapshot")
            .remedy(drop),
        ("unreserved", _) => {
            Check::critical("slot", format!("about to be lost: it holds {retained} back"))
                .remedy("ALTER SYSTEM SET max_slot_wal_keep_size = -1; SELECT pg_reload_conf(); -- until it has caught up")
        }
        (_, false) => {
            let found = format!("nobody reads it, and it holds {retained} back");
            Check::warning("slot", found).remedy(format!("{drop} -- unless somebody comes back to it"))
        }
        _ if slot.retained > RETAINED_MAX => {
            Check::warning("slot", format!("its reader is {retained} behind"))
        }
        _ => Check::ok("slot", format!("read, {retained} behind")),
    }
}
