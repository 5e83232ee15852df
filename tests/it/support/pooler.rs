//! A real PgBouncer in transaction mode before a server. It is killed when it is dropped, and also
//! when this process ends in any other way.

use std::fs;
use std::io::BufRead;
use std::io::BufReader;
use std::io::Write;
use std::net::TcpStream;
use std::os::unix::process::CommandExt;
use std::path::PathBuf;
use std::process::Child;
use std::process::Command;
use std::process::Stdio;
use std::sync::Mutex;

use rustix::process::Pid;
use rustix::process::Signal;
use rustix::process::kill_process;
use tempfile::TempDir;

use super::machine::account;
use super::machine::free_port;
use super::machine::is_alive;
use super::machine::own;
use super::machine::wait_for;
use super::server::TestServer;

/// Starts PgBouncer (`$1`) with the configuration `$2`, tells its process, and ends it when the
/// input ends, which it does when the tests' process is gone.
const WATCHDOG: &str = r#"
"$1" -q "$2" < /dev/null > /dev/null 2>&1 &
echo $!
exec > /dev/null
cat
kill -KILL $!
"#;

/// A pooler of our own, with few sessions for many connections.
#[derive(Debug)]
pub(crate) struct Pooler {
    folder: TempDir,
    program: PathBuf,
    port: u16,
    running: Mutex<Option<(Child, Pid)>>,
}

/// Where PgBouncer is, or None, said out loud: then what needs it is left out. Where a CI says that
/// it is one, nothing is left out.
fn program() -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let mut folders: Vec<PathBuf> = std::env::split_paths(&path).collect();
    folders.push("/usr/sbin".into());
    let found = folders.into_iter().map(|folder| folder.join("pgbouncer")).find(|at| at.is_file());
    if found.is_none() {
        let missing = "PgBouncer is not installed (`apt-get install pgbouncer`)";
        assert!(std::env::var_os("CI").is_none(), "{missing}");
        // Past the capture of what tests print.
        let _ = writeln!(std::io::stderr(), "\nNOT TESTED behind a pooler: {missing}\n");
    }
    found
}

impl Pooler {
    /// In transaction mode, before a server. None if there is no PgBouncer on this machine.
    pub(crate) fn start(server: &TestServer) -> Option<Pooler> {
        let program = program()?;
        let folder = tempfile::Builder::new().prefix("loadgen-test-").tempdir_in("/tmp").unwrap();
        own(folder.path(), 0o700);
        let port = free_port();
        let path = folder.path().display();
        let users = ["postgres", "orders_app", "orders_original_app", "batches_app"];
        let list = users.map(|user| format!("\"{user}\" \"\""));
        fs::write(folder.path().join("users"), list.join("\n")).unwrap();
        let settings = format!(
            "[databases]\n* = host=127.0.0.1 port={}\n[pgbouncer]\nlisten_addr = 127.0.0.1\n\
             listen_port = {port}\nunix_socket_dir =\nauth_type = trust\nauth_file = {path}/users\n\
             pool_mode = transaction\ndefault_pool_size = 5\nlogfile = {path}/log\n\
             server_login_retry = 1\n",
            server.port()
        );
        fs::write(folder.path().join("settings"), settings).unwrap();
        for name in ["users", "settings"] {
            own(&folder.path().join(name), 0o600);
        }
        let pooler = Pooler { folder, program, port, running: Mutex::new(None) };
        pooler.launch();
        Some(pooler)
    }

    /// The URL of a database behind it, as the superuser.
    pub(crate) fn url(&self) -> String {
        format!("postgres://postgres@127.0.0.1:{}/postgres", self.port)
    }

    /// Kills it as `kill -9` does.
    pub(crate) fn kill_hard(&self) {
        let Some((mut watchdog, id)) = self.running.lock().unwrap().take() else { return };
        let _ = kill_process(id, Signal::KILL);
        drop(watchdog.stdin.take());
        watchdog.wait().unwrap();
        wait_for("the pooler's end", || !is_alive(id));
    }

    /// Starts it again after [`Pooler::kill_hard`].
    pub(crate) fn launch(&self) {
        let mut watchdog = Command::new("sh");
        watchdog.args(["-c", WATCHDOG, "watchdog"]).arg(&self.program);
        watchdog.arg(self.folder.path().join("settings")).current_dir(self.folder.path());
        watchdog.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null());
        if let Some((user, group)) = account() {
            watchdog.uid(user).gid(group);
        }
        let mut watchdog = watchdog.process_group(0).spawn().unwrap();
        let mut line = String::new();
        let output = watchdog.stdout.take().unwrap();
        BufReader::new(output).read_line(&mut line).unwrap();
        let id = Pid::from_raw(line.trim().parse().unwrap()).unwrap();
        *self.running.lock().unwrap() = Some((watchdog, id));
        let port = self.port;
        wait_for("the pooler", || TcpStream::connect(("127.0.0.1", port)).is_ok());
    }
}

impl Drop for Pooler {
    fn drop(&mut self) {
        self.kill_hard();
    }
}
