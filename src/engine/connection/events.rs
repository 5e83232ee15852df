//! Events on a connection: a slot is sent when it is due, and the lane goes on at once. What became of
//! it is settled when its report comes, in whatever order.

use crate::engine::account::ExceptionKind;
use crate::engine::batch::Row;
use crate::engine::connection::Connection;
use crate::engine::events::Events;
use crate::engine::events::Of;
use crate::engine::events::Sent;
use crate::engine::events::Slot;
use crate::engine::stop::Level;
use crate::generate::Turn;
use crate::measure;
use crate::measure::ErrorClass;
use crate::sink::Failure;
use crate::sink::Outcome;
use crate::sink::Sink;

/// Slots that a lane of an unlimited stream takes at a time, where it waits for no answer.
pub(super) const BURST: usize = 64;
/// For so many of them the clock is read once: they are sent within a few microseconds.
const CLOCK_EVERY: usize = 8;

impl Connection {
    /// Whether a lane's next slot is one of a stream that only sends events.
    pub(super) fn is_event(&self, series: u16) -> bool {
        self.shared.is_event.get(usize::from(series)).copied().unwrap_or(false)
    }

    /// Whether an outcome is an event's.
    pub(super) fn is_of_event(outcome: &Outcome) -> bool {
        Events::has(outcome.ticket)
    }

    /// Whether a lane's next slot may send events, beside whatever else it does.
    pub(super) fn has_events(&self, series: u16) -> bool {
        self.shared.has_events.get(usize::from(series)).copied().unwrap_or(false)
    }

    /// Lets a lane wait for room, if there is none. Returns whether it does.
    pub(super) fn is_held(&mut self, number: usize, is_unlimited: bool) -> bool {
        let is_past = is_unlimited && self.events.fills_window();
        let is_held = is_past || self.events.is_full() || self.has_no_room(number);
        if is_held {
            self.events.window.is_full();
            self.events.held.push(number);
            self.lanes[number].is_noted = true;
        }
        is_held
    }

    /// Takes a lane's next slot and sends it; of an unlimited stream, several.
    pub(super) fn take_event(&mut self, number: usize, now: u64) {
        let mut at = now;
        for place in 0..BURST {
            let Some(due) = self.lanes[number].lane.peek() else { break };
            let intended = self.intended(&self.lanes[number], &due);
            if place % CLOCK_EVERY == 0 {
                at = self.shared.clock.now();
            }
            if self.is_held(number, intended.is_none()) {
                return;
            }
            let is_slot = self.shared.job.world.stream_of(due.stream) == usize::from(due.stream);
            let lane = &mut self.lanes[number];
            if is_slot && lane.left == Some(0) {
                break;
            }
            let Some(decision) = lane.lane.decide() else { break };
            if is_slot {
                lane.left = lane.left.map(|left| left.saturating_sub(1));
            }
            let picked = lane.seen_at(intended.unwrap_or(now), now);
            lane.catch_up.took(due.planned_ns, now, self.wake_ns);
            let is_late = self.is_late(due.stream, intended, now);
            if self.count_taken(number, &decision, (intended.unwrap_or(picked), is_late)) {
                let lane = u32::try_from(number).unwrap_or(u32::MAX);
                self.send_event(Row { lane, decision, intended, picked }, at);
            } else if is_late && decision.turn != Turn::Skip {
                let account = &mut self.lanes[number].account;
                account.except(&decision, 0, ExceptionKind::Late);
                self.lanes[number].catch_up.forget();
            }
            if intended.is_some() {
                break;
            }
        }
        self.schedule(number, now);
    }

    /// Whether a way that events of the lane's group go has no room. Ways of other groups hold it up no more
    /// than it holds up them.
    fn has_no_room(&self, number: usize) -> bool {
        let ways = self.shared.event_ways.get(self.lanes[number].account.group);
        let is_short = |way: &usize| self.routes.get(*way).is_some_and(|it| !it.sink.has_room());
        ways.is_some_and(|ways| ways.iter().any(is_short))
    }

    pub(super) fn send_event(&mut self, row: Row, at: u64) {
        let world = &self.shared.job.world;
        if world.part_from(&row.decision, 1).is_some() || world.skew_ns(&row.decision) > 0 {
            return self.send_as_act(row);
        }
        let sink = world.way_of(&row.decision, 0);
        world.render(&row.decision, &mut self.action);
        let mut records = self.records.borrow_mut();
        let stream = records.recorder.stream(usize::from(row.decision.stream));
        let due = row.due();
        stream.at(due).counters.sent += 1;
        let ticket = self.events.next_ticket();
        // Before it can be anywhere.
        self.tell_departure((&row.decision, 0), (sink, ticket), (due, at));
        let bytes = self.routes[sink].sink.submit(ticket, &self.action).bytes;
        stream.at(due).counters.bytes += bytes;
        let sent = Sent::new(&Of::Slot(Slot::of(&row)), &self.action, at);
        records.account.handed_over(&sent.effects, bytes);
        self.events.depart(sent);
    }

    /// What is held back on purpose goes out where too much is, and all of it where nothing more comes.
    fn release_events(&mut self) {
        if self.events.is_none_in_flight() {
            return;
        }
        let is_stopped = self.shared.job.stop.level() != Level::Run;
        let is_idle = || {
            self.agenda.is_empty()
                && self.events.held.is_empty()
                && self.events.acts.waiting() == 0
                && !self.events.acts.is_any_awaited()
                && self.lanes.iter().all(|lane| lane.flight.is_none() && lane.again.is_empty())
        };
        let keep = if is_stopped || is_idle() { 0 } else { self.events.held_back_max() };
        self.routes.iter_mut().for_each(|route| route.sink.release(keep));
    }

    /// Lanes that waited for room go on; and, once it is known whether any does, what is held back.
    pub(super) fn fill_events(&mut self) {
        self.let_held_go();
        self.release_events();
    }

    fn let_held_go(&mut self) {
        if self.events.held.is_empty()
            || self.events.is_full()
            || self.shared.job.stop.level() != Level::Run
        {
            return;
        }
        let now = self.shared.clock.now();
        let is_past = self.events.fills_window();
        for number in std::mem::take(&mut self.events.held) {
            if self.has_no_room(number) || is_past && self.is_unlimited(number) {
                self.events.held.push(number);
            } else {
                self.let_go(number, now);
            }
        }
    }

    /// Whether a lane's next slot is due as soon as there is room for it.
    fn is_unlimited(&self, number: usize) -> bool {
        let lane = &self.lanes[number];
        lane.lane.peek().is_some_and(|due| self.intended(lane, &due).is_none())
    }

    /// Settles what became of events. Returns whether it counts against the target.
    pub(super) fn settle_event(&mut self, outcome: &Outcome, now: u64) -> bool {
        let Some(sent) = self.events.arrive(outcome.ticket) else { return false };
        let known = now.saturating_sub(outcome.waited_ns).max(sent.at);
        let failure = outcome.result.as_ref().err();
        self.tell_end(outcome, known);
        let mut records = self.records.borrow_mut();
        for (index, effect) in (0..).zip(sent.effects.iter()) {
            let is_refused = outcome.refused.is_empty() || outcome.refused.contains(&index);
            let effect = std::slice::from_ref(effect);
            match failure.filter(|_| is_refused) {
                None => records.account.acknowledged(effect, &[]),
                Some(failure) if failure.is_doubtful => records.account.unknown(effect),
                Some(_) => records.account.failed(effect),
            }
        }
        drop(records);
        match (&sent.of(), failure) {
            (Of::Act(number), _) => self.settle_act(*number, failure, known),
            (Of::Slot(slot), None) => {
                self.finish_event((slot, sent.at), measure::Outcome::Acknowledged, known);
            }
            (Of::Slot(slot), Some(failure)) if failure.is_doubtful => {
                self.finish_event((slot, sent.at), measure::Outcome::Unknown, known);
                self.except_event(slot, ExceptionKind::Unknown);
            }
            (Of::Slot(slot), Some(failure)) => {
                let kind = measure::Outcome::Failed(said(failure));
                self.finish_event((slot, sent.at), kind, known);
                self.except_event(slot, ExceptionKind::Failed);
            }
        }
        failure.is_some_and(|failure| failure.class != ErrorClass::TooLarge)
    }

    fn finish_event(&self, (slot, at): (&Slot, u64), outcome: measure::Outcome<'_>, known: u64) {
        let mut records = self.records.borrow_mut();
        let recorder = records.recorder.stream(usize::from(slot.stream));
        recorder.finished(&slot.stamps(at, known), outcome);
    }

    fn except_event(&mut self, slot: &Slot, kind: ExceptionKind) {
        self.lanes[slot.lane as usize].account.add(slot.exception(kind));
    }

    /// Nothing more is taken: lanes that wait for room need not.
    pub(super) fn release_held_events(&mut self) {
        for number in std::mem::take(&mut self.events.held) {
            self.lanes[number].is_noted = false;
        }
    }

    /// Nobody can tell what became of the events that are still in flight.
    pub(super) fn unknown_events(&mut self) {
        let now = self.shared.clock.now();
        self.tell_none_known(now);
        for sent in self.events.take_all() {
            self.records.borrow_mut().account.unknown(&sent.effects);
            match &sent.of() {
                Of::Slot(slot) => {
                    self.finish_event((slot, sent.at), measure::Outcome::Unknown, now);
                    self.except_event(slot, ExceptionKind::Unknown);
                }
                Of::Act(number) => self.lose_act(*number, now),
            }
        }
        self.drop_acts(now);
    }
}

/// A failure, as it is recorded.
pub(super) fn said(failure: &Failure) -> measure::Failure<'_> {
    let (code, message) = (failure.code.as_str(), failure.message.as_str());
    measure::Failure { class: failure.class, code, message }
}
