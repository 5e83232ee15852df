//! What follows a decision later, on the same row: kept in the order in which it is due, together
//! with the slots.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use crate::generate::RowId;
use crate::generate::World;
use crate::generate::key::Draw;
use crate::generate::key::Purpose;
use crate::generate::key::key;
use crate::generate::lane::Decision;
use crate::generate::lane::Due;
use crate::generate::lane::HOP_SHIFT;
use crate::generate::world::Then;
use crate::scenario::HOPS_MAX;

/// Follow-ups that wait, over all lanes of a group, 48 bytes each; and in each lane at least.
const WAITING_MAX: usize = 1 << 20;
const WAITING_MIN: usize = 1024;

/// An action that is to follow.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Waiting {
    pub(super) due: Due,
    pub(super) action: u16,
    /// The row of the action before it.
    pub(super) row: RowId,
}

/// Why an action does not follow, though it was drawn to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unscheduled {
    /// It would be due when its stream is over.
    AfterEnd,
    /// Too many wait in its lane already.
    Crowded,
}

/// What waits in a lane, soonest first.
#[derive(Debug)]
pub(super) struct FollowUps {
    waiting: BinaryHeap<Reverse<Waiting>>,
    most: usize,
    /// What did not come to wait since somebody last asked: by series.
    unscheduled: Vec<(u16, Unscheduled)>,
}

impl FollowUps {
    /// Of one of so many lanes.
    pub(super) fn new(lanes: u32) -> Self {
        let most = (WAITING_MAX / lanes.max(1) as usize).max(WAITING_MIN);
        Self { waiting: BinaryHeap::new(), most, unscheduled: Vec::new() }
    }

    /// What waits, in no order; the soonest stands first.
    pub(super) fn all(&self) -> impl Iterator<Item = &Waiting> {
        self.waiting.iter().map(|Reverse(waiting)| waiting)
    }

    /// When the soonest is due.
    pub(super) fn next(&self) -> Option<Due> {
        self.waiting.peek().map(|Reverse(waiting)| waiting.due)
    }

    /// The soonest, if it is the one that is due then.
    pub(super) fn take(&mut self, due: Due) -> Option<Waiting> {
        self.next().filter(|next| *next == due)?;
        self.waiting.pop().map(|Reverse(waiting)| waiting)
    }

    pub(super) fn unscheduled(&mut self) -> impl Iterator<Item = (u16, Unscheduled)> {
        self.unscheduled.drain(..)
    }

    /// Draws what follows a decision that was planned for then, and when. `follows` says whether an
    /// action may follow on a row, as far as the row's state is asked for.
    pub(super) fn add(
        &mut self,
        world: &World,
        decision: &Decision,
        planned_ns: u64,
        follows: impl Fn(&Then, RowId) -> bool,
    ) {
        for then in &world.actions[usize::from(decision.action)].then {
            let stream = world.stream_of(decision.stream);
            let Some(series) = world.series_of(stream, then.action) else { continue };
            let row = RowId { table: then.table, ordinal: decision.pick(then.at) };
            if !follows(then, row) {
                continue;
            }
            let key = key(world.seed, series, Purpose::FollowUp, decision.slot);
            let mut draw = Draw::new(key);
            if draw.unit() >= then.share {
                continue;
            }
            // An action that follows itself is told from the one before by how often it did.
            let slot = decision.slot + (u64::from(then.is_again) << HOP_SHIFT);
            let hop = slot >> HOP_SHIFT;
            let delay = then.min_ns + draw.below((then.max_ns - then.min_ns).saturating_add(1));
            let planned_ns = planned_ns.saturating_add(delay);
            let end = world.plan(stream).length().map_or(u64::MAX, crate::pace::nanoseconds);
            let why = if planned_ns >= end {
                Some(Unscheduled::AfterEnd)
            } else {
                let is_crowded = self.waiting.len() >= self.most || hop > HOPS_MAX;
                is_crowded.then_some(Unscheduled::Crowded)
            };
            match why {
                Some(why) => self.unscheduled.push((series, why)),
                None => self.waiting.push(Reverse(Waiting {
                    due: Due { planned_ns, stream: series, slot },
                    action: then.action,
                    row,
                })),
            }
        }
    }
}
