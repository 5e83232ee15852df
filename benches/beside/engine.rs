//! The engine by itself, with nothing behind it: how many actions it makes, how exactly it holds a rate, what
//! memory it takes.

use std::path::Path;
use std::process::Command;

use serde_json::Value;

use super::measure::spread;
use super::measure::thousands;
use super::process;

/// Runs a scenario of `benches/scenarios` and gives its summary.
fn run(name: &str, arguments: &[&str]) -> Value {
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

/// Lateness and rate of 100,000 slots a second, for each precision.
pub(crate) fn pacing(rounds: usize) {
    println!("| precision | rate error, ppm | sched p50 | p99 |\n|---|---|---|---|");
    for (precision, workers) in [("eco", "2"), ("normal", "2"), ("precise", "1")] {
        let set = format!("load.precision={precision}");
        let runs: Vec<Value> =
            (0..rounds).map(|_| run("hold.yaml", &["--workers", workers, "--set", &set])).collect();
        let of =
            |pick: fn(&Value) -> f64| spread(runs.iter().map(|run| pick(&run["streams"][0]))).1;
        let error = of(|stream| {
            let rate = |name: &str| stream[name].as_f64().unwrap();
            (rate("achieved_rate") / rate("target_rate") - 1.0) * 1e6
        });
        let p50 = of(|stream| stream["sched"]["p50"].as_f64().unwrap() / 1e3);
        let p99 = of(|stream| stream["sched"]["p99"].as_f64().unwrap() / 1e3);
        println!("| {precision} | {error:.0} | {p50:.1} µs | {p99:.1} µs |");
    }
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
