//! What became of each transaction: into the trace, and told to observers.

use crate::engine::batch::Batch;
use crate::engine::connection::Connection;
use crate::engine::connection::Period;
use crate::engine::flight::Flight;
use crate::generate::Decision;
use crate::ledger;
use crate::ledger::Record;
use crate::observe::Departure;
use crate::observe::Ended;
use crate::observe::EventFate;
use crate::observe::Fact;
use crate::observe::FactFate;
use crate::observe::Sender;
use crate::observe::Witness;
use crate::sink::Outcome;
use crate::sink::Ticket;

/// When a transaction was due, last sent, and settled.
#[derive(Clone, Copy)]
struct Times {
    due: u64,
    sent: u64,
    settled: u64,
}

impl Connection {
    /// Who wants to know what becomes of what goes on a way.
    fn witness(&self, route: usize) -> Option<&Witness> {
        self.shared.job.witness.as_ref().filter(|witness| witness.sees(route))
    }

    fn is_measured(&self) -> bool {
        matches!(self.period, Period::Measuring(_))
    }

    /// The part of a lane's action that is under way is settled.
    pub(super) fn tell(
        &self,
        number: usize,
        flight: &Flight,
        settled: u64,
        fate: impl FnOnce() -> FactFate,
    ) {
        let witness = self.witness(flight.sink);
        if witness.is_none() && self.shared.job.trace.is_none() {
            return;
        }
        let times = Times { due: flight.stamps.due(), sent: flight.submitted_ns, settled };
        let fate = fate();
        self.trace((&flight.decision, flight.part), times, self.number_of(number, flight), &fate);
        let Some(witness) = witness else { return };
        witness.tell(Fact {
            decision: flight.decision.clone(),
            part: flight.part,
            due: times.due,
            sent: times.sent,
            settled,
            is_measured: self.is_measured(),
            fate,
        });
    }

    /// The number of a lane's transaction, if it was asked for.
    fn number_of(&self, number: usize, flight: &Flight) -> Option<u64> {
        if flight.is_numbered { self.doubt_of(number, flight)?.number } else { None }
    }

    /// All rows of a batch are settled.
    pub(super) fn tell_batch(&self, batch: &Batch, settled: u64, fate: impl Fn() -> FactFate) {
        let witness = self.witness(batch.sink);
        if witness.is_none() && self.shared.job.trace.is_none() {
            return;
        }
        for row in &batch.rows {
            let times = Times { due: row.due(), sent: batch.submitted_ns, settled };
            let fate = fate();
            self.trace((&row.decision, 0), times, None, &fate);
            let Some(witness) = witness else { continue };
            witness.tell(Fact {
                decision: row.decision.clone(),
                part: 0,
                due: times.due,
                sent: times.sent,
                settled,
                is_measured: self.is_measured(),
                fate,
            });
        }
    }

    /// The events of a part of a decision go a way, which was due and is done then.
    pub(super) fn tell_departure(
        &self,
        (decision, part): (&Decision, usize),
        (way, ticket): (usize, Ticket),
        (due, sent): (u64, u64),
    ) {
        let Some(witness) = &self.shared.job.witness else { return };
        if witness.sees_events(way) {
            let (decision, sender) = (decision.clone(), self.sender(ticket));
            witness.tell_departure(Departure { decision, part, sender, due, sent });
        }
    }

    /// It is known what became of events.
    pub(super) fn tell_end(&self, outcome: &Outcome, settled: u64) {
        let Some(witness) = self.event_witness() else { return };
        let refused = outcome.refused.as_slice().into();
        let fate = match &outcome.result {
            Ok(_) => EventFate::Stored,
            Err(failure) if failure.is_doubtful => EventFate::Unknown(refused),
            Err(_) => EventFate::Refused(refused),
        };
        let (sender, is_measured) = (self.sender(outcome.ticket), self.is_measured());
        let is_repeated = outcome.is_repeated;
        witness.tell_end(Ended { sender, settled, is_measured, fate, is_repeated });
    }

    /// Nobody can tell what became of the events that are still in flight.
    pub(super) fn tell_none_known(&self, now: u64) {
        let Some(witness) = self.event_witness() else { return };
        witness.tell_none_known(self.sender(0).connection, now);
    }

    /// Who wants to know of events, on some way.
    fn event_witness(&self) -> Option<&Witness> {
        self.shared.job.witness.as_ref().filter(|witness| witness.sees_any_events())
    }

    fn sender(&self, ticket: Ticket) -> Sender {
        Sender { connection: u32::try_from(self.index).unwrap_or(u32::MAX), ticket }
    }

    /// Notes what became of a part of a decision.
    fn trace(
        &self,
        (decision, part): (&Decision, usize),
        times: Times,
        transaction: Option<u64>,
        fate: &FactFate,
    ) {
        let mut records = self.records.borrow_mut();
        let Some(trace) = &mut records.trace else { return };
        let (kind, shortfalls) = match fate {
            FactFate::Committed(shortfalls) if shortfalls.is_empty() => {
                (ledger::Fate::Committed, &[][..])
            }
            FactFate::Committed(shortfalls) => (ledger::Fate::Short, shortfalls.as_slice()),
            FactFate::Unknown => (ledger::Fate::Unknown, &[][..]),
            FactFate::TakenBack => (ledger::Fate::TakenBack, &[][..]),
        };
        let record = Record {
            lane: decision.lane,
            number: decision.number,
            part: u8::try_from(part).unwrap_or(u8::MAX),
            is_measured: self.is_measured(),
            fate: kind,
            // Only its lower half travels with changes.
            transaction: transaction.map_or(0, |it| u32::try_from(it & 0xffff_ffff).unwrap_or(0)),
            settled: times.settled,
            service: times.settled.saturating_sub(times.sent),
            wait: times.sent.saturating_sub(times.due),
        };
        trace.add(&record);
        for (statement, rows) in shortfalls {
            let fate = ledger::Fate::Shortfall;
            trace.add(&Record { number: *statement, transaction: *rows, fate, ..record });
        }
    }

    /// Notes that a decision, from a part on, did not take effect.
    pub(super) fn trace_nothing(&self, decision: &Decision, part: usize) {
        let mut records = self.records.borrow_mut();
        let Some(trace) = &mut records.trace else { return };
        trace.add(&Record {
            lane: decision.lane,
            number: decision.number,
            part: u8::try_from(part).unwrap_or(u8::MAX),
            is_measured: self.is_measured(),
            fate: ledger::Fate::Nothing,
            transaction: 0,
            settled: self.shared.clock.now(),
            service: 0,
            wait: 0,
        });
    }
}
