//! What is left of a row at the end: changes that were expected, changes that came, and no first of
//! one that agrees with the first of the other. Which belong together, and what the others are.

use std::collections::VecDeque;

use crate::measure::Deviation;

/// How much is compared.
const LIMITS: Limits =
    Limits { pairs: 4_000_000, window: 1_000, compared: 16_000_000, near: 4, far: 16_000_000 };

/// So many changes that agree one after the other are no coincidence, however far away they are.
const RUN: usize = 4;

/// How much is compared, at most.
#[derive(Debug, Clone, Copy)]
struct Limits {
    /// More pairs than this are not compared with one another: then each change is only with the next ones.
    pairs: usize,
    /// With so many of them.
    window: usize,
    /// Once there were so many comparisons, with those that are `near` alone.
    compared: usize,
    near: usize,
    /// So many further ones are looked at where none of the next ones agrees.
    far: usize,
}

/// Looks for changes, and knows when it has looked for long enough.
#[derive(Debug)]
struct Search {
    window: usize,
    near: usize,
    /// So many comparisons more, before only those that are near are looked at.
    left: usize,
    /// So many more beyond the window.
    far: usize,
}

impl Search {
    /// Among so many, for so many.
    fn new(limits: Limits, expected: usize, seen: usize) -> Self {
        let Limits { pairs, window, compared, near, far } = limits;
        if expected.saturating_mul(seen) <= pairs {
            return Self { window: expected, near: expected, left: usize::MAX, far: 0 };
        }
        Self { window, near, left: compared, far }
    }

    /// How many are looked at for each.
    fn reach(&self) -> usize {
        if self.left == 0 { self.near } else { self.window }
    }

    /// The place of the first of them that it is.
    fn first(
        &mut self,
        among: impl Iterator<Item = usize>,
        is_it: impl Fn(usize) -> bool,
    ) -> Option<usize> {
        let mut among = among.take(self.reach());
        among.position(|at| {
            self.left = self.left.saturating_sub(1);
            is_it(at)
        })
    }

    /// The first place beyond those, where a hole ends that is wider than they reach.
    fn behind(
        &mut self,
        among: impl Iterator<Item = usize>,
        is_it: impl Fn(usize) -> bool,
    ) -> Option<usize> {
        let beyond = self.reach();
        let mut among = among.skip(beyond).take(self.far);
        let place = among.position(|at| {
            self.far -= 1;
            is_it(at)
        });
        place.map(|place| beyond + place)
    }
}

/// What became of a change, by the places of both in their lists.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Settled {
    /// It came, as it was expected.
    Same(usize, usize),
    /// It came behind a later one.
    Reordered(usize, usize),
    /// It came, and was not what was expected in its place.
    Wrong(usize, usize),
    /// It did not come.
    Missing(usize),
    /// Nobody had sent it.
    Phantom(usize),
}

impl Settled {
    /// The place of what was expected and came, in whatever form.
    pub(crate) fn came(&self) -> Option<usize> {
        match self {
            Self::Same(one, _) | Self::Reordered(one, _) | Self::Wrong(one, _) => Some(*one),
            Self::Missing(_) | Self::Phantom(_) => None,
        }
    }
}

/// Says of each change what it is. `agree` compares an expected one with one that came, `is_like`
/// whether one may be a mistaken form of the other.
pub(crate) fn settle(
    expected: usize,
    seen: usize,
    agree: impl Fn(usize, usize) -> bool,
    is_like: impl Fn(usize, usize) -> bool,
) -> Vec<Settled> {
    settle_within(LIMITS, (expected, seen), agree, is_like)
}

fn settle_within(
    limits: Limits,
    (expected, seen): (usize, usize),
    agree: impl Fn(usize, usize) -> bool,
    is_like: impl Fn(usize, usize) -> bool,
) -> Vec<Settled> {
    let same = in_order(limits, (expected, seen), &agree);
    let mut open: VecDeque<usize> = without(expected, same.iter().map(|pair| pair.0)).collect();
    let open_seen: Vec<usize> = without(seen, same.iter().map(|pair| pair.1)).collect();
    let mut found: Vec<Settled> =
        same.into_iter().map(|(one, other)| Settled::Same(one, other)).collect();
    let mut left = Vec::new();
    let mut search = Search::new(limits, open.len(), open_seen.len());
    for at in open_seen {
        let place = search.first(open.iter().copied(), |expected| agree(expected, at));
        match place.and_then(|place| open.remove(place)) {
            Some(one) => found.push(Settled::Reordered(one, at)),
            None => left.push(at),
        }
    }
    let mut search = Search::new(limits, open.len(), left.len());
    for at in left {
        let place = search.first(open.iter().copied(), |expected| is_like(expected, at));
        match place.and_then(|place| open.remove(place)) {
            // It was too far away when it was looked for.
            Some(one) if agree(one, at) => found.push(Settled::Reordered(one, at)),
            Some(one) => found.push(Settled::Wrong(one, at)),
            None => found.push(Settled::Phantom(at)),
        }
    }
    found.extend(open.into_iter().map(Settled::Missing));
    found
}

/// All numbers below `count` but those that are `taken`, which rise.
fn without(count: usize, taken: impl Iterator<Item = usize>) -> impl Iterator<Item = usize> {
    let mut taken = taken.peekable();
    (0..count).filter(move |at| taken.next_if_eq(at).is_none())
}

/// The longest list of pairs that agree and keep the order of both.
fn in_order(
    limits: Limits,
    (expected, seen): (usize, usize),
    agree: &impl Fn(usize, usize) -> bool,
) -> Vec<(usize, usize)> {
    if expected.saturating_mul(seen) > limits.pairs {
        return greedily(Search::new(limits, expected, seen), (expected, seen), agree);
    }
    let width = seen + 1;
    // How long the list can be from here on.
    let mut longest = vec![0_u32; (expected + 1) * width];
    for one in (0..expected).rev() {
        for other in (0..seen).rev() {
            longest[one * width + other] = if agree(one, other) {
                longest[(one + 1) * width + other + 1] + 1
            } else {
                longest[(one + 1) * width + other].max(longest[one * width + other + 1])
            };
        }
    }
    let (mut one, mut other, mut pairs) = (0, 0, Vec::new());
    while one < expected && other < seen {
        if agree(one, other) {
            pairs.push((one, other));
            (one, other) = (one + 1, other + 1);
        } else if longest[(one + 1) * width + other] >= longest[one * width + other + 1] {
            one += 1;
        } else {
            other += 1;
        }
    }
    pairs
}

fn greedily(
    mut search: Search,
    (expected, seen): (usize, usize),
    agree: &impl Fn(usize, usize) -> bool,
) -> Vec<(usize, usize)> {
    let (mut one, mut pairs) = (0, Vec::new());
    for other in 0..seen {
        let run = RUN.min(seen - other);
        let goes_on =
            |at: usize| at + run <= expected && (0..run).all(|by| agree(at + by, other + by));
        let next = search.first(one..expected, |at| agree(at, other));
        if let Some(further) = next.or_else(|| search.behind(one..expected, goes_on)) {
            pairs.push((one + further, other));
            one += further + 1;
        }
    }
    pairs
}

/// By how much a fault changes what was expected and what came. What nobody was certain of (`expected` says
/// whether one was) has not been counted as expected, of a table that is told apart nothing has, and what came
/// twice is counted once.
pub(crate) fn sums(
    class: Deviation,
    (expected, has_come): (Option<bool>, bool),
    is_apart: bool,
) -> (u64, i64) {
    let is_certain = expected == Some(true);
    let is_pair = expected.is_some() && has_come;
    let more = if is_apart { is_certain || is_pair } else { is_pair && !is_certain };
    let came = match (is_apart, class) {
        (false, Deviation::Doubled) => -1,
        (true, Deviation::Doubled) | (false, _) => 0,
        (true, _) => i64::from(has_come),
    };
    (u64::from(more), came)
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use proptest::prelude::*;

    use super::Settled::Missing;
    use super::Settled::Phantom;
    use super::Settled::Reordered;
    use super::Settled::Same;
    use super::Settled::Wrong;
    use super::*;

    /// Each letter is a change; `U` and `u` are alike and do not agree.
    fn of(expected: &str, seen: &str) -> Vec<Settled> {
        let (expected, seen): (Vec<char>, Vec<char>) =
            (expected.chars().collect(), seen.chars().collect());
        settle(
            expected.len(),
            seen.len(),
            |one, other| expected[one] == seen[other],
            |one, other| expected[one].eq_ignore_ascii_case(&seen[other]),
        )
    }

    /// A row that is changed all the time, and the first of its changes is lost.
    #[test]
    fn one_fault_of_a_row_with_many_changes_is_found_at_once() {
        let many = 300_000;
        let found = settle(many, many - 1, |one, other| one == other + 1, |_, _| true);
        assert_eq!(found.len(), many);
        assert_eq!(found.last(), Some(&Missing(0)));
    }

    /// Longer holes than the window, of a row that is changed all the time: what came behind them is as it should be.
    #[test]
    fn what_is_lost_in_a_row_is_lost_and_what_came_behind_it_is_not_wrong() {
        let holes = [10_000..13_000, 50_000..50_001, 80_000..95_000];
        let many = 100_000;
        let seen: Vec<usize> =
            (0..many).filter(|at| !holes.iter().any(|hole| hole.contains(at))).collect();
        let found = settle(many, seen.len(), |one, other| one == seen[other], |_, _| true);
        let missing: Vec<Settled> = holes.into_iter().flatten().map(Missing).collect();
        let lost = found.iter().filter(|it| !matches!(it, Same(..))).copied().collect::<Vec<_>>();
        assert_eq!(lost, missing);
    }

    /// Nothing of a row that is changed all the time is what it should be.
    #[test]
    fn what_does_not_belong_together_is_not_compared_without_an_end() {
        let many = 300_000;
        for is_like in [true, false] {
            let compared = Cell::new(0_u64);
            let compare = |is_so| {
                compared.set(compared.get() + 1);
                assert!(compared.get() < 80_000_000, "no end");
                is_so
            };
            let found = settle(many, many, |_, _| compare(false), |_, _| compare(is_like));
            let is_wrong = |it: &&Settled| matches!(it, Wrong(one, other) if one == other);
            let wrong = found.iter().filter(is_wrong).count();
            assert_eq!(wrong, if is_like { many } else { 0 });
            assert_eq!(found.len(), if is_like { many } else { 2 * many });
        }
    }

    /// As it was before there were limits.
    fn fully(expected: &[char], seen: &[char]) -> Vec<Settled> {
        let same = in_order(LIMITS, (expected.len(), seen.len()), &|one, other| {
            expected[one] == seen[other]
        });
        let mut left: Vec<usize> = without(expected.len(), same.iter().map(|it| it.0)).collect();
        let open: Vec<usize> = without(seen.len(), same.iter().map(|it| it.1)).collect();
        let mut found: Vec<Settled> = same.iter().map(|it| Same(it.0, it.1)).collect();
        let mut others = Vec::new();
        for at in open {
            match left.iter().position(|one| expected[*one] == seen[at]) {
                Some(place) => found.push(Reordered(left.remove(place), at)),
                None => others.push(at),
            }
        }
        for at in others {
            match left.iter().position(|one| expected[*one].eq_ignore_ascii_case(&seen[at])) {
                Some(place) => found.push(Wrong(left.remove(place), at)),
                None => found.push(Phantom(at)),
            }
        }
        found.extend(left.into_iter().map(Missing));
        found
    }

    proptest! {
        #[test]
        fn few_are_all_compared_and_of_many_each_is_found_once(
            expected in "[a-dA-D]{0,60}", seen in "[a-dA-D]{0,60}", window in 1..8_usize,
        ) {
            let (expected, seen): (Vec<char>, Vec<char>) =
                (expected.chars().collect(), seen.chars().collect());
            let agree = |one: usize, other: usize| expected[one] == seen[other];
            let is_like = |one: usize, other: usize| expected[one].eq_ignore_ascii_case(&seen[other]);
            let both = (expected.len(), seen.len());
            prop_assert_eq!(settle(both.0, both.1, agree, is_like), fully(&expected, &seen));
            let few = Limits { pairs: 0, window, compared: 50, near: 1, far: 30 };
            let (mut ones, mut others) = (Vec::new(), Vec::new());
            for found in settle_within(few, both, agree, is_like) {
                let (one, other) = match found {
                    Same(one, other) | Reordered(one, other) => {
                        prop_assert!(agree(one, other));
                        (Some(one), Some(other))
                    }
                    Wrong(one, other) => {
                        prop_assert!(is_like(one, other) && !agree(one, other));
                        (Some(one), Some(other))
                    }
                    Missing(one) => (Some(one), None),
                    Phantom(other) => (None, Some(other)),
                };
                ones.extend(one);
                others.extend(other);
            }
            ones.sort_unstable();
            others.sort_unstable();
            prop_assert_eq!(ones, (0..both.0).collect::<Vec<_>>());
            prop_assert_eq!(others, (0..both.1).collect::<Vec<_>>());
        }
    }

    #[test]
    fn each_kind_of_fault_is_told_from_the_others() {
        assert_eq!(of("abc", "abc"), [Same(0, 0), Same(1, 1), Same(2, 2)]);
        assert_eq!(of("abc", "ac"), [Same(0, 0), Same(2, 1), Missing(1)]);
        assert_eq!(of("abc", "abxc"), [Same(0, 0), Same(1, 1), Same(2, 3), Phantom(2)]);
        assert_eq!(of("abc", "aBc"), [Same(0, 0), Same(2, 2), Wrong(1, 1)]);
        let swapped = of("abcd", "acbd");
        assert_eq!(swapped.iter().filter(|it| matches!(it, Same(..))).count(), 3);
        assert_eq!(swapped.iter().filter(|it| matches!(it, Reordered(..))).count(), 1);
        assert_eq!(of("", "x"), [Phantom(0)]);
        assert_eq!(of("x", ""), [Missing(0)]);
    }
}
