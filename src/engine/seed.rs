//! Filling the tables before the load: over several connections, in chunks that are committed
//! together with their markers, so that an interrupted seeding is completed and never doubled.

mod turn;

use std::sync::Arc;
use std::sync::Mutex;
use std::sync::PoisonError;
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering;
use std::time::Duration;

use deadpool_postgres::Object;
use deadpool_postgres::Pool;
use tokio::runtime::Runtime;
use tokio_postgres::Client;

use crate::action::TableId;
use crate::action::TableInfo;
use crate::engine::Guard;
use crate::engine::stop::Level;
use crate::engine::stop::Stop;
use crate::generate::Chunk;
use crate::generate::World;
use crate::measure::Feed;
use crate::sink::postgres::address::Address;
use crate::sink::postgres::control;
use crate::sink::postgres::copy;
use crate::sink::postgres::copy::Marker;
use crate::sink::postgres::error::ConnectError;
use crate::sink::postgres::mark::Books;
use crate::sink::postgres::provision::SetupError;

pub use turn::Turn;
pub use turn::turn;

/// How often, and how long, another seeding of the same tables is waited for.
const ALONE_TRIES: u32 = 100;
const ALONE_PAUSE: Duration = Duration::from_millis(100);

/// How often a connection's chunks may lose a deadlock.
const DEADLOCKS_MAX: u32 = 10;

/// One domain's tables to be seeded.
#[derive(Debug)]
pub struct Seeding {
    /// What is seeded.
    pub world: Arc<World>,
    /// The domain's number in the scenario.
    pub domain: usize,
    /// Its database, as one who may insert.
    pub address: Address,
    /// Of our sessions.
    pub application_name: String,
    /// Where markers go; `None` for tables that we did not make: then nothing can be repeated.
    pub books: Option<Books>,
    /// Connections, at least 1.
    pub connections: usize,
    /// Who watches.
    pub feed: Feed,
    /// Who may end it.
    pub stop: Stop,
    /// Who may hold it up.
    pub guard: Arc<Guard>,
}

/// Rows that a table holds by seeding, now and from before.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Seeded {
    /// The table.
    pub table: TableId,
    /// Its seeded rows.
    pub rows: u64,
    /// Those that were there already.
    pub before: u64,
}

/// Seeds a domain's tables, parents before children. Ends early, without an error, when the run is
/// stopped; what is committed then stays.
pub fn seed(seeding: &Seeding) -> Result<Vec<Seeded>, SetupError> {
    let catalog = &seeding.world.catalog;
    let sessions = Sessions::new(seeding)?;
    let _alone = sessions.run(&seeding.stop, seeding.alone())?;
    let mut all = Vec::new();
    for table in seeding.world.seeding_order() {
        if !seeding.has(catalog.table(table)) {
            continue;
        }
        all.push(if seeding.stop.level() == Level::Run {
            seeding.table(table, &sessions)?
        } else {
            seeding.untouched(table, &sessions)?
        });
    }
    Ok(all)
}

/// What a domain's tables hold by seeding, without seeding any.
pub fn counted(seeding: &Seeding) -> Result<Vec<Seeded>, SetupError> {
    let sessions = Sessions::new(seeding)?;
    let tables = seeding.world.seeding_order();
    let own = tables.into_iter().filter(|table| seeding.has(seeding.world.catalog.table(*table)));
    own.map(|table| seeding.untouched(table, &sessions)).collect()
}

/// The sessions that tables are seeded over, each table after the other over the same ones, and the
/// runtime that moves their bytes while rows are rendered.
struct Sessions {
    runtime: Runtime,
    pool: Pool,
    server: String,
}

impl Sessions {
    fn new(seeding: &Seeding) -> Result<Self, SetupError> {
        let mut runtime = tokio::runtime::Builder::new_multi_thread();
        let runtime = runtime.worker_threads(1).thread_name("seeding").enable_all().build();
        let runtime = runtime.map_err(|error| SetupError::Local(error.to_string()))?;
        let pool = control::pool(&seeding.address, &seeding.application_name, seeding.connections)?;
        Ok(Self { runtime, pool, server: seeding.address.to_string() })
    }

    async fn get(&self) -> Result<Object, SetupError> {
        let made = self.pool.get().await;
        made.map_err(|error| ConnectError::from_pool(&error, &self.server).into())
    }

    /// Runs a future on this thread, until the run is cancelled.
    fn run<T>(
        &self,
        stop: &Stop,
        future: impl Future<Output = Result<T, SetupError>>,
    ) -> Result<T, SetupError> {
        self.runtime.block_on(unless_cancelled(stop, future))
    }
}

impl Seeding {
    /// Whether it is the one to fill a table.
    fn has(&self, table: &TableInfo) -> bool {
        table.domain == self.domain && table.is_row()
    }

    /// A session by which this seeding is the only one in its tables for as long as it is open. What
    /// a killed predecessor still has under way is waited for.
    async fn alone(&self) -> Result<Option<Client>, SetupError> {
        let Some(books) = &self.books else { return Ok(None) };
        let client = control::control(&self.address, &self.application_name).await?;
        let sql = "SELECT pg_try_advisory_lock(hashtext($1), 1)";
        for _ in 0..ALONE_TRIES {
            let lock = client.query_one(sql, &[&books.namespace()]).await;
            let lock = lock.map_err(|error| SetupError::Local(error.to_string()))?;
            if lock.get(0) {
                return Ok(Some(client));
            }
            tokio::time::sleep(ALONE_PAUSE).await;
        }
        let what = "another loadgen is seeding it now; wait for its end".to_owned();
        Err(SetupError::Books { namespace: books.namespace().to_owned(), what })
    }

    /// What a table that is not reached any more holds from before.
    fn untouched(&self, table: TableId, sessions: &Sessions) -> Result<Seeded, SetupError> {
        let done = sessions.run(&self.stop, async {
            // One of the pool may still wait for what was given up.
            let client = control::control(&self.address, &self.application_name).await?;
            self.done(table, &client).await
        })?;
        let before = done.iter().map(|(_, rows)| rows).sum();
        Ok(Seeded { table, before, rows: before })
    }

    fn table(&self, table: TableId, sessions: &Sessions) -> Result<Seeded, SetupError> {
        let done = sessions.run(&self.stop, async {
            let session = sessions.get().await?;
            self.done(table, &session).await
        })?;
        let before = done.iter().map(|(_, rows)| rows).sum();
        let todo: Vec<Chunk> = self
            .world
            .chunks(table)
            .filter(|chunk| !done.iter().any(|(number, _)| *number == chunk.number))
            .collect();
        let progress = Progress::new(self, table, before);
        let connections = self.connections.clamp(1, todo.len().max(1));
        let queue = Mutex::new(todo.into_iter());
        let failure = Mutex::new(None);
        std::thread::scope(|scope| {
            for _ in 0..connections {
                scope.spawn(|| {
                    let loading = self.load_all(sessions, &queue, &failure, &progress);
                    if let Err(error) = sessions.run(&self.stop, loading) {
                        lock(&failure).get_or_insert(error);
                    }
                });
            }
        });
        match lock(&failure).take() {
            Some(error) => Err(error),
            None => Ok(Seeded { table, before, rows: progress.rows.load(Ordering::Relaxed) }),
        }
    }

    /// Chunks of a table that are there already, with their row counts.
    async fn done(&self, table: TableId, client: &Client) -> Result<Vec<(u64, u64)>, SetupError> {
        let Some(books) = &self.books else { return Ok(Vec::new()) };
        let chunks = books.seeded_chunks(client, &self.world.catalog.table(table).name).await?;
        let number = |number: i64| u64::try_from(number).unwrap_or(0);
        Ok(chunks.into_iter().map(|(chunk, rows)| (number(chunk), number(rows))).collect())
    }

    /// One connection's work: chunk after chunk, until there is none, or somebody failed.
    async fn load_all(
        &self,
        sessions: &Sessions,
        queue: &Mutex<std::vec::IntoIter<Chunk>>,
        failure: &Mutex<Option<SetupError>>,
        progress: &Progress<'_>,
    ) -> Result<(), SetupError> {
        let next = || lock(queue).next();
        let Some(mut chunk) = next() else { return Ok(()) };
        let mut session = sessions.get().await?;
        let mut deadlocks = 0;
        loop {
            self.guard.let_through(self.domain).await;
            let mut stop = self.stop.watch();
            let loaded = tokio::select! {
                loaded = self.load(&mut session, chunk, progress) => loaded,
                // The chunk's transaction is rolled back as it is dropped; the session goes on.
                _ = stop.wait_for(|level| *level == Level::Cancel) => return Ok(()),
            };
            match loaded {
                // Another run, which will find the tables used, is setting them up.
                Err(error) if error.is_deadlock() && deadlocks < DEADLOCKS_MAX => {
                    deadlocks += 1;
                    continue;
                }
                loaded => loaded?,
            }
            let goes_on = self.stop.level() == Level::Run && lock(failure).is_none();
            match next().filter(|_| goes_on) {
                Some(another) => chunk = another,
                None => return Ok(()),
            }
        }
    }

    async fn load(
        &self,
        client: &mut Client,
        chunk: Chunk,
        progress: &Progress<'_>,
    ) -> Result<(), SetupError> {
        let table = self.world.catalog.table(chunk.table);
        let marker = self.books.as_ref().map(|books| Marker {
            books,
            table: &table.name,
            chunk: i64::try_from(chunk.number).unwrap_or(i64::MAX),
        });
        let mut numbers = chunk.first..chunk.end;
        let rows = copy::load(client, table, marker, |rows| {
            let Some(number) = numbers.next() else { return false };
            self.world.write_seeded(chunk.table, number, rows);
            true
        });
        let rows = rows.await?;
        progress.add(rows, chunk.end - chunk.first);
        Ok(())
    }
}

/// How far a table is.
struct Progress<'a> {
    seeding: &'a Seeding,
    name: String,
    /// Rows that the table holds.
    rows: AtomicU64,
    /// Rows (of an owned table: owners) that are done, and how many there will be.
    done: AtomicU64,
    total: u64,
}

impl<'a> Progress<'a> {
    fn new(seeding: &'a Seeding, table: TableId, before: u64) -> Self {
        let name = seeding.world.catalog.table(table).name.clone();
        let total = seeding.world.seeded_rows(table);
        let done = if seeding.world.is_owned(table) { 0 } else { before };
        let progress = Self { seeding, name, rows: before.into(), done: done.into(), total };
        if total > 0 {
            seeding.feed.seeding(&progress.name, done, total);
        }
        progress
    }

    fn add(&self, rows: u64, numbers: u64) {
        self.rows.fetch_add(rows, Ordering::Relaxed);
        let done = self.done.fetch_add(numbers, Ordering::Relaxed) + numbers;
        self.seeding.feed.seeding(&self.name, done, self.total);
    }
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// How long what waits for a server may still wait when the run is cancelled, and after a signal.
const CANCELLED: Duration = Duration::from_secs(1);
const SIGNALLED: Duration = Duration::from_secs(5);

/// Gives a future up some time after the run is cancelled, or after a signal: no later than that from now on, if there
/// was one already.
pub async fn unless_cancelled<T>(
    stop: &Stop,
    future: impl Future<Output = Result<T, SetupError>>,
) -> Result<T, SetupError> {
    let (mut halt, mut stop) = (stop.any_signal(), stop.watch());
    let signalled = async {
        halt.told().await;
        tokio::time::sleep(SIGNALLED).await;
    };
    let cancelled = async {
        tokio::select! {
            _ = stop.wait_for(|level| *level == Level::Cancel) => tokio::time::sleep(CANCELLED).await,
            () = signalled => {}
        }
    };
    tokio::select! {
        done = future => done,
        () = cancelled => Err(SetupError::Local("cancelled before it was done".to_owned())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::stop::Level;

    #[test]
    fn what_begins_to_wait_behind_a_signal_is_given_up_as_well() {
        let stop = Stop::default();
        stop.signal(Level::Drain);
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let waits = std::future::pending::<Result<(), SetupError>>();
        let done =
            async { tokio::time::timeout(2 * SIGNALLED, unless_cancelled(&stop, waits)).await };
        assert!(runtime.block_on(done).unwrap().is_err());
    }
}
