//! When a lane's next slot is due on the run's clock.

use crate::engine::connection::Connection;
use crate::engine::connection::Period;
use crate::engine::flight::LaneRun;
use crate::generate::Due;

impl Connection {
    /// Puts a lane's next slot on the agenda, if it has one.
    pub(super) fn schedule(&mut self, number: usize, now: u64) {
        if self.lanes[number].is_noted {
            return;
        }
        let Some(due) = self.lanes[number].lane.peek() else { return };
        if self.lanes[number].session.is_some() {
            return self.schedule_session(number, &due, now);
        }
        let world = &self.shared.job.world;
        let boundary = world.plan_of(due.stream).boundary_ns();
        let Some(intended) = self.intended(&self.lanes[number], &due) else {
            return self.schedule_unlimited(number, due, now);
        };
        if matches!(self.period, Period::WarmUp(_)) && due.planned_ns >= boundary {
            // Its warm-up is over: it goes on when everybody's is.
            return;
        }
        let factor = self.late(due.stream).factor;
        let release = self.lanes[number].catch_up.release(intended, due.planned_ns, factor);
        self.note(number, release, due.planned_ns);
    }

    /// An unlimited stream goes on until the clock, or its limit, says stop.
    pub(super) fn schedule_unlimited(&mut self, number: usize, due: Due, now: u64) {
        let plan = self.shared.job.world.plan_of(due.stream);
        match self.period {
            Period::WarmUp(began) if now >= began + plan.boundary_ns() => return,
            Period::WarmUp(_) => {}
            Period::Measuring(began) => {
                let length = plan.measured().map(crate::pace::nanoseconds);
                let is_over = length.is_some_and(|length| now >= began.saturating_add(length));
                if is_over || self.lanes[number].left == Some(0) {
                    return;
                }
            }
        }
        self.note(number, now, due.planned_ns);
    }

    pub(super) fn note(&mut self, number: usize, release: u64, planned_ns: u64) {
        self.lanes[number].catch_up.note(release);
        self.lanes[number].is_noted = true;
        self.agenda.add(release, planned_ns, number);
    }

    /// When a slot of a lane is due on the run's clock; `None` in an unlimited stream.
    pub(super) fn intended(&self, lane: &LaneRun, due: &Due) -> Option<u64> {
        if let Some(session) = &lane.session {
            return Some(session.intended(due.planned_ns));
        }
        let plan = self.shared.job.world.plan_of(due.stream);
        let boundary = plan.boundary_ns();
        plan.is_open().then(|| match self.period {
            Period::WarmUp(began) => began + due.planned_ns,
            Period::Measuring(began) => began + due.planned_ns.saturating_sub(boundary),
        })
    }
}
