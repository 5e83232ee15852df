//! What is said of a lake at the end.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::rc::Rc;
use std::time::Duration;

use crate::action::TableId;
use crate::measure::Clock;
use crate::observe::judge::Judge;
use crate::observe::lake::LakeReader;
use crate::observe::lake::changes::DataFile;
use crate::observe::lake::poll::Gone;
use crate::schema::beside::HEARTBEATS;
use crate::units::format_duration;

/// A look at the lake that takes longer makes changes look later than they are.
const SLOW: Duration = Duration::from_secs(5);
/// Files that are named.
const NAMED_MAX: usize = 5;

impl LakeReader {
    /// Everything was read.
    pub(super) async fn end(
        mut self,
        unknown: &BTreeMap<(TableId, usize), u64>,
        (missing, gone): (&[DataFile], &Gone),
        (clock, judge): (Clock, &Rc<RefCell<Judge>>),
    ) -> (bool, Vec<String>) {
        let mut notes = self.intake.end(unknown, (clock, judge)).await;
        notes.extend(self.slow());
        let surface = &self.intake.surface;
        let odd = [
            (missing, "named by the lake's metadata and not there"),
            (gone.files.as_slice(), "not in the lake any more, which they were"),
        ];
        for (files, what) in odd {
            let files: Vec<_> = files.iter().map(|it| (it.path.as_str(), it.rows)).collect();
            notes.extend(named(surface, &files, ("file", "rows"), what));
        }
        if gone.forgotten > 0 {
            judge.borrow_mut().spoil(format!(
                "files with {} rows that had been read went from the lake of the observer `{surface}`, and \
                 nobody knows which rows these were: it is long ago, or they lay in other files since",
                gone.forgotten
            ));
        }
        (true, notes)
    }

    /// What is said whether it came to its end or not.
    pub(super) fn notes(&self) -> Vec<String> {
        self.intake.notes().into_iter().chain(self.slow()).collect()
    }

    fn slow(&self) -> Option<String> {
        (self.slowest > SLOW.max(self.every * 2)).then(|| {
            format!(
                "a look of the observer `{}` at its lake took {}: changes may have been there so much \
                 sooner than its lags say",
                self.intake.surface,
                format_duration(Duration::from_secs(self.slowest.as_secs()))
            )
        })
    }

    pub(super) fn give_up(&self, judge: &Rc<RefCell<Judge>>, reason: &str) -> (bool, Vec<String>) {
        self.intake.give_up(judge, reason);
        (false, self.notes())
    }

    pub(super) fn stuck(&self) -> String {
        let within = format_duration(self.within);
        if let Some(trouble) = &self.trouble {
            return format!("the lake could not be looked at: {trouble}");
        }
        if let Some(behind) = self.intake.behind() {
            return format!("for {within} no connector went on: {behind}");
        }
        let mute = self.intake.captured.iter().zip(&self.beats).filter(|it| it.1.is_none());
        let mute: Vec<_> = mute.map(|it| it.0.source.address.database()).collect();
        if mute.is_empty() {
            return format!("for {within} the sink committed nothing of what is before the end");
        }
        format!(
            "for {within} nothing came, and no heartbeat of `{}` ever did, so nobody can tell whether what is missing \
                 will come: let the connectors capture `{HEARTBEATS}`, as those of `loadgen connector` do, and \
                 the sink take its topic",
            mute.join("`, `")
        )
    }
}

/// That something befell files, or what else they are called, that have so many rows each; nothing if there are none.
pub(in crate::observe) fn named(
    surface: &str,
    files: &[(&str, u64)],
    (file, row): (&str, &str),
    what: &str,
) -> Option<String> {
    let rows: u64 = files.iter().map(|it| it.1).sum();
    let named: Vec<_> = files.iter().take(NAMED_MAX).map(|it| format!("`{}`", it.0)).collect();
    let more = if files.len() > NAMED_MAX { ", …" } else { "" };
    let count = files.len();
    let plural = if count == 1 { "" } else { "s" };
    (count > 0).then(|| {
        format!(
            "at the observer `{surface}`, {count} {file}{plural} with {rows} {row}: {what}: {}{more}",
            named.join(", ")
        )
    })
}
