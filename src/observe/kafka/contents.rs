//! What the topics hold into which connectors write.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use rdkafka::Message as _;
use rdkafka::message::BorrowedMessage;
use rdkafka::message::Headers as _;
use serde_json::Value as Json;

use crate::action::TableId;
use crate::generate::World;
use crate::observe::Options;
use crate::observe::debezium::beside;
use crate::observe::debezium::beside::Ended;
use crate::observe::debezium::beside::Message;
use crate::observe::debezium::coded::Decoder;
use crate::observe::debezium::coded::Unread;
use crate::observe::debezium::raw::Raw;
use crate::observe::debezium::raw::is_key_header;
use crate::observe::debezium::record::DebeziumReader;
use crate::observe::debezium::record::Record;
use crate::observe::kafka::consumer;
use crate::observe::kafka::consumer::FromTopics;
use crate::observe::kafka::consumer::TopicContents;
use crate::observe::reading::Asked;
use crate::observe::reading::Reading;
use crate::observe::reading::Weighs;
use crate::scenario::SchemaRegistry;
use crate::scenario::TopicFormat;
use crate::sink::kafka::Cluster;
use crate::sink::kafka::registry::Registry;
use crate::sink::kafka::topics::ClusterError;
use crate::sink::postgres::provision::SetupError;

/// Which topics, and how they are read.
#[derive(Debug, Clone)]
pub struct Topics {
    /// The cluster.
    pub(crate) cluster: Cluster,
    /// The table of each topic.
    pub(crate) tables: BTreeMap<String, TableId>,
    /// How a record is written.
    pub(crate) format: TopicFormat,
    /// Where the schemas of records in Avro are, if somebody has said so.
    pub(crate) registry: Option<SchemaRegistry>,
    /// The databases whose messages come by other topics, by their numbers among those that are observed.
    pub(crate) messages: BTreeMap<String, usize>,
    /// The same of what is told of transactions.
    pub(crate) transactions: BTreeMap<String, usize>,
}

/// What is to be known at the end.
#[derive(Debug)]
pub(super) struct Left {
    /// How many values of each column could not be compared.
    pub(super) unknown: BTreeMap<(TableId, usize), u64>,
    /// Of each topic of a table: its name, and whether it is there.
    pub(super) topics: Vec<(String, TableId, bool)>,
}

/// What is told of them.
pub(super) type Changed = FromTopics<TopicRecord, Left>;

/// Begins behind all that is there now, to read the changes that come.
pub(super) async fn start(
    topics: Topics,
    (options, within): (&Options, Duration),
) -> Result<Reading<Changed>, SetupError> {
    let Topics { cluster, tables, format, registry, messages, transactions } = topics;
    let registry = registry.as_ref().map(|at| found(at, tables.keys().next())).transpose()?;
    let reader = DebeziumReader::new(format, Decoder::new(registry));
    let world = Arc::clone(&options.world);
    let tables = tables.into_iter().map(|(name, table)| (name, Holds::Table(table)));
    let messages = messages.into_iter().map(|(name, database)| (name, Holds::Messages(database)));
    let ends = transactions.into_iter().map(|(name, database)| (name, Holds::Ends(database)));
    let captures =
        ConnectorTopics { topics: ends.chain(tables).chain(messages).collect(), reader, world };
    consumer::start(&cluster, captures, (options, within)).await
}

/// A registry that is there and lets us in.
fn found(at: &SchemaRegistry, topic: Option<&String>) -> Result<Registry, SetupError> {
    let failed = |error: ClusterError| SetupError::Local(error.to_string());
    let registry = Registry::new(at).map_err(failed)?;
    if let Some(topic) = topic {
        registry.look(&format!("{topic}-value")).map_err(failed)?;
    }
    Ok(registry)
}

/// What connectors write.
#[derive(Debug)]
struct ConnectorTopics {
    topics: BTreeMap<String, Holds>,
    reader: DebeziumReader,
    world: Arc<World>,
}

/// What a topic of theirs holds.
#[derive(Debug, Clone, Copy)]
enum Holds {
    /// The changes of a table.
    Table(TableId),
    /// What the transactions of a database say of themselves.
    Messages(usize),
    /// What is told of the ends of those.
    Ends(usize),
}

/// A record of theirs.
#[derive(Debug)]
pub(super) enum TopicRecord {
    /// A change of a table.
    Change(TableId, Record),
    /// What a transaction of a database says of itself.
    Message(usize, Message),
    /// What is told of the end of one.
    Ended(usize, Ended),
}

impl Weighs for TopicRecord {
    fn bytes(&self) -> usize {
        match self {
            Self::Change(_, record) => record.bytes(),
            Self::Message(..) | Self::Ended(..) => 0,
        }
    }
}

impl TopicContents for ConnectorTopics {
    type Of = Holds;
    type Record = TopicRecord;
    type End = Left;

    fn topics(&self) -> impl Iterator<Item = &str> {
        let tables = self.topics.iter().filter(|it| matches!(it.1, Holds::Table(_)));
        tables.map(|it| it.0.as_str())
    }

    fn of(&self, topic: &str) -> Option<Holds> {
        self.topics.get(topic).copied()
    }

    fn read(
        &mut self,
        of: Holds,
        message: &BorrowedMessage<'_>,
        asked: &Asked,
    ) -> Result<Option<TopicRecord>, String> {
        match of {
            Holds::Table(table) => {
                let raw = (raw(message), asked);
                let record = self.reader.read(&self.world.catalog, table, raw);
                let record = record.map_err(|why| broken(message.topic(), &why))?;
                Ok(Some(TopicRecord::Change(table, record)))
            }
            Holds::Messages(database) => {
                let said = self.beside(message, "message", asked, beside::message)?;
                Ok(said.map(|message| TopicRecord::Message(database, message)))
            }
            Holds::Ends(database) => {
                let ended = self.beside(message, "transaction", asked, beside::ended)?;
                Ok(ended.map(|ended| TopicRecord::Ended(database, ended)))
            }
        }
    }

    fn end(&mut self, is_there: impl Fn(&str) -> bool) -> Left {
        let topics = self.topics.iter().filter_map(|(name, of)| match of {
            Holds::Table(table) => Some((name.clone(), *table, is_there(name))),
            Holds::Messages(_) | Holds::Ends(_) => None,
        });
        Left { topics: topics.collect(), unknown: std::mem::take(&mut self.reader.columns.unknown) }
    }
}

impl ConnectorTopics {
    /// Reads what comes beside the changes, by `of`.
    fn beside<T>(
        &mut self,
        message: &BorrowedMessage<'_>,
        what: &str,
        asked: &Asked,
        of: impl Fn(&Json) -> Result<Option<T>, String>,
    ) -> Result<Option<T>, String> {
        let Some(value) = message.payload() else { return Ok(None) };
        let said = match self.reader.decoder.read(value, asked) {
            Ok(coded) => of(&coded.whole()),
            Err(Unread::Strange(why)) => Err(format!("it is {why}")),
            Err(Unread::Unknown(why)) => return Err(broken(message.topic(), &why)),
        };
        said.map_err(|why| strange(message.topic(), what, &why))
    }
}

/// Nothing more of a topic can be read.
fn broken(topic: &str, why: &str) -> String {
    format!("`{topic}` cannot be read: {why}")
}

/// What comes beside the changes is not what it should be.
fn strange(topic: &str, what: &str, why: &str) -> String {
    format!("what comes by `{topic}` is no {what} that Debezium writes: {why}")
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
