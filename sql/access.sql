-- Rights on what is there: the application reads and writes, capture reads.
-- Run after the tables are made, in the domain's database, as the owner group: rights granted on
-- "all tables" before there are any reach none.
-- Variables: namespace, books, application, capture.
GRANT USAGE ON SCHEMA :"namespace" TO :"application", :"capture";
GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA :"namespace" TO :"application";
GRANT USAGE, SELECT, UPDATE ON ALL SEQUENCES IN SCHEMA :"namespace" TO :"application";
GRANT SELECT ON ALL TABLES IN SCHEMA :"namespace" TO :"capture";
GRANT USAGE ON SCHEMA :"books" TO :"application";
GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA :"books" TO :"application";
