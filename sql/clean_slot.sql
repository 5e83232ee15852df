-- Drops a replication slot that nobody reads any more. Needs REPLICATION, or a superuser.
-- Variables: slot.
SELECT pg_drop_replication_slot(:'slot');
