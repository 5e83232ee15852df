//! Thresholds that are looked at each second: over a sliding window, or so as to end a run at once.

use std::collections::VecDeque;
use std::time::Duration;

use crate::pace::nanoseconds;
use crate::scenario::BreachAction;
use crate::scenario::Comparison;
use crate::scenario::Metric;
use crate::scenario::Over;
use crate::scenario::Threshold;

use super::Counters;
use super::Judgement;
use super::Meter;
use super::Observed;
use super::Second;
use super::Spans;
use super::histogram::Packed;
use super::threshold::Sample;
use super::threshold::durations;
use super::threshold::holds;
use super::threshold::observe;
use super::threshold::unjudged;

/// Slots that have come due and of which nothing is known yet: how long ago, and how many. They
/// have waited so long already, whatever becomes of them.
pub type Waiting = Vec<(u64, u64)>;

/// Looks at each second that is over.
#[derive(Debug)]
pub struct Watch {
    names: Vec<String>,
    spans: Vec<Spans>,
    thresholds: Vec<Watched>,
    /// The seconds that the longest window looks back on, oldest first.
    ring: VecDeque<Slice>,
    longest_ns: u64,
    /// The metrics of which the ring keeps the distributions.
    kept: Vec<Metric>,
}

/// A second, as the ring keeps it.
#[derive(Debug)]
struct Slice {
    at_ns: u64,
    length_ns: u64,
    streams: Vec<(Counters, Vec<(Metric, Packed)>)>,
}

/// A threshold and what was seen of it.
#[derive(Debug)]
struct Watched {
    threshold: Threshold,
    seen: Streak,
}

/// What successive evaluations come to.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Streak {
    evaluations: u64,
    breaches: u64,
    /// How many in a row did not hold, when the first of them was, and what it found.
    row: u32,
    row_began: Option<(u64, Observed)>,
    first_breach: Option<(u64, Observed)>,
    nearest: Option<Observed>,
}

impl Streak {
    /// Another evaluation. Returns whether it is the one that makes a breach of it.
    pub(super) fn note(&mut self, threshold: &Threshold, at_ns: u64, observed: Observed) -> bool {
        self.evaluations += 1;
        let is_nearer = |nearest: Observed| match threshold.comparison {
            Comparison::Less | Comparison::LessOrEqual => observed.value() > nearest.value(),
            Comparison::GreaterOrEqual | Comparison::Greater => observed.value() < nearest.value(),
            Comparison::Equal => !holds(threshold, observed),
        };
        if self.nearest.is_none_or(is_nearer) {
            self.nearest = Some(observed);
        }
        if holds(threshold, observed) {
            (self.row, self.row_began) = (0, None);
            return false;
        }
        self.breaches += 1;
        self.row += 1;
        let began = *self.row_began.get_or_insert((at_ns, observed));
        let is_breach = self.row >= threshold.consecutive && self.first_breach.is_none();
        if is_breach {
            self.first_breach = Some(began);
        }
        is_breach
    }

    fn is_breached_now(&self, threshold: &Threshold) -> bool {
        self.row >= threshold.consecutive
    }
}

impl Watch {
    /// For these thresholds, and streams of these names with these segments.
    pub fn new(thresholds: &[Threshold], names: Vec<String>, spans: Vec<Spans>) -> Watch {
        let watched = thresholds.iter().filter(|threshold| threshold.is_watched());
        let mut kept = Vec::new();
        let mut longest_ns = 0;
        for threshold in watched.clone() {
            let Over::Window(length) = threshold.over else { continue };
            longest_ns = longest_ns.max(nanoseconds(length));
            if !kept.contains(&threshold.metric) {
                kept.push(threshold.metric);
            }
        }
        let watched = watched
            .map(|threshold| Watched { threshold: threshold.clone(), seen: Streak::default() });
        Watch {
            thresholds: watched.collect(),
            names,
            spans,
            ring: VecDeque::new(),
            longest_ns,
            kept,
        }
    }

    /// Evaluates every threshold at the end of a second of the measured part. `waiting` is by
    /// stream. Returns why the run must end now, if it must; what is first breached is noted among
    /// the second's events.
    pub fn see(
        &mut self,
        second: &mut Second,
        meter: &Meter,
        waiting: &[Waiting],
    ) -> Option<String> {
        let measured_ns = second.measured_ns.filter(|_| second.is_measured())?;
        self.keep(second);
        let mut reason = None;
        let mut thresholds = std::mem::take(&mut self.thresholds);
        for Watched { threshold, seen } in &mut thresholds {
            if measured_ns < nanoseconds(threshold.grace) {
                continue;
            }
            let sample = self.sample(threshold, second, meter, waiting);
            let Some(observed) = observe(threshold, &sample) else { continue };
            if !seen.note(threshold, measured_ns, observed) {
                continue;
            }
            let title = threshold.title();
            second.events.push(format!("threshold `{title}` breached"));
            if threshold.action == BreachAction::Abort {
                let over = unjudged(threshold).over;
                let at = seen.first_breach.map_or(measured_ns, |(at, _)| at);
                reason.get_or_insert(Abort { title, over, observed, at_ns: at });
            }
        }
        self.thresholds = thresholds;
        reason.map(|abort| abort.to_string())
    }

    /// The thresholds that do not hold now.
    pub fn breached(&self) -> Vec<String> {
        let breached = self.thresholds.iter().filter(|it| it.seen.is_breached_now(&it.threshold));
        breached.map(|it| it.threshold.title()).collect()
    }

    /// What became of those that are judged by their windows alone, in the order of the scenario;
    /// `None` where another is judged at the end. Of one that was looked at so as to end the run, the
    /// breach stands.
    pub fn judgements(&self, thresholds: &[Threshold]) -> Vec<Option<Judgement>> {
        let mut watched = self.thresholds.iter();
        let of = |threshold: &Threshold| {
            let Watched { seen, .. } =
                if threshold.is_watched() { watched.next()? } else { return None };
            let is_window = matches!(threshold.over, Over::Window(_));
            let found = seen.first_breach.map(|(_, observed)| observed);
            (is_window || found.is_some()).then(|| Judgement {
                observed: found.or(seen.nearest),
                passed: found.is_none() && (seen.evaluations > 0 || threshold.passes_without_data),
                first_breach_ns: seen.first_breach.map(|(at, _)| at),
                evaluations: seen.evaluations,
                breaches: seen.breaches,
                ..unjudged(threshold)
            })
        };
        thresholds.iter().map(of).collect()
    }

    /// Keeps a second for as long as the longest window looks back.
    fn keep(&mut self, second: &Second) {
        if self.longest_ns == 0 {
            return;
        }
        let packed = |stream: &super::StreamRecorder| {
            let of = |metric: &Metric| Some((*metric, durations(*metric, stream)?.packed()));
            (stream.counters, self.kept.iter().filter_map(of).collect())
        };
        let streams = second.record.streams.iter().map(packed).collect();
        self.ring.push_back(Slice { at_ns: second.at_ns, length_ns: second.length_ns, streams });
        let begin = second.at_ns.saturating_sub(self.longest_ns);
        while self.ring.front().is_some_and(|slice| slice.at_ns <= begin) {
            self.ring.pop_front();
        }
    }

    fn sample(
        &self,
        threshold: &Threshold,
        second: &Second,
        meter: &Meter,
        waiting: &[Waiting],
    ) -> Sample {
        let is_meant = |stream: usize| {
            threshold.stream.as_ref().is_none_or(|name| *name == self.names[stream])
        };
        let streams: Vec<usize> = (0..self.names.len()).filter(|each| is_meant(*each)).collect();
        let so_far = Duration::from_nanos(second.measured_ns.unwrap_or(0));
        match &threshold.over {
            Over::Measure => {
                let mut sample = Sample::over(so_far);
                for stream in streams {
                    sample.add(threshold.metric, &meter.so_far().streams[stream]);
                }
                sample
            }
            Over::Segment(name) => {
                let played = |stream: &usize| self.spans[*stream].played(name, so_far);
                let longest = streams.iter().map(played).max().unwrap_or_default();
                let mut sample = Sample::over(longest);
                for stream in streams {
                    let Some(number) = self.spans[stream].number(name) else { continue };
                    sample.add(threshold.metric, &meter.so_far().streams[stream].segments[number]);
                }
                sample
            }
            Over::Window(length) => self.window(threshold, *length, &streams, waiting),
        }
    }

    fn window(
        &self,
        threshold: &Threshold,
        length: Duration,
        streams: &[usize],
        waiting: &[Waiting],
    ) -> Sample {
        let end = self.ring.back().map_or(0, |slice| slice.at_ns);
        // A look comes a little early or late: half a second more or less decides.
        let begin = end.saturating_sub(nanoseconds(length)).saturating_add(500_000_000);
        let slices = self.ring.iter().filter(|slice| slice.at_ns > begin);
        let covered = slices.clone().map(|slice| slice.length_ns).sum();
        let mut sample = Sample::over(Duration::from_nanos(covered));
        for slice in slices {
            for stream in streams {
                let (counters, kept) = &slice.streams[*stream];
                let durations = sample.add_parts(counters);
                let mine = kept.iter().filter(|(metric, _)| *metric == threshold.metric);
                mine.for_each(|(_, packed)| durations.merge_packed(packed));
            }
        }
        let waiting = streams.iter().filter_map(|stream| waiting.get(*stream)).flatten();
        sample.is_waiting = waiting.clone().any(|(_, count)| *count > 0);
        if threshold.metric == Metric::Response {
            let durations = sample.add_parts(&Counters::default());
            waiting.for_each(|(age_ns, count)| durations.record_many(*age_ns, *count));
        }
        sample
    }
}

/// Why a run is ended at once.
struct Abort {
    title: String,
    over: String,
    observed: Observed,
    at_ns: u64,
}

impl std::fmt::Display for Abort {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Abort { title, over, observed, at_ns } = self;
        let at = crate::units::format_duration(Duration::from_nanos(*at_ns));
        write!(
            formatter,
            "the threshold `{title}` over {over} did not hold: {observed}, first seen {at} after the \
             measurement began (`action: abort`)"
        )
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use proptest::collection::vec;
    use proptest::prop_assert_eq;
    use proptest::proptest;

    use super::Watch;
    use crate::measure::Counters;
    use crate::measure::Meter;
    use crate::measure::Phase;
    use crate::measure::Second;
    use crate::measure::Spans;
    use crate::measure::Usage;
    use crate::measure::recorder::Record;
    use crate::scenario::BreachAction;
    use crate::scenario::Comparison;
    use crate::scenario::Metric;
    use crate::scenario::Over;
    use crate::scenario::Statistic;
    use crate::scenario::Threshold;

    const SECOND_NS: u64 = 1_000_000_000;

    fn second(number: u64, (acknowledged, failed): (u64, u64)) -> Second {
        let mut record = Record::new(&[Spans::default()]);
        record.is_measuring = true;
        record.streams[0].counters = Counters { acknowledged, failed, ..Counters::default() };
        Second {
            at_ns: (number + 7) * SECOND_NS,
            length_ns: SECOND_NS,
            measured_ns: Some(number * SECOND_NS),
            phase: Phase::Measuring,
            streams: Vec::new(),
            usage: Usage::default(),
            events: Vec::new(),
            record,
        }
    }

    /// In which second the run must end, and in which what did not hold began: word for word what
    /// the words of a threshold say, and as slow as that.
    fn expected(
        seconds: &[(u64, u64)],
        (window, grace, consecutive, min_samples): (usize, usize, u32, u64),
    ) -> Option<(usize, usize)> {
        let mut bad = Vec::new();
        for number in 1..=seconds.len() {
            let looked_at = &seconds[number.saturating_sub(window)..number];
            let failed: u64 = looked_at.iter().map(|(_, failed)| failed).sum();
            let all: u64 = looked_at.iter().map(|(good, failed)| good + failed).sum();
            if number < grace || all < min_samples.max(1) {
                continue;
            }
            if failed * 10 < all {
                bad.clear();
            } else {
                bad.push(number);
            }
            if bad.len() >= consecutive as usize {
                return Some((number, bad[0]));
            }
        }
        None
    }

    proptest! {
        #[test]
        fn thresholds_over_windows_say_what_their_words_say(
            seconds in vec((0_u64..30, 0_u64..5), 1..40),
            window in 1_usize..8,
            grace in 0_usize..10,
            consecutive in 1_u32..5,
            min_samples in 0_u64..80,
        ) {
            let failed = Metric::FailedRatio;
            let bound = (Comparison::Less, 0.1);
            let threshold = Threshold {
                over: Over::Window(Duration::from_secs(window as u64)),
                grace: Duration::from_secs(grace as u64),
                consecutive,
                min_samples,
                action: BreachAction::Abort,
                ..Threshold::new(failed, Statistic::Value, bound, "< 10%")
            };
            let names = || vec!["a".to_owned()];
            let spans = || vec![Spans::default()];
            let thresholds = [threshold];
            let mut watch = Watch::new(&thresholds, names(), spans());
            let meter = Meter::new(names(), spans(), Vec::new());
            let mut ended = None;
            for (number, counts) in (1..).zip(&seconds) {
                let mut second = second(number, *counts);
                if watch.see(&mut second, &meter, &[]).is_some() {
                    prop_assert_eq!(second.events.len(), 1);
                    ended = usize::try_from(number).ok();
                    break;
                }
            }
            let judged = watch.judgements(&thresholds).remove(0).unwrap();
            let began = judged.first_breach_ns.map(|at_ns| (at_ns / SECOND_NS) as usize);
            let words = (window, grace, consecutive, min_samples);
            prop_assert_eq!(ended.zip(began), expected(&seconds, words));
            prop_assert_eq!(ended.is_some(), began.is_some());
        }
    }
}
