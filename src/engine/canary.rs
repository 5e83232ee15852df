//! Canaries: one row in each observed database that changes again and again, so that there is something to
//! observe also while nothing else happens. Each change is due at its time, also when the server stands still.

use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;

use futures_util::future::join_all;
use tokio::sync::oneshot;
use tokio::sync::watch;
use tokio::time::sleep;
use tokio::time::timeout;
use tokio_postgres::Client;

use crate::action::TableId;
use crate::engine::Shared;
use crate::observe::OwnChange;
use crate::observe::OwnFact;
use crate::observe::OwnRow;
use crate::observe::OwnValue;
use crate::observe::Witness;
use crate::pace::nanoseconds;
use crate::sink::postgres::address::Address;
use crate::sink::postgres::control::control;

/// How long one waits before a lost connection is made again.
const PAUSE: Duration = Duration::from_millis(250);
/// How long a connection or a change may take.
const STEP: Duration = Duration::from_mins(1);
/// How long an answer is awaited once it is enough.
const GRACE: Duration = Duration::from_secs(2);
/// The key of the only row.
const KEY: i64 = 1;

/// Turns to `true` when it is.
type Enough = watch::Receiver<bool>;

/// The canaries of a run.
#[derive(Debug, Default)]
pub struct Canaries {
    /// Where they are.
    pub places: Vec<CanaryPlace>,
    /// How often each changes.
    pub every: Duration,
    /// Of all sessions.
    pub application: String,
}

/// Where a canary is.
#[derive(Debug, Clone)]
pub struct CanaryPlace {
    /// The domain in whose database it is.
    pub domain: usize,
    /// The database.
    pub address: Address,
    /// The table, and its name as the server reads it.
    pub table: (TableId, String),
}

/// Canaries at work. They end when this is dropped: what was sent has been answered, or never will be.
#[derive(Debug)]
pub(super) struct Singing {
    enough: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Singing {
    /// Begins. Without an observer or a place there is nothing to do.
    pub(super) fn start(shared: &Arc<Shared>) -> std::io::Result<Self> {
        let nothing = Self { enough: None, thread: None };
        let Some(witness) = shared.job.witness.clone() else { return Ok(nothing) };
        if shared.job.canaries.places.is_empty() {
            return Ok(nothing);
        }
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let (enough, is_enough) = oneshot::channel::<()>();
        let shared = Arc::clone(shared);
        let thread = std::thread::Builder::new().name("canaries".to_owned());
        let thread = thread.spawn(move || {
            runtime.block_on(async {
                let (stop, stopped) = watch::channel(false);
                let places = shared.job.canaries.places.iter();
                let all = places.map(|place| sing(&shared, &witness, place, stopped.clone()));
                tokio::join!(join_all(all), async {
                    let _ = is_enough.await;
                    let _ = stop.send(true);
                });
            });
        })?;
        Ok(Self { enough: Some(enough), thread: Some(thread) })
    }
}

impl Drop for Singing {
    fn drop(&mut self) {
        drop(self.enough.take());
        let _ = self.thread.take().map(JoinHandle::join);
    }
}

/// Changes one row until it is enough. A change whose answer was lost is looked up in the row.
async fn sing(shared: &Shared, witness: &Witness, place: &CanaryPlace, mut enough: Enough) {
    let every = nanoseconds(shared.job.canaries.every);
    let (mut client, mut due): (Option<Client>, u64) = (None, shared.clock.now());
    // How often the row was changed, and the change that nobody has answered.
    let (mut count, mut open): (i32, Option<OwnFact>) = (0, None);
    loop {
        let left = Duration::from_nanos(due.saturating_sub(shared.clock.now()));
        if within(&mut enough, Duration::ZERO, sleep(left)).await.is_none() {
            break;
        }
        let Some(connected) = &client else {
            match within(&mut enough, Duration::ZERO, connect(shared, place, open.is_some())).await
            {
                None => break,
                Some(None) => {}
                Some(Some((made, found))) => {
                    client = Some(made);
                    // What is not there was not committed, and is sent again.
                    if let Some(fact) = open.take().filter(|_| found == Some(count)) {
                        witness.tell_own(fact);
                        count += 1;
                    }
                }
            }
            continue;
        };
        let sent = shared.clock.now();
        let statement = statement(place, count);
        let done = within(&mut enough, GRACE, connected.batch_execute(&statement)).await;
        let times = (due, sent, shared.clock.now());
        let fact = fact(place, count, times, shared.began().is_some());
        if let Some(Ok(())) = done {
            witness.tell_own(fact);
            count += 1;
            due += every;
        } else {
            (client, open) = (None, Some(fact));
        }
    }
    // Nobody can tell any more.
    if let Some(fact) = open {
        witness.tell_own(OwnFact { is_known: false, ..fact });
    }
}

/// Waits for something, but not for ever, and so long only once it is enough.
async fn within<T>(
    enough: &mut Enough,
    grace: Duration,
    what: impl Future<Output = T>,
) -> Option<T> {
    let ended = async {
        let _ = enough.wait_for(|is_enough| *is_enough).await;
        sleep(grace).await;
    };
    tokio::select! {
        biased;
        done = timeout(STEP, what) => done.ok(),
        () = ended => None,
    }
}

/// Connects after a pause, and looks what the row holds, if it has to be known: behind whoever still changes it.
async fn connect(
    shared: &Shared,
    place: &CanaryPlace,
    must_look: bool,
) -> Option<(Client, Option<i32>)> {
    if must_look {
        sleep(PAUSE).await;
    }
    let made = control(&place.address, &shared.job.canaries.application).await;
    let Ok(client) = made else {
        sleep(PAUSE).await;
        return None;
    };
    if !must_look {
        return Some((client, None));
    }
    let table = &place.table.1;
    client.batch_execute(&format!("BEGIN; LOCK TABLE {table} IN SHARE MODE; COMMIT")).await.ok()?;
    let sql = format!("SELECT n FROM {table} WHERE id = {KEY}");
    let found = client.query_opt(&sql, &[]).await.ok()?;
    Some((client, found.and_then(|row| row.try_get(0).ok())))
}

/// The change of a number: the first makes the row.
fn statement(place: &CanaryPlace, count: i32) -> String {
    let table = &place.table.1;
    if count == 0 {
        return format!("INSERT INTO {table} (id, n) VALUES ({KEY}, 0)");
    }
    format!("UPDATE {table} SET n = {count} WHERE id = {KEY}")
}

fn fact(
    place: &CanaryPlace,
    count: i32,
    (due, sent, settled): (u64, u64, u64),
    is_measured: bool,
) -> OwnFact {
    let row = OwnRow { id: KEY, rest: vec![OwnValue::Integer(count)] };
    let change = if count == 0 { OwnChange::Insert(row) } else { OwnChange::Update(KEY, row) };
    let (domain, table, changes) = (place.domain, place.table.0, vec![change]);
    OwnFact { domain, table, changes, due, sent, settled, is_known: true, is_measured }
}
