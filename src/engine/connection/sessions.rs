//! Sessions of closed streams: each has a lane of its own, and its next action is due when it has
//! thought after the answer to the one before.

use crate::engine::connection::Connection;
use crate::engine::connection::Period;
use crate::generate::Due;

impl Connection {
    /// The lane's session, if it has one, lives in this period from and until these times.
    pub(super) fn begin_session_period(&mut self, number: usize) {
        let lane = &mut self.lanes[number];
        let Some(session) = &mut lane.session else { return };
        let world = &self.shared.job.world;
        let plan = world.plan(lane.stream);
        match self.period {
            Period::WarmUp(began) => {
                let is_warm = lane.lane.index() < plan.warm_sessions();
                let life = (began, began.saturating_add(plan.boundary_ns()));
                session.begin_period(is_warm.then_some(life).into_iter());
            }
            Period::Measuring(began) => {
                let lives = plan.sessions().map(|sessions| sessions.lives(lane.lane.index()));
                let shifted = lives
                    .into_iter()
                    .flatten()
                    .map(|(from, until)| (began.saturating_add(from), began.saturating_add(until)));
                session.begin_period(shifted);
            }
        }
    }

    /// Puts the next thing that a session does on the agenda.
    pub(super) fn schedule_session(&mut self, number: usize, due: &Due, now: u64) {
        let lane = &mut self.lanes[number];
        let Some(session) = &mut lane.session else { return };
        if lane.left == Some(0) {
            // Its share of the limit is sent.
            self.end_session(number, now);
            if let Some(session) = &mut self.lanes[number].session {
                session.retire();
            }
            return;
        }
        if let Some(at) = session.next(due.planned_ns) {
            self.note(number, at, due.planned_ns);
        }
    }

    /// Begins or ends a lane's session, if it is time. Returns whether its next action may be sent.
    pub(super) fn is_session_up(&mut self, number: usize, due: &Due, now: u64) -> bool {
        let is_measured = matches!(self.period, Period::Measuring(_));
        let lane = &mut self.lanes[number];
        let Some(session) = &mut lane.session else { return true };
        if !session.is_alive() {
            session.begin(due.planned_ns, now);
            self.shared.census.begin(lane.stream, is_measured);
        } else if session.is_over(due.planned_ns) {
            self.end_session(number, now);
            self.schedule(number, now);
            return false;
        }
        true
    }

    /// A lane's session ends, if it lives.
    pub(super) fn end_session(&mut self, number: usize, now: u64) {
        let is_measured = matches!(self.period, Period::Measuring(_));
        let lane = &mut self.lanes[number];
        if let Some(lived_ns) = lane.session.as_mut().and_then(|session| session.end(now)) {
            self.shared.census.end(lane.stream, if is_measured { lived_ns } else { 0 });
        }
    }
}
