//! A worker's connection: actions in flight one behind the other, each one implicit transaction.
//!
//! All statements of an action are sent with one Sync behind them: the server runs them as one
//! transaction and commits at the Sync, so an action needs one round trip, however many statements
//! it has. The reply to the Sync is the acknowledgement.
//!
//! An action that would leave no evidence in its rows (an update that may set a value that stood
//! there before) runs in BEGIN, asks for its transaction's number, and only then sends COMMIT: so
//! that the server can be asked for its fate. Nothing is sent behind it until COMMIT is.
//!
//! Behind a pooler in transaction mode every action runs like that, and nothing of a session is
//! relied on: see `pooled`.

use std::collections::HashMap;
use std::collections::HashSet;
use std::collections::VecDeque;
use std::sync::Arc;
use std::task::Context;
use std::task::Poll;
use std::task::Waker;
use std::task::ready;
use std::time::Duration;

use bytes::BytesMut;

use crate::action::Action;
use crate::action::Catalog;
use crate::action::Operation;
use crate::action::StatementId;
use crate::action::TableId;
use crate::sink::Fate;
use crate::sink::Left;
use crate::sink::Lost;
use crate::sink::Numbers;
use crate::sink::Outcome;
use crate::sink::Receipt;
use crate::sink::Sink;
use crate::sink::Ticket;
use crate::sink::postgres::address::Address;
use crate::sink::postgres::encode::encode;
use crate::sink::postgres::evidence;
use crate::sink::postgres::evidence::Evidence;
use crate::sink::postgres::frames;
use crate::sink::postgres::frames::Reply;
use crate::sink::postgres::frames::ServerError;
use crate::sink::postgres::stream::Transport;

mod copied;
mod horizon;
mod message;
mod pending;
mod pooled;
mod traffic;
mod way;

use horizon::Horizon;
use pending::Pending;
use pending::Stranded;
use pending::Transaction;
use pending::numberless;
use pooled::Text;

/// What a worker's connection is made with.
#[derive(Debug, Clone)]
pub struct PostgresOptions {
    /// Which database, as whom.
    pub address: Address,
    /// Unique among all connections to the server: by it, a successor finds and ends what is left
    /// of its predecessor. Begins with `loadgen/`, and has at most 63 bytes.
    pub application_name: String,
    /// The session advisory lock that only this connection and its successors take.
    pub lock: i64,
    /// Run-time parameters of the session.
    pub settings: Vec<(String, String)>,
    /// The run's tables and statements.
    pub catalog: Arc<Catalog>,
    /// The statements that this connection may be asked to execute.
    pub statements: Arc<Vec<StatementId>>,
    /// Actions in flight, at most.
    pub in_flight_max: usize,
    /// Whether a pooler in transaction mode is between. Then at most one action is in flight.
    pub is_pooled: bool,
}

/// A connection to PostgreSQL, and what is in flight on it.
#[derive(Debug)]
pub struct PostgresSink {
    options: PostgresOptions,
    open: Option<Open>,
    in_flight: VecDeque<Pending>,
    /// Row counts that the actions in flight must report, in order of their statements.
    expected: VecDeque<u32>,
    /// What was in flight when the connection was lost, until it is resolved.
    stranded: Vec<Stranded>,
    /// Tables whose triggers or rules may make other rows of ours: what stands there then proves
    /// nothing.
    watched: HashSet<TableId>,
    /// Since when the server has forgotten nothing: changes with each start, and with each crash.
    era: Option<String>,
    /// Whether the server has begun a new era, and what it took back is not resolved yet.
    has_crashed: bool,
    /// How long after its acknowledgement a commit may not be on disk yet; `None` if each is:
    /// `synchronous_commit` is not `off`.
    lossy_for: Option<Duration>,
    /// The statements that are sent as text each time: all, or none.
    texts: HashMap<StatementId, Text>,
    /// The names of prepared statements, by number.
    names: Vec<String>,
    horizon: Horizon,
    /// Who is told the number of a transaction before its COMMIT is sent.
    numbers: Option<Numbers>,
}

#[derive(Debug)]
struct Open {
    stream: Transport,
    received: BytesMut,
    /// Where the socket writes to.
    space: Box<[u8]>,
    outgoing: Vec<u8>,
    written: usize,
    /// Whether actions may be sent: the statements are prepared, and nothing else was asked since.
    is_prepared: bool,
    /// The last error the server sent outside of an action, for the message when it hangs up.
    farewell: Option<ServerError>,
    /// The process that whoever answered says is at work for us.
    backend_pid: i32,
    /// The process that was at work for us first: another one than told, behind a pooler.
    session_pid: Option<i32>,
}

impl PostgresSink {
    /// Not connected yet: [`Sink::recover`] does that.
    pub fn new(options: PostgresOptions) -> Self {
        Self {
            texts: pooled::texts(&options),
            names: way::prepared_names(&options.statements),
            horizon: Horizon::new(&options),
            options,
            open: None,
            in_flight: VecDeque::new(),
            expected: VecDeque::new(),
            stranded: Vec::new(),
            watched: HashSet::new(),
            era: None,
            has_crashed: false,
            lossy_for: None,
            numbers: None,
        }
    }

    /// The best evidence that an action leaves.
    fn evidence_of(&self, action: &Action) -> Option<Evidence> {
        let is_free = !self.has_watched(action);
        is_free.then(|| evidence::of(&self.options.catalog, action)).flatten()
    }

    /// See [`Receipt`].
    fn horizon_of(&mut self, action: &Action) -> u64 {
        let number = self.horizon.of(&self.options.catalog, action);
        if self.has_watched(action) { 0 } else { number }
    }

    fn has_watched(&self, action: &Action) -> bool {
        let is_watched = |operation: &Operation| self.watched.contains(&operation.table);
        !self.watched.is_empty() && action.operations().iter().any(is_watched)
    }

    fn buffered(&self) -> usize {
        self.open.as_ref().map_or(0, |open| open.outgoing.len())
    }

    fn lose(&mut self, message: String) -> Lost {
        let farewell = self.open.take().and_then(|open| open.farewell);
        let message = farewell.map_or(message, |error| error.message);
        self.expected.clear();
        self.stranded.extend(self.in_flight.drain(..).map(|pending| Stranded {
            ticket: pending.ticket,
            is_uncommitted: pending.is_uncommitted(),
            xid: pending.xid,
            pid: pending.pid,
        }));
        self.horizon.forget();
        Lost { message, is_transient: true }
    }

    /// Writes what makes the transaction's number known before it ends. Returns how many answers
    /// come before the first that counts.
    fn write_begin(&mut self, is_durable: bool) -> u32 {
        self.write_own(way::BEGIN);
        if is_durable {
            self.write_own(way::DURABLE);
        }
        1 + u32::from(is_durable)
            + if self.options.is_pooled { self.write_settings(is_durable) } else { 0 }
    }

    /// Writes a statement of our own, which has no parameters.
    fn write_own(&mut self, (name, sql): way::Own) {
        let Some(open) = &mut self.open else { return };
        let name = if self.options.is_pooled {
            frames::parse(&mut open.outgoing, "", sql, &[]);
            ""
        } else {
            name
        };
        frames::execute(&mut open.outgoing, name, 0, |_| {});
    }

    fn write_operation(&mut self, action: &Action, operation: &Operation) {
        let Some(open) = &mut self.open else { return };
        let statement = self.options.catalog.statement(operation.statement);
        let values = action.values(operation);
        let name = match self.texts.get(&operation.statement) {
            Some(text) => text.parse(&mut open.outgoing),
            None => self.names.get(usize::from(operation.statement.0)).map_or("", String::as_str),
        };
        frames::execute(&mut open.outgoing, name, values.len(), |out| {
            for (value, kind) in values.iter().zip(&statement.parameters) {
                encode(*value, *kind, action, out);
            }
        });
        self.expected.push_back(operation.rows);
    }

    /// Takes replies until an action settles. `None` when more must be received first.
    fn take(&mut self, outcomes: &mut Vec<Outcome>) -> Result<Option<()>, String> {
        while let Some(open) = &mut self.open {
            let Some(reply) = frames::take(&mut open.received)? else { return Ok(None) };
            let Some(pending) = self.in_flight.front_mut() else {
                if let Reply::Error(error) = reply {
                    open.farewell = Some(error);
                }
                continue;
            };
            match reply {
                Reply::Complete(rows) if pending.transaction != Transaction::Ending => {
                    pending.count(rows, &mut self.expected);
                }
                Reply::Row(text) if pending.asks => {
                    pending.asks = false;
                    self.horizon.answered(text.as_deref());
                }
                Reply::Row(text) => {
                    pending.number(text.as_deref().unwrap_or_default());
                    if let Some((numbers, xid)) = self.numbers.as_ref().zip(pending.xid) {
                        numbers.note(pending.ticket, xid);
                    }
                }
                Reply::Error(error) => {
                    if error.is_fatal {
                        open.farewell = Some(error);
                    } else {
                        pending.error = Some(error);
                    }
                }
                Reply::Ready if pending.transaction == Transaction::Begun => {
                    pending.transaction = Transaction::Ending;
                    // Without its number its fate could not be asked for.
                    if pending.xid.is_none() {
                        pending.error.get_or_insert_with(numberless);
                    }
                    pending.is_committing = pending.error.is_none();
                    let end = if pending.is_committing { "COMMIT" } else { "ROLLBACK" };
                    frames::query(&mut open.outgoing, end);
                }
                Reply::Ready => {
                    let skipped = pending.operations - pending.next;
                    self.expected.drain(..(skipped as usize).min(self.expected.len()));
                    if let Some(done) = self.in_flight.pop_front() {
                        outcomes.push(done.outcome());
                        return Ok(Some(()));
                    }
                }
                Reply::Complete(_) | Reply::Other => {}
            }
        }
        Ok(None)
    }
}

impl Sink for PostgresSink {
    fn has_room(&self) -> bool {
        self.in_flight.len() < self.options.in_flight_max
            && self.in_flight.back().is_none_or(|last| last.transaction != Transaction::Begun)
    }

    fn submit(&mut self, ticket: Ticket, action: &Action) -> Receipt {
        let before = self.buffered();
        let has_evidence = self.evidence_of(action).is_some();
        let asks = self.horizon.asks();
        let horizon = self.horizon_of(action);
        let is_evident = has_evidence || horizon > 0;
        let is_plain = is_evident && !self.options.is_pooled;
        let transaction = if is_plain { Transaction::Plain } else { Transaction::Begun };
        // What could not be found again after a crash must not be lost in one.
        let is_durable = self.lossy_for.is_some() && !is_evident;
        let mut preamble = if is_plain { 0 } else { self.write_begin(is_durable) };
        if asks {
            self.write_own(horizon::QUESTION);
            preamble += 1;
        }
        preamble += self.write_messages(action);
        let copies = if self.is_copied(action) {
            self.write_copies(action)
        } else {
            action.operations().iter().for_each(|each| self.write_operation(action, each));
            Vec::new()
        };
        let operations = if copies.is_empty() { action.operations().len() } else { copies.len() };
        if !is_plain {
            self.write_own(way::XID);
        }
        if let Some(open) = &mut self.open {
            frames::sync(&mut open.outgoing);
        }
        self.in_flight.push_back(Pending {
            ticket,
            transaction,
            operations: u32::try_from(operations).unwrap_or(u32::MAX),
            copies,
            next: 0,
            preamble,
            shortfalls: Vec::new(),
            error: None,
            is_committing: false,
            xid: None,
            pid: None,
            asks,
        });
        let bytes = (self.buffered() - before) as u64;
        Receipt { bytes, horizon, is_numbered: !is_plain }
    }

    fn poll(
        &mut self,
        context: &mut Context<'_>,
        outcomes: &mut Vec<Outcome>,
    ) -> Poll<Result<(), Lost>> {
        if !self.open.as_ref().is_some_and(|open| open.is_prepared) {
            return Poll::Ready(Err(self.lose("the connection was not made".to_owned())));
        }
        let turned = ready!(self.turn(context, outcomes));
        Poll::Ready(turned.map_err(|message| self.lose(message)))
    }

    fn send(&mut self) {
        // Nobody is to be woken for the rest: `poll` comes next, and says what went wrong as well.
        let _ = self.flush(&mut Context::from_waker(Waker::noop()));
    }

    async fn recover(&mut self) -> Result<(), Lost> {
        self.make_way().await
    }

    async fn resolve(&mut self, ticket: Ticket, action: &Action) -> Result<Fate, Lost> {
        let fate = self.look(ticket, action).await?;
        self.stranded.retain(|stranded| stranded.ticket != ticket);
        Ok(fate)
    }

    fn inherit(&mut self, ticket: Ticket, left: Left) {
        let Left { is_numbered, number: xid } = left;
        let is_uncommitted = is_numbered && xid.is_none();
        self.stranded.push(Stranded { ticket, is_uncommitted, xid, pid: None });
    }

    fn tell_numbers(&mut self, to: Numbers) {
        self.numbers = Some(to);
    }

    fn lossy_for(&self) -> Option<Duration> {
        self.lossy_for
    }

    fn has_crashed(&self) -> bool {
        self.has_crashed
    }

    async fn make_durable(&mut self) -> Result<(), Lost> {
        if self.lossy_for.is_some() { self.flush_log().await } else { Ok(()) }
    }

    async fn prepare(&mut self) -> Result<(), Lost> {
        self.prepare_statements().await
    }

    async fn close(&mut self) {
        if let Some(open) = &mut self.open {
            frames::terminate(&mut open.outgoing);
            let _ = std::future::poll_fn(|context| self.flush(context)).await;
        }
        self.open = None;
    }
}
