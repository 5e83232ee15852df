//! Observers: which far ends are read.

use crate::diagnostic::Problem;
use crate::diagnostic::Problems;
use crate::diagnostic::suggest;
use crate::scenario::Confirms;
use crate::scenario::Domain;
use crate::scenario::Observer;
use crate::scenario::ObserverKind;
use crate::scenario::Overrides;
use crate::scenario::Target;
use crate::scenario::TargetKind;
use crate::scenario::file::ConfirmFile;
use crate::scenario::file::ObserverFile;
use crate::scenario::file::ScenarioFile;
use crate::scenario::file::TargetFile;
use crate::yaml::Entries;

/// Most observers: what they saw is noted with their number in six bits.
const OBSERVERS_MAX: usize = 16;

/// All observers. Where nothing is sent (`--discard`), nothing is observed.
pub(super) fn observers(
    file: &ScenarioFile,
    (targets, domains): (&[Target], &[Domain]),
    overrides: &Overrides,
    problems: &mut Problems,
) -> Vec<Observer> {
    let mut observers: Vec<Observer> = Vec::new();
    for (name, written) in file.observe.0.iter().flat_map(|observers| &observers.0) {
        if name.value.is_empty() || name.value.len() > 100 || name.value.contains(char::is_control)
        {
            let message = "an observer's name has 1 to 100 characters that can be printed";
            problems.add(Problem::new(message).at(name.place));
        }
        let Some(ObserverFile::Slot(slot)) = written else { continue };
        let Some(target) = targets.iter().position(|target| target.name == slot.on.value) else {
            let names: Vec<&str> = targets.iter().map(|target| target.name.as_str()).collect();
            let message = format!("there is no target `{}`", slot.on.value);
            let help = suggest(&slot.on.value, "the targets", &names);
            problems.add(Problem::new(message).at(slot.on.place).maybe_help(help));
            continue;
        };
        let mut refuse = |message: String, help: &str| {
            problems.add(Problem::new(message).at(slot.on.place).help(help));
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
            refuse(format!("the target `{}` {why_not}", slot.on.value), help);
        }
        if why_not.is_none()
            && !domains.is_empty()
            && !domains.iter().any(|domain| domain.target == target)
        {
            let help = "let a domain be `on` it, or observe another target";
            refuse(format!("no domain is on the target `{}`", slot.on.value), help);
        }
        let confirms = match slot.confirm {
            ConfirmFile::All => Confirms::All,
            ConfirmFile::Changes => Confirms::Changes,
        };
        if matches!(targets[target].kind, TargetKind::Postgres(_)) {
            let on = |it: &(usize, &Domain)| it.1.target == target;
            let domains = domains.iter().enumerate().filter(on).map(|it| it.0).collect();
            let kind = ObserverKind::Slot { target, confirms };
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
