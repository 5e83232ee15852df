//! Seeding beside `\copy … (format binary)` of the same rows into the same tables, at as many connections.
//! `\copy` gets ready files and does nothing but send them. Both are timed as whole processes, from empty
//! tables to analyzed ones.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::Child;
use std::process::Command;
use std::process::Stdio;
use std::time::Instant;

use super::measure::Point;
use super::measure::Reading;
use super::measure::compare;
use super::process;
use super::support::machine;
use super::support::server::TestServer;

/// What is seeded: a scenario, and its tables, parents before children.
struct Work {
    name: &'static str,
    scenario: &'static str,
    /// What is set besides.
    set: &'static [&'static str],
    /// Database and table.
    tables: &'static [(&'static str, &'static str)],
}

const ORDERS: Work = Work {
    name: "orders",
    scenario: "seed-orders.yaml",
    set: &[],
    tables: &[
        ("orders", "products"),
        ("orders", "customers"),
        ("orders", "orders"),
        ("orders", "order_items"),
    ],
};

/// Four databases, a tenth of the originals' rows.
const PLATFORM: Work = Work {
    name: "four domains",
    scenario: "yelp-seed.yaml",
    set: &[
        "domains.user.scale=0.1",
        "domains.business.scale=0.1",
        "domains.checkin.scale=0.1",
        "domains.evaluations.scale=0.1",
    ],
    tables: &[
        ("domain_user", "users"),
        ("domain_user", "friends"),
        ("domain_user", "elite_members"),
        ("domain_business", "business"),
        ("domain_checkin", "checkins"),
        ("domain_evaluations", "reviews"),
        ("domain_evaluations", "tips"),
    ],
};

/// Rows of each table lie in so many files: as many as there are connections at most.
const PARTS: usize = 4;
/// Nothing but errors is told; and a table's parts, read one after the other, are disjoint.
const QUIET: &str = "-c client_min_messages=warning -c synchronize_seqscans=off";

/// One, two and four connections.
pub(crate) fn all(rounds: usize) {
    seed(&ORDERS, &[1, 2, 4], rounds);
}

/// One and four connections.
pub(crate) fn platform(rounds: usize) {
    seed(&PLATFORM, &[1, 4], rounds);
}

fn seed(work: &Work, connections: &[usize], rounds: usize) {
    let server = super::server::start();
    let folder = tempfile::tempdir().unwrap();
    let place = Place { work, server: &server, folder: folder.path() };
    place.seed(PARTS);
    let rows = place.export();
    println!("{rows:.0} rows, {}", server.query("postgres", "SHOW server_version")[0][0]);
    let points = connections.iter().map(|connections| {
        let name = format!("seed {}, {connections} connections", work.name);
        (*connections, Point::new(name))
    });
    let reading = |work: &dyn Fn()| {
        let (began, before) = (Instant::now(), process::cpu_of_children());
        work();
        let cpu = process::cpu_of_children() - before;
        Reading { rate: rows / began.elapsed().as_secs_f64(), cpu_us: cpu * 1e6 / rows }
    };
    compare(
        ("\\copy", "rows"),
        rounds,
        points.collect(),
        |connections| reading(&|| place.copy(*connections)),
        |connections| reading(&|| place.seed(*connections)),
    );
}

struct Place<'a> {
    work: &'a Work,
    server: &'a TestServer,
    folder: &'a Path,
}

impl Place<'_> {
    fn seed(&self, connections: usize) {
        let scenarios = Path::new(env!("CARGO_MANIFEST_DIR")).join("scenarios");
        let mut command = Command::new(env!("CARGO_BIN_EXE_loadgen"));
        command.env("LOADGEN_POSTGRES", self.server.url()).arg("seed");
        command.arg(scenarios.join(self.work.scenario)).arg("--fresh");
        for set in self.work.set {
            command.args(["--set", set]);
        }
        command.arg("--set");
        command.arg(format!("targets.operational.postgres.connections={connections}"));
        process::run(command.arg("--out").arg(self.folder.join("run")));
    }

    fn psql(&self, database: &str) -> Command {
        let mut command = machine::psql(&self.server.url_of(database));
        command.env("PGOPTIONS", QUIET);
        command
    }

    fn file(&self, table: &str, part: usize) -> String {
        self.folder.join(format!("{table}.{part}")).display().to_string()
    }

    /// Writes the rows that seeding made into files, and counts them.
    #[expect(clippy::cast_precision_loss, reason = "some millions")]
    fn export(&self) -> f64 {
        let mut all = 0;
        for (database, table) in self.work.tables {
            let count = self.server.query(database, &format!("SELECT count(*) FROM {table}"));
            let count: usize = count[0][0].parse().unwrap();
            let size = count.div_ceil(PARTS);
            for part in 0..PARTS {
                let rows = format!("SELECT * FROM {table} OFFSET {} LIMIT {size}", part * size);
                let copy =
                    format!("\\copy ({rows}) TO '{}' (FORMAT binary)", self.file(table, part));
                process::run(self.psql(database).args(["-c", &copy]));
            }
            all += count;
        }
        all as f64
    }

    fn copy(&self, connections: usize) {
        for (database, tables) in self.databases() {
            process::run(self.psql(database).args(["-c", &format!("TRUNCATE {tables}")]));
        }
        for (database, table) in self.work.tables {
            let sessions: Vec<Child> = (0..connections)
                .map(|first| {
                    let mut command = self.psql(database);
                    for part in (first..PARTS).step_by(connections) {
                        let file = self.file(table, part);
                        command
                            .args(["-c", &format!("\\copy {table} FROM '{file}' (FORMAT binary)")]);
                    }
                    command.stdin(Stdio::null()).spawn().unwrap()
                })
                .collect();
            for mut session in sessions {
                assert!(session.wait().unwrap().success());
            }
        }
        for (database, tables) in self.databases() {
            process::run(self.psql(database).args(["-c", &format!("ANALYZE {tables}")]));
        }
    }

    /// The databases, each with a list of its tables.
    fn databases(&self) -> BTreeMap<&str, String> {
        let mut databases: BTreeMap<&str, String> = BTreeMap::new();
        for (database, table) in self.work.tables {
            let tables = databases.entry(database).or_default();
            if !tables.is_empty() {
                tables.push_str(", ");
            }
            tables.push_str(table);
        }
        databases
    }
}
