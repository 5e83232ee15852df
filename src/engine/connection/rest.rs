//! What lost against another transaction rests before it is tried again: if all came back at once,
//! they would meet again.

use std::cmp::Reverse;

use crate::engine::connection::Connection;

/// The first rest, and the longest: each is twice the one before it.
const REST_MIN_NS: u64 = 1_000_000;
const REST_MAX_NS: u64 = 256_000_000;

impl Connection {
    /// Puts a lane's action to rest. Neither what it sends nor when later slots are due depends on
    /// how long.
    pub(super) fn rest_lane(&mut self, number: usize) {
        let now = self.shared.clock.now();
        let Some(flight) = &mut self.lanes[number].flight else { return };
        let until = now + rest(flight.tries, now, number);
        flight.rests_until = Some(until);
        self.resting.push(Reverse((until, number)));
    }

    /// When the next rest ends.
    pub(super) fn next_rested(&self) -> Option<u64> {
        self.resting.peek().map(|Reverse((until, _))| *until)
    }

    /// Queues what has rested long enough.
    pub(super) fn wake_rested(&mut self) {
        if self.resting.is_empty() {
            return;
        }
        let now = self.shared.clock.now();
        while let Some(Reverse((until, number))) = self.resting.peek().copied()
            && until <= now
        {
            self.resting.pop();
            // The action may have been settled or set aside in the meantime.
            if let Some(flight) = &mut self.lanes[number].flight
                && flight.rests_until == Some(until)
            {
                flight.rests_until = None;
                self.routes[flight.sink].queue.push_back(number);
            }
        }
    }
}

/// How long to rest after so many tries, in nanoseconds; `who` tells those apart that lost at once.
pub(super) fn rest(tries: u32, now: u64, who: usize) -> u64 {
    let doublings = tries.saturating_sub(1).min(16);
    jittered((REST_MIN_NS << doublings).min(REST_MAX_NS), now, who)
}

/// Half of a rest to one and a half: by the clock's last digits, which nobody else has.
fn jittered(rest: u64, now: u64, number: usize) -> u64 {
    let mixed = (now ^ (number as u64) << 40).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    rest / 2 + (mixed >> 32) * rest / (1 << 32)
}
