//! Tables that all lanes change are judged by the sums of their columns.

use serde::Deserialize;
use serde::Serialize;

use crate::units::Total;

use super::TableCounts;

/// What became of the sum of a column. Numbers are text, exact, as the server prints them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SharedSum {
    /// The target's name in the scenario.
    pub target: String,
    /// Its database.
    pub database: String,
    /// Namespace and name: `public.products`.
    pub table: String,
    /// The column that updates add to.
    pub column: String,
    /// The sum when the load began.
    pub before: Option<String>,
    /// What the server acknowledged as added, warm-up included.
    pub added: String,
    /// The sum when the load had ended; `null` if it could not be read.
    pub after: Option<String>,
    /// Whether `after` is `before` + `added`; `null` where that cannot be known: a sum could not be
    /// read, or nobody can tell what became of an action.
    pub exact: Option<bool>,
}

/// Where a column is: target, database, table, column.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SharedPlace {
    /// As in [`SharedSum`].
    pub target: String,
    /// As in [`SharedSum`].
    pub database: String,
    /// As in [`SharedSum`].
    pub table: String,
    /// As in [`SharedSum`].
    pub column: String,
}

impl SharedSum {
    /// Holds what is there against what must be. `is_known` says that no action on the table has an
    /// unknown fate.
    pub fn new(
        place: SharedPlace,
        (before, after): (Option<Total>, Option<Total>),
        added: Total,
        is_known: bool,
    ) -> Self {
        let expected = before.and_then(|before| before.checked_add(added));
        let exact = expected.zip(after).filter(|_| is_known);
        let SharedPlace { target, database, table, column } = place;
        Self {
            target,
            database,
            table,
            column,
            before: before.map(|total| total.to_string()),
            added: added.to_string(),
            after: after.map(|total| total.to_string()),
            exact: exact.map(|(expected, after)| expected == after),
        }
    }

    /// Adds what another shard added to the same sum. One of the shards has read it before all of them,
    /// and one behind all.
    pub(super) fn add(&mut self, other: &Self) {
        let total = |text: &str| {
            let scale = text.split_once('.').map_or(0, |(_, fraction)| fraction.len());
            Total::parse(text, u8::try_from(scale).ok()?)
        };
        let added = total(&self.added).zip(total(&other.added));
        let added = added.and_then(|(ours, theirs)| ours.checked_add(theirs));
        self.added = added.map_or_else(|| self.added.clone(), |added| added.to_string());
        self.before = self.before.take().or_else(|| other.before.clone());
        self.after = self.after.take().or_else(|| other.after.clone());
        let known =
            self.before.as_deref().and_then(total).zip(self.after.as_deref().and_then(total));
        self.exact = known.zip(added).and_then(|((before, after), added)| {
            before.checked_add(added).map(|expected| expected == after)
        });
    }

    /// Whether another is of the same column.
    pub(super) fn is_same_place(&self, other: &Self) -> bool {
        let place = |it: &Self| {
            (it.target.clone(), it.database.clone(), it.table.clone(), it.column.clone())
        };
        place(self) == place(other)
    }

    /// Whether it is of a column of this table.
    pub(super) fn is_in(&self, table: &TableCounts) -> bool {
        (&self.target, &self.database, &self.table)
            == (&table.target, &table.database, &table.table)
    }

    /// The same, of which nobody can tell whether it is exact.
    pub(super) fn doubt(&mut self) {
        self.exact = None;
    }

    /// What does not add up, in words.
    pub(super) fn mismatch(&self) -> Option<String> {
        let Self { table, column, before, added, after, .. } = self;
        let (before, after) = (before.as_deref()?, after.as_deref()?);
        (self.exact == Some(false)).then(|| {
            format!(
                "the sum of `{table}.{column}` is {after}, and {before} before the load with \
                 {added} acknowledged as added is not that"
            )
        })
    }
}
