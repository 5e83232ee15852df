//! Where actions go. Knows no generator: what it gets are [`Action`]s, what it gives are outcomes.

use std::fmt::Debug;
use std::fmt::Formatter;
use std::future::Future;
use std::future::ready;
use std::rc::Rc;
use std::task::Context;
use std::task::Poll;
use std::time::Duration;

use crate::action::Action;
use crate::measure::ErrorClass;

pub mod discard;
pub mod event;
pub(crate) mod firehose;
pub(crate) mod http;
pub(crate) mod kafka;
pub mod lines;
pub mod postgres;

/// Names an action in flight: chosen by the caller, unique among those in flight on one sink.
pub type Ticket = u32;

/// One connection's way to a destination. Owned by one task; never shared.
///
/// Actions are submitted without waiting, and settle in the order of submission. When the way is
/// lost, nothing is known of the actions in flight: [`Sink::recover`] makes a new way on which none
/// of them can take effect any more, [`Sink::resolve`] then finds out about each, and after
/// [`Sink::prepare`] the way takes actions again. The first way is made alike.
pub trait Sink {
    /// Whether one more action may be submitted now.
    fn has_room(&self) -> bool;

    /// Takes an action. Only buffers; [`Sink::poll`] sends.
    fn submit(&mut self, ticket: Ticket, action: &Action) -> Receipt;

    /// Sends and receives. Ready when at least one outcome was added, or when the way is lost.
    /// Must be polled again after each `submit`.
    fn poll(
        &mut self,
        context: &mut Context<'_>,
        outcomes: &mut Vec<Outcome>,
    ) -> Poll<Result<(), Lost>>;

    /// Sends what was submitted as far as that takes no waiting, sooner than [`Sink::poll`] would. A way
    /// that is lost shows there.
    fn send(&mut self) {}

    /// Sends what it holds back on purpose before its time, but for so many at most.
    fn release(&mut self, _keep: usize) {}

    /// Makes a new way, once. On it, nothing that was in flight can still take effect. May be
    /// called again after an error.
    fn recover(&mut self) -> impl Future<Output = Result<(), Lost>>;

    /// After [`Sink::recover`]: what became of an action that was in flight; or, with a ticket that
    /// was not, of one that was acknowledged. May be repeated.
    fn resolve(
        &mut self,
        ticket: Ticket,
        action: &Action,
    ) -> impl Future<Output = Result<Fate, Lost>>;

    /// Before the first [`Sink::recover`]: a process that is no more had an action in flight, and its ways
    /// are gone. [`Sink::resolve`] finds out about it as if it had been in flight here.
    fn inherit(&mut self, _ticket: Ticket, _left: Left) {}

    /// Asks to be told the numbers of transactions.
    fn tell_numbers(&mut self, _to: Numbers) {}

    /// For how long a crash of the destination may take back what it has acknowledged; `None` if
    /// it never does.
    fn lossy_for(&self) -> Option<Duration> {
        None
    }

    /// After [`Sink::recover`]: whether the destination has crashed or was restarted since the way
    /// before.
    fn has_crashed(&self) -> bool {
        false
    }

    /// Waits until a crash of the destination cannot take back any more what it has acknowledged.
    /// Only when nothing is in flight. After an error begin again with `recover`.
    fn make_durable(&mut self) -> impl Future<Output = Result<(), Lost>> {
        ready(Ok(()))
    }

    /// After [`Sink::recover`], and when everything is resolved: makes the way ready for actions.
    /// After an error begin again with `recover`.
    fn prepare(&mut self) -> impl Future<Output = Result<(), Lost>> {
        ready(Ok(()))
    }

    /// Takes leave in good order. What is in flight is given up.
    fn close(&mut self) -> impl Future<Output = ()>;
}

/// What is known of an action when it has been taken.
#[derive(Debug, Clone, Copy, Default)]
pub struct Receipt {
    /// How many bytes it comes to.
    pub bytes: u64,
    /// What must stand in [`Action::horizon`] when [`Sink::resolve`] is asked about it.
    pub horizon: u64,
    /// Whether its COMMIT waits until its transaction's number is known.
    pub is_numbered: bool,
}

/// What a process that is no more has left of an action: how it was sent.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Left {
    /// See [`Receipt::is_numbered`].
    pub is_numbered: bool,
    /// Its transaction's number, if it was told. If that was asked for and is not known, COMMIT was never
    /// sent.
    pub number: Option<u64>,
}

/// Is told the number of an action's transaction before its COMMIT is sent, so that somebody else may ask
/// for its fate.
#[derive(Clone)]
pub struct Numbers(Rc<dyn Fn(Ticket, u64)>);

impl Numbers {
    /// Calls `note` with each.
    pub fn new(note: impl Fn(Ticket, u64) + 'static) -> Self {
        Self(Rc::new(note))
    }

    fn note(&self, ticket: Ticket, number: u64) {
        (self.0)(ticket, number);
    }
}

impl Debug for Numbers {
    fn fmt(&self, formatter: &mut Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("Numbers").finish_non_exhaustive()
    }
}

/// What became of one action.
#[derive(Debug)]
pub struct Outcome {
    /// Which.
    pub ticket: Ticket,
    /// Committed, with the operations (by index) that changed another number of rows than they
    /// should have; or refused as a whole.
    pub result: Result<Vec<(u32, u32)>, Failure>,
    /// Of an action whose events were refused in part: the operations (by index) that were refused; all of
    /// them if none stands here.
    pub refused: Vec<u32>,
    /// For how long this was known before it was picked up.
    pub waited_ns: u64,
    /// Of events: whether what was sent may be there twice, since it was sent again after a call of which nobody
    /// knows what became.
    pub is_repeated: bool,
}

impl Outcome {
    /// What became of a whole action, just now.
    pub fn new(ticket: Ticket, result: Result<Vec<(u32, u32)>, Failure>) -> Self {
        Self { ticket, result, refused: Vec::new(), waited_ns: 0, is_repeated: false }
    }
}

/// The destination refused an action; nothing of it took effect, unless it is doubtful.
#[derive(Debug, Clone)]
pub struct Failure {
    /// What kind of refusal.
    pub class: ErrorClass,
    /// The destination's code for it (SQLSTATE).
    pub code: String,
    /// In the destination's words, at most 300 characters.
    pub message: String,
    /// Whether it may have taken effect all the same: it was given up without an answer.
    pub is_doubtful: bool,
}

/// The way to a destination is gone, or cannot be made.
#[derive(Debug, Clone)]
pub struct Lost {
    /// Why, for people; without secrets.
    pub message: String,
    /// Whether trying again may help.
    pub is_transient: bool,
}

/// What became of an action whose way was lost.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fate {
    /// It took effect.
    Committed,
    /// It did not, and cannot any more.
    Absent,
}
