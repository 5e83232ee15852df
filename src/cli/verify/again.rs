//! `verify RUN`: a run judged again, from its folder.

mod replayed;

use std::collections::BTreeMap;
use std::collections::BTreeSet;
use std::collections::btree_map::Entry;
use std::fs;
use std::io::ErrorKind;
use std::path::Path;
use std::sync::Arc;

use clap::Parser;
use serde::Deserialize;
use tokio::time::Instant;
use tokio_postgres::Client;

use crate::cli::Arguments;
use crate::cli::Command;
use crate::cli::Refusal;
use crate::cli::RunArguments;
use crate::cli::ledger::keeps_observed;
use crate::cli::observe::Compared;
use crate::cli::place::Place;
use crate::cli::place::connector;
use crate::cli::prepare::books;
use crate::cli::verify::VerifyArguments;
use crate::cli::verify::again::replayed::replay;
use crate::cli::verify::again::replayed::tables;
use crate::cli::verify::found::Absent;
use crate::cli::verify::found::Copied;
use crate::cli::verify::found::Rejudged;
use crate::cli::verify::found::Surface;
use crate::cli::verify::found::UNASKED;
use crate::cli::verify::found::of_events;
use crate::cli::verify::found::tell;
use crate::cli::verify::found::unread;
use crate::cli::verify::is_stored;
use crate::cli::verify::refuse_embedded;
use crate::cli::wait::on_runtime;
use crate::doctor;
use crate::generate::World;
use crate::ledger::RunFiles;
use crate::measure::SurfaceCounts;
use crate::replay::Followed;
use crate::replay::Observations;
use crate::replay::Past;
use crate::replay::Replay;
use crate::replay::ReplayError;
use crate::replay::Standing;
use crate::report::Colour;
use crate::scenario::Checked;
use crate::scenario::Domain;
use crate::scenario::Observer;
use crate::scenario::Overrides;
use crate::scenario::Scenario;
use crate::scenario::TargetKind;
use crate::scenario::TraceBy;
use crate::scenario::check_text;
use crate::sink::postgres::provision::SetupError;
use crate::verify::source;

/// Who looks.
const APPLICATION: &str = "loadgen/verify";

/// What is read of a run's manifest.
#[derive(Debug, Deserialize)]
struct Manifest {
    run: String,
    started: String,
    command: Vec<String>,
    hash: String,
    start_us: i64,
    taken: Vec<u64>,
    files: Vec<ManifestFile>,
}

#[derive(Debug, Deserialize)]
struct ManifestFile {
    path: String,
    text: String,
}

/// What is read of its summary, if there is one.
#[derive(Debug, Default, Deserialize)]
struct RunSummary {
    tables: Vec<SummaryTable>,
    #[serde(default)]
    surfaces: Vec<SurfaceCounts>,
    #[serde(default)]
    invalid_because: Vec<String>,
}

#[derive(Debug, Deserialize)]
struct SummaryTable {
    target: String,
    database: String,
    table: String,
    #[serde(default)]
    before: u64,
}

/// Judges, and tells. Returns the exit code.
pub(super) fn judge(arguments: &VerifyArguments) -> Result<u8, Refusal> {
    let folder = Path::new(&arguments.subject.scenario);
    let manifest = manifest(folder)?;
    let run = run_of(&manifest)?;
    let scenario = scenario(&manifest, &run, arguments)?;
    let place = Place::find(&scenario)?;
    let world = Arc::new(World::beside(&scenario, manifest.start_us, &manifest.taken));
    let files = RunFiles::of(folder, &manifest.run, &manifest.started);
    let past = Past::read(files, &world);
    let past = past.map_err(|error| unread(&error, folder, (&scenario, run.trace)))?;
    let counted = counted(folder)?;
    let seen = Observations::read(files, &world.catalog, scenario.observers.len());
    let seen = seen.map_err(|error| Refusal::setup(&error))?;
    // What was seen outlives the server.
    if seen.is_none() {
        refuse_embedded(&scenario, &place)?;
    }
    let looked = on_runtime(async {
        let Standings { sessions, absent } = if arguments.offline {
            Standings::unasked(&scenario)
        } else {
            standings(&scenario, &place, &manifest.run).await?
        };
        let tables = tables(&world, &scenario, (&place, &counted, &manifest));
        let mut replay = replay(&world, past, tables, &sessions);
        let standing =
            if sessions.is_empty() { Standing::default() } else { replay.judge(&sessions).await? };
        let copies = if arguments.offline {
            Copied::unasked(&scenario)
        } else {
            copies((&scenario, &place), &sessions, &mut replay).await
        };
        Ok((replay, standing, absent, copies))
    });
    let (replay, standing, absent, copies) = looked.map_err(|error| Refusal::setup(&error))?;
    let is_unnoted = keeps_observed(&scenario) && seen.is_none();
    if let (true, None, Some((_, why))) = (standing.tables.is_empty(), &seen, absent.first()) {
        let missing = if is_unnoted { "`observed-0001.bin` is missing, and " } else { "" };
        return Err(refused(folder, format!("{missing}{why}")));
    }
    let absent = absences(absent, &scenario, seen.is_some());
    let follow = |(mut seen, observer): (Observations, &Observer)| {
        seen.arrivals = observer.arrivals();
        seen.has_own_log = observer.has_own_log();
        let is_observed = observed(&replay.world, observer);
        let Followed { verification, untold, .. } =
            replay.follow(&observer.name, &seen, &is_observed)?;
        let (lost, is_complete) = (seen.gaps.lost, seen.is_complete);
        // No lane makes what steps and canaries do, so it cannot be gone through again.
        let counted = counted.surfaces.iter().find(|it| it.surface == observer.name);
        let own = counted.and_then(|it| it.own.clone());
        let wrong = counted.map_or(0, |it| it.wrong);
        let wrong = wrong.saturating_sub(own.as_ref().map_or(0, |own| own.wrong));
        // Of messages it is only noted that there was none.
        let is_named = scenario.cdc.trace == TraceBy::Message;
        let unfound = if is_named { wrong.saturating_sub(verification.wrong) } else { 0 };
        let name = observer.name.clone();
        Ok(Surface { name, verification, own, untold, unfound, lost, is_complete })
    };
    let all = seen.into_iter().flatten().zip(&scenario.observers);
    // Of tables that were looked at nothing is noted: what counts is how they stand.
    let seen: Result<Vec<Surface>, ReplayError> =
        all.filter(|(_, observer)| observer.is_noted()).map(follow).collect();
    let seen = seen.map_err(|error| Refusal::setup(&error))?;
    let invalid_because = counted.invalid_because;
    let (past, of_events) = (&replay.past, of_events(&scenario, &counted.surfaces));
    let found =
        Rejudged { past, standing, copies, absent, seen, of_events, is_unnoted, invalid_because };
    Ok(tell(&manifest.run, &found, arguments.format))
}

/// How rows stand where observers looked at tables; of those domains whose own databases are still the run's, since a
/// copy has what its source has.
async fn copies(
    at: (&Scenario, &Place),
    sources: &BTreeMap<usize, Client>,
    replay: &mut Replay,
) -> Vec<Copied> {
    let mut all = Vec::new();
    for observer in &at.0.observers {
        let Some(replica) = observer.polled() else { continue };
        let judged = async {
            let copy = Compared::new(at, (observer, replica), APPLICATION)?;
            let is_there = |domain| copy.has(domain) && sources.contains_key(&domain);
            let tables = replay.world.catalog.tables.iter().map(|info| is_there(info.domain));
            let is_judged = tables.zip(&replay.is_judged).map(|(is, was)| is && *was).collect();
            let before = std::mem::replace(&mut replay.is_judged, is_judged);
            // Nobody has noted how long it has had what came last.
            let until = Instant::now() + replica.within;
            let standing = copy.stand(replay, until, || {}).await;
            replay.is_judged = before;
            standing
        };
        let standing = judged.await.map_err(|error: SetupError| error.to_string());
        all.push(Copied { name: observer.name.clone(), standing });
    }
    // Where nothing of the run is left, nothing can be held against it.
    all.retain(|copied| !matches!(&copied.standing, Ok(standing) if standing.tables.is_empty()));
    all
}

/// Of which tables an observer sees the changes.
fn observed(world: &World, observer: &Observer) -> Vec<bool> {
    let tables = world.catalog.tables.iter().take(world.table_count());
    tables.map(|info| info.is_row() && observer.domains.contains(&info.domain)).collect()
}

pub(super) fn refused(folder: &Path, why: impl std::fmt::Display) -> Refusal {
    Refusal {
        text: format!("error: cannot judge the run in `{}`: {why}", folder.display()),
        code: 4,
    }
}

/// What its summary tells; a run that was killed has none.
fn counted(folder: &Path) -> Result<RunSummary, Refusal> {
    let unread = |why: String| refused(folder, format!("`summary.json`: {why}"));
    match fs::read_to_string(folder.join("summary.json")) {
        Ok(text) => serde_json::from_str(&text).map_err(|error| unread(error.to_string())),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(RunSummary::default()),
        Err(error) => Err(unread(error.to_string())),
    }
}

fn manifest(folder: &Path) -> Result<Manifest, Refusal> {
    let path = folder.join("manifest.json");
    let Ok(text) = fs::read_to_string(&path) else {
        let text = format!(
            "error: `{}` is no folder of a run; give one, or judge the databases of a scenario with \
             `--source`",
            folder.display()
        );
        return Err(Refusal { text, code: 2 });
    };
    serde_json::from_str(&text)
        .map_err(|error| refused(folder, format!("`manifest.json`: {error}")))
}

/// How it was begun.
fn run_of(manifest: &Manifest) -> Result<RunArguments, Refusal> {
    let refuse = |why: &str| Refusal {
        text: format!("error: the run `{}` cannot be judged again: {why}", manifest.run),
        code: 4,
    };
    let Ok(Arguments { command: Command::Run(run) }) = Arguments::try_parse_from(&manifest.command)
    else {
        return Err(refuse("it has sent nothing"));
    };
    if run.shard.is_some() {
        return Err(refuse("it is one of several shards, and knows nothing of the others' rows"));
    }
    if run.continues.is_some() {
        return Err(refuse(
            "it went on where another run had stopped, and its own trace does not tell of that one's rows",
        ));
    }
    Ok(run)
}

/// The scenario as it was run, on the servers that the environment names now.
fn scenario(
    manifest: &Manifest,
    run: &RunArguments,
    arguments: &VerifyArguments,
) -> Result<Scenario, Refusal> {
    let overrides = run.overrides();
    let set = [overrides.set.as_slice(), arguments.subject.set.as_slice()].concat();
    let allow_remote = overrides.allow_remote || arguments.allow_remote;
    let overrides = Overrides { set, allow_remote, ..overrides };
    let refuse = |why: &str| Refusal { text: format!("error: {why}"), code: 4 };
    let Some(source) = manifest.files.first() else {
        return Err(refuse("its manifest has no scenario"));
    };
    let environment = |name: &str| std::env::var(name).ok();
    let checked = check_text(&source.path, &source.text, &overrides, &environment);
    let checked = checked.map_err(|problems| Refusal {
        text: problems.draw(Colour::of_stderr().is_on()),
        code: 3,
    })?;
    match checked {
        Checked::Scenario(scenario) if scenario.hash == manifest.hash => Ok(*scenario),
        Checked::Scenario(_) | Checked::Schema(_) => Err(refuse(
            "the scenario is not what it was in the run: a schema, a list or a variable of the environment \
             has changed, or `--set` changes what is sent",
        )),
    }
}

/// The databases that hold what the run has left.
struct Standings {
    /// By domain; in each, all that is read stands still.
    sessions: BTreeMap<usize, Client>,
    /// Domains whose databases are not to be judged, and why.
    absent: Vec<(usize, String)>,
}

impl Standings {
    /// Where no server is asked.
    fn unasked(scenario: &Scenario) -> Self {
        let all = scenario.domains.iter().enumerate();
        let stored = all.filter(|(_, domain)| is_stored(scenario, domain));
        let absent = stored.map(|(number, _)| (number, UNASKED.to_owned())).collect();
        Self { sessions: BTreeMap::new(), absent }
    }
}

/// Why a domain's database is not to be judged, if its server was embedded and has gone with the run.
fn gone_with_its_run(scenario: &Scenario, place: &Place, domain: &Domain) -> Option<String> {
    if !is_stored(scenario, domain) {
        return None;
    }
    let target = &scenario.targets[domain.target];
    let is_there = |domain: &Domain| place.address(domain.target).is_some();
    let other = scenario.domains.iter().find(|it| is_there(it));
    let which = other.map_or_else(String::new, |_| format!(" of `{}`", target.name));
    Some(format!("the databases{which} are gone"))
}

/// What is not judged, each reason once for those that were observed and once for those that were not.
fn absences(
    absent: Vec<(usize, String)>,
    scenario: &Scenario,
    has_observations: bool,
) -> Vec<Absent> {
    let mut all: Vec<Absent> = Vec::new();
    for (domain, why) in absent {
        let is_observed =
            has_observations && scenario.observers.iter().any(|it| it.domains.contains(&domain));
        let absent = Absent { why, is_observed };
        if !all.contains(&absent) {
            all.push(absent);
        }
    }
    all
}

/// Looks where the rows of a run are: its databases may have been removed since, or made anew by another run.
async fn standings(scenario: &Scenario, place: &Place, run: &str) -> Result<Standings, SetupError> {
    let mut found = Standings { sessions: BTreeMap::new(), absent: Vec::new() };
    let mut known: BTreeMap<usize, BTreeSet<String>> = BTreeMap::new();
    for (number, domain) in scenario.domains.iter().enumerate() {
        let (Some(address), Some(server)) =
            (place.domain(scenario, domain), place.address(domain.target))
        else {
            let gone = gone_with_its_run(scenario, place, domain);
            found.absent.extend(gone.map(|why| (number, why)));
            continue;
        };
        if let Entry::Vacant(unknown) = known.entry(domain.target) {
            let client = connector(server.clone(), APPLICATION.to_owned())(None).await?;
            unknown.insert(doctor::databases(&client).await?);
        }
        let database = address.database().to_owned();
        let absent = if known[&domain.target].contains(&database) {
            let client = connector(address, APPLICATION.to_owned())(None).await?;
            let absent = of_another(scenario, domain, (&client, run)).await?;
            if absent.is_none() {
                source::hold_still(&client, None).await?;
                found.sessions.insert(number, client);
            }
            absent
        } else {
            Some(format!("the database `{database}` is gone"))
        };
        found.absent.extend(absent.map(|why| (number, why)));
    }
    Ok(found)
}

/// Why what stands in a domain's tables is none of the run's, if it is not.
async fn of_another(
    scenario: &Scenario,
    domain: &Domain,
    (client, run): (&Client, &str),
) -> Result<Option<String>, SetupError> {
    let TargetKind::Postgres(target) = &scenario.targets[domain.target].kind else {
        return Ok(None);
    };
    let Some(books) = books(target, domain) else { return Ok(None) };
    let name = &domain.schema.name;
    Ok(match books.read(client).await?.map(|mark| mark.run) {
        None => Some(format!("the tables of `{name}` are gone")),
        Some(Some(last)) if last == run => None,
        Some(Some(last)) => Some(format!("the tables of `{name}` have what the run `{last}` left")),
        Some(None) => Some(format!("the tables of `{name}` have been made anew")),
    })
}
