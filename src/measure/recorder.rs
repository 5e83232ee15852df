//! What one worker records. Nothing here is shared, locked or allocated for each action.

use super::Counters;
use super::Failure;
use super::Failures;
use super::Histogram;
use super::Window;

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

/// A worker's measurements, a [`StreamRecorder`] for each stream.
///
/// ```text
///   intended ──── picked ────── sent ─────── acknowledged
///   └── sched ──────┘└── queue ──┘└── service ────┘
///   └────────────────── response ─────────────────┘
/// ```
///
/// Each stream takes at most 730 KiB (0.4 MiB if nothing takes longer than 100 ms), from its first
/// action on; before that, a few hundred bytes.
#[derive(Debug)]
pub struct Recorder {
    streams: Vec<StreamRecorder>,
    window: Window,
}

impl Recorder {
    /// For so many streams.
    pub fn new(streams: usize) -> Recorder {
        let streams: Vec<_> = (0..streams).map(|_| StreamRecorder::new()).collect();
        Recorder { window: Window::new(streams.len()), streams }
    }

    /// What is recorded for a stream, by its index in the scenario. Panics beyond the last.
    pub fn stream(&mut self, index: usize) -> &mut StreamRecorder {
        &mut self.streams[index]
    }

    /// All streams, in the order of the scenario.
    pub fn streams(&self) -> &[StreamRecorder] {
        &self.streams
    }

    /// Forgets the warm-up: what is recorded from now on is the measurement. The memory is kept, so
    /// that nothing grows while measuring.
    pub fn begin_measuring(&mut self) {
        self.streams.iter_mut().for_each(StreamRecorder::clear);
        self.publish();
    }

    /// Where another thread sees, at any time, what was last published.
    pub fn window(&self) -> Window {
        self.window.clone()
    }

    /// Shows the counters and the distributions since last time; to be called about once a second.
    /// Never waits: while somebody is looking nothing is published, and nothing is lost.
    pub fn publish(&mut self) {
        let Some(mut shown) = self.window.try_open() else { return };
        for (shown, stream) in shown.iter_mut().zip(&mut self.streams) {
            shown.counters = stream.counters;
            shown.lag.merge(&stream.lag);
            shown.response.merge(&stream.recent_response);
            stream.lag.clear();
            stream.recent_response.clear();
        }
    }

    /// Adds what another worker has recorded for the same streams.
    pub fn merge(&mut self, other: &Recorder) {
        for (ours, theirs) in self.streams.iter_mut().zip(&other.streams) {
            ours.merge(theirs);
        }
    }
}

/// A worker's measurements of one stream.
#[derive(Debug, Clone)]
pub struct StreamRecorder {
    /// What was counted. [`StreamRecorder::finished`] counts outcomes; the engine all else.
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
    /// Why what failed did fail.
    pub failures: Failures,
    /// The longest from intended to sent, in nanoseconds.
    pub lag_max_ns: u64,
    /// The latest outcome, in nanoseconds on the run's clock; 0 if there is none.
    pub last_ns: u64,
    /// From intended to sent, since last published.
    lag: Histogram,
    /// Like `response`, since last published.
    recent_response: Histogram,
}

impl StreamRecorder {
    fn new() -> StreamRecorder {
        StreamRecorder {
            counters: Counters::default(),
            sched: Histogram::coarse(),
            queue: Histogram::coarse(),
            service: Histogram::fine(),
            response: Histogram::fine(),
            failed_response: Histogram::coarse(),
            failures: Failures::default(),
            lag_max_ns: 0,
            last_ns: 0,
            lag: Histogram::coarse(),
            recent_response: Histogram::coarse(),
        }
    }

    /// Records the outcome of an action that was counted as sent.
    pub fn finished(&mut self, stamps: &Stamps, outcome: Outcome<'_>) {
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
                self.recent_response.record(response);
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

    fn clear(&mut self) {
        self.counters = Counters::default();
        for histogram in [&mut self.sched, &mut self.queue, &mut self.service, &mut self.response] {
            histogram.clear();
        }
        for histogram in [&mut self.failed_response, &mut self.lag, &mut self.recent_response] {
            histogram.clear();
        }
        self.failures.clear();
        (self.lag_max_ns, self.last_ns) = (0, 0);
    }

    fn merge(&mut self, other: &StreamRecorder) {
        self.counters.add(&other.counters);
        self.sched.merge(&other.sched);
        self.queue.merge(&other.queue);
        self.service.merge(&other.service);
        self.response.merge(&other.response);
        self.failed_response.merge(&other.failed_response);
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
        recorder.begin_measuring();
        let stream = &recorder.streams()[0];
        assert_eq!(stream.counters, Counters::default());
        assert_eq!((stream.response.count(), stream.last_ns), (0, 0));
    }
}
