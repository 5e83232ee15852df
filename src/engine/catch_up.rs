//! When a lane's next slot may be sent, so that a backlog is worked off in time, and not at once.

/// What a lane must remember of its last slot for that.
#[derive(Debug, Default)]
pub(super) struct CatchUp {
    /// When its next slot may be sent.
    release_ns: u64,
    /// Of the last slot that was taken: when it was planned, and when it counts as taken.
    last: Option<(u64, u64)>,
}

impl CatchUp {
    /// When the next slot, due at `intended` and planned for `planned`, may be sent: when it is
    /// due; after a stall, each slot at the `factor`-th part of its planned distance from the one
    /// before it, so that a backlog is worked off at no more than `factor` times the schedule.
    pub(super) fn release(&self, intended: u64, planned: u64, factor: f64) -> u64 {
        let Some((last_planned, last_taken)) = self.last else { return intended };
        let distance = planned.saturating_sub(last_planned);
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            clippy::cast_precision_loss,
            reason = "a distance between slots, in nanoseconds; the factor is at least 1"
        )]
        let shortened = (distance as f64 / factor.max(1.0)) as u64;
        intended.max(last_taken.saturating_add(shortened))
    }

    /// The next slot may be sent from then on.
    pub(super) fn note(&mut self, release_ns: u64) {
        self.release_ns = release_ns;
    }

    /// From when on the next slot may be sent, as it was noted.
    pub(super) fn released(&self) -> u64 {
        self.release_ns
    }

    /// The slot planned for `planned` is taken now. A wake-up, `wake_ns` after the one before it,
    /// takes all that came due in between: so much lateness is no backlog, and the slot counts as
    /// taken when it might have been. (At 100 µs from slot to slot and wake-ups each millisecond,
    /// the second slot of a wake-up would have to wait for the next one otherwise, and so on.)
    pub(super) fn took(&mut self, planned: u64, now: u64, wake_ns: u64) {
        let excused = now.saturating_sub(wake_ns);
        self.last = Some((planned, self.release_ns.max(excused).min(now)));
    }

    /// What comes next is not held back behind what was.
    pub(super) fn forget(&mut self) {
        self.last = None;
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const MS: u64 = 1_000_000;

    /// A lane's slots, `distance` apart, taken by wake-ups at these times: how late each was, and
    /// how many a wake-up took.
    fn taken(distance: u64, wake_ns: u64, wakes: impl Iterator<Item = u64>) -> Vec<Vec<u64>> {
        let mut lane = CatchUp::default();
        let mut slots = 0;
        lane.note(0);
        let wake = |now: u64| {
            let mut delays = Vec::new();
            while lane.released() <= now {
                delays.push(now - slots * distance);
                lane.took(slots * distance, now, wake_ns);
                slots += 1;
                lane.note(lane.release(slots * distance, slots * distance, 2.0));
            }
            delays
        };
        wakes.map(wake).collect()
    }

    /// Eco wakes a thousand times a second, and holds far more slots a second in each lane.
    #[test]
    fn a_wake_up_takes_all_that_came_due_since_the_one_before() {
        for (distance, wake) in [(640_000, MS), (10_000, MS), (1_000, MS), (50_000, 200_000)] {
            // The timer rings some 50 µs late, which does not add up.
            let wakes = (1..=2_000).map(|number| number * (wake + 50_000));
            let rows = taken(distance, wake, wakes);
            let total = rows.iter().map(|late| late.len() as u64).sum::<u64>();
            assert_eq!(total, 2_000 * (wake + 50_000) / distance + 1);
            let most = rows.into_iter().flatten().max();
            assert!(most.is_some_and(|most| most <= wake + 50_000 + distance), "{most:?}");
        }
    }

    #[test]
    fn a_stall_is_worked_off_at_no_more_than_twice_the_schedule() {
        let wakes =
            (1..=3_000).map(|number| number * MS).filter(|at| !(MS..1_000 * MS).contains(at));
        let mut rows = taken(100_000, MS, wakes).into_iter().map(|late| late.len());
        // Of the first wake-up also what the wake-up itself is excused.
        assert_eq!(rows.next(), Some(21));
        let rows: Vec<_> = rows.collect();
        assert!(rows[..970].iter().all(|count| *count == 20), "{rows:?}");
        assert!(rows[1_010..].iter().all(|count| *count == 10), "{rows:?}");
    }

    proptest! {
        /// Whatever the wake-ups do: never early, and between two of them never more than twice the
        /// schedule, with one slot and one wake-up on top.
        #[test]
        fn no_wake_up_takes_more_than_it_may(
            pauses in prop::collection::vec(1_u64..20_000_000, 1..200),
            distance in 1_000_u64..5_000_000,
        ) {
            let mut now = 0;
            let wakes: Vec<u64> = pauses.iter().map(|pause| { now += pause; now }).collect();
            let rows = taken(distance, MS, wakes.into_iter());
            for (late, pause) in rows.iter().zip(&pauses) {
                let most = (pause + MS) * 2 / distance + 2;
                prop_assert!(late.len() as u64 <= most, "{} of {most}", late.len());
            }
        }
    }
}
