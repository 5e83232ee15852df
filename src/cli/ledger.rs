//! A run's trace: begun before its load, and ended behind it.

use crate::cli::Refusal;
use crate::cli::prepare::Prepared;
use crate::ledger::Completeness;
use crate::ledger::OBSERVED;
use crate::ledger::RunFiles;
use crate::ledger::TRACE;
use crate::ledger::Writing;
use crate::measure::Feed;
use crate::report::RunFolder;
use crate::scenario::Scenario;
use crate::sink::postgres::provision::SetupError;

/// What a run keeps in its folder.
pub(super) fn files(folder: &RunFolder) -> RunFiles<'_> {
    RunFiles::of(folder.path(), folder.run(), folder.started())
}

/// Begins to keep what becomes of each transaction, if somebody asks for that or changes of rows are observed.
pub(super) fn begin(
    prepared: &Prepared,
    is_asked: bool,
    feed: &Feed,
) -> Result<Option<Writing>, Refusal> {
    let limits = prepared.scenario.ledger;
    if !is_traced(&prepared.scenario, is_asked) {
        return Ok(None);
    }
    let begun = Writing::start(files(&prepared.folder), TRACE, limits.bytes, feed.clone());
    let refused = |error| Refusal::setup(&format!("cannot begin the run's trace: {error}"));
    begun.map(Some).map_err(refused)
}

/// Whether a run keeps its trace.
pub(super) fn is_traced(scenario: &Scenario, is_asked: bool) -> bool {
    is_asked || scenario.ledger.trace.unwrap_or(scenario.observes_rows())
}

/// Whether a run keeps what its observers see: changes of rows, which are judged again by what is noted of them.
pub(super) fn keeps_observed(scenario: &Scenario) -> bool {
    scenario.observes_rows() && scenario.ledger.trace != Some(false)
}

/// Begins to keep what observers see, where the trace is kept: without it nothing could be said of that.
pub(super) fn of_observers(
    prepared: &Prepared,
    feed: &Feed,
) -> Result<Option<Writing>, SetupError> {
    let limits = prepared.scenario.ledger;
    if !keeps_observed(&prepared.scenario) {
        return Ok(None);
    }
    let begun = Writing::start(files(&prepared.folder), OBSERVED, limits.bytes, feed.clone());
    let failed = |error| SetupError::Local(format!("cannot keep what is observed: {error}"));
    begun.map(Some).map_err(failed)
}

/// Waits until all of it is written, and says if it is not whole.
pub(super) fn end(written: Option<Writing>, what: &str, feed: &Feed) {
    if let Some(Completeness::Part(reason)) = written.map(Writing::finish) {
        feed.message(format!("{what} is not kept as a whole: {reason}"));
    }
}
