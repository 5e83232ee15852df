//! A thread that reads what others make, and tells.

use std::sync::Arc;
use std::sync::Condvar;
use std::sync::Mutex;
use std::sync::PoisonError;
use std::sync::atomic::AtomicBool;
use std::sync::atomic::Ordering;
use std::thread::JoinHandle;
use std::time::Duration;
use std::time::Instant;

use tokio::sync::mpsc;
use tokio::sync::mpsc::error::TrySendError;

use crate::sink::postgres::provision::SetupError;

/// What is told and waits for the judge, at most.
const WAITING_MAX: usize = 1 << 15;
/// What that takes, at most, beside one of it.
const BYTES_MAX: usize = 64 << 20;
/// How soon one who waits sees that nobody listens any more.
const SOON: Duration = Duration::from_millis(50);

/// How long the first look may take.
const FIRST_WITHIN: Duration = Duration::from_mins(2);

/// For so long one waits for a thread of which nothing is wanted any more.
const LEFT_AFTER: Duration = Duration::from_secs(1);

/// What is told.
pub(super) trait Weighs {
    /// What it takes, beside what is the same for all.
    fn bytes(&self) -> usize;
}

/// How much waits for the judge.
#[derive(Debug, Default)]
struct Room {
    taken: Mutex<usize>,
    freed: Condvar,
}

impl Room {
    /// Waits until there is room. Returns whether somebody listens still.
    fn take(&self, bytes: usize, asked: &Asked) -> bool {
        let mut taken = self.taken.lock().unwrap_or_else(PoisonError::into_inner);
        // One that is larger than all the room goes alone.
        while *taken > 0 && *taken + bytes > BYTES_MAX {
            if asked.to_stop() {
                return false;
            }
            let waited = self.freed.wait_timeout(taken, SOON);
            taken = waited.unwrap_or_else(PoisonError::into_inner).0;
        }
        *taken += bytes;
        true
    }

    fn free(&self, bytes: usize) {
        let mut taken = self.taken.lock().unwrap_or_else(PoisonError::into_inner);
        *taken -= bytes;
        self.freed.notify_one();
    }
}

/// Nobody listens any more, or nothing was told.
#[derive(Debug)]
pub(super) struct Nothing;

/// Where the thread tells.
#[derive(Debug)]
pub(super) struct Tell<T> {
    to: mpsc::Sender<T>,
    room: Arc<Room>,
    asked: Arc<Asked>,
}

impl<T: Weighs> Tell<T> {
    /// Tells, once there is room.
    pub(super) fn blocking_send(&self, told: T) -> Result<(), Nothing> {
        let bytes = told.bytes();
        if !self.room.take(bytes, &self.asked) {
            return Err(Nothing);
        }
        match self.to.try_send(told) {
            Ok(()) => Ok(()),
            Err(TrySendError::Full(told)) => self.to.blocking_send(told).map_err(|_| Nothing),
            Err(TrySendError::Closed(_)) => Err(Nothing),
        }
    }

    /// Tells what takes nothing, if there is room.
    pub(super) fn try_send(&self, told: T) -> Result<(), Nothing> {
        let is_light = told.bytes() == 0;
        if is_light { self.to.try_send(told).map_err(|_| Nothing) } else { Err(Nothing) }
    }
}

/// Where it is heard.
#[derive(Debug)]
pub(super) struct Receiver<T> {
    told: mpsc::Receiver<T>,
    room: Arc<Room>,
}

impl<T: Weighs> Receiver<T> {
    /// What was told; `None`: nothing more is.
    pub(super) async fn recv(&mut self) -> Option<T> {
        let told = self.told.recv().await;
        told.inspect(|told| self.room.free(told.bytes()))
    }

    /// What was told and waits.
    pub(super) fn try_recv(&mut self) -> Result<T, Nothing> {
        let told = self.told.try_recv().map_err(|_| Nothing)?;
        self.room.free(told.bytes());
        Ok(told)
    }
}

/// What the thread is asked for.
#[derive(Debug, Default)]
pub(super) struct Asked {
    to_end: AtomicBool,
    to_stop: AtomicBool,
}

impl Asked {
    /// Nobody listens any more.
    pub(super) fn stop(&self) {
        self.to_stop.store(true, Ordering::Relaxed);
    }

    /// Whether what is there now is the end.
    pub(super) fn to_end(&self) -> bool {
        self.to_end.load(Ordering::Relaxed)
    }

    /// Waits until so long after a moment. Returns whether somebody listens still.
    pub(super) fn pause(&self, since: Instant, every: Duration) -> bool {
        while since.elapsed() < every {
            if self.to_stop() {
                return false;
            }
            std::thread::sleep(SOON.min(every));
        }
        true
    }

    /// Whether nobody listens any more.
    pub(super) fn to_stop(&self) -> bool {
        self.to_stop.load(Ordering::Relaxed)
    }
}

/// A thread that reads. Dropped, it ends.
#[derive(Debug)]
pub(super) struct Reading<T> {
    pub(super) told: Receiver<T>,
    asked: Arc<Asked>,
    thread: Option<JoinHandle<()>>,
}

impl<T: Weighs + Send + 'static> Reading<T> {
    /// Begins to `work`; `name` is the thread's.
    pub(super) fn start(
        name: &str,
        work: impl FnOnce(&Tell<T>, Arc<Asked>) + Send + 'static,
    ) -> Result<Self, SetupError> {
        let (tell, told) = mpsc::channel(WAITING_MAX);
        let asked = Arc::<Asked>::default();
        let (its, room) = (Arc::clone(&asked), Arc::<Room>::default());
        let tell = Tell { to: tell, room: Arc::clone(&room), asked: Arc::clone(&asked) };
        let thread = std::thread::Builder::new()
            .name(name.to_owned())
            .spawn(move || work(&tell, its))
            .map_err(|error| SetupError::Local(format!("no thread to observe with: {error}")))?;
        let told = Receiver { told, room };
        Ok(Self { told, asked, thread: Some(thread) })
    }

    /// The same, once the thread has begun: `begin` looks what is there already, and may say why it cannot. Whoever
    /// waits for it can be told to wait no longer.
    pub(super) async fn begun<W>(
        name: &str,
        begin: impl FnOnce(&Arc<Asked>) -> Result<W, String> + Send + 'static,
        work: impl FnOnce(W, &Tell<T>) + Send + 'static,
    ) -> Result<Self, String> {
        let (ready, is_ready) = tokio::sync::oneshot::channel();
        let reading = Self::start(name, move |tell, asked| {
            let worker = match begin(&asked) {
                Ok(worker) => worker,
                Err(why) => return drop(ready.send(Err(why))),
            };
            if ready.send(Ok(())).is_ok() {
                work(worker, tell);
            }
        });
        let reading = reading.map_err(|error| error.to_string())?;
        match tokio::time::timeout(FIRST_WITHIN, is_ready).await {
            Ok(Ok(answer)) => answer.map(|()| reading),
            Ok(Err(_)) | Err(_) => Err("the first look did not come to its end".to_owned()),
        }
    }

    /// All that is there now is the end.
    pub(super) fn end(&self) {
        self.asked.to_end.store(true, Ordering::Relaxed);
    }
}

impl<T> Drop for Reading<T> {
    fn drop(&mut self) {
        self.asked.stop();
        // A thread that waits for room must not wait for us.
        self.told.told.close();
        let Some(thread) = self.thread.take() else { return };
        let begun = Instant::now();
        while !thread.is_finished() && begun.elapsed() < LEFT_AFTER {
            std::thread::sleep(SOON.min(LEFT_AFTER));
        }
        // One that waits for somebody else's server is left behind: nobody hears it any more.
        if thread.is_finished() {
            let _ = thread.join();
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::AtomicUsize;

    use super::*;

    impl Weighs for Vec<u8> {
        fn bytes(&self) -> usize {
            self.len()
        }
    }

    #[tokio::test(flavor = "current_thread")]
    async fn what_waits_for_the_judge_has_a_limit_in_bytes() {
        let sent = Arc::<AtomicUsize>::default();
        let count = Arc::clone(&sent);
        let mut reading = Reading::start("test", move |tell, _| {
            while tell.blocking_send(vec![0; 10 << 20]).is_ok() {
                count.fetch_add(1, Ordering::Relaxed);
            }
        })
        .unwrap();
        for heard in 0..20 {
            std::thread::sleep(Duration::from_millis(20));
            let sent = sent.load(Ordering::Relaxed);
            assert!(sent <= heard + 7, "{sent} were told when {heard} were heard");
            assert!(reading.told.recv().await.is_some());
        }
        // The thread waits for room, and ends all the same.
        drop(reading);
    }
}
