//! Seeds and draws: the only source of chance. Portable: the same bits on every machine.

use crate::pace::GOLDEN;
pub(super) use crate::pace::mix64;

/// What a key is for, so that keys of different purposes never meet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Purpose {
    /// A column's value; followed by the column's number.
    Column(u16),
    /// Whether a column is NULL; followed by the column's number.
    Null(u16),
    /// How many rows a row owns; followed by the owned table's number.
    Count(u16),
    /// The decision of a slot.
    Slot,
    /// How seeded children are dealt to parents; followed by the column's number.
    Deal(u16),
    /// How row numbers are shuffled into keys.
    Shuffle,
    /// Whether an action follows a slot's, and when.
    FollowUp,
    /// How long a session thinks before a slot.
    Think,
    /// The half of a key that proves the other one.
    Proof,
    /// The address that columns of a row share.
    Place,
    /// How row numbers are shuffled into a unique column's values; followed by its number.
    Unique(u16),
    /// How long the events of a slot come after the commit of its rows.
    Skew,
    /// Whether an event has a fault, and which.
    Fault,
}

impl Purpose {
    fn code(self) -> u64 {
        match self {
            Self::Column(number) => 1 << 32 | u64::from(number),
            Self::Null(number) => 2 << 32 | u64::from(number),
            Self::Count(number) => 3 << 32 | u64::from(number),
            Self::Slot => 4 << 32,
            Self::Deal(number) => 5 << 32 | u64::from(number),
            Self::Shuffle => 6 << 32,
            Self::Proof => 7 << 32,
            Self::Place => 8 << 32,
            Self::Unique(number) => 9 << 32 | u64::from(number),
            Self::FollowUp => 10 << 32,
            Self::Think => 11 << 32,
            Self::Skew => 12 << 32,
            Self::Fault => 13 << 32,
        }
    }
}

/// The key of one draw: `place` is a table or stream, `item` a row or slot.
pub(super) fn key(seed: u64, place: u16, purpose: Purpose, item: u64) -> u64 {
    key_of(stem(seed, place, purpose), item)
}

/// What the keys of all items of one place and purpose have in common.
pub(super) fn stem(seed: u64, place: u16, purpose: Purpose) -> u64 {
    let place = mix64(seed.wrapping_add(GOLDEN.wrapping_mul(u64::from(place) + 1)));
    mix64(place ^ purpose.code().wrapping_mul(GOLDEN))
}

/// The key of one item.
#[inline]
pub(super) fn key_of(stem: u64, item: u64) -> u64 {
    mix64(stem ^ item.wrapping_mul(GOLDEN).rotate_left(17))
}

/// A short sequence of draws from one key (SplitMix64).
#[derive(Debug, Clone)]
pub(super) struct Draw {
    state: u64,
}

impl Draw {
    /// The sequence of this key.
    #[inline]
    pub(super) fn new(key: u64) -> Self {
        Self { state: key }
    }

    /// 64 random bits.
    #[inline]
    pub(super) fn bits(&mut self) -> u64 {
        self.state = self.state.wrapping_add(GOLDEN);
        mix64(self.state)
    }

    /// A whole number below `limit`, or 0 if that is 0. Its bias is below limit / 2^64.
    #[inline]
    pub(super) fn below(&mut self, limit: u64) -> u64 {
        let product = u128::from(self.bits()) * u128::from(limit);
        u64::try_from(product >> 64).unwrap_or(0)
    }

    /// A number in [0, 1), of 53 bits.
    #[inline]
    pub(super) fn unit(&mut self) -> f64 {
        #[expect(clippy::cast_precision_loss, reason = "53 bits fit a double exactly")]
        let numerator = (self.bits() >> 11) as f64;
        numerator / 9_007_199_254_740_992.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn draws_stay_in_range_and_purposes_differ() {
        let mut draw = Draw::new(7);
        for limit in [1, 2, 3, 1000, u64::MAX] {
            assert!(draw.below(limit) < limit);
            assert!((0.0..1.0).contains(&draw.unit()));
        }
        assert_eq!(draw.below(0), 0);
        let of = |purpose| key(1, 2, purpose, 3);
        assert_ne!(of(Purpose::Column(1)), of(Purpose::Null(1)));
        assert_ne!(of(Purpose::Column(1)), of(Purpose::Column(2)));
        assert_ne!(key(1, 2, Purpose::Slot, 3), key(1, 3, Purpose::Slot, 2));
    }

    #[test]
    fn the_mix_is_the_published_one() {
        // The first outputs of SplitMix64 seeded with 0, as published with the algorithm.
        let mut draw = Draw::new(0);
        assert_eq!(draw.bits(), 0xe220_a839_7b1d_cdaf);
        assert_eq!(draw.bits(), 0x6e78_9e6a_a1b9_65f4);
    }
}
