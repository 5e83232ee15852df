//! A snapshot that is asked for: of which tables.

use crate::diagnostic::Problem;
use crate::diagnostic::Problems;
use crate::diagnostic::suggest;
use crate::scenario::Scenario;
use crate::scenario::StressKind;
use crate::scenario::file::SignalFile;
use crate::schema::beside::SIGNALS;
use crate::yaml::Spanned;

/// Letters of a signal's data, at most: that is how long its column is.
const DATA_MAX: usize = 2048;

/// The same step, with its tables.
pub(super) fn snapshot(
    file: &Spanned<SignalFile>,
    kind: StressKind,
    (scenario, domain): (&Scenario, usize),
    problems: &mut Problems,
) -> StressKind {
    let StressKind::Snapshot { within, .. } = kind else { return kind };
    let domain = &scenario.domains[domain];
    if !scenario.cdc.signal_table {
        let message =
            format!("a snapshot is asked for in `{SIGNALS}`, and `cdc` says that there is none");
        let problem = Problem::new(message).at(file.place);
        problems.add(problem.help("leave `signal_table: false` out"));
    }
    let stored = domain.schema.stored();
    let all: Vec<&str> = stored.iter().map(|table| table.name.as_str()).collect();
    let Some(written) = &file.value.tables else {
        let tables = all.iter().map(|name| (*name).to_owned()).collect();
        return limited(
            StressKind::Snapshot { tables, within },
            (file, &domain.namespace),
            problems,
        );
    };
    let mut tables = Vec::new();
    for name in &written.value {
        if all.contains(&name.value.as_str()) {
            tables.push(name.value.clone());
            continue;
        }
        let help = suggest(&name.value, "its tables", &all);
        let message = format!("`{}` has no table `{}`", domain.schema.name, name.value);
        problems.add(Problem::new(message).at(name.place).maybe_help(help));
    }
    if written.value.is_empty() {
        let problem = Problem::new("a snapshot of no table is none").at(written.place);
        problems.add(problem.help("name one, or leave `tables` out for all"));
    }
    limited(StressKind::Snapshot { tables, within }, (file, &domain.namespace), problems)
}

/// Refuses more tables than a signal has room for.
fn limited(
    kind: StressKind,
    (file, namespace): (&Spanned<SignalFile>, &str),
    problems: &mut Problems,
) -> StressKind {
    let data = kind.signal(namespace).unwrap_or_default();
    if data.chars().count() > DATA_MAX {
        let message =
            format!("the names of these tables are longer than the {DATA_MAX} letters of a signal");
        let problem = Problem::new(message).at(file.place);
        problems.add(problem.help("name fewer `tables`, in several steps"));
    }
    kind
}
