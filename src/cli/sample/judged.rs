//! `sample --judge`: do the rows and actions follow what the schemas declare?

use crate::cli::Refusal;
use crate::cli::output::Output;
use crate::cli::read;
use crate::cli::sample::As;
use crate::cli::sample::COUNT_JUDGED;
use crate::cli::sample::SampleArguments;
use crate::cli::sample::timeless;
use crate::fit;
use crate::fit::Finding;
use crate::scenario::Overrides;
use crate::scenario::Scenario;

/// A law is broken.
const BROKEN: u8 = 99;

/// Judges a scenario's rows and actions by itself, or by another.
pub(super) fn judge(arguments: &SampleArguments, scenario: &Scenario) -> u8 {
    match findings(arguments, scenario) {
        Ok(findings) => tell(&findings, arguments.format),
        Err(refusal) => refusal.report(),
    }
}

fn findings(arguments: &SampleArguments, scenario: &Scenario) -> Result<Vec<Finding>, Refusal> {
    if matches!(arguments.format, Some(As::Csv | As::Sql)) {
        return Err(usage("`--judge` writes text, or JSON lines with `--format jsonl`"));
    }
    let other = arguments.against.as_deref().map(|path| read(path, &Overrides::default()));
    let other = other.transpose()?;
    let declared = other.as_ref().unwrap_or(scenario);
    if !is_alike(scenario, declared) {
        return Err(usage(
            "`--against` needs a scenario with the same domains, tables and streams",
        ));
    }
    let count = arguments.count.unwrap_or(COUNT_JUDGED);
    let world = timeless(scenario);
    let mut findings = fit::columns(&world, declared, count);
    findings.extend(fit::mix(&world, declared, count));
    Ok(findings)
}

/// Whether what one makes can be judged by what the other declares.
fn is_alike(one: &Scenario, other: &Scenario) -> bool {
    let tables = |scenario: &Scenario| -> Vec<Vec<(String, Vec<String>)>> {
        let columns = |table: &crate::schema::Table| {
            table.columns.iter().map(|column| column.name.clone()).collect()
        };
        let domains = scenario.domains.iter().map(|domain| &domain.schema.tables);
        domains
            .map(|of| of.iter().map(|each| (each.name.clone(), columns(each))).collect())
            .collect()
    };
    let streams = |scenario: &Scenario| -> Vec<String> {
        scenario.load.streams.iter().map(|stream| stream.name.clone()).collect()
    };
    tables(one) == tables(other) && streams(one) == streams(other)
}

fn usage(text: &str) -> Refusal {
    Refusal { text: format!("error: {text}"), code: 2 }
}

fn tell(findings: &[Finding], format: Option<As>) -> u8 {
    let broken = findings.iter().filter(|finding| finding.differs.is_some()).count();
    let mut output = Output::default();
    for finding in findings {
        let line = match format {
            Some(_) => serde_json::to_string(finding).unwrap_or_default(),
            None => line(finding),
        };
        output.say(&format!("{line}\n"));
    }
    if format.is_none() {
        let all = findings.len();
        output.say(&if broken == 0 {
            format!("{all} laws are kept\n")
        } else {
            format!("{broken} of {all} laws are broken\n")
        });
    }
    output.end(if broken == 0 { 0 } else { BROKEN })
}

fn line(finding: &Finding) -> String {
    let Finding { place, law, values, distance, differs } = finding;
    match differs {
        None => {
            format!("ok      {place}: {law}, {values} values, {distance:.2} of what chance allows")
        }
        Some(differs) => format!("BROKEN  {place}: {law}, {values} values: {differs}"),
    }
}
