//! Acknowledged actions of a lane that a crash of the server could still take back.

use std::collections::VecDeque;
use std::time::Duration;

use crate::engine::flight::Flight;
use crate::engine::flight::LaneRun;
use crate::engine::flight::Provenance;
use crate::generate::Decision;
use crate::generate::RowId;
use crate::generate::World;
use crate::measure::Stamps;

/// So many acknowledged actions are kept in mind on a way, over all lanes, and in each at least.
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
            origin: Provenance::TakenBack,
            attempts: 1,
            tries: 1,
            ..Flight::new(self.decision.clone(), stamps)
        }
    }
}

/// The acknowledged actions of a lane that a crash of a server could still take back. Each way is kept by itself:
/// that a server has answered since shows that what it acknowledged long before is on disk, and says nothing
/// of the others, which may be away.
#[derive(Debug, Default)]
pub(super) struct Recent {
    /// By sink, oldest first.
    ways: Vec<Recents>,
}

/// Those of one way.
#[derive(Debug, Default)]
struct Recents {
    kept: VecDeque<Fresh>,
    /// When the newest was acknowledged of those that are not kept in mind, though a crash could still have
    /// taken them back.
    forgotten: Option<u64>,
}

impl Recent {
    /// Whether there is none.
    pub(super) fn is_empty(&self) -> bool {
        self.ways.iter().all(|way| way.kept.is_empty())
    }

    /// The newest on a way.
    pub(super) fn newest(&self, sink: usize) -> Option<&Fresh> {
        self.ways.get(sink)?.kept.back()
    }

    /// Takes that.
    pub(super) fn take_newest(&mut self, sink: usize) -> Option<Fresh> {
        self.ways.get_mut(sink)?.kept.pop_back()
    }

    /// See [`Recents::forgotten`].
    pub(super) fn forgotten(&self, sink: usize) -> Option<u64> {
        self.ways.get(sink)?.forgotten
    }

    /// No crash can take back any more what was acknowledged on a way.
    pub(super) fn forget(&mut self, sink: usize) {
        if let Some(way) = self.ways.get_mut(sink) {
            way.kept.clear();
        }
    }

    /// Keeps one more, at most so many on its way, and passes on those that no crash can take back any more
    /// by now, or for which there is no room.
    fn keep(&mut self, fresh: Fresh, lossy_ns: u64, most: usize, mut passed: impl FnMut(&Fresh)) {
        if self.ways.len() <= fresh.sink {
            self.ways.resize_with(fresh.sink + 1, Recents::default);
        }
        let way = &mut self.ways[fresh.sink];
        let is_lossy = |at: u64| fresh.at.saturating_sub(at) <= lossy_ns;
        while let Some(oldest) = way.kept.front()
            && (way.kept.len() >= most || !is_lossy(oldest.at))
        {
            if is_lossy(oldest.at) {
                way.forgotten = Some(oldest.at);
            }
            passed(oldest);
            way.kept.pop_front();
        }
        way.kept.push_back(fresh);
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
        if world.has_deletes() {
            rows.clear();
            world.makes(&fresh.decision, rows);
            self.born.extend(rows.drain(..));
        }
        let born = &mut self.born;
        self.fresh.keep(fresh, crate::pace::nanoseconds(lossy_for), most, |oldest| {
            if born.is_empty() {
                return;
            }
            rows.clear();
            world.makes(&oldest.decision, rows);
            for row in rows.iter() {
                born.remove(row);
            }
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fresh(sink: usize, at: u64) -> Fresh {
        let flight = Flight { sink, ..Flight::new(Decision::blank(), Stamps::default()) };
        Fresh::new(flight, at)
    }

    fn kept(recent: &Recent, sink: usize) -> Vec<u64> {
        recent.ways[sink].kept.iter().map(|fresh| fresh.at).collect()
    }

    #[test]
    fn what_another_way_acknowledges_proves_nothing() {
        let mut recent = Recent::default();
        let mut passed = Vec::new();
        // Way 0 stands still from 20 on, while way 1 goes on for long.
        for (sink, at) in [(0, 10), (0, 20), (1, 25), (1, 200), (1, 900)] {
            recent.keep(fresh(sink, at), 100, 8, |fresh| passed.push((fresh.sink, fresh.at)));
        }
        assert_eq!(kept(&recent, 0), [10, 20]);
        assert_eq!(passed, [(1, 25), (1, 200)]);
        assert_eq!((recent.forgotten(0), recent.forgotten(1)), (None, None));
        recent.keep(fresh(0, 115), 100, 8, |fresh| passed.push((fresh.sink, fresh.at)));
        assert_eq!(kept(&recent, 0), [20, 115]);
        assert_eq!(recent.take_newest(0).map(|fresh| fresh.at), Some(115));
        recent.forget(0);
        assert!(recent.newest(0).is_none() && !recent.is_empty());
    }

    #[test]
    fn what_finds_no_room_is_said_to_be_forgotten() {
        let mut recent = Recent::default();
        for at in [10, 20, 30] {
            recent.keep(fresh(0, at), 100, 2, |_| {});
        }
        assert_eq!(kept(&recent, 0), [20, 30]);
        assert_eq!(recent.forgotten(0), Some(10));
    }
}
