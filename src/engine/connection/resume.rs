//! Lanes that go on where an earlier run stopped: its decisions are taken again, and not sent. What it had
//! decided and not done is sent first.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use crate::engine::account::Doubt;
use crate::engine::account::Exception;
use crate::engine::account::ExceptionKind;
use crate::engine::account::LaneAccount;
use crate::engine::batch::Row;
use crate::engine::connection::Connection;
use crate::engine::flight::Flight;
use crate::engine::flight::Provenance;
use crate::engine::stop::Level;
use crate::generate::Decision;
use crate::generate::Turn;
use crate::generate::Unscheduled;
use crate::measure::End;
use crate::measure::Stamps;
use crate::sink::Fate;
use crate::sink::Left;
use crate::sink::Sink;

/// So many decisions are taken again before one looks whether the run is to end.
const LOOK_EVERY: u64 = 1 << 12;

/// What is known of a lane's past.
struct Past<'a> {
    account: &'a LaneAccount,
    /// What became of a slot, by its number among the exceptions; of two of a slot, the later one stands.
    fates: HashMap<(u16, u64), (usize, Exception)>,
    /// What was decided and not done, in order; each with its number among the exceptions.
    open: Vec<(usize, Flight)>,
    /// What did not take effect, and never will.
    kept: Vec<Exception>,
}

impl<'a> Past<'a> {
    fn of(account: &'a LaneAccount) -> Self {
        let numbered = account.exceptions.iter().copied().enumerate();
        let fates = numbered.map(|(number, it)| ((it.stream, it.slot), (number, it))).collect();
        Self { account, fates, open: Vec::new(), kept: Vec::new() }
    }
}

impl Connection {
    /// Brings every lane to where it stopped. Returns whether that was done.
    pub(super) fn resume(&mut self) -> bool {
        let Some(resume) = self.shared.job.resume.clone() else { return true };
        for lane in &mut self.lanes {
            let mark = resume.lane(lane.account.group, lane.account.lane);
            lane.stopped_at = mark.cloned();
        }
        for number in 0..self.lanes.len() {
            let Some(stopped_at) = self.lanes[number].stopped_at.clone() else { continue };
            match self.replay(number, &stopped_at) {
                Ok(true) => self.lanes[number].stopped_at = None,
                Ok(false) => return false,
                Err(why) => {
                    let reason = format!("the earlier run cannot be continued: {why}");
                    self.shared.job.stop.tell(Level::Cancel, End::SetUpFailed(reason));
                    return false;
                }
            }
        }
        (0..self.lanes.len()).for_each(|number| self.count_left(number));
        true
    }

    /// Takes a lane's decisions again. Returns whether all were taken: somebody may end the run.
    fn replay(&mut self, number: usize, stopped_at: &LaneAccount) -> Result<bool, String> {
        let has_more_rounds =
            self.shared.job.resume.as_ref().is_some_and(|it| it.next_rounds() > 1);
        let mut past = Past::of(stopped_at);
        while self.lanes[number].lane.decided() < stopped_at.decided {
            let lane = &mut self.lanes[number].lane;
            if lane.decided().is_multiple_of(LOOK_EVERY)
                && self.shared.job.stop.level() != Level::Run
            {
                return Ok(false);
            }
            let Some(decision) = lane.decide() else {
                return Err("its lanes decided more than this scenario has".to_owned());
            };
            // In a longer timetable more waits, and what found no room then must not matter now.
            let is_crowded = lane.unscheduled().any(|(_, why)| why == Unscheduled::Crowded);
            if is_crowded && has_more_rounds {
                return Err("more follow-ups wait in a lane than it keeps".to_owned());
            }
            if decision.turn != Turn::Skip {
                self.recall(number, decision, &mut past)?;
            }
        }
        let Past { open, kept, .. } = past;
        let lane = &mut self.lanes[number];
        lane.account.exceptions = kept;
        for (_, flight) in open {
            if flight.is_adopted() {
                // Kept until somebody has found out.
                lane.account.doubt = stopped_at.doubt.map(|doubt| Doubt { seen: 0, ..doubt });
                lane.flight = Some(flight);
            } else {
                lane.again.push_back(flight);
            }
        }
        Ok(true)
    }

    /// What became of a decision that an earlier run took.
    fn recall(
        &mut self,
        number: usize,
        mut decision: Decision,
        past: &mut Past<'_>,
    ) -> Result<(), String> {
        let lane = &self.lanes[number];
        if !lane.absent.is_empty() {
            decision.spare(|victim| lane.absent.contains(victim));
        }
        let at = (decision.stream, decision.slot);
        let doubt = past.account.doubt.filter(|doubt| (doubt.stream, doubt.slot) == at);
        if let Some(doubt) = doubt {
            // What stood open before it had been sent before it, unless that was found out afterwards.
            past.open.retain(|(at, _)| *at >= doubt.seen as usize);
        }
        // What was open is not, once it has been sent.
        let is_told = |it: &Exception| match (it.fate, doubt) {
            (ExceptionKind::Unsent | ExceptionKind::Unknown, Some(_)) => false,
            (_, Some(doubt)) => it.parts >= doubt.part,
            (_, None) => true,
        };
        let fate = past.fates.get(&at).copied().filter(|(_, it)| is_told(it));
        match fate {
            None => {
                if let Some(doubt) = doubt {
                    past.open.push((usize::MAX, self.adopted(number, decision, doubt)));
                }
            }
            Some((_, it)) if it.fate == ExceptionKind::Unknown => {
                return Err("nobody can tell what became of an action".to_owned());
            }
            Some((at, it))
                if matches!(it.fate, ExceptionKind::Unsent | ExceptionKind::Abandoned) =>
            {
                past.open.push((at, self.reopened(decision, it.parts)));
            }
            Some((_, it)) => {
                past.kept.push(it);
                let is_alone = self.batch_rows(it.stream).is_some() || self.is_event(it.stream);
                // Nothing builds on rows of batches, nor on events.
                if it.fate != ExceptionKind::Short && !is_alone {
                    let flight = Flight::new(decision, Stamps::default());
                    let flight = Flight { part: usize::from(it.parts), ..flight };
                    self.had_no_effect(number, &flight);
                }
            }
        }
        Ok(())
    }

    /// A decision that is to be sent from this part on.
    fn reopened(&self, decision: Decision, part: u16) -> Flight {
        let world = &self.shared.job.world;
        let mut flight = Flight::new(decision, Stamps::default());
        let part = usize::from(part);
        let part = world.part_from(&flight.decision, part).unwrap_or(part);
        flight.turn_to(part, world);
        flight
    }

    /// A decision of which an earlier run had a part under way when it ended.
    fn adopted(&mut self, number: usize, decision: Decision, doubt: Doubt) -> Flight {
        let mut flight = Flight::new(decision, Stamps::default());
        flight.turn_to(usize::from(doubt.part), &self.shared.job.world);
        let left = Left { is_numbered: doubt.is_numbered, number: doubt.number };
        let ticket = u32::try_from(number).unwrap_or(u32::MAX);
        self.routes[flight.sink].sink.inherit(ticket, left);
        let Doubt { horizon, is_numbered, is_doubtful, .. } = doubt;
        Flight {
            origin: Provenance::Adopted,
            is_submitted: true,
            attempts: 1,
            tries: 1,
            horizon,
            is_numbered,
            is_doubtful,
            ..flight
        }
    }

    /// Counts what a lane has still to do, so that one can tell at the end whether all of it was done.
    fn count_left(&self, number: usize) {
        let shared = &self.shared;
        let world = &shared.job.world;
        let lane = &self.lanes[number];
        let lanes = u64::from(lane.lane.lanes());
        for (stream, next) in world.groups[lane.account.group].iter().zip(lane.lane.position()) {
            let Some((next, end)) = next.zip(world.plan(*stream).slots()) else { continue };
            let left = end.saturating_sub(next).div_ceil(lanes);
            shared.left[*stream].fetch_add(left, Ordering::Relaxed);
        }
        for flight in lane.again.iter().chain(&lane.flight) {
            if let Some(left) = shared.left.get(usize::from(flight.decision.stream)) {
                left.fetch_add(1, Ordering::Relaxed);
            }
        }
    }

    /// What became of an action that was under way when the earlier run ended. What is left of it is sent
    /// when the load begins.
    pub(super) fn adopt(&mut self, number: usize, fate: Fate) {
        let world = Arc::clone(&self.shared.job.world);
        self.lanes[number].account.doubt = None;
        let Some(mut flight) = self.lanes[number].flight.take() else { return };
        let mut records = self.records.borrow_mut();
        let next = if fate == Fate::Committed {
            records.account.resolved_committed += 1;
            world.part_from(&flight.decision, flight.part + 1)
        } else {
            records.account.resolved_absent += 1;
            Some(flight.part)
        };
        drop(records);
        let Some(next) = next else {
            // All of it stands: there is nothing left to do.
            let stream = usize::from(flight.decision.stream);
            if let Some(left) = self.shared.left.get(stream) {
                left.fetch_sub(1, Ordering::Relaxed);
            }
            return;
        };
        flight.turn_to(next, &world);
        let flight = Flight { origin: Provenance::Decided, attempts: 0, ..flight };
        if self.shared.job.stop.level() != Level::Run {
            return self.unsent_flight(number, &flight);
        }
        let again = &mut self.lanes[number].again;
        again.push_back(flight);
        again.make_contiguous().sort_by_key(|it| (it.decision.at_us, it.part));
    }

    /// Begins what an earlier run had decided and not done, before anything else of its lane. Returns
    /// whether the lane is busy with it.
    pub(super) fn take_up(&mut self, number: usize, began: u64) -> bool {
        for mut flight in std::mem::take(&mut self.lanes[number].again) {
            let series = flight.decision.stream;
            let is_open = self.shared.job.world.plan_of(series).is_open();
            let intended = is_open.then_some(began);
            flight.stamps = Stamps { intended, picked: began, ..Stamps::default() };
            let mut records = self.records.borrow_mut();
            let stream = records.recorder.stream(usize::from(series));
            stream.at(began).counters.scheduled += 1;
            drop(records);
            let lane = u32::try_from(number).unwrap_or(u32::MAX);
            let row = |decision| Row { lane, decision, intended, picked: began };
            if let Some(most) = self.batch_rows(series) {
                self.batches.add(row(flight.decision), flight.sink, most, began);
            } else if self.is_event(series) {
                self.send_event(row(flight.decision), self.shared.clock.now());
            } else if self.shared.job.world.is_events(&flight.decision, flight.part) {
                self.send_as_act(row(flight.decision));
            } else {
                self.lanes[number].again.push_back(flight);
            }
        }
        let Some(first) = self.lanes[number].again.pop_front() else { return false };
        self.lanes[number].flight = Some(first);
        self.queue(number);
        true
    }
}
