//! How much may go out: no more than the limits, and while the service throttles a little more than what
//! went through in the second before. Pure arithmetic; the time is given.
//!
//! What a call takes counts from when it is sent until a second after its answer. The service sees it
//! somewhere between, so in no second, wherever it begins, does it see more than the limits.

use std::collections::VecDeque;
use std::time::Duration;
use std::time::Instant;

use crate::embedded::firehose::Quota;

/// For how long the service counts a call.
const SECOND: Duration = Duration::from_secs(1);
/// After so many seconds in which nothing was throttled the limits alone count again.
const CALM: u32 = 10;
/// However much is throttled, so much is tried each second.
const LEAST: Cost = Cost { requests: 10, records: 100, bytes: 100 * 1_024 };

/// What a call takes of the limits.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Cost {
    pub(super) requests: u64,
    pub(super) records: u64,
    pub(super) bytes: u64,
}

impl Cost {
    /// The same of two costs, amount by amount.
    fn with(self, other: Self, of: impl Fn(u64, u64) -> u64) -> Self {
        Self {
            requests: of(self.requests, other.requests),
            records: of(self.records, other.records),
            bytes: of(self.bytes, other.bytes),
        }
    }

    fn map(self, of: impl Fn(u64) -> u64) -> Self {
        self.with(Self::default(), |amount, _| of(amount))
    }
}

/// What may go out now.
#[derive(Debug)]
pub(super) struct Limit {
    /// In a second; no limit is the largest number.
    most: Cost,
    calls_max: usize,
    /// While throttled: what may go out in a second, and for how many seconds nothing was throttled.
    slowed: Option<(Cost, u32)>,
    in_flight: usize,
    used: Cost,
    /// What was answered, and until when it counts; in order.
    ending: VecDeque<(Instant, Cost)>,
    watched: Watched,
}

/// What was answered since it was looked at.
#[derive(Debug, Clone, Copy)]
struct Watched {
    since: Instant,
    answered: Cost,
    /// Records of these that were throttled.
    throttled: u64,
}

impl Watched {
    fn new(since: Instant) -> Self {
        Self { since, answered: Cost::default(), throttled: 0 }
    }
}

impl Limit {
    /// So much in a second, and so many calls in flight.
    pub(super) fn new(quota: Quota, calls_max: usize, now: Instant) -> Self {
        let Quota { requests, records, bytes } = quota;
        let no_limit = |amount| if amount == 0 { u64::MAX } else { amount };
        Self {
            most: Cost { requests, records, bytes }.map(no_limit),
            calls_max,
            slowed: None,
            in_flight: 0,
            used: Cost::default(),
            ending: VecDeque::new(),
            watched: Watched::new(now),
        }
    }

    /// What a second may take now.
    fn allowed(&self) -> Cost {
        match self.slowed {
            Some((slowed, _)) => self.most.with(slowed, u64::min),
            None => self.most,
        }
    }

    /// The most that one call should have: a quarter of a second's, so that calls go out evenly.
    pub(super) fn call_max(&self) -> Cost {
        let quarter = self.allowed().map(|amount| (amount / 4).max(1));
        Cost { requests: 1, ..quarter }
    }

    /// What the next call may have; `None` if it must wait. A single record may have more than is
    /// allowed while throttled, if nothing else counts: something must go on.
    pub(super) fn room(&mut self, now: Instant) -> Option<Cost> {
        self.expire(now);
        if self.in_flight >= self.calls_max {
            return None;
        }
        if self.in_flight == 0 && self.watched.answered == Cost::default() {
            // Time in which nothing was to be sent says nothing.
            self.watched.since = now;
        }
        if self.used == Cost::default() {
            return Some(Cost { requests: 1, bytes: u64::MAX, ..self.call_max() });
        }
        let room = self.allowed().with(self.used, u64::saturating_sub);
        (room.requests > 0 && room.records > 0).then_some(room)
    }

    /// When there may be more room, if time alone makes it.
    pub(super) fn more_at(&self) -> Option<Instant> {
        self.ending.front().map(|(until, _)| *until)
    }

    /// A call goes out.
    pub(super) fn begin(&mut self, cost: Cost) {
        self.in_flight += 1;
        self.used = self.used.with(cost, u64::saturating_add);
    }

    /// A call is answered, or given up; of its records so many were throttled.
    pub(super) fn end(&mut self, cost: Cost, throttled: u64, now: Instant) {
        self.in_flight = self.in_flight.saturating_sub(1);
        self.ending.push_back((now + SECOND, cost));
        self.watched.answered = self.watched.answered.with(cost, u64::saturating_add);
        self.watched.throttled += throttled;
        self.adjust(now);
    }

    /// Once a second. While something is throttled, what went through may go out in a second, and a
    /// quarter more, to see whether it goes; and again a quarter more for each second in which nothing was.
    fn adjust(&mut self, now: Instant) {
        let Watched { since, answered, throttled } = self.watched;
        let elapsed = now.saturating_duration_since(since);
        if elapsed < SECOND || answered.records == 0 {
            return;
        }
        self.watched = Watched::new(now);
        let more = |amount: u64| amount.saturating_add(amount / 4);
        if throttled > 0 {
            let milliseconds = u64::try_from(elapsed.as_millis()).unwrap_or(u64::MAX);
            let kept = answered.records.saturating_sub(throttled);
            let through = answered.map(|amount| {
                let each_second = amount.saturating_mul(1_000) / milliseconds.max(1);
                more(each_second.saturating_mul(kept) / answered.records)
            });
            self.slowed = Some((through.with(LEAST, u64::max), 0));
        } else if let Some((slowed, calm)) = self.slowed {
            self.slowed = (calm + 1 < CALM).then(|| (slowed.map(more), calm + 1));
        }
    }

    fn expire(&mut self, now: Instant) {
        while let Some((until, cost)) = self.ending.front().copied()
            && until <= now
        {
            self.ending.pop_front();
            self.used = self.used.with(cost, u64::saturating_sub);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;
    use std::time::Instant;

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
        fn it_never_stands_still(throttled in 1_u64..10_000, bytes in 1_u64..2_000_000) {
            let now = Instant::now();
            let mut limit = Limit::new(Quota::MOST_REGIONS, 4, now);
            limit.begin(cost(10_000, 1));
            let later = now + Duration::from_secs(1);
            limit.end(cost(10_000, 1), throttled, later);
            let room = limit.room(later + Duration::from_secs(1)).unwrap();
            assert!(room.records >= 1 && room.bytes >= bytes);
        }
    }

    #[test]
    fn throttling_lowers_it_to_what_goes_through_and_it_grows_again() {
        let mut now = Instant::now();
        let mut limit = Limit::new(Quota::UNLIMITED, 4, now);
        let mut second = |limit: &mut Limit, records, throttled| {
            limit.begin(cost(records, records * 1_000));
            now += Duration::from_secs(1);
            limit.end(cost(records, records * 1_000), throttled, now);
            limit.allowed()
        };
        assert_eq!(second(&mut limit, 1_000, 0).records, u64::MAX);
        assert_eq!(
            second(&mut limit, 1_000, 600),
            Cost { requests: 10, records: 500, bytes: 500_000 }
        );
        assert_eq!(second(&mut limit, 500, 100).records, 500, "it gets what it takes");
        assert_eq!(second(&mut limit, 500, 0).records, 625);
        for _ in 0..9 {
            second(&mut limit, 100, 0);
        }
        assert_eq!(limit.allowed().records, u64::MAX);
        let none = second(&mut limit, 100, 100);
        assert_eq!(none, super::LEAST, "and never to nothing");
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
        assert!(limit.room(now).is_some());
    }
}
