//! Replication slots in databases that are to be dropped: a slot goes with its database, so those of others are in
//! the way.

use std::collections::BTreeSet;

use tokio_postgres::Client;
use tokio_postgres::Row;

use crate::sink::postgres::catalogue::Shared;
use crate::sink::postgres::catalogue::reading;
use crate::sink::postgres::provision::ObjectKind;
use crate::sink::postgres::provision::SetupError;
use crate::sink::postgres::quote::literal;
use crate::sink::postgres::replication::slot::Process;

/// A slot and its database, by their names.
type Seat = (String, String);

/// The slots of a scenario's own connectors, which go with their databases.
#[derive(Debug, Clone, Default)]
pub struct OwnSlots {
    /// As such connectors name them, wherever they are registered: they go unless somebody reads them.
    pub named: BTreeSet<Seat>,
    /// Those of connectors that are known, and are removed before their slots are dropped.
    pub leaving: BTreeSet<Seat>,
}

/// A slot of others.
struct Theirs {
    seat: Seat,
    /// Who reads it.
    reader: Option<Process>,
}

/// Refuses to go on while others have slots in the databases.
pub(super) async fn refuse_theirs(
    own: &OwnSlots,
    control: &Client,
    shared: &Shared,
) -> Result<(), SetupError> {
    // Ours go, also while what a killed run has left still reads them. Who may not see what a session calls itself
    // sees NULL.
    let sql = "SELECT s.slot_name::text, s.database::text, s.active_pid, \
            nullif(a.application_name, ''), a.usename::text, host(a.client_addr) \
        FROM pg_replication_slots s LEFT JOIN pg_stat_activity a ON a.pid = s.active_pid \
        WHERE s.database::text = ANY($1) AND NOT (starts_with(s.slot_name::text, 'loadgen_') \
            AND (NOT s.active OR coalesce(a.application_name, 'loadgen/') LIKE 'loadgen/%')) \
        ORDER BY 2, 1";
    let names: Vec<&str> = shared.databases.keys().map(String::as_str).collect();
    let rows = control.query(sql, &[&names]).await.map_err(|error| reading(&error))?;
    let all = rows.iter().map(theirs).filter(|it| {
        let is_own = it.reader.is_none() && own.named.contains(&it.seat);
        !is_own && !own.leaving.contains(&it.seat)
    });
    let all: Vec<Theirs> = all.collect();
    let Some(Theirs { seat: (_, name), .. }) = all.first() else { return Ok(()) };
    let told = all.iter().filter(|it| it.seat.1 == *name).map(|it| it.told(own));
    let why = format!("{}; nothing was changed", told.collect::<Vec<_>>().join("; "));
    Err(SetupError::Kept { kind: ObjectKind::Database, name: name.clone(), why })
}

fn theirs(row: &Row) -> Theirs {
    let (application, user, host) = (row.get(3), row.get(4), row.get(5));
    let reader = row.get::<_, Option<i32>>(2);
    let reader = reader.map(|pid| Process { pid, application, user, host });
    Theirs { seat: (row.get(0), row.get(1)), reader }
}

impl Theirs {
    /// What is in the way, and what to do about it.
    fn told(&self, own: &OwnSlots) -> String {
        let slot = &self.seat.0;
        let drop = format!("SELECT pg_drop_replication_slot({})", literal(slot));
        match &self.reader {
            Some(process) if own.named.contains(&self.seat) => format!(
                "{process} reads its replication slot `{slot}`, for a connector of which no Kafka Connect that was asked \
                 tells (`cdc.connect`): `loadgen clean --connect URL` removes it and its slot; or stop whoever that is, \
                 then {drop}"
            ),
            Some(process) => format!(
                "{process} reads its replication slot `{slot}`, which is not loadgen's; stop whoever that is, then {drop}"
            ),
            None => format!(
                "its replication slot `{slot}` is not loadgen's: nobody reads it now, and whoever comes back to it \
                 would have lost its place; if nobody will: {drop}"
            ),
        }
    }
}
