//! Holds the events that came against those that were sent, and keeps what is outstanding only: of each its
//! decision, from which it can be made again, and not its bytes.

mod matching;
#[cfg(test)]
pub(super) mod tests;

use std::collections::BTreeMap;
use std::collections::HashMap;
use std::collections::HashSet;
use std::collections::VecDeque;
use std::sync::Arc;

use smallvec::SmallVec;

use crate::action::TableId;
use crate::generate::Decision;
use crate::measure::Deviation;
use crate::measure::Histogram;
use crate::measure::LagPlace;
use crate::measure::LiveLag;
use crate::measure::Verification;
use crate::observe::events::Came;
use crate::observe::events::Departure;
use crate::observe::events::content;
use crate::observe::events::order;
use crate::observe::events::render::Written;
use crate::observe::events::strays::Strays;
use crate::observe::judge::Certainty;
use crate::observe::judge::Times;
use crate::observe::reasons::Reasons;
use crate::observe::recent::Recent;
use crate::observe::seconds::Places;
use crate::observe::table::Lags;
use crate::sink::event::Publisher;
use crate::sink::event::Traffic;

/// Events that are outstanding, at most: they take 500 MB.
const EVENTS_MAX: usize = 1 << 21;
/// What has come and waits until what was sent before is known, at most.
const INBOX_MAX: usize = 1 << 16;
const INBOX_BYTES_MAX: usize = 64 << 20;
/// Of events that came before, so many are remembered.
const REMEMBERED: usize = 1 << 20;

/// What an observer of events knows of its far end.
#[derive(Debug)]
pub(in crate::observe) struct Rules {
    /// What the place is called, for people: the target.
    pub(in crate::observe) target: String,
    /// The number of each event's place, and what both together are called.
    pub(in crate::observe) events: BTreeMap<TableId, (usize, String)>,
    /// What places are called, as far as they have names, by number.
    pub(in crate::observe) places: Vec<String>,
    /// Whether what comes has keys.
    pub(in crate::observe) has_keys: bool,
    /// Whether the events of a key keep their order.
    pub(in crate::observe) is_ordered: bool,
    /// Those who know how many may be there twice, and not which.
    pub(in crate::observe) publishers: Vec<Arc<dyn Publisher>>,
    /// Set once more may be there twice than is kept.
    pub(in crate::observe) has_many_repeats: bool,
}

/// An event that was sent, until it has come and it is known what became of it.
#[derive(Debug)]
pub(super) struct Outstanding {
    pub(super) decision: Decision,
    pub(super) part: usize,
    pub(super) operation: u32,
    pub(super) table: TableId,
    content: u128,
    /// Those whose order is kept with it; `None`: it has none.
    order: Option<u64>,
    due: u64,
    sent: u64,
    /// When that was, and whether it counts as measured.
    settled: Option<(u64, bool)>,
    pub(super) certainty: Option<Certainty>,
    /// Between which two moments it has come.
    pub(super) seen: Option<(u64, u64)>,
    is_overtaken: bool,
    /// What came may have been this one, and was taken for another one that looks the same.
    is_passed_over: bool,
    is_held_back: bool,
}

impl Outstanding {
    /// Whether it must come, as far as is known.
    fn must_come(&self) -> bool {
        self.certainty != Some(Certainty::Unknown)
    }
}

/// What became of an event.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Fate {
    Stored,
    Refused,
    Unknown,
}

/// Holds what came at one surface against what was sent.
#[derive(Debug)]
pub(in crate::observe) struct EventJudge {
    pub(super) surface: String,
    pub(super) rules: Rules,
    pub(super) lags: BTreeMap<TableId, Lags>,
    pub(super) events: HashMap<u64, Outstanding>,
    /// Those that have not come, in the order in which they were sent.
    by_content: HashMap<u128, SmallVec<[u64; 1]>>,
    by_order: HashMap<u64, VecDeque<u64>>,
    /// What has come and waits, and how much of it was there when it was last looked at what was sent.
    inbox: VecDeque<Came>,
    inbox_bytes: usize,
    judged: u64,
    marked: usize,
    /// Too many were outstanding: nothing more is judged.
    is_over: bool,
    came: Recent,
    /// What may be there more than once.
    pub(super) repeated: HashSet<u128>,
    pub(super) strays: Strays,
    pub(super) high: Histogram,
    pub(super) freshness: Histogram,
    /// Since the last look.
    recent: Places,
    pub(super) verification: Verification,
    pub(super) invalid_because: Reasons,
}

impl EventJudge {
    pub(in crate::observe) fn new(surface: &str, rules: Rules) -> Self {
        let mut recent = Places::default();
        recent.number(surface, (&rules.target, ""));
        let lags = rules.events.keys().map(|table| (*table, Lags::default())).collect();
        Self {
            surface: surface.to_owned(),
            rules,
            lags,
            events: HashMap::new(),
            by_content: HashMap::new(),
            by_order: HashMap::new(),
            inbox: VecDeque::new(),
            inbox_bytes: 0,
            judged: 0,
            marked: 0,
            is_over: false,
            came: Recent::of(REMEMBERED),
            repeated: HashSet::new(),
            strays: Strays::default(),
            high: Histogram::fine(),
            freshness: Histogram::fine(),
            recent,
            verification: Verification::default(),
            invalid_because: Reasons::default(),
        }
    }

    /// The verdict will say nothing, for this reason.
    pub(in crate::observe) fn spoil(&mut self, reason: impl Into<String>) {
        self.invalid_because.add(reason);
    }

    /// An event goes out; its number rises from one to the next.
    pub(super) fn departs(&mut self, number: u64, event: &Written<'_>, of: &Departure) {
        let place = self.rules.events.get(&event.table).filter(|_| !self.is_over);
        let Some((place, _)) = place else { return };
        let key = event.key.filter(|_| self.rules.has_keys);
        let content = content(*place, key, event.payload);
        let is_in_order = self.rules.is_ordered && !event.is_held_back;
        let order = key.filter(|_| is_in_order).map(|key| order(*place, key, of.decision.lane));
        if self.events.len() >= EVENTS_MAX {
            return self.give_up();
        }
        let outstanding = Outstanding {
            decision: of.decision.clone(),
            part: of.part,
            operation: event.operation,
            table: event.table,
            content,
            order,
            due: of.due,
            sent: of.sent,
            settled: None,
            certainty: None,
            seen: None,
            is_overtaken: false,
            is_passed_over: false,
            is_held_back: event.is_held_back,
        };
        self.events.insert(number, outstanding);
        self.join(number);
    }

    fn give_up(&mut self) {
        self.spoil(format!(
            "more than {EVENTS_MAX} events were outstanding at the observer `{}` between what was sent and what \
             was observed; no more are kept, so the rest was not judged",
            self.surface
        ));
        self.events.clear();
        self.by_content.clear();
        self.by_order.clear();
        self.inbox.clear();
        (self.inbox_bytes, self.marked, self.is_over) = (0, 0, true);
    }

    /// It is known what became of an event.
    pub(super) fn settle(&mut self, number: u64, fate: Fate, (at, is_measured): (u64, bool)) {
        let Some(event) = self.events.get_mut(&number) else { return };
        event.settled = Some((at, is_measured));
        match fate {
            Fate::Stored => {
                event.certainty = Some(Certainty::Certain);
                self.verification.expected += 1;
            }
            Fate::Unknown => {
                event.certainty = Some(Certainty::Unknown);
                self.hand_on(number, false);
            }
            Fate::Refused => return self.refused(number),
        }
        if self.events.get(&number).is_some_and(|event| event.seen.is_some()) {
            self.finished(number);
        }
    }

    /// An event must not come.
    fn refused(&mut self, number: u64) {
        self.hand_on(number, true);
        self.leave(number);
        let Some(event) = self.events.remove(&number) else { return };
        if event.seen.is_some() {
            self.verification.phantom += 1;
            self.strays.fault(Deviation::Phantom, Some(event), None);
        }
    }

    /// What was sent may be there more than once.
    pub(super) fn repeats(&mut self, number: u64) {
        let content = self.events.get(&number).map(|event| event.content);
        self.repeated.extend(content);
        if self.repeated.len() > EVENTS_MAX {
            // Nobody knows any more which.
            self.rules.has_many_repeats = true;
            self.repeated = HashSet::new();
        }
    }

    /// How many events may be there twice of which nobody knows which.
    pub(super) fn unnamed_repeats(&self) -> u64 {
        let traffic = self.rules.publishers.iter().flat_map(|it| it.traffic());
        let known: u64 = traffic.map(|Traffic { repeated, .. }| repeated).sum();
        if self.rules.has_many_repeats { u64::MAX } else { known }
    }

    /// Whether nothing more fits until what has come is judged.
    pub(in crate::observe) fn is_full(&self) -> bool {
        self.inbox.len() >= INBOX_MAX || self.inbox_bytes >= INBOX_BYTES_MAX
    }

    /// Something has come. It is judged once all is known that was sent before.
    pub(in crate::observe) fn come(&mut self, came: Came) {
        if !self.is_over {
            self.inbox_bytes += came.bytes();
            self.inbox.push_back(came);
        }
    }

    /// What has come by now was sent before now.
    pub(super) fn mark(&mut self) {
        self.marked = self.inbox.len();
    }

    /// Judges what had come by the mark.
    pub(super) fn judge_marked(&mut self) {
        for _ in 0..std::mem::take(&mut self.marked) {
            let Some(came) = self.inbox.pop_front() else { return };
            self.inbox_bytes -= came.bytes();
            self.judged += 1;
            self.judge(came);
        }
    }

    fn judge(&mut self, came: Came) {
        let content = content(came.place, came.key.as_deref(), &came.payload);
        let came_before = self.came.is_again(content);
        let Some(number) = self.take_one(content, came.at) else {
            if !self.strays.keep(came, content, came_before) {
                self.spoil(format!(
                    "more came to the observer `{}` that nobody is known to have sent than is kept until the end",
                    self.surface
                ));
            }
            return;
        };
        self.verification.observed += 1;
        let Some(event) = self.events.get_mut(&number) else { return };
        event.seen = Some((came.since, came.at));
        let is_settled = event.certainty.is_some();
        if !event.is_held_back {
            let since = |then: u64| came.at.saturating_sub(then);
            self.recent.came(0, (since(event.sent), since(event.due)));
        }
        if is_settled {
            self.finished(number);
        }
    }

    /// An event has come, and it is known what became of it.
    fn finished(&mut self, number: u64) {
        let Some(event) = self.events.remove(&number) else { return };
        let (Some((since, at)), Some((settled, is_measured))) = (event.seen, event.settled) else {
            return;
        };
        let is_certain = event.certainty == Some(Certainty::Certain);
        self.verification.expected += u64::from(!is_certain);
        if event.is_overtaken {
            self.verification.reordered += 1;
            return self.strays.fault(Deviation::Reordered, Some(event), None);
        }
        // What was meant to wait says nothing of the far end.
        if !is_certain || !is_measured || event.is_held_back {
            return;
        }
        let times = Times { due: event.due, sent: event.sent, settled, is_measured };
        if let Some(lags) = self.lags.get_mut(&event.table) {
            lags.between(&times, (since, at));
        }
        self.high.record(at.saturating_sub(event.sent));
        self.freshness.record(at.saturating_sub(event.due));
    }

    /// How much has come, and how much of that is judged.
    pub(in crate::observe) fn taken(&self) -> (u64, u64) {
        (self.judged + self.inbox.len() as u64, self.judged)
    }

    /// Whether all that was stored has come, and what came is judged.
    pub(in crate::observe) fn is_settled(&self) -> bool {
        let is_due = |event: &Outstanding| event.certainty == Some(Certainty::Certain);
        self.inbox.is_empty() && !self.events.values().any(is_due)
    }

    /// How many that were sent have come: what else comes brings no end nearer.
    pub(in crate::observe) fn progress(&self) -> u64 {
        self.verification.observed
    }

    /// The longest that an event took from when it was sent, in nanoseconds.
    pub(in crate::observe) fn slowest(&self) -> u64 {
        self.high.percentile(100.0).unwrap_or(0)
    }

    /// Looks for the oldest that is missing. Returns how late events came since the last look.
    pub(in crate::observe) fn look(&mut self, now: u64) -> (LiveLag, Vec<LagPlace>) {
        let is_due =
            |it: &&Outstanding| it.seen.is_none() && it.certainty == Some(Certainty::Certain);
        for event in self.events.values().filter(is_due) {
            let Some((settled, _)) = event.settled else { continue };
            let age = now.saturating_sub(settled);
            self.recent.misses(0, age);
            if let Some(lags) = self.lags.get_mut(&event.table) {
                lags.oldest_missing_max_ns = lags.oldest_missing_max_ns.max(age);
            }
        }
        self.recent.take()
    }
}
