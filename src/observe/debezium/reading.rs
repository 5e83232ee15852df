//! A thread that reads what others make, and tells.

use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::sync::atomic::Ordering;
use std::thread::JoinHandle;

use tokio::sync::mpsc;

use crate::sink::postgres::provision::SetupError;

/// What is told and waits for the judge, at most.
const WAITING_MAX: usize = 1 << 15;

/// What the thread is asked for.
#[derive(Debug, Default)]
pub(in crate::observe) struct Asked {
    to_end: AtomicBool,
    to_stop: AtomicBool,
}

impl Asked {
    /// Whether what is there now is the end.
    pub(in crate::observe) fn to_end(&self) -> bool {
        self.to_end.load(Ordering::Relaxed)
    }

    /// Whether nobody listens any more.
    pub(in crate::observe) fn to_stop(&self) -> bool {
        self.to_stop.load(Ordering::Relaxed)
    }
}

/// A thread that reads. Dropped, it ends.
#[derive(Debug)]
pub(in crate::observe) struct Reading<T> {
    pub(in crate::observe) told: mpsc::Receiver<T>,
    asked: Arc<Asked>,
    thread: Option<JoinHandle<()>>,
}

impl<T: Send + 'static> Reading<T> {
    /// Begins to `work`; `name` is the thread's.
    pub(in crate::observe) fn start(
        name: &str,
        work: impl FnOnce(&mpsc::Sender<T>, Arc<Asked>) + Send + 'static,
    ) -> Result<Self, SetupError> {
        let (tell, told) = mpsc::channel(WAITING_MAX);
        let asked = Arc::<Asked>::default();
        let its = Arc::clone(&asked);
        let thread = std::thread::Builder::new()
            .name(name.to_owned())
            .spawn(move || work(&tell, its))
            .map_err(|error| SetupError::Local(format!("no thread to observe with: {error}")))?;
        Ok(Self { told, asked, thread: Some(thread) })
    }

    /// All that is there now is the end.
    pub(in crate::observe) fn end(&self) {
        self.asked.to_end.store(true, Ordering::Relaxed);
    }
}

impl<T> Drop for Reading<T> {
    fn drop(&mut self) {
        self.asked.to_stop.store(true, Ordering::Relaxed);
        // A thread that waits for room must not wait for us.
        self.told.close();
        let _ = self.thread.take().map(JoinHandle::join);
    }
}
