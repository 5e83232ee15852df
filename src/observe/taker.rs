//! Takes what the engine tells, and hands it to the judges; and tells how late changes come.

use std::cell::RefCell;
use std::cell::RefMut;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::PoisonError;
use std::sync::mpsc::Receiver;
use std::time::Duration;

use crate::action::Mark;
use crate::measure::Clock;
use crate::measure::Histogram;
use crate::measure::LagSecond;
use crate::measure::LiveLag;
use crate::observe::Fact;
use crate::observe::FactFate;
use crate::observe::FromEngine;
use crate::observe::Options;
use crate::observe::Shared;
use crate::observe::events::judge::EventJudge;
use crate::observe::events::taker::EventTaker;
use crate::observe::judge::Judge;
use crate::observe::judge::Times;
use crate::observe::own;
use crate::observe::render::Renderer;
use crate::units::format_duration;

/// How often what the engine tells is taken.
const TURN: Duration = Duration::from_millis(5);
/// Facts taken before others have their turn.
const FACTS: usize = 512;
/// How often the oldest that is missing is looked for.
const LOOK_NS: u64 = 1_000_000_000;
/// Of a wake-up that comes late, so many missed ones are counted at most.
const TURNS_MISSED_MAX: u64 = 120_000;

/// Who judges what comes to a surface: there is one for each, in the order of the scenario.
#[derive(Debug, Clone)]
pub(super) enum Judging {
    /// Changes of rows.
    Rows(Rc<RefCell<Judge>>),
    /// Events.
    Events(Rc<RefCell<EventJudge>>),
}

/// Takes what the engine tells.
pub(super) struct Taker<'a> {
    options: &'a Options,
    facts: &'a Receiver<FromEngine>,
    renderer: Renderer,
    pub(super) events: EventTaker,
    clock: Clock,
    looked_ns: u64,
    /// How late this thread's wake-ups came.
    late: Histogram,
}

impl<'a> Taker<'a> {
    pub(super) fn new(
        options: &'a Options,
        facts: &'a Receiver<FromEngine>,
        judges: &[Judging],
    ) -> Self {
        let of_events = judges.iter().filter_map(|it| match it {
            Judging::Events(judge) => Some(Rc::clone(judge)),
            Judging::Rows(_) => None,
        });
        Self {
            events: EventTaker::new(&options.world, &options.forms, of_events.collect()),
            options,
            facts,
            renderer: Renderer::new(Arc::clone(&options.world)),
            clock: options.clock,
            looked_ns: options.clock.now(),
            late: Histogram::coarse(),
        }
    }

    /// Sleeps, takes what has come meanwhile, and looks around once a second.
    pub(super) async fn turn(&mut self, judges: &[Judging], shared: &Shared) {
        let turn = crate::pace::nanoseconds(TURN);
        let until = self.clock.now() + turn;
        tokio::time::sleep(TURN).await;
        let now = self.clock.now();
        // While it is late, the wake-ups that it misses are late as well, each by a turn less.
        let late = now.saturating_sub(until);
        let missed = (0..TURNS_MISSED_MAX).map_while(|missed| late.checked_sub(missed * turn));
        missed.for_each(|late| self.late.record(late));
        self.events.mark();
        while self.take(judges) {
            tokio::task::yield_now().await;
        }
        self.events.judge_marked();
        if now.saturating_sub(self.looked_ns) >= LOOK_NS {
            self.looked_ns = now;
            self.look(now, judges, shared);
        }
    }

    /// Tells how late changes came in the last second: of the surface where that is worst.
    pub(super) fn look(&self, now: u64, judges: &[Judging], shared: &Shared) {
        let mut worst = LiveLag::default();
        let mut all = Vec::new();
        for judge in judges {
            let (lag, places) = match judge {
                Judging::Rows(judge) => judge.borrow_mut().look(now),
                Judging::Events(judge) => judge.borrow_mut().look(now),
            };
            worst.p99_ns = worst.p99_ns.max(lag.p99_ns);
            worst.oldest_missing_ns = worst.oldest_missing_ns.max(lag.oldest_missing_ns);
            all.extend(places);
        }
        *shared.lag.lock().unwrap_or_else(PoisonError::into_inner) = worst;
        let Some(seconds) = &self.options.seconds else { return };
        // Whoever does not keep up with a few rows a second gets fewer.
        let _ = seconds.try_send(LagSecond { at_ns: now, places: all });
    }

    /// Takes some. Returns whether there may be more.
    pub(super) fn take(&mut self, judges: &[Judging]) -> bool {
        let rows = judges.iter().filter_map(|it| match it {
            Judging::Rows(judge) => Some(judge.borrow_mut()),
            Judging::Events(_) => None,
        });
        let mut judges: Vec<_> = rows.collect();
        for _ in 0..FACTS {
            match self.facts.try_recv() {
                Ok(FromEngine::Fact(fact)) => self.tell(&fact, &mut judges),
                Ok(FromEngine::Own(fact)) => {
                    let sees = judges.iter_mut().filter(|judge| judge.sees(fact.table));
                    sees.for_each(|judge| own::expect(&fact, judge));
                }
                Ok(FromEngine::Departure(departure)) => self.events.departs(&departure),
                Ok(FromEngine::Ended(ended)) => self.events.ended(&ended),
                Ok(FromEngine::NoneKnown(connection, now)) => {
                    self.events.none_known(connection, now);
                }
                Err(_) => return false,
            }
        }
        true
    }

    fn tell(&mut self, fact: &Fact, judges: &mut [RefMut<'_, Judge>]) {
        let &Fact { due, sent, settled, is_measured, .. } = fact;
        let times = Times { due, sent, settled, is_measured };
        let changes = self.renderer.changes(fact);
        let mark = Mark {
            action: fact.decision.operation(),
            part: u8::try_from(fact.part).unwrap_or(u8::MAX),
        };
        for judge in judges.iter_mut() {
            let Some(mut transactions) = judge.transactions.take() else { continue };
            if fact.fate == FactFate::TakenBack {
                transactions.taken_back(mark);
            } else {
                let is_certain = fact.fate == FactFate::Committed(Vec::new());
                let its = changes.iter().map(|it| &it.0).filter(|it| judge.sees(it.table));
                transactions.made(mark, (times, is_certain), its);
            }
            judge.transactions = Some(transactions);
        }
        if fact.fate == FactFate::TakenBack {
            for judge in judges {
                changes.iter().rev().for_each(|(change, _)| judge.take_back(change));
            }
            return;
        }
        for (change, certainty) in changes {
            let mut sees = judges.iter_mut().filter(|judge| judge.sees(change.table));
            let Some(first) = sees.next() else { continue };
            sees.for_each(|judge| judge.expect(change.clone(), times, certainty));
            first.expect(change, times, certainty);
        }
    }

    /// Why what was found means nothing, if this thread was late.
    pub(super) fn lateness(&self) -> Option<String> {
        let late = self.late.percentile(99.0).map(Duration::from_nanos);
        let (late, limit) = late.zip(self.options.late_p99).filter(|(late, limit)| late > limit)?;
        let late = Duration::from_millis(u64::try_from(late.as_millis()).unwrap_or(0));
        Some(format!(
            "the observer was late: it woke up to {} too late (99th percentile; at most {} by \
             `validity.sched_p99`), so lags are its own; give loadgen more processors",
            format_duration(late),
            format_duration(limit),
        ))
    }
}
