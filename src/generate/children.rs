//! Which living rows refer to a row that may be deleted: so that a lane can delete them first.
//!
//! Seeded children are computed, never stored; those born in the run are listed by parent.

use std::collections::HashMap;

use crate::generate::permute::Permutation;
use crate::generate::population::Population;

/// How a lane's seeded children are dealt to its seeded parents: evenly, in shuffled order, so that
/// both directions are computed.
#[derive(Debug, Clone, Copy)]
pub(super) struct Deal {
    shuffle: Permutation,
    children: u64,
    parents: u64,
}

impl Deal {
    /// `children` indexes dealt to `parents` indexes of one lane.
    pub(super) fn new(key: u64, children: u64, parents: u64) -> Self {
        Self { shuffle: Permutation::new(key, children), children, parents }
    }

    /// The parent of a child.
    pub(super) fn parent(&self, child: u64) -> u64 {
        let rank = u128::from(self.shuffle.forward(child));
        narrow(rank * u128::from(self.parents) / u128::from(self.children.max(1)))
    }

    /// The children of a parent.
    pub(super) fn children(&self, parent: u64) -> impl Iterator<Item = u64> + use<> {
        let first = |parent: u64| {
            let parents = u128::from(self.parents.max(1));
            narrow((u128::from(parent) * u128::from(self.children)).div_ceil(parents))
        };
        let range = if parent < self.parents { first(parent)..first(parent + 1) } else { 0..0 };
        let shuffle = self.shuffle;
        range.map(move |rank| shuffle.backward(rank))
    }
}

/// Quotients here are below a lane's row count.
fn narrow(number: u128) -> u64 {
    u64::try_from(number).unwrap_or(u64::MAX)
}

/// The children born in the run, of one reference in one lane.
#[derive(Debug, Default)]
pub(super) struct Born {
    of: HashMap<u64, Vec<u64>>,
}

impl Born {
    /// A child is born. Before a list would grow, the dead are dropped from it, so that it stays
    /// within twice its living children.
    pub(super) fn add(&mut self, parent: u64, child: u64, alive: &Population) {
        let list = self.of.entry(parent).or_default();
        if list.len() == list.capacity() {
            list.retain(|child| alive.contains(*child));
        }
        list.push(child);
    }

    /// The children of a parent, dead ones among them, in order of birth.
    pub(super) fn children(&self, parent: u64) -> &[u64] {
        self.of.get(&parent).map_or(&[], Vec::as_slice)
    }

    /// The parent is gone.
    pub(super) fn forget(&mut self, parent: u64) {
        self.of.remove(&parent);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn each_child_has_one_parent_that_knows_it(
            key: u64, children in 0u64..400, parents in 1u64..50,
        ) {
            let deal = Deal::new(key, children, parents);
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

    #[test]
    fn lists_do_not_keep_the_dead() {
        let mut alive = Population::default();
        let mut born = Born::default();
        for child in 0..10_000 {
            alive.push(true);
            born.add(1, child, &alive);
            alive.set(child, false);
        }
        assert!(born.children(1).len() < 16, "{} kept", born.children(1).len());
    }
}
