//! Rows and statements as text: jsonl, csv, sql.
