//! A throwaway PostgreSQL for tests.

use std::fs;
use std::net::TcpListener;
use std::path::PathBuf;
use std::process::Command;
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::Weak;

use loadgen::sink::postgres::provision::Connecting;
use loadgen::sink::postgres::provision::SetupError;
use tempfile::TempDir;
use tokio_postgres::Client;
use tokio_postgres::Config;
use tokio_postgres::NoTls;

/// The superuser `postgres` logs in with this; it must never be seen in a log.
pub(crate) const ADMIN_PASSWORD: &str = "s3cret-admin";

/// Stops and vanishes when dropped.
pub(crate) struct Server {
    folder: TempDir,
    pub(crate) port: u16,
}

impl Server {
    /// The one that tests share which look only at objects of their own.
    pub(crate) fn shared() -> Arc<Self> {
        static SHARED: Mutex<Weak<Server>> = Mutex::new(Weak::new());
        let mut shared = SHARED.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        if let Some(server) = shared.upgrade() {
            return server;
        }
        let server = Arc::new(Self::start(&[]));
        *shared = Arc::downgrade(&server);
        server
    }

    /// A server of one's own, with settings of one's own.
    pub(crate) fn start(settings: &[&str]) -> Self {
        Self::launch(settings, "true")
    }

    /// A server that follows another, though there is none: it takes no writes.
    pub(crate) fn standby() -> Self {
        Self::launch(&[], "touch standby.signal")
    }

    /// `prepare` is run in the data folder before the start.
    fn launch(settings: &[&str], prepare: &str) -> Self {
        let folder = TempDir::with_prefix("loadgen-test-").unwrap();
        let data = folder.path().join("data");
        let password = folder.path().join("password");
        fs::write(&password, ADMIN_PASSWORD).unwrap();
        if is_root() {
            run(Command::new("chown").args(["-R", "postgres"]).arg(folder.path()));
        }
        as_server(&format!(
            "{} -D '{}' -U postgres -A scram-sha-256 --pwfile='{}' -E UTF8 --locale=C --no-sync",
            program("initdb").display(),
            data.display(),
            password.display()
        ));
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let mut options = format!(
            "listen_addresses = '127.0.0.1'\nport = {port}\nunix_socket_directories = ''\n\
             fsync = off\nwal_level = logical\nlog_statement = all\nlog_line_prefix = ''\n\
             max_wal_senders = 20\nmax_replication_slots = 20\n"
        );
        for setting in settings {
            options.push_str(setting);
            options.push('\n');
        }
        fs::write(folder.path().join("extra.conf"), &options).unwrap();
        as_server(&format!(
            "cd '{0}/data' && cat ../extra.conf >> postgresql.conf && {prepare} && \
             {1} -D '{0}/data' -l '{0}/log' -w -s start",
            folder.path().display(),
            program("pg_ctl").display()
        ));
        Self { folder, port }
    }

    /// The server's version as a number: 150004 is 15.4.
    pub(crate) async fn version(&self) -> i32 {
        let sql = "SELECT current_setting('server_version_num')::int";
        self.admin("postgres").await.query_one(sql, &[]).await.unwrap().get(0)
    }

    /// All that the server wrote to its log.
    pub(crate) fn log(&self) -> String {
        fs::read_to_string(self.folder.path().join("log")).unwrap()
    }

    /// How to log in.
    pub(crate) fn login(&self, user: &str, password: &str) -> Config {
        let mut config = Config::new();
        config.host("127.0.0.1").port(self.port).user(user).password(password).dbname("postgres");
        config
    }

    /// A superuser's session.
    pub(crate) async fn admin(&self, database: &str) -> Client {
        open(self.login("postgres", ADMIN_PASSWORD).dbname(database).clone()).await.unwrap()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        as_server(&format!(
            "{} -D '{}' -m immediate -s -w stop",
            program("pg_ctl").display(),
            self.folder.path().join("data").display()
        ));
    }
}

/// A session, or what the server said.
pub(crate) async fn open(config: Config) -> Result<Client, String> {
    let (client, driver) = config.connect(NoTls).await.map_err(|error| {
        error.as_db_error().map_or_else(|| error.to_string(), |said| said.message().to_owned())
    })?;
    tokio::spawn(driver);
    Ok(client)
}

/// Opens control sessions with one login.
pub(crate) fn connector(config: Config) -> impl Fn(Option<&str>) -> Connecting + Sync {
    move |database| {
        let mut config = config.clone();
        if let Some(database) = database {
            config.dbname(database);
        }
        Box::pin(async move { open(config).await.map_err(SetupError::Connect) })
    }
}

/// A program of PostgreSQL: from `PG_BIN`, from `PATH`, or where distributions keep it.
pub(crate) fn program(name: &str) -> PathBuf {
    let mut folders: Vec<PathBuf> =
        std::env::var_os("PG_BIN").map(PathBuf::from).into_iter().collect();
    folders.extend(std::env::split_paths(&std::env::var_os("PATH").unwrap_or_default()));
    let versions = fs::read_dir("/usr/lib/postgresql").into_iter().flatten();
    folders.extend(versions.map(|version| version.unwrap().path().join("bin")));
    let found = folders.iter().map(|folder| folder.join(name)).find(|path| path.is_file());
    assert!(found.is_some(), "no `{name}` in {folders:?}");
    found.unwrap()
}

fn is_root() -> bool {
    rustix::process::geteuid().is_root()
}

/// The server refuses to run as root.
fn as_server(command: &str) {
    if is_root() {
        run(Command::new("su").args(["postgres", "-s", "/bin/sh", "-c", command]));
    } else {
        run(Command::new("/bin/sh").args(["-c", command]));
    }
}

fn run(command: &mut Command) {
    // The server inherits the outputs, so a pipe would never end.
    let status = command
        .current_dir("/")
        .stdin(std::process::Stdio::null())
        .stdout(std::process::Stdio::null())
        .status()
        .unwrap();
    assert!(status.success(), "{command:?} failed");
}
