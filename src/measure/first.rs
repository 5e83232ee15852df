//! The first of what is not as it should be, for people: of each kind some.

use std::collections::BTreeMap;

use super::Deviation;

/// Examples that are kept of what is not as it should be.
pub const EXAMPLES_MAX: usize = 100;

/// Takes turns: the first of each class, then the second of each. What nobody can tell has what room the others leave.
#[derive(Debug)]
pub struct First<T> {
    by_class: BTreeMap<Deviation, Vec<T>>,
}

impl<T> Default for First<T> {
    fn default() -> Self {
        Self { by_class: BTreeMap::new() }
    }
}

impl<T> First<T> {
    /// The first of these, which come in their order.
    pub fn of(all: impl IntoIterator<Item = T>, class: impl Fn(&T) -> Deviation) -> Self {
        let mut first = Self::default();
        for one in all {
            first.add(class(&one), || one);
        }
        first
    }

    /// One more, if there may be room for it.
    pub fn add(&mut self, class: Deviation, fault: impl FnOnce() -> T) {
        let kept = self.by_class.entry(class).or_default();
        if kept.len() < EXAMPLES_MAX {
            kept.push(fault());
        }
    }

    /// Takes back one that turned out to be none.
    pub fn take(&mut self, class: Deviation, is_it: impl FnMut(&T) -> bool) {
        if let Some(kept) = self.by_class.get_mut(&class)
            && let Some(at) = kept.iter().position(is_it)
        {
            kept.remove(at);
        }
    }

    /// So many as are kept, in their turns.
    pub fn all(mut self) -> impl Iterator<Item = T> {
        let pending = self.by_class.remove(&Deviation::Pending).unwrap_or_default();
        let mut turns: Vec<_> = self.by_class.into_values().map(Vec::into_iter).collect();
        let longest = turns.iter().map(ExactSizeIterator::len).max().unwrap_or(0);
        let known: Vec<T> = (0..longest)
            .flat_map(|_| turns.iter_mut().filter_map(Iterator::next).collect::<Vec<_>>())
            .collect();
        known.into_iter().chain(pending).take(EXAMPLES_MAX)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_class_has_its_turn_and_what_is_pending_what_is_left() {
        let lost = (0..300).map(|at| (Deviation::Lost, at));
        let rare =
            [(Deviation::Doubled, 300), (Deviation::Phantom, 301), (Deviation::Doubled, 302)];
        let pending = (303..306).map(|at| (Deviation::Pending, at));
        let all = || pending.clone().chain(lost.clone()).chain(rare);
        let of = |all: &mut dyn Iterator<Item = (Deviation, i32)>| -> Vec<i32> {
            First::of(all, |it| it.0).all().map(|it| it.1).collect()
        };
        let first = of(&mut all());
        assert_eq!(first.len(), EXAMPLES_MAX);
        assert_eq!(first[..6], [0, 300, 301, 1, 302, 2]);
        assert_eq!(first.last(), Some(&96), "no room is left for what is pending");
        let few = of(&mut all().filter(|it| it.0 != Deviation::Lost));
        assert_eq!(few, [300, 301, 302, 303, 304, 305]);
    }
}
