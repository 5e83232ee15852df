//! What an earlier run left in a folder that another one is to use: kept aside until that has begun, and put
//! back if it is refused before.

use std::fs;
use std::fs::DirBuilder;
use std::io;
use std::os::unix::fs::DirBuilderExt;
use std::path::Path;
use std::path::PathBuf;
use std::sync::atomic::AtomicBool;
use std::sync::atomic::Ordering;

use super::FOLDER_MODE;

/// Where it waits, within the folder.
pub(super) const BEFORE: &str = ".before";

/// An earlier run's files. Dropped before the new run has begun, it puts them back.
#[derive(Debug)]
pub(super) struct Before {
    folder: PathBuf,
    is_over: AtomicBool,
}

impl Before {
    /// Moves these files and folders aside, as far as they are there.
    pub(super) fn set_aside(folder: &Path, names: &[String]) -> io::Result<Self> {
        let before = Self { folder: folder.to_owned(), is_over: AtomicBool::new(false) };
        let aside = folder.join(BEFORE);
        DirBuilder::new().mode(FOLDER_MODE).create(&aside)?;
        for name in names {
            match fs::rename(folder.join(name), aside.join(name)) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
                _ => {}
            }
        }
        Ok(before)
    }

    /// The new run has begun: the old one is not wanted any more.
    pub(super) fn is_over(&self) {
        if !self.is_over.swap(true, Ordering::Relaxed) {
            // What cannot be removed now is removed with the folder.
            let _ = fs::remove_dir_all(self.folder.join(BEFORE));
        }
    }
}

impl Drop for Before {
    fn drop(&mut self) {
        if !self.is_over.load(Ordering::Relaxed) {
            put_back(&self.folder);
        }
    }
}

/// Puts back what a run set aside that was refused, or killed, before it began. What cannot be moved stays where
/// it is.
pub(super) fn put_back(folder: &Path) {
    let aside = folder.join(BEFORE);
    for entry in fs::read_dir(&aside).into_iter().flatten().flatten() {
        let _ = fs::rename(entry.path(), folder.join(entry.file_name()));
    }
    let _ = fs::remove_dir(aside);
}
