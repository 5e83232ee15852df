//! The run as it goes: what workers hand over, second by second, and what that comes to.

use std::ops::Range;

use super::Counters;
use super::LiveStream;
use super::Pace;
use super::Phase;
use super::Recorder;
use super::Second;
use super::Spans;
use super::StreamSecond;
use super::Usage;
use super::Waiting;
use super::Window;
use super::recorder::Record;

/// How many slots stand for all that wait.
const WAITING_MAX: u64 = 256;

/// Fetches what all workers hand over, and adds it up.
#[derive(Debug)]
pub struct Meter {
    names: Vec<String>,
    spans: Vec<Spans>,
    /// Of each worker, and until when it last handed over.
    windows: Vec<(Window, u64)>,
    /// When it last looked, on the run's clock.
    last_ns: u64,
    /// Of the phase so far: the warm-up, then the measurement.
    so_far: Record,
    waiting: Vec<Waiting>,
}

/// When slots are due, as the engine knows it.
pub struct Timetable<'a> {
    /// Of a stream, how many slots behind the first so many of this phase had come due at a moment on
    /// the run's clock.
    pub backlog: &'a dyn Fn(usize, u64, u64) -> u64,
    /// When slot n of a stream's measured part is due on the run's clock, if it is due at all.
    pub due_at: &'a dyn Fn(usize, u64) -> Option<u64>,
}

impl std::fmt::Debug for Timetable<'_> {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("Timetable").finish_non_exhaustive()
    }
}

/// What the engine knows of a moment and workers do not.
#[derive(Debug, Clone)]
pub struct Moment {
    /// On the run's clock.
    pub at_ns: u64,
    /// How much of the measured part is over; `None` before it.
    pub measured_ns: Option<u64>,
    /// What the run is doing.
    pub phase: Phase,
    /// The rates that the streams should have: infinite if unlimited.
    pub targets: Vec<f64>,
    /// What the generator used since the last look.
    pub usage: Usage,
}

impl Meter {
    /// For the streams of these names, in the scenario's order, with these segments, and the
    /// windows of all workers.
    pub fn new(names: Vec<String>, spans: Vec<Spans>, windows: Vec<Window>) -> Meter {
        let so_far = Record::new(&spans);
        let windows = windows.into_iter().map(|window| (window, 0)).collect();
        Meter { names, spans, windows, last_ns: 0, so_far, waiting: Vec::new() }
    }

    /// All that was measured since the last look.
    pub fn look(&mut self, moment: &Moment, timetable: &Timetable<'_>) -> Second {
        let record = self.fetch();
        self.second(record, moment, timetable)
    }

    fn fetch(&mut self) -> Record {
        let mut record = Record::new(&self.spans);
        for (window, at_ns) in &mut self.windows {
            let Some(full) = window.fetch() else { continue };
            *at_ns = full.at_ns;
            if full.is_measuring && !record.is_measuring {
                // What others still have of the warm-up comes too late.
                record.clear();
            }
            if full.is_measuring || !record.is_measuring {
                record.merge(&full);
            }
            window.give_back(full);
        }
        record
    }

    /// The last of it: what workers had not handed over when they ended.
    pub fn finish<'a>(
        &mut self,
        rests: impl IntoIterator<Item = &'a Recorder>,
        moment: &Moment,
        timetable: &Timetable<'_>,
    ) -> Second {
        let mut record = self.fetch();
        for rest in rests {
            let is_measuring = record.is_measuring || self.so_far.is_measuring;
            if rest.record.is_measuring && !is_measuring {
                record.clear();
            }
            if rest.record.is_measuring || !is_measuring {
                record.merge(&rest.record);
            }
        }
        self.windows.iter_mut().for_each(|(_, at_ns)| *at_ns = moment.at_ns);
        self.second(record, moment, timetable)
    }

    /// What the measured part came to: nothing, if it never began.
    pub fn into_recorder(self) -> Recorder {
        let mut recorder = Recorder::with_segments(self.spans);
        if self.so_far.is_measuring {
            recorder.record = self.so_far;
        }
        recorder
    }

    /// What the phase came to so far.
    pub(super) fn so_far(&self) -> &Record {
        &self.so_far
    }

    fn add(&mut self, record: &Record) {
        if record.is_measuring && !self.so_far.is_measuring {
            self.so_far.clear();
        }
        self.so_far.merge(record);
    }

    fn second(&mut self, record: Record, moment: &Moment, timetable: &Timetable<'_>) -> Second {
        self.add(&record);
        let length_ns = moment.at_ns.saturating_sub(self.last_ns);
        self.last_ns = moment.at_ns;
        self.waiting.clear();
        // What the slowest of the workers has not handed over yet is not said to be missing.
        let as_of = self.windows.iter().map(|(_, at_ns)| *at_ns).min().unwrap_or(0);
        let mut streams = Vec::new();
        for stream in 0..self.names.len() {
            let counters = self.so_far.streams[stream].counters;
            let backlog = (timetable.backlog)(stream, counters.scheduled, as_of);
            let segment =
                moment.measured_ns.and_then(|at| self.spans[stream].name_at(at.saturating_sub(1)));
            streams.push(StreamSecond {
                target_rate: moment.targets.get(stream).copied().filter(|rate| rate.is_finite()),
                backlog,
                in_flight: counters.in_flight(),
                segment: segment.map(str::to_owned),
            });
            let slots = counters.settled()..counters.scheduled.saturating_add(backlog);
            self.waiting.push(waiting(slots, as_of, |slot| (timetable.due_at)(stream, slot)));
        }
        let Moment { at_ns, measured_ns, phase, usage, .. } = *moment;
        Second { at_ns, length_ns, measured_ns, phase, streams, usage, events: Vec::new(), record }
    }

    /// What had come due at the last look and was not settled, by stream: as if slots settled in
    /// order, so at least so long.
    pub fn waiting(&self) -> &[Waiting] {
        &self.waiting
    }

    /// A second as a live line shows it.
    pub fn lines(&self, second: &Second) -> Vec<LiveStream> {
        let seconds = second.length().as_secs_f64();
        let of_stream = |(stream, known): (usize, &StreamSecond)| {
            let record = &second.record.streams[stream];
            let Counters { acknowledged, failed, retries, .. } =
                self.so_far.streams[stream].counters;
            LiveStream {
                name: self.names[stream].clone(),
                target: known.target_rate,
                pace: known.target_rate.map_or(Pace::Unlimited, Pace::Rate),
                achieved: super::rate(record.counters.acknowledged, seconds),
                acknowledged,
                failed,
                in_flight: known.in_flight,
                retries,
                lag_p99_ns: record.lag.percentile(99.0),
                response_p99_ns: record.response.percentile(99.0),
            }
        };
        second.streams.iter().enumerate().map(of_stream).collect()
    }
}

/// How long slots have waited at a moment: a few of them stand for all.
fn waiting(slots: Range<u64>, at_ns: u64, due_at: impl Fn(u64) -> Option<u64>) -> Waiting {
    let step = slots.end.saturating_sub(slots.start).div_ceil(WAITING_MAX).max(1);
    let mut waiting = Waiting::new();
    let mut slot = slots.start;
    while slot < slots.end {
        let next = slots.end.min(slot.saturating_add(step));
        // The last of them has waited least.
        let Some(due) = due_at(next - 1) else { break };
        waiting.push((at_ns.saturating_sub(due), next - slot));
        slot = next;
    }
    waiting
}

#[cfg(test)]
mod tests {
    use super::super::Outcome;
    use super::super::Stamps;
    use super::*;

    fn acknowledge(recorder: &mut Recorder, count: u64, response_ns: u64) {
        for _ in 0..count {
            recorder.stream(0).counters.scheduled += 1;
            recorder.stream(0).counters.sent += 1;
            let stamps = Stamps {
                intended: Some(0),
                sent: 10,
                acknowledged: response_ns,
                ..Stamps::default()
            };
            recorder.stream(0).finished(&stamps, Outcome::Acknowledged);
        }
    }

    const NOTHING_WAITS: Timetable<'static> =
        Timetable { backlog: &|_, _, _| 0, due_at: &|_, _| None };

    fn moment(second: u64, target: f64) -> Moment {
        Moment {
            at_ns: second * 1_000_000_000,
            measured_ns: None,
            phase: Phase::Measuring,
            targets: vec![target],
            usage: Usage::default(),
        }
    }

    fn meter(workers: &[Recorder]) -> Meter {
        let windows = workers.iter().map(Recorder::window).collect();
        Meter::new(vec!["shop".to_owned()], vec![Spans::default()], windows)
    }

    #[test]
    fn a_look_adds_up_all_workers_and_only_what_is_new() {
        let mut workers = [Recorder::new(1), Recorder::new(1)];
        let mut meter = meter(&workers);
        for worker in &mut workers {
            acknowledge(worker, 50, 1_000);
            worker.publish(0);
        }
        let second = meter.look(&moment(1, 100.0), &NOTHING_WAITS);
        let first = meter.lines(&second).remove(0);
        assert_eq!((first.target, first.achieved), (Some(100.0), 100.0));
        assert_eq!((first.response_p99_ns, first.lag_p99_ns), (Some(1_000), Some(10)));

        acknowledge(&mut workers[0], 20, 9_000);
        workers[0].stream(0).counters.sent += 3;
        workers[0].publish(0);
        let second = meter.look(&moment(3, f64::INFINITY), &NOTHING_WAITS);
        let second = meter.lines(&second).remove(0);
        assert_eq!((second.target, second.achieved, second.acknowledged), (None, 10.0, 120));
        assert_eq!((second.response_p99_ns, second.in_flight), (Some(9_000), 3));

        let third = meter.look(&moment(4, 0.0), &NOTHING_WAITS);
        let third = meter.lines(&third).remove(0);
        assert_eq!((third.achieved, third.lag_p99_ns), (0.0, None));
    }

    #[test]
    fn what_is_due_and_not_settled_waits_as_long_as_it_is_due() {
        let mut worker = Recorder::new(1);
        let mut meter = meter(std::slice::from_ref(&worker));
        acknowledge(&mut worker, 100, 1_000);
        worker.stream(0).counters.scheduled += 400;
        worker.publish(1_000_000);
        // A slot each microsecond: of 1,000 that are due, 500 are taken and 100 are answered.
        let timetable = Timetable {
            backlog: &|_, taken, at_ns| at_ns / 1_000 - taken,
            due_at: &|_, slot| Some(slot * 1_000),
        };
        let second = meter.look(&moment(1, 1e6), &timetable);
        assert_eq!(second.streams[0].backlog, 500);
        let waiting = &meter.waiting()[0];
        assert!(waiting.len() <= 256);
        assert_eq!(waiting.iter().map(|(_, count)| count).sum::<u64>(), 900);
        assert_eq!((waiting[0].0, waiting.last().unwrap().0), (897_000, 1_000));
    }

    #[test]
    fn handing_over_never_waits_and_loses_nothing() {
        let mut worker = Recorder::new(1);
        let mut meter = meter(std::slice::from_ref(&worker));
        for _ in 0..3 {
            acknowledge(&mut worker, 5, 1_000);
            // The second and the third find that nobody has fetched the first.
            worker.publish(0);
        }
        assert_eq!(meter.look(&moment(1, 1.0), &NOTHING_WAITS).counters(0).acknowledged, 5);
        worker.publish(0);
        acknowledge(&mut worker, 2, 1_000);
        let last = meter.finish([&worker], &moment(2, 1.0), &NOTHING_WAITS);
        assert_eq!(last.counters(0).acknowledged, 12);
        assert_eq!(meter.so_far().streams[0].response.count(), 17);
    }

    #[test]
    fn the_warm_up_is_in_no_sum() {
        let mut workers = [Recorder::new(1), Recorder::new(1)];
        let mut meter = meter(&workers);
        acknowledge(&mut workers[0], 7, 1_000);
        acknowledge(&mut workers[1], 8, 1_000);
        workers[0].publish(0);
        assert_eq!(meter.look(&moment(1, 1.0), &NOTHING_WAITS).counters(0).acknowledged, 7);
        workers[1].publish(0);
        workers[0].begin_measuring(0);
        acknowledge(&mut workers[0], 3, 1_000);
        workers[0].publish(0);
        assert_eq!(meter.look(&moment(2, 1.0), &NOTHING_WAITS).counters(0).acknowledged, 3);
        workers[1].begin_measuring(0);
        acknowledge(&mut workers[1], 4, 1_000);
        assert_eq!(
            meter.finish(&workers, &moment(3, 1.0), &NOTHING_WAITS).counters(0).acknowledged,
            4
        );
        assert_eq!(meter.into_recorder().streams()[0].counters.acknowledged, 7);
    }

    #[test]
    fn what_belongs_to_a_segment_counts_there_and_in_the_whole() {
        let spans = vec![Spans::new([("peak", 100, 200)])];
        let mut worker = Recorder::with_segments(spans.clone());
        let mut meter = Meter::new(vec!["shop".to_owned()], spans, vec![worker.window()]);
        worker.begin_measuring(1_000);
        for intended in [1_099, 1_100, 1_199, 1_200] {
            worker.stream(0).at(intended).counters.scheduled += 1;
            let stamps =
                Stamps { intended: Some(intended), acknowledged: 5_000, ..Stamps::default() };
            worker.stream(0).finished(&stamps, Outcome::Acknowledged);
        }
        worker.publish(0);
        meter.look(&moment(1, 1.0), &NOTHING_WAITS);
        worker.stream(0).at(1_150).counters.scheduled += 1;
        meter.finish([&worker], &moment(2, 1.0), &NOTHING_WAITS);
        let recorder = meter.into_recorder();
        let stream = &recorder.streams()[0];
        assert_eq!((stream.counters.scheduled, stream.response.count()), (5, 4));
        let peak = &stream.segments[0];
        assert_eq!((peak.counters.scheduled, peak.response.count()), (3, 2));
    }
}
