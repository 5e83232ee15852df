//! The run as it goes, where nobody watches: JSON lines.

use std::time::Duration;

use serde_json::Value;
use serde_json::json;

use crate::measure::Change;
use crate::measure::LiveState;
use crate::measure::Phase;
use crate::measure::Unit;
use crate::measure::Work;

/// Between two lines of the same kind.
const INTERVAL: Duration = Duration::from_secs(10);

/// Decides what is worth a line: phases and messages always, all else every ten seconds, and what
/// was last known of the streams when a phase ends.
#[derive(Debug)]
pub(super) struct Lines {
    phase: Phase,
    live_shown: Duration,
    work_shown: Duration,
    /// What is newer than what was shown.
    live: Option<LiveState>,
}

impl Lines {
    pub(super) fn new() -> Lines {
        let none = Duration::ZERO;
        Lines { phase: Phase::SettingUp, live_shown: none, work_shown: none, live: None }
    }

    /// The lines for a change that is seen at a time since the run began.
    pub(super) fn apply(&mut self, change: Change, at: Duration) -> Vec<String> {
        match change {
            Change::Phase(phase) => {
                let mut lines = self.finish();
                self.phase = phase;
                (self.live_shown, self.work_shown) = (at, at);
                lines.push(
                    json!({ "at_s": seconds(at), "phase": phase, "streams": [] }).to_string(),
                );
                lines
            }
            Change::Message(text) => {
                let mut lines = self.finish();
                let phase = self.phase;
                lines.push(
                    json!({ "at_s": seconds(at), "phase": phase, "message": text }).to_string(),
                );
                lines
            }
            Change::Work(work) => {
                let is_done = work.total == Some(work.done);
                if !is_done && at.saturating_sub(self.work_shown) < INTERVAL {
                    return Vec::new();
                }
                self.work_shown = at;
                vec![self.work(&work, at).to_string()]
            }
            // What is known of a phase that is over comes too late.
            Change::Live(live) if live.phase != self.phase => Vec::new(),
            Change::Live(live) => {
                // The load has a clock of its own; here all lines count from the run's beginning.
                self.live = Some(LiveState { at_s: seconds(at), ..live });
                if at.saturating_sub(self.live_shown) < INTERVAL {
                    return Vec::new();
                }
                self.live_shown = at;
                self.finish()
            }
        }
    }

    /// What was not shown yet.
    pub(super) fn finish(&mut self) -> Vec<String> {
        let live = self.live.take();
        live.iter().filter_map(|live| serde_json::to_string(live).ok()).collect()
    }

    fn work(&self, work: &Work, at: Duration) -> Value {
        let kind = match work.unit {
            Unit::Rows => "seeding",
            Unit::Bytes => "downloading",
        };
        let mut line = json!({ "at_s": seconds(at), "phase": self.phase });
        line[kind] = json!(work.name);
        line["done"] = json!(work.done);
        line["total"] = json!(work.total);
        line
    }
}

/// In whole milliseconds, which is what a reader can use.
fn seconds(at: Duration) -> f64 {
    (at.as_secs_f64() * 1000.0).floor() / 1000.0
}

#[cfg(test)]
mod tests {
    use super::*;

    fn live(at_s: f64) -> Change {
        Change::Live(LiveState {
            at_s,
            phase: Phase::Measuring,
            left: None,
            streams: Vec::new(),
            observed: None,
            slot: None,
            steps: Vec::new(),
            tripped: Vec::new(),
        })
    }

    fn at(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    #[test]
    fn there_is_a_line_every_ten_seconds_and_one_for_each_phase() {
        let mut lines = Lines::new();
        let mut shown = lines.apply(Change::Phase(Phase::Measuring), at(2));
        for second in 3..=25_u32 {
            shown.extend(lines.apply(live(f64::from(second)), at(second.into())));
        }
        shown.extend(lines.apply(Change::Phase(Phase::Draining), at(26)));
        let expected = [
            r#"{"at_s":2.0,"phase":"measuring","streams":[]}"#,
            r#"{"at_s":12.0,"phase":"measuring","streams":[]}"#,
            r#"{"at_s":22.0,"phase":"measuring","streams":[]}"#,
            r#"{"at_s":25.0,"phase":"measuring","streams":[]}"#,
            r#"{"at_s":26.0,"phase":"draining","streams":[]}"#,
        ];
        assert_eq!(shown, expected);
        assert_eq!(lines.finish(), Vec::<String>::new());
    }

    #[test]
    fn seeding_shows_now_and_then_and_when_it_is_done() {
        let mut lines = Lines::new();
        lines.apply(Change::Phase(Phase::Seeding), at(0));
        let work = |done| {
            let name = "orders".to_owned();
            Change::Work(Work { name, unit: Unit::Rows, done, total: Some(50) })
        };
        assert_eq!(lines.apply(work(10), at(9)), Vec::<String>::new());
        let line = r#"{"at_s":10.0,"phase":"seeding","seeding":"orders","done":20,"total":50}"#;
        assert_eq!(lines.apply(work(20), at(10)), [line]);
        let line = r#"{"at_s":11.0,"phase":"seeding","seeding":"orders","done":50,"total":50}"#;
        assert_eq!(lines.apply(work(50), at(11)), [line]);
    }
}
