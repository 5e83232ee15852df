//! The far end of a test: reads a slot by `pg_recvlogical`, and writes what it says into topics (or hands it to
//! whoever writes it elsewhere), as Debezium shapes it. Some of it, it spoils.

use std::collections::BTreeMap;
use std::io::BufRead;
use std::io::BufReader;
use std::process::Command;
use std::process::Stdio;
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::atomic::AtomicBool;
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering;
use std::thread::JoinHandle;
use std::time::Duration;
use std::time::Instant;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use rdkafka::ClientConfig;
use rdkafka::error::KafkaError;
use rdkafka::message::Header;
use rdkafka::message::OwnedHeaders;
use rdkafka::producer::BaseRecord;
use rdkafka::producer::DefaultProducerContext;
use rdkafka::producer::Producer;
use rdkafka::producer::ThreadedProducer;
use rdkafka::types::RDKafkaErrorCode;
use serde_json::Map;
use serde_json::Value;
use serde_json::json;

use super::avro::Coder;
use super::command::Place;
use super::machine::Bound;
use super::machine::binaries;
use super::machine::wait_for;
use super::registry::Registry;
use super::server::TestServer;
use super::slot::Slot;

/// Behind all places of a real log.
const PLACE: u64 = 1 << 60;
/// Changes of orders that go by before the first is spoilt, unless somebody says otherwise.
const BEFORE: u64 = 150;
/// The key of an order that nobody has placed.
const NOBODY: &str = "00000000-0000-0000-0000-000000000001";
/// What Debezium writes in the place of a value that has not changed and is stored apart.
const UNAVAILABLE: &str = "__debezium_unavailable_value";
/// Stands for half a character, which no text can hold.
const HALF: char = '\u{e000}';
/// How long one waits for the next change of its row.
const HELD: Duration = Duration::from_millis(1_200);

/// What is done to one change of an order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd)]
pub(crate) enum Spoil {
    Lose,
    Double,
    Alter,
    /// One more, of a row that is none.
    Invent,
    /// It comes behind the next change of its row.
    Exchange,
    /// A new row comes without a column, or with half a character in it, or as if it had not changed; an update comes so
    /// with what it has set.
    Omit,
    Halve,
    Hide,
    Unsend,
    /// An update comes without what it has not set, as it may.
    Keep,
    /// The message of its transaction is left out.
    Unname,
    /// Its transaction is said to have had one change less.
    Uncount,
    /// The end of its transaction is not told.
    Unend,
    /// A row of a snapshot comes behind it: the row as it is, as it was before it, with another value, and of no row.
    Read,
    ReadStale,
    ReadAltered,
    ReadInvented,
}

impl Spoil {
    /// Each, and as what it must be named.
    pub(crate) const ALL: [(Self, &'static str); 5] = [
        (Self::Lose, "lost"),
        (Self::Double, "doubled"),
        (Self::Alter, "wrong"),
        (Self::Invent, "phantom"),
        (Self::Exchange, "reordered"),
    ];
}

/// At work until it is ended.
pub(crate) struct Connector {
    reader: Bound,
    thread: Option<JoinHandle<()>>,
    left: Arc<Mutex<Vec<Spoil>>>,
    before: Arc<AtomicU64>,
    spoilt: Arc<Mutex<Option<String>>>,
    passes_over_seeding: Arc<AtomicBool>,
    /// Behind its reader, as fields are dropped in their order.
    _slot: Slot<'static>,
}

impl Connector {
    /// Reads a database into the topics of a cluster, but for some tables.
    pub(crate) fn start(
        server: &'static TestServer,
        database: &str,
        brokers: &str,
        spoil: &[Spoil],
        left_out: &'static [&'static str],
    ) -> Self {
        let topics = Topics::of(brokers, None);
        Self::into(server, database, spoil, move |change, envelope| {
            if !left_out.contains(&change.table.as_str()) {
                topics.write(change, envelope);
            }
        })
    }

    /// The same in Avro, keys as well, by schemas that it gives to a registry.
    pub(crate) fn coded(
        server: &'static TestServer,
        database: &str,
        (brokers, registry): (&str, &Registry),
        spoil: &[Spoil],
    ) -> Self {
        let topics = Topics::of(brokers, Some(registry));
        Self::into(server, database, spoil, move |change, envelope| topics.write(change, envelope))
    }

    /// The same as `ExtractNewRecordState` does with nothing set: rows without more, and tombstones.
    pub(crate) fn flat(
        server: &'static TestServer,
        database: &str,
        (brokers, registry): (&str, Option<&Registry>),
        spoil: &[Spoil],
    ) -> Self {
        let topics = Topics::of(brokers, registry);
        Self::into(server, database, spoil, move |change, envelope| {
            if change.op == "t" {
                return;
            }
            let row = (change.op != "d").then_some(&envelope["after"]);
            topics.put(change, Some(&change.key()), row, None);
        })
    }

    /// Reads a database, and hands over each change with its envelope.
    pub(crate) fn into(
        server: &'static TestServer,
        database: &str,
        spoil: &[Spoil],
        out: impl FnMut(&Change, &Value) + Send + 'static,
    ) -> Self {
        let name = format!("debezium_{database}");
        let slot = Slot::make(server, database, (&name, "test_decoding"));
        let mut reader = Command::new(binaries().program("pg_recvlogical"));
        reader.args(["--start", "--file", "-", "--status-interval", "1", "--fsync-interval", "1"]);
        reader.args(["--slot", &name, "--dbname", &server.url_of(database)]);
        reader.env("PGOPTIONS", "-c timezone=UTC -c datestyle=ISO -c extra_float_digits=1");
        let mut reader = Bound::start(&reader, Stdio::piped());
        let lines = BufReader::new(reader.output());
        let left = Arc::new(Mutex::new(spoil.to_vec()));
        let before = Arc::new(AtomicU64::new(BEFORE));
        let spoilt = Arc::default();
        let passes_over_seeding = Arc::new(AtomicBool::new(false));
        let passes_over = Arc::clone(&passes_over_seeding);
        let mut writer = Writer {
            out: Box::new(out),
            left: Arc::clone(&left),
            before: Arc::clone(&before),
            spoilt: Arc::clone(&spoilt),
            place: PLACE,
            orders: 0,
            held: Vec::new(),
            message: None,
            counts: None,
            known: BTreeMap::new(),
        };
        let thread = std::thread::spawn(move || {
            let (mut transaction, mut changes) = (0, Vec::new());
            for line in lines.lines().map_while(Result::ok) {
                if let Some(number) = line.strip_prefix("BEGIN ") {
                    transaction = number.parse().unwrap_or(0);
                } else if let Some(message) = Change::message(&line) {
                    writer.message = Some((message, transaction));
                    writer.counts = Some(Map::new());
                } else if line.starts_with("COMMIT") {
                    let is_told = !(passes_over.load(Ordering::Relaxed) && is_seeding(&changes));
                    let told = changes.drain(..).filter(|_| is_told);
                    told.for_each(|change| writer.write(change, transaction));
                    writer.end(transaction);
                } else {
                    changes.extend(Change::read(&line));
                }
                writer.release();
            }
        });
        let thread = Some(thread);
        Self { reader, thread, left, before, spoilt, passes_over_seeding, _slot: slot }
    }

    /// Hands over nothing of what is seeded while it is there: its places in the log are made up, so an observer that
    /// begins meanwhile could not tell that it was before.
    pub(crate) fn pass_over_seeding(&self) {
        self.passes_over_seeding.store(true, Ordering::Relaxed);
    }

    /// Spoils nothing before so many changes of orders went by.
    pub(crate) fn not_before(&self, orders: u64) {
        self.before.store(orders, Ordering::Relaxed);
    }

    /// The key of the order whose change was spoilt last.
    pub(crate) fn spoilt(&self) -> Option<String> {
        self.spoilt.lock().unwrap().clone()
    }

    /// It stays connected, and reads nothing from now on.
    pub(crate) fn stand_still(&self) {
        self.reader.freeze();
    }

    /// Runs `cdc-lag` beside it: it must have spoilt all that it was to. Exit code, what was said, and
    /// the summary.
    pub(crate) fn run(&self, place: &Place<'_>) -> (i32, String, Value) {
        let done = place.run(&["run", "@cdc-lag", "--out", "run"]);
        let unspoilt = self.left.lock().unwrap().clone();
        let said = format!("{}{}", done.out, done.err);
        assert!(unspoilt.is_empty(), "never came to {unspoilt:?}: {said}");
        (done.code, said, place.summary("run"))
    }
}

impl Drop for Connector {
    fn drop(&mut self) {
        self.reader.end();
        let _ = self.thread.take().map(JoinHandle::join);
    }
}

/// Reads a slot as a connector would, and leaves what it reads: as soon as it is there, until dropped. The slot stays.
pub(crate) struct Reader(
    #[expect(dead_code, reason = "it is at work as long as it is kept")] Bound,
);

impl Reader {
    /// Makes the slot, and reads it.
    pub(crate) fn start(server: &TestServer, database: &str, slot: &str) -> Self {
        let sql = format!("SELECT pg_create_logical_replication_slot('{slot}', 'pgoutput')");
        server.query(database, &sql);
        let mut command = Command::new(binaries().program("pg_recvlogical"));
        command.args(["--start", "--no-loop", "--file=/dev/null", "--slot", slot]);
        command.args(["-o", "proto_version=1", "-o", "publication_names=debezium"]);
        command.arg(format!("--dbname={}", server.url_of(database)));
        let reader = Self(Bound::start(&command, Stdio::null()));
        let active = "SELECT count(*) FROM pg_stat_replication WHERE state = 'streaming'";
        wait_for("a reader of the slot", || server.query(database, active) != [["0"]]);
        reader
    }

    /// Makes the slot of a connector with this configuration, unless it is there, and reads it, as Debezium does: again and
    /// again where somebody else has it.
    pub(crate) fn of(config: &Value) -> Self {
        let said = |key: &str| config[key].as_str().unwrap_or_default();
        let mut command = Command::new(binaries().program("pg_recvlogical"));
        command.args(["--create-slot", "--if-not-exists", "--start", "--file=/dev/null"]);
        command.args(["--plugin=pgoutput", "-o", "proto_version=1", "--slot", said("slot.name")]);
        command.args(["-o", &format!("publication_names={}", said("publication.name"))]);
        command.arg(format!("--host={}", said("database.hostname")));
        command.arg(format!("--port={}", said("database.port")));
        command.arg(format!("--username={}", said("database.user")));
        command.arg(format!("--dbname={}", said("database.dbname")));
        command.env("PGPASSWORD", said("database.password")).env("PGAPPNAME", "Debezium Streaming");
        Self(Bound::start(&command, Stdio::null()))
    }
}

/// A change of a row, as `test_decoding` tells it.
#[derive(Debug, Clone)]
pub(crate) struct Change {
    pub(crate) table: String,
    pub(crate) op: &'static str,
    row: Map<String, Value>,
    /// What the server says of the row before.
    old: Map<String, Value>,
    /// The types of the columns, as the server calls them.
    pub(crate) kinds: BTreeMap<String, String>,
}

impl Change {
    /// `table public.orders: UPDATE: old-key: id[uuid]:'…' new-tuple: id[uuid]:'…' status[text]:'paid'`
    fn read(line: &str) -> Option<Self> {
        let (name, rest) = line.strip_prefix("table public.")?.split_once(": ")?;
        let (op, rest) = rest.split_once(": ")?;
        let op = match op {
            "INSERT" => "c",
            "UPDATE" => "u",
            "DELETE" => "d",
            "TRUNCATE" => "t",
            _ => return None,
        };
        let (old, new) = rest.split_once("new-tuple: ").unwrap_or(("", rest));
        let old = old.strip_prefix("old-key: ").unwrap_or_default();
        let mut kinds = BTreeMap::new();
        let row = if op == "t" { Map::new() } else { columns(new, &mut kinds)? };
        let old = columns(old, &mut kinds)?;
        Some(Self { table: name.to_owned(), op, row, old, kinds })
    }

    /// `message: transactional: 1 prefix: loadgen, sz: 21 content:action 3f 100000007`
    fn message(line: &str) -> Option<Self> {
        let content = line.strip_prefix("message: transactional: 1 prefix: loadgen, ")?;
        let (_, content) = content.split_once(" content:")?;
        let row = Map::from_iter([("content".to_owned(), json!(STANDARD.encode(content)))]);
        let is_of_an_action = content.starts_with("action ");
        let (old, kinds) = Default::default();
        is_of_an_action.then_some(Self { table: String::new(), op: "m", row, old, kinds })
    }

    /// The key that the row has had, if that is another one.
    fn old_key(&self) -> Option<Value> {
        let names = self.key_columns();
        let has_changed = names.iter().any(|name| self.old.get(*name) != self.row.get(*name));
        (self.op == "u" && !self.old.is_empty() && has_changed).then(|| key(names, &self.old))
    }

    fn key_columns(&self) -> &'static [&'static str] {
        if self.table == "order_items" { &["order_id", "line"] } else { &["id"] }
    }

    pub(crate) fn key(&self) -> Value {
        key(self.key_columns(), &self.row)
    }
}

/// Whether a transaction is a part of a seeding: the load does not insert so many rows at once.
fn is_seeding(changes: &[Change]) -> bool {
    changes.len() >= 10 && changes.iter().all(|change| change.op == "c")
}

fn key(columns: &[&str], row: &Map<String, Value>) -> Value {
    let key: Map<_, _> =
        columns.iter().map(|name| ((*name).to_owned(), row[*name].clone())).collect();
    Value::Object(key)
}

fn columns(mut text: &str, kinds: &mut BTreeMap<String, String>) -> Option<Map<String, Value>> {
    let mut row = Map::new();
    while let Some((column, behind)) = text.split_once('[') {
        let (kind, behind) = behind.split_once("]:")?;
        let (value, behind) = value(behind);
        row.insert(column.trim().to_owned(), shaped(kind, value.as_deref()));
        kinds.insert(column.trim().to_owned(), kind.to_owned());
        text = behind;
    }
    Some(row)
}

/// A value and what stands behind it; `None` is NULL.
fn value(text: &str) -> (Option<String>, &str) {
    let Some(quoted) = text.strip_prefix('\'') else {
        let (word, rest) = text.split_once(' ').unwrap_or((text, ""));
        let word = if word == "unchanged-toast-datum" { UNAVAILABLE } else { word };
        return ((word != "null").then(|| word.to_owned()), rest);
    };
    let mut value = String::new();
    let mut letters = quoted.char_indices().peekable();
    while let Some((at, letter)) = letters.next() {
        if letter != '\'' {
            value.push(letter);
        } else if letters.peek().is_some_and(|next| next.1 == '\'') {
            value.push('\'');
            letters.next();
        } else {
            return (Some(value), &quoted[at + 1..]);
        }
    }
    (Some(value), "")
}

/// As Debezium writes it, with `decimal.handling.mode=string`.
fn shaped(kind: &str, text: Option<&str>) -> Value {
    let Some(text) = text else { return Value::Null };
    match kind {
        "smallint" | "integer" | "bigint" => json!(text.parse::<i64>().unwrap()),
        "boolean" => json!(text == "true"),
        "timestamp with time zone" => {
            let time = chrono::DateTime::parse_from_str(text, "%Y-%m-%d %H:%M:%S%.f%#z").unwrap();
            json!(time.to_utc().format("%Y-%m-%dT%H:%M:%S%.6fZ").to_string())
        }
        _ => json!(text),
    }
}

/// As text, with half a character where one stands for it.
pub(crate) fn written(value: &Value) -> String {
    value.to_string().replace(HALF, "\\ud800")
}

/// Topics of a cluster, in JSON unless somebody codes them.
struct Topics {
    producer: ThreadedProducer<DefaultProducerContext>,
    coder: Option<Coder>,
}

impl Topics {
    fn of(brokers: &str, registry: Option<&Registry>) -> Self {
        let mut config = ClientConfig::new();
        config.set("bootstrap.servers", brokers).set("linger.ms", "0");
        // What waits here counts as read at the server, so it must be little.
        config.set("queue.buffering.max.messages", "1000");
        Self { producer: config.create().unwrap(), coder: registry.map(Coder::new) }
    }

    fn write(&self, change: &Change, envelope: &Value) {
        if change.op == "end" {
            return self.put_into(
                "domain_orders.transaction",
                change,
                (None, Some(envelope)),
                None,
            );
        }
        if change.op == "m" {
            let message = json!({ "prefix": "loadgen", "content": change.row["content"] });
            let record = json!({ "op": "m", "source": envelope["source"], "message": message });
            // One partition has all of them, in their order.
            let both = (Some(&json!({ "prefix": "loadgen" })), Some(&record));
            return self.put_into("domain_orders.message", change, both, None);
        }
        if change.op == "t" {
            return self.put(change, None, Some(envelope), None);
        }
        let key = change.key();
        if let Some(old) = change.old_key() {
            // A row whose key changes goes, and comes again: each half tells of the other.
            let mut half = envelope.clone();
            half["op"] = json!("d");
            half["after"] = Value::Null;
            half["before"] = Value::Object(change.old.clone());
            let new = Some(("__debezium.newkey", &key));
            self.put(change, Some(&old), Some(&half), new);
            self.put(change, Some(&old), None, None);
            let mut half = envelope.clone();
            half["op"] = json!("c");
            let was = Some(("__debezium.oldkey", &old));
            return self.put(change, Some(&key), Some(&half), was);
        }
        self.put(change, Some(&key), Some(envelope), None);
        if change.op == "d" {
            self.put(change, Some(&key), None, None);
        }
    }

    fn put(
        &self,
        change: &Change,
        key: Option<&Value>,
        value: Option<&Value>,
        header: Option<(&str, &Value)>,
    ) {
        let topic = format!("domain_orders.public.{}", change.table);
        self.put_into(&topic, change, (key, value), header);
    }

    fn put_into(
        &self,
        topic: &str,
        change: &Change,
        (key, value): (Option<&Value>, Option<&Value>),
        header: Option<(&str, &Value)>,
    ) {
        let bytes = |value: &Value| match &self.coder {
            Some(coder) => coder.bytes(change, value),
            None => written(value).into_bytes(),
        };
        let (key, value) = (key.map(bytes), value.map(bytes));
        let mut record: BaseRecord<'_, Vec<u8>, Vec<u8>> = BaseRecord::to(topic);
        (record.key, record.payload) = (key.as_ref(), value.as_ref());
        record.headers = header.map(|(name, value)| {
            OwnedHeaders::new().insert(Header { key: name, value: Some(&bytes(value)) })
        });
        // Of tables that nobody observes there is no topic.
        while let Err((KafkaError::MessageProduction(RDKafkaErrorCode::QueueFull), again)) =
            self.producer.send(record)
        {
            std::thread::sleep(Duration::from_millis(1));
            record = again;
        }
    }
}

impl Drop for Topics {
    fn drop(&mut self) {
        self.producer.flush(Duration::from_secs(5)).unwrap();
    }
}

/// Who takes each change and its envelope.
type Out = Box<dyn FnMut(&Change, &Value) + Send>;

struct Writer {
    out: Out,
    left: Arc<Mutex<Vec<Spoil>>>,
    /// Changes of orders that go by before the first is spoilt.
    before: Arc<AtomicU64>,
    spoilt: Arc<Mutex<Option<String>>>,
    place: u64,
    orders: u64,
    /// Each waits for the next change of its row, since when.
    held: Vec<(Change, u64, u64, Instant)>,
    /// What the transaction under way says of itself, until its first change.
    message: Option<(Change, u64)>,
    /// How many changes it has had, by table, if it said so.
    counts: Option<Map<String, Value>>,
    /// Orders as they were last told.
    known: BTreeMap<String, Map<String, Value>>,
}

impl Writer {
    /// Tells of the end of a transaction that said which actions it is.
    fn end(&mut self, transaction: u64) {
        let Some(mut counts) = self.counts.take() else { return };
        let is_ripe = self.orders >= BEFORE && counts.contains_key("orders");
        match self.next().filter(|_| is_ripe) {
            Some(Spoil::Unend) => {
                self.left.lock().unwrap().remove(0);
                return;
            }
            Some(Spoil::Uncount) => {
                self.left.lock().unwrap().remove(0);
                counts.insert("orders".to_owned(), json!(7));
            }
            _ => {}
        }
        let all = counts.iter().map(|(table, count)| {
            json!({ "data_collection": format!("public.{table}"), "event_count": count })
        });
        let sum: u64 = counts.values().filter_map(Value::as_u64).sum();
        let end = json!({
            "status": "END", "id": format!("{transaction}:{}", self.place), "event_count": sum,
            "data_collections": all.collect::<Vec<_>>(),
        });
        let (table, row, old, kinds) = Default::default();
        (self.out)(&Change { table, op: "end", row, old, kinds }, &end);
    }

    fn write(&mut self, change: Change, transaction: u64) {
        self.place += 8;
        if let Some(counts) = &mut self.counts {
            let count = counts.get(&change.table).and_then(Value::as_u64).unwrap_or(0);
            counts.insert(change.table.clone(), json!(count + 1));
        }
        let place = self.place;
        if let Some((message, its)) = self.message.take() {
            let is_ripe = self.orders >= BEFORE && change.table == "orders" && change.op == "u";
            if is_ripe && self.next() == Some(Spoil::Unname) {
                self.left.lock().unwrap().remove(0);
            } else {
                self.send(&message, place, its);
            }
        }
        if change.table != "orders" {
            return self.send(&change, place, transaction);
        }
        if let Some(at) = self.held.iter().position(|held| held.0.key() == change.key()) {
            let (held, before, its, _) = self.held.remove(at);
            if self.next() == Some(Spoil::Exchange) {
                self.send(&change, place, transaction);
                self.send(&held, before, its);
                self.has_spoilt(&held);
            } else {
                self.send(&held, before, its);
                self.send(&change, place, transaction);
            }
            return;
        }
        self.orders += 1;
        if self.read(&change, transaction) {
            return;
        }
        let spoil = self.next();
        let is_time = self.orders >= self.before.load(Ordering::Relaxed);
        // Of a row that goes there is little left to invent one of.
        let is_whole = match spoil {
            Some(Spoil::Invent) => change.op != "d",
            Some(Spoil::Unsend) => change.op == "u" && change.old["status"] != change.row["status"],
            Some(Spoil::Keep) => change.op == "u",
            _ => change.op == "c",
        };
        let is_elsewhere = spoil.is_none_or(|it| it >= Spoil::Unname);
        let fits = is_time && !is_elsewhere && is_whole;
        if fits && self.orders.is_multiple_of(7) && spoil != Some(Spoil::Exchange) {
            self.has_spoilt(&change);
            return self.spoil(spoil, change, transaction);
        }
        // What is exchanged must have something behind it: an order that was placed is mostly paid.
        if fits && spoil == Some(Spoil::Exchange) {
            return self.held.push((change, place, transaction, Instant::now()));
        }
        self.send(&change, place, transaction);
    }

    fn has_spoilt(&self, change: &Change) {
        self.left.lock().unwrap().remove(0);
        let id = change.row["id"].as_str().map(str::to_owned);
        *self.spoilt.lock().unwrap() = id;
    }

    /// Hands a change of an order on, and behind it a row of a snapshot, if one is to come. Returns whether it did.
    fn read(&mut self, change: &Change, transaction: u64) -> bool {
        let before = self.known.insert(change.key().to_string(), change.row.clone());
        let spoil = self.next().filter(|it| *it >= Spoil::Read);
        let (Some(spoil), Some(before), "u") = (spoil, before, change.op) else { return false };
        let mut row = change.row.clone();
        match spoil {
            Spoil::ReadStale => row = before,
            Spoil::ReadAltered => drop(row.insert("channel".to_owned(), json!("pigeon"))),
            Spoil::ReadInvented => {
                let id = json!("00000000-0000-0000-0000-000000000002");
                row.insert("id".to_owned(), id);
            }
            _ => {}
        }
        self.left.lock().unwrap().remove(0);
        self.send(change, self.place, transaction);
        self.place += 8;
        let read = Change { op: "r", row, old: Map::new(), ..change.clone() };
        self.send(&read, self.place, transaction);
        true
    }

    fn next(&self) -> Option<Spoil> {
        self.left.lock().unwrap().first().copied()
    }

    /// What has waited long enough goes on, and all once nothing is to be exchanged any more.
    fn release(&mut self) {
        let is_over = self.next() != Some(Spoil::Exchange);
        let goes = |held: &(Change, u64, u64, Instant)| is_over || held.3.elapsed() > HELD;
        let (free, kept) = std::mem::take(&mut self.held).into_iter().partition(goes);
        self.held = kept;
        let free: Vec<_> = free;
        for (held, place, transaction, _) in free {
            self.send(&held, place, transaction);
        }
    }

    fn spoil(&mut self, spoil: Option<Spoil>, mut change: Change, transaction: u64) {
        let place = self.place;
        match spoil {
            Some(Spoil::Double) => {
                self.send(&change, place, transaction);
                self.send(&change, place, transaction);
            }
            Some(Spoil::Omit) => {
                change.row.remove("channel");
                self.send(&change, place, transaction);
            }
            Some(Spoil::Alter | Spoil::Halve | Spoil::Hide | Spoil::Unsend | Spoil::Keep) => {
                let (column, value) = match spoil {
                    Some(Spoil::Alter) => ("channel", "pigeon".to_owned()),
                    Some(Spoil::Halve) => ("channel", format!("we{HALF}")),
                    Some(Spoil::Unsend) => ("status", UNAVAILABLE.to_owned()),
                    _ => ("channel", UNAVAILABLE.to_owned()),
                };
                change.row.insert(column.to_owned(), json!(value));
                self.send(&change, place, transaction);
            }
            Some(Spoil::Invent) => {
                self.send(&change, place, transaction);
                change.row.insert("id".to_owned(), json!(NOBODY));
                *self.spoilt.lock().unwrap() = Some(NOBODY.to_owned());
                change.op = "c";
                self.place += 8;
                self.send(&change, place + 8, transaction);
            }
            // What is left out, and what is done elsewhere.
            _ => {}
        }
    }

    fn send(&mut self, change: &Change, place: u64, transaction: u64) {
        let row = Value::Object(change.row.clone());
        let (before, after) =
            if change.op == "d" { (row, Value::Null) } else { (Value::Null, row) };
        let mut source = json!({ "lsn": place, "txId": transaction, "table": change.table });
        if change.op == "r" {
            // What is read beside the log says how far the log was read.
            let sequence = json!([place.to_string(), place.to_string()]).to_string();
            source =
                json!({ "lsn": null, "txId": null, "sequence": sequence, "table": change.table });
        }
        let envelope =
            json!({ "before": before, "after": after, "source": source, "op": change.op });
        (self.out)(change, &envelope);
    }
}
