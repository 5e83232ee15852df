//! The servers of a scenario, reached or started: where each target and domain is.

mod firehose;

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;
use std::time::Instant;

use futures_util::FutureExt;
use secrecy::ExposeSecret;
use secrecy::SecretString;

use crate::cli::Refusal;
use crate::embedded::Embedded;
use crate::embedded::EmbeddedError;
use crate::embedded::EmbeddedKafka;
use crate::embedded::Interrupt;
use crate::embedded::Machine;
use crate::embedded::Options;
use crate::embedded::Progress;
use crate::embedded::firehose::Firehose;
use crate::engine::stop::Level;
use crate::engine::stop::Stop;
use crate::measure::Feed;
use crate::report::RunFolder;
use crate::scenario::Brokers;
use crate::scenario::Domain;
use crate::scenario::KafkaTarget;
use crate::scenario::PostgresTarget;
use crate::scenario::Provision;
use crate::scenario::Scenario;
use crate::scenario::Server;
use crate::scenario::TargetKind;
use crate::sink::firehose::setup::FirehoseAddress;
use crate::sink::kafka::Cluster;
use crate::sink::postgres::address::Address;
use crate::sink::postgres::control;
use crate::sink::postgres::provision::Connecting;
use crate::sink::postgres::provision::SetupError;

/// How long a server that starts is waited for before it is tried again, and until when that is begun: one that takes
/// its time to say nothing would take it again.
const PATIENCE: Duration = Duration::from_secs(1);
const TRIES_WITHIN: Duration = Duration::from_secs(4);

/// The servers of a scenario.
#[derive(Debug, Default)]
pub(super) struct Place {
    /// By target; `None` for those that are no server. Where a pooler is between, the server's own.
    addresses: Vec<Option<Address>>,
    /// By target: the pooler, if one is between.
    poolers: Vec<Option<Address>>,
    /// Servers that live as long as this value.
    embedded: Vec<Embedded>,
    /// Kafka clusters, by the number of their target.
    clusters: BTreeMap<usize, Cluster>,
    /// Brokers that live as long as this value.
    brokers: Vec<EmbeddedKafka>,
    /// Firehose endpoints, by the number of their target.
    endpoints: BTreeMap<usize, FirehoseAddress>,
    /// Where stand-ins for Firehose deliver, by the number of their target.
    delivered: BTreeMap<usize, PathBuf>,
    /// Stand-ins for Firehose that live as long as this value.
    stand_ins: Vec<Firehose>,
}

impl Place {
    /// Starts embedded servers and reads the addresses of the others. What they leave goes into the run's
    /// folder.
    pub(super) fn open(
        scenario: &Scenario,
        folder: &RunFolder,
        (feed, stop): (&Feed, &Stop),
    ) -> Result<Self, Refusal> {
        let mut place = Self::default();
        let run = folder.run();
        for (number, target) in scenario.targets.iter().enumerate() {
            let (address, pooler) = match &target.kind {
                TargetKind::Discard | TargetKind::Lines(_) | TargetKind::Elsewhere => (None, None),
                TargetKind::Kafka(kafka) => {
                    let topics = destinations_of(scenario, number);
                    place.open_kafka((number, kafka), topics, run)?;
                    (None, None)
                }
                TargetKind::Firehose(firehose) => {
                    let streams = destinations_of(scenario, number);
                    place.open_firehose((number, firehose), streams, (folder, feed))?;
                    (None, None)
                }
                TargetKind::Postgres(postgres) => match &postgres.server {
                    Server::At(url) => at(url, postgres)?,
                    Server::Embedded(version) => {
                        (Some(place.start(*version, run, (feed, stop))?), None)
                    }
                },
            };
            for address in [&address, &pooler].into_iter().flatten() {
                allow(scenario, address)?;
                if let Some(warning) = address.warning() {
                    feed.message(warning);
                }
            }
            place.addresses.push(address);
            place.poolers.push(pooler);
        }
        Ok(place)
    }

    /// Reads the addresses; a scenario with embedded servers has none to go back to.
    pub(super) fn find(scenario: &Scenario) -> Result<Self, Refusal> {
        let mut place = Self::default();
        for (number, target) in scenario.targets.iter().enumerate() {
            match &target.kind {
                TargetKind::Firehose(firehose) => place.find_firehose(number, firehose),
                TargetKind::Kafka(kafka) => place.find_kafka(number, kafka),
                _ => {}
            }
            place.addresses.push(match &target.kind {
                TargetKind::Postgres(postgres) => match &postgres.server {
                    Server::At(url) => {
                        let (address, _) = at(url, postgres)?;
                        address.iter().try_for_each(|address| allow(scenario, address))?;
                        address
                    }
                    Server::Embedded(_) => None,
                },
                TargetKind::Discard
                | TargetKind::Kafka(_)
                | TargetKind::Firehose(_)
                | TargetKind::Lines(_)
                | TargetKind::Elsewhere => None,
            });
        }
        Ok(place)
    }

    fn start(
        &mut self,
        version: Option<u16>,
        run: &str,
        (feed, stop): (&Feed, &Stop),
    ) -> Result<Address, Refusal> {
        let options = Options { version, run: run.to_owned() };
        let told = |stop: Stop, level| Interrupt::new(move || stop.level() >= level);
        let interrupt = told(stop.clone(), Level::Drain);
        let hurry = told(stop.clone(), Level::Cancel);
        let machine = Machine { interrupt, hurry, ..Machine::here() };
        let started = Embedded::start_on(&machine, &options, &mut |progress| show(feed, &progress));
        let embedded = started.map_err(|error| match error {
            EmbeddedError::Interrupted => Refusal::interrupted(&error),
            error => Refusal::setup(&error),
        })?;
        let address = parse(embedded.url())?;
        self.embedded.push(embedded);
        Ok(address)
    }

    /// Finds a cluster, or starts it.
    fn open_kafka(
        &mut self,
        (number, target): (usize, &KafkaTarget),
        topics: Vec<String>,
        run: &str,
    ) -> Result<(), Refusal> {
        let brokers = match &target.brokers {
            Brokers::At(brokers) => brokers.clone(),
            Brokers::Embedded => {
                let topics = topics.into_iter().map(|topic| (topic, target.partitions));
                let started = EmbeddedKafka::start(topics.collect());
                let broker = started.map_err(|error| {
                    Refusal::setup(&format!("the embedded Kafka broker did not start: {error}"))
                })?;
                let brokers = broker.brokers().to_owned();
                self.brokers.push(broker);
                brokers
            }
        };
        self.clusters.insert(number, Cluster::new(target, &brokers, run));
        Ok(())
    }

    /// Remembers the cluster of a target, unless it ends with the run.
    fn find_kafka(&mut self, number: usize, target: &KafkaTarget) {
        if let Brokers::At(brokers) = &target.brokers {
            self.clusters.insert(number, Cluster::new(target, brokers, "clean"));
        }
    }

    /// A target's Kafka cluster.
    pub(super) fn cluster(&self, target: usize) -> Option<&Cluster> {
        self.clusters.get(&target)
    }

    /// A target's server.
    pub(super) fn address(&self, target: usize) -> Option<&Address> {
        self.addresses.get(target)?.as_ref()
    }

    /// A domain's database, as the scenario's own login.
    pub(super) fn domain(&self, scenario: &Scenario, domain: &Domain) -> Option<Address> {
        within(self.address(domain.target)?, scenario, domain)
    }

    /// The same, on the way that the load takes: through the pooler if one is between.
    pub(super) fn way(&self, scenario: &Scenario, domain: &Domain) -> Option<Address> {
        match self.poolers.get(domain.target) {
            Some(Some(pooler)) => within(pooler, scenario, domain),
            _ => self.domain(scenario, domain),
        }
    }

    /// The name of the database that a domain is really in: with `provision: schemas`, that of the URL.
    pub(super) fn database(&self, scenario: &Scenario, domain: &Domain) -> String {
        let address = self.domain(scenario, domain);
        address.map_or_else(|| domain.database.clone(), |at| at.database().to_owned())
    }

    /// The same as people are told it: behind its target's name, where another target has a database of that name.
    pub(super) fn shown(&self, scenario: &Scenario, domain: &Domain) -> String {
        let name = self.database(scenario, domain);
        let is_stored =
            |target: usize| matches!(scenario.targets[target].kind, TargetKind::Postgres(_));
        let mut others = scenario.domains.iter().filter(|it| it.target != domain.target);
        if others.any(|it| is_stored(it.target) && self.database(scenario, it) == name) {
            return format!("{}/{name}", scenario.targets[domain.target].name);
        }
        name
    }

    /// Whether a server is embedded.
    pub(super) fn is_embedded(&self) -> bool {
        !self.embedded.is_empty()
    }

    /// Stops embedded servers; or leaves them running and says how to reach them.
    pub(super) fn close(self, keep: bool) -> Vec<String> {
        let mut notes = Vec::new();
        if keep && !self.brokers.is_empty() {
            notes.push("the embedded Kafka broker ends with this process".to_owned());
        }
        if keep && !self.stand_ins.is_empty() {
            notes.push("the Firehose stand-in ends with this process; its objects stay".to_owned());
        }
        for embedded in self.embedded {
            if keep {
                notes.push(match embedded.keep() {
                    Ok(kept) => {
                        format!("the server stays at {}\nto stop it: {}", kept.url, kept.stop)
                    }
                    Err(error) => format!("the embedded server could not be kept: {error}"),
                });
            } else if let Err(error) = embedded.stop() {
                notes.push(format!("the embedded server left files: {error}"));
            }
        }
        notes
    }
}

/// The topics or streams that the events of a run are sent to, on one target.
pub(super) fn destinations_of(scenario: &Scenario, target: usize) -> Vec<String> {
    let kind = &scenario.targets[target].kind;
    let events = scenario.events_to(target).into_iter();
    let mut all: Vec<String> = events
        .filter_map(|(event, domain)| kind.destination_of(&domain.schema.name, &event))
        .collect();
    all.sort();
    all.dedup();
    all
}

/// A server, and the pooler before it if there is one.
fn at(
    url: &SecretString,
    target: &PostgresTarget,
) -> Result<(Option<Address>, Option<Address>), Refusal> {
    let address = parse(url)?;
    Ok(match &target.admin {
        Some(admin) => (Some(parse(admin)?), Some(address)),
        None => (Some(address), None),
    })
}

/// A domain's database at an address.
fn within(address: &Address, scenario: &Scenario, domain: &Domain) -> Option<Address> {
    let TargetKind::Postgres(target) = &scenario.targets[domain.target].kind else {
        return None;
    };
    Some(match target.provision {
        Provision::Schemas => address.clone(),
        Provision::Databases | Provision::Nothing => address.with_database(&domain.database),
    })
}

/// A server that is not on this machine must be allowed.
fn allow(scenario: &Scenario, address: &Address) -> Result<(), Refusal> {
    if scenario.allow_remote || address.is_local() {
        return Ok(());
    }
    Err(Refusal::setup(&format!(
        "`{address}` is not on this machine; if you mean it, write `allow_remote: true` in the \
         scenario or give `--allow-remote`"
    )))
}

fn parse(url: &SecretString) -> Result<Address, Refusal> {
    let environment = |name: &str| std::env::var(name).ok();
    Address::parse(url.expose_secret(), &environment).map_err(|error| Refusal::setup(&error))
}

/// Opens control sessions at an address, for provisioning.
pub(super) fn connector(
    address: Address,
    application: String,
) -> impl Fn(Option<&str>) -> Connecting + Sync {
    move |database: Option<&str>| {
        let address = match database {
            Some(database) => address.with_database(database),
            None => address.clone(),
        };
        let application = application.clone();
        async move {
            let (mut tries, begun) = (0, Instant::now());
            loop {
                let made = control::control(&address, &application).await;
                let is_early = tries < 3 && begun.elapsed() < TRIES_WITHIN;
                match made {
                    Err(error) if error.is_transient() && is_early => tries += 1,
                    made => return made.map_err(SetupError::from),
                }
                tokio::time::sleep(PATIENCE).await;
            }
        }
        .boxed()
    }
}

fn show(feed: &Feed, progress: &Progress) {
    match progress {
        Progress::Swept(swept) => feed.message(swept.to_string()),
        Progress::Left { folder, cause } => {
            feed.message(format!(
                "`{}` of a killed run could not be removed: {cause}",
                folder.display()
            ));
        }
        Progress::Fetching { release, received, total } => {
            feed.downloading(&format!("PostgreSQL {release}"), *received, *total);
        }
        Progress::Unpacking { release } => feed.message(format!("unpacking PostgreSQL {release}")),
        Progress::Initialising { version, .. } => {
            feed.message(format!("making a private PostgreSQL {version}"));
        }
        Progress::Starting => {}
    }
}
