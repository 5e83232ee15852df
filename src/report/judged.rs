//! What became of a threshold, in a line or two.

use crate::measure::Judgement;
use crate::measure::Observed;
use crate::units::format_bytes;

use super::closing::Colour;
use super::text::duration_ns;
use super::text::exact;
use super::text::exact_rate;
use super::text::shorten;

/// Its line.
pub(super) fn threshold(threshold: &Judgement, colour: Colour) -> String {
    let mark = match (threshold.passed, threshold.is_failure()) {
        (true, _) => colour.good("✓"),
        (false, true) => colour.bad("✗"),
        (false, false) => colour.doubtful("!"),
    };
    let observed = threshold.observed.map_or_else(|| "no data".to_owned(), observed);
    let id = threshold.id.as_ref().map(|id| format!("{id}: ")).unwrap_or_default();
    let of = threshold.stream.as_ref().or(threshold.surface.as_ref());
    let of = of.map(|name| format!("{name}: ")).unwrap_or_default();
    let over = match threshold.over.as_str() {
        "measure" => String::new(),
        over => format!(" over {over}"),
    };
    let condition = format!("{id}{of}{} {}{over}", threshold.metric, threshold.expr);
    let since = threshold.first_breach_ns.filter(|_| threshold.over != "measure");
    let since = since.map(|at| format!(", first seen at {}", duration_ns(at))).unwrap_or_default();
    format!("  {mark} {:<40}  {observed}{since}", shorten(&condition, 70))
}

fn observed(observed: Observed) -> String {
    match observed {
        Observed::Nanoseconds(duration) => duration_ns(duration),
        Observed::Count(count) => exact(count),
        Observed::Rate(rate) => exact_rate(rate),
        Observed::Bytes(bytes) => format_bytes(bytes),
        Observed::Ratio(ratio) => format!("{:.3}%", ratio * 100.0),
    }
}
