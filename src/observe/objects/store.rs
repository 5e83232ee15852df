//! Where the files of a lake are: a folder, or a bucket of an S3 server. Nothing outside of the lake is read.

mod bucket;

use std::collections::BTreeMap;
use std::fs;
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

    /// The addresses of all that is there; of what is being written into a folder, none. A long list ends early, as
    /// if it could not be had, once somebody `is_to_stop`.
    pub(in crate::observe) async fn list(
        &mut self,
        is_to_stop: impl Fn() -> bool,
    ) -> Result<Listed, String> {
        let mut found = Listed::new();
        match self {
            Self::Folder(folder) => below(folder, &mut found)?,
            Self::Bucket(bucket) => bucket.list(&mut found, is_to_stop).await?,
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
                let read = whole(&path);
                read.map_err(|error| format!("`{address}` cannot be read: {error}"))?
            }
            Self::Bucket(bucket) => bucket.get(address, BYTES_MAX).await?,
        };
        if read.as_ref().is_some_and(|bytes| bytes.len() as u64 > BYTES_MAX) {
            return Err(format!("`{address}` is larger than {} MB", BYTES_MAX >> 20));
        }
        Ok(read)
    }
}

/// What is in a file, and one byte more than may be at most; `None`: there is none. Whoever opens a pipe waits for somebody
/// to write.
fn whole(path: &Path) -> io::Result<Option<Vec<u8>>> {
    let known = match fs::metadata(path) {
        Ok(known) => known,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(error),
    };
    if !known.is_file() {
        return Err(io::Error::other("it is no file"));
    }
    // What is too large is not read to find that out.
    if known.len() > BYTES_MAX {
        return Err(io::Error::other(format!("it is larger than {} MB", BYTES_MAX >> 20)));
    }
    let mut bytes = Vec::new();
    File::open(path)?.take(BYTES_MAX + 1).read_to_end(&mut bytes)?;
    Ok(Some(bytes))
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
        } else if let Some(version) = version(&path).map_err(failed)? {
            found.insert(path.display().to_string(), version);
        }
        is_listed(found)?;
    }
    Ok(())
}

/// Of a file that may have gone meanwhile; what is no file is no object, whatever it is called.
fn version(path: &Path) -> io::Result<Option<u64>> {
    let known = match fs::metadata(path) {
        Ok(known) if known.is_file() => known,
        Ok(_) => return Ok(None),
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
    use super::BYTES_MAX;
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
        // Whoever opens a pipe waits for a writer, and a device may have no end.
        let made = std::process::Command::new("mkfifo").arg(lake.join("pipe")).status().unwrap();
        assert!(made.success());
        std::os::unix::fs::symlink("/dev/zero", lake.join("zero")).unwrap();
        for other in ["pipe", "zero"] {
            let other = store.address(other);
            assert!(store.get(&other).await.unwrap_err().contains("it is no file"));
        }
        let large = fs::File::create(lake.join("large")).unwrap();
        large.set_len(BYTES_MAX + 1).unwrap();
        let large = store.address("large");
        assert!(store.get(&large).await.unwrap_err().contains("it is larger than 1024 MB"));
        let listed: Vec<String> = store.list(|| false).await.unwrap().into_keys().collect();
        assert_eq!(listed, [address, large]);
    }
}
