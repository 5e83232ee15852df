//! Kafka Connect as it is written in YAML.

use schemars::JsonSchema;
use serde::Deserialize;

use crate::yaml::BareWords;
use crate::yaml::Entries;
use crate::yaml::Scalar;
use crate::yaml::Spanned;

/// Kafka Connect, and what the connectors of this scenario are to be like.
#[derive(Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::scenario) struct ConnectFile {
    /// Its address: `http://localhost:8083`. Runs register nothing, and `loadgen connector` only prints,
    /// unless set.
    pub(in crate::scenario) url: Option<Spanned<Scalar>>,
    /// Who logs in, if it asks for that.
    pub(in crate::scenario) user: Option<Spanned<String>>,
    /// The password: `${CONNECT_PASSWORD}`.
    pub(in crate::scenario) password: Option<Spanned<String>>,
    /// The file with the certificates that are trusted; those of the machine unless set.
    pub(in crate::scenario) ca: Option<Spanned<String>>,
    /// What the topics of a database begin with; `{domain}` stands for the domain's name, or for that of the
    /// first of several in one database. `domain_{domain}` unless set, so that the topic of a table is
    /// `domain_orders.public.customers`.
    pub(in crate::scenario) prefix: Option<Spanned<String>>,
    /// What of the rows that are there already is captured; `no_data` unless set.
    #[serde(default)]
    pub(in crate::scenario) snapshot: SnapshotFile,
    /// How often a connector looks for what came, `poll.interval.ms`; 50ms unless set.
    pub(in crate::scenario) poll: Option<Spanned<String>>,
    /// How long a connector may take until it streams, with its snapshot; 2m unless set.
    pub(in crate::scenario) within: Option<Spanned<String>>,
    /// Where Kafka Connect reaches the server of a target, by the target's name: `postgres:5432`; where we
    /// reach it unless set.
    #[serde(default)]
    pub(in crate::scenario) servers: Entries<Spanned<String>>,
    /// Any other property of the connectors, by its name: `snapshot.fetch.size: 1000`.
    #[serde(default)]
    pub(in crate::scenario) properties: Entries<Spanned<Scalar>>,
}

impl BareWords for ConnectFile {
    fn words() -> Vec<(&'static str, &'static str)> {
        Vec::new()
    }
}

/// What of the rows that are there when a connector begins is captured.
#[derive(Clone, Copy, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(in crate::scenario) enum SnapshotFile {
    /// Nothing: changes only.
    #[default]
    NoData,
    /// All rows, once, before the first change.
    Initial,
}
