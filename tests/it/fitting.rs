//! `sample --judge`: the rows and actions of every shipped scenario follow what its schemas declare, and
//! a wrong weight shows.

use std::fs;

use loadgen::scenario::builtin;

use crate::support::command::Done;
use crate::support::command::loadgen;

fn judged(folder: &std::path::Path, arguments: &[&str]) -> Done {
    let mut command = loadgen(folder);
    Done::from(command.args(["sample", "--judge"]).args(arguments).output().unwrap())
}

#[test]
fn what_is_shipped_follows_its_laws() {
    let folder = tempfile::tempdir().unwrap();
    let mut laws = 0;
    for (name, _) in builtin::SCENARIOS {
        let done = judged(folder.path(), &[&format!("@{name}"), "-n", "10k"]);
        assert_eq!(done.code, 0, "{name}: {}{}", done.out, done.err);
        let (count, words) = done.out.trim().lines().last().unwrap().split_once(' ').unwrap();
        assert_eq!(words, "laws are kept", "{name}");
        laws += count.parse::<u32>().unwrap();
    }
    assert!(laws > 100, "{laws}");
}

/// Files of the quickstart in which one thing is declared otherwise.
fn planted(folder: &std::path::Path, from: &str, to: &str) {
    let scenario = builtin::scenario("quickstart").unwrap();
    let schema = builtin::schema("orders").unwrap();
    let text = [scenario, schema].concat();
    assert_eq!(text.matches(from).count(), 1, "{from}");
    let scenario = scenario
        .replace(from, to)
        .replace("orders: { on: operational,", "orders: { on: operational, schema: orders.yaml,");
    assert!(scenario.contains("schema: orders.yaml"));
    fs::write(folder.join("planted.yaml"), scenario).unwrap();
    fs::write(folder.join("orders.yaml"), schema.replace(from, to)).unwrap();
}

#[test]
fn what_is_declared_otherwise_is_found_and_nothing_else() {
    let folder = tempfile::tempdir().unwrap();
    for (from, to, place) in [
        ("{ web: 6, app: 3, store: 1 }", "{ web: 5, app: 4, store: 1 }", "orders.orders.channel"),
        (
            "{ 1: 60, 2: 25, 3: 10, 10: 5 }",
            "{ 1: 60, 2: 25, 3: 15 }",
            "orders.order_items.quantity",
        ),
        ("orders.pay: 24", "orders.pay: 30", "stream shop"),
    ] {
        planted(folder.path(), from, to);
        let against = folder.path().join("planted.yaml");
        let done = judged(
            folder.path(),
            &["@quickstart", "-n", "20k", "--against", against.to_str().unwrap()],
        );
        assert_eq!(done.code, 99, "{}{}", done.out, done.err);
        let broken: Vec<&str> =
            done.out.lines().filter(|line| line.starts_with("BROKEN")).collect();
        assert_eq!(broken.len(), 1, "{broken:?}");
        assert!(broken[0].starts_with(&format!("BROKEN  {place}")), "{broken:?}");
    }
}

#[test]
fn what_cannot_be_judged_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let done = judged(folder.path(), &["@quickstart", "--against", "@type-zoo"]);
    assert_eq!(done.code, 2);
    assert!(done.err.contains("the same domains, tables and streams"), "{}", done.err);
    let done = judged(folder.path(), &["@quickstart", "--format", "sql"]);
    assert_eq!(done.code, 2);
    let done = judged(folder.path(), &["@quickstart", "-n", "1k", "--format", "jsonl"]);
    assert_eq!(done.code, 0, "{}", done.err);
    for line in done.out.lines() {
        let finding: serde_json::Value = serde_json::from_str(line).unwrap();
        assert!(finding["distance"].as_f64().unwrap() <= 1.0, "{line}");
    }
}
