//! What is known of one table at a surface: what is outstanding of its rows, and how late they came.

use crate::action::Change;
use crate::action::TableInfo;
use crate::measure::Histogram;
use crate::measure::LagSummary;
use crate::observe::cells::pieces;
use crate::observe::judge::Times;
use crate::observe::rows::OutstandingRows;
use crate::scenario::OwnTable;

/// What is known of a table.
#[derive(Debug)]
pub(super) struct Table {
    pub(super) name: String,
    /// Its database: see [`Places`].
    pub(super) at: usize,
    pub(super) rows: OutstandingRows,
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
pub(super) struct ChangeSource {
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

impl Default for Lags {
    fn default() -> Self {
        Self {
            low: Histogram::coarse(),
            high: Histogram::coarse(),
            freshness: Histogram::coarse(),
            before_ack: 0,
            oldest_missing_max_ns: 0,
        }
    }
}

impl Lags {
    /// Something came that was sent then.
    pub(super) fn come(&mut self, times: &Times, at: u64) {
        self.between(times, (at, at));
    }

    /// The same, some time between two moments.
    pub(super) fn between(&mut self, times: &Times, (since, at): (u64, u64)) {
        if !times.is_measured {
            return;
        }
        self.low.record(since.saturating_sub(times.settled));
        self.high.record(at.saturating_sub(times.sent));
        self.freshness.record(at.saturating_sub(times.due));
        self.before_ack += u64::from(at < times.settled);
    }

    /// What is to be said of it, if there was any.
    pub(super) fn summary(
        &self,
        surface: &str,
        (table, operation): (&str, &'static str),
    ) -> Option<LagSummary> {
        let is_known = self.high.count() > 0 || self.oldest_missing_max_ns > 0;
        is_known.then(|| LagSummary {
            surface: surface.to_owned(),
            table: table.to_owned(),
            operation,
            low: self.low.digest(),
            high: self.high.digest(),
            freshness: self.freshness.digest(),
            before_ack: self.before_ack,
            oldest_missing_max_ns: self.oldest_missing_max_ns,
        })
    }
}

impl Table {
    /// `at` is the number of its database.
    pub(super) fn new((info, is_own): (&TableInfo, bool), database: &str, at: usize) -> Self {
        let name = format!("{database}.{}.{}", info.namespace, info.name);
        let is_apart = info.name == OwnTable::Canary.name();
        let lags = [Lags::default(), Lags::default(), Lags::default()];
        let (rows, run, is_awaited) = (OutstandingRows::default(), info.markers(), false);
        Self { name, at, rows, lags, run, is_own, is_apart, is_awaited }
    }

    /// Which run a row says that it is of; `None` if it says nothing.
    pub(super) fn run_of(&self, row: &[u8]) -> Option<i64> {
        let (_, cell) = pieces(row).nth(self.run?)?;
        Some(i64::from_be_bytes(cell??.try_into().ok()?))
    }

    /// What is to be said of one kind of change, if there were any.
    pub(super) fn lag(&self, surface: &str, change: Change) -> Option<LagSummary> {
        self.lags[change as usize].summary(surface, (&self.name, operation(change)))
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
