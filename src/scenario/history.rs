//! When seeded rows were made: so many over the time before the start, evenly or ever faster.

/// The past of a domain's seeded rows.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct History {
    /// How long before the start the first row was made, in microseconds.
    pub over_us: u64,
    /// How many times as many rows are made in a moment at the end as in one at the beginning.
    pub growth: f64,
}

impl History {
    /// How long before the start the row was made before which the share `before` of all rows was, in
    /// microseconds; `before` is at least 0 and below 1.
    ///
    /// Rows come at a rate that grows evenly in its logarithm, from 1 to `growth`: of all rows the share
    /// (growth^t − 1) ÷ (growth − 1) is made before the share t of the time, which is solved for t.
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_precision_loss,
        clippy::cast_sign_loss,
        reason = "two centuries are 53 bits of microseconds"
    )]
    pub(crate) fn ago_us(&self, before: f64) -> u64 {
        // So close to 1 there is nothing left of the quotient's digits.
        let time = if (self.growth - 1.0).abs() < 1e-9 {
            before
        } else {
            libm::log1p(before * (self.growth - 1.0)) / libm::log(self.growth)
        };
        (self.over_us as f64 * (1.0 - time).clamp(0.0, 1.0)) as u64
    }

    /// The share of all rows that was made more than so many microseconds before the start.
    #[expect(clippy::cast_precision_loss, reason = "two centuries are 53 bits of microseconds")]
    pub(crate) fn share_before(&self, ago_us: u64) -> f64 {
        let time = (1.0 - ago_us as f64 / self.over_us as f64).clamp(0.0, 1.0);
        if (self.growth - 1.0).abs() < 1e-9 {
            time
        } else {
            libm::expm1(time * libm::log(self.growth)) / (self.growth - 1.0)
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const YEAR_US: u64 = 365 * 86_400_000_000;

    proptest! {
        #[test]
        fn later_rows_are_younger_and_none_is_older_than_the_history(
            over_us in 1..200 * YEAR_US,
            growth in prop_oneof![Just(1.0), 0.001..1_000.0_f64],
            one in 0.0..1.0_f64,
            other in 0.0..1.0_f64,
        ) {
            let history = History { over_us, growth };
            let (earlier, later) = (one.min(other), one.max(other));
            prop_assert!(history.ago_us(earlier) >= history.ago_us(later));
            prop_assert!(history.ago_us(earlier) <= over_us);
            prop_assert_eq!(history.ago_us(0.0), over_us);
        }

        #[test]
        fn a_share_leads_to_a_time_and_back(
            over_us in YEAR_US / 100..200 * YEAR_US,
            growth in prop_oneof![Just(1.0), 0.001..1_000.0_f64],
            share in 0.0..1.0_f64,
        ) {
            let history = History { over_us, growth };
            let back = history.share_before(history.ago_us(share));
            prop_assert!((back - share).abs() < 1e-6, "{back}");
            prop_assert!(history.share_before(2 * over_us).abs() < 1e-12);
        }
    }

    #[test]
    #[expect(clippy::cast_precision_loss, reason = "a year in microseconds")]
    fn the_last_day_has_so_many_times_the_rows_of_the_first() {
        for growth in [0.1, 1.0, 8.0, 500.0] {
            let history = History { over_us: YEAR_US, growth };
            let rows = 1_000_000;
            let at = |row: u32| YEAR_US - history.ago_us(f64::from(row) / f64::from(rows));
            let day = YEAR_US / 365;
            let first = (0..rows).filter(|row| at(*row) < day).count() as f64;
            let last = (0..rows).filter(|row| at(*row) >= YEAR_US - day).count() as f64;
            let seen = last / first;
            // The rates at the middles of the two days are a day less than the whole apart.
            let expected = libm::pow(growth, 364.0 / 365.0);
            assert!((seen / expected - 1.0).abs() < 0.05, "{growth}: {seen}, not {expected}");
        }
    }
}
