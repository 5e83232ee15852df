//! The doctor at the start of a run that is observed: what would spoil it ends it before it begins.

use std::fmt::Write;

use crate::cli::Refusal;
use crate::cli::connector;
use crate::cli::doctor::Report;
use crate::cli::doctor::databases;
use crate::cli::doctor::demand;
use crate::cli::doctor::look;
use crate::cli::doctor::replicas;
use crate::cli::doctor::topics;
use crate::cli::observe::look_ahead;
use crate::cli::place::connector as connector_to;
use crate::cli::plan::reckoned;
use crate::cli::prepare::Prepared;
use crate::cli::prepare::Until;
use crate::cli::wait::on_runtime_within;
use crate::doctor;
use crate::doctor::Check;
use crate::doctor::Demand;
use crate::doctor::Severity;
use crate::engine::stop::Stop;
use crate::measure::Feed;
use crate::scenario::Scenario;
use crate::sink::postgres::provision::SetupError;

use super::APPLICATION;
use super::UNFIT;

/// How long one server, or one database, may be looked at.
const LOOK_WITHIN: std::time::Duration = std::time::Duration::from_secs(30);
/// What the whole server must have for changes to be observed. Its other faults are for `doctor` alone to tell.
const OF_SERVERS: [&str; 5] =
    ["version", "wal_level", "max_replication_slots", "max_wal_senders", "replica"];
/// What observed tables must have. Logins of capture are for others to use.
const OF_TABLES: [&str; 3] = ["publication", "replica identity", "table"];

/// Looks at the servers that are observed, before anything is made on them.
pub(in crate::cli) fn servers(
    prepared: &Prepared,
    until: Until<'_>,
    stop: &Stop,
) -> Result<(), Refusal> {
    let (scenario, place) = (&*prepared.scenario, &prepared.place);
    let reckoned = reckoned(scenario);
    let mut spoilt = Vec::new();
    for target in observed(scenario, until) {
        let Some(address) = place.address(target) else { continue };
        let databases = databases(scenario, place, target);
        let demand = demand(scenario, (target, &databases), &reckoned);
        // Others who capture have their slots already, or will see to it themselves.
        let demand = if scenario.cdc.connect.url.is_some() {
            demand
        } else {
            Demand { captures: Vec::new(), ..demand }
        };
        let looked = async {
            let client = connector_to(address.clone(), APPLICATION.to_owned())(None).await?;
            doctor::server(&client, &demand).await
        };
        let checks = on_runtime_within((stop, LOOK_WITHIN), looked);
        let checks = checks.map_err(|error| Refusal::setup(&error))?;
        let subject = format!("server {address}");
        spoilt.extend(critical(&subject, checks, &OF_SERVERS));
    }
    if until.is_run() {
        for Report { subject, checks } in replicas::reports(scenario, place)? {
            spoilt.extend(critical(&subject, checks, &OF_SERVERS));
        }
        topics::refuse_unreachable(scenario, place)?;
    }
    refuse(&spoilt)
}

/// Looks at the tables that are observed, once they are there, and whether observers and connectors can begin; says
/// how many things are to be looked at.
pub(in crate::cli) fn tables(
    prepared: &Prepared,
    until: Until<'_>,
    (feed, stop): (&Feed, &Stop),
) -> Result<(), Refusal> {
    let (scenario, place) = (&*prepared.scenario, &prepared.place);
    let needs = doctor::needs(scenario);
    let (mut spoilt, mut warnings) = (Vec::new(), 0);
    for target in observed(scenario, until) {
        if place.address(target).is_none() {
            continue;
        }
        for (database, domains) in databases(scenario, place, target) {
            let looked = look(scenario, (place, &domains), &needs);
            let checks = on_runtime_within((stop, LOOK_WITHIN), looked);
            let checks = checks.map_err(|error: SetupError| Refusal::setup(&error))?;
            let of_tables = checks.iter().filter(|it| OF_TABLES.contains(&it.check));
            warnings += of_tables.filter(|it| it.severity == Severity::Warning).count();
            spoilt.extend(critical(&format!("database {database}"), checks, &OF_TABLES));
        }
    }
    if warnings > 0 {
        let noun = if warnings == 1 { "thing" } else { "things" };
        feed.message(format!(
            "{warnings} {noun} about the observed tables should be looked at: `loadgen doctor` tells"
        ));
    }
    refuse(&spoilt)?;
    if until.is_run() {
        connector::look_ahead(prepared, stop)?;
        look_ahead(prepared, (feed, stop))?;
    }
    Ok(())
}

/// The targets whose changes a run observes, each once.
fn observed(scenario: &Scenario, until: Until<'_>) -> Vec<usize> {
    if !until.is_run() {
        return Vec::new();
    }
    let domains = scenario.observers.iter().flat_map(|observer| &observer.domains);
    let mut targets: Vec<usize> = domains.map(|it| scenario.domains[*it].target).collect();
    targets.sort_unstable();
    targets.dedup();
    targets
}

/// What is critical, each thing once with all the places where it was found.
fn critical(subject: &str, checks: Vec<Check>, names: &[&str]) -> Vec<String> {
    let mut all: Vec<Check> = Vec::new();
    let is_one = |it: &Check| it.severity == Severity::Critical && names.contains(&it.check);
    for check in checks.into_iter().filter(is_one) {
        let is_same = |it: &&mut Check| (&it.found, &it.remedy) == (&check.found, &check.remedy);
        match all.iter_mut().find(is_same) {
            Some(known) => known.place = format!("{}, {}", known.place, check.place),
            None => all.push(check),
        }
    }
    all.iter().map(|check| told(subject, check)).collect()
}

fn told(subject: &str, check: &Check) -> String {
    let Check { check, place, found, remedy, .. } = check;
    let of = if place.is_empty() { String::new() } else { format!(" of {place}") };
    let mut text = format!("  {subject}: {check}{of}: {found}");
    if let Some(remedy) = remedy {
        let _ = write!(text, "\n    {remedy}");
    }
    text
}

fn refuse(spoilt: &[String]) -> Result<(), Refusal> {
    if spoilt.is_empty() {
        return Ok(());
    }
    let text = format!(
        "error: what is observed would say nothing; mend this first (`loadgen doctor` tells more):\n{}",
        spoilt.join("\n")
    );
    Err(Refusal { text, code: UNFIT })
}
