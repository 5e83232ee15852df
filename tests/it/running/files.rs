//! What a run leaves: its folder, its files, and its lines while nobody watches.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::time::Duration;
use std::time::Instant;

use serde_json::Value;

use crate::running::place;
use crate::support::command::Done;
use crate::support::command::LENIENT;
use crate::support::command::Place;

const SHORT: &str = "[ { hold: 100/s, for: 1s } ]";

/// A run that is short, and holds on any machine.
fn short() -> Place<'static> {
    let mut place = place(SHORT);
    place.set(LENIENT);
    place
}

/// Names of a JSON object, in order.
fn names(object: &Value) -> Vec<&str> {
    object.as_object().unwrap().keys().map(String::as_str).collect()
}

fn assert_has(object: &Value, wanted: &[&str]) {
    let found = names(object);
    for name in wanted {
        assert!(found.contains(name), "no `{name}` in {found:?}");
    }
}

#[test]
fn the_summary_has_every_field_that_scripts_rely_on() {
    let place = short();
    let done = place.must(&["run", "@quickstart", "--out", "run"]);
    let summary = place.summary("run");
    assert_has(
        &summary,
        &[
            "format",
            "scenario",
            "seed",
            "run",
            "verdict",
            "exit_code",
            "invalid_because",
            "started",
            "elapsed_ns",
            "workers",
            "fingerprint",
            "tables",
            "streams",
            "events",
            "lag",
            "verification",
            "surfaces",
            "thresholds",
            "generator",
        ],
    );
    assert_has(
        &summary["tables"][0],
        &[
            "target", "database", "table", "seeded", "inserted", "updated", "deleted", "alive",
            "failed", "unknown", "missed",
        ],
    );
    let stream = &summary["streams"][0];
    assert_has(
        stream,
        &[
            "name",
            "scheduled",
            "sent",
            "acknowledged",
            "failed",
            "unknown",
            "skipped",
            "unfinished",
            "retries",
            "target_rate",
            "achieved_rate",
            "sched",
            "queue",
            "service",
            "response",
        ],
    );
    for distribution in ["sched", "queue", "service", "response"] {
        assert_has(
            &stream[distribution],
            &["count", "min", "mean", "p50", "p90", "p99", "p999", "max"],
        );
        assert!(stream[distribution]["max"].is_u64(), "nanoseconds are whole");
    }
    assert_has(&summary["thresholds"][0], &["metric", "expr", "observed", "passed"]);
    assert_has(&summary["generator"], &["cpu_seconds", "peak_rss_bytes"]);
    assert_eq!(summary["format"], "loadgen.summary/1");
    assert_eq!((&summary["scenario"], &summary["seed"]), (&"quickstart".into(), &42.into()));
    let fingerprint = place.must(&["fingerprint", "@quickstart"]).out;
    assert_eq!(summary["fingerprint"], fingerprint.trim());
    let table: Vec<_> =
        summary["tables"].as_array().unwrap().iter().map(|t| t["table"].clone()).collect();
    assert_eq!(
        table,
        ["public.products", "public.customers", "public.orders", "public.order_items"]
    );
    assert!(done.out.starts_with("passed  quickstart"), "{}", done.out);
    assert!(done.out.contains("  files: run\n"), "{}", done.out);
}

#[test]
fn the_folder_is_its_owners_alone() {
    let place = short();
    place.must(&["run", "@quickstart", "--out", "deep/run"]);
    place.must(&["run", "@quickstart", "--fresh"]);
    let runs: Vec<_> = fs::read_dir(place.folder.path().join("runs")).unwrap().collect();
    assert_eq!(runs.len(), 1);
    let kept = runs[0].as_ref().unwrap();
    assert!(kept.file_name().to_str().unwrap().starts_with("quickstart-"));
    for folder in [place.folder.path().join("deep/run"), kept.path()] {
        let mode =
            |path: &std::path::Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
        assert_eq!(mode(&folder), 0o700);
        let mut files: Vec<String> = Vec::new();
        for entry in fs::read_dir(&folder).unwrap() {
            let path = entry.unwrap().path();
            assert_eq!(mode(&path), 0o600, "{}", path.display());
            files.push(path.file_name().unwrap().to_str().unwrap().to_owned());
        }
        files.sort();
        for file in ["account.json", "manifest.json", "secrets", "summary.json"] {
            assert!(files.iter().any(|found| found == file), "no {file} among {files:?}");
        }
    }
    let manifest = fs::read_to_string(place.folder.path().join("deep/run/manifest.json")).unwrap();
    let manifest: Value = serde_json::from_str(&manifest).unwrap();
    assert_has(
        &manifest,
        &[
            "format", "run", "started", "version", "command", "scenario", "hash", "seed",
            "start_us", "files", "servers", "machine",
        ],
    );
    assert!(manifest["files"][1]["text"].as_str().unwrap().contains("schema: orders"));
    assert!(manifest["servers"][0]["version"].as_str().unwrap().contains(char::is_numeric));
    let occupied = place.folder.path().join("occupied");
    fs::create_dir(&occupied).unwrap();
    fs::write(occupied.join("letter.txt"), "mine").unwrap();
    let refused = place.run(&["run", "@quickstart", "--fresh", "--out", "occupied"]);
    assert_eq!(refused.code, 4);
    assert_eq!(fs::read_dir(&occupied).unwrap().count(), 1);
}

#[test]
fn a_run_and_the_command_print_one_fingerprint_whatever_the_start() {
    let mut place = short();
    place.set("start=2025-03-04T05:06:07Z");
    place.must(&["run", "@quickstart", "--out", "run"]);
    let fingerprint = place.must(&["fingerprint", "@quickstart"]).out;
    assert_eq!(place.summary("run")["fingerprint"], fingerprint.trim());
}

#[test]
fn a_result_that_cannot_be_kept_is_shown_all_the_same() {
    let mut place = place("[ { hold: 100/s, for: 3s } ]");
    place.set(LENIENT);
    let running = place.spawn(&["run", "@quickstart", "--out", "run"]);
    let folder = place.folder.path().join("run");
    let begun = Instant::now();
    while !folder.join("manifest.json").exists() {
        assert!(begun.elapsed() < Duration::from_mins(1), "no manifest");
        std::thread::sleep(Duration::from_millis(20));
    }
    // In the way, as nothing else is for a root user.
    fs::create_dir_all(folder.join("account.json/occupied")).unwrap();
    fs::create_dir_all(folder.join("summary.json/occupied")).unwrap();
    let done = Done::from(running.wait_with_output().unwrap());
    assert_eq!(done.code, 4, "{}", done.err);
    assert!(done.out.starts_with("passed  quickstart"), "{}", done.out);
    for file in ["account.json", "summary.json"] {
        let said = format!("cannot write `run/{file}`");
        assert!(done.err.contains(&said), "{}", done.err);
    }
}

#[test]
fn lines_for_machines_while_it_runs() {
    let mut place = short();
    place.set("load.warmup=300ms");
    let done = place.must(&["run", "@quickstart", "--out", "run"]);
    let mut phases: Vec<String> = Vec::new();
    let mut last = 0.0;
    for line in done.err.lines() {
        let line: Value =
            serde_json::from_str(line).unwrap_or_else(|error| panic!("{line}: {error}"));
        let at = line["at_s"].as_f64().unwrap();
        assert!(at >= last, "time goes back: {line}");
        last = at;
        let phase = line["phase"].as_str().unwrap().to_owned();
        if phases.last() != Some(&phase) {
            phases.push(phase);
        }
        for stream in line["streams"].as_array().into_iter().flatten() {
            assert_has(
                stream,
                &["name", "target", "achieved", "acknowledged", "failed", "in_flight"],
            );
        }
    }
    // How long these two take is for the machine to say: they may be over before they are shown.
    phases.retain(|phase| phase != "draining" && phase != "connecting");
    assert_eq!(phases, ["setting_up", "seeding", "warm_up", "measuring", "reporting"]);
    assert!(!done.err.contains('\u{1b}') && !done.out.contains('\u{1b}'), "no colours, no cursor");
}
