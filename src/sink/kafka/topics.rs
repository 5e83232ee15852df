//! Topics at set-up: is the cluster there, are the topics, and if not, they are made.

use std::fmt;
use std::sync::Mutex;
use std::time::Duration;
use std::time::Instant;

use rdkafka::ClientContext;
use rdkafka::admin::AdminClient;
use rdkafka::admin::AdminOptions;
use rdkafka::admin::NewTopic;
use rdkafka::admin::TopicReplication;
use rdkafka::client::DefaultClientContext;
use rdkafka::config::RDKafkaLogLevel;
use rdkafka::error::KafkaError;
use rdkafka::error::KafkaResult;
use rdkafka::message::DeliveryResult;
use rdkafka::metadata::Metadata;
use rdkafka::producer::Producer;
use rdkafka::producer::ProducerContext;
use rdkafka::producer::ThreadedProducer;
use rdkafka::types::RDKafkaErrorCode as Code;

use crate::scenario::KafkaTarget;
use crate::sink::kafka::Cluster;
use crate::sink::kafka::lock;
use crate::sink::kafka::marks::mark;
use crate::sink::kafka::marks::marked;
use crate::sink::kafka::retention;
use crate::sink::kafka::unreachable::unreachable;

/// How long the cluster may take to answer.
const ANSWER_WITHIN: Duration = Duration::from_secs(10);
/// After how long it is looked whether waiting makes sense.
const LOOK_FOR: Duration = Duration::from_secs(2);
/// How long a topic may take to be there once it was made.
const MADE_WITHIN: Duration = Duration::from_secs(30);
const MADE_POLL: Duration = Duration::from_millis(100);

/// Why a cluster is not fit for a run, in one line that says what to do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ClusterError(pub(crate) String);

impl fmt::Display for ClusterError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

/// What was found there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ClusterMetadata {
    /// How many brokers the cluster has.
    pub(crate) brokers: usize,
    /// Topics and their partitions.
    pub(crate) topics: Vec<(String, usize)>,
}

/// Hears why brokers cannot be reached.
#[derive(Default)]
pub(super) struct Heard {
    reason: Mutex<Option<(Option<Code>, String)>>,
}

impl ClientContext for Heard {
    fn error(&self, error: KafkaError, reason: &str) {
        let mut heard = lock(&self.reason);
        let code = error.rdkafka_error_code();
        // That all brokers are down follows from what was said before.
        let is_new = code != Some(Code::AllBrokersDown) && heard.is_none();
        if is_new || code == Some(Code::Authentication) {
            *heard = Some((code, reason.to_owned()));
        }
    }

    fn log(&self, _: RDKafkaLogLevel, _: &str, _: &str) {}
}

impl ProducerContext for Heard {
    type DeliveryOpaque = ();

    fn delivery(&self, _: &DeliveryResult<'_>, (): ()) {}
}

/// A client that asks and sends nothing.
pub(super) fn connect(cluster: &Cluster) -> Result<ThreadedProducer<Heard>, ClusterError> {
    let made: KafkaResult<ThreadedProducer<Heard>> =
        cluster.config.create_with_context(Heard::default());
    made.map_err(|error| {
        ClusterError(format!("librdkafka does not take the settings of `kafka`: {error}"))
    })
}

/// Looks what is there, and changes nothing.
pub(crate) fn look(cluster: &Cluster) -> Result<ClusterMetadata, ClusterError> {
    let producer = connect(cluster)?;
    let until = Instant::now() + ANSWER_WITHIN;
    loop {
        let left = until.saturating_duration_since(Instant::now());
        match producer.client().fetch_metadata(None, left.min(LOOK_FOR)) {
            Ok(metadata) => return Ok(found(&metadata)),
            Err(error) => {
                let heard = lock(&producer.context().reason).clone();
                // A login that was refused will be refused again; others may come up.
                let is_final = matches!(heard, Some((Some(Code::Authentication), _)));
                if is_final || left <= LOOK_FOR {
                    return Err(unreachable(cluster, heard, &error));
                }
            }
        }
    }
}

fn found(metadata: &Metadata) -> ClusterMetadata {
    let topics = metadata.topics().iter();
    let topics = topics.filter(|topic| topic.error().is_none());
    ClusterMetadata {
        brokers: metadata.brokers().len(),
        topics: topics.map(|it| (it.name().to_owned(), it.partitions().len())).collect(),
    }
}

/// A topic that events are to go to must be there, or may be made. Returns those to be made.
pub(crate) fn missing(
    target: &KafkaTarget,
    (cluster, found): (&Cluster, &ClusterMetadata),
    wanted: &[String],
) -> Result<Vec<String>, ClusterError> {
    let mut missing = Vec::new();
    for topic in wanted {
        if found.topics.iter().any(|(name, _)| name == topic) {
            continue;
        }
        if !target.creates {
            return Err(ClusterError(format!(
                "`{}` has no topic `{topic}`, and `create: false` says that none is made: make it, \
                 or leave `create` out",
                cluster.brokers
            )));
        }
        missing.push(topic.clone());
    }
    let most = u32::try_from(found.brokers).unwrap_or(u32::MAX);
    match target.replication {
        Some(replication) if replication > most && !missing.is_empty() => {
            Err(ClusterError(format!(
                "`{}` has {most} of the {replication} brokers that `replication: {replication}` needs: \
                 write a smaller number, or leave it out",
                cluster.brokers
            )))
        }
        _ => Ok(missing),
    }
}

/// Makes topics with our mark, for events of that age, and waits until the cluster knows them. Returns what
/// is to be said of it.
pub(crate) async fn make(
    target: &KafkaTarget,
    (cluster, age): (&Cluster, Duration),
    topics: &[String],
) -> Result<Vec<String>, ClusterError> {
    let refused = |topic: &str, error: &dyn fmt::Display| {
        ClusterError(format!(
            "the topic `{topic}` cannot be made at `{}`: {error}",
            cluster.brokers
        ))
    };
    let mark = mark();
    let mut notes = Vec::new();
    for (topic, code) in create((target, age), cluster, topics, Some(&mark)).await? {
        match code {
            // Somebody else was quicker.
            Code::TopicAlreadyExists => {}
            Code::InvalidConfig | Code::PolicyViolation => {
                let again =
                    create((target, age), cluster, std::slice::from_ref(&topic), None).await?;
                if let Some((topic, code)) = again.first() {
                    return Err(refused(topic, code));
                }
                notes.push(format!(
                    "the topic `{topic}` was made without loadgen's mark, which `{}` does not take: \
                     `clean` and `--fresh` will keep it",
                    cluster.brokers
                ));
            }
            code => return Err(refused(&topic, &code)),
        }
    }
    await_topics(cluster, topics).await?;
    Ok(notes)
}

/// Makes topics. Returns those that were not made, and why.
async fn create(
    (target, age): (&KafkaTarget, Duration),
    cluster: &Cluster,
    topics: &[String],
    mark: Option<&str>,
) -> Result<Vec<(String, Code)>, ClusterError> {
    let retention = retention::of_new(target.retention, age);
    let retention = retention.map(|retention| retention.as_millis().to_string());
    let replication = target.replication.and_then(|number| i32::try_from(number).ok());
    let news: Vec<_> = topics
        .iter()
        .map(|topic| {
            let partitions = i32::try_from(target.partitions).unwrap_or(i32::MAX);
            // -1 is the cluster's own number.
            let replication = TopicReplication::Fixed(replication.unwrap_or(-1));
            let topic = NewTopic::new(topic, partitions, replication);
            let topic = match &retention {
                Some(retention) => topic.set("retention.ms", retention),
                None => topic,
            };
            match mark {
                Some(mark) => marked(topic, mark),
                None => topic,
            }
        })
        .collect();
    let made = admin(cluster)?.create_topics(&news, &options()).await;
    let made = made.map_err(|error| {
        let (topics, brokers) = (topics.join("`, `"), &cluster.brokers);
        ClusterError(format!("the topic `{topics}` cannot be made at `{brokers}`: {error}"))
    })?;
    Ok(made.into_iter().filter_map(Result::err).collect())
}

/// A topic that was made is known to all brokers a moment later.
async fn await_topics(cluster: &Cluster, topics: &[String]) -> Result<(), ClusterError> {
    let until = tokio::time::Instant::now() + MADE_WITHIN;
    loop {
        let found = look(cluster)?;
        let is_there = |topic: &String| {
            found.topics.iter().any(|(name, partitions)| name == topic && *partitions > 0)
        };
        let Some(absent) = topics.iter().find(|topic| !is_there(topic)) else { return Ok(()) };
        if tokio::time::Instant::now() > until {
            let within = MADE_WITHIN.as_secs();
            return Err(ClusterError(format!(
                "the topic `{absent}` was made at `{}`, and is not there after {within} s",
                cluster.brokers
            )));
        }
        tokio::time::sleep(MADE_POLL).await;
    }
}

/// Who makes and removes topics.
pub(super) fn admin(cluster: &Cluster) -> Result<AdminClient<DefaultClientContext>, ClusterError> {
    cluster.config.create().map_err(|error| ClusterError(error.to_string()))
}

/// How long that may take.
pub(super) fn options() -> AdminOptions {
    AdminOptions::new()
        .operation_timeout(Some(ANSWER_WITHIN))
        .request_timeout(Some(ANSWER_WITHIN * 2))
}
