//! loadgen's side of the benches of events.

use std::path::Path;
use std::process::Command;
use std::time::Duration;

use serde_json::Value;

use super::measure::Reading;
use super::process;

/// Bytes of an event that is ready.
pub(crate) const SIZE: usize = 310;
/// What stands around `body` in it, its identifier among that.
pub(crate) const FRAME: usize = r#"{"id":"01234567-89ab-cdef-0123-456789abcdef","body":""}"#.len();

/// A run that sends events of this action to this target.
pub(crate) struct Run<'a> {
    /// Where its files go.
    pub(crate) folder: &'a Path,
    /// The target, in YAML.
    pub(crate) target: &'a str,
    /// `ready` or `made`.
    pub(crate) action: &'a str,
    /// One segment of the profile, in YAML.
    pub(crate) profile: &'a str,
    /// What else it is told.
    pub(crate) arguments: &'a [&'a str],
}

impl Run<'_> {
    /// Its summary, and the processor seconds that it used while it measured.
    pub(crate) fn go(&self) -> (Value, f64) {
        let schema = include_str!("../scenarios/events.schema.yaml")
            .replace("PADDING", &"x".repeat(SIZE - FRAME));
        std::fs::write(self.folder.join("events.schema.yaml"), schema).unwrap();
        let text = include_str!("../scenarios/events.yaml")
            .replace("{target}", self.target)
            .replace("{action}", self.action)
            .replace("{profile}", self.profile);
        let path = self.folder.join("events.yaml");
        std::fs::write(&path, text).unwrap();
        let out = self.folder.join("run");
        let _ = std::fs::remove_dir_all(&out);
        let mut command = Command::new(env!("CARGO_BIN_EXE_loadgen"));
        command.args(["run", "--out"]).arg(&out).args(self.arguments).arg(path);
        process::run_loadgen(&mut command, &out)
    }
}

/// The peer is a process of its own, so that its processor time is told apart: this program, told by a
/// variable of its environment where to send. It prints how many were taken, and in how many nanoseconds.
#[expect(clippy::cast_precision_loss, reason = "some millions")]
pub(crate) fn peer(variable: &str, place: &str) -> Reading {
    let mut command = Command::new(std::env::current_exe().unwrap());
    let (said, cpu) = process::run(command.env(variable, place));
    let (count, nanoseconds) = said.trim().split_once(' ').unwrap();
    let (count, nanoseconds): (u64, u64) = (count.parse().unwrap(), nanoseconds.parse().unwrap());
    let seconds = Duration::from_nanos(nanoseconds).as_secs_f64();
    Reading { rate: count as f64 / seconds, cpu_us: cpu * 1e6 / count as f64 }
}
