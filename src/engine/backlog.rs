//! How many slots have come due, and how long they wait.

use crate::engine::Shared;
use crate::pace::Plan;

impl Shared {
    /// Of a stream without regard to lanes: how many slots behind the first `taken` of this phase had
    /// come due at a moment on the run's clock.
    pub(super) fn backlog(&self, stream: usize, taken: u64, at_ns: u64) -> u64 {
        if stream >= self.job.scenario.load.streams.len() {
            // What follows has no slots of its own.
            return 0;
        }
        let plan = self.job.world.plan(stream);
        let at_ns = self.job.stop.at().map_or(at_ns, |stopped| at_ns.min(stopped));
        if !plan.is_open() {
            return 0;
        }
        if let Some(began) = self.began().filter(|began| *began <= at_ns) {
            let next = plan.warmup_slots().saturating_add(taken);
            let until = plan.boundary_ns().saturating_add(at_ns - began);
            return count_due(plan, (next, 1), until);
        }
        let Some(began) = self.ready.opened().filter(|began| *began <= at_ns) else { return 0 };
        let left = plan.warmup_slots().saturating_sub(taken);
        count_due(plan, (taken, 1), at_ns - began).min(left)
    }

    /// When a slot of a stream's measured part is due on the run's clock.
    pub(super) fn due_at(&self, stream: usize, slot: u64) -> Option<u64> {
        let is_stream = stream < self.job.scenario.load.streams.len();
        let began = self.began().filter(|_| is_stream)?;
        let plan = self.job.world.plan(stream);
        let planned = plan.due(plan.warmup_slots().checked_add(slot)?)?;
        Some(began.saturating_add(planned.saturating_sub(plan.boundary_ns())))
    }
}

/// How many slots of a lane, from its next one on, are planned until a moment. Counted by halving:
/// at high rates they are many.
pub(super) fn count_due(plan: &Plan, (next, lanes): (u64, u32), until: u64) -> u64 {
    let is_due = |count: u64| {
        let slot = count.checked_mul(lanes.into()).and_then(|ahead| next.checked_add(ahead));
        slot.and_then(|slot| plan.due(slot)).is_some_and(|due| due <= until)
    };
    let mut end = 1;
    while is_due(end) {
        end *= 2;
    }
    let mut begin = 0;
    while begin < end {
        let middle = begin + (end - begin) / 2;
        if is_due(middle) { begin = middle + 1 } else { end = middle }
    }
    begin
}
