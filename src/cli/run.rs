//! `run`: from the scenario to the verdict.

use std::sync::Arc;
use std::time::Instant;

use sha2::Digest;
use sha2::Sha256;

use crate::action::StatementId;
use crate::action::StatementKind;
use crate::cli::Refusal;
use crate::cli::RunArguments;
use crate::cli::complain;
use crate::cli::observe::findings;
use crate::cli::observe::observe;
use crate::cli::output::Output;
use crate::cli::prepare::Prepared;
use crate::cli::prepare::Until;
use crate::cli::prepare::prepare;
use crate::cli::publish::Publishers;
use crate::cli::publish::events;
use crate::cli::read;
use crate::cli::sample::FINGERPRINT_ACTIONS;
use crate::cli::sample::fingerprint_of;
use crate::cli::signals;
use crate::engine;
use crate::engine::Destination;
use crate::engine::Finished;
use crate::engine::Job;
use crate::engine::stop::Level;
use crate::engine::stop::Stop;
use crate::generate::World;
use crate::measure::Clock;
use crate::measure::End;
use crate::measure::Feed;
use crate::measure::Findings;
use crate::measure::Gates;
use crate::measure::Generator;
use crate::measure::Phase;
use crate::measure::Recorder;
use crate::measure::RunFacts;
use crate::measure::Summary;
use crate::measure::TableCounts;
use crate::observe::Observing;
use crate::report::Colour;
use crate::report::FolderError;
use crate::report::Keeper;
use crate::report::Progress;
use crate::report::closing;
use crate::scenario::PostgresTarget;
use crate::scenario::Precision;
use crate::scenario::Provision;
use crate::scenario::Scenario;
use crate::scenario::TargetKind;
use crate::scenario::Validity;
use crate::sink::event::Traffic;
use crate::sink::postgres::mark::Stage;
use crate::sink::postgres::provision::SetupError;
use crate::sink::postgres::worker::PostgresOptions;

/// `loadgen run`.
pub(super) fn run(arguments: &RunArguments) -> u8 {
    let scenario = match read(&arguments.setup.subject.scenario, &arguments.overrides()) {
        Ok(scenario) => scenario,
        Err(refusal) => return refusal.report(),
    };
    let progress = Progress::start();
    let stop = Stop::default();
    let done = signals::listen(stop.clone(), progress.feed())
        .map_err(|error| Refusal::setup(&error))
        .and_then(|()| whole(arguments, scenario, (&progress.feed(), &stop)));
    progress.finish();
    match done {
        Ok(ended) => {
            let Ended { prepared, summary, unwritten } = ended;
            let mut output = Output::default();
            output.say(&closing(&summary, prepared.folder.path(), Colour::of_stdout()));
            for error in &unwritten {
                complain(&format!("error: {error}"));
            }
            prepared.place.close(arguments.setup.keep).iter().for_each(|note| complain(note));
            // A verdict that is worse already says more.
            let is_half = summary.exit_code == 0 && !unwritten.is_empty();
            output.end(if is_half { UNWRITTEN } else { summary.exit_code })
        }
        Err(refusal) => refusal.report_unless_cancelled(&stop),
    }
}

/// Exit code where all went well, but a file of the run could not be written.
const UNWRITTEN: u8 = 4;

/// A run that came to its end, well or not.
struct Ended {
    prepared: Prepared,
    summary: Summary,
    /// Files that should be in its folder and are not. A full disk must not take back what the run
    /// has found out: it is shown all the same.
    unwritten: Vec<FolderError>,
}

fn whole(
    arguments: &RunArguments,
    scenario: Scenario,
    (feed, stop): (&Feed, &Stop),
) -> Result<Ended, Refusal> {
    let began = Instant::now();
    let workers = workers(arguments.workers, scenario.load.precision)?;
    let prepared = prepare(&arguments.setup, scenario, Until::Seeded, (feed, stop))?;
    let fingerprint = fingerprint_of(&prepared.scenario, FINGERPRINT_ACTIONS, workers);
    let before = prepared.sums().map_err(|error| Refusal::setup(&error))?;
    let Loaded { finished, traffic, mut unwritten, findings } =
        load(&prepared, workers, (feed, stop))?;
    let after = prepared.sums();
    feed.phase(Phase::Reporting);
    let account = prepared.folder.write_account(&finished.account);
    let facts = RunFacts {
        scenario: prepared.scenario.name.clone(),
        seed: prepared.scenario.seed,
        run: prepared.folder.run().to_owned(),
        started: prepared.folder.started().to_owned(),
        elapsed: began.elapsed(),
        workers: u32::try_from(finished.workers).unwrap_or(u32::MAX),
        fingerprint,
        end: finished.end.clone(),
        invalid_because: unread(&finished, after.as_ref().err()),
        tables: tables(&prepared, &finished),
        events: events(&prepared, &finished, &traffic),
        shared: prepared.shared(&before, after.as_ref().ok(), &finished.account),
        streams: finished.streams.clone(),
        generator: Generator::now(),
        watched: finished.judgements.clone(),
        gates: finished.gates.clone(),
        findings,
    };
    // A run that was stopped before its load has nothing to be judged by.
    let is_judged = finished.end == End::Complete || !finished.streams.is_empty();
    let thresholds = if is_judged { prepared.scenario.thresholds.as_slice() } else { &[] };
    let summary = Summary::new(facts, &finished.recorder, thresholds);
    let written = prepared.folder.write_summary(&summary);
    unwritten.extend([account, written].into_iter().filter_map(Result::err));
    Ok(Ended { prepared, summary, unwritten })
}

/// A run that came to its end is no proof of anything if its sums could not be read.
fn unread(finished: &Finished, error: Option<&SetupError>) -> Vec<String> {
    let error = error.filter(|_| finished.end == End::Complete);
    error
        .map(|error| format!("the sums of shared tables could not be read: {error}"))
        .into_iter()
        .collect()
}

/// How many worker threads there are. Those that wait awake need a processor each, and one must be
/// left for everything else: a worker that waits for its processor is late by more than it gains.
fn workers(asked: Option<u16>, precision: Precision) -> Result<usize, Refusal> {
    let processors = std::thread::available_parallelism().map_or(2, usize::from);
    let asked = asked.map(usize::from);
    if precision != Precision::Precise {
        return Ok(asked.unwrap_or(processors));
    }
    let workers = asked.unwrap_or(processors - 1).max(1);
    if workers < processors {
        return Ok(workers);
    }
    Err(Refusal::setup(&format!(
        "`precision: precise` needs more processors than worker threads: here are {processors}, \
         and {workers} of them would wait awake; give fewer `--workers`, or take `normal`"
    )))
}

/// What came of the load.
struct Loaded {
    finished: Finished,
    /// What clients of message services tell, by the number of the target.
    traffic: Vec<(usize, Traffic)>,
    unwritten: Vec<FolderError>,
    findings: Option<Findings>,
}

/// The load itself, with what the books must know of it before and after.
fn load(
    prepared: &Prepared,
    workers: usize,
    (feed, stop): (&Feed, &Stop),
) -> Result<Loaded, Refusal> {
    let domains = 0..prepared.scenario.domains.len();
    let has_load = !prepared.scenario.load.streams.is_empty() && stop.level() == Level::Run;
    if !has_load {
        let finished = Finished::of_nothing(&prepared.world, stop.end());
        return Ok(Loaded { finished, traffic: Vec::new(), unwritten: Vec::new(), findings: None });
    }
    for domain in domains.clone() {
        let run = prepared.folder.run();
        prepared
            .advance(domain, &[Stage::Seeded], Stage::Loading)
            .and_then(|()| {
                prepared.write_books(domain, async |books, client| books.set_run(client, run).await)
            })
            .map_err(|error| Refusal::setup(&error))?;
    }
    let series = prepared.world.series.clone();
    let keeper = Keeper::start(&prepared.folder, series).map_err(|error| Refusal::setup(&error))?;
    let publishers = Publishers::start(prepared, feed)?;
    let destinations = domains.clone().map(|domain| destination(prepared, domain, &publishers));
    let clock = Clock::start();
    let observing = observe(prepared, clock).map_err(|error| Refusal::setup(&error))?;
    let job = Job {
        world: Arc::clone(&prepared.world),
        scenario: Arc::clone(&prepared.scenario),
        destinations: destinations.collect(),
        workers,
        feed: feed.clone(),
        stop: stop.clone(),
        clock,
        witness: observing.as_ref().map(Observing::witness),
        seconds: keeper.sender(),
    };
    let finished = engine::run(job).map_err(|error| Refusal::setup(&error))?;
    let traffic = publishers.end();
    let findings = findings(observing, feed, stop);
    let unwritten = keeper.finish();
    for domain in domains {
        close_books(prepared, domain, &finished, feed);
    }
    Ok(Loaded { finished, traffic, unwritten, findings })
}

/// How far each lane got goes into the books, and sequences beyond our keys. A server that is gone
/// by now does not undo the run: it is said, and the account has it all.
fn close_books(prepared: &Prepared, domain: usize, finished: &Finished, feed: &Feed) {
    let lanes: Vec<_> =
        finished.account.lanes.iter().map(|lane| (lane.group, lane.lane, &lane.next)).collect();
    let lanes = serde_json::to_string(&lanes).unwrap_or_default();
    let written = prepared
        .write_books(domain, async |books, client| {
            books.set_lanes_at(client, &lanes).await?;
            books.set_stage(client, Stage::Loaded).await
        })
        .and_then(|()| prepared.finish_domain(domain));
    if let Err(error) = written {
        feed.message(format!("the books were not closed: {error}"));
    }
}

fn destination(prepared: &Prepared, number: usize, publishers: &Publishers) -> Destination {
    let scenario = &prepared.scenario;
    let domain = &scenario.domains[number];
    if let Some(options) = publishers.destination(prepared, number) {
        return Destination::Events(Arc::new(options));
    }
    let target = &scenario.targets[domain.target].kind;
    let (TargetKind::Postgres(target), Some(address)) =
        (target, prepared.place.way(scenario, domain))
    else {
        return Destination::Discard;
    };
    let address = match (target.provision, prepared.passwords.get(number)) {
        (Provision::Databases, Some(passwords)) => {
            address.with_login(&domain.roles.application, Some(passwords.application.clone()))
        }
        _ => address,
    };
    let catalog = &prepared.world.catalog;
    let statements = catalog
        .statements
        .iter()
        .enumerate()
        .filter(|(_, statement)| {
            let table = catalog.table(statement.table);
            // A row without a key is never deleted by it.
            let is_used = !matches!(statement.kind, StatementKind::Delete) || !table.key.is_empty();
            table.domain == number && is_used
        })
        .map(|(id, _)| StatementId::of(id));
    let options = PostgresOptions {
        application_name: format!("{}/{number}", prepared.application_name()),
        lock: lock(prepared.folder.run(), number),
        settings: settings(target),
        catalog: Arc::clone(catalog),
        statements: Arc::new(statements.collect()),
        in_flight_max: scenario.in_flight(domain.target, target) as usize,
        is_pooled: target.is_pooled,
        address,
    };
    let (connections, reconnect) = (target.connections, target.reconnect);
    Destination::Postgres { options: Box::new(options), connections, reconnect }
}

fn settings(target: &PostgresTarget) -> Vec<(String, String)> {
    let timeout = target.statement_timeout.map(|timeout| timeout.as_millis().to_string());
    let commit = target.synchronous_commit.clone();
    let isolation = target.isolation.map(|level| level.setting().to_owned());
    let settings = [
        ("statement_timeout", timeout),
        ("synchronous_commit", commit),
        ("default_transaction_isolation", isolation),
    ];
    settings.into_iter().filter_map(|(name, value)| Some((name.to_owned(), value?))).collect()
}

/// The first of the advisory locks of a run in a domain's database; connections count up from it.
fn lock(run: &str, domain: usize) -> i64 {
    let hash = Sha256::digest(format!("{run} {domain}"));
    let mut first = [0; 8];
    first.copy_from_slice(&hash[..8]);
    // Room for the connections' numbers.
    i64::from_be_bytes(first) & !0xffff
}

fn tables(prepared: &Prepared, finished: &Finished) -> Vec<TableCounts> {
    let catalog = &prepared.world.catalog;
    catalog
        .tables
        .iter()
        .zip(&finished.account.tables)
        .zip(prepared.before.iter().zip(&prepared.seeded))
        .filter(|((table, _), _)| prepared.is_stored(table))
        .map(|((table, rows), (before, seeded))| TableCounts {
            target: prepared.scenario.targets[table.target].name.clone(),
            database: prepared.database_of(table),
            table: format!("{}.{}", table.namespace, table.name),
            before: *before,
            seeded: *seeded,
            inserted: rows.inserted,
            updated: rows.updated,
            deleted: rows.deleted,
            alive: (before + seeded + rows.inserted).saturating_sub(rows.deleted),
            failed: rows.failed,
            unknown: rows.unknown,
            missed: rows.missed,
        })
        .collect()
}

impl Finished {
    /// Of a run without a load.
    fn of_nothing(world: &World, end: End) -> Self {
        Self {
            recorder: Recorder::new(0),
            account: engine::Account::new(world.table_count()),
            end,
            streams: Vec::new(),
            workers: 0,
            judgements: Vec::new(),
            gates: Gates::new(Validity::OFF, Vec::new(), 0.0, false),
        }
    }
}
