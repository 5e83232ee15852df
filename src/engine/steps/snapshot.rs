//! A snapshot that a connector is asked for, and whose progress it notes beside the question.
//!
//! What is read of a table comes in pieces, each between two marks that the connector writes into the table of
//! signals: so the log says what changed meanwhile.

use std::time::Duration;
use std::time::Instant;

use crate::engine::steps::StepError;
use crate::engine::steps::session::Session;
use crate::engine::stop::Level;
use crate::scenario::StressKind;
use crate::sink::postgres::quote::literal;
use crate::units::format_duration;

/// How often one looks for marks.
const LOOK: Duration = Duration::from_millis(200);
/// Once so long no mark has come, the snapshot has ended: it says so nowhere.
const QUIET: Duration = Duration::from_secs(3);

/// Asks, and waits until it is done.
pub(super) async fn perform(
    session: &mut Session<'_>,
    (kind, within): (&StressKind, Duration),
    (signals, namespace): &(String, String),
) -> Result<(), StepError> {
    let Some(data) = kind.signal(namespace) else { return Ok(()) };
    let marks = format!(
        "SELECT count(*) FROM {signals} WHERE type IN ('snapshot-window-open', 'snapshot-window-close')"
    );
    let before = session.number(&marks).await?;
    // Every signal has a name of its own, in each run.
    let asked = format!(
        "INSERT INTO {signals} (id, type, data) \
         VALUES ('loadgen-' || md5(random()::text || clock_timestamp()::text), 'execute-snapshot', {})",
        literal(&data)
    );
    session.run(&asked).await?;
    let (begun, mut last) = (Instant::now(), (before, Instant::now()));
    loop {
        tokio::time::sleep(LOOK).await;
        let now = session.number(&marks).await?;
        if now != last.0 {
            last = (now, Instant::now());
        }
        let has_begun = last.0 > before;
        if has_begun {
            let windows = (last.0 - before) / 2;
            session.counts.output = Some(format!("taken in {windows} windows"));
        }
        if has_begun && last.1.elapsed() > QUIET {
            return Ok(());
        }
        if session.shared.job.stop.level() != Level::Run {
            return Err(StepError::Stopped);
        }
        if !has_begun && begun.elapsed() > within {
            return Err(StepError::Failed(format!(
                "no connector began a snapshot within {}: does one capture {signals}, and name it in \
                 `signal.data.collection`?",
                format_duration(within)
            )));
        }
    }
}
