//! Threads: each worker owns some connections, each connection owns some lanes, and next to nothing
//! is shared while they run: see `Shared`. Start reading at `run`, then `connection::Connection::work`.

use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::sync::atomic::AtomicUsize;
use std::sync::atomic::Ordering;
use std::sync::mpsc::SyncSender;
use std::thread::JoinHandle;
use std::time::Duration;

use tokio::sync::mpsc;

use crate::generate::World;
use crate::ledger::Ledger;
use crate::measure::Clock;
use crate::measure::End;
use crate::measure::Feed;
use crate::measure::Gates;
use crate::measure::Judgement;
use crate::measure::Phase;
use crate::measure::Recorder;
use crate::measure::Second;
use crate::measure::Spans;
use crate::measure::StreamFacts;
use crate::observe::Witness;
use crate::pace::Shard;
use crate::pace::nanoseconds;
use crate::scenario::Scenario;
use crate::scenario::Stream;
use crate::units::format_duration;

pub mod account;
pub mod journal;
pub mod resume;
mod acts;
mod agenda;
mod alarm;
mod backlog;
mod batch;
mod breaker;
mod canary;
mod catch_up;
mod clock;
mod connection;
mod destination;
mod events;
mod facts;
mod flight;
mod fresh;
mod gate;
mod guard;
mod job;
mod lateness;
mod mending;
pub mod seed;
mod session;
mod steps;
pub mod stop;
mod watch;
mod window;
mod worker;

pub use account::Account;
pub use canary::Canaries;
pub use canary::CanaryPlace;
pub use destination::Destination;
pub use guard::Guard;
pub use guard::GuardedServer;
pub use guard::Guarding;
pub use guard::OnGuard;
pub use steps::StepPlace;
pub use steps::Steps;

use breaker::Breaker;
use gate::Gate;
use journal::Journal;
use lateness::Lateness;
use lateness::Oldest;
use resume::Resume;
use session::Census;
use stop::Stop;
use watch::Watched;
use watch::Watcher;
use worker::WorkerReport;

/// A second, in nanoseconds.
const SECOND_NS: u64 = 1_000_000_000;

/// A run's load, ready to start: everything is set up and seeded.
#[derive(Debug)]
pub struct Job {
    /// What is sent.
    pub world: Arc<World>,
    /// How it is paced and judged.
    pub scenario: Arc<Scenario>,
    /// Where each way goes: by its number, see [`Scenario::ways`].
    pub destinations: Vec<Destination>,
    /// Which of its lanes are played here.
    pub shard: Shard,
    /// Where an earlier run stopped, if this one goes on from there.
    pub resume: Option<Arc<Resume>>,
    /// Where is noted how far each lane is, in case the process is killed.
    pub journal: Option<Arc<Journal>>,
    /// Not before this moment on the run's clock, if there is one.
    pub begins_at: Option<u64>,
    /// Worker threads; at least 1.
    pub workers: usize,
    /// Who watches.
    pub feed: Feed,
    /// Who may end it.
    pub stop: Stop,
    /// The run's clock.
    pub clock: Clock,
    /// Who is told what became of what is sent, if anybody observes.
    pub witness: Option<Witness>,
    /// Where is noted what became of each transaction, if it is kept.
    pub trace: Option<Ledger>,
    /// Who keeps each second.
    pub seconds: SyncSender<Second>,
    /// Who watches replication slots.
    pub guard: Arc<Guard>,
    /// What happens once, beside the streams.
    pub steps: Arc<Steps>,
    /// Rows that change again and again, so that there is something to observe.
    pub canaries: Canaries,
}

/// What all workers share. Nothing of it is written on the hot path but the breaker's counters,
/// once for each batch of outcomes, and those are read only when an action has failed.
#[derive(Debug)]
struct Shared {
    job: Job,
    clock: Clock,
    /// Opens when all are connected: the warm-up begins, or the measurement if there is none.
    ready: Gate,
    /// Opens when all have settled after the warm-up.
    warm: Gate,
    breaker: Breaker,
    oldest: Oldest,
    census: Census,
    /// Ways that are lost and not made again yet.
    away: AtomicUsize,
    /// Of a run that goes on where another stopped, by stream: how many slots it has left.
    left: Vec<AtomicU64>,
    /// By series: whether it is of a stream that only sends events, so that any number of a lane's slots
    /// may be under way.
    is_event: Vec<bool>,
    /// By series: whether it is of a stream that sends events, beside whatever else.
    has_events: Vec<bool>,
    /// By group: the ways of its events.
    event_ways: Vec<Vec<usize>>,
}

/// What came of a load.
#[derive(Debug)]
pub struct Finished {
    /// All workers' measurements.
    pub recorder: Recorder,
    /// Thresholds that were judged each second, in the scenario's order.
    pub judgements: Vec<Option<Judgement>>,
    /// What is known of loadgen itself.
    pub gates: Gates,
    /// Rows, by table.
    pub account: Account,
    /// How it ended.
    pub end: End,
    /// Worker threads that it had: no more than connections.
    pub workers: usize,
    /// What the summary must know of each stream.
    pub streams: Vec<StreamFacts>,
}

/// Runs the load to its end. Returns when every worker has ended.
pub fn run(job: Job) -> std::io::Result<Finished> {
    let connections = job.connections();
    job.warn_of_idle();
    let workers = job.workers.clamp(1, connections);
    let shared = Arc::new(Shared {
        clock: job.clock,
        ready: Gate::new(connections),
        warm: Gate::new(connections),
        breaker: Breaker::default(),
        census: Census::new(job.scenario.load.streams.len()),
        is_event: job.of_events(|(_, is_all), is_open| is_all && is_open),
        has_events: job.of_events(|(is_any, _), _| is_any),
        event_ways: (0..job.world.groups.len()).map(|group| job.world.event_ways(group)).collect(),
        oldest: Oldest::new(connections, job.scenario.load.streams.len()),
        away: AtomicUsize::new(0),
        left: job.scenario.load.streams.iter().map(|_| AtomicU64::new(0)).collect(),
        job,
    });
    let (reports, mut reported) = mpsc::unbounded_channel();
    let mut windows = Vec::new();
    let spans = shared.spans();
    for worker in 0..workers {
        let recorder = Recorder::with_segments(spans.clone());
        windows.push(recorder.window());
        let mine = (worker..connections).step_by(workers).collect();
        worker::spawn(Arc::clone(&shared), recorder, mine, reports.clone())?;
    }
    let steps = steps::spawn(&shared, reports)?;
    let canaries = canary::Singing::start(&shared)?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let mut watcher = Watcher::new(&shared, windows, spans);
    let done = runtime.block_on(watcher.work(&mut reported));
    let _ = steps.map(JoinHandle::join);
    drop(canaries);
    let seen = watcher.end(&done);
    Ok(finish(&shared, &done, seen, workers))
}

impl Shared {
    /// When the second began that a moment is in: seconds are counted from the beginning of the
    /// measured part, once it has begun.
    fn second_began(&self, now: u64) -> u64 {
        let zero = self.began().filter(|began| *began <= now).unwrap_or(0);
        zero + (now - zero) / SECOND_NS * SECOND_NS
    }

    /// The named segments of each stream.
    fn spans(&self) -> Vec<Spans> {
        let of = |stream: &Stream| {
            let segments = stream.segments.iter();
            Spans::new(
                segments.map(|it| (it.name.as_str(), nanoseconds(it.from), nanoseconds(it.to))),
            )
        };
        let spans: Vec<Spans> = self.job.scenario.load.streams.iter().map(of).collect();
        // What follows lies in the segments of its stream.
        let series = 0..u16::try_from(self.job.world.series.len()).unwrap_or(u16::MAX);
        series.map(|series| spans[self.job.world.stream_of(series)].clone()).collect()
    }

    fn phase(&self) -> Phase {
        if self.job.stop.level() != stop::Level::Run {
            return Phase::Draining;
        }
        match self.began() {
            None if self.ready.opened().is_none() => Phase::Connecting,
            None => Phase::WarmUp,
            Some(began) => {
                let is_over = self.length().is_some_and(|length| {
                    self.clock.now() > began.saturating_add(nanoseconds(length))
                });
                if is_over { Phase::Draining } else { Phase::Measuring }
            }
        }
    }

    /// When the measurement began, on the run's clock.
    fn began(&self) -> Option<u64> {
        if self.job.scenario.load.warmup.is_zero() {
            self.ready.opened()
        } else {
            self.warm.opened()
        }
    }

    /// How long the longest stream is measured, if that is known.
    fn length(&self) -> Option<Duration> {
        let mut streams = 0..self.job.scenario.load.streams.len();
        streams.try_fold(Duration::ZERO, |longest, stream| {
            Some(longest.max(self.job.world.plan(stream).measured()?))
        })
    }

    /// When the last slot of what is under way is due, and what that is; `None` if only a number of
    /// slots ends it.
    fn last_due(&self) -> Option<(u64, &'static str)> {
        if let Some(began) = self.began() {
            return Some((began.saturating_add(nanoseconds(self.length()?)), "the last slot"));
        }
        let warmup = nanoseconds(self.job.scenario.load.warmup);
        Some((self.ready.opened()?.saturating_add(warmup), "the warm-up"))
    }

    /// Stops a run whose last slot was due longer ago than the scenario lets it drain; also if that was
    /// the last of the warm-up.
    fn end_of_patience(&self, now: u64) {
        let Some((last_due, part)) = self.last_due() else { return };
        let drain = self.job.scenario.load.drain;
        if now > last_due.saturating_add(nanoseconds(drain)) {
            let drain = format_duration(drain);
            let steps = self.job.steps.under_way().join(", ");
            let why = match (self.away.load(Ordering::Relaxed), self.job.guard.why()) {
                (_, Some(why)) => why,
                (0, None) if !steps.is_empty() => format!("{steps} of `steps` had not ended"),
                (0, None) => "the target did not keep up".to_owned(),
                (1, None) => "a connection was lost and not made again".to_owned(),
                (away, None) => format!("{away} connections were lost and not made again"),
            };
            let reason =
                format!("what was due had not settled {drain} after {part} (`drain`): {why}");
            self.job.stop.tell(stop::Level::Cancel, End::Stopped(reason));
        }
    }

    /// Stops a run that has been too late for too long.
    fn judge_lateness(&self, lateness: &mut Lateness, now: u64) {
        let streams = self.job.scenario.load.streams.iter();
        let streams = streams.map(|stream| (stream.name.as_str(), stream.late));
        if let Some(reason) = lateness.look(&self.oldest, streams, now) {
            self.job.stop.tell(stop::Level::Drain, End::Stopped(reason));
        }
    }

    fn left(&self, now: u64) -> Option<Duration> {
        let gone = Duration::from_nanos(now.saturating_sub(self.began()?));
        Some(self.length()?.saturating_sub(gone))
    }
}

fn finish(shared: &Shared, done: &[WorkerReport], watched: Watched, workers: usize) -> Finished {
    let mut account = Account::new(shared.job.world.counted_tables());
    for report in done {
        account.merge(&report.account);
    }
    account.lanes.sort_by_key(|lane| (lane.group, lane.lane));
    let series = 0..u16::try_from(shared.job.world.series.len()).unwrap_or(u16::MAX);
    let streams = series.map(|series| shared.facts(series)).collect();
    let Watched { recorder, judgements, gates } = watched;
    let end = shared.job.stop.end();
    Finished { recorder, judgements, gates, account, end, workers, streams }
}
