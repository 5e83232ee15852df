//! `loadgen check`: every mistake, with its place.

use crate::cli::complain;
use crate::cli::output::Output;
use crate::report::Colour;
use crate::scenario::Checked;
use crate::scenario::Overrides;
use crate::scenario::Scenario;
use crate::scenario::check_file;
use crate::schema::Schema;

/// Exit code where a file has a mistake.
const INVALID: u8 = 3;

/// Checks files: a line for each good one on standard output, mistakes on standard error.
pub(super) fn run(files: &[String]) -> u8 {
    let is_coloured = Colour::of_stderr().is_on();
    let mut output = Output::default();
    let environment = |name: &str| std::env::var(name).ok();
    let mut code = 0;
    for file in files {
        match check_file(file, &Overrides::default(), &environment) {
            Ok(checked) => output.say(&format!("{file}: ok ({})\n", describe(&checked))),
            Err(problems) => {
                code = INVALID;
                complain(problems.draw(is_coloured).trim_end_matches('\n'));
            }
        }
    }
    output.end(code)
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
