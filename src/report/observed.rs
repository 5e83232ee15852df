//! What was observed, for people.

use crate::measure::Interruption;
use crate::measure::LagSummary;
use crate::measure::Summary;
use crate::measure::SurfaceCounts;

use super::closing::Colour;
use super::text::Align;
use super::text::WIDTH;
use super::text::columns;
use super::text::duration_ns;
use super::text::exact;
use super::text::shorten;

/// Examples that are shown; the summary file has more.
const EXAMPLES_SHOWN: usize = 5;

/// How late changes were observed, and whether all of them were.
pub(super) fn observed(summary: &Summary, colour: Colour) -> Vec<String> {
    let Some(verification) = &summary.verification else { return Vec::new() };
    let mut lines = Vec::new();
    for surface in &summary.surfaces {
        let is_here = |it: &&LagSummary| it.surface == surface.surface;
        let name = (summary.surfaces.len() > 1).then_some(surface.surface.as_str());
        let here: Vec<_> = summary.lag.iter().filter(is_here).collect();
        lines.extend(lags((name, kind(surface).0), &here));
        lines.push(verdict(name, surface, colour));
    }
    let explains = |it: &&Interruption| {
        verification.examples.iter().any(|example| it.concerns(&example.table))
    };
    for failed in summary.connectors.iter().filter(explains).take(EXAMPLES_SHOWN) {
        let text = format!("    beside: {}, at {}", failed.what, duration_ns(failed.at_ns));
        lines.push(shorten(&text, WIDTH));
    }
    for example in verification.examples.iter().take(EXAMPLES_SHOWN) {
        let said = [("expected", &example.expected), ("seen", &example.seen)];
        let said = said.into_iter().filter_map(|(word, text)| Some((word, text.as_ref()?)));
        let said: Vec<_> = said.map(|(word, text)| format!("{word} {text}")).collect();
        let text = format!(
            "    {}{} {} of {} {}: {}",
            example.class,
            if summary.surfaces.len() > 1 {
                format!(" at `{}`", example.surface)
            } else {
                String::new()
            },
            example.operation,
            example.table,
            example.key,
            said.join("; ")
        );
        lines.push(shorten(&text, WIDTH));
    }
    lines
}

/// The lags of what comes to a surface, which is named if there are several.
fn lags((surface, kind): (Option<&str>, &str), lags: &[&LagSummary]) -> Vec<String> {
    if lags.is_empty() {
        return Vec::new();
    }
    let observed =
        surface.map_or_else(|| "observed".to_owned(), |it| format!("observed at `{it}`"));
    let titles =
        [observed.as_str(), "", kind, "p50", "p99 at least", "p99 at most", "max", "freshness p99"];
    let mut rows = vec![titles.map(str::to_owned).to_vec()];
    for lag in lags {
        rows.push(vec![
            shorten(&lag.table, 40),
            lag.operation.to_owned(),
            exact(lag.high.count),
            duration_ns(lag.high.p50),
            duration_ns(lag.low.p99),
            duration_ns(lag.high.p99),
            duration_ns(lag.high.max),
            duration_ns(lag.freshness.p99),
        ]);
    }
    let mut align = [Align::Right; 8];
    (align[0], align[1]) = (Align::Left, Align::Left);
    columns(&align, &rows).into_iter().map(|line| format!("  {line}")).collect()
}

/// One line: what was expected, and each kind of fault that there was.
pub(crate) fn verdict(surface: Option<&str>, counts: &SurfaceCounts, colour: Colour) -> String {
    let SurfaceCounts { expected, observed, .. } = counts;
    let faults = [
        ("lost", counts.lost),
        ("doubled", counts.doubled),
        ("reordered", counts.reordered),
        ("wrong", counts.wrong),
        ("phantom", counts.phantom),
    ];
    let harmless = [
        ("replayed", counts.replayed),
        ("pending", counts.pending),
        ("passed over", counts.passed_over),
        ("values not compared", counts.not_compared),
    ];
    let is_any = |it: &(&str, u64)| it.1 > 0;
    let text = |(name, count): (&str, u64)| format!("{} {name}", exact(count));
    let faults: Vec<_> = faults.into_iter().filter(is_any).map(text).collect();
    let others: Vec<_> = harmless.into_iter().filter(is_any).map(text).collect();
    let verdict = if faults.is_empty() {
        colour.good("none lost, doubled, reordered, wrong or made up")
    } else {
        colour.bad(&faults.join(", "))
    };
    let said = [vec![verdict], others].concat().join(", ");
    let (expected, observed) = (exact(*expected), exact(*observed));
    let surface = surface.map(|name| format!("`{name}`: ")).unwrap_or_default();
    let kind = kind(counts).1;
    format!("  {surface}{expected} {kind} expected, {observed} observed: {said}")
}

/// What comes to a surface, in short and in full.
fn kind(counts: &SurfaceCounts) -> (&'static str, &'static str) {
    if counts.is_of_events { ("events", "events") } else { ("changes", "changes of rows") }
}
