//! When the way to a database is lost: a new one is made within limits, what was in flight is
//! resolved, and what proves absent is sent again before anything later of its lane.

use std::future::poll_fn;
use std::sync::atomic::Ordering;
use std::time::Duration;

use tokio::time::Instant;

use crate::engine::connection::Connection;
use crate::engine::destination::AnySink;
use crate::engine::flight::Flight;
use crate::engine::mending::Mending;
use crate::engine::mending::PAUSE_MIN;
use crate::engine::stop::Level;
use crate::measure::End;
use crate::observe::FactFate;
use crate::pace::nanoseconds;
use crate::sink::Fate;
use crate::sink::Lost;
use crate::sink::Sink;
use crate::sink::Ticket;

/// How long the first connection is tried: servers that start need a moment.
const FIRST_WITHIN: Duration = Duration::from_secs(15);

/// How an attempt to mend a way ended.
pub(super) enum Mended {
    /// It stands.
    Ready,
    /// It was lost again, and is tried again.
    Again,
    /// The run was told to end, or to end sooner: the way is left as it is.
    Stopped,
    /// It cannot be made: why.
    Failed(String),
}

impl Connection {
    /// Makes the first way. Returns whether it stands.
    pub(super) async fn first_way(&mut self, route: usize) -> bool {
        let mut stop = self.shared.job.stop.watch();
        self.mend_within(route, String::new(), FIRST_WITHIN);
        while let Some(mending) = &mut self.routes[route].mending {
            let (sink, made) = tokio::select! {
                made = poll_fn(|context| mending.poll(context)) => made,
                _ = stop.wait_for(|level| *level != Level::Run) => return false,
            };
            match self.mended(route, sink, made).await {
                Mended::Ready => return true,
                Mended::Again => {}
                Mended::Stopped => return false,
                Mended::Failed(why) => {
                    self.shared.job.stop.tell(Level::Cancel, End::SetUpFailed(why));
                    return false;
                }
            }
        }
        false
    }

    /// Begins to make a lost way again. What goes elsewhere goes on meanwhile.
    pub(super) fn mend(&mut self, route: usize, lost: Lost) {
        self.records.borrow_mut().recorder.worker().faults.lost += 1;
        self.shared.away.fetch_add(1, Ordering::Relaxed);
        let within = self.routes[route].destination.reconnect();
        self.mend_within(route, lost.message, within);
    }

    fn mend_within(&mut self, route: usize, why: String, within: Duration) {
        self.begin_mending(route, Instant::now() + within, Duration::ZERO, why);
    }

    fn begin_mending(&mut self, route: usize, until: Instant, pause: Duration, why: String) {
        let route = &mut self.routes[route];
        let sink = std::mem::replace(&mut route.sink, AnySink::Away);
        route.mending = Some(Mending::begin(sink, until, pause, why));
    }

    /// Takes a mended way back, or stops the run: what was in flight on it then stays unknown.
    pub(super) async fn take_way(&mut self, route: usize, sink: AnySink, made: Result<(), Lost>) {
        match self.mended(route, sink, made).await {
            Mended::Ready => {
                self.records.borrow_mut().recorder.worker().faults.mended += 1;
                self.shared.away.fetch_sub(1, Ordering::Relaxed);
                self.was_held_up();
            }
            Mended::Again | Mended::Stopped => {}
            Mended::Failed(why) => {
                let reason = format!("a connection was lost and not made again: {why}");
                self.shared.job.stop.tell(Level::Drain, End::Stopped(reason));
                self.give_up(route);
            }
        }
    }

    /// Resolves what was in flight on the old way, and makes the new one ready for actions.
    async fn mended(&mut self, route: usize, sink: AnySink, made: Result<(), Lost>) -> Mended {
        self.routes[route].sink = sink;
        let Some(mending) = self.routes[route].mending.take() else { return Mended::Stopped };
        let mut stop = self.shared.job.stop.watch();
        let before = *stop.borrow();
        let ready = async {
            made?;
            self.make_ready(route).await
        };
        let ready = tokio::select! {
            ready = ready => ready,
            _ = stop.wait_for(|level| *level > before) => return Mended::Stopped,
        };
        let Err(lost) = ready else { return Mended::Ready };
        if lost.is_transient && Instant::now() + PAUSE_MIN < mending.until {
            self.begin_mending(route, mending.until, PAUSE_MIN, lost.message);
            return Mended::Again;
        }
        Mended::Failed(if lost.message.is_empty() { mending.why } else { lost.message })
    }

    async fn make_ready(&mut self, route: usize) -> Result<(), Lost> {
        self.resolve_all(route).await?;
        self.routes[route].sink.prepare().await
    }

    /// Waits until no crash can take back any more what was acknowledged. If there is one now, what
    /// it took back is under way again afterwards.
    pub(super) async fn make_durable(&mut self) {
        for route in 0..self.routes.len() {
            if self.routes[route].is_dead || self.routes[route].mending.is_some() {
                continue;
            }
            match self.routes[route].sink.make_durable().await {
                Ok(()) => {
                    self.lanes.iter_mut().for_each(|lane| {
                        lane.fresh.forget(route);
                        if lane.fresh.is_empty() {
                            lane.born.clear();
                        }
                    });
                    self.batches.forget(route);
                }
                Err(lost) => self.mend(route, lost),
            }
        }
    }

    /// Slots that came due while there was no way were held up by the target, not by us.
    fn was_held_up(&mut self) {
        let now = self.shared.clock.now();
        self.lanes.iter_mut().for_each(|lane| lane.idle_since = now);
    }

    /// What is in flight on a way stays unknown, and nothing more goes there: what waited for it is
    /// not waited for.
    fn give_up(&mut self, route: usize) {
        self.routes[route].is_dead = true;
        self.routes[route].queue.clear();
        self.unknown_batches(route);
        self.drop_batches(Some(route), true);
        let now = self.shared.clock.now();
        for number in 0..self.lanes.len() {
            while let Some(flight) = &self.lanes[number].flight
                && flight.sink == route
            {
                self.settle_unfinished(number, now);
            }
        }
    }

    /// What was queued for a way that was given up is not waited for.
    pub(super) fn settle_queued(&mut self, route: usize) {
        while let Some(number) = self.routes[route].queue.pop_front() {
            self.settle_unfinished(number, self.shared.clock.now());
        }
    }

    /// Says of a lane's action what is known of it, as nothing more will be.
    pub(super) fn settle_unfinished(&mut self, number: usize, now: u64) {
        match &self.lanes[number].flight {
            Some(flight) if flight.is_submitted => self.unknown(number, now),
            Some(flight) if !flight.is_begun() => self.unsent(number),
            Some(_) => self.abandoned(number, now),
            None => {}
        }
    }

    pub(super) fn is_submitted(&self, number: usize, route: usize) -> bool {
        let flight = self.lanes[number].flight.as_ref();
        flight.is_some_and(|flight| flight.is_submitted && flight.sink == route)
    }

    /// Finds out about everything that was in flight on a way, and about what a crash may have taken
    /// back.
    pub(super) async fn resolve_all(&mut self, route: usize) -> Result<(), Lost> {
        self.resolve_flights(route).await?;
        self.resolve_batches(route).await?;
        let sink = &self.routes[route].sink;
        if sink.has_crashed() {
            self.records.borrow_mut().recorder.worker().faults.crashed += 1;
        }
        if let Some(lossy_for) = sink.lossy_for().filter(|_| sink.has_crashed()) {
            for number in 0..self.lanes.len() {
                self.take_back(number, route, lossy_for).await?;
            }
            self.take_back_batches(route, lossy_for).await?;
            // Also what it took back on another way goes before what this one has not seen.
            for number in 0..self.lanes.len() {
                if !self.lanes[number].again.is_empty() {
                    self.send_again_first(number);
                }
            }
        }
        Ok(())
    }

    /// Looks, the newest first, which acknowledged actions of a lane a crash took back: a crash takes
    /// the last ones, so the first that is found ends the search. They are sent again in order, before
    /// what comes later.
    async fn take_back(
        &mut self,
        number: usize,
        route: usize,
        lossy_for: Duration,
    ) -> Result<(), Lost> {
        // The crash came after this; what was acknowledged long before it was on disk.
        let last = self.lanes[number].fresh.newest(route).map_or(0, |fresh| fresh.at);
        let mut is_any = false;
        while let Some(newest) = self.lanes[number].fresh.newest(route) {
            let mut flight = newest.flight();
            flight.render(&self.shared.job.world, &mut self.action);
            // No action in flight has this ticket: it is looked for by its evidence.
            let fate = self.routes[route].sink.resolve(Ticket::MAX, &self.action).await?;
            if fate == Fate::Committed {
                break;
            }
            self.lanes[number].fresh.take_newest(route);
            flight.note_effects(&self.action);
            self.tell(number, &flight, self.shared.clock.now(), || FactFate::TakenBack);
            let mut records = self.records.borrow_mut();
            records.account.taken_back(&flight.effects);
            let stream = usize::from(flight.decision.stream);
            let stream = records.recorder.stream(stream);
            stream.at(flight.stamps.due()).counters.lost_after_ack += 1;
            drop(records);
            self.lanes[number].again.push_front(flight);
            is_any = true;
        }
        let lane = &self.lanes[number];
        let earliest = last.saturating_sub(nanoseconds(lossy_for));
        let has_forgotten = lane.fresh.forgotten(route).is_some_and(|at| at >= earliest);
        if has_forgotten && is_any && lane.fresh.newest(route).is_none() {
            let reason = "a crash took back more than is kept in mind: what was acknowledged before \
                          that is not judged; use more lanes, or `synchronous_commit: on`";
            self.shared.job.stop.tell(Level::Drain, End::Stopped(reason.to_owned()));
        }
        Ok(())
    }

    /// What was taken back goes before what the lane is about to send, in the order in which it was
    /// decided, whatever ways it goes. An action that is in flight is let alone: what was taken back
    /// follows it.
    fn send_again_first(&mut self, number: usize) {
        let lane = &mut self.lanes[number];
        let mut waiting = lane.flight.take_if(|flight| !flight.is_submitted);
        let is_away = lane.flight.is_some();
        // What rests is in no queue.
        let rested = waiting.as_mut().and_then(|flight| flight.rests_until.take());
        let queued_at = waiting.as_ref().filter(|_| rested.is_none()).map(|flight| flight.sink);
        lane.again.extend(waiting);
        let order = |flight: &Flight| (flight.decision.at_us, flight.part);
        lane.again.make_contiguous().sort_by_key(order);
        self.note_waiting(number);
        if is_away {
            return;
        }
        let lane = &mut self.lanes[number];
        lane.flight = lane.again.pop_front();
        let Some(goes_to) = lane.flight.as_ref().map(|flight| flight.sink) else { return };
        if queued_at == Some(goes_to) {
            return;
        }
        if let Some(elsewhere) = queued_at {
            self.routes[elsewhere].queue.retain(|other| *other != number);
        }
        self.routes[goes_to].queue.push_back(number);
    }

    async fn resolve_flights(&mut self, route: usize) -> Result<(), Lost> {
        for number in 0..self.lanes.len() {
            if !self.is_submitted(number, route) {
                continue;
            }
            let Some(flight) = &mut self.lanes[number].flight else { continue };
            flight.render(&self.shared.job.world, &mut self.action);
            let ticket = u32::try_from(number).unwrap_or(u32::MAX);
            let fate = self.routes[route].sink.resolve(ticket, &self.action).await?;
            if flight.is_adopted() {
                self.adopt(number, fate);
                continue;
            }
            let mut records = self.records.borrow_mut();
            match fate {
                Fate::Committed => {
                    records.account.resolved_committed += 1;
                    drop(records);
                    self.acknowledged(number, &[], self.shared.clock.now());
                }
                Fate::Absent => {
                    records.account.resolved_absent += 1;
                    flight.is_submitted = false;
                    self.routes[route].queue.push_back(number);
                }
            }
        }
        Ok(())
    }
}
