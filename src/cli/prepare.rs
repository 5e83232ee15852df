//! What `run`, `seed` and `setup` have in common: the scenario read, the servers reached or started,
//! everything made and seeded.

mod away;
mod books;
mod fill;
mod fresh;
mod resume;
mod shards;
mod streams;
mod topics;
mod others;
mod passwords;
mod sums;

use passwords::passwords;
pub(super) use resume::Stopped;
pub(super) use resume::unfit;
pub(super) use shards::Turns;

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use chrono::Utc;
use secrecy::SecretString;

use crate::action::TableId;
use crate::action::TableInfo;
use crate::cli::Refusal;
use crate::cli::RunArguments;
use crate::cli::SetupArguments;
use crate::cli::connector;
use crate::cli::doctor::fit;
use crate::cli::guard::guard;
use crate::cli::lines;
use crate::cli::lines::LineWriters;
use crate::cli::place::Place;
use crate::cli::place::connector as connector_to;
use crate::cli::steps::steps;
use crate::cli::wait::on_runtime_until;
use crate::cli::wait::past_deadlocks;
use crate::engine::Guarding;
use crate::engine::OnGuard;
use crate::engine::Steps;
use crate::engine::journal::LANES;
use crate::engine::stop::Level;
use crate::engine::stop::Stop;
use crate::generate::World;
use crate::measure::Feed;
use crate::measure::Phase;
use crate::pace::Shard;
use crate::report::Manifest;
use crate::report::RunFolder;
use crate::report::ServerFacts;
use crate::report::SourceFile;
use crate::report::Subject;
use crate::scenario::Domain;
use crate::scenario::PostgresTarget;
use crate::scenario::Provision;
use crate::scenario::Scenario;
use crate::scenario::Start;
use crate::sink::postgres::clean::OwnSlots;
use crate::sink::postgres::mark::Books;
use crate::sink::postgres::provision::Passwords;
use crate::sink::postgres::provision::Provisioner;
use crate::sink::postgres::provision::SetupError;

/// A scenario whose servers are ready.
#[derive(Debug)]
pub(super) struct Prepared {
    pub(super) scenario: Arc<Scenario>,
    pub(super) folder: RunFolder,
    pub(super) place: Place,
    pub(super) world: Arc<World>,
    /// Passwords of the domains' logins, by domain; only where roles are made.
    pub(super) passwords: Vec<Passwords>,
    pub(super) start_us: i64,
    /// Which part of the run this is; `None` for all of it.
    pub(super) shard: Option<Shard>,
    /// The run that it goes on from, if it does.
    pub(super) stopped: Option<Stopped>,
    /// Rows of others, by table: in tables that we did not make.
    pub(super) before: Vec<u64>,
    /// Rows seeded, by table.
    pub(super) seeded: Vec<u64>,
    /// Numbers that those rows of others have, by table.
    taken: Vec<u64>,
    /// Who writes files.
    pub(super) lines: LineWriters,
    servers: Vec<ServerFacts>,
    /// The numbers of registered schemas, by target and topic.
    pub(super) schemas: BTreeMap<(usize, String), u32>,
    /// Who watches replication slots, once the tables are made.
    pub(super) guard: OnGuard,
    /// What happens once, beside the load.
    pub(super) steps: Arc<Steps>,
    /// Slots that go with their databases, where those are dropped.
    slots: OwnSlots,
    /// Whether some server may have been changed.
    is_touched: bool,
    stop: Stop,
}

/// How long the server may take to look around, or to note something in the books.
pub(super) const NOTE_WITHIN: Duration = Duration::from_mins(1);
/// How long it may take to make or to finish what a domain needs.
const MAKE_WITHIN: Duration = Duration::from_mins(10);

/// How far to go.
#[derive(Debug, Clone, Copy)]
pub(super) enum Until<'a> {
    /// Tables exist.
    Made,
    /// Tables are filled.
    Seeded,
    /// Tables are filled, and a load comes next.
    SeededForLoad,
    /// Tables are filled, by whichever shard comes first; this is one of them.
    SeededForShards(Shard),
    /// Tables are as an earlier run left them, which is to be continued.
    Continued(&'a RunArguments),
}

impl Until<'_> {
    fn shard(self) -> Option<Shard> {
        match self {
            Self::SeededForShards(shard) => Some(shard),
            Self::Made | Self::Seeded | Self::SeededForLoad | Self::Continued(_) => None,
        }
    }

    /// Whether a load comes next.
    pub(super) fn is_run(self) -> bool {
        !matches!(self, Self::Made | Self::Seeded)
    }
}

/// Reads, reaches, makes, fills. `feed` watches; `stop` may end it.
pub(super) fn prepare(
    arguments: &SetupArguments,
    scenario: Scenario,
    until: Until<'_>,
    (feed, stop): (&Feed, &Stop),
) -> Result<Prepared, Refusal> {
    let scenario = Arc::new(scenario);
    let shard = until.shard();
    if let Until::Continued(_) = until {
        resume::refuse_unfit(&scenario)?;
    }
    let label = match shard {
        Some(shard) => shards::label(&scenario, shard)?,
        None => scenario.name.clone(),
    };
    let folder = make_folder(arguments, &label)?;
    feed.phase(Phase::SettingUp);
    let place = Place::open(&scenario, &folder, (feed, stop)).inspect_err(|_| {
        // Nothing was made, so nothing is to be kept: goes only if it is empty.
        let _ = std::fs::remove_dir(folder.path());
    })?;
    let (passwords, generated) = passwords(&scenario, &place)?;
    let start_us = start_us(&scenario);
    let mut prepared = Prepared {
        world: Arc::new(World::new(&scenario, start_us)),
        before: Vec::new(),
        seeded: Vec::new(),
        taken: Vec::new(),
        lines: LineWriters::default(),
        servers: Vec::new(),
        schemas: BTreeMap::new(),
        guard: OnGuard::start(Guarding::default(), feed, stop)
            .map_err(|error| Refusal::setup(&error))?,
        steps: Arc::default(),
        slots: OwnSlots::default(),
        is_touched: false,
        stop: stop.clone(),
        shard,
        stopped: None,
        scenario,
        folder,
        place,
        passwords,
        start_us,
    };
    let looked =
        prepared.look(feed).and_then(|()| lines::look(&prepared.scenario, arguments.fresh));
    let looked = looked.and_then(|()| prepared.look_before_fresh(arguments.fresh));
    let looked = looked.and_then(|()| prepared.look_back(until, feed));
    if let Err(refusal) = looked.and_then(|()| fit::servers(&prepared, until, stop)) {
        // Nothing was made, so nothing is to be kept: goes only if it is empty.
        let _ = std::fs::remove_dir(prepared.folder.path());
        return Err(refusal);
    }
    prepared.make_with(&generated, arguments.fresh, feed)?;
    fit::tables(&prepared, until, (feed, stop))?;
    let (scenario, start_us) = (Arc::clone(&prepared.scenario), prepared.start_us);
    prepared.world = Arc::new(World::new(&scenario, start_us));
    prepared.look_for_others(feed)?;
    prepared.world = Arc::new(World::beside(&scenario, start_us, &prepared.taken));
    prepared.refuse_overflow()?;
    prepared.steps = Arc::new(steps(&prepared));
    prepared.write_manifest(&arguments.subject.scenario)?;
    if !matches!(until, Until::Made) {
        prepared.lines = lines::open(&prepared, arguments.fresh, (feed, stop))?;
        prepared.guard = guard(&prepared, (feed, stop))?;
    }
    prepared.fill_until(until, (feed, stop))?;
    Ok(prepared)
}

/// When a run of it that begins now starts, in microseconds since 1970.
fn start_us(scenario: &Scenario) -> i64 {
    match scenario.start {
        Start::At(start_us) => start_us,
        Start::Now => Utc::now().timestamp_micros(),
    }
}

impl Prepared {
    /// Looks whether every server will do, and changes none.
    fn look(&mut self, feed: &Feed) -> Result<(), Refusal> {
        (0..self.scenario.targets.len()).try_for_each(|target| self.make_on(target, None, feed))
    }

    /// Fills the tables, or finds them as they were left.
    fn fill_until(
        &mut self,
        until: Until<'_>,
        (feed, stop): (&Feed, &Stop),
    ) -> Result<(), Refusal> {
        match until {
            Until::Made => Ok(()),
            Until::Continued(_) => self.go_on(),
            Until::Seeded | Until::SeededForLoad | Until::SeededForShards(_) => {
                self.fill(feed, stop)
            }
        }
    }

    /// Makes what is needed on every server. Passwords are kept before any role has them, and told
    /// of only if one may have.
    fn make_with(
        &mut self,
        generated: &[(String, SecretString)],
        fresh: bool,
        feed: &Feed,
    ) -> Result<(), Refusal> {
        // They would come back to slots that go with their databases.
        connector::remove_if(fresh, &self.scenario, &self.place, &self.stop)?;
        let path = self.folder.write_secrets(generated).map_err(|error| Refusal::setup(&error))?;
        let mut targets = 0..self.scenario.targets.len();
        let made = targets.try_for_each(|target| self.make_on(target, Some(fresh), feed));
        if self.is_touched && (fresh || path.is_some()) {
            // What an earlier run in this folder tells of is not there any more, or its passwords are not.
            self.folder.begun();
        }
        if made.is_err() && !self.is_touched {
            // Passwords that nobody has are none; the folder goes if it is empty then.
            let _ = path.map(std::fs::remove_file);
            let _ = std::fs::remove_dir(self.folder.path());
        } else if let Some(path) = path.filter(|_| !self.place.is_embedded()) {
            feed.message(format!("generated passwords are in `{}`", path.display()));
        }
        made
    }

    /// Sets a target up, dropping what is there if `fresh` says so; without it, only looks.
    fn make_on(&mut self, target: usize, fresh: Option<bool>, feed: &Feed) -> Result<(), Refusal> {
        if self.stop.level() > Level::Run {
            return Err(Refusal::interrupted(&"stopped before all was set up"));
        }
        if let Some(cluster) = self.place.cluster(target).cloned() {
            return self.make_topics((target, &cluster), fresh, feed);
        }
        if let Some(address) = self.place.endpoint(target) {
            return self.make_streams(target, address, fresh.is_some());
        }
        let Some(address) = self.place.address(target).cloned() else { return Ok(()) };
        let scenario = Arc::clone(&self.scenario);
        let connect = connector_to(address, self.application_name());
        let Some(provisioner) = Provisioner::new(&scenario, target, self.control(&connect)) else {
            return Ok(());
        };
        let provisioner = provisioner.of_shard(self.shard).continued(self.stopped.is_some());
        let provisioner = provisioner.with_slots(self.slots.clone());
        let Some(fresh) = fresh else {
            // Nothing is changed, so that the first signal may end it.
            let halt = self.stop.any_signal();
            let found = on_runtime_until((halt, NOTE_WITHIN), provisioner.preflight())
                .map_err(|error| away::refusal(&scenario, target, &error))?;
            found.notes.iter().for_each(|note| feed.message(note));
            self.servers.push(ServerFacts {
                target: scenario.targets[target].name.clone(),
                version: found.server_version,
                settings: found.settings,
            });
            return Ok(());
        };
        let setup = || provisioner.setup(&self.passwords, self.start_us, fresh);
        let done = past_deadlocks((&self.stop, MAKE_WITHIN), setup);
        self.is_touched |= !done.as_ref().is_err_and(SetupError::is_refusal);
        let report = done.map_err(|error| Refusal::setup(&error))?;
        report.notes.iter().for_each(|note| feed.message(note));
        self.start_us = report.start_us;
        Ok(())
    }

    /// Whether somebody keeps the rows of a table.
    pub(super) fn is_stored(&self, table: &TableInfo) -> bool {
        table.is_row() && self.scenario.is_stored(&self.scenario.domains[table.domain])
    }

    /// The database that a table is really in.
    pub(super) fn database_of(&self, table: &TableInfo) -> String {
        self.place.database(&self.scenario, &self.scenario.domains[table.domain])
    }

    /// The tables of a domain, in the order of its schema.
    fn tables_of(&self, domain: usize) -> impl Iterator<Item = TableId> {
        let tables = self.world.catalog.tables.iter().take(self.world.table_count()).enumerate();
        let own = tables.filter(move |(_, table)| table.domain == domain);
        own.map(|(number, _)| TableId::of(number))
    }

    /// Of all sessions: at most 63 bytes with a connection's number behind it.
    pub(super) fn application_name(&self) -> String {
        application_name(self.folder.run())
    }

    fn write_manifest(&self, reference: &str) -> Result<(), Refusal> {
        let mut files =
            vec![SourceFile { path: reference.to_owned(), text: self.scenario.source.clone() }];
        // All copies of a domain have one schema.
        let domains = self.scenario.domains.iter().filter(|domain| domain.copy.number == 0);
        files.extend(domains.map(|domain| SourceFile {
            path: format!("schema {}", domain.copy.of),
            text: domain.schema.source.clone(),
        }));
        let subject = Subject {
            scenario: self.scenario.name.clone(),
            hash: self.scenario.hash.clone(),
            seed: self.scenario.seed,
            start_us: self.start_us,
            scale_rate: self.scenario.load.scale_rate,
            time_scale: self.scenario.load.time_scale,
            taken: self.taken.clone(),
            files,
            secrets: self.scenario.secrets.clone(),
        };
        let command: Vec<String> = std::env::args().collect();
        let (run, started) = (self.folder.run(), self.folder.started());
        let manifest = Manifest::new(run, started, &command, subject, self.servers.clone());
        self.folder.write_manifest(&manifest).map_err(|error| Refusal::setup(&error))
    }
}

/// What the sessions of a run are called.
fn application_name(run: &str) -> String {
    let end = run.len().min(40);
    // The end of a run's name tells runs apart. It is ASCII, so any byte is a boundary.
    format!("loadgen/{}", run.get(run.len() - end..).unwrap_or(run))
}

fn make_folder(arguments: &SetupArguments, scenario: &str) -> Result<RunFolder, Refusal> {
    let made = match arguments.out.as_deref() {
        // What a killed run has noted is not cleared away for what comes next.
        Some(path) if path.join(LANES).exists() && !arguments.fresh => {
            let path = path.display();
            return Err(Refusal::setup(&format!(
                "`{path}` holds what a run noted that was killed, or still goes on: `--continue={path}` \
                 goes on from there, with another `--out`; else remove it, or give `--fresh`"
            )));
        }
        Some(path) => RunFolder::at(path, scenario, Utc::now()),
        None => RunFolder::make(Path::new("runs"), scenario, Utc::now()),
    };
    made.map_err(|error| Refusal::setup(&error))
}

/// Where a domain's marks are; tables that we did not make have none.
pub(super) fn books(target: &PostgresTarget, domain: &Domain) -> Option<Books> {
    (target.provision != Provision::Nothing).then(|| Books::beside(&domain.namespace))
}
