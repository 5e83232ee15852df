-- A login of a domain: the application's, or that of change data capture. Member of nothing.
-- Run once for each on the server, by a superuser or a role with CREATEROLE, in any database.
-- Variables: role, mark.
CREATE ROLE :"role" LOGIN;
COMMENT ON ROLE :"role" IS :'mark';
