//! Thresholds on what an observer or the slot guard sees: they are judged once, when all of it was seen.

use crate::diagnostic::Place;
use crate::diagnostic::Problem;
use crate::diagnostic::Problems;
use crate::diagnostic::suggest;
use crate::scenario::BreachAction;
use crate::scenario::Metric;
use crate::scenario::Over;
use crate::scenario::Scenario;
use crate::scenario::Threshold;
use crate::scenario::check::cdc::has_server;
use crate::scenario::file::ScenarioFile;
use crate::scenario::file::ThresholdFile;

/// Refuses words that have no meaning there, and thresholds where nothing observes.
pub(super) fn check(
    file: &ScenarioFile,
    written: &ThresholdFile,
    threshold: &Threshold,
    problems: &mut Problems,
) {
    let name = threshold.metric.name();
    if file.observe.0.as_ref().is_some_and(|observers| observers.0.is_empty()) {
        let message = format!("`{name}` needs an observer, and this scenario has none");
        let help = "write `observe: { changes: { slot: { on: TARGET } } }`";
        problems.add(Problem::new(message).at(written.metric.place).help(help));
    }
    let help = "observers see changes of tables, and the verdict is known at the end";
    only_at_the_end(written, threshold, help, problems);
}

/// The observer that is meant must be there, and only what observers see has one.
pub(super) fn surface(
    file: &ScenarioFile,
    (written, metric): (&ThresholdFile, Metric),
    problems: &mut Problems,
) {
    let Some(surface) = &written.surface else { return };
    if !metric.is_observed() {
        let message = format!("`{}` is not what an observer sees", metric.name());
        let problem = Problem::new(message).at(surface.place);
        problems.add(problem.help("leave `surface` out"));
        return;
    }
    let Some(observers) = &file.observe.0 else { return };
    let names: Vec<&str> = observers.names().map(|name| name.value.as_str()).collect();
    if !names.contains(&surface.value.as_str()) {
        let message = format!("there is no observer `{}`", surface.value);
        let help = suggest(&surface.value, "the observers", &names);
        problems.add(Problem::new(message).at(surface.place).maybe_help(help));
    }
}

/// The same of what slots kept.
pub(super) fn check_slots(
    file: &ScenarioFile,
    scenario: &Scenario,
    (written, threshold): (&ThresholdFile, &Threshold),
    problems: &mut Problems,
) {
    if !has_server(file, (&scenario.targets, &scenario.domains)) {
        let message = "`slot_wal` is of a PostgreSQL server, and no domain is on one";
        problems.add(Problem::new(message).at(written.metric.place));
    }
    let help = "it is the most that was kept for any replication slot, from seeding to the end";
    only_at_the_end(written, threshold, help, problems);
}

fn only_at_the_end(
    written: &ThresholdFile,
    threshold: &Threshold,
    help: &str,
    problems: &mut Problems,
) {
    let name = threshold.metric.name();
    let mut refuse = |place: Option<Place>, message: String| {
        if let Some(place) = place {
            problems.add(Problem::new(message).at(place).help(help));
        }
    };
    let stream = written.stream.as_ref().map(|stream| stream.place);
    let stream = stream.or(written.selection.as_ref().map(|it| it.stream.place));
    refuse(stream, format!("`{name}` is not known stream by stream"));
    if threshold.over != Over::Measure {
        let place = written.over.as_ref().map(|over| over.place);
        refuse(place, format!("`{name}` is judged over the whole run"));
    }
    if threshold.action == BreachAction::Abort {
        let place = written.action.as_ref().map(|action| action.place);
        refuse(place, format!("`{name}` is judged at the end, when there is nothing to abort"));
    }
    let words = [
        ("for", written.consecutive.as_ref().map(|word| word.place)),
        ("grace", written.grace.as_ref().map(|word| word.place)),
    ];
    for (word, place) in words {
        refuse(place, format!("`{word}` does nothing here: this is evaluated once, at the end"));
    }
}
