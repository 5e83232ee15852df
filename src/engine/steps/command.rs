//! A command of the scenario's: started, waited for, and heard out.

use std::io::Read;
use std::process::Child;
use std::process::Command;
use std::process::Stdio;
use std::thread::JoinHandle;
use std::time::Duration;
use std::time::Instant;

use crate::engine::Shared;
use crate::engine::steps::Counts;
use crate::engine::steps::StepError;
use crate::engine::stop::Level;
use crate::units::format_duration;

/// How often one looks whether it has ended.
const LOOK: Duration = Duration::from_millis(20);
/// Bytes of what it says that are shown, of each of its outputs; and that are kept until secrets in them are
/// covered, as the half of one would not be known for it. What comes behind them is read and left.
const SAID_MAX: usize = 4 << 10;
const KEPT_MAX: usize = 64 << 10;

/// A command that does not outlive its step.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Runs it to its end. A scenario that is stopped ends it.
pub(super) async fn run(
    shared: &Shared,
    words: &[String],
    within: Duration,
    counts: &mut Counts,
) -> Result<(), StepError> {
    let Some((program, arguments)) = words.split_first() else { return Ok(()) };
    let mut command = Command::new(program);
    command.args(arguments).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let started = command.spawn();
    let child = started
        .map_err(|error| StepError::Failed(format!("`{program}` does not start: {error}")))?;
    let mut running = Running(child);
    let listeners = [running.0.stdout.take().map(listen), running.0.stderr.take().map(listen)];
    let begun = Instant::now();
    let status = loop {
        let status = running.0.try_wait();
        match status.map_err(|error| StepError::Failed(format!("`{program}`: {error}")))? {
            Some(status) => break status,
            None if shared.job.stop.level() != Level::Run => return Err(StepError::Stopped),
            None if begun.elapsed() > within => {
                return Err(StepError::Failed(format!(
                    "`{program}` had not ended after {}, and was killed",
                    format_duration(within)
                )));
            }
            None => tokio::time::sleep(LOOK).await,
        }
    };
    let secrets = &shared.job.scenario.secrets;
    let said = heard(listeners, |said| secrets.redact(said)).await;
    counts.exit_code = status.code();
    counts.output = Some(said.clone()).filter(|said| !said.is_empty());
    if status.success() {
        return Ok(());
    }
    let said = said.lines().last().map(|line| format!(": {line}")).unwrap_or_default();
    Err(StepError::Failed(format!("`{program}` ended with {status}{said}")))
}

fn listen(mut from: impl Read + Send + 'static) -> JoinHandle<Vec<u8>> {
    std::thread::spawn(move || {
        let (mut said, mut part) = (Vec::new(), [0; 4096]);
        while let Ok(count @ 1..) = from.read(&mut part) {
            let left = KEPT_MAX.saturating_sub(said.len()).min(count);
            said.extend_from_slice(&part[..left]);
        }
        said
    })
}

/// What it said. What it started and left may hold its outputs open: that is not waited for.
async fn heard(
    listeners: [Option<JoinHandle<Vec<u8>>>; 2],
    covered: impl Fn(&str) -> String,
) -> String {
    let begun = Instant::now();
    let mut said = String::new();
    for listener in listeners.into_iter().flatten() {
        while !listener.is_finished() && begun.elapsed() < Duration::from_secs(1) {
            tokio::time::sleep(LOOK).await;
        }
        if listener.is_finished() {
            said.push_str(&shown(&listener.join().unwrap_or_default(), &covered));
        }
    }
    said.trim_end().to_owned()
}

/// What is shown of what was said: first covered, then cut.
fn shown(said: &[u8], covered: impl Fn(&str) -> String) -> String {
    let mut said = covered(&String::from_utf8_lossy(said));
    said.truncate(said.floor_char_boundary(SAID_MAX));
    said
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn half_a_secret_is_not_shown() {
        let said = format!("{}hunter2hunter2 and more", "é".repeat(SAID_MAX / 2 - 3));
        let shown = shown(said.as_bytes(), |said| said.replace("hunter2hunter2", "***"));
        assert!(shown.ends_with("é***") || shown.ends_with("é*** an"), "{shown}");
        assert!(shown.len() <= SAID_MAX);
    }
}
