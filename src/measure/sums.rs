//! Whether a run's own numbers add up.

use super::End;
use super::Recorder;
use super::StreamFacts;
use super::StreamRecorder;
use super::TableCounts;

/// Everything that does not add up.
pub(super) fn mistakes(
    end: &End,
    streams: &[StreamFacts],
    tables: &[TableCounts],
    recorder: &Recorder,
) -> Vec<String> {
    let mut mistakes = Vec::new();
    if streams.len() != recorder.streams().len() {
        let (known, found) = (streams.len(), recorder.streams().len());
        mistakes.push(format!("internal error: {found} streams were recorded, not {known}"));
    }
    for (facts, record) in streams.iter().zip(recorder.streams()) {
        let planned = facts.planned.filter(|_| *end == End::Complete);
        for mismatch in mismatches(record, planned) {
            mistakes.push(format!("internal error: stream `{}`: {mismatch}", facts.name));
        }
    }
    for table in tables {
        if let Some(mismatch) = table.mismatch() {
            mistakes.push(format!("internal error: table `{}`: {mismatch}", table.table));
        }
    }
    mistakes
}

/// What a stream's records say that cannot be.
fn mismatches(record: &StreamRecorder, planned: Option<u64>) -> Vec<String> {
    let counters = record.counters;
    let mut mismatches = counters.mismatches();
    if let Some(planned) = planned.filter(|planned| *planned != counters.scheduled) {
        mismatches.push(format!("{} scheduled are not {planned} planned", counters.scheduled));
    }
    let timed = record.response.count();
    if timed != counters.acknowledged {
        mismatches.push(format!("{timed} timed are not {} acknowledged", counters.acknowledged));
    }
    let explained: u64 = record.failures.kinds().iter().map(|kind| kind.count).sum();
    if explained != counters.failed {
        mismatches.push(format!("{explained} failures are not {} failed", counters.failed));
    }
    mismatches
}
