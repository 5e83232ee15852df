//! Checks that concern a whole server.

use std::collections::BTreeSet;

use tokio_postgres::Client;

use crate::doctor::Check;
use crate::doctor::clock;
use crate::doctor::settings;
use crate::doctor::settings::Settings;
use crate::doctor::slots;
use crate::sink::postgres::provision::SetupError;
use crate::units::format_bytes;
use crate::verify::failed;

/// The oldest server that has what capture uses.
const VERSION_MIN: i64 = 120_000;
/// The first that decodes on a standby.
const VERSION_STANDBY: i64 = 160_000;
/// A transaction that is open for so long holds decoding back, in seconds.
const OPEN_MAX: &str = "600";

/// What a run asks of a server.
#[derive(Debug, Clone, Default)]
pub struct Demand {
    /// Slots that a run makes for itself: one for each observer of a database.
    pub slots: i64,
    /// The databases in which it makes them; what killed runs left there goes before.
    pub databases: Vec<String>,
    /// The databases that connectors capture, and what the slot is called that ours make in each. Some have theirs.
    pub captures: Vec<(String, String)>,
    /// Connections that the run opens.
    pub connections: i64,
    /// Bytes of log that it is reckoned to write.
    pub wal: Option<u64>,
}

/// Looks at a server, by a session in any of its databases.
pub async fn server(client: &Client, demand: &Demand) -> Result<Vec<Check>, SetupError> {
    let settings = Settings::read(client).await?;
    let mut all =
        vec![version(&settings, is_standby(client).await?), settings::wal_level(&settings)];
    all.extend(slots::room(client, &settings, demand).await?);
    all.extend(slots::fare(client).await?);
    all.extend(settings::slot_limit(&settings, demand.wal));
    all.extend(settings::timeouts(&settings));
    all.extend(open_transactions(client).await?);
    all.push(connections(client, &settings, demand.connections).await?);
    all.extend(log_on_disk(client).await);
    all.extend(settings::facts(&settings));
    all.push(clock::offset(client).await?);
    Ok(all)
}

/// The databases that are there.
pub async fn databases(client: &Client) -> Result<BTreeSet<String>, SetupError> {
    let rows = client.query("SELECT datname::text FROM pg_database", &[]).await;
    Ok(rows.map_err(|error| failed(&error))?.iter().map(|row| row.get(0)).collect())
}

async fn is_standby(client: &Client) -> Result<bool, SetupError> {
    let row = client.query_one("SELECT pg_is_in_recovery()", &[]).await;
    Ok(row.map_err(|error| failed(&error))?.get(0))
}

/// Whether a server lacks what the other questions ask it for.
pub(super) async fn is_too_old(client: &Client) -> Result<bool, SetupError> {
    let sql = "SELECT current_setting('server_version_num')::bigint";
    let row = client.query_one(sql, &[]).await.map_err(|error| failed(&error))?;
    Ok(row.get::<_, i64>(0) < VERSION_MIN)
}

fn version(settings: &Settings, is_standby: bool) -> Check {
    let number = settings.number("server_version_num").unwrap_or(0);
    let shown = settings.text("server_version");
    let name = "version";
    if number < VERSION_MIN {
        Check::critical(name, format!("{shown}: PostgreSQL 12 is the oldest that will do"))
            .remedy("pg_upgrade -- to a release that is still supported")
    } else if !is_standby {
        Check::ok(name, format!("{shown}, a primary"))
    } else if number < VERSION_STANDBY {
        Check::critical(
            name,
            format!("{shown}, a standby: only PostgreSQL 16 and later decode there"),
        )
        .remedy("capture from the primary")
    } else if settings.text("hot_standby_feedback") != "on" {
        Check::critical(name, format!("{shown}, a standby without feedback: its slots get invalid"))
            .remedy("ALTER SYSTEM SET hot_standby_feedback = on; SELECT pg_reload_conf();")
    } else {
        Check::info(
            name,
            format!("{shown}, a standby with feedback: it can be captured, not loaded"),
        )
    }
}

/// Slots are not made, and old log is not given up, before these end.
async fn open_transactions(client: &Client) -> Result<Vec<Check>, SetupError> {
    let sql = format!(
        "SELECT pid::text, coalesce(state, ''), extract(epoch FROM now() - xact_start)::bigint \
         FROM pg_stat_activity WHERE xact_start < now() - interval '{OPEN_MAX} s' \
             AND backend_type = 'client backend' \
         UNION ALL \
         SELECT gid, 'prepared', extract(epoch FROM now() - prepared)::bigint FROM pg_prepared_xacts \
         ORDER BY 3 DESC LIMIT 20"
    );
    let rows = client.query(&sql, &[]).await.map_err(|error| failed(&error))?;
    let name = "open transactions";
    let check = |row: &tokio_postgres::Row| {
        let (who, state, seconds): (String, String, i64) = (row.get(0), row.get(1), row.get(2));
        let remedy = match state.as_str() {
            "prepared" => format!("ROLLBACK PREPARED '{}';", who.replace('\'', "''")),
            _ => format!("SELECT pg_terminate_backend({who});"),
        };
        let found =
            format!("`{who}` ({state}) is open for {seconds} s: decoding waits for its end");
        Check::warning(name, found).remedy(remedy)
    };
    let found: Vec<Check> = rows.iter().map(check).collect();
    Ok(if found.is_empty() { vec![Check::ok(name, "none is old")] } else { found })
}

async fn connections(
    client: &Client,
    settings: &Settings,
    needed: i64,
) -> Result<Check, SetupError> {
    let sql = "SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'client backend' \
               AND pid <> pg_backend_pid()";
    let row = client.query_one(sql, &[]).await.map_err(|error| failed(&error))?;
    let reserved = settings.number("superuser_reserved_connections").unwrap_or(0)
        + settings.number("reserved_connections").unwrap_or(0);
    let most = settings.number("max_connections").unwrap_or(0) - reserved;
    let used: i64 = row.get(0);
    let found = format!("{used} of {most} in use, {needed} needed");
    Ok(if most - used >= needed {
        Check::ok("connections", found)
    } else {
        Check::critical("connections", found).remedy(
            "lower `connections` of the target, or ALTER SYSTEM SET max_connections = …; -- and restart",
        )
    })
}

/// Only some logins may see it; it is no reason to stop.
async fn log_on_disk(client: &Client) -> Option<Check> {
    let row = client.query_one("SELECT sum(size)::bigint FROM pg_ls_waldir()", &[]).await.ok()?;
    let bytes: i64 = row.try_get(0).ok()?;
    let found = format!("{} on disk", format_bytes(bytes.unsigned_abs()));
    Some(Check::info("write-ahead log", found))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::doctor::Severity;

    #[test]
    fn servers_that_cannot_be_captured_are_told_by_their_version() {
        let found = |number: &str, is_standby, feedback: &str| {
            let settings = Settings::of(&[
                ("server_version_num", number),
                ("server_version", "the version"),
                ("hot_standby_feedback", feedback),
            ]);
            let check = version(&settings, is_standby);
            (check.severity, check.remedy.is_some())
        };
        assert_eq!(found("110022", false, "off"), (Severity::Critical, true));
        assert_eq!(found("120000", false, "off"), (Severity::Ok, false));
        assert_eq!(found("150012", true, "on"), (Severity::Critical, true));
        assert_eq!(found("160001", true, "off"), (Severity::Critical, true));
        assert_eq!(found("160001", true, "on"), (Severity::Info, false));
    }
}
