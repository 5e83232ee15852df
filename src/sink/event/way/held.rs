//! Events that a fault holds back: the late ones until it is time, those that are to be out of order
//! until another one of their key has gone. They hold up nobody, and no time of their own counts it.

use std::collections::BTreeMap;
use std::collections::HashMap;
use std::future::Future as _;
use std::pin::Pin;
use std::sync::Arc;
use std::task::Context;
use std::task::Poll;
use std::time::Duration;
use std::time::Instant;

use tokio::time::Sleep;
use tokio::time::sleep_until;

use crate::action::Action;
use crate::action::Fault;
use crate::action::Operation;
use crate::sink::event::Record;
use crate::sink::event::json::write_text;
use crate::sink::event::kept::OwnedRecord;
use crate::sink::event::way::EventSink;
use crate::sink::event::way::of_all;

/// For so long another one of its key is waited for.
const FOLLOWED_WITHIN: Duration = Duration::from_secs(30);

/// A topic or stream, and a key; none where there are no keys.
type Place = (Arc<str>, Option<Box<[u8]>>);

/// One that waits.
#[derive(Debug)]
struct HeldRecord {
    kept: OwnedRecord,
    since: Instant,
    /// Which of its action's notes is about it.
    note: usize,
    /// Whose next one it waits for, if it does.
    place: Option<Place>,
}

/// By when it goes out at the latest, and its number.
type Until = (Instant, u64);

/// Those of a connection.
#[derive(Debug, Default)]
pub(super) struct HeldBack {
    waiting: BTreeMap<Until, HeldRecord>,
    /// Only looked up: its order decides nothing.
    by_place: HashMap<Place, Vec<Until>>,
    /// How many there have been.
    count: u64,
    /// Wakes the connection when the first of them must go.
    sleep: Option<(Instant, Pin<Box<Sleep>>)>,
}

impl HeldBack {
    fn add(&mut self, held: HeldRecord, within: Duration) {
        let until = (held.since + within, self.count);
        self.count += 1;
        if let Some(place) = &held.place {
            self.by_place.entry(place.clone()).or_default().push(until);
        }
        self.waiting.insert(until, held);
    }

    /// Those that wait for one of this place, the first to come first.
    fn take_followed(&mut self, place: &Place) -> Vec<HeldRecord> {
        let all = self.by_place.remove(place).unwrap_or_default();
        all.iter().filter_map(|until| self.waiting.remove(until)).collect()
    }

    /// The one that must go out first.
    fn take_first(&mut self) -> Option<HeldRecord> {
        let (until, held) = self.waiting.pop_first()?;
        if let Some(place) = &held.place
            && let Some(all) = self.by_place.get_mut(place)
        {
            all.retain(|it| *it != until);
            if all.is_empty() {
                self.by_place.remove(place);
            }
        }
        Some(held)
    }

    /// Whether the first of them must go out now; if not, the task is woken when it must.
    fn is_due(&mut self, context: &mut Context<'_>) -> bool {
        let Some(((until, _), _)) = self.waiting.first_key_value() else {
            self.sleep = None;
            return false;
        };
        let until = *until;
        if until <= Instant::now() {
            return true;
        }
        let made = self.sleep.take().filter(|(at, _)| *at == until);
        let (_, sleep) =
            self.sleep.insert(made.unwrap_or_else(|| (until, Box::pin(sleep_until(until.into())))));
        sleep.as_mut().poll(context) == Poll::Ready(())
    }
}

impl EventSink {
    /// Holds a record back whose event has this fault.
    pub(super) fn hold(
        &mut self,
        record: &Record<'_>,
        fault: Fault,
        (note, place): (usize, Place),
    ) {
        let (within, place) = match fault {
            Fault::Late(by_ns) => (Duration::from_nanos(by_ns), None),
            _ => (FOLLOWED_WITHIN, Some(place)),
        };
        let held = HeldRecord { kept: OwnedRecord::of(record), since: Instant::now(), note, place };
        self.held.add(held, within);
    }

    /// Whose next event of its key an event is: also where keys are not sent.
    pub(super) fn place_of(&self, operation: &Operation, action: &Action) -> Option<Place> {
        let topic = self.topic(operation)?;
        let value = topic.told.key.and_then(|key| action.values(operation).get(key).copied());
        let key = value.and_then(|value| {
            let mut key = Vec::new();
            write_text(value, action, &mut key).then(|| key.into_boxed_slice())
        });
        Some((Arc::clone(&topic.name), key))
    }

    /// An event has gone out: those of its key that wait for that go behind it.
    pub(super) fn let_follow(&mut self, operation: &Operation, action: &Action) {
        if self.held.by_place.is_empty() {
            return;
        }
        let Some(place) = self.place_of(operation, action) else { return };
        for held in self.held.take_followed(&place) {
            self.let_go(held, true);
        }
    }

    /// Sends those that need not wait any more.
    pub(super) fn send_due(&mut self, context: &mut Context<'_>) {
        while self.held.is_due(context) {
            match self.held.take_first() {
                Some(held) => self.let_go(held, false),
                None => return,
            }
        }
    }

    /// Sends those that wait before their time, soonest first, but for so many.
    pub(super) fn send_held(&mut self, keep: usize) {
        while self.held.waiting.len() > keep {
            match self.held.take_first() {
                Some(held) => self.let_go(held, false),
                None => return,
            }
        }
    }

    fn let_go(&mut self, held: HeldRecord, is_overtaken: bool) {
        let HeldRecord { kept, since, note, .. } = held;
        if let Some(marked) = self.marked.get_mut(&of_all(kept.ticket)) {
            marked.held(note, since.elapsed(), is_overtaken);
        }
        kept.with(|record| self.publish(record));
    }
}
