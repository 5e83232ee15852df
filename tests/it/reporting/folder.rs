//! A run's files: whole, private, and removed only if they are ours.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use chrono::DateTime;
use chrono::Utc;
use loadgen::diagnostic::Problems;
use loadgen::report::Manifest;
use loadgen::report::RunFolder;
use loadgen::report::SourceFile;
use loadgen::report::Subject;
use secrecy::SecretString;
use serde_json::Value;

fn second(seconds: i64) -> DateTime<Utc> {
    DateTime::from_timestamp(1_767_225_600 + seconds, 0).unwrap()
}

fn manifest(folder: &RunFolder, command: &[String]) -> Manifest {
    let text = "targets: { db: { postgres: { url: \"postgres://ada:s3cret@db/x\" } } }".to_owned();
    let mut problems = Problems::default();
    let file = problems.add_file("scenarios/quickstart.yaml", &text);
    let text = problems.clean_text(file);
    let subject = Subject {
        scenario: "quickstart".to_owned(),
        hash: "ab".repeat(32),
        seed: 42,
        start_us: 0,
        scale_rate: 1.0,
        time_scale: 1.0,
        taken: Vec::new(),
        files: vec![SourceFile { path: "scenarios/quickstart.yaml".to_owned(), text }],
        secrets: problems.secrets("--set"),
    };
    Manifest::new(folder.run(), folder.started(), command, subject, Vec::new())
}

fn mode(path: &Path) -> u32 {
    fs::metadata(path).unwrap().permissions().mode() & 0o777
}

fn names(folder: &Path) -> Vec<String> {
    let entries = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name());
    let mut names: Vec<_> = entries.map(|name| name.into_string().unwrap()).collect();
    names.sort();
    names
}

#[test]
fn a_run_has_a_folder_of_its_own_even_in_the_same_second() {
    let runs = tempfile::tempdir().unwrap();
    let make = || RunFolder::make(runs.path(), "shop/../x y", second(0)).unwrap();
    let (first, other) = (make(), make());
    assert_eq!(first.run(), "shop-..-x-y-20260101T000000Z");
    assert_eq!(other.run(), "shop-..-x-y-20260101T000000Z-2");
    assert_eq!(first.started(), "2026-01-01T00:00:00.000Z");
    assert_eq!(first.path(), runs.path().join(first.run()));
    assert_eq!(mode(first.path()), 0o700);
}

#[test]
fn secrets_are_their_owners_only_and_nothing_else_holds_them() {
    let runs = tempfile::tempdir().unwrap();
    let folder = RunFolder::make(runs.path(), "quickstart", second(0)).unwrap();
    assert_eq!(folder.write_secrets(&[]).unwrap(), None);
    let secrets = [("orders_app".to_owned(), SecretString::from("hush"))];
    let path = folder.write_secrets(&secrets).unwrap().unwrap();
    assert_eq!(
        (fs::read_to_string(&path).unwrap().as_str(), mode(&path)),
        ("orders_app=hush\n", 0o600)
    );
    let command = ["loadgen", "run", "--set", "targets.db.postgres.url=postgres://ada:s3cret@db/x"];
    let command = command.map(str::to_owned);
    folder.write_manifest(&manifest(&folder, &command)).unwrap();
    let text = fs::read_to_string(folder.path().join("manifest.json")).unwrap();
    assert!(!text.contains("s3cret") && !text.contains("hush"), "{text}");
    assert_eq!(text.matches("postgres://ada:***@db/x").count(), 2);
    let json: Value = serde_json::from_str(&text).unwrap();
    assert!(json["machine"]["cpus"].as_u64().unwrap() > 0);
    assert_eq!(json["run"], folder.run());
}

#[test]
fn files_are_written_whole_and_may_be_written_again() {
    let runs = tempfile::tempdir().unwrap();
    let folder = RunFolder::make(runs.path(), "quickstart", second(0)).unwrap();
    folder.write_summary(&serde_json::json!({ "a": "x".repeat(1_000) })).unwrap();
    folder.write_summary(&serde_json::json!({ "a": 1 })).unwrap();
    folder.write_account(&serde_json::json!([])).unwrap();
    assert_eq!(names(folder.path()), ["account.json", "summary.json"]);
    let text = fs::read_to_string(folder.path().join("summary.json")).unwrap();
    assert_eq!(text, "{\n  \"a\": 1\n}\n");
}

#[test]
fn old_runs_go_and_only_they() {
    let runs = tempfile::tempdir().unwrap();
    fs::create_dir(runs.path().join("somebody-elses")).unwrap();
    fs::write(
        runs.path().join("somebody-elses/manifest.json"),
        "{\"format\": \"else/1\", \"started\": \"1999\"}",
    )
    .unwrap();
    fs::create_dir(runs.path().join("empty")).unwrap();
    for n in 0..55 {
        // Names sort otherwise than times do.
        let scenario = if n % 2 == 0 { "b" } else { "a" };
        let folder = RunFolder::make(runs.path(), scenario, second(n)).unwrap();
        folder.write_manifest(&manifest(&folder, &[])).unwrap();
    }
    let left = names(runs.path());
    assert_eq!(left.len(), 50 + 2);
    assert!(left.contains(&"empty".to_owned()) && left.contains(&"somebody-elses".to_owned()));
    let is_left = |n: i64| left.iter().any(|name| name.ends_with(&format!("{:02}Z", n % 60)));
    assert!(!(0..5).any(is_left) && (5..55).all(is_left), "{left:?}");
}

#[test]
fn a_named_folder_is_used_again_only_by_runs() {
    let base = tempfile::tempdir().unwrap();
    let path = base.path().join("deep/out");
    let first = RunFolder::at(&path, "quickstart", second(0)).unwrap();
    first.write_manifest(&manifest(&first, &[])).unwrap();
    first.write_secrets(&[("a".to_owned(), SecretString::from("b"))]).unwrap();
    fs::write(path.join("mine.txt"), "kept").unwrap();
    let again = RunFolder::at(&path, "quickstart", second(60)).unwrap();
    assert_eq!((again.path(), again.started()), (path.as_path(), "2026-01-01T00:01:00.000Z"));
    // What the run before it left waits until it is sure that it is not wanted any more.
    assert_eq!(names(&path), [".before", "mine.txt"]);
    drop(again);
    assert_eq!(names(&path), ["manifest.json", "mine.txt", "secrets"]);
    let again = RunFolder::at(&path, "quickstart", second(60)).unwrap();
    again.begun();
    assert_eq!(names(&path), ["mine.txt"]);
    let refused = RunFolder::at(&path, "quickstart", second(61)).unwrap_err().to_string();
    assert!(refused.contains("holds files that are not a run's") && refused.contains("--out"));
    assert_eq!(names(&path), ["mine.txt"]);
}
