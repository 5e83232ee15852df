//! The real program, started as a user would start it, watched and hindered.

use std::fs;
use std::fs::File;
use std::path::Path;
use std::path::PathBuf;
use std::process::Child;
use std::process::Command;
use std::process::Stdio;
use std::thread::sleep;
use std::time::Duration;
use std::time::Instant;

use rustix::process::Pid;
use rustix::process::Signal;
use rustix::process::kill_process;
use serde_json::Value;
use tempfile::TempDir;

/// One run of the program. Killed when it is dropped.
#[derive(Debug)]
pub(crate) struct Loadgen {
    child: Child,
    folder: TempDir,
    began: Instant,
}

/// What a run left.
#[derive(Debug)]
pub(crate) struct Ended {
    /// The exit code; `None` if a signal ended it.
    pub(crate) code: Option<i32>,
    /// From start to end.
    pub(crate) took: Duration,
    /// What it said on standard error.
    pub(crate) said: String,
    /// `summary.json`; null if there is none.
    pub(crate) summary: Value,
    /// `account.json`; null if there is none.
    pub(crate) account: Value,
}

/// A scenario of the source.
pub(crate) fn scenario(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("scenarios").join(name)
}

impl Loadgen {
    /// Starts `loadgen COMMAND SCENARIO` on a server, with a `--set` for each of `set`.
    pub(crate) fn start(command: &str, file: &str, url: &str, set: &[&str]) -> Loadgen {
        let folder = tempfile::tempdir().unwrap();
        let write = |name: &str| File::create(folder.path().join(name)).unwrap();
        let child = Command::new(env!("CARGO_BIN_EXE_loadgen"))
            .arg(command)
            .arg(scenario(file))
            // A busy machine is no reason to call what is tested here invalid.
            .arg("--set=validity=off")
            .args(set.iter().flat_map(|each| ["--set", each]))
            .arg("--out")
            .arg(folder.path().join("run"))
            .env("LOADGEN_POSTGRES", url)
            .stdin(Stdio::null())
            .stdout(write("stdout"))
            .stderr(write("stderr"))
            .spawn()
            .unwrap();
        Loadgen { child, folder, began: Instant::now() }
    }

    /// What it has said on standard error.
    pub(crate) fn said(&self) -> String {
        fs::read_to_string(self.folder.path().join("stderr")).unwrap_or_default()
    }

    /// Waits until it has said something.
    pub(crate) fn wait_for(&mut self, text: &str, within: Duration) {
        let begun = Instant::now();
        while !self.said().contains(text) {
            let ended = self.child.try_wait().unwrap();
            assert!(ended.is_none(), "it ended before it said `{text}`:\n{}", self.said());
            assert!(begun.elapsed() < within, "it did not say `{text}`:\n{}", self.said());
            sleep(Duration::from_millis(20));
        }
    }

    /// Waits until its load is being measured.
    pub(crate) fn wait_for_load(&mut self) {
        self.wait_for("\"measuring\"", Duration::from_mins(2));
    }

    pub(crate) fn signal(&self, signal: Signal) {
        kill_process(Pid::from_child(&self.child), signal).unwrap();
    }

    pub(crate) fn is_over(&mut self) -> bool {
        self.child.try_wait().unwrap().is_some()
    }

    /// Waits for its end; one that hangs fails the test.
    pub(crate) fn finish(mut self, within: Duration) -> Ended {
        let begun = Instant::now();
        let status = loop {
            if let Some(status) = self.child.try_wait().unwrap() {
                break status;
            }
            assert!(begun.elapsed() < within, "still there after {within:?}:\n{}", self.said());
            sleep(Duration::from_millis(20));
        };
        let read = |name: &str| {
            let text = fs::read_to_string(self.folder.path().join("run").join(name));
            text.map_or(Value::Null, |text| serde_json::from_str(&text).unwrap())
        };
        Ended {
            code: status.code(),
            took: self.began.elapsed(),
            said: self.said(),
            summary: read("summary.json"),
            account: read("account.json"),
        }
    }
}

impl Drop for Loadgen {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Ended {
    /// A count of the run's only stream.
    pub(crate) fn count(&self, name: &str) -> u64 {
        self.summary["streams"][0][name].as_u64().unwrap_or_else(|| panic!("no `{name}`"))
    }

    /// A count, over all tables.
    pub(crate) fn rows(&self, name: &str) -> u64 {
        let tables = self.summary["tables"].as_array().unwrap();
        tables.iter().map(|table| table[name].as_u64().unwrap()).sum()
    }

    /// Acknowledged actions a second.
    pub(crate) fn achieved(&self) -> f64 {
        self.summary["streams"][0]["achieved_rate"].as_f64().unwrap()
    }

    /// How many actions proved committed, and how many absent, after their connection was lost.
    pub(crate) fn resolved(&self) -> (u64, u64) {
        let count = |name: &str| self.account[name].as_u64().unwrap();
        (count("resolved_committed"), count("resolved_absent"))
    }
}
