//! Reads topics on a thread of its own: each record is stamped when it is there, and becomes what it says.

use std::collections::BTreeMap;
use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::PoisonError;
use std::time::Duration;
use std::time::Instant;

use rdkafka::ClientContext;
use rdkafka::Message as _;
use rdkafka::Offset;
use rdkafka::Statistics;
use rdkafka::TopicPartitionList;
use rdkafka::consumer::BaseConsumer;
use rdkafka::consumer::Consumer;
use rdkafka::consumer::ConsumerContext;
use rdkafka::error::KafkaError;
use rdkafka::message::BorrowedMessage;
use rdkafka::message::Headers as _;
use tokio::sync::mpsc;

use crate::action::TableId;
use crate::generate::World;
use crate::measure::Clock;
use crate::observe::debezium::beside;
use crate::observe::debezium::beside::Ended;
use crate::observe::debezium::beside::Message;
use crate::observe::debezium::reading::Asked;
use crate::observe::debezium::reading::Reading;
use crate::observe::debezium::record::Raw;
use crate::observe::debezium::record::Reader;
use crate::observe::debezium::record::Record;
use crate::observe::debezium::record::is_key_header;
use crate::scenario::TopicFormat;
use crate::sink::kafka::Cluster;
use crate::sink::postgres::provision::SetupError;

/// How long a poll waits for a record.
const POLL: Duration = Duration::from_millis(10);
/// How long a question to the cluster may take.
const ANSWER: Duration = Duration::from_secs(10);
/// How often one looks for topics and partitions that are not there yet, and how often for those that come
/// beside others.
const SOON: Duration = Duration::from_millis(200);
const SELDOM: Duration = Duration::from_secs(5);
/// So long must polls find nothing before what the client says of places without records is taken.
const QUIET: Duration = Duration::from_secs(1);
/// Without a poll that finds nothing for so long, records wait for us.
const BUSY_MAX: Duration = Duration::from_secs(2);

/// Which topics, and how they are read.
#[derive(Debug, Clone)]
pub struct Topics {
    /// The cluster.
    pub(crate) cluster: Cluster,
    /// The table of each topic.
    pub(crate) tables: BTreeMap<String, TableId>,
    /// How a record is written.
    pub(crate) format: TopicFormat,
    /// The databases whose messages come by other topics, by their numbers among those that are observed.
    pub(crate) messages: BTreeMap<String, usize>,
    /// The same of what is told of transactions.
    pub(crate) transactions: BTreeMap<String, usize>,
}

impl Topics {
    /// Whether one is read.
    fn has(&self, topic: &str) -> bool {
        self.tables.contains_key(topic)
            || self.messages.contains_key(topic)
            || self.transactions.contains_key(topic)
    }
}

/// How many values of each column could not be compared.
pub(super) type Unknown = BTreeMap<(TableId, usize), u64>;

/// What the thread tells.
#[derive(Debug)]
pub(super) enum Told {
    /// A record of a partition, by a number of its own, came at a time.
    Record { partition: usize, table: TableId, record: Record, at: u64 },
    /// What a transaction of a database says of itself came.
    Message { database: usize, message: Message },
    /// A transaction of a database has ended.
    Ended { database: usize, ended: Ended },
    /// All that was there when it was asked to end was told.
    AtEnd { unknown: Unknown, busy: Option<Duration> },
    /// Nothing more can be read, for a reason.
    Broken(String),
}

impl Told {
    /// Whether more follows.
    pub(super) fn goes_on(&self) -> bool {
        !matches!(self, Self::AtEnd { .. } | Self::Broken(_))
    }
}

/// What librdkafka says of its partitions: the next place to be fetched, once all before it was handed to us.
#[derive(Default)]
struct Fetched {
    next: Mutex<BTreeMap<(String, i32), i64>>,
}

impl ClientContext for Fetched {
    fn stats(&self, statistics: Statistics) {
        let mut next = self.next.lock().unwrap_or_else(PoisonError::into_inner);
        for (name, topic) in statistics.topics {
            for (number, partition) in topic.partitions {
                // What is fetched and waits for a poll is not passed.
                if partition.fetchq_cnt == 0 {
                    next.insert((name.clone(), number), partition.next_offset);
                }
            }
        }
    }
}

impl ConsumerContext for Fetched {}

/// Begins behind all that is there now.
pub(super) fn start(
    topics: Topics,
    world: Arc<World>,
    clock: Clock,
) -> Result<Reading<Told>, SetupError> {
    let brokers = topics.cluster.brokers.clone();
    let failed = |error: KafkaError| {
        SetupError::Local(format!("cannot observe the topics at `{brokers}`: {error}"))
    };
    let consumer: BaseConsumer<Fetched> =
        topics.cluster.consumer().create_with_context(Fetched::default()).map_err(failed)?;
    let mut work = Work {
        reader: Reader::new(topics.format),
        topics,
        world,
        clock,
        consumer,
        partitions: BTreeMap::new(),
        looked: Instant::now(),
        idle: Instant::now(),
        busy: Duration::ZERO,
        empty: None,
    };
    work.assign(Begin::AtEnd).map_err(failed)?;
    Reading::start("kafka observer", move |tell, asked| work.work(tell, &asked))
}

/// Where partitions that are found are begun.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Begin {
    AtEnd,
    AtBeginning,
}

/// A partition that is read.
#[derive(Debug)]
struct Partition {
    number: usize,
    /// The next record.
    next: i64,
    /// Where it ended when that was asked for.
    end: Option<i64>,
}

impl Partition {
    /// Whether all up to its end was read, or was passed without a record for us.
    fn is_read(&self, passed: Option<i64>) -> bool {
        let is_behind = |end| self.next >= end || passed.is_some_and(|passed| passed >= end);
        self.end.is_some_and(|end| end == 0 || is_behind(end))
    }
}

struct Work {
    topics: Topics,
    world: Arc<World>,
    clock: Clock,
    reader: Reader,
    consumer: BaseConsumer<Fetched>,
    partitions: BTreeMap<(String, i32), Partition>,
    looked: Instant,
    /// When a poll found nothing, and how long none did at most.
    idle: Instant,
    busy: Duration,
    /// Since when polls find nothing at all.
    empty: Option<Instant>,
}

impl Work {
    /// Finds partitions that are not read yet.
    fn assign(&mut self, begin: Begin) -> Result<(), KafkaError> {
        self.looked = Instant::now();
        let metadata = self.consumer.fetch_metadata(None, ANSWER)?;
        let mut new = TopicPartitionList::new();
        for topic in metadata.topics() {
            if !self.topics.has(topic.name()) {
                continue;
            }
            for partition in topic.partitions() {
                let key = (topic.name().to_owned(), partition.id());
                if self.partitions.contains_key(&key) {
                    continue;
                }
                let next = match begin {
                    Begin::AtEnd => self.consumer.fetch_watermarks(&key.0, key.1, ANSWER)?.1,
                    Begin::AtBeginning => 0,
                };
                let offset = match begin {
                    Begin::AtEnd => Offset::Offset(next),
                    Begin::AtBeginning => Offset::Beginning,
                };
                new.add_partition_offset(&key.0, key.1, offset)?;
                let number = self.partitions.len();
                self.partitions.insert(key, Partition { number, next, end: None });
            }
        }
        if new.count() > 0 { self.consumer.incremental_assign(&new) } else { Ok(()) }
    }

    /// Whether topics are not there yet.
    fn lacks_topics(&self) -> bool {
        let known: BTreeSet<&str> = self.partitions.keys().map(|it| it.0.as_str()).collect();
        self.topics.tables.keys().any(|topic| !known.contains(topic.as_str()))
    }

    fn work(mut self, tell: &mpsc::Sender<Told>, asked: &Asked) {
        let mut has_ends = false;
        while !asked.to_stop() {
            let told = match self.turn() {
                Ok(None) => {
                    if has_ends && self.is_at_end() {
                        let unknown = std::mem::take(&mut self.reader.unknown);
                        let busy = Some(self.busy).filter(|busy| *busy > BUSY_MAX);
                        let _ = tell.blocking_send(Told::AtEnd { unknown, busy });
                        return;
                    }
                    if !has_ends && asked.to_end() {
                        has_ends = self.ask_for_ends();
                    }
                    continue;
                }
                Ok(Some(told)) => told,
                Err(reason) => Told::Broken(reason),
            };
            let is_broken = matches!(told, Told::Broken(_));
            if tell.blocking_send(told).is_err() || is_broken {
                return;
            }
        }
    }

    /// One poll.
    fn turn(&mut self) -> Result<Option<Told>, String> {
        let pause = if self.lacks_topics() { SOON } else { SELDOM };
        if self.looked.elapsed() > pause {
            // A cluster that does not answer now may do so later; what is missed then is said at the end.
            let _ = self.assign(Begin::AtBeginning);
        }
        let Some(polled) = self.consumer.poll(POLL) else {
            self.idle = Instant::now();
            self.empty.get_or_insert(self.idle);
            return Ok(None);
        };
        self.empty = None;
        let at = self.clock.now();
        let message = match polled {
            Ok(message) => message,
            Err(KafkaError::MessageConsumption(code)) if is_passing(code) => return Ok(None),
            Err(error) => return Err(format!("the topics cannot be read any more: {error}")),
        };
        self.busy = self.busy.max(self.idle.elapsed());
        let key = (message.topic().to_owned(), message.partition());
        let Some(partition) = self.partitions.get_mut(&key) else { return Ok(None) };
        partition.next = message.offset() + 1;
        if let Some(database) = self.topics.messages.get(&key.0).copied() {
            let said = message.payload().map_or(Ok(None), beside::message);
            let said = said.map_err(|why| strange(&key.0, "message", &why))?;
            return Ok(said.map(|message| Told::Message { database, message }));
        }
        if let Some(database) = self.topics.transactions.get(&key.0).copied() {
            let ended = message.payload().map_or(Ok(None), beside::ended);
            let ended = ended.map_err(|why| strange(&key.0, "transaction", &why))?;
            return Ok(ended.map(|ended| Told::Ended { database, ended }));
        }
        let Some(table) = self.topics.tables.get(&key.0).copied() else { return Ok(None) };
        let record = self.reader.read(&self.world.catalog, table, raw(&message));
        Ok(Some(Told::Record { partition: partition.number, table, record, at }))
    }

    /// Where each partition ends now. Returns whether all have said so.
    fn ask_for_ends(&mut self) -> bool {
        if self.assign(Begin::AtBeginning).is_err() {
            return false;
        }
        for ((topic, number), partition) in &mut self.partitions {
            let Ok((_, end)) = self.consumer.fetch_watermarks(topic, *number, ANSWER) else {
                return false;
            };
            partition.end = Some(end);
        }
        true
    }

    /// Whether all was read up to there. Behind the last record may stand what ends a transaction, which
    /// nobody is given; the client has passed it, and has had nothing left for us since. What it says of itself
    /// is from a while ago, and what it has fetched since comes first.
    fn is_at_end(&self) -> bool {
        let is_quiet = self.empty.is_some_and(|since| since.elapsed() >= QUIET);
        let fetched = self.consumer.client().context();
        let fetched = fetched.next.lock().unwrap_or_else(PoisonError::into_inner);
        self.partitions.iter().all(|(key, partition)| {
            partition.is_read(fetched.get(key).copied().filter(|_| is_quiet))
        })
    }
}

/// What comes beside the changes is not what it should be.
fn strange(topic: &str, what: &str, why: &str) -> String {
    format!("what comes by `{topic}` is no {what} that Debezium writes: {why}")
}

/// Whether the client goes on by itself.
fn is_passing(code: rdkafka::types::RDKafkaErrorCode) -> bool {
    use rdkafka::types::RDKafkaErrorCode as Code;
    !matches!(
        code,
        Code::AutoOffsetReset
            | Code::OffsetOutOfRange
            | Code::Fatal
            | Code::TopicAuthorizationFailed
            | Code::SaslAuthenticationFailed
            | Code::Authentication
    )
}

fn raw<'a>(message: &'a BorrowedMessage<'_>) -> Raw<'a> {
    let mut raw = Raw { value: message.payload(), key: message.key(), ..Raw::default() };
    for header in message.headers().iter().flat_map(|headers| headers.iter()) {
        match is_key_header(header.key) {
            Some(true) => raw.has_new_key = true,
            Some(false) => raw.old_key = header.value,
            None => {}
        }
    }
    raw
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What is fetched and was not handed out yet is not read, whatever the client says of its next fetch.
    #[test]
    fn a_partition_is_read_once_its_records_were_handed_out() {
        let at = |next, end| Partition { number: 0, next, end };
        assert!(!at(5, None).is_read(Some(9)));
        assert!(!at(5, Some(9)).is_read(None));
        assert!(at(9, Some(9)).is_read(None));
        assert!(at(0, Some(0)).is_read(None));
        // Behind the last record stands what ends a transaction.
        assert!(at(8, Some(9)).is_read(Some(9)));
        assert!(!at(5, Some(9)).is_read(Some(8)));
    }

    #[test]
    fn what_waits_for_a_poll_is_not_passed() {
        let fetched = Fetched::default();
        for (waiting, next, expected) in [(3, 9, None), (0, 9, Some(9)), (2, 12, Some(9))] {
            let mut statistics = Statistics::default();
            let mut topic = rdkafka::statistics::Topic::default();
            let mut partition = rdkafka::statistics::Partition::default();
            (partition.fetchq_cnt, partition.next_offset) = (waiting, next);
            topic.partitions.insert(0, partition);
            statistics.topics.insert("t".to_owned(), topic);
            fetched.stats(statistics);
            let known = fetched.next.lock().unwrap().get(&("t".to_owned(), 0)).copied();
            assert_eq!(known, expected, "{waiting} {next}");
        }
    }
}
