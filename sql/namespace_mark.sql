-- The PostgreSQL schema that holds a domain's tables in a database that is not ours
-- (`provision: schemas`). There the schema carries the mark.
-- Run in that database, by a role with CREATE on it, in one transaction with what goes into it.
-- Variables: namespace, mark.
CREATE SCHEMA IF NOT EXISTS :"namespace";
COMMENT ON SCHEMA :"namespace" IS :'mark';
