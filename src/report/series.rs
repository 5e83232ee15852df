//! `series.csv`: a row for each second and stream.

use std::fmt::Write as _;

use chrono::DateTime;
use chrono::SecondsFormat;
use chrono::Utc;

use crate::measure::Digest;
use crate::measure::Second;

/// Its columns.
pub(super) const HEADER: &str = "time,at_s,measured_s,seconds,phase,stream,segment,target_rate,\
    scheduled,sent,acknowledged,failed,unknown,skipped,unfinished,retries,backlog,in_flight,\
    sched_p50_ns,sched_p99_ns,sched_max_ns,queue_p50_ns,queue_p99_ns,queue_max_ns,\
    service_p50_ns,service_p99_ns,service_max_ns,response_p50_ns,response_p99_ns,response_max_ns,\
    connections_lost,connections_back,crashes_seen,cpus_used,rss_bytes,throttled_periods,\
    involuntary_switches,wake_max_ns,events";

/// The rows of a second that ended at a time.
pub(super) fn rows(second: &Second, ended: DateTime<Utc>, names: &[String]) -> Vec<String> {
    let streams = names.iter().enumerate();
    streams.map(|(stream, name)| row(second, ended, (stream, name))).collect()
}

fn row(second: &Second, ended: DateTime<Utc>, (stream, name): (usize, &str)) -> String {
    let known = second.streams.get(stream).cloned().unwrap_or_default();
    let counters = second.counters(stream);
    let mut row = format!(
        "{},{},{},{},{},{},{},{}",
        ended.to_rfc3339_opts(SecondsFormat::Millis, true),
        seconds(second.at_ns),
        second.measured_ns.map(seconds).unwrap_or_default(),
        seconds(second.length_ns),
        second.phase.name(),
        quoted(name),
        quoted(&known.segment.unwrap_or_default()),
        known.target_rate.map(|rate| format!("{rate:.3}")).unwrap_or_default(),
    );
    let counts = [
        counters.scheduled,
        counters.sent,
        counters.acknowledged,
        counters.failed,
        counters.unknown,
        counters.skipped,
        counters.unfinished,
        counters.retries,
        known.backlog,
        known.in_flight,
    ];
    // Writing to a string cannot fail.
    for count in counts {
        let _ = write!(row, ",{count}");
    }
    for Digest { count, p50, p99, max, .. } in second.digests(stream) {
        let _ = if count > 0 { write!(row, ",{p50},{p99},{max}") } else { write!(row, ",,,") };
    }
    let (faults, usage) = (second.faults(), second.usage);
    let _ = write!(
        row,
        ",{},{},{},{:.3},{},{},{},{},{}",
        faults.lost,
        faults.mended,
        faults.crashed,
        usage.cpu,
        usage.rss_bytes,
        usage.periods.throttled,
        usage.involuntary_switches,
        second.wake().max().unwrap_or(0),
        quoted(&second.events.join("; "))
    );
    row
}

fn seconds(nanoseconds: u64) -> String {
    format!("{}.{:03}", nanoseconds / 1_000_000_000, nanoseconds / 1_000_000 % 1_000)
}

/// As CSV has it: in quotation marks where that is needed.
pub(super) fn quoted(text: &str) -> String {
    if text.contains([',', '"', '\n', '\r']) {
        return format!("\"{}\"", text.replace('"', "\"\"").replace(['\n', '\r'], " "));
    }
    text.to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cells_are_quoted_where_they_must_be() {
        assert_eq!(quoted("plain text"), "plain text");
        assert_eq!(quoted("a, \"b\"\nc"), "\"a, \"\"b\"\" c\"");
        assert_eq!(seconds(61_234_567_890), "61.234");
    }

    #[test]
    fn no_column_has_the_name_of_another() {
        let mut columns: Vec<_> = HEADER.split(',').collect();
        assert_eq!(columns.len(), 39);
        columns.sort_unstable();
        columns.dedup();
        assert_eq!(columns.len(), 39);
    }
}
