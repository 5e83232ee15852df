//! `loadgen check`: every mistake, with its place.

use std::io;
use std::io::IsTerminal;
use std::io::Write;

use crate::scenario::Checked;
use crate::scenario::Overrides;
use crate::scenario::Scenario;
use crate::scenario::check_file;
use crate::schema::Schema;

/// Exit code where a file has a mistake.
const INVALID: u8 = 3;

/// Exit code where the results could not be written.
const FAILED: u8 = 4;

/// Checks files: a line for each good one on standard output, mistakes on standard error.
pub(super) fn run(files: &[String]) -> u8 {
    let is_colored = io::stderr().is_terminal() && std::env::var_os("NO_COLOR").is_none();
    let environment = |name: &str| std::env::var(name).ok();
    let mut code = 0;
    for file in files {
        let written = match check_file(file, &Overrides::default(), &environment) {
            Ok(checked) => writeln!(io::stdout(), "{file}: ok ({})", describe(&checked)),
            Err(problems) => {
                code = INVALID;
                write!(io::stderr(), "{}", problems.draw(is_colored))
            }
        };
        if written.is_err() {
            return FAILED;
        }
    }
    code
}

fn describe(checked: &Checked) -> String {
    match checked {
        Checked::Scenario(scenario) => describe_scenario(scenario),
        Checked::Schema(schema) => describe_schema(schema),
    }
}

fn describe_scenario(scenario: &Scenario) -> String {
    let tables = scenario.domains.iter().map(|domain| domain.schema.tables.len()).sum();
    [
        counted(scenario.domains.len(), "domain"),
        counted(tables, "table"),
        counted(scenario.load.streams.len(), "stream"),
        counted(scenario.thresholds.len(), "threshold"),
    ]
    .join(", ")
}

fn describe_schema(schema: &Schema) -> String {
    let columns = schema.tables.iter().map(|table| table.columns.len()).sum();
    [
        counted(schema.tables.len(), "table"),
        counted(columns, "column"),
        counted(schema.actions.len(), "action"),
    ]
    .join(", ")
}

fn counted(count: usize, noun: &str) -> String {
    let ending = if count == 1 { "" } else { "s" };
    format!("{count} {noun}{ending}")
}
