//! How the engine tells a reporter what is going on, without ever waiting for it.

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::Condvar;
use std::sync::Mutex;
use std::sync::MutexGuard;
use std::sync::PoisonError;
use std::time::Duration;

use serde::Serialize;

use super::LiveState;

/// Phases and messages that wait for the reporter, at most; more of them are dropped.
const WAITING_MAX: usize = 1_000;

/// What a run is doing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Phase {
    /// Servers, databases, roles and tables are made.
    SettingUp,
    /// Tables are filled.
    Seeding,
    /// The connections of the load are made.
    Connecting,
    /// The load runs, nothing is measured.
    WarmUp,
    /// The load runs and is measured.
    Measuring,
    /// Nothing more is begun; what is in flight comes to its end.
    Draining,
    /// What was measured is added up and written.
    Reporting,
}

impl Phase {
    /// As people read it.
    pub fn name(self) -> &'static str {
        match self {
            Phase::SettingUp => "setting up",
            Phase::Seeding => "seeding",
            Phase::Connecting => "connecting",
            Phase::WarmUp => "warm-up",
            Phase::Measuring => "measuring",
            Phase::Draining => "draining",
            Phase::Reporting => "reporting",
        }
    }
}

/// A piece of work that takes a while.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Work {
    /// What is worked on: a table's name, or what is fetched.
    pub name: String,
    /// What is counted.
    pub unit: Unit,
    /// How much so far.
    pub done: u64,
    /// How much in the end, if that is known.
    pub total: Option<u64>,
}

/// What a piece of work is counted in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unit {
    /// Rows of a table that is filled.
    Rows,
    /// Bytes that are fetched.
    Bytes,
}

/// Something a reporter should show.
#[derive(Debug, Clone, PartialEq)]
pub enum Change {
    /// Another phase began.
    Phase(Phase),
    /// A line for people.
    Message(String),
    /// How far a piece of work is.
    Work(Work),
    /// How the streams do.
    Live(LiveState),
}

/// A line from the engine to the reporter. Clones are the same line. No method waits for the
/// reporter: of work and live state it sees the latest, phases and messages queue up to a limit.
#[derive(Debug, Clone, Default)]
pub struct Feed(Arc<Shared>);

#[derive(Debug, Default)]
struct Shared {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Debug, Default)]
struct State {
    waiting: VecDeque<Change>,
    work: Vec<Work>,
    live: Option<LiveState>,
    is_over: bool,
}

impl Feed {
    /// Another phase begins.
    pub fn phase(&self, phase: Phase) {
        self.enqueue(Change::Phase(phase));
    }

    /// A line for people: one sentence, lower case, without a secret.
    pub fn message(&self, text: impl Into<String>) {
        self.enqueue(Change::Message(text.into()));
    }

    /// A table has `done` of `total` rows.
    pub fn seeding(&self, table: &str, done: u64, total: u64) {
        self.work(Work { name: table.to_owned(), unit: Unit::Rows, done, total: Some(total) });
    }

    /// `done` of `total` bytes of something have arrived.
    pub fn downloading(&self, what: &str, done: u64, total: Option<u64>) {
        self.work(Work { name: what.to_owned(), unit: Unit::Bytes, done, total });
    }

    /// How the streams do; to be called about once a second.
    pub fn tick(&self, live: LiveState) {
        self.lock().live = Some(live);
        self.0.changed.notify_one();
    }

    /// Nothing more will come.
    pub fn close(&self) {
        self.lock().is_over = true;
        self.0.changed.notify_one();
    }

    /// For the reporter: what is new, after waiting for it for so long at most; `None` once the
    /// feed is closed and all of it was seen.
    pub fn wait(&self, timeout: Duration) -> Option<Vec<Change>> {
        let state = self.lock();
        let waited = self.0.changed.wait_timeout_while(state, timeout, |state| state.is_idle());
        let (mut state, _) = waited.unwrap_or_else(PoisonError::into_inner);
        let mut changes: Vec<_> = state.waiting.drain(..).collect();
        changes.extend(state.work.drain(..).map(Change::Work));
        changes.extend(state.live.take().map(Change::Live));
        (!changes.is_empty() || !state.is_over).then_some(changes)
    }

    fn enqueue(&self, change: Change) {
        let mut state = self.lock();
        if state.waiting.len() < WAITING_MAX {
            state.waiting.push_back(change);
        }
        drop(state);
        self.0.changed.notify_one();
    }

    /// Replaces what was last said of the same piece, so no more wait than there are pieces.
    fn work(&self, work: Work) {
        let mut state = self.lock();
        match state.work.iter_mut().find(|known| known.unit == work.unit && known.name == work.name)
        {
            Some(known) => *known = work,
            None => state.work.push(work),
        }
        drop(state);
        self.0.changed.notify_one();
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn is_idle(&self) -> bool {
        self.waiting.is_empty() && self.work.is_empty() && self.live.is_none() && !self.is_over
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reporter_that_sleeps_sees_every_phase_and_the_latest_of_the_rest() {
        let feed = Feed::default();
        feed.phase(Phase::Seeding);
        for done in 0..5_000 {
            feed.seeding("public.orders", done, 5_000);
        }
        feed.phase(Phase::Draining);
        feed.close();
        let changes = feed.wait(Duration::ZERO).unwrap();
        let name = "public.orders".to_owned();
        let seeding = Work { name, unit: Unit::Rows, done: 4_999, total: Some(5_000) };
        let seeding = Change::Work(seeding);
        assert_eq!(
            changes,
            [Change::Phase(Phase::Seeding), Change::Phase(Phase::Draining), seeding]
        );
        assert_eq!(feed.wait(Duration::ZERO), None);
    }

    #[test]
    fn messages_without_end_do_not_fill_the_memory() {
        let feed = Feed::default();
        for n in 0..WAITING_MAX * 2 {
            feed.message(n.to_string());
        }
        assert_eq!(feed.wait(Duration::ZERO).unwrap().len(), WAITING_MAX);
    }
}
