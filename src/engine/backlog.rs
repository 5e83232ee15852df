//! How many slots have come due, and how long they wait.

use crate::engine::Shared;
use crate::pace::Plan;

impl Shared {
    /// Of a stream: how many slots of ours behind the first `taken` of this phase had come due at a
    /// moment on the run's clock.
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
        let lanes = self.job.world.lanes_of_stream(stream);
        let own = |end: u64| self.job.shard.slots_below(end, lanes);
        let warm = plan.warmup_slots();
        if let Some(began) = self.began().filter(|began| *began <= at_ns) {
            let until = plan.boundary_ns().saturating_add(at_ns - began);
            let due = count_due(plan, (0, 1), until).max(warm);
            return own(due).saturating_sub(own(warm)).saturating_sub(taken);
        }
        let Some(began) = self.ready.opened().filter(|began| *began <= at_ns) else { return 0 };
        own(count_due(plan, (0, 1), at_ns - began).min(warm)).saturating_sub(taken)
    }

    /// When a slot is due on the run's clock, counted among ours of a stream's measured part.
    pub(super) fn due_at(&self, stream: usize, slot: u64) -> Option<u64> {
        let is_stream = stream < self.job.scenario.load.streams.len();
        let began = self.began().filter(|_| is_stream)?;
        let plan = self.job.world.plan(stream);
        let lanes = self.job.world.lanes_of_stream(stream);
        let before = self.job.shard.slots_below(plan.warmup_slots(), lanes);
        let planned = plan.due(self.job.shard.slot(before.checked_add(slot)?, lanes)?)?;
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
