//! Making a lost way again, beside whatever else a connection does meanwhile.

use std::fmt;
use std::task::Context;
use std::task::Poll;
use std::time::Duration;

use futures_util::FutureExt;
use futures_util::future::LocalBoxFuture;
use tokio::sync::oneshot;
use tokio::time::Instant;

use crate::engine::destination::AnySink;
use crate::sink::Lost;
use crate::sink::Sink;

/// First pause between attempts; doubled each time.
pub(super) const PAUSE_MIN: Duration = Duration::from_millis(100);
/// Longest pause between attempts.
const PAUSE_MAX: Duration = Duration::from_secs(1);

/// The sink that is being recovered, and whether it was.
type Made = (AnySink, Result<(), Lost>);

/// A way that is being made. It owns the sink, and gives it back at its end.
pub(super) struct Mending {
    making: LocalBoxFuture<'static, Made>,
    /// Dropped to break it off.
    enough: oneshot::Sender<()>,
    /// Until when it is tried.
    pub(super) until: Instant,
    /// How the old way was lost.
    pub(super) why: String,
}

impl fmt::Debug for Mending {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Mending").field("why", &self.why).finish_non_exhaustive()
    }
}

impl Mending {
    /// Begins, after a pause.
    pub(super) fn begin(sink: AnySink, until: Instant, pause: Duration, why: String) -> Self {
        let (enough, broken_off) = oneshot::channel();
        let making = make(sink, until, pause, broken_off).boxed_local();
        Self { making, enough, until, why }
    }

    /// Ready when the way is made, the time is over, or trying is useless.
    pub(super) fn poll(&mut self, context: &mut Context<'_>) -> Poll<Made> {
        self.making.poll_unpin(context)
    }

    /// Gives the sink back at once, in whatever state it is.
    pub(super) async fn break_off(self) -> AnySink {
        drop(self.enough);
        self.making.await.0
    }
}

async fn make(
    mut sink: AnySink,
    until: Instant,
    pause: Duration,
    broken_off: oneshot::Receiver<()>,
) -> Made {
    let made = tokio::select! {
        made = recover(&mut sink, until, pause) => made,
        _ = broken_off => Err(Lost { message: "given up".to_owned(), is_transient: true }),
    };
    (sink, made)
}

async fn recover(sink: &mut AnySink, until: Instant, mut pause: Duration) -> Result<(), Lost> {
    loop {
        tokio::time::sleep(pause).await;
        pause = (pause * 2).clamp(PAUSE_MIN, PAUSE_MAX);
        match sink.recover().await {
            Err(lost) if lost.is_transient && Instant::now() + pause < until => {}
            made => return made,
        }
    }
}
