//! What may be wrong in a database, and with its slots.

use super::examined;
use super::options;
use super::say;
use crate::support::command::Place;
use crate::support::server::TestServer;

/// What is done, and what must be said of it: check, severity, words.
type Condition = (&'static str, &'static str, &'static str, &'static str);

/// By the number of the check.
const CONDITIONS: [(&str, &[Condition]); 5] = [
    (
        " 5 the publication",
        &[
            (
                "ALTER PUBLICATION debezium DROP TABLE order_items",
                "publication",
                "critical",
                "does not have it",
            ),
            (
                "ALTER PUBLICATION debezium SET (publish = 'insert, update')",
                "publication",
                "critical",
                "does not tell of each delete",
            ),
            (
                "ALTER PUBLICATION debezium DROP TABLE customers; \
                 ALTER PUBLICATION debezium ADD TABLE customers WHERE (id > 5)",
                "publication",
                "warning",
                "only rows with (id > 5)",
            ),
            (
                "ALTER PUBLICATION debezium DROP TABLE products; \
                 ALTER PUBLICATION debezium ADD TABLE products (name)",
                "publication",
                "critical",
                "leaves out `id` of the key",
            ),
        ],
    ),
    (
        " 6 replica identities, of partitions too",
        &[
            (
                "ALTER TABLE orders REPLICA IDENTITY NOTHING",
                "replica identity",
                "critical",
                "the server will refuse that",
            ),
            (
                "ALTER TABLE orders RENAME TO old_orders; \
                 CREATE TABLE orders (LIKE old_orders INCLUDING ALL) PARTITION BY HASH (id); \
                 CREATE TABLE orders_0 PARTITION OF orders FOR VALUES WITH (MODULUS 2, REMAINDER 0); \
                 CREATE TABLE orders_1 PARTITION OF orders FOR VALUES WITH (MODULUS 2, REMAINDER 1); \
                 ALTER TABLE orders_1 REPLICA IDENTITY NOTHING",
                "replica identity",
                "critical",
                "the server will refuse that",
            ),
        ],
    ),
    (
        " 7 long values that stay",
        &[(
            "ALTER TABLE orders REPLICA IDENTITY DEFAULT; ALTER TABLE orders ADD COLUMN note text",
            "long values",
            "warning",
            "note may come as a placeholder",
        )],
    ),
    (
        " 8 tables that consumers find hard",
        &[
            (
                "ALTER TABLE customers ADD COLUMN loud text GENERATED ALWAYS AS (upper(name)) STORED",
                "table",
                "warning",
                "generated columns",
            ),
            (
                "CREATE TYPE kind AS ENUM ('gift'); \
                 ALTER TABLE order_items ADD COLUMN kind kind NOT NULL DEFAULT 'gift'; \
                 ALTER TABLE order_items DROP CONSTRAINT order_items_pkey; \
                 ALTER TABLE order_items ADD PRIMARY KEY (order_id, line, kind)",
                "table",
                "warning",
                "enum in the key",
            ),
            ("CREATE TABLE \"Orders\" (id integer)", "table", "warning", "differ in case only"),
            (
                "ALTER PUBLICATION debezium DROP TABLE order_items; \
                 ALTER TABLE order_items SET UNLOGGED",
                "table",
                "critical",
                "unlogged",
            ),
        ],
    ),
    (
        "15 heartbeats, and signals",
        &[
            (
                "ALTER PUBLICATION debezium DROP TABLE debezium_heartbeat",
                "heartbeat",
                "warning",
                "is not published",
            ),
            ("DROP TABLE debezium_heartbeat", "heartbeat", "warning", "is not there"),
            ("DROP TABLE debezium_signal", "signals", "warning", "is not there"),
        ],
    ),
];

pub(super) fn all() {
    let server = TestServer::with(&options(&[]));
    for (title, conditions) in CONDITIONS {
        println!("{title}");
        for (sql, check, severity, words) in conditions {
            let place = Place::on(&server, &["orders"]);
            place.must(&["setup", "@quickstart"]);
            let done = place.psql("orders", sql);
            assert_eq!(done.code, 0, "{sql}: {}", done.err);
            say(&examined(&place, "@quickstart"), check, severity, words);
        }
    }
    slots();
    println!("14 transactions that are prepared and left");
    let place = Place::on(&server, &["orders"]);
    place.must(&["setup", "@quickstart"]);
    let left = "BEGIN; CREATE TABLE undecided (); PREPARE TRANSACTION 'left open'";
    assert_eq!(place.psql("orders", left).code, 0);
    let found = examined(&place, "@quickstart");
    say(&found, "open transactions", "warning", "left open");
    assert_eq!(place.psql("orders", &super::remedy(&found, "open transactions")).code, 0);
}

fn slots() {
    println!(" 9 slots that are there");
    let server = TestServer::with(&options(&[
        ("max_slot_wal_keep_size", "1MB"),
        ("min_wal_size", "32MB"),
        ("max_wal_size", "32MB"),
    ]));
    let mut place = Place::on(&server, &["orders"]);
    place.must(&["setup", "@quickstart"]);
    let slot = "SELECT pg_create_logical_replication_slot('out_of_log', 'pgoutput')";
    place.query("orders", slot);
    say(&examined(&place, "@quickstart"), "slot", "warning", "nobody reads it");
    let noise = "CREATE TABLE noise AS SELECT repeat('x', 1000) FROM generate_series(1, 60000); \
                 SELECT pg_switch_wal(); CHECKPOINT; CREATE TABLE more AS TABLE noise; \
                 SELECT pg_switch_wal(); CHECKPOINT";
    assert_eq!(place.psql("orders", noise).code, 0);
    say(&examined(&place, "@quickstart"), "slot", "critical", "lost");
    println!("21 connections, and what the log takes of the disk");
    place.set("targets.operational.postgres.connections=200");
    let found = examined(&place, "@quickstart");
    say(&found, "connections", "critical", "200 needed");
    say(&found, "write-ahead log", "info", "on disk");
}
