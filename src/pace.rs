//! When each slot is due. Pure arithmetic: reads no clock, keeps no state.

mod arrival;
mod chance;
mod curve;
mod plan;
mod points;
mod segment;
mod sessions;
mod shard;
mod slots;

use std::fmt::Debug;
use std::sync::Arc;
use std::time::Duration;

pub use arrival::Arrival;
pub use arrival::Count;
pub use arrival::arrival_key;
pub(crate) use chance::GOLDEN;
pub(crate) use chance::mix64;
pub use curve::Curve;
pub use plan::Plan;
pub use plan::WarmUp;
pub use points::POISSON_MAX;
pub use segment::Bend;
pub use segment::STEPS_MAX;
pub use segment::Segment;
pub use segment::Stretch;
pub use segment::WaveStart;
pub use segment::lasting;
pub use sessions::Line;
pub use sessions::SESSIONS_MAX;
pub use sessions::Sessions;
pub use shard::SHARDS_MAX;
pub use shard::Shard;
pub use slots::Slots;

/// A shape of load over time.
///
/// With rate λ(t), `expected(t)` is Λ(t), the area under λ from 0 to t, and slot n (from 0) is due
/// at Λ⁻¹(n). Slots in [0, T) number ⌈Λ(T)⌉. Times are nanoseconds since the profile began.
pub trait Profile: Debug + Send + Sync {
    /// Λ at a time: how many slots should be due by then, as a real number.
    fn expected(&self, at_ns: u64) -> f64;
    /// When a slot is due; `None` at and beyond [`Profile::slots`].
    fn due(&self, slot: u64) -> Option<u64>;
    /// λ at a time, in slots a second: for display and for the warm-up.
    fn rate(&self, at_ns: u64) -> f64;
    /// How long it lasts.
    fn length(&self) -> Duration;
    /// How many slots it has.
    fn slots(&self) -> u64;
    /// Whether when a slot is due depends on what comes behind it: then a longer profile that begins alike
    /// is another one.
    fn depends_on_its_end(&self) -> bool {
        false
    }
    /// A curve whose slots arrive as this profile's do, evenly unless told otherwise: for the
    /// warm-up.
    fn alike(&self, curve: Curve) -> Arc<dyn Profile> {
        Arc::new(curve)
    }
}

/// How a stream is paced.
#[derive(Debug, Clone)]
pub enum Pacing {
    /// Slots are due at moments known beforehand.
    Open(Arc<dyn Profile>),
    /// Each slot is due at once, for so long (or until the stream's limit).
    Unlimited {
        /// How long, unless the limit comes first.
        length: Option<Duration>,
    },
    /// So many sessions, each of which thinks between the answer and its next slot.
    Closed {
        /// How many.
        sessions: Arc<Sessions>,
        /// How long each thinks.
        think: Think,
    },
}

impl Pacing {
    /// The sessions of a closed stream.
    pub fn sessions(&self) -> Option<&Sessions> {
        match self {
            Pacing::Closed { sessions, .. } => Some(sessions),
            Pacing::Open(_) | Pacing::Unlimited { .. } => None,
        }
    }
}

/// How long a session thinks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Think {
    /// Always so long.
    Constant(Duration),
    /// Evenly between the two.
    Uniform(Duration, Duration),
    /// Lognormal, by its median and its 99th percentile.
    Lognormal {
        /// Half of the times are shorter.
        median: Duration,
        /// 99 % of the times are shorter; longer than the median.
        p99: Duration,
    },
    /// Exponential: what happens at random moments.
    Exponential {
        /// The mean.
        mean: Duration,
    },
}

impl Think {
    /// Nobody thinks longer.
    pub const MAX: Duration = Duration::from_hours(24);
}

/// Nanoseconds of a duration; beyond 584 years it stays there.
pub(crate) fn nanoseconds(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}

/// A count or a time as a real number.
#[expect(
    clippy::cast_precision_loss,
    reason = "above 2^53 (104 days in ns) the last bits do not matter"
)]
pub(crate) fn real(whole: u64) -> f64 {
    whole as f64
}

/// A real number without its fraction; below 0 it is 0, and too great stays at the greatest.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "`as` saturates, which is what is wanted"
)]
pub(crate) fn whole(real: f64) -> u64 {
    real as u64
}
