//! What librdkafka reports of each record, and of itself. Under load reports are gathered, so that a
//! connection is woken for many of them, not for each.

use std::sync::Arc;
use std::sync::Mutex;
use std::sync::atomic::AtomicBool;
use std::sync::atomic::AtomicU64;
use std::sync::atomic::AtomicUsize;
use std::sync::atomic::Ordering;
use std::time::Duration;
use std::time::Instant;

use rdkafka::ClientContext;
use rdkafka::Statistics;
use rdkafka::config::RDKafkaLogLevel;
use rdkafka::error::KafkaError;
use rdkafka::message::DeliveryResult;
use rdkafka::producer::BaseProducer;
use rdkafka::producer::Producer;
use rdkafka::producer::ProducerContext;

use crate::sink::Ticket;
use crate::sink::event::Delivery;
use crate::sink::event::Mailbox;
use crate::sink::kafka::doubt::Doubt;
use crate::sink::kafka::error::failure;
use crate::sink::kafka::health::Health;
use crate::sink::kafka::lock;

/// Reports that are gathered under load, at most, and for how long.
const GATHERED_MAX: usize = 512;
const GATHERED_FOR: Duration = Duration::from_millis(1);
/// How long reports are waited for otherwise; each is handed out as it comes.
const CALM: Duration = Duration::from_millis(100);
/// There is load from this many reports on in [`CALM`], until fewer than that many come in
/// [`GATHERED_FOR`].
const LOAD_BEGINS: u64 = 2_000;
const LOAD_ENDS: u64 = 10;
/// Where the mailbox's number stands in a token, above the ticket.
const MAILBOX_SHIFT: u32 = 32;

const _: () = assert!(usize::BITS >= 64, "a token has room for a number and a ticket");

/// What goes along with a record and comes back with its report.
pub(super) fn token(mailbox: usize, ticket: Ticket) -> usize {
    mailbox << MAILBOX_SHIFT | ticket as usize
}

fn untoken(token: usize) -> (usize, Ticket) {
    // The lower half is the ticket.
    (token >> MAILBOX_SHIFT, Ticket::try_from(token & 0xffff_ffff).unwrap_or(Ticket::MAX))
}

/// What librdkafka tells.
pub(super) struct Reports {
    gathered: Mutex<Gathered>,
    /// How many are gathered before they are handed out.
    most: AtomicUsize,
    /// Who waits for room, and whether anybody does.
    waiting: Mutex<Vec<Arc<Mailbox>>>,
    is_waited_for: AtomicBool,
    /// All reports so far.
    came: AtomicU64,
    /// What nobody can tell.
    pub(super) doubt: Doubt,
    pub(super) health: Health,
}

/// Reports that are not handed out yet.
#[derive(Debug, Default)]
struct Gathered {
    /// By the number of the mailbox.
    lists: Vec<(Arc<Mailbox>, Vec<Delivery>)>,
    count: usize,
    /// How many of them are no answers.
    unanswered: usize,
}

impl Reports {
    pub(super) fn new(health: Health, doubt: Doubt) -> Self {
        Self {
            gathered: Mutex::default(),
            most: AtomicUsize::new(1),
            waiting: Mutex::default(),
            is_waited_for: AtomicBool::new(false),
            came: AtomicU64::new(0),
            doubt,
            health,
        }
    }

    /// A mailbox more.
    pub(super) fn open(&self) -> Arc<Mailbox> {
        let lists = &mut lock(&self.gathered).lists;
        let mailbox = Arc::new(Mailbox::numbered(lists.len()));
        lists.push((Arc::clone(&mailbox), Vec::new()));
        mailbox
    }

    /// The owner of a mailbox is to be woken when a record has left the queue.
    pub(super) fn wait(&self, mailbox: &Arc<Mailbox>) {
        lock(&self.waiting).push(Arc::clone(mailbox));
        self.is_waited_for.store(true, Ordering::Release);
    }

    /// Hands out what is gathered.
    pub(super) fn hand_out(&self) {
        self.hand_out_from(&mut lock(&self.gathered));
    }

    fn hand_out_from(&self, gathered: &mut Gathered) {
        if gathered.count == 0 {
            return;
        }
        self.came.fetch_add(gathered.count as u64, Ordering::Relaxed);
        self.doubt.answered(gathered.count - gathered.unanswered);
        (gathered.count, gathered.unanswered) = (0, 0);
        for (mailbox, list) in &mut gathered.lists {
            if !list.is_empty() {
                mailbox.deliver_all(list);
            }
        }
        if self.is_waited_for.swap(false, Ordering::AcqRel) {
            for mailbox in std::mem::take(&mut *lock(&self.waiting)) {
                mailbox.wake();
            }
        }
    }
}

/// Takes reports until it is over.
pub(super) fn take(producer: &BaseProducer<Reports>, is_over: &AtomicBool) {
    let reports = producer.context();
    let mut is_load = false;
    let mut before = 0;
    while !is_over.load(Ordering::Relaxed) {
        reports.most.store(if is_load { GATHERED_MAX } else { 1 }, Ordering::Relaxed);
        producer.poll(if is_load { GATHERED_FOR } else { CALM });
        reports.hand_out();
        let all = reports.came.load(Ordering::Relaxed);
        is_load = all - before >= if is_load { LOAD_ENDS } else { LOAD_BEGINS };
        before = all;
    }
}

impl ClientContext for Reports {
    fn stats(&self, statistics: Statistics) {
        self.doubt.sent(&statistics);
        self.health.statistics(&statistics);
    }

    fn error(&self, error: KafkaError, reason: &str) {
        self.health.error(&error, reason);
    }

    fn log(&self, _: RDKafkaLogLevel, _: &str, _: &str) {}
}

impl ProducerContext for Reports {
    type DeliveryOpaque = usize;

    fn delivery(&self, result: &DeliveryResult<'_>, token: usize) {
        let (result, is_answer) = match result {
            Ok(_) => {
                self.health.delivered();
                (Ok(()), true)
            }
            Err((error, _)) => {
                let failure = failure(error);
                let is_answer = !failure.is_doubtful;
                if !is_answer {
                    self.doubt.gave_up(&self.health);
                }
                (Err(Box::new(failure)), is_answer)
            }
        };
        let (number, ticket) = untoken(token);
        let mut gathered = lock(&self.gathered);
        if let Some((_, list)) = gathered.lists.get_mut(number) {
            let (at, is_repeated) = (Instant::now(), false);
            list.push(Delivery { ticket, result, at, is_repeated });
        }
        gathered.count += 1;
        gathered.unanswered += usize::from(!is_answer);
        if gathered.count >= self.most.load(Ordering::Relaxed) {
            self.hand_out_from(&mut gathered);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_tells_whose_record_it_was() {
        for (mailbox, ticket) in [(0, 0), (3, Ticket::MAX), (1 << 20, 1 << 30)] {
            assert_eq!(untoken(token(mailbox, ticket)), (mailbox, ticket));
        }
    }
}
