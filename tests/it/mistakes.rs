//! Files with mistakes, and the message that each must give.

use std::fs;
use std::path::Path;
use std::path::PathBuf;

use assert_cmd::Command;
use loadgen::scenario::Overrides;
use loadgen::scenario::Scenario;
use loadgen::scenario::builtin;
use loadgen::scenario::check_file;
use loadgen::scenario::check_text;
use proptest::prelude::ProptestConfig;
use proptest::prop_assert;
use proptest::proptest;

/// Stands in for a password: must not come up in any message.
const SECRET: &str = "hunter2-is/not a_number";

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/mistakes")
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// `loadgen check`, in a folder, with nothing of ours in the environment but the secret.
fn check(folder: &Path, files: &[&str]) -> Command {
    let mut command = Command::cargo_bin("loadgen").unwrap();
    command.current_dir(folder).arg("check").args(files);
    for (name, _) in std::env::vars().filter(|(name, _)| name.starts_with("LOADGEN_")) {
        command.env_remove(name);
    }
    command.env("LOADGEN_TEST_SECRET", SECRET);
    command
}

fn files(folder: &Path) -> Vec<String> {
    let entries = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name());
    let mut names: Vec<String> = entries.map(|name| name.into_string().unwrap()).collect();
    names.retain(|name| Path::new(name).extension().is_some_and(|extension| extension == "yaml"));
    names.sort();
    names
}

#[test]
fn every_mistake_gives_its_message() {
    let names = files(&folder());
    assert!(names.len() >= 45, "found {} files only", names.len());
    let mut settings = insta::Settings::clone_current();
    settings.set_snapshot_path("../mistakes/messages");
    settings.set_prepend_module_to_snapshot(false);
    settings.set_omit_expression(true);
    let mut wrong = Vec::new();
    for name in names {
        let output = check(&folder(), &[&name]).output().unwrap();
        let text = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(3), "{name}: {text}");
        assert!(output.stdout.is_empty(), "{name}");
        for piece in ["hunter2", "not a_number", "Spanned", "File {"] {
            assert!(!text.contains(piece), "{name} shows `{piece}`: {text}");
        }
        let stem = name.trim_end_matches(".yaml");
        let is_as_kept = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
            settings.bind(|| insta::assert_snapshot!(stem, text));
        }));
        if is_as_kept.is_err() {
            wrong.push(name);
        }
    }
    assert!(wrong.is_empty(), "other messages than those kept: {wrong:?}");
}

#[test]
fn every_shipped_file_checks() {
    let mut shipped: Vec<String> = Vec::new();
    for folder in ["scenarios", "schemas"] {
        let names = files(&root().join(folder)).into_iter();
        shipped.extend(names.map(|name| format!("{folder}/{name}")));
    }
    shipped.extend(builtin::SCENARIOS.iter().map(|(name, _)| format!("@{name}")));
    assert!(shipped.len() >= 3);
    let shipped: Vec<&str> = shipped.iter().map(String::as_str).collect();
    let output = check(root(), &shipped).output().unwrap();
    let text = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(0), "{text}");
    let lines = String::from_utf8(output.stdout).unwrap();
    assert_eq!(lines.lines().filter(|line| line.contains(": ok (")).count(), shipped.len());
}

#[test]
fn a_good_file_among_bad_ones_is_still_reported() {
    let good = "../../scenarios/quickstart.yaml";
    let output = check(&folder(), &["spike.yaml", good, "nowhere.yaml"]).output().unwrap();
    assert_eq!(output.status.code(), Some(3));
    let lines = String::from_utf8(output.stdout).unwrap();
    assert_eq!(lines.lines().count(), 1);
    assert!(lines.starts_with(good), "{lines}");
    let text = String::from_utf8(output.stderr).unwrap();
    assert!(text.contains("cannot read `nowhere.yaml`: there is no such file"), "{text}");
}

#[test]
fn messages_are_plain_where_nobody_reads_colours() {
    let output = check(&folder(), &["spike.yaml"]).env("NO_COLOR", "1").output().unwrap();
    assert!(!output.stderr.contains(&0x1b));
    let output = check(&folder(), &["spike.yaml"]).output().unwrap();
    assert!(!output.stderr.contains(&0x1b), "standard error is no terminal here");
}

fn no_variables(_: &str) -> Option<String> {
    None
}

fn set(pairs: &[&str]) -> Overrides {
    let set = pairs.iter().map(|pair| (*pair).to_owned()).collect();
    Overrides { set, ..Overrides::default() }
}

#[test]
fn the_command_line_goes_before_the_file() {
    let overrides = Overrides {
        seed: Some(7),
        length: Some(std::time::Duration::from_secs(20)),
        discard: true,
        ..set(&[
            "load.streams.shop.profile=[{ hold: 10/s, for: 5s }]",
            "load.streams.shop.mix.orders.place_order=3",
            "domains.orders.rows.orders=1k",
            "thresholds.0.expr=p50 < 1s",
            "cdc.publication=other",
            "load.drain=5s",
        ])
    };
    let scenario = Scenario::read_with("@quickstart", &overrides, &no_variables).unwrap();
    assert_eq!(scenario.seed, 7);
    assert_eq!(scenario.load.drain.as_secs(), 5);
    assert_eq!(scenario.cdc.publication, "other");
    assert_eq!(scenario.thresholds[0].expr, "p50 < 1s");
    let orders = &scenario.domains[0];
    assert_eq!(orders.rows[orders.schema.table("orders").unwrap()], 1_000);
    let stream = &scenario.load.streams[0];
    assert!((stream.mix[0].weight - 3.0).abs() < 1e-9);
    let loadgen::pace::Pacing::Open(profile) = &stream.pacing else { panic!("it is open") };
    assert_eq!((profile.slots(), profile.length().as_secs()), (200, 20));
    assert!(matches!(scenario.targets[0].kind, loadgen::scenario::TargetKind::Discard));
}

#[test]
fn mistakes_on_the_command_line_are_shown_there() {
    let overrides = set(&[
        "load.streams.shopp.profile=[{ hold: 10/s, for: 5s }]",
        "load.streems.shop.profile=[]",
        "load.streams.shop.profile=[{ hold: 10, for: 5s }]",
        "load.warmup",
        "thresholds.5.expr=p50 < 1s",
        "seed.deep=1",
        "load..warmup=1s",
        "load.warmup=[1s",
    ]);
    let problems = Scenario::read_with("@quickstart", &overrides, &no_variables).unwrap_err();
    insta::with_settings!({
        snapshot_path => "../mistakes/messages",
        prepend_module_to_snapshot => false,
        omit_expression => true,
    }, { insta::assert_snapshot!("_set", problems.to_string()) });
}

#[test]
fn the_hash_follows_the_content_and_nothing_else() {
    let hash = |pairs: &[&str]| {
        Scenario::read_with("@quickstart", &set(pairs), &no_variables).unwrap().hash
    };
    let own = hash(&[]);
    assert_eq!(own.len(), 64);
    for same in [
        "targets.operational.postgres.connections=3",
        "thresholds=[]",
        "load.streams.shop.late.catch_up.factor=3",
        "scenario=other",
    ] {
        assert_eq!(hash(&[same]), own, "{same}");
    }
    for other in [
        "seed=43",
        "lanes=32",
        "start=2026-01-01",
        "domains.orders.rows.orders=51k",
        "load.streams.shop.mix.orders.pay=25",
        "load.streams.shop.profile.0.hold=201/s",
        "load.streams.shop.profile.0.for=11s",
        "load.warmup=4s",
        "load.streams.shop.repeat=2",
        "load.streams.shop.arrival=poisson",
        "load.streams.shop.arrival={ burst: { size: 2 } }",
        "load.streams.shop.profile.1.ramp.curve=smooth",
    ] {
        assert_ne!(hash(&[other]), own, "{other}");
    }
    for same in ["load.streams.shop.profile.0.name=calm", "load.precision=eco"] {
        assert_eq!(hash(&[same]), own, "{same}");
    }
    let scaled = |scale_rate, time_scale| {
        let overrides = Overrides { scale_rate, time_scale, ..Overrides::default() };
        Scenario::read_with("@quickstart", &overrides, &no_variables).unwrap()
    };
    assert_eq!(scaled(Some(1.0), Some(1.0)).hash, own);
    assert_ne!(scaled(Some(0.5), None).hash, own);
    assert_ne!(scaled(None, Some(10.0)).hash, own);
    assert_eq!(scaled(None, Some(10.0)).load.warmup.as_millis(), 300);
}

/// What a trace says is content; its file lies beside the scenario.
#[test]
fn a_trace_is_part_of_the_hash() {
    let folder = tempfile::tempdir().unwrap();
    let scenario = folder.path().join("traced.yaml");
    let text = builtin::scenario("orders-day").unwrap();
    fs::write(&scenario, text.replace("peak-day.csv", "mine.csv")).unwrap();
    let hash = |csv: &str| {
        fs::write(folder.path().join("mine.csv"), csv).unwrap();
        let reference = scenario.to_str().unwrap();
        Scenario::read_with(reference, &Overrides::default(), &no_variables).unwrap().hash
    };
    let own = hash("second,ops\n0,10\n60,20\n");
    assert_eq!(hash("# the same, since 1970\n1700000000,10\r\n1700000060,20.0"), own);
    assert_ne!(hash("second,ops\n0,10\n60,21\n"), own);
    let built_in = builtin::trace("peak-day.csv").unwrap();
    let shipped = Scenario::read_with("@orders-day", &Overrides::default(), &no_variables).unwrap();
    assert_eq!(hash(built_in), shipped.hash);
}

#[test]
fn variables_are_typed_anew() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("s.yaml");
    let text = "scenario: s\nseed: \"${SEED}\"\nlanes: ${LANES:-8}\n\
                targets: { a: { discard: {} } }\ndomains: { orders: { on: \"${ON:-a}\" } }\n";
    fs::write(&path, text).unwrap();
    let environment = |name: &str| (name == "SEED").then(|| "99".to_owned());
    let path = path.to_str().unwrap();
    let scenario = Scenario::read_with(path, &Overrides::default(), &environment).unwrap();
    assert_eq!((scenario.seed, scenario.lanes), (99, 8));
}

#[test]
fn a_remote_target_needs_leave_unless_nothing_is_sent() {
    let url = "targets.operational.postgres.url=postgres://db.example.com/x";
    let read = |overrides: &Overrides| {
        Scenario::read_with("@quickstart", overrides, &no_variables).map(|_| ())
    };
    let refused = read(&set(&[url])).unwrap_err().to_string();
    assert!(refused.contains("not on this machine"), "{refused}");
    assert!(read(&set(&[url, "allow_remote=true"])).is_ok());
    assert!(read(&Overrides { allow_remote: true, ..set(&[url]) }).is_ok());
    assert!(read(&Overrides { discard: true, ..set(&[url]) }).is_ok());
}

#[test]
fn drawings_are_coloured_on_request_only() {
    let problems = Scenario::read_with("@nothing", &Overrides::default(), &no_variables);
    let problems = problems.unwrap_err();
    assert!(problems.draw(true).contains('\u{1b}'));
    assert!(!problems.draw(false).contains('\u{1b}'));
}

#[test]
fn depth_and_size_have_limits() {
    let deep = format!("scenario: {}", "[".repeat(100_000));
    assert!(survives(deep.as_bytes(), "deep.yaml"));
    let doubled = ('b'..'k').zip('a'..).map(|(name, before)| {
        let aliases = vec![format!("*{before}"); 9].join(", ");
        format!("{name}: &{name} [{aliases}]\n")
    });
    let first = "scenario: x\na: &a [x, x, x, x, x, x, x, x, x]\n".to_owned();
    let bomb: String = std::iter::once(first).chain(doubled).collect();
    assert!(survives(bomb.as_bytes(), "bomb.yaml"));
}

/// What a large file costs follows its size: each of these took minutes when every mistake looked
/// at all of the file, at all values of the environment or at all words.
#[test]
fn large_wrong_files_are_looked_at_once() {
    let key = "id: { type: bigint, key: true, fill: sequence }";
    let tables = |columns: &str| {
        format!("{{ schema: wrong, tables: {{ t: {{ columns: {{ {key}, {columns} }} }} }} }}")
    };
    let each = |count: usize, between: &str, column: &dyn Fn(usize) -> String| {
        tables(&(0..count).map(column).collect::<Vec<_>>().join(between))
    };
    let reference =
        |of: &str| tables(&format!("c: {{ type: bigint, fill: {{ reference: \"{of}\" }} }}"));
    let files = [
        each(8_000, ", ", &|number| format!("c{number}: {{ type: integger, fill: 0 }}")),
        each(8_000, ",\n", &|number| {
            format!("c{number}: {{ type: text, fill: {{ s: \"${{A}}{number}\" }} }}")
        }),
        each(4_000, ",\n", &|number| {
            format!("colum_{number}: {{ type: bigint, fill: {{ reference: t.colmn_{number} }} }}")
        }),
        reference(&"${A}".repeat(100_000)),
        reference(&"://a".repeat(50_000)),
        reference(&"password=&".repeat(50_000)),
        format!(": [ {}", "password:${".repeat(50_000)),
    ];
    let environment = |name: &str| (name == "A").then(|| "1k".to_owned());
    for text in files {
        let problems = check_text("@wrong", &text, &Overrides::default(), &environment).err();
        let drawn = problems.map(|problems| problems.to_string()).unwrap_or_default();
        assert!(drawn.contains("nothing was touched"), "{text:.200}");
        assert!(drawn.len() < 3_000_000, "{}", drawn.len());
    }
}

/// Checks a text as a scenario and as a schema. Whatever it says, it must return.
fn survives(text: &[u8], name: &str) -> bool {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join(name);
    fs::write(&path, text).unwrap();
    let result = check_file(path.to_str().unwrap(), &Overrides::default(), &no_variables);
    result.is_ok() || result.is_err_and(|problems| problems.to_string().contains("mistake"))
}

#[test]
fn no_truncation_breaks_the_parser() {
    for (files, step) in [(builtin::SCENARIOS, 1), (builtin::SCHEMAS, 7)] {
        for (name, text) in files {
            // Long files are cut at some hundred places.
            for end in (0..text.len()).step_by(step.max(text.len() / 500)) {
                assert!(survives(&text.as_bytes()[..end], "cut.yaml"), "{name} cut at {end}");
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, failure_persistence: None, ..Default::default() })]

    #[test]
    fn no_lost_or_changed_byte_breaks_the_parser(at in 0_usize..1 << 20, byte in 0_u8..128, kind in 0..3) {
        let files = builtin::SCENARIOS.iter().chain(builtin::SCHEMAS).collect::<Vec<_>>();
        let (_, text) = files[at % files.len()];
        let mut bytes = text.as_bytes().to_vec();
        let at = (at / files.len()) % bytes.len();
        match kind {
            0 => { bytes.remove(at); }
            1 => bytes[at] = byte,
            _ => bytes.insert(at, byte),
        }
        prop_assert!(survives(&bytes, "changed.yaml"));
    }
}
