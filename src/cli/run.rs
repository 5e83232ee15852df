//! `run`: from the scenario to the verdict.

use std::sync::Arc;
use std::time::Instant;

use crate::cli::Refusal;
use crate::cli::RunArguments;
use crate::cli::books::close_books;
use crate::cli::books::journal;
use crate::cli::books::marks;
use crate::cli::books::marks_before;
use crate::cli::books::open_books;
use crate::cli::complain;
use crate::cli::connector;
use crate::cli::destination::destination;
use crate::cli::ledger;
use crate::cli::observe::Observed;
use crate::cli::observe::findings;
use crate::cli::observe::judge;
use crate::cli::observe::observe;
use crate::cli::output::Output;
use crate::cli::prepare::Prepared;
use crate::cli::prepare::Turns;
use crate::cli::prepare::Until;
use crate::cli::prepare::prepare;
use crate::cli::presence::Presence;
use crate::cli::publish::Publishers;
use crate::cli::publish::events;
use crate::cli::read;
use crate::cli::sample::FINGERPRINT_ACTIONS;
use crate::cli::sample::fingerprint_of;
use crate::cli::shards::ShardFile;
use crate::cli::signals;
use crate::cli::steps::canaries;
use crate::engine;
use crate::engine::Finished;
use crate::engine::Job;
use crate::engine::journal::Journal;
use crate::engine::stop::Level;
use crate::engine::stop::Stop;
use crate::generate::World;
use crate::ledger::Writing;
use crate::measure::Clock;
use crate::measure::End;
use crate::measure::Feed;
use crate::measure::Findings;
use crate::measure::Gates;
use crate::measure::Generator;
use crate::measure::Interruption;
use crate::measure::Judgement;
use crate::measure::Phase;
use crate::measure::Recorder;
use crate::measure::RunFacts;
use crate::measure::Summary;
use crate::measure::TableCounts;
use crate::pace::Shard;
use crate::pace::nanoseconds;
use crate::report::Colour;
use crate::report::FolderError;
use crate::report::Keeper;
use crate::report::Progress;
use crate::report::closing;
use crate::scenario::Precision;
use crate::scenario::Scenario;
use crate::scenario::Validity;
use crate::sink::event::Traffic;
use crate::sink::postgres::provision::SetupError;
use crate::units::format_duration;

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
            let is_taken = prepared.scenario.has_stdout();
            let mut output = if is_taken { Output::aside() } else { Output::default() };
            let colour = if is_taken { Colour::of_stderr() } else { Colour::of_stdout() };
            output.say(&closing(&summary, Some(prepared.folder.path()), colour));
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
    let until = match arguments.shard {
        Some(shard) => Until::SeededForShards(shard),
        None if arguments.continues.is_some() => Until::Continued(arguments),
        None => Until::SeededForLoad,
    };
    // Of the scenario as it is written: what is left of it is no other.
    let fingerprint = fingerprint_of(&scenario, FINGERPRINT_ACTIONS, workers);
    let prepared = prepare(&arguments.setup, scenario, until, (feed, stop))?;
    // Until its verdict stands.
    let presence = Presence::announce(&prepared, (feed, stop));
    let _presence = presence.map_err(|error| Refusal::setup(&error))?;
    let before = prepared.sums().map_err(|error| Refusal::setup(&error))?;
    let begins_at = arguments.start_at.map(|start| start.seen_from(began));
    let Loaded { finished, ended, traffic, mut unwritten, mut findings, befell, turns } =
        load(&prepared, (workers, begins_at, arguments), (feed, stop))?;
    let after = prepared.sums();
    feed.phase(Phase::Reporting);
    let account = prepared.folder.write_account(&finished.account);
    let is_halted = judge(&prepared, &mut findings, ended, (feed, stop));
    let facts = RunFacts {
        scenario: prepared.scenario.name.clone(),
        seed: prepared.scenario.seed,
        run: prepared.folder.run().to_owned(),
        shard: prepared.shard,
        started: prepared.folder.started().to_owned(),
        elapsed: began.elapsed(),
        workers: u32::try_from(finished.workers).unwrap_or(u32::MAX),
        fingerprint,
        end: if is_halted { stop.end() } else { finished.end.clone() },
        invalid_because: unread(&finished, after.as_ref().err()),
        tables: tables(&prepared, &finished),
        events: events(&prepared, &finished, &traffic),
        shared: prepared.shared((&before, after.as_ref().ok()), &finished.account, &turns),
        streams: finished.streams.clone(),
        generator: Generator::now(),
        watched: finished.judgements.clone(),
        gates: finished.gates.clone(),
        findings,
        slots: prepared.guard.slots(),
        steps: prepared.steps.summaries(),
        connectors: befell,
    };
    let shard = ShardFile::of(&prepared, &facts, &finished.recorder, turns.together);
    let shard = shard.map_or(Ok(()), |shard| prepared.folder.write_shard(&shard));
    let summary = judged(&prepared, facts, &finished);
    let written = prepared.folder.write_summary(&summary);
    unwritten.extend([account, shard, written].into_iter().filter_map(Result::err));
    Ok(Ended { prepared, summary, unwritten })
}

/// A run that was stopped before its load has nothing to be judged by. A shard is judged together with the
/// others, but for what ended it or did not hold already.
fn judged(prepared: &Prepared, mut facts: RunFacts, finished: &Finished) -> Summary {
    let all = prepared.scenario.thresholds.as_slice();
    let is_judged = finished.end == End::Complete || !finished.streams.is_empty();
    if !is_judged {
        return Summary::new(facts, &finished.recorder, &[]);
    }
    if prepared.shard.is_none() {
        return Summary::new(facts, &finished.recorder, all);
    }
    let watched = all.iter().zip(std::mem::take(&mut facts.watched));
    let is_breached =
        |it: &Option<Judgement>| it.as_ref().is_some_and(|it| it.first_breach_ns.is_some());
    let (thresholds, watched): (Vec<_>, Vec<_>) = watched
        .filter(|(_, it)| is_breached(it))
        .map(|(threshold, it)| (threshold.clone(), it))
        .unzip();
    Summary::new(RunFacts { watched, ..facts }, &finished.recorder, &thresholds)
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
    /// When nothing was sent any more.
    ended: Instant,
    /// What clients of message services tell, by the number of the target.
    traffic: Vec<(usize, Traffic)>,
    unwritten: Vec<FolderError>,
    findings: Option<Findings>,
    /// What befell connectors.
    befell: Vec<Interruption>,
    turns: Turns,
}

/// The load itself, with what the books must know of it before and after.
fn load(
    prepared: &Prepared,
    (workers, begins_at, arguments): (usize, Option<Instant>, &RunArguments),
    (feed, stop): (&Feed, &Stop),
) -> Result<Loaded, Refusal> {
    let (is_traced, keep) = (arguments.trace, arguments.setup.keep);
    let domains = 0..prepared.scenario.domains.len();
    let mut turns = Turns::alone(domains.len());
    let has_load = !prepared.scenario.load.streams.is_empty() && stop.level() == Level::Run;
    if !has_load {
        return Ok(unloaded(prepared, turns, stop));
    }
    let series = prepared.world.series.clone();
    let keeper = Keeper::start(&prepared.folder, series).map_err(|error| Refusal::setup(&error))?;
    let publishers = Publishers::start(prepared, feed)?;
    let ways = prepared.scenario.ways().into_iter().enumerate();
    let destinations = ways.map(|(number, way)| destination(prepared, number, way, &publishers));
    let clock = Clock::start();
    let trace = ledger::begin(prepared, is_traced, feed)?;
    let connected = connector::open(prepared, (clock, keep), (feed, stop))?;
    let observing = observe(prepared, &publishers, clock, (feed, stop))?;
    // Last of all: what is refused before leaves the databases as they are.
    let journal = open_all_books(prepared, &mut turns, feed)?;
    prepared.folder.begun();
    let job = Job {
        world: Arc::clone(&prepared.world),
        scenario: Arc::clone(&prepared.scenario),
        shard: prepared.shard.unwrap_or(Shard::WHOLE),
        resume: prepared.stopped.as_ref().map(|stopped| Arc::clone(&stopped.resume)),
        journal: journal.clone(),
        begins_at: begins_at.map(|at| begin(at, &clock, feed)),
        destinations: destinations.collect(),
        workers,
        feed: feed.clone(),
        stop: stop.clone(),
        clock,
        witness: observing.as_ref().map(Observed::witness),
        trace: trace.as_ref().map(Writing::ledger),
        seconds: keeper.sender(),
        guard: prepared.guard.guard(),
        steps: Arc::clone(&prepared.steps),
        canaries: canaries(prepared),
    };
    let finished = engine::run(job).map_err(|error| Refusal::setup(&error))?;
    let ended = Instant::now();
    let (traffic, half) = publishers.end(prepared, feed);
    let unended = prepared.lines.close();
    let (findings, unkept) = findings(observing, feed, stop);
    let (befell, untold) = connected.map(|it| it.end(&prepared.folder)).unwrap_or_default();
    ledger::end(trace, "the trace", feed);
    let mut unwritten = keeper.finish();
    unwritten.extend(half.into_iter().chain(unkept).chain(untold).chain(unended));
    let marks = marks(prepared, &finished);
    let mut is_noted = true;
    for domain in domains {
        // Who has given up waits in vain for one server, not for each of its databases.
        if !is_noted && stop.level() == Level::Cancel {
            continue;
        }
        let (is_closed, is_last) = close_books(prepared, domain, &marks, feed);
        turns.is_last[domain] = is_last;
        is_noted &= is_closed;
    }
    // What the books say, the journal need not.
    journal.iter().filter(|_| is_noted).for_each(|journal| journal.remove());
    Ok(Loaded { finished, ended, traffic, unwritten, findings, befell, turns })
}

/// Nothing is sent.
fn unloaded(prepared: &Prepared, turns: Turns, stop: &Stop) -> Loaded {
    let finished = Finished::of_nothing(&prepared.world, stop.end());
    let (traffic, unwritten) = (Vec::new(), prepared.lines.close());
    prepared.folder.begun();
    let (ended, befell) = (Instant::now(), Vec::new());
    Loaded { finished, ended, traffic, unwritten, findings: None, befell, turns }
}

/// Says in the books of all domains that their rows change from now on. Returns where the run notes how far it is.
fn open_all_books(
    prepared: &Prepared,
    turns: &mut Turns,
    feed: &Feed,
) -> Result<Option<Arc<Journal>>, Refusal> {
    let journal = journal(prepared, feed);
    let before = marks_before(prepared);
    for domain in 0..prepared.scenario.domains.len() {
        if let Err(error) = open_books(prepared, (domain, before.as_deref()), turns) {
            // It has noted nothing.
            if let Some(journal) = journal {
                journal.remove();
            }
            return Err(Refusal::setup(&error));
        }
    }
    Ok(journal)
}

/// When the load begins on the run's clock.
fn begin(at: Instant, clock: &Clock, feed: &Feed) -> u64 {
    let now = Instant::now();
    feed.message(if at >= now {
        format!("the load begins in {}", format_duration(at - now))
    } else {
        let late = format_duration(now - at);
        format!("all is ready {late} behind the time of `--start-at`: the load begins at once")
    });
    clock.now().saturating_add(nanoseconds(at.saturating_duration_since(now)))
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
            account: engine::Account::new(world.counted_tables()),
            end,
            streams: Vec::new(),
            workers: 0,
            judgements: Vec::new(),
            gates: Gates::new(Validity::OFF, Vec::new(), 0.0, false),
        }
    }
}
