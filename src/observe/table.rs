//! What is known of one table at a surface: what is outstanding of its rows, and how late they came.

use std::collections::HashMap;

use crate::action::Change;
use crate::action::TableInfo;
use crate::measure::Histogram;
use crate::measure::LagSummary;
use crate::observe::cells::pieces;
use crate::observe::judge::Place;
use crate::scenario::OwnTable;

/// What is known of a table.
#[derive(Debug)]
pub(super) struct Table {
    pub(super) name: String,
    /// Its database: see [`Places`].
    pub(super) at: usize,
    pub(super) places: HashMap<Box<[u8]>, Place>,
    /// By change.
    pub(super) lags: [Lags; 3],
    /// The column in which a row tells whose it is, if it does.
    run: Option<usize>,
    /// Whether it is one of our own.
    pub(super) is_own: bool,
    /// Whether it is told apart from the load, and counted nowhere.
    pub(super) is_apart: bool,
    /// It need not come, and has not come yet.
    pub(super) is_awaited: bool,
}

/// Where changes of a domain come from, at a surface.
#[derive(Debug)]
pub(super) struct Origin {
    pub(super) database: String,
    /// The slot that is read there, if it is known.
    pub(super) slot: String,
}

#[derive(Debug)]
pub(super) struct Lags {
    pub(super) low: Histogram,
    pub(super) high: Histogram,
    pub(super) freshness: Histogram,
    pub(super) before_ack: u64,
    pub(super) oldest_missing_max_ns: u64,
}

impl Lags {
    fn new() -> Self {
        Self {
            low: Histogram::coarse(),
            high: Histogram::coarse(),
            freshness: Histogram::coarse(),
            before_ack: 0,
            oldest_missing_max_ns: 0,
        }
    }
}

impl Table {
    /// `at` is the number of its database.
    pub(super) fn new((info, is_own): (&TableInfo, bool), database: &str, at: usize) -> Self {
        let name = format!("{database}.{}.{}", info.namespace, info.name);
        let is_apart = info.name == OwnTable::Canary.name();
        let lags = [Lags::new(), Lags::new(), Lags::new()];
        let (places, run, is_awaited) = (HashMap::new(), info.markers(), false);
        Self { name, at, places, lags, run, is_own, is_apart, is_awaited }
    }

    /// Which run a row says that it is of; `None` if it says nothing.
    pub(super) fn run_of(&self, row: &[u8]) -> Option<i64> {
        let (_, cell) = pieces(row).nth(self.run?)?;
        Some(i64::from_be_bytes(cell??.try_into().ok()?))
    }

    /// What is to be said of one kind of change, if there were any.
    pub(super) fn lag(&self, surface: &str, change: Change) -> Option<LagSummary> {
        let lags = &self.lags[change as usize];
        let is_known = lags.high.count() > 0 || lags.oldest_missing_max_ns > 0;
        is_known.then(|| LagSummary {
            surface: surface.to_owned(),
            table: self.name.clone(),
            operation: operation(change),
            low: lags.low.digest(),
            high: lags.high.digest(),
            freshness: lags.freshness.digest(),
            before_ack: lags.before_ack,
            oldest_missing_max_ns: lags.oldest_missing_max_ns,
        })
    }
}

/// As summaries call it.
pub(super) fn operation(change: Change) -> &'static str {
    match change {
        Change::Insert => "insert",
        Change::Update => "update",
        Change::Delete => "delete",
    }
}
