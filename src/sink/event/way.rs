//! A connection's way to a message service: renders events, hands them to the shared client, and
//! gives back what became of them.

mod held;
mod marked;
#[cfg(test)]
mod tests;

use std::collections::HashMap;
use std::collections::VecDeque;
use std::sync::Arc;
use std::task::Context;
use std::task::Poll;
use std::time::Instant;

use crate::action::Action;
use crate::action::Catalog;
use crate::action::Change;
use crate::action::Operation;
use crate::action::TableInfo;
use crate::pace::nanoseconds;
use crate::sink::Failure;
use crate::sink::Fate;
use crate::sink::Lost;
use crate::sink::Outcome;
use crate::sink::Receipt;
use crate::sink::Sink;
use crate::sink::Ticket;
use crate::sink::event::Delivery;
use crate::sink::event::Mailbox;
use crate::sink::event::Publisher;
use crate::sink::event::Record;
use crate::sink::event::Refused;
use crate::sink::event::aborted::Aborted;
use crate::sink::event::avro::AvroForm;
use crate::sink::event::book::FaultBook;
use crate::sink::event::book::Marked;
use crate::sink::event::json::Form;
use crate::sink::event::kept::OwnedRecord;
use crate::sink::event::trace::Carried;
use crate::sink::event::trace::Headers;

use held::HeldBack;
use marked::Told;

/// What all connections to one destination have in common.
#[derive(Debug, Clone)]
pub struct EventOptions {
    /// The client that they share.
    pub(crate) publisher: Arc<dyn Publisher>,
    /// The topic or stream of each table; `None` for those whose rows are no events. By table.
    pub(crate) topics: Arc<[Option<Topic>]>,
    /// What its records carry beside the event.
    pub(crate) headers: Headers,
    /// Which are also sent in a transaction that is aborted.
    pub(crate) aborted: Option<Aborted>,
    /// Where it is told which events had a fault, if any may have one.
    pub(crate) faults: Option<FaultBook>,
}

impl EventOptions {
    /// With names of its own: a name that connections share is counted by all of them, for each event.
    fn apart(self) -> Self {
        let apart = |topic: &Topic| Topic { name: Arc::from(&*topic.name), ..topic.clone() };
        let topics = self.topics.iter().map(|topic| topic.as_ref().map(apart));
        Self { topics: topics.collect(), headers: self.headers.apart(), ..self }
    }
}

/// Where the events of a table go, and how they are written.
#[derive(Debug, Clone)]
pub struct Topic {
    /// Its name.
    pub(crate) name: Arc<str>,
    /// How an event is written, and its key.
    pub(crate) form: Form,
    /// How an event is written instead, where it is not JSON.
    pub(crate) avro: Option<AvroForm>,
    /// What is told of one that has a fault.
    pub(crate) told: Told,
}

impl Topic {
    /// Appends an event, with what is wrong with it.
    pub(crate) fn write(
        &self,
        operation: &Operation,
        action: &Action,
        out: &mut Vec<u8>,
    ) -> Result<(), Failure> {
        if let Some(avro) = &self.avro {
            return avro.write(operation, action, out);
        }
        self.form.write_event(operation, action, out);
        Ok(())
    }
}

/// Where the events of a way go, each of them by its name; whether their keys go along; and how those are
/// written that are not JSON.
pub(crate) fn topics(
    catalog: &Catalog,
    way: usize,
    has_keys: bool,
    name: impl Fn(&str) -> String,
    avro: impl Fn(&TableInfo) -> Option<AvroForm>,
) -> Arc<[Option<Topic>]> {
    let tables = catalog.tables.iter().map(|table| {
        let event = table.event.as_ref().filter(|_| table.way == way)?;
        let form = Form::new(&table.columns, &table.hidden, event.key.filter(|_| has_keys));
        let (form, avro, told) = (form, avro(table), Told::of(table));
        Some(Topic { name: name(&table.name).into(), form, avro, told })
    });
    tables.collect()
}

/// Of an action with several events: how many are under way, which were refused, and the first failure.
#[derive(Debug)]
struct Several {
    ticket: Ticket,
    left: usize,
    refused: Vec<u32>,
    failed: Option<Failure>,
    is_repeated: bool,
}

/// What is known of the end of a record, beside how it ended.
#[derive(Debug, Clone, Copy)]
struct RecordEnd {
    /// For how long that was known before it was picked up.
    waited_ns: u64,
    /// Whether the record may be there twice.
    is_repeated: bool,
}

impl RecordEnd {
    /// It has never left.
    const NOW: Self = Self { waited_ns: 0, is_repeated: false };
}

/// Where the ticket of a record says which of its action's operations it is of, and how many it can tell
/// apart. Only where there are several.
pub(crate) const ORDINAL_SHIFT: u32 = 20;
const ORDINAL_MAX: Ticket = (1 << 10) - 1;

/// The ticket of the record of one operation, by its index.
fn of_one(ticket: Ticket, index: usize) -> Ticket {
    let ordinal = Ticket::try_from(index).unwrap_or(ORDINAL_MAX).min(ORDINAL_MAX);
    ticket | ordinal << ORDINAL_SHIFT
}

/// The ticket of a record's action.
fn of_all(ticket: Ticket) -> Ticket {
    ticket & !(ORDINAL_MAX << ORDINAL_SHIFT)
}

/// The index of a record's operation.
fn ordinal(ticket: Ticket) -> u32 {
    ticket >> ORDINAL_SHIFT & ORDINAL_MAX
}

/// One connection's way.
#[derive(Debug)]
pub(crate) struct EventSink {
    options: EventOptions,
    mailbox: Arc<Mailbox>,
    /// In the order of submission: nothing is published before them.
    kept: VecDeque<OwnedRecord>,
    /// Actions that have no events, or whose events could not be taken.
    settled: Vec<Outcome>,
    /// Actions with more than one event: hardly any, so they are looked for one by one.
    several: Vec<Several>,
    /// Events that have a fault, by their actions: only looked up.
    marked: HashMap<Ticket, Marked>,
    held: HeldBack,
    deliveries: Vec<Delivery>,
    payload: Vec<u8>,
    key: Vec<u8>,
}

impl EventSink {
    /// A way of its own to the client.
    pub(crate) fn new(options: EventOptions) -> Self {
        let mailbox = options.publisher.open();
        Self {
            options: options.apart(),
            mailbox,
            kept: VecDeque::new(),
            settled: Vec::new(),
            several: Vec::new(),
            marked: HashMap::new(),
            held: HeldBack::default(),
            deliveries: Vec::new(),
            payload: Vec::new(),
            key: Vec::new(),
        }
    }

    fn topic(&self, operation: &Operation) -> Option<&Topic> {
        topic_of(&self.options.topics, operation)
    }

    /// Renders one event and hands it over, or keeps it. Returns its size.
    fn send(&mut self, ticket: Ticket, operation: &Operation, action: &Action) -> u64 {
        let Some(topic) = topic_of(&self.options.topics, operation) else { return 0 };
        self.payload.clear();
        self.key.clear();
        if let Err(failure) = topic.write(operation, action, &mut self.payload) {
            self.settle(ticket, Err(failure), RecordEnd::NOW);
            return 0;
        }
        let has_key = topic.form.write_key(action.values(operation), action, &mut self.key);
        let carried = self.options.headers.of(&action.origin);
        let headers = carried.as_ref().map(Carried::pairs);
        let record = Record {
            destination: &topic.name,
            key: has_key.then_some(self.key.as_slice()),
            payload: &self.payload,
            headers: headers.as_ref().map_or(&[], |pairs| pairs),
            at_ms: action.origin.at_us.div_euclid(1000),
            ticket,
            is_aborted: self.options.aborted.is_some_and(|it| it.has(&action.origin)),
        };
        let bytes = record.payload.len() + self.key.len();
        let has_gone = match operation.fault {
            None => {
                let publisher = &*self.options.publisher;
                if let Err(failure) = take(&record, (publisher, &self.mailbox), &mut self.kept) {
                    self.settle(ticket, Err(failure), RecordEnd::NOW);
                }
                true
            }
            Some(_) => OwnedRecord::of(&record)
                .with(|record| self.publish_faulty(record, operation, action)),
        };
        if has_gone {
            self.let_follow(operation, action);
        }
        bytes as u64
    }

    fn publish(&mut self, record: &Record<'_>) {
        let publisher = &*self.options.publisher;
        if let Err(failure) = take(record, (publisher, &self.mailbox), &mut self.kept) {
            self.settle(record.ticket, Err(failure), RecordEnd::NOW);
        }
    }

    /// Publishes what was kept, as far as there is room.
    fn publish_kept(&mut self) {
        while let Some(kept) = self.kept.front() {
            let ticket = kept.ticket;
            let publisher = &self.options.publisher;
            match kept.with(|record| publisher.publish(record, &self.mailbox)) {
                Ok(()) => {}
                Err(Refused::Full) => return,
                Err(Refused::Failed(failure)) => self.settle(ticket, Err(failure), RecordEnd::NOW),
            }
            self.kept.pop_front();
        }
    }

    /// One of an action's events has come to its end; with the last of them the action has.
    fn settle(&mut self, record: Ticket, result: Result<(), Failure>, known: RecordEnd) {
        let (ticket, RecordEnd { waited_ns, is_repeated }) = (of_all(record), known);
        let Some(at) = self.several.iter().position(|several| several.ticket == ticket) else {
            let result = result.map(|()| Vec::new());
            let outcome = Outcome::new(ticket, result);
            return self.finish(Outcome { waited_ns, is_repeated, ..outcome });
        };
        let several = &mut self.several[at];
        several.left -= 1;
        several.is_repeated |= is_repeated;
        if let Err(failure) = result {
            several.refused.push(ordinal(record));
            // What nobody knows of one of them nobody knows of them together.
            let is_worse = |known: &Failure| known.is_doubtful || !failure.is_doubtful;
            several.failed = several.failed.take().filter(is_worse).or(Some(failure));
        }
        if several.left == 0 {
            let Several { failed, refused, is_repeated, .. } = self.several.swap_remove(at);
            let result = failed.map_or(Ok(Vec::new()), Err);
            self.finish(Outcome { ticket, result, refused, waited_ns, is_repeated });
        }
    }
}

/// Where an operation's event goes, if it is one.
pub(crate) fn topic_of<'a>(
    topics: &'a [Option<Topic>],
    operation: &Operation,
) -> Option<&'a Topic> {
    let topic = topics.get(usize::from(operation.table.0))?.as_ref();
    topic.filter(|_| operation.change == Change::Insert)
}

/// Publishes a record, or keeps it where there is no room: behind those that are kept already.
fn take(
    record: &Record<'_>,
    (publisher, mailbox): (&dyn Publisher, &Arc<Mailbox>),
    kept: &mut VecDeque<OwnedRecord>,
) -> Result<(), Failure> {
    if kept.is_empty() {
        match publisher.publish(record, mailbox) {
            Ok(()) => return Ok(()),
            Err(Refused::Full) => {}
            Err(Refused::Failed(failure)) => return Err(failure),
        }
    }
    kept.push_back(OwnedRecord::of(record));
    Ok(())
}

impl Sink for EventSink {
    fn has_room(&self) -> bool {
        self.kept.is_empty()
    }

    fn submit(&mut self, ticket: Ticket, action: &Action) -> Receipt {
        let events = action.operations().iter().filter(|each| self.topic(each).is_some()).count();
        match events {
            0 => self.settled.push(Outcome::new(ticket, Ok(Vec::new()))),
            1 => {}
            left => {
                let (refused, failed, is_repeated) = (Vec::new(), None, false);
                self.several.push(Several { ticket, left, refused, failed, is_repeated });
            }
        }
        let mut bytes = 0;
        for (index, operation) in action.operations().iter().enumerate() {
            let record = if events > 1 { of_one(ticket, index) } else { ticket };
            bytes += self.send(record, operation, action);
        }
        Receipt { bytes, ..Receipt::default() }
    }

    fn poll(
        &mut self,
        context: &mut Context<'_>,
        outcomes: &mut Vec<Outcome>,
    ) -> Poll<Result<(), Lost>> {
        let mut deliveries = std::mem::take(&mut self.deliveries);
        let has_room = self.mailbox.poll(context, &mut deliveries);
        let now = Instant::now();
        for Delivery { ticket, result, at, is_repeated } in deliveries.drain(..) {
            let result = result.map_err(|failure| *failure);
            let waited_ns = nanoseconds(now.saturating_duration_since(at));
            self.settle(ticket, result, RecordEnd { waited_ns, is_repeated });
        }
        self.deliveries = deliveries;
        if has_room {
            self.publish_kept();
        }
        self.send_due(context);
        if self.settled.is_empty() {
            return Poll::Pending;
        }
        if outcomes.is_empty() {
            std::mem::swap(outcomes, &mut self.settled);
        } else {
            outcomes.append(&mut self.settled);
        }
        Poll::Ready(Ok(()))
    }

    fn release(&mut self, keep: usize) {
        self.send_held(keep);
    }

    async fn recover(&mut self) -> Result<(), Lost> {
        // The client makes its connections itself, again and again.
        Ok(())
    }

    async fn resolve(&mut self, _: Ticket, _: &Action) -> Result<Fate, Lost> {
        Err(Lost { message: "nobody can look for an event".to_owned(), is_transient: false })
    }

    async fn close(&mut self) {
        self.forget();
        self.options.publisher.hurry();
    }
}
