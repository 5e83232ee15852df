-- The table that the steps of a scenario work on (`load: { steps: … }`). An earlier run may have left rows and
-- changes of the table.
-- Run in the domain's database, as the owner group.
-- Variables: namespace.
CREATE TABLE IF NOT EXISTS :"namespace".loadgen_stress (
    id   bigint PRIMARY KEY,
    step text NOT NULL,
    n    integer NOT NULL,
    body text
);
TRUNCATE :"namespace".loadgen_stress;
ALTER TABLE :"namespace".loadgen_stress DROP COLUMN IF EXISTS extra;
ALTER TABLE :"namespace".loadgen_stress REPLICA IDENTITY DEFAULT;
