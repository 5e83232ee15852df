//! From a scenario's observers to the databases that they read.

mod before;
mod events;
mod lake;
mod named;
mod polled;
mod records;
mod snapshots;

pub(super) use before::look_ahead;
pub(super) use before::of_others;
pub(super) use polled::Compared;

pub(super) use named::name_of;
pub(super) use named::topic_of;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Instant;

use secrecy::ExposeSecret as _;

use crate::cli::Refusal;
use crate::cli::ledger;
use crate::cli::observe::named::Named;
use crate::cli::place::Place;
use crate::cli::prepare::Prepared;
use crate::cli::publish::Publishers;
use crate::embedded::random_hex;
use crate::engine::stop::Level;
use crate::engine::stop::Stop;
use crate::ledger::Writing;
use crate::measure::Clock;
use crate::measure::Feed;
use crate::measure::Findings;
use crate::observe::Captures;
use crate::observe::Observing;
use crate::observe::Options;
use crate::observe::Polled;
use crate::observe::Source;
use crate::observe::Surface;
use crate::observe::SurfaceKind;
use crate::observe::Topics;
use crate::observe::Upstream;
use crate::observe::Witness;
use crate::report::FolderError;
use crate::report::LagKeeper;
use crate::scenario::Confirms;
use crate::scenario::Observer;
use crate::scenario::ObserverKind;
use crate::scenario::Replica;
use crate::scenario::Scenario;
use crate::scenario::TargetKind;
use crate::scenario::TopicFormat;
use crate::scenario::TraceBy;
use crate::sink::postgres::address::Address;
use crate::sink::postgres::provision::SetupError;

/// Observers at work, and who keeps how late changes come.
#[derive(Debug)]
pub(super) struct Observed {
    observing: Observing,
    lag: LagKeeper,
    /// Where all that comes is noted.
    kept: Option<Writing>,
}

impl Observed {
    /// For the engine.
    pub(super) fn witness(&self) -> Witness {
        self.observing.witness()
    }
}

/// Begins to observe, if the scenario says so: from now on, everything is.
pub(super) fn observe(
    prepared: &Prepared,
    publishers: &Publishers,
    clock: Clock,
    (feed, stop): (&Feed, &Stop),
) -> Result<Option<Observed>, Refusal> {
    let begun = begin(prepared, publishers, clock, (feed, stop));
    begun.map_err(|error| Refusal::setup(&error).unless(stop.level() > Level::Run))
}

fn begin(
    prepared: &Prepared,
    publishers: &Publishers,
    clock: Clock,
    (feed, stop): (&Feed, &Stop),
) -> Result<Option<Observed>, SetupError> {
    let observers = prepared.scenario.observers.iter();
    let surfaces: Vec<_> = observers
        .map(|observer| surface((prepared, publishers), observer))
        .collect::<Result<_, _>>()?;
    if surfaces.is_empty() {
        return Ok(None);
    }
    polled::refuse(prepared)?;
    // Slots of a server share their names, and runs may begin in the same second.
    let mark = random_hex(6).map_err(|error| SetupError::Local(error.to_string()))?;
    let guard = prepared.guard.guard();
    let steps = Arc::clone(&prepared.steps);
    let kept = move |slot: &str| guard.kept(slot);
    let lag = LagKeeper::start(&prepared.folder, kept, move || steps.lately().join(" "));
    let lag = lag.map_err(|error| SetupError::Local(error.to_string()))?;
    let kept = ledger::of_observers(prepared, feed)?;
    let options = Options {
        world: Arc::clone(&prepared.world),
        clock,
        surfaces,
        forms: Arc::new(events::forms(prepared, publishers)),
        publication: prepared.scenario.cdc.publication.clone(),
        application: prepared.application_name(),
        mark,
        late_p99: prepared.scenario.validity.sched_p99,
        ledger: kept.as_ref().map(Writing::ledger),
        seconds: Some(lag.sender()),
        must_see_canaries: prepared.scenario.cdc.canary.is_some_and(|it| it.is_asked_for),
    };
    let observing = Observing::start(options, || stop.level() > Level::Run)?;
    Ok(Some(Observed { observing, lag, kept }))
}

/// What an observer of the scenario reads.
fn surface(
    (prepared, publishers): (&Prepared, &Publishers),
    observer: &Observer,
) -> Result<Surface, SetupError> {
    let at = (&*prepared.scenario, &prepared.place);
    let kind = match &observer.kind {
        ObserverKind::Slot { confirms, .. } => SurfaceKind::Slots(sources(at, observer, *confirms)),
        ObserverKind::Replica(replica) => {
            let sources = replicas(at, observer, replica)?;
            match replica.every {
                Some(every) => {
                    SurfaceKind::Polled(Polled { sources, every, within: replica.within })
                }
                None => SurfaceKind::Slots(sources),
            }
        }
        ObserverKind::Kafka {
            target,
            topics,
            format,
            registry,
            messages,
            transactions,
            within,
        } => {
            let mut topics = self::topics(prepared, observer, (*target, topics, *format))?;
            topics.registry.clone_from(registry);
            let sources = sources(at, observer, Confirms::All);
            if prepared.scenario.cdc.trace == TraceBy::Message {
                topics.messages = beside(prepared, observer, &sources, ("messages", messages))?;
            }
            if let Some(named) = transactions {
                let named = ("transactions", named.as_str());
                topics.transactions = beside(prepared, observer, &sources, named)?;
            }
            SurfaceKind::Kafka(Box::new(Captures { topics, sources, within: *within }))
        }
        ObserverKind::Lake(warehouse) => {
            SurfaceKind::Lake(Box::new(lake::lake(prepared, observer, warehouse)?))
        }
        ObserverKind::Records(meant) => {
            SurfaceKind::Records(Box::new(records::records(prepared, observer, meant)?))
        }
        ObserverKind::Events(meant) => events::surface(prepared, publishers, (observer, meant))?,
    };
    Ok(Surface { name: observer.name.clone(), kind })
}

/// The topics of all tables whose changes come there.
fn topics(
    prepared: &Prepared,
    observer: &Observer,
    (target, template, format): (usize, &str, TopicFormat),
) -> Result<Topics, SetupError> {
    let scenario = &prepared.scenario;
    let name = &scenario.targets[target].name;
    let cluster = prepared.place.cluster(target).ok_or_else(|| {
        SetupError::Local(format!(
            "internal error: nobody knows the cluster `{name}` of the observer `{}`",
            observer.name
        ))
    })?;
    let named = Named { prepared, observer, template };
    let tables = named.tables("topic", "topics", topic_of)?;
    let (registry, messages, transactions) = Default::default();
    Ok(Topics { cluster: cluster.clone(), tables, format, registry, messages, transactions })
}

/// A topic of each database, beside those of its tables.
fn beside(
    prepared: &Prepared,
    observer: &Observer,
    sources: &[Source],
    (word, template): (&str, &str),
) -> Result<BTreeMap<String, usize>, SetupError> {
    let at = (&*prepared.scenario, &prepared.place);
    let named = sources.iter().enumerate().filter_map(|(number, source)| {
        let domain = prepared.scenario.domains.get(*source.domains.first()?)?;
        let names = (domain.namespace.as_str(), "");
        Some((topic_of(&name_of(at, template, (domain, names))), number))
    });
    let named: BTreeMap<_, _> = named.collect();
    if named.len() < sources.len() {
        return Err(SetupError::Local(format!(
            "the {word} of several databases would come by one topic; let `{word}` of the observer `{}` tell them apart",
            observer.name
        )));
    }
    Ok(named)
}

/// The databases: domains that share one are observed by one slot.
pub(super) fn sources(
    (scenario, place): (&Scenario, &Place),
    observer: &Observer,
    confirms: Confirms,
) -> Vec<Source> {
    let mut sources: Vec<Source> = Vec::new();
    for number in &observer.domains {
        let domain = &scenario.domains[*number];
        let TargetKind::Postgres(target) = &scenario.targets[domain.target].kind else { continue };
        let Some(address) = place.domain(scenario, domain) else { continue };
        // Two servers may have databases of one name.
        let is_there = |known: &&mut Source| {
            let first = known.domains.first().map(|number| scenario.domains[*number].target);
            first == Some(domain.target) && known.address.database() == address.database()
        };
        match sources.iter_mut().find(is_there) {
            Some(source) => source.domains.push(*number),
            None => sources.push(Source {
                surface: observer.name.clone(),
                name: place.shown(scenario, domain),
                address,
                domains: vec![*number],
                reconnect: target.reconnect,
                confirms,
                upstream: None,
            }),
        }
    }
    sources
}

/// The same databases, where they are a replica's.
pub(super) fn replicas(
    (scenario, place): (&Scenario, &Place),
    observer: &Observer,
    replica: &Replica,
) -> Result<Vec<Source>, SetupError> {
    let environment = |name: &str| std::env::var(name).ok();
    let server = Address::parse(replica.server.expose_secret(), &environment);
    let server = server.map_err(|error| SetupError::Local(error.to_string()))?;
    let at = |source: Source| {
        let first = source.domains.first().map(|number| &scenario.domains[*number]);
        let upstream = first.map(|domain| Upstream {
            address: source.address.clone(),
            namespace: domain.namespace.clone(),
            within: replica.within,
        });
        let database = replica.database.replace("{database}", source.address.database());
        let address = server.with_database(&database);
        Source { name: database, address, reconnect: replica.reconnect, upstream, ..source }
    };
    Ok(sources((scenario, place), observer, Confirms::All).into_iter().map(at).collect())
}

/// Waits until all that was sent was observed, or cannot be any more, and says what was found; also if a file
/// could not be written.
pub(super) fn findings(
    observed: Option<Observed>,
    feed: &Feed,
    stop: &Stop,
) -> (Option<Findings>, Option<FolderError>) {
    let Some(Observed { observing, lag, kept }) = observed else { return (None, None) };
    let done = observing.finish(|| stop.level() == Level::Cancel);
    let unwritten = lag.finish().err();
    ledger::end(kept, "what was observed", feed);
    let Some(done) = done else {
        let gone = "internal error: the observer ended before the run did";
        return (Some(Findings::none(gone)), unwritten);
    };
    done.notes.iter().for_each(|note| feed.message(note));
    (Some(done.findings), unwritten)
}

/// Judges what lanes must be gone through again for, once what became of each transaction is on disk; nothing was sent
/// after `ended`. Returns whether a signal ended that early: then what is not judged is told, and makes nothing invalid.
pub(super) fn judge(
    prepared: &Prepared,
    findings: &mut Option<Findings>,
    ended: Instant,
    (feed, stop): (&Feed, &Stop),
) -> bool {
    let Some(findings) = findings else { return false };
    let halt = stop.next_signal();
    let mut reasons = polled::judge(prepared, findings, ended.into(), (feed, &halt));
    reasons.extend(snapshots::judge(prepared, findings, (feed, &halt)));
    if halt.is_told() {
        let folder = prepared.folder.path().display();
        let told = |it: &String| feed.message(format!("{it}; `loadgen verify {folder}` judges it"));
        reasons.iter().for_each(told);
        return !reasons.is_empty();
    }
    findings.invalid_because.extend(reasons);
    false
}
