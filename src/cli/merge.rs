//! `merge`: all shards of a run, added up to one.

use std::fs;
use std::path::Path;
use std::path::PathBuf;

use chrono::DateTime;
use chrono::Utc;
use clap::Args;
use clap::ValueEnum;
use clap::ValueHint;
use serde::de::DeserializeOwned;

use crate::cli::Refusal;
use crate::cli::complain;
use crate::cli::output::Output;
use crate::cli::shards::FORMAT;
use crate::cli::shards::ShardFile;
use crate::engine::Account;
use crate::measure::Part;
use crate::measure::Summary;
use crate::measure::join;
use crate::report::Colour;
use crate::report::FolderError;
use crate::report::Histograms;
use crate::report::RunFolder;
use crate::report::closing;

/// Folders that are no shards of one run.
const NOT_ONE_RUN: u8 = 2;
/// A shard is missing: what the others did is no whole run.
const INCOMPLETE: u8 = 6;

/// `merge`.
#[derive(Debug, Args)]
pub(crate) struct MergeArguments {
    /// The folders of the shards' runs, all of them
    #[arg(required = true, value_name = "RUN", value_hint = ValueHint::DirPath)]
    runs: Vec<PathBuf>,
    /// Make the folder of the whole run: summary, account, manifest and histograms
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
    /// How the summary is written
    #[arg(long, value_enum, default_value_t = As::Text)]
    format: As,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum As {
    /// One screen for people
    Text,
    /// As `summary.json`
    Json,
}

/// A shard's folder, read.
struct Shard {
    path: PathBuf,
    file: ShardFile,
}

/// `loadgen merge`.
pub(super) fn merge(arguments: &MergeArguments) -> u8 {
    match merged(arguments) {
        Ok(summary) => {
            let mut output = Output::default();
            output.say(&match arguments.format {
                As::Text => closing(&summary, arguments.out.as_deref(), Colour::of_stdout()),
                // What has only texts and numbers can be written.
                As::Json => serde_json::to_string_pretty(&summary).unwrap_or_default() + "\n",
            });
            output.end(summary.exit_code)
        }
        Err(refusal) => refusal.report(),
    }
}

fn merged(arguments: &MergeArguments) -> Result<Summary, Refusal> {
    let mut shards = Vec::new();
    for path in &arguments.runs {
        shards.push(Shard { path: path.clone(), file: read(path)? });
    }
    refuse_strangers(&shards)?;
    shards.sort_by_key(|shard| shard.file.part.shard);
    refuse_gaps(&shards)?;
    let run = name(&shards);
    let parts: Vec<Part> = shards.iter().map(|shard| shard.file.part.clone()).collect();
    let Some((facts, recorder)) = join(&parts, &run) else {
        return Err(refused("no run is named"));
    };
    let thresholds = parts.first().map_or(&[][..], |part| &part.thresholds);
    let summary = Summary::new(facts, &recorder, thresholds);
    if let Some(out) = &arguments.out {
        write(out, &shards, &summary)?;
    }
    Ok(summary)
}

fn refused(why: impl std::fmt::Display) -> Refusal {
    Refusal { text: format!("error: {why}"), code: NOT_ONE_RUN }
}

/// Reads what a shard left in its folder.
fn read(folder: &Path) -> Result<ShardFile, Refusal> {
    let shown = folder.display();
    let path = folder.join("shard.json");
    if !path.exists() {
        let why = if !folder.join("manifest.json").exists() {
            "it is no folder of a run"
        } else if folder.join("summary.json").exists() {
            "its run was no shard: only what was run with `--shard` is a part of a run"
        } else {
            "its run has not come to its end, or was killed"
        };
        return Err(refused(format!("`{shown}` cannot be merged: {why}")));
    }
    let file: ShardFile = parse(&path)?;
    if file.format != FORMAT {
        let format = &file.format;
        return Err(refused(format!(
            "`{shown}` was left by another version of loadgen (`{format}`, and not `{FORMAT}`)"
        )));
    }
    Ok(file)
}

fn parse<T: DeserializeOwned>(path: &Path) -> Result<T, Refusal> {
    let failed = |why: String| refused(format!("cannot read `{}`: {why}", path.display()));
    let text = fs::read_to_string(path).map_err(|error| failed(error.to_string()))?;
    serde_json::from_str(&text).map_err(|error| failed(error.to_string()))
}

/// All must be of one run: of one scenario with one seed, in so many shards, on the same databases.
fn refuse_strangers(shards: &[Shard]) -> Result<(), Refusal> {
    let Some(first) = shards.first() else { return Ok(()) };
    for shard in shards {
        let (ours, theirs) = (&first.file, &shard.file);
        let differs = [
            ("the scenario", ours.part.scenario.clone(), theirs.part.scenario.clone()),
            ("the seed", ours.part.seed.to_string(), theirs.part.seed.to_string()),
            (
                "the number of shards",
                ours.part.shard.of.to_string(),
                theirs.part.shard.of.to_string(),
            ),
            ("the start", started(ours.start_us), started(theirs.start_us)),
            (
                "the content (profiles, mixes, rows, schemas), by its hash",
                ours.hash.clone(),
                theirs.hash.clone(),
            ),
            ("the fingerprint", ours.part.fingerprint.clone(), theirs.part.fingerprint.clone()),
            ("the run on the databases", together(ours), together(theirs)),
        ];
        let (here, there) = (first.path.display(), shard.path.display());
        if let Some((what, one, other)) = differs.iter().find(|(_, one, other)| one != other) {
            return Err(refused(format!(
                "`{here}` and `{there}` are no shards of one run: {what} is {one} in one and {other} \
                 in the other"
            )));
        }
        if ours.part.thresholds != theirs.part.thresholds {
            return Err(refused(format!(
                "`{here}` and `{there}` were to be judged by different thresholds"
            )));
        }
    }
    Ok(())
}

fn started(start_us: i64) -> String {
    let at = DateTime::from_timestamp_micros(start_us);
    at.map_or_else(|| start_us.to_string(), |at| at.to_rfc3339())
}

fn together(file: &ShardFile) -> String {
    file.together.clone().unwrap_or_else(|| "none".to_owned())
}

/// Each shard must be there, once. They are in order.
fn refuse_gaps(shards: &[Shard]) -> Result<(), Refusal> {
    let number = |shard: &Shard| shard.file.part.shard.number;
    for pair in shards.windows(2) {
        if number(&pair[0]) == number(&pair[1]) {
            let (one, other) = (pair[0].path.display(), pair[1].path.display());
            let shard = pair[0].file.part.shard;
            return Err(refused(format!("shard {shard} is there twice: `{one}` and `{other}`")));
        }
    }
    let of = shards.first().map_or(0, |shard| shard.file.part.shard.of);
    let is_missing = |wanted: &u32| !shards.iter().any(|shard| number(shard) == *wanted);
    let missing: Vec<String> =
        (1..=of).filter(is_missing).map(|missing| missing.to_string()).collect();
    if missing.is_empty() {
        return Ok(());
    }
    let (what, are) = if missing.len() == 1 { ("shard", "is") } else { ("shards", "are") };
    let text = format!("error: {what} {} of {of} {are} missing", missing.join(", "));
    Err(Refusal { text, code: INCOMPLETE })
}

/// What the run of all shards is called.
fn name(shards: &[Shard]) -> String {
    let Some(first) = shards.first() else { return String::new() };
    let (file, shard) = (&first.file, first.file.part.shard);
    let run = file.together.as_ref().unwrap_or(&file.part.run);
    // That of the shard which began first, whichever it was.
    let mut labels = (1..=shard.of).map(|number| format!("-{number}of{}-", shard.of));
    let label = labels.find(|label| run.contains(label.as_str()));
    label.map_or_else(|| run.clone(), |label| run.replacen(&label, "-", 1))
}

/// Makes the folder of the whole run.
fn write(out: &Path, shards: &[Shard], summary: &Summary) -> Result<(), Refusal> {
    let is_same = |path: &Path| {
        path.canonicalize().ok().is_some_and(|it| out.canonicalize().ok() == Some(it))
    };
    if let Some(shard) = shards.iter().find(|shard| is_same(&shard.path)) {
        let path = shard.path.display();
        return Err(refused(format!(
            "`{path}` is the folder of a shard; name another with `--out`"
        )));
    }
    let mut account: Option<Account> = None;
    for shard in shards {
        let theirs: Account = parse(&shard.path.join("account.json"))?;
        match &mut account {
            Some(account) => account.merge(&theirs),
            None => account = Some(theirs),
        }
    }
    let mut account = account.unwrap_or_default();
    account.lanes.sort_by_key(|lane| (lane.group, lane.lane));
    let first = shards.first().map(|shard| shard.path.join("manifest.json"));
    let mut manifest: serde_json::Value =
        first.map_or(Ok(serde_json::Value::Null), |path| parse(&path))?;
    manifest["run"] = summary.run.clone().into();
    manifest["started"] = summary.started.clone().into();
    manifest["merged"] = shards.iter().map(|shard| shard.file.part.run.clone()).collect();
    let began = DateTime::parse_from_rfc3339(&summary.started)
        .map_or_else(|_| Utc::now(), |at| at.to_utc());
    let folders: Vec<&Path> = shards.iter().map(|shard| shard.path.as_path()).collect();
    let written = RunFolder::at(out, &summary.scenario, began).and_then(|folder| {
        folder.write_manifest(&manifest)?;
        folder.write_account(&account)?;
        if let Err(error) = Histograms::join(&folder, &folders) {
            complain(&format!("note: the histograms of each second were not joined: {error}"));
        }
        folder.write_summary(summary)?;
        folder.begun();
        Ok(())
    });
    written.map_err(|error: FolderError| Refusal::setup(&error))
}
