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
    fs::write(folder.join("orders.yaml"), without_checks(&schema.replace(from, to))).unwrap();
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

/// A schema without the files of its checks, which are elsewhere.
fn without_checks(schema: &str) -> String {
    let lines = schema.lines().filter(|line| !line.starts_with("checks:"));
    lines.collect::<Vec<_>>().join("\n")
}

/// The review platform, one of whose schemas says something else in one place.
fn planted_platform(folder: &std::path::Path, domain: &str, from: &str, to: &str) {
    fs::create_dir_all(folder.join("lists")).unwrap();
    for (name, text) in builtin::LISTS {
        fs::write(folder.join(name), text).unwrap();
    }
    let schema = builtin::schema(domain).unwrap();
    assert_eq!(schema.matches(from).count(), 1, "{from}");
    fs::write(folder.join("schema.yaml"), without_checks(&schema.replace(from, to))).unwrap();
    let scenario = builtin::scenario("yelp-small").unwrap();
    let own = format!("{domain}: {{ schema: schema.yaml, on:");
    let lines = scenario.lines().map(|line| match line.trim_start().strip_prefix(domain) {
        Some(rest) if rest.starts_with(':') => {
            format!("  {}\n", rest[1..].trim_start().replacen("{ on:", &own, 1))
        }
        _ => format!("{line}\n"),
    });
    fs::write(folder.join("planted.yaml"), lines.collect::<String>()).unwrap();
}

/// What is broken in one scenario, judged by another.
fn broken(folder: &std::path::Path, scenario: &str, against: &str) -> Vec<String> {
    let done = judged(folder, &[scenario, "-n", "20k", "--against", against]);
    assert_eq!(done.code, 99, "{}{}", done.out, done.err);
    done.out.lines().filter(|line| line.starts_with("BROKEN")).map(str::to_owned).collect()
}

#[test]
fn how_many_rows_name_each_row_is_judged_and_how_long_short_texts_are() {
    for (domain, from, to, place) in [
        (
            "user",
            "zipf: 0.7 }, unlike",
            "zipf: 0.9 }, unlike",
            "user.friends.next_user: children by Zipf's law of 0.9",
        ),
        (
            "evaluations",
            "{ lognormal: { median: 8, p99: 60 } }",
            "{ lognormal: { median: 14, p99: 60 } }",
            "evaluations.tips.content: number of words",
        ),
    ] {
        let folder = tempfile::tempdir().unwrap();
        planted_platform(folder.path(), domain, from, to);
        let found = broken(folder.path(), "@yelp-small", "planted.yaml");
        assert_eq!(found.len(), 1, "{found:?}");
        assert!(found[0].starts_with(&format!("BROKEN  {place}")), "{found:?}");
    }
}

#[test]
fn null_where_it_cannot_be_is_found() {
    let folder = tempfile::tempdir().unwrap();
    planted(
        folder.path(),
        "{ web: 6, app: 3, store: 1 } } }",
        "{ web: 6, app: 3, store: 1 } }, null_rate: 0.2 }",
    );
    let found = broken(folder.path(), "planted.yaml", "@quickstart");
    assert_eq!(found.len(), 1, "{found:?}");
    assert!(found[0].starts_with("BROKEN  orders.orders.channel: never NULL"), "{found:?}");
}

/// Rows whose parents are yet to come find none at first; the mix is kept all the same.
#[test]
fn an_action_that_finds_nothing_was_drawn_all_the_same() {
    let folder = tempfile::tempdir().unwrap();
    let schema = "schema: t
database: t
tables:
  parents:
    columns:
      id: { type: bigint, key: true, fill: sequence }
  children:
    columns:
      id:        { type: bigint, key: true, fill: sequence }
      parent_id: { type: bigint, fill: { reference: parents.id } }
actions:
  add_parent: [ { insert: parents } ]
  add_child:  [ { insert: children } ]
";
    let scenario = "scenario: t
seed: 1
lanes: 64
targets: { main: { discard: {} } }
domains: { t: { schema: t.yaml, on: main } }
load:
  streams:
    all: { mix: { t.add_parent: 1, t.add_child: 9 }, profile: [ { hold: 500/s, for: 20s } ] }
";
    fs::write(folder.path().join("t.yaml"), schema).unwrap();
    fs::write(folder.path().join("s.yaml"), scenario).unwrap();
    let done = judged(folder.path(), &["s.yaml", "-n", "10k"]);
    assert_eq!(done.code, 0, "{}{}", done.out, done.err);
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
