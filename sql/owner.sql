-- The owner group of a domain: it owns the database and the tables, and cannot log in.
-- Run once on the server, by a superuser or a role with CREATEROLE, in any database.
-- Variables: role, mark (begins with `loadgen/1 `; without it loadgen will not touch the role).
CREATE ROLE :"role" NOLOGIN;
COMMENT ON ROLE :"role" IS :'mark';
