//! One server: its data made, started, waited for, stopped. It knows no owner and no other run.

use std::fs;
use std::fs::File;
use std::fs::OpenOptions;
use std::io;
use std::io::Read;
use std::io::Seek;
use std::io::SeekFrom;
use std::io::Write;
use std::net::Ipv4Addr;
use std::net::TcpListener;
use std::os::unix::fs::OpenOptionsExt;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::Child;
use std::thread;
use std::time::Duration;
use std::time::Instant;

use rustix::process::Pid;
use rustix::process::Signal;
use secrecy::ExposeSecret;
use secrecy::SecretString;

use crate::embedded::EmbeddedError;
use crate::embedded::Interrupt;
use crate::embedded::account::Account;
use crate::embedded::account::run_unless;
use crate::embedded::binaries::Binaries;
use crate::embedded::ending::Way;
use crate::embedded::ending::end;
use crate::embedded::folder::Folder;

/// The superuser's name.
pub(super) const SUPERUSER: &str = "postgres";

/// How long the data directory may take: a second, or some on a slow disk.
const INITIALISED_WITHIN: Duration = Duration::from_mins(2);

/// How long a server may take to answer.
const READY_WITHIN: Duration = Duration::from_mins(1);

/// How often a port that was taken meanwhile is replaced.
const PORTS_MAX: u32 = 5;

/// The longest path of a socket that every system takes, and what the server adds to its folder.
const SOCKET_PATH_MAX: usize = 103;
const SOCKET_NAME_LENGTH: usize = "/.s.PGSQL.65535".len();

/// How much of a log is read back.
const LOG_TAIL_BYTES: u64 = 4096;
const LOG_TAIL_LINES: usize = 10;

/// The ways of stopping, the mildest first: end sessions and write everything, end at once and recover later, end
/// without a word. Whoever is in a hurry waits for the second one, and not long.
const STOPS: [Way; 3] = [
    Way::new(Signal::INT, Duration::from_secs(20), Duration::ZERO),
    Way::new(Signal::QUIT, Duration::from_secs(5), Duration::from_millis(1500)),
    Way::new(Signal::KILL, Duration::from_secs(5), Duration::from_secs(5)),
];

/// What differs from PostgreSQL's own values. Durability and autovacuum stay as they are: a server that
/// skips work is no target to measure.
///
/// A deadlock is found after a tenth of a second instead of a whole one: the check is cheap, and until it
/// is made everybody behind the two stands still. Nothing else changes.
const SETTINGS: [&str; 9] = [
    "listen_addresses=127.0.0.1",
    "wal_level=logical",
    "max_replication_slots=32",
    "max_wal_senders=32",
    "max_connections=300",
    "shared_buffers=256MB",
    "max_wal_size=4GB",
    "checkpoint_timeout=15min",
    "deadlock_timeout=100ms",
];

/// A running server that is our child.
#[derive(Debug)]
pub(super) struct Server {
    child: Child,
    port: u16,
}

impl Server {
    /// Starts the server on a free port and waits until it answers, for a minute at most.
    pub(super) fn start(
        binaries: &Binaries,
        (account, interrupt): (&Account, &Interrupt),
        folder: &Folder,
    ) -> Result<Self, EmbeddedError> {
        let mut taken = 0;
        loop {
            let port = free_port()?;
            let mut server = Self::spawn(binaries, account, folder, port)?;
            match server.wait_until_ready(folder, interrupt) {
                Ok(()) => return Ok(server),
                Err(EmbeddedError::Refused { tail, .. })
                    if tail.contains("Address already in use") && taken < PORTS_MAX =>
                {
                    taken += 1;
                }
                Err(error) => {
                    server.stop(&Interrupt::default());
                    return Err(error);
                }
            }
        }
    }

    /// The TCP port on 127.0.0.1.
    pub(super) fn port(&self) -> u16 {
        self.port
    }

    /// Ends the server and all its processes; half a minute at most, and some seconds as soon as `hurry` says so.
    pub(super) fn stop(&mut self, hurry: &Interrupt) {
        let child = &mut self.child;
        let pid = Pid::from_child(child);
        end(pid, &STOPS, hurry, || !matches!(child.try_wait(), Ok(None)));
    }

    fn spawn(
        binaries: &Binaries,
        account: &Account,
        folder: &Folder,
        port: u16,
    ) -> Result<Self, EmbeddedError> {
        let log_path = folder.server().join("log");
        let log = open_log(&log_path).map_err(EmbeddedError::at(&log_path))?;
        let errors = log.try_clone().map_err(EmbeddedError::at(&log_path))?;
        let program = binaries.program("postgres");
        let mut command = account.command(&program);
        command.arg("-D").arg(folder.data()).arg("-p").arg(port.to_string());
        for setting in SETTINGS {
            command.arg("-c").arg(setting);
        }
        command.arg("-c").arg(format!("unix_socket_directories={}", socket_folder(folder)));
        // A group of its own: the terminal's Ctrl-C is for us, and we end the server in order.
        command.stdout(log).stderr(errors).process_group(0);
        let child = command.spawn().map_err(EmbeddedError::at(&program))?;
        Ok(Self { child, port })
    }

    fn wait_until_ready(
        &mut self,
        folder: &Folder,
        interrupt: &Interrupt,
    ) -> Result<(), EmbeddedError> {
        let status = folder.data().join("postmaster.pid");
        let begun = Instant::now();
        while begun.elapsed() < READY_WITHIN {
            if interrupt.is_set() {
                return Err(EmbeddedError::Interrupted);
            }
            let has_ended = !matches!(self.child.try_wait(), Ok(None));
            if has_ended {
                return Err(refused("postgres", &folder.server().join("log")));
            }
            // The eighth line is the server's own word on its state.
            let text = fs::read_to_string(&status).unwrap_or_default();
            if text.lines().nth(7).is_some_and(|state| state.trim_end() == "ready") {
                return Ok(());
            }
            thread::sleep(Duration::from_millis(10));
        }
        let tail = tail(&folder.server().join("log"));
        Err(EmbeddedError::Slow { seconds: READY_WITHIN.as_secs(), tail })
    }
}

/// Makes the data directory, with a superuser that has this password.
pub(super) fn initialise(
    binaries: &Binaries,
    (account, interrupt): (&Account, &Interrupt),
    folder: &Folder,
    password: &SecretString,
) -> Result<(), EmbeddedError> {
    let password_path = folder.server().join("password");
    let log_path = folder.server().join("initdb.log");
    write_private(&password_path, password.expose_secret())
        .and_then(|()| account.give(&password_path))
        .map_err(EmbeddedError::at(&password_path))?;
    let log = open_log(&log_path).map_err(EmbeddedError::at(&log_path))?;
    let errors = log.try_clone().map_err(EmbeddedError::at(&log_path))?;
    let program = binaries.program("initdb");
    let mut command = account.command(&program);
    command
        .arg("-D")
        .arg(folder.data())
        .args(["-U", SUPERUSER, "--auth=scram-sha-256", "--encoding=UTF8", "--locale=C"])
        .arg(format!("--pwfile={}", password_path.display()))
        .stdout(log)
        .stderr(errors);
    let output = run_unless(interrupt, &mut command, INITIALISED_WITHIN);
    let output = output.map_err(EmbeddedError::at(&program))?;
    fs::remove_file(&password_path).map_err(EmbeddedError::at(&password_path))?;
    if output.status.success() { Ok(()) } else { Err(refused("initdb", &log_path)) }
}

/// A file that only its owner reads, and that was not there before.
pub(super) fn write_private(path: &Path, text: &str) -> io::Result<()> {
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)?;
    writeln!(file, "{text}")
}

/// A port that was free a moment ago.
fn free_port() -> Result<u16, EmbeddedError> {
    TcpListener::bind((Ipv4Addr::LOCALHOST, 0))
        .and_then(|listener| listener.local_addr())
        .map(|address| address.port())
        .map_err(|source| EmbeddedError::NoPort { source })
}

/// The folder of the server's Unix socket, or nothing if its path would be too long for a socket.
fn socket_folder(folder: &Folder) -> String {
    let path = folder.server().display().to_string();
    if path.len() + SOCKET_NAME_LENGTH <= SOCKET_PATH_MAX { path } else { String::new() }
}

fn open_log(path: &Path) -> io::Result<File> {
    OpenOptions::new().create(true).append(true).mode(0o600).open(path)
}

fn refused(program: &'static str, log: &Path) -> EmbeddedError {
    EmbeddedError::Refused { program, tail: tail(log) }
}

/// The last lines of a log; empty if it cannot be read.
fn tail(log: &Path) -> String {
    let read = || -> io::Result<Vec<u8>> {
        let mut file = File::open(log)?;
        let length = file.metadata()?.len();
        file.seek(SeekFrom::Start(length.saturating_sub(LOG_TAIL_BYTES)))?;
        let mut bytes = Vec::new();
        file.take(LOG_TAIL_BYTES).read_to_end(&mut bytes)?;
        Ok(bytes)
    };
    let bytes = read().unwrap_or_default();
    let text = String::from_utf8_lossy(&bytes);
    let lines: Vec<&str> = text.lines().collect();
    lines[lines.len().saturating_sub(LOG_TAIL_LINES)..].join("\n")
}
