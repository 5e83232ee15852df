//! A shuffle of 0..n that is computed, never stored, and can be undone: so that row numbers look
//! random, and keys still invert to rows.

use crate::generate::key::mix64;

/// A keyed bijection on `0..size`: four Feistel rounds on the smallest even number of bits that
/// holds it, walked again while the result falls outside (on average less than four times).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Permutation {
    key: u64,
    size: u64,
    half_bits: u32,
}

impl Permutation {
    /// The shuffle of `0..size`.
    pub(super) fn new(key: u64, size: u64) -> Self {
        let bits = 64 - size.saturating_sub(1).leading_zeros();
        Self { key, size, half_bits: bits.div_ceil(2).max(1) }
    }

    /// The shuffle of all 64-bit numbers.
    pub(super) fn of_all(key: u64) -> Self {
        Self { key, size: u64::MAX, half_bits: 32 }
    }

    /// Where `item` goes; `item` itself if it is not below the size.
    pub(super) fn forward(&self, item: u64) -> u64 {
        self.walk(item, |number| self.rounds([0, 1, 2, 3], number))
    }

    /// What goes to `item`.
    pub(super) fn backward(&self, item: u64) -> u64 {
        self.walk(item, |number| {
            let swapped = self.swap(self.rounds([3, 2, 1, 0], self.swap(number)));
            debug_assert!(self.half_bits == 32 || swapped >> (2 * self.half_bits) == 0);
            swapped
        })
    }

    fn walk(&self, item: u64, step: impl Fn(u64) -> u64) -> u64 {
        if self.half_bits == 32 {
            return step(item);
        }
        if item >= self.size {
            return item;
        }
        let mut number = step(item);
        while number >= self.size {
            number = step(number);
        }
        number
    }

    fn mask(&self) -> u64 {
        (1 << self.half_bits) - 1
    }

    fn rounds(&self, order: [u64; 4], number: u64) -> u64 {
        let mask = self.mask();
        let (mut left, mut right) = (number >> self.half_bits & mask, number & mask);
        for round in order {
            let turned = left ^ mix64(self.key ^ (right << 3 | round)) & mask;
            (left, right) = (right, turned);
        }
        left << self.half_bits | right
    }

    /// Left and right half exchanged: with it, the rounds in reverse undo themselves.
    fn swap(&self, number: u64) -> u64 {
        let mask = self.mask();
        (number & mask) << self.half_bits | (number >> self.half_bits & mask)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn it_can_be_undone(key: u64, size in 1u64..5_000_000, at: u64) {
            let shuffle = Permutation::new(key, size);
            let item = at % size;
            prop_assert!(shuffle.forward(item) < size);
            prop_assert_eq!(shuffle.backward(shuffle.forward(item)), item);
            let all = Permutation::of_all(key);
            prop_assert_eq!(all.backward(all.forward(at)), at);
        }
    }

    #[test]
    fn it_reaches_everything_once() {
        for size in [1, 2, 3, 10, 1000, 4097] {
            let shuffle = Permutation::new(9, size);
            let mut seen: Vec<u64> = (0..size).map(|item| shuffle.forward(item)).collect();
            seen.sort_unstable();
            assert_eq!(seen, (0..size).collect::<Vec<_>>());
        }
    }
}
