//! What is left of a row at the end: changes that were expected, changes that came, and no first of
//! one that agrees with the first of the other. Which belong together, and what the others are.

use crate::measure::Deviation;

/// More pairs than this are not compared with one another: then they are taken in order.
const PAIRS_MAX: usize = 4_000_000;

/// What became of a change, by the places of both in their lists.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Found {
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

impl Found {
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
) -> Vec<Found> {
    let same = in_order(expected, seen, &agree);
    let mut open_expected = without(expected, same.iter().map(|pair| pair.0));
    let open_seen = without(seen, same.iter().map(|pair| pair.1));
    let mut found: Vec<Found> =
        same.into_iter().map(|(one, other)| Found::Same(one, other)).collect();
    let mut left = Vec::new();
    for at in open_seen {
        match open_expected.iter().position(|expected| agree(*expected, at)) {
            Some(place) => found.push(Found::Reordered(open_expected.remove(place), at)),
            None => left.push(at),
        }
    }
    for at in left {
        match open_expected.iter().position(|expected| is_like(*expected, at)) {
            Some(place) => found.push(Found::Wrong(open_expected.remove(place), at)),
            None => found.push(Found::Phantom(at)),
        }
    }
    found.extend(open_expected.into_iter().map(Found::Missing));
    found
}

/// All numbers below `count` but those that are `taken`, which rise.
fn without(count: usize, taken: impl Iterator<Item = usize>) -> Vec<usize> {
    let mut taken = taken.peekable();
    (0..count).filter(|at| taken.next_if_eq(at).is_none()).collect()
}

/// The longest list of pairs that agree and keep the order of both.
fn in_order(
    expected: usize,
    seen: usize,
    agree: &impl Fn(usize, usize) -> bool,
) -> Vec<(usize, usize)> {
    if expected.saturating_mul(seen) > PAIRS_MAX {
        return greedily(expected, seen, agree);
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
    expected: usize,
    seen: usize,
    agree: &impl Fn(usize, usize) -> bool,
) -> Vec<(usize, usize)> {
    let (mut one, mut pairs) = (0, Vec::new());
    for other in 0..seen {
        if let Some(at) = (one..expected).take(1_000).find(|at| agree(*at, other)) {
            pairs.push((at, other));
            one = at + 1;
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
    use super::Found::Missing;
    use super::Found::Phantom;
    use super::Found::Reordered;
    use super::Found::Same;
    use super::Found::Wrong;
    use super::*;

    /// Each letter is a change; `U` and `u` are alike and do not agree.
    fn of(expected: &str, seen: &str) -> Vec<Found> {
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
