//! Acts: actions whose events go out apart from what else they do, or to several targets. Their rows are
//! committed; the events are on their way, or wait until their skew is over.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use crate::generate::Decision;
use crate::measure::Stamps;
use crate::sink::Failure;

/// An action whose events go out.
#[derive(Debug)]
pub(super) struct Act {
    /// The number of its lane on its connection.
    pub(super) lane: usize,
    pub(super) decision: Decision,
    pub(super) stamps: Stamps,
    /// The first of its parts that is events: all behind it are, too.
    pub(super) from: usize,
    /// Whether rows of it were sent before its events.
    pub(super) has_rows: bool,
    /// How long its events wait; no time of its own counts it.
    pub(super) skew_ns: u64,
    /// Whether its lane waits for its end.
    pub(super) is_awaited: bool,
    /// Parts that are on their way.
    pub(super) left: usize,
    /// When the last of them was known.
    pub(super) known: u64,
    /// The first failure.
    pub(super) failure: Option<Failure>,
    /// Whether nobody can tell what became of a part.
    pub(super) is_unknown: bool,
}

/// The acts of a connection, by their numbers.
#[derive(Debug, Default)]
pub(super) struct Acts {
    slots: Vec<Option<Act>>,
    free: Vec<usize>,
    /// Those that wait, by the end of that.
    waiting: BinaryHeap<Reverse<(u64, usize)>>,
}

impl Acts {
    /// Takes one up; the result is its number.
    pub(super) fn add(&mut self, act: Act) -> usize {
        if let Some(number) = self.free.pop() {
            self.slots[number] = Some(act);
            return number;
        }
        self.slots.push(Some(act));
        self.slots.len() - 1
    }

    pub(super) fn get(&mut self, number: usize) -> Option<&mut Act> {
        self.slots.get_mut(number)?.as_mut()
    }

    /// One has come to its end.
    pub(super) fn take(&mut self, number: usize) -> Option<Act> {
        let act = self.slots.get_mut(number)?.take()?;
        self.free.push(number);
        Some(act)
    }

    /// The events of one wait until then.
    pub(super) fn wait(&mut self, number: usize, until: u64) {
        self.waiting.push(Reverse((until, number)));
    }

    /// When the first of those that wait need not any more.
    pub(super) fn next(&self) -> Option<u64> {
        self.waiting.peek().map(|Reverse((until, _))| *until)
    }

    /// One that need not wait any more.
    pub(super) fn ready(&mut self, now: u64) -> Option<usize> {
        self.next().filter(|until| *until <= now)?;
        self.waiting.pop().map(|Reverse((_, number))| number)
    }

    /// How many wait.
    pub(super) fn waiting(&self) -> usize {
        self.waiting.len()
    }

    /// Takes all that wait, the first to end it first.
    pub(super) fn take_waiting(&mut self) -> Vec<Act> {
        let mut all = Vec::new();
        while let Some(Reverse((_, number))) = self.waiting.pop() {
            all.extend(self.take(number));
        }
        all
    }

    /// Whether a lane waits for the end of one, and goes on then.
    pub(super) fn is_any_awaited(&self) -> bool {
        self.slots.iter().flatten().any(|act| act.is_awaited)
    }

    /// Whether there is none.
    pub(super) fn is_empty(&self) -> bool {
        self.slots.len() == self.free.len()
    }
}
