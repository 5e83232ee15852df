//! How far behind its schedule each stream is, for the late policy `abort`: also while nothing moves
//! and no connection wakes.

use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering;
use std::time::Duration;

use crate::pace::nanoseconds;
use crate::scenario::Late;
use crate::scenario::LatePolicy;
use crate::units::format_duration;

/// For so long without a break a stream must be too late before the run is stopped.
const PATIENCE: Duration = Duration::from_secs(3);

/// When the oldest slot that was not sent was due, on the run's clock: for each connection and stream.
/// Each place is written by its connection alone, and read once a second.
#[derive(Debug)]
pub(super) struct Oldest {
    streams: usize,
    oldest: Vec<AtomicU64>,
}

impl Oldest {
    /// Of so many connections and streams.
    pub(super) fn new(connections: usize, streams: usize) -> Self {
        let never = || AtomicU64::new(u64::MAX);
        Self { streams, oldest: (0..connections * streams).map(|_| never()).collect() }
    }

    /// A connection's oldest slots, by stream; `u64::MAX` where none waits.
    pub(super) fn note(&self, connection: usize, oldest: &[u64]) {
        let places = self.oldest.iter().skip(connection * self.streams);
        for (place, oldest) in places.zip(oldest) {
            place.store(*oldest, Ordering::Relaxed);
        }
    }

    fn lag(&self, stream: usize, now: u64) -> Duration {
        let places = self.oldest.iter().skip(stream).step_by(self.streams.max(1));
        let oldest = places.map(|place| place.load(Ordering::Relaxed)).min().unwrap_or(u64::MAX);
        Duration::from_nanos(now.saturating_sub(oldest))
    }
}

/// Since when each stream has been later than its policy allows.
#[derive(Debug, Default)]
pub(super) struct Lateness(Vec<Option<u64>>);

impl Lateness {
    /// Looks once more. Returns why the run must stop, if it must.
    pub(super) fn look<'a>(
        &mut self,
        oldest: &Oldest,
        streams: impl Iterator<Item = (&'a str, Late)>,
        now: u64,
    ) -> Option<String> {
        self.0.resize(oldest.streams, None);
        let mut reason = None;
        for (number, ((name, late), since)) in streams.zip(&mut self.0).enumerate() {
            let lag = oldest.lag(number, now);
            if late.policy != LatePolicy::Abort || lag <= late.max_lag {
                *since = None;
                continue;
            }
            let begun = *since.get_or_insert(now);
            if now.saturating_sub(begun) >= nanoseconds(PATIENCE) {
                let [lag, most, patience] = [lag, late.max_lag, PATIENCE].map(format_duration);
                reason.get_or_insert(format!(
                    "the stream `{name}` is {lag} late, and has been later than {most} for \
                     {patience} (`late: abort`): the target does not keep up"
                ));
            }
        }
        reason
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn three_seconds_on_end_are_too_much_and_a_break_begins_anew() {
        let oldest = Oldest::new(2, 1);
        let late = Late { factor: 2.0, max_lag: Duration::from_secs(1), policy: LatePolicy::Abort };
        let mut lateness = Lateness::default();
        let mut look = |second: u64| {
            lateness.look(&oldest, [("shop", late)].into_iter(), second * 1_000_000_000)
        };
        assert_eq!(look(1), None);
        oldest.note(1, &[1_000_000_000]);
        assert_eq!([look(2), look(3), look(5)], [None, None, None]);
        oldest.note(1, &[u64::MAX]);
        assert_eq!(look(6), None);
        oldest.note(0, &[4_000_000_000]);
        assert_eq!([look(7), look(9)], [None, None]);
        assert!(look(10).is_some_and(|reason| reason.contains("`shop` is 6s late")));
    }
}
