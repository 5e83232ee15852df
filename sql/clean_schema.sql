-- Drops a PostgreSQL schema in a database that is not ours (`provision: schemas`), after its tables.
-- Without CASCADE: what others put there, or built upon it, stops the clean.
-- Variables: namespace.
DROP SCHEMA IF EXISTS :"namespace";
