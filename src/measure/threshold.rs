//! Whether thresholds hold. Judges the merged numbers of the whole run; without data none holds.

use serde::Serialize;

use crate::pace::real;
use crate::scenario::Comparison;
use crate::scenario::Metric;
use crate::scenario::Statistic;
use crate::scenario::Threshold;

use super::Counters;
use super::Histogram;
use super::StreamRecorder;

/// What became of a threshold.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Judgement {
    /// What was looked at.
    pub metric: &'static str,
    /// In which stream; `None` for all together.
    pub stream: Option<String>,
    /// As written: `p99 < 50ms`.
    pub expr: String,
    /// What was found; `None` without data.
    pub observed: Option<Observed>,
    /// Whether it holds.
    pub passed: bool,
}

/// A number that was found.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
#[serde(untagged)]
pub enum Observed {
    /// A duration in nanoseconds.
    Nanoseconds(u64),
    /// How many.
    Count(u64),
    /// A share, 0 to 1.
    Ratio(f64),
    /// How many a second.
    Rate(f64),
}

impl Observed {
    fn value(self) -> f64 {
        match self {
            Observed::Nanoseconds(whole) | Observed::Count(whole) => real(whole),
            Observed::Ratio(value) | Observed::Rate(value) => value,
        }
    }
}

/// One stream, as thresholds see it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Measured<'a> {
    pub(super) name: &'a str,
    pub(super) record: &'a StreamRecorder,
    pub(super) achieved_rate: f64,
}

/// Judges one threshold.
pub(super) fn judge(threshold: &Threshold, streams: &[Measured<'_>]) -> Judgement {
    let is_meant = |stream: &&Measured<'_>| {
        threshold.stream.as_ref().is_none_or(|name| name.as_str() == stream.name)
    };
    let streams: Vec<_> = streams.iter().filter(is_meant).copied().collect();
    let observed = observe(threshold, &streams);
    let passed = observed.is_some_and(|observed| holds(threshold, observed.value()));
    Judgement {
        metric: name(threshold.metric),
        stream: threshold.stream.clone(),
        expr: threshold.expr.clone(),
        observed,
        passed,
    }
}

fn observe(threshold: &Threshold, streams: &[Measured<'_>]) -> Option<Observed> {
    let mut counters = Counters::default();
    for stream in streams {
        counters.add(&stream.record.counters);
    }
    let duration = |select: fn(&StreamRecorder) -> &Histogram| {
        let mut all = Histogram::fine();
        for stream in streams {
            all.merge(select(stream.record));
        }
        statistic(&all, threshold.statistic).map(Observed::Nanoseconds)
    };
    let count = |count| (counters.scheduled > 0).then_some(Observed::Count(count));
    match threshold.metric {
        Metric::Sched => duration(|record| &record.sched),
        Metric::Queue => duration(|record| &record.queue),
        Metric::Service => duration(|record| &record.service),
        Metric::Response => duration(|record| &record.response),
        Metric::FailedRatio => {
            let ratio = real(counters.fallen()) / real(counters.scheduled);
            (counters.scheduled > 0).then_some(Observed::Ratio(ratio))
        }
        Metric::AchievedRate => {
            let rate = streams.iter().map(|stream| stream.achieved_rate).sum();
            (counters.scheduled > 0).then_some(Observed::Rate(rate))
        }
        Metric::Failed => count(counters.failed),
        Metric::Unknown => count(counters.unknown),
        Metric::Missed => count(counters.missed),
        Metric::Skipped => count(counters.skipped),
    }
}

fn statistic(histogram: &Histogram, statistic: Statistic) -> Option<u64> {
    match statistic {
        // `check` asks for a statistic where there is a distribution.
        Statistic::Value => None,
        Statistic::Min => histogram.min(),
        Statistic::Mean => histogram.mean(),
        Statistic::Max => histogram.max(),
        Statistic::Percentile(percent) => histogram.percentile(percent),
    }
}

fn holds(threshold: &Threshold, observed: f64) -> bool {
    let bound = threshold.bound;
    match threshold.comparison {
        Comparison::Less => observed < bound,
        Comparison::LessOrEqual => observed <= bound,
        Comparison::Equal => (observed - bound).abs() <= bound.abs() * f64::EPSILON,
        Comparison::GreaterOrEqual => observed >= bound,
        Comparison::Greater => observed > bound,
    }
}

/// As scenarios and summaries call it.
fn name(metric: Metric) -> &'static str {
    match metric {
        Metric::Sched => "sched",
        Metric::Queue => "queue",
        Metric::Service => "service",
        Metric::Response => "response",
        Metric::FailedRatio => "failed_ratio",
        Metric::AchievedRate => "achieved_rate",
        Metric::Failed => "failed",
        Metric::Unknown => "unknown",
        Metric::Missed => "missed",
        Metric::Skipped => "skipped",
    }
}

#[cfg(test)]
mod tests {
    use super::super::Outcome;
    use super::super::Recorder;
    use super::super::Stamps;
    use super::*;

    fn threshold(
        metric: Metric,
        statistic: Statistic,
        comparison: Comparison,
        bound: f64,
    ) -> Threshold {
        Threshold { metric, stream: None, statistic, comparison, bound, expr: String::new() }
    }

    /// Two streams: 100 answers after 1 to 100 ms in one, 100 after 1 s in the other, one failed.
    fn recorder() -> Recorder {
        let mut recorder = Recorder::new(2);
        for n in 1..=100 {
            for (stream, response_ns) in [(0, n * 1_000_000), (1, 1_000_000_000)] {
                let stamps =
                    Stamps { intended: Some(0), acknowledged: response_ns, ..Stamps::default() };
                recorder.stream(stream).counters.scheduled += 1;
                recorder.stream(stream).finished(&stamps, Outcome::Acknowledged);
            }
        }
        recorder.stream(1).counters.failed = 2;
        recorder
    }

    fn judged(recorder: &Recorder, threshold: &Threshold) -> (Option<Observed>, bool) {
        let measured = |(record, name)| Measured { name, record, achieved_rate: 50.0 };
        let streams: Vec<_> = recorder.streams().iter().zip(["a", "b"]).map(measured).collect();
        let judgement = judge(threshold, &streams);
        (judgement.observed, judgement.passed)
    }

    #[test]
    fn a_stream_is_judged_alone_or_with_all() {
        let recorder = recorder();
        let all = threshold(Metric::Response, Statistic::Max, Comparison::Less, 5e8);
        assert_eq!(judged(&recorder, &all), (Some(Observed::Nanoseconds(1_000_000_000)), false));
        let one = Threshold { stream: Some("a".to_owned()), ..all };
        assert_eq!(judged(&recorder, &one), (Some(Observed::Nanoseconds(100_000_000)), true));
        let median = Threshold { statistic: Statistic::Percentile(50.0), ..one };
        let (Some(Observed::Nanoseconds(median)), true) = judged(&recorder, &median) else {
            panic!()
        };
        assert!(median.abs_diff(50_000_000) <= 50_000, "{median}");
    }

    #[test]
    fn counts_ratios_and_rates_are_compared_exactly() {
        let recorder = recorder();
        let judge = |metric, comparison, bound| {
            judged(&recorder, &threshold(metric, Statistic::Value, comparison, bound))
        };
        let ratio = Some(Observed::Ratio(0.01));
        assert_eq!(judge(Metric::FailedRatio, Comparison::Less, 0.01), (ratio, false));
        assert_eq!(judge(Metric::FailedRatio, Comparison::LessOrEqual, 0.01), (ratio, true));
        let rate = Some(Observed::Rate(100.0));
        assert_eq!(judge(Metric::AchievedRate, Comparison::Greater, 100.0), (rate, false));
        assert_eq!(judge(Metric::AchievedRate, Comparison::GreaterOrEqual, 100.0), (rate, true));
        assert_eq!(
            judge(Metric::Unknown, Comparison::Equal, 0.0),
            (Some(Observed::Count(0)), true)
        );
        assert_eq!(
            judge(Metric::Failed, Comparison::Equal, 0.0),
            (Some(Observed::Count(2)), false)
        );
    }

    #[test]
    fn without_data_nothing_holds() {
        let recorder = Recorder::new(2);
        let response = threshold(Metric::Response, Statistic::Max, Comparison::Less, f64::MAX);
        assert_eq!(judged(&recorder, &response), (None, false));
        let failed = threshold(Metric::Failed, Statistic::Value, Comparison::Equal, 0.0);
        assert_eq!(judged(&recorder, &failed), (None, false));
    }
}
