//! The run as it goes, on a terminal: a line for each stream, a bar for each piece of work.
//! `NO_COLOR` is honoured by the library that draws.

use std::collections::BTreeMap;
use std::time::Duration;

use indicatif::MultiProgress;
use indicatif::ProgressBar;
use indicatif::ProgressStyle;

use crate::measure::Change;
use crate::measure::LiveLag;
use crate::measure::LiveSlot;
use crate::measure::LiveState;
use crate::measure::LiveStream;
use crate::measure::Pace;
use crate::measure::Phase;
use crate::measure::Unit;
use crate::measure::Work;
use crate::units::format_bytes;
use crate::units::format_duration;

use super::slots;
use super::steps;
use super::text::Align;
use super::text::columns;
use super::text::duration_ns;
use super::text::exact;
use super::text::exact_rate;
use super::text::shorten;

/// A change that has been missing for longer is worth a word.
const MISSING_NS: u64 = 1_000_000_000;

/// The longest name that is shown, in characters.
const NAME_MAX: usize = 24;

/// Live lines at the bottom of a terminal.
#[derive(Debug)]
pub(super) struct Terminal {
    lines: MultiProgress,
    header: ProgressBar,
    /// The titles, then the streams.
    streams: Vec<ProgressBar>,
    work: BTreeMap<String, ProgressBar>,
    phase: Phase,
    phase_began: Duration,
    left: Option<(Duration, Duration)>,
    /// Gates and thresholds that do not hold.
    tripped: Vec<String>,
    /// How late changes are observed.
    observed: Option<LiveLag>,
    /// Steps that are under way.
    steps: Vec<&'static str>,
    /// The replication slot that is nearest to its limit.
    slot: Option<LiveSlot>,
}

impl Terminal {
    pub(super) fn new() -> Terminal {
        let lines = MultiProgress::new();
        let header = lines.add(ProgressBar::no_length().with_style(style(HEADER)));
        Terminal {
            lines,
            header,
            streams: Vec::new(),
            work: BTreeMap::new(),
            phase: Phase::SettingUp,
            phase_began: Duration::ZERO,
            left: None,
            tripped: Vec::new(),
            observed: None,
            steps: Vec::new(),
            slot: None,
        }
    }

    pub(super) fn apply(&mut self, change: Change, at: Duration) {
        match change {
            Change::Phase(phase) => {
                (self.phase, self.phase_began, self.left) = (phase, at, None);
                self.tripped.clear();
                for (_, bar) in std::mem::take(&mut self.work) {
                    self.lines.remove(&bar);
                }
            }
            // What a terminal cannot show is lost; the run goes on.
            Change::Message(text) => drop(self.lines.println(text)),
            Change::Work(work) => self.work(work),
            Change::Live(live) => self.live(&live, at),
        }
    }

    /// Moves what moves by itself.
    pub(super) fn draw(&mut self, at: Duration) {
        let seconds = |duration: Duration| format_duration(Duration::from_secs(duration.as_secs()));
        let since = seconds(at.saturating_sub(self.phase_began));
        let left = match self.left {
            Some((seen, left)) => {
                format!(", {} left", seconds(left.saturating_sub(at.saturating_sub(seen))))
            }
            None => String::new(),
        };
        let observed = observed(self.observed);
        let alarm = alarm(&self.tripped);
        let template = if alarm.is_empty() { HEADER } else { ALARMED };
        self.header.set_style(style(template));
        let slot = slots::live(self.slot.as_ref());
        let (phase, steps) = (self.phase.name(), steps::live(&self.steps));
        self.header.set_message(format!("{phase}  {since}{left}{steps}{observed}{slot}{alarm}"));
        self.header.tick();
    }

    pub(super) fn finish(self) {
        for bar in self.streams.iter().chain(self.work.values()) {
            bar.finish_and_clear();
        }
        self.header.finish_and_clear();
        drop(self.lines.clear());
    }

    fn work(&mut self, work: Work) {
        let unit = work.unit;
        let bar = self.work.entry(work.name.clone()).or_insert_with(|| {
            let bar = match work.total {
                Some(total) => ProgressBar::new(total),
                None => ProgressBar::no_length(),
            };
            let bar = self.lines.add(bar.with_style(bar_style(unit)));
            bar.with_prefix(shorten(&work.name, NAME_MAX))
        });
        bar.set_position(work.done);
        bar.set_message(exact_rate(bar.per_sec()));
        if work.total == Some(work.done) {
            let elapsed = format_duration(bar.elapsed());
            bar.finish_and_clear();
            self.lines.remove(bar);
            self.work.remove(&work.name);
            let name = work.name;
            let text = match unit {
                Unit::Rows => format!("seeded {name}: {} rows in {elapsed}", exact(work.done)),
                Unit::Bytes => format!("fetched {name}: {} in {elapsed}", format_bytes(work.done)),
            };
            drop(self.lines.println(text));
        }
    }

    fn live(&mut self, live: &LiveState, at: Duration) {
        self.left = live.left.map(|left| (at, left));
        self.tripped.clone_from(&live.tripped);
        self.observed = live.observed;
        self.slot.clone_from(&live.slot);
        self.steps.clone_from(&live.steps);
        let texts = stream_lines(&live.streams);
        while self.streams.len() < texts.len() {
            self.streams.push(self.lines.add(ProgressBar::no_length()));
        }
        let is_failing = |index: usize| {
            index
                .checked_sub(1)
                .and_then(|index| live.streams.get(index))
                .is_some_and(|it| it.failed > 0 || has_tripped(&it.name, &live.tripped))
        };
        for (index, (bar, text)) in self.streams.iter().zip(texts).enumerate() {
            bar.set_style(style(if is_failing(index) { "{wide_msg:.red}" } else { "{wide_msg}" }));
            bar.set_message(text);
            bar.tick();
        }
    }
}

/// A style by its template; the templates are ours, and a test holds that all of them are right.
fn style(template: &str) -> ProgressStyle {
    ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar())
}

/// How late changes come; while none does, how long the oldest has been missing.
fn observed(lag: Option<LiveLag>) -> String {
    let Some(LiveLag { p99_ns, oldest_missing_ns }) = lag else { return String::new() };
    let mut text = String::new();
    if let Some(p99) = p99_ns {
        text.push_str(", observed lag p99 ");
        text.push_str(&duration_ns(p99));
    }
    if oldest_missing_ns > MISSING_NS {
        text.push_str(", the oldest missing for ");
        text.push_str(&duration_ns(oldest_missing_ns));
    }
    text
}

/// What does not hold, behind the phase.
fn alarm(tripped: &[String]) -> String {
    if tripped.is_empty() {
        String::new()
    } else {
        format!("  does not hold: {}", tripped.join(", "))
    }
}

/// Whether something that does not hold is of this stream.
fn has_tripped(stream: &str, tripped: &[String]) -> bool {
    let (gate, threshold) = (format!("sched of {stream}"), format!("{stream}: "));
    tripped.iter().any(|each| *each == gate || each.starts_with(&threshold))
}

const HEADER: &str = "{spinner} {wide_msg}";
const ALARMED: &str = "{spinner} {wide_msg:.red}";
const ROWS: &str =
    "  {prefix:24} {wide_bar:.green} {human_pos}/{human_len} rows {msg:>14} {eta:>4}";
const BYTES: &str = "  {prefix:24} {wide_bar:.green} {binary_bytes}/{binary_total_bytes} {binary_bytes_per_sec:>12} {eta:>4}";

fn bar_style(unit: Unit) -> ProgressStyle {
    match unit {
        Unit::Rows => style(ROWS),
        Unit::Bytes => style(BYTES),
    }
}

/// What a stream should do.
fn pace(pace: Pace) -> String {
    match pace {
        Pace::Rate(rate) => exact_rate(rate),
        Pace::Unlimited => "unlimited".to_owned(),
        Pace::Sessions(1) => "1 session".to_owned(),
        Pace::Sessions(alive) => format!("{} sessions", exact(alive)),
        Pace::Follows => "follows".to_owned(),
    }
}

/// A line of titles, and one for each stream.
fn stream_lines(streams: &[LiveStream]) -> Vec<String> {
    let titles = [
        "",
        "stream",
        "target",
        "achieved",
        "lag p99",
        "response p99",
        "in flight",
        "failed",
        "retries",
    ];
    let mut rows = vec![titles.map(str::to_owned).to_vec()];
    let duration = |ns: Option<u64>| ns.map_or_else(|| "-".to_owned(), duration_ns);
    for stream in streams {
        rows.push(vec![
            String::new(),
            shorten(&stream.name, NAME_MAX),
            pace(stream.pace),
            exact_rate(stream.achieved),
            duration(stream.lag_p99_ns),
            duration(stream.response_p99_ns),
            exact(stream.in_flight),
            exact(stream.failed),
            exact(stream.retries),
        ]);
    }
    let mut align = [Align::Right; 9];
    align[1] = Align::Left;
    columns(&align, &rows)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_template_is_right() {
        for template in [HEADER, ALARMED, "{wide_msg:.red}", "{wide_msg}", ROWS, BYTES] {
            assert!(ProgressStyle::with_template(template).is_ok(), "{template}");
        }
    }

    #[test]
    fn what_does_not_hold_is_named() {
        let tripped = ["sched of shop", "clicks: response p99 < 5ms", "cpu"].map(str::to_owned);
        assert_eq!(
            alarm(&tripped),
            "  does not hold: sched of shop, clicks: response p99 < 5ms, cpu"
        );
        assert_eq!(alarm(&[]), "");
        let is_red = ["shop", "clicks", "cpu", "other"].map(|name| has_tripped(name, &tripped));
        assert_eq!(is_red, [true, true, false, false]);
    }

    #[test]
    fn streams_stand_in_columns() {
        let shop = LiveStream {
            name: "shop".to_owned(),
            target: Some(1_016.7),
            pace: Pace::Rate(1_016.7),
            achieved: 1_016.0,
            acknowledged: 5_000,
            failed: 0,
            in_flight: 7,
            retries: 12,
            lag_p99_ns: Some(310_000),
            response_p99_ns: Some(4_100_000),
        };
        let clicks = LiveStream {
            name: "clicks".to_owned(),
            target: None,
            pace: Pace::Unlimited,
            lag_p99_ns: None,
            ..shop.clone()
        };
        let expected = [
            "  stream     target   achieved  lag p99  response p99  in flight  failed  retries",
            "  shop    1,016.7/s  1,016.0/s    310us        4.10ms          7       0       12",
            "  clicks  unlimited  1,016.0/s        -        4.10ms          7       0       12",
        ];
        assert_eq!(stream_lines(&[shop, clicks]), expected);
    }
}
