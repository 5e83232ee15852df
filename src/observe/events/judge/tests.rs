//! What is said of events that look the same, and of those that come after nobody counts any more.

use super::*;

use std::cell::RefCell;
use std::rc::Rc;
use std::time::Duration;

use crate::observe::events::Sender;

/// What happens, one after another, a nanosecond each.
#[derive(Debug, Clone, Copy)]
pub(in crate::observe::events) enum Step {
    /// An event of this number and with these bytes goes out.
    Sent(u64, &'static str),
    Stored(u64),
    Refused(u64),
    Unknown(u64),
    Arrived(&'static str),
    /// Too many are outstanding.
    GivenUp,
}
use Step::*;

fn judge() -> EventJudge {
    let rules = Rules {
        target: "clicks".to_owned(),
        events: BTreeMap::from([(TableId(0), (0, "clicks.visit".to_owned()))]),
        places: vec!["clicks.visit".to_owned()],
        has_keys: true,
        is_ordered: true,
        publishers: Vec::new(),
        has_many_repeats: false,
    };
    EventJudge::new("seen", rules)
}

fn take(judge: &mut EventJudge, now: u64, step: Step) {
    let key = b"k".as_slice();
    match step {
        Sent(number, payload) => {
            let departure = Departure {
                decision: Decision::blank(),
                part: 0,
                sender: Sender { connection: 0, ticket: 0 },
                due: now,
                sent: now,
            };
            let event = Written {
                operation: 0,
                table: TableId(0),
                key: Some(key),
                payload: payload.as_bytes(),
                is_held_back: false,
            };
            judge.departs(number, &event, &departure);
        }
        Stored(number) => judge.settle(number, Fate::Stored, (now, true)),
        Refused(number) => judge.settle(number, Fate::Refused, (now, true)),
        Unknown(number) => judge.settle(number, Fate::Unknown, (now, true)),
        Arrived(payload) => {
            let (key, payload) = (Some(key.into()), payload.as_bytes().into());
            judge.come(Came { place: 0, file: None, key, payload, since: now, at: now });
            judge.mark();
            judge.judge_marked();
        }
        GivenUp => judge.give_up(),
    }
}

/// A judge after these steps.
pub(in crate::observe::events) fn judge_of(steps: &[Step]) -> EventJudge {
    let mut judge = judge();
    for (now, step) in (1..).zip(steps) {
        take(&mut judge, now, *step);
    }
    judge
}

/// What a reader gives at its end, while all that comes is judged.
pub(in crate::observe::events) async fn taken<T>(
    judge: &Rc<RefCell<EventJudge>>,
    work: impl Future<Output = T>,
) -> T {
    let mut work = std::pin::pin!(work);
    let mut soon = tokio::time::interval(Duration::from_millis(10));
    loop {
        tokio::select! {
            found = &mut work => return found,
            _ = soon.tick() => {
                let mut judge = judge.borrow_mut();
                judge.mark();
                judge.judge_marked();
            }
        }
    }
}

/// Expected, observed, lost, phantom, pending, reordered.
fn found(steps: &[Step]) -> [u64; 6] {
    let mut judge = judge_of(steps);
    let missing = judge.end(true);
    judge.resolve(missing, Vec::new());
    let it = judge.verification;
    [it.expected, it.observed, it.lost, it.phantom, it.pending, it.reordered]
}

#[test]
fn of_events_that_look_the_same_the_one_has_come_that_must() {
    let both = [Sent(0, "a"), Sent(1, "a")];
    let rows: &[(&[Step], [u64; 6])] = &[
        // One was stored and the other may be; one came.
        (&[Unknown(0), Stored(1), Arrived("a")], [2, 1, 0, 0, 1, 0]),
        (&[Unknown(0), Arrived("a"), Stored(1)], [2, 1, 0, 0, 1, 0]),
        (&[Arrived("a"), Unknown(0), Stored(1)], [2, 1, 0, 0, 1, 0]),
        (&[Arrived("a"), Stored(1), Unknown(0)], [2, 1, 0, 0, 1, 0]),
        (&[Stored(1), Arrived("a"), Unknown(0)], [2, 1, 0, 0, 1, 0]),
        (&[Stored(0), Arrived("a"), Unknown(1)], [2, 1, 0, 0, 1, 0]),
        // Nobody told what became of the first.
        (&[Arrived("a"), Stored(1)], [2, 1, 0, 0, 1, 0]),
        // One was stored and the other refused.
        (&[Arrived("a"), Refused(0), Stored(1)], [1, 1, 0, 0, 0, 0]),
        (&[Arrived("a"), Stored(1), Refused(0)], [1, 1, 0, 0, 0, 0]),
        (&[Refused(0), Arrived("a"), Stored(1)], [1, 1, 0, 0, 0, 0]),
        // One was refused and the other may be there.
        (&[Arrived("a"), Unknown(1), Refused(0)], [1, 1, 0, 0, 0, 0]),
        (&[Unknown(0), Arrived("a"), Refused(1)], [1, 1, 0, 0, 0, 0]),
        // Both came, and one of them should not have, or both were right.
        (&[Arrived("a"), Arrived("a"), Refused(0), Stored(1)], [1, 2, 0, 1, 0, 0]),
        (&[Arrived("a"), Arrived("a"), Unknown(0), Stored(1)], [2, 2, 0, 0, 0, 0]),
        (&[Stored(0), Stored(1), Arrived("a")], [2, 1, 1, 0, 0, 0]),
        (&[Stored(0), Refused(1), Arrived("a")], [1, 1, 0, 0, 0, 0]),
        (&[Arrived("a"), Refused(0), Refused(1)], [0, 1, 0, 1, 0, 0]),
    ];
    for (steps, expected) in rows {
        let steps = [both.as_slice(), steps].concat();
        assert_eq!(found(&steps), *expected, "{steps:?}");
    }
}

#[test]
fn an_event_that_looks_like_another_one_is_not_taken_to_be_overtaken() {
    let rows: &[(&[Step], [u64; 6])] = &[
        // What came first was the first one, though nobody knew of it, or the last.
        (
            &[Arrived("a"), Arrived("b"), Arrived("a"), Unknown(0), Stored(1), Stored(2)],
            [3, 3, 0, 0, 0, 0],
        ),
        (
            &[Unknown(0), Stored(1), Stored(2), Arrived("a"), Arrived("b"), Arrived("a")],
            [3, 3, 0, 0, 0, 0],
        ),
        (&[Arrived("a"), Arrived("b"), Refused(0), Stored(1), Stored(2)], [2, 2, 0, 0, 0, 0]),
        (
            &[Stored(0), Stored(1), Stored(2), Arrived("b"), Arrived("a"), Arrived("a")],
            [3, 3, 0, 0, 0, 1],
        ),
    ];
    for (steps, expected) in rows {
        let sent = [Sent(0, "a"), Sent(1, "b"), Sent(2, "a")];
        let steps = [sent.as_slice(), steps].concat();
        assert_eq!(found(&steps), *expected, "{steps:?}");
    }
}

#[test]
fn what_came_before_an_event_went_out_is_another_one() {
    let steps = [Sent(0, "a"), Arrived("a"), Sent(1, "a"), Stored(1), Refused(0)];
    assert_eq!(found(&steps), [1, 1, 1, 1, 0, 0]);
}

#[test]
fn nothing_is_counted_of_what_comes_after_too_many_were_outstanding() {
    let before = [Sent(0, "a"), Stored(0), Sent(1, "b"), Stored(1), Arrived("a")];
    let after =
        [GivenUp, Arrived("b"), Sent(2, "c"), Arrived("c"), Stored(2), Sent(3, "d"), Stored(3)];
    assert_eq!(found(&[before.as_slice(), &after].concat()), [2, 1, 0, 0, 0, 0]);
}
