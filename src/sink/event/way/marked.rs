//! Events that have a fault, as they are told of once it is known what became of them.

use std::sync::Arc;

use crate::action::Action;
use crate::action::Operation;
use crate::action::TableInfo;
use crate::action::write_value;
use crate::sink::Outcome;
use crate::sink::Ticket;
use crate::sink::event::Record;
use crate::sink::event::book::ACKNOWLEDGED;
use crate::sink::event::book::FAILED;
use crate::sink::event::book::FaultNote;
use crate::sink::event::book::Marked;
use crate::sink::event::book::UNKNOWN;
use crate::sink::event::way::EventSink;
use crate::sink::event::way::of_all;

/// What an event's number is called, so that it is told.
const IDS: [&str; 2] = ["event_id", "id"];

/// What of an event is told of its faults.
#[derive(Debug, Clone)]
pub(crate) struct Told {
    /// What its columns are called.
    columns: Arc<[String]>,
    /// The column that names it, if there is one.
    id: Option<usize>,
    /// The column that is its key, sent or not.
    pub(super) key: Option<usize>,
}

impl Told {
    /// Of an event's table.
    pub(super) fn of(table: &TableInfo) -> Self {
        let columns: Arc<[String]> = table.columns.iter().map(|(name, _)| name.clone()).collect();
        let find = |id: &&str| columns.iter().position(|name| name == id);
        let id = IDS.iter().find_map(find);
        Self { columns, id, key: table.event.and_then(|event| event.key) }
    }
}

impl EventSink {
    /// Publishes the record of an event that has a fault, or holds it back. Returns whether it went out.
    pub(super) fn publish_faulty(
        &mut self,
        record: &Record<'_>,
        operation: &Operation,
        action: &Action,
    ) -> bool {
        let Some(fault) = operation.fault else { return false };
        let note = self.mark(record, operation, action);
        let place = self.place_of(operation, action).filter(|_| fault.holds_back());
        match place {
            Some(place) => self.hold(record, fault, (note, place)),
            None => self.publish(record),
        }
        !fault.holds_back()
    }

    /// Notes what is wrong with an event. Returns which of its action's notes it is.
    fn mark(&mut self, record: &Record<'_>, operation: &Operation, action: &Action) -> usize {
        let note = self.note(record, operation, action);
        let marked = self.marked.entry(of_all(record.ticket)).or_default();
        marked.notes.extend(note);
        marked.notes.len().saturating_sub(1)
    }

    fn note(
        &self,
        record: &Record<'_>,
        operation: &Operation,
        action: &Action,
    ) -> Option<FaultNote> {
        let (fault, told) = (operation.fault?, &self.topic(operation)?.told);
        let text = |column: usize| {
            let mut text = String::new();
            write_value(*action.values(operation).get(column)?, action, &mut text);
            Some(text)
        };
        Some(FaultNote {
            class: fault.class(),
            target: self
                .options
                .faults
                .as_ref()
                .map_or_else(String::new, |it| it.target().to_owned()),
            destination: record.destination.to_string(),
            action: self.options.headers.action(&action.origin),
            event_id: told.id.and_then(text),
            field: fault.column().and_then(|column| told.columns.get(column).cloned()),
            held_ms: None,
            overtaken: None,
            outcome: UNKNOWN,
        })
    }

    /// It is known what became of an action: so it is of its events that have a fault.
    pub(super) fn finish(&mut self, mut outcome: Outcome) {
        if !self.marked.is_empty()
            && let Some(marked) = self.marked.remove(&outcome.ticket)
        {
            // What was held back on purpose is nobody's fault.
            outcome.waited_ns = outcome.waited_ns.saturating_add(marked.held_ns);
            self.tell(marked, if outcome.result.is_ok() { ACKNOWLEDGED } else { FAILED });
        }
        self.settled.push(outcome);
    }

    /// What is still under way stays unknown.
    pub(super) fn forget(&mut self) {
        let mut all: Vec<(Ticket, Marked)> = self.marked.drain().collect();
        all.sort_unstable_by_key(|(ticket, _)| *ticket);
        for (_, marked) in all {
            self.tell(marked, UNKNOWN);
        }
    }

    fn tell(&self, marked: Marked, outcome: &'static str) {
        let Some(book) = &self.options.faults else { return };
        marked.notes.into_iter().for_each(|note| book.tell(FaultNote { outcome, ..note }));
    }
}
