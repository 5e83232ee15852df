//! Events on their way: what a client of a message service is given, what it gives back, and how the
//! connection that waits for it is woken. A client (`Publisher`) is shared by all connections of a
//! process and works on threads of its own; `way::EventSink` makes a [`crate::sink::Sink`] of it.

use std::fmt;
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::PoisonError;
use std::task::Context;
use std::task::Waker;
use std::time::Duration;
use std::time::Instant;

use crate::measure::FaultCounts;
use crate::sink::Failure;
use crate::sink::Ticket;

pub(crate) mod aborted;
pub(crate) mod avro;
pub mod book;
pub(crate) mod json;
pub(crate) mod kept;
pub(crate) mod trace;
pub mod way;

/// A record to send. What it borrows is copied before [`Publisher::publish`] returns.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Record<'a> {
    /// The topic or stream.
    pub(crate) destination: &'a Arc<str>,
    /// What decides its partition, and so what it is kept in order with; none: anywhere.
    pub(crate) key: Option<&'a [u8]>,
    /// One event, without a newline behind it.
    pub(crate) payload: &'a [u8],
    /// Names and values that travel beside it, where the service knows such a thing.
    pub(crate) headers: &'a [(&'static str, &'a str)],
    /// The event's own time, in milliseconds since 1970.
    pub(crate) at_ms: i64,
    /// What its [`Delivery`] names it by: unique among those in flight for one mailbox.
    pub(crate) ticket: Ticket,
    /// Whether it is also sent in a transaction that is aborted, where the service has such things.
    pub(crate) is_aborted: bool,
}

/// What became of a record. Each record that was taken has exactly one, however long it takes.
#[derive(Debug)]
pub(crate) struct Delivery {
    /// Which.
    pub(crate) ticket: Ticket,
    /// The service has acknowledged it, or it was given up: after all retries, for that reason. Hardly any
    /// is, so that none should have the size of a reason.
    pub(crate) result: Result<(), Box<Failure>>,
    /// When that was known.
    pub(crate) at: Instant,
    /// Whether it may be there twice: it was sent again after a call of which nobody knows what became.
    pub(crate) is_repeated: bool,
}

/// Why a record was not taken. There will be no [`Delivery`] for it.
#[derive(Debug)]
pub(crate) enum Refused {
    /// There is no room: the service is slower than we are. The mailbox's owner is woken
    /// ([`Mailbox::wake`]) once there is, and publishes the same record again.
    Full,
    /// It can never be sent.
    Failed(Failure),
}

/// A client of a message service: takes records without waiting, gathers them, sends them, and tries
/// again what is worth it. One for each target, shared by all connections.
pub(crate) trait Publisher: fmt::Debug + Send + Sync {
    /// A mailbox for one of the connections that publish here.
    fn open(&self) -> Arc<Mailbox> {
        Arc::default()
    }

    /// Takes a record, to be sent soon. What becomes of it is told to `mailbox`, which
    /// this client opened. Records of one key
    /// are kept in the order in which they are taken, as far as the service can.
    fn publish(&self, record: &Record<'_>, mailbox: &Arc<Mailbox>) -> Result<(), Refused>;

    /// Nothing more comes from one of the connections for now: what lingers is sent at once. Does
    /// not wait.
    fn hurry(&self);

    /// Waits until all that was taken has its delivery, at most for so long. Called once, at the end of
    /// the run, by a thread that may block; what has none by then never gets one.
    fn close(&self, within: Duration);

    /// What it has done so far, by destination.
    fn traffic(&self) -> Vec<Traffic>;
}

/// What went to one destination, as the client counts it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Traffic {
    /// The topic or stream.
    pub(crate) destination: String,
    /// Requests that were answered, also those that the service throttled; 0 where the client does
    /// not tell them apart by destination.
    pub(crate) calls: u64,
    /// Requests, or records of them, that the service refused because there were too many.
    pub(crate) throttled: u64,
    /// Events that were sent again after a call whose fate is unknown: so many may be there twice.
    pub(crate) repeated: u64,
    /// Events that were also sent in transactions which were then aborted.
    pub(crate) aborted: u64,
    /// Events that had a fault on purpose.
    pub(crate) faults: FaultCounts,
}

/// Where deliveries are left for a connection: by the client's threads, picked up by the worker's.
#[derive(Debug, Default)]
pub(crate) struct Mailbox {
    number: usize,
    inner: Mutex<Inner>,
}

#[derive(Debug, Default)]
struct Inner {
    deliveries: Vec<Delivery>,
    /// Whether there is room again for what was refused.
    has_room: bool,
    waker: Option<Waker>,
}

impl Mailbox {
    /// The one of this number among those of a client.
    pub(crate) fn numbered(number: usize) -> Self {
        Self { number, inner: Mutex::default() }
    }

    /// Its number among those of its client, where the client counts them.
    pub(crate) fn number(&self) -> usize {
        self.number
    }

    /// Leaves deliveries, and wakes the owner if it waits.
    pub(crate) fn deliver_all(&self, deliveries: &mut Vec<Delivery>) {
        let mut inner = self.inner.lock().unwrap_or_else(PoisonError::into_inner);
        if inner.deliveries.is_empty() {
            std::mem::swap(&mut inner.deliveries, deliveries);
        } else {
            inner.deliveries.append(deliveries);
        }
        let waker = inner.waker.take();
        drop(inner);
        if let Some(waker) = waker {
            waker.wake();
        }
    }

    /// Tells the owner, whose record was refused because there was no room, that there is room.
    pub(crate) fn wake(&self) {
        let mut inner = self.inner.lock().unwrap_or_else(PoisonError::into_inner);
        inner.has_room = true;
        let waker = inner.waker.take();
        drop(inner);
        if let Some(waker) = waker {
            waker.wake();
        }
    }

    /// Takes all deliveries, in exchange for an empty list. The task is woken when there are more.
    /// Returns whether there is room again for what was refused.
    pub(crate) fn poll(&self, context: &mut Context<'_>, deliveries: &mut Vec<Delivery>) -> bool {
        let mut inner = self.inner.lock().unwrap_or_else(PoisonError::into_inner);
        if !inner.waker.as_ref().is_some_and(|waker| waker.will_wake(context.waker())) {
            inner.waker = Some(context.waker().clone());
        }
        std::mem::swap(&mut inner.deliveries, deliveries);
        std::mem::take(&mut inner.has_room)
    }
}
