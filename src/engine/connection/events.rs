//! Events on a connection: a slot is sent when it is due, and the lane goes on at once. What became of
//! it is settled when its report comes, in whatever order.

use crate::engine::account::Effect;
use crate::engine::account::ExceptionKind;
use crate::engine::batch::Row;
use crate::engine::connection::BURST;
use crate::engine::connection::Connection;
use crate::engine::events::Events;
use crate::engine::events::Sent;
use crate::engine::stop::Level;
use crate::generate::Turn;
use crate::measure;
use crate::measure::ErrorClass;
use crate::sink::Outcome;
use crate::sink::Sink;

impl Connection {
    /// Whether a lane's next slot is one of a stream that only sends events.
    pub(super) fn is_event(&self, series: u16) -> bool {
        self.shared.is_event.get(usize::from(series)).copied().unwrap_or(false)
    }

    /// Whether an outcome is an event's.
    pub(super) fn is_of_event(outcome: &Outcome) -> bool {
        Events::has(outcome.ticket)
    }

    /// Takes a lane's next slot and sends it; of an unlimited stream, several.
    pub(super) fn take_event(&mut self, number: usize, now: u64) {
        for _ in 0..BURST {
            let Some(due) = self.lanes[number].lane.peek() else { break };
            let intended = self.intended(&self.lanes[number], &due);
            if self.has_no_room() {
                self.events.held.push(number);
                self.lanes[number].is_noted = true;
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
                self.send_event(Row { lane, decision, intended, picked });
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

    fn has_no_room(&self) -> bool {
        self.events.is_full() || !self.routes.iter().all(|route| route.sink.has_room())
    }

    fn send_event(&mut self, row: Row) {
        let world = &self.shared.job.world;
        let sink = world.domain_of(&row.decision, 0);
        world.render(&row.decision, &mut self.action);
        let effects = self.action.operations().iter().map(Effect::from).collect();
        let at = self.shared.clock.now();
        let mut records = self.records.borrow_mut();
        let stream = records.recorder.stream(usize::from(row.decision.stream));
        stream.at(row.due()).counters.sent += 1;
        let ticket = self.events.next_ticket();
        let bytes = self.routes[sink].sink.submit(ticket, &self.action).bytes;
        stream.counters.bytes += bytes;
        let sent = Sent { row, effects, at };
        records.account.handed_over(&sent.effects, bytes);
        self.events.depart(sent);
    }

    /// Lanes that waited for room go on.
    pub(super) fn fill_events(&mut self) {
        if self.events.held.is_empty()
            || self.has_no_room()
            || self.shared.job.stop.level() != Level::Run
        {
            return;
        }
        let now = self.shared.clock.now();
        for number in std::mem::take(&mut self.events.held) {
            self.let_go(number, now);
        }
    }

    /// Settles what became of a slot. Returns whether it counts against the target.
    pub(super) fn settle_event(&mut self, outcome: &Outcome, now: u64) -> bool {
        let Some(sent) = self.events.arrive(outcome.ticket) else { return false };
        let known = now.saturating_sub(outcome.waited_ns).max(sent.at);
        match &outcome.result {
            Ok(_) => {
                self.finish_event(&sent, measure::Outcome::Acknowledged, known);
                self.records.borrow_mut().account.acknowledged(&sent.effects, &[]);
                false
            }
            Err(failure) => {
                let class = failure.class;
                let (code, message) = (failure.code.as_str(), failure.message.as_str());
                let kind = measure::Failure { class, code, message };
                self.finish_event(&sent, measure::Outcome::Failed(kind), known);
                let mut records = self.records.borrow_mut();
                let (done, refused) = halved(&sent.effects, outcome.delivered);
                records.account.acknowledged(done, &[]);
                records.account.failed(refused);
                drop(records);
                self.except_event(&sent, ExceptionKind::Failed);
                class != ErrorClass::TooLarge
            }
        }
    }

    fn finish_event(&self, sent: &Sent, outcome: measure::Outcome<'_>, known: u64) {
        let mut records = self.records.borrow_mut();
        let recorder = records.recorder.stream(usize::from(sent.row.decision.stream));
        recorder.finished(&sent.row.stamps(sent.at, known), outcome);
    }

    fn except_event(&mut self, sent: &Sent, kind: ExceptionKind) {
        let lane = &mut self.lanes[sent.row.lane as usize];
        lane.account.except(&sent.row.decision, 0, kind);
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
        for sent in self.events.take_all() {
            self.finish_event(&sent, measure::Outcome::Unknown, now);
            self.records.borrow_mut().account.unknown(&sent.effects);
            self.except_event(&sent, ExceptionKind::Unknown);
        }
    }
}

/// Of an action's events those that were acknowledged, and those that were refused. Which they were
/// does not matter to counts, as they go to one topic; the events of an action differ seldom.
fn halved(effects: &[Effect], delivered: u32) -> (&[Effect], &[Effect]) {
    effects.split_at((delivered as usize).min(effects.len()))
}
