//! Which of the events that look the same has come: of those that must come the oldest. Whatever of them came, no
//! other one is said to be missing for it.

use std::mem::swap;

use smallvec::SmallVec;

use crate::observe::events::judge::EventJudge;
use crate::observe::events::judge::Outstanding;

impl EventJudge {
    /// Something with this content came at a moment. Takes one of it out of those that have not come: one of which
    /// nobody knows whether it is there only if there is no other.
    pub(super) fn take_one(&mut self, content: u128, at: u64) -> Option<u64> {
        let all = self.by_content.get(&content)?;
        let first = *all.first()?;
        let is_due = |event: &Outstanding| event.must_come() && event.sent <= at;
        let number = all.iter().copied().find(|it| self.events.get(it).is_some_and(is_due));
        let number = number.unwrap_or(first);
        let passed: SmallVec<[u64; 1]> = all.iter().copied().filter(|it| *it < number).collect();
        // What came may have been any of them: only what went out before all of them has been overtaken for sure.
        let order_of = |it: &u64| self.events.get(it).and_then(|event| event.order);
        if all.iter().all(|it| order_of(it) == order_of(&first)) {
            self.overtake(first);
        }
        for other in &passed {
            if let Some(event) = self.events.get_mut(other) {
                event.is_passed_over = true;
            }
        }
        self.leave(number);
        Some(number)
    }

    /// An event that has come need not be there, or is not: then another one of its content has come that must.
    /// Returns whether there is one.
    pub(super) fn hand_on(&mut self, number: u64, is_for_all: bool) -> bool {
        let Some(event) = self.events.get(&number) else { return false };
        let Some(seen) = event.seen else { return false };
        let all = self.by_content.get(&event.content).map(SmallVec::as_slice).unwrap_or_default();
        let is_due = |it: &&u64, is_unknown: bool| {
            let other = self.events.get(it);
            other.is_some_and(|it| it.must_come() != is_unknown && it.sent <= seen.1)
        };
        let certain = all.iter().find(|it| is_due(it, false));
        let other = certain.or_else(|| all.iter().find(|it| is_for_all && is_due(it, true)));
        let Some(other) = other.copied() else { return false };
        self.leave(other);
        let Some(mut event) = self.events.remove(&number) else { return false };
        if let Some(other) = self.events.get_mut(&other) {
            swap(&mut event.seen, &mut other.seen);
            swap(&mut event.is_overtaken, &mut other.is_overtaken);
        }
        event.is_passed_over = true;
        self.events.insert(number, event);
        self.join(number);
        if self.events.get(&other).is_some_and(|it| it.certainty.is_some()) {
            self.finished(other);
        }
        true
    }

    /// An event is one of those that have not come.
    pub(super) fn join(&mut self, number: u64) {
        let Some(event) = self.events.get(&number) else { return };
        let all = self.by_content.entry(event.content).or_default();
        all.insert(all.partition_point(|it| *it < number), number);
        if let Some(order) = event.order {
            let all = self.by_order.entry(order).or_default();
            all.insert(all.partition_point(|it| *it < number), number);
        }
    }

    /// An event is none of those any more.
    pub(super) fn leave(&mut self, number: u64) {
        let Some(event) = self.events.get(&number) else { return };
        if let Some(all) = self.by_content.get_mut(&event.content) {
            all.retain(|it| *it != number);
            if all.is_empty() {
                self.by_content.remove(&event.content);
            }
        }
        let Some(order) = event.order else { return };
        if let Some(all) = self.by_order.get_mut(&order) {
            if let Ok(place) = all.binary_search(&number) {
                all.remove(place);
            }
            if all.is_empty() {
                self.by_order.remove(&order);
            }
        }
    }

    /// An event has come: those of its order that went out before it and have not have been overtaken.
    fn overtake(&mut self, number: u64) {
        let order = self.events.get(&number).and_then(|event| event.order);
        let all = order.and_then(|order| self.by_order.get(&order));
        for before in all.into_iter().flatten().take_while(|it| **it < number) {
            if let Some(event) = self.events.get_mut(before).filter(|it| !it.is_passed_over) {
                event.is_overtaken = true;
            }
        }
    }
}
