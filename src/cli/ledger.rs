//! A run's trace: begun before its load, and ended behind it.

use crate::cli::Refusal;
use crate::cli::prepare::Prepared;
use crate::ledger::Kept;
use crate::ledger::OBSERVED;
use crate::ledger::TRACE;
use crate::ledger::Writing;
use crate::measure::Feed;
use crate::sink::postgres::provision::SetupError;

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

/// Begins to keep what observers see, where the trace is kept: without it nothing could be said of that.
pub(super) fn of_observers(
    prepared: &Prepared,
    feed: &Feed,
) -> Result<Option<Writing>, SetupError> {
    let limits = prepared.scenario.ledger;
    if limits.trace == Some(false) {
        return Ok(None);
    }
    let begun = Writing::start(prepared.folder.path(), OBSERVED, limits.bytes, feed.clone());
    let failed = |error| SetupError::Local(format!("cannot keep what is observed: {error}"));
    begun.map(Some).map_err(failed)
}

/// Waits until all of it is written, and says if it is not whole.
pub(super) fn end(written: Option<Writing>, what: &str, feed: &Feed) {
    if let Some(Kept::Part(reason)) = written.map(Writing::finish) {
        feed.message(format!("{what} is not kept as a whole: {reason}"));
    }
}
