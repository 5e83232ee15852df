//! The doctor's look at the topics that connectors fill, and at those that events go to.

use std::collections::BTreeMap;

use crate::cli::Refusal;
use crate::cli::observe::name_of;
use crate::cli::observe::topic_of;
use crate::cli::place::Place;
use crate::cli::plan::Reckoned;
use crate::cli::wait::on_runtime;
use crate::doctor;
use crate::doctor::Changes;
use crate::doctor::Check;
use crate::doctor::Needs;
use crate::doctor::Topic;
use crate::doctor::TopicDescription;
use crate::scenario::Domain;
use crate::scenario::ObserverKind;
use crate::scenario::OwnTable;
use crate::scenario::Scenario;
use crate::scenario::StressKind;
use crate::scenario::StressStep;
use crate::schema::ReplicaIdentity;
use crate::sink::kafka::Cluster;
use crate::sink::kafka::settings::settings;
use crate::sink::kafka::topics;

use super::Report;

/// Of what a topic has the changes or the events: a domain's number, and the name of a table.
type TopicSource = (usize, String);

/// What is to be said of the topics of each cluster.
pub(super) fn reports(
    scenario: &Scenario,
    place: &Place,
    reckoned: &Reckoned,
) -> Result<Vec<Report>, Refusal> {
    let needs = doctor::needs(scenario);
    let mut reports = Vec::new();
    for target in 0..scenario.targets.len() {
        // The embedded broker is not there between runs.
        let Some(cluster) = place.cluster(target) else { continue };
        let mut wanted = captured(scenario, place, target, &needs);
        wanted.extend(events(scenario, target));
        if wanted.is_empty() {
            continue;
        }
        let sized = |(topic, origin): (Topic, TopicSource)| Topic {
            greatest: greatest(scenario, reckoned, origin),
            ..topic
        };
        let wanted: Vec<Topic> = wanted.into_iter().map(sized).collect();
        let checks = on_runtime(async { Ok(look(cluster, &wanted).await) });
        let checks = checks.map_err(|error| Refusal::setup(&error))?;
        reports.push(Report { subject: format!("Kafka {}", cluster.brokers), checks });
    }
    Ok(reports)
}

/// Refuses a run whose observers read topics of a cluster that does not answer.
pub(super) fn refuse_unreachable(scenario: &Scenario, place: &Place) -> Result<(), Refusal> {
    let read = scenario.observers.iter().filter_map(|observer| match observer.kind {
        ObserverKind::Kafka { target, .. } => place.cluster(target),
        _ => None,
    });
    for cluster in read {
        topics::look(cluster).map_err(|error| Refusal::setup(&error))?;
    }
    Ok(())
}

/// Asks the cluster.
async fn look(cluster: &Cluster, wanted: &[Topic]) -> Vec<Check> {
    let found = match topics::look(cluster) {
        Ok(found) => found,
        Err(error) => return vec![Check::kafka(Err(error.to_string()))],
    };
    let partitions: BTreeMap<&str, usize> =
        found.topics.iter().map(|(name, partitions)| (name.as_str(), *partitions)).collect();
    let there: Vec<&str> = wanted.iter().map(|topic| topic.name.as_str()).collect();
    let there: Vec<&str> = there.into_iter().filter(|name| partitions.contains_key(name)).collect();
    let mut all = vec![Check::kafka(Ok(there.len()))];
    let mut told = match settings(cluster, &there).await {
        Ok(told) => there.iter().copied().zip(told).collect::<BTreeMap<_, _>>(),
        Err(error) => {
            all.push(Check::untold(&error.to_string()));
            BTreeMap::new()
        }
    };
    for topic in wanted {
        let kept = partitions.get(topic.name.as_str()).map(|partitions| {
            let settings = told.remove(topic.name.as_str());
            let text = |name| Some((name, settings.as_ref()?.text(name)?.to_owned()));
            TopicDescription {
                partitions: *partitions,
                settings: TopicDescription::SETTINGS.into_iter().filter_map(text).collect(),
            }
        });
        all.extend(doctor::topic(topic, kept.as_ref(), &cluster.brokers));
    }
    all
}

/// The topics of a cluster into which connectors write what observers read.
fn captured(
    scenario: &Scenario,
    place: &Place,
    target: usize,
    needs: &[Vec<Needs>],
) -> BTreeMap<Topic, TopicSource> {
    let mut all = BTreeMap::new();
    for observer in &scenario.observers {
        let ObserverKind::Kafka { target: of, topics: template, .. } = &observer.kind else {
            continue;
        };
        if *of != target {
            continue;
        }
        for number in &observer.domains {
            let domain = &scenario.domains[*number];
            for (table, changes) in changes(scenario, *number, &needs[*number]) {
                let names = (domain.namespace.as_str(), table.as_str());
                let name = topic_of(&name_of((scenario, place), template, (domain, names)));
                let topic = Topic { name, changes: Some(changes), greatest: 0 };
                all.insert(topic, (*number, table));
            }
        }
    }
    all
}

/// What happens to the tables of a domain, ours included.
fn changes(scenario: &Scenario, number: usize, needs: &[Needs]) -> Vec<(String, Changes)> {
    let domain = &scenario.domains[number];
    let stored = domain.schema.stored().iter().zip(needs).map(|(table, needs)| {
        let has_old = table.replica_identity == ReplicaIdentity::Full;
        let changes = Changes {
            is_keyless: table.key.is_empty(),
            moves: false,
            has_old: has_old && (needs.updates || needs.deletes),
        };
        (table.name.clone(), changes)
    });
    let own = scenario.own_tables(domain).into_iter().map(|own| {
        let steps = || {
            let is_here = |step: &&StressStep| step.domain == number && own == OwnTable::Stress;
            scenario.load.steps.iter().filter(is_here).map(|step| &step.kind)
        };
        let moves =
            |kind: &StressKind| matches!(kind, StressKind::ChangeKeys(_) | StressKind::Truncate(_));
        let changes = Changes {
            is_keyless: false,
            moves: steps().any(moves),
            has_old: steps().any(|kind| matches!(kind, StressKind::ReplicaIdentity(_))),
        };
        (own.name().to_owned(), changes)
    });
    stored.chain(own).collect()
}

/// The topics of a cluster to which events go.
fn events(scenario: &Scenario, target: usize) -> BTreeMap<Topic, TopicSource> {
    let kind = &scenario.targets[target].kind;
    let topic = |(event, domain): (String, &Domain)| {
        let name = kind.destination_of(&domain.schema.name, &event)?;
        let is_it = |it: &Domain| it.schema.name == domain.schema.name;
        let number = scenario.domains.iter().position(is_it)?;
        Some((Topic { name, ..Topic::default() }, (number, event)))
    };
    scenario.events_to(target).into_iter().filter_map(topic).collect()
}

/// About how many bytes the greatest row of a table, or the greatest event, has.
fn greatest(scenario: &Scenario, reckoned: &Reckoned, (domain, table): TopicSource) -> u64 {
    if table == OwnTable::Stress.name() {
        let long = |step: &StressStep| match step.kind {
            StressKind::UnchangedToast(_, bytes) if step.domain == domain => Some(bytes),
            _ => None,
        };
        return scenario.load.steps.iter().filter_map(long).max().unwrap_or(0);
    }
    reckoned.greatest.get(&(domain, table)).copied().unwrap_or(0)
}
