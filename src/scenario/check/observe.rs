//! Observers: which far ends are read.

mod events;
mod lake;
mod records;
mod topics;

use std::time::Duration;

use crate::diagnostic::Problem;
use crate::diagnostic::Problems;
use crate::diagnostic::suggest;
use crate::scenario::Confirms;
use crate::scenario::Domain;
use crate::scenario::Observer;
use crate::scenario::ObserverKind;
use crate::scenario::Overrides;
use crate::scenario::Replica;
use crate::scenario::Server;
use crate::scenario::Target;
use crate::scenario::TargetKind;
use crate::scenario::check::duration;
use crate::scenario::check::observe::topics::Known;
use crate::scenario::check::positive;
use crate::scenario::check::target::server;
use crate::scenario::file::ConfirmFile;
use crate::scenario::file::ObserverFile;
use crate::scenario::file::ReplicaByFile;
use crate::scenario::file::ReplicaFile;
use crate::scenario::file::ScenarioFile;
use crate::scenario::file::TargetFile;
use crate::scenario::file::TraceByFile;
use crate::yaml::Entries;
use crate::yaml::Scalar;
use crate::yaml::ScalarOr;
use crate::yaml::Spanned;

/// Most observers: what they saw is noted with their number in five bits.
const OBSERVERS_MAX: usize = 16;
/// What is meant where a replica says nothing.
const CATCH_UP: Duration = Duration::from_mins(2);
const RECONNECT: Duration = Duration::from_mins(1);
const EVERY: Duration = Duration::from_secs(1);
/// How often tables may be looked at.
const LOOKS: std::ops::RangeInclusive<Duration> =
    Duration::from_millis(10)..=Duration::from_mins(1);

/// All observers. Where nothing is sent (`--discard`), nothing is observed.
pub(super) fn observers(
    file: &ScenarioFile,
    (targets, domains): (&[Target], &[Domain]),
    overrides: &Overrides,
    problems: &mut Problems,
) -> Vec<Observer> {
    let is_allowed =
        file.allow_remote.0 == Some(true) || overrides.allow_remote || overrides.discard;
    let mut observers: Vec<Observer> = Vec::new();
    for (name, written) in file.observe.0.iter().flat_map(|observers| &observers.0) {
        if name.value.is_empty() || name.value.len() > 100 || name.value.contains(char::is_control)
        {
            let message = "an observer's name has 1 to 100 characters that can be printed";
            problems.add(Problem::new(message).at(name.place));
        }
        let on = match written {
            Some(ObserverFile::Slot(slot)) => &slot.on,
            Some(ObserverFile::Postgres(replica)) => &replica.on,
            Some(ObserverFile::Kafka(written)) => {
                let (about, may) = ((targets, domains), (has_messages(file), is_allowed));
                if let Some((kind, domains)) = topics::topics(written, about, may, problems) {
                    topics::is_readable(&kind, converter(file), problems);
                    observers.push(Observer { name: name.value.clone(), domains, kind });
                }
                continue;
            }
            Some(ObserverFile::Lake(written)) => {
                let about = (Known { targets, domains }, is_allowed, has_heartbeats(file));
                if let Some((kind, domains)) = lake::surface(written, about, problems) {
                    observers.push(Observer { name: name.value.clone(), domains, kind });
                }
                continue;
            }
            None => continue,
        };
        let target = observed(on, file, (targets, domains), problems);
        let kind = match written {
            Some(ObserverFile::Slot(slot)) => target.map(|target| {
                let confirms = match slot.confirm {
                    ConfirmFile::All => Confirms::All,
                    ConfirmFile::Changes => Confirms::Changes,
                };
                ObserverKind::Slot { target, confirms }
            }),
            Some(ObserverFile::Postgres(written)) => {
                let replica = replica(written, file, is_allowed, problems);
                replica.map(ObserverKind::Replica)
            }
            Some(ObserverFile::Kafka(_) | ObserverFile::Lake(_)) | None => None,
        };
        let target = target.filter(|it| matches!(targets[*it].kind, TargetKind::Postgres(_)));
        if let (Some(target), Some(kind)) = (target, kind) {
            let on = |it: &(usize, &Domain)| it.1.target == target;
            let domains = domains.iter().enumerate().filter(on).map(|it| it.0).collect();
            observers.push(Observer { name: name.value.clone(), domains, kind });
        }
    }
    if observers.len() > OBSERVERS_MAX {
        let place = file.observe.0.iter().flat_map(Entries::names).nth(OBSERVERS_MAX);
        if let Some(place) = place.map(|name| name.place) {
            let message = format!("a scenario has at most {OBSERVERS_MAX} observers");
            problems.add(Problem::new(message).at(place));
        }
    }
    if overrides.discard { Vec::new() } else { observers }
}

/// The target whose changes are observed.
fn observed(
    on: &Spanned<String>,
    file: &ScenarioFile,
    (targets, domains): (&[Target], &[Domain]),
    problems: &mut Problems,
) -> Option<usize> {
    let Some(target) = targets.iter().position(|target| target.name == on.value) else {
        let names: Vec<&str> = targets.iter().map(|target| target.name.as_str()).collect();
        let message = format!("there is no target `{}`", on.value);
        let help = suggest(&on.value, "the targets", &names);
        problems.add(Problem::new(message).at(on.place).maybe_help(help));
        return None;
    };
    let mut refuse = |message: String, help: &str| {
        problems.add(Problem::new(message).at(on.place).help(help));
    };
    let written = file.targets.0.iter().find_map(|all| all.0.get(target)?.1.as_ref());
    let why_not = match written {
        Some(TargetFile::Discard(_)) => Some("keeps nothing that could be observed"),
        Some(TargetFile::Kafka(_) | TargetFile::Firehose(_) | TargetFile::Lines(_)) => {
            Some("has no slot: it is no PostgreSQL")
        }
        Some(TargetFile::Postgres(_)) | None => None,
    };
    if let Some(why_not) = why_not {
        let help = "a slot is of a `postgres` target";
        refuse(format!("the target `{}` {why_not}", on.value), help);
    }
    if why_not.is_none()
        && !domains.is_empty()
        && !domains.iter().any(|domain| domain.target == target)
    {
        let help = "let a domain be `on` it, or observe another target";
        refuse(format!("no domain is on the target `{}`", on.value), help);
    }
    Some(target)
}

/// Whether transactions write messages into the log.
fn has_messages(file: &ScenarioFile) -> bool {
    let trace = file.cdc.0.as_ref().and_then(|cdc| cdc.trace.as_ref());
    trace.is_some_and(|trace| trace.value == TraceByFile::Message)
}

/// How our connectors write what they capture, if the scenario says so.
fn converter(file: &ScenarioFile) -> Option<&Spanned<Scalar>> {
    let connect = &file.cdc.0.as_ref()?.connect.as_ref()?.value;
    let ScalarOr::Other(connect) = connect else { return None };
    let mut properties = connect.properties.0.iter();
    properties.find(|it| it.0.value == "value.converter")?.1.as_ref()
}

/// Whether there is a table of heartbeats.
fn has_heartbeats(file: &ScenarioFile) -> bool {
    let is_there = |written: &Spanned<bool>| written.value;
    let cdc = file.cdc.0.as_ref();
    cdc.is_none_or(|cdc| cdc.heartbeat_table.as_ref().is_none_or(is_there))
}

/// How often tables are looked at.
fn every(text: &Spanned<String>, is_polled: bool, problems: &mut Problems) -> Option<Duration> {
    let every = duration(text, problems)?;
    if !is_polled {
        let problem = Problem::new("`every` does nothing here: what a slot sends is read at once");
        problems.add(problem.at(text.place).help("write `by: poll`, or leave it out"));
    } else if !LOOKS.contains(&every) {
        let problem = Problem::new("tables are looked at every `10ms` to `1m`");
        problems.add(problem.at(text.place).help("write `1s`"));
    }
    Some(every)
}

/// A replica; `None` where there is none that could be read.
fn replica(
    written: &ReplicaFile,
    file: &ScenarioFile,
    is_allowed: bool,
    problems: &mut Problems,
) -> Option<Replica> {
    let before = problems.len();
    let Server::At(server) = server(&written.url, is_allowed, problems) else {
        let problem = Problem::new("an embedded server is nobody's replica").at(written.url.place);
        problems.add(problem.help("write the address of a server that subscribes to the target's"));
        return None;
    };
    let is_polled = written.by == ReplicaByFile::Poll;
    let every = written.every.as_ref().and_then(|text| every(text, is_polled, problems));
    let is_untraced = file.ledger.0.as_ref().is_some_and(|it| it.trace == Some(false));
    if is_polled && is_untraced {
        let problem = Problem::new(
            "nobody could tell what rows must be in the end: `ledger: { trace: false }`",
        );
        problems.add(problem.at(written.on.place).help("leave `trace` out, or read it by a slot"));
    }
    if !is_polled && !has_heartbeats(file) {
        let problem = Problem::new(
            "nobody could tell how far a replica is: `heartbeat_table` is `false`, and a row of it is what is \
             waited for",
        );
        problems.add(problem.at(written.on.place).help("leave `heartbeat_table` out"));
    }
    let database = written.database.as_ref().map_or("{database}", |name| name.value.as_str());
    if let Some(name) = &written.database {
        let bare = name.value.replace("{database}", "");
        if name.value.is_empty() || bare.contains(['{', '}', '\0']) {
            let problem = Problem::new(format!("`{}` names no database", name.value));
            let help = "there is `{database}`, the name of the source's";
            problems.add(problem.at(name.place).help(help));
        }
    }
    let within = written.within.as_ref().and_then(|text| positive(text, problems));
    let reconnect = written.reconnect.as_ref().and_then(|text| duration(text, problems));
    (problems.len() == before).then(|| Replica {
        server,
        database: database.to_owned(),
        within: within.unwrap_or(CATCH_UP),
        reconnect: reconnect.unwrap_or(RECONNECT),
        every: is_polled.then(|| every.unwrap_or(EVERY)),
    })
}
