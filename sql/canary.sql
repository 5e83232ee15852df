-- The table of one row that loadgen changes again and again, so that there is something to observe also while
-- nothing else happens (`cdc: { canary: … }`). An earlier run may have left its row.
-- Run in the domain's database, as the owner group.
-- Variables: namespace.
CREATE TABLE IF NOT EXISTS :"namespace".loadgen_canary (
    id bigint PRIMARY KEY,
    n  integer NOT NULL
);
TRUNCATE :"namespace".loadgen_canary;
