//! Seeding beside `\copy … (format binary)` of the same rows into the same tables, at as many connections.
//! `\copy` gets ready files and does nothing but send them. Both are timed as whole processes, from empty
//! tables to analyzed ones.

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

/// Parents before children.
const TABLES: [&str; 4] = ["products", "customers", "orders", "order_items"];
/// Rows of each table lie in so many files: as many as there are connections at most.
const PARTS: usize = 4;
/// Nothing but errors is told; and a table's parts, read one after the other, are disjoint.
const QUIET: &str = "-c client_min_messages=warning -c synchronize_seqscans=off";

/// One, two and four connections.
pub(crate) fn all(rounds: usize) {
    let server = super::server::start();
    let folder = tempfile::tempdir().unwrap();
    let place = Place { server: &server, folder: folder.path() };
    place.seed(PARTS);
    let rows = place.export();
    println!("{rows:.0} rows, {}", server.query("postgres", "SHOW server_version")[0][0]);
    let points = [1, 2, 4]
        .map(|connections| (connections, Point::new(format!("seed, {connections} connections"))));
    let reading = |work: &dyn Fn()| {
        let (began, before) = (Instant::now(), process::cpu_of_children());
        work();
        let cpu = process::cpu_of_children() - before;
        Reading { rate: rows / began.elapsed().as_secs_f64(), cpu_us: cpu * 1e6 / rows }
    };
    compare(
        ("\\copy", "rows"),
        rounds,
        points.into(),
        |connections| reading(&|| place.copy(*connections)),
        |connections| reading(&|| place.seed(*connections)),
    );
}

struct Place<'a> {
    server: &'a TestServer,
    folder: &'a Path,
}

impl Place<'_> {
    fn seed(&self, connections: usize) {
        let scenario = Path::new(env!("CARGO_MANIFEST_DIR")).join("scenarios/seed-orders.yaml");
        let mut command = Command::new(env!("CARGO_BIN_EXE_loadgen"));
        command.env("LOADGEN_POSTGRES", self.server.url()).arg("seed").arg(scenario);
        command.args(["--fresh", "--set"]);
        command.arg(format!("targets.operational.postgres.connections={connections}"));
        process::run(command.arg("--out").arg(self.folder.join("run")));
    }

    fn psql(&self) -> Command {
        let mut command = machine::psql(&self.server.url_of("orders"));
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
        for table in TABLES {
            let count = self.server.query("orders", &format!("SELECT count(*) FROM {table}"));
            let count: usize = count[0][0].parse().unwrap();
            let size = count.div_ceil(PARTS);
            for part in 0..PARTS {
                let rows = format!("SELECT * FROM {table} OFFSET {} LIMIT {size}", part * size);
                let file = self.file(table, part);
                process::run(
                    self.psql()
                        .args(["-c", &format!("\\copy ({rows}) TO '{file}' (FORMAT binary)")]),
                );
            }
            all += count;
        }
        all as f64
    }

    fn copy(&self, connections: usize) {
        let list = TABLES.join(", ");
        process::run(self.psql().args(["-c", &format!("TRUNCATE {list}")]));
        for table in TABLES {
            let sessions: Vec<Child> = (0..connections)
                .map(|first| {
                    let mut command = self.psql();
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
        process::run(self.psql().args(["-c", &format!("ANALYZE {list}")]));
    }
}
