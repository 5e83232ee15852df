//! What came due in the named segments of a stream.

use serde::Serialize;

use crate::measure::Digest;
use crate::measure::StreamFacts;
use crate::measure::StreamRecorder;
use crate::measure::rate;

/// What came due in the segments of a name.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[expect(missing_docs, reason = "as in `StreamSummary`")]
pub struct SegmentSummary {
    pub name: String,
    pub scheduled: u64,
    pub sent: u64,
    pub acknowledged: u64,
    pub failed: u64,
    pub skipped: u64,
    pub unfinished: u64,
    pub retries: u64,
    /// Scheduled a second, over the time in which it was played.
    pub target_rate: f64,
    pub sched: Digest,
    pub queue: Digest,
    pub service: Digest,
    pub response: Digest,
}

/// All of a stream.
pub(super) fn segments(facts: &StreamFacts, record: &StreamRecorder) -> Vec<SegmentSummary> {
    let spans = &record.spans;
    let named = spans.names().iter().zip(&record.segments);
    named
        .map(|(name, record)| {
            let counters = record.counters;
            let seconds = spans.played(name, facts.measured).as_secs_f64();
            SegmentSummary {
                name: name.clone(),
                scheduled: counters.scheduled,
                sent: counters.sent,
                acknowledged: counters.acknowledged,
                failed: counters.failed,
                skipped: counters.skipped,
                unfinished: counters.unfinished,
                retries: counters.retries,
                target_rate: rate(counters.scheduled, seconds),
                sched: record.sched.digest(),
                queue: record.queue.digest(),
                service: record.service.digest(),
                response: record.response.digest(),
            }
        })
        .collect()
}
