//! Which of so many rows: evenly, near one end, or as Zipf's law has it.

use crate::generate::key::Draw;
use crate::generate::zipf::Zipf;
use crate::schema::Pick;

/// An index below `count`, from the oldest on.
pub(super) fn rank(pick: &Pick, count: u64, draw: &mut Draw) -> u64 {
    match pick {
        Pick::Uniform | Pick::State(_) => draw.below(count),
        Pick::Recent { mean } => {
            count.saturating_sub(1 + geometric(*mean, draw).min(count.saturating_sub(1)))
        }
        Pick::Zipf { exponent } => zipf(*exponent, count, draw),
        Pick::Oldest(_) => 0,
    }
}

/// The same, but never `other`, if there is one: among those that are left in their order.
pub(super) fn rank_beside(pick: &Pick, count: u64, other: Option<u64>, draw: &mut Draw) -> u64 {
    match other {
        Some(other) if count > 1 => past(rank(pick, count - 1, draw), other),
        _ => rank(pick, count, draw),
    }
}

/// The number of what has this number when `other` is left out.
pub(super) fn past(number: u64, other: u64) -> u64 {
    number + u64::from(number >= other)
}

/// A whole number from 0 on, geometric with this mean: ⌊ln(1 − u) / ln(1 − 1/(mean + 1))⌋.
fn geometric(mean: f64, draw: &mut Draw) -> u64 {
    let step = libm::log1p(-1.0 / (mean + 1.0));
    whole(libm::floor(libm::log1p(-draw.unit()) / step))
}

/// An index below `count`: `k` as often as `(k + 1)^-exponent` says.
fn zipf(exponent: f64, count: u64, draw: &mut Draw) -> u64 {
    if count <= 1 { 0 } else { Zipf::new(count, exponent).rank(draw) - 1 }
}

/// The whole number that a float is, which is not negative.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "not negative, and `as` saturates"
)]
fn whole(number: f64) -> u64 {
    number as u64
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// How often each index came.
    fn drawn(pick: &Pick, count: u32, times: u32, key: u64) -> Vec<u32> {
        let mut draw = Draw::new(key);
        let mut seen = vec![0; usize::try_from(count).unwrap()];
        for _ in 0..times {
            seen[usize::try_from(rank(pick, count.into(), &mut draw)).unwrap()] += 1;
        }
        seen
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(24))]
        /// Pearson's test against the law itself, bars with few hits taken together.
        #[test]
        fn zipf_follows_its_law(exponent in 0.05f64..4.0, count in 1u32..300, key: u64) {
            let times = 40_000;
            let seen = drawn(&Pick::Zipf { exponent }, count, times, key);
            let weights: Vec<f64> = (1..=count).map(|k| f64::from(k).powf(-exponent)).collect();
            let total: f64 = weights.iter().sum();
            let (mut chi, mut freedom, mut rest) = (0.0_f64, 0.0_f64, (0.0, 0.0));
            for (hits, weight) in seen.iter().zip(&weights) {
                rest = (rest.0 + f64::from(*hits), rest.1 + weight / total * f64::from(times));
                if rest.1 >= 20.0 {
                    chi += (rest.0 - rest.1) * (rest.0 - rest.1) / rest.1;
                    freedom += 1.0;
                    rest = (0.0, 0.0);
                }
            }
            // Mean and variance of chi-squared; seven deviations are out of reach by chance.
            prop_assert!(chi < freedom + 7.0 * (2.0 * freedom).sqrt() + 10.0, "{chi} for {freedom}");
        }

        #[test]
        fn a_rank_is_below_the_count(exponent in 0.01f64..10.0, bits in 1u32..50, key: u64) {
            let count = 1 << bits;
            let mut draw = Draw::new(key);
            for pick in [
                Pick::Zipf { exponent },
                Pick::Zipf { exponent: 1.0 },
                Pick::Oldest(Vec::new()),
                Pick::Uniform,
                Pick::Recent { mean: 1e6 },
            ] {
                for _ in 0..100 {
                    prop_assert!(rank(&pick, count, &mut draw) < count);
                }
            }
        }
    }

    #[test]
    fn of_many_rows_the_oldest_is_as_hot_as_the_law_says() {
        // ζ(1.5) is 2.612: the first of very many is drawn in 38.3 % of cases, the second in 13.5 %.
        let mut draw = Draw::new(3);
        let pick = Pick::Zipf { exponent: 1.5 };
        let ranks: Vec<u64> = (0..100_000).map(|_| rank(&pick, 1 << 45, &mut draw)).collect();
        let share = |of: u64| {
            let hits = ranks.iter().filter(|rank| **rank == of).count();
            f64::from(u32::try_from(hits).unwrap()) / 100_000.0
        };
        assert!((share(0) - 0.383).abs() < 0.01, "{}", share(0));
        assert!((share(1) - 0.135).abs() < 0.01, "{}", share(1));
        assert!(ranks.iter().any(|rank| *rank > 1_000_000), "the tail is reached");
    }

    #[test]
    fn the_oldest_is_the_first_and_nothing_is_drawn_for_it() {
        assert_eq!(drawn(&Pick::Oldest(Vec::new()), 5, 10, 1), [10, 0, 0, 0, 0]);
    }
}
