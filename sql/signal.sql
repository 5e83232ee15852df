-- The table through which a Debezium connector is told to take a snapshot, and into which it writes
-- its watermarks.
-- Run in the domain's database, as the owner group.
-- Variables: namespace.
CREATE TABLE IF NOT EXISTS :"namespace".debezium_signal (
    id   varchar(42) PRIMARY KEY,
    type varchar(32) NOT NULL,
    data varchar(2048)
);
