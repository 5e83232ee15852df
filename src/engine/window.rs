//! How many events an unlimited stream keeps under way: no more than bring it on. More of them wait in
//! the client's queue, where they are pushed out of the processor's caches, and each costs half as much again.
//!
//! As many are tried as are acknowledged soonest: now and then twice as many, or half as many, for a
//! while; what is no faster is taken back, what is as fast with fewer stays.

/// How long a size is tried, in nanoseconds.
const TRY_NS: u64 = 40_000_000;
/// So many of these times pass between two tries.
const REST: u32 = 12;
/// From so many on over all connections; fewer are tried where they are as fast.
const START: usize = 1 << 13;
/// Fewer over all connections are not tried.
const LEAST: usize = 1 << 11;
/// Twice as many must bring this many more, and half as many this many at least, in hundredths.
const MORE: u64 = 108;
const AS_MANY: u64 = 98;

/// The number that may be under way.
#[derive(Debug)]
pub(super) struct Window {
    size: usize,
    least: usize,
    most: usize,
    /// When the time began, and how many were acknowledged since.
    since: u64,
    arrived: u64,
    /// Whether there was no room in it.
    was_full: bool,
    /// How many were acknowledged in the time before.
    before: u64,
    phase: Phase,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Phase {
    /// So many times are left; then more are tried, or fewer.
    Rest(u32, Direction),
    /// Another size is tried than this.
    Try(Direction, usize),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Direction {
    More,
    Fewer,
}

impl Window {
    /// Of one of so many connections, at most `most` of which may ever be under way.
    pub(super) fn new(connections: usize, most: usize) -> Self {
        let each = |all: usize| (all / connections.max(1)).clamp(1, most);
        Self {
            size: each(START),
            least: each(LEAST),
            most,
            since: 0,
            arrived: 0,
            was_full: false,
            before: 0,
            phase: Phase::Rest(1, Direction::More),
        }
    }

    /// How many may be under way now.
    pub(super) fn size(&self) -> usize {
        self.size
    }

    /// There was no room.
    pub(super) fn is_full(&mut self) {
        self.was_full = true;
    }

    /// So many were acknowledged, by this time.
    pub(super) fn arrived(&mut self, count: u64, now: u64) {
        self.arrived += count;
        if self.since == 0 {
            self.since = now;
        }
        let lasted = now.saturating_sub(self.since);
        if lasted < TRY_NS {
            return;
        }
        // Of a time that lasted longer, what it would have been.
        let arrived =
            u64::try_from(u128::from(self.arrived) * u128::from(TRY_NS) / u128::from(lasted));
        self.end_of_time(arrived.unwrap_or(u64::MAX));
        (self.since, self.arrived, self.was_full) = (now, 0, false);
    }

    fn end_of_time(&mut self, arrived: u64) {
        self.phase = match self.phase {
            // Where there was always room, the size does not matter.
            _ if !self.was_full => Phase::Rest(REST, Direction::More),
            Phase::Rest(0, direction) => {
                let old = self.size;
                self.size = self.turned(direction);
                Phase::Try(direction, old)
            }
            Phase::Rest(left, direction) => Phase::Rest(left - 1, direction),
            Phase::Try(direction, old) => {
                let wanted = match direction {
                    Direction::More => MORE,
                    Direction::Fewer => AS_MANY,
                };
                if arrived.saturating_mul(100) >= self.before.saturating_mul(wanted) {
                    // What helps is tried again at once.
                    Phase::Rest(1, direction)
                } else {
                    self.size = old;
                    Phase::Rest(REST, direction.other())
                }
            }
        };
        self.before = arrived;
    }

    fn turned(&self, direction: Direction) -> usize {
        match direction {
            Direction::More => self.size.saturating_mul(2).min(self.most),
            Direction::Fewer => (self.size / 2).max(self.least),
        }
    }
}

impl Direction {
    fn other(self) -> Self {
        match self {
            Self::More => Self::Fewer,
            Self::Fewer => Self::More,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Leads it on for so many times against a service that acknowledges as many as `rate` says of so
    /// many under way, and returns where it ends.
    fn led(rate: impl Fn(usize) -> u64) -> usize {
        let mut window = Window::new(1, 1 << 17);
        for time in 0..400 {
            window.is_full();
            let count = rate(window.size());
            window.arrived(count, 1 + time * TRY_NS);
        }
        window.size()
    }

    #[test]
    fn a_far_service_gets_all_that_it_takes() {
        // 100 ms away and 400,000 a second at most: 40,000 under way are needed.
        let far = |size: usize| (size as u64 * 4 / 10).min(16_000);
        let size = led(far);
        assert!((40_000..=1 << 17).contains(&size), "{size}");
    }

    #[test]
    fn a_near_service_gets_no_more_than_help() {
        // 1 ms away, and slower the more there are.
        let near = |size: usize| (size as u64 * 40).min(40_000) - size as u64 / 4;
        let size = led(near);
        assert!((1_000..=4_096).contains(&size), "{size}");
    }

    #[test]
    fn nothing_is_tried_where_there_is_room() {
        let mut window = Window::new(4, 1 << 15);
        let before = window.size();
        for time in 0..100 {
            window.arrived(10, 1 + time * TRY_NS);
        }
        assert_eq!(window.size(), before);
    }
}
