//! Programs, processes, ports and users: what a server of our own needs of this machine.

use std::fs;
use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::fs::chown;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::Child;
use std::process::ChildStdout;
use std::process::Command;
use std::process::Stdio;
use std::sync::OnceLock;
use std::sync::atomic::AtomicU32;
use std::sync::atomic::Ordering;
use std::thread::sleep;
use std::time::Duration;
use std::time::Instant;

use loadgen::embedded;
use loadgen::embedded::Binaries;
use rustix::process::Pid;
use rustix::process::Signal;
use rustix::process::geteuid;
use rustix::process::kill_process;

/// Longer than a server takes to start or to stop, or a run to begin, however busy the machine is.
const PATIENCE: Duration = Duration::from_mins(2);

/// Becomes the program in `$@`, which is killed when this input ends.
const BOUND: &str = r#"
exec 3<&0
(cat <&3; kill -KILL $$) > /dev/null 2>&1 &
exec "$@" < /dev/null 3<&-
"#;

/// A program at work until this is dropped. It also ends when this process ends in any other way.
#[derive(Debug)]
pub(crate) struct Bound(Child);

impl Bound {
    /// Starts what a command says of program, arguments and environment, which reads nothing.
    pub(crate) fn start(command: &Command, output: Stdio) -> Self {
        let mut shell = Command::new("sh");
        shell.args(["-c", BOUND, "bound"]).arg(command.get_program()).args(command.get_args());
        for (name, value) in command.get_envs() {
            match value {
                Some(value) => shell.env(name, value),
                None => shell.env_remove(name),
            };
        }
        // A signal to the whole group of the tests must not end who looks after it.
        shell.process_group(0).stdin(Stdio::piped()).stdout(output).stderr(Stdio::null());
        Self(shell.spawn().unwrap())
    }

    /// What it writes, if that is piped; once.
    pub(crate) fn output(&mut self) -> ChildStdout {
        self.0.stdout.take().unwrap()
    }

    /// It stays where it is from now on, and does nothing.
    pub(crate) fn freeze(&self) {
        kill_process(Pid::from_child(&self.0), Signal::STOP).unwrap();
    }

    /// It is gone afterwards.
    pub(crate) fn end(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

impl Drop for Bound {
    fn drop(&mut self) {
        self.end();
    }
}

/// One of the server's programs in `programs`, run in `folder` as somebody who is not root: PostgreSQL refuses
/// root.
pub(super) fn program(programs: &Path, name: &str, folder: &Path) -> Command {
    let mut command = Command::new(programs.join(name));
    command.current_dir(folder).env("LC_ALL", "C").env_remove("PGDATA");
    if let Some((user, group)) = account() {
        command.uid(user).gid(group);
    }
    command
}

/// User and group to run a server as, if we are root: `postgres`, else `nobody`.
pub(super) fn account() -> Option<(u32, u32)> {
    if !geteuid().is_root() {
        return None;
    }
    let users = fs::read_to_string("/etc/passwd").unwrap();
    let found = ["postgres", "nobody"].iter().find_map(|name| {
        let line = users.lines().find(|line| line.split(':').next() == Some(name))?;
        let mut fields = line.split(':').skip(2);
        Some((fields.next()?.parse().ok()?, fields.next()?.parse().ok()?))
    });
    Some(found.expect("no user `postgres` or `nobody` to run a server as"))
}

pub(super) fn own(path: &Path, mode: u32) {
    fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
    if let Some((user, group)) = account() {
        chown(path, Some(user), Some(group)).unwrap();
    }
}

/// A port that is free, and stays so while the server restarts: not one of those that the system
/// deals out to whoever connects somewhere.
pub(super) fn free_port() -> u16 {
    static COUNT: AtomicU32 = AtomicU32::new(0);
    let first = std::process::id().wrapping_mul(131);
    let candidates = (0..1000).map(|_| first.wrapping_add(COUNT.fetch_add(1, Ordering::Relaxed)));
    let mut ports = candidates.filter_map(|number| u16::try_from(15_000 + number % 17_000).ok());
    let is_free = |port: &u16| TcpListener::bind(("127.0.0.1", *port)).is_ok();
    ports.find(is_free).expect("no port is free")
}

/// The server's programs, found or fetched as the product does it: the one place that knows.
pub(crate) fn binaries() -> &'static Binaries {
    static FOUND: OnceLock<Binaries> = OnceLock::new();
    FOUND.get_or_init(|| embedded::binaries(None, &mut |_| {}).unwrap())
}

/// A client of the server's kind: it reads nothing but its arguments and stops at the first error.
pub(crate) fn psql(url: &str) -> Command {
    let mut command = Command::new(binaries().program("psql"));
    command.args(["-X", "-q", "-w", "-v", "ON_ERROR_STOP=1", "-d", url]);
    command
}

/// The processes whose parent this is.
pub(crate) fn children(parent: u32) -> Vec<Pid> {
    let output = Command::new("ps").args(["-A", "-o", "pid=,ppid="]).output().unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    let child = |line: &str| {
        let mut fields = line.split_whitespace().map(|field| field.parse::<i32>().ok());
        let (id, of) = (fields.next()??, fields.next()??);
        (u32::try_from(of) == Ok(parent)).then(|| Pid::from_raw(id)).flatten()
    };
    text.lines().filter_map(child).collect()
}

/// Stops a process and those whose parent it is where they stand, and says which those are. The
/// parent is first, and has stopped before it is asked for them: it makes no more meanwhile.
pub(crate) fn freeze_family(parent: Pid) -> Vec<Pid> {
    kill_process(parent, Signal::STOP).unwrap();
    wait_for("a process to stand still", || matches!(state(parent), None | Some('T')));
    let of_it = children(parent.as_raw_pid().unsigned_abs());
    for id in &of_it {
        // One that ends just now is no longer there.
        let _ = kill_process(*id, Signal::STOP);
    }
    of_it
}

/// Whether a process still does anything. One that is dead but not buried does not.
pub(crate) fn is_alive(id: Pid) -> bool {
    !matches!(state(id), None | Some('Z'))
}

/// The letter that `ps` has for what a process is at; nothing if there is none.
fn state(id: Pid) -> Option<char> {
    let id = id.as_raw_nonzero().to_string();
    let output = Command::new("ps").args(["-o", "stat=", "-p", &id]).output().unwrap();
    String::from_utf8_lossy(&output.stdout).trim().chars().next()
}

/// Waits until something is so; that it never is fails the test.
pub(crate) fn wait_for(what: &str, mut is_so: impl FnMut() -> bool) {
    let begun = Instant::now();
    while !is_so() {
        assert!(begun.elapsed() < PATIENCE, "waited {PATIENCE:?} for {what}");
        sleep(Duration::from_millis(10));
    }
}

#[test]
fn what_is_bound_ends_with_whoever_started_it() {
    let mut bound = Bound::start(Command::new("sleep").arg("600"), Stdio::null());
    let id = Pid::from_child(&bound.0);
    let of = id.as_raw_nonzero().to_string();
    let program = || Command::new("ps").args(["-o", "args=", "-p", &of]).output().unwrap().stdout;
    wait_for("the program to begin", || program().starts_with(b"sleep 600"));
    // The system does that when this process is gone.
    drop(bound.0.stdin.take());
    wait_for("the program to end", || !is_alive(id));
    drop(bound);
    let bound = Bound::start(Command::new("sleep").arg("600"), Stdio::null());
    let id = Pid::from_child(&bound.0);
    bound.freeze();
    drop(bound);
    assert!(!is_alive(id));
}
