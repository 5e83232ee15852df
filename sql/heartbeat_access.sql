-- A connector beats with the capture login.
-- Variables: namespace, capture.
GRANT INSERT, UPDATE ON :"namespace".debezium_heartbeat TO :"capture";
