//! What is said of a lake at the end.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::rc::Rc;
use std::time::Duration;

use crate::action::TableId;
use crate::observe::judge::Judge;
use crate::observe::kafka::source::Captured;
use crate::observe::lake::LakeReader;
use crate::observe::lake::poll::Gone;
use crate::observe::lake::table::DataFile;
use crate::units::format_duration;

/// A look at the lake that takes longer makes changes look later than they are.
const SLOW: Duration = Duration::from_secs(5);
/// Files that are named.
const NAMED_MAX: usize = 5;

impl LakeReader {
    /// Everything was read.
    pub(super) fn end(
        mut self,
        unknown: &BTreeMap<(TableId, usize), u64>,
        (missing, gone): (&[DataFile], &Gone),
        judge: &Rc<RefCell<Judge>>,
    ) -> (bool, Vec<String>) {
        self.decide(u64::MAX, &mut judge.borrow_mut());
        let mut notes = self.notes();
        let surface = &self.surface;
        if !unknown.is_empty() {
            let count: u64 = unknown.values().sum();
            let columns: Vec<_> =
                unknown.keys().filter_map(|at| self.names.get(at).map(String::as_str)).collect();
            notes.push(format!(
                "the observer `{surface}` could not compare {count} values, as what came leaves open what they \
                 are: {}",
                columns.join(", ")
            ));
        }
        let odd = [
            (missing, "named by the lake's metadata and not there"),
            (gone.files.as_slice(), "not in the lake any more, which they were"),
        ];
        for (files, what) in odd.into_iter().filter(|(files, _)| !files.is_empty()) {
            let rows: u64 = files.iter().map(|file| file.rows).sum();
            let named = files.iter().take(NAMED_MAX).map(|file| format!("`{}`", file.path));
            let named: Vec<_> = named.collect();
            let more = if files.len() > NAMED_MAX { ", …" } else { "" };
            let count = files.len();
            let files = if count == 1 { "1 file".to_owned() } else { format!("{count} files") };
            notes.push(format!(
                "at the observer `{surface}`, {files} with {rows} rows: {what}: {}{more}",
                named.join(", ")
            ));
        }
        if gone.forgotten > 0 {
            judge.borrow_mut().spoil(format!(
                "files with {} rows went from the lake of the observer `{surface}` after they were read, so \
                 long ago that nobody knows which rows these were",
                gone.forgotten
            ));
        }
        (true, notes)
    }

    pub(super) fn notes(&self) -> Vec<String> {
        let surface = &self.surface;
        let counted = [
            (self.snapshot, "rows of a snapshot came, which are no changes and not judged"),
            (self.earlier, "changes came that had been made before the run"),
        ];
        let counted = counted.into_iter().filter(|(count, _)| *count > 0);
        let mut notes: Vec<_> = counted
            .map(|(count, what)| format!("at the observer `{surface}`, {count} {what}"))
            .collect();
        if self.slowest > SLOW.max(self.every * 2) {
            notes.push(format!(
                "a look of the observer `{surface}` at its lake took {}: changes may have been there so much \
                 sooner than its lags say",
                format_duration(Duration::from_secs(self.slowest.as_secs()))
            ));
        }
        notes
    }

    pub(super) fn give_up(&self, judge: &Rc<RefCell<Judge>>, reason: &str) -> (bool, Vec<String>) {
        let text = format!("the observer `{}` did not come to its end: {reason}", self.surface);
        judge.borrow_mut().spoil(text);
        (false, self.notes())
    }

    pub(super) fn stuck(&self) -> String {
        let within = format_duration(self.within);
        if let Some(trouble) = &self.trouble {
            return format!("the lake could not be looked at: {trouble}");
        }
        let behind: Vec<_> = self.captured.iter().filter(|it| !it.is_past_fence()).collect();
        if !behind.is_empty() {
            let behind: Vec<_> = behind.into_iter().map(Captured::shown).collect();
            return format!("for {within} no connector went on: {}", behind.join("; "));
        }
        let mute = self.captured.iter().zip(&self.beats).filter(|it| it.1.is_none());
        let mute: Vec<_> = mute.map(|it| it.0.source.address.database()).collect();
        if mute.is_empty() {
            return format!("for {within} the sink committed nothing of what is before the end");
        }
        format!(
            "for {within} nothing came, and no heartbeat of `{}` ever did, so nobody can tell whether what is missing \
                 will come: let the connectors capture `debezium_heartbeat`, as those of `loadgen connector` do, and \
                 the sink take its topic",
            mute.join("`, `")
        )
    }
}
