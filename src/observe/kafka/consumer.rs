//! Reads topics on a thread of its own: each record is stamped when it is there, and becomes what it says.

mod finder;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::mpsc::Receiver;
use std::time::Duration;
use std::time::Instant;

use rdkafka::ClientConfig;
use rdkafka::Message as _;
use rdkafka::Offset;
use rdkafka::TopicPartitionList;
use rdkafka::consumer::BaseConsumer;
use rdkafka::consumer::Consumer;
use rdkafka::error::KafkaError;
use rdkafka::message::BorrowedMessage;

use crate::measure::Clock;
use crate::observe::Options;
use crate::observe::kafka::consumer::finder::Listing;
use crate::observe::kafka::fetched::Fetched;
use crate::observe::reading::Asked;
use crate::observe::reading::Reading;
use crate::observe::reading::Tell;
use crate::observe::reading::Weighs;
use crate::sink::kafka::Cluster;
use crate::sink::postgres::provision::SetupError;
use crate::units::format_duration;

/// How long a poll waits for a record.
const POLL: Duration = Duration::from_millis(10);
/// How long a question to the cluster may take.
const ANSWER: Duration = Duration::from_secs(10);
/// So long must polls find nothing before topics count as quiet: a connector may say that it has read what it is still
/// writing, and the client may say that it has passed places without records a while before it has.
const QUIET: Duration = Duration::from_secs(1);
/// So long one waits at most until topics are quiet before they are asked where they end, as others may write without
/// an end; or for half of the time after which whoever waits for us gives up.
const STREAMING: Duration = Duration::from_secs(20);
/// So long may records wait for us on end.
const BUSY_MAX: Duration = Duration::from_secs(2);

/// Why lags say nothing of what a surface shows, if records waited for us.
pub(in crate::observe) fn late(surface: &str, busy: Option<Duration>) -> Option<String> {
    let busy = format_duration(Duration::from_secs(busy?.as_secs()));
    Some(format!(
        "the observer `{surface}` was late: for {busy} records waited for it, so lags are its own; give loadgen \
         more processors"
    ))
}

/// What the thread tells.
#[derive(Debug)]
pub(in crate::observe) enum FromTopics<T, E> {
    /// A record of a partition, by a number of its own, came at a time.
    Record { partition: usize, record: T, at: u64 },
    /// All that was there when it was asked to end was told: what is to be known of it, and for how long records
    /// waited for us, if they did.
    AtEnd { of: E, busy: Option<Duration> },
    /// Nothing more can be read, for a reason.
    Broken(String),
}

impl<T: Weighs, E> Weighs for FromTopics<T, E> {
    fn bytes(&self) -> usize {
        match self {
            Self::Record { record, .. } => record.bytes(),
            Self::AtEnd { .. } | Self::Broken(_) => 0,
        }
    }
}

/// What topics hold, and what is made of it.
pub(in crate::observe) trait TopicContents: Send + 'static {
    /// What a topic holds.
    type Of: Copy + Send + 'static;
    /// What a record is.
    type Record: Weighs + Send + 'static;
    /// What is to be known at the end.
    type End: Send + 'static;

    /// The topics that are looked for until they are there.
    fn topics(&self) -> impl Iterator<Item = &str>;
    /// What a topic holds; `None`: it is none of them.
    fn of(&self, topic: &str) -> Option<Self::Of>;
    /// What a record says; `None`: it is none of ours. After an error nothing more can be read. Whoever waits for something
    /// is `asked` to stop.
    fn read(
        &mut self,
        of: Self::Of,
        message: &BorrowedMessage<'_>,
        asked: &Asked,
    ) -> Result<Option<Self::Record>, String>;
    /// What is to be known when all was read, and which topics are there.
    fn end(&mut self, is_there: impl Fn(&str) -> bool) -> Self::End;
}

/// What the thread tells of them.
type Fetching<C> = FromTopics<<C as TopicContents>::Record, <C as TopicContents>::End>;

/// Begins behind all that is there now.
pub(in crate::observe) async fn start<C: TopicContents>(
    cluster: &Cluster,
    contents: C,
    (options, within): (&Options, Duration),
) -> Result<Reading<Fetching<C>>, SetupError> {
    let busy_max = options.late_p99.map(|_| BUSY_MAX);
    let streaming = STREAMING.min(within / 2);
    let reading = begin(cluster.consumer(), contents, (options.clock, busy_max, streaming)).await;
    let brokers = &cluster.brokers;
    reading.map_err(|why| {
        SetupError::Local(format!("cannot observe the topics at `{brokers}`: {why}"))
    })
}

async fn begin<C: TopicContents>(
    client: ClientConfig,
    contents: C,
    (clock, busy_max, streaming): (Clock, Option<Duration>, Duration),
) -> Result<Reading<Fetching<C>>, String> {
    // A cluster that does not answer must not keep whoever waits from hearing anything else.
    let begin = move |asked: &Arc<Asked>| {
        Work::begin(&client, contents, (clock, busy_max, streaming), asked)
    };
    Reading::begun("kafka observer", begin, Work::work).await
}

/// Where partitions that are found are begun.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Begin {
    AtEnd,
    AtBeginning,
}

/// A topic that is read.
#[derive(Debug)]
struct ReadTopic<O> {
    of: O,
    partitions: BTreeMap<i32, Partition>,
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

struct Work<C: TopicContents> {
    contents: C,
    clock: Clock,
    consumer: BaseConsumer<Fetched>,
    topics: BTreeMap<String, ReadTopic<C::Of>>,
    /// How many partitions are read.
    partitions: usize,
    /// What was there when somebody looked, beside us.
    found: Receiver<Listing>,
    /// When nothing waited for us, and how long something did at most; and how long it may, if that is judged.
    idle: Instant,
    busy: Duration,
    busy_max: Option<Duration>,
    /// How long others may write before topics are asked where they end nevertheless.
    streaming: Duration,
    /// Since when polls find nothing at all.
    empty: Option<Instant>,
    asked: Arc<Asked>,
}

impl<C: TopicContents> Work<C> {
    /// Begins behind all that is there now.
    fn begin(
        client: &ClientConfig,
        contents: C,
        (clock, busy_max, streaming): (Clock, Option<Duration>, Duration),
        asked: &Arc<Asked>,
    ) -> Result<Self, String> {
        let consumer = client.create_with_context(Fetched::default());
        let consumer: BaseConsumer<Fetched> = consumer.map_err(|error| error.to_string())?;
        let there = finder::list(&consumer).map_err(|error| error.to_string())?;
        let wanted = contents.topics().map(str::to_owned).collect();
        let mut work = Self {
            contents,
            clock,
            busy_max,
            streaming,
            consumer,
            topics: BTreeMap::new(),
            partitions: 0,
            found: finder::start(client.clone(), wanted, Arc::clone(asked))?,
            idle: Instant::now(),
            busy: Duration::ZERO,
            empty: None,
            asked: Arc::clone(asked),
        };
        work.assign(&there, Begin::AtEnd).map_err(|error| error.to_string())?;
        Ok(work)
    }

    /// Begins to read partitions that are there and are not read yet.
    fn assign(&mut self, there: &Listing, begin: Begin) -> Result<(), KafkaError> {
        let (mut new, mut found) = (TopicPartitionList::new(), Vec::new());
        for (name, partitions) in there {
            let Some(of) = self.contents.of(name) else { continue };
            let known = self.topics.get(name);
            for id in partitions.iter().copied() {
                if known.is_some_and(|topic| topic.partitions.contains_key(&id)) {
                    continue;
                }
                let (next, offset) = match begin {
                    Begin::AtEnd if self.asked.to_stop() => return Err(KafkaError::Canceled),
                    Begin::AtEnd => {
                        let end = self.consumer.fetch_watermarks(name, id, ANSWER)?.1;
                        (end, Offset::Offset(end))
                    }
                    Begin::AtBeginning => (0, Offset::Beginning),
                };
                new.add_partition_offset(name, id, offset)?;
                found.push((name, of, id, next));
            }
        }
        if !found.is_empty() {
            self.consumer.incremental_assign(&new)?;
        }
        for (name, of, id, next) in found {
            let new_topic = || ReadTopic { of, partitions: BTreeMap::new() };
            let topic = self.topics.entry(name.clone()).or_insert_with(new_topic);
            topic.partitions.insert(id, Partition { number: self.partitions, next, end: None });
            self.partitions += 1;
        }
        Ok(())
    }

    fn work(mut self, tell: &Tell<Fetching<C>>) {
        let (mut has_ends, mut asked_at) = (false, None);
        while !self.asked.to_stop() {
            let told = self.turn(has_ends);
            let told = told.and_then(|told| Ok((told, has_ends && self.is_at_end()?)));
            let (told, is_at_end) =
                told.unwrap_or_else(|why| (Some(FromTopics::Broken(why)), false));
            let is_broken = matches!(told, Some(FromTopics::Broken(_)));
            let is_heard = told.is_none_or(|told| tell.blocking_send(told).is_ok());
            if is_broken || !is_heard {
                return;
            }
            if is_at_end {
                let of = self.contents.end(|topic| self.topics.contains_key(topic));
                let busy = self.busy_max.filter(|max| self.busy > *max).map(|_| self.busy);
                let _ = tell.blocking_send(FromTopics::AtEnd { of, busy });
                return;
            }
            if !has_ends && self.asked.to_end() {
                let asked_at = asked_at.get_or_insert_with(Instant::now);
                if self.is_quiet() || asked_at.elapsed() > self.streaming {
                    has_ends = self.ask_for_ends();
                }
            }
        }
    }

    /// One poll. What is made once it is known where all topics end has no part in the run.
    fn turn(&mut self, has_ends: bool) -> Result<Option<Fetching<C>>, String> {
        if let Some(there) = self.found.try_recv().ok().filter(|_| !has_ends) {
            // What cannot be begun now is found again.
            let _ = self.assign(&there, Begin::AtBeginning);
        }
        let waits = self.consumer.poll(Duration::ZERO);
        if waits.is_none() {
            self.idle = Instant::now();
        }
        let Some(polled) = waits.or_else(|| self.consumer.poll(POLL)) else {
            self.empty.get_or_insert_with(Instant::now);
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
        let Some(topic) = self.topics.get_mut(message.topic()) else { return Ok(None) };
        let Some(partition) = topic.partitions.get_mut(&message.partition()) else {
            return Ok(None);
        };
        partition.next = message.offset() + 1;
        if let Some(end) = partition.end.filter(|end| partition.next >= *end) {
            // What others go on to write must not hide that the other partitions are quiet.
            let mut read = TopicPartitionList::new();
            read.add_partition(message.topic(), message.partition());
            let _ = self.consumer.pause(&read);
            if message.offset() >= end {
                return Ok(None);
            }
        }
        let (of, partition) = (topic.of, partition.number);
        let record = self.contents.read(of, &message, &self.asked)?;
        Ok(record.map(|record| FromTopics::Record { partition, record, at }))
    }

    /// Where each partition ends now. Returns whether all have said so; until then none counts as ended.
    fn ask_for_ends(&mut self) -> bool {
        let there = finder::list(&self.consumer);
        if there.and_then(|there| self.assign(&there, Begin::AtBeginning)).is_err() {
            return false;
        }
        let mut ends = Vec::new();
        for (name, topic) in &self.topics {
            for number in topic.partitions.keys() {
                if self.asked.to_stop() {
                    return false;
                }
                let Ok((_, end)) = self.consumer.fetch_watermarks(name, *number, ANSWER) else {
                    return false;
                };
                ends.push(end);
            }
        }
        let partitions = self.topics.values_mut().flat_map(|it| it.partitions.values_mut());
        partitions.zip(ends).for_each(|(partition, end)| partition.end = Some(end));
        true
    }

    /// Whether nothing comes any more, as far as one can see.
    fn is_quiet(&self) -> bool {
        self.empty.is_some_and(|since| since.elapsed() >= QUIET)
    }

    /// Whether all was read up to there. Behind the last record may stand what ends a transaction, which
    /// nobody is given; the client has passed it, and has had nothing left for us since. What it says of itself
    /// is from a while ago, and what it has fetched since comes first.
    fn is_at_end(&self) -> Result<bool, String> {
        let mut all = self.topics.values().flat_map(|it| it.partitions.values());
        if all.all(|it| it.is_read(None)) {
            return Ok(true);
        }
        if !self.is_quiet() {
            return Ok(false);
        }
        let next = self.consumer.client().context().next()?;
        let passed = |name: &String, number: i32| next.get(&(name.clone(), number)).copied();
        Ok(self.topics.iter().all(|(name, topic)| {
            let mut all = topic.partitions.iter();
            all.all(|(number, it)| it.is_read(passed(name, *number)))
        }))
    }
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
