-- A row that a connector (or loadgen) touches now and then: without it the slot of an idle database
-- holds back the write-ahead log of a busy one on the same server.
-- Run in the domain's database, as the owner group.
-- Variables: namespace.
CREATE TABLE IF NOT EXISTS :"namespace".debezium_heartbeat (
    id   integer PRIMARY KEY,
    beat timestamptz NOT NULL
);
INSERT INTO :"namespace".debezium_heartbeat (id, beat) VALUES (1, now()) ON CONFLICT (id) DO NOTHING;
