//! Thresholds: what is looked at, of which part of the run, and what a breach does.

use std::time::Duration;

use crate::diagnostic::Problem;
use crate::diagnostic::Problems;
use crate::diagnostic::suggest;
use crate::scenario::BreachAction;
use crate::scenario::Comparison;
use crate::scenario::Metric;
use crate::scenario::Over;
use crate::scenario::Scenario;
use crate::scenario::Statistic;
use crate::scenario::Stream;
use crate::scenario::Threshold;
use crate::scenario::check::duration;
use crate::scenario::file::BreachActionFile;
use crate::scenario::file::NoDataFile;
use crate::scenario::file::ScenarioFile;
use crate::scenario::file::ThresholdFile;
use crate::units::parse_count;
use crate::units::parse_duration;
use crate::yaml::Spanned;

pub(super) mod expression;
mod observed;

use expression::expression;

/// The metrics that a run has; the last ones are of what an observer and the slot guard see.
const METRICS: [Metric; 20] = [
    Metric::Sched,
    Metric::Queue,
    Metric::Service,
    Metric::Response,
    Metric::FailedRatio,
    Metric::AchievedRate,
    Metric::Failed,
    Metric::Unknown,
    Metric::Missed,
    Metric::Skipped,
    Metric::CdcLag,
    Metric::Freshness,
    Metric::Lost,
    Metric::Doubled,
    Metric::Replayed,
    Metric::Reordered,
    Metric::Wrong,
    Metric::Phantom,
    Metric::Pending,
    Metric::SlotWal,
];

/// Sliding windows are whole seconds, from one to so many: each of them is kept in memory.
const WINDOW_MAX: Duration = Duration::from_mins(10);

/// Most evaluations in a row.
const CONSECUTIVE_MAX: u32 = 3_600;

/// Most thresholds.
const THRESHOLDS_MAX: usize = 256;

/// All thresholds. The scenario has the streams that could be read.
pub(super) fn thresholds(
    file: &ScenarioFile,
    scenario: &Scenario,
    problems: &mut Problems,
) -> Vec<Threshold> {
    let written = file.thresholds.0.iter().flatten();
    let written: Vec<_> = written.filter_map(|threshold| threshold.0.as_ref()).collect();
    if let Some(surplus) = written.get(THRESHOLDS_MAX) {
        let message = format!("a scenario has at most {THRESHOLDS_MAX} thresholds");
        problems.add(Problem::new(message).at(surplus.metric.place));
    }
    let mut known: Vec<&str> = Vec::new();
    for id in written.iter().filter_map(|threshold| threshold.id.as_ref()) {
        if known.contains(&id.value.as_str()) {
            let message = format!("there is another threshold `{}`", id.value);
            problems.add(Problem::new(message).at(id.place).help("give each an `id` of its own"));
        }
        if id.value.is_empty() || id.value.len() > 100 || id.value.contains(char::is_control) {
            let message = "a threshold's id has 1 to 100 characters that can be printed";
            problems.add(Problem::new(message).at(id.place));
        }
        known.push(&id.value);
    }
    written.iter().filter_map(|threshold| one(file, scenario, threshold, problems)).collect()
}

fn one(
    file: &ScenarioFile,
    scenario: &Scenario,
    written: &ThresholdFile,
    problems: &mut Problems,
) -> Option<Threshold> {
    let metric = metric(written, problems);
    let stream = stream(file, scenario, written, problems);
    let over = written.over.as_ref().map_or(Some(Over::Measure), |over| {
        self::over(
            over,
            &scenario.load.streams,
            stream.map(|stream| stream.value.as_str()),
            problems,
        )
    });
    let grace = written.grace.as_ref().map_or(Some(Duration::ZERO), |it| duration(it, problems));
    let consecutive = written
        .consecutive
        .as_ref()
        .map_or(1, |count| super::between(count, "for", 1..=CONSECUTIVE_MAX, problems));
    let min_samples = written.min_samples.as_ref().map_or(Some(1), |count| {
        let read = parse_count(&count.value);
        read.map_err(|message| problems.add(Problem::new(message).at(count.place))).ok()
    });
    let metric = metric?;
    let (statistic, comparison, bound) = match expression(&written.expr.value, metric) {
        Ok(read) => read,
        Err((message, help)) => {
            let problem = Problem::new(message).at(written.expr.place);
            problems.add(problem.maybe_help(help));
            return None;
        }
    };
    let threshold = Threshold {
        id: written.id.as_ref().map(|id| id.value.clone()),
        stream: stream.map(|stream| stream.value.clone()),
        surface: written.surface.as_ref().map(|surface| surface.value.clone()),
        over: over?,
        consecutive,
        grace: grace?,
        min_samples: min_samples?,
        action: action(written),
        passes_without_data: written.on_no_data == NoDataFile::Pass,
        ..Threshold::new(metric, statistic, (comparison, bound), &written.expr.value)
    };
    observed::surface(file, (written, metric), problems);
    if metric.is_observed() {
        observed::check(file, written, &threshold, problems);
        // Where nothing is sent, nothing is observed, and nothing is to be judged.
        if scenario.observers.is_empty() {
            return None;
        }
    } else if metric == Metric::SlotWal {
        observed::check_slots(file, scenario, (written, &threshold), problems);
        // As above.
        if !scenario.has_server() {
            return None;
        }
    } else {
        has_use(written, &threshold, problems);
    }
    Some(threshold)
}

fn action(written: &ThresholdFile) -> BreachAction {
    match written.action.as_ref().map(|action| action.value) {
        None | Some(BreachActionFile::Fail) => BreachAction::Fail,
        Some(BreachActionFile::Warn) => BreachAction::Warn,
        Some(BreachActionFile::Abort) => BreachAction::Abort,
    }
}

/// The stream that is meant, by either word.
fn stream<'a>(
    file: &ScenarioFile,
    scenario: &Scenario,
    written: &'a ThresholdFile,
    problems: &mut Problems,
) -> Option<&'a Spanned<String>> {
    let selected = written.selection.as_ref().map(|selection| &selection.stream);
    if let (Some(_), Some(selected)) = (&written.stream, selected) {
        let problem = Problem::new("the stream is named twice").at(selected.place);
        problems.add(problem.help("write `stream: NAME` alone"));
    }
    let stream = written.stream.as_ref().or(selected)?;
    if let Some(load) = file.load.0.as_ref() {
        // Also those that could not be read, and what follows in the others.
        let mut names: Vec<&str> = load.streams.names().map(|name| name.value.as_str()).collect();
        let series = scenario.series();
        let further: Vec<&str> =
            series.iter().map(String::as_str).filter(|name| !names.contains(name)).collect();
        names.extend(further);
        if !names.contains(&stream.value.as_str()) {
            let message = format!("there is no stream `{}`", stream.value);
            let help = suggest(&stream.value, "the streams", &names);
            problems.add(Problem::new(message).at(stream.place).maybe_help(help));
        }
    }
    Some(stream)
}

/// `measure`, `segment:NAME` or a duration.
fn over(
    written: &Spanned<String>,
    streams: &[Stream],
    stream: Option<&str>,
    problems: &mut Problems,
) -> Option<Over> {
    let text = written.value.trim();
    let mut refuse = |message: String, help: Option<String>| {
        problems.add(Problem::new(message).at(written.place).maybe_help(help));
        None
    };
    if text == "measure" {
        return Some(Over::Measure);
    }
    if let Some(name) = text.strip_prefix("segment:").map(str::trim) {
        let meant =
            streams.iter().filter(|each| stream.is_none_or(|stream| is_meant(each, stream)));
        let names = meant.flat_map(|each| &each.segments).map(|segment| segment.name.as_str());
        let mut names: Vec<&str> = names.collect();
        names.dedup();
        if names.contains(&name) {
            return Some(Over::Segment(name.to_owned()));
        }
        let help = suggest(name, "the segments", &names).or_else(|| {
            Some(
                "give a segment of the profile a name: `{ hold: 1k/s, for: 1m, name: peak }`"
                    .into(),
            )
        });
        return refuse(format!("there is no segment `{name}`"), help);
    }
    match parse_duration(text) {
        Ok(length) if length < Duration::from_secs(1) || length.subsec_nanos() > 0 => {
            let help = Some("it is looked at each second".to_owned());
            refuse("a sliding window is a whole number of seconds".to_owned(), help)
        }
        Ok(length) if length > WINDOW_MAX => {
            let help = "`over: measure` is the whole run, `over: segment:NAME` a part of it";
            refuse("a sliding window is at most 10 minutes".to_owned(), Some(help.to_owned()))
        }
        Ok(length) => Some(Over::Window(length)),
        Err(_) => {
            let help = "write `measure`, `segment:NAME` or a duration such as `10s`".to_owned();
            refuse(format!("`{text}` is no part of a run"), Some(help))
        }
    }
}

/// Whether a stream has a name, or what follows in it has.
fn is_meant(stream: &Stream, name: &str) -> bool {
    let behind = name.strip_prefix(stream.name.as_str());
    behind.is_some_and(|behind| behind.is_empty() || behind.starts_with('/'))
}

/// Words that would do nothing, and conditions that cannot hold before the end.
fn has_use(written: &ThresholdFile, threshold: &Threshold, problems: &mut Problems) {
    if !threshold.is_watched() {
        let idle = [
            ("for", written.consecutive.as_ref().map(|word| word.place)),
            ("grace", written.grace.as_ref().map(|word| word.place)),
        ];
        for (word, place) in idle {
            let Some(place) = place else { continue };
            let message = format!("`{word}` does nothing here: this is evaluated once, at the end");
            let help = "write `over: 10s` for a sliding window, or `action: abort`";
            problems.add(Problem::new(message).at(place).help(help));
        }
    }
    let Some(action) = &written.action else { return };
    let is_window = matches!(threshold.over, Over::Window(_));
    let grows = match threshold.statistic {
        Statistic::Count => true,
        Statistic::Value => matches!(
            threshold.metric,
            Metric::Failed | Metric::Unknown | Metric::Missed | Metric::Skipped
        ),
        _ => false,
    };
    let waits = match threshold.comparison {
        Comparison::GreaterOrEqual | Comparison::Greater => true,
        Comparison::Equal => threshold.bound > 0.0,
        Comparison::Less | Comparison::LessOrEqual => false,
    };
    if action.value == BreachActionFile::Abort && !is_window && grows && waits {
        let message = "this count grows as the run goes, so it would end the run at its beginning";
        let help = "use `action: fail`, or a sliding window: `over: 10s`";
        problems.add(Problem::new(message).at(action.place).help(help));
    }
}

fn metric(written: &ThresholdFile, problems: &mut Problems) -> Option<Metric> {
    let word = written.metric.value.as_str();
    if let Some(metric) = METRICS.into_iter().find(|metric| metric.name() == word) {
        return Some(metric);
    }
    let place = written.metric.place;
    let names: Vec<&str> = METRICS.iter().map(|metric| metric.name()).collect();
    let problem = Problem::new(format!("there is no metric `{word}`")).at(place);
    problems.add(problem.maybe_help(suggest(word, "the metrics", &names)));
    None
}
