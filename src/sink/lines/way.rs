//! A connection's way to a target's files: renders lines, hands them over, and gives back what became of them.

use std::sync::Arc;
use std::task::Context;
use std::task::Poll;
use std::time::Instant;

use crate::action::Action;
use crate::pace::nanoseconds;
use crate::sink::Fate;
use crate::sink::Lost;
use crate::sink::Outcome;
use crate::sink::Receipt;
use crate::sink::Sink;
use crate::sink::Ticket;
use crate::sink::lines::forms::Blocks;
use crate::sink::lines::forms::Forms;
use crate::sink::lines::writer::Desk;
use crate::sink::lines::writer::Done;
use crate::sink::lines::writer::LineSender;
use crate::sink::lines::writer::Parcel;
use crate::sink::lines::writer::Reply;

/// Bytes that are handed over at once, where there are so many: less than any file has before another
/// follows.
const PARCEL: usize = 32 << 10;
/// Bytes that may be under way from a connection.
const ROOM: usize = 1 << 20;

/// What all connections to a target have in common.
#[derive(Debug, Clone)]
pub struct LinesOptions {
    /// How it is written.
    pub(crate) forms: Arc<Forms>,
    /// The way to the thread that writes.
    pub(crate) sender: LineSender,
}

/// One connection's way.
#[derive(Debug)]
pub(crate) struct LinesSink {
    options: LinesOptions,
    desk: Arc<Desk>,
    blocks: Blocks,
    tickets: Vec<Ticket>,
    /// Bytes that were handed over and are not settled.
    away: usize,
    done: Vec<Done>,
}

impl LinesSink {
    /// A way of its own.
    pub(crate) fn new(options: LinesOptions) -> Self {
        Self {
            options,
            desk: Arc::default(),
            blocks: Blocks::default(),
            tickets: Vec::new(),
            away: 0,
            done: Vec::new(),
        }
    }

    fn hand_over(&mut self) {
        if self.tickets.is_empty() {
            return;
        }
        self.away += self.blocks.size();
        let tickets = std::mem::take(&mut self.tickets);
        let reply = Reply::Desk(Arc::clone(&self.desk), tickets);
        self.options.sender.send(Parcel { blocks: self.blocks.take(), reply });
    }
}

impl Sink for LinesSink {
    fn has_room(&self) -> bool {
        self.away + self.blocks.size() < ROOM
    }

    fn submit(&mut self, ticket: Ticket, action: &Action) -> Receipt {
        let before = self.blocks.size();
        self.options.forms.write(action, &mut self.blocks);
        self.tickets.push(ticket);
        let bytes = (self.blocks.size() - before) as u64;
        if self.blocks.size() >= PARCEL {
            self.hand_over();
        }
        Receipt { bytes, ..Receipt::default() }
    }

    fn poll(
        &mut self,
        context: &mut Context<'_>,
        outcomes: &mut Vec<Outcome>,
    ) -> Poll<Result<(), Lost>> {
        self.hand_over();
        let mut all = std::mem::take(&mut self.done);
        self.desk.poll(context, &mut all);
        let (now, before) = (Instant::now(), outcomes.len());
        for Done { tickets, bytes, result, at } in all.drain(..) {
            self.away -= bytes;
            let waited_ns = nanoseconds(now.saturating_duration_since(at));
            outcomes.extend(tickets.into_iter().map(|ticket| {
                let result = result.clone().map(|()| Vec::new());
                Outcome { waited_ns, ..Outcome::new(ticket, result) }
            }));
        }
        self.done = all;
        if outcomes.len() > before { Poll::Ready(Ok(())) } else { Poll::Pending }
    }

    fn send(&mut self) {
        self.hand_over();
    }

    async fn recover(&mut self) -> Result<(), Lost> {
        Ok(())
    }

    async fn resolve(&mut self, _: Ticket, _: &Action) -> Result<Fate, Lost> {
        let message = "what is being written when the run ends is not looked for".to_owned();
        Err(Lost { message, is_transient: false })
    }

    async fn close(&mut self) {
        self.hand_over();
    }
}
