//! Events on their way: each slot stands for itself, and any number of a lane may be under way, up to
//! a limit for each connection.

use std::ops::Deref;

use crate::action::Action;
use crate::engine::account::Effect;
use crate::engine::account::Exception;
use crate::engine::account::ExceptionKind;
use crate::engine::acts::Acts;
use crate::engine::batch::Row;
use crate::engine::window::Window;
use crate::measure::Stamps;
use crate::sink::Ticket;
use crate::sink::event::way::ORDINAL_SHIFT;

/// Set in the tickets of events; those of lanes are their numbers, those of batches have a bit above.
const EVENT: Ticket = 1 << 30;
/// So many slots may be in flight over all connections: 8 MB. The client's own queue is
/// shorter, and says when it is full.
const IN_FLIGHT_MAX: usize = 1 << 17;
const IN_FLIGHT_MIN: usize = 1 << 10;
// A connection has at most as many tickets, and a way writes above them.
const _: () = assert!(IN_FLIGHT_MAX <= 1 << ORDINAL_SHIFT);

/// So many are sent before what became of others is settled, while that is still in the processor's caches.
const TURN_MAX: u64 = 512;

/// Events that are on their way to one target: a cache line, of which thousands are under way.
#[derive(Debug)]
pub(super) struct Sent {
    of: Packed,
    pub(super) effects: Effects,
    /// When it was handed over.
    pub(super) at: u64,
}

/// What the events do: hardly ever there are several.
#[derive(Debug)]
pub(super) enum Effects {
    One(Effect),
    Several(Box<[Effect]>),
}

/// Whose events they are.
#[derive(Debug)]
pub(super) enum Of {
    /// A slot's that sends nothing else.
    Slot(Slot),
    /// An act's, by its number.
    Act(usize),
}

/// Of a slot, what must be known when its events have arrived, or were given up.
#[derive(Debug, Clone, Copy)]
pub(super) struct Slot {
    /// Its number, and its stream's.
    number: u64,
    pub(super) stream: u16,
    /// The lane's number on its connection.
    pub(super) lane: u32,
    /// When it was due, but in an unlimited stream.
    intended: Option<u64>,
    picked: u64,
}

/// [`Of`], in less room.
#[derive(Debug)]
enum Packed {
    Slot { number: u64, intended: u64, picked: u64, lane: u32, stream: u16 },
    Act(usize),
}

/// No time.
const NEVER: u64 = u64::MAX;

impl Sent {
    pub(super) fn new(of: &Of, action: &Action, at: u64) -> Self {
        let of = match *of {
            Of::Slot(Slot { number, stream, lane, intended, picked }) => {
                Packed::Slot { number, intended: intended.unwrap_or(NEVER), picked, lane, stream }
            }
            Of::Act(number) => Packed::Act(number),
        };
        Self { of, effects: Effects::of(action), at }
    }

    /// Whose they are.
    pub(super) fn of(&self) -> Of {
        match self.of {
            Packed::Slot { number, intended, picked, lane, stream } => {
                let intended = Some(intended).filter(|at| *at != NEVER);
                Of::Slot(Slot { number, stream, lane, intended, picked })
            }
            Packed::Act(number) => Of::Act(number),
        }
    }
}

impl Effects {
    fn of(action: &Action) -> Self {
        match action.operations() {
            [only] => Self::One(only.into()),
            all => Self::Several(all.iter().map(Effect::from).collect()),
        }
    }
}

impl Deref for Effects {
    type Target = [Effect];

    fn deref(&self) -> &[Effect] {
        match self {
            Self::One(only) => std::slice::from_ref(only),
            Self::Several(all) => all,
        }
    }
}

impl Slot {
    /// Of one that was decided.
    pub(super) fn of(row: &Row) -> Self {
        let Row { lane, decision, intended, picked } = row;
        let (number, stream) = (decision.slot, decision.stream);
        Self { number, stream, lane: *lane, intended: *intended, picked: *picked }
    }

    /// Its four stamps, if it was sent and answered then.
    pub(super) fn stamps(&self, sent: u64, acknowledged: u64) -> Stamps {
        let Self { intended, picked, .. } = *self;
        Stamps { intended, picked, sent, acknowledged, is_closed: false }
    }

    /// As the account has it when it does not take effect.
    pub(super) fn exception(&self, fate: ExceptionKind) -> Exception {
        Exception { stream: self.stream, parts: 0, slot: self.number, fate }
    }
}

/// Slots in flight on a connection, and lanes that wait until there are fewer.
#[derive(Debug)]
pub(super) struct Events {
    slots: Vec<Option<Sent>>,
    free: Vec<Ticket>,
    /// How many have ever departed.
    departed: u64,
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
        Self { slots, free, departed: 0, most, window, held, acts: Acts::default() }
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

    /// How many have ever departed.
    pub(super) fn departed(&self) -> u64 {
        self.departed
    }

    /// Whether enough have departed since there were so many.
    pub(super) fn has_sent_enough(&self, before: u64) -> bool {
        self.departed - before >= TURN_MAX
    }

    /// The ticket of the next that departs.
    pub(super) fn next_ticket(&self) -> Ticket {
        let new = || EVENT | Ticket::try_from(self.slots.len()).unwrap_or(0);
        self.free.last().copied().unwrap_or_else(new)
    }

    /// Notes one as in flight, by [`Events::next_ticket`].
    pub(super) fn depart(&mut self, sent: Sent) {
        self.departed += 1;
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

    #[test]
    fn what_is_under_way_is_a_cache_line() {
        assert!(size_of::<Option<Sent>>() <= 64, "{}", size_of::<Option<Sent>>());
    }

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
