//! Where a domain's actions go, and how a connection there is made.

use std::sync::Arc;
use std::task::Context;
use std::task::Poll;
use std::time::Duration;

use crate::action::Action;
use crate::sink::Fate;
use crate::sink::Left;
use crate::sink::Lost;
use crate::sink::Numbers;
use crate::sink::Outcome;
use crate::sink::Receipt;
use crate::sink::Sink;
use crate::sink::Ticket;
use crate::sink::discard::Discard;
use crate::sink::event::way::EventOptions;
use crate::sink::event::way::EventSink;
use crate::sink::lines::way::LinesOptions;
use crate::sink::lines::way::LinesSink;
use crate::sink::postgres::worker::PostgresOptions;
use crate::sink::postgres::worker::PostgresSink;

/// Where a domain's actions go.
#[derive(Debug, Clone)]
pub enum Destination {
    /// A PostgreSQL database. Name and lock are completed for each connection.
    Postgres {
        /// What all connections have in common.
        options: Box<PostgresOptions>,
        /// How many connections.
        connections: u32,
        /// How long a lost connection is tried again.
        reconnect: Duration,
    },
    /// A message service.
    Events(Arc<EventOptions>),
    /// Files, or standard output.
    Lines(Arc<LinesOptions>),
    /// Nowhere.
    Discard,
}

impl Destination {
    /// Connections it is to have, if that matters to it.
    pub(super) fn connections(&self) -> Option<usize> {
        match self {
            Self::Postgres { connections, .. } => Some(*connections as usize),
            Self::Discard | Self::Events(_) | Self::Lines(_) => None,
        }
    }

    /// How long a lost connection is tried again.
    pub(super) fn reconnect(&self) -> Duration {
        match self {
            Self::Postgres { reconnect, .. } => *reconnect,
            // Its client connects by itself, or nothing does.
            Self::Discard | Self::Events(_) | Self::Lines(_) => Duration::ZERO,
        }
    }

    /// Connection number `index`, not connected yet.
    pub(super) fn sink(&self, index: usize) -> AnySink {
        match self {
            Self::Postgres { options, .. } => {
                let mut options = options.clone();
                options.application_name = format!("{}/{index}", options.application_name);
                options.lock = options.lock.wrapping_add(i64::try_from(index).unwrap_or(0));
                AnySink::Postgres(Box::new(PostgresSink::new(*options)))
            }
            Self::Events(options) => {
                AnySink::Events(Box::new(EventSink::new(EventOptions::clone(options))))
            }
            Self::Lines(options) => {
                AnySink::Lines(Box::new(LinesSink::new(LinesOptions::clone(options))))
            }
            Self::Discard => AnySink::Discard(Discard::default()),
        }
    }
}

/// A connection to one of the destinations.
#[derive(Debug)]
pub(super) enum AnySink {
    Postgres(Box<PostgresSink>),
    Events(Box<EventSink>),
    Lines(Box<LinesSink>),
    Discard(Discard),
    /// The sink itself is being recovered, elsewhere: see [`crate::engine::mending`].
    Away,
}

/// The same call on whichever sink it is, and what is said in the place of one that is away.
macro_rules! each {
    ($self:ident, $sink:ident => $call:expr, $away:expr) => {
        match $self {
            AnySink::Postgres($sink) => $call,
            AnySink::Events($sink) => $call,
            AnySink::Lines($sink) => $call,
            AnySink::Discard($sink) => $call,
            AnySink::Away => $away,
        }
    };
}

fn away<T>() -> Result<T, Lost> {
    Err(Lost { message: "the connection is being made again".to_owned(), is_transient: true })
}

impl Sink for AnySink {
    fn has_room(&self) -> bool {
        each!(self, sink => sink.has_room(), false)
    }

    fn submit(&mut self, ticket: Ticket, action: &Action) -> Receipt {
        each!(self, sink => sink.submit(ticket, action), Receipt::default())
    }

    fn poll(
        &mut self,
        context: &mut Context<'_>,
        outcomes: &mut Vec<Outcome>,
    ) -> Poll<Result<(), Lost>> {
        each!(self, sink => sink.poll(context, outcomes), Poll::Pending)
    }

    fn send(&mut self) {
        each!(self, sink => sink.send(), ());
    }

    fn release(&mut self, keep: usize) {
        each!(self, sink => sink.release(keep), ());
    }

    async fn recover(&mut self) -> Result<(), Lost> {
        each!(self, sink => sink.recover().await, away())
    }

    async fn resolve(&mut self, ticket: Ticket, action: &Action) -> Result<Fate, Lost> {
        each!(self, sink => sink.resolve(ticket, action).await, away())
    }

    fn inherit(&mut self, ticket: Ticket, left: Left) {
        each!(self, sink => sink.inherit(ticket, left), ());
    }

    fn tell_numbers(&mut self, to: Numbers) {
        each!(self, sink => sink.tell_numbers(to), ());
    }

    fn lossy_for(&self) -> Option<Duration> {
        each!(self, sink => sink.lossy_for(), None)
    }

    fn has_crashed(&self) -> bool {
        each!(self, sink => sink.has_crashed(), false)
    }

    async fn make_durable(&mut self) -> Result<(), Lost> {
        each!(self, sink => sink.make_durable().await, away())
    }

    async fn prepare(&mut self) -> Result<(), Lost> {
        each!(self, sink => sink.prepare().await, away())
    }

    async fn close(&mut self) {
        each!(self, sink => sink.close().await, ());
    }
}
