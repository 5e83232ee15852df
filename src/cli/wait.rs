//! Runs what waits for a server on this thread, to its end or until it is told to stop.

use std::time::Duration;

use crate::engine::seed::unless_cancelled;
use crate::engine::stop::Halt;
use crate::engine::stop::Stop;
use crate::replay::ReplayError;
use crate::sink::postgres::provision::SetupError;

/// As [`on_runtime`], but no longer than `limit`, and until the run is cancelled.
pub(super) fn on_runtime_within<T>(
    (stop, limit): (&Stop, Duration),
    future: impl Future<Output = Result<T, SetupError>>,
) -> Result<T, SetupError> {
    on_runtime(unless_cancelled(stop, within(limit, future)))
}

/// As [`on_runtime`], but no longer than `limit`, and until a signal comes.
pub(super) fn on_runtime_until<T>(
    (mut halt, limit): (Halt, Duration),
    future: impl Future<Output = Result<T, SetupError>>,
) -> Result<T, SetupError> {
    on_runtime(async {
        tokio::select! {
            done = within(limit, future) => done,
            () = halt.told() => Err(ReplayError::Halted.into()),
        }
    })
}

async fn within<T>(
    limit: Duration,
    future: impl Future<Output = Result<T, SetupError>>,
) -> Result<T, SetupError> {
    tokio::time::timeout(limit, future).await.unwrap_or_else(|_| {
        let limit = limit.as_secs();
        Err(SetupError::Local(format!("the server did not answer within {limit} s")))
    })
}

/// How often work that lost a deadlock is done again, and after which pause.
const DEADLOCKS_MAX: u32 = 5;
const DEADLOCK_PAUSE: Duration = Duration::from_secs(1);

/// As [`on_runtime_within`], for work that may be done again: another set-up, or a session that a killed
/// predecessor left, may be at work, and in the way, for a moment.
pub(super) fn past_deadlocks<T, F>(
    (stop, limit): (&Stop, Duration),
    mut work: impl FnMut() -> F,
) -> Result<T, SetupError>
where
    F: Future<Output = Result<T, SetupError>>,
{
    for _ in 0..DEADLOCKS_MAX {
        match on_runtime_within((stop, limit), work()) {
            Err(error) if error.is_deadlock() => {}
            done => return done,
        }
        on_runtime_within((stop, limit), async {
            tokio::time::sleep(DEADLOCK_PAUSE).await;
            Ok(())
        })?;
    }
    on_runtime_within((stop, limit), work())
}

/// Runs a future on this thread, with a runtime of its own: control connections need one.
pub(super) fn on_runtime<T>(
    future: impl Future<Output = Result<T, SetupError>>,
) -> Result<T, SetupError> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    runtime.map_err(|error| SetupError::Local(error.to_string()))?.block_on(future)
}
