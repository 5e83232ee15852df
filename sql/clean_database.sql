-- Drops a database, once no session and no active slot uses it. Run outside a transaction, from
-- another database.
-- Variables: database.
DROP DATABASE IF EXISTS :"database";
