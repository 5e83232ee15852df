//! What was judged each second in a shard, and what that says of the whole run.

use serde::Deserialize;
use serde::Serialize;

use crate::measure::Judgement;
use crate::measure::Observed;
use crate::measure::threshold::unjudged;
use crate::scenario::Threshold;

/// A judgement that stands, beside what its threshold says.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Standing {
    observed: Option<TaggedObserved>,
    passed: bool,
    first_breach_ns: Option<u64>,
    evaluations: u64,
    breaches: u64,
}

/// An [`Observed`] that says what it is.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
enum TaggedObserved {
    Nanoseconds(u64),
    Count(u64),
    Ratio(f64),
    Rate(f64),
    Bytes(u64),
}

impl Standing {
    pub(super) fn new(judgement: &Judgement) -> Standing {
        Standing {
            observed: judgement.observed.map(|observed| match observed {
                Observed::Nanoseconds(duration) => TaggedObserved::Nanoseconds(duration),
                Observed::Count(count) => TaggedObserved::Count(count),
                Observed::Ratio(ratio) => TaggedObserved::Ratio(ratio),
                Observed::Rate(rate) => TaggedObserved::Rate(rate),
                Observed::Bytes(bytes) => TaggedObserved::Bytes(bytes),
            }),
            passed: judgement.passed,
            first_breach_ns: judgement.first_breach_ns,
            evaluations: judgement.evaluations,
            breaches: judgement.breaches,
        }
    }

    /// Of two shards. What was found is of the one that was breached first, or else is nearer to the bound.
    pub(super) fn join(self, other: &Standing, threshold: &Threshold) -> Standing {
        let breach = |it: &Standing| it.first_breach_ns.unwrap_or(u64::MAX);
        let is_known = |it: &Standing| it.evaluations > 0;
        let distance = |it: &Standing| {
            let observed = it.observed.map(|found| Observed::from(found).value());
            observed.map_or(f64::INFINITY, |observed| (observed - threshold.bound).abs())
        };
        let is_ours = match breach(&self).cmp(&breach(other)) {
            std::cmp::Ordering::Less => true,
            std::cmp::Ordering::Greater => false,
            std::cmp::Ordering::Equal => distance(&self) <= distance(other),
        };
        let has_breach = self.first_breach_ns.or(other.first_breach_ns).is_some();
        let is_any_known = is_known(&self) || is_known(other);
        Standing {
            observed: if is_ours { self.observed } else { other.observed },
            passed: !has_breach && (is_any_known || threshold.passes_without_data),
            first_breach_ns: [self.first_breach_ns, other.first_breach_ns]
                .into_iter()
                .flatten()
                .min(),
            evaluations: self.evaluations + other.evaluations,
            breaches: self.breaches + other.breaches,
        }
    }

    pub(super) fn judgement(self, threshold: &Threshold) -> Judgement {
        Judgement {
            observed: self.observed.map(Observed::from),
            passed: self.passed,
            first_breach_ns: self.first_breach_ns,
            evaluations: self.evaluations,
            breaches: self.breaches,
            ..unjudged(threshold)
        }
    }
}

impl From<TaggedObserved> for Observed {
    fn from(found: TaggedObserved) -> Observed {
        match found {
            TaggedObserved::Nanoseconds(duration) => Observed::Nanoseconds(duration),
            TaggedObserved::Count(count) => Observed::Count(count),
            TaggedObserved::Ratio(ratio) => Observed::Ratio(ratio),
            TaggedObserved::Rate(rate) => Observed::Rate(rate),
            TaggedObserved::Bytes(bytes) => Observed::Bytes(bytes),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scenario::Comparison;
    use crate::scenario::Metric;
    use crate::scenario::Statistic;

    #[test]
    fn what_held_each_second_in_every_shard_holds() {
        let threshold = Threshold::new(
            Metric::Response,
            Statistic::Max,
            (Comparison::Less, 100.0),
            "max < 100ns",
        );
        let standing = |observed, first_breach_ns: Option<u64>| Standing {
            observed: Some(TaggedObserved::Nanoseconds(observed)),
            passed: first_breach_ns.is_none(),
            first_breach_ns,
            evaluations: 5,
            breaches: first_breach_ns.is_some().into(),
        };
        let held = standing(40, None).join(&standing(90, None), &threshold).judgement(&threshold);
        assert_eq!((held.passed, held.observed), (true, Some(Observed::Nanoseconds(90))));
        let late = standing(150, Some(7)).join(&standing(130, Some(3)), &threshold);
        let late = late.join(&standing(99, None), &threshold).judgement(&threshold);
        assert_eq!((late.passed, late.first_breach_ns), (false, Some(3)));
        assert_eq!((late.observed, late.evaluations), (Some(Observed::Nanoseconds(130)), 15));
        assert_eq!(late.breaches, 2);
    }
}
