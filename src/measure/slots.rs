//! What servers kept of their write-ahead logs for replication slots while the load ran, and what that
//! did to the load.

use serde::Deserialize;
use serde::Serialize;

/// What was seen of a replication slot.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SlotCounts {
    /// The target whose server has it.
    pub target: String,
    /// Its name.
    pub slot: String,
    /// Its database; `None` of a physical one.
    pub database: Option<String>,
    /// How many bytes the server may keep for it: at half of them writers pause, at 80 % the run ends.
    pub limit_bytes: u64,
    /// How many the server kept for it, at most.
    pub kept_bytes_max: u64,
    /// The same when it was last looked at.
    pub kept_bytes_last: u64,
    /// How many bytes of the log its reader had not confirmed, at most; `None` of a physical one.
    pub unconfirmed_bytes_max: Option<u64>,
    /// How often writers paused because of it.
    pub pauses: u64,
    /// For how long, all together.
    pub paused_ns: u64,
    /// Whether the server gave it up while the load ran.
    pub was_lost: bool,
}

impl SlotCounts {
    /// Adds what another shard of the same run saw of it. Pauses of shards overlap.
    pub(super) fn add(&mut self, other: &SlotCounts) {
        self.limit_bytes = self.limit_bytes.min(other.limit_bytes);
        self.kept_bytes_max = self.kept_bytes_max.max(other.kept_bytes_max);
        self.kept_bytes_last = self.kept_bytes_last.max(other.kept_bytes_last);
        self.unconfirmed_bytes_max = self.unconfirmed_bytes_max.max(other.unconfirmed_bytes_max);
        self.pauses = self.pauses.max(other.pauses);
        self.paused_ns = self.paused_ns.max(other.paused_ns);
        self.was_lost |= other.was_lost;
    }
}

/// What a run knows of slots and heartbeats.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Slots {
    /// How often servers were asked; 0 without a server.
    pub slot_looks: u64,
    /// All slots that were there at one time, by target and name.
    pub slots: Vec<SlotCounts>,
    /// Heartbeats that were written.
    pub heartbeats: u64,
    /// Those that could not be.
    pub heartbeats_failed: u64,
}

impl Slots {
    /// The most that was kept for any slot; `None` if nobody looked.
    pub fn kept_bytes_max(&self) -> Option<u64> {
        let kept = self.slots.iter().map(|slot| slot.kept_bytes_max);
        (self.slot_looks > 0).then(|| kept.max().unwrap_or(0))
    }

    /// Slots that were lost make a run invalid: why, in words.
    pub(super) fn lost(&self) -> impl Iterator<Item = String> + '_ {
        self.slots.iter().filter(|slot| slot.was_lost).map(|slot| {
            format!(
                "the server gave up the replication slot `{}`, as it kept too much of its log for it \
                 (`max_slot_wal_keep_size`): its reader has to begin anew",
                slot.slot
            )
        })
    }

    /// Adds what another shard of the same run knows.
    pub(super) fn add(&mut self, other: &Slots) {
        self.slot_looks += other.slot_looks;
        self.heartbeats += other.heartbeats;
        self.heartbeats_failed += other.heartbeats_failed;
        for slot in &other.slots {
            let is_it = |known: &&mut SlotCounts| {
                (&known.target, &known.slot) == (&slot.target, &slot.slot)
            };
            match self.slots.iter_mut().find(is_it) {
                Some(known) => known.add(slot),
                None => self.slots.push(slot.clone()),
            }
        }
    }
}

/// The slot that is nearest to its limit, at one moment.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct LiveSlot {
    /// Its name.
    pub slot: String,
    /// What the server keeps for it, in bytes.
    pub kept_bytes: u64,
    /// What it may.
    pub limit_bytes: u64,
    /// Whether writers pause because of it.
    pub is_paused: bool,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn slots(kept: u64, pauses: u64) -> Slots {
        let slot = SlotCounts {
            target: "main".to_owned(),
            slot: "tap".to_owned(),
            database: Some("shop".to_owned()),
            limit_bytes: 1_000,
            kept_bytes_max: kept,
            kept_bytes_last: kept / 2,
            unconfirmed_bytes_max: Some(kept / 4),
            pauses,
            paused_ns: pauses * 10,
            was_lost: kept > 900,
        };
        Slots { slot_looks: 3, slots: vec![slot], heartbeats: 2, heartbeats_failed: 1 }
    }

    #[test]
    fn shards_saw_the_same_slot() {
        let mut sum = slots(400, 1);
        sum.add(&slots(950, 0));
        assert_eq!((sum.slot_looks, sum.heartbeats, sum.heartbeats_failed), (6, 4, 2));
        let [slot] = sum.slots.as_slice() else { panic!("{sum:?}") };
        assert_eq!((slot.kept_bytes_max, slot.pauses, slot.paused_ns), (950, 1, 10));
        assert!(slot.was_lost && sum.lost().next().is_some_and(|it| it.contains("`tap`")));
    }

    #[test]
    fn nothing_is_known_where_nobody_looked() {
        assert_eq!(Slots::default().kept_bytes_max(), None);
        let none = Slots { slot_looks: 1, ..Slots::default() };
        assert_eq!(none.kept_bytes_max(), Some(0));
    }
}
