//! Replication slots of tests: one that stays keeps the log of a server that others use.

use std::thread::sleep;
use std::time::Duration;
use std::time::Instant;

use super::command::Place;
use super::machine::wait_for;
use super::server::TestServer;

/// How long its reader may take to be gone. The server sees that a while later.
const PATIENCE: Duration = Duration::from_secs(20);

/// It is dropped with this, once nobody reads it any more.
pub(crate) struct Slot<'s> {
    server: &'s TestServer,
    name: String,
}

impl<'s> Slot<'s> {
    /// One that somebody else makes, if at all.
    pub(crate) fn of(server: &'s TestServer, name: &str) -> Self {
        Self { server, name: name.to_owned() }
    }

    /// Makes it, to be read by a plugin.
    pub(crate) fn make(
        server: &'s TestServer,
        database: &str,
        (name, plugin): (&str, &str),
    ) -> Self {
        let sql = format!("SELECT pg_create_logical_replication_slot('{name}', '{plugin}')");
        server.query(database, &sql);
        Self::of(server, name)
    }

    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    /// Tries to drop it; whether it is gone, or its server is.
    fn is_dropped(&self) -> bool {
        let of = format!("FROM pg_replication_slots WHERE slot_name = '{}'", self.name);
        let drop = format!("SELECT pg_drop_replication_slot(slot_name) {of} AND NOT active");
        // Somebody may have come to it in between.
        let _ = self.server.ask("postgres", &drop);
        self.server.ask("postgres", &format!("SELECT 1 {of}")).is_none_or(|left| left.is_empty())
    }
}

impl Drop for Slot<'_> {
    /// Never fails: a test that failed already is to be told of, not the clean-up after it.
    fn drop(&mut self) {
        let begun = Instant::now();
        while !self.is_dropped() && begun.elapsed() < PATIENCE {
            sleep(Duration::from_millis(50));
        }
    }
}

/// Drops a slot, which must be there, once nobody reads it any more.
pub(crate) fn forget(server: &TestServer, slot: &str) {
    let count = format!("SELECT count(*) FROM pg_replication_slots WHERE slot_name = '{slot}'");
    assert_eq!(server.query("postgres", &count), [["1"]], "`{slot}`");
    drop(Slot::of(server, slot));
    assert_eq!(server.query("postgres", &count), [["0"]], "`{slot}` is still read");
}

/// Waits until somebody reads a slot of the database of a domain, which may be yet to be made. What is committed from then on
/// is behind the slot's begin.
pub(crate) fn wait_for_reader(place: &Place<'_>, domain: &str) {
    // While it is made it is active, too, and what is committed then is before it.
    let read = format!(
        "SELECT 1 FROM pg_replication_slots \
         WHERE database = '{}' AND active AND confirmed_flush_lsn IS NOT NULL",
        place.database(domain)
    );
    let is_read = || !place.server.query("postgres", &read).is_empty();
    wait_for("the slot to be read", is_read);
}

/// Waits until a run reads its slot and has made orders, beyond those that were seeded.
pub(crate) fn wait_for_load(place: &Place<'_>, seeded: u64) {
    wait_for_reader(place, "orders");
    wait_for("the load", || place.number("orders", "SELECT count(*) FROM orders") > seeded);
}

#[test]
fn a_slot_is_gone_with_its_guard() {
    let server = TestServer::shared();
    let database = server.fresh_database();
    let there = || {
        let sql = "SELECT count(*) FROM pg_replication_slots WHERE slot_name = 'left_by_a_test'";
        server.query("postgres", sql)
    };
    let slot = Slot::make(server, &database, ("left_by_a_test", "pgoutput"));
    assert_eq!(there(), [["1"]]);
    drop(slot);
    assert_eq!(there(), [["0"]]);
}
