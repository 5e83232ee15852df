//! What the machine offers an embedded server: programs, folders, a place to fetch from.

use std::env;
use std::path::Path;
use std::path::PathBuf;

use crate::embedded::EmbeddedError;
use crate::embedded::Interrupt;
use crate::embedded::Progress;
use crate::embedded::account::Account;
use crate::embedded::account::others_may_enter;
use crate::embedded::archives::Archive;
use crate::embedded::archives::VERSION_DEFAULT;
use crate::embedded::binaries::Binaries;
use crate::embedded::binaries::Search;
use crate::embedded::download::Depot;

/// Where archives of server programs are published.
const MAVEN_CENTRAL: &str = "https://repo.maven.apache.org/maven2";

/// What the machine offers an embedded server.
#[derive(Debug, Clone)]
pub struct Machine {
    /// Where the server's programs are looked for.
    pub search: Search,
    /// In which folder the servers' folders are made: always the same one, or what a killed run left is
    /// not found.
    pub temporary: PathBuf,
    /// Where fetched programs are kept, if there is a place.
    pub cache: Option<PathBuf>,
    /// The address of the Maven repository that programs are fetched from.
    pub repository: String,
    /// What ends a start before it is done.
    pub interrupt: Interrupt,
    /// What lets nobody wait for a server that is stopped: it ends at once.
    pub hurry: Interrupt,
}

impl Machine {
    /// This machine, as this process' environment describes it: `PG_BIN`, `PATH`, `TMPDIR`,
    /// `LOADGEN_CACHE`, `XDG_CACHE_HOME`, `HOME`, `LOADGEN_MAVEN`. For root, whose server runs as
    /// somebody else, folders that only root may enter are replaced by `/tmp` and `/var/cache/loadgen`.
    pub fn here() -> Self {
        let is_root = rustix::process::geteuid().is_root();
        let is_open = |path: &PathBuf| !is_root || others_may_enter(path);
        let public = is_root.then(|| PathBuf::from("/var/cache/loadgen"));
        Self {
            search: Search::here(),
            temporary: Some(env::temp_dir()).filter(is_open).unwrap_or_else(|| "/tmp".into()),
            cache: folder("LOADGEN_CACHE").or_else(|| users_cache().filter(is_open)).or(public),
            repository: env::var("LOADGEN_MAVEN").unwrap_or_else(|_| MAVEN_CENTRAL.to_owned()),
            interrupt: Interrupt::default(),
            hurry: Interrupt::default(),
        }
    }

    /// The programs of a server: the first on the machine that are of the version asked for, else
    /// fetched ones. Blocks, for minutes at most.
    pub fn binaries(
        &self,
        version: Option<u16>,
        progress: &mut dyn FnMut(Progress),
    ) -> Result<Binaries, EmbeddedError> {
        let account = Account::unprivileged()?;
        if let Some(binaries) = self.search.find(version, &account) {
            return Ok(binaries);
        }
        let archive = Archive::of(version.unwrap_or(VERSION_DEFAULT))
            .ok_or(EmbeddedError::NoBinaries { version })?;
        let cache = self.cache.as_deref().ok_or(EmbeddedError::NoCache)?;
        if account != Account::Own && !others_may_enter(cache) {
            return Err(EmbeddedError::Closed { path: cache.to_path_buf() });
        }
        let depot = Depot { repository: &self.repository, cache, interrupt: &self.interrupt };
        let folder = depot.programs(&archive, progress)?;
        Binaries::in_folder(&folder, &account).ok_or(EmbeddedError::Unusable { folder })
    }
}

/// The folder for what this user's programs can fetch again.
fn users_cache() -> Option<PathBuf> {
    let home = || env::home_dir().filter(|home| home.is_absolute());
    let cache = folder("XDG_CACHE_HOME").or_else(|| {
        let below = if cfg!(target_os = "macos") { "Library/Caches" } else { ".cache" };
        Some(home()?.join(below))
    });
    Some(cache?.join("loadgen"))
}

/// A folder that a variable names; relative ones are not meant.
fn folder(variable: &str) -> Option<PathBuf> {
    env::var_os(variable).map(PathBuf::from).filter(|path| Path::is_absolute(path))
}
