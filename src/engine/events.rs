//! Events on their way: each slot stands for itself, and any number of a lane may be under way, up to
//! a limit for each connection.

use smallvec::SmallVec;

use crate::engine::account::Effect;
use crate::engine::acts::Acts;
use crate::engine::batch::Row;
use crate::engine::window::Window;
use crate::sink::Ticket;

/// Set in the tickets of events; those of lanes are their numbers, those of batches have a bit above.
const EVENT: Ticket = 1 << 30;
/// So many slots may be in flight over all connections: some 25 MB. The client's own queue is
/// shorter, and says when it is full.
const IN_FLIGHT_MAX: usize = 1 << 17;
const IN_FLIGHT_MIN: usize = 1 << 10;

/// Events that are on their way to one target.
#[derive(Debug)]
pub(super) struct Sent {
    pub(super) of: Of,
    pub(super) effects: SmallVec<[Effect; 2]>,
    /// When it was handed over.
    pub(super) at: u64,
}

/// Whose events they are.
#[derive(Debug)]
pub(super) enum Of {
    /// A slot's that sends nothing else.
    Slot(Row),
    /// An act's, by its number.
    Act(usize),
}

/// Slots in flight on a connection, and lanes that wait until there are fewer.
#[derive(Debug)]
pub(super) struct Events {
    slots: Vec<Option<Sent>>,
    free: Vec<Ticket>,
    most: usize,
    /// Of unlimited streams.
    pub(super) window: Window,
    /// Lanes that wait for room.
    pub(super) held: Vec<usize>,
    pub(super) acts: Acts,
}

impl Events {
    /// Of one of so many connections.
    pub(super) fn new(connections: usize) -> Self {
        let most = (IN_FLIGHT_MAX / connections.max(1)).max(IN_FLIGHT_MIN);
        let (slots, free, held) = (Vec::new(), Vec::new(), Vec::new());
        let window = Window::new(connections, most);
        Self { slots, free, most, window, held, acts: Acts::default() }
    }

    /// Whether a ticket is an event's.
    pub(super) fn has(ticket: Ticket) -> bool {
        ticket & !(EVENT - 1) == EVENT
    }

    /// Whether no more may be in flight for now.
    pub(super) fn is_full(&self) -> bool {
        self.count() + self.acts.waiting() >= self.most
    }

    /// Whether unlimited streams have as many under way as brings them on.
    pub(super) fn fills_window(&self) -> bool {
        self.count() + self.acts.waiting() >= self.window.size()
    }

    /// Whether nothing is under way.
    pub(super) fn is_quiet(&self) -> bool {
        self.count() == 0 && self.held.is_empty() && self.acts.is_empty()
    }

    /// Whether none is in flight.
    pub(super) fn is_none_in_flight(&self) -> bool {
        self.count() == 0
    }

    /// Of those in flight, so many may be held back on purpose: fewer where a lane waits for room, as
    /// an unlimited stream has less of it.
    pub(super) fn held_back_max(&self) -> usize {
        let room = if self.held.is_empty() { self.most } else { self.window.size() };
        room / 4
    }

    fn count(&self) -> usize {
        self.slots.len() - self.free.len()
    }

    /// The ticket of the next that departs.
    pub(super) fn next_ticket(&self) -> Ticket {
        let new = || EVENT | Ticket::try_from(self.slots.len()).unwrap_or(0);
        self.free.last().copied().unwrap_or_else(new)
    }

    /// Notes one as in flight, by [`Events::next_ticket`].
    pub(super) fn depart(&mut self, sent: Sent) {
        match self.free.pop() {
            Some(ticket) => self.slots[(ticket & !EVENT) as usize] = Some(sent),
            None => self.slots.push(Some(sent)),
        }
    }

    /// Takes the one of a ticket, which is in flight no more.
    pub(super) fn arrive(&mut self, ticket: Ticket) -> Option<Sent> {
        let sent = self.slots.get_mut((ticket & !EVENT) as usize)?.take()?;
        self.free.push(ticket);
        Some(sent)
    }

    /// Takes all that are still in flight.
    pub(super) fn take_all(&mut self) -> Vec<Sent> {
        self.free.clear();
        self.slots.drain(..).flatten().collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What is held back on purpose must not be what a lane waits for.
    #[test]
    fn a_lane_that_waits_for_room_gets_some() {
        for connections in [1, 16, 400] {
            let mut events = Events::new(connections);
            assert_eq!(events.held_back_max(), events.most / 4);
            events.held.push(0);
            assert!(events.held_back_max() <= events.window.size() / 2);
            assert!(events.held_back_max() <= events.most / 4);
        }
    }
}
