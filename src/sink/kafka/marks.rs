//! Which topics are ours, what they hold, and how they go. Kafka keeps no notes about topics, so those that
//! loadgen makes carry a setting that changes nothing and that nobody else would choose.

use std::time::Duration;
use std::time::Instant;

use rdkafka::admin::NewTopic;
use rdkafka::producer::Producer;
use rdkafka::types::RDKafkaErrorCode as Code;

use crate::sink::kafka::Cluster;
use crate::sink::kafka::settings::Settings;
use crate::sink::kafka::settings::settings;
use crate::sink::kafka::topics::ClusterError;
use crate::sink::kafka::topics::ClusterMetadata;
use crate::sink::kafka::topics::admin;
use crate::sink::kafka::topics::connect;
use crate::sink::kafka::topics::look;
use crate::sink::kafka::topics::options;

/// After so many records a broker forces them to disk. Nobody lives to see so many; in ASCII it is
/// `loadgen1`.
const SETTING: &str = "flush.messages";
const MARK: i64 = i64::from_be_bytes(*b"loadgen1");

/// How long one question may take, and all questions of how much topics hold.
const ANSWER_WITHIN: Duration = Duration::from_secs(5);
const COUNT_WITHIN: Duration = Duration::from_secs(10);
/// How long a topic may take to be gone once it was removed.
const GONE_WITHIN: Duration = Duration::from_secs(30);
const GONE_POLL: Duration = Duration::from_millis(100);

/// The mark, as a topic's setting has it.
pub(super) fn mark() -> String {
    MARK.to_string()
}

/// Marks a topic that is to be made.
pub(super) fn marked<'a>(topic: NewTopic<'a>, mark: &'a str) -> NewTopic<'a> {
    topic.set(SETTING, mark)
}

/// A topic that holds records.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct FilledTopic {
    /// Its name.
    pub(crate) topic: String,
    /// How many records, at least.
    pub(crate) records: u64,
    /// Whether loadgen has made it.
    pub(crate) is_ours: bool,
}

/// Those of some topics that hold records.
pub(crate) async fn held(
    (cluster, found): (&Cluster, &ClusterMetadata),
    wanted: &[String],
) -> Result<Vec<FilledTopic>, ClusterError> {
    let mut all = Vec::new();
    for (topic, partitions) in found.topics.iter().filter(|(topic, _)| wanted.contains(topic)) {
        let records = count(cluster, topic, *partitions)?;
        if records > 0 {
            all.push(FilledTopic { topic: topic.clone(), records, is_ours: false });
        }
    }
    let topics: Vec<&str> = all.iter().map(|held| held.topic.as_str()).collect();
    // Where it cannot be asked it is not known to be ours.
    let ours = if topics.is_empty() {
        Vec::new()
    } else {
        ours(cluster, &topics).await.unwrap_or_default()
    };
    for held in &mut all {
        held.is_ours = ours.contains(&held.topic);
    }
    Ok(all)
}

/// How many records a topic holds, as far as can be told in good time.
fn count(cluster: &Cluster, topic: &str, partitions: usize) -> Result<u64, ClusterError> {
    let producer = connect(cluster)?;
    let until = Instant::now() + COUNT_WITHIN;
    let mut records = 0;
    for partition in 0..i32::try_from(partitions).unwrap_or(i32::MAX) {
        let marks = producer.client().fetch_watermarks(topic, partition, ANSWER_WITHIN);
        // A partition without a leader tells nothing, and is waited for when it is written to.
        let (low, high) = marks.unwrap_or_default();
        records += u64::try_from(high.saturating_sub(low)).unwrap_or(0);
        if Instant::now() > until {
            break;
        }
    }
    Ok(records)
}

/// Those of some topics, which are there, that carry our mark.
async fn ours(cluster: &Cluster, topics: &[&str]) -> Result<Vec<String>, ClusterError> {
    let told = settings(cluster, topics).await;
    let told = told.map_err(|ClusterError(why)| {
        ClusterError(format!("{why}; by these those of loadgen are known"))
    })?;
    let is_ours = |(_, settings): &(&&str, Settings)| settings.number(SETTING) == Some(MARK);
    let ours = topics.iter().zip(told).filter(is_ours);
    Ok(ours.map(|(topic, _)| (*topic).to_owned()).collect())
}

/// Removes those of some topics that carry our mark, and waits until they are gone. Returns what was
/// removed, and which topics were kept since they are not ours.
pub(crate) async fn clean(
    cluster: &Cluster,
    wanted: &[String],
) -> Result<(Vec<String>, Vec<String>), ClusterError> {
    let found = look(cluster)?;
    let there = found.topics.iter().map(|(topic, _)| topic.as_str());
    let there: Vec<&str> = there.filter(|topic| wanted.iter().any(|it| it == topic)).collect();
    if there.is_empty() {
        return Ok((Vec::new(), Vec::new()));
    }
    let ours = ours(cluster, &there).await?;
    let kept = there.iter().map(|topic| (*topic).to_owned());
    let kept: Vec<String> = kept.filter(|topic| !ours.contains(topic)).collect();
    if ours.is_empty() {
        return Ok((ours, kept));
    }
    let names: Vec<&str> = ours.iter().map(String::as_str).collect();
    let refused = |topic: &str, error: &dyn std::fmt::Display| {
        ClusterError(format!(
            "the topic `{topic}` cannot be removed at `{}`: {error}",
            cluster.brokers
        ))
    };
    let removed = admin(cluster)?.delete_topics(&names, &options()).await;
    for each in removed.map_err(|error| refused(&names.join("`, `"), &error))? {
        match each {
            // Somebody else was quicker.
            Ok(_) | Err((_, Code::UnknownTopicOrPartition)) => {}
            Err((topic, code)) => return Err(refused(&topic, &code)),
        }
    }
    await_gone(cluster, &ours).await?;
    Ok((ours, kept))
}

async fn await_gone(cluster: &Cluster, topics: &[String]) -> Result<(), ClusterError> {
    let until = Instant::now() + GONE_WITHIN;
    loop {
        let found = look(cluster)?;
        let left = found.topics.iter().find(|(topic, _)| topics.contains(topic));
        let Some((topic, _)) = left else { return Ok(()) };
        if Instant::now() > until {
            return Err(ClusterError(format!(
                "the topic `{topic}` was removed at `{}`, and is there after {} s all the same",
                cluster.brokers,
                GONE_WITHIN.as_secs()
            )));
        }
        tokio::time::sleep(GONE_POLL).await;
    }
}
