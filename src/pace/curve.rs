//! Profiles made of pieces whose area Λ is a closed form, and Λ⁻¹ with it.
//!
//! ```text
//!  λ                  r1          In a straight piece of length L, with x since its beginning,
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
//! the school formula loses all digits, this one none; with a = 0 it is m / r0. A piece that grows
//! by the same factor in the same time inverts by a logarithm. Smooth ramps and waves are cut into
//! pieces so short that a line tells nearly where a slot is due; Newton's method then finds it to
//! the nanosecond, in two steps.
//!
//! Λ⁻¹(n) is the *last* moment with Λ ≤ n. While nothing is scheduled Λ stands still, and the slot
//! that it stands at is due when the rate rises again; only so do [0, T) hold ⌈Λ(T)⌉ slots.
//!
//! No period is ever added up: a piece begins at a whole number of nanoseconds, at a Λ that is the
//! sum of few areas (or a multiple of one), and areas within rounding of a whole number are that
//! number, so that 0.1/s for 30 s is 3 slots, not 4.

mod piece;
mod section;
mod shapes;

use std::time::Duration;

use super::Profile;
use super::Segment;
use super::nanoseconds;
use super::real;
use super::whole;
use section::Section;
use section::snap;
use shapes::shapes;

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
            let (pieces, length_ns) = shapes(&segment, rate);
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

    /// Λ at the end.
    pub(super) fn total(&self) -> f64 {
        self.total
    }

    /// Λ⁻¹: the last moment at which Λ is `n`, which is below the total.
    pub(super) fn reaches(&self, n: f64) -> Option<u64> {
        // Sections without slots share their base with the next, so the last one is the busy one.
        let after = self.sections.partition_point(|section| section.base <= n);
        self.sections.get(after.checked_sub(1)?).map(|section| section.due(n))
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
        if n >= self.total { None } else { self.reaches(n) }
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
