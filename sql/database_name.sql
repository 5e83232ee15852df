-- Closes the new database to everybody who is not granted CONNECT, marks it and gives it its name.
-- Run in one transaction, from another database.
-- Variables: making, database, mark.
REVOKE ALL ON DATABASE :"making" FROM PUBLIC;
COMMENT ON DATABASE :"making" IS :'mark';
ALTER DATABASE :"making" RENAME TO :"database";
