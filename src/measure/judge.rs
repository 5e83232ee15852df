//! All thresholds of a run, judged at its end.

use std::time::Duration;

use crate::scenario::Metric;
use crate::scenario::Over;
use crate::scenario::Threshold;

use super::Findings;
use super::Judgement;
use super::Observed;
use super::Recorder;
use super::Slots;
use super::StreamFacts;
use super::StreamSummary;
use super::lag;
use super::threshold::Sample;
use super::threshold::judge;
use super::threshold::judge_observed;

/// What a run came to, as thresholds see it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Whole<'a> {
    pub(super) streams: &'a [StreamSummary],
    pub(super) facts: &'a [StreamFacts],
    pub(super) recorder: &'a Recorder,
    pub(super) findings: Option<&'a Findings>,
    pub(super) slots: &'a Slots,
}

impl Whole<'_> {
    /// Judges thresholds. `watched` are the judgements that stand already, in the same order; those
    /// that are missing or `None` are judged by the whole run.
    pub(super) fn judge(
        &self,
        thresholds: &[Threshold],
        watched: &[Option<Judgement>],
    ) -> Vec<Judgement> {
        let of = |(number, threshold): (usize, &Threshold)| {
            let watched = watched.get(number).cloned().flatten();
            watched.unwrap_or_else(|| self.at_the_end(threshold))
        };
        thresholds.iter().enumerate().map(of).collect()
    }

    fn at_the_end(&self, threshold: &Threshold) -> Judgement {
        let is_meant = |number: &usize| {
            threshold.stream.as_ref().is_none_or(|name| *name == self.streams[*number].name)
        };
        let streams: Vec<usize> = (0..self.streams.len()).filter(is_meant).collect();
        let measured = |number: &usize| self.facts[*number].measured;
        let whole = streams.iter().map(measured).max().unwrap_or_default();
        if threshold.metric.is_observed() {
            let observed = lag::observe(threshold, self.findings, whole.as_secs_f64());
            return judge_observed(threshold, observed, whole);
        }
        if threshold.metric == Metric::SlotWal {
            let kept = self.slots.kept_bytes_max().map(Observed::Bytes);
            return judge_observed(threshold, kept, whole);
        }
        let sample = match &threshold.over {
            Over::Segment(name) => self.segment(threshold, name, &streams),
            Over::Measure | Over::Window(_) => {
                let mut sample = Sample::over(whole);
                for number in streams {
                    sample.add(threshold.metric, &self.recorder.streams()[number]);
                    sample.add_rate(self.streams[number].achieved_rate);
                }
                sample
            }
        };
        judge(threshold, &sample, whole)
    }

    fn segment(&self, threshold: &Threshold, name: &str, streams: &[usize]) -> Sample {
        let played = |number: &usize| {
            self.recorder.streams()[*number].spans.played(name, self.facts[*number].measured)
        };
        let longest: Duration = streams.iter().map(played).max().unwrap_or_default();
        let mut sample = Sample::over(longest);
        for number in streams {
            let stream = &self.recorder.streams()[*number];
            if let Some(segment) = stream.spans.number(name) {
                sample.add(threshold.metric, &stream.segments[segment]);
            }
        }
        sample
    }
}
