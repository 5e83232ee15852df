//! Profiles whose rate is piecewise linear, so that Λ is piecewise quadratic and Λ⁻¹ is a closed form.
//!
//! ```text
//!  λ                  r1          In a piece of length L, with x since its beginning,
//!  │              ____╱
//!  │        ____╱    │              λ(x) = r0 + a·x,          a = (r1 − r0) / L
//!  │   r0 ╱          │              Λ(x) = base + r0·x + a·x²/2
//!  │  ____│          │  r0 = r1
//!  │ │    │          │_________   Slot n lies m = n − base slots into its piece, so
//!  └─┴────┴──────────┴─────────
//!     hold    ramp     hold   t     x = 2m / (r0 + √(r0² + 2·a·m))
//! ```
//!
//! That is the root of the quadratic in the form that subtracts nothing like-sized: with r0 ≫ a·x
//! the school formula loses all digits, this one none; with a = 0 it is m / r0.
//!
//! Λ⁻¹(n) is the *last* moment with Λ ≤ n. While nothing is scheduled Λ stands still, and the slot
//! that it stands at is due when the rate rises again; only so do [0, T) hold ⌈Λ(T)⌉ slots.
//!
//! No period is ever added up: a piece begins at a whole number of nanoseconds, at a Λ that is the
//! sum of few areas (or a multiple of one), and areas within rounding of a whole number are that
//! number, so that 0.1/s for 30 s is 3 slots, not 4.

mod section;

use std::time::Duration;

use super::Profile;
use super::Segment;
use super::nanoseconds;
use super::real;
use super::whole;
use section::Section;
use section::Shape;
use section::snap;

/// A profile made of segments, played one after the other.
#[derive(Debug, Clone, PartialEq)]
pub struct Curve {
    sections: Vec<Section>,
    length_ns: u64,
    total: f64,
}

impl Curve {
    /// Joins segments. Those of length 0 leave nothing.
    pub fn new(segments: impl IntoIterator<Item = Segment>) -> Curve {
        let mut curve = Curve { sections: Vec::new(), length_ns: 0, total: 0.0 };
        let mut rate = 0.0;
        for segment in segments {
            let (pieces, length_ns) = segment.pieces(rate);
            let Some(section) = Section::new(curve.length_ns, curve.total, pieces, length_ns)
            else {
                continue;
            };
            rate = section.rate_at_end();
            curve.push(section);
        }
        curve
    }

    /// The beginning of this curve, no longer than `length`.
    #[must_use]
    pub fn cut(&self, length: Duration) -> Curve {
        let end_ns = nanoseconds(length);
        let mut curve = Curve { sections: Vec::new(), length_ns: 0, total: 0.0 };
        for section in self.sections.iter().filter(|section| section.start_ns < end_ns) {
            let mut section = section.clone();
            section.length_ns = section.length_ns.min(end_ns - section.start_ns);
            curve.push(section);
        }
        curve
    }

    fn push(&mut self, section: Section) {
        self.length_ns = self.length_ns.saturating_add(section.length_ns);
        self.total = snap(section.base + section.area(section.length_ns));
        self.sections.push(section);
    }

    /// The section that plays at a time before the end.
    fn section_at(&self, at_ns: u64) -> Option<&Section> {
        let after = self.sections.partition_point(|section| section.start_ns <= at_ns);
        self.sections.get(after.checked_sub(1)?)
    }
}

impl Profile for Curve {
    fn expected(&self, at_ns: u64) -> f64 {
        match self.section_at(at_ns) {
            Some(section) if at_ns < self.length_ns => {
                section.base + section.area(at_ns - section.start_ns)
            }
            _ => self.total,
        }
    }

    fn due(&self, slot: u64) -> Option<u64> {
        let n = real(slot);
        if n >= self.total {
            return None;
        }
        // Sections without slots share their base with the next, so the last one is the busy one.
        let after = self.sections.partition_point(|section| section.base <= n);
        self.sections.get(after.checked_sub(1)?).map(|section| section.due(n))
    }

    fn rate(&self, at_ns: u64) -> f64 {
        match self.section_at(at_ns) {
            Some(section) if at_ns < self.length_ns => section.rate(at_ns - section.start_ns),
            _ => 0.0,
        }
    }

    fn length(&self) -> Duration {
        Duration::from_nanos(self.length_ns)
    }

    fn slots(&self) -> u64 {
        whole(self.total.ceil())
    }
}

impl Segment {
    /// One period of the segment, as pieces without base, and the length of the whole.
    fn pieces(&self, rate_before: f64) -> (Vec<Shape>, u64) {
        match *self {
            Segment::Hold { rate, length } => one(rate, rate, length),
            Segment::Idle { length } => one(0.0, 0.0, length),
            Segment::Ramp { from, to, length } => one(from.unwrap_or(rate_before), to, length),
            Segment::Steps { from, by, count, each } => {
                let length_ns = nanoseconds(each);
                let step = |index| (from + by * f64::from(index)).max(0.0);
                let shape = |rate| Shape { from: rate, to: rate, length_ns };
                let pieces = (0..count).map(|index| shape(step(index))).collect();
                (pieces, length_ns.saturating_mul(u64::from(count)))
            }
            Segment::Spike { base, peak, rise, hold, fall, every, length } => {
                let quiet = every.saturating_sub(rise).saturating_sub(hold).saturating_sub(fall);
                let before = nanoseconds(quiet) / 2;
                let after = nanoseconds(quiet) - before;
                let pieces = vec![
                    Shape { from: base, to: base, length_ns: before },
                    Shape { from: base, to: peak, length_ns: nanoseconds(rise) },
                    Shape { from: peak, to: peak, length_ns: nanoseconds(hold) },
                    Shape { from: peak, to: base, length_ns: nanoseconds(fall) },
                    Shape { from: base, to: base, length_ns: after },
                ];
                (pieces, nanoseconds(length))
            }
        }
    }
}

/// A segment of a single piece.
fn one(from: f64, to: f64, length: Duration) -> (Vec<Shape>, u64) {
    let length_ns = nanoseconds(length);
    (vec![Shape { from, to, length_ns }], length_ns)
}
