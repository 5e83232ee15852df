//! Ranks by Zipf's law, in constant memory and time for any number of ranks.

use crate::generate::key::Draw;

/// Most tries; each succeeds with a probability above one half.
const TRIES_MAX: u32 = 128;

/// Ranks 1 to n of which rank k has a weight of 1 ÷ k^s: by rejection-inversion, after W. Hörmann
/// and G. Derflinger, "Rejection-inversion to generate variates from monotone discrete
/// distributions" (ACM Transactions on Modeling and Computer Simulation 6/3, 1996).
///
/// The weights lie under the curve h(x) = x^-s; H is its integral. A point under the curve is drawn
/// by inverting H, rounded to a rank, and kept if it lies under the rank's bar.
#[derive(Debug, Clone, Copy)]
pub(super) struct Zipf {
    count: f64,
    exponent: f64,
    /// H at the lower end: the first rank's bar is one unit of area.
    least: f64,
    /// H at the upper end.
    greatest: f64,
    /// So near below a rank every point is under its bar.
    near: f64,
}

impl Zipf {
    /// `count` is at least 1 and below 2^53, `exponent` above 0.
    #[expect(clippy::cast_precision_loss, reason = "`check` allows 10^15 ranks")]
    pub(super) fn new(count: u64, exponent: f64) -> Self {
        let blank = Self { count: count as f64, exponent, least: 0.0, greatest: 0.0, near: 0.0 };
        Self {
            least: blank.integral(1.5) - 1.0,
            greatest: blank.integral(blank.count + 0.5),
            near: 2.0 - blank.inverse(blank.integral(2.5) - blank.height(2.0)),
            ..blank
        }
    }

    /// A rank, from 1 on.
    pub(super) fn rank(&self, draw: &mut Draw) -> u64 {
        let mut rank = 1.0;
        for _ in 0..TRIES_MAX {
            let area = self.greatest + draw.unit() * (self.least - self.greatest);
            let at = self.inverse(area);
            rank = libm::floor(at + 0.5).clamp(1.0, self.count);
            if rank - at <= self.near || area >= self.integral(rank + 0.5) - self.height(rank) {
                break;
            }
        }
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "1 to 10^15")]
        let rank = rank as u64;
        rank
    }

    /// The weights of the ranks behind `first` up to `last`: of a single one its own, of several the area
    /// under the curve, which is theirs but for less than a ten-thousandth where 64 ranks lie before them.
    #[expect(clippy::cast_precision_loss, reason = "ranks are below 2^53")]
    pub(super) fn weight(&self, first: u64, last: u64) -> f64 {
        if last - first == 1 {
            return self.height(last as f64);
        }
        self.integral(last as f64 + 0.5) - self.integral(first as f64 + 0.5)
    }

    fn height(&self, at: f64) -> f64 {
        libm::exp(-self.exponent * libm::log(at))
    }

    /// (x^(1-s) - 1) ÷ (1 - s), and its limit ln x where s is 1.
    fn integral(&self, at: f64) -> f64 {
        let log = libm::log(at);
        let power = (1.0 - self.exponent) * log;
        let growth =
            if power.abs() > 1e-8 { libm::expm1(power) / power } else { 1.0 + power / 2.0 };
        growth * log
    }

    fn inverse(&self, area: f64) -> f64 {
        // Rounding may lead a bit beyond -1, where the logarithm ends.
        let power = (area * (1.0 - self.exponent)).max(-1.0);
        let shrink =
            if power.abs() > 1e-8 { libm::log1p(power) / power } else { 1.0 - power / 2.0 };
        libm::exp(shrink * area)
    }
}

#[cfg(test)]
mod tests {
    use super::Zipf;
    use crate::generate::key::Draw;

    #[test]
    fn ranks_come_as_often_as_their_weights_say() {
        for (count, exponent) in [(10_u32, 1.0), (10, 0.5), (50, 1.1), (5, 3.0), (1, 1.0)] {
            let zipf = Zipf::new(count.into(), exponent);
            let mut draw = Draw::new(11);
            let mut seen = vec![0_u32; count as usize];
            for _ in 0..200_000 {
                seen[usize::try_from(zipf.rank(&mut draw)).unwrap() - 1] += 1;
            }
            let weight = |rank: u32| f64::from(rank).powf(-exponent);
            let total: f64 = (1..=count).map(weight).sum();
            for (rank, seen) in (1..=count).zip(seen) {
                let expected = 200_000.0 * weight(rank) / total;
                // Five standard deviations.
                let margin = 5.0 * expected.sqrt() + 1.0;
                assert!((f64::from(seen) - expected).abs() < margin, "{count} {exponent} {rank}");
            }
        }
    }

    #[test]
    fn a_thousand_million_ranks_need_no_memory() {
        let zipf = Zipf::new(1_000_000_000, 1.1);
        let mut draw = Draw::new(5);
        let ranks: Vec<u64> = (0..100_000).map(|_| zipf.rank(&mut draw)).collect();
        assert!(ranks.iter().all(|rank| (1..=1_000_000_000).contains(rank)));
        assert!(ranks.iter().any(|rank| *rank > 100_000_000));
        // ζ(1.1) is 10.58, less what lies beyond a thousand million: 10.58 - 1.26.
        let first = ranks.iter().filter(|rank| **rank == 1).count();
        assert!((10_300..11_200).contains(&first), "{first}");
    }
}
