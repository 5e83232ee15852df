//! Files and standard output as they are written in YAML.

use schemars::JsonSchema;
use serde::Deserialize;

use crate::yaml::Spanned;

/// Files, or standard output, into which rows and events are written as text.
#[derive(Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::scenario) struct LinesFile {
    /// `stdout`, or the path of a file, from the folder in which loadgen runs; `{domain}`, `{table}` and
    /// `{event}` stand for names.
    pub(in crate::scenario) to: Spanned<String>,
    /// What a line is; `jsonl` unless set.
    #[serde(default)]
    pub(in crate::scenario) format: LinesFormatFile,
    /// Once a file has so many bytes, `64MiB`, another follows: `orders.00001.jsonl`, `orders.00002.jsonl`.
    /// Each is one unless set.
    pub(in crate::scenario) rotate: Option<Spanned<String>>,
    /// How files are compressed, whose names end with `.gz` or `.zst` then; not at all unless set.
    pub(in crate::scenario) compress: Option<CompressFile>,
}

/// What a line is.
#[derive(Clone, Copy, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(in crate::scenario) enum LinesFormatFile {
    /// A JSON object for each row that is made, changed or deleted; or an event, as Kafka would get it.
    #[default]
    Jsonl,
    /// Values between commas, a file for each table, with its columns in the first line.
    Csv,
    /// Statements of PostgreSQL, a file for each domain: the tables first, then all that happens to them.
    Sql,
}

/// How files are compressed.
#[derive(Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(in crate::scenario) enum CompressFile {
    /// `gzip`
    Gzip,
    /// `zstd`
    Zstd,
}
