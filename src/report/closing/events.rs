//! What was sent to topics and streams.

use crate::measure::EventCounts;
use crate::report::closing::exact;
use crate::report::closing::numbers;
use crate::report::closing::shorten;

/// A line for each destination.
pub(super) fn events(events: &[EventCounts]) -> Vec<String> {
    type Count = fn(&EventCounts) -> u64;
    let always: [(&str, Count); 4] = [
        ("sent", |it| it.sent),
        ("acknowledged", |it| it.acknowledged),
        ("bytes", |it| it.bytes),
        ("calls", |it| it.calls),
    ];
    let exceptions: [(&str, Count); 6] = [
        ("failed", |it| it.failed),
        ("unknown", |it| it.unknown),
        ("missed", |it| it.missed),
        ("throttled", |it| it.throttled),
        ("repeated", |it| it.repeated),
        ("aborted", |it| it.aborted),
    ];
    let Some(first) = events.first() else { return Vec::new() };
    let is_single = events.iter().all(|it| it.target == first.target);
    let occurs = |count: &Count| events.iter().any(|it| count(it) > 0);
    let exceptions = exceptions.into_iter().filter(|(_, count)| occurs(count));
    let shown: Vec<_> = always.into_iter().chain(exceptions).collect();
    let mut rows = vec![vec!["events to".to_owned()]];
    rows[0].extend(shown.iter().map(|(name, _)| (*name).to_owned()));
    for it in events {
        let target = if is_single { String::new() } else { format!("{}: ", it.target) };
        let mut row = vec![shorten(&format!("{target}{}", it.destination), 40)];
        row.extend(shown.iter().map(|(_, count)| exact(count(it))));
        rows.push(row);
    }
    numbers(&rows)
}
