//! A run in shards leaves the rows, and adds up to the summary, of one process; and what is no whole run
//! is not taken for one.

mod refused;

use std::process::Child;

use serde_json::Value;

use crate::support::command::Done;
use crate::support::command::Place;
use crate::support::command::scenario;

/// A place where shards may play.
fn place(domains: &[&str]) -> Place<'static> {
    let mut place = Place::new(domains);
    for set in [
        "start=2026-01-01T00:00:00Z",
        "cdc.password=one-that-all-know",
        "cdc.application_password=another-that-all-know",
    ] {
        place.set(set);
    }
    place
}

fn small() -> Place<'static> {
    let mut place = place(&["orders"]);
    place.set("domains.orders.rows={ products: 20, customers: 200, orders: 300 }");
    place.set("load.warmup=0s");
    place.set("load.streams.shop.profile=[{ hold: 300/s, for: 1s, name: rush }]");
    place.set("load.streams.repairs.profile=[{ hold: 40/s, for: 1s }]");
    place.set("thresholds=[{ metric: failed, expr: '== 0' }]");
    place
}

/// The folders of so many shards.
fn folders(of: u32) -> Vec<String> {
    (1..=of).map(|number| format!("{number}of{of}")).collect()
}

fn start(place: &Place<'_>, file: &str, (number, of): (u32, u32), more: &[&str]) -> Child {
    let (shard, out) = (format!("{number}/{of}"), format!("{number}of{of}"));
    let run = ["run", file, "--shard", &shard, "--workers", "1", "--out", &out];
    place.spawn(&[&run, more].concat())
}

fn ended(child: Child) -> Done {
    let done = Done::from(child.wait_with_output().unwrap());
    assert_eq!(done.code, 0, "{}{}", done.out, done.err);
    done
}

fn one_after_another(place: &Place<'_>, file: &str, of: u32) {
    for number in (1..=of).rev() {
        let done = ended(start(place, file, (number, of), &[]));
        assert!(done.out.contains("`loadgen merge` judges all shards together"), "{}", done.out);
    }
}

fn at_once(place: &Place<'_>, file: &str, of: u32) {
    let all: Vec<Child> =
        (1..=of).map(|number| start(place, file, (number, of), &["--start-at", "+1s"])).collect();
    for child in all {
        ended(child);
    }
}

/// Merges all shards into the folder `merged`, and gives its summary.
fn merged(place: &Place<'_>, of: u32) -> Value {
    let folders = folders(of);
    let folders: Vec<&str> = folders.iter().map(String::as_str).collect();
    let done = place.must(&[&["merge", "--out", "merged", "--format", "json"], &*folders].concat());
    let printed: Value = serde_json::from_str(&done.out).unwrap();
    assert_eq!(printed, place.summary("merged"));
    printed
}

/// What a summary counts, and must be alike however many processes counted it.
fn counts(summary: &Value) -> Vec<String> {
    let mut counts = Vec::new();
    for stream in summary["streams"].as_array().unwrap() {
        let name = &stream["name"];
        for what in
            ["scheduled", "sent", "acknowledged", "failed", "unknown", "skipped", "unfinished"]
        {
            counts.push(format!("{name} {what} {}", stream[what]));
        }
        for what in ["fallbacks", "missed", "after_end", "crowded_out", "target_rate"] {
            counts.push(format!("{name} {what} {}", stream[what]));
        }
        counts.push(format!("{name} answers {}", stream["response"]["count"]));
        for segment in stream["segments"].as_array().unwrap() {
            let (part, answers) = (&segment["name"], &segment["response"]["count"]);
            counts.push(format!("{name} {part} {} {answers}", segment["scheduled"]));
        }
    }
    for table in summary["tables"].as_array().unwrap() {
        let table = table.as_object().unwrap();
        let told = table.iter().filter(|(key, _)| *key != "database");
        let told: Vec<String> = told.map(|(key, value)| format!("{key} {value}")).collect();
        counts.push(told.join(" "));
    }
    for what in ["fingerprint", "verdict", "scenario", "seed", "invalid_because", "exit_code"] {
        counts.push(format!("{what} {}", summary[what]));
    }
    counts
}

/// Runs a scenario by one process, and by shards elsewhere: all must be alike.
fn compare(
    domains: &[&str],
    file: &str,
    sets: &[&str],
    (of, play): (u32, fn(&Place<'_>, &str, u32)),
) -> Place<'static> {
    let [mut whole, mut parts] = [place(domains), place(domains)];
    for set in sets {
        whole.set(set);
        parts.set(set);
    }
    whole.must(&["run", file, "--out", "whole"]);
    play(&parts, file, of);
    let merged = merged(&parts, of);
    assert_eq!(counts(&merged), counts(&whole.summary("whole")));
    assert_eq!(merged["shard"], Value::Null);
    parts.assert_counted(&merged);
    for domain in domains {
        let (one, many) = (whole.content(domain), parts.content(domain));
        assert!(!one.is_empty(), "{one:?}");
        assert_eq!(one, many, "{domain}");
    }
    parts
}

#[test]
fn eight_shards_one_after_another_are_one_run() {
    let file = scenario("shards.yaml");
    let place = compare(&["orders"], &file, &[], (8, one_after_another));
    let summary = place.summary("merged");
    let judged = summary["thresholds"].as_array().unwrap();
    assert_eq!(judged.len(), 3);
    assert!(judged.iter().all(|each| each["passed"] == true), "{judged:?}");
    // No shard had so many answers.
    assert!(judged[1]["observed"].as_u64().unwrap() > 1000, "{judged:?}");
    assert!(judged[2]["evaluations"].as_u64().unwrap() >= 8, "{judged:?}");
    assert!(place.summary("1of8")["thresholds"].as_array().unwrap().is_empty());
    let log = std::fs::read_to_string(place.folder.path().join("merged/latency.hlog")).unwrap();
    let times = log.lines().filter_map(|line| line.split(',').nth(1)?.parse::<f64>().ok());
    let times: Vec<f64> = times.collect();
    assert!(times.len() > 40 && times.is_sorted(), "{times:?}");

    let done = place.must(&["verify", &file, "--source", "--run", "merged"]);
    assert!(done.out.contains("claims hold"), "{}", done.out);
    let refused = place.run(&["verify", &file, "--source", "--run", "3of8"]);
    assert_eq!(refused.code, 2, "{}", refused.out);
    assert!(refused.err.contains("of shard 3/8"), "{}", refused.err);

    // Its rows have been changed: by all of them, and for good.
    for again in [&["run", &file][..], &["run", &file, "--shard", "1/8"]] {
        let refused = place.run(again);
        assert_eq!(refused.code, 4, "{}{}", refused.out, refused.err);
        assert!(refused.err.contains("--fresh"), "{}", refused.err);
    }
}

#[test]
fn eight_shards_at_once_are_one_run() {
    compare(&["orders"], &scenario("shards.yaml"), &[], (8, at_once));
}

#[test]
fn what_follows_actions_is_of_the_same_shard() {
    compare(&["life"], &scenario("life.yaml"), &["load.warmup=500ms"], (3, at_once));
}

#[test]
fn shards_play_four_databases() {
    let sets = [
        "load.warmup=0s",
        "load.streams.platform.profile=[{ hold: 300/s, for: 2s }]",
        "thresholds=[]",
        "targets.operational.postgres.connections=1",
    ];
    let domains = ["user", "business", "checkin", "evaluations"];
    let place = compare(&domains, "@yelp-small", &sets, (8, at_once));
    place.must(&["verify", "@yelp-small", "--source", "--run", "merged"]);
}

/// The first shard has read them before, the last one behind.
#[test]
fn sums_of_shared_tables_are_exact_over_all_shards() {
    let sets = [
        "domains.stock.rows={ products: 40, accounts: 400, orders: 640, carts: 640, jobs: 320 }",
        "load.warmup=0s",
        "load.streams.shop.profile=[{ hold: 200/s, for: 2s }]",
        "thresholds=[]",
        "targets.operational.postgres.connections=2",
    ];
    let place = compare(&["stock"], "@orders-contention", &sets, (3, at_once));
    let merged = place.summary("merged");
    let sums = merged["shared"].as_array().unwrap();
    assert_eq!(sums.len(), 3, "{sums:?}");
    assert!(sums.iter().all(|sum| sum["exact"] == true), "{sums:?}");
    for number in 1..=3 {
        let part = place.summary(&format!("{number}of3"));
        assert!(part["shared"].as_array().unwrap().iter().all(|sum| sum["exact"].is_null()));
    }
}
