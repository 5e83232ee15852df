//! Running one side, and what it used of the processors.

use std::io::BufRead;
use std::io::BufReader;
use std::path::Path;
use std::process::Command;
use std::process::Stdio;

use serde_json::Value;

/// The kernel counts processor time in hundredths of a second where `/proc` shows it.
const TICKS: f64 = 100.0;

/// Processor seconds of a process that runs.
pub(crate) fn cpu_of(pid: &str) -> f64 {
    stat(pid, 13)
}

/// Processor seconds of the children that this process has waited for.
pub(crate) fn cpu_of_children() -> f64 {
    stat("self", 15)
}

/// User and system time, which stand side by side from field `at` (counted from 0) on.
fn stat(pid: &str, at: usize) -> f64 {
    let text = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    // The name, in parentheses, may hold spaces.
    let rest = text.rsplit_once(')').map_or("", |(_, rest)| rest);
    let fields: Vec<f64> =
        rest.split_whitespace().map(|word| word.parse().unwrap_or(0.0)).collect();
    fields.get(at - 2..at).map_or(0.0, |both| both.iter().sum::<f64>() / TICKS)
}

/// Runs a command to its end: what it printed, and the processor seconds it used.
pub(crate) fn run(command: &mut Command) -> (String, f64) {
    let before = cpu_of_children();
    let output = command.output().expect("the command runs");
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(output.status.success(), "{said}{}", String::from_utf8_lossy(&output.stderr));
    (said, cpu_of_children() - before)
}

/// Runs `loadgen run`: its summary, and the processor seconds it used from the moment on from which it measured.
pub(crate) fn run_loadgen(command: &mut Command, folder: &Path) -> (Value, f64) {
    let before = cpu_of_children();
    let mut child = command.stdout(Stdio::null()).stderr(Stdio::piped()).spawn().expect("it runs");
    let pid = child.id().to_string();
    let mut at_start = 0.0;
    let mut log = String::new();
    for line in BufReader::new(child.stderr.take().unwrap()).lines().map_while(Result::ok) {
        if at_start == 0.0 && line.contains("\"phase\":\"measuring\"") {
            at_start = cpu_of(&pid);
        }
        log.push_str(&line);
        log.push('\n');
    }
    let ended = child.wait().unwrap();
    assert!(ended.success(), "{log}");
    let summary = std::fs::read_to_string(folder.join("summary.json")).expect("a summary");
    (serde_json::from_str(&summary).unwrap(), cpu_of_children() - before - at_start)
}
