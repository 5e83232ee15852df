//! What is counted, and how the counts must add up.

use serde::Deserialize;
use serde::Serialize;

use crate::measure::ErrorClass;
use crate::measure::FaultCounts;

/// What became of a stream's slots. This is where each count is defined.
///
/// ```text
///   scheduled ─┬─ sent ─┬─ acknowledged
///              │        ├─ failed
///              │        └─ unknown
///              ├─ skipped (missed and late are parts of it)
///              └─ unfinished
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Counters {
    /// Slots that came due, whether or not anything came of them; of an unlimited stream, slots
    /// that were begun.
    pub scheduled: u64,
    /// Slots whose action was given to the target, once or (see `retries`) more often.
    pub sent: u64,
    /// Sent, and the target said that it is done; or it proved done.
    pub acknowledged: u64,
    /// Sent, and given up: refused, or tried too often.
    pub failed: u64,
    /// Sent, and nobody can tell: the server never came back.
    pub unknown: u64,
    /// Not sent, on purpose: there was no row to work on and the action says `otherwise: skip`,
    /// or the slot was withheld (`missed`), or it was too `late`.
    pub skipped: u64,
    /// Of `skipped`: withheld, as an action that this one builds upon failed or was skipped.
    pub missed: u64,
    /// Of `skipped`: later than the late policy `skip` allows.
    pub late: u64,
    /// Came due, but the run ended before it was sent.
    pub unfinished: u64,
    /// Attempts beyond the first, of any slot.
    pub retries: u64,
    /// What these came after.
    pub retries_after: Retries,
    /// Slots that found no row to work on and inserted one: `otherwise: insert`.
    pub fallbacks: u64,
    /// Acknowledged commits that a crash of the server took back. What is sent again and
    /// acknowledged again counts once in `acknowledged`.
    pub lost_after_ack: u64,
    /// Of a series that follows another: not scheduled, as it would have been due when its stream was
    /// over.
    pub after_end: u64,
    /// Of a series that follows another: not scheduled, as too many waited already.
    pub crowded_out: u64,
    /// Bytes of values sent, retries included.
    pub bytes: u64,
    /// Batches sent, retries included; 0 for a stream without.
    pub batches: u64,
    /// Slots in them.
    pub batched: u64,
}

/// Attempts beyond the first, by what became of the one before.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Retries {
    /// It waited for another transaction that waited for it (40P01).
    pub deadlock: u64,
    /// Another transaction had changed what it read or wrote (40001).
    pub serialization: u64,
    /// Its connection was lost, and it proved absent.
    pub connection: u64,
}

impl Retries {
    /// Counts attempts after one that ended by `refusal`; by none if its connection was lost.
    pub fn count(&mut self, refusal: Option<ErrorClass>, attempts: u64) {
        match refusal {
            Some(ErrorClass::Deadlock) => self.deadlock += attempts,
            Some(ErrorClass::Serialization) => self.serialization += attempts,
            None => self.connection += attempts,
            // Half of a batch that was refused for one of its rows.
            Some(_) => {}
        }
    }
}

impl Counters {
    /// Adds those of another worker.
    pub fn add(&mut self, other: &Counters) {
        self.scheduled += other.scheduled;
        self.sent += other.sent;
        self.acknowledged += other.acknowledged;
        self.failed += other.failed;
        self.unknown += other.unknown;
        self.skipped += other.skipped;
        self.missed += other.missed;
        self.late += other.late;
        self.unfinished += other.unfinished;
        self.retries += other.retries;
        self.retries_after.deadlock += other.retries_after.deadlock;
        self.retries_after.serialization += other.retries_after.serialization;
        self.retries_after.connection += other.retries_after.connection;
        self.fallbacks += other.fallbacks;
        self.lost_after_ack += other.lost_after_ack;
        self.after_end += other.after_end;
        self.crowded_out += other.crowded_out;
        self.bytes += other.bytes;
        self.batches += other.batches;
        self.batched += other.batched;
    }

    /// Sent, and nothing heard of it yet.
    pub fn in_flight(&self) -> u64 {
        self.sent.saturating_sub(self.acknowledged + self.failed + self.unknown)
    }

    /// Slots of which is known what became of them.
    pub fn settled(&self) -> u64 {
        self.acknowledged + self.failed + self.unknown + self.skipped + self.unfinished
    }

    /// Slots that should have been acknowledged, and were not.
    pub fn fallen(&self) -> u64 {
        self.failed + self.unknown + self.missed + self.late + self.unfinished
    }

    /// What does not add up at the end of a run: a mistake of ours, in words.
    pub(super) fn mismatches(&self) -> Vec<String> {
        let Counters { scheduled, sent, skipped, missed, late, unfinished, .. } = *self;
        let Counters { acknowledged, failed, unknown, .. } = *self;
        let mut mismatches = Vec::new();
        if scheduled != sent + skipped + unfinished {
            mismatches.push(format!(
                "{scheduled} scheduled are not {sent} sent + {skipped} skipped + {unfinished} unfinished"
            ));
        }
        if sent != acknowledged + failed + unknown {
            mismatches.push(format!(
                "{sent} sent are not {acknowledged} acknowledged + {failed} failed + {unknown} unknown"
            ));
        }
        if missed + late > skipped {
            mismatches
                .push(format!("{missed} missed and {late} late are more than {skipped} skipped"));
        }
        mismatches
    }
}

/// What went to one topic or stream, over the whole run, warm-up included.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct EventCounts {
    /// The target's name in the scenario.
    pub target: String,
    /// The topic or stream.
    pub destination: String,
    /// Events handed over: acknowledged, failed and unknown.
    pub sent: u64,
    /// Events that the service acknowledged.
    pub acknowledged: u64,
    /// Events that were given up, after all retries.
    pub failed: u64,
    /// Events of which nobody can tell: the run ended before they were acknowledged.
    pub unknown: u64,
    /// Events that were not handed over, because the rows that they tell of were not committed, or the
    /// run ended before.
    #[serde(default)]
    pub missed: u64,
    /// Bytes of the events that were handed over, with their keys.
    pub bytes: u64,
    /// Requests that the service answered.
    pub calls: u64,
    /// Requests, or records of them, that it refused because there were too many.
    pub throttled: u64,
    /// Events that were sent again after a request whose fate is unknown: so many may be there twice.
    pub repeated: u64,
    /// Events that were sent once more, as asked, in a transaction that was then aborted.
    #[serde(default)]
    pub aborted: u64,
    /// Events that the service acknowledged and that had a fault on purpose, by class.
    #[serde(default)]
    pub faults: FaultCounts,
}

impl EventCounts {
    /// Adds what else went there.
    pub fn add(&mut self, other: &Self) {
        self.sent += other.sent;
        self.acknowledged += other.acknowledged;
        self.failed += other.failed;
        self.unknown += other.unknown;
        self.missed += other.missed;
        self.bytes += other.bytes;
        self.calls += other.calls;
        self.throttled += other.throttled;
        self.repeated += other.repeated;
        self.aborted += other.aborted;
        self.faults.add(&other.faults);
    }

    /// That the service was slower than what was due, in words.
    pub(super) fn slowed(&self) -> Option<String> {
        let Self { target, destination, throttled, .. } = self;
        (*throttled > 0).then(|| {
            format!(
                "`{destination}` on `{target}` was throttled: {throttled} requests or records were refused \
                 because there were too many, and sent again later"
            )
        })
    }
}

/// A table's account, from the ledger: rows, over the whole run, warm-up included.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct TableCounts {
    /// The target's name in the scenario.
    pub target: String,
    /// Its database.
    pub database: String,
    /// Namespace and name: `public.orders`.
    pub table: String,
    /// Rows of others, which were there before the run; only with `provision: nothing`.
    pub before: u64,
    /// Rows put in before the load began.
    pub seeded: u64,
    /// Rows that actions inserted.
    pub inserted: u64,
    /// Row updates that the server acknowledged: a row may be updated often.
    pub updated: u64,
    /// Rows that actions deleted.
    pub deleted: u64,
    /// What a `count(*)` must find.
    pub alive: u64,
    /// Row changes of actions that failed.
    pub failed: u64,
    /// Row changes of which nobody can tell.
    pub unknown: u64,
    /// Row changes that were withheld, as an earlier action on the row failed.
    pub missed: u64,
}

impl TableCounts {
    /// Adds what another shard did to the same table. What was there before, all shards count.
    pub(super) fn add(&mut self, other: &Self) {
        self.inserted += other.inserted;
        self.updated += other.updated;
        self.deleted += other.deleted;
        self.failed += other.failed;
        self.unknown += other.unknown;
        self.missed += other.missed;
        self.alive = (self.before + self.seeded + self.inserted).saturating_sub(self.deleted);
    }

    /// What does not add up, in words.
    pub(super) fn mismatch(&self) -> Option<String> {
        let TableCounts { before, seeded, inserted, deleted, alive, .. } = self;
        let came = before.checked_add(*seeded).and_then(|rows| rows.checked_add(*inserted));
        let adds_up = alive.checked_add(*deleted) == came;
        let before = if *before > 0 { format!("{before} before + ") } else { String::new() };
        let sum = format!(
            "{alive} alive are not {before}{seeded} seeded + {inserted} inserted - {deleted} deleted"
        );
        (!adds_up).then_some(sum)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_that_add_up_raise_nothing_and_each_other_raises_its_own() {
        let right = Counters {
            scheduled: 10,
            sent: 6,
            acknowledged: 3,
            failed: 2,
            unknown: 1,
            skipped: 3,
            missed: 1,
            unfinished: 1,
            ..Counters::default()
        };
        assert_eq!(right.mismatches(), Vec::<String>::new());
        let lost = Counters { scheduled: 11, ..right }.mismatches();
        assert_eq!(lost, ["11 scheduled are not 6 sent + 3 skipped + 1 unfinished"]);
        let silent = Counters { acknowledged: 2, ..right }.mismatches();
        assert_eq!(silent, ["6 sent are not 2 acknowledged + 2 failed + 1 unknown"]);
        let strange = Counters { missed: 4, ..right }.mismatches();
        assert_eq!(strange, ["4 missed and 0 late are more than 3 skipped"]);
    }

    #[test]
    fn a_table_adds_up() {
        let right =
            TableCounts { seeded: 5, inserted: 4, deleted: 2, alive: 7, ..TableCounts::default() };
        assert_eq!(right.mismatch(), None);
        let wrong = TableCounts { alive: 8, ..right };
        assert_eq!(wrong.mismatch().unwrap(), "8 alive are not 5 seeded + 4 inserted - 2 deleted");
        let beside = TableCounts { before: 1, ..wrong };
        assert_eq!(beside.mismatch(), None);
    }
}
