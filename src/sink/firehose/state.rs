//! What a client knows: what waits for each stream, what is in flight, and who waits for room. No network.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::MutexGuard;
use std::sync::PoisonError;
use std::time::Instant;

use crate::measure::ErrorClass;
use crate::measure::Feed;
use crate::sink::Failure;
use crate::sink::event::Delivery;
use crate::sink::event::Mailbox;
use crate::sink::event::Traffic;
use crate::sink::firehose::Sending;
use crate::sink::firehose::backoff::Backoff;
use crate::sink::firehose::call::Answer;
use crate::sink::firehose::call::Kind;
use crate::sink::firehose::call::Refusal;
use crate::sink::firehose::limit::Cost;
use crate::sink::firehose::limit::Limit;
use crate::sink::firehose::queue::Gathering;
use crate::sink::firehose::queue::Next;
use crate::sink::firehose::queue::Owner;
use crate::sink::firehose::queue::Queue;
use crate::sink::firehose::queue::Waiting;

/// An endpoint is gone after so many calls in a row without an answer.
const AWAY: u32 = 5;
/// The clock is read once for so many events that come one behind the other: it costs as much as the rest of
/// taking one.
const CLOCK_EVERY: u32 = 15;

/// All that a client has taken and not settled.
#[derive(Debug)]
pub(super) struct State {
    sending: Sending,
    streams: BTreeMap<Arc<str>, DeliveryStream>,
    /// Events taken and not settled, and their bytes.
    events: usize,
    bytes: usize,
    /// Whom to tell what became of events, by their numbers.
    mailboxes: Vec<Arc<Mailbox>>,
    /// The numbers of those who found no room.
    waiting: Vec<u32>,
    /// Calls in a row that had no answer.
    unanswered: u32,
    /// The client ends, whatever it has.
    pub(super) is_over: bool,
}

#[derive(Debug)]
struct DeliveryStream {
    queue: Queue,
    limit: Limit,
    backoff: Backoff,
    traffic: Traffic,
    /// The time, as it was read last, and for how many events it may be taken before it is read again.
    recent: (Instant, u32),
    /// Whether it was told that the stream is throttled, and that events may be there that were given up.
    is_told: bool,
    is_doubt_told: bool,
}

/// A call to make.
#[derive(Debug)]
pub(super) struct Call {
    pub(super) stream: Arc<str>,
    pub(super) batch: Vec<Waiting>,
    cost: Cost,
}

/// What there is to do.
#[derive(Debug, Default)]
pub(super) struct Work {
    /// Calls to make.
    pub(super) calls: Vec<Call>,
    /// When to look again, if nothing happens before.
    pub(super) look_at: Option<Instant>,
}

/// What is to be told, once nothing is locked.
#[derive(Debug, Default)]
pub(super) struct News {
    /// Those of one mailbox together, so that its owner is woken once for them.
    deliveries: Vec<(Arc<Mailbox>, Vec<Delivery>)>,
    has_room: Vec<Arc<Mailbox>>,
    /// For people.
    messages: Vec<String>,
}

impl News {
    /// Tells it.
    pub(super) fn tell(self, feed: &Feed) {
        self.messages.into_iter().for_each(|message| feed.message(message));
        for (mailbox, mut deliveries) in self.deliveries {
            mailbox.deliver_all(&mut deliveries);
        }
        self.has_room.iter().for_each(|mailbox| mailbox.wake());
    }
}

impl State {
    pub(super) fn new(sending: &Sending) -> Self {
        Self {
            sending: sending.clone(),
            streams: BTreeMap::new(),
            events: 0,
            bytes: 0,
            mailboxes: Vec::new(),
            waiting: Vec::new(),
            unanswered: 0,
            is_over: false,
        }
    }

    /// A mailbox more.
    pub(super) fn open(&mut self) -> Arc<Mailbox> {
        let mailbox = Arc::new(Mailbox::numbered(self.mailboxes.len()));
        self.mailboxes.push(Arc::clone(&mailbox));
        mailbox
    }

    /// Takes an event; `None` if there is no room, and its owner is told when there is. Returns whether
    /// the driver should look.
    pub(super) fn push(&mut self, stream: &Arc<str>, event: &[u8], owner: Owner) -> Option<bool> {
        let is_full = self.events >= self.sending.events_max
            || self.bytes.saturating_add(event.len()) > self.sending.bytes_max;
        // One event may always be there, whatever its size.
        if is_full && self.events > 0 {
            if !self.waiting.contains(&owner.mailbox) {
                self.waiting.push(owner.mailbox);
            }
            return None;
        }
        self.events += 1;
        self.bytes += event.len() + 1;
        if let Some(known) = self.streams.get_mut(stream) {
            return Some(known.push(event, owner));
        }
        let number = u64::try_from(self.streams.len()).unwrap_or(0);
        let mut new = DeliveryStream::new(stream, number, &self.sending, Instant::now());
        let is_news = new.push(event, owner);
        self.streams.insert(Arc::clone(stream), new);
        Some(is_news)
    }

    /// What waits is sent at once, for now.
    pub(super) fn hurry(&mut self) {
        self.streams.values_mut().for_each(|stream| stream.queue.hurry());
    }

    /// Whether anything was taken and is not settled.
    pub(super) fn has_events(&self) -> bool {
        self.events > 0
    }

    /// The calls that may be made now.
    pub(super) fn work(&mut self, now: Instant) -> Work {
        let mut work = Work::default();
        for (name, stream) in &mut self.streams {
            loop {
                let Some(room) = stream.limit.room(now) else {
                    work.look_at = sooner(work.look_at, stream.limit.more_at());
                    break;
                };
                match stream.queue.next(now, stream.limit.call_max(), room) {
                    Next::Batch(mut batch) => {
                        for waiting in &mut batch {
                            waiting.sent.get_or_insert(now);
                            waiting.tries += 1;
                        }
                        let cost = cost_of(&batch);
                        stream.limit.begin(cost);
                        work.calls.push(Call { stream: Arc::clone(name), batch, cost });
                    }
                    Next::At(at) => {
                        work.look_at = sooner(work.look_at, Some(at));
                        break;
                    }
                    Next::NoRoom => {
                        work.look_at = sooner(work.look_at, stream.limit.more_at());
                        break;
                    }
                    Next::Empty => break,
                }
            }
        }
        work
    }

    /// What a call came to. What is worth it waits to be sent again.
    pub(super) fn settle(&mut self, call: Call, answer: Answer, now: Instant) -> News {
        let mut news = News::default();
        news.messages.extend(self.hear(&answer));
        let Call { stream: name, batch, cost } = call;
        let Some(stream) = self.streams.get_mut(&name) else { return news };
        let results = stream.count(answer, batch.len());
        let throttled = results.iter().filter(|result| is_throttled(result)).count();
        stream.limit.end(cost, number(throttled), now);
        if throttled > 0 && !std::mem::replace(&mut stream.is_told, true) {
            news.messages.push(format!(
                "the stream `{name}` is throttled: it gets what it takes, and what it refuses is \
                 sent again for as long as `retry` says"
            ));
        }
        // What failed together is sent again together, unless it has failed more often.
        let mut dues: BTreeMap<u32, Instant> = BTreeMap::new();
        let mut lists: Vec<Vec<Delivery>> = self.mailboxes.iter().map(|_| Vec::new()).collect();
        for (mut waiting, result) in batch.into_iter().zip(results) {
            waiting.is_doubtful |= result.as_ref().is_err_and(|it| it.kind == Kind::Unknown);
            let result = match result {
                Err(refusal) if refusal.kind != Kind::Lasting => {
                    let backoff = &mut stream.backoff;
                    let due = dues.entry(waiting.tries);
                    let due = *due.or_insert_with(|| now + backoff.after(waiting.tries));
                    let tried = due.saturating_duration_since(waiting.sent.unwrap_or(now));
                    if tried < self.sending.retry {
                        if refusal.kind == Kind::Unknown {
                            stream.traffic.repeated += number(waiting.owners.len());
                        }
                        waiting.data.shrink_to_fit();
                        stream.queue.put_back(waiting, due);
                        continue;
                    }
                    Err(given_up(refusal, waiting.is_doubtful))
                }
                Err(refusal) => Err(given_up(refusal, waiting.is_doubtful)),
                Ok(()) => Ok(()),
            };
            let is_doubtful = result.as_ref().is_err_and(|failure| failure.is_doubtful);
            if is_doubtful && !std::mem::replace(&mut stream.is_doubt_told, true) {
                news.messages.push(format!(
                    "the stream `{name}` has not answered within `retry`: events that are given up may be \
                     there, and count as unknown"
                ));
            }
            self.events = self.events.saturating_sub(waiting.owners.len());
            self.bytes = self.bytes.saturating_sub(waiting.data.len());
            for owner in &waiting.owners {
                let result = result.as_ref().copied().map_err(|it| Box::new(it.clone()));
                if let Some(list) = lists.get_mut(owner.mailbox as usize) {
                    let (ticket, is_repeated) = (owner.ticket, waiting.is_doubtful);
                    list.push(Delivery { ticket, result, at: now, is_repeated });
                }
            }
            stream.queue.reuse(waiting.data);
        }
        let told = self.mailboxes.iter().zip(lists).filter(|(_, list)| !list.is_empty());
        news.deliveries = told.map(|(mailbox, list)| (Arc::clone(mailbox), list)).collect();
        // Room for a while: whoever is woken for each single place finds none the next time.
        let has_room = self.events <= self.sending.events_max / 4 * 3
            && self.bytes <= self.sending.bytes_max / 4 * 3;
        if has_room {
            let waiting = std::mem::take(&mut self.waiting);
            let mailboxes =
                waiting.iter().filter_map(|number| self.mailboxes.get(*number as usize));
            news.has_room = mailboxes.cloned().collect();
        }
        news
    }

    /// What is to be told of an endpoint that is gone, or is there again.
    fn hear(&mut self, answer: &Answer) -> Option<String> {
        let Answer::Failed(refusal) = answer else { return self.answered() };
        if refusal.is_answer() {
            return self.answered();
        }
        self.unanswered += 1;
        (self.unanswered == AWAY)
            .then(|| format!("the Firehose endpoint does not answer: {}", refusal.failure.message))
    }

    fn answered(&mut self) -> Option<String> {
        let unanswered = std::mem::take(&mut self.unanswered);
        (unanswered >= AWAY).then(|| "the Firehose endpoint answers again".to_owned())
    }

    /// What was done so far.
    pub(super) fn traffic(&self) -> Vec<Traffic> {
        self.streams.values().map(|stream| stream.traffic.clone()).collect()
    }
}

impl DeliveryStream {
    fn new(name: &str, number: u64, sending: &Sending, now: Instant) -> Self {
        let gathering = Gathering {
            pack: sending.pack,
            record_bytes_max: sending.record_bytes_max(),
            linger: sending.linger,
        };
        let seed = u64::from(std::process::id()) << 16 | number;
        Self {
            queue: Queue::new(gathering),
            limit: Limit::new(sending.quota, sending.in_flight, now),
            backoff: Backoff::new(seed),
            traffic: Traffic { destination: name.to_owned(), ..Traffic::default() },
            recent: (now, 0),
            is_told: false,
            is_doubt_told: false,
        }
    }

    /// Takes an event. Returns whether the driver should look.
    fn push(&mut self, event: &[u8], owner: Owner) -> bool {
        // Behind others it lingers no longer than they do: the time may be theirs.
        let is_behind = self.recent.1 > 0 && self.queue.has_fresh();
        let (at, left) = self.recent;
        self.recent = if is_behind { (at, left - 1) } else { (Instant::now(), CLOCK_EVERY) };
        self.queue.push(event, owner, self.recent.0)
    }

    /// Counts a call. Returns what became of each of its records.
    fn count(&mut self, answer: Answer, records: usize) -> Vec<Result<(), Refusal>> {
        match answer {
            Answer::Records(results) => {
                self.traffic.calls += 1;
                let throttled = results.iter().filter(|result| is_throttled(result)).count();
                self.traffic.throttled += number(throttled);
                results
            }
            // A call that is refused as a whole counts once.
            Answer::Failed(refusal) => {
                self.traffic.calls += u64::from(refusal.is_answer());
                self.traffic.throttled += u64::from(refusal.kind == Kind::Throttled);
                vec![Err(refusal); records]
            }
        }
    }
}

fn is_throttled(result: &Result<(), Refusal>) -> bool {
    result.as_ref().is_err_and(|refusal| refusal.kind == Kind::Throttled)
}

fn cost_of(batch: &[Waiting]) -> Cost {
    let bytes = batch.iter().map(|waiting| waiting.data.len()).sum();
    Cost { requests: 1, records: number(batch.len()), bytes: number(bytes) }
}

/// The failure of an event that is not sent again. If one of its calls had no answer, it may be there.
fn given_up(refusal: Refusal, is_doubtful: bool) -> Failure {
    let Refusal { mut failure, kind } = refusal;
    failure.is_doubtful = is_doubtful;
    if kind == Kind::Throttled {
        failure.class = ErrorClass::Throttled;
    }
    failure
}

fn sooner(a: Option<Instant>, b: Option<Instant>) -> Option<Instant> {
    a.into_iter().chain(b).min()
}

fn number(count: usize) -> u64 {
    u64::try_from(count).unwrap_or(u64::MAX)
}

/// A lock. A panic while it was held leaves what it guards whole: nothing is done halfway there.
pub(super) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
