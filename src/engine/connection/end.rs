//! The end of a connection: what is in flight settles within the drain time, what was due and not
//! sent is counted, and how far each lane got is noted.

use std::collections::VecDeque;
use std::time::Duration;

use crate::engine::backlog::count_due;
use crate::engine::connection::Connection;
use crate::engine::connection::Period;
use crate::engine::flight::Flight;
use crate::engine::stop::Level;
use crate::sink::Sink;

/// How long leave-taking may take.
const CLOSE_TIMEOUT: Duration = Duration::from_secs(2);
/// The same once the run is cancelled.
const CLOSE_AT_ONCE: Duration = Duration::from_millis(250);
/// How long is tried to find out about what was in flight on a way when the drain time was over.
const LAST_LOOK: Duration = Duration::from_secs(5);
/// The same once the run is cancelled: a server that is there needs less.
const LAST_GLANCE: Duration = Duration::from_millis(1500);

impl Connection {
    /// Ends it, whatever state it is in.
    pub(super) async fn end(&mut self) {
        let stopped = self.shared.job.stop.level() != Level::Run;
        if stopped {
            self.shared.job.stop.seen(self.shared.clock.now());
            self.drop_queues();
            self.drain().await;
        }
        let now = self.shared.clock.now();
        (0..self.lanes.len()).for_each(|number| self.end_session(number, now));
        self.count_unfinished();
        for route in &mut self.routes {
            let is_cancelled = self.shared.job.stop.level() == Level::Cancel;
            let within = if is_cancelled { CLOSE_AT_ONCE } else { CLOSE_TIMEOUT };
            let _ = tokio::time::timeout(within, route.sink.close()).await;
        }
        let mut records = self.records.borrow_mut();
        for lane in &mut self.lanes {
            // What was to follow in a session is not begun when the session has ended.
            for due in lane.lane.waiting().filter(|_| lane.session.is_some()) {
                records.recorder.stream(usize::from(due.stream)).counters.after_end += 1;
            }
            if let Some(stopped_at) = lane.stopped_at.take() {
                // The run ended before it stood there again.
                records.account.lanes.push(stopped_at);
                continue;
            }
            lane.account.next = lane.lane.position().collect();
            lane.account.decided = lane.lane.decided();
            lane.account.planned_ns = lane.lane.planned_ns();
            records.account.lanes.push(std::mem::take(&mut lane.account));
        }
    }

    /// What was decided and waits for room is not sent any more.
    fn drop_queues(&mut self) {
        self.agenda.clear();
        self.drop_batches(None, false);
        self.release_held_events();
        for number in 0..self.lanes.len() {
            if self.lanes[number].flight.as_ref().is_some_and(|flight| !flight.is_begun()) {
                self.unsent(number);
            }
            // What an earlier run left is as unsent as it was.
            let waiting = std::mem::take(&mut self.lanes[number].again);
            let (begun, unsent): (VecDeque<Flight>, VecDeque<Flight>) =
                waiting.into_iter().partition(Flight::is_begun);
            self.lanes[number].again = begun;
            for flight in &unsent {
                self.unsent_flight(number, flight);
            }
        }
        self.routes.iter_mut().for_each(|route| {
            let lanes = &self.lanes;
            route.queue.retain(|number| lanes[*number].flight.is_some());
        });
    }

    /// Waits for what is in flight, and sends again what must be, until the drain time is over or
    /// the run is cancelled.
    async fn drain(&mut self) {
        let drain = self.shared.job.scenario.load.drain;
        let until = self.shared.clock.now().saturating_add(crate::pace::nanoseconds(drain));
        while !self.is_quiet() && self.shared.job.stop.level() != Level::Cancel {
            let left = until.saturating_sub(self.shared.clock.now());
            if left == 0 {
                break;
            }
            self.fill();
            let _ = tokio::time::timeout(Duration::from_nanos(left), self.wait()).await;
        }
        for route in 0..self.routes.len() {
            // Each has its own time: one that is away takes nothing from the others.
            let is_cancelled = self.shared.job.stop.level() == Level::Cancel;
            let within = if is_cancelled { LAST_GLANCE } else { LAST_LOOK };
            let _ = tokio::time::timeout(within, self.look_once(route)).await;
        }
        self.last_events().await;
        (0..self.routes.len()).for_each(|route| self.unknown_batches(route));
        self.unknown_events();
        self.drop_batches(None, true);
        let now = self.shared.clock.now();
        for number in 0..self.lanes.len() {
            // One after the other: behind it may wait what a crash took back.
            while self.lanes[number].flight.is_some() {
                self.settle_unfinished(number, now);
            }
        }
    }

    /// Cuts what is still in flight on a way, and looks what became of it, and of what a crash may
    /// have taken back.
    async fn look_once(&mut self, route: usize) {
        let was_lost = self.reclaim(route).await;
        if self.routes[route].is_dead {
            return;
        }
        let is_busy = (0..self.lanes.len()).any(|number| self.is_submitted(number, route))
            || !self.batches.tickets(route).is_empty();
        let sink = &mut self.routes[route].sink;
        if !was_lost && !is_busy && sink.make_durable().await.is_ok() {
            return;
        }
        let is_of_use = is_busy || sink.lossy_for().is_some();
        if is_of_use && sink.recover().await.is_ok() {
            let _ = self.resolve_all(route).await;
        }
    }

    /// Breaks off the mending of a way. Returns whether there was any.
    async fn reclaim(&mut self, route: usize) -> bool {
        let Some(mending) = self.routes[route].mending.take() else { return false };
        self.routes[route].sink = mending.break_off().await;
        true
    }

    /// Slots that came due before the run was stopped, and were never taken.
    fn count_unfinished(&mut self) {
        let Some(stopped) = self.shared.job.stop.at() else { return };
        let Period::Measuring(began) = self.period else { return };
        let world = std::sync::Arc::clone(&self.shared.job.world);
        let mut records = self.records.borrow_mut();
        for lane in &self.lanes {
            let group = &world.groups[lane.account.group];
            for (stream, next) in group.iter().zip(lane.lane.position()) {
                let plan = world.plan(*stream);
                let horizon = plan.boundary_ns().saturating_add(stopped.saturating_sub(began));
                let Some(next) = next.filter(|_| plan.is_open()) else { continue };
                let recorder = records.recorder.stream(*stream);
                let mut before = 0;
                // Each named segment counts its own.
                for edge in recorder.edges().into_iter().chain([u64::MAX]) {
                    let end =
                        plan.boundary_ns().saturating_add(edge).saturating_sub(1).min(horizon);
                    let count = count_due(plan, (next, lane.lane.lanes()), end);
                    let counters = &mut recorder.at(began.saturating_add(edge - 1)).counters;
                    counters.scheduled += count.saturating_sub(before);
                    counters.unfinished += count.saturating_sub(before);
                    before = before.max(count);
                }
            }
            for due in lane.lane.waiting() {
                let plan = world.plan_of(due.stream);
                let horizon = plan.boundary_ns().saturating_add(stopped.saturating_sub(began));
                if plan.is_open() && due.planned_ns <= horizon {
                    let stream = usize::from(due.stream);
                    let intended = began + due.planned_ns.saturating_sub(plan.boundary_ns());
                    let counters = &mut records.recorder.stream(stream).at(intended).counters;
                    counters.scheduled += 1;
                    counters.unfinished += 1;
                }
            }
        }
    }
}
