//! What a connection notes of its lanes in the run's journal, before it sends anything.

use std::cell::RefCell;
use std::rc::Rc;
use std::sync::Arc;

use crate::engine::account::Doubt;
use crate::engine::account::Exception;
use crate::engine::account::ExceptionKind;
use crate::engine::connection::Connection;
use crate::engine::flight::Flight;
use crate::engine::flight::LaneRun;
use crate::engine::journal::Journal;
use crate::engine::journal::Place;
use crate::engine::journal::RECORD;
use crate::engine::journal::set_number;
use crate::sink::Numbers;
use crate::sink::Sink;
use crate::sink::Ticket;

/// Records that are written all the same, if that joins two writes.
const GAP: usize = 32;

/// The records of a connection's lanes, side by side, and which of them are not written yet.
#[derive(Debug)]
pub(super) struct Notes {
    journal: Arc<Journal>,
    /// The number of the first one among all.
    first: usize,
    records: Vec<u8>,
    unwritten: Vec<usize>,
}

impl Notes {
    fn note(&mut self, number: usize, place: &Place) {
        let at = number * RECORD;
        self.records[at..at + RECORD].copy_from_slice(&place.record());
        self.unwritten.push(number);
    }

    /// Writes what is not written yet: to be called before anything leaves the process.
    fn write(&mut self) {
        if self.unwritten.is_empty() {
            return;
        }
        self.unwritten.sort_unstable();
        let mut next = 0;
        while let Some(start) = self.unwritten.get(next).copied() {
            let mut end = start + 1;
            while let Some(number) = self.unwritten.get(next).filter(|it| **it <= end + GAP) {
                end = end.max(number + 1);
                next += 1;
            }
            let records = &self.records[start * RECORD..end * RECORD];
            self.journal.write(self.first + start, records);
        }
        self.unwritten.clear();
    }

    /// Writes the number of a lane's transaction, at once.
    fn number(&mut self, lane: usize, number: u64) {
        let at = lane * RECORD;
        if let Some(record) = self.records.get_mut(at..at + RECORD) {
            set_number(record, number);
            self.unwritten.push(lane);
            self.write();
        }
    }
}

impl Connection {
    /// Notes where all lanes stand as the run begins.
    pub(super) fn begin_notes(&mut self) {
        let Some(journal) = self.shared.job.journal.clone() else { return };
        let first = (0..self.index).map(|before| self.shared.job.lanes_on(before)).sum();
        let records = vec![0; self.lanes.len() * RECORD];
        let mut notes = Notes { journal, first, records, unwritten: Vec::new() };
        for (number, lane) in self.lanes.iter_mut().enumerate() {
            let (group, index) = (lane.account.group, lane.account.lane);
            let again = lane.again.iter().map(|flight| flight.exception(ExceptionKind::Unsent));
            for exception in lane.account.exceptions.iter().copied().chain(again) {
                notes.journal.except(group, index, &exception);
                lane.noted += 1;
            }
            notes.note(number, &place(lane, lane.account.doubt));
        }
        notes.write();
        let notes = Rc::new(RefCell::new(notes));
        for route in &mut self.routes {
            let notes = Rc::clone(&notes);
            let note = move |ticket: Ticket, number| {
                notes.borrow_mut().number(ticket as usize, number);
            };
            route.sink.tell_numbers(Numbers::new(note));
        }
        self.notes = Some(notes);
    }

    /// Notes that a lane's action is about to be sent.
    pub(super) fn note_under_way(&self, number: usize) {
        let Some(notes) = &self.notes else { return };
        let lane = &self.lanes[number];
        let place = place(lane, lane.flight.as_ref().map(|flight| doubt(lane, flight)));
        notes.borrow_mut().note(number, &place);
    }

    /// Notes that a slot did not take effect as decided, or not yet.
    pub(super) fn note_exception(&mut self, number: usize, exception: &Exception) {
        if let Some(notes) = &self.notes {
            let lane = &mut self.lanes[number];
            lane.noted += 1;
            notes.borrow().journal.except(lane.account.group, lane.account.lane, exception);
        }
    }

    /// Notes what of a lane waits to be sent, again or for the first time, though it was decided before
    /// what may be under way.
    pub(super) fn note_waiting(&mut self, number: usize) {
        if self.notes.is_none() {
            return;
        }
        let waiting = self.lanes[number].again.iter();
        let waiting: Vec<_> = waiting.map(|it| it.exception(ExceptionKind::Unsent)).collect();
        for exception in waiting {
            self.note_exception(number, &exception);
        }
    }

    /// Writes what was noted: to be called before anything leaves the process.
    pub(super) fn write_notes(&self) {
        if let Some(notes) = &self.notes {
            notes.borrow_mut().write();
        }
    }

    /// By what one may find out later what became of a lane's action, which is under way. Nothing where no
    /// notes are kept: there nobody will.
    pub(super) fn doubt_of(&self, number: usize, flight: &Flight) -> Option<Doubt> {
        let notes = self.notes.as_ref()?.borrow();
        let record = notes.records.get(number * RECORD..(number + 1) * RECORD)?;
        let last = Place::read(record)?.doubt?;
        // Whatever is noted beside it is known by then.
        let doubt = Doubt { number: last.number, seen: 0, ..doubt(&self.lanes[number], flight) };
        Some(doubt).filter(|it| (it.slot, it.part) == (last.slot, last.part))
    }
}

fn place(lane: &LaneRun, doubt: Option<Doubt>) -> Place {
    Place {
        group: lane.account.group,
        lane: lane.account.lane,
        decided: lane.lane.decided(),
        planned_ns: lane.lane.planned_ns(),
        doubt,
    }
}

fn doubt(lane: &LaneRun, flight: &Flight) -> Doubt {
    Doubt {
        stream: flight.decision.stream,
        slot: flight.decision.slot,
        part: u16::try_from(flight.part).unwrap_or(u16::MAX),
        horizon: flight.horizon,
        is_numbered: flight.is_numbered,
        number: None,
        is_doubtful: flight.is_doubtful,
        seen: lane.noted,
    }
}
