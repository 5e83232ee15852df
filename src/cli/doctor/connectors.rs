//! The doctor's look at the connectors of Kafka Connect, where the scenario names one.

use std::collections::BTreeSet;

use crate::cli::Refusal;
use crate::cli::connector::server;
use crate::cli::observe::name_of;
use crate::cli::observe::topic_of;
use crate::cli::place::Place;
use crate::cli::place::destinations_of;
use crate::connect;
use crate::connect::Api;
use crate::connect::FoundSink;
use crate::connect::FoundSource;
use crate::connect::Standing;
use crate::doctor;
use crate::doctor::Check;
use crate::doctor::SinkReader;
use crate::doctor::Wanted;
use crate::scenario::Domain;
use crate::scenario::LakeSite;
use crate::scenario::Observer;
use crate::scenario::ObserverKind;
use crate::scenario::OwnTable;
use crate::scenario::Scenario;
use crate::scenario::StressKind;
use crate::scenario::StressStep;
use crate::schema::beside::HEARTBEATS;
use crate::schema::beside::SIGNALS;

use super::Report;
use super::databases;

/// What is to be said of Kafka Connect, and of each connector that captures a database of the scenario.
pub(super) fn reports(scenario: &Scenario, place: &Place) -> Result<Vec<Report>, Refusal> {
    let Some(url) = &scenario.cdc.connect.url else { return Ok(Vec::new()) };
    let api = Api::new(url, &scenario.cdc.connect).map_err(|error| Refusal::setup(&error))?;
    let known = match connect::found(&api) {
        Ok(known) => known,
        Err(error) => {
            let checks = vec![Check::connect(Err(error.to_string()))];
            return Ok(vec![Report { subject: format!("Kafka Connect {url}"), checks }]);
        }
    };
    let connect::Connectors { sources: known, sinks } = known;
    let distinct: BTreeSet<_> = known.iter().map(|it| (it.server(), &it.database)).collect();
    let mut here = vec![Check::connect(Ok((known.len(), distinct.len())))];
    let (mut reports, mut ours) = (Vec::new(), BTreeSet::new());
    for target in 0..scenario.targets.len() {
        for (database, domains) in databases(scenario, place, target) {
            if place.address(target).is_none() {
                continue;
            }
            let captures = |it: &&FoundSource| {
                it.database == database && is_on(scenario, place, it, (target, &domains))
            };
            let own: Vec<&FoundSource> = known.iter().filter(captures).collect();
            if own.is_empty() {
                here.push(Check::uncaptured(&database));
            }
            ours.extend(own.iter().map(|it| it.name.as_str()));
            let names: Vec<_> = own.iter().map(|it| (it.name.as_str(), it.prefix())).collect();
            here.extend(Check::shared(&database, &names));
            let wanted = wanted(scenario, &domains);
            reports.extend(own.into_iter().map(|found| report(found, &wanted)));
        }
    }
    here.extend(of_one_slot(&known, &ours));
    let deletes = doctor::needs(scenario).iter().flatten().any(|needs| needs.deletes);
    for sink in sinks.iter().filter(|sink| reads_ours(scenario, sink)) {
        let mut checks = vec![Check::standing(standing(sink.standing.as_ref()), &sink.name)];
        let readers = readers((scenario, place), sink);
        checks.extend(doctor::sink(&sink.settings, deletes, &readers));
        reports.push(Report { subject: format!("sink {}", sink.name), checks });
    }
    reports.insert(0, Report { subject: format!("Kafka Connect {url}"), checks: here });
    Ok(reports)
}

/// Of connectors that read one slot, at least one of which is `ours`: captures a database of the scenario.
fn of_one_slot(known: &[FoundSource], ours: &BTreeSet<&str>) -> Vec<Check> {
    let first =
        |at: usize, found: &FoundSource| !known[..at].iter().any(|it| it.is_rival_of(found));
    let firsts = known.iter().enumerate().filter(|(at, found)| first(*at, found));
    let group = |(_, found): (usize, &FoundSource)| {
        let rivals = known.iter().filter(|it| it.is_rival_of(found));
        let names: Vec<&str> =
            [found.name.as_str()].into_iter().chain(rivals.map(|it| it.name.as_str())).collect();
        let concerns_us = names.iter().any(|name| ours.contains(name));
        concerns_us.then(|| Check::one_slot(found.slot(), &names)).flatten()
    };
    firsts.filter_map(group).collect()
}

/// Whether a connector captures the database of this name on this target, where others may have one of the same
/// name: ours say for which domain they are, and others are known by host and port.
fn is_on(
    scenario: &Scenario,
    place: &Place,
    found: &FoundSource,
    (target, domains): (usize, &[usize]),
) -> bool {
    let of = |domain: &Domain| found.is_of(&scenario.name, &domain.schema.name);
    if let Some(ours) = scenario.domains.iter().position(of) {
        return domains.contains(&ours);
    }
    let is_elsewhere = |domain: &Domain| {
        domain.target != target && place.database(scenario, domain) == found.database
    };
    if !scenario.domains.iter().any(is_elsewhere) {
        // A connector may reach the server by other names than we.
        return true;
    }
    let server = domains
        .first()
        .map(|number| &scenario.domains[*number])
        .and_then(|domain| server(scenario, domain, &place.domain(scenario, domain)?).ok());
    server.is_some_and(|(host, port)| found.server() == (host.as_str(), port.to_string().as_str()))
}

/// What a connector of these domains must hand on.
fn wanted(scenario: &Scenario, numbers: &[usize]) -> Wanted {
    let domains: Vec<&Domain> = numbers.iter().map(|number| &scenario.domains[*number]).collect();
    let of = |domain: &&Domain| {
        let tables = scenario.captured_tables(domain).into_iter();
        tables.map(|table| format!("{}.{table}", domain.namespace)).collect::<Vec<_>>()
    };
    let mut tables: Vec<String> = domains.iter().flat_map(of).collect();
    let is_asked_for = scenario.cdc.canary.is_some_and(|canary| canary.is_asked_for);
    let canary = format!(".{}", OwnTable::Canary.name());
    let unasked = tables.iter().find(|it| !is_asked_for && it.ends_with(&canary)).cloned();
    tables.retain(|table| Some(table) != unasked.as_ref());
    let has_beats = |it: &&Observer| {
        matches!(it.kind, ObserverKind::Lake(_))
            && numbers.iter().any(|one| it.domains.contains(one))
    };
    let beats = domains.first().zip(scenario.observers.iter().find(has_beats));
    Wanted {
        tables,
        unasked,
        beats: beats.map(|(domain, lake)| {
            (format!("{}.{HEARTBEATS}", domain.namespace), lake.name.clone())
        }),
        include: connect::patterns(scenario, &domains),
        publication: scenario.cdc.publication.clone(),
        truncations: numbers.iter().any(|number| scenario.truncates(*number)),
        signals: signals(scenario, numbers),
    }
}

/// Where steps ask for a snapshot: a connector hears the signals of its first domain.
fn signals(scenario: &Scenario, domains: &[usize]) -> Option<String> {
    let asks = |step: &StressStep| {
        domains.contains(&step.domain) && matches!(step.kind, StressKind::Snapshot { .. })
    };
    let first = domains.first().filter(|_| scenario.load.steps.iter().any(asks))?;
    Some(format!("{}.{SIGNALS}", scenario.domains[*first].namespace))
}

/// Who reads what sinks write, and who may read what this one does.
fn readers((scenario, place): (&Scenario, &Place), sink: &FoundSink) -> Vec<SinkReader> {
    let lake = |observer: &Observer| match &observer.kind {
        ObserverKind::Lake(warehouse) => Some(SinkReader {
            observer: observer.name.clone(),
            every: warehouse.every,
            flush: None,
        }),
        ObserverKind::Records(files) => {
            let is_of = is_there(&files.site, sink)
                && is_read_by(&topics_of((scenario, place), observer, &files.topics), sink);
            let (observer, flush) = (observer.name.clone(), is_of.then_some(files.flush));
            Some(SinkReader { observer, every: files.every, flush })
        }
        _ => None,
    };
    scenario.observers.iter().filter_map(lake).collect()
}

/// The topics whose records an observer of objects looks for.
fn topics_of(at: (&Scenario, &Place), observer: &Observer, template: &str) -> Vec<String> {
    let domains = observer.domains.iter().map(|number| &at.0.domains[*number]);
    let of = |domain: &Domain| {
        let tables = at.0.captured_tables(domain).into_iter();
        let name = |table: String| name_of(at, template, (domain, (&domain.namespace, &table)));
        tables.map(|table| topic_of(&name(table))).collect::<Vec<_>>()
    };
    domains.flat_map(of).collect()
}

/// Whether a sink reads, or may read, one of these topics.
fn is_read_by(topics: &[String], sink: &FoundSink) -> bool {
    let told = sink.settings.get("topics").filter(|it| !it.is_empty());
    told.is_none_or(|told| {
        told.split(',').map(str::trim).any(|one| topics.iter().any(|topic| topic == one))
    })
}

/// Whether a sink writes, or may write, to where an observer looks: the bucket and its folder tell, as far as it says them.
fn is_there(site: &LakeSite, sink: &FoundSink) -> bool {
    let LakeSite::Bucket(bucket) = site else { return true };
    let told =
        |key: &str| sink.settings.get(key).map(|it| it.trim()).filter(|it| !it.contains("${"));
    let name = told("s3.bucket.name").or_else(|| told("gcs.bucket.name"));
    let within = |one: &str, other: &str| {
        let mut both = one.split('/').zip(other.split('/'));
        both.all(|(one, other)| one == other || one.is_empty() || other.is_empty())
    };
    name.is_none_or(|name| name == bucket.name)
        && told("topics.dir").is_none_or(|folder| within(folder, &bucket.prefix))
}

/// Whether a sink reads, or may read, topics that connectors of the scenario fill, or its events go to. What a
/// pattern fits is not looked at.
fn reads_ours(scenario: &Scenario, sink: &FoundSink) -> bool {
    let Some(topics) = sink.settings.get("topics").filter(|it| !it.is_empty()) else { return true };
    let prefix = &scenario.cdc.connect.prefix;
    let prefixes = scenario.domains.iter().map(|it| prefix.replace("{domain}", &it.schema.name));
    let prefixes: Vec<String> = prefixes.map(|prefix| format!("{prefix}.")).collect();
    let of_target = |target| destinations_of(scenario, target);
    let events: Vec<String> = (0..scenario.targets.len()).flat_map(of_target).collect();
    topics.split(',').map(str::trim).any(|topic| {
        prefixes.iter().any(|prefix| topic.starts_with(prefix))
            || events.iter().any(|it| it == topic)
    })
}

fn standing(standing: Option<&Standing>) -> Result<String, String> {
    match standing {
        Some(Standing::Running) => Ok("it and its task run".to_owned()),
        Some(Standing::Waiting(what)) => Err(what.clone()),
        Some(Standing::Failed(why)) => Err(format!("it has failed: {why}")),
        None => Err("nobody knows yet how it is".to_owned()),
    }
}

fn report(found: &FoundSource, wanted: &Wanted) -> Report {
    let mut checks = vec![Check::standing(standing(found.standing.as_ref()), &found.name)];
    checks.extend(doctor::connector(&found.settings, wanted));
    Report { subject: format!("connector {} of {}", found.name, found.database), checks }
}
