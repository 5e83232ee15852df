//! A private throwaway PostgreSQL: found or fetched, started on this machine, removed afterwards. What a
//! killed run leaves is removed by the next one. It must not touch a server that it did not start.

mod account;
pub mod binaries;
mod folder;
mod server;

use std::env;
use std::io;
use std::path::Path;
use std::path::PathBuf;

use secrecy::SecretString;

use crate::embedded::account::Account;
use crate::embedded::account::others_may_enter;
use crate::embedded::binaries::Binaries;
use crate::embedded::binaries::Search;
use crate::embedded::folder::Base;
use crate::embedded::folder::Folder;
use crate::embedded::folder::random_hex;
use crate::embedded::server::SUPERUSER;
use crate::embedded::server::Server;
use crate::embedded::server::initialise;

/// What is asked of an embedded server.
#[derive(Debug, Clone, Default)]
pub struct Options {
    /// Its major version; whatever is there, if none is given.
    pub version: Option<u16>,
    /// The run it belongs to, for the words of a later sweep.
    pub run: String,
}

/// What the machine offers an embedded server.
#[derive(Debug, Clone)]
pub struct Machine {
    /// Where the server's programs are looked for.
    pub search: Search,
    /// In which folder the servers' folders are made: always the same one, or what a killed run left is
    /// not found.
    pub temporary: PathBuf,
}

impl Machine {
    /// This machine, as this process' environment describes it.
    pub fn here() -> Self {
        let temporary = env::temp_dir();
        let is_root = rustix::process::geteuid().is_root();
        let is_closed = is_root && !others_may_enter(&temporary);
        let temporary = if is_closed { PathBuf::from("/tmp") } else { temporary };
        Self { search: Search::here(), temporary }
    }
}

/// What happens while a server is made ready.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Progress {
    /// The data directory is being made.
    Initialising {
        /// The server's major version.
        version: u16,
    },
    /// The server is starting.
    Starting,
}

/// A server that runs until this value is stopped, kept or dropped.
#[derive(Debug)]
pub struct Embedded {
    server: Server,
    folder: Folder,
    url: SecretString,
    version: u16,
    is_over: bool,
}

impl Embedded {
    /// Starts a server. Blocks, for some seconds at most where programs are installed. An error leaves nothing behind.
    pub fn start(
        options: &Options,
        progress: &mut dyn FnMut(Progress),
    ) -> Result<Self, EmbeddedError> {
        Self::start_on(&Machine::here(), options, progress)
    }

    /// Starts a server with what `machine` offers, instead of what the environment says.
    pub fn start_on(
        machine: &Machine,
        options: &Options,
        progress: &mut dyn FnMut(Progress),
    ) -> Result<Self, EmbeddedError> {
        let account = Account::unprivileged()?;
        let base = Base::open(&machine.temporary)?;
        let binaries = find(machine, options.version, &account)?;
        let folder = base.claim(&options.run, &account)?;
        match furnish(&binaries, &account, &folder, progress) {
            Ok((server, url)) => {
                let version = binaries.version();
                Ok(Self { server, folder, url, version, is_over: false })
            }
            Err(error) => {
                folder.remove()?;
                Err(error)
            }
        }
    }

    /// The superuser's URL, on 127.0.0.1, with its password.
    pub fn url(&self) -> &SecretString {
        &self.url
    }

    /// The major version.
    pub fn version(&self) -> u16 {
        self.version
    }

    /// Stops the server and removes its folder. An error means that files are left; the next start tries again.
    pub fn stop(mut self) -> Result<(), EmbeddedError> {
        self.end()
    }

    fn end(&mut self) -> Result<(), EmbeddedError> {
        if self.is_over {
            return Ok(());
        }
        self.is_over = true;
        self.server.stop();
        self.folder.remove()
    }
}

impl Drop for Embedded {
    fn drop(&mut self) {
        // What cannot be removed now is found by the next start.
        let _ = self.end();
    }
}

/// The programs of a server: the one place that knows where they are. Found on this machine, or fetched.
pub fn binaries(
    version: Option<u16>,
    _progress: &mut dyn FnMut(Progress),
) -> Result<Binaries, EmbeddedError> {
    find(&Machine::here(), version, &Account::unprivileged()?)
}

/// Why there is no embedded server.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum EmbeddedError {
    /// We are root, and there is nobody to run the server as.
    #[error("postgres does not run as root, and this machine has neither a user `postgres` nor `nobody`: run as an ordinary user")]
    NoAccount,
    /// A file or folder of ours could not be made, read or run.
    #[error("`{}`: {source}", path.display())]
    Path {
        /// Which.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// The folder of our servers is not ours alone.
    #[error("`{}` belongs to another user or others may write to it: remove it, or set `TMPDIR` to another folder", path.display())]
    Untrusted {
        /// The folder.
        path: PathBuf,
    },
    /// No programs on this machine.
    #[error("found no PostgreSQL server programs: install PostgreSQL, or set `PG_BIN` to the folder of `postgres` and `initdb`")]
    NoBinaries,
    /// There is no port to listen on.
    #[error("found no free port on 127.0.0.1: {source}")]
    NoPort {
        /// What the system said.
        source: io::Error,
    },
    /// A program of the server ended with an error.
    #[error("`{program}` failed:\n{tail}")]
    Refused {
        /// `initdb` or `postgres`.
        program: &'static str,
        /// The last lines that it wrote.
        tail: String,
    },
    /// The server did not answer in time.
    #[error("the server did not become ready within {seconds} s:\n{tail}")]
    Slow {
        /// How long we waited.
        seconds: u64,
        /// The last lines of its log.
        tail: String,
    },
}

impl EmbeddedError {
    /// For `map_err`: what the system said about a path.
    fn at(path: &Path) -> impl FnOnce(io::Error) -> Self + use<> {
        let path = path.to_path_buf();
        move |source| Self::Path { path, source }
    }
}

fn find(
    machine: &Machine,
    version: Option<u16>,
    account: &Account,
) -> Result<Binaries, EmbeddedError> {
    machine.search.find(version, account).ok_or(EmbeddedError::NoBinaries)
}

fn furnish(
    binaries: &Binaries,
    account: &Account,
    folder: &Folder,
    progress: &mut dyn FnMut(Progress),
) -> Result<(Server, SecretString), EmbeddedError> {
    let password = random_hex(16)?;
    progress(Progress::Initialising { version: binaries.version() });
    initialise(binaries, account, folder, &SecretString::from(password.clone()))?;
    progress(Progress::Starting);
    let server = Server::start(binaries, account, folder)?;
    let port = server.port();
    let url = format!("postgres://{SUPERUSER}:{password}@127.0.0.1:{port}/postgres");
    Ok((server, SecretString::from(url)))
}
