//! What servers kept of their logs for replication slots, for people.

use std::time::Duration;

use crate::measure::LiveSlot;
use crate::measure::SlotCounts;
use crate::measure::Summary;
use crate::units::format_bytes;
use crate::units::format_duration;

use super::text::Align;
use super::text::columns;
use super::text::exact;
use super::text::shorten;

/// Slots that are shown; the summary file has all.
const SLOTS_SHOWN: usize = 10;

/// A line for each slot, those first for which the most was kept, and one of heartbeats.
pub(super) fn slots(summary: &Summary) -> Vec<String> {
    let mut lines = table(&summary.slots.slots);
    let (written, failed) = (summary.slots.heartbeats, summary.slots.heartbeats_failed);
    if written + failed > 0 {
        let failed = if failed > 0 { format!(", {} failed", exact(failed)) } else { String::new() };
        lines.push(format!("  {} heartbeats written{failed}", exact(written)));
    }
    lines
}

fn table(slots: &[SlotCounts]) -> Vec<String> {
    if slots.is_empty() {
        return Vec::new();
    }
    let titles = ["slot", "of", "kept at most", "limit", "unconfirmed", "pauses", "paused"];
    let mut rows = vec![titles.map(str::to_owned).to_vec()];
    let mut slots: Vec<&SlotCounts> = slots.iter().collect();
    slots.sort_by_key(|slot| std::cmp::Reverse(slot.kept_bytes_max));
    for slot in slots.iter().take(SLOTS_SHOWN) {
        rows.push(vec![
            shorten(&slot.slot, 28),
            shorten(slot.database.as_deref().unwrap_or("the server"), 24),
            format_bytes(slot.kept_bytes_max),
            format_bytes(slot.limit_bytes),
            slot.unconfirmed_bytes_max.map_or_else(|| "-".to_owned(), format_bytes),
            exact(slot.pauses),
            format_duration(Duration::from_nanos(slot.paused_ns)),
        ]);
    }
    let mut align = [Align::Right; 7];
    (align[0], align[1]) = (Align::Left, Align::Left);
    let mut lines: Vec<_> =
        columns(&align, &rows).into_iter().map(|line| format!("  {line}")).collect();
    let further = slots.len().saturating_sub(SLOTS_SHOWN);
    if further > 0 {
        lines.push(format!("  and {further} further slots in summary.json"));
    }
    lines
}

/// The slot that is nearest to its limit, behind the phase of a live line.
pub(super) fn live(slot: Option<&LiveSlot>) -> String {
    let Some(slot) = slot else { return String::new() };
    let (kept, limit) = (format_bytes(slot.kept_bytes), format_bytes(slot.limit_bytes));
    let paused = if slot.is_paused { ", paused" } else { "" };
    format!(", {} keeps {kept} of {limit}{paused}", shorten(&slot.slot, 28))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_slot_that_keeps_most_comes_first() {
        let slot = |name: &str, kept: u64, pauses: u64| SlotCounts {
            target: "main".to_owned(),
            slot: name.to_owned(),
            database: Some(format!("db_{name}")),
            limit_bytes: 64 << 20,
            kept_bytes_max: kept,
            kept_bytes_last: 0,
            unconfirmed_bytes_max: Some(kept / 2),
            pauses,
            paused_ns: pauses * 1_500_000_000,
            was_lost: false,
        };
        let lines = table(&[slot("small", 1 << 20, 0), slot("large", 33 << 20, 1)]);
        let expected = [
            "  slot   of        kept at most   limit  unconfirmed  pauses  paused",
            "  large  db_large        33 MiB  64 MiB     16.5 MiB       1   1.50s",
            "  small  db_small         1 MiB  64 MiB      512 KiB       0      0s",
        ];
        assert_eq!(lines, expected);
        let live = LiveSlot {
            slot: "large".to_owned(),
            kept_bytes: 33 << 20,
            limit_bytes: 64 << 20,
            is_paused: true,
        };
        assert_eq!(super::live(Some(&live)), ", large keeps 33 MiB of 64 MiB, paused");
        assert_eq!(super::live(None), "");
    }
}
