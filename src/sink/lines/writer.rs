//! The thread that writes a target's files: it takes what connections have rendered, compresses it, and gives
//! it to the operating system; then it is acknowledged. What comes while it writes is written together.

use std::io;
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::PoisonError;
use std::sync::mpsc;
use std::sync::mpsc::Receiver;
use std::sync::mpsc::Sender;
use std::sync::mpsc::SyncSender;
use std::task::Context;
use std::task::Waker;
use std::time::Duration;
use std::time::Instant;

use crate::measure::ErrorClass;
use crate::sink::Failure;
use crate::sink::Ticket;
use crate::sink::event::Delivery;
use crate::sink::event::Mailbox;
use crate::sink::lines::file::Before;
use crate::sink::lines::file::Broken;
use crate::sink::lines::file::Outlet;
use crate::sink::lines::file::Wanted;
use crate::sink::lines::publish::Room;

/// Bytes that are written together, at most, but for the last piece.
const TOGETHER: usize = 1 << 20;
/// How long the end may take where nobody waits for it.
const DROPPED: Duration = Duration::from_secs(2);

/// Lines for some files, and who is told what became of them: all of them, or none.
#[derive(Debug)]
pub(super) struct Parcel {
    /// By the number of the file.
    pub(super) blocks: Vec<(usize, Vec<u8>)>,
    pub(super) reply: Reply,
}

/// Who is told.
#[derive(Debug)]
pub(super) enum Reply {
    /// A connection, of these actions.
    Desk(Arc<Desk>, Vec<Ticket>),
    /// A connection's mailbox, of this record.
    Mailbox(Arc<Mailbox>, Ticket, Arc<Room>),
    /// Whoever waits.
    Channel(SyncSender<Result<(), Failure>>),
}

/// What became of a connection's actions.
#[derive(Debug)]
pub(super) struct Done {
    pub(super) tickets: Vec<Ticket>,
    /// Bytes that they came to.
    pub(super) bytes: usize,
    pub(super) result: Result<(), Failure>,
    /// When that was known.
    pub(super) at: Instant,
}

/// Where that is left for a connection.
#[derive(Debug, Default)]
pub(super) struct Desk {
    left: Mutex<(Vec<Done>, Option<Waker>)>,
}

impl Desk {
    fn leave(&self, done: Done) {
        let mut left = self.left.lock().unwrap_or_else(PoisonError::into_inner);
        left.0.push(done);
        let waker = left.1.take();
        drop(left);
        if let Some(waker) = waker {
            waker.wake();
        }
    }

    /// Takes all that is there, in exchange for an empty list. The task is woken when there is more.
    pub(super) fn poll(&self, context: &mut Context<'_>, done: &mut Vec<Done>) {
        let mut left = self.left.lock().unwrap_or_else(PoisonError::into_inner);
        if !left.1.as_ref().is_some_and(|waker| waker.will_wake(context.waker())) {
            left.1 = Some(context.waker().clone());
        }
        std::mem::swap(&mut left.0, done);
    }
}

#[derive(Debug)]
enum Order {
    Write(Parcel),
    Close(SyncSender<Result<(), Broken>>),
}

/// The way to a target's files.
#[derive(Debug, Clone)]
pub(crate) struct LineSender {
    orders: Sender<Order>,
}

impl LineSender {
    /// Hands lines over.
    pub(super) fn send(&self, parcel: Parcel) {
        if let Err(mpsc::SendError(Order::Write(parcel))) = self.orders.send(Order::Write(parcel)) {
            parcel.settle(&Err(ended()));
        }
    }

    /// Hands lines over that nobody's action sends, and tells what became of them in time.
    pub(crate) fn write(&self, blocks: Vec<(usize, Vec<u8>)>) -> Receiver<Result<(), Failure>> {
        let (reply, told) = mpsc::sync_channel(1);
        self.send(Parcel { blocks, reply: Reply::Channel(reply) });
        told
    }
}

fn ended() -> Failure {
    let message = "the files are closed".to_owned();
    Failure { class: ErrorClass::Other, code: String::new(), message, is_doubtful: false }
}

/// Writes a target's files, until it is closed or dropped.
#[derive(Debug)]
pub(crate) struct LineWriter {
    sender: LineSender,
}

impl LineWriter {
    /// Makes the files, none of which may be there. `broken` is told once, before anybody else, if something
    /// cannot be written later: then nothing is any more.
    pub(crate) fn start(
        wanted: &[Wanted],
        broken: impl Fn(&str) + Send + 'static,
    ) -> Result<Self, Broken> {
        let outlets = wanted.iter().map(Outlet::open).collect::<Result<Vec<_>, _>>()?;
        let (orders, taken) = mpsc::channel();
        let mut work = Work { outlets, failure: None, broken: Box::new(broken) };
        let thread = std::thread::Builder::new().name("lines".to_owned());
        let started = thread.spawn(move || work.work(&taken));
        started.map_err(|error| Broken { path: "the files".to_owned(), error })?;
        Ok(Self { sender: LineSender { orders } })
    }

    /// The way there.
    pub(crate) fn sender(&self) -> LineSender {
        self.sender.clone()
    }

    /// Writes what belongs to the ends of the files. What could not be written before has been told.
    pub(crate) fn close(&self, within: Duration) -> Result<(), Broken> {
        let (reply, told) = mpsc::sync_channel(1);
        if self.sender.orders.send(Order::Close(reply)).is_err() {
            // It is closed.
            return Ok(());
        }
        told.recv_timeout(within).unwrap_or_else(|_| {
            let error = io::Error::new(io::ErrorKind::TimedOut, "nobody takes it");
            Err(Broken { path: "the last lines".to_owned(), error })
        })
    }
}

impl Drop for LineWriter {
    fn drop(&mut self) {
        let _ = self.close(DROPPED);
    }
}

/// The thread.
struct Work {
    outlets: Vec<Outlet>,
    /// Set once something could not be written.
    failure: Option<Failure>,
    broken: Box<dyn Fn(&str) + Send>,
}

impl Work {
    fn work(&mut self, orders: &Receiver<Order>) {
        while let Ok(order) = orders.recv() {
            let (mut parcels, mut closing, mut size) = (Vec::new(), None, 0);
            let mut next = Some(order);
            while let Some(order) = next.take() {
                match order {
                    Order::Write(parcel) => {
                        size += parcel.size();
                        parcels.push(parcel);
                    }
                    Order::Close(reply) => closing = Some(reply),
                }
                if closing.is_none() && size < TOGETHER {
                    next = orders.try_recv().ok();
                }
            }
            let result = self.write(&parcels);
            for parcel in parcels {
                parcel.settle(&result);
            }
            if let Some(reply) = closing {
                let _ = reply.send(self.end());
                return;
            }
        }
        let _ = self.end();
    }

    /// Writes all parcels, or none.
    fn write(&mut self, parcels: &[Parcel]) -> Result<(), Failure> {
        if let Some(failure) = &self.failure {
            return Err(failure.clone());
        }
        let mut before = Vec::new();
        let Err(broken) = self.try_write(parcels, &mut before) else { return Ok(()) };
        self.outlets.iter_mut().for_each(Outlet::shut);
        before.iter().rev().for_each(Before::restore);
        let failure = failure(&broken);
        (self.broken)(&failure.message);
        self.failure = Some(failure.clone());
        Err(failure)
    }

    fn try_write(&mut self, parcels: &[Parcel], before: &mut Vec<Before>) -> Result<(), Broken> {
        for (file, lines) in parcels.iter().flat_map(|parcel| &parcel.blocks) {
            self.outlets[*file].take(lines, before)?;
        }
        self.outlets.iter_mut().try_for_each(Outlet::flush)
    }

    fn end(&mut self) -> Result<(), Broken> {
        let mut ends = self.outlets.iter_mut().map(Outlet::end);
        let first = ends.by_ref().find(Result::is_err);
        ends.for_each(drop);
        first.unwrap_or(Ok(()))
    }
}

impl Parcel {
    fn size(&self) -> usize {
        self.blocks.iter().map(|(_, lines)| lines.len()).sum()
    }

    fn settle(self, result: &Result<(), Failure>) {
        let bytes = self.size();
        let result = result.clone();
        match self.reply {
            Reply::Desk(desk, tickets) => {
                desk.leave(Done { tickets, bytes, result, at: Instant::now() });
            }
            Reply::Mailbox(mailbox, ticket, room) => {
                let result = result.map_err(Box::new);
                mailbox.deliver_all(&mut vec![Delivery {
                    ticket,
                    result,
                    at: Instant::now(),
                    is_repeated: false,
                }]);
                room.leave(bytes);
            }
            // Whoever does not wait need not know.
            Reply::Channel(reply) => drop(reply.send(result)),
        }
    }
}

fn failure(Broken { path, error }: &Broken) -> Failure {
    let class = match error.kind() {
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => ErrorClass::DiskFull,
        io::ErrorKind::PermissionDenied | io::ErrorKind::ReadOnlyFilesystem => {
            ErrorClass::Privilege
        }
        io::ErrorKind::BrokenPipe => ErrorClass::Connection,
        _ => ErrorClass::Other,
    };
    let code = error.raw_os_error().map(|code| format!("os{code}")).unwrap_or_default();
    let message = format!("`{path}` could not be written: {error}");
    Failure { class, code, message, is_doubtful: false }
}
