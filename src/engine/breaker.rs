//! Stops a run in which too much fails: more than 1 % of at least 100 actions within ten seconds.

use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering;

/// Seconds that are looked at.
const WINDOW_S: u64 = 10;
/// The same, as a number of places.
const PLACES: usize = 10;
/// Fewer actions than these say nothing.
const ACTIONS_MIN: u64 = 100;

/// Counts of the last seconds, shared by all workers. A second's counts are approximate while its
/// place is taken over from the second ten before it; no decision about data rests on them.
#[derive(Debug, Default)]
pub(super) struct Breaker {
    seconds: [Second; PLACES],
}

#[derive(Debug, Default)]
struct Second {
    number: AtomicU64,
    done: AtomicU64,
    failed: AtomicU64,
}

impl Breaker {
    /// `done` actions have settled, `failed` of them with an error that does not pass by itself.
    /// Returns why the run must stop, if it must.
    pub(super) fn count(&self, now_ns: u64, done: u64, failed: u64) -> Option<String> {
        let second = now_ns / 1_000_000_000;
        let place = &self.seconds[usize::try_from(second % WINDOW_S).unwrap_or(0)];
        if place.number.swap(second, Ordering::Relaxed) != second {
            place.done.store(0, Ordering::Relaxed);
            place.failed.store(0, Ordering::Relaxed);
        }
        place.done.fetch_add(done, Ordering::Relaxed);
        if failed == 0 {
            return None;
        }
        place.failed.fetch_add(failed, Ordering::Relaxed);
        let recent = self
            .seconds
            .iter()
            .filter(|place| place.number.load(Ordering::Relaxed) + WINDOW_S > second);
        let (done, failed) = recent.fold((0, 0), |(done, failed), place| {
            let count = |of: &AtomicU64| of.load(Ordering::Relaxed);
            (done + count(&place.done), failed + count(&place.failed))
        });
        (done >= ACTIONS_MIN && failed * 100 > done).then(|| {
            format!("{failed} of {done} actions failed within {WINDOW_S} s: more than 1 %")
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_breaks_above_one_percent_of_a_hundred() {
        let breaker = Breaker::default();
        assert_eq!(breaker.count(0, 50, 50), None);
        let breaker = Breaker::default();
        assert_eq!(breaker.count(1, 200, 2), None);
        assert!(breaker.count(2_000_000_000, 1, 1).is_some());
    }

    #[test]
    fn it_forgets_after_ten_seconds() {
        let breaker = Breaker::default();
        assert!(breaker.count(0, 100, 99).is_some());
        assert_eq!(breaker.count(11_000_000_000, 150, 1), None);
    }
}
