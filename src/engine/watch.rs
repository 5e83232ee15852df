//! What goes on beside the workers: a look at each second that is over. It is shown, kept, and judged;
//! a threshold may end the run.

use std::sync::mpsc::TrySendError;
use std::time::Duration;

use tokio::sync::mpsc::UnboundedReceiver;

use crate::engine::Destination;
use crate::engine::SECOND_NS;
use crate::engine::Shared;
use crate::engine::lateness::Lateness;
use crate::engine::stop::Level;
use crate::engine::worker::WorkerReport;
use crate::measure::End;
use crate::measure::Gates;
use crate::measure::Judgement;
use crate::measure::LiveState;
use crate::measure::LiveStream;
use crate::measure::Meter;
use crate::measure::Moment;
use crate::measure::Pace;
use crate::measure::Phase;
use crate::measure::Probe;
use crate::measure::Recorder;
use crate::measure::Second;
use crate::measure::Spans;
use crate::measure::Timetable;
use crate::measure::Watch;
use crate::measure::Window;
use crate::observe::Witness;

/// So long after the end of a second workers have handed it over, unless they are late.
const LOOK_AFTER_NS: u64 = 100_000_000;

/// Looks at the run from outside.
pub(super) struct Watcher<'a> {
    shared: &'a Shared,
    meter: Meter,
    watch: Watch,
    gates: Gates,
    probe: Probe,
    /// Until when, on the run's clock, it has looked.
    seen_ns: u64,
    shown: Option<Phase>,
    /// The named segment that each stream was in.
    segments: Vec<Option<String>>,
    was_stopped: bool,
    lateness: Lateness,
    /// What could not be kept yet.
    unkept: Option<Second>,
}

/// What it has seen by the end.
pub(super) struct Watched {
    pub(super) recorder: Recorder,
    pub(super) judgements: Vec<Option<Judgement>>,
    pub(super) gates: Gates,
}

impl<'a> Watcher<'a> {
    pub(super) fn new(shared: &'a Shared, windows: Vec<Window>, spans: Vec<Spans>) -> Self {
        let scenario = &shared.job.scenario;
        let names = shared.job.world.series.clone();
        let probe = Probe::start();
        let has_target =
            shared.job.destinations.iter().any(|it| !matches!(it, Destination::Discard));
        Self {
            gates: Gates::new(scenario.validity, names.clone(), probe.cpus(), has_target),
            watch: Watch::new(&scenario.thresholds, names.clone(), spans.clone()),
            segments: vec![None; names.len()],
            meter: Meter::new(names, spans, windows),
            probe,
            seen_ns: 0,
            shown: None,
            was_stopped: false,
            lateness: Lateness::default(),
            unkept: None,
            shared,
        }
    }

    /// Waits for all workers, and looks at each second meanwhile.
    pub(super) async fn work(
        &mut self,
        reported: &mut UnboundedReceiver<WorkerReport>,
    ) -> Vec<WorkerReport> {
        let shared = self.shared;
        let mut done = Vec::new();
        let (mut ready, mut warm) = (shared.ready.watch(), shared.warm.watch());
        loop {
            self.show_phase();
            let end = self.second_end();
            let pause = (end + LOOK_AFTER_NS).saturating_sub(shared.clock.now());
            tokio::select! {
                Ok(()) = ready.changed() => {}
                Ok(()) = warm.changed() => {}
                report = reported.recv() => match report {
                    Some(report) => done.push(report),
                    None => return done,
                },
                () = tokio::time::sleep(Duration::from_nanos(pause)) => self.look(end),
            }
        }
    }

    /// When the second ends that is to be looked at next. The one in which the measurement begins
    /// ends there.
    fn second_end(&self) -> u64 {
        let shared = self.shared;
        let now = shared.clock.now();
        if let Some(began) = shared.began().filter(|began| *began > self.seen_ns) {
            return began;
        }
        // If it is late, the seconds that it missed are one.
        let latest = shared.second_began(now.saturating_sub(LOOK_AFTER_NS).max(self.seen_ns));
        if latest > self.seen_ns { latest } else { latest + SECOND_NS }
    }

    fn look(&mut self, at_ns: u64) {
        let shared = self.shared;
        shared.end_of_patience(at_ns);
        shared.judge_lateness(&mut self.lateness, at_ns);
        let moment = self.moment(at_ns);
        let timetable = Timetable {
            backlog: &|stream, taken, at| shared.backlog(stream, taken, at),
            due_at: &|stream, slot| shared.due_at(stream, slot),
        };
        let second = self.meter.look(&moment, &timetable);
        let second = self.judge(second);
        let live = LiveState {
            at_s: Duration::from_nanos(at_ns).as_secs_f64(),
            phase: second.phase,
            left: shared.left(at_ns),
            streams: self.lines(&second, at_ns),
            observed: shared.job.witness.as_ref().map(Witness::lag),
            slot: shared.job.guard.live(),
            steps: shared.job.steps.under_way(),
            tripped: self.gates.tripped().iter().cloned().chain(self.watch.breached()).collect(),
        };
        shared.job.feed.tick(live);
        self.keep(second);
    }

    /// The live lines, with what sets the pace of each stream.
    fn lines(&self, second: &Second, at_ns: u64) -> Vec<LiveStream> {
        let mut lines = self.meter.lines(second);
        for (line, pace) in lines.iter_mut().zip(self.shared.paces(at_ns.saturating_sub(1))) {
            line.pace = pace;
        }
        lines
    }

    fn moment(&mut self, at_ns: u64) -> Moment {
        let usage = self.probe.look(Duration::from_nanos(at_ns.saturating_sub(self.seen_ns)));
        self.seen_ns = at_ns;
        let measured_ns = self.shared.began().and_then(|began| at_ns.checked_sub(began));
        let measured_ns = measured_ns.filter(|measured| *measured > 0);
        let phase = match self.show_phase() {
            // What was before the measurement is looked at when that has begun.
            Phase::Measuring if measured_ns.is_none() => Phase::WarmUp,
            phase => phase,
        };
        Moment {
            at_ns,
            measured_ns,
            phase,
            targets: self.shared.paces(at_ns.saturating_sub(1)).iter().map(Pace::rate).collect(),
            usage,
        }
    }

    /// Notes what happened in a second, and ends the run if a threshold says so.
    fn judge(&mut self, mut second: Second) -> Second {
        self.note_events(&mut second);
        second.events.extend(self.shared.job.guard.take_events());
        second.events.extend(self.shared.job.steps.take_events());
        self.gates.see(&second, &self.meter);
        second
            .events
            .extend(self.gates.tripped().iter().map(|gate| format!("gate {gate} tripped")));
        let reason = self.watch.see(&mut second, &self.meter, self.meter.waiting());
        if let Some(reason) = reason {
            second.events.push("run aborted".to_owned());
            self.was_stopped = true;
            self.shared.job.stop.tell(Level::Drain, End::Aborted(reason));
        }
        second
    }

    fn note_events(&mut self, second: &mut Second) {
        let faults = second.faults();
        let faults = [
            (faults.lost, "connections lost"),
            (faults.mended, "connections back"),
            (faults.crashed, "connections found that the server had crashed"),
            (second.usage.periods.throttled, "periods throttled"),
        ];
        for (count, what) in faults.into_iter().filter(|(count, _)| *count > 0) {
            second.events.push(format!("{count} {what}"));
        }
        // What follows is in the segments of its stream, which are told once.
        let names = self.shared.job.scenario.load.streams.iter().map(|stream| &stream.name);
        for ((known, now), name) in self.segments.iter_mut().zip(&second.streams).zip(names) {
            if *known == now.segment {
                continue;
            }
            let ended = known.take().map(|segment| format!("segment {segment} of {name} ended"));
            let began = now.segment.as_ref();
            let began = began.map(|segment| format!("segment {segment} of {name} began"));
            second.events.extend(ended.into_iter().chain(began));
            known.clone_from(&now.segment);
        }
        if !self.was_stopped && self.shared.job.stop.level() != Level::Run {
            self.was_stopped = true;
            second.events.push(match self.shared.job.stop.end() {
                End::Interrupted => "run interrupted".to_owned(),
                End::Stopped(reason) | End::Aborted(reason) | End::SetUpFailed(reason) => {
                    format!("run stopped: {reason}")
                }
                End::Complete => "run ended".to_owned(),
            });
        }
    }

    /// Never waits: what cannot be kept now is kept with the next one.
    fn keep(&mut self, second: Second) {
        let whole = match self.unkept.take() {
            Some(mut unkept) => {
                unkept.join(second);
                unkept
            }
            None => second,
        };
        if let Err(TrySendError::Full(unkept)) = self.shared.job.seconds.try_send(whole) {
            self.unkept = Some(unkept);
        }
    }

    /// Adds what workers left when they ended, and says what all of it comes to.
    pub(super) fn end(mut self, done: &[WorkerReport]) -> Watched {
        let shared = self.shared;
        let moment = self.moment(shared.clock.now());
        let timetable = Timetable { backlog: &|_, _, _| 0, due_at: &|_, _| None };
        let rests = done.iter().map(|report| &report.recorder);
        let second = self.meter.finish(rests, &moment, &timetable);
        let second = self.judge(second);
        self.keep(second);
        // The last of it may wait: nothing else is to be done.
        if let Some(unkept) = self.unkept.take() {
            let _ = shared.job.seconds.send(unkept);
        }
        Watched {
            judgements: self.watch.judgements(&shared.job.scenario.thresholds),
            recorder: self.meter.into_recorder(),
            gates: self.gates,
        }
    }

    /// Tells the feed of a phase that it has not been told of.
    fn show_phase(&mut self) -> Phase {
        let phase = self.shared.phase();
        if self.shown.replace(phase) != Some(phase) {
            self.shared.job.feed.phase(phase);
        }
        phase
    }
}
