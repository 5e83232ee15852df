//! What becomes of slots that are later than their stream allows.

use std::time::Duration;

use crate::engine::account::ExceptionKind;
use crate::engine::connection::Connection;
use crate::engine::connection::Period;
use crate::scenario::Late;
use crate::scenario::LatePolicy;

impl Connection {
    /// The late policy of a stream, or of the stream whose actions are followed up.
    pub(super) fn late(&self, series: u16) -> Late {
        let stream = self.shared.job.world.stream_of(series);
        self.shared.job.scenario.load.streams[stream].late
    }

    /// If a lane's action, which has not been sent, is too late to be sent at all: when that was
    /// found. The clock is read only where a policy asks.
    pub(super) fn too_late_at(&self, number: usize) -> Option<u64> {
        let flight = self.lanes[number].flight.as_ref().filter(|flight| !flight.is_begun())?;
        let series = flight.decision.stream;
        if self.late(series).policy != LatePolicy::Skip {
            return None;
        }
        let now = self.shared.clock.now();
        self.is_late(series, flight.stamps.intended, now).then_some(now)
    }

    /// Whether a slot that is not sent yet is too late to be sent at all.
    pub(super) fn is_late(&self, series: u16, intended: Option<u64>, now: u64) -> bool {
        let late = self.late(series);
        let lag = Duration::from_nanos(now.saturating_sub(intended.unwrap_or(now)));
        late.policy == LatePolicy::Skip && lag > late.max_lag
    }

    /// Leaves a lane's action out. Its decision stands: what builds on its rows is withheld.
    pub(super) fn leave_out(&mut self, number: usize) {
        let Some(flight) = self.lanes[number].flight.take() else { return };
        let mut records = self.records.borrow_mut();
        let stream = records.recorder.stream(usize::from(flight.decision.stream));
        let counters = &mut stream.at(flight.stamps.due()).counters;
        counters.skipped += 1;
        counters.late += 1;
        drop(records);
        // What comes next is not held back behind what was not sent.
        self.lanes[number].catch_up.forget();
        self.came_to_nothing(number, &flight, ExceptionKind::Late);
    }

    /// Tells those who judge lateness how long slots have been waiting here.
    pub(super) fn tell_backlog(&mut self) {
        if !self.is_watched {
            return;
        }
        let mut oldest = vec![u64::MAX; self.shared.job.scenario.load.streams.len()];
        let world = &self.shared.job.world;
        for lane in &self.lanes {
            let mut note = |series: u16, intended: u64| {
                let place = &mut oldest[world.stream_of(series)];
                *place = intended.min(*place);
            };
            if let Some(flight) = lane.flight.as_ref().filter(|flight| !flight.is_begun())
                && let Some(intended) = flight.stamps.intended
            {
                note(flight.decision.stream, intended);
            }
            for due in lane.lane.upcoming() {
                let boundary = world.plan_of(due.stream).boundary_ns();
                let is_held =
                    matches!(self.period, Period::WarmUp(_)) && due.planned_ns >= boundary;
                let intended = self.intended(lane, &due).filter(|_| !is_held);
                if let Some(intended) = intended {
                    note(due.stream, intended);
                }
            }
        }
        self.shared.oldest.note(self.index, &oldest);
    }
}
