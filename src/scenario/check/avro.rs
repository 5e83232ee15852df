//! Whether the events of a run can be written in Avro, where that is asked for.

use std::collections::BTreeMap;
use std::collections::BTreeSet;

use crate::action::FaultClass;
use crate::diagnostic::Place;
use crate::diagnostic::Problem;
use crate::diagnostic::Problems;
use crate::scenario::KafkaTarget;
use crate::scenario::Scenario;
use crate::scenario::TargetKind;
use crate::scenario::file::KafkaFile;
use crate::scenario::file::ScenarioFile;
use crate::scenario::file::TargetFile;
use crate::schema::avro;

/// Checks a scenario whose parts are all well formed.
pub(super) fn check(scenario: &Scenario, file: &ScenarioFile, problems: &mut Problems) {
    for (number, target) in scenario.targets.iter().enumerate() {
        if let TargetKind::Kafka(kafka) = &target.kind
            && kafka.registry().is_some()
            && let Some(written) = kafka_file(file, &target.name)
        {
            check_target(scenario, (number, kafka), written, problems);
        }
    }
}

fn kafka_file<'a>(file: &'a ScenarioFile, name: &str) -> Option<&'a KafkaFile> {
    let targets = &file.targets.0.as_ref()?.0;
    match targets.iter().find(|(found, _)| found.value == name)? {
        (_, Some(TargetFile::Kafka(kafka))) => Some(kafka),
        _ => None,
    }
}

fn check_target(
    scenario: &Scenario,
    (target, kafka): (usize, &KafkaTarget),
    file: &KafkaFile,
    problems: &mut Problems,
) {
    let format = file.format.as_ref().map_or(file.brokers.place, |format| format.place);
    let topic = file.topic.as_ref().map_or(format, |topic| topic.place);
    let mut faulty = BTreeSet::new();
    let mut schemas: BTreeMap<String, (String, String)> = BTreeMap::new();
    for (name, domain) in scenario.events_to(target) {
        let Some(table) = domain.schema.tables.iter().find(|table| table.name == name) else {
            continue;
        };
        for class in [FaultClass::MissingField, FaultClass::WrongType, FaultClass::UnknownType] {
            let share = domain.faults.as_ref().map_or(0.0, |faults| faults.share(class));
            if share > 0.0 && faulty.insert((class, domain.copy.of.clone())) {
                problems.add(forbidden(class, &domain.copy.of, format));
            }
        }
        if let Some(names) = avro::same_names(table) {
            problems.add(same_name(&name, &names, format));
        }
        let to = kafka.topic_of(&domain.schema.name, &name);
        let schema = avro::schema(&domain.copy.of, table);
        let (first, known) =
            schemas.entry(to.clone()).or_insert_with(|| (name.clone(), schema.clone()));
        if *known != schema {
            let message = format!(
                "`{first}` and `{name}` both go to `{to}`, where all events have one schema in Avro"
            );
            let help = "give each a topic of its own: `topic: \"{event}\"`";
            problems.add(Problem::new(message).at(topic).help(help));
        }
    }
}

fn forbidden(class: FaultClass, domain: &str, place: Place) -> Problem {
    let class = class.name();
    let message =
        format!("`{class}` of `{domain}` cannot be written in Avro: its schema forbids it");
    let help = format!("leave `{class}` out, or write `format: json`");
    Problem::new(message).at(place).help(help)
}

fn same_name(event: &str, [first, second, name]: &[String; 3], place: Place) -> Problem {
    let message = format!(
        "the columns `{first}` and `{second}` of the event `{event}` have one name in Avro, `{name}`"
    );
    Problem::new(message)
        .at(place)
        .help("there names have letters, digits and `_` alone: rename one")
}
