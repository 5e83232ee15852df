//! Rows of one bare table, many in a transaction: loadgen's batches beside the best of pgbench's scripts of
//! `INSERT … VALUES` with 10, 100 and 1,000 rows.

use std::fmt::Write as _;
use std::path::Path;
use std::process::Command;

use super::measure::Point;
use super::measure::Reading;
use super::measure::compare;
use super::process;
use super::server::Told;
use super::support::machine;
use super::support::server::TestServer;

/// How pgbench sends its statements: with all rows in them each time, as a program that has rows to send
/// must; or once, with rows that are always the same, so that nothing is sent or parsed any more.
const MODES: [(&str, &str); 2] = [
    ("simple", "beside rows that are sent, 2 connections"),
    ("prepared", "beside rows that stand in a prepared statement, 2 connections"),
];
/// Rows of a statement: the rungs of pgbench's ladder.
const RUNGS: [usize; 3] = [10, 100, 1000];
/// Seconds of each rung; loadgen works as long as its scenario says.
const SECONDS: &str = "3";

/// At two connections: as many as the scenario has.
pub(crate) fn all(rounds: usize) {
    let server = super::server::start();
    let folder = tempfile::tempdir().unwrap();
    let points = MODES.map(|(mode, name)| (mode, Point::new(name.to_owned()))).into();
    compare(
        ("pgbench", "rows"),
        rounds,
        points,
        |mode| pgbench(&server, folder.path(), mode),
        |_| loadgen(&server, folder.path()),
    );
}

fn loadgen(server: &TestServer, folder: &Path) -> Reading {
    let scenario = Path::new(env!("CARGO_MANIFEST_DIR")).join("benches/scenarios/multi-row.yaml");
    let out = folder.join("run");
    let _ = std::fs::remove_dir_all(&out);
    let mut command = Command::new(env!("CARGO_BIN_EXE_loadgen"));
    command.env("LOADGEN_POSTGRES", server.url());
    command.args(["run", "--fresh", "--workers", "2", "--out"]).arg(&out).arg(scenario);
    let (summary, cpu) = process::run_loadgen(&mut command, &out);
    let stream = &summary["streams"][0];
    let rows = stream["acknowledged"].as_f64().unwrap();
    Reading { rate: stream["achieved_rate"].as_f64().unwrap(), cpu_us: cpu * 1e6 / rows }
}

/// The best rung.
fn pgbench(server: &TestServer, folder: &Path, mode: &str) -> Reading {
    let readings = RUNGS.map(|rows| {
        // The same table, made by us and empty.
        let scenario =
            Path::new(env!("CARGO_MANIFEST_DIR")).join("benches/scenarios/multi-row.yaml");
        let mut setup = Command::new(env!("CARGO_BIN_EXE_loadgen"));
        let out = folder.join("setup");
        let _ = std::fs::remove_dir_all(&out);
        setup.env("LOADGEN_POSTGRES", server.url()).args(["setup", "--fresh", "--out"]);
        process::run(setup.arg(out).arg(scenario));
        server.query("multi_row", "CREATE SEQUENCE numbers CACHE 10000");
        let reading = rung(server, folder, (mode, rows));
        // What we did not make, loadgen does not drop.
        server.query("multi_row", "DROP SEQUENCE numbers");
        reading
    });
    eprintln!("pgbench, {RUNGS:?} rows a statement: {readings:?}");
    readings.into_iter().max_by(|one, other| one.rate.total_cmp(&other.rate)).unwrap()
}

#[expect(clippy::cast_precision_loss, reason = "a thousand")]
fn rung(server: &TestServer, folder: &Path, (mode, rows): (&str, usize)) -> Reading {
    let script = folder.join("script.sql");
    std::fs::write(&script, script_of(rows)).unwrap();
    let mut command = Command::new(machine::binaries().program("pgbench"));
    let port = server.port().to_string();
    command.args(["-n", "-M", mode, "-h", "127.0.0.1", "-U", "postgres", "-p", &port]);
    command.args(["-c", "2", "-j", "2", "-T", SECONDS, "-f"]).arg(&script).arg("multi_row");
    let (said, cpu) = process::run(&mut command);
    let told = Told(&said);
    let count = told.number("transactions actually processed:") * rows as f64;
    Reading { rate: told.number("tps =") * rows as f64, cpu_us: cpu * 1e6 / count }
}

/// pgbench takes no more than 255 parameters, so all values stand in the statement; but for the key, which
/// the server counts up. That is less to send, and less to parse, than loadgen has.
fn script_of(rows: usize) -> String {
    let products = ["Ergonomic Steel Chair", "Practical Wooden Table", "Sleek Granite Lamp"];
    let mut script = "INSERT INTO orders (id, product, price, created_at) VALUES".to_owned();
    for row in 0..rows {
        let (comma, product) = (if row == 0 { "" } else { "," }, products[row % 3]);
        let (whole, cents) = (1 + row * 7 % 998, row % 100);
        let _ = write!(
            script,
            "{comma} (nextval('numbers'), '{product}', {whole}.{cents:02}, '2026-01-01 00:00:00+00')"
        );
    }
    script + ";\n"
}
