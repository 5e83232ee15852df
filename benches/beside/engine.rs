//! The engine by itself, with nothing behind it: how many actions it makes, and what memory it
//! takes.

use std::path::Path;
use std::process::Command;

use serde_json::Value;

use super::measure::spread;
use super::measure::thousands;
use super::process;

/// Runs a scenario of `benches/scenarios` and gives its summary.
pub(crate) fn run(name: &str, arguments: &[&str]) -> Value {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("run");
    let scenario = Path::new(env!("CARGO_MANIFEST_DIR")).join("benches/scenarios").join(name);
    let mut command = Command::new(env!("CARGO_BIN_EXE_loadgen"));
    command.arg("run").arg(scenario).arg("--out").arg(&out).args(arguments);
    process::run_loadgen(&mut command, &out).0
}

/// Actions a second, all rows rendered and encoded.
pub(crate) fn actions(rounds: usize) {
    let rates = (0..rounds).map(|_| {
        let summary = run("churn.yaml", &["--workers", "2"]);
        summary["streams"][0]["achieved_rate"].as_f64().unwrap()
    });
    let (least, median, most) = spread(rates);
    let [least, median, most] = [least, median, most].map(thousands);
    println!("actions/s into nothing, 2 workers: median {median} ({least}–{most})");
}

/// Peak memory with rows seeded on paper and a million actions of churn.
pub(crate) fn memory(_rounds: usize) {
    println!("| seeded orders | peak memory |\n|---|---|");
    for rows in ["1M", "20M", "100M"] {
        let set = format!("domains.orders.rows.orders={rows}");
        let limit = "load.streams.shop.limit={ ops: 3M }";
        let summary = run("churn.yaml", &["--set", &set, "--set", limit, "--for", "60s"]);
        let peak = summary["generator"]["peak_rss_bytes"].as_f64().unwrap() / f64::from(1 << 20);
        println!("| {rows} | {peak:.1} MiB |");
    }
}
