//! A run's folder: made for it alone, written atomically, and removed when there are enough newer.

mod before;

use std::fs;
use std::fs::DirBuilder;
use std::fs::File;
use std::fs::OpenOptions;
use std::io;
use std::io::Write;
use std::os::unix::fs::DirBuilderExt;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::path::PathBuf;
use std::sync::Arc;

use chrono::DateTime;
use chrono::SecondsFormat;
use chrono::Utc;
use secrecy::ExposeSecret;
use secrecy::SecretString;
use serde::Serialize;

use crate::engine::journal::EXCEPTIONS;
use crate::engine::journal::LANES;
use crate::ledger::OBSERVED;
use crate::ledger::TRACE;

use self::before::BEFORE;
use self::before::Before;
use self::before::put_back;
use super::manifest::FORMAT;

/// How many runs are kept.
const RUNS_MAX: usize = 50;

/// How many runs of a scenario may begin in the same second.
const SAME_SECOND_MAX: u32 = 1_000;

/// The longest part of a folder's name that comes from the scenario, in bytes.
const NAME_MAX: usize = 80;

/// The files that a run may leave.
const MANIFEST: &str = "manifest.json";
const SUMMARY: &str = "summary.json";
const ACCOUNT: &str = "account.json";
const SHARD: &str = "shard.json";
const CONNECTORS: &str = "connectors.json";
const SECRETS: &str = "secrets";
pub(super) const SERIES: &str = "series.csv";
pub(super) const HISTOGRAMS: &str = "latency.hlog";
pub(super) const LAG: &str = "lag.csv";
pub(super) const FAULTS: &str = "faults.jsonl";
const FILES: [&str; 12] = [
    MANIFEST, SUMMARY, ACCOUNT, SHARD, CONNECTORS, SECRETS, SERIES, HISTOGRAMS, LAG, LANES,
    EXCEPTIONS, FAULTS,
];

/// The folder with what a stand-in for Firehose delivered; further ones have a number behind it.
const OBJECTS: &str = "firehose";

/// Readable by its owner only.
const FOLDER_MODE: u32 = 0o700;
const FILE_MODE: u32 = 0o600;

/// Why a run's files cannot be written.
#[derive(Debug, thiserror::Error)]
pub enum FolderError {
    /// The folder cannot be made.
    #[error("cannot make the folder `{path}`: {source}; name another with `--out`")]
    Make {
        /// Which.
        path: String,
        /// Why.
        source: io::Error,
    },
    /// The folder holds something else.
    #[error("`{0}` holds files that are not a run's; name another folder with `--out`")]
    Occupied(String),
    /// A file cannot be written.
    #[error("cannot write `{path}`: {source}")]
    Write {
        /// Which.
        path: String,
        /// Why.
        source: io::Error,
    },
}

/// The folder of one run.
#[derive(Debug, Clone)]
pub struct RunFolder {
    path: PathBuf,
    run: String,
    started: String,
    /// What an earlier run left there.
    before: Option<Arc<Before>>,
}

impl RunFolder {
    /// Makes `runs/<scenario>-<time>` and, if there are more than 50 runs in `runs`, removes the
    /// oldest. Only folders that hold our manifest are ever removed.
    pub fn make(runs: &Path, scenario: &str, at: DateTime<Utc>) -> Result<RunFolder, FolderError> {
        let failed = |path: &Path, source| FolderError::Make { path: shown(path), source };
        fs::create_dir_all(runs).map_err(|source| failed(runs, source))?;
        let stem = format!("{}-{}", plain(scenario), at.format("%Y%m%dT%H%M%SZ"));
        let mut run = stem.clone();
        for number in 2..=SAME_SECOND_MAX {
            let path = runs.join(&run);
            match DirBuilder::new().mode(FOLDER_MODE).create(&path) {
                Ok(()) => {
                    remove_oldest(runs, RUNS_MAX - 1);
                    return Ok(RunFolder { path, run, started: rfc3339(at), before: None });
                }
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
                    run = format!("{stem}-{number}");
                }
                Err(source) => return Err(failed(&path, source)),
            }
        }
        Err(failed(&runs.join(stem), io::ErrorKind::AlreadyExists.into()))
    }

    /// Uses a folder that the user names: a new one, an empty one, or that of an earlier run, whose
    /// files go once this one has begun ([`RunFolder::begun`]) and come back if it does not.
    pub fn at(path: &Path, scenario: &str, at: DateTime<Utc>) -> Result<RunFolder, FolderError> {
        let failed = |source| FolderError::Make { path: shown(path), source };
        DirBuilder::new().recursive(true).mode(FOLDER_MODE).create(path).map_err(failed)?;
        put_back(path);
        let is_empty = fs::read_dir(path).map_err(failed)?.next().is_none();
        if !is_empty && started(path).is_none() && !holds_only_ours(path) {
            return Err(FolderError::Occupied(shown(path)));
        }
        let before = if is_empty { None } else { Some(set_aside(path).map_err(failed)?) };
        let run = format!("{}-{}", plain(scenario), at.format("%Y%m%dT%H%M%SZ"));
        Ok(RunFolder { path: path.to_owned(), run, started: rfc3339(at), before })
    }

    /// From now on the folder is this run's: what an earlier one had left there goes.
    pub fn begun(&self) {
        self.before.iter().for_each(|before| before.is_over());
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The run's name: plain letters, digits and `.`, `_`, `-`.
    pub fn run(&self) -> &str {
        &self.run
    }

    /// Where the n-th stand-in for Firehose puts its objects.
    pub fn objects(&self, number: usize) -> PathBuf {
        self.path.join(objects(number))
    }

    /// When it began: UTC, RFC 3339.
    pub fn started(&self) -> &str {
        &self.started
    }

    /// Writes `manifest.json`.
    pub fn write_manifest(&self, manifest: &impl Serialize) -> Result<(), FolderError> {
        self.write_json(MANIFEST, manifest)
    }

    /// Writes `summary.json`.
    pub fn write_summary(&self, summary: &impl Serialize) -> Result<(), FolderError> {
        self.write_json(SUMMARY, summary)
    }

    /// Writes `account.json`.
    pub fn write_account(&self, account: &impl Serialize) -> Result<(), FolderError> {
        self.write_json(ACCOUNT, account)
    }

    /// Writes `shard.json`.
    pub fn write_shard(&self, shard: &impl Serialize) -> Result<(), FolderError> {
        self.write_json(SHARD, shard)
    }

    /// Writes `connectors.json`.
    pub fn write_connectors(&self, connectors: &impl Serialize) -> Result<(), FolderError> {
        self.write_json(CONNECTORS, connectors)
    }

    /// Writes the passwords that were generated, a line `login=password` for each, readable by
    /// the owner only. Without any, writes nothing. Returns where they are.
    pub fn write_secrets(
        &self,
        secrets: &[(String, SecretString)],
    ) -> Result<Option<PathBuf>, FolderError> {
        if secrets.is_empty() {
            return Ok(None);
        }
        let line = |(login, secret): &(String, SecretString)| {
            format!("{login}={}\n", secret.expose_secret())
        };
        let text: String = secrets.iter().map(line).collect();
        self.write(SECRETS, text.as_bytes())?;
        Ok(Some(self.path.join(SECRETS)))
    }

    fn write_json(&self, name: &str, value: &impl Serialize) -> Result<(), FolderError> {
        let mut bytes = serde_json::to_vec_pretty(value).map_err(|error| FolderError::Write {
            path: shown(&self.path.join(name)),
            source: error.into(),
        })?;
        bytes.push(b'\n');
        self.write(name, &bytes)
    }

    /// Makes a file that grows as the run goes.
    pub(super) fn open(&self, name: &'static str) -> Result<File, FolderError> {
        let path = self.path.join(name);
        // Only a killed run that had no manifest yet can have left one.
        let removed = match fs::remove_file(&path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
            _ => Ok(()),
        };
        let mut options = OpenOptions::new();
        options.append(true).create_new(true).mode(FILE_MODE);
        removed.and_then(|()| options.open(&path)).map_err(|source| self.cannot_write(name, source))
    }

    /// Says that a file of the folder cannot be written.
    pub(super) fn cannot_write(&self, name: &str, source: io::Error) -> FolderError {
        FolderError::Write { path: shown(&self.path.join(name)), source }
    }

    /// All or nothing: whoever reads the file sees a whole one.
    fn write(&self, name: &str, bytes: &[u8]) -> Result<(), FolderError> {
        let path = self.path.join(name);
        let temporary = self.path.join(format!(".{name}.part"));
        let written = write_synced(&temporary, bytes).and_then(|()| fs::rename(&temporary, &path));
        written.map_err(|source| FolderError::Write { path: shown(&path), source })
    }
}

/// Sets aside what an earlier run left.
fn set_aside(path: &Path) -> io::Result<Arc<Before>> {
    let mut names: Vec<String> = FILES.map(str::to_owned).into();
    let traces = [TRACE, OBSERVED].map(|kind| kind.files(path)).concat();
    names.extend(traces.iter().filter_map(|it| Some(it.file_name()?.to_str()?.to_owned())));
    for number in 0.. {
        if !path.join(objects(number)).exists() {
            break;
        }
        names.push(objects(number));
    }
    Before::set_aside(path, &names).map(Arc::new)
}

fn objects(number: usize) -> String {
    match number {
        0 => OBJECTS.to_owned(),
        number => format!("{OBJECTS}-{}", number + 1),
    }
}

fn write_synced(path: &Path, bytes: &[u8]) -> io::Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    // `create_new` so that nobody can have put something else there.
    let mut file = OpenOptions::new().write(true).create_new(true).mode(FILE_MODE).open(path)?;
    file.write_all(bytes)?;
    file.sync_all()
}

/// Removes all but the newest runs. What cannot be read or removed stays.
fn remove_oldest(runs: &Path, kept: usize) {
    let entries = fs::read_dir(runs).into_iter().flatten().flatten();
    let folders = entries.filter(|entry| entry.file_type().is_ok_and(|kind| kind.is_dir()));
    let mut ours: Vec<(String, PathBuf)> =
        folders.filter_map(|entry| Some((started(&entry.path())?, entry.path()))).collect();
    // RFC 3339 in UTC sorts by time.
    ours.sort();
    let surplus = ours.len().saturating_sub(kept);
    for (_, path) in ours.drain(..surplus) {
        // A run that is shown in a file browser, say: next time.
        let _ = fs::remove_dir_all(path);
    }
}

/// When the run of a folder began; `None` if it is not one of ours.
fn started(folder: &Path) -> Option<String> {
    let text = fs::read_to_string(folder.join(MANIFEST)).ok()?;
    let manifest: serde_json::Value = serde_json::from_str(&text).ok()?;
    let is_ours = manifest.get("format")?.as_str()? == FORMAT;
    let started = manifest.get("started")?.as_str()?.to_owned();
    is_ours.then_some(started)
}

fn rfc3339(at: DateTime<Utc>) -> String {
    at.to_rfc3339_opts(SecondsFormat::Millis, true)
}

/// A name that is safe as a folder's anywhere.
fn plain(name: &str) -> String {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-');
    let plain: String =
        name.chars().map(|c| if is_plain(c) { c } else { '-' }).take(NAME_MAX).collect();
    let plain = plain.trim_start_matches(['.', '-']);
    if plain.is_empty() { "run".to_owned() } else { plain.to_owned() }
}

fn shown(path: &Path) -> String {
    path.display().to_string()
}
/// Whether a folder holds nothing but what a run leaves that was killed before it wrote its manifest.
fn holds_only_ours(path: &Path) -> bool {
    let is_ours = |name: &str| {
        name == BEFORE
            || TRACE.is_name(name)
            || OBSERVED.is_name(name)
            || name
                .strip_prefix(OBJECTS)
                .is_some_and(|rest| rest.is_empty() || rest.starts_with('-'))
            || FILES.iter().any(|file| name == *file || name == format!(".{file}.part"))
    };
    fs::read_dir(path).is_ok_and(|entries| {
        entries.flatten().all(|entry| entry.file_name().to_str().is_some_and(is_ours))
    })
}
