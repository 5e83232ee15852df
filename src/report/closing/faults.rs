//! What was wrong with events on purpose.

use crate::measure::EventCounts;
use crate::report::closing::exact;
use crate::report::closing::paragraph;
use crate::report::closing::shorten;

/// A paragraph for each destination that got any.
pub(super) fn faults(events: &[EventCounts]) -> Vec<String> {
    events.iter().flat_map(of).collect()
}

fn of(events: &EventCounts) -> Vec<String> {
    let counts = events.faults.each().into_iter().filter(|(_, count)| *count > 0);
    let counts: Vec<_> = counts.map(|(name, count)| format!("{} {name}", exact(count))).collect();
    if counts.is_empty() {
        return Vec::new();
    }
    let place = shorten(&format!("{}: {}", events.target, events.destination), 60);
    paragraph("  faults on purpose: ", &format!("{place}: {}", counts.join(", ")))
}
