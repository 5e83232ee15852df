//! What `loadgen plan` tells, as it stands in its JSON.

use serde::Serialize;

/// A run as it would be (`loadgen.plan/1`). Bytes and what follows from samples are estimates;
/// `null` is what only the clock decides.
#[derive(Debug, Serialize)]
pub(super) struct Outlook {
    pub(super) format: &'static str,
    pub(super) scenario: String,
    pub(super) seed: u64,
    /// `now`, or a time.
    pub(super) start: String,
    pub(super) lanes: u32,
    pub(super) warmup_ns: u64,
    /// The longest stream's, with the warm-up.
    pub(super) duration_ns: Option<u64>,
    pub(super) streams: Vec<StreamOutlook>,
    pub(super) tables: Vec<TableOutlook>,
    pub(super) events: Vec<EventOutlook>,
    /// Whether every slot was decided to count the changes; else they are estimated from some.
    pub(super) exact: bool,
    pub(super) wal: WalOutlook,
    pub(super) connections: Vec<DatabaseNeeds>,
    pub(super) lanes_needed: Vec<LanesNeeded>,
    pub(super) creates: Vec<Creates>,
    pub(super) warnings: Vec<String>,
}

/// A stream.
#[derive(Debug, Serialize)]
pub(super) struct StreamOutlook {
    pub(super) name: String,
    /// With those of the warm-up.
    pub(super) slots: Option<u64>,
    pub(super) warmup_slots: u64,
    pub(super) measured_slots: Option<u64>,
    pub(super) measured_ns: Option<u64>,
    /// Slots that find no row to work on.
    pub(super) skipped: Option<u64>,
    /// A second; `null` if it has no schedule.
    pub(super) peak_rate: Option<f64>,
    pub(super) mean_rate: Option<f64>,
    /// How many sessions a closed stream has when it has the most.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) sessions: Option<u32>,
    /// Mean rates of equal parts of the measured time.
    pub(super) profile: Vec<f64>,
    pub(super) segments: Vec<SegmentOutlook>,
    pub(super) actions: Vec<ActionOutlook>,
}

/// A segment of a profile, measured time.
#[derive(Debug, Serialize)]
pub(super) struct SegmentOutlook {
    pub(super) name: String,
    pub(super) from_ns: u64,
    pub(super) to_ns: u64,
    pub(super) slots: u64,
    pub(super) mean_rate: f64,
}

/// An action of a mix.
#[derive(Debug, Serialize)]
pub(super) struct ActionOutlook {
    pub(super) action: String,
    pub(super) share: f64,
    /// Expected, by its weight.
    pub(super) slots: Option<u64>,
}

/// A table.
#[derive(Debug, Serialize)]
pub(super) struct TableOutlook {
    pub(super) target: String,
    pub(super) database: String,
    pub(super) table: String,
    pub(super) seeded: u64,
    pub(super) inserted: Option<u64>,
    pub(super) updated: Option<u64>,
    pub(super) deleted: Option<u64>,
    pub(super) alive: Option<u64>,
    /// A row on the table's pages, and on those of its indexes.
    pub(super) row_bytes: u64,
    pub(super) index_row_bytes: u64,
    /// After seeding.
    pub(super) seeded_bytes: u64,
    pub(super) seeded_index_bytes: u64,
    /// At the end, without the remains of updated and deleted rows.
    pub(super) bytes: Option<u64>,
    pub(super) index_bytes: Option<u64>,
}

/// An event.
#[derive(Debug, Serialize)]
pub(super) struct EventOutlook {
    pub(super) target: String,
    pub(super) event: String,
    pub(super) sent: Option<u64>,
    /// How many of them have a fault on purpose, about.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) faulty: Option<u64>,
    /// One event, with its key.
    pub(super) event_bytes: u64,
    pub(super) bytes: Option<u64>,
    /// What the service would bill, if it is one that bills.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) bill: Option<BillOutlook>,
}

/// What Amazon Data Firehose would bill.
#[derive(Debug, Serialize)]
pub(super) struct BillOutlook {
    pub(super) records: u64,
    /// Each record rounded up to 5 KiB.
    pub(super) bytes: u64,
    pub(super) dollars: f64,
    pub(super) dollars_per_gib: f64,
}

/// The write-ahead log.
#[derive(Debug, Serialize)]
pub(super) struct WalOutlook {
    pub(super) seed_bytes: u64,
    pub(super) run_bytes: Option<u64>,
    /// What each checkpoint in the run may add: pages that are written whole at their first change.
    pub(super) full_page_bytes_max: Option<u64>,
}

/// The connections of a database.
#[derive(Debug, Serialize)]
pub(super) struct DatabaseNeeds {
    pub(super) target: String,
    pub(super) database: String,
    pub(super) peak_rate: f64,
    pub(super) service_ns: u64,
    /// Actions under way at the peak: rate × service time.
    pub(super) needed: f64,
    pub(super) connections: u32,
    pub(super) in_flight: u32,
}

/// The lanes of streams that share tables.
#[derive(Debug, Serialize)]
pub(super) struct LanesNeeded {
    pub(super) streams: Vec<String>,
    pub(super) peak_rate: f64,
    pub(super) needed: f64,
    pub(super) lanes: u32,
}

/// What set-up makes on a target.
#[derive(Debug, Default, Serialize)]
pub(super) struct Creates {
    pub(super) target: String,
    pub(super) server: String,
    pub(super) databases: Vec<String>,
    pub(super) schemas: Vec<String>,
    pub(super) roles: Vec<String>,
    pub(super) tables: Vec<String>,
    pub(super) publications: Vec<String>,
}
