//! Records between the connections, which never wait, and the thread that sends them, which does.

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::Condvar;
use std::sync::Mutex;
use std::sync::PoisonError;
use std::time::Duration;
use std::time::Instant;

use crate::sink::event::Mailbox;
use crate::sink::event::Refused;
use crate::sink::kafka::lock;
use crate::sink::kafka::transactions::Uncommitted;

/// How long is waited at most before it is looked whether all is over.
const LOOK: Duration = Duration::from_millis(100);

/// Records that wait, in the order in which they came.
pub(super) struct Queue {
    inner: Mutex<Inner>,
    news: Condvar,
}

struct Inner {
    waiting: VecDeque<Uncommitted>,
    /// Records whose transaction is open.
    under_way: usize,
    /// How many of both there may be.
    most: usize,
    /// Who waits for room.
    mailboxes: Vec<Arc<Mailbox>>,
    /// Whether the open transaction is to end now.
    is_hurried: bool,
    /// Set once nothing more comes: until when what is left may take.
    closes_at: Option<Instant>,
}

impl Queue {
    /// For so many records.
    pub(super) fn new(most: usize) -> Self {
        let inner = Inner {
            waiting: VecDeque::new(),
            under_way: 0,
            most: most.max(1),
            mailboxes: Vec::new(),
            is_hurried: false,
            closes_at: None,
        };
        Self { inner: Mutex::new(inner), news: Condvar::new() }
    }

    /// Takes a record, if there is room; else its mailbox is woken once there is.
    pub(super) fn put(
        &self,
        mailbox: &Arc<Mailbox>,
        record: impl FnOnce() -> Uncommitted,
    ) -> Result<(), Refused> {
        let mut inner = lock(&self.inner);
        if inner.waiting.len() + inner.under_way >= inner.most {
            inner.mailboxes.push(Arc::clone(mailbox));
            return Err(Refused::Full);
        }
        inner.waiting.push_back(record());
        let is_first = inner.waiting.len() == 1;
        drop(inner);
        if is_first {
            self.news.notify_one();
        }
        Ok(())
    }

    /// Waits until there is a record; or returns false if none will come.
    pub(super) fn wait_for_first(&self) -> bool {
        let mut inner = lock(&self.inner);
        loop {
            if !inner.waiting.is_empty() {
                return true;
            }
            // What was hurried has gone.
            inner.is_hurried = false;
            if inner.closes_at.is_some() {
                return false;
            }
            let waited = self.news.wait_timeout(inner, LOOK);
            inner = waited.unwrap_or_else(PoisonError::into_inner).0;
        }
    }

    /// Takes some records for the open transaction; waits for them. None if it is to be committed: when that
    /// time has come, there is no room in it, or nothing more is to be waited for.
    pub(super) fn take(&self, room: usize, until: Instant) -> Vec<Uncommitted> {
        if room == 0 {
            return Vec::new();
        }
        let mut inner = lock(&self.inner);
        loop {
            let count = inner.waiting.len().min(room);
            let now = Instant::now();
            if count > 0 && now < until {
                inner.under_way += count;
                return inner.waiting.drain(..count).collect();
            }
            if now >= until || inner.is_hurried || inner.closes_at.is_some() {
                return Vec::new();
            }
            let waited = self.news.wait_timeout(inner, LOOK.min(until - now));
            inner = waited.unwrap_or_else(PoisonError::into_inner).0;
        }
    }

    /// So many records have come to their end: whoever waits for room is told.
    pub(super) fn leave(&self, count: usize) {
        let mut inner = lock(&self.inner);
        inner.under_way = inner.under_way.saturating_sub(count);
        let mailboxes = std::mem::take(&mut inner.mailboxes);
        drop(inner);
        for mailbox in mailboxes {
            mailbox.wake();
        }
    }

    /// What is there is committed soon.
    pub(super) fn hurry(&self) {
        lock(&self.inner).is_hurried = true;
        self.news.notify_one();
    }

    /// Nothing more comes, and what is left may take until then.
    pub(super) fn close(&self, until: Instant) {
        lock(&self.inner).closes_at = Some(until);
        self.news.notify_one();
    }

    /// Until when what is left may take, once nothing more comes.
    pub(super) fn closes_at(&self) -> Option<Instant> {
        lock(&self.inner).closes_at
    }

    /// Whether the time for what was left is over.
    pub(super) fn is_given_up(&self) -> bool {
        self.closes_at().is_some_and(|closes_at| Instant::now() > closes_at)
    }
}
