//! What is known of the slots of one server, and what follows from it. Reads no clock and asks nobody.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::measure::LiveSlot;
use crate::measure::SlotCounts;
use crate::pace::nanoseconds;
use crate::scenario::Cdc;
use crate::sink::postgres::slots::SlotState;
use crate::sink::postgres::slots::Standing;
use crate::units::format_bytes;
use crate::units::format_duration;

/// Of what may be kept, so many hundredths: at the first writers pause, below the second it goes on, at
/// the third the run ends.
const PAUSE: u128 = 50;
const GO_ON: u128 = 40;
const STOP: u128 = 80;
/// A server that is told to keep less than a segment of its log keeps one all the same.
const SEGMENT: u64 = 16 << 20;
/// A pause in which for so long nothing is freed ends the run.
const PATIENCE: Duration = Duration::from_mins(5);

/// What the scenario says.
#[derive(Debug, Clone, Copy)]
pub(super) struct Limits {
    /// How many bytes a server may keep for one slot, if it says.
    pub(super) wal: Option<u64>,
    pub(super) has_heartbeats: bool,
}

/// What is to be done, and why, in words.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Finding {
    /// Nothing is sent to the server for now.
    Pause(String),
    /// It may go on.
    GoOn(String),
    /// The run ends.
    Stop(String),
}

/// The slots of a server.
#[derive(Debug)]
pub(super) struct Ledger {
    target: String,
    limits: Limits,
    looks: u64,
    slots: BTreeMap<String, GuardedSlot>,
    paused: Option<Pause>,
}

/// Writers are held up.
#[derive(Debug)]
struct Pause {
    since: u64,
    /// By this slot first.
    slot: String,
    /// The least that was kept since for the slots that hold writers up, and when that was.
    least: (u64, u64),
}

/// What is known of a slot.
#[derive(Debug)]
struct GuardedSlot {
    counts: SlotCounts,
    /// As it was last seen.
    state: SlotState,
    is_there: bool,
    /// Since when it has held writers up.
    since: Option<u64>,
}

impl Ledger {
    /// Of a server that nobody has looked at.
    pub(super) fn new(target: &str, limits: Limits) -> Self {
        Self { target: target.to_owned(), limits, looks: 0, slots: BTreeMap::new(), paused: None }
    }

    /// Takes what was found at a moment on the run's clock, and says what follows.
    pub(super) fn see(&mut self, found: &[SlotState], now: u64) -> Vec<Finding> {
        self.looks += 1;
        self.slots.values_mut().for_each(|known| known.is_there = false);
        let mut findings = Vec::new();
        for state in found {
            findings.extend(self.see_one(state, now));
        }
        for known in self.slots.values_mut() {
            let may_go_on = !known.is_there || known.share() < GO_ON;
            if known.since.is_some() && may_go_on {
                known.release(now);
            }
        }
        findings.extend(self.turn(now));
        findings
    }

    /// Notes a slot; says so if the run cannot go on with it.
    fn see_one(&mut self, state: &SlotState, now: u64) -> Option<Finding> {
        let is_lost = state.standing == Standing::Lost;
        if is_lost && !self.slots.contains_key(&state.slot) {
            // Nothing is kept for it any more, and it was not this run that it was lost in.
            return None;
        }
        let limit = self.limit(state);
        let target = &self.target;
        let known =
            self.slots.entry(state.slot.clone()).or_insert_with(|| GuardedSlot::new(target, state));
        known.note(state, limit);
        if is_lost {
            let was_lost = std::mem::replace(&mut known.counts.was_lost, true);
            let reason = format!("the server gave up the replication slot `{}`", state.slot);
            return (!was_lost).then_some(Finding::Stop(reason));
        }
        if known.share() >= PAUSE && known.since.is_none() {
            known.since = Some(now);
            known.counts.pauses += 1;
        }
        let known = &self.slots[&state.slot];
        if state.standing == Standing::Endangered {
            let about = self.about(known);
            return Some(Finding::Stop(format!("{about}: the next checkpoint would take it away")));
        }
        let is_over = known.share() >= STOP;
        is_over.then(|| Finding::Stop(format!("{}: {}", self.about(known), self.remedy(known))))
    }

    /// Begins or ends a pause, or the run if it has paused in vain.
    fn turn(&mut self, now: u64) -> Option<Finding> {
        let holding = || self.slots.values().filter(|known| known.since.is_some());
        let kept = holding().map(|known| known.state.kept_bytes).sum();
        let Some(known) = holding().next() else {
            let pause = self.paused.take()?;
            return Some(Finding::GoOn(self.relief(&pause, now)));
        };
        let Some(pause) = &mut self.paused else {
            let text = format!("writers pause: {}", self.about(known));
            let slot = known.state.slot.clone();
            self.paused = Some(Pause { since: now, slot, least: (kept, now) });
            return Some(Finding::Pause(text));
        };
        if kept < pause.least.0 {
            pause.least = (kept, now);
        }
        let is_vain = now.saturating_sub(pause.least.1) >= nanoseconds(PATIENCE);
        is_vain.then(|| {
            let (about, patience) = (self.about(known), format_duration(PATIENCE));
            let remedy = self.remedy(known);
            Finding::Stop(format!(
                "writers paused, and nothing was freed for {patience}: {about}: {remedy}"
            ))
        })
    }

    /// What a pause ended by.
    fn relief(&self, pause: &Pause, now: u64) -> String {
        let Pause { since, slot, .. } = pause;
        let lasted = format_duration(Duration::from_nanos(now.saturating_sub(*since)));
        match self.slots.get(slot).filter(|known| known.is_there) {
            Some(known) => {
                let kept = format_bytes(known.state.kept_bytes);
                format!(
                    "writers go on after {lasted}: {kept} are kept for the replication slot `{slot}`"
                )
            }
            None => format!("writers go on after {lasted}: the replication slot `{slot}` is gone"),
        }
    }

    /// Why writers are held up now, if it is.
    pub(super) fn why(&self) -> Option<String> {
        self.paused.as_ref()?;
        let known = self.slots.values().find(|known| known.since.is_some())?;
        Some(format!("writers were paused, as {}: {}", self.about(known), self.remedy(known)))
    }

    /// The slot that is nearest to its limit.
    pub(super) fn live(&self) -> Option<LiveSlot> {
        let there = self.slots.values().filter(|known| known.is_there);
        let known = there.max_by_key(|known| (known.share(), known.state.kept_bytes))?;
        Some(LiveSlot {
            slot: known.state.slot.clone(),
            kept_bytes: known.state.kept_bytes,
            limit_bytes: known.counts.limit_bytes,
            is_paused: known.since.is_some(),
        })
    }

    /// How often somebody looked.
    pub(super) fn looks(&self) -> u64 {
        self.looks
    }

    /// What is known of each slot at the end; pauses that go on end now.
    pub(super) fn counts(&self, now: u64) -> impl Iterator<Item = SlotCounts> {
        self.slots.values().map(move |known| {
            let mut counts = known.counts.clone();
            counts.paused_ns += known.since.map_or(0, |since| now.saturating_sub(since));
            counts
        })
    }

    /// The server's own limit is what it does; ours may be less.
    fn limit(&self, state: &SlotState) -> u64 {
        let theirs = state.keep_bytes.map(|bytes| bytes.max(SEGMENT));
        match (theirs, self.limits.wal) {
            (Some(theirs), Some(ours)) => theirs.min(ours),
            (theirs, ours) => theirs.or(ours).unwrap_or(Cdc::WAL_LIMIT),
        }
    }

    fn about(&self, known: &GuardedSlot) -> String {
        let GuardedSlot { counts, state, .. } = known;
        let word = match state.keep_bytes.map(|bytes| bytes.max(SEGMENT)) {
            Some(theirs) if theirs == counts.limit_bytes => "max_slot_wal_keep_size",
            _ => "cdc.wal_limit",
        };
        let place = match &state.database {
            Some(database) => format!(" of the database `{database}`"),
            None => String::new(),
        };
        let reader = if state.is_active { "" } else { ", which nobody reads" };
        format!(
            "`{}` keeps {} of its log for the replication slot `{}`{place}{reader}, of {} that it may \
             (`{word}`)",
            self.target,
            format_bytes(state.kept_bytes),
            state.slot,
            format_bytes(counts.limit_bytes),
        )
    }

    fn remedy(&self, known: &GuardedSlot) -> String {
        let remedy =
            "let its reader catch up, drop the slot if nobody needs it, or raise the limit";
        if self.limits.has_heartbeats || known.state.database.is_none() {
            return remedy.to_owned();
        }
        format!(
            "if its database is idle, `cdc: {{ heartbeat: 5s }}` lets it move on; otherwise {remedy}"
        )
    }
}

impl GuardedSlot {
    fn new(target: &str, state: &SlotState) -> Self {
        let counts = SlotCounts {
            target: target.to_owned(),
            slot: state.slot.clone(),
            database: state.database.clone(),
            limit_bytes: 0,
            kept_bytes_max: 0,
            kept_bytes_last: 0,
            unconfirmed_bytes_max: None,
            pauses: 0,
            paused_ns: 0,
            was_lost: false,
        };
        Self { counts, state: state.clone(), is_there: true, since: None }
    }

    fn note(&mut self, state: &SlotState, limit: u64) {
        let counts = &mut self.counts;
        counts.limit_bytes = limit;
        counts.kept_bytes_last = state.kept_bytes;
        counts.kept_bytes_max = counts.kept_bytes_max.max(state.kept_bytes);
        counts.unconfirmed_bytes_max = counts.unconfirmed_bytes_max.max(state.unconfirmed_bytes);
        self.state = state.clone();
        self.is_there = true;
    }

    /// What is kept, in hundredths of what may be.
    fn share(&self) -> u128 {
        u128::from(self.state.kept_bytes) * 100 / u128::from(self.counts.limit_bytes.max(1))
    }

    fn release(&mut self, now: u64) {
        let since = self.since.take();
        self.counts.paused_ns += since.map_or(0, |since| now.saturating_sub(since));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MB: u64 = 1 << 20;
    const SECOND: u64 = 1_000_000_000;

    fn slot(name: &str, kept_bytes: u64) -> SlotState {
        SlotState {
            slot: name.to_owned(),
            database: Some("idle".to_owned()),
            kept_bytes,
            unconfirmed_bytes: Some(kept_bytes / 2),
            is_active: true,
            keep_bytes: None,
            standing: Standing::Kept,
        }
    }

    fn ledger(wal: u64) -> Ledger {
        Ledger::new("main", Limits { wal: Some(wal), has_heartbeats: false })
    }

    #[test]
    fn at_half_it_pauses_and_below_two_fifths_it_goes_on() {
        let mut ledger = ledger(100 * MB);
        assert_eq!(ledger.see(&[slot("tap", 49 * MB)], SECOND), []);
        assert_eq!(ledger.why(), None);
        let [Finding::Pause(text)] = &ledger.see(&[slot("tap", 50 * MB)], 2 * SECOND)[..] else {
            panic!("{ledger:?}")
        };
        assert!(text.contains("50 MiB") && text.contains("`tap`") && text.contains("`idle`"));
        assert!(ledger.why().is_some_and(|why| why.contains("heartbeat: 5s")));
        assert_eq!(ledger.see(&[slot("tap", 41 * MB)], 3 * SECOND), []);
        assert!(ledger.live().is_some_and(|live| live.is_paused));
        let [Finding::GoOn(text)] = &ledger.see(&[slot("tap", 39 * MB)], 5 * SECOND)[..] else {
            panic!("{ledger:?}")
        };
        assert!(text.contains("after 3s"), "{text}");
        let counts: Vec<_> = ledger.counts(9 * SECOND).collect();
        assert_eq!((counts[0].pauses, counts[0].paused_ns), (1, 3 * SECOND));
        assert_eq!((counts[0].kept_bytes_max, counts[0].kept_bytes_last), (50 * MB, 39 * MB));
        assert_eq!(counts[0].unconfirmed_bytes_max, Some(25 * MB));
    }

    #[test]
    fn writers_wait_for_all_slots_and_not_for_those_that_are_gone() {
        let mut ledger = ledger(100 * MB);
        let both = [slot("one", 60 * MB), slot("two", 60 * MB)];
        assert!(matches!(ledger.see(&both, 0)[..], [Finding::Pause(_)]));
        assert_eq!(ledger.see(&[slot("one", 0), slot("two", 60 * MB)], SECOND), []);
        assert!(matches!(ledger.see(&[slot("one", 0)], 2 * SECOND)[..], [Finding::GoOn(_)]));
        let paused: Vec<_> = ledger.counts(SECOND).map(|it| it.paused_ns).collect();
        assert_eq!(paused, [SECOND, 2 * SECOND]);
    }

    #[test]
    fn at_four_fifths_or_after_too_long_a_pause_the_run_ends() {
        let mut ledger = ledger(100 * MB);
        let findings = ledger.see(&[slot("tap", 80 * MB)], 0);
        assert!(
            matches!(&findings[..], [Finding::Stop(why), Finding::Pause(_)] if why.contains("80 MiB"))
        );
        let mut ledger = self::ledger(100 * MB);
        ledger.see(&[slot("tap", 60 * MB)], 0);
        assert_eq!(ledger.see(&[slot("tap", 59 * MB)], 299 * SECOND), []);
        assert_eq!(ledger.see(&[slot("tap", 61 * MB)], 598 * SECOND), []);
        let findings = ledger.see(&[slot("tap", 59 * MB)], 599 * SECOND);
        assert!(matches!(&findings[..], [Finding::Stop(why)] if why.contains("nothing was freed")));
    }

    #[test]
    fn the_least_limit_counts_and_a_server_that_keeps_none_keeps_a_segment() {
        let state = |keep_bytes| SlotState { keep_bytes, ..slot("tap", 0) };
        let limit = |wal, keep_bytes| {
            let ledger = Ledger::new("main", Limits { wal, has_heartbeats: true });
            ledger.limit(&state(keep_bytes))
        };
        assert_eq!(limit(None, None), Cdc::WAL_LIMIT);
        assert_eq!(limit(Some(64 * MB), None), 64 * MB);
        assert_eq!(limit(None, Some(512 * MB)), 512 * MB);
        assert_eq!(limit(Some(64 * MB), Some(512 * MB)), 64 * MB);
        assert_eq!(limit(Some(64 * MB), Some(32 * MB)), 32 * MB);
        assert_eq!(limit(None, Some(0)), SEGMENT);
    }

    #[test]
    fn a_slot_that_is_lost_in_the_run_ends_it_and_one_lost_before_does_not() {
        let lost = |name| SlotState { standing: Standing::Lost, ..slot(name, 0) };
        let mut ledger = ledger(100 * MB);
        assert_eq!(ledger.see(&[lost("old"), slot("tap", 0)], 0), []);
        let endangered = SlotState { standing: Standing::Endangered, ..slot("tap", MB) };
        assert!(matches!(ledger.see(&[endangered], SECOND)[..], [Finding::Stop(_)]));
        assert!(matches!(ledger.see(&[lost("tap")], 2 * SECOND)[..], [Finding::Stop(_)]));
        assert_eq!(ledger.see(&[lost("tap")], 3 * SECOND), []);
        let counts: Vec<_> = ledger.counts(0).map(|it| (it.slot, it.was_lost)).collect();
        assert_eq!(counts, [("tap".to_owned(), true)]);
    }
}
