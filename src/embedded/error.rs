//! What may stand between a user and an embedded server, and what to do about it.

use std::io;
use std::path::Path;
use std::path::PathBuf;

/// Why there is no embedded server. Starting may be repeated after every one of them.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum EmbeddedError {
    /// Somebody ended the start before it was done; what it had made is gone.
    #[error("the start of the embedded server was interrupted")]
    Interrupted,
    /// We are root, and there is nobody to run the server as.
    #[error(
        "PostgreSQL does not run as root, and this machine has neither a user `postgres` nor `nobody`: \
         run as an ordinary user"
    )]
    NoAccount,
    /// A file or folder of ours could not be made, read or run.
    #[error("`{}`: {source}", path.display())]
    Path {
        /// Which.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// A folder of ours is not ours alone.
    #[error(
        "`{}` belongs to another user, or others may write to it: remove it, or make it yours alone",
        path.display()
    )]
    Untrusted {
        /// The folder.
        path: PathBuf,
    },
    /// No programs on this machine, and none published for it.
    #[error(
        "found no PostgreSQL{} server programs, and none are published for this machine: install \
         PostgreSQL, or set `PG_BIN` to the folder of `postgres` and `initdb`",
        numbered(*version)
    )]
    NoBinaries {
        /// The major version that was asked for.
        version: Option<u16>,
    },
    /// No programs on this machine, and nowhere to keep what could be fetched.
    #[error(
        "found no PostgreSQL server programs, and no home folder to keep fetched ones in: install \
         PostgreSQL, or set `LOADGEN_CACHE` to a folder"
    )]
    NoCache,
    /// No programs on this machine, and none could be fetched.
    #[error(
        "found no PostgreSQL server programs, and could not fetch `{url}` ({cause}): install \
         PostgreSQL, set `PG_BIN` to the folder of `postgres` and `initdb`, or set `LOADGEN_MAVEN` \
         to a mirror"
    )]
    Unreachable {
        /// What was to be fetched.
        url: String,
        /// Why it was not.
        cause: String,
    },
    /// What was fetched is not what was published; it has been removed.
    #[error("`{url}` is not the file that was published: its SHA-256 is {found}; it was removed")]
    WrongHash {
        /// What was fetched.
        url: String,
        /// SHA-256 of what came, in hex.
        found: String,
    },
    /// Root's cache is not for the user that the server runs as.
    #[error(
        "`{}` is closed to other users, and a server of root runs as one of them: set `LOADGEN_CACHE` \
         to a folder that all may enter",
        path.display()
    )]
    Closed {
        /// The cache folder.
        path: PathBuf,
    },
    /// What was fetched does not run.
    #[error(
        "the fetched programs in `{}` do not run on this machine: install PostgreSQL, or set `PG_BIN` \
         to the folder of `postgres` and `initdb`",
        folder.display()
    )]
    Unusable {
        /// Where they are.
        folder: PathBuf,
    },
    /// There is no port to listen on.
    #[error("found no free port on 127.0.0.1: {source}")]
    NoPort {
        /// What the system said.
        source: io::Error,
    },
    /// A program of the server ended with an error, or was ended because it took too long.
    #[error("`{program}` failed:\n{tail}")]
    Refused {
        /// `initdb` or `postgres`.
        program: &'static str,
        /// The last lines that it wrote.
        tail: String,
    },
    /// The server did not answer in time, and was stopped.
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
    pub(super) fn at(path: &Path) -> impl FnOnce(io::Error) -> Self + use<> {
        let path = path.to_path_buf();
        move |source| Self::Path { path, source }
    }
}

fn numbered(version: Option<u16>) -> String {
    version.map(|version| format!(" {version}")).unwrap_or_default()
}
