//! What tells of changes: `cdc: { trace: columns }`, and `message`.

use crate::action::message::PREFIX;
use crate::diagnostic::Place;
use crate::diagnostic::Problem;
use crate::diagnostic::Problems;
use crate::scenario::Observer;
use crate::scenario::ObserverKind;
use crate::scenario::Scenario;
use crate::scenario::TargetKind;
use crate::scenario::TraceBy;
use crate::scenario::file::ScenarioFile;
use crate::schema::Marker;

/// Gives the tables of all domains that a server stores these columns, if the scenario says so.
pub(super) fn mark(scenario: &mut Scenario, file: &ScenarioFile, problems: &mut Problems) {
    let written = file.cdc.0.as_ref().and_then(|cdc| cdc.trace.as_ref());
    if let Some(written) = written.filter(|_| scenario.cdc.trace == TraceBy::Message) {
        messages(scenario, written.place, problems);
    }
    let Some(written) = written.filter(|_| scenario.cdc.trace == TraceBy::Columns) else { return };
    let targets = &scenario.targets;
    let is_stored = |target: usize| matches!(targets[target].kind, TargetKind::Postgres(_));
    for domain in scenario.domains.iter_mut().filter(|domain| is_stored(domain.target)) {
        for table in domain.schema.stored() {
            let is_taken = |it: &Marker| table.columns.iter().any(|own| own.name == it.column());
            let Some(taken) = Marker::ALL.into_iter().find(is_taken) else { continue };
            let (schema, table, column) = (&domain.schema.name, &table.name, taken.column());
            let message =
                format!("the table `{schema}.{table}` has a column `{column}` of its own");
            let help = "call it otherwise in the schema, or leave `trace` out";
            problems.add(Problem::new(message).at(written.place).help(help));
        }
        domain.schema.mark();
    }
}

/// Messages must come to somebody.
fn messages(scenario: &Scenario, place: Place, problems: &mut Problems) {
    let observers = &scenario.observers;
    if !observers.is_empty() && !observers.iter().any(Observer::takes_messages) {
        let names: Vec<_> = observers.iter().map(|it| format!("`{}`", it.name)).collect();
        let message = format!("no message comes to {}", names.join(", "));
        let help = "a slot and topics of Debezium have them: observe one of these too, or leave `trace` out";
        problems.add(Problem::new(message).at(place).help(help));
    }
    let properties = &scenario.cdc.connect.properties;
    let tells = |it: &&(String, String)| it.0 == "provide.transaction.metadata" && it.1 != "true";
    let are_read = |it: &Observer| matches!(&it.kind, ObserverKind::Kafka { transactions, .. } if transactions.is_some());
    if let Some((key, value)) = properties.iter().find(tells)
        && let Some(observer) = observers.iter().find(|it| are_read(it))
    {
        let message =
            format!("`{key}: {value}` keeps the `transactions` of `{}` away", observer.name);
        let help = format!("leave `{key}` out of the connector's properties, or `transactions`");
        problems.add(Problem::new(message).at(place).help(help));
    }
    for (key, value) in properties.iter().filter(|(key, _)| key.starts_with("message.prefix.")) {
        let is_named = value.split(',').any(|it| it.trim() == PREFIX);
        if is_named == (key == "message.prefix.include.list") {
            continue;
        }
        let message =
            format!("`{key}: {value}` keeps the messages of `trace: message` from topics");
        let help =
            "they have the prefix `loadgen`: let the connector have those, or leave `trace` out";
        problems.add(Problem::new(message).at(place).help(help));
    }
}
