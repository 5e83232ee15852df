//! One of several processes that play a run together.

use std::fmt;
use std::str::FromStr;

use serde::Deserialize;
use serde::Serialize;

/// More processes than this do not play one run.
pub const SHARDS_MAX: u32 = 4096;

/// Shard k of N: it has the lanes k − 1, k − 1 + N, k − 1 + 2 N, …, and all of their slots. So the shards
/// together have every slot once, and each of them plays its share of every rate.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Shard {
    /// Which, from 1 on.
    pub number: u32,
    /// Of how many.
    pub of: u32,
}

impl Shard {
    /// A whole run.
    pub const WHOLE: Shard = Shard { number: 1, of: 1 };

    /// The lanes that it has, of so many.
    pub fn lanes(self, lanes: u32) -> impl Iterator<Item = u32> {
        (self.first()..lanes).step_by(self.of.max(1) as usize)
    }

    /// How many lanes it has, of so many.
    pub fn lane_count(self, lanes: u32) -> u32 {
        lanes.saturating_sub(self.first()).div_ceil(self.of.max(1))
    }

    /// How many of the slots below `end` it has, where slot n is of lane n mod `lanes`.
    pub fn slots_below(self, end: u64, lanes: u32) -> u64 {
        let all = u64::from(lanes.max(1));
        // What remains of the last round is below the number of lanes.
        let rest = u32::try_from(end % all).unwrap_or(0);
        end / all * u64::from(self.lane_count(lanes)) + u64::from(self.lane_count(rest))
    }

    /// The number of its n-th slot, from 0 on; `None` if it has no lane.
    pub fn slot(self, n: u64, lanes: u32) -> Option<u64> {
        let own = u64::from(self.lane_count(lanes));
        let round = n.checked_div(own)?.checked_mul(u64::from(lanes))?;
        round.checked_add(u64::from(self.first()) + n % own * u64::from(self.of))
    }

    fn first(self) -> u32 {
        self.number.saturating_sub(1)
    }
}

impl fmt::Display for Shard {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}/{}", self.number, self.of)
    }
}

impl FromStr for Shard {
    type Err = String;

    fn from_str(text: &str) -> Result<Shard, String> {
        let bad = || "write which shard of how many, as in `2/8`".to_owned();
        let (number, of) = text.split_once('/').ok_or_else(bad)?;
        let number: u32 = number.parse().map_err(|_| bad())?;
        let of: u32 = of.parse().map_err(|_| bad())?;
        if of == 0 || of > SHARDS_MAX {
            return Err(format!("there may be 1 to {SHARDS_MAX} shards"));
        }
        if number == 0 || number > of {
            return Err(format!("the first of {of} shards is 1, and the last is {of}"));
        }
        Ok(Shard { number, of })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn shards_have_every_slot_once(lanes in 1_u32..200, of in 1_u32..20, end in 0_u64..2_000) {
            let mut seen = Vec::new();
            for number in 1..=of {
                let shard = Shard { number, of };
                let own: Vec<u32> = shard.lanes(lanes).collect();
                prop_assert_eq!(own.len(), shard.lane_count(lanes) as usize);
                let is_own = |slot: &u64| own.contains(&u32::try_from(slot % u64::from(lanes)).unwrap());
                let slots: Vec<u64> = (0..end).filter(is_own).collect();
                prop_assert_eq!(slots.len() as u64, shard.slots_below(end, lanes));
                for (n, slot) in (0..).zip(&slots) {
                    prop_assert_eq!(shard.slot(n, lanes), Some(*slot));
                }
                seen.extend(slots);
            }
            seen.sort_unstable();
            prop_assert_eq!(seen, (0..end).collect::<Vec<_>>());
        }
    }

    #[test]
    fn it_is_written_as_one_of_many() {
        assert_eq!("2/8".parse(), Ok(Shard { number: 2, of: 8 }));
        assert_eq!(Shard { number: 2, of: 8 }.to_string(), "2/8");
        for wrong in ["", "2", "0/8", "9/8", "1/0", "a/b", "1/5000", "-1/2"] {
            assert!(wrong.parse::<Shard>().is_err(), "{wrong}");
        }
        assert_eq!(Shard::WHOLE.lanes(3).collect::<Vec<_>>(), [0, 1, 2]);
        // With fewer lanes than shards, some have none.
        let last = Shard { number: 8, of: 8 };
        assert_eq!((last.lane_count(4), last.slots_below(99, 4), last.slot(0, 4)), (0, 0, None));
    }
}
