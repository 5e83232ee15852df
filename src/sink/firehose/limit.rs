//! How much may go out: the stream's quota, lowered while the service throttles. Pure arithmetic; the
//! time is given.
//!
//! What a call takes counts from when it is sent until a second after its answer. The service sees it
//! somewhere between, so in no second, wherever it begins, does it see more than the quota.

use std::collections::VecDeque;
use std::time::Duration;
use std::time::Instant;

use crate::embedded::firehose::Quota;

/// For how long the service counts a call.
const SECOND: Duration = Duration::from_secs(1);
/// A share is kept in thousandths.
const WHOLE: u64 = 1_000;
/// It is never lowered below this, and grows by this each second.
const STEP: u64 = 50;

/// What a call takes of the quota.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Cost {
    pub(super) requests: u64,
    pub(super) records: u64,
    pub(super) bytes: u64,
}

/// What may go out now.
#[derive(Debug)]
pub(super) struct Limit {
    quota: Quota,
    calls_max: usize,
    /// Of the quota and of the calls in flight, in thousandths.
    share: u64,
    in_flight: usize,
    used: Cost,
    /// What was answered, and until when it counts; in order.
    ending: VecDeque<(Instant, Cost)>,
    /// The second of the last adjustment: when it began, and the records that were answered and throttled since.
    watched: (Instant, u64, u64),
}

impl Limit {
    /// The whole quota, and so many calls in flight.
    pub(super) fn new(quota: Quota, calls_max: usize, now: Instant) -> Self {
        Self {
            quota,
            calls_max,
            share: WHOLE,
            in_flight: 0,
            used: Cost::default(),
            ending: VecDeque::new(),
            watched: (now, 0, 0),
        }
    }

    /// What a second may take now.
    fn allowed(&self) -> Cost {
        let part = |rate: u64| match rate {
            0 => u64::MAX,
            rate => (rate.saturating_mul(self.share) / WHOLE).max(1),
        };
        let Quota { requests, records, bytes } = self.quota;
        Cost { requests: part(requests), records: part(records), bytes: part(bytes) }
    }

    /// The most that one call should have: a quarter of a second's, so that calls go out evenly.
    pub(super) fn call_max(&self) -> Cost {
        let allowed = self.allowed();
        let quarter = |amount: u64| (amount / 4).max(1);
        Cost { requests: 1, records: quarter(allowed.records), bytes: quarter(allowed.bytes) }
    }

    /// What the next call may have; `None` if it must wait. A single record may have more than is
    /// allowed while throttled, if nothing else counts: something must go on.
    pub(super) fn room(&mut self, now: Instant) -> Option<Cost> {
        self.expire(now);
        let calls = u64::try_from(self.calls_max).unwrap_or(u64::MAX).saturating_mul(self.share);
        let calls = usize::try_from(calls / WHOLE).unwrap_or(usize::MAX).max(1);
        if self.in_flight >= calls {
            return None;
        }
        let (allowed, used) = (self.allowed(), self.used);
        if used == Cost::default() {
            return Some(Cost { requests: 1, bytes: u64::MAX, ..self.call_max() });
        }
        let room = Cost {
            requests: allowed.requests.saturating_sub(used.requests),
            records: allowed.records.saturating_sub(used.records),
            bytes: allowed.bytes.saturating_sub(used.bytes),
        };
        (room.requests > 0 && room.records > 0).then_some(room)
    }

    /// When there may be more room, if time alone makes it.
    pub(super) fn more_at(&self) -> Option<Instant> {
        self.ending.front().map(|(until, _)| *until)
    }

    /// A call goes out.
    pub(super) fn begin(&mut self, cost: Cost) {
        self.in_flight += 1;
        if self.quota != Quota::UNLIMITED {
            self.used.requests += cost.requests;
            self.used.records += cost.records;
            self.used.bytes += cost.bytes;
        }
    }

    /// A call is answered, or given up; of its records so many were throttled.
    pub(super) fn end(&mut self, cost: Cost, throttled: u64, now: Instant) {
        self.in_flight = self.in_flight.saturating_sub(1);
        if self.quota != Quota::UNLIMITED {
            self.ending.push_back((now + SECOND, cost));
        }
        self.watched.1 += cost.records;
        self.watched.2 += throttled;
        self.adjust(now);
    }

    /// The share of the quota that is used, in thousandths.
    #[cfg(test)]
    pub(super) fn share(&self) -> u64 {
        self.share
    }

    /// Once a second: less by what was throttled, and a little more to see whether it goes.
    fn adjust(&mut self, now: Instant) {
        let (since, answered, throttled) = self.watched;
        if now.saturating_duration_since(since) < SECOND || answered == 0 {
            return;
        }
        self.watched = (now, 0, 0);
        let kept = answered.saturating_sub(throttled);
        self.share = (self.share.saturating_mul(kept) / answered + STEP).clamp(STEP, WHOLE);
    }

    fn expire(&mut self, now: Instant) {
        while let Some((until, cost)) = self.ending.front().copied()
            && until <= now
        {
            self.ending.pop_front();
            self.used.requests -= cost.requests;
            self.used.records -= cost.records;
            self.used.bytes -= cost.bytes;
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;
    use std::time::Instant;

    use proptest::prelude::any;
    use proptest::proptest;

    use super::Cost;
    use super::Limit;
    use crate::embedded::firehose::Quota;

    fn cost(records: u64, bytes: u64) -> Cost {
        Cost { requests: 1, records, bytes }
    }

    proptest! {
        /// Whenever the service looks at each call between its sending and its answer, no second has
        /// more than the quota.
        #[test]
        fn no_second_gets_more_than_the_quota(
            steps in proptest::collection::vec((0_u64..300, 1_u64..40, 0_u64..400, 0_u64..100), 1..200),
        ) {
            let begun = Instant::now();
            let quota = Quota { requests: 10, records: 100, bytes: 4_000 };
            let mut limit = Limit::new(quota, 100, begun);
            let (mut at, mut open, mut seen) = (0, Vec::new(), Vec::new());
            for (pause, records, latency, looked) in steps {
                at += pause;
                open.sort_by_key(|(ends, _)| *ends);
                while let Some((ends, each)) = open.first().copied() && ends <= at {
                    open.remove(0);
                    limit.end(each, 0, begun + Duration::from_millis(ends));
                }
                let now = begun + Duration::from_millis(at);
                let Some(room) = limit.room(now) else { continue };
                let records = records.min(room.records);
                let bytes = (records * 40).min(room.bytes);
                limit.begin(cost(records, bytes));
                seen.push((at + latency * looked / 100, records, bytes));
                open.push((at + latency, cost(records, bytes)));
            }
            for (from, _, _) in &seen {
                let within = seen.iter().filter(|each| (*from..from + 1_000).contains(&each.0));
                let sums = within.fold((0, 0, 0), |sums, each| {
                    (sums.0 + 1, sums.1 + each.1, sums.2 + each.2)
                });
                assert!(sums.0 <= 10 && sums.1 <= 100 && sums.2 <= 4_000, "{sums:?} from {from}");
            }
        }

        #[test]
        fn it_never_stands_still(share in any::<u64>(), bytes in 1_u64..2_000_000) {
            let now = Instant::now();
            let mut limit = Limit::new(Quota::MOST_REGIONS, 4, now);
            limit.share = share % 951 + 50;
            let room = limit.room(now).unwrap();
            assert!(room.records >= 1 && room.bytes >= bytes);
        }
    }

    #[test]
    fn throttling_lowers_it_to_what_goes_through_and_it_grows_again() {
        let mut now = Instant::now();
        let mut limit = Limit::new(Quota::MOST_REGIONS, 4, now);
        let mut second = |limit: &mut Limit, throttled| {
            limit.begin(cost(100, 0));
            now += Duration::from_secs(1);
            limit.end(cost(100, 0), throttled, now);
            limit.share()
        };
        assert_eq!(second(&mut limit, 60), 450, "two fifths went through, and a step more");
        assert_eq!(second(&mut limit, 0), 500);
        for _ in 0..20 {
            second(&mut limit, 0);
        }
        assert_eq!(limit.share(), 1_000);
        for _ in 0..20 {
            second(&mut limit, 100);
        }
        assert_eq!(limit.share(), 50, "and never to nothing");
    }

    #[test]
    fn calls_in_flight_are_limited_without_a_quota_too() {
        let now = Instant::now();
        let mut limit = Limit::new(Quota::UNLIMITED, 2, now);
        limit.begin(cost(500, 1));
        assert!(limit.room(now).is_some());
        limit.begin(cost(500, 1));
        assert!(limit.room(now).is_none());
        limit.end(cost(500, 1), 0, now);
        assert!(limit.room(now).is_some() && limit.more_at().is_none());
    }
}
