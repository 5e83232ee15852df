//! The end of what connectors hand over, and what people should know of it.

use std::cell::RefCell;
use std::collections::BTreeMap;

use crate::action::TableId;
use crate::measure::Clock;
use crate::observe::debezium::Intake;
use crate::observe::debezium::source::CapturedSource;
use crate::observe::judge::Judge;
use crate::observe::reasons::unfinished;

impl Intake {
    /// What has waited for messages until the end.
    fn end_names(&mut self, judge: &mut Judge) {
        let Some(named) = &mut self.named else { return };
        let (left, silent) = named.end();
        for database in silent {
            let (database, surface) =
                (self.captured[database].source.address.database(), &self.surface);
            judge.spoil(format!(
                "no message of a transaction in `{database}` came to the observer `{surface}`, so nobody can tell \
                 which change is of which action; does the connector leave messages out \
                 (`message.prefix.include.list`), or do they come by another topic than its `messages`?"
            ));
        }
        for waiting in left {
            self.see(waiting, judge);
        }
    }

    /// Everything was read: what came again is decided now. Returns what people should know, but for the values that
    /// are `unknown`, which the judge tells.
    pub(in crate::observe) async fn end(
        &mut self,
        unknown: &BTreeMap<(TableId, usize), u64>,
        (clock, judge): (Clock, &RefCell<Judge>),
    ) -> Vec<String> {
        self.end_names(&mut judge.borrow_mut());
        self.look(clock, judge).await;
        self.decide(u64::MAX, &mut judge.borrow_mut());
        let mut notes = self.notes();
        let surface = self.surface.as_str();
        let said =
            judge.borrow().transactions.as_ref().map(|it| (it.note(surface), it.doubt(surface)));
        if let Some((note, doubt)) = said {
            notes.push(note);
            if let Some(doubt) = doubt {
                judge.borrow_mut().spoil(doubt);
            }
        }
        judge.borrow_mut().leaves_open(unknown);
        notes
    }

    /// Databases of which no topic was there: `topics` are those of all tables, and whether each is there. One of a table
    /// whose rows nobody changed may never be made, but each database has canaries, or heartbeats.
    pub(in crate::observe) fn absent(&self, topics: &[(String, TableId, bool)]) -> Vec<String> {
        let of =
            |source: usize| topics.iter().filter(move |it| self.source_of(it.1) == Some(source));
        let sources = self.captured.iter().enumerate();
        let absent = sources.filter(|it| of(it.0).next().is_some() && !of(it.0).any(|it| it.2));
        let said = absent.filter_map(|(source, captured)| {
            let (topic, ..) = of(source).next()?;
            Some(format!(
                "at the observer `{}`, no topic of `{}` was there, not `{topic}` either; if its connector calls them otherwise \
                 (`topic.prefix`), write so as `topics`",
                self.surface,
                captured.source.address.database(),
            ))
        });
        said.collect()
    }

    /// What came and was not judged.
    pub(in crate::observe) fn notes(&self) -> Vec<String> {
        let surface = &self.surface;
        let (foreign, untold) = self.named.as_ref().map_or((0, 0), |it| (it.foreign, it.untold));
        let counted = [
            (self.snapshot, "rows of a snapshot came, which are no changes"),
            (
                self.undated,
                "rows of a snapshot came that do not say that they were read in this run, and were not judged",
            ),
            (self.earlier, "changes came that had been made before the run"),
            (self.foreign + foreign, "changes came that another run has made"),
            (untold, "changes came whose messages were forgotten or not waited for"),
        ];
        let counted = counted.into_iter().filter(|(count, _)| *count > 0);
        counted
            .map(|(count, what)| format!("at the observer `{surface}`, {count} {what}"))
            .collect()
    }

    /// The end is not waited for any more.
    pub(in crate::observe) fn give_up(&self, judge: &RefCell<Judge>, reason: &str) {
        judge.borrow_mut().spoil(unfinished(&self.surface, reason));
    }

    /// Who has not handed over what is before the fence, and why nobody knows how far it is.
    pub(in crate::observe) fn behind(&self) -> Option<String> {
        let behind = self.captured.iter().filter(|it| !it.is_past_fence());
        let mut behind: Vec<_> = behind.map(CapturedSource::shown).collect();
        if behind.is_empty() {
            return None;
        }
        let trouble = self.trouble.iter().map(|why| format!("they could not be looked at: {why}"));
        behind.extend(trouble);
        Some(behind.join("; "))
    }
}
