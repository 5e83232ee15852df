//! What a server's settings mean for capture.

use std::collections::BTreeMap;

use tokio_postgres::Client;

use crate::doctor::Check;
use crate::sink::postgres::provision::SetupError;
use crate::units::format_bytes;
use crate::verify::failed;

/// What a slot may hold back at least before it is cut off.
const SLOT_WAL_MIN: i64 = 1 << 30;
/// Below that a consumer that stands still for a moment is thrown out.
const SENDER_TIMEOUT_MIN_MS: i64 = 10_000;
/// Below that a consumer that is restarted may find its slot invalid.
const IDLE_TIMEOUT_MIN_S: i64 = 300;

/// The settings of a server that capture depends on, in base units.
pub(super) struct Settings(BTreeMap<String, (String, Option<String>)>);

impl Settings {
    pub(super) async fn read(client: &Client) -> Result<Self, SetupError> {
        let sql = "SELECT name, setting, unit FROM pg_settings";
        let rows = client.query(sql, &[]).await.map_err(|error| failed(&error))?;
        Ok(Self(rows.iter().map(|row| (row.get(0), (row.get(1), row.get(2)))).collect()))
    }

    /// Of these names and values.
    #[cfg(test)]
    pub(super) fn of(all: &[(&str, &str)]) -> Self {
        let pair = |(name, value): &(&str, &str)| ((*name).to_owned(), ((*value).to_owned(), None));
        Self(all.iter().map(pair).collect())
    }

    /// As the server keeps it; empty where there is no such setting.
    pub(super) fn text(&self, name: &str) -> &str {
        self.0.get(name).map_or("", |(value, _)| value.as_str())
    }

    /// In bytes, milliseconds, or the setting's own unit.
    pub(super) fn number(&self, name: &str) -> Option<i64> {
        let (value, unit) = self.0.get(name)?;
        let value: i64 = value.parse().ok()?;
        let factor = match unit.as_deref() {
            Some("kB") => 1 << 10,
            Some("MB") => 1 << 20,
            Some("8kB") => 8 << 10,
            Some("s") if name != "idle_replication_slot_timeout" => 1000,
            _ => 1,
        };
        Some(if value < 0 { value } else { value.saturating_mul(factor) })
    }
}

/// Whether changes can be decoded at all.
pub(super) fn wal_level(settings: &Settings) -> Check {
    match settings.text("wal_level") {
        "logical" => Check::ok("wal_level", "logical"),
        other => Check::critical("wal_level", format!("{other}: changes cannot be decoded")).remedy(
            "ALTER SYSTEM SET wal_level = 'logical'; -- and restart; on RDS and Aurora: rds.logical_replication = 1",
        ),
    }
}

/// How much a slot may hold back, beside what a run writes.
pub(super) fn slot_limit(settings: &Settings, predicted: Option<u64>) -> Option<Check> {
    let limit = settings.number("max_slot_wal_keep_size")?;
    let name = "max_slot_wal_keep_size";
    let predicted = predicted.and_then(|bytes| i64::try_from(bytes).ok()).unwrap_or(0);
    let shown = format_bytes(limit.unsigned_abs());
    Some(if limit < 0 {
        Check::warning(name, "no limit: a slot that nobody reads fills the disk")
            .remedy("ALTER SYSTEM SET max_slot_wal_keep_size = '10GB'; SELECT pg_reload_conf();")
    } else if limit < predicted {
        let found = format!(
            "{shown}, and the run is reckoned to write {}: a consumer that is away throughout loses its slot",
            format_bytes(predicted.unsigned_abs())
        );
        let enough = (predicted >> 20) + 1024;
        Check::warning(name, found).remedy(format!(
            "ALTER SYSTEM SET max_slot_wal_keep_size = '{enough}MB'; SELECT pg_reload_conf();"
        ))
    } else if limit < SLOT_WAL_MIN {
        Check::warning(
            name,
            format!("{shown}: a consumer that is away for a moment loses its slot"),
        )
        .remedy("ALTER SYSTEM SET max_slot_wal_keep_size = '10GB'; SELECT pg_reload_conf();")
    } else {
        Check::ok(name, shown)
    })
}

/// When a server gives consumers up.
pub(super) fn timeouts(settings: &Settings) -> Vec<Check> {
    let mut all = Vec::new();
    let name = "wal_sender_timeout";
    all.push(match settings.number(name).unwrap_or(0) {
        0 => Check::ok(name, "off"),
        short if short < SENDER_TIMEOUT_MIN_MS => Check::warning(
            name,
            format!("{short} ms: a consumer that is busy for longer is thrown out"),
        )
        .remedy("ALTER SYSTEM SET wal_sender_timeout = '60s'; SELECT pg_reload_conf();"),
        long => Check::ok(name, format!("{} s", long / 1000)),
    });
    let name = "idle_replication_slot_timeout";
    if let Some(seconds) = settings.number(name) {
        all.push(match seconds {
            0 => Check::ok(name, "off"),
            short if short <= IDLE_TIMEOUT_MIN_S => Check::warning(
                name,
                format!("{short} s: a consumer that is away for longer loses its slot"),
            )
            .remedy(
                "ALTER SYSTEM SET idle_replication_slot_timeout = '1d'; SELECT pg_reload_conf();",
            ),
            long => Check::ok(name, format!("{long} s")),
        });
    }
    all
}

/// What is worth knowing beside a figure.
pub(super) fn facts(settings: &Settings) -> Vec<Check> {
    let mut all = Vec::new();
    if let Some(bytes) = settings.number("logical_decoding_work_mem") {
        let size = format_bytes(bytes.unsigned_abs());
        let found = format!("{size}: greater transactions are spilled to disk, or streamed");
        all.push(Check::info("logical_decoding_work_mem", found));
    }
    let standby = settings.text("synchronous_standby_names");
    let found = format!(
        "fsync {}, synchronous_commit {}, synchronous_standby_names {}, track_commit_timestamp {}",
        settings.text("fsync"),
        settings.text("synchronous_commit"),
        if standby.is_empty() { "none" } else { standby },
        settings.text("track_commit_timestamp"),
    );
    all.push(Check::info("durability", found));
    all
}
