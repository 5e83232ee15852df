//! A run's trace: begun before its load, and ended behind it.

use crate::cli::Refusal;
use crate::cli::prepare::Prepared;
use crate::ledger::Kept;
use crate::ledger::TRACE;
use crate::ledger::Writing;
use crate::measure::Feed;

/// Begins to keep what becomes of each transaction, if somebody asks for that or something is observed.
pub(super) fn begin(
    prepared: &Prepared,
    is_asked: bool,
    feed: &Feed,
) -> Result<Option<Writing>, Refusal> {
    let limits = prepared.scenario.ledger;
    let is_kept = is_asked || limits.trace.unwrap_or(!prepared.scenario.observers.is_empty());
    if !is_kept {
        return Ok(None);
    }
    let begun = Writing::start(prepared.folder.path(), TRACE, limits.bytes, feed.clone());
    let refused = |error| Refusal::setup(&format!("cannot begin the run's trace: {error}"));
    begun.map(Some).map_err(refused)
}

/// Waits until all of it is written, and says if it is not whole.
pub(super) fn end(trace: Option<Writing>, feed: &Feed) {
    if let Some(Kept::Part(reason)) = trace.map(Writing::finish) {
        feed.message(format!("the trace is not whole: {reason}"));
    }
}
