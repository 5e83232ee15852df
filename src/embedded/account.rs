//! Who the server's programs run as. PostgreSQL refuses to run as root, so root lends them the name of
//! an unprivileged user; everyone else runs them as themselves.

use std::fs;
use std::io;
use std::os::unix::fs::MetadataExt;
use std::os::unix::fs::chown;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::Command;
use std::process::Output;
use std::process::Stdio;
use std::thread;
use std::time::Duration;
use std::time::Instant;

use crate::embedded::EmbeddedError;
use crate::embedded::Interrupt;

/// The users that root may run a server as, the best first.
const UNPRIVILEGED: [&str; 2] = ["postgres", "nobody"];

/// The user that the server's programs run as.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Account {
    /// The user that runs loadgen.
    Own,
    /// Another user, because we are root.
    Other {
        /// As in the machine's list of users.
        name: String,
        /// Its user.
        uid: u32,
        /// Its group.
        gid: u32,
    },
}

impl Account {
    /// An error means that we are root and the machine has no unprivileged user that we know.
    pub(super) fn unprivileged() -> Result<Self, EmbeddedError> {
        if !rustix::process::geteuid().is_root() {
            return Ok(Self::Own);
        }
        let users = fs::read_to_string("/etc/passwd").unwrap_or_default();
        UNPRIVILEGED.iter().find_map(|name| entry(&users, name)).ok_or(EmbeddedError::NoAccount)
    }

    /// A command of this user, with nothing in its environment that would bend PostgreSQL's programs.
    /// The standard library drops root's other groups together with its user.
    pub(super) fn command(&self, program: &Path) -> Command {
        let mut command = Command::new(program);
        for (variable, _) in std::env::vars_os() {
            let bends = variable.to_str().is_some_and(|name| {
                name.starts_with("PG") || name.starts_with("LC_") || name.starts_with("LANG")
            });
            if bends {
                command.env_remove(variable);
            }
        }
        command.env("LC_ALL", "C").env("TZ", "UTC").current_dir("/").stdin(Stdio::null());
        if let Self::Other { uid, gid, .. } = self {
            command.gid(*gid).uid(*uid);
        }
        command
    }

    /// Makes this user the owner of a file or folder of ours.
    pub(super) fn give(&self, path: &Path) -> io::Result<()> {
        match self {
            Self::Own => Ok(()),
            Self::Other { uid, gid, .. } => chown(path, Some(*uid), Some(*gid)),
        }
    }
}

/// Runs a program to its end, or ends it when its time is over. What it prints through a pipe is
/// returned, and must be short: nobody reads while it runs.
pub(super) fn run(command: &mut Command, patience: Duration) -> io::Result<Output> {
    run_unless(&Interrupt::default(), command, patience)
}

/// As `run`, but ends it also when it is interrupted.
pub(super) fn run_unless(
    interrupt: &Interrupt,
    command: &mut Command,
    patience: Duration,
) -> io::Result<Output> {
    let mut child = command.spawn()?;
    let begun = Instant::now();
    while child.try_wait()?.is_none() {
        if begun.elapsed() >= patience || interrupt.is_set() {
            child.kill()?;
            child.wait()?;
            return Err(io::ErrorKind::TimedOut.into());
        }
        thread::sleep(Duration::from_millis(2));
    }
    child.wait_with_output()
}

/// Whether users other than the owner may pass through every folder of a path that exists.
pub(super) fn others_may_enter(path: &Path) -> bool {
    path.ancestors()
        .filter_map(|folder| fs::metadata(folder).ok())
        .all(|metadata| metadata.mode() & 0o001 != 0)
}

/// The line of a user, as `/etc/passwd` writes it. Root is never an answer.
fn entry(users: &str, name: &str) -> Option<Account> {
    users.lines().find_map(|line| {
        let mut fields = line.split(':');
        if fields.next()? != name {
            return None;
        }
        let uid: u32 = fields.nth(1)?.parse().ok()?;
        let gid: u32 = fields.next()?.parse().ok()?;
        (uid != 0).then(|| Account::Other { name: name.to_owned(), uid, gid })
    })
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::PermissionsExt;
    use std::path::Path;
    use std::process::Command;
    use std::time::Duration;

    use super::Account;
    use super::entry;
    use super::others_may_enter;
    use super::run;

    #[test]
    fn a_program_that_takes_too_long_is_ended() {
        let patience = Duration::from_millis(50);
        assert!(run(Command::new("sleep").arg("60"), patience).is_err());
        assert!(run(&mut Command::new("true"), Duration::from_secs(10)).is_ok());
    }

    #[test]
    fn a_folder_is_open_if_all_above_it_are() {
        let folder = tempfile::tempdir().unwrap();
        let inner = folder.path().join("inner");
        fs::create_dir(&inner).unwrap();
        let open = |path: &Path, mode| fs::set_permissions(path, PermissionsExt::from_mode(mode));
        open(&inner, 0o711).unwrap();
        open(folder.path(), 0o700).unwrap();
        assert!(!others_may_enter(&inner));
        open(folder.path(), 0o711).unwrap();
        assert!(others_may_enter(&inner.join("not there yet")));
    }

    #[test]
    fn a_user_is_found_by_its_whole_name_and_root_never() {
        let users = "root:x:0:0::/:/bin/sh\nnobodyelse:x:7:7::/:\nnobody:x:65534:65533::/:\ntoor:x:0:0::/:\n";
        let nobody = Account::Other { name: "nobody".to_owned(), uid: 65534, gid: 65533 };
        assert_eq!(entry(users, "nobody"), Some(nobody));
        assert_eq!(entry(users, "toor"), None);
        assert_eq!(entry(users, "postgres"), None);
    }
}
