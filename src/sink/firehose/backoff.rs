//! When to try again: exponential, with full jitter.

use std::time::Duration;

use crate::pace::GOLDEN;
use crate::pace::mix64;

/// The first wait is half of this on average, each further one twice as long.
const FIRST: Duration = Duration::from_millis(100);
/// A wait is never longer.
const LONGEST: Duration = Duration::from_secs(5);

/// A sequence of waits.
#[derive(Debug, Clone)]
pub(super) struct Backoff {
    state: u64,
}

impl Backoff {
    /// Clients that start with different numbers do not wait in step.
    pub(super) fn new(seed: u64) -> Self {
        Self { state: mix64(seed) }
    }

    /// How long to wait after so many tries: anything from nothing to the most, evenly.
    pub(super) fn after(&mut self, tries: u32) -> Duration {
        self.state = self.state.wrapping_add(GOLDEN);
        let most = FIRST.saturating_mul(1 << tries.saturating_sub(1).min(16)).min(LONGEST);
        let upper = u32::try_from(mix64(self.state) >> 32).unwrap_or(u32::MAX);
        most.mul_f64(f64::from(upper) / 4_294_967_296.0)
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::Backoff;

    #[test]
    fn waits_double_to_the_longest_and_spread_over_all_of_it() {
        let mut backoff = Backoff::new(1);
        for (tries, most) in [(1, 100), (2, 200), (3, 400), (6, 3_200), (7, 5_000), (60, 5_000)] {
            let waits: Vec<Duration> = (0..1_000).map(|_| backoff.after(tries)).collect();
            let most = Duration::from_millis(most);
            assert!(waits.iter().all(|wait| *wait <= most));
            assert!(waits.iter().any(|wait| *wait < most / 10), "{tries}");
            assert!(waits.iter().any(|wait| *wait > most * 9 / 10), "{tries}");
        }
    }
}
