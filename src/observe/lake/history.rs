//! The snapshots of a table, one behind the other: each says what it did, so that rows which only lie in other files
//! now are told from those that have come.

use std::collections::BTreeMap;

use serde_json::Value as Json;

use crate::observe::lake::files::Trouble;
use crate::observe::lake::files::metadata;
use crate::observe::lake::files::number;
use crate::observe::objects::store::Store;

/// What to do where snapshots are gone too soon.
pub(super) const KEEP: &str = "keep snapshots for longer than it takes from one look to the next (`every`), or let \
                               nothing expire and nothing be compacted during a run";

/// What a snapshot did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Operation {
    /// It added rows.
    Append,
    /// It put the same rows into other files.
    Replace,
    /// It took rows away, and may have added some.
    Other,
}

/// A snapshot, as metadata has it.
#[derive(Debug, Clone)]
pub(super) struct Snapshot {
    pub(super) id: i64,
    parent: Option<i64>,
    /// Commits have rising numbers.
    pub(super) sequence: i64,
    pub(super) operation: Operation,
    /// The list of its manifests.
    pub(super) list: Option<String>,
    /// So many data files it added, where it says so.
    pub(super) added: Option<u64>,
    /// The newest metadata has it no more: its list may be gone.
    pub(super) is_expired: bool,
}

impl Snapshot {
    fn read(of: &Json, is_expired: bool) -> Option<Self> {
        let operation = match of["summary"]["operation"].as_str() {
            Some("append") => Operation::Append,
            Some("replace") => Operation::Replace,
            _ => Operation::Other,
        };
        let added = of["summary"]["added-data-files"].as_str();
        Some(Self {
            id: number(of, "snapshot-id")?,
            parent: number(of, "parent-snapshot-id").filter(|id| *id != -1),
            sequence: number(of, "sequence-number").unwrap_or(0),
            operation,
            list: of.get("manifest-list").and_then(Json::as_str).map(str::to_owned),
            added: added.and_then(|added| added.parse().ok()),
            is_expired,
        })
    }
}

/// The newest snapshot of a table; `None` where it has none yet.
pub(super) fn newest(metadata: &Json) -> Option<i64> {
    number(metadata, "current-snapshot-id").filter(|id| *id != -1)
}

/// All snapshots that metadata has, by their numbers.
pub(super) fn listed(metadata: &Json, is_expired: bool) -> BTreeMap<i64, Snapshot> {
    let all = metadata.get("snapshots").and_then(Json::as_array).into_iter().flatten();
    all.filter_map(|it| Snapshot::read(it, is_expired)).map(|it| (it.id, it)).collect()
}

/// Of metadata that names no such snapshot.
pub(super) fn headless(at: &str) -> Trouble {
    Trouble::Lasting(format!("`{at}` does not say what its newest snapshot is"))
}

/// The snapshots that have come since `last`, or all, the oldest first. The newest has not expired.
pub(super) async fn since(
    store: &mut Store,
    (at, newest_metadata): (&str, &Json),
    last: Option<&Snapshot>,
) -> Result<Vec<Snapshot>, Trouble> {
    let strange = |why: String| Trouble::Lasting(format!("`{at}` {why}"));
    let mut known = listed(newest_metadata, false);
    let mut next = newest(newest_metadata);
    if next.is_some_and(|newest| !known.contains_key(&newest)) {
        return Err(headless(at));
    }
    let log = newest_metadata.get("metadata-log").and_then(Json::as_array);
    let mut log = log.into_iter().flatten().rev();
    let mut chain: Vec<Snapshot> = Vec::new();
    let until = last.map(|last| last.id);
    while let Some(id) = next.filter(|_| next != until) {
        // Metadata that was the newest once still has what has expired since.
        while !known.contains_key(&id) {
            let Some(found) = earlier(store, log.next()).await? else {
                return Err(strange(format!(
                    "has no snapshot {id}: it expired before it was looked at, and no earlier metadata says what it \
                     did, so nobody knows which rows have come; {KEEP}"
                )));
            };
            for (id, snapshot) in listed(&found, true) {
                known.entry(id).or_insert(snapshot);
            }
        }
        let Some(snapshot) = known.remove(&id) else { break };
        if last.is_some_and(|last| snapshot.sequence <= last.sequence) {
            return Err(strange(set_back(until)));
        }
        next = snapshot.parent;
        chain.push(snapshot);
    }
    if next != until {
        return Err(strange(set_back(until)));
    }
    chain.reverse();
    Ok(chain)
}

fn set_back(last: Option<i64>) -> String {
    format!(
        "no longer builds on snapshot {}, which was read: the table was set back or begun anew, so what was in it is \
         not in it any more; leave it as it is during a run",
        last.unwrap_or(-1)
    )
}

/// Metadata that an entry of a log names; `None` where it is not there any more.
async fn earlier(store: &mut Store, entry: Option<&Json>) -> Result<Option<Json>, Trouble> {
    let Some(at) = entry.and_then(|it| it.get("metadata-file")?.as_str()) else { return Ok(None) };
    if !store.has(at).await.map_err(Trouble::Passing)? {
        return Ok(None);
    }
    metadata(store, at).await.map(Some)
}
