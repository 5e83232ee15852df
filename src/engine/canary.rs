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
use tokio_postgres::SimpleQueryMessage;
use tokio_postgres::error::DbError;
use tokio_postgres::error::Severity;
use tokio_postgres::error::SqlState;

use crate::action::TableId;
use crate::engine::Shared;
use crate::engine::stop::Level;
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
const GRACE: Duration = Duration::from_millis(1500);
/// Of what a server says.
const SAID_MAX: usize = 300;
/// Why a row may be there and stay as it is.
const HELD: &str =
    "the server changes nothing and says nothing; take the trigger or the rule off its table";
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
                let mut cancelled = shared.job.stop.watch();
                tokio::join!(join_all(all), async {
                    // Who gives the run up does not wait for the workers first, and then for us.
                    tokio::select! {
                        _ = is_enough => {}
                        _ = cancelled.wait_for(|level| *level == Level::Cancel) => {}
                    }
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

/// A canary's row, as far as it is known.
#[derive(Debug, Default)]
struct Row {
    /// How often it was changed.
    count: i32,
    /// Whether it is there: somebody else may have deleted it.
    is_there: bool,
    /// The change that nobody has answered.
    open: Option<OwnFact>,
}

/// Changes one row until it is enough. A change whose answer was lost is looked up in the row.
async fn sing(shared: &Shared, witness: &Witness, place: &CanaryPlace, mut enough: Enough) {
    let every = nanoseconds(shared.job.canaries.every);
    let (mut client, mut due): (Option<Client>, u64) = (None, shared.clock.now());
    let (mut row, mut refused) = (Row::default(), None);
    // One that is behind never waits, and would not hear it.
    while !*enough.borrow() {
        let left = Duration::from_nanos(due.saturating_sub(shared.clock.now()));
        if let Waited::Enough = within(&mut enough, Duration::ZERO, sleep(left)).await {
            break;
        }
        let Some(connected) = &client else {
            let made = connect(shared, place, row.open.is_some());
            match within(&mut enough, Duration::ZERO, made).await {
                Waited::Enough => break,
                // A server that does not answer may do so later.
                Waited::Late | Waited::Done(None) => {}
                Waited::Done(Some((made, found))) => {
                    client = Some(made);
                    row.found(found, witness);
                }
            }
            continue;
        };
        let sent = shared.clock.now();
        let statement = statement(place, &row);
        let done = within(&mut enough, GRACE, change(connected, &statement)).await;
        let times = (due, sent, shared.clock.now());
        let fact = fact(place, &row, times, shared.began().is_some());
        match done {
            Waited::Done(Ok(1)) => {
                witness.tell_own(fact);
                row.changed();
                due += every;
            }
            // Who deleted the row is not us, and now it is made again.
            Waited::Done(Ok(_)) if row.is_there => row.is_there = false,
            Waited::Done(Ok(_)) => {
                due += every;
                tell_once(shared, place, &mut refused, SqlState::SUCCESSFUL_COMPLETION, HELD);
            }
            Waited::Done(Err(error)) if is_refused(&error) => {
                due += every;
                // The row that was not changed is there after all.
                row.is_there |= error.code() == Some(&SqlState::UNIQUE_VIOLATION);
                if let Some(said) = error.as_db_error() {
                    let (why, code) = why(place, said);
                    tell_once(shared, place, &mut refused, code, &why);
                }
            }
            Waited::Done(Err(_)) | Waited::Late | Waited::Enough => {
                (client, row.open) = (None, Some(fact));
            }
        }
    }
    // Nobody can tell any more.
    if let Some(fact) = row.open {
        witness.tell_own(OwnFact { is_known: false, ..fact });
    }
}

/// Whether the server said no, and goes on: nothing was changed then.
fn is_refused(error: &tokio_postgres::Error) -> bool {
    let severity = error.as_db_error().map(DbError::parsed_severity);
    matches!(severity, Some(None | Some(Severity::Error)))
}

/// Why a change was refused, and what it is told by.
fn why(place: &CanaryPlace, said: &DbError) -> (String, SqlState) {
    // Its update had changed nothing before.
    if *said.code() == SqlState::UNIQUE_VIOLATION {
        return (HELD.to_owned(), SqlState::SUCCESSFUL_COMPLETION);
    }
    let message: String = said.message().chars().take(SAID_MAX).collect();
    let table = &place.table.1;
    (format!("{message}; let the scenario's login write to {table}"), said.code().clone())
}

/// Says why a canary does not change, but not again and again.
fn tell_once(
    shared: &Shared,
    place: &CanaryPlace,
    told: &mut Option<SqlState>,
    code: SqlState,
    why: &str,
) {
    if told.as_ref() == Some(&code) {
        return;
    }
    *told = Some(code);
    let database = place.address.database();
    shared.job.feed.message(format!(
        "the canary of the database `{database}` does not change, so there may be nothing to observe \
         while nothing else happens: {why}, or write `cdc: {{ canary: off }}`"
    ));
}

/// Changes the row. Returns how many there were. A server that does not wait for its disk may forget what it
/// acknowledged, and nobody asks what became of that here: this one commit is waited for.
async fn change(client: &Client, statement: &str) -> Result<u64, tokio_postgres::Error> {
    // Of statements that are sent together the last tells.
    let sql = format!("SET LOCAL synchronous_commit = local; {statement}");
    let messages = client.simple_query(&sql).await?;
    let counts = messages.iter().filter_map(|message| match message {
        SimpleQueryMessage::CommandComplete(rows) => Some(*rows),
        _ => None,
    });
    Ok(counts.last().unwrap_or(0))
}

impl Row {
    /// It was changed.
    fn changed(&mut self) {
        self.count += 1;
        self.is_there = true;
    }

    /// It holds this, which tells what became of a change that nobody has answered: what is not there was not
    /// committed, and is sent again.
    fn found(&mut self, found: Option<i32>, witness: &Witness) {
        let Some(fact) = self.open.take() else { return };
        if found == Some(self.count) {
            witness.tell_own(fact);
            self.changed();
        } else {
            self.is_there = found.is_some();
        }
    }
}

/// What came of waiting.
enum Waited<T> {
    /// What was waited for.
    Done(T),
    /// It did not come in time.
    Late,
    /// It is enough.
    Enough,
}

/// Waits for something, but not for ever, and so long only once it is enough.
async fn within<T>(
    enough: &mut Enough,
    grace: Duration,
    what: impl Future<Output = T>,
) -> Waited<T> {
    let ended = async {
        let _ = enough.wait_for(|is_enough| *is_enough).await;
        sleep(grace).await;
    };
    tokio::select! {
        biased;
        done = timeout(STEP, what) => done.map_or(Waited::Late, Waited::Done),
        () = ended => Waited::Enough,
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

/// The next change: one makes the row, where there is none.
fn statement(place: &CanaryPlace, row: &Row) -> String {
    let (table, count) = (&place.table.1, row.count);
    if row.is_there {
        return format!("UPDATE {table} SET n = {count} WHERE id = {KEY}");
    }
    format!("INSERT INTO {table} (id, n) VALUES ({KEY}, {count})")
}

fn fact(
    place: &CanaryPlace,
    row: &Row,
    (due, sent, settled): (u64, u64, u64),
    is_measured: bool,
) -> OwnFact {
    let is_there = row.is_there;
    let row = OwnRow { id: KEY, rest: vec![OwnValue::Integer(row.count)] };
    let change = if is_there { OwnChange::Update(KEY, row) } else { OwnChange::Insert(row) };
    let (domain, table, changes) = (place.domain, place.table.0, vec![change]);
    OwnFact { domain, table, changes, due, sent, settled, is_known: true, is_measured }
}
