//! The real program, run as users run it, against a shared server.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::path::PathBuf;
use std::process::Child;
use std::process::Command;
use std::process::Output;
use std::process::Stdio;
use std::sync::atomic::AtomicU32;
use std::sync::atomic::Ordering;

use rustix::process::Pid;
use rustix::process::Signal;
use rustix::process::kill_process;
use serde_json::Value;
use tempfile::TempDir;

use super::machine::psql;
use super::machine::wait_for;
use super::server::TestServer;

/// A place for one test: a folder to run in, and names in the shared server that no other test has.
pub(crate) struct Place<'s> {
    pub(crate) server: &'s TestServer,
    /// What its databases and roles begin with.
    pub(crate) prefix: String,
    pub(crate) folder: TempDir,
    /// How its commands reach the server.
    pub(crate) url: String,
    /// What replaces parts of the scenario.
    sets: Vec<String>,
}

/// What a command left behind.
#[derive(Debug)]
pub(crate) struct Done {
    pub(crate) code: i32,
    pub(crate) out: String,
    pub(crate) err: String,
}

impl Place<'static> {
    /// On the server that all tests share, for scenarios of these domains.
    pub(crate) fn new(domains: &[&str]) -> Self {
        Place::on(TestServer::shared(), domains)
    }
}

/// A threshold that holds wherever a run ends at all: no machine that is shared with others must decide.
pub(crate) const LENIENT: &str = "thresholds=[ { metric: response, expr: \"p99 < 1m\" } ]";

impl<'s> Place<'s> {
    /// On a server, for scenarios of these domains.
    pub(crate) fn on(server: &'s TestServer, domains: &[&str]) -> Self {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let prefix = format!("place_{}", COUNT.fetch_add(1, Ordering::Relaxed));
        let folder = TempDir::with_prefix("loadgen-place-").unwrap();
        let url = server.url();
        let mut place = Self { server, prefix, folder, url, sets: Vec::new() };
        // Where it is not the subject, a machine that is shared with others must not decide.
        place.set("validity=off");
        for domain in domains {
            let database = place.database(domain);
            place.set(&format!("domains.{domain}.database={database}"));
            for role in ["owner", "application", "capture"] {
                place.set(&format!("domains.{domain}.roles.{role}={database}_{role}"));
            }
        }
        place
    }

    /// Replaces a part of the scenario in all further commands.
    pub(crate) fn set(&mut self, pair: &str) {
        self.sets.push(pair.to_owned());
    }

    /// Beside the server, a target `events` on a Kafka cluster.
    pub(crate) fn beside_kafka(&mut self, brokers: &str) {
        self.set(&format!(
            "targets={{ operational: {{ postgres: {{ url: \"{}\", connections: 4 }} }}, \
             events: {{ kafka: {{ brokers: \"{brokers}\" }} }} }}",
            self.url
        ));
    }

    /// The database of a domain.
    pub(crate) fn database(&self, domain: &str) -> String {
        format!("{}_{domain}", self.prefix)
    }

    /// Runs a command to its end.
    pub(crate) fn run(&self, arguments: &[&str]) -> Done {
        Done::from(self.command(arguments).output().unwrap())
    }

    /// Runs a command that must succeed.
    pub(crate) fn must(&self, arguments: &[&str]) -> Done {
        let done = self.run(arguments);
        assert_eq!(done.code, 0, "{arguments:?}: {}{}", done.out, done.err);
        done
    }

    /// Starts a command.
    pub(crate) fn spawn(&self, arguments: &[&str]) -> Child {
        let mut command = self.command(arguments);
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        command.spawn().unwrap()
    }

    /// `loadgen` with arguments: nothing of ours in its environment but the server.
    pub(crate) fn command(&self, arguments: &[&str]) -> Command {
        let mut command = loadgen(self.folder.path());
        command.args(arguments).env("LOADGEN_POSTGRES", &self.url);
        let takes_sets = arguments.first().is_some_and(|first| !["check", "merge"].contains(first));
        for set in self.sets.iter().filter(|_| takes_sets) {
            command.arg("--set").arg(set);
        }
        command
    }

    /// The summary of a run whose folder has this name in ours.
    pub(crate) fn summary(&self, out: &str) -> Value {
        let path = self.folder.path().join(out).join("summary.json");
        serde_json::from_str(&fs::read_to_string(path).unwrap()).unwrap()
    }

    /// Rows of a query in the database of a domain.
    pub(crate) fn query(&self, domain: &str, sql: &str) -> Vec<Vec<String>> {
        self.server.query(&self.database(domain), sql)
    }

    /// The one value of a query in the database of a domain.
    pub(crate) fn number(&self, domain: &str, sql: &str) -> u64 {
        self.query(domain, sql)[0][0].parse().unwrap()
    }

    /// Waits until more than so many rows were put into a table, in a database that may be yet to be made.
    pub(crate) fn wait_for_rows(&self, domain: &str, table: &str, rows: u64) {
        let database = self.database(domain);
        let exists = format!("SELECT 1 FROM pg_database WHERE datname = '{database}'");
        wait_for("the database", || !self.server.query("postgres", &exists).is_empty());
        let put = format!(
            "SELECT coalesce(max(n_tup_ins), 0) FROM pg_stat_user_tables WHERE relname = '{table}'"
        );
        wait_for("the load", || self.number(domain, &put) > rows);
    }

    /// Each table that a summary names holds exactly as many rows as it says.
    pub(crate) fn assert_counted(&self, summary: &Value) {
        let tables = summary["tables"].as_array().unwrap();
        assert!(!tables.is_empty());
        for table in tables {
            let database = table["database"].as_str().unwrap();
            let sql = format!("SELECT count(*) FROM {}", self.quoted(database, &table["table"]));
            let found = self.server.query(database, &sql);
            assert_eq!(found[0][0], table["alive"].to_string(), "{table}");
        }
    }

    /// A table's name in the server's quotes; a part of it may have dots.
    fn quoted(&self, database: &str, table: &Value) -> String {
        let literal = table.as_str().unwrap().replace('\'', "''");
        let sql = format!(
            "SELECT format('%I.%I', schemaname, tablename) FROM pg_tables \
             WHERE schemaname || '.' || tablename = '{literal}'"
        );
        self.server.query(database, &sql).concat().concat()
    }

    /// For each table of a database, its rows in one hash, whatever their order.
    pub(crate) fn content(&self, domain: &str) -> BTreeMap<String, String> {
        let sql = "SELECT quote_ident(schemaname) || '.' || quote_ident(tablename) FROM pg_tables \
                   WHERE schemaname NOT LIKE 'loadgen%' AND schemaname <> 'information_schema' \
                     AND schemaname NOT LIKE 'pg_%' AND tablename NOT LIKE 'debezium%'";
        let tables = self.query(domain, sql).concat();
        let hash = |table: &String| {
            let sql = format!(
                "SELECT count(*) || ' ' || coalesce(md5(string_agg(h, '' ORDER BY h)), '') \
                 FROM (SELECT md5(t::text) AS h FROM {table} t) rows"
            );
            (table.clone(), self.query(domain, &sql)[0][0].clone())
        };
        tables.iter().map(hash).collect()
    }

    /// Runs SQL in the database of a domain through `psql`, stopping at the first error.
    pub(crate) fn psql(&self, domain: &str, sql: &str) -> Done {
        let path = self.folder.path().join("script.sql");
        fs::write(&path, sql).unwrap();
        let url = self.server.url_of(&self.database(domain));
        let mut command = psql(&url);
        command.arg("-f").arg(path);
        Done::from(command.output().unwrap())
    }
}

impl Drop for Place<'_> {
    /// Hundreds of tests share a server: what all of them leave there would be many gigabytes.
    fn drop(&mut self) {
        if self.server.is_shared() {
            self.server.drop_databases(&format!("{}_", self.prefix));
        }
    }
}

impl From<Output> for Done {
    fn from(output: Output) -> Self {
        let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
        Self {
            code: output.status.code().unwrap_or(-1),
            out: text(output.stdout),
            err: text(output.stderr),
        }
    }
}

/// The program, in a folder, with nothing of ours in its environment.
pub(crate) fn loadgen(folder: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_loadgen"));
    command.current_dir(folder);
    for (name, _) in std::env::vars().filter(|(name, _)| name.starts_with("LOADGEN_")) {
        command.env_remove(name);
    }
    command
}

/// Sends the signal that Ctrl-C sends.
pub(crate) fn interrupt(child: &Child) {
    kill_process(Pid::from_child(child), Signal::INT).unwrap();
}

/// A scenario of the tests' own.
pub(crate) fn scenario(name: &str) -> String {
    let root = PathBuf::from(env!("CARGO_MANIFEST_DIR"));
    root.join("tests/scenarios").join(name).to_str().unwrap().to_owned()
}

/// What a summary says of a surface.
pub(crate) fn surface<'a>(summary: &'a Value, name: &str) -> &'a Value {
    let surfaces = summary["surfaces"].as_array().unwrap();
    surfaces.iter().find(|it| it["surface"] == name).unwrap()
}
