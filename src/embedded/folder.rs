//! Where embedded servers live: one folder for each user, fixed, so that the next run finds what a killed
//! one left. Beside each server's folder lies its owner file, locked for as long as its loadgen lives:
//! a lock ends with its process, however that ends, where a process id may come back as another's.
//!
//! ```text
//!   /tmp/loadgen-<uid>/           0711 for root (the server's user passes through), else 0700
//!     a1b2c3d4.owner              locked while its run lives; says which run, and if the server is kept
//!     a1b2c3d4/                   pgpass of a kept server
//!       server/                   0700, the server's user: data, log, socket
//! ```

use std::fs;
use std::fs::DirBuilder;
use std::fs::File;
use std::fs::OpenOptions;
use std::fs::Permissions;
use std::io;
use std::io::Read;
use std::io::Write;
use std::os::unix::fs::DirBuilderExt;
use std::os::unix::fs::MetadataExt;
use std::os::unix::fs::OpenOptionsExt;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::path::PathBuf;
use std::thread;
use std::time::Duration;

use crate::embedded::EmbeddedError;
use crate::embedded::account::Account;
use crate::units::format_hex;

/// How often a name that another run took, or a folder that is still written to, is tried again.
const TRIES_MAX: u32 = 20;

/// The line of an owner file that says the server outlives its run.
const KEPT: &str = "kept";

/// The folder of one user's embedded servers.
#[derive(Debug)]
pub(super) struct Base {
    /// Absolute, without symbolic links.
    path: PathBuf,
}

impl Base {
    /// Makes the folder under `parent` if it is not there. An error means that someone else made
    /// it or may write into it: nothing in it could be trusted.
    pub(super) fn open(parent: &Path) -> Result<Self, EmbeddedError> {
        let uid = rustix::process::geteuid();
        let parent = fs::canonicalize(parent).map_err(EmbeddedError::at(parent))?;
        let path = parent.join(format!("loadgen-{}", uid.as_raw()));
        let mode = if uid.is_root() { 0o711 } else { 0o700 };
        match DirBuilder::new().mode(mode).create(&path) {
            Err(error) if error.kind() != io::ErrorKind::AlreadyExists => {
                return Err(EmbeddedError::at(&path)(error));
            }
            _ => {}
        }
        let metadata = fs::symlink_metadata(&path).map_err(EmbeddedError::at(&path))?;
        if !metadata.is_dir() || metadata.uid() != uid.as_raw() || metadata.mode() & 0o022 != 0 {
            return Err(EmbeddedError::Untrusted { path });
        }
        fs::set_permissions(&path, Permissions::from_mode(mode))
            .map_err(EmbeddedError::at(&path))?;
        Ok(Self { path })
    }

    /// A new folder for one server, locked by this process, with `server/` in it owned by `account`.
    pub(super) fn claim(&self, run: &str, account: &Account) -> Result<Folder, EmbeddedError> {
        for _ in 0..TRIES_MAX {
            let owner = self.path.join(format!("{}.owner", random_hex(4)?));
            let opened = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&owner);
            let mut lock = match opened {
                Ok(lock) => lock,
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => continue,
                Err(error) => return Err(EmbeddedError::at(&owner)(error)),
            };
            // Between making and locking, a sweep may have seen a file without an owner and removed it.
            if lock.try_lock().is_err() || !is_still(&lock, &owner) {
                continue;
            }
            let name: String = run.chars().filter(|c| !c.is_control()).take(100).collect();
            writeln!(lock, "{name}").map_err(EmbeddedError::at(&owner))?;
            let folder = Folder { path: owner.with_extension(""), owner, lock };
            folder.furnish(account)?;
            return Ok(folder);
        }
        Err(EmbeddedError::Untrusted { path: self.path.clone() })
    }

    /// Takes over every folder whose owner is dead: each is locked by us from then on.
    pub(super) fn abandoned(&self) -> Result<Vec<Abandoned>, EmbeddedError> {
        let mut found = Vec::new();
        for entry in fs::read_dir(&self.path).map_err(EmbeddedError::at(&self.path))? {
            let owner = entry.map_err(EmbeddedError::at(&self.path))?.path();
            if owner.extension().is_none_or(|extension| extension != "owner") {
                continue;
            }
            let Ok(mut lock) = OpenOptions::new().read(true).write(true).open(&owner) else {
                continue;
            };
            if lock.try_lock().is_err() || !is_still(&lock, &owner) {
                continue;
            }
            let mut text = String::new();
            lock.read_to_string(&mut text).map_err(EmbeddedError::at(&owner))?;
            let mut lines = text.lines();
            let run = lines.next().unwrap_or_default().to_owned();
            let is_kept = lines.any(|line| line == KEPT);
            let folder = Folder { path: owner.with_extension(""), owner, lock };
            found.push(Abandoned { folder, run, is_kept });
        }
        found.sort_by(|a, b| a.folder.path.cmp(&b.folder.path));
        Ok(found)
    }
}

/// A folder whose loadgen is no more.
#[derive(Debug)]
pub(super) struct Abandoned {
    /// The folder, locked by us.
    pub(super) folder: Folder,
    /// The run it was made for.
    pub(super) run: String,
    /// Whether its server was meant to outlive the run.
    pub(super) is_kept: bool,
}

/// The folder of one server, locked by this process.
#[derive(Debug)]
pub(super) struct Folder {
    path: PathBuf,
    owner: PathBuf,
    lock: File,
}

impl Folder {
    /// Ours; the server's user may only pass through.
    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// The server's own: data, log and socket.
    pub(super) fn server(&self) -> PathBuf {
        self.path.join("server")
    }

    /// The data directory.
    pub(super) fn data(&self) -> PathBuf {
        self.path.join("server").join("data")
    }

    /// Writes down that the server outlives this process.
    pub(super) fn mark_kept(&mut self) -> Result<(), EmbeddedError> {
        writeln!(self.lock, "{KEPT}").map_err(EmbeddedError::at(&self.owner))
    }

    /// Removes the folder, then its owner file, so that one without the other is never left. Removing is
    /// repeated for two seconds, because a dying server may still write.
    pub(super) fn remove(&self) -> Result<(), EmbeddedError> {
        let mut tries = 0;
        loop {
            match fs::remove_dir_all(&self.path) {
                Ok(()) => break,
                Err(error) if error.kind() == io::ErrorKind::NotFound && !self.path.exists() => {
                    break;
                }
                Err(error) if tries >= TRIES_MAX => {
                    return Err(EmbeddedError::at(&self.path)(error));
                }
                Err(_) => thread::sleep(Duration::from_millis(100)),
            }
            tries += 1;
        }
        fs::remove_file(&self.owner).map_err(EmbeddedError::at(&self.owner))
    }

    fn furnish(&self, account: &Account) -> Result<(), EmbeddedError> {
        let mode = if *account == Account::Own { 0o700 } else { 0o711 };
        make_folder(&self.path, mode)?;
        let server = self.server();
        make_folder(&server, 0o700)?;
        account.give(&server).map_err(EmbeddedError::at(&server))
    }
}

/// Random bytes from the system, in hex.
pub fn random_hex(byte_count: usize) -> Result<String, EmbeddedError> {
    let source = Path::new("/dev/urandom");
    let mut bytes = vec![0; byte_count];
    File::open(source)
        .and_then(|mut file| file.read_exact(&mut bytes))
        .map_err(EmbeddedError::at(source))?;
    Ok(format_hex(&bytes))
}

/// A new folder with this mode, whatever the mask of this process.
pub(super) fn make_folder(path: &Path, mode: u32) -> Result<(), EmbeddedError> {
    DirBuilder::new()
        .mode(0o700)
        .create(path)
        .and_then(|()| fs::set_permissions(path, Permissions::from_mode(mode)))
        .map_err(EmbeddedError::at(path))
}

/// Whether the path still names the open file.
fn is_still(file: &File, path: &Path) -> bool {
    match (file.metadata(), fs::symlink_metadata(path)) {
        (Ok(open), Ok(named)) => open.ino() == named.ino() && open.dev() == named.dev(),
        _ => false,
    }
}
