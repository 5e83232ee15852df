//! Embedded servers: real ones, on this machine's programs and on fetched ones.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on should stop where it is")]

mod fetched;
mod interrupted;

use std::env;
use std::fs;
use std::net::TcpStream;
use std::os::unix::fs::MetadataExt;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::fs::symlink;
use std::os::unix::process::CommandExt;

use std::path::PathBuf;
use std::process::Command;
use std::process::Stdio;
use std::thread;
use std::time::Duration;
use std::time::Instant;

use loadgen::embedded::Embedded;
use loadgen::embedded::EmbeddedError;
use loadgen::embedded::Machine;
use loadgen::embedded::Options;
use loadgen::embedded::Progress;
use loadgen::embedded::Search;
use loadgen::embedded::sweep;
use secrecy::ExposeSecret;
use tempfile::TempDir;

/// Where the victim makes its server.
const VICTIM_FOLDER: &str = "LOADGEN_TEST_VICTIM_FOLDER";

/// Makes a replication slot and says its name.
const SLOT: &str =
    "SELECT slot_name::text FROM pg_create_logical_replication_slot('s', 'pgoutput')";

/// A folder that the server's user can pass through, whoever that is.
fn folder() -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    fs::set_permissions(folder.path(), PermissionsExt::from_mode(0o755)).unwrap();
    folder
}

/// This machine, with folders and a cache of the test's own.
fn machine(folder: &TempDir) -> Machine {
    Machine {
        temporary: folder.path().to_path_buf(),
        cache: Some(folder.path().join("cache")),
        ..Machine::here()
    }
}

/// A machine without PostgreSQL, and nothing to fetch it from.
fn bare_machine(folder: &TempDir, repository: &str) -> Machine {
    Machine { search: Search::default(), repository: repository.to_owned(), ..machine(folder) }
}

fn start(machine: &Machine) -> Embedded {
    let options = Options { version: None, run: "a test".to_owned() };
    Embedded::start_on(machine, &options, &mut |_| {}).unwrap()
}

/// What the sweep says.
fn swept(machine: &Machine) -> Vec<Progress> {
    let mut said = Vec::new();
    sweep(machine, &mut |progress| said.push(progress)).unwrap();
    said
}

fn uid() -> u32 {
    fs::metadata("/proc/self").unwrap().uid()
}

fn base(machine: &Machine) -> PathBuf {
    machine.temporary.join(format!("loadgen-{}", uid()))
}

/// What the base folder holds.
fn left(machine: &Machine) -> Vec<PathBuf> {
    fs::read_dir(base(machine)).unwrap().map(|entry| entry.unwrap().path()).collect()
}

/// The first column of the first row, as text.
fn ask(config: &tokio_postgres::Config, statement: &str) -> String {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let (client, connection) = config.connect(tokio_postgres::NoTls).await.unwrap();
        let driver = tokio::spawn(connection);
        let text = client.query_one(statement, &[]).await.unwrap().get(0);
        drop(client);
        driver.await.unwrap().unwrap();
        text
    })
}

/// The environment of the only server in the base folder: each `NAME=value`.
fn environment(machine: &Machine) -> Vec<String> {
    let folder = left(machine).into_iter().find(|path| path.is_dir()).unwrap();
    let status = fs::read_to_string(folder.join("server/data/postmaster.pid")).unwrap();
    let bytes = fs::read(format!("/proc/{}/environ", status.lines().next().unwrap())).unwrap();
    bytes.split(|byte| *byte == 0).map(|word| String::from_utf8_lossy(word).into()).collect()
}

fn config(server: &Embedded) -> tokio_postgres::Config {
    server.url().expose_secret().parse().unwrap()
}

fn is_answering(config: &tokio_postgres::Config) -> bool {
    TcpStream::connect(("127.0.0.1", config.get_ports()[0])).is_ok()
}

#[test]
fn a_server_is_fit_for_capture_and_gone_when_stopped() {
    let folder = folder();
    let machine = machine(&folder);
    let server = start(&machine);
    let config = config(&server);
    for (setting, value) in [("wal_level", "logical"), ("fsync", "on"), ("autovacuum", "on")] {
        assert_eq!(ask(&config, &format!("SHOW {setting}")), value, "{setting}");
    }
    let version: u16 = ask(&config, "SHOW server_version_num")[..2].parse().unwrap();
    assert_eq!(server.version(), version);
    assert_eq!(ask(&config, SLOT), "s");

    server.stop().unwrap();
    assert!(!is_answering(&config));
    assert_eq!(left(&machine), Vec::<PathBuf>::new());
}

#[test]
fn a_dropped_server_is_gone_and_its_password_is_nowhere_to_be_read() {
    let folder = folder();
    let machine = machine(&folder);
    let server = start(&machine);
    let config = config(&server);
    let password = String::from_utf8(config.get_password().unwrap().to_vec()).unwrap();
    let mut folders = vec![folder.path().to_path_buf()];
    let mut seen = 0;
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if let Ok(bytes) = fs::read(&path) {
                seen += 1;
                let text = String::from_utf8_lossy(&bytes);
                assert!(!text.contains(&password), "{}", path.display());
            }
        }
    }
    assert!(seen > 100, "read only {seen} files");
    assert!(!format!("{server:?}").contains(&password));
    drop(server);
    assert!(!is_answering(&config));
    assert_eq!(left(&machine), Vec::<PathBuf>::new());
}

#[test]
fn two_servers_live_side_by_side_and_no_sweep_touches_them() {
    let folder = folder();
    let machine = machine(&folder);
    let starts = [0, 1].map(|_| {
        let machine = machine.clone();
        thread::spawn(move || start(&machine))
    });
    let [first, second] = starts.map(|start| start.join().unwrap());
    assert_eq!(swept(&machine), []);
    let (one, other) = (config(&first), config(&second));
    assert_ne!(one.get_ports(), other.get_ports());
    assert_eq!(ask(&one, "SELECT 'one'"), "one");
    first.stop().unwrap();
    assert!(!is_answering(&one));
    assert_eq!(ask(&other, "SELECT 'other'"), "other");
}

/// Not a test: the process that `a_killed_runs_server_is_swept_by_the_next` kills.
#[test]
#[ignore = "started by another test, with a folder in its environment"]
fn victim() {
    let Some(folder) = env::var_os(VICTIM_FOLDER) else {
        return skip("nobody waits to kill it");
    };
    let machine = Machine { temporary: folder.into(), ..Machine::here() };
    let server = start(&machine);
    fs::write(machine.temporary.join("url"), server.url().expose_secret()).unwrap();
    thread::sleep(Duration::from_mins(1));
}

#[test]
fn a_killed_runs_server_is_swept_by_the_next() {
    let folder = folder();
    let machine = machine(&folder);
    let mut victim = Command::new(env::current_exe().unwrap())
        .args(["--ignored", "--exact", "embedded::victim"])
        .env(VICTIM_FOLDER, folder.path())
        // What a user of PostgreSQL may have set must not reach the server.
        .env("PGDATESTYLE", "German")
        .stdout(Stdio::null())
        .spawn()
        .unwrap();
    let begun = Instant::now();
    let url = loop {
        let url = fs::read_to_string(folder.path().join("url")).unwrap_or_default();
        if let Ok(config) = url.parse::<tokio_postgres::Config>()
            && !config.get_ports().is_empty()
        {
            break config;
        }
        assert!(begun.elapsed() < Duration::from_mins(1), "the victim did not start");
        assert!(victim.try_wait().unwrap().is_none(), "the victim ended early");
        thread::sleep(Duration::from_millis(20));
    };
    assert_eq!(swept(&machine), [], "the victim is alive");
    victim.kill().unwrap();
    victim.wait().unwrap();
    assert!(is_answering(&url), "the server should outlive its run, or there is nothing to sweep");
    let environment = environment(&machine);
    assert!(environment.iter().any(|word| word == "LC_ALL=C"), "{environment:?}");
    assert!(!environment.iter().any(|word| word.starts_with("PG")), "{environment:?}");

    let said = swept(&machine);
    let [Progress::Swept(swept)] = said.as_slice() else { panic!("{said:?}") };
    assert_eq!((swept.run.as_str(), swept.was_running), ("a test", true));
    assert!(!is_answering(&url));
    assert_eq!(left(&machine), Vec::<PathBuf>::new());
}

#[test]
fn a_kept_server_goes_on_until_it_is_stopped_and_is_swept_then() {
    let folder = folder();
    let machine = machine(&folder);
    let kept = start(&machine).keep().unwrap();
    let (address, passfile) = kept.url.split_once("?passfile=").unwrap();
    assert_eq!(fs::metadata(passfile).unwrap().mode() & 0o777, 0o600);
    let line = fs::read_to_string(passfile).unwrap();
    let password = line.trim_end().rsplit(':').next().unwrap();
    assert!(password.len() == 32 && !kept.url.contains(password));
    let mut config: tokio_postgres::Config = address.parse().unwrap();
    config.password(password);

    assert_eq!(swept(&machine), []);
    assert_eq!(ask(&config, "SELECT 'here'"), "here");

    assert!(Command::new("sh").arg("-c").arg(&kept.stop).status().unwrap().success());
    let begun = Instant::now();
    while is_answering(&config) || swept(&machine).is_empty() {
        assert!(begun.elapsed() < Duration::from_secs(30), "the server did not stop");
        thread::sleep(Duration::from_millis(20));
    }
    assert_eq!(left(&machine), Vec::<PathBuf>::new());
}

#[test]
fn programs_are_found_where_they_are_said_to_be() {
    let folder = folder();
    let here = machine(&folder);
    let find = |search: Search| {
        let machine = Machine { search, ..bare_machine(&folder, "http://127.0.0.1:1") };
        machine.binaries(None, &mut |_| {}).unwrap().folder().to_path_buf()
    };
    let from_folders = here.binaries(None, &mut |_| {}).unwrap().folder().to_path_buf();
    assert!(from_folders.join("initdb").exists());
    // A link, as package managers set them; the server finds its own files only from the real place.
    let links = folder.path().join("links");
    fs::create_dir(&links).unwrap();
    symlink(from_folders.join("postgres"), links.join("postgres")).unwrap();
    let path = Some(links.clone().into_os_string());
    assert_eq!(find(Search { path, ..Search::default() }), from_folders);
    assert_eq!(find(Search { pg_bin: Some(links), ..Search::default() }), from_folders);
}

#[test]
fn a_program_that_fails_is_quoted_and_nothing_is_left() {
    let folder = folder();
    let programs = folder.path().join("programs");
    fs::create_dir(&programs).unwrap();
    for (name, text) in [
        ("postgres", "#!/bin/sh\necho 'postgres (PostgreSQL) 15.1'\n"),
        ("initdb", "#!/bin/sh\necho 'the disk is full' >&2\nexit 1\n"),
    ] {
        fs::write(programs.join(name), text).unwrap();
        fs::set_permissions(programs.join(name), PermissionsExt::from_mode(0o755)).unwrap();
    }
    let search = Search { pg_bin: Some(programs), ..Search::default() };
    let machine = Machine { search, ..machine(&folder) };
    let error = Embedded::start_on(&machine, &Options::default(), &mut |_| {}).unwrap_err();
    assert_eq!(error.to_string(), "`initdb` failed:\nthe disk is full");
    assert_eq!(left(&machine), Vec::<PathBuf>::new());
}

#[test]
fn a_base_folder_that_others_may_write_to_is_refused() {
    let folder = folder();
    let machine = machine(&folder);
    assert_eq!(swept(&machine), []);
    let base = base(&machine);
    fs::set_permissions(&base, PermissionsExt::from_mode(0o777)).unwrap();
    let error = sweep(&machine, &mut |_| {}).unwrap_err();
    assert!(matches!(error, EmbeddedError::Untrusted { .. }), "{error}");

    fs::remove_dir(&base).unwrap();
    symlink(folder.path(), &base).unwrap();
    let error = sweep(&machine, &mut |_| {}).unwrap_err();
    assert!(matches!(error, EmbeddedError::Untrusted { .. }), "{error}");
}

#[test]
fn an_ordinary_user_can_do_the_same() {
    if uid() != 0 {
        return skip("not root, so every other test is the ordinary user's already");
    }
    let folder = folder();
    let program = folder.path().join("it");
    fs::copy(env::current_exe().unwrap(), &program).unwrap();
    fs::set_permissions(folder.path(), PermissionsExt::from_mode(0o777)).unwrap();
    let output = Command::new(&program)
        .args(["--exact", "--test-threads=1"])
        .arg("embedded::a_server_is_fit_for_capture_and_gone_when_stopped")
        .arg("embedded::a_killed_runs_server_is_swept_by_the_next")
        .arg("embedded::a_kept_server_goes_on_until_it_is_stopped_and_is_swept_then")
        .env("TMPDIR", folder.path())
        .env("HOME", folder.path())
        .current_dir(folder.path())
        .uid(65534)
        .gid(65534)
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success() && said.contains("3 passed"), "{said}");
}

#[expect(clippy::print_stderr, reason = "a test that could not run says so")]
fn skip(reason: &str) {
    eprintln!("skipped: {reason}");
}
