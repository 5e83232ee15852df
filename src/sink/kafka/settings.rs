//! How topics are set, as their cluster says.

use std::time::Duration;

use rdkafka::admin::ConfigResource;
use rdkafka::admin::ResourceSpecifier;

use crate::sink::kafka::Cluster;
use crate::sink::kafka::topics::ClusterError;
use crate::sink::kafka::topics::admin;
use crate::sink::kafka::topics::options;

/// How long the cluster may take to answer.
const ANSWER_WITHIN: Duration = Duration::from_secs(5);

/// The settings of a topic.
#[derive(Debug)]
pub(crate) struct Settings(ConfigResource);

impl Settings {
    /// One of them, if the cluster tells it.
    pub(crate) fn text(&self, name: &str) -> Option<&str> {
        self.0.get(name)?.value.as_deref()
    }

    /// The same, where that is a number.
    pub(crate) fn number<T: std::str::FromStr>(&self, name: &str) -> Option<T> {
        self.text(name)?.parse().ok()
    }
}

/// The settings of topics that are there, in their order. An error if one of them is not told.
pub(crate) async fn settings(
    cluster: &Cluster,
    topics: &[&str],
) -> Result<Vec<Settings>, ClusterError> {
    if topics.is_empty() {
        return Ok(Vec::new());
    }
    let asked: Vec<_> = topics.iter().map(|topic| ResourceSpecifier::Topic(topic)).collect();
    let refused = |error: &dyn std::fmt::Display| {
        let brokers = &cluster.brokers;
        ClusterError(format!("`{brokers}` does not tell the settings of its topics: {error}"))
    };
    let options = options().request_timeout(Some(ANSWER_WITHIN));
    let told = admin(cluster)?.describe_configs(&asked, &options).await;
    let told = told.map_err(|error| refused(&error))?.into_iter();
    told.map(|settings| settings.map(Settings).map_err(|code| refused(&code))).collect()
}
