-- Who may log in to the database, beside its owners.
-- Variables: database, application, capture.
REVOKE ALL ON DATABASE :"database" FROM PUBLIC;
GRANT CONNECT, TEMPORARY ON DATABASE :"database" TO :"application";
GRANT CONNECT ON DATABASE :"database" TO :"capture";
