//! A worker: one thread, one single-threaded runtime, some connections.

use std::cell::RefCell;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::mpsc::UnboundedSender;
use tokio::task::LocalSet;

use crate::engine::Account;
use crate::engine::Shared;
use crate::engine::connection::Connection;
use crate::engine::stop::Level;
use crate::measure::End;
use crate::measure::Recorder;

/// What a worker's connections record into: shared by the tasks of one thread.
#[derive(Debug)]
pub(super) struct Records {
    pub(super) recorder: Recorder,
    pub(super) account: Account,
    /// Whether the warm-up has been forgotten.
    pub(super) is_measuring: bool,
}

/// What a worker leaves behind.
#[derive(Debug)]
pub(super) struct WorkerReport {
    pub(super) recorder: Recorder,
    pub(super) account: Account,
    /// Whether it came as far as the measurement: otherwise its records are of the warm-up.
    pub(super) is_measuring: bool,
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
        let account = Account::new(shared.job.world.table_count());
        let records = Rc::new(RefCell::new(Records { recorder, account, is_measuring: false }));
        LocalSet::new().block_on(&runtime, work(&shared, &records, connections));
        let Ok(records) = Rc::try_unwrap(records) else { return };
        let Records { recorder, account, is_measuring } = records.into_inner();
        // Nobody listens any more only if the run has been given up.
        let _ = reports.send(WorkerReport { recorder, account, is_measuring });
    })?;
    Ok(())
}

async fn work(shared: &Arc<Shared>, records: &Rc<RefCell<Records>>, connections: Vec<usize>) {
    let mut tasks = tokio::task::JoinSet::new();
    for index in connections {
        match Connection::new(shared, records, index) {
            Ok(connection) => drop(tasks.spawn_local(connection.work())),
            Err(error) => {
                let reason = format!("no timer for connection {index}: {error}");
                shared.job.stop.tell(Level::Cancel, End::SetUpFailed(reason));
            }
        }
    }
    let publisher = tokio::task::spawn_local(publish(Rc::clone(records)));
    // In the order in which they end: the others may wait for one that will never come.
    while let Some(ended) = tasks.join_next().await {
        if let Err(error) = ended {
            let reason = format!("internal error: a connection's task ended: {error}");
            shared.job.stop.tell(Level::Cancel, End::Stopped(reason));
        }
    }
    publisher.abort();
    let _ = publisher.await;
}

/// Shows the records to the feed, twice a second.
async fn publish(records: Rc<RefCell<Records>>) {
    let mut tick = tokio::time::interval(Duration::from_millis(500));
    loop {
        tick.tick().await;
        records.borrow_mut().recorder.publish();
    }
}
