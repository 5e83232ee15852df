//! What a run would send is a function of the scenario and the seed: not of threads, builds or machines.

use loadgen::scenario::builtin::SCENARIOS;

use crate::support::command::Done;
use crate::support::command::loadgen;

fn fingerprint(arguments: &[&str]) -> String {
    let folder = tempfile::tempdir().unwrap();
    let mut command = loadgen(folder.path());
    let done = Done::from(command.arg("fingerprint").args(arguments).output().unwrap());
    assert_eq!(done.code, 0, "{}", done.err);
    assert_eq!(done.out.trim().len(), 64, "a SHA-256 in hex: {}", done.out);
    done.out.trim().to_owned()
}

/// The file with these lines is the same for debug and release builds, and on all machines.
#[test]
fn shipped_scenarios_send_what_they_always_sent() {
    let lines = SCENARIOS.iter().map(|(name, _)| {
        let scenario = format!("@{name}");
        let all: Vec<String> = ["1", "2", "3", "16"]
            .iter()
            .map(|workers| fingerprint(&[&scenario, "--workers", workers]))
            .collect();
        assert!(all.windows(2).all(|pair| pair[0] == pair[1]), "{name}: {all:?}");
        format!("{name} {}", all[0])
    });
    insta::assert_snapshot!(lines.collect::<Vec<_>>().join("\n"));
}

#[test]
fn another_seed_rows_or_mix_is_another_run() {
    let same = || fingerprint(&["@quickstart", "-n", "5000"]);
    assert_eq!(same(), same());
    for other in [
        ["--seed", "43"],
        ["--set", "domains.orders.rows.orders=50001"],
        ["--set", "load.streams.shop.mix={ orders.place_order: 40, orders.pay: 24 }"],
        ["--set", "start=2026-01-02T00:00:00Z"],
        ["--set", "lanes=63"],
    ] {
        let other = ["@quickstart", "-n", "5000", other[0], other[1]];
        assert_ne!(fingerprint(&other), same(), "{other:?}");
    }
}

#[test]
fn targets_and_connections_are_no_part_of_it() {
    let connections = "targets.operational.postgres.connections=3";
    let other = ["@quickstart", "-n", "5000", "--set", connections];
    assert_eq!(fingerprint(&other), fingerprint(&["@quickstart", "-n", "5000"]));
}
