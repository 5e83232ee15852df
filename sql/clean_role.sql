-- Drops a role, after the databases in which it owns something or holds rights.
-- Variables: role.
DROP ROLE IF EXISTS :"role";
