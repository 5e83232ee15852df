//! Batches on a connection: gathered from the slots of its lanes, sent as one transaction, and settled
//! row by row. One that is refused is halved until the rows that are to blame stand alone.

use std::time::Duration;

use crate::engine::account::Effect;
use crate::engine::account::ExceptionKind;
use crate::engine::batch::Batch;
use crate::engine::batch::Batches;
use crate::engine::batch::Row;
use crate::engine::batch::WaitingLane;
use crate::engine::connection::Connection;
use crate::engine::connection::events::BURST;
use crate::engine::connection::rest::rest;
use crate::engine::connection::settle::TRIES_MAX;
use crate::engine::stop::Level;
use crate::generate::Due;
use crate::generate::Turn;
use crate::measure;
use crate::measure::End;
use crate::measure::ErrorClass;
use crate::observe::FactFate;
use crate::pace::nanoseconds;
use crate::sink::Failure;
use crate::sink::Fate;
use crate::sink::Lost;
use crate::sink::Outcome;
use crate::sink::Sink;
use crate::sink::Ticket;

impl Connection {
    /// Whether a lane's next slot goes into a batch, of how many rows at most.
    pub(super) fn batch_rows(&self, stream: u16) -> Option<usize> {
        // What follows an action is no stream, and is never batched.
        let stream = self.shared.job.scenario.load.streams.get(usize::from(stream))?;
        stream.batch.map(|batch| batch.rows)
    }

    fn linger(&self) -> impl Fn(u16) -> Duration + use<> {
        let scenario = std::sync::Arc::clone(&self.shared.job.scenario);
        move |stream| {
            let batch = scenario.load.streams[usize::from(stream)].batch;
            batch.map_or(Duration::ZERO, |batch| batch.linger)
        }
    }

    /// When the next batch is to be sent even if it is not full, or again.
    pub(super) fn batch_ready_at(&self) -> Option<u64> {
        if self.batches.is_quiet() {
            return None;
        }
        self.batches.ready_at(self.linger(), self.shared.clock.now())
    }

    /// Whether too many batches wait on the ways that a stream's may go.
    fn is_full(&self, stream: u16) -> bool {
        let mix = &self.shared.job.scenario.load.streams[usize::from(stream)].mix;
        self.batches.is_full(mix.iter().map(|entry| entry.domain))
    }

    /// Takes a lane's next slot into a batch; of an unlimited stream, several.
    pub(super) fn take_batched(&mut self, number: usize, most: usize, now: u64) {
        if let Some(Due { stream, .. }) = self.lanes[number].lane.peek()
            && self.is_full(stream)
        {
            self.batches.held.push(WaitingLane { lane: number, stream });
            self.lanes[number].is_noted = true;
            return;
        }
        for _ in 0..BURST {
            let Some(due) = self.lanes[number].lane.peek() else { break };
            let intended = self.intended(&self.lanes[number], &due);
            let lane = &mut self.lanes[number];
            if lane.left == Some(0) {
                break;
            }
            let Some(decision) = lane.lane.decide() else { break };
            if let Some(left) = &mut lane.left {
                *left -= 1;
            }
            let picked = lane.seen_at(intended.unwrap_or(now), now);
            lane.catch_up.took(due.planned_ns, now, self.wake_ns);
            let is_late = self.is_late(due.stream, intended, now);
            if self.count_taken(number, &decision, (intended.unwrap_or(picked), is_late)) {
                let sink = self.shared.job.world.way_of(&decision, 0);
                let lane = u32::try_from(number).unwrap_or(u32::MAX);
                self.batches.add(Row { lane, decision, intended, picked }, sink, most, now);
            } else if is_late && decision.turn != Turn::Skip {
                // Nothing in the run refers to its rows, so nothing is to be withheld.
                let account = &mut self.lanes[number].account;
                account.except(&decision, 0, ExceptionKind::Late);
                self.trace_nothing(&decision, 0);
                self.lanes[number].catch_up.forget();
            }
            if intended.is_some() || self.is_full(due.stream) {
                break;
            }
        }
        self.schedule(number, now);
    }

    /// Sends the batches that are ready, as far as there is room; lanes that waited for that go on.
    pub(super) fn fill_batches(&mut self) {
        if self.batches.is_quiet() {
            return;
        }
        let now = self.shared.clock.now();
        if self.agenda.is_empty() && self.batches.held.is_empty() {
            self.batches.shut_all();
        }
        self.batches.shut_lingering(self.linger(), now);
        for route in 0..self.routes.len() {
            while self.has_room(route) {
                let Some(batch) = self.batches.next(route, now) else { break };
                self.submit_batch(batch);
            }
        }
        if self.batches.held.is_empty() || self.shared.job.stop.level() != Level::Run {
            return;
        }
        let held = std::mem::take(&mut self.batches.held);
        let (full, free): (Vec<WaitingLane>, Vec<WaitingLane>) =
            held.into_iter().partition(|held| self.is_full(held.stream));
        self.batches.held = full;
        for held in free {
            self.let_go(held.lane, now);
        }
    }

    fn submit_batch(&mut self, mut batch: Batch) {
        batch.render(&self.shared.job.world, &mut self.action);
        batch.effects.clear();
        batch.effects.extend(self.action.operations().iter().map(Effect::from));
        let rows = batch.rows.len() as u64;
        let mut records = self.records.borrow_mut();
        let stream = records.recorder.stream(usize::from(batch.stream));
        stream.counters.batches += 1;
        stream.counters.batched += rows;
        if batch.tries == 0 {
            batch.sent = self.shared.clock.now();
            batch.submitted_ns = batch.sent;
        } else if self.shared.job.has_audience() {
            batch.submitted_ns = self.shared.clock.now();
        }
        let refusal = batch.refusal.take();
        for row in &batch.rows {
            let counters = &mut stream.at(row.due()).counters;
            if batch.tries == 0 {
                counters.sent += 1;
            } else {
                counters.retries += 1;
                counters.retries_after.count(refusal, 1);
            }
        }
        batch.tries += 1;
        let sink = batch.sink;
        // Bytes cannot be told apart by row: they count where the first of them does.
        let due = batch.rows.first().map_or(batch.sent, Row::due);
        let ticket = self.batches.depart(batch);
        stream.at(due).counters.bytes += self.routes[sink].sink.submit(ticket, &self.action).bytes;
    }

    /// Settles the outcome of a batch. Returns how many rows settled, and how many were refused for
    /// another reason than a constraint.
    pub(super) fn settle_batch(&mut self, outcome: Outcome, now: u64) -> (u64, u64) {
        let Some(mut batch) = self.batches.arrive(outcome.ticket) else { return (0, 0) };
        let rows = batch.rows.len() as u64;
        let failure = match outcome.result {
            Ok(shortfalls) => {
                self.acknowledged_batch(batch, &shortfalls, now);
                return (rows, 0);
            }
            Err(failure) => failure,
        };
        let passes = matches!(failure.class, ErrorClass::Serialization | ErrorClass::Deadlock);
        batch.losses += u32::from(passes);
        batch.refusal = Some(failure.class);
        // What is refused to one is refused to all.
        let is_anyones = matches!(
            failure.class,
            ErrorClass::Privilege
                | ErrorClass::Statement
                | ErrorClass::Connection
                | ErrorClass::DiskFull
        );
        if passes && batch.losses < TRIES_MAX {
            let who = usize::try_from(batch.order).unwrap_or(usize::MAX);
            batch.rests_until = now + rest(batch.losses, now, who);
            self.batches.again(batch);
            return (0, 0);
        }
        if rows > 1 && !is_anyones {
            self.batches.again_in_halves(batch);
            return (0, 0);
        }
        self.failed_batch(&batch, (&failure, ExceptionKind::Failed), now);
        (rows, if failure.class == ErrorClass::Constraint { 0 } else { rows })
    }

    fn acknowledged_batch(&mut self, batch: Batch, shortfalls: &[(u32, u32)], now: u64) {
        self.finish(&batch, measure::Outcome::Acknowledged, now);
        self.tell_batch(&batch, now, || {
            // Which of them fell short is not known.
            let is_whole = shortfalls.is_empty();
            if is_whole { FactFate::Committed(Vec::new()) } else { FactFate::Unknown }
        });
        self.records.borrow_mut().account.acknowledged(&batch.effects, shortfalls);
        if !shortfalls.is_empty() {
            // Which row fell short is not known; they are counted.
            return self.except_rows(
                &batch.rows[..shortfalls.len().min(batch.rows.len())],
                ExceptionKind::Short,
            );
        }
        if let Some(lossy_for) = self.routes[batch.sink].sink.lossy_for() {
            let connections = self.shared.job.connections();
            self.batches.remember(batch, now, lossy_for, connections);
        }
    }

    /// Records the outcome of every row, from its own due time.
    fn finish(&self, batch: &Batch, outcome: measure::Outcome<'_>, now: u64) {
        if batch.was_acknowledged {
            return;
        }
        let mut records = self.records.borrow_mut();
        let recorder = records.recorder.stream(usize::from(batch.stream));
        for row in &batch.rows {
            recorder.finished(&row.stamps(batch.sent, now), outcome);
        }
    }

    fn except_rows(&mut self, rows: &[Row], kind: ExceptionKind) {
        for row in rows {
            let account = &mut self.lanes[row.lane as usize].account;
            account.except(&row.decision, 0, kind);
            if !matches!(kind, ExceptionKind::Short | ExceptionKind::Unknown) {
                self.trace_nothing(&row.decision, 0);
            }
        }
    }

    fn failed_batch(
        &mut self,
        batch: &Batch,
        (failure, fate): (&Failure, ExceptionKind),
        now: u64,
    ) {
        let kind = measure::Failure {
            class: failure.class,
            code: &failure.code,
            message: &failure.message,
        };
        self.finish(batch, measure::Outcome::Failed(kind), now);
        self.records.borrow_mut().account.failed(&batch.effects);
        self.except_rows(&batch.rows, fate);
    }

    /// What is not in flight is not sent any more; of one way, or of all. `is_over` if what was sent
    /// before and is not there is not sent again either.
    pub(super) fn drop_batches(&mut self, route: Option<usize>, is_over: bool) {
        for held in std::mem::take(&mut self.batches.held) {
            self.lanes[held.lane].is_noted = false;
        }
        let now = self.shared.clock.now();
        for batch in self.batches.take_unsent(route) {
            if batch.tries == 0 {
                let mut records = self.records.borrow_mut();
                let stream = records.recorder.stream(usize::from(batch.stream));
                for row in &batch.rows {
                    stream.at(row.due()).counters.unfinished += 1;
                }
                drop(records);
                self.except_rows(&batch.rows, ExceptionKind::Unsent);
            } else if is_over {
                self.failed_batch(&batch, (&Self::ended(), ExceptionKind::Abandoned), now);
            } else {
                self.batches.again(batch);
            }
        }
    }

    /// Nobody can tell what became of the batches in flight on a way.
    pub(super) fn unknown_batches(&mut self, route: usize) {
        let now = self.shared.clock.now();
        for ticket in self.batches.tickets(route) {
            let Some(batch) = self.batches.arrive(ticket) else { continue };
            self.finish(&batch, measure::Outcome::Unknown, now);
            self.tell_batch(&batch, now, || FactFate::Unknown);
            self.records.borrow_mut().account.unknown(&batch.effects);
            self.except_rows(&batch.rows, ExceptionKind::Unknown);
        }
    }

    /// Finds out about every batch that was in flight on a way. Those that are not there are sent
    /// again before what comes behind them.
    pub(super) async fn resolve_batches(&mut self, route: usize) -> Result<(), Lost> {
        for ticket in self.batches.tickets(route) {
            let Some(batch) = self.batches.get(ticket) else { continue };
            batch.render(&self.shared.job.world, &mut self.action);
            let fate = self.routes[route].sink.resolve(ticket, &self.action).await?;
            let Some(batch) = self.batches.arrive(ticket) else { continue };
            let rows = batch.rows.len() as u64;
            let mut records = self.records.borrow_mut();
            match fate {
                Fate::Committed => {
                    records.account.resolved_committed += rows;
                    drop(records);
                    self.acknowledged_batch(batch, &[], self.shared.clock.now());
                }
                Fate::Absent => {
                    records.account.resolved_absent += rows;
                    self.batches.again(batch);
                }
            }
        }
        Ok(())
    }

    /// Looks, the newest first, which acknowledged batches a crash took back.
    pub(super) async fn take_back_batches(
        &mut self,
        route: usize,
        lossy_for: Duration,
    ) -> Result<(), Lost> {
        let newest = self.batches.newest(route).map_or(0, |(at, _)| *at);
        let mut is_any = false;
        while let Some((_, batch)) = self.batches.newest(route) {
            batch.render(&self.shared.job.world, &mut self.action);
            // No action in flight has this ticket: it is looked for by its evidence.
            let fate = self.routes[route].sink.resolve(Ticket::MAX, &self.action).await?;
            if fate == Fate::Committed {
                return Ok(());
            }
            let Some(mut batch) = self.batches.take_newest(route) else { break };
            batch.was_acknowledged = true;
            self.tell_batch(&batch, self.shared.clock.now(), || FactFate::TakenBack);
            let mut records = self.records.borrow_mut();
            records.account.taken_back(&batch.effects);
            let stream = records.recorder.stream(usize::from(batch.stream));
            for row in &batch.rows {
                stream.at(row.due()).counters.lost_after_ack += 1;
            }
            drop(records);
            self.batches.again(batch);
            is_any = true;
        }
        let earliest = newest.saturating_sub(nanoseconds(lossy_for));
        if is_any && self.batches.forgotten.is_some_and(|at| at >= earliest) {
            let reason = "a crash took back more than is kept in mind: what was acknowledged before \
                          that is not judged; use a lower rate, or `synchronous_commit: on`";
            self.shared.job.stop.tell(Level::Drain, End::Stopped(reason.to_owned()));
        }
        Ok(())
    }

    /// Whether an outcome is a batch's.
    pub(super) fn is_batch(outcome: &Outcome) -> bool {
        Batches::has(outcome.ticket)
    }
}
