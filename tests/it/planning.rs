//! What `plan` says a run will do is what a run does; and what shells and `man` are told.

use std::fs;
use std::process::Command as Process;

use assert_cmd::Command;
use serde_json::Value;

use super::support::server::TestServer;

fn loadgen(arguments: &[&str]) -> (Option<i32>, String, String) {
    let mut command = Command::cargo_bin("loadgen").unwrap();
    command.current_dir(env!("CARGO_MANIFEST_DIR")).env_remove("LOADGEN_POSTGRES");
    let output = command.args(arguments).output().unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    (output.status.code(), text(output.stdout), text(output.stderr))
}

fn plan(arguments: &[&str]) -> String {
    let (code, out, err) = loadgen(&[&["plan"], arguments].concat());
    assert_eq!((code, err.as_str()), (Some(0), ""));
    out
}

fn json(arguments: &[&str]) -> Value {
    serde_json::from_str(&plan(&[arguments, &["--format", "json"]].concat())).unwrap()
}

#[test]
fn plans_are_what_they_always_were() {
    let mut all = String::new();
    for arguments in [
        &["@quickstart"][..],
        &["@orders-max"],
        &["@seed-orders"],
        &["@quickstart", "--for", "10s", "--seed", "7", "--set", "lanes=4", "--service", "20ms"],
        &["examples/library-day.yaml"],
    ] {
        all += &format!("$ loadgen plan {}\n{}\n", arguments.join(" "), plan(arguments));
    }
    insta::assert_snapshot!(all);
}

#[test]
fn sessions_and_what_follows_are_in_a_plan() {
    let sessions = plan(&["@orders-sessions"]);
    assert!(sessions.contains("200 sessions, as fast as they think"), "{sessions}");
    let life = json(&["@orders-life"]);
    let orders = life["tables"].as_array().unwrap();
    let orders = orders.iter().find(|table| table["table"] == "public.orders").unwrap();
    // Most orders are paid for, and most of those are shipped: two updates for each that is placed.
    let number = |key: &str| orders[key].as_f64().unwrap();
    assert!(number("updated") > number("inserted"), "{orders}");
}

#[test]
fn every_slot_is_in_a_plan_and_counts_add_up() {
    let plan = json(&["@quickstart"]);
    assert_eq!(plan["format"], "loadgen.plan/1");
    assert_eq!(plan["exact"], true);
    let stream = &plan["streams"][0];
    let number = |value: &Value| value.as_u64().unwrap();
    assert_eq!(
        number(&stream["slots"]),
        number(&stream["warmup_slots"]) + number(&stream["measured_slots"])
    );
    for table in plan["tables"].as_array().unwrap() {
        let alive =
            number(&table["seeded"]) + number(&table["inserted"]) - number(&table["deleted"]);
        assert_eq!(number(&table["alive"]), alive, "{table}");
    }
    // Decided in part only, it comes near.
    let longer = json(&["@quickstart", "--for", "1h"]);
    assert_eq!(longer["exact"], false);
    let slots = number(&longer["streams"][0]["slots"]) as f64;
    let inserted = number(&longer["tables"][2]["inserted"]) as f64;
    assert!((inserted / slots / 0.4 - 1.0).abs() < 0.02, "{inserted} of {slots}");
    // Only the clock knows.
    let open = json(&["@orders-max"]);
    assert_eq!(open["streams"][0]["slots"], Value::Null);
    assert_eq!(open["tables"][2]["inserted"], Value::Null);
    assert!(number(&open["tables"][2]["seeded"]) > 0);
}

#[test]
fn a_plan_comes_near_to_what_the_server_writes_and_keeps() {
    let server = TestServer::start();
    let set = [
        "--set=domains.orders.rows={ products: 100, customers: 5k, orders: 20k }",
        "--set=load.warmup=0s",
        "--set=load.streams.shop.profile=[{ hold: 1k/s, for: 4s }]",
        "--set=thresholds=[]",
        "--set=validity=off",
    ];
    let plan = json(&[&["@quickstart"], &set[..]].concat());
    let folder = tempfile::tempdir().unwrap();
    let mut count = 0;
    let mut run = |command: &str| {
        count += 1;
        let out = folder.path().join(format!("{count}"));
        let mut loadgen = Command::cargo_bin("loadgen").unwrap();
        loadgen.current_dir(folder.path()).env("LOADGEN_POSTGRES", server.url());
        loadgen.args([command, "@quickstart", "--out"]).arg(out).args(set);
        let output = loadgen.output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        let bytes = "SELECT pg_wal_lsn_diff(pg_current_wal_lsn(), '0/0')::bigint";
        server.query("postgres", bytes)[0][0].parse::<f64>().unwrap()
    };
    let made = run("setup");
    let seeded = run("seed");
    let sizes = "SELECT sum(pg_relation_size(c.oid))::bigint, sum(pg_indexes_size(c.oid))::bigint \
                 FROM pg_class c JOIN pg_namespace n ON n.oid = relnamespace \
                 WHERE relkind = 'r' AND nspname = 'public' AND relname NOT LIKE 'debezium%'";
    let sizes = server.query("orders", sizes)[0].clone();
    let ended = run("run");
    let near = |what: &str, planned: f64, found: f64| {
        println!("{what}: planned {planned:.0}, found {found:.0}, {:.2}", planned / found);
        assert!((planned / found - 1.0).abs() < 0.3, "{what}: planned {planned}, found {found}");
    };
    let sum = |name: &str| {
        let tables = plan["tables"].as_array().unwrap().iter();
        tables.map(|table| table[name].as_f64().unwrap()).sum::<f64>()
    };
    near("log of seeding", plan["wal"]["seed_bytes"].as_f64().unwrap(), seeded - made);
    near("log of the run", plan["wal"]["run_bytes"].as_f64().unwrap(), ended - seeded);
    near("tables", sum("seeded_bytes"), sizes[0].parse().unwrap());
    near("indexes", sum("seeded_index_bytes"), sizes[1].parse().unwrap());
}

#[test]
fn shells_are_told_how_to_complete() {
    for shell in ["bash", "zsh", "fish", "elvish", "powershell"] {
        let (code, script, _) = loadgen(&["completions", shell]);
        assert_eq!(code, Some(0));
        assert!(script.contains("fingerprint"), "{shell}");
    }
    let (_, script, _) = loadgen(&["completions", "bash"]);
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("loadgen.bash");
    fs::write(&file, script).unwrap();
    // Two ways in which bash may cut the line into words.
    let complete = |words: &str| {
        let line = format!(
            "source '{}'; COMP_WORDS=({words}); COMP_CWORD=$(({} - 1)); \
             _loadgen_or_builtin loadgen \"${{COMP_WORDS[COMP_CWORD]}}\" run; echo \"${{COMPREPLY[@]}}\"",
            file.display(),
            words.split(' ').count()
        );
        let output = Process::new("bash").args(["-c", &line]).output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap().trim().to_owned()
    };
    assert_eq!(complete("loadgen run @quick"), "@quickstart");
    assert_eq!(complete("loadgen run @ quick"), "quickstart");
    assert_eq!(complete("loadgen finger"), "fingerprint");
}

#[test]
fn manual_pages_come_out() {
    let (code, page, _) = loadgen(&["man"]);
    assert_eq!(code, Some(0));
    assert!(page.contains(".TH loadgen 1"), "{page}");
    let folder = tempfile::tempdir().unwrap();
    let pages = folder.path().join("man");
    let (code, _, err) = loadgen(&["man", pages.to_str().unwrap()]);
    assert_eq!((code, err.as_str()), (Some(0), ""));
    for name in ["loadgen.1", "loadgen-run.1", "loadgen-plan.1"] {
        assert!(pages.join(name).exists(), "{name}");
    }
}
