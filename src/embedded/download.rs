//! Fetches a pinned archive of server programs once and keeps it in the user's cache. Nothing is
//! unpacked before its hash is right, and nothing is visible before it is whole.

use std::fs;
use std::fs::DirBuilder;
use std::fs::File;
use std::fs::Permissions;
use std::fs::TryLockError;
use std::io;
use std::io::Read;
use std::io::Write;
use std::os::unix::fs::DirBuilderExt;
use std::os::unix::fs::MetadataExt;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::mpsc;
use std::sync::mpsc::RecvTimeoutError;
use std::thread;
use std::time::Duration;
use std::time::Instant;

use lzma_rust2::XzReader;
use sha2::Digest;
use sha2::Sha256;
use ureq::Agent;
use ureq::tls::Certificate;
use ureq::tls::RootCerts;
use ureq::tls::TlsConfig;

use crate::embedded::EmbeddedError;
use crate::embedded::Interrupt;
use crate::embedded::Progress;
use crate::embedded::archives::Archive;
use crate::units::format_hex;

/// Archives are 13 to 72 MB, and four times that unpacked; what is far above is not one.
const ARCHIVE_BYTES_MAX: u64 = 256 << 20;
const UNPACKED_BYTES_MAX: u64 = 1 << 30;

/// The dictionary of an archive needs 9 MiB.
const UNPACK_MEMORY_KIB_MAX: u32 = 128 << 10;

/// How often and how long a fetch is tried.
const TRIES_MAX: u32 = 3;
const CONNECT_WITHIN: Duration = Duration::from_secs(10);
const ANSWER_WITHIN: Duration = Duration::from_secs(30);
const FETCH_WITHIN: Duration = Duration::from_mins(5);

/// How long another run may take to fetch the same archive.
const LOCK_WITHIN: Duration = Duration::from_mins(10);

/// Where archives come from and where they stay.
#[derive(Debug, Clone, Copy)]
pub(super) struct Depot<'a> {
    /// The address of a Maven repository.
    pub(super) repository: &'a str,
    /// The cache folder of loadgen; made if it is not there.
    pub(super) cache: &'a Path,
    /// What ends it before it is done.
    pub(super) interrupt: &'a Interrupt,
}

impl Depot<'_> {
    /// The folder of an archive's programs; fetched if it is not there yet. May be repeated, and called by many at once.
    pub(super) fn programs(
        &self,
        archive: &Archive,
        progress: &mut dyn FnMut(Progress),
    ) -> Result<PathBuf, EmbeddedError> {
        let store = self.cache.join("postgres");
        make_store(&store)?;
        let place = store.join(format!("{}-{}", archive.release, archive.platform));
        let programs = place.join("bin");
        if programs.exists() {
            return Ok(programs);
        }
        let _lock = lock(&store.join("lock"), self.interrupt)?;
        if programs.exists() {
            return Ok(programs);
        }
        let file = store.join("partial.jar");
        let unpacked = store.join("partial");
        let fetched = self
            .fetch(archive, &file, progress)
            .and_then(|()| unpack(&file, &unpacked, archive, progress))
            .and_then(|()| fs::rename(&unpacked, &place).map_err(EmbeddedError::at(&place)));
        // The next one to hold the lock would overwrite what cannot be removed.
        let _ = fs::remove_file(&file);
        let _ = fs::remove_dir_all(&unpacked);
        fetched.map(|()| programs)
    }

    /// Fetches into `file`; the hash is right or there is an error.
    fn fetch(
        &self,
        archive: &Archive,
        file: &Path,
        progress: &mut dyn FnMut(Progress),
    ) -> Result<(), EmbeddedError> {
        let url = format!("{}/{}", self.repository.trim_end_matches('/'), archive.path());
        let agent = agent();
        let mut tries = 0;
        let found = loop {
            tries += 1;
            let way = (agent.clone(), url.clone(), file.to_path_buf());
            match fetch_aside(way, self.interrupt, &mut |received, total| {
                progress(Progress::Fetching { release: archive.release, received, total });
            }) {
                Ok(found) => break found,
                Err(Failure::Here(source)) => return Err(EmbeddedError::at(file)(source)),
                Err(Failure::There { is_final, cause })
                    if is_final || tries >= TRIES_MAX || self.interrupt.is_set() =>
                {
                    return Err(EmbeddedError::Unreachable { url, cause });
                }
                Err(Failure::There { .. }) => thread::sleep(Duration::from_secs(1)),
            }
        };
        if found == archive.sha256 { Ok(()) } else { Err(EmbeddedError::WrongHash { url, found }) }
    }
}

/// Why a file was not fetched.
enum Failure {
    /// It could not be written.
    Here(io::Error),
    /// It could not be read; trying again is in vain if that is final.
    There { is_final: bool, cause: String },
}

impl From<ureq::Error> for Failure {
    fn from(error: ureq::Error) -> Self {
        let is_final = matches!(error, ureq::Error::StatusCode(400..=499));
        Self::There { is_final, cause: error.to_string() }
    }
}

/// As `fetch_once`, on a thread of its own: a repository that says nothing cannot be interrupted.
/// The thread ends with the next word of the repository, or with the process.
fn fetch_aside(
    (agent, url, file): (Agent, String, PathBuf),
    interrupt: &Interrupt,
    report: &mut dyn FnMut(u64, Option<u64>),
) -> Result<String, Failure> {
    enum Word {
        Received(u64, Option<u64>),
        Done(Result<String, Failure>),
    }
    let (sender, words) = mpsc::sync_channel(1);
    let fetch = move || {
        let done = fetch_once(&agent, &url, &file, &mut |received, total| {
            sender.send(Word::Received(received, total)).is_ok()
        });
        // Nobody hears it if the fetch was interrupted.
        let _ = sender.send(Word::Done(done));
    };
    thread::Builder::new().name("fetch".to_owned()).spawn(fetch).map_err(Failure::Here)?;
    let stopped = || Failure::There { is_final: true, cause: "it was interrupted".to_owned() };
    while !interrupt.is_set() {
        match words.recv_timeout(Duration::from_millis(50)) {
            Ok(Word::Received(received, total)) => report(received, total),
            Ok(Word::Done(done)) => return done,
            Err(RecvTimeoutError::Timeout) => {}
            Err(RecvTimeoutError::Disconnected) => break,
        }
    }
    Err(stopped())
}

/// Writes what the address holds into `file` and returns its SHA-256 in hex. Ends, without a file if
/// there was none, when `report` says that nobody waits for it any more.
fn fetch_once(
    agent: &Agent,
    url: &str,
    file: &Path,
    report: &mut dyn FnMut(u64, Option<u64>) -> bool,
) -> Result<String, Failure> {
    let unwanted = || Failure::There { is_final: true, cause: "it was interrupted".to_owned() };
    let mut response = agent.get(url).call()?;
    let total = response.body().content_length();
    let mut body = response.body_mut().with_config().limit(ARCHIVE_BYTES_MAX).reader();
    if !report(0, total) {
        return Err(unwanted());
    }
    let mut file = File::create(file).map_err(Failure::Here)?;
    let mut hash = Sha256::new();
    let mut buffer = vec![0; 64 << 10];
    let mut received = 0;
    loop {
        let length = body
            .read(&mut buffer)
            .map_err(|error| Failure::There { is_final: false, cause: error.to_string() })?;
        if length == 0 {
            break;
        }
        hash.update(&buffer[..length]);
        file.write_all(&buffer[..length]).map_err(Failure::Here)?;
        received += length as u64;
        if !report(received, total) {
            return Err(unwanted());
        }
    }
    Ok(format_hex(&hash.finalize()))
}

/// A client that trusts what the machine trusts, and goes through the proxy that its environment names.
fn agent() -> Agent {
    let roots: Vec<Certificate<'static>> = rustls_native_certs::load_native_certs()
        .certs
        .iter()
        .map(|root| Certificate::from_der(root).to_owned())
        .collect();
    let tls = TlsConfig::builder()
        .root_certs(RootCerts::new_with_certs(&roots))
        .unversioned_rustls_crypto_provider(Arc::new(rustls::crypto::aws_lc_rs::default_provider()))
        .build();
    Agent::config_builder()
        .tls_config(tls)
        .timeout_connect(Some(CONNECT_WITHIN))
        .timeout_recv_response(Some(ANSWER_WITHIN))
        .timeout_global(Some(FETCH_WITHIN))
        .user_agent(concat!("loadgen/", env!("CARGO_PKG_VERSION")))
        .build()
        .new_agent()
}

/// Unpacks a jar (a zip), the `.txz` in it (xz) and what is in that (tar) into a new folder.
fn unpack(
    file: &Path,
    folder: &Path,
    archive: &Archive,
    progress: &mut dyn FnMut(Progress),
) -> Result<(), EmbeddedError> {
    progress(Progress::Unpacking { release: archive.release });
    if folder.exists() {
        fs::remove_dir_all(folder).map_err(EmbeddedError::at(folder))?;
    }
    let unpack = || -> io::Result<()> {
        let mut jar = zip::ZipArchive::new(File::open(file)?)?;
        let name = jar
            .file_names()
            .filter_map(Result::ok)
            .find(|name| name.ends_with(".txz"))
            .unwrap_or_default()
            .into_owned();
        let inner = jar.by_name(&name)?;
        let plain = XzReader::new_mem_limit(inner, false, UNPACK_MEMORY_KIB_MAX);
        tar::Archive::new(plain.take(UNPACKED_BYTES_MAX)).unpack(folder)?;
        open_to_all(folder)
    };
    unpack().map_err(EmbeddedError::at(folder))
}

/// Lets everyone read and run what is in a folder, and nobody but us change it: the server's user may be another.
fn open_to_all(folder: &Path) -> io::Result<()> {
    let mut folders = vec![folder.to_path_buf()];
    while let Some(folder) = folders.pop() {
        fs::set_permissions(&folder, Permissions::from_mode(0o755))?;
        for entry in fs::read_dir(&folder)? {
            let entry = entry?;
            let metadata = entry.metadata()?;
            if metadata.is_dir() {
                folders.push(entry.path());
            } else if metadata.is_file() {
                let is_program = metadata.mode() & 0o111 != 0;
                let mode = if is_program { 0o755 } else { 0o644 };
                fs::set_permissions(entry.path(), Permissions::from_mode(mode))?;
            }
        }
    }
    Ok(())
}

/// The folder in which archives are kept, made by us or trusted: we run what lies there.
fn make_store(path: &Path) -> Result<(), EmbeddedError> {
    if !path.exists() {
        let made = DirBuilder::new().recursive(true).mode(0o755).create(path);
        made.map_err(EmbeddedError::at(path))?;
        // A strict mask of this process must not lock out the server's user.
        for folder in [path.parent().unwrap_or(path), path] {
            let opened = fs::set_permissions(folder, Permissions::from_mode(0o755));
            opened.map_err(EmbeddedError::at(folder))?;
        }
    }
    let metadata = fs::metadata(path).map_err(EmbeddedError::at(path))?;
    let is_ours = metadata.uid() == rustix::process::geteuid().as_raw();
    if is_ours && metadata.mode() & 0o022 == 0 {
        Ok(())
    } else {
        Err(EmbeddedError::Untrusted { path: path.to_path_buf() })
    }
}

/// The right to write into the cache; ends with the file that is returned.
fn lock(path: &Path, interrupt: &Interrupt) -> Result<File, EmbeddedError> {
    let file = File::create(path).map_err(EmbeddedError::at(path))?;
    let begun = Instant::now();
    loop {
        match file.try_lock() {
            Ok(()) => return Ok(file),
            Err(TryLockError::WouldBlock) if begun.elapsed() < LOCK_WITHIN => {
                if interrupt.is_set() {
                    return Err(EmbeddedError::Interrupted);
                }
                thread::sleep(Duration::from_millis(50));
            }
            Err(error) => return Err(EmbeddedError::at(path)(error.into())),
        }
    }
}
