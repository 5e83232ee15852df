//! Distributions: how much of one lies below a value, and below which value lies how much. `exp`,
//! `log` and the like come from `libm`, so that the bits are the same on every machine.

use crate::schema::drawn::Distribution;
use crate::schema::drawn::Shape;

/// The 99th percentile of the standard normal distribution.
pub(crate) const NORMAL_P99: f64 = 2.326_347_874_040_841;

impl Distribution {
    /// The share of values below `value`, as if nothing were cut off.
    fn below(&self, value: f64) -> f64 {
        if value == f64::NEG_INFINITY {
            return 0.0;
        }
        if value == f64::INFINITY {
            return 1.0;
        }
        match self.shape {
            Shape::Even => (value - self.min) / (self.max - self.min),
            Shape::Normal { mean, deviation } => normal_below((value - mean) / deviation),
            Shape::Lognormal { .. } if value <= 0.0 => 0.0,
            Shape::Lognormal { median, p99 } => {
                let mu = libm::log(median);
                let sigma = (libm::log(p99) - mu) / NORMAL_P99;
                normal_below((libm::log(value) - mu) / sigma)
            }
            Shape::Exponential { excess } => -libm::expm1(-(value - self.min) / excess),
            Shape::Pareto { exponent } => 1.0 - libm::pow(self.min / value, exponent),
        }
    }

    /// The value below which lies this share of all values, as if nothing were cut off.
    fn at(&self, share: f64) -> f64 {
        match self.shape {
            Shape::Even => self.min + (self.max - self.min) * share,
            Shape::Normal { mean, deviation } => mean + deviation * normal_at(share),
            Shape::Lognormal { median, p99 } => {
                let mu = libm::log(median);
                let sigma = (libm::log(p99) - mu) / NORMAL_P99;
                libm::exp(mu + sigma * normal_at(share))
            }
            Shape::Exponential { excess } => self.min - excess * libm::log1p(-share),
            Shape::Pareto { exponent } => self.min * libm::exp(-libm::log1p(-share) / exponent),
        }
    }

    /// The shares below both ends: what lies between them is what is kept.
    pub(crate) fn kept(&self) -> (f64, f64) {
        if self.min >= self.max {
            return (0.0, 1.0);
        }
        let below = |end: f64| self.below(end).clamp(0.0, 1.0);
        match self.shape {
            Shape::Even => (0.0, 1.0),
            Shape::Exponential { .. } | Shape::Pareto { .. } => (0.0, below(self.max)),
            _ => (below(self.min), below(self.max)),
        }
    }

    /// The value below which lies this share, 0 to 1, of those that are kept: draws by inversion.
    /// `kept` is [`Distribution::kept`].
    pub(crate) fn quantile(&self, share: f64, kept: (f64, f64)) -> f64 {
        let value = self.at(kept.0 + (kept.1 - kept.0) * share);
        // Rounding may lead beyond an end by a bit.
        if value < self.min {
            self.min
        } else if value > self.max {
            self.max
        } else {
            value
        }
    }

    /// The share, above 0 and below 1, of those kept that lies below a value.
    pub(crate) fn share(&self, value: f64, kept: (f64, f64)) -> f64 {
        let share = (self.below(value) - kept.0) / (kept.1 - kept.0);
        if share.is_nan() { 0.5 } else { share.clamp(1e-12, 1.0 - 1e-12) }
    }
}

/// The share of the standard normal distribution below a value.
pub(crate) fn normal_below(value: f64) -> f64 {
    0.5 * libm::erfc(-value * std::f64::consts::FRAC_1_SQRT_2)
}

/// The value below which lies this share of the standard normal distribution: the rational
/// approximations of P. J. Acklam (2003), with a relative error below 1.2e-9.
pub(crate) fn normal_at(share: f64) -> f64 {
    const A: [f64; 6] = [
        -3.969_683_028_665_376e1,
        2.209_460_984_245_205e2,
        -2.759_285_104_469_687e2,
        1.383_577_518_672_69e2,
        -3.066_479_806_614_716e1,
        2.506_628_277_459_239,
    ];
    const B: [f64; 6] = [
        -5.447_609_879_822_406e1,
        1.615_858_368_580_409e2,
        -1.556_989_798_598_866e2,
        6.680_131_188_771_972e1,
        -1.328_068_155_288_572e1,
        1.0,
    ];
    const C: [f64; 6] = [
        -7.784_894_002_430_293e-3,
        -3.223_964_580_411_365e-1,
        -2.400_758_277_161_838,
        -2.549_732_539_343_734,
        4.374_664_141_464_968,
        2.938_163_982_698_783,
    ];
    const D: [f64; 5] = [
        7.784_695_709_041_462e-3,
        3.224_671_290_700_398e-1,
        2.445_134_137_142_996,
        3.754_408_661_907_416,
        1.0,
    ];
    const LOW: f64 = 0.024_25;
    let tail = |share: f64| {
        let root = libm::sqrt(-2.0 * libm::log(share));
        polynomial(&C, root) / polynomial(&D, root)
    };
    if share < LOW {
        tail(share)
    } else if share > 1.0 - LOW {
        -tail(1.0 - share)
    } else {
        let middle = share - 0.5;
        let square = middle * middle;
        middle * polynomial(&A, square) / polynomial(&B, square)
    }
}

/// Horner's rule, the highest power first.
fn polynomial(factors: &[f64], at: f64) -> f64 {
    factors.iter().fold(0.0, |sum, factor| sum * at + factor)
}

#[cfg(test)]
mod tests {
    use super::normal_at;
    use super::normal_below;
    use crate::schema::drawn::Distribution;
    use crate::schema::drawn::Shape;

    #[test]
    fn share_and_value_undo_each_other() {
        for number in 1..1000 {
            let share = f64::from(number) / 1000.0;
            assert!((normal_below(normal_at(share)) - share).abs() < 1e-8, "{share}");
        }
        assert!((normal_at(0.99) - super::NORMAL_P99).abs() < 1e-8);
        assert!((normal_below(normal_at(1e-12)) / 1e-12 - 1.0).abs() < 1e-6);
        let free = (f64::NEG_INFINITY, f64::INFINITY);
        for (shape, (min, max)) in [
            (Shape::Even, (3.0, 9.0)),
            (Shape::Normal { mean: 5.0, deviation: 2.0 }, free),
            (Shape::Normal { mean: 5.0, deviation: 2.0 }, (4.0, 20.0)),
            (Shape::Lognormal { median: 9.0, p99: 70.0 }, (0.0, 30.0)),
            (Shape::Exponential { excess: 7.0 }, (2.0, 90.0)),
            (Shape::Pareto { exponent: 1.2 }, (2.0, 500.0)),
        ] {
            let distribution = Distribution { shape, min, max };
            let kept = distribution.kept();
            for number in 1..100 {
                let share = f64::from(number) / 100.0;
                let value = distribution.quantile(share, kept);
                assert!((min..=max).contains(&value), "{shape:?}");
                assert!((distribution.share(value, kept) - share).abs() < 1e-7, "{shape:?}");
            }
        }
    }
}
