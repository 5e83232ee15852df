//! The run as it goes: what workers publish, and what that comes to.

use std::sync::Arc;
use std::sync::Mutex;
use std::sync::MutexGuard;
use std::sync::PoisonError;
use std::sync::TryLockError;
use std::time::Duration;

use serde::Serialize;

use super::Counters;
use super::Histogram;
use super::Phase;

/// What one worker shows of its streams.
#[derive(Debug, Clone)]
pub struct Window(Arc<Mutex<Vec<Shown>>>);

/// What one worker shows of one stream.
#[derive(Debug)]
pub(super) struct Shown {
    /// Since the phase began.
    pub(super) counters: Counters,
    /// From intended to sent, since somebody last looked.
    pub(super) lag: Histogram,
    /// From intended to acknowledged, since somebody last looked.
    pub(super) response: Histogram,
}

impl Window {
    pub(super) fn new(streams: usize) -> Window {
        let shown = || Shown {
            counters: Counters::default(),
            lag: Histogram::coarse(),
            response: Histogram::coarse(),
        };
        Window(Arc::new(Mutex::new((0..streams).map(|_| shown()).collect())))
    }

    /// Without waiting; `None` while somebody looks.
    pub(super) fn try_open(&self) -> Option<MutexGuard<'_, Vec<Shown>>> {
        match self.0.try_lock() {
            Ok(shown) => Some(shown),
            Err(TryLockError::Poisoned(poisoned)) => Some(poisoned.into_inner()),
            Err(TryLockError::WouldBlock) => None,
        }
    }

    fn open(&self) -> MutexGuard<'_, Vec<Shown>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Looks through all workers' windows and adds up what it sees.
#[derive(Debug)]
pub struct Meter {
    names: Vec<String>,
    windows: Vec<Window>,
    /// When it last looked, and what was acknowledged by then, for each stream.
    last: (Duration, Vec<u64>),
}

impl Meter {
    /// For the streams of these names, in the scenario's order, and the windows of all workers.
    pub fn new(names: Vec<String>, windows: Vec<Window>) -> Meter {
        let none = vec![0; names.len()];
        Meter { names, windows, last: (Duration::ZERO, none) }
    }

    /// The streams at a time since the run began, beside the pace that they should have: `targets`,
    /// in the order of the streams.
    pub fn look(&mut self, at: Duration, targets: &[Pace]) -> Vec<LiveStream> {
        let seconds = at.saturating_sub(self.last.0).as_secs_f64();
        self.last.0 = at;
        (0..self.names.len())
            .map(|stream| {
                let pace = targets.get(stream).copied().unwrap_or(Pace::Unlimited);
                LiveStream { target: pace.rate(), pace, ..self.look_at(stream, seconds) }
            })
            .collect()
    }

    fn look_at(&mut self, stream: usize, seconds: f64) -> LiveStream {
        let mut counters = Counters::default();
        let (mut lag, mut response) = (Histogram::coarse(), Histogram::coarse());
        for window in &self.windows {
            let mut shown = window.open();
            let Some(shown) = shown.get_mut(stream) else { continue };
            counters.add(&shown.counters);
            lag.merge(&shown.lag);
            response.merge(&shown.response);
            shown.lag.clear();
            shown.response.clear();
        }
        // Counters begin again with each phase: what is less than before is new altogether.
        let before = std::mem::replace(&mut self.last.1[stream], counters.acknowledged);
        let fresh = counters.acknowledged.checked_sub(before).unwrap_or(counters.acknowledged);
        LiveStream {
            name: self.names[stream].clone(),
            target: None,
            pace: Pace::Unlimited,
            achieved: super::rate(fresh, seconds),
            acknowledged: counters.acknowledged,
            failed: counters.failed,
            in_flight: counters.in_flight(),
            retries: counters.retries,
            lag_p99_ns: lag.percentile(99.0),
            response_p99_ns: response.percentile(99.0),
        }
    }
}

/// All streams at one moment.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct LiveState {
    /// Since the run began, in seconds.
    pub at_s: f64,
    /// What is going on.
    pub phase: Phase,
    /// How long this phase will still last, if it is known.
    #[serde(skip)]
    pub left: Option<Duration>,
    /// In the order of the scenario.
    pub streams: Vec<LiveStream>,
}

/// What sets the pace of a stream, at one moment.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Pace {
    /// So many slots a second.
    Rate(f64),
    /// Nothing but the target.
    Unlimited,
    /// So many sessions, and how long they think.
    Sessions(u64),
    /// The actions that it follows.
    Follows,
}

impl Pace {
    fn rate(self) -> Option<f64> {
        match self {
            Pace::Rate(rate) => Some(rate),
            Pace::Unlimited | Pace::Sessions(_) | Pace::Follows => None,
        }
    }
}

/// One stream at one moment. Rates and percentiles are those since the last look.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct LiveStream {
    /// Its name.
    pub name: String,
    /// Slots a second that should come due; `None` if there is no such rate.
    pub target: Option<f64>,
    /// What there is instead.
    #[serde(skip)]
    pub pace: Pace,
    /// Acknowledged a second.
    pub achieved: f64,
    /// Acknowledged since the phase began.
    pub acknowledged: u64,
    /// Failed since the phase began.
    pub failed: u64,
    /// Sent, and nothing heard of it yet.
    pub in_flight: u64,
    /// Attempts beyond the first since the phase began.
    pub retries: u64,
    /// From intended to sent, 99th percentile; `None` if nothing was sent.
    pub lag_p99_ns: Option<u64>,
    /// From intended to acknowledged, 99th percentile; `None` if nothing was acknowledged.
    pub response_p99_ns: Option<u64>,
}

#[cfg(test)]
mod tests {
    use super::super::Outcome;
    use super::super::Recorder;
    use super::super::Stamps;
    use super::*;

    fn acknowledge(recorder: &mut Recorder, count: u64, response_ns: u64) {
        for _ in 0..count {
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

    #[test]
    fn a_look_adds_up_all_workers_and_only_what_is_new() {
        let mut workers = [Recorder::new(1), Recorder::new(1)];
        let windows = workers.iter().map(Recorder::window).collect();
        let mut meter = Meter::new(vec!["shop".to_owned()], windows);
        for worker in &mut workers {
            acknowledge(worker, 50, 1_000);
            worker.publish();
        }
        let first = meter.look(Duration::from_secs(1), &[Pace::Rate(100.0)]).remove(0);
        assert_eq!((first.target, first.achieved), (Some(100.0), 100.0));
        assert_eq!((first.response_p99_ns, first.lag_p99_ns), (Some(1_000), Some(10)));

        acknowledge(&mut workers[0], 20, 9_000);
        workers[0].stream(0).counters.sent += 3;
        workers[0].publish();
        let second = meter.look(Duration::from_secs(3), &[Pace::Unlimited]).remove(0);
        assert_eq!((second.target, second.achieved, second.acknowledged), (None, 10.0, 120));
        assert_eq!((second.response_p99_ns, second.in_flight), (Some(9_000), 3));

        let third = meter.look(Duration::from_secs(4), &[Pace::Rate(0.0)]).remove(0);
        assert_eq!((third.achieved, third.lag_p99_ns), (0.0, None));
    }

    #[test]
    fn publishing_never_waits_and_loses_nothing() {
        let mut worker = Recorder::new(1);
        let window = worker.window();
        acknowledge(&mut worker, 5, 1_000);
        let looking = window.open();
        worker.publish();
        assert_eq!(looking[0].counters.acknowledged, 0);
        drop(looking);
        worker.publish();
        worker.publish();
        let looking = window.open();
        assert_eq!((looking[0].response.count(), looking[0].lag.count()), (5, 5));
    }
}
