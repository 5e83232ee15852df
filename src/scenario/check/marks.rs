//! Columns that tell of changes: `cdc: { trace: columns }`.

use crate::diagnostic::Problem;
use crate::diagnostic::Problems;
use crate::scenario::Scenario;
use crate::scenario::TargetKind;
use crate::scenario::TraceBy;
use crate::scenario::file::ScenarioFile;
use crate::schema::Marker;

/// Gives the tables of all domains that a server stores these columns, if the scenario says so.
pub(super) fn mark(scenario: &mut Scenario, file: &ScenarioFile, problems: &mut Problems) {
    let written = file.cdc.0.as_ref().and_then(|cdc| cdc.trace.as_ref());
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
