-- An incremental snapshot writes its watermarks with the capture login.
-- Variables: namespace, capture.
GRANT INSERT, UPDATE, DELETE ON :"namespace".debezium_signal TO :"capture";
