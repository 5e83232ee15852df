//! What a run notes of itself: in the books of its databases, and in its folder in case it is killed.

use std::sync::Arc;

use crate::cli::prepare::Prepared;
use crate::cli::prepare::Turns;
use crate::cli::prepare::unfit;
use crate::engine::Finished;
use crate::engine::journal::Journal;
use crate::engine::resume::LaneMark;
use crate::measure::End;
use crate::measure::Feed;
use crate::sink::postgres::mark::Stage;
use crate::sink::postgres::provision::SetupError;

/// Says in a domain's books that its rows change from now on; if another run is continued, also where its
/// lanes stand.
pub(super) fn open_books(
    prepared: &Prepared,
    (domain, lanes): (usize, Option<&str>),
    turns: &mut Turns,
) -> Result<(), SetupError> {
    if let Some(shard) = prepared.shard {
        if let Some(claim) = prepared.begin_shard(domain, shard)? {
            turns.is_first[domain] = claim.is_first;
            turns.together.get_or_insert(claim.first);
        }
        return Ok(());
    }
    let run = prepared.folder.run();
    if let Some((stopped, lanes)) = prepared.stopped.as_ref().zip(lanes) {
        return prepared.take_over(domain, &stopped.runs[domain], lanes);
    }
    prepared.advance(domain, &[Stage::Seeded], Stage::Loading)?;
    prepared.write_books(domain, async |books, client| books.set_run(client, run).await)
}

/// Where a run notes how far it is, in case it is killed; none for what could not be continued.
pub(super) fn journal(prepared: &Prepared, feed: &Feed) -> Option<Arc<Journal>> {
    let scenario = &prepared.scenario;
    let is_unfit = unfit::always(scenario).is_some() || unfit::killed(scenario).is_some();
    if prepared.shard.is_some() || is_unfit {
        return None;
    }
    let journal = Journal::create(prepared.folder.path(), prepared.rounds());
    let journal = journal.inspect_err(|error| {
        feed.message(format!("the run cannot be continued if it is killed: {error}"));
    });
    journal.ok().map(Arc::new)
}

/// Where the lanes stand, if an earlier run is continued, as the books have it.
pub(super) fn marks_before(prepared: &Prepared) -> Option<String> {
    let stopped = prepared.stopped.as_ref()?;
    Some(serde_json::to_string(&stopped.resume.marks()).unwrap_or_default())
}

/// How far each lane got, as the books have it.
pub(super) fn marks(prepared: &Prepared, finished: &Finished) -> String {
    let rounds = prepared.rounds();
    let is_complete = finished.end == End::Complete;
    let lanes = finished.account.lanes.iter().cloned();
    let marks = lanes.map(|account| LaneMark { rounds, is_complete, account });
    serde_json::to_string(&marks.collect::<Vec<_>>()).unwrap_or_default()
}

/// How far each lane got goes into the books, and sequences beyond our keys. A server that is gone
/// by now does not undo the run: it is said, and the account has it all. Returns whether it was done, and
/// whether nobody else loads the domain.
pub(super) fn close_books(
    prepared: &Prepared,
    domain: usize,
    lanes: &str,
    feed: &Feed,
) -> (bool, bool) {
    let mut is_last = prepared.shard.is_none();
    let written = prepared
        .write_books(domain, async |books, client| {
            if let Some(shard) = prepared.shard {
                is_last = books.end_shard(client, shard, lanes).await?;
                return Ok(());
            }
            books.set_lanes_at(client, lanes).await?;
            books.set_stage(client, Stage::Loaded).await
        })
        .and_then(|()| prepared.finish_domain(domain));
    if let Err(error) = &written {
        feed.message(format!("the books were not closed: {error}"));
    }
    (written.is_ok(), is_last)
}
