//! A piece of a curve: a rate over a stretch of time, its area, and the way back from area to time.

use crate::pace::real;
use crate::pace::whole;

/// A second, in nanoseconds.
pub(super) const SECOND: f64 = 1e9;

/// The rate over one piece. `v` runs from 0 to 1 over its length.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Form {
    /// A straight line.
    Line {
        /// The rate at its beginning.
        from: f64,
        /// The rate at its end.
        to: f64,
    },
    /// from·e^(growth·v): the same factor in the same time. Neither is 0.
    Exponential {
        /// The rate at its beginning.
        from: f64,
        /// ln(to / from).
        growth: f64,
    },
    /// c₀ + c₁v + c₂v² + c₃v³: a stretch of an s-shaped ramp.
    Cubic([f64; 4]),
    /// A stretch of a wave, no longer than a tenth of a radian.
    Wave {
        /// The rate that it swings about.
        mean: f64,
        /// The swing times the sine of the phase at its beginning.
        sine: f64,
        /// The swing times the cosine of that phase.
        cosine: f64,
        /// How far the phase goes, and 1 divided by that.
        angle: f64,
        per_angle: f64,
    },
}

/// A form with a length.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Shape {
    pub(super) form: Form,
    pub(super) length_ns: u64,
}

impl Form {
    pub(super) fn hold(rate: f64) -> Form {
        Form::Line { from: rate, to: rate }
    }

    /// The rate at `v`.
    fn rate(&self, v: f64) -> f64 {
        match *self {
            Form::Line { from, to } => from + (to - from) * v,
            Form::Exponential { from, growth } => from * libm::exp(growth * v),
            Form::Cubic([c0, c1, c2, c3]) => c0 + v * (c1 + v * (c2 + v * c3)),
            Form::Wave { mean, sine, cosine, angle, .. } => {
                let (rise, fall) = arc(angle * v);
                mean + sine * (1.0 - fall) + cosine * rise
            }
        }
    }

    /// The mean rate from 0 to `v`, times `v`: the area for a length of 1.
    fn area(&self, v: f64) -> f64 {
        match *self {
            Form::Line { from, to } => (from + (to - from) * v * 0.5) * v,
            Form::Exponential { from, growth } => from * libm::expm1(growth * v) / growth,
            Form::Cubic([c0, c1, c2, c3]) => {
                v * (c0 + v * (c1 * 0.5 + v * (c2 * (1.0 / 3.0) + v * (c3 * 0.25))))
            }
            Form::Wave { mean, sine, cosine, angle, per_angle } => {
                let (rise, fall) = arc(angle * v);
                mean * v + (sine * rise + cosine * fall) * per_angle
            }
        }
    }

    /// The `v` up to which the area is `area`, which is above 0; may lie a little beyond 1.
    fn inverse(&self, area: f64) -> f64 {
        match *self {
            Form::Line { from, to } => line_inverse(from, to, area),
            Form::Exponential { from, growth } => libm::log1p(area * growth / from) / growth,
            Form::Cubic(_) | Form::Wave { .. } => self.search(area),
        }
    }

    /// Newton's method from the line between the rates at both ends. A step that would leave the
    /// interval in which the answer is known to lie halves it instead, so it always ends.
    fn search(&self, area: f64) -> f64 {
        let (from, to) = (self.rate(0.0), self.rate(1.0));
        let mut v = line_inverse(from, to, area).min(1.0);
        let (mut low, mut high) = (0.0, 1.0);
        for _ in 0..HALVINGS_MAX {
            let missing = area - self.area(v);
            // Where the rate is 0 the step is not finite, and the interval is halved.
            let newton = v + missing / self.rate(v);
            if missing >= 0.0 {
                low = v;
            } else {
                high = v;
            }
            let is_inside = newton >= low && newton <= high;
            let next = if is_inside { newton } else { low + (high - low) * 0.5 };
            let step = (next - v).abs();
            v = next;
            // Newton squares the error: behind a step as small as this one there is none left.
            if step <= STEP_MIN || low >= high {
                break;
            }
        }
        v
    }
}

/// A search ends at a step of so much of the piece, and after so many steps anyway.
const STEP_MIN: f64 = 1e-7;
const HALVINGS_MAX: u32 = 60;

/// Where a line of length 1 has gained `area`: the root of the quadratic in the form that subtracts
/// nothing like-sized.
fn line_inverse(from: f64, to: f64, area: f64) -> f64 {
    let square = (from * from + 2.0 * (to - from) * area).max(0.0);
    2.0 * area / (from + square.sqrt())
}

/// The sine of a small angle, and one less its cosine. Up to a tenth of a radian the terms that are
/// left out are below the last bit.
fn arc(angle: f64) -> (f64, f64) {
    let square = angle * angle;
    let sine = 1.0 - square * (1.0 / 42.0) * (1.0 - square * (1.0 / 72.0));
    let sine = 1.0 - square * (1.0 / 6.0) * (1.0 - square * (1.0 / 20.0) * sine);
    let fall = 1.0 - square * (1.0 / 56.0) * (1.0 - square * (1.0 / 90.0));
    let fall = 0.5 - square * (1.0 / 24.0) * (1.0 - square * (1.0 / 30.0) * fall);
    (angle * sine, square * fall)
}

impl Shape {
    /// Slots in its first `x_ns`.
    pub(super) fn area(&self, x_ns: u64) -> f64 {
        let (x, length) = (real(x_ns), real(self.length_ns));
        match self.form {
            // Not by way of `v`: a rounding less.
            Form::Line { from, to } => (from + (to - from) * (x / length) * 0.5) * x / SECOND,
            form => form.area(x / length) * length / SECOND,
        }
    }

    /// The rate after `x_ns`.
    pub(super) fn rate(&self, x_ns: u64) -> f64 {
        self.form.rate(real(x_ns) / real(self.length_ns))
    }

    /// How long after its beginning `slots` slots are due: at once, or rounded up to a nanosecond,
    /// so that no slot is early.
    pub(super) fn inverse(&self, slots: f64) -> u64 {
        if slots <= 0.0 {
            return 0;
        }
        let length = real(self.length_ns);
        let x = match self.form {
            #[expect(clippy::float_cmp, reason = "a hold has one rate, to the bit")]
            Form::Line { from, to } if from == to => slots * SECOND / from,
            Form::Line { from, to } => {
                let slope = (to - from) * SECOND / length;
                let square = (from * from + 2.0 * slope * slots).max(0.0);
                2.0 * slots * SECOND / (from + square.sqrt())
            }
            form => form.inverse(slots * SECOND / length) * length,
        };
        // A few roundings stand behind x: what lies that little above a whole number is it.
        whole((x - x * ROUNDING).ceil()).min(self.length_ns)
    }
}

/// What few roundings may add up to.
const ROUNDING: f64 = 2.0 * f64::EPSILON;
