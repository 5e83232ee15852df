//! Whether thresholds hold: what they look at, and what that comes to.

use std::time::Duration;

use serde::Serialize;

use crate::pace::nanoseconds;
use crate::pace::real;
use crate::scenario::BreachAction;
use crate::scenario::Metric;
use crate::scenario::Over;
use crate::scenario::Statistic;
use crate::scenario::Threshold;
use crate::units::format_bytes;
use crate::units::format_duration;

use super::Counters;
use super::Histogram;
use super::StreamRecorder;
use super::rate;

/// What became of a threshold.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Judgement {
    /// What was looked at.
    pub metric: &'static str,
    /// In which stream; `None` for all together.
    pub stream: Option<String>,
    /// By which observer; `None` for the one that saw the worst.
    pub surface: Option<String>,
    /// As written: `p99 < 50ms`.
    pub expr: String,
    /// What was found; `None` without data. Of a sliding window, what was found when it was first
    /// breached, or else the nearest to the bound.
    pub observed: Option<Observed>,
    /// Whether it holds.
    pub passed: bool,
    /// Its name, if it has one.
    pub id: Option<String>,
    /// Of which part of the run: `measure`, `segment:NAME`, `10s`.
    pub over: String,
    /// What a breach does: `fail`, `warn`, `abort`.
    pub action: &'static str,
    /// When it was first breached, in nanoseconds since the measurement began; `None` if it was not.
    pub first_breach_ns: Option<u64>,
    /// How often it was evaluated.
    pub evaluations: u64,
    /// In how many of them it did not hold.
    pub breaches: u64,
}

impl Judgement {
    /// Whether it fails the run.
    pub fn is_failure(&self) -> bool {
        !self.passed && self.action != "warn"
    }
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
    /// How much data.
    Bytes(u64),
}

impl Observed {
    pub(super) fn value(self) -> f64 {
        match self {
            Observed::Nanoseconds(whole) | Observed::Count(whole) | Observed::Bytes(whole) => {
                real(whole)
            }
            Observed::Ratio(value) | Observed::Rate(value) => value,
        }
    }
}

impl std::fmt::Display for Observed {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match *self {
            Observed::Nanoseconds(duration) => {
                formatter.write_str(&format_duration(Duration::from_nanos(duration)))
            }
            Observed::Count(count) => write!(formatter, "{count}"),
            Observed::Ratio(ratio) => write!(formatter, "{:.3}%", ratio * 100.0),
            Observed::Rate(rate) => write!(formatter, "{rate:.1}/s"),
            Observed::Bytes(bytes) => formatter.write_str(&format_bytes(bytes)),
        }
    }
}

/// What a threshold looks at, added up.
#[derive(Debug)]
pub(super) struct Sample {
    counters: Counters,
    /// Of the metric, if that is a duration.
    durations: Histogram,
    /// Over how long it was measured.
    seconds: f64,
    /// Acknowledged a second, where that is not what `seconds` makes of it.
    achieved_rate: Option<f64>,
    /// Whether something is due and not answered.
    pub(super) is_waiting: bool,
}

impl Sample {
    pub(super) fn over(length: Duration) -> Sample {
        Sample {
            counters: Counters::default(),
            durations: Histogram::fine(),
            seconds: length.as_secs_f64(),
            achieved_rate: None,
            is_waiting: false,
        }
    }

    pub(super) fn add(&mut self, metric: Metric, record: &StreamRecorder) {
        self.counters.add(&record.counters);
        if let Some(durations) = durations(metric, record) {
            self.durations.merge(durations);
        }
    }

    /// The same, where it is in two parts.
    pub(super) fn add_parts(&mut self, counters: &Counters) -> &mut Histogram {
        self.counters.add(counters);
        &mut self.durations
    }

    pub(super) fn add_rate(&mut self, achieved_rate: f64) {
        *self.achieved_rate.get_or_insert(0.0) += achieved_rate;
    }
}

/// The distribution that a metric is of, if it is of one.
pub(super) fn durations(metric: Metric, record: &StreamRecorder) -> Option<&Histogram> {
    match metric {
        Metric::Sched => Some(&record.sched),
        Metric::Queue => Some(&record.queue),
        Metric::Service => Some(&record.service),
        Metric::Response => Some(&record.response),
        _ => None,
    }
}

/// What a threshold finds in a sample; `None` with fewer data than it asks for.
pub(super) fn observe(threshold: &Threshold, sample: &Sample) -> Option<Observed> {
    let Sample { counters, durations, seconds, achieved_rate, is_waiting } = sample;
    let settled = counters.settled();
    let is_counted = settled >= threshold.min_samples.max(1);
    let of = |count: u64| match threshold.statistic {
        Statistic::Rate => Observed::Rate(rate(count, *seconds)),
        Statistic::Ratio => Observed::Ratio(real(count) / real(settled)),
        _ => Observed::Count(count),
    };
    match threshold.metric {
        Metric::Sched | Metric::Queue | Metric::Service | Metric::Response => {
            let is_known = durations.count() >= threshold.min_samples.max(1);
            is_known.then(|| of_durations(durations, threshold.statistic, *seconds)).flatten()
        }
        Metric::FailedRatio => {
            is_counted.then(|| Observed::Ratio(real(counters.fallen()) / real(settled)))
        }
        // Where nothing came while something was due, that is a rate as well: none.
        Metric::AchievedRate => (is_counted || *is_waiting && settled == 0).then(|| {
            Observed::Rate(achieved_rate.unwrap_or_else(|| rate(counters.acknowledged, *seconds)))
        }),
        Metric::Failed => is_counted.then(|| of(counters.failed)),
        Metric::Unknown => is_counted.then(|| of(counters.unknown)),
        Metric::Missed => is_counted.then(|| of(counters.missed)),
        Metric::Skipped => is_counted.then(|| of(counters.skipped)),
        // These are judged by what observers and the slot guard found: see `judge_observed`.
        _ => None,
    }
}

/// A statistic of a distribution, which was recorded over so many seconds.
pub(super) fn of_durations(
    histogram: &Histogram,
    statistic: Statistic,
    seconds: f64,
) -> Option<Observed> {
    let duration = match statistic {
        Statistic::Count => return Some(Observed::Count(histogram.count())),
        Statistic::Rate => return Some(Observed::Rate(rate(histogram.count(), seconds))),
        // `check` asks for a statistic where there is a distribution.
        Statistic::Value | Statistic::Ratio => None,
        Statistic::Min => histogram.min(),
        Statistic::Mean => histogram.mean(),
        Statistic::Max => histogram.max(),
        Statistic::Percentile(percent) => histogram.percentile(percent),
    };
    duration.map(Observed::Nanoseconds)
}

/// Whether a threshold holds of a number.
pub(super) fn holds(threshold: &Threshold, observed: Observed) -> bool {
    threshold.comparison.holds(observed.value(), threshold.bound)
}

/// Judges a threshold by what its part of the run came to at its end, `at` after the beginning.
pub(super) fn judge(threshold: &Threshold, sample: &Sample, at: Duration) -> Judgement {
    judge_observed(threshold, observe(threshold, sample), at)
}

/// Judges a threshold by what was found, if anything was.
pub(super) fn judge_observed(
    threshold: &Threshold,
    observed: Option<Observed>,
    at: Duration,
) -> Judgement {
    let passed = observed.map_or(threshold.passes_without_data, |it| holds(threshold, it));
    Judgement {
        observed,
        passed,
        first_breach_ns: (!passed && observed.is_some()).then(|| nanoseconds(at)),
        evaluations: observed.is_some().into(),
        breaches: (!passed && observed.is_some()).into(),
        ..unjudged(threshold)
    }
}

/// What is known of a threshold before it was looked at.
pub(super) fn unjudged(threshold: &Threshold) -> Judgement {
    Judgement {
        metric: threshold.metric.name(),
        stream: threshold.stream.clone(),
        surface: threshold.surface.clone(),
        expr: threshold.expr.clone(),
        observed: None,
        passed: threshold.passes_without_data,
        id: threshold.id.clone(),
        over: match &threshold.over {
            Over::Measure => "measure".to_owned(),
            Over::Segment(name) => format!("segment:{name}"),
            Over::Window(length) => format_duration(*length),
        },
        action: match threshold.action {
            BreachAction::Fail => "fail",
            BreachAction::Warn => "warn",
            BreachAction::Abort => "abort",
        },
        first_breach_ns: None,
        evaluations: 0,
        breaches: 0,
    }
}

#[cfg(test)]
mod tests {
    use super::super::Outcome;
    use super::super::Recorder;
    use super::super::Stamps;
    use super::*;
    use crate::scenario::Comparison;

    fn threshold(
        metric: Metric,
        statistic: Statistic,
        comparison: Comparison,
        bound: f64,
    ) -> Threshold {
        Threshold::new(metric, statistic, (comparison, bound), "")
    }

    /// Two streams: 100 answers after 1 to 100 ms in one, 100 after 1 s in the other, two failed.
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
        recorder.stream(1).counters.acknowledged = 98;
        recorder
    }

    fn judged(recorder: &Recorder, threshold: &Threshold) -> (Option<Observed>, bool) {
        let mut sample = Sample::over(Duration::from_secs(4));
        for (stream, name) in recorder.streams().iter().zip(["a", "b"]) {
            if threshold.stream.as_ref().is_none_or(|meant| meant == name) {
                sample.add(threshold.metric, stream);
                sample.add_rate(50.0);
            }
        }
        let judgement = judge(threshold, &sample, Duration::from_secs(4));
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
        let judge = |metric, statistic, comparison, bound| {
            judged(&recorder, &threshold(metric, statistic, comparison, bound))
        };
        let value = Statistic::Value;
        let ratio = Some(Observed::Ratio(0.01));
        assert_eq!(judge(Metric::FailedRatio, value, Comparison::Less, 0.01), (ratio, false));
        assert_eq!(judge(Metric::FailedRatio, value, Comparison::LessOrEqual, 0.01), (ratio, true));
        let failed = judge(Metric::Failed, Statistic::Ratio, Comparison::LessOrEqual, 0.01);
        assert_eq!(failed, (ratio, true));
        let rate = Some(Observed::Rate(100.0));
        assert_eq!(judge(Metric::AchievedRate, value, Comparison::Greater, 100.0), (rate, false));
        let failed = judge(Metric::Failed, Statistic::Rate, Comparison::Less, 1.0);
        assert_eq!(failed, (Some(Observed::Rate(0.5)), true));
        let none = Some(Observed::Count(0));
        assert_eq!(judge(Metric::Unknown, value, Comparison::Equal, 0.0), (none, true));
        let two = Some(Observed::Count(2));
        assert_eq!(judge(Metric::Failed, value, Comparison::Equal, 0.0), (two, false));
        let all = Some(Observed::Count(200));
        let answers = judge(Metric::Response, Statistic::Count, Comparison::GreaterOrEqual, 200.0);
        assert_eq!(answers, (all, true));
        let often = judge(Metric::Response, Statistic::Rate, Comparison::Greater, 50.0);
        assert_eq!(often, (Some(Observed::Rate(50.0)), false));
    }

    #[test]
    fn without_data_nothing_holds_unless_it_says_so() {
        let recorder = Recorder::new(2);
        let response = threshold(Metric::Response, Statistic::Max, Comparison::Less, f64::MAX);
        assert_eq!(judged(&recorder, &response), (None, false));
        let failed = threshold(Metric::Failed, Statistic::Value, Comparison::Equal, 0.0);
        assert_eq!(judged(&recorder, &failed), (None, false));
        let lenient = Threshold { passes_without_data: true, ..response };
        assert_eq!(judged(&recorder, &lenient), (None, true));
        let few = Threshold { min_samples: 101, stream: Some("a".to_owned()), ..failed };
        assert_eq!(judged(&self::recorder(), &few), (None, false));
    }
}
