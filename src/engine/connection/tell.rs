//! What observers are told: what became of each transaction.

use crate::engine::batch::Batch;
use crate::engine::connection::Connection;
use crate::engine::connection::Period;
use crate::engine::flight::Flight;
use crate::observe::Fact;
use crate::observe::FactFate;
use crate::observe::Witness;

impl Connection {
    /// Who wants to know what becomes of what goes on a way.
    fn witness(&self, route: usize) -> Option<&Witness> {
        self.shared.job.witness.as_ref().filter(|witness| witness.sees(route))
    }

    /// The part of an action that is under way is settled.
    pub(super) fn tell(&self, flight: &Flight, settled: u64, fate: impl FnOnce() -> FactFate) {
        let Some(witness) = self.witness(flight.sink) else { return };
        witness.tell(Fact {
            decision: flight.decision.clone(),
            part: flight.part,
            due: flight.stamps.due(),
            sent: flight.submitted_ns,
            settled,
            is_measured: matches!(self.period, Period::Measuring(_)),
            fate: fate(),
        });
    }

    /// All rows of a batch are settled.
    pub(super) fn tell_batch(&self, batch: &Batch, settled: u64, fate: impl Fn() -> FactFate) {
        let Some(witness) = self.witness(batch.sink) else { return };
        for row in &batch.rows {
            witness.tell(Fact {
                decision: row.decision.clone(),
                part: 0,
                due: row.due(),
                sent: batch.submitted_ns,
                settled,
                is_measured: matches!(self.period, Period::Measuring(_)),
                fate: fate(),
            });
        }
    }
}
