//! How many rows name each row: the references of seeded rows, held against what they pick.

use std::collections::BTreeMap;

use crate::action::TableId;
use crate::fit::Finding;
use crate::fit::law::zipf;
use crate::fit::statistics::kinds;
use crate::fit::tally::Seen;
use crate::fit::tally::finding;
use crate::generate::Ranks;
use crate::generate::World;
use crate::schema::Column;
use crate::schema::Fill;
use crate::schema::Pick;
use crate::schema::Reference;

/// So many of the oldest rows are judged each; all behind them together.
const FIRST: u64 = 200;

/// Where all rows are alike, so many neighbours are judged together: those that are dealt evenly have one
/// child more or less by their place.
const BAND: u64 = 16;

/// What all that is behind the first is called.
const BEHIND: &str = "one further behind";

/// How often the oldest rows were named, and how often they should be.
pub(super) struct FanOut {
    column: usize,
    words: String,
    shares: BTreeMap<String, f64>,
    /// So many ranks are judged together.
    band: u64,
    ranks: Ranks,
    seen: BTreeMap<String, u64>,
    values: u64,
}

impl FanOut {
    /// Of a column; `None` if it is no reference that picks by a law.
    pub(super) fn of(
        world: &World,
        table: TableId,
        (columns, column): (&[Column], usize),
    ) -> Option<Self> {
        let fill = &columns[column].fill;
        let Fill::Reference(reference) = fill else { return None };
        let ranks = world.ranks(table, column, FIRST).filter(|ranks| ranks.among > 0)?;
        let (words, each) = match reference.pick {
            Pick::Zipf { exponent } => (format!("children by Zipf's law of {exponent}"), exponent),
            _ => ("as many children each".to_owned(), exponent(fill)?),
        };
        let each = match reference.unlike.and_then(|other| exponent(&columns[other].fill)) {
            Some(other) => beside(&zipf(ranks.among.max(2) - 1, each), &zipf(ranks.among, other)),
            None => zipf(ranks.among, each),
        };
        // Where not all are among the first, or some lanes have one more.
        let behind = if ranks.among > FIRST {
            (1.0 - each.iter().sum::<f64>()).max(0.0)
        } else {
            each.last().map_or(0.0, |last| last * ranks.more)
        };
        let band = if matches!(reference.pick, Pick::Uniform) { BAND } else { 1 };
        let mut shares = BTreeMap::new();
        for (rank, share) in (0..).zip(each) {
            *shares.entry(name(rank / band)).or_insert(0.0) += share;
        }
        if behind > 0.0 {
            shares.insert(BEHIND.to_owned(), behind);
        }
        Some(Self { column, words, shares, band, ranks, seen: BTreeMap::new(), values: 0 })
    }

    /// Takes a row in.
    pub(super) fn take(&mut self, row: &dyn Seen) {
        let Some(text) = row.text(self.column) else { return };
        let kind = self
            .ranks
            .first
            .get(&text)
            .map_or_else(|| BEHIND.to_owned(), |rank| name(rank / self.band));
        *self.seen.entry(kind).or_default() += 1;
        self.values += 1;
    }

    pub(super) fn judge(&self, place: &str) -> Option<Finding> {
        let is_enough = self.values >= super::tally::VALUES_MIN as u64;
        is_enough.then(|| {
            finding(place, self.words.clone(), self.values, kinds(&self.shares, &self.seen))
        })
    }
}

/// The power of the law by which a reference picks; 0 if all rows are alike.
fn exponent(fill: &Fill) -> Option<f64> {
    match fill {
        Fill::Reference(Reference { pick: Pick::Zipf { exponent }, .. }) => Some(*exponent),
        Fill::Reference(Reference { pick: Pick::Uniform, .. }) => Some(0.0),
        _ => None,
    }
}

/// How often the rows come that are picked beside another one, which is left out: those behind it move up.
fn beside(each: &[f64], other: &[f64]) -> Vec<f64> {
    let share =
        |of: &[f64], at: Option<usize>| at.and_then(|at| of.get(at).copied()).unwrap_or(0.0);
    let mut up_to = 0.0;
    let shares = other.iter().enumerate().map(|(rank, first)| {
        let moved = share(each, rank.checked_sub(1)) * up_to;
        up_to += first;
        share(each, Some(rank)) * (1.0 - up_to) + moved
    });
    shares.collect()
}

/// The row of this rank, from 0 on, or the band of rows.
fn name(rank: u64) -> String {
    format!("number {} by age", rank + 1)
}
