//! `verify RUN`: a run judged again, from its folder.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::sync::Arc;

use clap::Parser;
use serde::Deserialize;
use tokio_postgres::Client;

use crate::cli::Arguments;
use crate::cli::Command;
use crate::cli::Refusal;
use crate::cli::RunArguments;
use crate::cli::output::Output;
use crate::cli::place::Place;
use crate::cli::place::connector;
use crate::cli::verify::As;
use crate::cli::verify::VerifyArguments;
use crate::cli::verify::WRONG;
use crate::cli::verify::refuse_embedded;
use crate::cli::wait::on_runtime;
use crate::generate::World;
use crate::measure::Example;
use crate::measure::SurfaceCounts;
use crate::measure::Verification;
use crate::replay::Observations;
use crate::replay::Past;
use crate::replay::Replay;
use crate::replay::Standing;
use crate::replay::TableVerdict;
use crate::report::Colour;
use crate::report::observed::verdict as verdict_of;
use crate::report::text::exact;
use crate::scenario::Checked;
use crate::scenario::Observer;
use crate::scenario::Overrides;
use crate::scenario::Scenario;
use crate::scenario::check_text;
use crate::sink::postgres::provision::SetupError;
use crate::verify::source;

/// The ledger is not whole enough to say that all is well.
const INVALID: u8 = 6;
/// Examples that are shown; the JSON has more.
const EXAMPLES_SHOWN: usize = 10;

/// What is read of a run's manifest.
#[derive(Debug, Deserialize)]
struct Manifest {
    run: String,
    command: Vec<String>,
    hash: String,
    start_us: i64,
    taken: Vec<u64>,
    files: Vec<Source>,
}

#[derive(Debug, Deserialize)]
struct Source {
    path: String,
    text: String,
}

/// What is read of its summary, if there is one.
#[derive(Debug, Default, Deserialize)]
struct Counted {
    tables: Vec<CountedTable>,
}

#[derive(Debug, Deserialize)]
struct CountedTable {
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
    let past = Past::read(folder, &world).map_err(|error| Refusal::setup(&error))?;
    let (is_judged, names) = judged(&world, &scenario, (&place, folder, &manifest));
    let workers = std::thread::available_parallelism().map_or(2, usize::from);
    let replay = Replay { world, past, is_judged, names, workers };
    let seen = Observations::read(folder, scenario.observers.len());
    let seen = seen.map_err(|error| Refusal::setup(&error))?;
    // What was seen outlives the server.
    let has_gone = refuse_embedded(&scenario, &place);
    let standing = match (has_gone, &seen) {
        (Err(refusal), None) => return Err(refusal),
        (Err(_), Some(_)) => Ok(None),
        (Ok(()), _) => on_runtime(async {
            let sessions = sessions(&scenario, &place).await?;
            replay.judge(&sessions).await.map(Some)
        }),
    };
    let standing = standing.map_err(|error| Refusal::setup(&error))?;
    let follow = |(seen, observer): (Observations, &Observer)| {
        let is_observed = observed(&replay.world, observer);
        let verification = replay.follow(&observer.name, &seen, &is_observed);
        Followed { surface: observer.name.clone(), verification, lost: seen.gaps.lost }
    };
    let all = seen.into_iter().flatten().zip(&scenario.observers);
    let seen = all.map(follow).collect();
    let found = Found { past: &replay.past, standing: standing.unwrap_or_default(), seen };
    Ok(tell(&manifest.run, &found, arguments.format))
}

/// What was found.
struct Found<'a> {
    past: &'a Past,
    /// Of the databases; of no tables if they are gone.
    standing: Standing,
    /// Of what observers saw, by surface; of no surface if they have noted nothing.
    seen: Vec<Followed>,
}

struct Followed {
    surface: String,
    verification: Verification,
    /// Blocks of their notes that are damaged or missing.
    lost: u64,
}

/// Of which tables an observer sees the changes.
fn observed(world: &World, observer: &Observer) -> Vec<bool> {
    let tables = world.catalog.tables.iter().take(world.table_count());
    let is_seen = tables.map(|info| {
        let is_row = info.is_sent && info.event.is_none();
        is_row && observer.domains.contains(&info.domain)
    });
    is_seen.collect()
}

fn refused(folder: &Path, why: impl std::fmt::Display) -> Refusal {
    Refusal {
        text: format!("error: cannot judge the run in `{}`: {why}", folder.display()),
        code: 4,
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

/// Of which tables rows are judged, and what they are called. Among rows of others ours cannot be told from
/// what was made up.
fn judged(
    world: &World,
    scenario: &Scenario,
    (place, folder, manifest): (&Place, &Path, &Manifest),
) -> (Vec<bool>, Vec<String>) {
    let counted = fs::read_to_string(folder.join("summary.json")).unwrap_or_default();
    let counted: Counted = serde_json::from_str(&counted).unwrap_or_default();
    let tables = world.catalog.tables.iter().take(world.table_count()).enumerate();
    let judged = tables.map(|(number, info)| {
        let domain = &scenario.domains[info.domain];
        let (database, table) =
            (place.database(scenario, domain), format!("{}.{}", info.namespace, info.name));
        let is_it = |it: &&CountedTable| (&it.database, &it.table) == (&database, &table);
        let before = counted.tables.iter().find(is_it).map_or(0, |it| it.before);
        let taken = manifest.taken.get(number).copied().unwrap_or(0);
        let is_stored = info.is_sent && info.event.is_none();
        let has_place = place.domain(scenario, domain).is_some();
        (is_stored && has_place && before + taken == 0, format!("{database}.{table}"))
    });
    judged.unzip()
}

/// A session for each domain, in which all that is read stands still.
async fn sessions(
    scenario: &Scenario,
    place: &Place,
) -> Result<BTreeMap<usize, Client>, SetupError> {
    let mut sessions = BTreeMap::new();
    for (number, domain) in scenario.domains.iter().enumerate() {
        let Some(address) = place.domain(scenario, domain) else { continue };
        let client = connector(address, "loadgen/verify".to_owned())(None).await?;
        source::hold_still(&client, None).await?;
        sessions.insert(number, client);
    }
    Ok(sessions)
}

/// Why it cannot be said that all is well, though nothing wrong was found.
fn doubts(Found { past, standing, seen }: &Found<'_>) -> Vec<String> {
    let mut doubts = Vec::new();
    // They share their files.
    if let Some(seen) = seen.iter().find(|seen| seen.lost > 0) {
        let lost = seen.lost;
        doubts.push(format!("{lost} blocks of what was observed are damaged or missing"));
    }
    if past.gaps.lost > 0 {
        let lost = past.gaps.lost;
        doubts.push(format!("{lost} blocks of the trace are damaged or missing"));
    }
    if standing.untold > 0 && !past.was_killed {
        doubts.push(format!(
            "the trace does not tell of {} transactions: it was full, or written too late",
            exact(standing.untold)
        ));
    }
    let unjudged: u64 = standing.tables.iter().map(|table| table.unjudged).sum();
    if unjudged > 0 {
        doubts.push(format!("nobody can tell what {} rows must be", exact(unjudged)));
    }
    doubts
}

fn tell(run: &str, found: &Found<'_>, format: As) -> u8 {
    let doubts = doubts(found);
    let Found { past, standing, seen } = found;
    let all: Vec<_> = seen.iter().map(|seen| &seen.verification).collect();
    let sum = Verification::sum(&all);
    let counts: Vec<_> =
        seen.iter().map(|it| SurfaceCounts::of(&it.surface, &it.verification)).collect();
    let holds = standing.holds() && !sum.is_faulty();
    let (verdict, code) = match (holds, doubts.is_empty()) {
        (false, _) => ("failed", WRONG),
        (true, false) => ("invalid", INVALID),
        (true, true) => ("passed", 0),
    };
    let mut output = Output::default();
    if format == As::Json {
        let all = serde_json::json!({
            "format": "loadgen.standing/1", "run": run, "verdict": verdict, "exit_code": code,
            "invalid_because": doubts, "transactions": past.transactions, "untold": standing.untold,
            "was_killed": past.was_killed, "tables": standing.tables, "examples": standing.examples,
            "verification": (!seen.is_empty()).then_some(&sum), "surfaces": counts,
        });
        output.say(&format!("{all:#}\n"));
        return output.end(code);
    }
    if standing.tables.is_empty() {
        output.say("-      the databases are gone: only what was observed is judged\n");
    }
    for table in &standing.tables {
        output.say(&format!("{}\n", line(table)));
    }
    for surface in &counts {
        let name = (counts.len() > 1).then_some(surface.surface.as_str());
        output.say(&format!("{}\n", verdict_of(name, surface, Colour::of_stdout())));
    }
    for example in standing.examples.iter().chain(&sum.examples).take(EXAMPLES_SHOWN) {
        output.say(&shown(example, counts.len() > 1));
    }
    let transactions = exact(past.transactions);
    output.say(&format!("{verdict}: the trace of `{run}` tells of {transactions} transactions\n"));
    if past.was_killed {
        output.say(&format!(
            "  the run was killed: of {} that may have been under way, what they may have done is judged\n",
            exact(standing.untold)
        ));
    }
    for doubt in &doubts {
        output.say(&format!("  {doubt}\n"));
    }
    output.end(code)
}

fn shown(example: &Example, has_several: bool) -> String {
    let said = [("expected", &example.expected), ("found", &example.seen)];
    let said = said.into_iter().filter_map(|(word, text)| Some((word, text.as_ref()?)));
    let said: Vec<_> = said.map(|(word, text)| format!("{word} {text}")).collect();
    let Example { class, surface, operation, table, key, .. } = example;
    let is_named = has_several && !surface.is_empty();
    let surface = if is_named { format!(" at `{surface}`") } else { String::new() };
    format!("  {class}{surface} {operation} of {table} {key}: {}\n", said.join("; "))
}

fn line(table: &TableVerdict) -> String {
    let TableVerdict { table: name, expected, found, .. } = table;
    if table.holds() {
        return format!("ok     {name}: {} rows, as the ledger says", exact(*found));
    }
    let faults = [
        ("lost", table.lost),
        ("wrong", table.wrong),
        ("made up", table.phantom),
        ("more not looked at", table.unexamined),
    ];
    let faults = faults.into_iter().filter(|it| it.1 > 0);
    let faults: Vec<_> = faults.map(|(name, count)| format!("{} {name}", exact(count))).collect();
    let (expected, found) = (exact(*expected), exact(*found));
    format!("WRONG  {name}: {expected} rows expected, {found} found: {}", faults.join(", "))
}
