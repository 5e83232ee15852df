//! How slots lie about the moments at which a profile would have them.

use std::sync::Arc;

use crate::pace::Curve;
use crate::pace::Profile;
use crate::pace::chance::key;
use crate::pace::points::Points;
use crate::pace::real;

/// How the slots of a stream arrive.
///
/// ```text
///   uniform   |   |   |   |   |   |   |   |
///   poisson   | |      |  |||     |  |     |
///   burst     |||             |||
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Arrival {
    /// At even distances, as the rate says.
    Uniform,
    /// At random, independently of each other.
    Poisson(Count),
    /// In groups of so many that share a moment.
    Burst(u32),
}

/// How many slots there are in a random arrival.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Count {
    /// It is drawn: about as many as the profile says.
    Drawn,
    /// As many as the profile says, in each stretch of 1,024.
    Exact,
}

/// A curve whose slots do not arrive evenly.
///
/// Slot n is due at Λ⁻¹(uₙ). Evenly, uₙ would be n; in bursts it is the number of the burst's first
/// slot; at random, the uₙ are the points of a Poisson process of rate 1. So ramps stay ramps.
#[derive(Debug, Clone)]
pub(super) struct Arrivals {
    curve: Curve,
    arrival: Arrival,
    key: u64,
    scatter: Scatter,
}

#[derive(Debug, Clone)]
enum Scatter {
    Burst(u64),
    Points(Points),
}

impl Curve {
    /// The curve as a profile whose slots arrive in some way. All chance comes from the key.
    pub fn arriving(self, arrival: Arrival, key: u64) -> Arc<dyn Profile> {
        let end = self.total();
        let scatter = match arrival {
            Arrival::Uniform => return Arc::new(self),
            Arrival::Burst(size) => Scatter::Burst(u64::from(size.max(1))),
            Arrival::Poisson(Count::Drawn) => Scatter::Points(Points::drawn(key, end)),
            Arrival::Poisson(Count::Exact) => Scatter::Points(Points::exact(key, end)),
        };
        Arc::new(Arrivals { curve: self, arrival, key, scatter })
    }
}

impl Profile for Arrivals {
    fn expected(&self, at_ns: u64) -> f64 {
        self.curve.expected(at_ns)
    }

    fn due(&self, slot: u64) -> Option<u64> {
        if slot >= self.slots() {
            return None;
        }
        let at = match &self.scatter {
            Scatter::Burst(size) => real(slot / size * size),
            Scatter::Points(points) => points.at(slot),
        };
        self.curve.reaches(at)
    }

    fn rate(&self, at_ns: u64) -> f64 {
        self.curve.rate(at_ns)
    }

    fn length(&self) -> std::time::Duration {
        self.curve.length()
    }

    fn slots(&self) -> u64 {
        match &self.scatter {
            Scatter::Burst(_) => self.curve.slots(),
            Scatter::Points(points) => points.count(),
        }
    }

    fn depends_on_its_end(&self) -> bool {
        self.arrival == Arrival::Poisson(Count::Exact)
    }

    fn alike(&self, curve: Curve) -> Arc<dyn Profile> {
        // Another key: what warms up is not what is measured.
        curve.arriving(self.arrival, key(self.key, WARM_UP))
    }
}

/// Sets the chance of a warm-up apart from that of the blocks.
const WARM_UP: u64 = u64::MAX;

/// From which a stream's chance comes.
pub fn arrival_key(seed: u64, stream: usize) -> u64 {
    key(key(seed, ARRIVAL), stream as u64)
}

/// Sets the chance of arrivals apart from that of the content, which comes from the same seed.
const ARRIVAL: u64 = 0x6172_7269_7661_6c73;
