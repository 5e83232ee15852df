//! Finds what killed runs left, ends their servers and removes their folders. A process is only touched
//! if it really is a server on a data directory of ours, whatever number a file names.

use std::fs;
use std::path::Path;
use std::path::PathBuf;
use std::time::Duration;

use rustix::process::Pid;
use rustix::process::Signal;

use crate::embedded::EmbeddedError;
use crate::embedded::Interrupt;
use crate::embedded::Progress;
use crate::embedded::ending::Way;
use crate::embedded::ending::end;
use crate::embedded::folder::Abandoned;
use crate::embedded::folder::Base;

/// Nobody needs the data any more, so the server need not write it.
const STOPS: [Way; 2] = [
    Way::new(Signal::QUIT, Duration::from_secs(10), Duration::from_secs(10)),
    Way::new(Signal::KILL, Duration::from_secs(5), Duration::from_secs(5)),
];

/// What a killed run had left, now gone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Swept {
    /// The run, as its options named it; empty if it was killed before it could write that down.
    pub run: String,
    /// The folder that was removed.
    pub folder: PathBuf,
    /// Whether its server was still running.
    pub was_running: bool,
}

impl std::fmt::Display for Swept {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let run = if self.run.is_empty() { "a killed run" } else { &self.run };
        let what = if self.was_running { "server, still running," } else { "server's files" };
        write!(formatter, "removed what `{run}` left: its {what} in `{}`", self.folder.display())
    }
}

/// Sweeps, and tells what was swept and what could not be.
pub(super) fn sweep(base: &Base, progress: &mut dyn FnMut(Progress)) -> Result<(), EmbeddedError> {
    for abandoned in base.abandoned()? {
        let folder = abandoned.folder.path().to_path_buf();
        match clear(abandoned) {
            Ok(Some(swept)) => progress(Progress::Swept(swept)),
            Ok(None) => {}
            // What cannot be removed now is no reason not to run.
            Err(error) => progress(Progress::Left { folder, cause: error.to_string() }),
        }
    }
    Ok(())
}

/// Removes one folder. Nothing is returned for a server that is kept and runs.
fn clear(abandoned: Abandoned) -> Result<Option<Swept>, EmbeddedError> {
    let Abandoned { folder, run, is_kept } = abandoned;
    let data = folder.data();
    let server = running(&data);
    if is_kept && server.is_some() {
        return Ok(None);
    }
    if let Some(pid) = server {
        end(pid, &STOPS, &Interrupt::default(), || running(&data) != Some(pid));
    }
    folder.remove()?;
    let folder = folder.path().to_path_buf();
    Ok(Some(Swept { run, folder, was_running: server.is_some() }))
}

/// The server that runs on a data directory, if one does.
fn running(data: &Path) -> Option<Pid> {
    let text = fs::read_to_string(data.join("postmaster.pid")).ok()?;
    let pid = Pid::from_raw(text.lines().next()?.trim().parse().ok()?)?;
    let words = command_line(pid)?;
    let is_postgres = Path::new(words.first()?).file_name()? == "postgres";
    let data = data.to_str()?;
    (is_postgres && words.iter().any(|word| word == data)).then_some(pid)
}

/// The words that a process was started with; none if it is gone.
#[cfg(target_os = "linux")]
fn command_line(pid: Pid) -> Option<Vec<String>> {
    let bytes = fs::read(format!("/proc/{}/cmdline", pid.as_raw_pid())).ok()?;
    Some(bytes.split(|byte| *byte == 0).map(|word| String::from_utf8_lossy(word).into()).collect())
}

/// The words that a process was started with; none if it is gone.
#[cfg(not(target_os = "linux"))]
fn command_line(pid: Pid) -> Option<Vec<String>> {
    let mut ps = std::process::Command::new("ps");
    ps.args(["-ww", "-o", "command=", "-p"]).arg(pid.as_raw_pid().to_string());
    let output = ps.output().ok()?;
    let text = String::from_utf8_lossy(&output.stdout);
    Some(text.split_whitespace().map(str::to_owned).collect())
}
