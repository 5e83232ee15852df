//! Servers of our own on this machine. A private throwaway PostgreSQL: found or fetched, started, removed
//! afterwards; what a killed run leaves is removed by the next one. And a stand-in for Amazon Data
//! Firehose. It must not touch a server that it did not start.

mod account;
mod archives;
mod binaries;
mod download;
mod ending;
mod error;
pub mod firehose;
mod folder;
mod interrupt;
mod kafka;
mod machine;
mod server;
mod sweep;

use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use std::path::PathBuf;

use secrecy::ExposeSecret;
use secrecy::SecretString;

pub use crate::embedded::binaries::Binaries;
pub use crate::embedded::binaries::Search;
pub use crate::embedded::error::EmbeddedError;
pub use crate::embedded::interrupt::Interrupt;
pub use crate::embedded::kafka::EmbeddedKafka;
pub use crate::embedded::machine::Machine;
pub use crate::embedded::sweep::Swept;

use crate::embedded::account::Account;
use crate::embedded::folder::Base;
use crate::embedded::folder::Folder;
pub use crate::embedded::folder::random_hex;
use crate::embedded::server::SUPERUSER;
use crate::embedded::server::Server;
use crate::embedded::server::initialise;
use crate::embedded::server::write_private;
use crate::units::format_hex;

/// What is asked of an embedded server.
#[derive(Debug, Clone, Default)]
pub struct Options {
    /// Its major version, 12 to 18; if none is given, that of the programs found first.
    pub version: Option<u16>,
    /// The run it belongs to, for the words of a later sweep. 100 characters are kept.
    pub run: String,
}

/// What happens while a server is made ready.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Progress {
    /// What a killed run had left is gone.
    Swept(Swept),
    /// What a killed run left could not be removed; the next start tries again.
    Left {
        /// What is left.
        folder: PathBuf,
        /// Why.
        cause: String,
    },
    /// Server programs are being fetched.
    Fetching {
        /// The exact release.
        release: &'static str,
        /// Bytes so far.
        received: u64,
        /// Bytes in all, if the repository says so.
        total: Option<u64>,
    },
    /// Fetched programs are being unpacked.
    Unpacking {
        /// The exact release.
        release: &'static str,
    },
    /// The data directory is being made, with the programs that were chosen.
    Initialising {
        /// The server's major version.
        version: u16,
        /// Where its programs are.
        programs: PathBuf,
    },
    /// The server is starting.
    Starting,
}

/// A server that runs until this value is stopped or dropped. One whose process is killed leaves the
/// server running until the next start.
#[derive(Debug)]
pub struct Embedded {
    server: Server,
    folder: Folder,
    password: SecretString,
    url: SecretString,
    version: u16,
    /// Who wants it to end at once.
    hurry: Interrupt,
    is_over: bool,
}

/// A server that goes on without us.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Kept {
    /// The superuser's URL, as `psql` takes it. It holds no password: it names a file that does, which
    /// only this user can read.
    pub url: String,
    /// The shell command that ends the server. Its files go with the next start of any embedded server.
    pub stop: String,
}

impl Embedded {
    /// Sweeps, then starts a server with what `machine` offers. Blocks: about a second where programs
    /// are installed, five minutes at most for a fetch and one for a start; the machine's `interrupt`
    /// ends it. An error leaves nothing behind.
    pub fn start_on(
        machine: &Machine,
        options: &Options,
        progress: &mut dyn FnMut(Progress),
    ) -> Result<Self, EmbeddedError> {
        // Whatever was going on when it was interrupted has failed for that reason.
        Self::try_start_on(machine, options, progress).map_err(|error| {
            if machine.interrupt.is_set() { EmbeddedError::Interrupted } else { error }
        })
    }

    fn try_start_on(
        machine: &Machine,
        options: &Options,
        progress: &mut dyn FnMut(Progress),
    ) -> Result<Self, EmbeddedError> {
        let account = Account::unprivileged()?;
        let base = Base::open(&machine.temporary)?;
        sweep::sweep(&base, progress)?;
        let binaries = machine.binaries(options.version, progress)?;
        let folder = base.claim(&options.run, &account)?;
        let mut embedded =
            Self::furnish(&binaries, (&account, &machine.interrupt), folder, progress)?;
        embedded.hurry = machine.hurry.clone();
        Ok(embedded)
    }

    /// The superuser's URL, on 127.0.0.1, with its password.
    pub fn url(&self) -> &SecretString {
        &self.url
    }

    /// The major version.
    pub fn version(&self) -> u16 {
        self.version
    }

    /// Stops the server and removes its folder; half a minute at most, and some seconds as soon as the machine's `hurry`
    /// says so. An error means that files are left;
    /// the next start tries again.
    pub fn stop(mut self) -> Result<(), EmbeddedError> {
        self.end()
    }

    /// Lets the server go on after this process. An error means that it was stopped instead.
    pub fn keep(mut self) -> Result<Kept, EmbeddedError> {
        let passfile = self.folder.path().join("pgpass");
        let port = self.server.port();
        let line = format!("127.0.0.1:{port}:*:{SUPERUSER}:{}", self.password.expose_secret());
        write_private(&passfile, &line).map_err(EmbeddedError::at(&passfile))?;
        self.folder.mark_kept()?;
        self.is_over = true;
        let passfile = in_url(&passfile);
        let status = self.folder.data().join("postmaster.pid");
        Ok(Kept {
            url: format!("postgres://{SUPERUSER}@127.0.0.1:{port}/postgres?passfile={passfile}"),
            stop: format!("kill -INT \"$(head -n 1 {})\"", in_shell(&status)),
        })
    }

    fn furnish(
        binaries: &Binaries,
        (account, interrupt): (&Account, &Interrupt),
        folder: Folder,
        progress: &mut dyn FnMut(Progress),
    ) -> Result<Self, EmbeddedError> {
        let version = binaries.version();
        let mut begin = || {
            let password = SecretString::from(random_hex(16)?);
            let programs = binaries.folder().to_path_buf();
            progress(Progress::Initialising { version, programs });
            initialise(binaries, (account, interrupt), &folder, &password)?;
            progress(Progress::Starting);
            Ok((Server::start(binaries, (account, interrupt), &folder)?, password))
        };
        match begin() {
            Ok((server, password)) => {
                let (secret, port) = (password.expose_secret(), server.port());
                let url = format!("postgres://{SUPERUSER}:{secret}@127.0.0.1:{port}/postgres");
                let url = SecretString::from(url);
                let hurry = Interrupt::default();
                Ok(Self { server, folder, password, url, version, hurry, is_over: false })
            }
            Err(error) => {
                folder.remove()?;
                Err(error)
            }
        }
    }

    fn end(&mut self) -> Result<(), EmbeddedError> {
        if self.is_over {
            return Ok(());
        }
        self.is_over = true;
        self.server.stop(&self.hurry);
        self.folder.remove()
    }
}

impl Drop for Embedded {
    fn drop(&mut self) {
        // What cannot be removed now is found by the next start.
        let _ = self.end();
    }
}

/// The programs of a server, found on this machine or fetched: the one place that knows where they are.
/// With several versions on the machine, the first found is chosen unless one is asked for.
pub fn binaries(
    version: Option<u16>,
    progress: &mut dyn FnMut(Progress),
) -> Result<Binaries, EmbeddedError> {
    Machine::here().binaries(version, progress)
}

/// Removes what killed runs of this user left on `machine`, and tells of each. Every start does it, too.
pub fn sweep(machine: &Machine, progress: &mut dyn FnMut(Progress)) -> Result<(), EmbeddedError> {
    sweep::sweep(&Base::open(&machine.temporary)?, progress)
}

/// A path as a URL's query holds it.
fn in_url(path: &Path) -> String {
    let mut text = String::new();
    for byte in path.as_os_str().as_bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'/' | b'-' | b'.' | b'_' | b'~' => {
                text.push(char::from(*byte));
            }
            _ => text.extend(['%'].into_iter().chain(format_hex(&[*byte]).chars())),
        }
    }
    text
}

/// A path as one word of a shell command.
fn in_shell(path: &Path) -> String {
    format!("'{}'", path.display().to_string().replace('\'', r"'\''"))
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::in_shell;
    use super::in_url;

    #[test]
    fn a_path_in_a_shell_command_is_one_word() {
        assert_eq!(in_shell(Path::new("/tmp/a b's")), r"'/tmp/a b'\''s'");
    }

    #[test]
    fn a_path_in_a_url_keeps_its_slashes_and_nothing_else_that_means_something() {
        assert_eq!(in_url(Path::new("/tmp/a b&+/pg_pass")), "/tmp/a%20b%26%2b/pg_pass");
    }
}
