//! What commands print.

use std::fs::File;
use std::io::Read;
use std::process::Stdio;

use crate::support::command::Done;
use crate::support::command::Place;
use crate::support::command::loadgen;

fn done(arguments: &[&str]) -> Done {
    let folder = tempfile::tempdir().unwrap();
    Done::from(loadgen(folder.path()).args(arguments).output().unwrap())
}

#[test]
fn help_is_complete() {
    let mut all = String::new();
    for command in ["", "run", "check", "plan", "sample", "fingerprint", "setup", "seed", "clean"] {
        let arguments: Vec<_> =
            [command, "--help"].into_iter().filter(|word| !word.is_empty()).collect();
        let shown = done(&arguments);
        assert_eq!((shown.code, shown.err.as_str()), (0, ""));
        all.push_str(&format!("$ loadgen {}\n{}\n", arguments.join(" "), shown.out));
    }
    insta::assert_snapshot!(all);
}

#[test]
fn samples_are_what_they_always_were() {
    let mut all = String::new();
    for format in ["jsonl", "csv", "sql"] {
        let mut add = |arguments: &[&str]| {
            let arguments = [&["sample", "@quickstart", "--format", format], arguments].concat();
            let shown = done(&arguments);
            assert_eq!((shown.code, shown.err.as_str()), (0, ""));
            all.push_str(&format!("$ loadgen {}\n{}\n", arguments.join(" "), shown.out));
        };
        add(&["-n", "12"]);
        for table in ["products", "customers", "orders", "order_items"] {
            add(&["--table", table, "-n", "3"]);
        }
    }
    insta::assert_snapshot!(all);
}

/// An update that depends on the old value says how, in the words of the schema.
#[test]
fn samples_say_what_becomes_of_old_values() {
    let of = |scenario: &str| done(&["sample", scenario, "-n", "3000"]).out;
    let stock = of("@orders-contention");
    for part in [r#""in_stock":{"add":-1}"#, r#""balance":{"add":-2.5}"#, r#""items":{"add":1}"#] {
        assert!(stock.contains(part), "{part}");
    }
    let zoo = of("@type-zoo");
    for part in [r#""fee":{"multiply":1.1}"#, r#""mood":{"next":["sad","ok","happy"]}"#] {
        assert!(zoo.contains(part), "{part}");
    }
}

#[test]
fn a_reader_who_has_enough_is_no_mistake() {
    let folder = tempfile::tempdir().unwrap();
    for (arguments, code) in [
        (&["sample", "@quickstart", "-n", "1000000"][..], 0),
        (&["sample", "@quickstart", "-n", "1000000", "--table", "orders"], 0),
        (&["fingerprint", "@quickstart", "-n", "100"], 0),
        (&["check", "@quickstart", "@no-such-scenario"], 3),
    ] {
        let mut command = loadgen(folder.path());
        command.args(arguments).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        let mut beginning = [0; 1];
        child.stdout.take().unwrap().read_exact(&mut beginning).unwrap();
        let done = Done::from(child.wait_with_output().unwrap());
        assert_eq!(done.code, code, "{arguments:?}: {}", done.err);
        assert_eq!(done.err.is_empty(), code == 0, "{arguments:?}: {}", done.err);
    }
}

#[test]
#[cfg(target_os = "linux")]
fn results_that_cannot_be_written_are_no_success() {
    let folder = tempfile::tempdir().unwrap();
    for arguments in [
        &["sample", "@quickstart"][..],
        &["fingerprint", "@quickstart", "-n", "100"],
        &["check", "@quickstart"],
    ] {
        let full = File::options().write(true).open("/dev/full").unwrap();
        let done = loadgen(folder.path()).args(arguments).stdout(full).output().unwrap();
        let done = Done::from(done);
        assert_eq!(done.code, 4, "{arguments:?}: {}", done.err);
        assert!(done.err.contains("could not be written"), "{arguments:?}: {}", done.err);
    }
}

#[test]
fn sampled_statements_run_against_the_seeded_database() {
    let mut place = Place::new(&["orders"]);
    place.set("start=2026-01-01T00:00:00Z");
    place.must(&["seed", "@quickstart"]);
    let script = place.must(&["sample", "@quickstart", "-n", "3000", "--format", "sql"]).out;
    let done = place.psql("orders", &script);
    assert_eq!((done.code, done.err.as_str()), (0, ""));
}

#[test]
fn mistakes_of_usage_and_of_the_file_have_codes_of_their_own() {
    for (arguments, code) in [
        (&["run"][..], 2),
        (&["run", "@quickstart", "--no-such-thing"], 2),
        (&["run", "@quickstart", "--workers", "0"], 2),
        (&["run", "@quickstart", "--for", "soon"], 2),
        (&["run", "@quickstart", "--for", "0s"], 2),
        (&["sample", "@quickstart", "--table", "nothing"], 2),
        (&[][..], 2),
        (&["run", "@no-such-scenario"], 3),
        (&["run", "missing.yaml"], 3),
        (&["run", "@quickstart", "--set", "load.streams.shop.profile=[ { hold: fast } ]"], 3),
        (&["fingerprint", "@quickstart", "--set", "seed=x"], 3),
    ] {
        let shown = done(arguments);
        assert_eq!(shown.code, code, "{arguments:?}: {}", shown.err);
        assert_eq!(shown.out, "", "{arguments:?}");
        assert!(!shown.err.is_empty(), "{arguments:?}");
    }
}

#[test]
fn a_server_that_is_not_there_is_an_error_of_set_up() {
    let mut place = Place::new(&["orders"]);
    place.url = "postgres://postgres@127.0.0.1:1/postgres".to_owned();
    for command in ["run", "seed", "setup", "clean"] {
        let done = place.run(&[command, "@quickstart"]);
        assert_eq!(done.code, 4, "{command}: {}", done.err);
        assert!(done.err.contains("error: "), "{command}: {}", done.err);
    }
    // Nobody asks a server on another machine unless that is allowed.
    place.url = "postgres://nobody@192.0.2.1/postgres".to_owned();
    let done = place.run(&["run", "@quickstart"]);
    assert_eq!(done.code, 3, "{}", done.err);
    assert!(done.err.contains("`--allow-remote`"), "{}", done.err);
}
