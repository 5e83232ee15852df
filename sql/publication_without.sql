-- Takes one table out of the publication.
-- Variables: publication, namespace, table.
ALTER PUBLICATION :"publication" DROP TABLE :"namespace".:"table";
