//! What change data capture needs, as it is written.

use schemars::JsonSchema;
use serde::Deserialize;

use crate::scenario::file::ConnectFile;
use crate::yaml::ScalarOr;
use crate::yaml::Spanned;

/// What change data capture needs on the source.
#[derive(Clone, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::scenario) struct CdcFile {
    /// The publication's name in each database; `debezium` unless set.
    pub(in crate::scenario) publication: Option<Spanned<String>>,
    /// The login that captures changes; `debezium_{domain}` unless set.
    pub(in crate::scenario) role: Option<Spanned<String>>,
    /// Of the capture login; generated at every set-up unless set.
    pub(in crate::scenario) password: Option<Spanned<String>>,
    /// Of the application's login; generated at every set-up unless set.
    pub(in crate::scenario) application_password: Option<Spanned<String>>,
    /// Whether the table `debezium_signal` is made; `true` unless set.
    pub(in crate::scenario) signal_table: Option<bool>,
    /// Whether the table `debezium_heartbeat` is made; `true` unless set.
    pub(in crate::scenario) heartbeat_table: Option<Spanned<bool>>,
    /// How a change is told from others where it is observed; `xid` unless set.
    pub(in crate::scenario) trace: Option<Spanned<TraceByFile>>,
    /// How often loadgen writes a row into each `debezium_heartbeat`, from seeding to the end, `100ms` to
    /// `1h`: so slots of idle databases move on; `off` unless set.
    pub(in crate::scenario) heartbeat: Option<Spanned<String>>,
    /// How often a row of our own, in the table `loadgen_canary`, changes in each database that is observed, `10ms`
    /// to `1m`: so there is something to observe also while nothing else happens, and its lag is told apart;
    /// `off` for none. Unless set, `100ms`; then it need not come where nobody captures that table, and there is none
    /// where a replica is observed.
    pub(in crate::scenario) canary: Option<Spanned<String>>,
    /// Domains in whose databases there is no canary, so that they are idle.
    #[serde(default)]
    pub(in crate::scenario) idle: Vec<Spanned<String>>,
    /// How much of its write-ahead log a server may keep for one replication slot, `16MB` at least: at half
    /// of it writers pause, at 80 % the run ends. The server's `max_slot_wal_keep_size`, if that is less,
    /// or else `10GB` unless set.
    pub(in crate::scenario) wal_limit: Option<Spanned<String>>,
    /// Kafka Connect, by its address or in more words: runs register Debezium there before anything is
    /// observed. Nobody is told unless set; an empty address is none.
    pub(in crate::scenario) connect: Option<Spanned<ScalarOr<ConnectFile>>>,
}

/// How a change is told from others.
#[derive(Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(in crate::scenario) enum TraceByFile {
    /// By its place in the log and its transaction's number: whatever hands it on must keep them.
    Xid,
    /// By three columns, which every table has that is made and every insert and update fills: `_lg_run` (whose it is;
    /// 0 of a seeded row), `_lg_op` (which action of the run) and `_lg_ver` (which version of its row). For far ends to which
    /// rows alone come.
    Columns,
    /// By a message that each transaction of the load writes into the log (`pg_logical_emit_message`, PostgreSQL 14 or
    /// newer): which actions of which run it is. For slots, and topics of Debezium.
    Message,
}
