//! Tables that are made beside a domain's own: their names, which no table of a schema may have.

/// Of signals: rows by which a connector is asked for a snapshot. Made by `sql/signal.sql`.
pub(crate) const SIGNALS: &str = "debezium_signal";
/// Of heartbeats: rows that change while a database is idle. Made by `sql/heartbeat.sql`.
pub(crate) const HEARTBEATS: &str = "debezium_heartbeat";
/// Of the rows that steps change.
pub(crate) const STRESS: &str = "loadgen_stress";
/// Of the row that changes again and again while a run observes.
pub(crate) const CANARY: &str = "loadgen_canary";

/// All of them.
pub(super) const ALL: [&str; 4] = [SIGNALS, HEARTBEATS, STRESS, CANARY];
