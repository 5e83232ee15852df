//! Throwaway PostgreSQL servers. Each is stopped and its folder removed when it is dropped, and also
//! when this process ends in any other way.

use std::fs;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::path::PathBuf;
use std::process::Child;
use std::process::ChildStdin;
use std::process::Command;
use std::process::Stdio;
use std::sync::Mutex;
use std::sync::OnceLock;
use std::sync::PoisonError;
use std::sync::atomic::AtomicU32;
use std::sync::atomic::Ordering;
use std::thread;
use std::time::Duration;
use std::time::Instant;

use loadgen::sink::postgres::address::Address;
use loadgen::sink::postgres::control::control;
use rustix::process::Pid;
use rustix::process::Signal;
use rustix::process::kill_process;
use tokio::time;
use tokio_postgres::SimpleQueryMessage;

use super::machine::binaries;
use super::machine::children;
use super::machine::free_port;
use super::machine::freeze_family;
use super::machine::is_alive;
use super::machine::own;
use super::machine::program;
use super::machine::wait_for;

/// Waits for its input to end, which it does when the tests' process is gone; then stops the server
/// and removes the folder `$1`.
const WATCHDOG: &str = r#"
cat > /dev/null
read -r pid < "$1/data/postmaster.pid" && kill -QUIT "$pid"
tries=0
while [ -e "$1/data/postmaster.pid" ] && [ "$tries" -lt 100 ]; do
    tries=$((tries + 1))
    sleep 0.1
done
[ -e "$1/data/postmaster.pid" ] && kill -KILL "$pid" && sleep 0.5
rm -rf "$1"
"#;

/// The server that all tests of this process share, once one has asked for it.
static SHARED: OnceLock<TestServer> = OnceLock::new();

/// How long a test's databases may take to go.
const CLEAN_WITHIN: Duration = Duration::from_secs(20);

/// How a server is to be, where it differs from the ordinary.
#[derive(Debug, Default, Clone)]
pub(crate) struct Options {
    /// Lines of `pg_hba.conf`, before the one that lets the superuser `postgres` in from 127.0.0.1.
    pub(crate) hba: Vec<String>,
    /// Certificate and key in PEM format: turns TLS on.
    pub(crate) ssl: Option<(String, String)>,
    /// Certificates in PEM format of those who may sign clients' certificates.
    pub(crate) ssl_ca: Option<String>,
    /// Further settings.
    pub(crate) settings: Vec<(&'static str, String)>,
    /// The folder of its programs; those that all servers have if `None`.
    pub(crate) programs: Option<PathBuf>,
}

/// A server of our own.
#[derive(Debug)]
pub(crate) struct TestServer {
    folder: PathBuf,
    port: u16,
    settings: Vec<String>,
    programs: PathBuf,
    postmaster: Mutex<Option<Child>>,
    watchdog: Mutex<Option<(Child, ChildStdin)>>,
}

/// A transaction that is open until this is dropped.
#[derive(Debug)]
pub(crate) struct Held {
    release: Option<tokio::sync::oneshot::Sender<()>>,
    holder: Option<thread::JoinHandle<()>>,
}

impl Drop for Held {
    fn drop(&mut self) {
        drop(self.release.take());
        let _ = self.holder.take().map(thread::JoinHandle::join);
    }
}

impl TestServer {
    /// An ordinary server: no TLS, everybody is trusted, `wal_level=logical`.
    pub(crate) fn start() -> TestServer {
        TestServer::set(&[])
    }

    /// An ordinary server with further settings.
    pub(crate) fn set(settings: &[(&'static str, &str)]) -> TestServer {
        let everybody = ["host all all 127.0.0.1/32 trust", "local all all trust"];
        let hba = everybody.iter().map(ToString::to_string).collect();
        let settings = settings.iter().map(|(name, value)| (*name, (*value).to_owned())).collect();
        TestServer::with(&Options { hba, settings, ..Options::default() })
    }

    /// The ordinary server that all tests of this process share. Do not stop it.
    pub(crate) fn shared() -> &'static TestServer {
        SHARED.get_or_init(TestServer::start)
    }

    /// Whether all tests share it, so that what one leaves there stays until the last has ended.
    pub(crate) fn is_shared(&self) -> bool {
        SHARED.get().is_some_and(|shared| std::ptr::eq(shared, self))
    }

    /// Drops the databases whose names begin so, sessions, slots and all. Never fails: what stays takes room, no more.
    pub(crate) fn drop_databases(&self, prefix: &str) {
        let forget = || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
            let dropped = async { time::timeout(CLEAN_WITHIN, self.forget(prefix)).await };
            runtime.is_ok_and(|runtime| runtime.block_on(dropped).is_ok_and(|all| all.is_some()))
        };
        // On a thread of its own, because the caller may be inside a runtime.
        let is_done = thread::scope(|scope| scope.spawn(forget).join());
        if !is_done.unwrap_or_default() {
            println!("the databases {prefix}… stay on the server that tests share");
        }
    }

    async fn forget(&self, prefix: &str) -> Option<()> {
        let address = Address::parse(&self.url(), &|_| None).ok()?;
        let client = control(&address, "loadgen-test").await.ok()?;
        let ours = format!("starts_with(database::text, '{prefix}')");
        let end = format!(
            "SELECT pg_terminate_backend(active_pid) FROM pg_replication_slots WHERE {ours} AND active"
        );
        let free = format!(
            "SELECT pg_drop_replication_slot(slot_name) FROM pg_replication_slots WHERE {ours} AND NOT active"
        );
        let left = format!("SELECT 1 FROM pg_replication_slots WHERE {ours}");
        while !client.query(&left, &[]).await.ok()?.is_empty() {
            client.simple_query(&end).await.ok()?;
            // One that is read again in between is dropped the next time.
            let _ = client.simple_query(&free).await;
            time::sleep(Duration::from_millis(20)).await;
        }
        let all =
            "SELECT quote_ident(datname) FROM pg_database WHERE starts_with(datname::text, $1)";
        for row in client.query(all, &[&prefix]).await.ok()? {
            let sql = format!("DROP DATABASE {} WITH (FORCE)", row.get::<_, String>(0));
            client.batch_execute(&sql).await.ok()?;
        }
        Some(())
    }

    /// A server as wanted.
    pub(crate) fn with(options: &Options) -> TestServer {
        TestServer::made(options, |programs, folder| initialise(programs, folder, options))
    }

    /// A server that follows this one, which is stopped for a moment.
    pub(crate) fn standby(&self, options: &Options) -> TestServer {
        self.stop();
        let standby = TestServer::made(options, |_, folder| {
            let mut copy = Command::new("cp");
            copy.arg("-a").arg(self.folder.join("data")).arg(folder.join("data"));
            assert!(copy.status().unwrap().success());
            let signal = folder.join("data/standby.signal");
            let follows =
                format!("primary_conninfo = 'host=127.0.0.1 port={} user=postgres'\n", self.port);
            fs::write(&signal, "").unwrap();
            own(&signal, 0o600);
            fs::write(folder.join("data/postgresql.auto.conf"), follows).unwrap();
        });
        self.launch();
        standby
    }

    /// One whose data directory `fill` makes, of its programs and its folder.
    fn made(options: &Options, fill: impl FnOnce(&Path, &Path)) -> TestServer {
        let made = tempfile::Builder::new().prefix("loadgen-test-").tempdir_in("/tmp").unwrap();
        let folder = made.keep();
        let watchdog = Mutex::new(Some(watch(&folder)));
        own(&folder, 0o700);
        let usual = || binaries().folder().to_owned();
        let programs = options.programs.clone().unwrap_or_else(usual);
        fill(&programs, &folder);
        let port = free_port();
        let settings = settings(options, &folder, port);
        let postmaster = Mutex::new(None);
        let server = TestServer { folder, port, settings, programs, postmaster, watchdog };
        server.launch();
        server
    }

    /// Its port on 127.0.0.1, and the number of its socket.
    pub(crate) fn port(&self) -> u16 {
        self.port
    }

    /// Where its socket lies.
    pub(crate) fn folder(&self) -> &Path {
        &self.folder
    }

    /// The superuser's URL, for the database `postgres`.
    pub(crate) fn url(&self) -> String {
        self.url_of("postgres")
    }

    /// The superuser's URL, for a database.
    pub(crate) fn url_of(&self, database: &str) -> String {
        format!("postgres://postgres@127.0.0.1:{}/{database}", self.port)
    }

    /// Makes a database that no other test uses, and gives its name.
    pub(crate) fn fresh_database(&self) -> String {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let name = format!("fresh_{}", COUNT.fetch_add(1, Ordering::Relaxed));
        self.query("postgres", &format!("CREATE DATABASE {name}"));
        name
    }

    /// Runs statements as the superuser; gives the rows as text, NULL as an empty one.
    pub(crate) fn query(&self, database: &str, sql: &str) -> Vec<Vec<String>> {
        self.ask(database, sql).expect("the statement's thread has told what went wrong")
    }

    /// The same for whoever must not fail: `None` if that cannot be had.
    pub(super) fn ask(&self, database: &str, sql: &str) -> Option<Vec<Vec<String>>> {
        // On a thread of its own, because the caller may be inside a runtime.
        thread::scope(|scope| scope.spawn(|| self.query_here(database, sql)).join().ok())
    }

    fn query_here(&self, database: &str, sql: &str) -> Vec<Vec<String>> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let address = Address::parse(&self.url_of(database), &|_| None).unwrap();
            let client = control(&address, "loadgen-test").await.unwrap_or_else(|away| {
                panic!("{away}; what its log ends with:\n{}", self.last_words());
            });
            let messages = client.simple_query(sql).await.unwrap();
            let rows = messages.iter().filter_map(|message| match message {
                SimpleQueryMessage::Row(row) => Some(row),
                _ => None,
            });
            let text = |text: Option<&str>| text.unwrap_or_default().to_owned();
            rows.map(|row| (0..row.len()).map(|at| text(row.get(at))).collect()).collect()
        })
    }

    /// Runs a statement in a transaction, and keeps that open until the guard is dropped.
    pub(crate) fn hold(&self, database: &str, sql: &str) -> Held {
        let address = Address::parse(&self.url_of(database), &|_| None).unwrap();
        let sql = format!("BEGIN; {sql}");
        let (release, released) = tokio::sync::oneshot::channel::<()>();
        let (tell, told) = std::sync::mpsc::channel();
        let holder = thread::spawn(move || {
            let runtime =
                tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
            runtime.block_on(async {
                let client = control(&address, "loadgen-test").await.unwrap();
                client.batch_execute(&sql).await.unwrap();
                tell.send(()).unwrap();
                let _ = released.await;
            });
        });
        told.recv().unwrap();
        Held { release: Some(release), holder: Some(holder) }
    }

    /// Waits until a session of loadgen waits for the lock of a table.
    pub(crate) fn wait_for_waiting(&self, database: &str) {
        let waiting = "SELECT 1 FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND wait_event = 'relation' \
                       AND application_name LIKE 'loadgen/%' AND datname = current_database()";
        wait_for("a session to wait for a lock", || !self.query(database, waiting).is_empty());
    }

    /// Stops it, sessions and all (`fast`), and starts it again.
    pub(crate) fn restart(&self) {
        self.stop();
        self.launch();
    }

    /// Stops it, sessions and all (`fast`).
    pub(crate) fn stop(&self) {
        self.end(Signal::INT);
    }

    /// Starts it again after [`TestServer::stop`] or [`TestServer::kill_hard`].
    pub(crate) fn start_again(&self) {
        self.launch();
    }

    /// Kills every process of it at once, as if the machine had lost its power (but what was
    /// written is kept by the system). It does not start again by itself.
    pub(crate) fn kill_hard(&self) {
        let mut postmaster = self.postmaster.lock().unwrap();
        let Some(mut child) = postmaster.take() else { return };
        let sessions = freeze_family(Pid::from_child(&child));
        child.kill().unwrap();
        child.wait().unwrap();
        // Sessions end by themselves when they next look for their parent; that may be late, or
        // never where one waits for what another held that was killed.
        for id in &sessions {
            let _ = kill_process(*id, Signal::KILL);
        }
        let all_gone = || sessions.iter().all(|id| !is_alive(*id));
        wait_for("the killed server's sessions to be gone", all_gone);
        let _ = fs::remove_file(self.folder.join("data/postmaster.pid"));
    }

    /// Stops every process of it where it stands: connections stay, and nobody answers.
    pub(crate) fn freeze(&self) {
        let postmaster = self.postmaster.lock().unwrap();
        freeze_family(Pid::from_child(postmaster.as_ref().unwrap()));
    }

    /// Stops the process that writes the log for those who do not wait for it: what they commit
    /// stays in memory, until somebody who waits writes it.
    pub(crate) fn freeze_log_writer(&self) {
        let sql = "SELECT pid FROM pg_stat_activity WHERE backend_type = 'walwriter'";
        let id = self.query("postgres", sql)[0][0].parse().unwrap();
        kill_process(Pid::from_raw(id).unwrap(), Signal::STOP).unwrap();
    }

    fn launch(&self) {
        let mut postmaster = self.postmaster.lock().unwrap();
        assert!(postmaster.is_none(), "the server runs already");
        let log = fs::OpenOptions::new().create(true).append(true).open(self.log_file()).unwrap();
        let child = program(&self.programs, "postgres", &self.folder)
            .arg("-D")
            .arg(self.folder.join("data"))
            .args(&self.settings)
            .stdin(Stdio::null())
            .stdout(log.try_clone().unwrap())
            .stderr(log)
            .process_group(0)
            .spawn()
            .unwrap();
        let child = postmaster.insert(child);
        let status = self.folder.join("data/postmaster.pid");
        wait_for("the server to start", || {
            if let Some(code) = child.try_wait().unwrap() {
                panic!("the server ended with {code}:\n{}", self.log());
            }
            fs::read_to_string(&status).is_ok_and(|text| text.contains("ready"))
        });
    }

    fn end(&self, signal: Signal) {
        let Some(mut child) = self.postmaster.lock().unwrap().take() else { return };
        let _ = kill_process(Pid::from_child(&child), signal);
        wait_for("the server to stop", || child.try_wait().unwrap().is_some());
    }

    /// All that it wrote to its log.
    pub(crate) fn log(&self) -> String {
        fs::read_to_string(self.log_file()).unwrap_or_default()
    }

    /// The end of its log, which says why it is gone.
    fn last_words(&self) -> String {
        let log = self.log();
        let lines: Vec<_> = log.lines().collect();
        lines[lines.len().saturating_sub(20)..].join("\n")
    }

    fn log_file(&self) -> PathBuf {
        self.folder.join("log")
    }
}

impl Drop for TestServer {
    /// Never fails: a test that failed already is to be told of, not the clean-up after it.
    fn drop(&mut self) {
        let postmaster = self.postmaster.get_mut().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(mut child) = postmaster {
            let sessions = children(child.id());
            let all = || sessions.iter().copied().chain([Pid::from_child(&child)]);
            // Frozen processes heed a signal when they go on.
            all().for_each(|id| {
                let _ = kill_process(id, Signal::QUIT);
            });
            all().for_each(|id| {
                let _ = kill_process(id, Signal::CONT);
            });
            let begun = Instant::now();
            while begun.elapsed() < Duration::from_secs(10) && matches!(child.try_wait(), Ok(None))
            {
                thread::sleep(Duration::from_millis(10));
            }
            let _ = child.kill();
            let _ = child.wait();
        }
        if let Some((mut watchdog, input)) = self.watchdog.lock().unwrap().take() {
            drop(input);
            let _ = watchdog.wait();
        }
    }
}

fn watch(folder: &Path) -> (Child, ChildStdin) {
    let mut watchdog = Command::new("sh");
    watchdog.args(["-c", WATCHDOG, "watchdog"]).arg(folder).current_dir("/").process_group(0);
    watchdog.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null());
    let mut watchdog = watchdog.spawn().unwrap();
    let input = watchdog.stdin.take().unwrap();
    (watchdog, input)
}

/// Makes the data directory, `pg_hba.conf` and the files of TLS.
fn initialise(programs: &Path, folder: &Path, options: &Options) {
    let output = program(programs, "initdb", folder)
        .args(["-U", "postgres", "-A", "trust", "-E", "UTF8", "--locale=C", "--no-sync", "-D"])
        .arg(folder.join("data"))
        .output()
        .unwrap();
    assert!(output.status.success(), "initdb: {}", String::from_utf8_lossy(&output.stderr));
    let mut hba = options.hba.join("\n");
    hba.push_str("\nhost all postgres 127.0.0.1/32 trust\n");
    hba.push_str("host replication postgres 127.0.0.1/32 trust\n");
    fs::write(folder.join("data/pg_hba.conf"), hba).unwrap();
    let (certificate, key) = options.ssl.clone().unwrap_or_default();
    for (name, text) in [
        ("server.crt", certificate),
        ("server.key", key),
        ("ca.crt", options.ssl_ca.clone().unwrap_or_default()),
    ] {
        fs::write(folder.join(name), text).unwrap();
        own(&folder.join(name), 0o600);
    }
}

fn settings(options: &Options, folder: &Path, port: u16) -> Vec<String> {
    let mut settings = vec![
        format!("port={port}"),
        format!("unix_socket_directories={}", folder.display()),
        "listen_addresses=127.0.0.1".to_owned(),
        "wal_level=logical".to_owned(),
        "max_connections=200".to_owned(),
        // Many tests at once share one.
        "max_replication_slots=50".to_owned(),
        "max_wal_senders=50".to_owned(),
        "shared_buffers=64MB".to_owned(),
        // Nobody recovers from its log for long; the disks of those who build are small.
        "max_wal_size=256MB".to_owned(),
        // The system keeps what a killed server has written; only a dying machine would not.
        "fsync=off".to_owned(),
        // Whole sessions of a test stand still until a deadlock is found: a second each is PostgreSQL's own.
        "deadlock_timeout=100ms".to_owned(),
        "lc_messages=C".to_owned(),
    ];
    // A slot that a test forgets must not fill the disk. Older programs do not know it.
    if options.programs.is_none() && binaries().version() > 12 {
        settings.push("max_slot_wal_keep_size=2GB".to_owned());
    }
    if options.ssl.is_some() {
        settings.push("ssl=on".to_owned());
        settings.push(format!("ssl_cert_file={}", folder.join("server.crt").display()));
        settings.push(format!("ssl_key_file={}", folder.join("server.key").display()));
    }
    if options.ssl_ca.is_some() {
        settings.push(format!("ssl_ca_file={}", folder.join("ca.crt").display()));
    }
    settings.extend(options.settings.iter().map(|(key, value)| format!("{key}={value}")));
    settings.into_iter().flat_map(|setting| ["-c".to_owned(), setting]).collect()
}

#[test]
fn a_server_survives_a_restart_and_a_violent_death() {
    let server = TestServer::start();
    server.query("postgres", "CREATE TABLE kept (id int); INSERT INTO kept VALUES (7)");
    let pid = |server: &TestServer| server.query("postgres", "SELECT pg_postmaster_start_time()");
    let first = pid(&server);
    server.restart();
    let second = pid(&server);
    assert_ne!(first, second);
    server.kill_hard();
    assert!(std::net::TcpStream::connect(("127.0.0.1", server.port())).is_err());
    server.start_again();
    assert_ne!(second, pid(&server));
    assert_eq!(server.query("postgres", "SELECT id FROM kept"), [["7"]]);
    let folder = server.folder().to_owned();
    assert!(folder.join("data").exists());
    let port = server.port();
    drop(server);
    assert!(!folder.exists(), "the folder is left");
    assert_eq!(
        std::net::TcpStream::connect(("127.0.0.1", port)).unwrap_err().kind(),
        std::io::ErrorKind::ConnectionRefused,
    );
}

#[test]
fn databases_of_a_shared_server_are_apart() {
    let server = TestServer::shared();
    let (one, other) = (server.fresh_database(), server.fresh_database());
    assert_ne!(one, other);
    server.query(&one, "CREATE TABLE only_here ()");
    let found = server.query(&other, "SELECT to_regclass('only_here'), current_database()");
    assert_eq!(found, [["", other.as_str()]]);
}
