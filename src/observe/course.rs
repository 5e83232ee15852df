//! The way of a reader of what others hand over: until all is sent, until that was handed over, until it was read.

use std::time::Duration;

use tokio::time::Instant;
use tokio::time::Interval;
use tokio::time::MissedTickBehavior;

use crate::observe::Order;

/// How often one looks how far those are whose work is read.
pub(super) const LOOK: Duration = Duration::from_millis(500);
/// What is taken before others have their turn.
pub(super) const TURN: usize = 1024;

/// How far the end is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Ending {
    /// More is sent.
    NotYet,
    /// What is before the fence must be handed over.
    Fenced,
    /// What was handed over must be read.
    Reading,
}

/// What a reader is to do before it waits for more.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Next {
    Wait,
    /// All has been sent: mark where that is.
    Fence,
    /// Nobody wants to know any more.
    Abandon,
    /// Nothing moves.
    GiveUp,
}

/// The way of a reader from its beginning to its end.
#[derive(Debug)]
pub(super) struct Course {
    pub(super) ending: Ending,
    /// For so long nothing may move before the end is given up.
    patience: Duration,
    moved: Instant,
    progress: u64,
}

impl Course {
    pub(super) fn new(patience: Duration) -> Self {
        Self { ending: Ending::NotYet, patience, moved: Instant::now(), progress: 0 }
    }

    pub(super) fn next(&mut self, order: Order) -> Next {
        match (order, self.ending) {
            (Order::Abandon, _) => Next::Abandon,
            (Order::Watch, Ending::NotYet) => {
                // What is waited for begins with the end.
                self.has_moved();
                Next::Wait
            }
            _ if self.moved.elapsed() > self.patience => Next::GiveUp,
            (_, Ending::NotYet) => Next::Fence,
            _ => Next::Wait,
        }
    }

    /// Where the end is was marked.
    pub(super) fn is_fenced(&mut self) {
        self.ending = Ending::Fenced;
        self.has_moved();
    }

    pub(super) fn has_moved(&mut self) {
        self.moved = Instant::now();
    }

    /// How far those are that must go on: see `Intake::progress`. Returns whether they are elsewhere.
    pub(super) fn is_at(&mut self, progress: u64) -> bool {
        let has_moved = progress != self.progress;
        if has_moved {
            self.progress = progress;
            self.has_moved();
        }
        has_moved
    }
}

/// Ticks that come so often at most: one that takes longer delays the others, so that what waits has its turn.
pub(super) fn each(period: Duration) -> Interval {
    let mut ticks = tokio::time::interval(period);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    ticks
}
