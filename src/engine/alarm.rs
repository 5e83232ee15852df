//! One alarm for all connections of a worker. Each has times of its own; if each had a timer of its
//! own as well, the thread would wake for each of them.

use std::cell::RefCell;
use std::future::poll_fn;
use std::rc::Rc;
use std::task::Context;
use std::task::Poll;
use std::task::Waker;

use crate::engine::clock::Timer;
use crate::measure::Clock;
use crate::scenario::Precision;

/// The alarm of a worker: rung by [`ring`], heard by [`Sleeper`]s.
#[derive(Debug)]
pub(super) struct Alarm {
    clock: Clock,
    wake_ns: u64,
    beds: RefCell<Beds>,
}

#[derive(Debug, Default)]
struct Beds {
    /// Who sleeps until when, by connection.
    sleepers: Vec<Option<(u64, Waker)>>,
    /// When somebody was woken last: soon after nobody is woken again.
    woken: u64,
    /// Until when the one who rings sleeps, and how to wake it.
    rings_at: u64,
    ringer: Option<Waker>,
}

/// Threads are not woken more often than this, in nanoseconds: at high rates several slots then share
/// a wake-up. It bounds what pacing adds to lateness.
fn wake_ns(precision: Precision) -> u64 {
    match precision {
        Precision::Eco => 1_000_000,
        Precision::Normal => 200_000,
        Precision::Precise => 0,
    }
}

/// How long before a time a thread stays awake, in nanoseconds: a processor that sleeps takes about
/// so long to wake.
fn awake_ns(precision: Precision) -> u64 {
    match precision {
        Precision::Eco | Precision::Normal => 0,
        Precision::Precise => 80_000,
    }
}

impl Alarm {
    /// An alarm that nobody listens to yet.
    pub(super) fn new(clock: Clock, precision: Precision) -> Rc<Self> {
        Rc::new(Self { clock, wake_ns: wake_ns(precision), beds: RefCell::default() })
    }

    /// How long it may take, at most, until one whose time has come is woken.
    pub(super) fn wake_ns(&self) -> u64 {
        self.wake_ns
    }

    /// One more who can sleep.
    pub(super) fn sleeper(self: &Rc<Self>) -> Sleeper {
        let sleepers = &mut self.beds.borrow_mut().sleepers;
        sleepers.push(None);
        Sleeper { place: sleepers.len() - 1, alarm: Rc::clone(self) }
    }

    /// When it rings next.
    fn next(&self, beds: &Beds) -> Option<u64> {
        let soonest = beds.sleepers.iter().flatten().map(|(at, _)| *at).min();
        soonest.map(|at| self.allowed(beds, at))
    }

    fn allowed(&self, beds: &Beds, at: u64) -> u64 {
        at.max(beds.woken.saturating_add(self.wake_ns)).min(at.saturating_add(self.wake_ns))
    }

    /// Wakes all whose time has come.
    fn wake(&self) {
        let beds = &mut *self.beds.borrow_mut();
        beds.woken = self.clock.now();
        for sleeper in &mut beds.sleepers {
            if let Some((_, waker)) = sleeper.take_if(|(at, _)| *at <= beds.woken) {
                waker.wake();
            }
        }
    }

    /// Waits for the next time, and wakes who sleeps until then.
    fn poll(&self, timer: &mut Timer, context: &mut Context<'_>) -> Poll<()> {
        let beds = &mut *self.beds.borrow_mut();
        if !beds.ringer.as_ref().is_some_and(|ringer| ringer.will_wake(context.waker())) {
            beds.ringer = Some(context.waker().clone());
        }
        let next = self.next(beds);
        beds.rings_at = next.unwrap_or(u64::MAX);
        timer.poll(next, context)
    }
}

/// Rings a worker's alarm, for as long as it is polled.
pub(super) async fn ring(alarm: Rc<Alarm>, precision: Precision) -> std::io::Result<()> {
    let mut timer = Timer::new(alarm.clock, awake_ns(precision))?;
    loop {
        poll_fn(|context| alarm.poll(&mut timer, context)).await;
        alarm.wake();
        after_the_others().await;
    }
}

/// Goes on when those who were woken have been polled, so that the timer is set once for all of them.
/// (The runtime's `yield_now` asks the system for news first.)
async fn after_the_others() {
    let mut is_later = false;
    poll_fn(|context| {
        if std::mem::replace(&mut is_later, true) {
            return Poll::Ready(());
        }
        context.waker().wake_by_ref();
        Poll::Pending
    })
    .await;
}

/// A connection's ear.
#[derive(Debug)]
pub(super) struct Sleeper {
    place: usize,
    alarm: Rc<Alarm>,
}

impl Sleeper {
    /// Ready once the time has come; `None` never is.
    pub(super) fn poll(&mut self, at: Option<u64>, context: &mut Context<'_>) -> Poll<()> {
        let alarm = &*self.alarm;
        let beds = &mut *alarm.beds.borrow_mut();
        let bed = &mut beds.sleepers[self.place];
        let Some(at) = at else {
            *bed = None;
            return Poll::Pending;
        };
        if alarm.clock.now() >= at {
            *bed = None;
            return Poll::Ready(());
        }
        match bed {
            Some((until, waker)) if waker.will_wake(context.waker()) => *until = at,
            _ => *bed = Some((at, context.waker().clone())),
        }
        if alarm.allowed(beds, at) < beds.rings_at
            && let Some(ringer) = &beds.ringer
        {
            ringer.wake_by_ref();
        }
        Poll::Pending
    }
}

impl Drop for Sleeper {
    fn drop(&mut self) {
        self.alarm.beds.borrow_mut().sleepers[self.place] = None;
    }
}
