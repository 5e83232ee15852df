//! What was observed at a far end: how late, and whether all of it, and nothing else, arrived.

use serde::Deserialize;
use serde::Serialize;

use crate::pace::real;
use crate::scenario::Comparison;
use crate::scenario::Metric;
use crate::scenario::Statistic;
use crate::scenario::Threshold;

use super::Deviation;
use super::Digest;
use super::First;
use super::Histogram;
use super::Observed;
use super::threshold::holds;
use super::threshold::of_durations;

/// All that observers found.
#[derive(Debug, Clone, Default)]
pub struct Findings {
    /// At each surface, in the order of the scenario.
    pub surfaces: Vec<SurfaceFindings>,
    /// Why the verdict says nothing, if it does not.
    pub invalid_because: Vec<String>,
}

/// What was found at one surface.
#[derive(Debug, Clone)]
pub struct SurfaceFindings {
    /// The observer's name in the scenario.
    pub surface: String,
    /// For each table and operation that was observed.
    pub lags: Vec<LagSummary>,
    /// From sent to observed, of all rows: never less than the true lag.
    pub high: Histogram,
    /// From due to observed, of all rows.
    pub freshness: Histogram,
    /// What was expected and what came.
    pub verification: Verification,
    /// What of it is of loadgen's own tables.
    pub own: Verification,
    /// Rows of snapshots that came beside the changes, and are judged by the trace.
    pub snapshot_rows: u64,
    /// Whether events come there, and no changes of rows.
    pub is_of_events: bool,
}

impl Findings {
    /// Of observers that left nothing, for a reason.
    pub fn none(reason: impl Into<String>) -> Self {
        Self { surfaces: Vec::new(), invalid_because: vec![reason.into()] }
    }

    /// What was expected and what came, at all surfaces together. The examples are taken from each in turn,
    /// so that those of one surface do not hide those of another.
    pub(super) fn verification(&self) -> Verification {
        let all: Vec<_> = self.surfaces.iter().map(|it| &it.verification).collect();
        Verification::sum(&all)
    }

    /// How late changes were, at each surface.
    pub(super) fn lags(&self) -> Vec<LagSummary> {
        self.surfaces.iter().flat_map(|it| it.lags.iter().cloned()).collect()
    }

    /// The counts of each surface.
    pub(super) fn counts(&self) -> Vec<SurfaceCounts> {
        let counts = |it: &SurfaceFindings| {
            let own = SurfaceCounts::of(&it.surface, &it.own);
            let has_own = it.own != Verification::default();
            let own = has_own.then(|| Box::new(own));
            let is_of_events = it.is_of_events;
            SurfaceCounts { is_of_events, own, ..SurfaceCounts::of(&it.surface, &it.verification) }
        };
        self.surfaces.iter().map(counts).collect()
    }

    /// What is not as it should be and no threshold judges, in words.
    pub(super) fn faults(&self, thresholds: &[Threshold]) -> Vec<String> {
        let is_one = self.surfaces.len() == 1;
        let of = |found: &SurfaceFindings| {
            let faults = found.faults(thresholds).into_iter();
            let surface = &found.surface;
            let named = |fault| if is_one { fault } else { format!("at `{surface}`: {fault}") };
            faults.map(named).collect::<Vec<_>>()
        };
        self.surfaces.iter().flat_map(of).collect()
    }
}

/// The counts of one surface, as they are in [`Verification`].
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[expect(missing_docs, reason = "as in `Verification`")]
pub struct SurfaceCounts {
    /// The observer's name in the scenario.
    pub surface: String,
    pub expected: u64,
    pub observed: u64,
    pub lost: u64,
    pub doubled: u64,
    pub replayed: u64,
    pub reordered: u64,
    pub wrong: u64,
    pub phantom: u64,
    pub pending: u64,
    #[serde(default)]
    pub passed_over: u64,
    /// How many values could not be compared, of whatever columns.
    #[serde(default)]
    pub not_compared: u64,
    /// Whether these are events, and no changes of rows.
    #[serde(default)]
    pub is_of_events: bool,
    /// What of it is of loadgen's own tables, to which steps and canaries write; `None` without any.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub own: Option<Box<Self>>,
}

impl SurfaceCounts {
    /// Of what was found at a surface.
    pub fn of(surface: &str, found: &Verification) -> Self {
        Self {
            surface: surface.to_owned(),
            expected: found.expected,
            observed: found.observed,
            lost: found.lost,
            doubled: found.doubled,
            replayed: found.replayed,
            reordered: found.reordered,
            wrong: found.wrong,
            phantom: found.phantom,
            pending: found.pending,
            passed_over: found.passed_over,
            not_compared: found.not_compared.iter().map(|it| it.values).sum(),
            is_of_events: false,
            own: None,
        }
    }

    /// The same as what was found, without examples.
    pub fn verification(&self) -> Verification {
        Verification {
            expected: self.expected,
            observed: self.observed,
            lost: self.lost,
            doubled: self.doubled,
            replayed: self.replayed,
            reordered: self.reordered,
            wrong: self.wrong,
            phantom: self.phantom,
            pending: self.pending,
            passed_over: self.passed_over,
            not_compared: Vec::new(),
            examples: Vec::new(),
        }
    }
}

/// How late the changes of a table were observed, from the measured part of the run. The commit lies
/// between the moment when it was sent and the moment when it was acknowledged, so the true lag lies
/// between `low` and `high`.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct LagSummary {
    /// The observer's name in the scenario.
    pub surface: String,
    /// Database, PostgreSQL schema and name.
    pub table: String,
    /// `insert`, `update` or `delete`.
    pub operation: &'static str,
    /// From acknowledged to observed; 0 where it was observed first.
    pub low: Digest,
    /// From sent to observed.
    pub high: Digest,
    /// From due to observed.
    pub freshness: Digest,
    /// How many were observed before they were acknowledged.
    pub before_ack: u64,
    /// The greatest age of an acknowledged change that had not been observed, looked at each second.
    pub oldest_missing_max_ns: u64,
}

/// How late the changes of a second came.
#[derive(Debug, Clone, PartialEq)]
pub struct LagSecond {
    /// When it ended, on the run's clock, in nanoseconds.
    pub at_ns: u64,
    /// For each database that is observed.
    pub places: Vec<LagPlace>,
}

/// How late the changes of one database came in a second.
#[derive(Debug, Clone, PartialEq)]
pub struct LagPlace {
    /// The observer's name in the scenario.
    pub surface: String,
    /// The database.
    pub database: String,
    /// The replication slot that is read.
    pub slot: String,
    /// From sent to observed.
    pub high: Digest,
    /// From due to observed.
    pub freshness: Digest,
    /// The greatest lag of the canary, from sent to observed; `None` if it did not come.
    pub canary_ns: Option<u64>,
    /// Changes that were acknowledged, and had not come at its end.
    pub outstanding: u64,
    /// How long ago the oldest of them was acknowledged; 0 without any.
    pub oldest_missing_ns: u64,
}

/// How late changes come, at one moment.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct LiveLag {
    /// From sent to observed, the 99th percentile of the last second; `None` if nothing came.
    pub p99_ns: Option<u64>,
    /// How long ago the oldest change was acknowledged that has not come; 0 without any.
    pub oldest_missing_ns: u64,
}

/// Changes of rows: what was expected at the far end, and what came.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Verification {
    /// Acknowledged, warm-up included.
    pub expected: u64,
    /// Came, each counted once.
    pub observed: u64,
    /// Expected, and did not come.
    pub lost: u64,
    /// Came a second time, though nothing was restarted.
    pub doubled: u64,
    /// Came a second time after a restart, which a consumer must expect.
    pub replayed: u64,
    /// Came behind a later change of their row.
    pub reordered: u64,
    /// Came with other values.
    pub wrong: u64,
    /// Came, and nobody had sent them.
    pub phantom: u64,
    /// Cannot be judged: the far end was not read to its end, or nobody can tell what became of them.
    pub pending: u64,
    /// Were overwritten before their row was looked at, or cannot be told by looking at it, where rows are looked at
    /// now and then.
    pub passed_over: u64,
    /// Values that came and were not compared, by column: what came leaves them out, or leaves open what they are.
    pub not_compared: Vec<NotCompared>,
    /// The first hundred of those that are not as they should be, of each kind some.
    pub examples: Vec<Example>,
}

/// A column of which values came that could not be compared.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct NotCompared {
    /// The observer's name in the scenario.
    pub surface: String,
    /// Database, PostgreSQL schema and name.
    pub table: String,
    /// The column's name.
    pub column: String,
    /// How many.
    pub values: u64,
}

/// A change that is not as it should be.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Example {
    /// What is not as it should be.
    pub class: Deviation,
    /// The observer's name in the scenario; empty where rows themselves were looked at.
    pub surface: String,
    /// Database, PostgreSQL schema and name.
    pub table: String,
    /// The row's key.
    pub key: String,
    /// `insert`, `update`, `delete` or `truncate`.
    pub operation: &'static str,
    /// What should have come; `None` if nothing should.
    pub expected: Option<String>,
    /// What came; `None` if nothing did.
    pub seen: Option<String>,
    /// Where the transaction that came ends in the write-ahead log.
    pub lsn: Option<String>,
}

impl Verification {
    /// Of several surfaces together.
    pub fn sum(all: &[&Self]) -> Self {
        let mut sum = Self::default();
        for each in all {
            sum.expected += each.expected;
            sum.observed += each.observed;
            sum.lost += each.lost;
            sum.doubled += each.doubled;
            sum.replayed += each.replayed;
            sum.reordered += each.reordered;
            sum.wrong += each.wrong;
            sum.phantom += each.phantom;
            sum.pending += each.pending;
            sum.passed_over += each.passed_over;
            sum.not_compared.extend(each.not_compared.iter().cloned());
        }
        let longest = all.iter().map(|each| each.examples.len()).max().unwrap_or(0);
        let turn = |at: usize| all.iter().filter_map(move |each| each.examples.get(at)).cloned();
        sum.examples = First::of((0..longest).flat_map(turn), |it| it.class).all().collect();
        sum
    }

    /// The count of one kind.
    pub fn of(&mut self, class: Deviation) -> &mut u64 {
        match class {
            Deviation::Lost => &mut self.lost,
            Deviation::Doubled => &mut self.doubled,
            Deviation::Reordered => &mut self.reordered,
            Deviation::Wrong => &mut self.wrong,
            Deviation::Phantom => &mut self.phantom,
            Deviation::Pending => &mut self.pending,
        }
    }

    /// Whether something is not as it should be.
    pub fn is_faulty(&self) -> bool {
        self.lost + self.doubled + self.reordered + self.wrong + self.phantom > 0
    }

    /// The count that a metric is, if it is one of these.
    pub(super) fn count(&self, metric: Metric) -> Option<u64> {
        Some(match metric {
            Metric::Lost => self.lost,
            Metric::Doubled => self.doubled,
            Metric::Replayed => self.replayed,
            Metric::Reordered => self.reordered,
            Metric::Wrong => self.wrong,
            Metric::Phantom => self.phantom,
            Metric::Pending => self.pending,
            _ => return None,
        })
    }
}

/// What a threshold on something observed finds, at the surface where that is worst; `None` if one of those
/// that it is about has fewer data than it asks for, and it holds at the others.
pub(super) fn observe(
    threshold: &Threshold,
    findings: Option<&Findings>,
    seconds: f64,
) -> Option<Observed> {
    let is_meant = |found: &&SurfaceFindings| {
        threshold.surface.as_ref().is_none_or(|meant| *meant == found.surface)
    };
    let surfaces = findings?.surfaces.iter().filter(is_meant);
    let all: Vec<_> = surfaces.map(|found| observe_one(threshold, found, seconds)).collect();
    let is_worse = |one: &Observed, other: &Observed| match threshold.comparison {
        Comparison::Less | Comparison::LessOrEqual => one.value().total_cmp(&other.value()),
        Comparison::Greater | Comparison::GreaterOrEqual => other.value().total_cmp(&one.value()),
        Comparison::Equal => {
            let distance = |it: &Observed| (it.value() - threshold.bound).abs();
            distance(one).total_cmp(&distance(other))
        }
    };
    let worst = all.iter().flatten().copied().max_by(is_worse)?;
    (all.iter().all(Option::is_some) || !holds(threshold, worst)).then_some(worst)
}

fn observe_one(
    threshold: &Threshold,
    findings: &SurfaceFindings,
    seconds: f64,
) -> Option<Observed> {
    let least = threshold.min_samples.max(1);
    let durations = match threshold.metric {
        Metric::CdcLag => &findings.high,
        Metric::Freshness => &findings.freshness,
        metric => {
            let expected = findings.verification.expected;
            // However few were expected, what went wrong did.
            let has_data = |count: &u64| *count > 0 || expected >= least;
            let count = findings.verification.count(metric).filter(has_data)?;
            return Some(match threshold.statistic {
                Statistic::Rate => Observed::Rate(super::rate(count, seconds)),
                Statistic::Ratio => Observed::Ratio(real(count) / real(expected.max(1))),
                _ => Observed::Count(count),
            });
        }
    };
    let is_known = durations.count() >= least;
    is_known.then(|| of_durations(durations, threshold.statistic, seconds)).flatten()
}
