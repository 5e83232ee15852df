//! One segment in place, and the arithmetic of its pieces.

use crate::pace::curve::piece::Shape;
use crate::pace::real;
use crate::pace::whole;

/// One segment in place: a period of some pieces, played again and again.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Section {
    pub(super) start_ns: u64,
    pub(super) length_ns: u64,
    /// Λ at the start.
    pub(super) base: f64,
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
    pub(super) fn new(
        start_ns: u64,
        base: f64,
        shapes: Vec<Shape>,
        length_ns: u64,
    ) -> Option<Section> {
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
    pub(super) fn area(&self, x_ns: u64) -> f64 {
        let (periods, rest_ns) = (x_ns / self.period_ns, x_ns % self.period_ns);
        let piece = self.piece_at(rest_ns);
        let within = piece.shape.area(rest_ns - piece.start_ns);
        real(periods) * self.per_period + piece.base + within
    }

    pub(super) fn rate(&self, x_ns: u64) -> f64 {
        let rest_ns = x_ns % self.period_ns;
        let piece = self.piece_at(rest_ns);
        piece.shape.rate(rest_ns - piece.start_ns)
    }

    /// The rate just before the end.
    pub(super) fn rate_at_end(&self) -> f64 {
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
    pub(super) fn due(&self, n: f64) -> u64 {
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
pub(super) fn snap(slots: f64) -> f64 {
    let nearest = slots.round();
    if (slots - nearest).abs() <= 1e-9 + nearest * 1e-14 { nearest } else { slots }
}
