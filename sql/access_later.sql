-- The same rights on tables that `maker` will make in the domain's schema.
-- Run in the domain's database, once for the owner group and once for whoever else makes tables.
-- Variables: maker, namespace, application, capture.
ALTER DEFAULT PRIVILEGES FOR ROLE :"maker" IN SCHEMA :"namespace"
    GRANT SELECT, INSERT, UPDATE, DELETE ON TABLES TO :"application";
ALTER DEFAULT PRIVILEGES FOR ROLE :"maker" IN SCHEMA :"namespace"
    GRANT USAGE, SELECT, UPDATE ON SEQUENCES TO :"application";
ALTER DEFAULT PRIVILEGES FOR ROLE :"maker" IN SCHEMA :"namespace"
    GRANT SELECT ON TABLES TO :"capture";
