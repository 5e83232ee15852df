//! For how long topics keep what they get. They reckon by the records' times, which are those of the events: a run whose
//! `start` lies months back would be deleted while it is written.

use std::time::Duration;

use crate::sink::kafka::Cluster;
use crate::sink::kafka::settings::Settings;
use crate::sink::kafka::settings::settings;

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
    let wanted: Vec<&str> = topics.iter().map(String::as_str).collect();
    let told = topics.iter().zip(settings(cluster, &wanted).await.unwrap_or_default());
    let forgetful = told.filter_map(|(topic, settings)| {
        let kept = keeps_for(&settings).filter(|kept| *kept < age)?;
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
fn keeps_for(settings: &Settings) -> Option<Duration> {
    let deletes = settings.text("cleanup.policy")?.contains("delete");
    let is_by_event = settings.text("message.timestamp.type")? == "CreateTime";
    let limit = settings.number("retention.ms")?;
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
