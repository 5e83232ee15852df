//! Whether a run's numbers say something about the target, or about loadgen itself.
//!
//! A gate is *broken*, and the run invalid, only where loadgen was the limit all along. Where it was
//! for a moment, as any machine is now and then, the gate is *degraded* and the run is valid.

use std::borrow::Cow;
use std::time::Duration;

use serde::Deserialize;
use serde::Serialize;

use crate::pace::nanoseconds;
use crate::pace::real;
use crate::scenario::Validity;
use crate::units::format_duration;

use super::Bound;
use super::Generator;
use super::Histogram;
use super::Meter;
use super::Recorder;
use super::Second;
use super::StreamRecorder;
use super::StreamSummary;
use super::bound::bound;
use super::recorder::Record;

/// Of the seconds, so many at least, and a tenth of all, make it all along.
const SECONDS_MIN: u64 = 3;
const SECONDS_SHARE: u64 = 10;

/// A slot that loadgen took later than this was not taken in its time.
const ACHIEVED_WITHIN: Duration = Duration::from_secs(1);

/// What a gate says.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum GateState {
    /// The numbers are the target's.
    Held,
    /// For a moment they were not.
    Degraded,
    /// They were not, all along.
    Broken,
}

/// A gate, and what it says.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Gate {
    /// `achieved`, `sched`, `wake`, `cpu`, `worker` or `throttled`.
    pub gate: Cow<'static, str>,
    /// Of which stream, if of one.
    pub stream: Option<String>,
    /// What is allowed: nanoseconds, or a share.
    pub limit: f64,
    /// What was found.
    pub observed: f64,
    /// What follows.
    pub state: GateState,
    /// The same in words.
    pub message: String,
}

/// Looks at each second of the measured part.
#[derive(Debug, Clone)]
pub struct Gates {
    validity: Validity,
    names: Vec<String>,
    cpus: f64,
    /// Whether there is a target beside loadgen: otherwise its processors are all that there is.
    has_target: bool,
    seconds: u64,
    /// Seconds in which slots of a stream were seen late, by stream, and so late as not to count.
    late: Vec<(u64, u64)>,
    late_wakes: u64,
    throttled_seconds: u64,
    length_ns: u64,
    used: Used,
    tripped: Vec<String>,
    /// Of several shards: what each gate said in the worst of them, and what they used.
    said: Option<(Vec<Gate>, Generator)>,
}

/// Sums over the measured part, in nanoseconds or counts.
#[derive(Debug, Clone, Default)]
struct Used {
    cpu_ns: f64,
    busiest_ns: u64,
    run_delay_ns: u64,
    periods: u64,
    throttled: u64,
    switches: u64,
}

impl Gates {
    /// For streams of these names, on so many processors.
    pub fn new(validity: Validity, names: Vec<String>, cpus: f64, has_target: bool) -> Gates {
        Gates {
            validity,
            cpus,
            has_target,
            seconds: 0,
            late: vec![(0, 0); names.len()],
            names,
            late_wakes: 0,
            throttled_seconds: 0,
            length_ns: 0,
            used: Used::default(),
            tripped: Vec::new(),
            said: None,
        }
    }

    /// Of shards of which it is known what their gates said and what they used.
    pub(super) fn said(
        validity: Validity,
        has_target: bool,
        (gates, generator): (Vec<Gate>, Generator),
    ) -> Gates {
        let said = Some((gates, generator));
        Gates { said, ..Gates::new(validity, Vec::new(), 0.0, has_target) }
    }

    /// The limits, and whether there is a target.
    pub(super) fn limits(&self) -> (Validity, bool) {
        (self.validity, self.has_target)
    }

    /// Looks at a second that the meter has added up.
    pub fn see(&mut self, second: &Second, meter: &Meter) {
        let so_far = meter.so_far();
        self.tripped.clear();
        if !second.is_measured() {
            return;
        }
        self.seconds += 1;
        self.length_ns += second.length_ns;
        self.used.add(second);
        for (stream, record) in second.record.streams.iter().enumerate() {
            let lateness = record.sched.percentile(99.0).unwrap_or(0);
            let limit = self.limit_ns(&so_far.streams[stream]);
            self.late[stream].1 += u64::from(lateness > nanoseconds(ACHIEVED_WITHIN));
            if limit.is_some_and(|limit| lateness > limit) {
                self.late[stream].0 += 1;
                self.tripped.push(format!("sched of {}", self.names[stream]));
            }
        }
        let woken = second.wake().percentile(90.0).unwrap_or(0);
        if self.wake_limit_ns(&so_far.streams).is_some_and(|limit| woken > limit) {
            self.late_wakes += 1;
            self.tripped.push("wake".to_owned());
        }
        let share = second.usage.cpu / self.cpus.max(f64::MIN_POSITIVE);
        if self.has_target && self.validity.cpu.is_some_and(|limit| share > limit) {
            self.tripped.push("cpu".to_owned());
        }
        if second.usage.periods.throttled > 0 {
            self.throttled_seconds += 1;
            self.tripped.extend(self.validity.throttled.map(|_| "throttled".to_owned()));
        }
    }

    /// The gates that did not hold in the last second.
    pub fn tripped(&self) -> &[String] {
        &self.tripped
    }

    /// What the generator used in the measured part, beside what it used in the whole run.
    pub(super) fn generator(
        &self,
        whole: Generator,
        workers: u32,
        recorder: &Recorder,
    ) -> Generator {
        if let Some((_, generator)) = &self.said {
            let wake = recorder.record.worker.wake.digest();
            return Generator { wake, ..*generator };
        }
        let length_ns = real(self.length_ns);
        let share = |part: f64, of: f64| if of > 0.0 { part / of } else { 0.0 };
        Generator {
            cpus: self.cpus,
            cpu_share: share(self.used.cpu_ns, length_ns * self.cpus),
            busiest_worker: share(real(self.used.busiest_ns), length_ns),
            throttled: share(real(self.used.throttled), real(self.used.periods)),
            run_delay: share(real(self.used.run_delay_ns), length_ns * f64::from(workers)),
            involuntary_switches: self.used.switches,
            wake: recorder.record.worker.wake.digest(),
            ..whole
        }
    }

    /// Every gate that is not switched off and has something to say.
    pub(super) fn judge(&self, generator: &Generator, recorder: &Recorder) -> Vec<Gate> {
        if let Some((gates, _)) = &self.said {
            return gates.clone();
        }
        let so_far = &recorder.record;
        let mut gates = Vec::new();
        for (stream, record) in so_far.streams.iter().enumerate() {
            gates.extend(self.achieved(stream, record));
            gates.extend(self.sched(stream, record));
        }
        gates.extend(self.wake(so_far));
        if self.has_target && self.seconds >= SECONDS_MIN {
            gates.extend(self.share("cpu", generator.cpu_share, "of its processors were used up"));
            let worker = generator.busiest_worker;
            gates.extend(self.share("worker", worker, "of a processor was used up by one worker"));
        }
        gates.extend(self.throttled(generator));
        gates
    }

    /// What limited the run, and why that is said.
    pub(super) fn bound(&self, gates: &[Gate], streams: &[StreamSummary]) -> (Bound, Vec<String>) {
        bound(gates, streams, &self.validity, self.has_target)
    }

    /// The lateness that is allowed: what the scenario says, or a tenth of the median response.
    fn limit_ns(&self, record: &StreamRecorder) -> Option<u64> {
        let tenth = record.response.percentile(50.0).unwrap_or(0) / 10;
        self.validity.sched_p99.map(|limit| nanoseconds(limit).max(tenth))
    }

    fn wake_limit_ns(&self, streams: &[StreamRecorder]) -> Option<u64> {
        let known = streams.iter().filter(|stream| stream.response.count() > 0);
        let least = known.filter_map(|stream| self.limit_ns(stream)).min();
        least.or(self.validity.sched_p99.map(nanoseconds))
    }

    /// Whether so many seconds are more than a moment.
    fn is_sustained(&self, seconds: u64) -> bool {
        seconds >= SECONDS_MIN && seconds * SECONDS_SHARE >= self.seconds
    }

    fn lateness(
        &self,
        histogram: &Histogram,
        limit_ns: u64,
        late_seconds: u64,
    ) -> Option<GateState> {
        let (p90, p99) = (histogram.percentile(90.0)?, histogram.percentile(99.0)?);
        let is_broken = p99 > limit_ns && (p90 > limit_ns || self.is_sustained(late_seconds));
        Some(match (is_broken, p99 > limit_ns || late_seconds > 0) {
            (true, _) => GateState::Broken,
            (false, true) => GateState::Degraded,
            (false, false) => GateState::Held,
        })
    }

    fn sched(&self, stream: usize, record: &StreamRecorder) -> Option<Gate> {
        let limit = self.limit_ns(record)?;
        let late = self.late[stream].0;
        let state = self.lateness(&record.sched, limit, late)?;
        let p99 = record.sched.percentile(99.0)?;
        let name = &self.names[stream];
        let message = format!(
            "loadgen took slots of `{name}` late by itself: {} (99th percentile), in {late} of {} \
             seconds more than the {} allowed",
            milliseconds(p99),
            self.seconds,
            milliseconds(limit)
        );
        let stream = Some(name.clone());
        Some(Gate {
            gate: "sched".into(),
            stream,
            limit: real(limit),
            observed: real(p99),
            state,
            message,
        })
    }

    fn achieved(&self, stream: usize, record: &StreamRecorder) -> Option<Gate> {
        let limit = self.validity.achieved?;
        let count = record.sched.count();
        let missed = record.sched.count_above(nanoseconds(ACHIEVED_WITHIN));
        let achieved = (count > 0).then(|| 1.0 - real(missed) / real(count))?;
        let is_short = achieved < limit;
        let is_sustained = self.is_sustained(self.late[stream].1) || achieved < 0.9 * limit;
        let state = match (is_short, is_sustained) {
            (true, true) => GateState::Broken,
            (true, false) => GateState::Degraded,
            (false, _) => GateState::Held,
        };
        let name = &self.names[stream];
        let message = format!(
            "loadgen took only {} of the slots of `{name}` in their second, though the target was not \
             in the way; {} are asked for",
            percent(achieved),
            percent(limit)
        );
        let stream = Some(name.clone());
        Some(Gate { gate: "achieved".into(), stream, limit, observed: achieved, state, message })
    }

    fn wake(&self, so_far: &Record) -> Option<Gate> {
        let limit = self.wake_limit_ns(&so_far.streams)?;
        let wake = &so_far.worker.wake;
        let state = self.lateness(wake, limit, self.late_wakes)?;
        let p99 = wake.percentile(99.0)?;
        let message = format!(
            "loadgen's own threads woke late: {} (99th percentile), in {} of {} seconds more than the \
             {} allowed",
            milliseconds(p99),
            self.late_wakes,
            self.seconds,
            milliseconds(limit)
        );
        let (limit, observed) = (real(limit), real(p99));
        Some(Gate { gate: "wake".into(), stream: None, limit, observed, state, message })
    }

    fn share(&self, gate: &'static str, observed: f64, what: &str) -> Option<Gate> {
        let limit = self.validity.cpu?;
        let state = if observed > limit { GateState::Broken } else { GateState::Held };
        let message = format!("{} {what}; {} are allowed", percent(observed), percent(limit));
        Some(Gate { gate: gate.into(), stream: None, limit, observed, state, message })
    }

    fn throttled(&self, generator: &Generator) -> Option<Gate> {
        let limit = self.validity.throttled?;
        let observed = generator.throttled;
        (self.used.periods > 0).then(|| {
            let state = match (observed > limit, self.is_sustained(self.throttled_seconds)) {
                (true, true) => GateState::Broken,
                (true, false) => GateState::Degraded,
                (false, _) => GateState::Held,
            };
            let message = format!(
                "the control group held loadgen back in {} of its periods; {} are allowed",
                percent(observed),
                percent(limit)
            );
            Gate { gate: "throttled".into(), stream: None, limit, observed, state, message }
        })
    }
}

impl Used {
    fn add(&mut self, second: &Second) {
        self.cpu_ns += second.usage.cpu * real(second.length_ns);
        self.busiest_ns += second.record.worker.busiest_ns;
        self.run_delay_ns += second.record.worker.run_delay_ns;
        self.periods += second.usage.periods.all;
        self.throttled += second.usage.periods.throttled;
        self.switches += second.usage.involuntary_switches;
    }
}

fn milliseconds(duration_ns: u64) -> String {
    format_duration(Duration::from_nanos(duration_ns))
}

fn percent(share: f64) -> String {
    format!("{:.1}%", share * 100.0)
}
