//! Where the server's programs are: on this machine, or fetched once.

use std::env;
use std::ffi::OsString;
use std::fs;
use std::path::Path;
use std::path::PathBuf;
use std::process::Stdio;
use std::time::Duration;

use crate::embedded::account::Account;
use crate::embedded::account::run;

/// The oldest major version that is used.
const VERSION_MIN: u16 = 12;

/// How long a program may take to say its version.
const ANSWER_WITHIN: Duration = Duration::from_secs(10);

/// Parts of a path around the version number that distributions put there.
const DISTRIBUTIONS: [(&str, &str, &str); 8] = [
    ("/usr/lib/postgresql", "", "bin"),
    ("/usr", "pgsql-", "bin"),
    ("/usr/lib", "postgresql", "bin"),
    ("/usr/libexec", "postgresql", ""),
    ("/opt/homebrew/opt", "postgresql@", "bin"),
    ("/usr/local/opt", "postgresql@", "bin"),
    ("/Applications/Postgres.app/Contents/Versions", "", "bin"),
    ("/Library/PostgreSQL", "", "bin"),
];

/// Where programs are looked for, in this order.
#[derive(Debug, Clone, Default)]
pub struct Search {
    /// What the user said (`PG_BIN`): the folder of `postgres` and `initdb`.
    pub pg_bin: Option<PathBuf>,
    /// Folders in which programs are looked for by name (`PATH`): `postgres`, then `pg_config`.
    pub path: Option<OsString>,
    /// Where distributions put the programs, the newest first.
    pub folders: Vec<PathBuf>,
}

impl Search {
    /// What this process' environment and this machine's folders say.
    pub fn here() -> Self {
        let mut folders = distributions(&DISTRIBUTIONS);
        folders.push(PathBuf::from("/usr/local/pgsql/bin"));
        Self {
            pg_bin: env::var_os("PG_BIN").filter(|folder| !folder.is_empty()).map(PathBuf::from),
            path: env::var_os("PATH"),
            folders,
        }
    }

    /// The first folder that holds both programs, in a version that is wanted, and that `account` may
    /// run. Nothing found is not an error.
    pub(super) fn find(&self, version: Option<u16>, account: &Account) -> Option<Binaries> {
        let is_wanted = |found: &Binaries| match version {
            Some(version) => found.version == version,
            None => found.version >= VERSION_MIN,
        };
        let look = |folder: &Path| Binaries::in_folder(folder, account).filter(is_wanted);
        let on_path = || self.path.iter().flat_map(env::split_paths);
        self.pg_bin
            .as_deref()
            .and_then(look)
            .or_else(|| on_path().find_map(|folder| look(&folder)))
            .or_else(|| on_path().find_map(|folder| look(&told_by_pg_config(&folder, account)?)))
            .or_else(|| self.folders.iter().find_map(|folder| look(folder)))
    }
}

/// A folder with `postgres` and `initdb`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Binaries {
    folder: PathBuf,
    version: u16,
}

impl Binaries {
    /// The folder, without symbolic links: PostgreSQL finds its own files from there.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// The major version: 15.
    pub fn version(&self) -> u16 {
        self.version
    }

    /// The path of a program in the folder.
    pub fn program(&self, name: &str) -> PathBuf {
        self.folder.join(name)
    }

    /// What the folder holds, if `account` can run it.
    pub(super) fn in_folder(folder: &Path, account: &Account) -> Option<Self> {
        let postgres = fs::canonicalize(folder.join("postgres")).ok()?;
        let folder = postgres.parent()?.to_path_buf();
        if !folder.join("initdb").is_file() {
            return None;
        }
        let printed = ask(&postgres, "--version", account)?;
        let version = major(&printed)?;
        Some(Self { folder, version })
    }
}

/// The folder that `pg_config` in `folder` names, if it is there and `account` may run it.
fn told_by_pg_config(folder: &Path, account: &Account) -> Option<PathBuf> {
    let pg_config = folder.join("pg_config");
    if !pg_config.is_file() {
        return None;
    }
    let told = ask(&pg_config, "--bindir", account)?;
    Some(PathBuf::from(told.trim_end()))
}

/// What a program prints if it is given one option; nothing if `account` cannot run it.
fn ask(program: &Path, option: &str, account: &Account) -> Option<String> {
    let mut command = account.command(program);
    command.arg(option).stdout(Stdio::piped()).stderr(Stdio::null());
    String::from_utf8(run(&mut command, ANSWER_WITHIN).ok()?.stdout).ok()
}

/// The folders that exist, by their version, the newest first.
fn distributions(patterns: &[(&str, &str, &str)]) -> Vec<PathBuf> {
    let mut found: Vec<(u16, PathBuf)> = Vec::new();
    for (parent, before, after) in patterns {
        for entry in fs::read_dir(parent).into_iter().flatten().flatten() {
            let name = entry.file_name();
            let number = name.to_str().and_then(|name| name.strip_prefix(before)?.parse().ok());
            if let Some(version) = number {
                found.push((version, entry.path().join(after)));
            }
        }
    }
    found.sort_by(|a, b| b.0.cmp(&a.0).then_with(|| a.1.cmp(&b.1)));
    found.into_iter().map(|(_, folder)| folder).collect()
}

/// The major version in what `postgres --version` prints: `postgres (PostgreSQL) 16.2 (Debian 16.2-1)`,
/// and `18beta1` before a release.
fn major(printed: &str) -> Option<u16> {
    let version = printed.split_once("(PostgreSQL) ")?.1;
    let digits = version.split(|c: char| !c.is_ascii_digit()).next()?;
    digits.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::major;

    #[test]
    fn the_major_version_is_read_from_what_postgres_prints() {
        assert_eq!(major("postgres (PostgreSQL) 16.2 (Debian 16.2-1.pgdg)\n"), Some(16));
        assert_eq!(major("postgres (PostgreSQL) 18beta1\n"), Some(18));
        assert_eq!(major("postgres (PostgreSQL) devel\n"), None);
        assert_eq!(major("postgres 16.2\n"), None);
    }
}
