//! How a run is told to end: by a signal, by a policy, or because it is done.

use std::fmt::Debug;
use std::fmt::Formatter;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::PoisonError;
use std::sync::atomic::AtomicU8;
use std::sync::atomic::Ordering;
use std::task::Context;
use std::task::Poll;

use tokio::sync::watch;

use crate::measure::End;

/// How urgent it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Level {
    /// Go on.
    Run,
    /// Begin nothing more; let what is in flight come to its end.
    Drain,
    /// Give up what is in flight.
    Cancel,
}

/// The second signal lets nothing come to its end any more.
const SIGNALS_AT_ONCE: u8 = 2;

/// Told once, seen by all. Clones are the same.
#[derive(Debug, Clone)]
pub struct Stop {
    level: watch::Sender<Level>,
    /// The same as a number: it is read with each action, and a read of the channel takes a lock.
    current: Arc<AtomicU8>,
    told: Arc<Mutex<Told>>,
    /// How many signals came.
    signals: watch::Sender<u8>,
}

/// Hears of signals. Clones hear the same.
#[derive(Debug, Clone)]
pub struct Halt {
    signals: watch::Receiver<u8>,
    /// With so many of them it is told.
    enough: u8,
}

#[derive(Debug, Default)]
struct Told {
    end: Option<End>,
    at_ns: Option<u64>,
}

type Changed = Pin<Box<dyn Future<Output = watch::Receiver<Level>>>>;

/// Hears of changes of level. It keeps its place among those who wait from one poll to the next, which
/// spares taking it anew with each action.
pub(super) struct Listener {
    changed: Changed,
}

impl Listener {
    fn changed(mut level: watch::Receiver<Level>) -> Changed {
        Box::pin(async move {
            let _ = level.changed().await;
            level
        })
    }

    /// Ready once for each change.
    pub(super) fn poll(&mut self, context: &mut Context<'_>) -> Poll<()> {
        self.changed.as_mut().poll(context).map(|level| self.changed = Self::changed(level))
    }
}

impl Debug for Listener {
    fn fmt(&self, formatter: &mut Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("Listener").finish_non_exhaustive()
    }
}

impl Default for Stop {
    fn default() -> Self {
        let current = Arc::new(AtomicU8::new(Level::Run as u8));
        let (level, signals) = (watch::channel(Level::Run).0, watch::channel(0).0);
        Self { level, current, told: Arc::default(), signals }
    }
}

impl Halt {
    /// One that nobody tells: where a signal ends the process.
    pub fn never() -> Self {
        Self { signals: watch::channel(0).1, enough: u8::MAX }
    }

    /// Whether it was told.
    pub fn is_told(&self) -> bool {
        *self.signals.borrow() >= self.enough
    }

    /// Waits until it is told.
    pub async fn told(&mut self) {
        let enough = self.enough;
        if self.signals.wait_for(|count| *count >= enough).await.is_err() {
            // Nobody is left who could tell.
            std::future::pending::<()>().await;
        }
    }
}

impl Stop {
    /// Ends the run for a reason. The first reason stands; the level only rises.
    pub fn tell(&self, level: Level, end: End) {
        self.told().end.get_or_insert(end);
        self.current.fetch_max(level as u8, Ordering::SeqCst);
        self.level.send_if_modified(|current| {
            let rises = level > *current;
            *current = level.max(*current);
            rises
        });
    }

    /// As [`Stop::tell`], by a signal.
    pub fn signal(&self, level: Level) {
        self.tell(level, End::Interrupted);
        self.signals.send_modify(|count| *count = count.saturating_add(1));
    }

    /// Whether a signal came.
    pub fn is_signalled(&self) -> bool {
        *self.signals.borrow() > 0
    }

    /// For work that the next signal ends: at once, if there were two already.
    pub fn next_signal(&self) -> Halt {
        let signals = self.signals.subscribe();
        let enough = signals.borrow().saturating_add(1).min(SIGNALS_AT_ONCE);
        Halt { signals, enough }
    }

    /// For work that any signal ends, also one that came before.
    pub fn any_signal(&self) -> Halt {
        Halt { signals: self.signals.subscribe(), enough: 1 }
    }

    /// Notes when the first worker saw it, on the run's clock.
    pub(super) fn seen(&self, at_ns: u64) {
        self.told().at_ns.get_or_insert(at_ns);
    }

    /// When it was seen, if it was.
    pub(super) fn at(&self) -> Option<u64> {
        self.told().at_ns
    }

    /// How urgent it is now.
    pub fn level(&self) -> Level {
        match self.current.load(Ordering::SeqCst) {
            0 => Level::Run,
            1 => Level::Drain,
            _ => Level::Cancel,
        }
    }

    /// Why the run ended: complete, if nobody told it to.
    pub fn end(&self) -> End {
        self.told().end.clone().unwrap_or(End::Complete)
    }

    /// To wait for a change of level.
    pub fn watch(&self) -> watch::Receiver<Level> {
        self.level.subscribe()
    }

    /// To be polled for a change of level, again and again.
    pub(super) fn listen(&self) -> Listener {
        Listener { changed: Listener::changed(self.watch()) }
    }

    fn told(&self) -> std::sync::MutexGuard<'_, Told> {
        self.told.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
