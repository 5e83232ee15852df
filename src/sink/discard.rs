//! Takes everything, keeps nothing: shows what the generator itself can do.

use std::task::Context;
use std::task::Poll;

use crate::action::Action;
use crate::sink::Fate;
use crate::sink::Lost;
use crate::sink::Outcome;
use crate::sink::Receipt;
use crate::sink::Sink;
use crate::sink::Ticket;
use crate::sink::postgres::encode::encode;

/// Encodes each value as for PostgreSQL, so that its cost is not left out, and forgets it.
#[derive(Debug, Default)]
pub struct Discard {
    settled: Vec<Ticket>,
    scratch: Vec<u8>,
}

impl Sink for Discard {
    fn has_room(&self) -> bool {
        true
    }

    fn submit(&mut self, ticket: Ticket, action: &Action) -> Receipt {
        self.scratch.clear();
        for operation in action.operations() {
            for value in action.values(operation) {
                encode(*value, crate::schema::ColumnType::Text, action, &mut self.scratch);
            }
        }
        self.settled.push(ticket);
        Receipt { bytes: self.scratch.len() as u64, ..Receipt::default() }
    }

    fn poll(&mut self, _: &mut Context<'_>, outcomes: &mut Vec<Outcome>) -> Poll<Result<(), Lost>> {
        if self.settled.is_empty() {
            return Poll::Pending;
        }
        outcomes.extend(self.settled.drain(..).map(|ticket| Outcome::new(ticket, Ok(Vec::new()))));
        Poll::Ready(Ok(()))
    }

    async fn recover(&mut self) -> Result<(), Lost> {
        Ok(())
    }

    async fn resolve(&mut self, _: Ticket, _: &Action) -> Result<Fate, Lost> {
        Ok(Fate::Committed)
    }

    async fn close(&mut self) {}
}
