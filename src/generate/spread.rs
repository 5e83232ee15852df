//! How many of so many children each of so many parents has, by Zipf's law: cumulated, so that the
//! children of a parent are a range of numbers, and a number leads to its parent.

use crate::generate::key::mix64;
use crate::generate::zipf::Zipf;

/// So many of the first parents have a count of their own.
const HEAD: u64 = 64;

/// Behind them parents stand in blocks, each this part of all parents before it: in a block, the
/// greatest weight is above the least by this part times the exponent, and children are dealt evenly.
const BLOCK_PART: u64 = 64;

/// So many children to so many parents, of which the k-th has a weight of 1 ÷ k^exponent. It holds some
/// hundreds of numbers, whatever the number of rows.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Spread {
    children: u64,
    /// The first parent of each block and, behind the last, the number of parents.
    firsts: Vec<u64>,
    /// The share of the parents before each block and, behind the last, 1.
    shares: Vec<f64>,
}

/// A spread as one lane has it. What a share of all children leaves as a fraction is a child or none: with
/// another start in each lane, it is one as often as the fraction says.
#[derive(Debug, Clone, Copy)]
pub(super) struct Share<'a> {
    spread: &'a Spread,
    /// At least 0 and below 1.
    start: f64,
    /// The lane's chance: it says who in a block has one more.
    bits: u64,
}

/// A block, without its number.
#[derive(Debug, Clone, Copy)]
struct Block {
    first: u64,
    parents: u64,
    /// The children before it, and its own.
    before: u64,
    children: u64,
    /// Below the number of parents: so many parts of a child are given out before the first.
    start: u64,
}

impl Block {
    /// How many children so many of its parents have.
    fn up_to(&self, parents: u64) -> u64 {
        let whole = u128::from(parents) * u128::from(self.children) + u128::from(self.start);
        u64::try_from(whole / u128::from(self.parents)).unwrap_or(self.children)
    }

    /// The parent that has this child.
    fn parent(&self, child: u64) -> u64 {
        // The last one before whom there are no more: (parent · children + start) ÷ parents ≤ child.
        let parts = u128::from(child + 1) * u128::from(self.parents) - u128::from(self.start) - 1;
        match u64::try_from(parts) {
            Ok(parts) => parts / self.children.max(1),
            Err(_) => u64::try_from(parts / u128::from(self.children.max(1))).unwrap_or(0),
        }
    }
}

impl Spread {
    /// `exponent` is above 0; both numbers are below 2^42.
    pub(super) fn new(children: u64, parents: u64, exponent: f64) -> Self {
        let law = Zipf::new(parents.max(1), exponent);
        let mut firsts = vec![0];
        let mut shares = vec![0.0];
        let (mut first, mut weight) = (0, 0.0);
        while first < parents {
            let length = if first < HEAD { 1 } else { (first / BLOCK_PART).min(parents - first) };
            weight += law.weight(first, first + length);
            first += length;
            firsts.push(first);
            shares.push(weight);
        }
        for share in &mut shares {
            *share /= weight.max(1.0);
        }
        if let Some(last) = shares.last_mut() {
            *last = 1.0;
        }
        Self { children, firsts, shares }
    }

    /// Whether it deals so many to so many.
    pub(super) fn is_of(&self, children: u64, parents: u64) -> bool {
        self.children == children && self.firsts.last() == Some(&parents)
    }

    /// As a lane has it whose chance has these bits.
    pub(super) fn of_lane(&self, bits: u64) -> Share<'_> {
        // Of ten bits, so that they stand behind the point of a number of rows.
        let start = f64::from(u16::try_from(bits >> 54).unwrap_or(0)) / 1_024.0;
        Share { spread: self, start, bits }
    }
}

impl Share<'_> {
    /// How many children there are up to this share, with a fraction.
    #[expect(clippy::cast_precision_loss, reason = "fewer than 2^42 rows")]
    fn up_to(&self, share: f64) -> f64 {
        self.spread.children as f64 * share + self.start
    }

    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "not negative, and below 2^43"
    )]
    fn block(&self, number: usize) -> Option<Block> {
        let Spread { firsts, shares, .. } = self.spread;
        let (first, end) = (firsts[number], *firsts.get(number + 1)?);
        let [before, all] = [number, number + 1].map(|at| self.up_to(shares[at]) as u64);
        let (parents, children) = (end - first, all - before);
        let start = if parents == 1 { 0 } else { mix64(self.bits ^ number as u64) % parents };
        Some(Block { first, parents, before, children, start })
    }

    /// The parent of the child of this number.
    pub(super) fn parent(&self, child: u64) -> u64 {
        #[expect(clippy::cast_precision_loss, reason = "fewer than 2^42 rows")]
        let next = (child + 1) as f64;
        let behind = self.spread.shares.partition_point(|share| self.up_to(*share) < next);
        let block = self.block(behind.saturating_sub(1));
        block.map_or(0, |block| block.first + block.parent(child - block.before))
    }

    /// How many children the parents before this one have.
    pub(super) fn before(&self, parent: u64) -> u64 {
        let number = self.spread.firsts.partition_point(|first| *first <= parent).saturating_sub(1);
        let block = self.block(number);
        block.map_or(self.spread.children, |block| block.before + block.up_to(parent - block.first))
    }
}

/// ⌊number · parts ÷ of⌋, where that is below 2^64; 0 of none. Without the slow division of long numbers
/// where it can be.
#[inline]
pub(super) fn part(number: u64, parts: u64, of: u64) -> u64 {
    let of = of.max(1);
    match number.checked_mul(parts) {
        Some(product) => product / of,
        None => u64::try_from(u128::from(number) * u128::from(parts) / u128::from(of))
            .unwrap_or(u64::MAX),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn a_number_leads_to_the_parent_in_whose_range_it_is(
            children in 0u64..3_000, parents in 1u64..700, exponent in 0.05f64..4.0, bits: u64,
        ) {
            let spread = Spread::new(children, parents, exponent);
            prop_assert!(spread.is_of(children, parents));
            let share = spread.of_lane(bits);
            prop_assert_eq!((share.before(0), share.before(parents)), (0, children));
            for parent in 0..parents {
                prop_assert!(share.before(parent) <= share.before(parent + 1));
                for child in share.before(parent)..share.before(parent + 1) {
                    prop_assert_eq!(share.parent(child), parent);
                }
            }
        }

        #[test]
        fn of_many_rows_it_is_the_same(
            children in 1u64..1 << 42, parents in 1u64..1 << 30, exponent in 0.05f64..4.0, at: u64,
            bits: u64,
        ) {
            let spread = Spread::new(children, parents, exponent);
            let share = spread.of_lane(bits);
            let child = at % children;
            let parent = share.parent(child);
            prop_assert!(parent < parents);
            prop_assert!((share.before(parent)..share.before(parent + 1)).contains(&child));
            prop_assert_eq!(share.before(parents), children);
            prop_assert!(spread.firsts.len() < 2_000, "{}", spread.firsts.len());
        }

        /// Each count is what the law says, but for the rounding at both ends of its range, and for what
        /// weights differ in a block.
        #[test]
        fn counts_follow_the_law(parents in 1u32..3_000, exponent in 0.05f64..3.0, bits: u64) {
            let children = 1_000_000;
            let spread = Spread::new(children, parents.into(), exponent);
            let share = spread.of_lane(bits);
            let total: f64 = (1..=parents).map(|k| f64::from(k).powf(-exponent)).sum();
            for parent in 0..parents {
                let count = share.before(u64::from(parent) + 1) - share.before(parent.into());
                let expected = 1e6 * f64::from(parent + 1).powf(-exponent) / total;
                let off = (f64::from(u32::try_from(count).unwrap()) - expected).abs();
                prop_assert!(off < 2.0 + 0.02 * exponent * expected, "{parent}: {count}, {expected}");
            }
        }
    }

    #[test]
    fn over_many_lanes_fractions_add_up() {
        // Three children to ten parents: the first has a third of them, so mostly one.
        let spread = Spread::new(3, 10, 1.0);
        let mut seen = [0_u32; 10];
        let mut draw = crate::generate::key::Draw::new(5);
        for _ in 0..10_000 {
            let share = spread.of_lane(draw.bits());
            (0..3).for_each(|child| seen[usize::try_from(share.parent(child)).unwrap()] += 1);
        }
        let total: f64 = (1..=10).map(|k| 1.0 / f64::from(k)).sum();
        for (parent, seen) in (1..).zip(seen) {
            let expected = 30_000.0 / f64::from(parent) / total;
            assert!((f64::from(seen) - expected).abs() < 300.0, "{parent}: {seen}, {expected}");
        }
    }
}
