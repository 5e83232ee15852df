//! How late changes come, second by second, in each database.

use crate::measure::Histogram;
use crate::measure::LagPlace;
use crate::measure::LiveLag;

/// The databases that are observed at a surface.
#[derive(Debug, Default)]
pub(super) struct Places {
    all: Vec<SlotSeconds>,
}

/// What is known of one since it was last asked for.
#[derive(Debug)]
struct SlotSeconds {
    surface: String,
    database: String,
    slot: String,
    high: Histogram,
    freshness: Histogram,
    /// The greatest lag of its canary.
    canary_ns: Option<u64>,
    outstanding: u64,
    oldest_missing_ns: u64,
}

impl Places {
    /// The number of a database, and of the slot that is read there, at a surface.
    pub(super) fn number(&mut self, surface: &str, (database, slot): (&str, &str)) -> usize {
        // Two servers may have databases of one name; each has a slot of its own.
        let is_it = |place: &SlotSeconds| {
            (place.database.as_str(), place.slot.as_str()) == (database, slot)
        };
        self.all.iter().position(is_it).unwrap_or_else(|| {
            self.all.push(SlotSeconds {
                surface: surface.to_owned(),
                database: database.to_owned(),
                slot: slot.to_owned(),
                high: Histogram::coarse(),
                freshness: Histogram::coarse(),
                canary_ns: None,
                outstanding: 0,
                oldest_missing_ns: 0,
            });
            self.all.len() - 1
        })
    }

    /// A change came so long after it was sent, and after it was due.
    pub(super) fn came(&mut self, place: usize, (high, freshness): (u64, u64)) {
        if let Some(place) = self.all.get_mut(place) {
            place.high.record(high);
            place.freshness.record(freshness);
        }
    }

    /// A change of the canary came so long after it was sent.
    pub(super) fn sang(&mut self, place: usize, high: u64) {
        if let Some(place) = self.all.get_mut(place) {
            place.canary_ns = place.canary_ns.max(Some(high));
        }
    }

    /// A change that was acknowledged so long ago has not come.
    pub(super) fn misses(&mut self, place: usize, age_ns: u64) {
        if let Some(place) = self.all.get_mut(place) {
            place.outstanding += 1;
            place.oldest_missing_ns = place.oldest_missing_ns.max(age_ns);
        }
    }

    /// What is known of each, and of all together; from now on it is known anew.
    pub(super) fn take(&mut self) -> (LiveLag, Vec<LagPlace>) {
        let mut whole = Histogram::coarse();
        let mut live = LiveLag::default();
        let mut places = Vec::new();
        for place in &mut self.all {
            whole.merge(&place.high);
            live.oldest_missing_ns = live.oldest_missing_ns.max(place.oldest_missing_ns);
            places.push(LagPlace {
                surface: place.surface.clone(),
                database: place.database.clone(),
                slot: place.slot.clone(),
                high: place.high.digest(),
                freshness: place.freshness.digest(),
                canary_ns: place.canary_ns.take(),
                outstanding: place.outstanding,
                oldest_missing_ns: place.oldest_missing_ns,
            });
            place.high.clear();
            place.freshness.clear();
            (place.outstanding, place.oldest_missing_ns) = (0, 0);
        }
        live.p99_ns = whole.percentile(99.0);
        (live, places)
    }
}
