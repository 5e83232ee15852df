//! A plan for people.

use std::time::Duration;

use crate::cli::plan::facts::BillOutlook;
use crate::cli::plan::facts::Creates;
use crate::cli::plan::facts::EventOutlook;
use crate::cli::plan::facts::Outlook;
use crate::cli::plan::facts::StreamOutlook;
use crate::cli::plan::facts::TableOutlook;
use crate::report::text::Align;
use crate::report::text::columns;
use crate::report::text::exact;
use crate::report::text::wrap;
use crate::units::format_bytes;
use crate::units::format_count;
use crate::units::format_duration;
use crate::units::format_rate;

/// How wide the text is at most.
const WIDTH: usize = 100;
/// Segments that are shown; a profile may be played a thousand times.
const SEGMENTS: usize = 20;
/// What only the clock decides.
const OPEN: &str = "?";

/// The whole text.
pub(super) fn draw(outlook: &Outlook) -> String {
    let mut lines = vec![head(outlook)];
    if !outlook.streams.is_empty() {
        lines.push(String::new());
        lines.extend(indented(columns(&STREAMS, &streams(outlook))));
        lines.extend(segments(outlook));
        lines.push(String::new());
        lines.extend(indented(columns(
            &[Align::Left, Align::Right, Align::Right],
            &actions(outlook),
        )));
    }
    lines.push(String::new());
    if !outlook.tables.is_empty() {
        lines.extend(indented(columns(&TABLES, &tables(outlook))));
        lines.push(String::new());
    }
    if !outlook.events.is_empty() {
        let align = [Align::Left, Align::Right, Align::Right, Align::Right, Align::Right];
        lines.extend(indented(columns(&align, &events(outlook))));
        lines.push(String::new());
    }
    lines.extend(notes(outlook));
    lines.push(String::new());
    lines.extend(outlook.creates.iter().flat_map(makes));
    for warning in &outlook.warnings {
        for (number, line) in wrap(warning, WIDTH - 11).into_iter().enumerate() {
            lines.push(format!("  {} {line}", if number == 0 { "warning:" } else { "        " }));
        }
    }
    lines.join("\n") + "\n"
}

const STREAMS: [Align; 6] =
    [Align::Left, Align::Right, Align::Right, Align::Right, Align::Right, Align::Left];
const TABLES: [Align; 8] = [
    Align::Left,
    Align::Right,
    Align::Right,
    Align::Right,
    Align::Right,
    Align::Right,
    Align::Right,
    Align::Right,
];

fn head(outlook: &Outlook) -> String {
    let Outlook { scenario, seed, start, lanes, .. } = outlook;
    let lasts = match outlook.duration_ns {
        Some(0) => "no load".to_owned(),
        Some(duration) => format!("lasts {}", time(duration)),
        None => "lasts until its limit is reached".to_owned(),
    };
    let warmup = match outlook.warmup_ns {
        0 => String::new(),
        warmup => format!(" with {} of warm-up", time(warmup)),
    };
    format!("plan of {scenario}: {lasts}{warmup}; seed {seed}, start {start}, {lanes} lanes")
}

fn streams(outlook: &Outlook) -> Vec<Vec<String>> {
    let head = ["stream", "slots", "skipped", "mean", "peak", "profile"];
    let mut rows = vec![head.map(str::to_owned).to_vec()];
    for stream in &outlook.streams {
        let rate = |rate: Option<f64>| rate.map_or_else(|| OPEN.to_owned(), format_rate);
        rows.push(vec![
            stream.name.clone(),
            count(stream.slots),
            count(stream.skipped),
            rate(stream.mean_rate),
            rate(stream.peak_rate),
            sparkline(stream),
        ]);
    }
    rows
}

/// The profile, a character for each part of it.
fn sparkline(stream: &StreamOutlook) -> String {
    const BARS: [char; 8] = ['▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];
    let highest = stream.profile.iter().copied().fold(0.0, f64::max);
    if let Some(sessions) = stream.sessions {
        return format!("{} sessions, as fast as they think", format_count(sessions.into()));
    }
    if stream.profile.is_empty() {
        return "as fast as the target takes it".to_owned();
    }
    let bar = |rate: &f64| {
        if *rate <= 0.0 || highest <= 0.0 {
            return ' ';
        }
        let bar = crate::pace::whole((rate / highest * 8.0).ceil()).clamp(1, 8);
        BARS[usize::try_from(bar - 1).unwrap_or(0)]
    };
    stream.profile.iter().map(bar).collect()
}

fn segments(outlook: &Outlook) -> Vec<String> {
    let mut rows = vec![["segment", "from", "to", "slots", "mean"].map(str::to_owned).to_vec()];
    let mut more = 0;
    for stream in &outlook.streams {
        for segment in &stream.segments {
            if rows.len() > SEGMENTS {
                more += 1;
                continue;
            }
            rows.push(vec![
                format!("{} {}", stream.name, segment.name),
                time(segment.from_ns),
                time(segment.to_ns),
                exact(segment.slots),
                format_rate(segment.mean_rate),
            ]);
        }
    }
    if rows.len() == 1 {
        return Vec::new();
    }
    let align = [Align::Left, Align::Right, Align::Right, Align::Right, Align::Right];
    let mut lines = vec![String::new()];
    lines.extend(indented(columns(&align, &rows)));
    if more > 0 {
        lines.push(format!("  and {more} more"));
    }
    lines
}

fn actions(outlook: &Outlook) -> Vec<Vec<String>> {
    let mut rows = vec![["action", "share", "slots"].map(str::to_owned).to_vec()];
    for stream in &outlook.streams {
        for action in &stream.actions {
            rows.push(vec![
                format!("{} {}", stream.name, action.action),
                format!("{:.1} %", action.share * 100.0),
                count(action.slots),
            ]);
        }
    }
    rows
}

fn tables(outlook: &Outlook) -> Vec<Vec<String>> {
    let head = ["table", "seeded", "inserted", "updated", "deleted", "alive", "size", "indexes"];
    let mut rows = vec![head.map(str::to_owned).to_vec()];
    for table in &outlook.tables {
        let TableOutlook { database, table: name, seeded, .. } = table;
        let size = |at_end: Option<u64>, seeded: u64| format_bytes(at_end.unwrap_or(seeded));
        rows.push(vec![
            format!("{database}.{name}"),
            exact(*seeded),
            count(table.inserted),
            count(table.updated),
            count(table.deleted),
            count(table.alive),
            size(table.bytes, table.seeded_bytes),
            size(table.index_bytes, table.seeded_index_bytes),
        ]);
    }
    rows
}

fn events(outlook: &Outlook) -> Vec<Vec<String>> {
    let mut rows = vec![["event", "sent", "each", "in all"].map(str::to_owned).to_vec()];
    let has_faults = outlook.events.iter().any(|event| event.faulty.is_some());
    rows[0].extend(has_faults.then(|| "with a fault".to_owned()));
    for EventOutlook { target, event, sent, event_bytes, bytes, faulty, .. } in &outlook.events {
        let all = bytes.map_or_else(|| "?".to_owned(), format_bytes);
        let faulty = has_faults.then(|| faulty.map_or_else(|| "0".to_owned(), exact));
        let mut row =
            vec![format!("{target}: {event}"), count(*sent), format_bytes(*event_bytes), all];
        row.extend(faulty);
        rows.push(row);
    }
    rows
}

fn notes(outlook: &Outlook) -> Vec<String> {
    let mut lines = Vec::new();
    if !outlook.exact && !outlook.streams.is_empty() {
        lines.push("  rows are estimated from the slots of some lanes".to_owned());
    }
    let run = match (outlook.wal.run_bytes, outlook.wal.full_page_bytes_max) {
        (Some(run), Some(pages)) if !outlook.streams.is_empty() => format!(
            ", the run {}, and up to {} of whole pages behind each checkpoint",
            format_bytes(run),
            format_bytes(pages)
        ),
        _ => String::new(),
    };
    if !outlook.tables.is_empty() {
        let seeding = format_bytes(outlook.wal.seed_bytes);
        lines.push(format!("  write-ahead log, about: seeding {seeding}{run}"));
    }
    for needs in &outlook.connections {
        if needs.peak_rate > 0.0 {
            lines.push(format!(
                "  connections to {}: {} at {} each keeps {:.1} actions under way; it has {}, with {} in flight on each",
                needs.database,
                format_rate(needs.peak_rate),
                time(needs.service_ns),
                needs.needed,
                needs.connections,
                needs.in_flight,
            ));
        }
    }
    lines.extend(outlook.events.iter().filter_map(bill));
    lines
}

/// What the service would bill for an event.
fn bill(EventOutlook { event, bill, .. }: &EventOutlook) -> Option<String> {
    let BillOutlook { records, bytes, dollars, dollars_per_gib } = bill.as_ref()?;
    Some(format!(
        "  Amazon Data Firehose would bill {event}, about: {} records, each rounded up to 5 KiB, {}: \
         ${dollars:.4} at ${dollars_per_gib} for each GiB",
        exact(*records),
        format_bytes(*bytes),
    ))
}

fn makes(creates: &Creates) -> Vec<String> {
    let Creates { target, server, databases, schemas, roles, tables, publications } = creates;
    if tables.is_empty() {
        return vec![format!("  {target}, {server}: nothing is made; the tables exist")];
    }
    let mut parts = Vec::new();
    for (word, names) in [
        ("databases", databases),
        ("schemas", schemas),
        ("roles", roles),
        ("publications", publications),
    ] {
        if !names.is_empty() {
            parts.push(format!("{word} {}", names.join(", ")));
        }
    }
    parts.push(format!("{} tables", tables.len()));
    let text = format!("{target}, {server}, gets what is not there yet: {}", parts.join("; "));
    indented(wrap(&text, WIDTH - 2))
}

fn indented(lines: Vec<String>) -> Vec<String> {
    lines.into_iter().map(|line| format!("  {line}")).collect()
}

fn time(nanoseconds: u64) -> String {
    format_duration(Duration::from_nanos(nanoseconds))
}

fn count(count: Option<u64>) -> String {
    count.map_or_else(|| OPEN.to_owned(), exact)
}
