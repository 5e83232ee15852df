//! Which streams can run beside each other, and what can follow in them.

use crate::diagnostic::Place;
use crate::diagnostic::Problem;
use crate::diagnostic::Problems;
use crate::pace::Pacing;
use crate::scenario::Scenario;
use crate::scenario::Stream;
use crate::scenario::file::ScenarioFile;
use crate::scenario::follow::SERIES_MAX;
use crate::scenario::life::Tables;

/// Checks a scenario whose parts are all well formed.
pub(super) fn check(scenario: &Scenario, file: &ScenarioFile, problems: &mut Problems) {
    mixtures(scenario, file, problems);
    follow_ups(scenario, file, problems);
}

/// A stream whose turns are not known beforehand shares its rows with no other: whose turn it is
/// would follow from how fast the target answers.
fn mixtures(scenario: &Scenario, file: &ScenarioFile, problems: &mut Problems) {
    let streams = &scenario.load.streams;
    if streams.iter().all(|stream| matches!(stream.pacing, Pacing::Open(_))) {
        return;
    }
    let tables = Tables::new(scenario);
    let reach: Vec<_> = streams.iter().map(|stream| tables.reach(stream)).collect();
    for (number, stream) in streams.iter().enumerate() {
        if matches!(stream.pacing, Pacing::Open(_)) {
            continue;
        }
        // Two of them are said once, of the later one.
        let others = (0..streams.len()).filter(|other| {
            *other != number
                && (*other < number || matches!(streams[*other].pacing, Pacing::Open(_)))
        });
        let shared = |other: usize| reach[number].iter().find(|at| reach[other].contains(at));
        let Some((other, at)) = others.into_iter().find_map(|it| Some((it, *shared(it)?))) else {
            continue;
        };
        let message = format!(
            "the {} stream `{}` and the {} stream `{}` work on the same rows: both reach `{}`",
            kind(stream),
            stream.name,
            kind(&streams[other]),
            streams[other].name,
            tables.table(at).name
        );
        let help = "give both a profile of rates, or let them work on tables of their own";
        problems.add(Problem::new(message).at(place(file, &stream.name)).help(help));
    }
}

fn kind(stream: &Stream) -> &'static str {
    match stream.pacing {
        Pacing::Open(_) => "open",
        Pacing::Unlimited { .. } => "unlimited",
        Pacing::Closed { .. } => "closed",
    }
}

/// What follows is due at a time of its stream, and is counted under a name of its own.
fn follow_ups(scenario: &Scenario, file: &ScenarioFile, problems: &mut Problems) {
    let streams = &scenario.load.streams;
    let names = scenario.series();
    for (number, follow_up) in scenario.follow_ups().iter().enumerate() {
        let stream = &streams[follow_up.stream];
        let place = place(file, &stream.name);
        let action = &scenario.domains[follow_up.domain].schema.actions[follow_up.action].name;
        if matches!(stream.pacing, Pacing::Unlimited { .. }) {
            let message = format!(
                "`{action}` follows an action of the unlimited stream `{}`, which has no timetable",
                stream.name
            );
            let help = "give it a profile of rates, or mix an action that nothing follows";
            problems.add(Problem::new(message).at(place).help(help));
        }
        let before = &names[..streams.len() + number];
        if before.contains(&follow_up.name) {
            let name = &follow_up.name;
            let message =
                format!("`{name}` names both a stream and what follows in `{}`", stream.name);
            problems.add(Problem::new(message).at(place).help("give the stream another name"));
        }
    }
    if let Some(name) = names.get(SERIES_MAX).filter(|_| streams.len() <= SERIES_MAX) {
        let message =
            format!("streams and what follows in them are more than {SERIES_MAX}: `{name}`");
        problems.add(Problem::new(message).at(file.scenario.place).help("mix fewer actions"));
    }
}

fn place(file: &ScenarioFile, name: &str) -> Place {
    let streams = file.load.0.as_ref().map(|load| &load.streams);
    let found = streams.and_then(|streams| streams.names().find(|stream| stream.value == name));
    found.map_or(file.scenario.place, |name| name.place)
}
