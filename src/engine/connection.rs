//! One connection's task: takes due slots of its lanes, sends, settles.
//!
//! ```text
//!   idle lane --due--> decide --> queued --room--> in flight --outcome--> idle lane
//!                        |                             |
//!                        +-- skipped, withheld --> idle +-- lost: recover, resolve, send again
//! ```

use std::cell::RefCell;
use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::collections::VecDeque;
use std::rc::Rc;
use std::sync::Arc;

use crate::action::Action;
use crate::engine::Destination;
use crate::engine::Shared;
use crate::engine::agenda::Agenda;
use crate::engine::alarm::Alarm;
use crate::engine::alarm::Sleeper;
use crate::engine::batch::Batches;
use crate::engine::destination::AnySink;
use crate::engine::events::Events;
use crate::engine::flight::Flight;
use crate::engine::flight::LaneRun;
use crate::engine::mending::Mending;
use crate::engine::stop::Level;
use crate::engine::stop::Listener;
use crate::engine::worker::Records;
use crate::generate::Decision;
use crate::generate::Lane;
use crate::generate::RowId;
use crate::generate::Turn;
use crate::generate::Unscheduled;
use crate::measure::Stamps;
use crate::scenario::LatePolicy;
use crate::scenario::Stream;
use crate::sink::Outcome;
use crate::sink::Sink;

mod acts;
mod batch;
mod end;
mod events;
mod late;
mod lost;
mod notes;
mod parts;
mod rest;
mod resume;
mod schedule;
mod sessions;
mod settle;
mod tell;
mod wait;

use notes::Notes;

/// Slots taken before what they became is sent.
const TURN_MAX: usize = 256;

/// A connection, its lanes, and what is under way.
#[derive(Debug)]
pub(super) struct Connection {
    shared: Arc<Shared>,
    /// Its number in the run.
    index: usize,
    /// Whether a stream's late policy wants to know how far behind it is.
    is_watched: bool,
    records: Rc<RefCell<Records>>,
    lanes: Vec<LaneRun>,
    agenda: Agenda,
    routes: Vec<Route>,
    /// Wakes it, some time after its time has come at most.
    sleeper: Sleeper,
    wake_ns: u64,
    stop: Listener,
    period: Period,
    /// Lanes whose action rests before it is tried again, by the end of the rest.
    resting: BinaryHeap<Reverse<(u64, usize)>>,
    outcomes: Vec<Outcome>,
    batches: Batches,
    events: Events,
    action: Action,
    rows: Vec<RowId>,
    /// Where it notes how far its lanes are, if anybody may want to go on from there.
    notes: Option<Rc<RefCell<Notes>>>,
}

/// A way to one of the databases, and the lanes that wait for room on it.
#[derive(Debug)]
struct Route {
    sink: AnySink,
    destination: Destination,
    queue: VecDeque<usize>,
    /// Set while it is being made again.
    mending: Option<Mending>,
    /// Set when it was given up.
    is_dead: bool,
}

/// Where a connection is in the run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Period {
    /// Warm-up, which began then.
    WarmUp(u64),
    /// The measured part, which began then.
    Measuring(u64),
}

/// Whether somebody must know at any time how late a stream is.
fn is_watched(stream: &Stream) -> bool {
    stream.late.policy == LatePolicy::Abort
}

impl Connection {
    /// Connection number `index` of the run, with its share of the lanes.
    pub(super) fn new(
        shared: &Arc<Shared>,
        records: &Rc<RefCell<Records>>,
        alarm: &Rc<Alarm>,
        index: usize,
    ) -> Self {
        let world = &shared.job.world;
        let mut lanes: Vec<LaneRun> = Vec::new();
        let mut is_needed = vec![false; shared.job.destinations.len()];
        for group in 0..world.groups.len() {
            let spread = shared.job.spread(group);
            let all = shared.job.shard.lanes(world.lanes_of(group)).enumerate();
            let mine = all.filter(|(place, _)| place % spread == index).map(|(_, lane)| lane);
            let mine: Vec<u32> = mine.collect();
            for way in world.ways_of(group) {
                is_needed[way] |= mine.iter().any(|lane| world.works_on(*lane, way));
            }
            let mine = mine.into_iter();
            lanes
                .extend(mine.map(|lane| LaneRun::new(world, Lane::new(world, group, lane), group)));
        }
        let destinations = shared.job.destinations.iter().zip(is_needed);
        let routes = destinations.map(|(destination, is_needed)| {
            // Where no lane goes, no connection is made.
            let destination = if is_needed { destination.clone() } else { Destination::Discard };
            let sink = destination.sink(index);
            Route { sink, destination, queue: VecDeque::new(), mending: None, is_dead: false }
        });
        Self {
            lanes,
            agenda: Agenda::default(),
            routes: routes.collect(),
            sleeper: alarm.sleeper(),
            wake_ns: alarm.wake_ns(),
            stop: shared.job.stop.listen(),
            period: Period::WarmUp(0),
            resting: BinaryHeap::new(),
            outcomes: Vec::new(),
            batches: Batches::default(),
            events: Events::new(shared.job.connections()),
            action: Action::default(),
            rows: Vec::new(),
            notes: None,
            records: Rc::clone(records),
            index,
            is_watched: shared.job.scenario.load.streams.iter().any(is_watched),
            shared: Arc::clone(shared),
        }
    }

    /// Runs it to its end.
    pub(super) async fn work(mut self) {
        if self.begin_lanes() && self.connect().await {
            self.begin().await;
            let mut turns = 0_u32;
            while self.shared.job.stop.level() == Level::Run && !self.is_done() {
                self.take_due();
                self.fill();
                self.wait().await;
                turns += 1;
                if turns.is_multiple_of(16) {
                    tokio::task::yield_now().await;
                }
                if self.is_settled() {
                    self.pass_the_gate().await;
                }
                if self.is_done() {
                    self.make_durable().await;
                }
            }
            self.rest().await;
        }
        self.end().await;
    }

    /// Brings the lanes to where they begin. Returns whether the run may.
    fn begin_lanes(&mut self) -> bool {
        let is_there = self.resume();
        if is_there {
            self.begin_notes();
        }
        is_there
    }

    /// Takes the slots that are due.
    fn take_due(&mut self) {
        let before = self.events.departed();
        for _ in 0..TURN_MAX {
            // Read again for each: what the ones before it took is our own lateness.
            if self.agenda.is_empty() || self.events.has_sent_enough(before) {
                return;
            }
            let now = self.shared.clock.now();
            let Some(number) = self.agenda.take(now) else { return };
            self.lanes[number].is_noted = false;
            self.take(number, now);
        }
    }

    fn take(&mut self, number: usize, now: u64) {
        if self.lanes[number].flight.is_some() {
            // It sends again what a crash took back; it comes onto the agenda when that is done.
            return;
        }
        let Some(due) = self.lanes[number].lane.peek() else { return };
        if !self.is_session_up(number, &due, now) {
            return;
        }
        if let Some(most) = self.batch_rows(due.stream) {
            return self.take_batched(number, most, now);
        }
        if self.is_event(due.stream) {
            return self.take_event(number, now);
        }
        if self.has_events(due.stream) && self.is_held(number, false) {
            return;
        }
        let intended = self.intended(&self.lanes[number], &due);
        let lane = &mut self.lanes[number];
        let Some(decision) = lane.lane.decide() else { return };
        if self.shared.job.world.stream_of(due.stream) == usize::from(due.stream) {
            lane.left = lane.left.map(|left| left.saturating_sub(1));
            lane.session.iter_mut().for_each(|session| session.asks(due.planned_ns));
        }
        let picked = lane.seen_at(intended.unwrap_or(now), now);
        lane.catch_up.took(due.planned_ns, now, self.wake_ns);
        let is_closed = lane.session.is_some();
        let stamps = Stamps { intended, picked, is_closed, ..Stamps::default() };
        if self.count_taken(number, &decision, (stamps.due(), false)) {
            self.begin_flight(number, decision, stamps, now);
        } else {
            self.go_on(number, now);
        }
    }

    /// Counts a slot that was decided, due at `due`. Returns whether it is to be sent.
    fn count_taken(
        &mut self,
        number: usize,
        decision: &Decision,
        (due, is_late): (u64, bool),
    ) -> bool {
        let mut records = self.records.borrow_mut();
        for (series, why) in self.lanes[number].lane.unscheduled() {
            let counters = &mut records.recorder.stream(usize::from(series)).counters;
            match why {
                Unscheduled::AfterEnd => counters.after_end += 1,
                Unscheduled::Crowded => counters.crowded_out += 1,
            }
        }
        let is_skipped = decision.turn == Turn::Skip;
        let counters = &mut records.recorder.stream(usize::from(decision.stream)).at(due).counters;
        counters.scheduled += 1;
        counters.fallbacks += u64::from(decision.turn == Turn::Fallback);
        counters.skipped += u64::from(is_late || is_skipped);
        counters.late += u64::from(is_late && !is_skipped);
        !is_late && !is_skipped
    }

    /// A lane that was held for want of room goes on.
    fn let_go(&mut self, number: usize, now: u64) {
        let lane = &mut self.lanes[number];
        lane.idle_since = now;
        lane.is_noted = false;
        self.schedule(number, now);
    }

    /// A decision that acts goes to its database, as soon as there is room.
    fn begin_flight(&mut self, number: usize, decision: Decision, stamps: Stamps, now: u64) {
        let flight = Flight::new(decision, stamps);
        debug_assert!(self.lanes[number].flight.is_none(), "a lane has one action under way");
        self.lanes[number].flight = Some(flight);
        if let Some(now) = self.too_late_at(number) {
            self.leave_out(number);
            return self.go_on(number, now);
        }
        if self.withhold(number) {
            return self.go_on(number, now);
        }
        let world = &self.shared.job.world;
        let Some(mut flight) = self.lanes[number].flight.take() else { return };
        // What is left of it may have no first part.
        let first = world.part_from(&flight.decision, 0).unwrap_or(0);
        if world.is_events(&flight.decision, first) {
            return self.lead_out(number, flight, first, now);
        }
        flight.turn_to(first, world);
        self.lanes[number].flight = Some(flight);
        self.queue(number);
    }

    /// A lane's action, or its next part, is to be sent as soon as there is room.
    fn queue(&mut self, number: usize) {
        self.doubt(number);
        let Some(sink) = self.lanes[number].flight.as_ref().map(|flight| flight.sink) else {
            return;
        };
        if self.routes[sink].queue.is_empty() && self.has_room(sink) {
            self.submit(sink, number);
        } else {
            self.routes[sink].queue.push_back(number);
        }
    }

    /// Nothing of a slot was sent: what comes next does not wait for an answer.
    fn go_on(&mut self, number: usize, now: u64) {
        if let Some(session) = &mut self.lanes[number].session {
            session.is_answered(now);
        }
        self.schedule(number, now);
    }

    /// Whether something may be sent on a way now.
    fn has_room(&self, route: usize) -> bool {
        let way = &self.routes[route];
        way.sink.has_room() && !way.is_dead && !self.shared.job.guard.holds(route)
    }

    /// Submits what is queued, as far as there is room.
    fn fill(&mut self) {
        self.wake_rested();
        for route in 0..self.routes.len() {
            self.fill_route(route);
        }
        self.fill_batches();
        self.send_later();
        self.fill_events();
    }

    /// Submits what waits for room on a route. Returns whether there was something.
    fn fill_route(&mut self, route: usize) -> bool {
        if self.routes[route].is_dead {
            self.settle_queued(route);
            return false;
        }
        let mut has_submitted = false;
        while self.has_room(route) {
            let Some(number) = self.routes[route].queue.pop_front() else { break };
            if let Some(now) = self.too_late_at(number) {
                self.leave_out(number);
                self.idle(number, now);
            } else {
                self.submit(route, number);
                has_submitted = true;
            }
        }
        has_submitted
    }

    fn submit(&mut self, route: usize, number: usize) {
        let Some(flight) = &mut self.lanes[number].flight else { return };
        flight.render(&self.shared.job.world, &mut self.action);
        let ticket = u32::try_from(number).unwrap_or(u32::MAX);
        let receipt = self.routes[route].sink.submit(ticket, &self.action);
        flight.horizon = receipt.horizon;
        flight.is_numbered = receipt.is_numbered;
        flight.note_effects(&self.action);
        let mut records = self.records.borrow_mut();
        records.account.handed_over(&flight.effects, receipt.bytes);
        let stream = records.recorder.stream(usize::from(flight.decision.stream));
        let counters = &mut stream.at(flight.stamps.due()).counters;
        counters.bytes += receipt.bytes;
        if !flight.is_begun() {
            flight.stamps.sent = self.shared.clock.now();
            counters.sent += 1;
        } else if flight.tries > 0 {
            counters.retries += 1;
            counters.retries_after.count(flight.refusal.take(), 1);
        }
        if flight.attempts == 0 {
            flight.submitted_ns = flight.stamps.sent;
        } else if self.shared.job.has_audience() {
            flight.submitted_ns = self.shared.clock.now();
        }
        flight.tries += 1;
        flight.attempts += 1;
        flight.is_submitted = true;
        drop(records);
        self.note_under_way(number);
    }
}
