//! Ends servers: by one signal after the other, the last of which goes to each of their processes.

use std::thread;
use std::time::Duration;
use std::time::Instant;

use rustix::process::Pid;
use rustix::process::Signal;
use rustix::process::kill_process;

use crate::embedded::Interrupt;

/// How often it is looked whether a process is gone.
const LOOK: Duration = Duration::from_millis(10);
/// How long killed processes may need to be gone.
const KILLED_WITHIN: Duration = Duration::from_secs(1);

/// One way of stopping, and how long it may take.
#[derive(Debug, Clone, Copy)]
pub(super) struct Way {
    pub(super) signal: Signal,
    pub(super) patience: Duration,
    /// The same for somebody who waits no more.
    pub(super) hurried: Duration,
}

impl Way {
    pub(super) const fn new(signal: Signal, patience: Duration, hurried: Duration) -> Self {
        Self { signal, patience, hurried }
    }
}

/// Sends one signal after the other, until `is_gone` or the last one's time is over. As soon as `hurry` says so,
/// what was waited for longer than in a hurry is over.
pub(super) fn end(
    pid: Pid,
    ways: &[Way],
    hurry: &Interrupt,
    mut is_gone: impl FnMut() -> bool,
) -> bool {
    for way in ways {
        if is_gone() {
            return true;
        }
        let patience = || if hurry.is_set() { way.hurried } else { way.patience };
        if patience().is_zero() {
            continue;
        }
        if way.signal == Signal::KILL {
            kill_all(pid);
        } else {
            // A process that is gone meanwhile needs no signal.
            let _ = kill_process(pid, way.signal);
        }
        let begun = Instant::now();
        while begun.elapsed() < patience() {
            if is_gone() {
                return true;
            }
            thread::sleep(LOOK);
        }
    }
    is_gone()
}

/// Kills a server and the processes that it has started. Those are leaders of groups of their own, and would end by
/// themselves only when they next look for their parent: never, while they stand still.
fn kill_all(server: Pid) {
    // What stands still starts no more of them.
    let _ = kill_process(server, Signal::STOP);
    let own: Vec<Pid> = running().iter().filter(|it| it.1 == server).map(|it| it.0).collect();
    for pid in own.iter().chain([&server]) {
        let _ = kill_process(*pid, Signal::KILL);
    }
    let begun = Instant::now();
    while begun.elapsed() < KILLED_WITHIN && running().iter().any(|it| own.contains(&it.0)) {
        thread::sleep(LOOK);
    }
}

/// All processes that are not dead, each with its parent.
fn running() -> Vec<(Pid, Pid)> {
    lines().iter().filter_map(|line| process(line)).collect()
}

/// Reads `PID PARENT STATE`.
fn process(line: &str) -> Option<(Pid, Pid)> {
    let mut words = line.split_whitespace();
    let mut number = || Pid::from_raw(words.next()?.parse().ok()?);
    let (pid, parent) = (number()?, number()?);
    let is_dead = words.next().is_none_or(|state| state.starts_with(['Z', 'X']));
    (!is_dead).then_some((pid, parent))
}

/// `PID PARENT STATE` of each process.
#[cfg(target_os = "linux")]
fn lines() -> Vec<String> {
    let entries = std::fs::read_dir("/proc").into_iter().flatten().flatten();
    let line = |entry: std::fs::DirEntry| {
        let text = std::fs::read_to_string(entry.path().join("stat")).ok()?;
        // A program may be called anything, and stands in parentheses.
        let (pid, _) = text.split_once(" (")?;
        let (_, rest) = text.rsplit_once(") ")?;
        let mut words = rest.split(' ');
        let (state, parent) = (words.next()?, words.next()?);
        Some(format!("{pid} {parent} {state}"))
    };
    entries.filter_map(line).collect()
}

/// `PID PARENT STATE` of each process.
#[cfg(not(target_os = "linux"))]
fn lines() -> Vec<String> {
    let mut ps = std::process::Command::new("ps");
    let output = ps.args(["-A", "-o", "pid=,ppid=,stat="]).output();
    let text = output.map(|output| String::from_utf8_lossy(&output.stdout).into_owned());
    text.unwrap_or_default().lines().map(str::to_owned).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn processes_are_known_with_their_parents() {
        let own = rustix::process::getpid();
        let parent = rustix::process::getppid();
        let found = running().into_iter().find(|it| it.0 == own);
        assert_eq!(found.map(|it| it.1), parent);
        assert_eq!(process("7 1 Z"), None, "it is dead");
        assert_eq!(process("7 1 Ss+").map(|it| it.0), Pid::from_raw(7));
    }
}
