//! Actions that go to several databases: a part, one transaction, for each. The next is sent when the
//! one before it has been acknowledged; together they are one action.

use crate::engine::account::ExceptionKind;
use crate::engine::connection::Connection;
use crate::engine::flight::Flight;
use crate::engine::fresh::Fresh;
use crate::observe::FactFate;
use crate::sink::Sink;

impl Connection {
    /// If what was acknowledged is a part that others follow, notes it and queues the next one. Returns whether
    /// it is.
    pub(super) fn turn_to_next_part(
        &mut self,
        number: usize,
        shortfalls: &[(u32, u32)],
        now: u64,
    ) -> bool {
        let world = std::sync::Arc::clone(&self.shared.job.world);
        let lane = &self.lanes[number];
        let Some(flight) = &lane.flight else { return false };
        let next = world.part_from(&flight.decision, flight.part + 1);
        // What a crash took back is sent again as it was: the parts behind it have been sent.
        let Some(next) = next.filter(|_| !flight.was_acknowledged()) else { return false };
        self.tell(number, flight, now, || FactFate::Committed(shortfalls.to_vec()));
        self.records.borrow_mut().account.acknowledged(&flight.effects, shortfalls);
        let is_lossy = self.routes[flight.sink].sink.lossy_for().filter(|_| shortfalls.is_empty());
        let done = is_lossy.map(|lossy_for| (Fresh::new(flight.clone(), now), lossy_for));
        let short = flight.exception(ExceptionKind::Short);
        if !shortfalls.is_empty() {
            self.lanes[number].account.add(short);
            self.note_exception(number, &short);
        }
        if let Some((done, lossy_for)) = done {
            self.lanes[number].remember(done, lossy_for, (&world, &mut self.rows));
        }
        let is_leading = |flight: &mut Flight| world.is_events(&flight.decision, next);
        if let Some(flight) = self.lanes[number].flight.take_if(is_leading) {
            self.lead_out(number, flight, next, now);
        } else if let Some(flight) = &mut self.lanes[number].flight {
            flight.turn_to(next, &world);
            self.queue(number);
        }
        true
    }

    /// The parts of an action that are not sent, because one before them did not take effect.
    pub(super) fn miss_rest(&mut self, flight: &Flight) {
        let was_sent = flight.tries > 0;
        let from = flight.part + usize::from(was_sent);
        let world = &self.shared.job.world;
        if flight.was_acknowledged() || world.part_from(&flight.decision, from).is_none() {
            return;
        }
        world.render_from(&flight.decision, from, &mut self.action);
        self.records.borrow_mut().account.missed(&self.action);
    }
}
