//! The first lines of a closing summary.

use crate::measure::Bound;
use crate::measure::Summary;
use crate::report::closing::Colour;
use crate::report::closing::paragraph;
use crate::report::text::duration_ns;
use crate::units::format_bytes;

/// Limits that are shown, of each kind.
const LIMITS_SHOWN: usize = 3;

/// The verdict, and why.
pub(super) fn head(summary: &Summary, colour: Colour) -> Vec<String> {
    let failed = summary.thresholds.iter().filter(|threshold| threshold.is_failure()).count();
    let thresholds = match (summary.thresholds.len(), failed) {
        (0, _) if summary.shard.is_some() => {
            "`loadgen merge` judges all shards together".to_owned()
        }
        (0, _) => "no thresholds were set".to_owned(),
        (1, 0) if summary.thresholds[0].passed => "its threshold holds".to_owned(),
        (1, 0) => "its threshold does not hold, and only warns".to_owned(),
        (all, 0) => match summary.thresholds.iter().filter(|threshold| !threshold.passed).count() {
            0 => format!("{all} of {all} thresholds hold"),
            warned => format!("{} of {all} thresholds hold, {warned} only warn", all - warned),
        },
        (1, _) => "its threshold does not hold".to_owned(),
        (all, failed) => format!("{failed} of {all} thresholds failed"),
    };
    let verdict = colour.verdict(summary.verdict);
    let shard = summary.shard.map(|shard| format!(", shard {shard}")).unwrap_or_default();
    let mut lines = vec![format!("{verdict}  {}{shard}: {thresholds}", summary.scenario)];
    let reasons = summary.invalid_because.iter().chain(&summary.stopped_because);
    for reason in reasons.chain(&summary.failed_because) {
        lines.extend(paragraph("  because ", reason));
    }
    lines.extend(limits(summary));
    let workers = if summary.workers == 1 {
        "1 worker".to_owned()
    } else {
        format!("{} workers", summary.workers)
    };
    lines.push(format!(
        "  took {} with {workers}, {:.1}s of processor time and {} of memory; seed {}",
        duration_ns(summary.elapsed_ns),
        summary.generator.cpu_seconds,
        format_bytes(summary.generator.peak_rss_bytes),
        summary.seed
    ));
    lines
}

/// What limited a run that is valid, and for a moment only.
fn limits(summary: &Summary) -> Vec<String> {
    let mut lines = Vec::new();
    let because: &[String] =
        if summary.bound == Bound::Target { &summary.bound_because } else { &[] };
    for reason in because.iter().take(LIMITS_SHOWN) {
        lines.extend(paragraph("  the target was the limit: ", reason));
    }
    for reason in summary.degraded_because.iter().take(LIMITS_SHOWN) {
        lines.extend(paragraph("  degraded: ", reason));
    }
    lines
}
