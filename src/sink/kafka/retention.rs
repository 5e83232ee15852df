//! For how long topics keep what they get. They reckon by the records' times, which are those of the events: a run whose
//! `start` lies months back would be deleted while it is written.

use std::time::Duration;

use rdkafka::admin::ConfigResource;
use rdkafka::admin::ResourceSpecifier;

use crate::sink::kafka::Cluster;
use crate::sink::kafka::topics::admin;
use crate::sink::kafka::topics::options;

/// Events that are younger when a run begins are as good as new.
const OLD: Duration = Duration::from_hours(1);
/// For how long Kafka keeps records unless it is told otherwise.
const USUAL: Duration = Duration::from_hours(7 * 24);

/// For how long a new topic is to keep its records, if that is not left to the cluster.
pub(super) fn of_new(wanted: Option<Duration>, age: Duration) -> Option<Duration> {
    if age < OLD { wanted } else { Some(wanted.unwrap_or(USUAL) + age) }
}

/// What is to be said of topics that are there and will not keep events whose times begin so long ago. A
/// cluster that does not tell how its topics are set is taken to be right.
pub(crate) async fn warnings(cluster: &Cluster, topics: &[String], age: Duration) -> Vec<String> {
    if age < OLD || topics.is_empty() {
        return Vec::new();
    }
    let Ok(admin) = admin(cluster) else { return Vec::new() };
    let wanted: Vec<_> = topics.iter().map(|topic| ResourceSpecifier::Topic(topic)).collect();
    let described = admin.describe_configs(&wanted, &options()).await.unwrap_or_default();
    let described = topics.iter().zip(described);
    let forgetful = described.filter_map(|(topic, settings)| {
        let kept = keeps_for(&settings.ok()?).filter(|kept| *kept < age)?;
        Some((topic, kept))
    });
    forgetful
        .map(|(topic, kept)| {
            format!(
                "the topic `{topic}` keeps records for {} h by their times, and those of the events begin {} h \
                 ago: what is acknowledged may be deleted at once; write `start: now`, or raise its \
                 `retention.ms`",
                kept.as_secs() / 3600,
                age.as_secs() / 3600,
            )
        })
        .collect()
}

/// For how long a topic keeps records by the times that they come with, if there is a limit.
fn keeps_for(settings: &ConfigResource) -> Option<Duration> {
    let setting = |name: &str| settings.get(name)?.value.clone();
    let deletes = setting("cleanup.policy")?.contains("delete");
    let is_by_event = setting("message.timestamp.type")? == "CreateTime";
    let limit: u64 = setting("retention.ms")?.parse().ok()?;
    (deletes && is_by_event).then(|| Duration::from_millis(limit))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_new_topic_keeps_old_events_as_long_as_new_ones() {
        let (day, year) = (Duration::from_hours(24), Duration::from_hours(365 * 24));
        assert_eq!(of_new(None, Duration::from_secs(5)), None);
        assert_eq!(of_new(Some(day), Duration::ZERO), Some(day));
        assert_eq!(of_new(Some(day), year), Some(day + year));
        assert_eq!(of_new(None, year), Some(USUAL + year));
    }
}
