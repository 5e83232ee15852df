//! Rows of many slots on their way in one transaction: only inserts whose rows nothing in the run
//! refers to, so that any number of a lane may be under way.

use std::collections::VecDeque;
use std::time::Duration;

use crate::action::Action;
use crate::engine::account::Effect;
use crate::generate::Decision;
use crate::generate::World;
use crate::measure::ErrorClass;
use crate::measure::Stamps;
use crate::pace::nanoseconds;
use crate::sink::Ticket;

/// Set in the tickets of batches; those of lanes are their numbers.
const BATCH: Ticket = 1 << 31;
/// So many batches may wait for room on their way before no more slots are taken.
const WAITING_MAX: usize = 2;
/// So many rows may be in flight on a way, or two batches.
const ROWS_IN_FLIGHT_MAX: usize = 1 << 14;
/// So many acknowledged rows are kept in mind over all connections: some 40 MB.
const FRESH_MAX: usize = 1 << 19;

/// Slots that commit together.
#[derive(Debug)]
pub(super) struct Batch {
    pub(super) stream: u16,
    /// Which of the connection's sinks it goes to.
    pub(super) sink: usize,
    pub(super) rows: Vec<Row>,
    /// What they do, noted when it was last sent.
    pub(super) effects: Vec<Effect>,
    /// When the first of them was taken.
    opened_ns: u64,
    /// Its place among all of its connection; 0 while it is open. Both halves of one have the same.
    pub(super) order: u64,
    /// Attempts so far.
    pub(super) tries: u32,
    /// How often it lost against another transaction.
    pub(super) losses: u32,
    /// What its last attempt ended by, if the server refused it.
    pub(super) refusal: Option<ErrorClass>,
    /// When its rows were first sent.
    pub(super) sent: u64,
    /// When they were last sent, if anybody observes.
    pub(super) submitted_ns: u64,
    /// A crash took it back after it had been acknowledged and recorded.
    pub(super) was_acknowledged: bool,
    /// Until when it rests, on the run's clock, before it is tried again; 0 if it does not.
    pub(super) rests_until: u64,
}

/// One slot of a batch: an action, which is a row or some.
#[derive(Debug)]
pub(super) struct Row {
    /// The lane's number on its connection.
    pub(super) lane: u32,
    pub(super) decision: Decision,
    pub(super) intended: Option<u64>,
    pub(super) picked: u64,
}

impl Row {
    /// When it was due; in an unlimited stream, when it was picked.
    pub(super) fn due(&self) -> u64 {
        self.intended.unwrap_or(self.picked)
    }

    /// Its four stamps, as part of a batch sent and answered then.
    pub(super) fn stamps(&self, sent: u64, acknowledged: u64) -> Stamps {
        Stamps {
            intended: self.intended,
            picked: self.picked,
            sent,
            acknowledged,
            is_closed: false,
        }
    }
}

impl Batch {
    /// Fills `action` with what is to be sent, or looked for.
    pub(super) fn render(&self, world: &World, action: &mut Action) {
        action.clear();
        for row in &self.rows {
            world.render_more(&row.decision, action);
            action.end_origin();
        }
        action.is_batch = true;
    }

    /// Both halves, of one that was refused: the row that is to blame is in one of them.
    fn halves(mut self) -> (Self, Self) {
        let second = self.rows.split_off(self.rows.len() / 2);
        let first = std::mem::take(&mut self.rows);
        (self.like(first), self.like(second))
    }

    fn like(&self, rows: Vec<Row>) -> Self {
        Self { rows, effects: Vec::new(), losses: 0, ..*self }
    }
}

/// A lane that waits until fewer batches do.
#[derive(Debug, Clone, Copy)]
pub(super) struct WaitingLane {
    pub(super) lane: usize,
    /// The stream of its next slot.
    pub(super) stream: u16,
}

/// The batches of a connection.
#[derive(Debug, Default)]
pub(super) struct Batches {
    /// Being gathered: one for each stream and sink.
    open: Vec<Batch>,
    /// Ready to be sent, in order.
    waiting: VecDeque<Batch>,
    /// By their tickets.
    in_flight: Vec<Option<Batch>>,
    /// Lanes that have slots to take, and wait until fewer batches do.
    pub(super) held: Vec<WaitingLane>,
    /// Acknowledged ones that a crash of the server could still take back, oldest first.
    fresh: VecDeque<(u64, Batch)>,
    fresh_rows: usize,
    /// When the newest was acknowledged of those that are not kept in mind, though a crash could
    /// still have taken them back.
    pub(super) forgotten: Option<u64>,
    last_order: u64,
}

impl Batches {
    /// Whether a ticket is a batch's.
    pub(super) fn has(ticket: Ticket) -> bool {
        ticket & BATCH != 0 && ticket != Ticket::MAX
    }

    /// Whether no more slots are to be taken for now that may go one of these ways.
    pub(super) fn is_full(&self, sinks: impl IntoIterator<Item = usize>) -> bool {
        if self.waiting.len() < WAITING_MAX {
            return false;
        }
        let waiting = |sink: usize| self.waiting.iter().filter(|batch| batch.sink == sink).count();
        sinks.into_iter().any(|sink| waiting(sink) >= WAITING_MAX)
    }

    /// Whether there is nothing at all under way.
    pub(super) fn is_quiet(&self) -> bool {
        self.open.is_empty()
            && self.waiting.is_empty()
            && self.held.is_empty()
            && self.in_flight.iter().all(Option::is_none)
    }

    /// Adds a row to the batch of its stream and sink, of at most `most` rows.
    pub(super) fn add(&mut self, row: Row, sink: usize, most: usize, now: u64) {
        let stream = row.decision.stream;
        let is_its = |batch: &Batch| (batch.stream, batch.sink) == (stream, sink);
        let at = self.open.iter().position(is_its).unwrap_or_else(|| {
            self.open.push(Batch {
                stream,
                sink,
                rows: Vec::with_capacity(most),
                effects: Vec::new(),
                opened_ns: now,
                order: 0,
                tries: 0,
                losses: 0,
                refusal: None,
                sent: 0,
                submitted_ns: 0,
                was_acknowledged: false,
                rests_until: 0,
            });
            self.open.len() - 1
        });
        self.open[at].rows.push(row);
        if self.open[at].rows.len() >= most {
            self.shut(at);
        }
    }

    /// An open one is ready to be sent.
    fn shut(&mut self, at: usize) {
        let mut batch = self.open.swap_remove(at);
        self.last_order += 1;
        batch.order = self.last_order;
        self.waiting.push_back(batch);
    }

    /// When the next open one is to be sent as it is, by how long each stream's may linger, or one has
    /// rested: after `now`.
    pub(super) fn ready_at(&self, linger: impl Fn(u16) -> Duration, now: u64) -> Option<u64> {
        let until =
            |batch: &Batch| batch.opened_ns.saturating_add(nanoseconds(linger(batch.stream)));
        let rested = self.waiting.iter().map(|batch| batch.rests_until).filter(|at| *at > now);
        self.open.iter().map(until).chain(rested).min()
    }

    /// Nothing more can come: all are ready to be sent as they are.
    pub(super) fn shut_all(&mut self) {
        while !self.open.is_empty() {
            self.shut(0);
        }
    }

    /// Those that have lingered long enough are ready to be sent.
    pub(super) fn shut_lingering(&mut self, linger: impl Fn(u16) -> Duration, now: u64) {
        while let Some(at) = self.open.iter().position(|batch| {
            batch.opened_ns.saturating_add(nanoseconds(linger(batch.stream))) <= now
        }) {
            self.shut(at);
        }
    }

    /// The next to be sent on a way, if there may be one more in flight. What rests is left out.
    pub(super) fn next(&mut self, sink: usize, now: u64) -> Option<Batch> {
        let is_ready = |batch: &Batch| batch.sink == sink && batch.rests_until <= now;
        let at = self.waiting.iter().position(is_ready)?;
        let there = self.in_flight.iter().flatten().filter(|batch| batch.sink == sink);
        let (count, rows) =
            there.fold((0, 0), |(count, rows), batch| (count + 1, rows + batch.rows.len()));
        let has_room = count < 2 || rows + self.waiting[at].rows.len() <= ROWS_IN_FLIGHT_MAX;
        if has_room { self.waiting.remove(at) } else { None }
    }

    /// Notes one as in flight. Returns its ticket.
    pub(super) fn depart(&mut self, batch: Batch) -> Ticket {
        let free = self.in_flight.iter().position(Option::is_none);
        let at = free.unwrap_or(self.in_flight.len());
        if at == self.in_flight.len() {
            self.in_flight.push(None);
        }
        self.in_flight[at] = Some(batch);
        BATCH | u32::try_from(at).unwrap_or(0)
    }

    /// The one of a ticket, in flight.
    pub(super) fn get(&mut self, ticket: Ticket) -> Option<&mut Batch> {
        self.in_flight.get_mut((ticket & !BATCH) as usize)?.as_mut()
    }

    /// Takes the one of a ticket, which is in flight no more.
    pub(super) fn arrive(&mut self, ticket: Ticket) -> Option<Batch> {
        self.in_flight.get_mut((ticket & !BATCH) as usize)?.take()
    }

    /// The tickets of those in flight on a way.
    pub(super) fn tickets(&self, sink: usize) -> Vec<Ticket> {
        let is_its = |batch: &Option<Batch>| batch.as_ref().is_some_and(|batch| batch.sink == sink);
        let numbers = self.in_flight.iter().zip(0..).filter(|(batch, _)| is_its(batch));
        numbers.map(|(_, at): (_, Ticket)| BATCH | at).collect()
    }

    /// One is to be sent again, before what comes behind it.
    pub(super) fn again(&mut self, batch: Batch) {
        let at = self.waiting.partition_point(|other| other.order < batch.order);
        self.waiting.insert(at, batch);
    }

    /// One that was refused is to be sent again in halves.
    pub(super) fn again_in_halves(&mut self, batch: Batch) {
        let (first, second) = batch.halves();
        self.again(second);
        self.again(first);
    }

    /// Takes all that are not in flight; of one way, or of all.
    pub(super) fn take_unsent(&mut self, sink: Option<usize>) -> Vec<Batch> {
        let all = self.waiting.drain(..).chain(self.open.drain(..));
        let (taken, left): (Vec<_>, Vec<_>) =
            all.partition(|batch| sink.is_none_or(|sink| batch.sink == sink));
        let (open, waiting): (Vec<_>, Vec<_>) =
            left.into_iter().partition(|batch| batch.order == 0);
        self.open.extend(open);
        self.waiting.extend(waiting);
        taken
    }

    /// Keeps an acknowledged one in mind for as long as a crash may take it back: it is one of so
    /// many connections.
    pub(super) fn remember(
        &mut self,
        batch: Batch,
        now: u64,
        lossy_for: Duration,
        connections: usize,
    ) {
        let most = FRESH_MAX / connections.max(1);
        let lossy_ns = nanoseconds(lossy_for);
        let sink = batch.sink;
        self.fresh_rows += batch.rows.len();
        self.fresh.push_back((now, batch));
        // That a server has answered since shows that what it acknowledged long before is on disk; of the
        // others, which may be away, it says nothing.
        while let Some(oldest) = self.fresh.iter().position(|(_, batch)| batch.sink == sink)
            && now.saturating_sub(self.fresh[oldest].0) > lossy_ns
        {
            self.drop_fresh(oldest);
        }
        while self.fresh_rows > most
            && let Some(at) = self.fresh.front().map(|(at, _)| *at)
        {
            self.forgotten = Some(at);
            self.drop_fresh(0);
        }
    }

    fn drop_fresh(&mut self, place: usize) {
        if let Some((_, batch)) = self.fresh.remove(place) {
            self.fresh_rows -= batch.rows.len();
        }
    }

    /// The newest on a way that are kept in mind, and when it was acknowledged.
    pub(super) fn newest(&self, sink: usize) -> Option<&(u64, Batch)> {
        self.fresh.iter().rev().find(|(_, batch)| batch.sink == sink)
    }

    /// Takes that.
    pub(super) fn take_newest(&mut self, sink: usize) -> Option<Batch> {
        let at = self.fresh.iter().rposition(|(_, batch)| batch.sink == sink)?;
        let (_, batch) = self.fresh.remove(at)?;
        self.fresh_rows -= batch.rows.len();
        Some(batch)
    }

    /// No crash can take back any more what was acknowledged on a way.
    pub(super) fn forget(&mut self, sink: usize) {
        self.fresh.retain(|(_, batch)| batch.sink != sink);
        self.fresh_rows = self.fresh.iter().map(|(_, batch)| batch.rows.len()).sum();
    }
}
