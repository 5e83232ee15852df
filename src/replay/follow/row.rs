//! One row as a whole: what was made of it held against what came.

use std::collections::HashSet;

use crate::action::Change;
use crate::ledger::Seen;
use crate::measure::Deviation;
use crate::measure::Verification;
use crate::observe::Certainty;
use crate::observe::settle::Settled;
use crate::observe::settle::settle;
use crate::observe::settle::sums;
use crate::replay::follow::ChangeDiscrepancy;
use crate::replay::follow::Made;
use crate::replay::observed::Observations;
use crate::replay::observed::agrees;
use crate::replay::observed::difference;
use crate::replay::observed::what;

/// What came of a row.
pub(super) struct Came<'a> {
    pub(super) all: &'a Observations,
    pub(super) seen: &'a [Seen],
    /// How many of its last changes may be held back.
    pub(super) held: u64,
}

pub(super) fn row_by_row<'a>(
    made: &'a [Made],
    Came { all, seen, held }: Came<'a>,
    is_lost: impl Fn(&Made) -> bool,
    verification: &mut Verification,
    faults: &mut Vec<ChangeDiscrepancy<'a>>,
) {
    let is_same = |one: usize, other: usize| what(made[one].change) == seen[other].what;
    // An update is not to blame for a wrong value that it only carries along.
    let differences: Vec<_> =
        made.iter().zip(seen).map(|(made, seen)| difference(made.row.as_deref(), seen)).collect();
    let is_carried = |at: usize| {
        let before =
            at.checked_sub(1).and_then(|before| differences.get(before).copied().flatten());
        made[at].change == Change::Update
            && before.is_some()
            && differences.get(at).copied().flatten() == before
    };
    // What an update has set it does not carry along.
    let may_be = |one: usize, other: usize| {
        let (made, seen) = (&made[one], &seen[other]);
        let owed = all.owed(seen, made.set);
        agrees(made.row.as_deref(), seen, owed)
            || one == other
                && is_carried(one)
                && !made.row.as_deref().is_some_and(|row| owed.is_amiss(row))
    };
    let found = settle(
        made.len(),
        seen.len(),
        |one, other| is_same(one, other) && may_be(one, other),
        |one, other| is_same(one, other) && made[one].certainty == Certainty::Certain,
    );
    // Those that came one after the other as they were made are matched before anybody asks for their order.
    let both = made.len().min(seen.len());
    let even = (0..both).take_while(|at| is_same(*at, *at) && may_be(*at, *at)).count();
    let is_loose = seen[even..].iter().any(|seen| seen.is_loose);
    let is_missing = |found: &&Settled| match found {
        Settled::Missing(one) => made[*one].certainty == Certainty::Certain,
        _ => false,
    };
    let mut due = (found.iter().filter(is_missing).count() as u64).saturating_sub(held);
    let has_more = found.iter().any(|found| matches!(found, Settled::Phantom(_)));
    let is_again =
        if has_more { came_before(seen, all.has_own_log) } else { vec![false; seen.len()] };
    for found in found {
        let (class, one, other) = match found {
            // Of what comes in no order nobody knows what came first.
            Settled::Reordered(one, _) if is_loose => {
                verification.expected += u64::from(made[one].certainty != Certainty::Certain);
                continue;
            }
            Settled::Same(one, _) => {
                verification.expected += u64::from(made[one].certainty != Certainty::Certain);
                continue;
            }
            Settled::Reordered(one, other) => (Deviation::Reordered, Some(one), Some(other)),
            Settled::Wrong(one, other) => (Deviation::Wrong, Some(one), Some(other)),
            Settled::Phantom(other) if is_again[other] => (Deviation::Doubled, None, Some(other)),
            Settled::Phantom(other) => (Deviation::Phantom, None, Some(other)),
            Settled::Missing(one) => match made[one].certainty {
                Certainty::Short => continue,
                Certainty::Certain if due > 0 && is_lost(&made[one]) => {
                    due -= 1;
                    (Deviation::Lost, Some(one), None)
                }
                Certainty::Certain | Certainty::Unknown => (Deviation::Pending, Some(one), None),
            },
        };
        let is_certain = one.map(|at| made[at].certainty == Certainty::Certain);
        let (more, came) = sums(class, (is_certain, other.is_some()), false);
        verification.expected += more;
        verification.observed = verification.observed.saturating_add_signed(came);
        *verification.of(class) += 1;
        faults.push((class, one.map(|at| &made[at]), other.map(|at| &seen[at])));
    }
}

/// Which of what came of a row came before: the same, from the same place in the log, unless the surface has one of
/// its own.
fn came_before(seen: &[Seen], has_own_log: bool) -> Vec<bool> {
    let place = |seen: &Seen| if has_own_log { 0 } else { seen.lsn };
    let of = |seen: &Seen| (place(seen), seen.what, seen.content, seen.open);
    let mut known = HashSet::new();
    seen.iter().map(|seen| !known.insert(of(seen))).collect()
}
