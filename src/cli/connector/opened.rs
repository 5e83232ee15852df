//! The connectors of a run: registered before anything is observed, watched, and removed where they would
//! outlive their server.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use crate::cli::Refusal;
use crate::cli::connector::Needs;
use crate::cli::connector::connectors;
use crate::cli::connector::databases;
use crate::cli::place::Place;
use crate::cli::place::connector;
use crate::cli::prepare::Prepared;
use crate::cli::wait::on_runtime_within;
use crate::connect;
use crate::connect::Api;
use crate::connect::ConnectError;
use crate::connect::Connector;
use crate::connect::Reading;
use crate::connect::Slots;
use crate::connect::Watch;
use crate::engine::stop::Level;
use crate::engine::stop::Stop;
use crate::measure::Clock;
use crate::measure::Feed;
use crate::measure::Interruption;
use crate::report::FolderError;
use crate::report::RunFolder;
use crate::scenario::Domain;
use crate::scenario::Scenario;
use crate::sink::postgres::address::Address;
use crate::sink::postgres::clean::OwnSlots;
use crate::sink::postgres::replication::slot;

/// Who looks.
const APPLICATION: &str = "loadgen/connector";
/// How long it may take to drop a slot.
const DROP_WITHIN: Duration = Duration::from_secs(30);

/// The servers of a scenario, which know how slots are read.
#[derive(Debug)]
pub(in crate::cli) struct Servers {
    /// By domain.
    databases: BTreeMap<usize, Address>,
    stop: Stop,
}

impl Servers {
    pub(in crate::cli) fn new(scenario: &Scenario, place: &Place, stop: &Stop) -> Self {
        Self { databases: databases(scenario, place), stop: stop.clone() }
    }
}

impl Slots for Servers {
    fn reading(&self, captures: &Connector, limit: Duration) -> Result<Reading, ConnectError> {
        let mut addresses = captures.domains.iter().filter_map(|it| self.databases.get(it));
        let Some(address) = addresses.next() else { return Ok(Reading::Absent) };
        let slot = captures.slot.as_str();
        let looked = on_runtime_within((&self.stop, limit), async {
            let client = connector(address.clone(), APPLICATION.to_owned())(None).await?;
            slot::reading(&client, slot).await
        });
        let found = looked.map_err(|error| ConnectError::of(&error))?;
        Ok(match found {
            None => Reading::Absent,
            Some((None, _)) => Reading::Idle,
            Some((Some(process), false)) => Reading::CatchingUp(process),
            Some((Some(process), true)) => Reading::Streaming(process),
        })
    }
}

/// Connectors that a run has registered, and watches. Dropped, it looks no longer, and connectors of servers
/// that end with the run end, too.
#[derive(Debug)]
pub(in crate::cli) struct Connected {
    api: Arc<Api>,
    connectors: Vec<Connector>,
    watch: Watch,
    /// The scenario whose connectors are not to stay, if they are not.
    ends: Option<String>,
    /// How long it may take to remove one.
    within: Duration,
    feed: Feed,
    stop: Stop,
}

/// The connectors of a run, and their Kafka Connect, if the scenario names one.
fn meant(prepared: &Prepared, stop: &Stop) -> Result<Option<(Api, Vec<Connector>)>, Refusal> {
    let scenario = &prepared.scenario;
    let Some(url) = &scenario.cdc.connect.url else { return Ok(None) };
    let password = |domain: usize| prepared.passwords.get(domain).map(|it| it.capture.clone());
    let connectors = connectors(scenario, &prepared.place, (&password, Needs::Password))?;
    if connectors.is_empty() {
        return Ok(None);
    }
    let api = Api::new(url, &scenario.cdc.connect).map_err(|error| refusal(&error, stop))?;
    Ok(Some((api, connectors)))
}

fn refusal(error: &ConnectError, stop: &Stop) -> Refusal {
    Refusal::setup(error).unless(stop.level() > Level::Run)
}

/// Looks, before anything is seeded, whether the connectors of a run can be registered.
pub(in crate::cli) fn look_ahead(prepared: &Prepared, stop: &Stop) -> Result<(), Refusal> {
    let Some((api, connectors)) = meant(prepared, stop)? else { return Ok(()) };
    let is_cancelled = || stop.level() > Level::Run;
    let servers = Servers::new(&prepared.scenario, &prepared.place, stop);
    let within = prepared.scenario.cdc.connect.within;
    for each in &connectors {
        connect::look_ahead(&api, each, &servers, (within, &is_cancelled))
            .map_err(|error| refusal(&error, stop))?;
    }
    Ok(())
}

/// Registers the connectors of a run, if the scenario names a Kafka Connect, and waits until they stream: from
/// now on, every change comes by them.
pub(in crate::cli) fn open(
    prepared: &Prepared,
    (clock, keep): (Clock, bool),
    (feed, stop): (&Feed, &Stop),
) -> Result<Option<Connected>, Refusal> {
    let scenario = &prepared.scenario;
    let Some((api, connectors)) = meant(prepared, stop)? else { return Ok(None) };
    let is_cancelled = || stop.level() > Level::Run;
    let within = scenario.cdc.connect.within;
    for each in &connectors {
        let servers = Servers::new(scenario, &prepared.place, stop);
        connect::register(&api, each, &servers, (within, &is_cancelled))
            .map_err(|error| refusal(&error, stop))?;
        feed.message(format!("the connector `{}` streams", each.name));
    }
    let api = Arc::new(api);
    let servers = Box::new(Servers::new(scenario, &prepared.place, stop));
    let watch = Watch::start(Arc::clone(&api), connectors.clone(), servers, (clock, feed.clone()));
    let watch = watch.map_err(|error| Refusal::setup(&error))?;
    let is_over = prepared.place.is_embedded() && !keep;
    let ends = is_over.then(|| scenario.name.clone());
    let (feed, stop) = (feed.clone(), stop.clone());
    Ok(Some(Connected { api, connectors, watch, ends, within, feed, stop }))
}

impl Connected {
    /// Ends it, and keeps what connectors there were and what befell them, which is told; also if the file could
    /// not be written.
    pub(in crate::cli) fn end(
        self,
        folder: &RunFolder,
    ) -> (Vec<Interruption>, Option<FolderError>) {
        let connectors: Vec<_> = self.connectors.iter().map(ConnectorEntry::of).collect();
        let interruptions = self.watch.interruptions();
        let unwritten = folder.write_connectors(&serde_json::json!({
            "format": "loadgen.connectors/1", "at": self.api.url(), "connectors": connectors,
            "interruptions": interruptions,
        }));
        (interruptions, unwritten.err())
    }
}

/// What is kept of a connector.
#[derive(serde::Serialize)]
struct ConnectorEntry<'a> {
    name: &'a str,
    slot: &'a str,
    database: &'a str,
    /// As it is shown: without passwords.
    config: serde_json::Value,
}

impl<'a> ConnectorEntry<'a> {
    fn of(it: &'a Connector) -> Self {
        Self { name: &it.name, slot: &it.slot, database: &it.database, config: it.shown() }
    }
}

impl Drop for Connected {
    fn drop(&mut self) {
        let Some(scenario) = &self.ends else { return };
        let is_cancelled = || self.stop.level() == Level::Cancel;
        if let Err(error) = connect::remove(&self.api, scenario, (self.within, &is_cancelled)).1 {
            self.feed.message(format!("the connectors of this run stay: {error}"));
        }
    }
}

/// The slots of a scenario's connectors; of those at a Kafka Connect also while they are read, as they are removed
/// first. One that does not answer knows of none.
pub(in crate::cli) fn own_slots(scenario: &Scenario, place: &Place, url: Option<&str>) -> OwnSlots {
    let named =
        |domain: &Domain| (connect::slot_of(&domain.schema.name), place.database(scenario, domain));
    let known = |url| {
        let api = Api::new(url, &scenario.cdc.connect)?;
        connect::slots(&api, &scenario.name)
    };
    OwnSlots {
        named: scenario.domains.iter().map(named).collect(),
        leaving: url.and_then(|url| known(url).ok()).unwrap_or_default(),
    }
}

/// What of a scenario's connectors went, and what had to stay.
#[derive(Debug, Default)]
pub(in crate::cli) struct Removal {
    pub(in crate::cli) removed: Vec<String>,
    pub(in crate::cli) kept: Vec<String>,
}

/// Removes the connectors of a scenario that names a Kafka Connect, if that is to be.
pub(in crate::cli) fn remove_if(
    is_wanted: bool,
    scenario: &Scenario,
    place: &Place,
    stop: &Stop,
) -> Result<(), Refusal> {
    let url = scenario.cdc.connect.url.as_ref().filter(|_| is_wanted);
    let kept = url.map(|url| remove(scenario, place, url, stop)).transpose()?;
    match kept.and_then(|removal| removal.kept.into_iter().next()) {
        Some(kept) => Err(Refusal::setup(&format!("`--fresh`: kept {kept}"))),
        None => Ok(()),
    }
}

/// Removes the connectors that were registered for a scenario at a Kafka Connect, and their slots.
pub(in crate::cli) fn remove(
    scenario: &Scenario,
    place: &Place,
    url: &str,
    stop: &Stop,
) -> Result<Removal, Refusal> {
    let mut removal = Removal::default();
    let api = Api::new(url, &scenario.cdc.connect).map_err(|error| Refusal::setup(&error))?;
    let (within, is_cancelled) = (scenario.cdc.connect.within, || stop.level() > Level::Run);
    let (removed, outcome) = connect::remove(&api, &scenario.name, (within, &is_cancelled));
    if let Err(error) = outcome {
        let others = if removed.is_empty() { "" } else { "other " };
        removal.kept.push(format!("the {others}connectors: {error}"));
    }
    let databases = databases(scenario, place);
    for gone in removed {
        removal.removed.push(gone.shown(url));
        if let Some(why) = &gone.remembered {
            removal.kept.push(format!("how far the connector `{}` was: {why}", gone.name));
        }
        let is_its = |domain: &Domain| {
            let is_there = place.database(scenario, domain) == gone.database;
            is_there && gone.is_of(&scenario.name, &domain.schema.name)
        };
        let Some(number) = scenario.domains.iter().position(is_its) else {
            let (slot, database) = (&gone.slot, &gone.database);
            removal.kept.push(format!(
                "replication slot `{slot}` of `{database}`: the scenario no longer has what it was made for, so \
                 nobody knows its server; drop it there: SELECT pg_drop_replication_slot('{slot}')"
            ));
            continue;
        };
        // An embedded server has gone with its run.
        let Some(address) = databases.get(&number) else { continue };
        let connect::Removed { slot, database, .. } = gone;
        let dropped = on_runtime_within((stop, DROP_WITHIN), async {
            let client = connector(address.clone(), APPLICATION.to_owned())(None).await?;
            let was_there = slot::reading(&client, &slot).await?.is_some();
            slot::drop(&client, &slot).await?;
            Ok(was_there)
        });
        match dropped {
            Ok(true) => removal.removed.push(format!("replication slot `{slot}`")),
            Ok(false) => {}
            Err(error) => {
                let what = format!("replication slot `{slot}` of `{database}`");
                removal.kept.push(format!("{what}: {error}"));
            }
        }
    }
    Ok(removal)
}
