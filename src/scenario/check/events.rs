//! Where the events of a domain go.

use crate::diagnostic::Problem;
use crate::diagnostic::Problems;
use crate::diagnostic::suggest;
use crate::scenario::Target;
use crate::scenario::TargetKind;
use crate::scenario::file::DomainFile;
use crate::schema::Schema;

/// The targets that are named, by their numbers; none where nothing is said.
pub(super) fn events(
    domain: &DomainFile,
    schema: &Schema,
    targets: &[Target],
    problems: &mut Problems,
) -> Vec<usize> {
    // That an external domain sends none is said elsewhere.
    let Some(written) = domain.events.as_ref().filter(|_| domain.external.is_none()) else {
        return Vec::new();
    };
    let wanted = written.value.0.as_slice();
    if wanted.is_empty() {
        problems.add(Problem::new("this names no target").at(written.place));
    }
    if !schema.has_events() {
        let message = format!("`{}` has no events to send", schema.name);
        let problem = Problem::new(message).at(written.place);
        problems.add(problem.help("leave `events` out here, or write `events` in its schema"));
    }
    keeps_rows(domain, targets, problems);
    let mut found = Vec::new();
    for name in wanted {
        let Some(number) = targets.iter().position(|target| target.name == name.value) else {
            let names: Vec<&str> = targets.iter().map(|target| target.name.as_str()).collect();
            let problem = Problem::new(format!("there is no target `{}`", name.value));
            let help = suggest(&name.value, "the targets", &names);
            problems.add(problem.at(name.place).maybe_help(help));
            continue;
        };
        if found.contains(&number) {
            let message = format!("the target `{}` is given twice", name.value);
            problems.add(Problem::new(message).at(name.place));
        } else if matches!(targets[number].kind, TargetKind::Postgres(_)) {
            let message = format!("`{}` is a PostgreSQL server, and takes no events", name.value);
            let problem = Problem::new(message).at(name.place);
            problems.add(problem.help("name a target that is `kafka` or `firehose`"));
        } else {
            found.push(number);
        }
    }
    found
}

/// Beside `events`, `on` says who keeps the rows.
fn keeps_rows(domain: &DomainFile, targets: &[Target], problems: &mut Problems) {
    let Some(on) = &domain.on else { return };
    let Some(target) = targets.iter().find(|target| target.name == on.value) else { return };
    let is_there_too =
        || domain.events.iter().any(|events| events.value.0.iter().any(|it| it.value == on.value));
    if matches!(target.kind, TargetKind::Lines(_)) {
        if is_there_too() {
            let message = format!("`{}` takes rows or events, not both", on.value);
            let help = "leave `events` out if it is to be events, or name another target for them";
            problems.add(Problem::new(message).at(on.place).help(help));
        }
    } else if target.kind.takes_events() {
        let message = format!("`{}` takes events, and keeps no rows", on.value);
        let help = "leave `on` out: then nobody keeps the rows";
        problems.add(Problem::new(message).at(on.place).help(help));
    }
}
