//! What is not as it should be: which, and the first of them.

#[cfg(test)]
mod tests;

use std::borrow::Cow;

use crate::action::Catalog;
use crate::action::TableId;
use crate::measure::Deviation;
use crate::measure::Example;
use crate::measure::First;
use crate::measure::Verification;
use crate::observe::RowChange;
use crate::observe::cells::agree;
use crate::observe::cells::show;
use crate::observe::cells::show_key;
use crate::observe::judge::Certainty;
use crate::observe::judge::Expected;
use crate::observe::judge::Outstanding;
use crate::observe::settle::Settled;
use crate::observe::settle::settle;
use crate::observe::settle::sums;
use crate::observe::table::operation;
use crate::observe::tails::Tails;
use crate::observe::transactions::Odd;
use crate::observe::whose::Whose;
use crate::sink::postgres::replication::Lsn;

/// The first discrepancies.
#[derive(Debug, Default)]
pub(super) struct Discrepancies {
    first: First<Discrepancy>,
}

/// Which row is judged, and how.
#[derive(Debug, Clone, Copy)]
pub(super) struct Scope<'a> {
    pub(super) table: TableId,
    pub(super) key: &'a [u8],
    pub(super) is_complete: bool,
    pub(super) is_apart: bool,
    pub(super) tails: Option<&'a Tails>,
}

/// What of a row is no fault, or not yet.
#[derive(Debug, Default)]
pub(super) struct Left {
    /// Those that belong together after all.
    pub(super) matched: Vec<(usize, usize)>,
    /// What did not come, and may be held back.
    pub(super) held: Vec<usize>,
}

#[derive(Debug)]
struct Discrepancy {
    class: Deviation,
    table: TableId,
    key: Box<[u8]>,
    operation: &'static str,
    expected: Option<Box<[u8]>>,
    seen: Option<Box<[u8]>>,
    lsn: Option<Lsn>,
    /// What is to be said beside of what came.
    remark: Option<Cow<'static, str>>,
}

impl Discrepancies {
    pub(super) fn doubled(&mut self, change: &RowChange, lsn: Lsn) {
        self.add(Deviation::Doubled, |class| Discrepancy {
            class,
            table: change.table,
            key: change.key.clone(),
            operation: operation(change.change),
            expected: None,
            seen: Some(change.row.clone()),
            lsn: Some(lsn),
            remark: None,
        });
    }

    /// A copy of a change is not there any more.
    pub(super) fn not_doubled(&mut self, change: &RowChange, lsn: Lsn) {
        self.first.take(Deviation::Doubled, |fault| {
            fault.table == change.table && fault.key == change.key && fault.lsn == Some(lsn)
        });
    }

    pub(super) fn gone(&mut self, change: &RowChange, lsn: Lsn) {
        self.add(Deviation::Lost, |class| Discrepancy {
            class,
            table: change.table,
            key: change.key.clone(),
            operation: operation(change.change),
            expected: Some(change.row.clone()),
            seen: None,
            lsn: Some(lsn),
            remark: None,
        });
    }

    fn truncated(&mut self, class: Deviation, table: TableId, lsn: Option<Lsn>) {
        self.add(class, |class| Discrepancy {
            class,
            table,
            key: Box::default(),
            operation: "truncate",
            expected: lsn.is_none().then(Box::default),
            seen: lsn.map(|_| Box::default()),
            lsn,
            remark: None,
        });
    }

    /// Judges what is left of a table's truncations: see [`Truncations::odd`](super::truncations::Truncations).
    pub(super) fn judge_truncations(
        &mut self,
        table: TableId,
        (unsure, missing, phantoms): (usize, usize, Vec<Lsn>),
        is_complete: bool,
        verification: &mut Verification,
    ) {
        let class = if is_complete { Deviation::Lost } else { Deviation::Pending };
        verification.expected += unsure as u64;
        *verification.of(class) += missing as u64;
        (0..missing).for_each(|_| self.truncated(class, table, None));
        verification.phantom += phantoms.len() as u64;
        for lsn in phantoms {
            self.truncated(Deviation::Phantom, table, Some(lsn));
        }
    }

    /// What was told of a transaction is not what it did: counted beside the changes, once.
    pub(super) fn transaction(&mut self, odd: Odd, verification: &mut Verification) {
        let Odd { class, table, text } = odd;
        let is_told = class != Deviation::Lost;
        verification.expected += 1;
        verification.observed += u64::from(is_told);
        *verification.of(class) += 1;
        self.add(class, |class| Discrepancy {
            class,
            table,
            key: Box::default(),
            operation: "transaction",
            expected: Some(Box::default()),
            seen: is_told.then(Box::default),
            lsn: None,
            remark: Some(text.into()),
        });
    }

    fn add(&mut self, class: Deviation, fault: impl FnOnce(Deviation) -> Discrepancy) {
        self.first.add(class, || fault(class));
    }

    /// A change did not come.
    pub(super) fn missing(
        &mut self,
        class: Deviation,
        (table, key): (TableId, Box<[u8]>),
        expected: Expected,
    ) {
        self.add(class, |class| Discrepancy {
            class,
            table,
            key,
            operation: operation(expected.change),
            expected: Some(expected.row),
            seen: None,
            lsn: None,
            remark: None,
        });
    }

    /// Judges what is left of a row. Returns what is no fault, or not yet. Of a table that is told apart from the load
    /// only faults are counted, each with what was expected and came there.
    pub(super) fn judge(
        &mut self,
        Scope { table, key, is_complete, is_apart, tails }: Scope<'_>,
        place: &mut Outstanding,
        verification: &mut Verification,
    ) -> Left {
        let mut left = Left::default();
        let (expected, seen) = (place.expected.make_contiguous(), place.seen.make_contiguous());
        let is_same_kind = |one: usize, other: usize| expected[one].change == seen[other].change;
        let found = settle(
            expected.len(),
            seen.len(),
            |one, other| {
                let (expected, seen) = (&expected[one], &seen[other]);
                is_same_kind(one, other)
                    && agree(&expected.row, &seen.row)
                    && expected.whose.fits(&seen.whose)
            },
            |one, other| is_same_kind(one, other) && expected[one].certainty == Certainty::Certain,
        );
        let is_loose = tails.is_some() && seen.iter().any(|it| Tails::is_loose(it.partition));
        let newest = found.iter().filter_map(Settled::came).max();
        for found in found {
            let (class, one, other) = match found {
                Settled::Same(one, other) => {
                    left.matched.push((one, other));
                    continue;
                }
                // Nobody knows which of them came first.
                Settled::Reordered(one, other) if is_loose => {
                    left.matched.push((one, other));
                    continue;
                }
                Settled::Reordered(one, other) => (Deviation::Reordered, Some(one), Some(other)),
                Settled::Wrong(one, other) => (Deviation::Wrong, Some(one), Some(other)),
                Settled::Phantom(other) if seen[other].is_again => {
                    (Deviation::Doubled, None, Some(other))
                }
                Settled::Phantom(other) => (Deviation::Phantom, None, Some(other)),
                Settled::Missing(one) => match expected[one].certainty {
                    Certainty::Short => continue,
                    Certainty::Certain
                        if is_complete
                            && newest < Some(one)
                            && tails.is_some_and(|it| {
                                it.may_hold(table, expected[one].times.settled)
                            }) =>
                    {
                        left.held.push(one);
                        continue;
                    }
                    Certainty::Certain if is_complete => (Deviation::Lost, Some(one), None),
                    // Nobody asked for it, so nobody waits for it.
                    Certainty::Certain | Certainty::Unknown if is_apart => continue,
                    Certainty::Certain | Certainty::Unknown => {
                        (Deviation::Pending, Some(one), None)
                    }
                },
            };
            *verification.of(class) += 1;
            let is_certain = one.map(|at| expected[at].certainty == Certainty::Certain);
            let (more, came) = sums(class, (is_certain, other.is_some()), is_apart);
            verification.expected += more;
            verification.observed = verification.observed.saturating_add_signed(came);
            let whose = |one: Option<usize>| one.map_or(&Whose::Untold, |at| &expected[at].whose);
            let change = one.map(|at| expected[at].change).or(other.map(|at| seen[at].change));
            self.add(class, |class| Discrepancy {
                class,
                table,
                key: key.into(),
                operation: change.map_or("", operation),
                expected: one.map(|at| expected[at].row.clone()),
                seen: other.map(|at| seen[at].row.clone()),
                lsn: other.map(|at| seen[at].lsn),
                remark: other.and_then(|at| whose(one).remark(&seen[at].whose).map(Cow::Borrowed)),
            });
        }
        left
    }

    /// For people. `names` are those of the tables, by number.
    pub(super) fn examples(
        self,
        surface: &str,
        catalog: &Catalog,
        names: &[String],
    ) -> Vec<Example> {
        let example = |fault: Discrepancy| {
            let table = catalog.table(fault.table);
            let values = |row: &[u8]| match show(row, &table.columns, true) {
                text if text.is_empty() => fault.operation.to_owned(),
                text => text,
            };
            Example {
                class: fault.class,
                surface: surface.to_owned(),
                table: names.get(usize::from(fault.table.0)).cloned().unwrap_or_default(),
                key: show_key(&fault.key, table),
                operation: fault.operation,
                expected: fault.expected.as_deref().map(|row| match &fault.remark {
                    Some(remark) if fault.seen.is_none() => format!("{} ({remark})", values(row)),
                    _ => values(row),
                }),
                seen: fault.seen.as_deref().map(|row| match &fault.remark {
                    Some(remark) => format!("{} ({remark})", values(row)),
                    None => values(row),
                }),
                lsn: fault.lsn.map(|lsn| lsn.to_string()),
            }
        };
        self.first.all().map(example).collect()
    }
}
