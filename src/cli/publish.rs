//! The clients of message services in a run, and what they sent.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use crate::action::TableInfo;
use crate::cli::Refusal;
use crate::cli::prepare::Prepared;
use crate::cli::wait::on_runtime;
use crate::engine::Finished;
use crate::measure::EventCounts;
use crate::measure::FaultCounts;
use crate::measure::Feed;
use crate::report::FaultKeeper;
use crate::report::FolderError;
use crate::scenario::FirehoseTarget;
use crate::scenario::TargetKind;
use crate::scenario::Way;
use crate::sink::event::Publisher;
use crate::sink::event::Traffic;
use crate::sink::event::aborted::Aborted;
use crate::sink::event::avro::AvroForm;
use crate::sink::event::trace::Headers;
use crate::sink::event::way::EventOptions;
use crate::sink::event::way::topics;
use crate::sink::firehose::FirehosePublisher;
use crate::sink::firehose::Sending;
use crate::sink::firehose::setup::Endpoint;
use crate::sink::firehose::setup::FirehoseAddress;
use crate::sink::kafka::Cluster;
use crate::sink::kafka::KafkaPublisher;
use crate::sink::kafka::transactions::TransactionalPublisher;
use crate::sink::postgres::provision::SetupError;

/// How long the clients may take to take leave: what was to be waited for has been by then.
const CLOSE_WITHIN: Duration = Duration::from_secs(2);

/// One client for each target that takes events.
#[derive(Debug)]
pub(super) struct Publishers {
    /// By the number of the target.
    all: BTreeMap<usize, Arc<dyn Publisher>>,
    /// Where it is kept which events had a fault, if any may have one.
    faults: Option<FaultKeeper>,
}

impl Publishers {
    /// Makes the clients.
    pub(super) fn start(prepared: &Prepared, feed: &Feed) -> Result<Self, Refusal> {
        let mut all: BTreeMap<usize, Arc<dyn Publisher>> = BTreeMap::new();
        for (number, target) in prepared.scenario.targets.iter().enumerate() {
            if let Some(publisher) = prepared.lines.publisher(&prepared.scenario, number) {
                all.insert(number, Arc::new(publisher));
            }
            if let Some(cluster) = prepared.place.cluster(number) {
                let name = format!("loadgen/{}/{}", prepared.folder.run(), target.name);
                let age = prepared.age_of_events();
                all.insert(number, kafka_publisher(&target.kind, (cluster, &name), age, feed)?);
            }
            if let Some(address) = prepared.place.endpoint(number)
                && let TargetKind::Firehose(firehose) = &target.kind
            {
                all.insert(number, Arc::new(firehose_publisher(firehose, address, feed)?));
            }
        }
        let has_faults = prepared.scenario.domains.iter().any(|domain| domain.faults.is_some());
        let faults = has_faults.then(|| FaultKeeper::start(&prepared.folder)).transpose();
        Ok(Self { all, faults: faults.map_err(|error| Refusal::setup(&error))? })
    }

    /// The client of a target.
    pub(super) fn of(&self, target: usize) -> Option<Arc<dyn Publisher>> {
        self.all.get(&target).map(Arc::clone)
    }

    /// Where the events of a way go, if it leads to a message service.
    pub(super) fn destination(
        &self,
        prepared: &Prepared,
        number: usize,
        way: Way,
    ) -> Option<EventOptions> {
        let (scenario, world) = (&prepared.scenario, &prepared.world);
        let domain = &scenario.domains[way.domain];
        if way.target == domain.target && scenario.is_stored(domain) {
            // What goes there is rows.
            return None;
        }
        let publisher = Arc::clone(self.all.get(&way.target)?);
        let kind = &scenario.targets[way.target].kind;
        // What stands beside an event only Kafka knows.
        let is_kafka = matches!(kind, TargetKind::Kafka(_));
        let has_headers = matches!(kind, TargetKind::Kafka(kafka) if kafka.has_headers);
        let run = has_headers.then(|| prepared.folder.run());
        let name =
            |event: &str| kind.destination_of(&domain.schema.name, event).unwrap_or_default();
        let avro = |event: &TableInfo| {
            let topic = kind.destination_of(&domain.schema.name, &event.name)?;
            let schema = prepared.schemas.get(&(way.target, topic))?;
            let table = domain.schema.tables.iter().find(|table| table.name == event.name)?;
            Some(AvroForm::new(*schema, table))
        };
        let share = match kind {
            TargetKind::Kafka(kafka) => kafka.transactions.map_or(0.0, |all| all.abort),
            _ => 0.0,
        };
        let target = &scenario.targets[way.target].name;
        Some(EventOptions {
            faults: self.faults.as_ref().map(|faults| faults.book().of_target(target)),
            publisher,
            topics: topics(&world.catalog, number, is_kafka, name, avro),
            headers: Headers::new(run, &world.series),
            aborted: Aborted::new(scenario.seed, share),
        })
    }

    /// Takes leave of all services. Returns what was sent to each, by the number of the target, and why a
    /// file could not be written.
    pub(super) fn end(
        self,
        prepared: &Prepared,
        feed: &Feed,
    ) -> (Vec<(usize, Traffic)>, Option<FolderError>) {
        let each = self.all.iter().flat_map(|(target, publisher)| {
            publisher.close(CLOSE_WITHIN);
            publisher.traffic().into_iter().map(|traffic| (*target, traffic))
        });
        let mut traffic: Vec<_> = each.collect();
        let Some(kept) = self.faults.map(|faults| faults.finish(feed)) else {
            return (traffic, None);
        };
        for (target, destination, faults) in kept.counts {
            let Some(number) = prepared.scenario.target(&target) else { continue };
            traffic.push((number, Traffic { destination, faults, ..Traffic::default() }));
        }
        (traffic, kept.unwritten)
    }
}

/// A client of a Kafka cluster; if it uses transactions, they go by this name.
fn kafka_publisher(
    kind: &TargetKind,
    (cluster, name): (&Cluster, &str),
    age: Duration,
    feed: &Feed,
) -> Result<Arc<dyn Publisher>, Refusal> {
    if let TargetKind::Kafka(target) = kind
        && let Some(transactions) = target.transactions
    {
        let started = TransactionalPublisher::start((cluster, target), transactions, name, feed);
        return Ok(Arc::new(started.map_err(|error| Refusal::setup(&error))?));
    }
    let made = KafkaPublisher::new(cluster, age, feed).map_err(|error| {
        Refusal::setup(&format!("librdkafka does not take its settings: {error}"))
    });
    Ok(Arc::new(made?))
}

/// A client of a Firehose endpoint.
fn firehose_publisher(
    target: &FirehoseTarget,
    address: &FirehoseAddress,
    feed: &Feed,
) -> Result<FirehosePublisher, Refusal> {
    let endpoint = on_runtime(async {
        let found = Endpoint::find(address).await;
        found.map_err(|error| SetupError::Local(error.to_string()))
    });
    let endpoint = endpoint.map_err(|error| Refusal::setup(&error))?;
    FirehosePublisher::start(endpoint, &Sending::of(target), feed).map_err(|error| {
        Refusal::setup(&format!("no client of Firehose could be started: {error}"))
    })
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
        let destination = target.kind.destination_of(domain, &table.name);
        let counts = EventCounts {
            target: target.name.clone(),
            destination: destination.unwrap_or_else(|| table.name.clone()),
            sent: rows.inserted + rows.failed + rows.unknown,
            acknowledged: rows.inserted,
            failed: rows.failed,
            unknown: rows.unknown,
            missed: rows.missed,
            bytes: rows.bytes,
            calls: 0,
            throttled: 0,
            repeated: 0,
            aborted: 0,
            faults: FaultCounts::default(),
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
            counts.repeated += traffic.repeated;
            counts.aborted += traffic.aborted;
            counts.faults.add(&traffic.faults);
        }
    }
    all
}
