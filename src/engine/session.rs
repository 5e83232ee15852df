//! A session of a closed stream, in real time: when it lives, and when its next action is due.

use std::collections::VecDeque;
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering;
use std::time::Duration;

/// A lane's session. The lane's decisions have planned times on the session's own clock, which stands
/// still while the target works; `shift` is what leads from there to the run's clock.
#[derive(Debug, Default)]
pub(super) struct Session {
    /// From when until when it lives, on the run's clock; the first is the next, or now.
    lives: VecDeque<(u64, u64)>,
    /// Since when it lives, if it does.
    since: Option<u64>,
    shift: i128,
    /// The planned time of its action whose answer it waits for.
    waits_for: Option<u64>,
}

impl Session {
    /// A period of the run begins.
    pub(super) fn begin_period(&mut self, lives: impl Iterator<Item = (u64, u64)>) {
        self.lives = lives.collect();
    }

    /// When what is planned for a time is due.
    pub(super) fn intended(&self, planned_ns: u64) -> u64 {
        let due = |planned: u64| u64::try_from(i128::from(planned) + self.shift).unwrap_or(0);
        match (self.since, self.lives.front()) {
            (None, Some((start, _))) => *start,
            _ => due(planned_ns),
        }
    }

    /// When it must be looked at next: its next action is due, or it begins or ends.
    pub(super) fn next(&self, planned_ns: u64) -> Option<u64> {
        let (start, end) = *self.lives.front()?;
        Some(if self.since.is_some() { self.intended(planned_ns).min(end) } else { start })
    }

    /// Whether it lives.
    pub(super) fn is_alive(&self) -> bool {
        self.since.is_some()
    }

    /// Whether its life is over before what is planned for a time is due.
    pub(super) fn is_over(&self, planned_ns: u64) -> bool {
        self.lives.front().is_none_or(|(_, end)| self.intended(planned_ns) >= *end)
    }

    /// It begins to live; what is planned for a time is due at once.
    pub(super) fn begin(&mut self, planned_ns: u64, now: u64) {
        let start = self.lives.front().map_or(now, |(start, _)| *start);
        self.shift = i128::from(start) - i128::from(planned_ns);
        self.since = Some(now);
    }

    /// It ends. Returns for how long it has lived.
    pub(super) fn end(&mut self, now: u64) -> Option<u64> {
        let since = self.since.take()?;
        self.lives.pop_front();
        Some(now.saturating_sub(since))
    }

    /// It does nothing any more.
    pub(super) fn retire(&mut self) {
        self.lives.clear();
    }

    /// It sends an action of its own, and waits for the answer.
    pub(super) fn asks(&mut self, planned_ns: u64) {
        self.waits_for = Some(planned_ns);
    }

    /// It has its answer, and thinks from now on.
    pub(super) fn is_answered(&mut self, now: u64) {
        if let Some(planned_ns) = self.waits_for.take() {
            self.shift = i128::from(now) - i128::from(planned_ns);
        }
    }
}

/// How many sessions live, for each stream: shared by all workers, and written when one begins or
/// ends.
#[derive(Debug)]
pub(super) struct Census(Vec<Count>);

#[derive(Debug, Default)]
struct Count {
    alive: AtomicU64,
    most: AtomicU64,
    lived_ns: AtomicU64,
}

impl Census {
    /// Of so many streams.
    pub(super) fn new(streams: usize) -> Self {
        Self((0..streams).map(|_| Count::default()).collect())
    }

    /// One begins.
    pub(super) fn begin(&self, stream: usize, is_measured: bool) {
        let alive = self.0[stream].alive.fetch_add(1, Ordering::Relaxed) + 1;
        if is_measured {
            self.0[stream].most.fetch_max(alive, Ordering::Relaxed);
        }
    }

    /// One ends; `lived_ns` is how long it was measured.
    pub(super) fn end(&self, stream: usize, lived_ns: u64) {
        self.0[stream].alive.fetch_sub(1, Ordering::Relaxed);
        self.0[stream].lived_ns.fetch_add(lived_ns, Ordering::Relaxed);
    }

    /// How many live.
    pub(super) fn alive(&self, stream: usize) -> u64 {
        self.0[stream].alive.load(Ordering::Relaxed)
    }

    /// How many lived when the most did, and how long all of them lived together.
    pub(super) fn measured(&self, stream: usize) -> (u64, Duration) {
        let count = &self.0[stream];
        let lived_ns = count.lived_ns.load(Ordering::Relaxed);
        (count.most.load(Ordering::Relaxed), Duration::from_nanos(lived_ns))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_thinks_from_the_answer_on_and_ends_with_its_life() {
        let mut session = Session::default();
        session.begin_period([(100, 500), (800, 900)].into_iter());
        assert_eq!((session.next(7), session.is_alive()), (Some(100), false));
        session.begin(7, 103);
        assert_eq!(session.intended(7), 100);
        session.asks(7);
        session.is_answered(150);
        // It thinks 30, whatever the answer took.
        assert_eq!((session.next(37), session.is_over(37)), (Some(180), false));
        assert_eq!((session.next(1_000), session.is_over(1_000)), (Some(500), true));
        assert_eq!(session.end(500), Some(397));
        assert_eq!(session.next(1_000), Some(800));
        session.begin(1_000, 800);
        assert_eq!(session.intended(1_000), 800);
        session.retire();
        assert_eq!((session.next(1_000), session.end(850)), (None, Some(50)));
    }
}
