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
mod body;
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
use crate::measure::Feed;
use crate::scenario::FirehoseTarget;
use crate::sink::event::Mailbox;
use crate::sink::event::Publisher;
use crate::sink::event::Record;
use crate::sink::event::Refused;
use crate::sink::event::Traffic;
use crate::sink::firehose::call::failure;
use crate::sink::firehose::queue::Owner;
use crate::sink::firehose::setup::Endpoint;
use crate::sink::firehose::state::State;
use crate::sink::firehose::state::lock;

/// Bytes of a record, at most, before base64.
const RECORD_BYTES_MAX: usize = 1_000 * 1_024;
/// Bytes of events that wait or are under way, at most.
const BYTES_MAX: usize = 64 << 20;

/// How events are sent.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Sending {
    /// What a stream is sent in a second, at most.
    pub(crate) quota: Quota,
    /// Calls in flight for a stream, at most.
    pub(crate) in_flight: usize,
    /// Events in a record, at most.
    pub(crate) pack: usize,
    /// How long an event waits for others.
    pub(crate) linger: Duration,
    /// How long after it was sent first an event is sent again before it is given up.
    pub(crate) retry: Duration,
    /// Events that are taken and not settled, at most.
    pub(crate) events_max: usize,
    /// Their bytes, at most.
    pub(crate) bytes_max: usize,
}

impl Sending {
    /// As a scenario says.
    pub(crate) fn of(target: &FirehoseTarget) -> Self {
        Self {
            quota: target.limits.into(),
            in_flight: target.in_flight as usize,
            pack: target.pack as usize,
            linger: target.linger,
            retry: target.retry,
            events_max: target.queue as usize,
            bytes_max: BYTES_MAX,
        }
    }

    /// The largest record: of more than is sent in a second none ever goes.
    fn record_bytes_max(&self) -> usize {
        match usize::try_from(self.quota.bytes) {
            Ok(bytes) if bytes > 0 => bytes.min(RECORD_BYTES_MAX),
            _ => RECORD_BYTES_MAX,
        }
    }
}

/// A client and its thread.
#[derive(Debug)]
pub(crate) struct FirehosePublisher {
    shared: Arc<Shared>,
    record_bytes_max: usize,
    thread: Mutex<Option<JoinHandle<()>>>,
}

/// What the client's thread and the connections share.
#[derive(Debug)]
struct Shared {
    state: Mutex<State>,
    /// Something is to be looked at.
    news: Notify,
    feed: Feed,
}

impl FirehosePublisher {
    /// A client of an endpoint. Nothing is connected yet.
    pub(crate) fn start(
        endpoint: Endpoint,
        sending: &Sending,
        feed: &Feed,
    ) -> std::io::Result<Self> {
        let state = Mutex::new(State::new(sending));
        let shared = Arc::new(Shared { state, news: Notify::new(), feed: feed.clone() });
        // Two threads for the calls were tried: a quarter less went through (benches/RESULTS.md).
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let driven = Arc::clone(&shared);
        let thread = std::thread::Builder::new()
            .name("firehose client".to_owned())
            .spawn(move || runtime.block_on(driver::drive(&driven, &endpoint)))?;
        let thread = Mutex::new(Some(thread));
        Ok(Self { shared, record_bytes_max: sending.record_bytes_max(), thread })
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
    fn open(&self) -> Arc<Mailbox> {
        lock(&self.shared.state).open()
    }

    fn publish(&self, record: &Record<'_>, mailbox: &Arc<Mailbox>) -> Result<(), Refused> {
        let length = record.payload.len() + 1;
        let most = self.record_bytes_max;
        if length > most {
            let message = format!(
                "the event has {length} bytes with its newline, and a record {most} at most"
            );
            return Err(Refused::Failed(failure(ErrorClass::TooLarge, "", &message)));
        }
        let owner = Owner {
            mailbox: u32::try_from(mailbox.number()).unwrap_or(u32::MAX),
            ticket: record.ticket,
        };
        let mut state = lock(&self.shared.state);
        let Some(is_news) = state.push(record.destination, record.payload, owner) else {
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
        let has_events = || lock(&self.shared.state).has_events();
        while has_events() && begun.elapsed() < within {
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
