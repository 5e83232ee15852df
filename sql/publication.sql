-- What a connector reads. Tables are added one by one (publication_table.sql): FOR ALL TABLES would
-- need a superuser, and would make updates of every other keyless table fail.
-- Run in the domain's database, by a role with CREATE on it.
-- Variables: publication, mark.
CREATE PUBLICATION :"publication";
COMMENT ON PUBLICATION :"publication" IS :'mark';
