//! The run's clock.

use std::time::Duration;

use crate::pace::nanoseconds;

/// Nanoseconds since the run began, monotonic. One for all workers and observers.
#[derive(Debug, Clone, Copy)]
pub struct Clock {
    zero: Duration,
}

impl Clock {
    /// Begins now.
    pub fn start() -> Self {
        Self { zero: monotonic() }
    }

    /// The time.
    pub fn now(&self) -> u64 {
        nanoseconds(monotonic().saturating_sub(self.zero))
    }

    /// A time of this clock on the machine's own.
    pub fn absolute(&self, at: u64) -> Duration {
        self.zero + Duration::from_nanos(at)
    }
}

fn monotonic() -> Duration {
    let now = rustix::time::clock_gettime(rustix::time::ClockId::Monotonic);
    let seconds = u64::try_from(now.tv_sec).unwrap_or(0);
    Duration::new(seconds, u32::try_from(now.tv_nsec).unwrap_or(0))
}
