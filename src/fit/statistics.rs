//! Two tests of whether values follow a law: Pearson's chi-squared for kinds, Kolmogorov's for numbers.
//!
//! Both yield the distance from the law as a part of what chance may bring about once in a million
//! times: above 1 the law is broken.

use std::collections::BTreeMap;

use crate::pace::real;
use crate::schema::normal_at;

/// A law that is kept passes for broken so often.
const ALPHA: f64 = 1e-6;
/// Kinds of which fewer are expected are judged together.
const EXPECTED_MIN: f64 = 5.0;

/// How far values are from a law, and what differs most.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Distance {
    pub(super) of_limit: f64,
    pub(super) most: String,
}

/// Pearson's test. `shares` are expected, and come to 1; a kind that is seen and not expected breaks
/// the law at once.
pub(super) fn kinds(shares: &BTreeMap<String, f64>, seen: &BTreeMap<String, u64>) -> Distance {
    let total = real(seen.values().sum());
    if let Some((kind, count)) = seen.iter().find(|(kind, _)| !shares.contains_key(*kind)) {
        let most = format!("`{kind}` came {count} times and is not declared");
        return Distance { of_limit: f64::INFINITY, most };
    }
    let (mut sum, mut freedom, mut most) = (0.0, -1.0, (0.0, String::new()));
    let mut rare = (0.0, 0.0);
    let mut add = |count: f64, expected: f64, name: &str| {
        let part = (count - expected) * (count - expected) / expected;
        sum += part;
        freedom += 1.0;
        if part >= most.0 {
            let percent = |of: f64| 100.0 * of / total;
            let (declared, came) = (percent(expected), percent(count));
            most = (part, format!("{name} came in {came:.2} %, declared are {declared:.2} %"));
        }
    };
    for (kind, share) in shares {
        let (count, expected) = (real(*seen.get(kind).unwrap_or(&0)), share * total);
        if expected < EXPECTED_MIN {
            rare = (rare.0 + count, rare.1 + expected);
        } else {
            add(count, expected, &format!("`{kind}`"));
        }
    }
    if rare.1 > 0.0 {
        add(rare.0, rare.1.max(1.0), "the rare ones");
    }
    Distance { of_limit: sum / chi_squared_limit(freedom), most: most.1 }
}

/// Beyond it lies [`ALPHA`] of the chi-squared distribution: with one and two degrees of freedom the
/// square of a normal number and an exponential one, else the approximation of Wilson and Hilferty
/// (1931), which is too great by an eighth with one degree.
fn chi_squared_limit(freedom: f64) -> f64 {
    if freedom < 1.5 {
        let deviation = normal_at(1.0 - ALPHA / 2.0);
        return deviation * deviation;
    }
    if freedom < 2.5 {
        return -2.0 * libm::log(ALPHA);
    }
    let ninth = 2.0 / (9.0 * freedom);
    let root = 1.0 - ninth + normal_at(1.0 - ALPHA) * libm::sqrt(ninth);
    freedom * root * root * root
}

/// Kolmogorov's test. `below` is the share of the law below a number. A value stands for all numbers
/// less than `half` away from it, as it was rounded; and it may have been moved by up to `slack`.
pub(super) fn numbers(
    values: &mut [f64],
    (half, slack): (f64, f64),
    below: &dyn Fn(f64) -> f64,
) -> Distance {
    values.sort_by(f64::total_cmp);
    let total = real(values.len() as u64);
    // The bound of Dvoretzky, Kiefer and Wolfowitz in Massart's form (1990).
    let limit = libm::sqrt(libm::log(2.0 / ALPHA) / (2.0 * total.max(1.0)));
    let (mut before, mut worst, mut most) = (0_u64, 0.0, String::new());
    for run in values.chunk_by(|one, other| one.total_cmp(other).is_eq()) {
        let (value, behind) = (run[0], before + run.len() as u64);
        for (count, edge) in [(before, value - half), (behind, value + half)] {
            let came = real(count) / total;
            // The nearest that the law allows.
            let declared = came.clamp(below(edge - slack), below(edge + slack));
            if (came - declared).abs() > worst {
                worst = (came - declared).abs();
                let (came, declared) = (100.0 * came, 100.0 * declared);
                most = format!("{came:.2} % lie below {edge}, declared are {declared:.2} %");
            }
        }
        before = behind;
    }
    Distance { of_limit: worst / limit, most }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tally(counts: &[(&str, u64)]) -> BTreeMap<String, u64> {
        counts.iter().map(|(kind, count)| ((*kind).to_owned(), *count)).collect()
    }

    #[test]
    fn a_fair_die_passes_and_a_loaded_one_does_not() {
        let shares: BTreeMap<String, f64> =
            (1..=6).map(|eye| (eye.to_string(), 1.0 / 6.0)).collect();
        let fair = [("1", 990), ("2", 1_020), ("3", 1_005), ("4", 985), ("5", 1_010), ("6", 990)];
        assert!(kinds(&shares, &tally(&fair)).of_limit < 0.2);
        let loaded = [("1", 900), ("2", 950), ("3", 950), ("4", 950), ("5", 950), ("6", 1_300)];
        let found = kinds(&shares, &tally(&loaded));
        assert!(found.of_limit > 1.0);
        assert_eq!(found.most, "`6` came in 21.67 %, declared are 16.67 %");
        assert!(kinds(&shares, &tally(&[("7", 1)])).of_limit.is_infinite());
    }

    #[test]
    fn chi_squared_lies_beyond_its_limit_once_in_a_million() {
        for (freedom, limit) in [(1.0, 23.928), (2.0, 27.631), (3.0, 30.665), (10.0, 46.863)] {
            let near: f64 = chi_squared_limit(freedom);
            assert!((near / limit - 1.0).abs() < 0.08, "{freedom}: {near}");
        }
    }

    #[test]
    fn even_numbers_pass_and_bent_ones_do_not() {
        let even = |edge: f64| edge;
        let mut values: Vec<f64> = (0..10_000).map(|at| (f64::from(at) + 0.5) / 1e4).collect();
        assert!(numbers(&mut values, (0.0, 0.0), &even).of_limit < 0.01);
        for value in &mut values {
            *value *= *value;
        }
        assert!(numbers(&mut values, (0.0, 0.0), &even).of_limit > 1.0);
        assert!(numbers(&mut values, (0.0, 0.3), &even).of_limit < 0.01);
        // Rounded to tenths they are judged at the edges.
        let mut tenths: Vec<f64> = (0..10_000).map(|at| f64::from(at % 10) / 10.0 + 0.05).collect();
        assert!(numbers(&mut tenths, (0.05, 0.0), &even).of_limit < 0.01);
        assert!(numbers(&mut tenths, (0.0, 0.0), &even).of_limit > 1.0);
    }
}
