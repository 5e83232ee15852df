//! Which living rows refer to a row that may be deleted: so that a lane can delete them first.
//!
//! Seeded children are computed, never stored; those born in the run are listed by parent.

use std::collections::HashMap;

use crate::generate::key::Draw;
use crate::generate::permute::Permutation;
use crate::generate::pick::past;
use crate::generate::spread::Share;
use crate::generate::spread::Spread;
use crate::generate::spread::part;

/// How a lane's seeded children are dealt to its seeded parents, in shuffled order, so that both
/// directions are computed: evenly, or as a spread says.
#[derive(Debug, Clone, Copy)]
pub(super) struct Deal<'a> {
    shuffle: Permutation,
    children: u64,
    parents: u64,
    share: Option<Share<'a>>,
}

impl<'a> Deal<'a> {
    /// `children` indexes dealt to `parents` indexes of one lane; a spread is of as many.
    pub(super) fn new(key: u64, children: u64, parents: u64, spread: Option<&'a Spread>) -> Self {
        let share = spread.map(|spread| spread.of_lane(Draw::new(key).bits()));
        Self { shuffle: Permutation::new(key, children), children, parents, share }
    }

    /// The parent of a child.
    #[inline]
    pub(super) fn parent(&self, child: u64) -> u64 {
        let rank = self.shuffle.forward(child);
        match self.share {
            Some(share) => share.parent(rank),
            None => part(rank, self.parents, self.children),
        }
    }

    /// The children of a parent.
    pub(super) fn children(&self, parent: u64) -> impl Iterator<Item = u64> + use<> {
        let ranks =
            if parent < self.parents { self.before(parent)..self.before(parent + 1) } else { 0..0 };
        let shuffle = self.shuffle;
        ranks.map(move |rank| shuffle.backward(rank))
    }

    /// How many children the parents before this one have.
    fn before(&self, parent: u64) -> u64 {
        if let Some(share) = self.share {
            return share.before(parent);
        }
        let whole = u128::from(parent) * u128::from(self.children);
        u64::try_from(whole.div_ceil(u128::from(self.parents.max(1)))).unwrap_or(u64::MAX)
    }
}

/// A deal as the rows see it: where a row must name another parent than a first deal gave it, that one is
/// left out, and its place taken by the next.
#[derive(Debug, Clone, Copy)]
pub(super) struct Family<'a> {
    pub(super) deal: Deal<'a>,
    /// The first deal.
    pub(super) other: Option<Deal<'a>>,
}

impl Family<'_> {
    /// The parent of a child.
    fn parent(&self, child: u64) -> u64 {
        let parent = self.deal.parent(child);
        self.other.map_or(parent, |other| past(parent, other.parent(child)))
    }

    /// The children of a parent.
    pub(super) fn children(&self, parent: u64) -> impl Iterator<Item = u64> {
        let is_own = move |child: &u64| match self.other {
            Some(_) => self.parent(*child) == parent,
            None => true,
        };
        let before = self.other.and(parent.checked_sub(1));
        let moved = before.into_iter().flat_map(|parent| self.deal.children(parent));
        moved.chain(self.deal.children(parent)).filter(is_own)
    }
}

/// The children born in the run, of one reference in one lane: a linked list for each parent, all
/// in one array of 8 bytes a child. The dead are dropped when they are the greater part, so that it
/// follows the living.
#[derive(Debug, Default)]
pub(super) struct Born {
    /// The newest child of each parent, as an index into `nodes`.
    newest: HashMap<u32, u32>,
    nodes: Vec<Node>,
    /// Nodes whose child is dead.
    dead: usize,
}

#[derive(Debug, Clone, Copy)]
struct Node {
    child: u32,
    /// The child before it, or [`NONE`].
    older: u32,
}

/// The end of a list.
const NONE: u32 = u32::MAX;

/// Fewer dead than these are not worth a purge.
const DEAD_MIN: usize = 1024;

impl Born {
    /// A child is born.
    pub(super) fn add(&mut self, parent: u64, child: u64) {
        let node = narrow32(self.nodes.len() as u64);
        let older = self.newest.insert(narrow32(parent), node).unwrap_or(NONE);
        self.nodes.push(Node { child: narrow32(child), older });
    }

    /// The children of a parent, dead ones among them, the newest first.
    pub(super) fn children(&self, parent: u64) -> impl Iterator<Item = u64> + '_ {
        self.list(self.newest.get(&narrow32(parent)).copied().unwrap_or(NONE))
    }

    fn list(&self, first: u32) -> impl Iterator<Item = u64> + '_ {
        let node = |at: u32| usize::try_from(at).ok().and_then(|at| self.nodes.get(at));
        std::iter::successors(node(first), move |before| node(before.older))
            .map(|node| u64::from(node.child))
    }

    /// The parent is gone, and so are its children.
    pub(super) fn forget(&mut self, parent: u64) {
        self.newest.remove(&narrow32(parent));
    }

    /// A child is dead; others are kept.
    pub(super) fn died(&mut self, is_kept: impl Fn(u64) -> bool) {
        self.dead += 1;
        if self.dead >= DEAD_MIN && self.dead * 2 > self.nodes.len() {
            self.purge(is_kept);
        }
    }

    fn purge(&mut self, is_kept: impl Fn(u64) -> bool) {
        let before = std::mem::take(self);
        // The order of the map decides where nodes stand, and nothing that can be seen.
        for (parent, newest) in &before.newest {
            let mut children: Vec<u64> = before.list(*newest).collect();
            children.retain(|child| is_kept(*child));
            children.iter().rev().for_each(|child| self.add(u64::from(*parent), *child));
        }
    }
}

/// `check` limits the rows of a lane to what 32 bits count.
fn narrow32(index: u64) -> u32 {
    u32::try_from(index).unwrap_or(NONE)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::generate::population::Population;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn each_child_has_one_parent_that_knows_it(
            key: u64, children in 0u64..400, parents in 1u64..50, exponent in proptest::option::of(0.1f64..3.0),
        ) {
            let spread = exponent.map(|exponent| Spread::new(children, parents, exponent));
            let deal = Deal::new(key, children, parents, spread.as_ref());
            let mut seen = 0;
            for parent in 0..parents {
                for child in deal.children(parent) {
                    prop_assert_eq!(deal.parent(child), parent);
                    seen += 1;
                }
            }
            prop_assert_eq!(seen, children);
            prop_assert_eq!(deal.children(parents).count(), 0);
        }
    }

    proptest! {
        #[test]
        fn who_names_two_parents_names_two(
            key: u64, children in 0u64..400, parents in 2u64..50, exponents: (bool, bool),
        ) {
            let spread = |is_heavy: bool, parents| {
                is_heavy.then(|| Spread::new(children, parents, 0.9))
            };
            let (one, two) = (spread(exponents.0, parents), spread(exponents.1, parents - 1));
            let first = Deal::new(key, children, parents, one.as_ref());
            let deal = Deal::new(!key, children, parents - 1, two.as_ref());
            let family = Family { deal, other: Some(first) };
            let mut seen = 0;
            for parent in 0..parents {
                for child in family.children(parent) {
                    let other = first.parent(child);
                    prop_assert_eq!(family.parent(child), parent);
                    prop_assert_ne!(other, parent);
                    seen += 1;
                }
            }
            prop_assert_eq!(seen, children);
        }
    }

    #[test]
    fn the_dead_are_dropped_and_the_living_stay_in_order() {
        let mut alive = Population::default();
        let mut born = Born::default();
        for child in 0..100_000 {
            alive.push(true);
            born.add(child % 7, child);
            if child % 10 != 0 {
                alive.set(child, false);
                born.died(|child| alive.contains(child));
            }
        }
        assert!(born.nodes.len() < 2 * 10_000 + 2 * DEAD_MIN, "{} kept", born.nodes.len());
        let living: Vec<u64> = born.children(3).filter(|child| alive.contains(*child)).collect();
        let expected = (0..100_000).rev().filter(|child| child % 10 == 0 && child % 7 == 3);
        assert_eq!(living, expected.collect::<Vec<_>>());
        born.forget(3);
        assert_eq!(born.children(3).count(), 0);
    }
}
