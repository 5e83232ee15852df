//! A start that is interrupted ends, and leaves nothing.

use std::fs;
use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Command;
use std::process::Stdio;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::sync::atomic::Ordering;
use std::thread::sleep;
use std::thread::spawn;
use std::time::Duration;
use std::time::Instant;

use loadgen::embedded::Embedded;
use loadgen::embedded::EmbeddedError;
use loadgen::embedded::Interrupt;
use loadgen::embedded::Machine;
use loadgen::embedded::Options;
use rustix::process::Pid;
use rustix::process::Signal;
use rustix::process::kill_process;

use super::bare_machine;
use super::folder;
use crate::support::command::Done;
use crate::support::command::loadgen;
use crate::support::machine::children;
use crate::support::machine::freeze_family;
use crate::support::machine::is_alive;
use crate::support::machine::wait_for;

/// A program that is a shell script.
fn script(folder: &Path, name: &str, text: &str) {
    let path = folder.join(name);
    fs::write(&path, format!("#!/bin/sh\n{text}\n")).unwrap();
    fs::set_permissions(&path, PermissionsExt::from_mode(0o755)).unwrap();
}

/// `run`, in a folder, with a server of its own; the first signal after it has said `word`.
fn interrupt(folder: &Path, word: &str, environment: impl FnOnce(&mut Command)) -> Done {
    let mut command = loadgen(folder);
    command.args(["run", "@quickstart", "--out", "run"]).env("TMPDIR", folder);
    command.env_remove("LOADGEN_POSTGRES").stdin(Stdio::null()).stdout(Stdio::null());
    let said = folder.join("said");
    command.stderr(fs::File::create(&said).unwrap());
    environment(&mut command);
    let mut running = command.spawn().unwrap();
    let wait = |what: &str, is_so: &mut dyn FnMut() -> bool| {
        let begun = Instant::now();
        while !is_so() {
            let said = fs::read_to_string(&said).unwrap();
            assert!(begun.elapsed() < Duration::from_secs(30), "{what}: {said}");
            sleep(Duration::from_millis(20));
        }
    };
    wait(word, &mut || fs::read_to_string(&said).unwrap().contains(word));
    sleep(Duration::from_millis(200));
    kill_process(Pid::from_child(&running), Signal::INT).unwrap();
    wait("it does not hear", &mut || running.try_wait().unwrap().is_some());
    let code = running.wait().unwrap().code().unwrap_or(-1);
    Done { code, out: String::new(), err: fs::read_to_string(&said).unwrap() }
}

fn left(folder: &Path, name: &str) -> Vec<String> {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    let names = entries.map(|entry| entry.path().display().to_string());
    names.filter(|path| path.contains(name)).collect()
}

#[test]
fn the_making_of_a_server_hears_the_first_signal() {
    for (slow, other) in [("initdb", "postgres"), ("postgres", "initdb")] {
        let folder = folder();
        let version = "case \"$1\" in --version) echo 'postgres (PostgreSQL) 16.2'; exit;; esac";
        let sleep = format!("{version}\nexec sleep 600");
        script(folder.path(), slow, &sleep);
        script(folder.path(), other, version);
        let done = interrupt(folder.path(), "making a private", |command| {
            command.env("PG_BIN", folder.path());
        });
        assert_eq!(done.code, 105, "{slow}: {}", done.err);
        assert!(!folder.path().join("run").exists(), "nothing was made, nothing is kept");
        let owners = fs::read_dir(folder.path()).unwrap().flatten();
        let data = owners
            .filter(|entry| entry.path().is_dir())
            .flat_map(|entry| left(&entry.path(), "quickstart"));
        assert_eq!(data.collect::<Vec<_>>(), Vec::<String>::new(), "{slow}");
    }
}

/// A repository that takes the call and says nothing. Nothing that is on this machine is found there, or it would not be
/// called; that a signal comes here is seen to above.
#[test]
fn the_fetching_of_programs_ends_when_it_is_told_to() {
    let folder = folder();
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    silent.set_nonblocking(true).unwrap();
    let ends = Arc::new(AtomicBool::new(false));
    let asked = Arc::clone(&ends);
    let machine = Machine {
        interrupt: Interrupt::new(move || asked.load(Ordering::Relaxed)),
        ..bare_machine(&folder, &format!("http://{}", silent.local_addr().unwrap()))
    };
    let cache = machine.cache.clone().unwrap();
    let options = Options { version: None, run: "a test".to_owned() };
    let fetching = spawn(move || Embedded::start_on(&machine, &options, &mut |_| {}).map(drop));
    let mut call = None;
    wait_for("the call", || {
        call = silent.accept().ok();
        call.is_some() || fetching.is_finished()
    });
    assert!(call.is_some(), "{:?}", fetching.join());
    ends.store(true, Ordering::Relaxed);
    let begun = Instant::now();
    let error = fetching.join().unwrap().unwrap_err();
    assert!(matches!(error, EmbeddedError::Interrupted), "{error}");
    assert!(begun.elapsed() < Duration::from_secs(20), "{:?}", begun.elapsed());
    assert_eq!(left(&cache.join("postgres"), "partial"), Vec::<String>::new());
}

/// Processes of a server that stands still hear no signal but the last one.
#[test]
fn the_second_signal_ends_a_server_that_stands_still() {
    let folder = folder();
    let said = folder.path().join("said");
    let mut command = loadgen(folder.path());
    command.args(["run", "@quickstart", "--out", "run", "--set", "validity=off", "--set"]);
    command.args(["domains.orders.rows={ products: 50, customers: 100, orders: 100 }", "--set"]);
    command.args(["load.streams.shop.profile=[ { hold: 200/s, for: 60s } ]"]);
    command.env("TMPDIR", folder.path()).stdin(Stdio::null()).stdout(Stdio::null());
    let mut running = command.stderr(fs::File::create(&said).unwrap()).spawn().unwrap();
    let has_said = |word: &str| fs::read_to_string(&said).unwrap().contains(word);
    wait_for("its load", || {
        assert!(running.try_wait().unwrap().is_none(), "{}", fs::read_to_string(&said).unwrap());
        has_said("\"measuring\"")
    });
    sleep(Duration::from_millis(500));
    let servers = children(running.id());
    let [postmaster] = servers[..] else { panic!("{servers:?}") };
    let mut all = freeze_family(postmaster);
    assert!(all.len() > 5, "{all:?}");
    all.push(postmaster);
    sleep(Duration::from_millis(500));
    kill_process(Pid::from_child(&running), Signal::INT).unwrap();
    sleep(Duration::from_millis(500));
    kill_process(Pid::from_child(&running), Signal::INT).unwrap();
    let begun = Instant::now();
    wait_for("its end", || running.try_wait().unwrap().is_some());
    let took = begun.elapsed();
    let alive: Vec<_> = all.iter().filter(|id| is_alive(**id)).collect();
    for id in &all {
        let _ = kill_process(*id, Signal::KILL);
    }
    let said = fs::read_to_string(&said).unwrap();
    assert_eq!(running.wait().unwrap().code(), Some(105), "{said}");
    assert!(alive.is_empty(), "of {all:?} there are still {alive:?}: {said}");
    assert!(took < Duration::from_secs(20), "{took:?}: {said}");
    let summary = fs::read_to_string(folder.path().join("run/summary.json")).unwrap();
    assert!(summary.contains("\"exit_code\": 105"), "{summary}");
    let servers = fs::read_dir(folder.path()).unwrap().flatten();
    let data = servers
        .filter(|entry| entry.path().is_dir())
        .flat_map(|entry| left(&entry.path(), "quickstart"));
    assert_eq!(data.collect::<Vec<_>>(), Vec::<String>::new());
}
