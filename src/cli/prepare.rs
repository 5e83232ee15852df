//! What `run`, `seed` and `setup` have in common: the scenario read, the servers reached or started,
//! everything made and seeded.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use chrono::Utc;
use secrecy::SecretString;

use crate::action::TableId;
use crate::cli::Refusal;
use crate::cli::SetupArguments;
use crate::cli::place::Place;
use crate::cli::place::connector;
use crate::embedded::random_hex;
use crate::engine::seed;
use crate::engine::seed::Seeding;
use crate::engine::stop::Level;
use crate::engine::stop::Stop;
use crate::generate::World;
use crate::measure::Feed;
use crate::measure::Phase;
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
use crate::scenario::TargetKind;
use crate::sink::postgres::mark::Books;
use crate::sink::postgres::mark::Stage;
use crate::sink::postgres::provision::Passwords;
use crate::sink::postgres::provision::Provisioner;
use crate::sink::postgres::provision::Servers;
use crate::sink::postgres::provision::SetupError;

/// `start: now` as far as the fingerprint is concerned: 2026-01-01T00:00:00Z.
pub(super) const FIXED_START_US: i64 = 1_767_225_600_000_000;

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
    /// Rows seeded, by table.
    pub(super) seeded: Vec<u64>,
    servers: Vec<ServerFacts>,
    stop: Stop,
}

/// How long the server may take to look around, or to note something in the books.
const NOTE_WITHIN: Duration = Duration::from_mins(1);
/// How long it may take to make or to finish what a domain needs.
const MAKE_WITHIN: Duration = Duration::from_mins(10);

/// How far to go.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Until {
    /// Tables exist.
    Made,
    /// Tables are filled.
    Seeded,
}

/// Reads, reaches, makes, fills. `feed` watches; `stop` may end it.
pub(super) fn prepare(
    arguments: &SetupArguments,
    scenario: Scenario,
    until: Until,
    (feed, stop): (&Feed, &Stop),
) -> Result<Prepared, Refusal> {
    let scenario = Arc::new(scenario);
    let folder = make_folder(arguments.out.as_deref(), &scenario.name)?;
    feed.phase(Phase::SettingUp);
    let place = Place::open(&scenario, folder.run(), feed)?;
    let (passwords, generated) = passwords(&scenario, &place)?;
    let path = folder.write_secrets(&generated).map_err(|error| Refusal::setup(&error))?;
    if let Some(path) = path.filter(|_| !place.is_embedded()) {
        feed.message(format!("generated passwords are in `{}`", path.display()));
    }
    let start_us = match scenario.start {
        Start::At(start_us) => start_us,
        Start::Now => Utc::now().timestamp_micros(),
    };
    let mut prepared = Prepared {
        world: Arc::new(World::new(&scenario, start_us)),
        seeded: Vec::new(),
        servers: Vec::new(),
        stop: stop.clone(),
        scenario,
        folder,
        place,
        passwords,
        start_us,
    };
    prepared.make(arguments.fresh, feed)?;
    prepared.world = Arc::new(World::new(&prepared.scenario, prepared.start_us));
    prepared.write_manifest(&arguments.subject.scenario)?;
    if until == Until::Seeded {
        prepared.fill(feed, stop)?;
    }
    Ok(prepared)
}

impl Prepared {
    /// Looks at every server first, and changes none unless all will do.
    fn make(&mut self, fresh: bool, feed: &Feed) -> Result<(), Refusal> {
        for is_first_look in [true, false] {
            for target in 0..self.scenario.targets.len() {
                self.make_on(target, fresh, is_first_look, feed)?;
            }
        }
        Ok(())
    }

    fn make_on(
        &mut self,
        target: usize,
        fresh: bool,
        is_first_look: bool,
        feed: &Feed,
    ) -> Result<(), Refusal> {
        let Some(address) = self.place.address(target).cloned() else { return Ok(()) };
        let scenario = Arc::clone(&self.scenario);
        let connect = connector(address, self.application_name());
        let Some(provisioner) = Provisioner::new(&scenario, target, Servers::new(&connect)) else {
            return Ok(());
        };
        if is_first_look {
            let found =
                seed::on_runtime_within((&self.stop, NOTE_WITHIN), provisioner.preflight()).map_err(|e| Refusal::setup(&e))?;
            found.notes.iter().for_each(|note| feed.message(note));
            self.servers.push(ServerFacts {
                target: scenario.targets[target].name.clone(),
                version: found.server_version,
                settings: found.settings,
            });
            return Ok(());
        }
        let setup = provisioner.setup(&self.passwords, self.start_us, fresh);
        let report = seed::on_runtime_within((&self.stop, MAKE_WITHIN), setup).map_err(|error| Refusal::setup(&error))?;
        report.notes.iter().for_each(|note| feed.message(note));
        self.start_us = report.start_us;
        Ok(())
    }

    /// Seeds every domain, and notes in its books how far it is.
    fn fill(&mut self, feed: &Feed, stop: &Stop) -> Result<(), Refusal> {
        feed.phase(Phase::Seeding);
        self.seeded = vec![0; self.world.table_count()];
        for number in 0..self.scenario.domains.len() {
            self.fill_domain(number, feed, stop).map_err(|error| Refusal::setup(&error))?;
        }
        Ok(())
    }

    fn fill_domain(&mut self, number: usize, feed: &Feed, stop: &Stop) -> Result<(), SetupError> {
        let scenario = Arc::clone(&self.scenario);
        let domain = &scenario.domains[number];
        let TargetKind::Postgres(target) = &scenario.targets[domain.target].kind else {
            self.fill_nothing(number);
            return Ok(());
        };
        let Some(address) = self.place.domain(&scenario, domain) else { return Ok(()) };
        let seeding = Seeding {
            world: Arc::clone(&self.world),
            domain: number,
            address,
            application_name: self.application_name(),
            books: books(target, domain),
            connections: seed_connections(target),
            feed: feed.clone(),
            stop: stop.clone(),
        };
        self.set_stage(number, Stage::Seeding)?;
        for seeded in seed::seed(&seeding)? {
            self.seeded[usize::from(seeded.table.0)] = seeded.rows;
        }
        if stop.level() == Level::Run {
            self.finish_domain(number)?;
            self.set_stage(number, Stage::Seeded)?;
        }
        Ok(())
    }

    /// A target that keeps nothing is as full as it should be.
    fn fill_nothing(&mut self, domain: usize) {
        for number in 0..self.world.table_count() {
            let table = TableId(u16::try_from(number).unwrap_or(u16::MAX));
            let is_counted = !self.world.is_owned(table);
            if self.world.catalog.table(table).domain == domain && is_counted {
                self.seeded[number] = self.world.seeded_rows(table);
            }
        }
    }

    /// Sequences beyond our keys, fresh statistics.
    pub(super) fn finish_domain(&self, number: usize) -> Result<(), SetupError> {
        let domain = &self.scenario.domains[number];
        let Some(address) = self.place.address(domain.target).cloned() else { return Ok(()) };
        let connect = connector(address, self.application_name());
        let provisioner = Provisioner::new(&self.scenario, domain.target, Servers::new(&connect));
        let Some(provisioner) = provisioner else { return Ok(()) };
        let keys_max: Vec<_> = (0..domain.schema.tables.len())
            .map(|table| self.world.key_max(number, table))
            .collect();
        let finished = provisioner.finish_seed(domain, &keys_max);
        seed::on_runtime_within((&self.stop, MAKE_WITHIN), finished)
    }

    /// Notes in a domain's books how far it is; where there are books.
    pub(super) fn set_stage(&self, number: usize, stage: Stage) -> Result<(), SetupError> {
        self.write_books(number, async |books, client| books.set_stage(client, stage).await)
    }

    /// Writes in a domain's books; does nothing where there are none.
    pub(super) fn write_books(
        &self,
        number: usize,
        write: impl AsyncFnOnce(&Books, &tokio_postgres::Client) -> Result<(), SetupError>,
    ) -> Result<(), SetupError> {
        let domain = &self.scenario.domains[number];
        let TargetKind::Postgres(target) = &self.scenario.targets[domain.target].kind else {
            return Ok(());
        };
        let Some(books) = books(target, domain) else { return Ok(()) };
        let Some(address) = self.place.domain(&self.scenario, domain) else { return Ok(()) };
        let connect = connector(address, self.application_name());
        seed::on_runtime_within((&self.stop, NOTE_WITHIN), async {
            let client = connect(None).await?;
            write(&books, &client).await
        })
    }

    /// Of all sessions: at most 63 bytes with a connection's number behind it.
    pub(super) fn application_name(&self) -> String {
        let run = self.folder.run();
        let end = run.len().min(44);
        // The end of a run's name tells runs apart. It is ASCII, so any byte is a boundary.
        format!("loadgen/{}", run.get(run.len() - end..).unwrap_or(run))
    }

    fn write_manifest(&self, reference: &str) -> Result<(), Refusal> {
        let mut files =
            vec![SourceFile { path: reference.to_owned(), text: self.scenario.source.clone() }];
        files.extend(self.scenario.domains.iter().map(|domain| SourceFile {
            path: format!("schema {}", domain.schema.name),
            text: domain.schema.source.clone(),
        }));
        let subject = Subject {
            scenario: self.scenario.name.clone(),
            hash: self.scenario.hash.clone(),
            seed: self.scenario.seed,
            start_us: self.start_us,
            files,
        };
        let command: Vec<String> = std::env::args().collect();
        let (run, started) = (self.folder.run(), self.folder.started());
        let manifest = Manifest::new(run, started, &command, subject, self.servers.clone());
        self.folder.write_manifest(&manifest).map_err(|error| Refusal::setup(&error))
    }
}

fn make_folder(out: Option<&Path>, scenario: &str) -> Result<RunFolder, Refusal> {
    let made = match out {
        Some(path) => RunFolder::at(path, scenario, Utc::now()),
        None => RunFolder::make(Path::new("runs"), scenario, Utc::now()),
    };
    made.map_err(|error| Refusal::setup(&error))
}

/// Passwords for the logins of each domain: the scenario's, or generated ones, which are also
/// returned by login.
#[expect(clippy::type_complexity, reason = "used once, in the line that calls it")]
fn passwords(
    scenario: &Scenario,
    place: &Place,
) -> Result<(Vec<Passwords>, Vec<(String, SecretString)>), Refusal> {
    let mut generated = Vec::new();
    let mut all = Vec::new();
    for domain in &scenario.domains {
        let makes_roles = matches!(
            &scenario.targets[domain.target].kind,
            TargetKind::Postgres(PostgresTarget { provision: Provision::Databases, .. })
        ) && place.address(domain.target).is_some();
        let mut password = |given: &Option<SecretString>, login: &str| {
            if let Some(given) = given {
                return Ok(given.clone());
            }
            let made = random_hex(16).map_err(|error| Refusal::setup(&error))?;
            let made = SecretString::from(made);
            if makes_roles {
                generated.push((login.to_owned(), made.clone()));
            }
            Ok(made)
        };
        all.push(Passwords {
            application: password(&scenario.cdc.application_password, &domain.roles.application)?,
            capture: password(&scenario.cdc.password, &domain.roles.capture)?,
        });
    }
    Ok((all, generated))
}

/// Where a domain's marks are; tables that we did not make have none.
fn books(target: &PostgresTarget, domain: &Domain) -> Option<Books> {
    (target.provision != Provision::Nothing).then(|| Books::beside(&domain.namespace))
}

/// Seeding is bound by processors: more connections than twice their number only get in the way.
fn seed_connections(target: &PostgresTarget) -> usize {
    let processors = std::thread::available_parallelism().map_or(2, usize::from);
    (target.connections as usize).clamp(1, processors * 2)
}
