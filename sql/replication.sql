-- Lets the capture login read the write-ahead log.
-- Needs a superuser; from PostgreSQL 16 on also a role with CREATEROLE that has REPLICATION itself.
-- Variables: role.
ALTER ROLE :"role" REPLICATION;
