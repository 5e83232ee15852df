//! Topics and streams, once their names are filled in.

use crate::diagnostic::Place;
use crate::diagnostic::Problem;
use crate::diagnostic::Problems;
use crate::scenario::FirehoseTarget;
use crate::scenario::Scenario;
use crate::scenario::TargetKind;
use crate::scenario::file::FirehoseFile;
use crate::scenario::file::ScenarioFile;
use crate::scenario::file::TargetFile;
use crate::units::format_duration;
use crate::yaml::ScalarOr;

/// The most characters of a topic, and of a stream.
const TOPIC_MAX: usize = 249;
const STREAM_MAX: usize = 64;

/// Checks a scenario whose parts are all well formed.
pub(super) fn check(scenario: &Scenario, file: &ScenarioFile, problems: &mut Problems) {
    let all = file.targets.0.iter().flat_map(|targets| &targets.0);
    for (number, ((name, written), target)) in all.zip(&scenario.targets).enumerate() {
        match (written, &target.kind) {
            (Some(TargetFile::Kafka(written)), TargetKind::Kafka(_)) => {
                let place = written.topic.as_ref().map_or(name.place, |topic| topic.place);
                names(scenario, number, ("topic", TOPIC_MAX, place), problems);
            }
            (Some(TargetFile::Firehose(written)), TargetKind::Firehose(firehose)) => {
                let file = match &written.value {
                    ScalarOr::Other(file) => Some(file),
                    ScalarOr::Scalar(_) => None,
                };
                let stream = file.and_then(|file| file.stream.as_ref());
                let place = stream.map_or(name.place, |stream| stream.place);
                names(scenario, number, ("stream", STREAM_MAX, place), problems);
                if let Some(file) = file {
                    waits(scenario, firehose, file, problems);
                }
            }
            _ => {}
        }
    }
}

/// Names of events and domains may be longer than what stands for them.
fn names(
    scenario: &Scenario,
    target: usize,
    (what, most, place): (&str, usize, Place),
    problems: &mut Problems,
) {
    for (event, domain) in scenario.events_to(target) {
        let kind = &scenario.targets[target].kind;
        let Some(name) = kind.destination_of(&domain.schema.name, &event) else { continue };
        if name.len() > most {
            let message = format!("the {what} `{name}` has {} characters", name.len());
            let help = format!("{most} are the most that it may have; write a shorter `{what}`");
            problems.add(Problem::new(message).at(place).help(help));
            return;
        }
    }
}

/// What lingers for longer than the end of a run waits would count as not answered for.
fn waits(
    scenario: &Scenario,
    firehose: &FirehoseTarget,
    file: &FirehoseFile,
    problems: &mut Problems,
) {
    let (drain, Some(linger)) = (scenario.load.drain, &file.linger) else { return };
    if firehose.linger >= drain {
        let drain = format_duration(drain);
        let message = format!("the run waits {drain} for its last events, and they linger longer");
        let help = "write a shorter `linger`, or a longer `drain` into `load`";
        problems.add(Problem::new(message).at(linger.place).help(help));
    }
}
