//! A worker: one thread, one single-threaded runtime, some connections.

use std::cell::RefCell;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::mpsc::UnboundedSender;
use tokio::task::LocalSet;

use crate::engine::Account;
use crate::engine::SECOND_NS;
use crate::engine::Shared;
use crate::engine::alarm::Alarm;
use crate::engine::alarm::ring;
use crate::engine::connection::Connection;
use crate::engine::stop::Level;
use crate::ledger::Ledger;
use crate::ledger::Out;
use crate::measure::End;
use crate::measure::Recorder;
use crate::measure::thread_usage;

/// How often a worker wakes to see whether it is late.
const BEAT_NS: u64 = 50_000_000;
/// Of a wake-up that comes late, so many missed ones are counted at most: ten minutes of them.
const BEATS_MISSED_MAX: u64 = 12_000;

/// What a worker's connections record into: shared by the tasks of one thread.
#[derive(Debug)]
pub(super) struct Records {
    pub(super) recorder: Recorder,
    pub(super) account: Account,
    /// What is noted of each transaction, if it is kept.
    pub(super) trace: Option<Out>,
}

/// What a worker leaves behind.
#[derive(Debug)]
pub(super) struct WorkerReport {
    pub(super) recorder: Recorder,
    pub(super) account: Account,
}

/// Starts a worker for the connections of these numbers.
pub(super) fn spawn(
    shared: Arc<Shared>,
    recorder: Recorder,
    connections: Vec<usize>,
    reports: UnboundedSender<WorkerReport>,
) -> std::io::Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let name = format!("worker {}", connections.first().copied().unwrap_or(0));
    std::thread::Builder::new().name(name).spawn(move || {
        let account = Account::new(shared.job.world.counted_tables());
        let trace = shared.job.trace.as_ref().map(Ledger::out);
        let records = Rc::new(RefCell::new(Records { recorder, account, trace }));
        LocalSet::new().block_on(&runtime, work(&shared, &records, connections));
        let Ok(records) = Rc::try_unwrap(records) else { return };
        let Records { recorder, account, trace } = records.into_inner();
        drop(trace);
        // Nobody listens any more only if the run has been given up.
        let _ = reports.send(WorkerReport { recorder, account });
    })?;
    Ok(())
}

async fn work(shared: &Arc<Shared>, records: &Rc<RefCell<Records>>, connections: Vec<usize>) {
    let mut tasks = tokio::task::JoinSet::new();
    let precision = shared.job.scenario.load.precision;
    let alarm = Alarm::new(shared.clock, precision);
    for index in connections {
        tasks.spawn_local(Connection::new(shared, records, &alarm, index).work());
    }
    let ringing = tokio::task::spawn_local({
        let stop = shared.job.stop.clone();
        async move {
            if let Err(error) = ring(alarm, precision).await {
                stop.tell(Level::Cancel, End::SetUpFailed(format!("no timer: {error}")));
            }
        }
    });
    let publisher = tokio::task::spawn_local(publish(Arc::clone(shared), Rc::clone(records)));
    // In the order in which they end: the others may wait for one that will never come.
    while let Some(ended) = tasks.join_next().await {
        if let Err(error) = ended {
            let reason = format!("internal error: a connection's task ended: {error}");
            shared.job.stop.tell(Level::Cancel, End::Stopped(reason));
        }
    }
    ringing.abort();
    publisher.abort();
    let _ = publisher.await;
}

/// Hands the records over at the end of each second. Meanwhile it wakes twenty times a second, to see
/// how late a wake-up comes: whatever holds it up holds up all that this thread does.
async fn publish(shared: Arc<Shared>, records: Rc<RefCell<Records>>) {
    let mut usage = thread_usage();
    let mut last = shared.clock.now();
    loop {
        let since = shared.second_began(last);
        let next = since + ((last - since) / BEAT_NS + 1) * BEAT_NS;
        let pause = next.saturating_sub(shared.clock.now());
        tokio::time::sleep(Duration::from_nanos(pause)).await;
        let now = shared.clock.now().max(next);
        let mut records = records.borrow_mut();
        // What is not handed over is lost if the process is killed.
        records.trace.iter_mut().for_each(Out::flush);
        let worker = records.recorder.worker();
        // While it is late, the wake-ups that it misses are late as well, each by a beat less.
        let late =
            (0..BEATS_MISSED_MAX).map_while(|missed| (now - next).checked_sub(missed * BEAT_NS));
        late.for_each(|late| worker.wake.record(late));
        if now >= since + SECOND_NS {
            let used = thread_usage();
            worker.busiest_ns = used.0.saturating_sub(usage.0);
            worker.run_delay_ns = used.1.saturating_sub(usage.1);
            // What could not be handed over is of the next second.
            if records.recorder.publish(now) {
                usage = used;
            }
        }
        last = now;
    }
}
