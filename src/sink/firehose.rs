//! Amazon Data Firehose, by its SDK: one client for each target, shared by all connections. Events are
//! gathered to records and calls; what is refused is sent again, until it is acknowledged or given up. The
//! SDK itself tries nothing again.
//!
//! ```text
//!   publish ─▶ queue ─▶ call ─▶ Firehose
//!                ▲  limit: quota, calls in flight
//!                └──── backoff ◀── refused, lost      acknowledged, given up ─▶ mailbox
//! ```

mod backoff;
mod call;
mod driver;
mod limit;
mod queue;
mod state;
pub(crate) mod setup;

use std::sync::Arc;
use std::sync::Mutex;
use std::thread::JoinHandle;
use std::time::Duration;
use std::time::Instant;

use tokio::sync::Notify;

use crate::embedded::firehose::Quota;
use crate::measure::ErrorClass;
use crate::sink::event::Mailbox;
use crate::sink::event::Publisher;
use crate::sink::event::Record;
use crate::sink::event::Refused;
use crate::sink::event::Traffic;
use crate::sink::firehose::call::failure;
use crate::sink::firehose::queue::Owner;
use crate::sink::firehose::queue::RECORD_BYTES_MAX;
use crate::sink::firehose::setup::Endpoint;
use crate::sink::firehose::state::State;
use crate::sink::firehose::state::lock;

/// How events are sent.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Sending {
    /// What a stream takes in a second.
    pub(crate) quota: Quota,
    /// Calls in flight for a stream, at most.
    pub(crate) calls: usize,
    /// Events in a record, at most.
    pub(crate) events_per_record: usize,
    /// How long an event waits for others.
    pub(crate) linger: Duration,
    /// How long an event is tried again before it is given up.
    pub(crate) retry: Duration,
    /// Events that are taken and not settled, at most.
    pub(crate) events_max: usize,
    /// Their bytes, at most.
    pub(crate) bytes_max: usize,
}

/// A client and its thread.
#[derive(Debug)]
pub(crate) struct FirehosePublisher {
    shared: Arc<Shared>,
    thread: Mutex<Option<JoinHandle<()>>>,
}

/// What the client's thread and the connections share.
#[derive(Debug)]
struct Shared {
    state: Mutex<State>,
    /// Something is to be looked at.
    news: Notify,
}

impl FirehosePublisher {
    /// A client of an endpoint. Nothing is connected yet.
    pub(crate) fn start(endpoint: Endpoint, sending: &Sending) -> std::io::Result<Self> {
        let state = Mutex::new(State::new(sending));
        let shared = Arc::new(Shared { state, news: Notify::new() });
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let driven = Arc::clone(&shared);
        let thread = std::thread::Builder::new()
            .name("firehose".to_owned())
            .spawn(move || runtime.block_on(driver::drive(&driven, &endpoint)))?;
        Ok(Self { shared, thread: Mutex::new(Some(thread)) })
    }

    /// Events that were sent again after a call whose fate is unknown: so many may be there twice.
    pub(crate) fn repeated(&self) -> u64 {
        lock(&self.shared.state).repeated()
    }

    fn end(&self) {
        lock(&self.shared.state).is_over = true;
        self.shared.news.notify_one();
        if let Some(thread) = lock(&self.thread).take() {
            // A thread that panicked has nothing more to say.
            let _ = thread.join();
        }
    }
}

impl Publisher for FirehosePublisher {
    fn publish(&self, record: &Record<'_>, mailbox: &Arc<Mailbox>) -> Result<(), Refused> {
        let length = record.payload.len() + 1;
        if length > RECORD_BYTES_MAX {
            let message = format!(
                "the event has {length} bytes with its newline; a record has {RECORD_BYTES_MAX} at most"
            );
            return Err(Refused::Failed(failure(ErrorClass::TooLarge, "", &message)));
        }
        let owner = Owner { mailbox: Arc::clone(mailbox), ticket: record.ticket };
        let mut state = lock(&self.shared.state);
        let Some(is_news) = state.push(record.destination, record.payload, owner, Instant::now())
        else {
            return Err(Refused::Full);
        };
        drop(state);
        if is_news {
            self.shared.news.notify_one();
        }
        Ok(())
    }

    fn hurry(&self) {
        lock(&self.shared.state).hurry();
        self.shared.news.notify_one();
    }

    fn close(&self, within: Duration) {
        let begun = Instant::now();
        self.hurry();
        while lock(&self.shared.state).has_events() && begun.elapsed() < within {
            std::thread::sleep(Duration::from_millis(5));
        }
        self.end();
    }

    fn traffic(&self) -> Vec<Traffic> {
        lock(&self.shared.state).traffic()
    }
}

impl Drop for FirehosePublisher {
    fn drop(&mut self) {
        self.end();
    }
}

#[cfg(test)]
mod tests;
