-- The PostgreSQL schema that holds a domain's tables, in a database of its own.
-- Run in the domain's database. Where one may not give `public` away (before PostgreSQL 15, who is
-- not a superuser), the first statement suffices.
-- Variables: namespace, owner.
CREATE SCHEMA IF NOT EXISTS :"namespace";
ALTER SCHEMA :"namespace" OWNER TO :"owner";
REVOKE CREATE ON SCHEMA :"namespace" FROM PUBLIC;
