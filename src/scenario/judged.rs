//! How a run is judged: conditions on what was measured, and when its numbers are worth anything.

use std::time::Duration;

use serde::Deserialize;
use serde::Serialize;

/// A condition on what was measured.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Threshold {
    /// Its name, if it has one.
    pub id: Option<String>,
    /// What is looked at.
    pub metric: Metric,
    /// Only this stream, or all together.
    pub stream: Option<String>,
    /// Only what this observer sees, or whichever sees the worst.
    #[serde(default)]
    pub surface: Option<String>,
    /// Which statistic of it.
    pub statistic: Statistic,
    /// How it is compared.
    pub comparison: Comparison,
    /// With what: nanoseconds, a ratio (0 to 1), a count or a rate per second.
    pub bound: f64,
    /// As written, for the report: `p99 < 50ms`.
    pub expr: String,
    /// Of which part of the run.
    pub over: Over,
    /// So many evaluations in a row must not hold before it counts as breached.
    pub consecutive: u32,
    /// From the beginning of the measured part on, so long nothing is evaluated.
    pub grace: Duration,
    /// With fewer samples there is no evaluation.
    pub min_samples: u64,
    /// What a breach does.
    pub action: BreachAction,
    /// Whether it holds if it could never be evaluated.
    pub passes_without_data: bool,
}

impl Threshold {
    /// Over the whole measured part, with nothing out of the ordinary.
    pub fn new(
        metric: Metric,
        statistic: Statistic,
        (comparison, bound): (Comparison, f64),
        expr: &str,
    ) -> Threshold {
        Threshold {
            id: None,
            metric,
            stream: None,
            surface: None,
            statistic,
            comparison,
            bound,
            expr: expr.to_owned(),
            over: Over::Measure,
            consecutive: 1,
            grace: Duration::ZERO,
            min_samples: 1,
            action: BreachAction::Fail,
            passes_without_data: false,
        }
    }

    /// Whether it is evaluated each second, and not only at the end.
    pub fn is_watched(&self) -> bool {
        matches!(self.over, Over::Window(_)) || self.action == BreachAction::Abort
    }

    /// Whether it is of how much is done: a shard, which does its share, cannot tell.
    pub fn is_of_amounts(&self) -> bool {
        let is_count = matches!(
            self.metric,
            Metric::AchievedRate
                | Metric::Failed
                | Metric::Unknown
                | Metric::Missed
                | Metric::Skipped
        );
        match self.statistic {
            Statistic::Ratio => false,
            Statistic::Count | Statistic::Rate => true,
            _ => is_count,
        }
    }

    /// By which messages name it: its id, or what it says.
    pub fn title(&self) -> String {
        let of = self.stream.as_ref().or(self.surface.as_ref());
        let of = of.map(|name| format!("{name}: ")).unwrap_or_default();
        let says = || format!("{of}{} {}", self.metric.name(), self.expr);
        self.id.clone().unwrap_or_else(says)
    }
}

/// Of which part of a run a threshold is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Over {
    /// The whole measured part.
    Measure,
    /// What came due in the segments of this name.
    Segment(String),
    /// What settled in the last so many seconds, looked at each second.
    Window(Duration),
}

/// What becomes of a run of which a threshold does not hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub enum BreachAction {
    /// It goes on, and fails.
    #[default]
    Fail,
    /// It goes on, and it is shown.
    Warn,
    /// It ends at once, and fails.
    Abort,
}

/// What a threshold looks at.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[expect(missing_docs, reason = "DESIGN §3 and the summary name them alike")]
pub enum Metric {
    Sched,
    Queue,
    Service,
    Response,
    FailedRatio,
    AchievedRate,
    Failed,
    Unknown,
    Missed,
    Skipped,
    CdcLag,
    Freshness,
    Lost,
    Doubled,
    Replayed,
    Reordered,
    Wrong,
    Phantom,
    Pending,
    SlotWal,
}

impl Metric {
    /// As scenarios and summaries call it.
    pub fn name(self) -> &'static str {
        match self {
            Metric::Sched => "sched",
            Metric::Queue => "queue",
            Metric::Service => "service",
            Metric::Response => "response",
            Metric::FailedRatio => "failed_ratio",
            Metric::AchievedRate => "achieved_rate",
            Metric::Failed => "failed",
            Metric::Unknown => "unknown",
            Metric::Missed => "missed",
            Metric::Skipped => "skipped",
            Metric::CdcLag => "cdc_lag",
            Metric::Freshness => "freshness",
            Metric::Lost => "lost",
            Metric::Doubled => "doubled",
            Metric::Replayed => "replayed",
            Metric::Reordered => "reordered",
            Metric::Wrong => "wrong",
            Metric::Phantom => "phantom",
            Metric::Pending => "pending",
            Metric::SlotWal => "slot_wal",
        }
    }

    /// Whether it is of what an observer sees.
    pub fn is_observed(self) -> bool {
        matches!(
            self,
            Metric::CdcLag
                | Metric::Freshness
                | Metric::Lost
                | Metric::Doubled
                | Metric::Replayed
                | Metric::Reordered
                | Metric::Wrong
                | Metric::Phantom
                | Metric::Pending
        )
    }
}

/// Which number of a metric.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub enum Statistic {
    /// The metric is one number.
    Value,
    /// How many.
    Count,
    /// How many a second.
    Rate,
    /// How many of those that settled, 0 to 1.
    Ratio,
    /// Least.
    Min,
    /// Mean.
    Mean,
    /// Greatest.
    Max,
    /// A percentile, 0 to 100.
    Percentile(f64),
}

/// How a threshold compares.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[expect(missing_docs, reason = "they are the operators")]
pub enum Comparison {
    Less,
    LessOrEqual,
    Equal,
    GreaterOrEqual,
    Greater,
}

impl Comparison {
    /// Whether a number compares so with a bound.
    pub fn holds(self, observed: f64, bound: f64) -> bool {
        match self {
            Comparison::Less => observed < bound,
            Comparison::LessOrEqual => observed <= bound,
            Comparison::Equal => (observed - bound).abs() <= bound.abs() * f64::EPSILON,
            Comparison::GreaterOrEqual => observed >= bound,
            Comparison::Greater => observed > bound,
        }
    }
}

/// When a run's numbers say something about the target, and not about loadgen. `None` switches a
/// gate off.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Validity {
    /// Of the slots of a stream, so many (0 to 1) must be taken within a second of when loadgen
    /// could have taken them.
    pub achieved: Option<f64>,
    /// The 99th percentile of `sched`, and of the lateness of the workers, must not be more than
    /// this, or than a tenth of the median response if that is more.
    pub sched_p99: Option<Duration>,
    /// How much of its processors loadgen may use, and how much of one a worker, 0 to 1.
    pub cpu: Option<f64>,
    /// In how many periods (0 to 1) its control group may be held back.
    pub throttled: Option<f64>,
}

impl Validity {
    /// With no gate.
    pub const OFF: Validity =
        Validity { achieved: None, sched_p99: None, cpu: None, throttled: None };
}

impl Default for Validity {
    fn default() -> Validity {
        Validity {
            achieved: Some(0.99),
            sched_p99: Some(Duration::from_millis(50)),
            cpu: Some(0.85),
            throttled: Some(0.01),
        }
    }
}
