//! Acts on a connection: once the rows of an action are committed, its events go out, to each of their
//! targets; so they do, at once, where an action has no rows. Its lane goes on meanwhile, but for a
//! session's: that waits for all of it.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;
use tokio::time::timeout_at;

use crate::engine::account::ExceptionKind;
use crate::engine::acts::Act;
use crate::engine::batch::Row;
use crate::engine::connection::Connection;
use crate::engine::connection::events::said;
use crate::engine::events::Of;
use crate::engine::events::Sent;
use crate::engine::flight::Flight;
use crate::engine::stop::Level;
use crate::measure;
use crate::measure::Stamps;
use crate::sink::Failure;
use crate::sink::Sink;

/// How long the events of what was found to be committed at the end are waited for.
const LAST_WAIT: Duration = Duration::from_secs(5);

impl Connection {
    /// Of a lane's action only its events, from this part on, are left to be sent: all else is committed.
    pub(super) fn lead_out(&mut self, number: usize, flight: Flight, from: usize, now: u64) {
        // A session does not wait for what is held back on purpose.
        let is_held_back = self.shared.job.world.holds_back(&flight.decision);
        let is_awaited = self.lanes[number].session.is_some() && !is_held_back;
        let has_rows = flight.is_begun();
        let act = Act { has_rows, is_awaited, ..self.act(number, flight, from) };
        self.send_in_time(act, now);
        if is_awaited {
            return;
        }
        if has_rows {
            self.idle(number, now);
        } else {
            self.go_on(number, now);
        }
    }

    /// Sends the events of a slot whose lane waits for nothing.
    pub(super) fn send_as_act(&mut self, row: Row) {
        let (number, now) = (row.lane as usize, self.shared.clock.now());
        let stamps = Stamps { picked: row.picked, intended: row.intended, ..Stamps::default() };
        let act = self.act(number, Flight::new(row.decision, stamps), 0);
        self.send_in_time(act, now);
    }

    fn act(&self, lane: usize, flight: Flight, from: usize) -> Act {
        let skew_ns = self.shared.job.world.skew_ns(&flight.decision);
        Act {
            lane,
            decision: flight.decision,
            stamps: flight.stamps,
            from,
            has_rows: false,
            skew_ns,
            is_awaited: false,
            left: 0,
            known: 0,
            failure: None,
            is_unknown: false,
        }
    }

    fn send_in_time(&mut self, act: Act, now: u64) {
        let skew_ns = act.skew_ns;
        let number = self.events.acts.add(act);
        if skew_ns == 0 {
            self.send_act(number);
        } else {
            self.events.acts.wait(number, now.saturating_add(skew_ns));
        }
    }

    /// Sends the events of acts whose skew is over.
    pub(super) fn send_later(&mut self) {
        if self.events.acts.waiting() == 0 {
            return;
        }
        let now = self.shared.clock.now();
        while let Some(number) = self.events.acts.ready(now) {
            self.send_act(number);
        }
    }

    fn send_act(&mut self, number: usize) {
        let world = Arc::clone(&self.shared.job.world);
        let at = self.shared.clock.now();
        let Some(act) = self.events.acts.get(number) else { return };
        if !act.has_rows {
            act.stamps.sent = at.saturating_sub(act.skew_ns).max(act.stamps.picked);
        }
        let (decision, from, stamps) = (act.decision.clone(), act.from, act.stamps);
        let has_rows = act.has_rows;
        let mut records = self.records.borrow_mut();
        let recorder = records.recorder.stream(usize::from(decision.stream));
        recorder.at(stamps.due()).counters.sent += u64::from(!has_rows);
        drop(records);
        let mut next = world.part_from(&decision, from);
        while let Some(part) = next {
            world.render_part(&decision, part, &mut self.action);
            let ticket = self.events.next_ticket();
            let way = world.way_of(&decision, part);
            self.tell_departure((&decision, part), (way, ticket), (stamps.due(), at));
            let bytes = self.routes[way].sink.submit(ticket, &self.action).bytes;
            let sent = Sent::new(&Of::Act(number), &self.action, at);
            let mut records = self.records.borrow_mut();
            records.account.handed_over(&sent.effects, bytes);
            let recorder = records.recorder.stream(usize::from(decision.stream));
            recorder.at(stamps.due()).counters.bytes += bytes;
            drop(records);
            self.events.depart(sent);
            if let Some(act) = self.events.acts.get(number) {
                act.left += 1;
            }
            next = world.part_from(&decision, part + 1);
        }
    }

    /// A part of an act has arrived, or was given up.
    pub(super) fn settle_act(&mut self, number: usize, failure: Option<&Failure>, known: u64) {
        let Some(act) = self.events.acts.get(number) else { return };
        act.is_unknown |= failure.is_some_and(|failure| failure.is_doubtful);
        act.failure = act.failure.take().or_else(|| failure.cloned());
        self.end_part(number, known);
    }

    /// Nobody can tell what became of a part of an act.
    pub(super) fn lose_act(&mut self, number: usize, now: u64) {
        let Some(act) = self.events.acts.get(number) else { return };
        act.is_unknown = true;
        self.end_part(number, now);
    }

    fn end_part(&mut self, number: usize, known: u64) {
        let Some(act) = self.events.acts.get(number) else { return };
        act.left -= 1;
        act.known = act.known.max(known);
        if act.left == 0
            && let Some(act) = self.events.acts.take(number)
        {
            self.finish_act(&act);
        }
    }

    /// All that is known of an act is known.
    fn finish_act(&mut self, act: &Act) {
        // What was meant to wait is nobody's fault.
        let acknowledged = act.known.saturating_sub(act.skew_ns).max(act.stamps.sent);
        let stamps = Stamps { acknowledged, ..act.stamps };
        let (outcome, exception) = match &act.failure {
            _ if act.is_unknown => (measure::Outcome::Unknown, Some(ExceptionKind::Unknown)),
            Some(failure) => (measure::Outcome::Failed(said(failure)), Some(ExceptionKind::Failed)),
            None => (measure::Outcome::Acknowledged, None),
        };
        let mut records = self.records.borrow_mut();
        let recorder = records.recorder.stream(usize::from(act.decision.stream));
        recorder.finished(&stamps, outcome);
        drop(records);
        if let Some(kind) = exception {
            self.lanes[act.lane].account.except(&act.decision, act.from, kind);
        }
        if act.is_awaited {
            self.idle(act.lane, act.known);
        }
    }

    /// The events of acts that still wait are not sent any more.
    pub(super) fn drop_acts(&mut self, now: u64) {
        for act in self.events.acts.take_waiting() {
            self.shared.job.world.render_from(&act.decision, act.from, &mut self.action);
            let mut records = self.records.borrow_mut();
            records.account.missed(&self.action);
            let recorder = records.recorder.stream(usize::from(act.decision.stream));
            if act.has_rows {
                let stamps = Stamps { acknowledged: now, ..act.stamps };
                let ended = Self::ended();
                recorder.finished(&stamps, measure::Outcome::Failed(said(&ended)));
            } else {
                recorder.at(act.stamps.due()).counters.unfinished += 1;
            }
            drop(records);
            let kind = if act.has_rows { ExceptionKind::Missed } else { ExceptionKind::Unsent };
            self.lanes[act.lane].account.except(&act.decision, act.from, kind);
        }
    }

    /// Waits for the events of what was found to be committed when the drain time was over.
    pub(super) async fn last_events(&mut self) {
        let until = Instant::now() + LAST_WAIT;
        while !self.events.is_quiet()
            && Instant::now() < until
            && self.shared.job.stop.level() != Level::Cancel
        {
            self.send_later();
            let _ = timeout_at(until, self.wait()).await;
        }
    }
}
