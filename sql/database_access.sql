-- Who may log in to the database. Its owner may anyway; the owner groups of further domains in the
-- same database need the right to make their PostgreSQL schemas.
-- Variables: database, owner, application, capture.
REVOKE ALL ON DATABASE :"database" FROM PUBLIC;
GRANT CREATE, CONNECT ON DATABASE :"database" TO :"owner";
GRANT CONNECT ON DATABASE :"database" TO :"application";
GRANT CONNECT ON DATABASE :"database" TO :"capture";
