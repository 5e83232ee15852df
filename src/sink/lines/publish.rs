//! Files as a message service: events are records, and each record is a line.

use std::sync::Arc;
use std::sync::Mutex;
use std::sync::PoisonError;
use std::sync::atomic::AtomicBool;
use std::sync::atomic::AtomicUsize;
use std::sync::atomic::Ordering;
use std::time::Duration;

use crate::measure::ErrorClass;
use crate::sink::Failure;
use crate::sink::event::Mailbox;
use crate::sink::event::Publisher;
use crate::sink::event::Record;
use crate::sink::event::Refused;
use crate::sink::event::Traffic;
use crate::sink::lines::writer::LineSender;
use crate::sink::lines::writer::Parcel;
use crate::sink::lines::writer::Reply;

/// Bytes of events that may be under way.
const ROOM: usize = 8 << 20;

/// The way of events into a target's files, for all connections.
#[derive(Debug)]
pub(crate) struct LinesPublisher {
    sender: LineSender,
    /// Their paths, in the order of the files.
    paths: Vec<String>,
    room: Arc<Room>,
}

/// How much is under way, and who waits until it is less.
#[derive(Debug, Default)]
pub(super) struct Room {
    bytes: AtomicUsize,
    waiting: Mutex<Vec<Arc<Mailbox>>>,
    is_waited_for: AtomicBool,
}

impl Room {
    fn is_full(&self) -> bool {
        self.bytes.load(Ordering::Acquire) >= ROOM
    }

    /// The owner of a mailbox is to be woken when there is room.
    fn wait(&self, mailbox: &Arc<Mailbox>) {
        let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        waiting.push(Arc::clone(mailbox));
        self.is_waited_for.store(true, Ordering::Release);
    }

    /// So many bytes are not under way any more.
    pub(super) fn leave(&self, bytes: usize) {
        self.bytes.fetch_sub(bytes, Ordering::AcqRel);
        if !self.is_full() && self.is_waited_for.swap(false, Ordering::AcqRel) {
            let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
            let all = std::mem::take(&mut *waiting);
            drop(waiting);
            for mailbox in all {
                mailbox.wake();
            }
        }
    }
}

impl LinesPublisher {
    /// Into files of these paths.
    pub(crate) fn new(sender: LineSender, paths: Vec<String>) -> Self {
        Self { sender, paths, room: Arc::default() }
    }
}

impl Publisher for LinesPublisher {
    fn publish(&self, record: &Record<'_>, mailbox: &Arc<Mailbox>) -> Result<(), Refused> {
        let file = self.paths.iter().position(|path| **path == **record.destination);
        let Some(file) = file else {
            let message = format!("`{}` is no file of this run", record.destination);
            let (class, code) = (ErrorClass::Other, String::new());
            return Err(Refused::Failed(Failure { class, code, message, is_doubtful: false }));
        };
        if self.room.is_full() {
            self.room.wait(mailbox);
            // All may have left just before it was noted who waits.
            if self.room.is_full() {
                return Err(Refused::Full);
            }
        }
        let mut line = Vec::with_capacity(record.payload.len() + 1);
        line.extend_from_slice(record.payload);
        line.push(b'\n');
        self.room.bytes.fetch_add(line.len(), Ordering::AcqRel);
        let reply = Reply::Mailbox(Arc::clone(mailbox), record.ticket, Arc::clone(&self.room));
        self.sender.send(Parcel { blocks: vec![(file, line)], reply });
        Ok(())
    }

    fn hurry(&self) {}

    fn close(&self, _: Duration) {
        // The files are ended with those of rows.
    }

    fn traffic(&self) -> Vec<Traffic> {
        Vec::new()
    }
}
