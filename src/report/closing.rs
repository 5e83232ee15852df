//! The closing summary: one screen for people.

mod events;
mod faults;
mod head;

use std::env;
use std::io::IsTerminal;
use std::io::stderr;
use std::io::stdout;
use std::path::Path;

use crate::measure::Judgement;
use crate::measure::StreamSummary;
use crate::measure::Summary;
use crate::measure::TableCounts;
use crate::measure::Verdict;

use super::judged::threshold;
use super::observed::observed;
use super::slots::slots;
use super::steps::steps;
use super::sums::retries;
use super::sums::sums;
use super::text::Align;
use super::text::WIDTH;
use super::text::columns;
use super::text::duration_ns;
use super::text::exact;
use super::text::exact_rate;
use super::text::shorten;
use super::text::wrap;

/// Kinds of failure that are shown of each stream; the summary file has them all.
const KINDS_SHOWN: usize = 5;

/// Whether to colour.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Colour {
    /// With escape sequences.
    Ansi,
    /// Plain text.
    Never,
}

impl Colour {
    /// Colours for standard output.
    pub fn of_stdout() -> Colour {
        Colour::of(&stdout())
    }

    /// Colours for standard error.
    pub fn of_stderr() -> Colour {
        Colour::of(&stderr())
    }

    /// Only on a terminal, unless `NO_COLOR` is set and not empty, or `TERM` is `dumb`.
    fn of(stream: &impl IsTerminal) -> Colour {
        let is_refused = env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
        let is_dumb = env::var_os("TERM").is_some_and(|term| term == "dumb");
        if stream.is_terminal() && !is_refused && !is_dumb { Colour::Ansi } else { Colour::Never }
    }

    /// Whether there are colours.
    pub fn is_on(self) -> bool {
        self == Colour::Ansi
    }

    fn paint(self, code: &str, text: &str) -> String {
        match self {
            Colour::Ansi => format!("\x1b[{code}m{text}\x1b[0m"),
            Colour::Never => text.to_owned(),
        }
    }

    pub(super) fn good(self, text: &str) -> String {
        self.paint("32", text)
    }

    pub(super) fn bad(self, text: &str) -> String {
        self.paint("31", text)
    }

    pub(super) fn doubtful(self, text: &str) -> String {
        self.paint("33", text)
    }

    fn verdict(self, verdict: Verdict) -> String {
        let code = match verdict {
            Verdict::Passed => "1;32",
            Verdict::Interrupted => "1;33",
            _ => "1;31",
        };
        self.paint(code, &verdict.name().replace('_', " "))
    }
}

/// The closing summary of a run whose files are in `folder`, if it has any: lines of at most 100
/// characters (a path may be longer).
pub fn closing(summary: &Summary, folder: Option<&Path>, colour: Colour) -> String {
    let mut sections = vec![head::head(summary, colour), rates(summary), latencies(summary)];
    sections.push(tables(&summary.tables));
    sections.push(events::events(&summary.events));
    sections.push(faults::faults(&summary.events));
    sections.push(sums(&summary.shared, colour));
    sections.push(steps(&summary.steps));
    sections.push(observed(summary, colour));
    sections.push(slots(summary));
    sections.push(summary.thresholds.iter().map(|it| threshold(it, colour)).collect());
    sections.push(summary.streams.iter().flat_map(|stream| failures(stream, colour)).collect());
    let mut last: Vec<_> =
        advice(summary).iter().flat_map(|advice| paragraph("  next: ", advice)).collect();
    last.extend(folder.map(|folder| format!("  files: {}", folder.display())));
    sections.push(last);
    sections.retain(|section: &Vec<String>| !section.is_empty());
    let sections: Vec<_> = sections.iter().map(|section| section.join("\n")).collect();
    sections.join("\n\n") + "\n"
}

/// Text behind a label, the following lines indented alike.
fn paragraph(label: &str, text: &str) -> Vec<String> {
    let indent = " ".repeat(label.chars().count());
    let lines = wrap(text, WIDTH - indent.len());
    let label = |index| if index == 0 { label } else { &indent };
    lines.iter().enumerate().map(|(index, line)| format!("{}{line}", label(index))).collect()
}

/// A table with one column to the left and the others to the right, indented.
fn numbers(rows: &[Vec<String>]) -> Vec<String> {
    let mut align = vec![Align::Left];
    align.resize(rows.first().map_or(1, Vec::len), Align::Right);
    columns(&align, rows).into_iter().map(|line| format!("  {line}")).collect()
}

fn row<const N: usize>(cells: [&str; N]) -> Vec<String> {
    cells.map(str::to_owned).to_vec()
}

fn rates(summary: &Summary) -> Vec<String> {
    if summary.streams.is_empty() {
        return Vec::new();
    }
    let mut rows =
        vec![row(["stream", "target", "achieved", "scheduled", "sent", "acknowledged", "failed"])];
    for stream in &summary.streams {
        rows.push(vec![
            shorten(&stream.name, 24),
            target(stream),
            exact_rate(stream.achieved_rate),
            exact(stream.scheduled),
            exact(stream.sent),
            exact(stream.acknowledged),
            exact(stream.failed),
        ]);
    }
    let mut table = numbers(&rows).into_iter();
    let mut lines: Vec<_> = table.next().into_iter().collect();
    for (line, stream) in table.zip(&summary.streams) {
        lines.push(line);
        let remarks = remarks(stream).join(", ");
        lines.extend(paragraph("    ", &remarks));
    }
    lines
}

/// What a stream was to do.
fn target(stream: &StreamSummary) -> String {
    match stream.sessions {
        Some(sessions) if sessions.most == 1 => "1 session".to_owned(),
        Some(sessions) => format!("{} sessions", exact(sessions.most)),
        None if stream.target_rate > 0.0 || stream.follows => exact_rate(stream.target_rate),
        None => "unlimited".to_owned(),
    }
}

/// What is out of the ordinary in a stream.
fn remarks(stream: &StreamSummary) -> Vec<String> {
    let counts = [
        ("unknown", stream.unknown),
        ("unfinished", stream.unfinished),
        ("skipped", stream.skipped),
        ("of them missed", stream.missed),
        ("of them too late", stream.late),
        ("retries", stream.retries),
        ("inserts instead of other changes", stream.fallbacks),
        ("lost after acknowledgement", stream.lost_after_ack),
        ("not scheduled, as due after the end", stream.after_end),
        ("not scheduled, as too many waited", stream.crowded_out),
        ("longer than an hour", stream.clamped),
    ];
    let counts = counts.iter().filter(|(_, count)| *count > 0);
    let mut remarks: Vec<_> =
        counts.map(|(name, count)| format!("{} {name}", exact(*count))).collect();
    remarks.extend(retries(&stream.retries_after));
    if let Some(sessions) = stream.sessions {
        remarks.push(format!("{:.1} sessions on average", sessions.mean));
    }
    if stream.batches > 0 {
        let (count, mean) = (exact(stream.batches), stream.batch_rows_mean);
        remarks.push(format!("{count} batches of {mean:.1} on average"));
    }
    if stream.degraded {
        let lag = duration_ns(stream.lag_max_ns);
        remarks.push(format!("degraded: up to {lag} behind its schedule"));
    }
    remarks
}

fn latencies(summary: &Summary) -> Vec<String> {
    let mut rows = vec![row(["latency", "", "p50", "p90", "p99", "p99.9", "max", ""])];
    for (index, stream) in summary.streams.iter().enumerate() {
        let distributions = [
            ("sched", &stream.sched, "loadgen was late"),
            ("queue", &stream.queue, "waited for a place"),
            ("service", &stream.service, "the target worked"),
            ("response", &stream.response, "what users feel"),
            ("failed", &stream.failed_response, "response, if it failed"),
        ];
        let known = distributions.into_iter().filter(|(_, digest, _)| digest.count > 0);
        for (line, (name, digest, meaning)) in known.enumerate() {
            let stream_name = if line == 0 { shorten(&stream.name, 24) } else { String::new() };
            let mut row = vec![stream_name, name.to_owned()];
            row.extend(
                [digest.p50, digest.p90, digest.p99, digest.p999, digest.max].map(duration_ns),
            );
            let meaning = if index == 0 { format!(" {meaning}") } else { String::new() };
            row.push(if stream.late > 0 { left_out(stream) } else { meaning });
            rows.push(row);
        }
    }
    if rows.len() == 1 {
        return Vec::new();
    }
    let mut align = [Align::Right; 8];
    (align[0], align[1], align[7]) = (Align::Left, Align::Left, Align::Left);
    columns(&align, &rows).into_iter().map(|line| format!("  {line}")).collect()
}

/// Beside percentiles of those that were not left out.
fn left_out(stream: &StreamSummary) -> String {
    #[expect(clippy::cast_precision_loss, reason = "a share, shown with one digit")]
    let share = stream.late as f64 / stream.scheduled.max(1) as f64 * 100.0;
    format!(" without {share:.1}% that were too late")
}

fn tables(tables: &[TableCounts]) -> Vec<String> {
    type Count = fn(&TableCounts) -> u64;
    let others: [(&str, Count); 1] = [("before", |table| table.before)];
    let always: [(&str, Count); 5] = [
        ("seeded", |table| table.seeded),
        ("inserted", |table| table.inserted),
        ("updated", |table| table.updated),
        ("deleted", |table| table.deleted),
        ("alive", |table| table.alive),
    ];
    let exceptions: [(&str, Count); 3] = [
        ("failed", |table| table.failed),
        ("missed", |table| table.missed),
        ("unknown", |table| table.unknown),
    ];
    let Some(first) = tables.first() else { return Vec::new() };
    let is_single = tables.iter().all(|table| table.target == first.target);
    let occurs = |count: &Count| tables.iter().any(|table| count(table) > 0);
    let shown: Vec<_> = others
        .into_iter()
        .filter(|(_, count)| occurs(count))
        .chain(always)
        .chain(exceptions.into_iter().filter(|(_, count)| occurs(count)))
        .collect();
    let mut rows = vec![vec!["table".to_owned()]];
    rows[0].extend(shown.iter().map(|(name, _)| (*name).to_owned()));
    for table in tables {
        let target = if is_single { String::new() } else { format!("{}: ", table.target) };
        let name = table.table.strip_prefix("public.").unwrap_or(&table.table);
        let mut row = vec![shorten(&format!("{target}{}.{name}", table.database), 40)];
        row.extend(shown.iter().map(|(_, count)| exact(count(table))));
        rows.push(row);
    }
    numbers(&rows)
}

fn failures(stream: &StreamSummary, colour: Colour) -> Vec<String> {
    let Some(most) = stream.failures.first() else { return Vec::new() };
    let width = exact(most.count).len();
    let mut lines =
        vec![format!("  {} in {}, and what was said first", colour.bad("failures"), stream.name)];
    for kind in stream.failures.iter().take(KINDS_SHOWN) {
        let code = if kind.code.is_empty() { String::new() } else { format!(" {}", kind.code) };
        let count = exact(kind.count);
        let text = format!("    {count:>width$} {}{code}: {}", kind.class.name(), kind.first);
        lines.push(shorten(&text, WIDTH));
    }
    let further = stream.failures.len().saturating_sub(KINDS_SHOWN);
    if further > 0 {
        lines.push(format!("    and {further} further kinds in summary.json"));
    }
    lines
}

/// What to do now, if anything.
fn advice(summary: &Summary) -> Option<String> {
    let failed = summary.thresholds.iter().find(|threshold| threshold.is_failure());
    let text = match summary.verdict {
        Verdict::Passed | Verdict::ScenarioWrong => return None,
        Verdict::Interrupted => {
            "what was begun is finished and counted; run it again to its end for a verdict"
                .to_owned()
        }
        Verdict::Stopped => {
            "look at the failures above and at the server's log, then run it again".to_owned()
        }
        Verdict::SetUpFailed => "mend what is named above, then run it again".to_owned(),
        Verdict::Invalid if is_our_mistake(summary) => {
            "this is a mistake in loadgen; please report it together with the files".to_owned()
        }
        Verdict::Invalid => "judge the target only by a run that is valid".to_owned(),
        Verdict::Failed => match failed {
            Some(threshold) => failed_advice(summary, threshold),
            None => "look at the failures above and at the server's log".to_owned(),
        },
    };
    Some(text)
}

fn is_our_mistake(summary: &Summary) -> bool {
    summary.invalid_because.iter().any(|reason| reason.starts_with("internal error"))
}

fn failed_advice(summary: &Summary, threshold: &Judgement) -> String {
    let meant =
        |stream: &&StreamSummary| threshold.stream.as_ref().is_none_or(|name| *name == stream.name);
    let worst = summary.streams.iter().filter(meant).max_by_key(|stream| stream.response.p99);
    let text = match (threshold.metric, worst) {
        (_, None) => "there was no such stream; nothing was measured",
        _ if threshold.observed.is_none() => {
            "there was no data: see what became of the slots above"
        }
        ("failed_ratio" | "failed" | "unknown" | "missed", _) => {
            "the failures above say what the target refused"
        }
        ("skipped", _) => "seed more rows, or weigh inserts more: actions found no row to work on",
        (_, Some(stream)) if stream.queue.p99 > stream.service.p99 => {
            "most of the time went by before a place was free: give the target more connections, or a lower rate"
        }
        (_, Some(stream)) if stream.sched.p99 > stream.service.p99 => {
            "most of the time went by before loadgen picked the slot: give it more processors"
        }
        _ => "most of the time is the target's own: look for what it waits for",
    };
    text.to_owned()
}
