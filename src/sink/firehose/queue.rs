//! Records on their way to one stream: gathered, taken out as batches, and put back to be tried again.
//! No clock and no network; the time is given.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::collections::VecDeque;
use std::time::Duration;
use std::time::Instant;

use smallvec::SmallVec;

use crate::sink::Ticket;
use crate::sink::firehose::limit::Cost;

/// Records of a call, at most.
const RECORDS_MAX: usize = 500;
/// Bytes of a call, at most, before base64.
const CALL_BYTES_MAX: usize = 4 * 1_024 * 1_024;
/// So many records of so many bytes leave their memory to others, at most: 8 MB.
const SPARE_MAX: usize = 1 << 13;
const SPARE_BYTES_MAX: usize = 1 << 10;

/// Whom to tell what became of an event.
#[derive(Debug, Clone, Copy)]
pub(super) struct Owner {
    /// The number of its mailbox.
    pub(super) mailbox: u32,
    pub(super) ticket: Ticket,
}

/// A record: one event or several, each with a newline behind it.
#[derive(Debug)]
pub(super) struct Waiting {
    pub(super) data: Vec<u8>,
    pub(super) owners: SmallVec<[Owner; 1]>,
    /// When its first event was taken.
    pub(super) since: Instant,
    /// When it was sent first.
    pub(super) sent: Option<Instant>,
    /// How often it was sent.
    pub(super) tries: u32,
    /// Whether one of these times it may have been stored.
    pub(super) is_doubtful: bool,
}

/// A record that is tried again.
#[derive(Debug)]
struct Retry {
    due: Instant,
    /// Those of one moment keep their order.
    number: u64,
    waiting: Waiting,
}

impl PartialEq for Retry {
    fn eq(&self, other: &Self) -> bool {
        (self.due, self.number) == (other.due, other.number)
    }
}

impl Eq for Retry {}

impl PartialOrd for Retry {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Retry {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        (self.due, self.number).cmp(&(other.due, other.number))
    }
}

/// How records are gathered.
#[derive(Debug, Clone, Copy)]
pub(super) struct Gathering {
    /// Events in a record, at most.
    pub(super) pack: usize,
    /// Bytes of a record, at most, before base64.
    pub(super) record_bytes_max: usize,
    /// How long an event waits for others.
    pub(super) linger: Duration,
}

/// Records on their way to one stream.
#[derive(Debug)]
pub(super) struct Queue {
    gathering: Gathering,
    /// The record that events are still added to.
    open: Option<Waiting>,
    fresh: VecDeque<Waiting>,
    fresh_bytes: usize,
    retries: BinaryHeap<Reverse<Retry>>,
    retry_count: u64,
    /// Nothing waits for others any more.
    is_hurried: bool,
    /// The memory of records that are settled, for the next ones.
    spare: Vec<Vec<u8>>,
}

/// What to do now.
#[derive(Debug)]
pub(super) enum Next {
    /// Send this.
    Batch(Vec<Waiting>),
    /// Nothing before this time.
    At(Instant),
    /// There is room for less than is worth a call.
    NoRoom,
    /// Nothing is there.
    Empty,
}

impl Queue {
    pub(super) fn new(gathering: Gathering) -> Self {
        Self {
            gathering,
            open: None,
            fresh: VecDeque::new(),
            fresh_bytes: 0,
            retries: BinaryHeap::new(),
            retry_count: 0,
            is_hurried: false,
            spare: Vec::new(),
        }
    }

    /// A record is settled: its memory may be that of another one.
    pub(super) fn reuse(&mut self, mut data: Vec<u8>) {
        if self.spare.len() < SPARE_MAX && data.capacity() <= SPARE_BYTES_MAX {
            data.clear();
            self.spare.push(data);
        }
    }

    /// Takes an event. Returns whether somebody should look at the queue: it was empty, or a call is
    /// full now.
    pub(super) fn push(&mut self, event: &[u8], owner: Owner, now: Instant) -> bool {
        let was_empty = !self.has_fresh();
        let was_full = self.is_full();
        let length = event.len() + 1;
        let most = self.gathering.record_bytes_max;
        if self.open.as_ref().is_some_and(|open| open.data.len() + length > most) {
            self.close_open();
        }
        let spare = &mut self.spare;
        let open = self.open.get_or_insert_with(|| Waiting {
            data: spare.pop().unwrap_or_default(),
            owners: SmallVec::new(),
            since: now,
            sent: None,
            tries: 0,
            is_doubtful: false,
        });
        open.data.reserve(length);
        open.data.extend_from_slice(event);
        open.data.push(b'\n');
        open.owners.push(owner);
        if open.owners.len() >= self.gathering.pack {
            self.close_open();
        }
        was_empty || !was_full && self.is_full()
    }

    /// Whether something waits that was never sent.
    pub(super) fn has_fresh(&self) -> bool {
        self.open.is_some() || !self.fresh.is_empty()
    }

    /// What waits is sent at once, for now.
    pub(super) fn hurry(&mut self) {
        self.is_hurried = true;
    }

    /// Puts records back that are to be sent again at this time.
    pub(super) fn put_back(&mut self, waiting: Waiting, due: Instant) {
        self.retry_count += 1;
        self.retries.push(Reverse(Retry { due, number: self.retry_count, waiting }));
    }

    /// What to do now. `call_max` is what one call should have, `room` what it may have.
    pub(super) fn next(&mut self, now: Instant, call_max: Cost, room: Cost) -> Next {
        if let Err(at) = self.ready(now) {
            return at.map_or(Next::Empty, Next::At);
        }
        self.close_open();
        let wanted = Cap::of(call_max);
        let room = Cap::of(room);
        let cap =
            Cap { records: wanted.records.min(room.records), bytes: wanted.bytes.min(room.bytes) };
        if cap.is_less_than_half_of(self.wanted(wanted)) {
            return Next::NoRoom;
        }
        let batch = self.take(now, cap, room);
        if self.fresh.is_empty() {
            self.is_hurried = false;
        }
        if batch.is_empty() { Next::NoRoom } else { Next::Batch(batch) }
    }

    /// Whether something is to be sent now; otherwise when, if ever.
    fn ready(&self, now: Instant) -> Result<(), Option<Instant>> {
        let retry = self.retries.peek().map(|Reverse(retry)| retry.due);
        let first = self.fresh.front().or(self.open.as_ref()).map(|waiting| {
            if self.is_hurried || self.is_full() {
                now
            } else {
                waiting.since + self.gathering.linger
            }
        });
        match [retry, first].into_iter().flatten().min() {
            Some(due) if due <= now => Ok(()),
            due => Err(due),
        }
    }

    fn is_full(&self) -> bool {
        self.fresh.len() >= RECORDS_MAX || self.fresh_bytes >= CALL_BYTES_MAX
    }

    /// What a call would have if there were room. Retries are not counted: they are few.
    fn wanted(&self, most: Cap) -> Cap {
        Cap { records: self.fresh.len().min(most.records), bytes: self.fresh_bytes.min(most.bytes) }
    }

    /// Takes records out: those that are tried again first. One record may always go, if it has room.
    fn take(&mut self, now: Instant, cap: Cap, room: Cap) -> Vec<Waiting> {
        let mut batch = Vec::new();
        let mut bytes = 0;
        let fits = |count: usize, bytes: usize, length: usize| {
            if count == 0 {
                length <= room.bytes
            } else {
                count < cap.records && bytes + length <= cap.bytes
            }
        };
        while let Some(Reverse(retry)) = self.retries.peek()
            && retry.due <= now
            && fits(batch.len(), bytes, retry.waiting.data.len())
            && let Some(Reverse(retry)) = self.retries.pop()
        {
            bytes += retry.waiting.data.len();
            batch.push(retry.waiting);
        }
        // One that waits for more room must not wait for ever, because others take what there is.
        if batch.is_empty() && self.retries.peek().is_some_and(|Reverse(retry)| retry.due <= now) {
            return batch;
        }
        while let Some(first) = self.fresh.front()
            && fits(batch.len(), bytes, first.data.len())
            && let Some(first) = self.fresh.pop_front()
        {
            bytes += first.data.len();
            self.fresh_bytes -= first.data.len();
            batch.push(first);
        }
        batch
    }

    fn close_open(&mut self) {
        if let Some(open) = self.open.take() {
            self.fresh_bytes += open.data.len();
            self.fresh.push_back(open);
        }
    }
}

/// Limits of one call.
#[derive(Debug, Clone, Copy)]
struct Cap {
    records: usize,
    bytes: usize,
}

impl Cap {
    fn of(cost: Cost) -> Self {
        Self {
            records: usize::try_from(cost.records).unwrap_or(usize::MAX).min(RECORDS_MAX),
            bytes: usize::try_from(cost.bytes).unwrap_or(usize::MAX).min(CALL_BYTES_MAX),
        }
    }

    fn is_less_than_half_of(self, wanted: Self) -> bool {
        self.records < wanted.records / 2 || self.bytes < wanted.bytes / 2
    }
}
