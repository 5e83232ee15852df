//! What became of a run's steps, for people.

use crate::measure::StepSummary;

use super::text::Align;
use super::text::WIDTH;
use super::text::columns;
use super::text::duration_ns;
use super::text::exact;
use super::text::shorten;

/// A line for each step, and below it why it failed.
pub(super) fn steps(steps: &[StepSummary]) -> Vec<String> {
    if steps.is_empty() {
        return Vec::new();
    }
    let titles = ["step", "of", "at", "took", "committed", "rolled back", "changes"];
    let mut rows = vec![titles.map(str::to_owned).to_vec()];
    for step in steps {
        rows.push(vec![
            step.step.to_owned(),
            shorten(&step.domain, 30),
            duration_ns(step.began_ns),
            duration_ns(step.ended_ns.saturating_sub(step.began_ns)),
            exact(step.committed),
            exact(step.rolled_back),
            exact(step.changes),
        ]);
    }
    let mut align = [Align::Right; 7];
    (align[0], align[1]) = (Align::Left, Align::Left);
    let mut lines: Vec<_> =
        columns(&align, &rows).into_iter().map(|line| format!("  {line}")).collect();
    for step in steps {
        let said = step.failed_because.as_ref().or(step.output.as_ref());
        let first = said.and_then(|said| said.lines().next());
        let text = first.map(|said| format!("    {} of {}: {said}", step.step, step.domain));
        lines.extend(text.map(|text| shorten(&text, WIDTH)));
    }
    lines
}

/// Those that are under way, behind the phase of a live line.
pub(super) fn live(steps: &[&str]) -> String {
    if steps.is_empty() { String::new() } else { format!(", step {}", steps.join(", ")) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_step_has_its_line_and_what_it_said() {
        let step = StepSummary {
            step: "run",
            domain: "orders".to_owned(),
            due_ns: 2_000_000_000,
            began_ns: 2_000_000_000,
            ended_ns: 3_500_000_000,
            committed: 0,
            rolled_back: 0,
            changes: 0,
            exit_code: Some(0),
            output: Some("paused\nor not".to_owned()),
            failed_because: None,
        };
        let lines = steps(&[step]);
        assert_eq!(lines.len(), 3);
        assert!(lines[1].contains("1.50s") && lines[1].contains("orders"), "{}", lines[1]);
        assert_eq!(lines[2], "    run of orders: paused");
        assert_eq!(live(&["truncate", "run"]), ", step truncate, run");
    }
}
