//! What a connection waits for: outcomes, the next due slot, the gates, and always also a stop.

use std::future::poll_fn;
use std::task::Poll;
use std::time::Duration;

use crate::engine::connection::Connection;
use crate::engine::connection::Period;
use crate::engine::destination::AnySink;
use crate::engine::stop::Level;
use crate::pace::Plan;
use crate::pace::nanoseconds;
use crate::sink::Lost;
use crate::sink::Sink;

/// So long before the moment at which a run is to begin its connections are told of it.
const NEAR_NS: u64 = 200_000_000;

/// How often a connection that is held up looks whether it still is.
const HELD_NS: u64 = 100_000_000;

/// Why a connection woke.
enum Event {
    Outcomes,
    Due,
    Lost(usize, Lost),
    /// A lost way was made again, or cannot be.
    Mended(usize, AnySink, Result<(), Lost>),
    /// The run is told to end.
    Stop,
}

impl Connection {
    /// Waits for the next thing to happen, and settles what has happened.
    pub(super) async fn wait(&mut self) {
        self.tell_backlog();
        self.write_notes();
        let later = self.events.acts.next();
        let next = [self.agenda.next(), self.batch_ready_at(), self.next_rested(), later];
        let next = next.into_iter().chain([self.next_unheld()]).flatten().min();
        if next.is_none() && !self.has_work() {
            return;
        }
        let Self { routes, sleeper, outcomes, stop, .. } = self;
        let event = poll_fn(|context| {
            let before = outcomes.len();
            for (number, route) in routes.iter_mut().enumerate().filter(|(_, route)| !route.is_dead)
            {
                if let Some(mending) = &mut route.mending {
                    if let Poll::Ready((sink, made)) = mending.poll(context) {
                        return Poll::Ready(Event::Mended(number, sink, made));
                    }
                    continue;
                }
                if let Poll::Ready(Err(lost)) = route.sink.poll(context, outcomes) {
                    return Poll::Ready(Event::Lost(number, lost));
                }
            }
            if outcomes.len() > before {
                return Poll::Ready(Event::Outcomes);
            }
            if stop.poll(context).is_ready() {
                return Poll::Ready(Event::Stop);
            }
            sleeper.poll(next, context).map(|()| Event::Due)
        });
        let event = event.await;
        if !self.outcomes.is_empty() {
            let received = self.shared.clock.now();
            if matches!(event, Event::Outcomes) {
                self.keep_busy();
            }
            self.settle_outcomes(received);
        }
        match event {
            Event::Lost(route, lost) => self.mend(route, lost),
            Event::Mended(route, sink, made) => self.take_way(route, sink, made).await,
            Event::Due | Event::Outcomes | Event::Stop => {}
        }
    }

    /// While something waits because a server keeps too much of its log: when that is looked at again.
    fn next_unheld(&self) -> Option<u64> {
        let is_held = (0..self.routes.len()).any(|route| self.shared.job.guard.holds(route));
        (is_held && self.has_work()).then(|| self.shared.clock.now() + HELD_NS)
    }

    /// Sends what waited for room, before what made the room is settled: so the target works
    /// meanwhile.
    fn keep_busy(&mut self) {
        for route in 0..self.routes.len() {
            if self.fill_route(route) {
                self.write_notes();
                self.routes[route].sink.send();
            }
        }
    }

    /// Whether every lane has come to its end and nothing is under way.
    pub(super) fn is_done(&self) -> bool {
        // Whoever has nothing to do in the warm-up is waited for at its end all the same.
        let is_warming = matches!(self.period, Period::WarmUp(_));
        // A way that is being made may show that something must be sent again.
        let is_mending = self.routes.iter().any(|route| route.mending.is_some());
        !is_warming && !is_mending && self.agenda.is_empty() && self.is_quiet()
    }

    pub(super) fn is_quiet(&self) -> bool {
        self.batches.is_quiet()
            && self.events.is_quiet()
            && self.lanes.iter().all(|lane| lane.flight.is_none() && lane.again.is_empty())
    }

    /// Whether its warm-up is over.
    pub(super) fn is_settled(&self) -> bool {
        matches!(self.period, Period::WarmUp(_)) && self.agenda.is_empty() && self.is_quiet()
    }

    fn has_work(&self) -> bool {
        !self.batches.is_quiet()
            || !self.events.is_quiet()
            || self.lanes.iter().any(|lane| lane.flight.is_some())
            || self.routes.iter().any(|route| route.mending.is_some())
    }

    /// Makes all ways. Returns whether the run may begin.
    pub(super) async fn connect(&mut self) -> bool {
        for route in 0..self.routes.len() {
            if !self.first_way(route).await {
                return false;
            }
        }
        true
    }

    /// Waits until all are connected and it is time, and puts all lanes on the agenda.
    pub(super) async fn begin(&mut self) {
        let shared = std::sync::Arc::clone(&self.shared);
        let begins_at = shared.job.begins_at.unwrap_or(0);
        if !self.nears(begins_at).await {
            return;
        }
        shared.ready.arrive(&shared.clock, begins_at);
        let Some(began) = self.opened(shared.ready.watch()).await else { return };
        if shared.job.scenario.load.warmup.is_zero() {
            self.measure_from(began);
        } else {
            self.period = Period::WarmUp(began);
            for number in 0..self.lanes.len() {
                self.begin_session_period(number);
                self.schedule(number, began);
            }
        }
    }

    /// Waits until everybody's warm-up has settled, and goes on measuring.
    pub(super) async fn pass_the_gate(&mut self) {
        let shared = std::sync::Arc::clone(&self.shared);
        shared.warm.arrive(&shared.clock, 0);
        let Some(began) = self.opened(shared.warm.watch()).await else { return };
        self.measure_from(began);
    }

    /// Waits until a moment is near. Returns whether the run may go on.
    async fn nears(&self, at: u64) -> bool {
        let left = at.saturating_sub(self.shared.clock.now()).saturating_sub(NEAR_NS);
        let mut stop = self.shared.job.stop.watch();
        let stopped = stop.wait_for(|level| *level != Level::Run);
        left == 0 || tokio::time::timeout(Duration::from_nanos(left), stopped).await.is_err()
    }

    fn measure_from(&mut self, began: u64) {
        let mut records = self.records.borrow_mut();
        if !records.recorder.is_measuring() {
            records.recorder.begin_measuring(began);
        }
        drop(records);
        self.period = Period::Measuring(began);
        for number in 0..self.lanes.len() {
            self.lanes[number].catch_up.forget();
            self.lanes[number].left = self.share_of_limit(number);
            self.begin_session_period(number);
            if !self.take_up(number, began) {
                self.schedule(number, began);
            }
        }
    }

    /// Waits until the last timetable is over: one may end with a pause.
    pub(super) async fn rest(&mut self) {
        let Period::Measuring(began) = self.period else { return };
        let world = &self.shared.job.world;
        let plans = (0..self.shared.job.scenario.load.streams.len()).map(|each| world.plan(each));
        let lengths = plans.filter(|plan| plan.is_open()).filter_map(Plan::measured);
        let end = began.saturating_add(lengths.max().map_or(0, nanoseconds));
        let left = Duration::from_nanos(end.saturating_sub(self.shared.clock.now()));
        let mut stop = self.shared.job.stop.watch();
        let _ = tokio::time::timeout(left, stop.wait_for(|level| *level != Level::Run)).await;
    }

    /// The limit of an unlimited or closed stream, dealt to the lanes.
    fn share_of_limit(&self, number: usize) -> Option<u64> {
        let lane = &self.lanes[number].lane;
        let plan = self.shared.job.world.plan_of(lane.peek()?.stream);
        let limit = plan.measured_slots().filter(|_| !plan.is_open())?;
        let (index, lanes) = (u64::from(lane.index()), u64::from(lane.lanes()));
        Some(limit.saturating_sub(index).div_ceil(lanes))
    }

    /// When a gate opened; `None` if the run ends first.
    async fn opened(&mut self, mut gate: tokio::sync::watch::Receiver<Option<u64>>) -> Option<u64> {
        let mut stop = self.shared.job.stop.watch();
        tokio::select! {
            opened = gate.wait_for(Option::is_some) => opened.ok().and_then(|opened| *opened),
            _ = stop.wait_for(|level| *level != Level::Run) => None,
        }
    }
}
