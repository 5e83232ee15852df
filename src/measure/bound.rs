//! What limited a run: loadgen itself, the target, or neither.

use std::time::Duration;

use serde::Serialize;

use crate::scenario::Validity;
use crate::units::format_duration;

use super::Gate;
use super::GateState;
use super::StreamSummary;

/// What limited a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Bound {
    /// Loadgen: it is invalid.
    Generator,
    /// The target: a valid result.
    Target,
    /// Neither: the target took what the schedule said, when it said.
    None,
}

/// What limited a run, and why that is said.
pub(super) fn bound(
    gates: &[Gate],
    streams: &[StreamSummary],
    validity: &Validity,
    has_target: bool,
) -> (Bound, Vec<String>) {
    let broken = gates.iter().filter(|gate| gate.state == GateState::Broken);
    let broken: Vec<_> = broken.map(|gate| gate.message.clone()).collect();
    if !broken.is_empty() {
        return (Bound::Generator, broken);
    }
    let limits: Vec<_> = streams
        .iter()
        .filter(|_| has_target)
        .filter_map(|stream| of_stream(stream, validity))
        .collect();
    let bound = if limits.is_empty() { Bound::None } else { Bound::Target };
    (bound, limits)
}

/// Why the target limited a stream: slots waited for a place on a connection, or for the action
/// before them, for longer than what loadgen's own lateness may be.
fn of_stream(stream: &StreamSummary, validity: &Validity) -> Option<String> {
    let name = &stream.name;
    if !stream.is_open() && stream.sessions.is_none() && !stream.follows {
        let is_used = stream.acknowledged > 0;
        return is_used.then(|| format!("stream `{name}` has no rate of its own"));
    }
    let floor = validity.sched_p99.or(Validity::default().sched_p99).unwrap_or_default();
    let floor = u64::try_from(floor.as_nanos()).unwrap_or(u64::MAX);
    let waited = stream.queue.p99;
    (waited > floor.max(stream.service.p50)).then(|| {
        let waited = format_duration(Duration::from_nanos(waited));
        format!(
            "slots of stream `{name}` waited up to {waited} (99th percentile) for a place, while the \
             target worked on those before them"
        )
    })
}
