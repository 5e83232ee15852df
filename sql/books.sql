-- The books of a domain: whose its tables are, and how far seeding and load got.
-- They stand in a schema of their own, beside the tables that a connector captures.
-- Run in the domain's database, as the owner group.
-- Variables: books (`loadgen_` and the name of the schema that holds the tables), mark.
CREATE SCHEMA IF NOT EXISTS :"books";
COMMENT ON SCHEMA :"books" IS :'mark';
CREATE TABLE IF NOT EXISTS :"books".mark (
    one      boolean PRIMARY KEY DEFAULT true CHECK (one),
    format   integer NOT NULL,
    scenario text NOT NULL,
    hash     text NOT NULL,
    seed     numeric(20, 0) NOT NULL,
    start_us bigint NOT NULL,
    lanes    integer NOT NULL,
    stage    text NOT NULL,
    run      text,
    lanes_at jsonb,
    tables   text[] NOT NULL,
    made_at  timestamptz NOT NULL DEFAULT now()
);
CREATE TABLE IF NOT EXISTS :"books".seeded (
    table_name text NOT NULL,
    chunk      bigint NOT NULL,
    rows       bigint NOT NULL,
    PRIMARY KEY (table_name, chunk)
);
CREATE TABLE IF NOT EXISTS :"books".shards (
    shard     integer PRIMARY KEY,
    shards    integer NOT NULL,
    run       text NOT NULL,
    begun_at  timestamptz NOT NULL DEFAULT clock_timestamp(),
    has_ended boolean NOT NULL DEFAULT false
);
