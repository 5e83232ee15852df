//! The clients of message services in a run, and what they sent.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use crate::cli::Refusal;
use crate::cli::prepare::Prepared;
use crate::engine::Finished;
use crate::measure::EventCounts;
use crate::measure::Feed;
use crate::scenario::TargetKind;
use crate::sink::event::Publisher;
use crate::sink::event::Traffic;
use crate::sink::event::trace::Headers;
use crate::sink::event::way::EventOptions;
use crate::sink::event::way::topics;
use crate::sink::kafka::KafkaPublisher;

/// How long the clients may take to take leave: what was to be waited for has been by then.
const CLOSE_WITHIN: Duration = Duration::from_secs(2);

/// One client for each target that takes events.
#[derive(Debug)]
pub(super) struct Publishers {
    /// By the number of the target.
    all: BTreeMap<usize, Arc<dyn Publisher>>,
}

impl Publishers {
    /// Makes the clients.
    pub(super) fn start(prepared: &Prepared, feed: &Feed) -> Result<Self, Refusal> {
        let mut all: BTreeMap<usize, Arc<dyn Publisher>> = BTreeMap::new();
        for target in 0..prepared.scenario.targets.len() {
            if let Some(cluster) = prepared.place.cluster(target) {
                let made = KafkaPublisher::new(cluster, feed);
                let publisher = made.map_err(|error| {
                    Refusal::setup(&format!("librdkafka does not take its settings: {error}"))
                })?;
                all.insert(target, Arc::new(publisher));
            }
        }
        Ok(Self { all })
    }

    /// Where the events of a domain go, if it has any.
    pub(super) fn destination(&self, prepared: &Prepared, number: usize) -> Option<EventOptions> {
        let (scenario, world) = (&prepared.scenario, &prepared.world);
        let domain = &scenario.domains[number];
        let publisher = Arc::clone(self.all.get(&domain.target)?);
        let TargetKind::Kafka(kafka) = &scenario.targets[domain.target].kind else { return None };
        let run = kafka.has_headers.then(|| prepared.folder.run());
        let topic = |event: &str| kafka.topic_of(&domain.schema.name, event);
        Some(EventOptions {
            publisher,
            topics: topics(&world.catalog, number, topic),
            headers: Headers::new(run, &world.series),
        })
    }

    /// Takes leave of all services. Returns what was sent to each, by the number of the target.
    pub(super) fn end(self) -> Vec<(usize, Traffic)> {
        let each = self.all.iter();
        each.flat_map(|(target, publisher)| {
            publisher.close(CLOSE_WITHIN);
            publisher.traffic().into_iter().map(|traffic| (*target, traffic))
        })
        .collect()
    }
}

/// What became of the events of a run, by target and destination.
pub(super) fn events(
    prepared: &Prepared,
    finished: &Finished,
    traffic: &[(usize, Traffic)],
) -> Vec<EventCounts> {
    let mut all: Vec<EventCounts> = Vec::new();
    let catalog = &prepared.world.catalog;
    for (table, rows) in catalog.tables.iter().zip(&finished.account.tables) {
        if table.event.is_none() {
            continue;
        }
        let target = &prepared.scenario.targets[table.target];
        let domain = &prepared.scenario.domains[table.domain].schema.name;
        let destination = match &target.kind {
            TargetKind::Kafka(kafka) => kafka.topic_of(domain, &table.name),
            TargetKind::Discard | TargetKind::Postgres(_) | TargetKind::Elsewhere => {
                table.name.clone()
            }
        };
        let counts = EventCounts {
            target: target.name.clone(),
            destination,
            sent: rows.inserted + rows.failed + rows.unknown,
            acknowledged: rows.inserted,
            failed: rows.failed,
            unknown: rows.unknown,
            bytes: rows.bytes,
            calls: 0,
            throttled: 0,
        };
        let is_same = |it: &&mut EventCounts| {
            (&it.target, &it.destination) == (&counts.target, &counts.destination)
        };
        match all.iter_mut().find(is_same) {
            Some(known) => known.add(&counts),
            None => all.push(counts),
        }
    }
    for (target, traffic) in traffic {
        let name = &prepared.scenario.targets[*target].name;
        // A client that does not tell its destinations apart counts for the first.
        let is_its = |it: &&mut EventCounts| {
            it.target == *name
                && (traffic.destination.is_empty() || traffic.destination == it.destination)
        };
        if let Some(counts) = all.iter_mut().find(is_its) {
            counts.calls += traffic.calls;
            counts.throttled += traffic.throttled;
        }
    }
    all
}
