//! The topics that events are sent to, and their schemas.

use std::sync::Arc;
use std::time::Duration;
use std::time::SystemTime;

use crate::cli::Refusal;
use crate::cli::place::destinations_of;
use crate::cli::prepare::Prepared;
use crate::cli::wait::on_runtime_within;
use crate::measure::Feed;
use crate::scenario::KafkaTarget;
use crate::scenario::TargetKind;
use crate::schema::avro;
use crate::sink::kafka::Cluster;
use crate::sink::kafka::marks;
use crate::sink::kafka::registry::Registry;
use crate::sink::kafka::retention;
use crate::sink::kafka::topics;
use crate::sink::kafka::topics::ClusterError;
use crate::sink::kafka::topics::ClusterMetadata;
use crate::sink::postgres::provision::SetupError;

/// How long the cluster may take to make topics.
const MAKE_WITHIN: Duration = Duration::from_mins(2);

impl Prepared {
    /// Looks whether a cluster will do. If it is to be made ready, makes the topics that are missing and
    /// registers the schemas; and makes those anew that loadgen has made, if `fresh` says so.
    pub(super) fn make_topics(
        &mut self,
        (target, cluster): (usize, &Cluster),
        fresh: Option<bool>,
        feed: &Feed,
    ) -> Result<(), Refusal> {
        let scenario = Arc::clone(&self.scenario);
        let TargetKind::Kafka(kafka) = &scenario.targets[target].kind else { return Ok(()) };
        let wanted = destinations_of(&scenario, target);
        if wanted.is_empty() {
            return Ok(());
        }
        let found = topics::look(cluster).map_err(|error| Refusal::setup(&error))?;
        let missing = topics::missing(kafka, (cluster, &found), &wanted);
        missing.map_err(|error| Refusal::setup(&error))?;
        let registered = self.register((target, kafka), fresh.is_some());
        registered.map_err(|error| Refusal::setup(&error))?;
        let Some(is_fresh) = fresh else { return Ok(()) };
        // What goes on goes on behind what is there.
        let is_told = self.stopped.is_none() && !is_fresh;
        let age = self.age_of_events();
        let notes = on_runtime_within((&self.stop, MAKE_WITHIN), async {
            let made =
                made_ready((kafka, age), (cluster, found), &wanted, (is_fresh, is_told)).await;
            made.map_err(|error| SetupError::Local(error.to_string()))
        });
        notes.map_err(|error| Refusal::setup(&error))?.iter().for_each(|note| feed.message(note));
        Ok(())
    }

    /// How long ago the time of the first event lies.
    pub(in crate::cli) fn age_of_events(&self) -> Duration {
        let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
        let start = Duration::from_micros(u64::try_from(self.start_us).unwrap_or(0));
        now.saturating_sub(start)
    }

    /// Registers the schemas of a target's events, and keeps their numbers; or only looks whether that can
    /// be done.
    fn register(
        &mut self,
        (target, kafka): (usize, &KafkaTarget),
        is_to_register: bool,
    ) -> Result<(), ClusterError> {
        let Some(registry) = kafka.registry() else { return Ok(()) };
        let registry = Registry::new(registry)?;
        for (name, domain) in self.scenario.events_to(target) {
            let tables = domain.schema.tables.iter();
            let Some(table) = tables.clone().find(|table| table.name == name) else { continue };
            let topic = kafka.topic_of(&domain.schema.name, &name);
            let subject = format!("{topic}-value");
            if is_to_register {
                let schema = avro::schema(&domain.copy.of, table);
                let number = registry.register(&subject, &schema)?;
                self.schemas.insert((target, topic), number);
            } else {
                registry.look(&subject)?;
            }
        }
        Ok(())
    }
}

/// Makes topics ready. Returns what is to be said of them.
async fn made_ready(
    (kafka, age): (&KafkaTarget, Duration),
    (cluster, mut found): (&Cluster, ClusterMetadata),
    wanted: &[String],
    (is_fresh, is_told): (bool, bool),
) -> Result<Vec<String>, ClusterError> {
    let mut notes = Vec::new();
    if is_fresh && kafka.creates && !kafka.is_embedded() {
        let (_, kept) = marks::clean(cluster, wanted).await?;
        let at = &cluster.brokers;
        notes.extend(kept.iter().map(|topic| {
            format!("the topic `{topic}` at `{at}` is not one that loadgen has made, and is kept")
        }));
        found = topics::look(cluster)?;
    }
    if is_told {
        let held = marks::held((cluster, &found), wanted).await?;
        notes.extend(held.iter().map(|held| said(cluster, held)));
    }
    let missing = topics::missing(kafka, (cluster, &found), wanted)?;
    if !missing.is_empty() {
        notes.extend(topics::make(kafka, (cluster, age), &missing).await?);
    }
    let known: Vec<_> = wanted.iter().filter(|topic| !missing.contains(topic)).cloned().collect();
    // The embedded broker keeps everything for as long as it lives, and does not answer such a question.
    if !kafka.is_embedded() {
        notes.extend(retention::warnings(cluster, &known, age).await);
    }
    Ok(notes)
}

/// That a topic is not empty.
fn said(cluster: &Cluster, held: &marks::FilledTopic) -> String {
    let marks::FilledTopic { topic, records, is_ours } = held;
    let at = &cluster.brokers;
    let what = if *is_ours {
        "of earlier runs; `--fresh` makes it anew, `loadgen clean` removes it"
    } else {
        "already, which stay; those of this run come behind them"
    };
    format!("the topic `{topic}` at `{at}` holds {records} records {what}")
}
