//! A lake that is observed, as it is written.

use schemars::JsonSchema;
use serde::Deserialize;

use crate::scenario::file::TopicFormatFile;
use crate::yaml::Spanned;

/// How changes lie in a lake.
#[derive(Clone, Copy, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(in crate::scenario) enum LayoutFile {
    /// An Iceberg table of changes for each table, to which rows are appended, in Parquet files.
    #[default]
    Iceberg,
    /// Objects of records, and nothing beside them, as sinks to S3 write: lines or arrays of JSON, plain or by gzip, Avro files or Parquet.
    Objects,
}

/// A lake into which a sink writes what connectors capture: Iceberg tables of changes, or objects with a record on each
/// line. Or objects into which Firehose, or a sink, writes events, a line each.
#[derive(Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::scenario) struct LakeFile {
    /// Where it is: `s3://BUCKET/PREFIX`, `file:///FOLDER`, or `none`: there is none, and nothing is observed. With
    /// `format: events` also `embedded`: where the stand-in for Firehose delivers.
    pub(in crate::scenario) at: Spanned<String>,
    /// The PostgreSQL database in which Iceberg's `JdbcCatalog` keeps its tables: `${LOADGEN_LAKE_CATALOG}`. Without
    /// it, `version-hint.text` beside the metadata of a table says which version is the newest, as in a warehouse of
    /// `HadoopCatalog`.
    pub(in crate::scenario) catalog: Option<Spanned<String>>,
    /// The name of the catalog in that database; `lake` unless set.
    pub(in crate::scenario) catalog_name: Option<Spanned<String>>,
    /// The S3 server, if it is not Amazon's: `${LOADGEN_S3}`.
    pub(in crate::scenario) endpoint: Option<Spanned<String>>,
    /// The region of the bucket; what the environment says unless set.
    pub(in crate::scenario) region: Option<Spanned<String>>,
    /// The Iceberg table of a table, with its namespace: `{database}`, `{schema}` and `{table}` stand for names,
    /// `{domain}` for that of the first domain in the database; `domain_{domain}.{schema}.{table}` unless set.
    pub(in crate::scenario) tables: Option<Spanned<String>>,
    /// How changes lie there; `iceberg` unless set.
    pub(in crate::scenario) layout: Option<Spanned<LayoutFile>>,
    /// With `layout: objects` the topic of a table, by which sinks call objects: `{database}`, `{schema}`, `{table}` and
    /// `{domain}` stand for names; `domain_{domain}.{schema}.{table}` unless set.
    pub(in crate::scenario) topics: Option<Spanned<String>>,
    /// With `layout: objects`: so many records of a topic's partition make an object (`flush.size` of Confluent's sink), and
    /// nothing else does. What is missing of the last ones at the end is `pending` then; 1 unless set.
    pub(in crate::scenario) flush: Option<Spanned<String>>,
    /// How a row is written; `debezium` unless set.
    #[serde(default)]
    pub(in crate::scenario) format: TopicFormatFile,
    /// The domains whose changes come there; all that are on a PostgreSQL server unless set. With `format: events` those
    /// whose events do; all that are sent to Firehose unless set.
    pub(in crate::scenario) domains: Option<Vec<Spanned<String>>>,
    /// How often it is looked for news; 1s unless set.
    pub(in crate::scenario) every: Option<Spanned<String>>,
    /// For how long nothing may come at the end until it is given up: longer than the sink takes from one commit to
    /// the next; 2m unless set.
    pub(in crate::scenario) within: Option<Spanned<String>>,
}
