//! `doctor`: are the databases fit for change data capture?

mod connectors;
pub(super) mod fit;
mod replicas;
mod topics;

use std::collections::BTreeMap;
use std::fmt::Write;

use clap::Args;
use clap::ValueEnum;

use tokio_postgres::Client;

use crate::cli::Refusal;
use crate::cli::Subject;
use crate::cli::observe::of_others;
use crate::cli::output::Output;
use crate::cli::place::Place;
use crate::cli::place::connector;
use crate::cli::plan::Reckoned;
use crate::cli::plan::reckoned;
use crate::cli::read;
use crate::cli::wait::on_runtime;
use crate::connect::slot_of;
use crate::doctor;
use crate::doctor::Check;
use crate::doctor::Demand;
use crate::doctor::Needs;
use crate::doctor::Severity;
use crate::observe::before;
use crate::observe::before::Capture;
use crate::scenario::Domain;
use crate::scenario::Overrides;
use crate::scenario::Provision;
use crate::scenario::Scenario;
use crate::scenario::TargetKind;
use crate::sink::postgres::address::Address;
use crate::sink::postgres::provision::SetupError;
use crate::sink::postgres::replication::ReplicationReader;

/// Something critical was found.
const UNFIT: u8 = 4;
/// Who asks.
const APPLICATION: &str = "loadgen/doctor";

/// `doctor`.
#[derive(Debug, Args)]
pub(crate) struct DoctorArguments {
    #[command(flatten)]
    subject: Subject,
    /// How the checks are written
    #[arg(long, value_enum, default_value_t = As::Text)]
    format: As,
    /// Permit a server that is not on this machine
    #[arg(long)]
    allow_remote: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum As {
    /// A line for each check, and the remedy below it
    Text,
    /// One JSON object: `"format": "loadgen.doctor/1"`
    Json,
}

/// What was found at one place.
#[derive(Debug, serde::Serialize)]
struct Report {
    /// A server, or a database.
    subject: String,
    checks: Vec<Check>,
}

/// `loadgen doctor`.
pub(super) fn doctor(arguments: &DoctorArguments) -> u8 {
    match reports(arguments) {
        Ok(reports) => tell(&reports, arguments.format),
        Err(refusal) => refusal.report(),
    }
}

fn reports(arguments: &DoctorArguments) -> Result<Vec<Report>, Refusal> {
    let overrides =
        Overrides { allow_remote: arguments.allow_remote, ..arguments.subject.overrides() };
    let scenario = read(&arguments.subject.scenario, &overrides)?;
    let place = Place::find(&scenario)?;
    let reports = examine(&scenario, &place)?;
    if reports.is_empty() {
        let message = "no domain of this scenario is on a PostgreSQL server that can be looked at: set \
                       LOADGEN_POSTGRES, or write its address into the target";
        return Err(Refusal::setup(&message));
    }
    Ok(reports)
}

/// Looks at all servers and databases of a scenario that have an address.
fn examine(scenario: &Scenario, place: &Place) -> Result<Vec<Report>, Refusal> {
    let needs = doctor::needs(scenario);
    let reckoned = reckoned(scenario);
    let mut reports = Vec::new();
    for number in 0..scenario.targets.len() {
        let Some(address) = place.address(number) else { continue };
        let databases = databases(scenario, place, number);
        let demand = demand(scenario, (number, &databases), &reckoned);
        let found = on_runtime(async {
            let client = connector(address.clone(), APPLICATION.to_owned())(None).await?;
            Ok((doctor::server(&client, &demand).await?, doctor::databases(&client).await?))
        });
        let (checks, known) = found.map_err(|error| Refusal::setup(&error))?;
        reports.push(Report { subject: format!("server {address}"), checks });
        for (database, domains) in databases {
            let checks = if known.contains(&database) {
                let checks = on_runtime(async {
                    let mut checks = look(scenario, (place, &domains), &needs).await?;
                    checks.extend(captures((scenario, place), &domains).await?);
                    Ok(checks)
                });
                checks.map_err(|error| Refusal::setup(&error))?
            } else {
                vec![Check::absent()]
            };
            reports.push(Report { subject: format!("database {database}"), checks });
        }
    }
    reports.extend(replicas::reports(scenario, place)?);
    reports.extend(topics::reports(scenario, place, &reckoned)?);
    reports.extend(connectors::reports(scenario, place)?);
    Ok(reports)
}

/// The databases of a target, and the numbers of the domains in each.
pub(super) fn databases(
    scenario: &Scenario,
    place: &Place,
    target: usize,
) -> BTreeMap<String, Vec<usize>> {
    let mut all: BTreeMap<String, Vec<usize>> = BTreeMap::new();
    for (number, domain) in scenario.domains.iter().enumerate() {
        if domain.target == target {
            all.entry(place.database(scenario, domain)).or_default().push(number);
        }
    }
    all
}

/// What a run asks of a target's server, which has these databases.
fn demand(
    scenario: &Scenario,
    (target, databases): (usize, &BTreeMap<String, Vec<usize>>),
    reckoned: &Reckoned,
) -> Demand {
    let count = i64::try_from(databases.len()).unwrap_or(i64::MAX);
    let observers = scenario.observers.iter().filter(|it| it.has_slots_of(target)).count();
    let observers = i64::try_from(observers).unwrap_or(0);
    let connections = match &scenario.targets[target].kind {
        TargetKind::Postgres(settings) if settings.provision == Provision::Schemas => {
            i64::from(settings.connections)
        }
        TargetKind::Postgres(settings) => i64::from(settings.connections) * count,
        _ => 0,
    };
    let slot = |(database, domains): (&String, &Vec<usize>)| {
        let first = &scenario.domains[*domains.first()?];
        Some((database.clone(), slot_of(&first.schema.name)))
    };
    let captures = databases.iter().filter_map(slot).collect();
    let slots = count * observers;
    let databases = databases.keys().cloned().collect();
    Demand { slots, databases, captures, connections, wal: reckoned.wal }
}

/// Looks at one database, which some domains share.
async fn look(
    scenario: &Scenario,
    (place, domains): (&Place, &[usize]),
    needs: &[Vec<Needs>],
) -> Result<Vec<Check>, SetupError> {
    let mut all = Vec::new();
    for number in domains {
        let domain = &scenario.domains[*number];
        let Some(address) = place.domain(scenario, domain) else { continue };
        let client = connector(address.clone(), APPLICATION.to_owned())(None).await?;
        all.extend(doctor::database(&client, (scenario, *number), &needs[*number]).await?);
        all.push(streaming(scenario, domain, (&client, &address)).await?);
    }
    Ok(all)
}

/// Whether somebody captures a database, which these domains share, for the observers of what others make of its
/// changes: a run says the same before it seeds.
async fn captures(at: (&Scenario, &Place), domains: &[usize]) -> Result<Vec<Check>, SetupError> {
    let mut all = Vec::new();
    for observer in &at.0.observers {
        let sources = of_others(at, observer).into_iter();
        for source in sources.filter(|it| it.domains.iter().any(|it| domains.contains(it))) {
            match before::capture(&source, APPLICATION).await? {
                Capture::Read => {}
                Capture::Unread(found) => all.push(Check::unread(found)),
                Capture::Nobody(found) => all.push(Check::nobody(found)),
            }
        }
    }
    Ok(all)
}

/// Whether a replication connection really comes about: `pg_hba.conf` and poolers decide that, too.
async fn streaming(
    scenario: &Scenario,
    domain: &Domain,
    (client, address): (&Client, &Address),
) -> Result<Check, SetupError> {
    let capture = scenario.cdc.password.as_ref();
    let address = match capture {
        Some(password) => address.with_login(&domain.roles.capture, Some(password.clone())),
        None => address.clone(),
    };
    let tried = ReplicationReader::identify(&address, APPLICATION).await;
    let may_replicate = doctor::may_replicate(client, address.user()).await?;
    let refusal = tried.err().map(|broken| broken.message);
    Ok(Check::streaming(address.user(), refusal, may_replicate))
}

fn tell(reports: &[Report], format: As) -> u8 {
    let all = || reports.iter().flat_map(|report| &report.checks);
    let count = |severity| all().filter(|check| check.severity == severity).count();
    let (critical, warnings) = (count(Severity::Critical), count(Severity::Warning));
    let mut output = Output::default();
    if format == As::Json {
        let verdict = if critical == 0 { "fit" } else { "unfit" };
        let all = serde_json::json!({
            "format": "loadgen.doctor/1", "verdict": verdict, "critical": critical,
            "warnings": warnings, "reports": reports,
        });
        output.say(&format!("{all:#}\n"));
    } else {
        output.say(&text(reports));
        output.say(&format!("{critical} critical, {warnings} to be looked at\n"));
    }
    output.end(if critical == 0 { 0 } else { UNFIT })
}

fn text(reports: &[Report]) -> String {
    let mut text = String::new();
    for Report { subject, checks } in reports {
        let _ = writeln!(text, "{subject}");
        for Check { check, place, severity, found, remedy } in checks {
            let place = if place.is_empty() { String::new() } else { format!("{place}: ") };
            let severity = severity.to_string();
            let _ = writeln!(text, "  {severity:<8}  {check:<29} {place}{found}");
            if let Some(remedy) = remedy {
                let _ = writeln!(text, "  {:<8}  {:<29} {remedy}", "", "");
            }
        }
    }
    text
}
