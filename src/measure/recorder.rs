//! What one worker records. Nothing here is shared, locked or allocated for each action.

use super::Counters;
use super::Failure;
use super::Failures;
use super::Histogram;
use super::Spans;
use super::Window;
use super::worker::WorkerRecord;

/// The four stamps of an action: nanoseconds on the run's monotonic clock.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Stamps {
    /// When its slot was due; `None` in an unlimited stream. In a closed one: when its session had
    /// thought.
    pub intended: Option<u64>,
    /// When the pacer saw that it was due.
    pub picked: u64,
    /// When it was first given to the target.
    pub sent: u64,
    /// When its outcome was known: of the last attempt.
    pub acknowledged: u64,
    /// Whether a session of a closed stream sends it: nobody waits for it before that.
    pub is_closed: bool,
}

impl Stamps {
    /// When it was due; in an unlimited stream, when it was picked.
    pub fn due(&self) -> u64 {
        self.intended.unwrap_or(self.picked)
    }
}

/// What became of an action that was sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome<'a> {
    /// It is done.
    Acknowledged,
    /// It was given up.
    Failed(Failure<'a>),
    /// Nobody can tell.
    Unknown,
}

/// A worker's measurements since it last handed them over, a [`StreamRecorder`] for each stream.
///
/// ```text
///   intended ──── picked ────── sent ─────── acknowledged
///   └── sched ──────┘└── queue ──┘└── service ────┘
///   └────────────────── response ─────────────────┘
/// ```
///
/// Each stream takes at most 730 KiB (0.4 MiB if nothing takes longer than 100 ms), twice, from its
/// first action on; before that, a few hundred bytes.
#[derive(Debug)]
pub struct Recorder {
    pub(super) record: Record,
    spans: Vec<Spans>,
    window: Window,
}

/// What was measured in a while: by one worker or, merged, by all.
#[derive(Debug)]
pub(super) struct Record {
    /// Whether it is of the measured part: otherwise it is of the warm-up.
    pub(super) is_measuring: bool,
    pub(super) streams: Vec<StreamRecorder>,
    pub(super) worker: WorkerRecord,
    /// Until when, on the run's clock, if it was handed over.
    pub(super) at_ns: u64,
}

impl Record {
    /// Empty, for streams with so many named segments each.
    pub(super) fn new(spans: &[Spans]) -> Record {
        let streams = spans.iter().map(StreamRecorder::new).collect();
        Record { is_measuring: false, streams, worker: WorkerRecord::default(), at_ns: 0 }
    }

    pub(super) fn merge(&mut self, other: &Record) {
        for (ours, theirs) in self.streams.iter_mut().zip(&other.streams) {
            ours.merge(theirs);
        }
        self.worker.merge(&other.worker);
        self.is_measuring |= other.is_measuring;
    }

    /// Forgets all, and keeps the memory.
    pub(super) fn clear(&mut self) {
        self.streams.iter_mut().for_each(StreamRecorder::clear);
        self.worker.clear();
    }
}

impl Recorder {
    /// For so many streams without named segments.
    pub fn new(streams: usize) -> Recorder {
        Recorder::with_segments(vec![Spans::default(); streams])
    }

    /// For streams with these segments.
    pub fn with_segments(spans: Vec<Spans>) -> Recorder {
        Recorder { record: Record::new(&spans), spans, window: Window::default() }
    }

    /// What is recorded for a stream, by its index in the scenario. Panics beyond the last.
    pub fn stream(&mut self, index: usize) -> &mut StreamRecorder {
        &mut self.record.streams[index]
    }

    /// All streams, in the order of the scenario.
    pub fn streams(&self) -> &[StreamRecorder] {
        &self.record.streams
    }

    /// What befell the worker's connections, and when it woke.
    pub fn worker(&mut self) -> &mut WorkerRecord {
        &mut self.record.worker
    }

    /// Whether the measurement has begun: otherwise what is recorded is of the warm-up.
    pub fn is_measuring(&self) -> bool {
        self.record.is_measuring
    }

    /// Forgets the warm-up: what is recorded from now on is the measurement, which began at
    /// `began_ns` on the clock of the stamps. The memory is kept, so that little grows while measuring.
    pub fn begin_measuring(&mut self, began_ns: u64) {
        self.record.clear();
        self.record.is_measuring = true;
        self.record.streams.iter_mut().for_each(|stream| stream.began_ns = began_ns);
    }

    /// Where another thread finds what was last handed over.
    pub fn window(&self) -> Window {
        self.window.clone()
    }

    /// Hands over what was recorded until now, since last time; to be called once a second. Never waits: while
    /// the last one has not been fetched, nothing is handed over, and nothing is lost.
    /// Returns whether it was.
    pub fn publish(&mut self, at_ns: u64) -> bool {
        let Some(mut handover) = self.window.try_open() else { return false };
        if handover.full.is_some() {
            return false;
        }
        let mut empty = handover.empty.take().unwrap_or_else(|| Record::new(&self.spans));
        empty.is_measuring = self.record.is_measuring;
        for (empty, full) in empty.streams.iter_mut().zip(&self.record.streams) {
            empty.began_ns = full.began_ns;
        }
        self.record.at_ns = at_ns;
        handover.full = Some(std::mem::replace(&mut self.record, empty));
        true
    }

    /// Adds what another worker has recorded for the same streams.
    pub fn merge(&mut self, other: &Recorder) {
        self.record.merge(&other.record);
    }
}

/// Measurements of one stream.
#[derive(Debug, Clone)]
pub struct StreamRecorder {
    /// What was counted. [`StreamRecorder::finished`] counts outcomes; the engine all else, by
    /// [`StreamRecorder::at`].
    pub counters: Counters,
    /// From intended to picked: lateness that is our fault.
    pub sched: Histogram,
    /// From picked to sent: lateness that is the target's fault.
    pub queue: Histogram,
    /// From sent to acknowledged.
    pub service: Histogram,
    /// From intended to acknowledged; from sent in an unlimited or closed stream.
    pub response: Histogram,
    /// Like `response`, of what failed or stayed unknown.
    pub failed_response: Histogram,
    /// From intended to sent.
    pub lag: Histogram,
    /// Why what failed did fail.
    pub failures: Failures,
    /// The longest from intended to sent, in nanoseconds.
    pub lag_max_ns: u64,
    /// The latest outcome, in nanoseconds on the run's clock; 0 if there is none.
    pub last_ns: u64,
    /// What belongs to the named segments, each by its number. A worker records there *instead*;
    /// merging adds it to both.
    pub segments: Vec<StreamRecorder>,
    /// Whether it has been merged, so that it holds what its segments hold.
    pub(super) is_whole: bool,
    pub(super) spans: Spans,
    /// When the measurement began.
    began_ns: u64,
}

impl StreamRecorder {
    pub(super) fn new(spans: &Spans) -> StreamRecorder {
        let none = Spans::default();
        StreamRecorder {
            counters: Counters::default(),
            sched: Histogram::coarse(),
            queue: Histogram::coarse(),
            service: Histogram::fine(),
            response: Histogram::fine(),
            failed_response: Histogram::coarse(),
            lag: Histogram::coarse(),
            failures: Failures::default(),
            lag_max_ns: 0,
            last_ns: 0,
            segments: (0..spans.names().len()).map(|_| StreamRecorder::new(&none)).collect(),
            is_whole: false,
            spans: spans.clone(),
            began_ns: 0,
        }
    }

    /// Where named segments begin or end, in measured nanoseconds.
    pub fn edges(&self) -> Vec<u64> {
        self.spans.edges()
    }

    /// Where an action is recorded whose slot was due at a moment on the run's clock: with the named
    /// segment in which it was due, or here.
    pub fn at(&mut self, intended_ns: u64) -> &mut StreamRecorder {
        let since = intended_ns.checked_sub(self.began_ns);
        match since.and_then(|since| self.spans.find(since)) {
            Some(segment) => &mut self.segments[segment],
            None => self,
        }
    }

    /// Records the outcome of an action that was counted as sent.
    pub fn finished(&mut self, stamps: &Stamps, outcome: Outcome<'_>) {
        self.at(stamps.due()).note(stamps, outcome);
    }

    fn note(&mut self, stamps: &Stamps, outcome: Outcome<'_>) {
        let Stamps { intended, picked, sent, acknowledged, is_closed } = *stamps;
        let from = intended.filter(|_| !is_closed).unwrap_or(sent);
        let response = acknowledged.saturating_sub(from);
        self.last_ns = self.last_ns.max(acknowledged);
        if let Some(intended) = intended {
            let lag = sent.saturating_sub(intended);
            self.lag_max_ns = self.lag_max_ns.max(lag);
            self.lag.record(lag);
        }
        match outcome {
            Outcome::Acknowledged => {
                self.counters.acknowledged += 1;
                if let Some(intended) = intended {
                    self.sched.record(picked.saturating_sub(intended));
                    self.queue.record(sent.saturating_sub(picked));
                }
                self.service.record(acknowledged.saturating_sub(sent));
                self.response.record(response);
            }
            Outcome::Failed(failure) => {
                self.counters.failed += 1;
                self.failures.record(failure, acknowledged);
                self.failed_response.record(response);
            }
            Outcome::Unknown => {
                self.counters.unknown += 1;
                self.failed_response.record(response);
            }
        }
    }

    pub(super) fn histograms_mut(&mut self) -> [&mut Histogram; 6] {
        let StreamRecorder { sched, queue, service, response, failed_response, lag, .. } = self;
        [sched, queue, service, response, failed_response, lag]
    }

    pub(super) fn histograms(&self) -> [&Histogram; 6] {
        let StreamRecorder { sched, queue, service, response, failed_response, lag, .. } = self;
        [sched, queue, service, response, failed_response, lag]
    }

    fn clear(&mut self) {
        self.counters = Counters::default();
        self.histograms_mut().into_iter().for_each(Histogram::clear);
        self.failures.clear();
        (self.lag_max_ns, self.last_ns) = (0, 0);
        self.segments.iter_mut().for_each(StreamRecorder::clear);
    }

    /// Adds another's, and to the whole what the other holds in its segments alone.
    pub(super) fn merge(&mut self, other: &StreamRecorder) {
        self.add(other);
        for (ours, theirs) in self.segments.iter_mut().zip(&other.segments) {
            ours.add(theirs);
        }
        if !other.is_whole {
            other.segments.iter().for_each(|theirs| self.add(theirs));
        }
        self.is_whole = true;
    }

    fn add(&mut self, other: &StreamRecorder) {
        self.counters.add(&other.counters);
        for (ours, theirs) in self.histograms_mut().into_iter().zip(other.histograms()) {
            ours.merge(theirs);
        }
        self.failures.merge(&other.failures);
        self.lag_max_ns = self.lag_max_ns.max(other.lag_max_ns);
        self.last_ns = self.last_ns.max(other.last_ns);
    }
}

#[cfg(test)]
mod tests {
    use super::super::ErrorClass;
    use super::*;

    const STAMPS: Stamps = Stamps {
        intended: Some(1_000),
        picked: 1_010,
        sent: 1_110,
        acknowledged: 2_110,
        is_closed: false,
    };

    #[test]
    fn four_stamps_make_four_durations() {
        let mut recorder = Recorder::new(1);
        recorder.stream(0).finished(&STAMPS, Outcome::Acknowledged);
        let stream = &recorder.streams()[0];
        let max = |histogram: &Histogram| histogram.max().unwrap();
        assert_eq!((max(&stream.sched), max(&stream.queue)), (10, 100));
        assert_eq!((max(&stream.service), max(&stream.response)), (1_000, 1_110));
        assert_eq!((stream.lag_max_ns, stream.last_ns), (110, 2_110));
    }

    #[test]
    fn without_an_intended_time_response_is_service() {
        let mut recorder = Recorder::new(1);
        recorder.stream(0).finished(&Stamps { intended: None, ..STAMPS }, Outcome::Acknowledged);
        let stream = &recorder.streams()[0];
        assert_eq!((stream.sched.count(), stream.queue.count()), (0, 0));
        assert_eq!(stream.response.digest(), stream.service.digest());
    }

    #[test]
    fn of_a_session_response_is_service_and_lateness_is_known() {
        let mut recorder = Recorder::new(1);
        recorder.stream(0).finished(&Stamps { is_closed: true, ..STAMPS }, Outcome::Acknowledged);
        let stream = &recorder.streams()[0];
        assert_eq!((stream.sched.max(), stream.queue.max()), (Some(10), Some(100)));
        assert_eq!(stream.response.digest(), stream.service.digest());
    }

    #[test]
    fn what_failed_stays_out_of_the_response_times() {
        let mut recorder = Recorder::new(1);
        let failure = Failure { class: ErrorClass::Timeout, code: "57014", message: "too slow" };
        recorder.stream(0).finished(&STAMPS, Outcome::Failed(failure));
        recorder.stream(0).finished(&STAMPS, Outcome::Unknown);
        let stream = &recorder.streams()[0];
        assert_eq!((stream.response.count(), stream.failed_response.count()), (0, 2));
        assert_eq!((stream.counters.failed, stream.counters.unknown), (1, 1));
    }

    #[test]
    fn the_warm_up_is_forgotten() {
        let mut recorder = Recorder::new(1);
        recorder.stream(0).counters.sent += 1;
        recorder.stream(0).finished(&STAMPS, Outcome::Acknowledged);
        recorder.begin_measuring(0);
        let stream = &recorder.streams()[0];
        assert_eq!(stream.counters, Counters::default());
        assert_eq!((stream.response.count(), stream.last_ns), (0, 0));
    }
}
