//! `verify`: is what stands at the far end what must stand there?

mod again;
mod found;

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::path::PathBuf;

use clap::Args;
use clap::ValueEnum;
use clap::ValueHint;
use serde::Deserialize;
use tokio_postgres::Client;

use crate::cli::Refusal;
use crate::cli::Subject;
use crate::cli::output::Output;
use crate::cli::place::Place;
use crate::cli::place::connector;
use crate::cli::read;
use crate::cli::wait::on_runtime;
use crate::pace::Shard;
use crate::scenario::Domain;
use crate::scenario::Overrides;
use crate::scenario::Scenario;
use crate::scenario::TargetKind;
use crate::schema::Table;
use crate::sink::postgres::provision::SetupError;
use crate::sink::postgres::quote::qualified;
use crate::verify::Finding;
use crate::verify::claims;
use crate::verify::source;

/// A claim does not hold.
const WRONG: u8 = 99;

/// `verify`.
#[derive(Debug, Args)]
pub(crate) struct VerifyArguments {
    #[command(flatten)]
    subject: Subject,
    /// Judge the databases of a scenario, from their rows alone; without it, SCENARIO is the folder of a run,
    /// whose rows are judged by its ledger
    #[arg(long)]
    source: bool,
    /// With `--source`: also hold the number of rows against this run's summary
    #[arg(long, value_name = "DIR", value_hint = ValueHint::DirPath, requires = "source")]
    run: Option<PathBuf>,
    /// Ask no server: of a run, judge only what its observers have noted
    #[arg(long, conflicts_with = "source")]
    offline: bool,
    /// How the findings are written
    #[arg(long, value_enum, default_value_t = As::Text)]
    format: As,
    /// Permit a server that is not on this machine
    #[arg(long)]
    allow_remote: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum As {
    /// A line for each claim
    Text,
    /// One JSON object
    Json,
}

/// What is read of a run's summary.
#[derive(Debug, Deserialize)]
struct RunTotals {
    #[serde(default)]
    shard: Option<Shard>,
    tables: Vec<TableTotals>,
}

/// Rows of a table, as a run counted them.
#[derive(Debug, Deserialize)]
struct TableTotals {
    target: String,
    database: String,
    table: String,
    alive: u64,
}

/// `loadgen verify`.
pub(super) fn verify(arguments: &VerifyArguments) -> u8 {
    if !arguments.source {
        let judged = refuse_factors(arguments).and_then(|()| again::judge(arguments));
        return judged.unwrap_or_else(|refusal| refusal.report());
    }
    match findings(arguments) {
        Ok(findings) => tell(&findings, arguments.format),
        Err(refusal) => refusal.report(),
    }
}

/// A run was what it was: nothing that makes another load of a scenario can be said of it.
fn refuse_factors(VerifyArguments { subject, .. }: &VerifyArguments) -> Result<(), Refusal> {
    let given = [
        ("--seed", subject.seed.is_some()),
        ("--scale-rate", subject.scale_rate.is_some()),
        ("--time-scale", subject.time_scale.is_some()),
    ];
    let Some((option, _)) = given.iter().find(|(_, is_given)| *is_given) else { return Ok(()) };
    let text = format!("error: `{option}` is for `--source`: a run is judged as it was made");
    Err(Refusal { text, code: 2 })
}

fn findings(arguments: &VerifyArguments) -> Result<Vec<Finding>, Refusal> {
    let overrides =
        Overrides { allow_remote: arguments.allow_remote, ..arguments.subject.overrides() };
    let scenario = read(&arguments.subject.scenario, &overrides)?;
    let place = Place::find(&scenario)?;
    let counted =
        arguments.run.as_deref().map(|run| counted(run, &scenario, &place)).transpose()?;
    refuse_embedded(&scenario, &place)?;
    let judged = on_runtime(async {
        let sessions = Sessions::open(&scenario, &place).await?;
        let mut findings = Vec::new();
        for (number, child) in &sessions.children {
            let domain = &scenario.domains[*number];
            if let Some(counted) = &counted {
                findings.extend(counts(counted, &scenario, (domain, &place), child).await?);
            }
            findings.extend(source::ask(domain, child).await?);
        }
        for claim in claims(&scenario) {
            let Some(child) = sessions.children.get(&claim.child.domain) else { continue };
            findings.push(match sessions.parents.get(&claim.parent.domain) {
                Some(parent) => source::judge(&claim, (child, parent)).await?,
                None => source::pass_over(&claim, child).await?,
            });
        }
        Ok(findings)
    });
    judged.map_err(|error| Refusal::setup(&error))
}

/// Whether the rows of a domain stand in a database. Events do not, and what is discarded does not either.
fn is_stored(scenario: &Scenario, domain: &Domain) -> bool {
    matches!(scenario.targets[domain.target].kind, TargetKind::Postgres(_))
}

fn stored(scenario: &Scenario) -> impl Iterator<Item = &Domain> {
    scenario.domains.iter().filter(|domain| is_stored(scenario, domain))
}

/// An embedded server has gone with its run, unless it was kept.
fn refuse_embedded(scenario: &Scenario, place: &Place) -> Result<(), Refusal> {
    if stored(scenario).next().is_none() {
        let message =
            "no domain of this scenario is in a PostgreSQL database: there are no rows to judge";
        return Err(Refusal::setup(&message));
    }
    match stored(scenario).find(|domain| place.address(domain.target).is_none()) {
        None => Ok(()),
        Some(domain) => Err(Refusal::setup(&format!(
            "the domain `{}` is on an embedded server: there is nothing left to look at; \
             run with `--keep`, and set LOADGEN_POSTGRES to the address that it prints",
            domain.schema.name
        ))),
    }
}

/// Two sessions for each domain: one reads children while the other reads parents.
struct Sessions {
    children: BTreeMap<usize, Client>,
    parents: BTreeMap<usize, Client>,
}

impl Sessions {
    async fn open(scenario: &Scenario, place: &Place) -> Result<Self, SetupError> {
        let (mut children, mut parents) = (BTreeMap::new(), BTreeMap::new());
        for (number, domain) in scenario.domains.iter().enumerate() {
            let Some(address) = place.domain(scenario, domain) else { continue };
            let connect = connector(address, "loadgen/verify".to_owned());
            let mut seen = None;
            for sessions in [&mut children, &mut parents] {
                let client = connect(None).await?;
                seen = Some(source::hold_still(&client, seen.as_deref()).await?);
                sessions.insert(number, client);
            }
        }
        Ok(Self { children, parents })
    }
}

/// The rows of a domain's tables, held against what a run counted.
async fn counts(
    counted: &RunTotals,
    scenario: &Scenario,
    (domain, place): (&Domain, &Place),
    client: &Client,
) -> Result<Vec<Finding>, SetupError> {
    let mut findings = Vec::new();
    for table in domain.schema.stored() {
        let Some(found) = counted.of(scenario, (domain, place), table) else { continue };
        let rows = source::count(client, &qualified(&domain.namespace, &table.name)).await?;
        findings.push(Finding {
            claim: format!(
                "{}.{} has the {} rows that the run counted",
                domain.schema.name, table.name, found.alive
            ),
            rows,
            wrong: rows.abs_diff(found.alive),
            unjudged: 0,
            example: (rows != found.alive).then(|| format!("it has {rows}")),
        });
    }
    Ok(findings)
}

impl RunTotals {
    fn of(
        &self,
        scenario: &Scenario,
        (domain, place): (&Domain, &Place),
        table: &Table,
    ) -> Option<&TableTotals> {
        let target = &scenario.targets[domain.target].name;
        let database = place.database(scenario, domain);
        let name = format!("{}.{}", domain.namespace, table.name);
        self.tables
            .iter()
            .find(|each| (&each.target, &each.database, &each.table) == (target, &database, &name))
    }
}

/// What a run counted; it must have been of this scenario, as far as tables show.
fn counted(folder: &Path, scenario: &Scenario, place: &Place) -> Result<RunTotals, Refusal> {
    let path = folder.join("summary.json");
    let refuse = |why: String| Refusal {
        text: format!(
            "error: cannot read `{}`: {why}; give the folder of a run that has ended with `--run`",
            path.display()
        ),
        code: 2,
    };
    let text = fs::read_to_string(&path).map_err(|error| refuse(error.to_string()))?;
    let counted: RunTotals =
        serde_json::from_str(&text).map_err(|error| refuse(error.to_string()))?;
    if let Some(shard) = counted.shard {
        return Err(refuse(format!(
            "it is of shard {shard}, which knows nothing of the others; add all up by `loadgen merge --out`"
        )));
    }
    for domain in stored(scenario) {
        let mut tables = domain.schema.stored().iter();
        let is_missing = |table: &&Table| counted.of(scenario, (domain, place), table).is_none();
        if let Some(table) = tables.find(is_missing) {
            let (name, database) = (&table.name, place.database(scenario, domain));
            return Err(refuse(format!(
                "it counts no table `{name}` in a database `{database}`: it is of another scenario"
            )));
        }
    }
    Ok(counted)
}

fn tell(findings: &[Finding], format: As) -> u8 {
    let wrong = findings.iter().filter(|finding| !finding.holds()).count();
    let mut output = Output::default();
    if format == As::Json {
        let verdict = if wrong == 0 { "passed" } else { "failed" };
        let all = serde_json::json!({
            "format": "loadgen.verification/1", "verdict": verdict, "findings": findings,
        });
        output.say(&format!("{all:#}\n"));
    } else {
        for finding in findings {
            let word = if !finding.holds() {
                "WRONG"
            } else if is_judged(finding) {
                "ok   "
            } else {
                "-    "
            };
            output.say(&format!("{word}  {}: {}\n", finding.claim, rows(finding)));
        }
        let all = findings.iter().filter(|finding| is_judged(finding)).count();
        let rest = match findings.len() - all {
            0 => String::new(),
            some => format!(", {some} not judged"),
        };
        output.say(&if wrong == 0 {
            format!("{all} claims hold{rest}\n")
        } else {
            format!("{wrong} of {all} claims do not hold{rest}\n")
        });
    }
    output.end(if wrong == 0 { 0 } else { WRONG })
}

/// Whether anything of it was judged, or there was nothing to judge.
fn is_judged(finding: &Finding) -> bool {
    finding.rows > 0 || finding.unjudged == 0
}

fn rows(finding: &Finding) -> String {
    let Finding { rows, wrong, unjudged, example, .. } = finding;
    if !is_judged(finding) {
        return format!("{unjudged} rows, not judged: what they name is gone, or elsewhere");
    }
    let rest = match unjudged {
        0 => String::new(),
        some => format!(", {some} more cannot be judged"),
    };
    match example {
        None if *rows == 0 && *unjudged == 0 && *wrong == 0 => "no row breaks it".to_owned(),
        None if *rows == 0 && *unjudged == 0 => format!("{wrong} rows break it"),
        None => format!("{rows} rows{rest}"),
        Some(example) => format!("{wrong} wrong of {rows} rows{rest}; {example}"),
    }
}
