//! What reading a slot costs: the observer's thread beside `pg_recvlogical`, which reads the same changes in the same run,
//! and does nothing with them.

use std::fs;
use std::path::Path;
use std::process::Child;
use std::process::Command;
use std::process::Stdio;
use std::thread::sleep;
use std::time::Duration;

use serde_json::Value;

use super::measure::spread;
use super::process;
use super::support::machine::binaries;
use super::support::server::TestServer;

/// A run that is seeded beforehand must say when it starts, and what is sent to a slot that is made in between.
const SET: [&str; 3] = [
    "start=2026-01-01T00:00:00Z",
    "load.streams.many.profile=[{ hold: 25k/s, for: 15s }]",
    "load.streams.shop.profile=[{ hold: 1/s, for: 15s }]",
];
/// How often one looks what threads have used.
const LOOK: Duration = Duration::from_millis(50);

/// Each round is a run of which both read.
pub(crate) fn all(rounds: usize) {
    let readings: Vec<(f64, f64)> = (0..rounds).map(|_| once()).collect();
    let (_, own, _) = spread(readings.iter().map(|(own, _)| *own));
    let (_, peer, _) = spread(readings.iter().map(|(_, peer)| *peer));
    let (least, ratio, most) = spread(readings.iter().map(|(own, peer)| own / peer));
    println!("a change at a slot: pg_recvlogical {peer:.2} µs of processors, an observer {own:.2}");
    println!("ratio {ratio:.2} ({least:.2} to {most:.2})");
}

/// Microseconds of processor time for a change: of the observer, and of the peer.
fn once() -> (f64, f64) {
    let server = TestServer::start();
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("run");
    let scenario = Path::new(env!("CARGO_MANIFEST_DIR")).join("benches/scenarios/judged.yaml");
    let loadgen = |word: &str| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_loadgen"));
        command.arg(word).arg(&scenario).arg("--out").arg(&out);
        command.arg("--set").arg(format!("targets.main.postgres.url={}", server.url()));
        command.args(SET.iter().flat_map(|each| ["--set", each]));
        command
    };
    process::run(&mut loadgen("seed"));
    server.query("multi_row", "SELECT pg_create_logical_replication_slot('peer', 'pgoutput')");
    let mut peer = Command::new(binaries().program("pg_recvlogical"));
    peer.args(["--start", "--no-loop", "--file=/dev/null", "--slot=peer", "-o", "binary=true"]);
    peer.args(["-o", "proto_version=1", "-o", "publication_names=debezium"]);
    let mut peer = peer.arg(format!("--dbname={}", server.url_of("multi_row"))).spawn().unwrap();
    let run = loadgen("run").stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    let own = watch(run, "observer");
    let peers = used(Path::new(&format!("/proc/{}", peer.id()))).unwrap();
    peer.kill().unwrap();
    peer.wait().unwrap();
    let summary = fs::read(out.join("summary.json")).unwrap();
    let summary: Value = serde_json::from_slice(&summary).unwrap();
    let changes = summary["verification"]["observed"].as_f64().unwrap();
    (own / changes, peers / changes)
}

/// Waits for the end of a process. Returns how many microseconds a thread of it has used.
fn watch(mut process: Child, thread: &str) -> f64 {
    let mut last = 0.0;
    while process.try_wait().unwrap().is_none() {
        let tasks = fs::read_dir(format!("/proc/{}/task", process.id())).into_iter().flatten();
        for task in tasks.flatten().map(|task| task.path()) {
            let name = fs::read_to_string(task.join("comm")).unwrap_or_default();
            if name.trim_end() == thread {
                last = used(&task).unwrap_or(last);
            }
        }
        sleep(LOOK);
    }
    last
}

/// Microseconds that a thread has had a processor.
fn used(task: &Path) -> Option<f64> {
    let text = fs::read_to_string(task.join("schedstat")).ok()?;
    Some(text.split(' ').next()?.parse::<f64>().ok()? / 1e3)
}
