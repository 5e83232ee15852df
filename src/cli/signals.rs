//! What a signal does: the first drains, the second gives up what is in flight and still reports,
//! the third ends the process.

use tokio::signal::unix::SignalKind;
use tokio::signal::unix::signal;

use crate::engine::stop::Level;
use crate::engine::stop::Stop;
use crate::measure::Feed;

/// Listens for SIGINT and SIGTERM from now on, on a thread of its own.
pub(super) fn listen(stop: Stop, feed: Feed) -> std::io::Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let (mut interrupts, mut terminations) = {
        let _entered = runtime.enter();
        (signal(SignalKind::interrupt())?, signal(SignalKind::terminate())?)
    };
    std::thread::Builder::new().name("signals".to_owned()).spawn(move || {
        runtime.block_on(async {
            for level in [Level::Drain, Level::Cancel] {
                tokio::select! {
                    _ = interrupts.recv() => {}
                    _ = terminations.recv() => {}
                }
                feed.message(match level {
                    Level::Drain => "stopping: what is in flight comes to its end (again: at once)",
                    _ => "stopping at once",
                });
                stop.signal(level);
            }
            tokio::select! {
                _ = interrupts.recv() => {}
                _ = terminations.recv() => {}
            }
            leave();
        });
    })?;
    Ok(())
}

#[expect(clippy::exit, reason = "the third signal means: now")]
fn leave() {
    std::process::exit(105);
}
