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

use std::time::Duration;

use super::Profile;
use super::nanoseconds;
use super::real;
use super::whole;

/// The most steps that one [`Segment::Steps`] may have: each takes memory. `check` holds it.
pub const STEPS_MAX: u32 = 10_000;

/// A second, in nanoseconds.
const SECOND: f64 = 1e9;

/// A part of a curve. Rates are slots a second, never negative.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Segment {
    /// One rate.
    Hold {
        /// The rate.
        rate: f64,
        /// How long.
        length: Duration,
    },
    /// From one rate to another, in a straight line.
    Ramp {
        /// The first rate; if not given, that at which the segment before ended, or 0.
        from: Option<f64>,
        /// The last rate.
        to: f64,
        /// How long.
        length: Duration,
    },
    /// Several holds, each faster (or slower) than the one before.
    Steps {
        /// The first rate.
        from: f64,
        /// What is added from step to step; may be negative, but no step goes below 0.
        by: f64,
        /// How many, at most [`STEPS_MAX`].
        count: u32,
        /// How long each is.
        each: Duration,
    },
    /// A base rate with a peak in the middle of each period.
    ///
    /// ```text
    ///            ____               peak
    ///           ╱    ╲
    /// _________╱      ╲_________    base
    /// │  rise → hold → fall    │
    /// └───────  every  ────────┘
    /// ```
    Spike {
        /// The rate between peaks.
        base: f64,
        /// The rate at the peak.
        peak: f64,
        /// How long it takes from base to peak; may be 0.
        rise: Duration,
        /// How long the peak is held; may be 0.
        hold: Duration,
        /// How long it takes from peak to base; may be 0.
        fall: Duration,
        /// The period; at least rise, hold and fall together.
        every: Duration,
        /// How long all of it lasts; the last period may be cut short.
        length: Duration,
    },
    /// Nothing.
    Idle {
        /// How long.
        length: Duration,
    },
}

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

/// The rate over one piece.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Shape {
    from: f64,
    to: f64,
    length_ns: u64,
}

impl Shape {
    /// Slots in its first `x_ns`.
    fn area(&self, x_ns: u64) -> f64 {
        let x = real(x_ns);
        let mean = self.from + (self.to - self.from) * (x / real(self.length_ns)) * 0.5;
        mean * x / SECOND
    }

    fn rate(&self, x_ns: u64) -> f64 {
        self.from + (self.to - self.from) * (real(x_ns) / real(self.length_ns))
    }

    /// How long after its beginning `slots` slots are due: at once, or rounded up to a nanosecond,
    /// so that no slot is early.
    fn inverse(&self, slots: f64) -> u64 {
        if slots <= 0.0 {
            return 0;
        }
        #[expect(clippy::float_cmp, reason = "a hold has one rate, to the bit")]
        let x = if self.from == self.to {
            slots * SECOND / self.from
        } else {
            let slope = (self.to - self.from) * SECOND / real(self.length_ns);
            let square = (self.from * self.from + 2.0 * slope * slots).max(0.0);
            2.0 * slots * SECOND / (self.from + square.sqrt())
        };
        // Two roundings at most stand behind x: what lies that little above a whole number is it.
        whole((x - x * (2.0 * f64::EPSILON)).ceil()).min(self.length_ns)
    }
}

/// One segment in place: a period of some pieces, played again and again.
#[derive(Debug, Clone, PartialEq)]
struct Section {
    start_ns: u64,
    length_ns: u64,
    /// Λ at the start.
    base: f64,
    period_ns: u64,
    /// Slots of a period.
    per_period: f64,
    pieces: Vec<Piece>,
}

/// A piece in its period.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Piece {
    start_ns: u64,
    /// Slots of the period before it.
    base: f64,
    shape: Shape,
}

impl Section {
    /// `None` if it would last no time.
    fn new(start_ns: u64, base: f64, shapes: Vec<Shape>, length_ns: u64) -> Option<Section> {
        let (mut period_ns, mut per_period) = (0_u64, 0.0);
        let mut pieces = Vec::with_capacity(shapes.len());
        for shape in shapes.into_iter().filter(|shape| shape.length_ns > 0) {
            pieces.push(Piece { start_ns: period_ns, base: per_period, shape });
            period_ns = period_ns.saturating_add(shape.length_ns);
            per_period = snap(per_period + shape.area(shape.length_ns));
        }
        let lasts = length_ns > 0 && period_ns > 0;
        lasts.then_some(Section { start_ns, length_ns, base, period_ns, per_period, pieces })
    }

    /// Slots in its first `x_ns`.
    fn area(&self, x_ns: u64) -> f64 {
        let (periods, rest_ns) = (x_ns / self.period_ns, x_ns % self.period_ns);
        let piece = self.piece_at(rest_ns);
        let within = piece.shape.area(rest_ns - piece.start_ns);
        real(periods) * self.per_period + piece.base + within
    }

    fn rate(&self, x_ns: u64) -> f64 {
        let rest_ns = x_ns % self.period_ns;
        let piece = self.piece_at(rest_ns);
        piece.shape.rate(rest_ns - piece.start_ns)
    }

    /// The rate just before the end.
    fn rate_at_end(&self) -> f64 {
        let last_ns = (self.length_ns - 1) % self.period_ns;
        let piece = self.piece_at(last_ns);
        piece.shape.rate(last_ns + 1 - piece.start_ns)
    }

    fn piece_at(&self, rest_ns: u64) -> &Piece {
        let after = self.pieces.partition_point(|piece| piece.start_ns <= rest_ns);
        &self.pieces[after.saturating_sub(1)]
    }

    /// Λ at the start of a period.
    fn origin(&self, period: u64) -> f64 {
        snap(self.base + real(period) * self.per_period)
    }

    /// When slot `n`, one of its own, is due.
    fn due(&self, n: f64) -> u64 {
        let period = if self.length_ns > self.period_ns { self.period_of(n) } else { 0 };
        let m = n - if period == 0 { self.base } else { self.origin(period) };
        let after = self.pieces.partition_point(|piece| piece.base <= m);
        let piece = &self.pieces[after.saturating_sub(1)];
        let x_ns = period * self.period_ns + piece.start_ns + piece.shape.inverse(m - piece.base);
        self.start_ns + x_ns.min(self.length_ns)
    }

    /// The last period that begins at or before slot `n`.
    fn period_of(&self, n: f64) -> u64 {
        let period = whole((n - self.base) / self.per_period);
        // Where a period begins at `n`, rounding may have made the quotient a little too small;
        // where it has made it too great, `snap` says that the period does begin at `n`.
        if self.origin(period + 1) <= n { period + 1 } else { period }
    }
}

/// The whole number that `slots` is but for rounding, or `slots`.
fn snap(slots: f64) -> f64 {
    let nearest = slots.round();
    if (slots - nearest).abs() <= 1e-9 + nearest * 1e-14 { nearest } else { slots }
}
