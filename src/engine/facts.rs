//! What is known of a stream beside what is recorded.

use std::sync::atomic::Ordering;
use std::time::Duration;

use crate::engine::Shared;
use crate::measure::End;
use crate::measure::Pace;
use crate::measure::StreamFacts;
use crate::scenario::LatePolicy;

impl Shared {
    /// What the summary must know of a stream, or of what follows in one.
    pub(super) fn facts(&self, series: u16) -> StreamFacts {
        let stream = self.job.world.stream_of(series);
        let (plan, late) =
            (self.job.world.plan(stream), self.job.scenario.load.streams[stream].late);
        let lanes = self.job.world.lanes_of_stream(stream);
        let own = |end: u64| self.job.shard.slots_below(end, lanes);
        let warm = plan.warmup_slots();
        let is_follow_up = stream != usize::from(series);
        let began_ns = self.began().unwrap_or(0);
        let now = self.clock.now().saturating_sub(began_ns);
        // An unlimited stream may reach its limit long before its time is over.
        let is_timed = plan.is_open() || plan.measured_slots().is_none();
        let is_whole = self.job.stop.end() == End::Complete && is_timed;
        let whole = plan.measured().filter(|_| is_whole);
        let gone = self.job.stop.at().map_or(now, |at| at.saturating_sub(began_ns));
        let gone = Duration::from_nanos(gone);
        StreamFacts {
            name: self.job.world.series[usize::from(series)].clone(),
            is_open: plan.is_open(),
            // How much follows is drawn; and where both clock and limit may end it, either does.
            planned: plan
                .measured_slots()
                .filter(|_| !is_follow_up && (plan.is_open() || plan.measured().is_none()))
                .map(|slots| match self.job.resume {
                    Some(_) => self.left[stream].load(Ordering::Relaxed),
                    None => own(warm.saturating_add(slots)).saturating_sub(own(warm)),
                }),
            began_ns,
            measured: whole.unwrap_or(plan.measured().map_or(gone, |length| length.min(gone))),
            // Where what is later is not sent, or nothing has its time, nothing that is sent is late.
            max_lag: match late.policy {
                LatePolicy::CatchUp | LatePolicy::Abort if plan.is_open() => late.max_lag,
                _ => Duration::MAX,
            },
            is_follow_up,
            sessions: plan.sessions().map(|_| self.census.measured(stream)),
        }
    }

    /// The pace that each series should have now.
    pub(super) fn paces(&self, now: u64) -> Vec<Pace> {
        let began = self.began();
        let warmup_began = self.ready.opened().unwrap_or(now);
        let pace = |stream: usize| {
            let plan = self.job.world.plan(stream);
            let planned = began.map_or(now.saturating_sub(warmup_began), |began| {
                plan.boundary_ns() + now.saturating_sub(began)
            });
            match plan.sessions() {
                Some(_) => Pace::Sessions(self.census.alive(stream)),
                None if plan.is_open() => Pace::Rate(plan.rate(planned) * self.share(stream)),
                None => Pace::Unlimited,
            }
        };
        let streams = self.job.scenario.load.streams.len();
        let follow_ups = self.job.world.series.len() - streams;
        let follows = std::iter::repeat_n(Pace::Follows, follow_ups);
        (0..streams).map(pace).chain(follows).collect()
    }

    /// Which part of a stream's slots is ours.
    fn share(&self, stream: usize) -> f64 {
        let lanes = self.job.world.lanes_of_stream(stream);
        f64::from(self.job.shard.lane_count(lanes)) / f64::from(lanes.max(1))
    }
}
