//! What a whole run comes to: the promise that scripts rely on, `loadgen.summary/1`.

mod segments;

use std::time::Duration;

use serde::Deserialize;
use serde::Serialize;

use crate::pace::Shard;
use crate::pace::nanoseconds;
use crate::pace::real;
use crate::scenario::Threshold;

use super::Bound;
use super::Digest;
use super::End;
use super::EventCounts;
use super::FailureCount;
use super::Findings;
use super::Gate;
use super::GateState;
use super::Gates;
use super::Generator;
use super::Interruption;
use super::Judgement;
use super::LagSummary;
use super::Recorder;
use super::Retries;
use super::SharedSum;
use super::Slots;
use super::StepSummary;
use super::StreamRecorder;
use super::SurfaceCounts;
use super::TableCounts;
use super::Verdict;
use super::Verification;
use super::judge::Whole;
use super::rate;
use super::sums::mistakes;

pub use segments::SegmentSummary;

use segments::segments;

/// The format's name and version.
const FORMAT: &str = "loadgen.summary/1";

/// All that a run comes to. Its fields are those of `summary.json`, in its order.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Summary {
    /// `loadgen.summary/1`
    pub format: &'static str,
    /// The scenario's name.
    pub scenario: String,
    /// Its seed.
    pub seed: u64,
    /// The run's name: that of its folder.
    pub run: String,
    /// Which part of a run it is; `null` for a whole one. Of a part, thresholds are not judged, and
    /// `alive` knows nothing of the others.
    pub shard: Option<Shard>,
    /// The judgement.
    pub verdict: Verdict,
    /// The exit code that goes with it.
    pub exit_code: u8,
    /// Why the numbers say nothing about the target; empty unless the verdict is `invalid`.
    pub invalid_because: Vec<String>,
    /// Why it ended early, if it was stopped or could not be set up.
    pub stopped_because: Option<String>,
    /// Streams of which nothing was acknowledged, sums that are not what was acknowledged, and changes
    /// that were not observed as they were sent, in words: then it failed, whatever the thresholds.
    pub failed_because: Vec<String>,
    /// What was the limit.
    pub bound: Bound,
    /// Why that is said.
    pub bound_because: Vec<String>,
    /// Where loadgen itself was late or short of processors for a moment, or a service took less than
    /// was due: the run is valid.
    pub degraded_because: Vec<String>,
    /// When it began: UTC, RFC 3339.
    pub started: String,
    /// How long it took, from set-up to drain.
    pub elapsed_ns: u64,
    /// Number of worker threads.
    pub workers: u32,
    /// Hash of the first actions: what `loadgen fingerprint` prints.
    pub fingerprint: String,
    /// The account of each table.
    pub tables: Vec<TableCounts>,
    /// The sums of the tables that all lanes change.
    pub shared: Vec<SharedSum>,
    /// The measured part of each stream.
    pub streams: Vec<StreamSummary>,
    /// Events sent, by where they went.
    pub events: Vec<EventCounts>,
    /// How late each table's changes were observed; empty unless something observes.
    pub lag: Vec<LagSummary>,
    /// What was expected at the far ends and what came, at all of them together; `null` unless something
    /// observes.
    pub verification: Option<Verification>,
    /// The counts of each far end.
    pub surfaces: Vec<SurfaceCounts>,
    /// What servers kept of their logs for replication slots, and heartbeats: `slots`, `slot_looks`,
    /// `heartbeats` and `heartbeats_failed`.
    #[serde(flatten)]
    pub slots: Slots,
    /// What happened once, beside the streams.
    pub steps: Vec<StepSummary>,
    /// What befell the connectors that the run had registered, as far as it was seen.
    pub connectors: Vec<Interruption>,
    /// What became of the thresholds.
    pub thresholds: Vec<Judgement>,
    /// What the gates of validity say.
    pub gates: Vec<Gate>,
    /// What the generator used.
    pub generator: Generator,
}

/// What a stream comes to. The counts are those of [`super::Counters`].
#[derive(Debug, Clone, PartialEq, Serialize)]
#[expect(missing_docs, reason = "counts and distributions are explained where they are recorded")]
pub struct StreamSummary {
    pub name: String,
    pub scheduled: u64,
    pub sent: u64,
    pub acknowledged: u64,
    pub failed: u64,
    pub unknown: u64,
    pub skipped: u64,
    pub unfinished: u64,
    pub retries: u64,
    /// Of a closed stream: how many sessions there were.
    pub sessions: Option<SessionCount>,
    /// Whether it is no stream, but what follows the actions of one.
    pub follows: bool,
    /// Scheduled a second, over the time in which slots came due; 0 for an unlimited or closed stream.
    pub target_rate: f64,
    /// Acknowledged a second, over that time or until the last outcome, whichever is longer.
    pub achieved_rate: f64,
    pub sched: Digest,
    pub queue: Digest,
    pub service: Digest,
    pub response: Digest,
    pub failed_response: Digest,
    pub retries_after: Retries,
    pub missed: u64,
    pub late: u64,
    pub fallbacks: u64,
    pub lost_after_ack: u64,
    pub after_end: u64,
    pub crowded_out: u64,
    pub bytes: u64,
    /// Batches sent; 0 without `batch`.
    pub batches: u64,
    /// Slots in a batch, on average; 0 without `batch`.
    pub batch_rows_mean: f64,
    /// The longest from intended to sent.
    pub lag_max_ns: u64,
    /// Whether that was more than the stream's late policy allows.
    pub degraded: bool,
    /// Durations beyond an hour, counted as an hour.
    pub clamped: u64,
    pub failures: Vec<FailureCount>,
    /// What came due in each named segment.
    pub segments: Vec<SegmentSummary>,
}

/// The sessions of a closed stream, as they were.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct SessionCount {
    /// When the most lived.
    pub most: u64,
    /// On average over the measured time.
    pub mean: f64,
}

/// What is known of a run beside what its workers recorded.
#[derive(Debug, Clone)]
#[expect(missing_docs, reason = "as in `Summary`")]
pub struct RunFacts {
    pub scenario: String,
    pub seed: u64,
    pub run: String,
    /// Which part of a run it is; `None` for a whole one.
    pub shard: Option<Shard>,
    pub started: String,
    pub elapsed: Duration,
    pub workers: u32,
    pub fingerprint: String,
    pub end: End,
    /// Reasons that the engine already knows; usually none.
    pub invalid_because: Vec<String>,
    pub tables: Vec<TableCounts>,
    pub events: Vec<EventCounts>,
    pub shared: Vec<SharedSum>,
    /// One for each stream of the scenario, in its order.
    pub streams: Vec<StreamFacts>,
    /// What loadgen used in the whole run.
    pub generator: Generator,
    /// Thresholds that were judged each second, in the scenario's order; `None` where the end judges.
    pub watched: Vec<Option<Judgement>>,
    /// What is known of loadgen itself.
    pub gates: Gates,
    /// What observers found, if there are any.
    pub findings: Option<Findings>,
    /// What the slot guard saw.
    pub slots: Slots,
    /// What became of steps.
    pub steps: Vec<StepSummary>,
    /// What befell connectors.
    pub connectors: Vec<Interruption>,
}

/// What is known of a stream beside what was recorded.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StreamFacts {
    /// Its name.
    pub name: String,
    /// Whether it has a schedule; otherwise it is unlimited or closed.
    pub is_open: bool,
    /// Whether it follows the actions of a stream.
    pub is_follow_up: bool,
    /// Of a closed stream: how many sessions lived when the most did, and how long all together.
    pub sessions: Option<(u64, Duration)>,
    /// How many slots must have come due when the run is complete; `None` if the clock decides.
    pub planned: Option<u64>,
    /// When its measurement began, on the clock of the stamps.
    pub began_ns: u64,
    /// For how long slots came due: the profile's length, or less if the run ended early.
    pub measured: Duration,
    /// How late a slot may be sent before the stream counts as degraded.
    pub max_lag: Duration,
}

impl Summary {
    /// Adds up a run and judges it. `recorder` holds all workers' records, merged.
    ///
    /// Counts that do not add up make the run invalid: they are a mistake of ours, and no number
    /// of such a run is to be relied on.
    pub fn new(facts: RunFacts, recorder: &Recorder, thresholds: &[Threshold]) -> Summary {
        let mut invalid_because = facts.invalid_because;
        invalid_because.extend(mistakes(&facts.end, &facts.streams, &facts.tables, recorder));
        let of_stream = |(facts, record)| StreamSummary::new(facts, record);
        let streams: Vec<_> = facts.streams.iter().zip(recorder.streams()).map(of_stream).collect();
        let generator = facts.gates.generator(facts.generator, facts.workers, recorder);
        let gates = facts.gates.judge(&generator, recorder);
        let (bound, bound_because) = facts.gates.bound(&gates, &streams);
        if bound == Bound::Generator {
            let reasons = bound_because.iter();
            invalid_because.extend(reasons.map(|it| format!("the generator was the limit: {it}")));
        }
        let degraded_because = degraded(&gates, &facts.events);
        let findings = facts.findings;
        invalid_because.extend(facts.slots.lost());
        invalid_because.extend(findings.iter().flat_map(|it| it.invalid_because.iter().cloned()));
        let whole = Whole {
            streams: &streams,
            facts: &facts.streams,
            recorder,
            findings: findings.as_ref(),
            slots: &facts.slots,
        };
        let faults = findings.as_ref().map(|it| it.faults(thresholds)).unwrap_or_default();
        let thresholds = whole.judge(thresholds, &facts.watched);
        let mut verdict = facts.end.verdict();
        let mut failed_because = came_to_nothing(&streams, facts.shard);
        let wrong = facts.shared.iter().filter_map(SharedSum::mismatch);
        let wrong: Vec<_> = wrong.chain(faults).collect();
        let is_failed = thresholds.iter().any(Judgement::is_failure) || !wrong.is_empty();
        if is_failed || !failed_because.is_empty() && facts.end == End::Complete {
            verdict = verdict.max(Verdict::Failed);
        }
        failed_because.extend(wrong);
        if !invalid_because.is_empty() {
            verdict = verdict.max(Verdict::Invalid);
        }
        Summary {
            format: FORMAT,
            scenario: facts.scenario,
            seed: facts.seed,
            run: facts.run,
            shard: facts.shard,
            verdict,
            exit_code: verdict.exit_code(),
            invalid_because,
            stopped_because: facts.end.reason(),
            failed_because,
            bound,
            bound_because,
            degraded_because,
            started: facts.started,
            elapsed_ns: nanoseconds(facts.elapsed),
            workers: facts.workers,
            fingerprint: facts.fingerprint,
            tables: facts.tables,
            shared: facts.shared,
            streams,
            events: facts.events,
            lag: findings.as_ref().map(Findings::lags).unwrap_or_default(),
            verification: findings.as_ref().map(Findings::verification),
            surfaces: findings.as_ref().map(Findings::counts).unwrap_or_default(),
            slots: facts.slots,
            steps: facts.steps,
            connectors: facts.connectors,
            thresholds,
            gates,
            generator,
        }
    }
}

fn degraded(gates: &[Gate], events: &[EventCounts]) -> Vec<String> {
    let degraded = gates.iter().filter(|gate| gate.state == GateState::Degraded);
    let degraded = degraded.map(|gate| gate.message.clone());
    degraded.chain(events.iter().filter_map(EventCounts::slowed)).collect()
}

/// The streams of which nothing was acknowledged. A shard may have drawn little of what seldom happens: all of
/// them together are judged.
fn came_to_nothing(streams: &[StreamSummary], shard: Option<Shard>) -> Vec<String> {
    let judged = if shard.is_none() { streams } else { &[] };
    judged.iter().filter_map(nothing_of).collect()
}

fn nothing_of(stream: &StreamSummary) -> Option<String> {
    let StreamSummary { name, scheduled, sent, skipped, acknowledged, .. } = stream;
    (*scheduled > 0 && *acknowledged == 0).then(|| {
        format!(
            "nothing of the stream `{name}` was acknowledged: {sent} actions were sent, and \
             {skipped} found no row to work on"
        )
    })
}

impl StreamSummary {
    fn new(facts: &StreamFacts, record: &StreamRecorder) -> StreamSummary {
        let counters = record.counters;
        let until_last = Duration::from_nanos(record.last_ns.saturating_sub(facts.began_ns));
        let target_rate = rate(counters.scheduled, facts.measured.as_secs_f64());
        let achieved_over = facts.measured.max(until_last).as_secs_f64();
        let distributions = [&record.sched, &record.queue, &record.service, &record.response];
        StreamSummary {
            name: facts.name.clone(),
            scheduled: counters.scheduled,
            sent: counters.sent,
            acknowledged: counters.acknowledged,
            failed: counters.failed,
            unknown: counters.unknown,
            skipped: counters.skipped,
            unfinished: counters.unfinished,
            retries: counters.retries,
            sessions: facts.sessions.filter(|_| !facts.is_follow_up).map(|(most, lived)| {
                let measured = facts.measured.as_secs_f64();
                let mean = if measured > 0.0 { lived.as_secs_f64() / measured } else { 0.0 };
                SessionCount { most, mean }
            }),
            follows: facts.is_follow_up,
            target_rate: if facts.is_open { target_rate } else { 0.0 },
            achieved_rate: rate(counters.acknowledged, achieved_over),
            sched: record.sched.digest(),
            queue: record.queue.digest(),
            service: record.service.digest(),
            response: record.response.digest(),
            failed_response: record.failed_response.digest(),
            retries_after: counters.retries_after,
            missed: counters.missed,
            late: counters.late,
            fallbacks: counters.fallbacks,
            lost_after_ack: counters.lost_after_ack,
            after_end: counters.after_end,
            crowded_out: counters.crowded_out,
            bytes: counters.bytes,
            batches: counters.batches,
            batch_rows_mean: real(counters.batched) / real(counters.batches.max(1)),
            lag_max_ns: record.lag_max_ns,
            degraded: Duration::from_nanos(record.lag_max_ns) > facts.max_lag,
            clamped: distributions.iter().map(|histogram| histogram.clamped()).sum(),
            failures: record.failures.kinds(),
            segments: segments(facts, record),
        }
    }

    /// Whether it has a schedule of its own.
    pub fn is_open(&self) -> bool {
        self.target_rate > 0.0
    }
}
