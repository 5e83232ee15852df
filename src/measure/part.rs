//! What one shard of a run came to, written so that all shards add up, exactly, to one run.

mod join;
mod standing;

use std::time::Duration;

use chrono::DateTime;
use chrono::Utc;
use serde::Deserialize;
use serde::Serialize;

use crate::pace::Shard;
use crate::scenario::Threshold;
use crate::scenario::Validity;

use super::Counters;
use super::End;
use super::EventCounts;
use super::FailureCount;
use super::Failures;
use super::Gate;
use super::Generator;
use super::Histogram;
use super::Recorder;
use super::RunFacts;
use super::SharedSum;
use super::Slots;
use super::Spans;
use super::StreamFacts;
use super::StreamRecorder;
use super::TableCounts;
use super::histogram::Packed;

pub use join::join;

use standing::Standing;

/// What a shard's summary was made from. Times are since its measurement began.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Part {
    /// Which.
    pub shard: Shard,
    /// The scenario's name.
    pub scenario: String,
    /// Its seed.
    pub seed: u64,
    /// The hash of its first actions.
    pub fingerprint: String,
    /// The shard's run.
    pub run: String,
    /// When it began: UTC, RFC 3339.
    pub started: String,
    elapsed: Duration,
    workers: u32,
    end: End,
    invalid_because: Vec<String>,
    tables: Vec<TableCounts>,
    events: Vec<EventCounts>,
    shared: Vec<SharedSum>,
    slots: Slots,
    generator: Generator,
    validity: Validity,
    has_target: bool,
    gates: Vec<Gate>,
    /// By which all shards together are judged.
    pub thresholds: Vec<Threshold>,
    /// What each second was judged by already, in the same order.
    standing: Vec<Option<Standing>>,
    wake: Packed,
    streams: Vec<StreamPart>,
}

/// A stream, with its named segments.
#[derive(Debug, Clone, Serialize, Deserialize)]
struct StreamPart {
    facts: StreamFacts,
    played: Vec<(String, u64, u64)>,
    whole: RecordPart,
    segments: Vec<RecordPart>,
}

/// What was recorded of a stream, or of a segment of one.
#[derive(Debug, Clone, Serialize, Deserialize)]
struct RecordPart {
    counters: Counters,
    /// `sched`, `queue`, `service`, `response`, `failed`, `lag`.
    distributions: [Packed; 6],
    failures: Vec<FailureCount>,
    lag_max_ns: u64,
    last_ns: u64,
}

impl Part {
    /// Of what a shard's summary is made from. `thresholds` are all of the scenario.
    pub fn new(
        shard: Shard,
        facts: &RunFacts,
        recorder: &Recorder,
        thresholds: &[Threshold],
    ) -> Part {
        let generator = facts.gates.generator(facts.generator, facts.workers, recorder);
        let gates = facts.gates.judge(&generator, recorder);
        let (validity, has_target) = facts.gates.limits();
        let streams = facts.streams.iter().zip(recorder.streams());
        Part {
            shard,
            scenario: facts.scenario.clone(),
            seed: facts.seed,
            fingerprint: facts.fingerprint.clone(),
            run: facts.run.clone(),
            started: facts.started.clone(),
            elapsed: facts.elapsed,
            workers: facts.workers,
            end: facts.end.clone(),
            invalid_because: facts.invalid_because.clone(),
            tables: facts.tables.clone(),
            events: facts.events.clone(),
            shared: facts.shared.clone(),
            slots: facts.slots.clone(),
            generator,
            validity,
            has_target,
            gates,
            thresholds: thresholds.to_vec(),
            standing: facts.watched.iter().map(|it| it.as_ref().map(Standing::new)).collect(),
            wake: recorder.record.worker.wake.packed(),
            streams: streams.map(|(facts, record)| StreamPart::new(facts, record)).collect(),
        }
    }

    /// When it began, if that can be read.
    fn began(&self) -> Option<DateTime<Utc>> {
        DateTime::parse_from_rfc3339(&self.started).ok().map(|at| at.to_utc())
    }
}

impl StreamPart {
    fn new(facts: &StreamFacts, record: &StreamRecorder) -> StreamPart {
        let part = |record: &StreamRecorder| RecordPart {
            counters: record.counters,
            distributions: record.histograms().map(Histogram::packed),
            failures: record.failures.kinds(),
            lag_max_ns: record.lag_max_ns,
            last_ns: record.last_ns.saturating_sub(facts.began_ns),
        };
        StreamPart {
            facts: StreamFacts { began_ns: 0, ..facts.clone() },
            played: record.spans.played_at(),
            whole: part(record),
            segments: record.segments.iter().map(part).collect(),
        }
    }

    fn spans(&self) -> Spans {
        Spans::new(self.played.iter().map(|(name, from, to)| (name.as_str(), *from, *to)))
    }

    fn recorder(&self) -> StreamRecorder {
        let mut recorder = StreamRecorder::new(&self.spans());
        self.whole.fill(&mut recorder);
        for (segment, part) in recorder.segments.iter_mut().zip(&self.segments) {
            part.fill(segment);
        }
        recorder.is_whole = true;
        recorder
    }
}

impl RecordPart {
    fn fill(&self, recorder: &mut StreamRecorder) {
        recorder.counters = self.counters;
        for (histogram, packed) in recorder.histograms_mut().into_iter().zip(&self.distributions) {
            histogram.merge_packed(packed);
        }
        recorder.failures = Failures::of(self.failures.clone());
        (recorder.lag_max_ns, recorder.last_ns) = (self.lag_max_ns, self.last_ns);
    }
}
