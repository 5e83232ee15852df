//! Where the files of a lake are: a folder, or a bucket of an S3 server. Nothing outside of the lake is read.

mod bucket;

use std::collections::BTreeMap;
use std::fs;
use std::fs::DirEntry;
use std::fs::File;
use std::io;
use std::io::ErrorKind;
use std::io::Read as _;
use std::path::Path;
use std::path::PathBuf;
use std::time::UNIX_EPOCH;

use crate::ledger::hash::half;
use crate::ledger::hash::hash;
use crate::observe::objects::store::bucket::Bucket;
use crate::scenario::LakeSite;

/// The largest file that is read.
const BYTES_MAX: u64 = 1 << 30;
/// Objects that are listed, at most.
const LISTED_MAX: usize = 200_000;

/// What is there: addresses, and by each a number that is another one once what it holds is.
pub(in crate::observe) type Listed = BTreeMap<String, u64>;

/// What is read of it.
#[derive(Debug)]
pub(in crate::observe) enum Store {
    Folder(PathBuf),
    Bucket(Box<Bucket>),
}

impl Store {
    pub(in crate::observe) async fn open(site: &LakeSite) -> Result<Self, String> {
        match site {
            LakeSite::Folder(folder) => Ok(Self::Folder(folder.clone())),
            LakeSite::Bucket(address) => Ok(Self::Bucket(Box::new(Bucket::open(address).await?))),
        }
    }

    /// The address of a file by its path in the lake.
    pub(in crate::observe) fn address(&self, path: &str) -> String {
        match self {
            Self::Folder(folder) => format!("{}/{path}", folder.display()),
            Self::Bucket(bucket) => bucket.uri(path),
        }
    }

    /// The addresses of all that is there; of what is being written into a folder, none.
    pub(in crate::observe) async fn list(&mut self) -> Result<Listed, String> {
        let mut found = Listed::new();
        match self {
            Self::Folder(folder) => below(folder, &mut found)?,
            Self::Bucket(bucket) => bucket.list(&mut found).await?,
        }
        Ok(found)
    }

    /// Whether a file is there that was.
    pub(in crate::observe) async fn has(&mut self, address: &str) -> Result<bool, String> {
        match self {
            Self::Folder(_) => Path::new(plain(address))
                .try_exists()
                .map_err(|error| format!("`{address}` cannot be looked for: {error}")),
            Self::Bucket(bucket) => bucket.has(address).await,
        }
    }

    /// A file by its address; `None`: there is none.
    pub(in crate::observe) async fn get(
        &mut self,
        address: &str,
    ) -> Result<Option<Vec<u8>>, String> {
        let read = match self {
            Self::Folder(folder) => {
                let path = PathBuf::from(plain(address));
                let is_inside = path.starts_with(&*folder)
                    && !path.components().any(|it| it.as_os_str() == "..");
                if !is_inside {
                    return Err(format!(
                        "`{address}` is not in the lake at `{}`",
                        folder.display()
                    ));
                }
                match File::open(&path) {
                    Ok(file) => {
                        let mut bytes = Vec::new();
                        let read = file.take(BYTES_MAX + 1).read_to_end(&mut bytes);
                        read.map_err(|error| format!("`{address}` cannot be read: {error}"))?;
                        Some(bytes)
                    }
                    Err(error) if error.kind() == ErrorKind::NotFound => None,
                    Err(error) => return Err(format!("`{address}` cannot be read: {error}")),
                }
            }
            Self::Bucket(bucket) => bucket.get(address, BYTES_MAX).await?,
        };
        if read.as_ref().is_some_and(|bytes| bytes.len() as u64 > BYTES_MAX) {
            return Err(format!("`{address}` is larger than {} MB", BYTES_MAX >> 20));
        }
        Ok(read)
    }
}

/// Finds what is in a folder, and in those below it, that has a name: one that begins with a dot is not whole.
fn below(folder: &Path, found: &mut Listed) -> Result<(), String> {
    let failed = |error: io::Error| format!("`{}` cannot be read: {error}", folder.display());
    let entries = match fs::read_dir(folder) {
        Ok(entries) => entries,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(failed(error)),
    };
    for entry in entries {
        let entry = entry.map_err(failed)?;
        if entry.file_name().to_string_lossy().starts_with('.') {
            continue;
        }
        let path = entry.path();
        if entry.file_type().map_err(failed)?.is_dir() {
            below(&path, found)?;
        } else if let Some(version) = version(&entry).map_err(failed)? {
            found.insert(path.display().to_string(), version);
        }
        is_listed(found)?;
    }
    Ok(())
}

/// Of a file that may have gone meanwhile.
fn version(entry: &DirEntry) -> io::Result<Option<u64>> {
    let known = match entry.metadata() {
        Ok(known) => known,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(error),
    };
    let written = known.modified()?.duration_since(UNIX_EPOCH).unwrap_or_default();
    Ok(Some(half(hash(known.len(), &written.as_nanos().to_be_bytes()))))
}

/// Whether so many objects can be looked for.
fn is_listed(found: &Listed) -> Result<(), String> {
    if found.len() <= LISTED_MAX {
        return Ok(());
    }
    Err(format!("there are more than {LISTED_MAX} objects: name a prefix with fewer"))
}

/// A folder's address as a path: `file:/x`, `file:///x` and `/x` are the same.
fn plain(address: &str) -> &str {
    let path = address.strip_prefix("file:").unwrap_or(address);
    path.strip_prefix("//").unwrap_or(path)
}

#[cfg(test)]
mod tests {
    use super::LakeSite;
    use super::Store;
    use super::fs;

    #[tokio::test(flavor = "current_thread")]
    async fn a_folder_gives_what_is_in_it_and_nothing_else() {
        let folder = tempfile::tempdir().unwrap();
        let lake = folder.path().join("lake");
        fs::create_dir(&lake).unwrap();
        fs::write(lake.join("in"), "in").unwrap();
        fs::write(folder.path().join("out"), "out").unwrap();
        let mut store = Store::open(&LakeSite::Folder(lake.clone())).await.unwrap();
        let address = store.address("in");
        for address in [address.clone(), format!("file:{address}"), format!("file://{address}")] {
            assert_eq!(store.get(&address).await, Ok(Some(b"in".to_vec())), "{address}");
        }
        let absent = store.address("absent");
        assert_eq!(store.get(&absent).await, Ok(None));
        for outside in ["../out", "x/../../out"] {
            let outside = store.address(outside);
            assert!(store.get(&outside).await.unwrap_err().contains("is not in the lake"));
        }
        let outside = folder.path().join("out").display().to_string();
        assert!(store.get(&outside).await.is_err());
    }
}
