//! The slots of one lane.

use std::sync::Arc;

use super::Profile;

/// The slots of one lane of a stream: every `lanes`-th, with the moment at which it is due.
///
/// Slots are dealt, rates are never divided: the lanes together play the profile, exactly.
#[derive(Debug, Clone)]
pub struct Slots {
    profile: Arc<dyn Profile>,
    lanes: u64,
    /// `None` when there is no further slot number.
    next: Option<u64>,
    end: u64,
}

impl Slots {
    /// The slots n with `first <= n < end` and n ≡ `lane` (mod `lanes`), soonest first.
    pub fn new(profile: Arc<dyn Profile>, lane: u32, lanes: u32, first: u64, end: u64) -> Slots {
        let lanes = u64::from(lanes.max(1));
        let lane = u64::from(lane) % lanes;
        let ahead = (lane + lanes - first % lanes) % lanes;
        let end = end.min(profile.slots());
        Slots { profile, lanes, next: first.checked_add(ahead), end }
    }
}

impl Iterator for Slots {
    /// Slot number, and nanoseconds since the profile began.
    type Item = (u64, u64);

    fn next(&mut self) -> Option<(u64, u64)> {
        let slot = self.next.filter(|slot| *slot < self.end)?;
        self.next = slot.checked_add(self.lanes);
        Some((slot, self.profile.due(slot)?))
    }
}
