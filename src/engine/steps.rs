//! Steps: what happens once in a run, beside its streams, each on a connection of its own. Whoever observes
//! the database is told what must come of it.

mod command;
mod kinds;
mod session;
mod snapshot;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::MutexGuard;
use std::sync::PoisonError;
use std::thread::JoinHandle;
use std::time::Duration;

use futures_util::future::join_all;
use tokio::sync::RwLock;
use tokio::sync::mpsc::UnboundedSender;

use crate::action::TableId;
use crate::engine::Shared;
use crate::engine::stop::Level;
use crate::engine::worker::WorkerReport;
use crate::measure::End;
use crate::measure::StepSummary;
use crate::scenario::StressStep;
use crate::sink::postgres::address::Address;
use session::Session;

/// How often one looks whether the measured part has begun.
const LOOK: Duration = Duration::from_millis(5);
/// How long a step may still take when the run is stopped.
const STOPPED: Duration = Duration::from_secs(3);

/// What is to be done, and what became of it.
#[derive(Debug, Default)]
pub struct Steps {
    all: Vec<StressStep>,
    /// By domain.
    places: BTreeMap<usize, StepPlace>,
    /// Of all sessions.
    application: String,
    seen: Mutex<StepsState>,
}

/// Where a domain's steps happen.
#[derive(Debug, Clone)]
pub struct StepPlace {
    /// The domain's name.
    pub domain: String,
    /// Its database.
    pub address: Address,
    /// The table of our own, and its name as the server reads it; `None` if no step needs it.
    pub table: Option<(TableId, String)>,
    /// The table of signals, as the server reads its name, and the domain's PostgreSQL schema.
    pub signals: (String, String),
}

#[derive(Debug, Default)]
struct StepsState {
    under_way: Vec<&'static str>,
    /// Those that have begun since they were last asked for.
    lately: Vec<&'static str>,
    /// What happened since that was last asked for.
    events: Vec<String>,
    done: Vec<StepSummary>,
}

/// Why a step came to no end.
#[derive(Debug, PartialEq, Eq)]
enum StepError {
    /// The run stops.
    Stopped,
    /// It cannot be done, as this says.
    Failed(String),
}

/// What a step counts.
#[derive(Debug, Default, Clone)]
struct Counts {
    committed: u64,
    rolled_back: u64,
    changes: u64,
    exit_code: Option<i32>,
    output: Option<String>,
}

impl Steps {
    /// These steps, and where they happen.
    pub fn new(
        steps: Vec<StressStep>,
        places: BTreeMap<usize, StepPlace>,
        application: String,
    ) -> Self {
        Self { all: steps, places, application, seen: Mutex::default() }
    }

    /// Those that are under way, by their words.
    pub fn under_way(&self) -> Vec<&'static str> {
        self.seen().under_way.clone()
    }

    /// The same, and those that have come and gone since this was last asked for.
    pub fn lately(&self) -> Vec<&'static str> {
        let mut seen = self.seen();
        let mut all = std::mem::take(&mut seen.lately);
        all.extend(seen.under_way.iter().filter(|step| !all.contains(step)).collect::<Vec<_>>());
        all
    }

    /// What became of all, in the order of their times.
    pub fn summaries(&self) -> Vec<StepSummary> {
        let mut done = self.seen().done.clone();
        done.sort_by_key(|step| step.due_ns);
        done
    }

    /// What happened since that was last asked for.
    pub(super) fn take_events(&self) -> Vec<String> {
        std::mem::take(&mut self.seen().events)
    }

    fn seen(&self) -> MutexGuard<'_, StepsState> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn began(&self, step: &'static str, domain: &str) {
        let mut seen = self.seen();
        seen.under_way.push(step);
        seen.lately.push(step);
        seen.events.push(format!("step {step} of {domain} began"));
    }

    fn ended(&self, summary: StepSummary) {
        let mut seen = self.seen();
        let place = seen.under_way.iter().position(|step| *step == summary.step);
        place.map(|place| seen.under_way.remove(place));
        let how = summary.failed_because.as_ref().map(|why| format!(": {why}")).unwrap_or_default();
        seen.events.push(format!("step {} of {} ended{how}", summary.step, summary.domain));
        seen.done.push(summary);
    }
}

/// Does all steps on a thread of their own; `None` if there are none. While it has the sender, the run is
/// watched.
pub(super) fn spawn(
    shared: &Arc<Shared>,
    reports: UnboundedSender<WorkerReport>,
) -> std::io::Result<Option<JoinHandle<()>>> {
    if shared.job.steps.all.is_empty() {
        return Ok(None);
    }
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let shared = Arc::clone(shared);
    let thread = std::thread::Builder::new().name("steps".to_owned());
    let thread = thread.spawn(move || {
        runtime.block_on(work(&shared));
        drop(reports);
    })?;
    Ok(Some(thread))
}

async fn work(shared: &Shared) {
    let Some(began) = begin(shared).await else { return };
    let mut tables: BTreeMap<usize, RwLock<()>> = BTreeMap::new();
    let steps = &shared.job.steps.all;
    for step in steps {
        tables.entry(step.domain).or_default();
    }
    let all = steps.iter().enumerate().filter_map(|(number, step)| {
        let place = shared.job.steps.places.get(&step.domain)?;
        Some(one(shared, (number, step), (place, tables.get(&step.domain)?), began))
    });
    join_all(all).await;
}

/// Waits until the measured part begins; `None` if it does not.
async fn begin(shared: &Shared) -> Option<u64> {
    loop {
        if let Some(began) = shared.began() {
            return Some(began);
        }
        if shared.job.stop.level() != Level::Run {
            return None;
        }
        tokio::time::sleep(LOOK).await;
    }
}

/// Does a step when it is due. What it fails of ends the run.
async fn one(
    shared: &Shared,
    (number, step): (usize, &StressStep),
    (place, table): (&StepPlace, &RwLock<()>),
    began: u64,
) {
    let due = began.saturating_add(crate::pace::nanoseconds(step.at));
    if wait_until(shared, due).await.is_err() {
        return;
    }
    let steps = &shared.job.steps;
    let mut counts = Counts::default();
    let mut began_ns = due;
    let whole = async {
        // Steps that lock the table wait for those that do not, and the other way round.
        let (_one, _other);
        if step.kind.is_alone() {
            _one = table.write().await;
        } else {
            _other = table.read().await;
        }
        began_ns = shared.clock.now();
        steps.began(step.kind.name(), &place.domain);
        perform(shared, (number, step), (place, due), &mut counts).await
    };
    let done = tokio::select! {
        done = whole => done,
        () = cut_off(shared) => Err(StepError::Stopped),
    };
    let failed_because = match done {
        Ok(()) => None,
        Err(StepError::Stopped) => Some("the run was stopped".to_owned()),
        Err(StepError::Failed(why)) => {
            let name = step.kind.name();
            let reason = format!("the step `{name}` of `{}` failed: {why}", place.domain);
            shared.job.stop.tell(Level::Drain, End::Stopped(reason));
            Some(why)
        }
    };
    let since = |at: u64| at.saturating_sub(began);
    steps.ended(StepSummary {
        step: step.kind.name(),
        domain: place.domain.clone(),
        due_ns: since(due),
        began_ns: since(began_ns),
        ended_ns: since(shared.clock.now()),
        committed: counts.committed,
        rolled_back: counts.rolled_back,
        changes: counts.changes,
        exit_code: counts.exit_code,
        output: counts.output,
        failed_because,
    });
}

/// Waits until a step is to be cut off: it may wait for a lock that nobody gives up.
async fn cut_off(shared: &Shared) {
    let (mut level, mut cancelled) = (shared.job.stop.watch(), shared.job.stop.watch());
    let _ = level.wait_for(|level| *level != Level::Run).await;
    tokio::select! {
        () = tokio::time::sleep(STOPPED) => {}
        _ = cancelled.wait_for(|level| *level == Level::Cancel) => {}
    }
}

async fn perform(
    shared: &Shared,
    (number, step): (usize, &StressStep),
    (place, due): (&StepPlace, u64),
    counts: &mut Counts,
) -> Result<(), StepError> {
    if let crate::scenario::StressKind::Run(words, within) = &step.kind {
        return command::run(shared, words, *within, counts).await;
    }
    let mut session = Session::open(shared, (number, step.domain), place, counts).await?;
    if let crate::scenario::StressKind::Snapshot { within, .. } = &step.kind {
        return snapshot::perform(&mut session, (&step.kind, *within), &place.signals).await;
    }
    session.due = due;
    kinds::perform(&mut session, &step.kind).await
}

/// Waits until a moment on the run's clock, or until the run stops.
async fn wait_until(shared: &Shared, at: u64) -> Result<(), StepError> {
    let mut level = shared.job.stop.watch();
    let left = Duration::from_nanos(at.saturating_sub(shared.clock.now()));
    tokio::select! {
        () = tokio::time::sleep(left) => Ok(()),
        _ = level.wait_for(|level| *level != Level::Run) => Err(StepError::Stopped),
    }
}
