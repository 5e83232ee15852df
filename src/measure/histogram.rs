//! Distributions of durations, in constant memory and without sampling.

use serde::Deserialize;
use serde::Serialize;

/// The longest duration that is told apart: an hour, in nanoseconds.
const LONGEST_NS: u64 = 3_600_000_000_000;

/// What a new histogram has room for: 16 ms. It grows to what is recorded.
const ROOM_NS: u64 = 1 << 24;

/// A high-dynamic-range histogram of durations in nanoseconds.
///
/// Made at the first record; with two digits it takes 15 to 36 KiB, with three 110 to 270 KiB
/// (16 ms to an hour). Minimum, maximum and mean are exact, percentiles to its digits.
#[derive(Debug, Clone)]
pub struct Histogram {
    digits: u8,
    counts: Option<hdrhistogram::Histogram<u64>>,
    sum_ns: u128,
    min_ns: u64,
    max_ns: u64,
    clamped: u64,
}

impl Histogram {
    /// One that keeps two digits: 1 % of each value.
    pub fn coarse() -> Histogram {
        Histogram::new(2)
    }

    /// One that keeps three digits: 0.1 % of each value.
    pub fn fine() -> Histogram {
        Histogram::new(3)
    }

    fn new(digits: u8) -> Histogram {
        Histogram { digits, counts: None, sum_ns: 0, min_ns: u64::MAX, max_ns: 0, clamped: 0 }
    }

    /// Counts a duration; one beyond an hour as an hour, and as clamped.
    pub fn record(&mut self, duration_ns: u64) {
        let value = duration_ns.min(LONGEST_NS);
        self.clamped += u64::from(value < duration_ns);
        // An error would mean that the memory for growing cannot be had: the count then differs
        // from the number of actions, and the summary says so.
        if self.counts().is_some_and(|counts| counts.record(value).is_ok()) {
            self.sum_ns += u128::from(value);
            self.min_ns = self.min_ns.min(value);
            self.max_ns = self.max_ns.max(value);
        }
    }

    /// Adds all that another has recorded. Nothing is lost or moved.
    pub fn merge(&mut self, other: &Histogram) {
        let Some(theirs) = other.counts.as_ref().filter(|counts| !counts.is_empty()) else {
            return;
        };
        if self.counts().is_some_and(|counts| counts.add(theirs).is_ok()) {
            self.sum_ns += other.sum_ns;
            self.min_ns = self.min_ns.min(other.min_ns);
            self.max_ns = self.max_ns.max(other.max_ns);
            self.clamped += other.clamped;
        }
    }

    /// Counts a duration so often.
    pub(super) fn record_many(&mut self, duration_ns: u64, times: u64) {
        let value = duration_ns.min(LONGEST_NS);
        if self.counts().is_some_and(|counts| counts.record_n(value, times).is_ok()) && times > 0 {
            self.sum_ns += u128::from(value) * u128::from(times);
            self.min_ns = self.min_ns.min(value);
            self.max_ns = self.max_ns.max(value);
        }
    }

    /// What it holds, in as little memory as that takes.
    pub(super) fn packed(&self) -> Packed {
        let counts = self.counts.iter().flat_map(hdrhistogram::Histogram::iter_recorded);
        let counts = counts.map(|it| (it.value_iterated_to(), it.count_since_last_iteration()));
        let Histogram { sum_ns, min_ns, max_ns, clamped, .. } = *self;
        Packed { counts: counts.collect(), sum_ns, min_ns, max_ns, clamped }
    }

    /// Adds what was packed.
    pub(super) fn merge_packed(&mut self, packed: &Packed) {
        let before = (self.sum_ns, self.min_ns, self.max_ns);
        for (value, count) in &packed.counts {
            self.record_many(*value, *count);
        }
        // What was packed are the ends of its steps; these are exact.
        self.sum_ns = before.0 + packed.sum_ns;
        self.min_ns = before.1.min(packed.min_ns);
        self.max_ns = before.2.max(packed.max_ns);
        self.clamped += packed.clamped;
    }

    /// How many durations are longer than this one, to its digits.
    pub(super) fn count_above(&self, duration_ns: u64) -> u64 {
        self.counts
            .as_ref()
            .map_or(0, |counts| counts.count_between(duration_ns.saturating_add(1), LONGEST_NS))
    }

    /// The counts, for tools that read this kind of histogram; `None` without data.
    pub fn raw(&self) -> Option<&hdrhistogram::Histogram<u64>> {
        self.counts.as_ref().filter(|counts| !counts.is_empty())
    }

    /// Forgets all, and keeps the memory.
    pub fn clear(&mut self) {
        if let Some(counts) = self.counts.as_mut().filter(|counts| !counts.is_empty()) {
            counts.reset();
        }
        (self.sum_ns, self.min_ns, self.max_ns, self.clamped) = (0, u64::MAX, 0, 0);
    }

    /// How many durations were recorded.
    pub fn count(&self) -> u64 {
        self.counts.as_ref().map_or(0, hdrhistogram::Histogram::len)
    }

    /// How many of them were longer than an hour.
    pub fn clamped(&self) -> u64 {
        self.clamped
    }

    /// The duration that a percentage (0 to 100) of all do not exceed; `None` without data.
    pub fn percentile(&self, percent: f64) -> Option<u64> {
        let counts = self.counts.as_ref().filter(|counts| !counts.is_empty())?;
        let value = counts.value_at_percentile(percent);
        Some(value.clamp(self.min_ns, self.max_ns))
    }

    /// The shortest; `None` without data.
    pub fn min(&self) -> Option<u64> {
        (self.count() > 0).then_some(self.min_ns)
    }

    /// The longest; `None` without data.
    pub fn max(&self) -> Option<u64> {
        (self.count() > 0).then_some(self.max_ns)
    }

    /// The mean, rounded down; `None` without data.
    pub fn mean(&self) -> Option<u64> {
        let mean = self.sum_ns.checked_div(u128::from(self.count()))?;
        u64::try_from(mean).ok()
    }

    /// What summaries show of it.
    pub fn digest(&self) -> Digest {
        let percentile = |percent| self.percentile(percent).unwrap_or(0);
        Digest {
            count: self.count(),
            min: self.min().unwrap_or(0),
            mean: self.mean().unwrap_or(0),
            p50: percentile(50.0),
            p90: percentile(90.0),
            p99: percentile(99.0),
            p999: percentile(99.9),
            max: self.max().unwrap_or(0),
        }
    }

    fn counts(&mut self) -> Option<&mut hdrhistogram::Histogram<u64>> {
        if self.counts.is_none() {
            let counts = hdrhistogram::Histogram::new_with_bounds(1, ROOM_NS, self.digits);
            self.counts = counts.ok();
            self.counts.iter_mut().for_each(|counts| counts.auto(true));
        }
        self.counts.as_mut()
    }
}

/// A histogram without its empty places: each value, and how often.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Packed {
    counts: Vec<(u64, u64)>,
    sum_ns: u128,
    min_ns: u64,
    max_ns: u64,
    clamped: u64,
}

/// A distribution in eight numbers; nanoseconds but for `count`. All are 0 without data.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[expect(missing_docs, reason = "the names are those of the statistics")]
pub struct Digest {
    pub count: u64,
    pub min: u64,
    pub mean: u64,
    pub p50: u64,
    pub p90: u64,
    pub p99: u64,
    pub p999: u64,
    pub max: u64,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_keep_three_digits_and_extremes_are_exact() {
        let mut histogram = Histogram::fine();
        for n in 1..=100_000_u64 {
            histogram.record(n * 10_007);
        }
        let Digest { count, min, mean, p50, p999, max, .. } = histogram.digest();
        assert_eq!((count, min, max), (100_000, 10_007, 1_000_700_000));
        assert_eq!(mean, 500_355_003);
        assert!(p50.abs_diff(500_350_000) <= 500_350, "{p50}");
        assert!(p999.abs_diff(999_699_300) <= 999_699, "{p999}");
    }

    #[test]
    fn merged_equals_whole() {
        let mut whole = Histogram::coarse();
        let mut parts = [Histogram::coarse(), Histogram::coarse()];
        for n in 0..10_000_u64 {
            whole.record(n * n);
            parts[usize::from(n % 3 == 0)].record(n * n);
        }
        let [mut merged, other] = parts;
        merged.merge(&other);
        assert_eq!(merged.digest(), whole.digest());
    }

    #[test]
    fn packed_is_the_same() {
        let (mut whole, mut copy) = (Histogram::fine(), Histogram::fine());
        copy.record(123_456_789);
        whole.merge(&copy);
        let mut part = Histogram::fine();
        for n in 0..5_000_u64 {
            part.record(n * n * 7);
        }
        whole.merge(&part);
        copy.merge_packed(&part.packed());
        assert_eq!(copy.digest(), whole.digest());
        assert_eq!(whole.count_above(100_000_000), 1_221 + 1);
    }

    #[test]
    fn beyond_an_hour_is_counted_as_an_hour() {
        let mut histogram = Histogram::coarse();
        histogram.record(u64::MAX);
        assert_eq!((histogram.count(), histogram.clamped()), (1, 1));
        assert_eq!(histogram.max(), Some(LONGEST_NS));
    }

    #[test]
    fn without_data_there_is_no_statistic() {
        let mut histogram = Histogram::fine();
        assert_eq!((histogram.percentile(99.0), histogram.mean()), (None, None));
        histogram.record(7);
        histogram.clear();
        assert_eq!((histogram.min(), histogram.max(), histogram.count()), (None, None, 0));
        assert_eq!(histogram.digest(), Digest::default());
    }
}
