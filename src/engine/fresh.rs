//! Acknowledged actions of a lane that a crash of the server could still take back.

use std::time::Duration;

use crate::engine::flight::Flight;
use crate::engine::flight::LaneRun;
use crate::engine::flight::Origin;
use crate::generate::Decision;
use crate::generate::RowId;
use crate::generate::World;
use crate::measure::Stamps;

/// So many acknowledged actions are kept in mind, over all lanes, and in each at least.
const FRESH_MAX: usize = 1 << 17;
const FRESH_MIN: usize = 256;

/// What must be known of an acknowledged action, or of a part of one, to look for it and to send it
/// again. Small: one is written for each acknowledgement, and read by nobody as a rule.
#[derive(Debug)]
pub(super) struct Fresh {
    /// When it was acknowledged, on the run's clock.
    pub(super) at: u64,
    /// Which of the connection's sinks it went to.
    pub(super) sink: usize,
    due: u64,
    decision: Decision,
    part: usize,
    horizon: u64,
    is_doubtful: bool,
}

impl Fresh {
    /// The part that is under way has been acknowledged.
    pub(super) fn new(flight: Flight, at: u64) -> Self {
        Self {
            at,
            sink: flight.sink,
            due: flight.stamps.due(),
            decision: flight.decision,
            part: flight.part,
            horizon: flight.horizon,
            is_doubtful: flight.is_doubtful,
        }
    }

    /// As it was under way, to be looked for, and sent again if a crash took it back.
    pub(super) fn flight(&self) -> Flight {
        let stamps = Stamps { intended: Some(self.due), ..Stamps::default() };
        Flight {
            part: self.part,
            sink: self.sink,
            horizon: self.horizon,
            is_doubtful: self.is_doubtful,
            origin: Origin::TakenBack,
            attempts: 1,
            tries: 1,
            ..Flight::new(self.decision.clone(), stamps)
        }
    }
}

impl LaneRun {
    /// Keeps an acknowledged action in mind for as long as a crash may take it back.
    pub(super) fn remember(
        &mut self,
        fresh: Fresh,
        lossy_for: Duration,
        (world, rows): (&World, &mut Vec<RowId>),
    ) {
        let most = (FRESH_MAX / self.lane.lanes() as usize).max(FRESH_MIN);
        let lossy_ns = crate::pace::nanoseconds(lossy_for);
        let is_lossy = |at: u64| fresh.at.saturating_sub(at) <= lossy_ns;
        while let Some(oldest) = self.fresh.front()
            && (self.fresh.len() >= most || !is_lossy(oldest.at))
        {
            if is_lossy(oldest.at) {
                self.forgotten = Some(oldest.at);
            }
            if let Some(oldest) = self.fresh.pop_front()
                && !self.born.is_empty()
            {
                rows.clear();
                world.makes(&oldest.decision, rows);
                for row in rows.iter() {
                    self.born.remove(row);
                }
            }
        }
        if world.has_deletes() {
            rows.clear();
            world.makes(&fresh.decision, rows);
            self.born.extend(rows.drain(..));
        }
        self.fresh.push_back(fresh);
    }
}
