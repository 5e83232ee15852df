//! A copy of a record that cannot be sent at once.

use std::sync::Arc;

use crate::sink::Ticket;
use crate::sink::event::Record;

/// A record that waits: for room, for its time, or for its transaction to be committed.
#[derive(Debug)]
pub(crate) struct OwnedRecord {
    pub(crate) topic: Arc<str>,
    pub(crate) key: Option<Box<[u8]>>,
    pub(crate) payload: Box<[u8]>,
    pub(crate) headers: Vec<(&'static str, String)>,
    pub(crate) at_ms: i64,
    pub(crate) ticket: Ticket,
    pub(crate) is_aborted: bool,
}

impl OwnedRecord {
    /// A copy of what a record borrows.
    pub(crate) fn of(record: &Record<'_>) -> Self {
        let headers = record.headers.iter().map(|(name, value)| (*name, (*value).to_owned()));
        Self {
            topic: Arc::clone(record.destination),
            key: record.key.map(Box::from),
            payload: Box::from(record.payload),
            headers: headers.collect(),
            at_ms: record.at_ms,
            ticket: record.ticket,
            is_aborted: record.is_aborted,
        }
    }

    /// The record again, for as long as `each` takes.
    pub(crate) fn with<T>(&self, each: impl FnOnce(&Record<'_>) -> T) -> T {
        let headers: Vec<_> =
            self.headers.iter().map(|(name, value)| (*name, value.as_str())).collect();
        each(&Record {
            destination: &self.topic,
            key: self.key.as_deref(),
            payload: &self.payload,
            headers: &headers,
            at_ms: self.at_ms,
            ticket: self.ticket,
            is_aborted: self.is_aborted,
        })
    }
}
