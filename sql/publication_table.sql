-- Adds one table to the publication: each of the domain's, debezium_signal and debezium_heartbeat.
-- Variables: publication, namespace, table.
ALTER PUBLICATION :"publication" ADD TABLE :"namespace".:"table";
