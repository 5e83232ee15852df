//! A sink to S3 as a test has one: it writes what a connector hands over into a folder, as objects of records. To one object of
//! orders it does what it is told.

use std::collections::BTreeMap;
use std::fs;
use std::io::Write as _;
use std::path::Path;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::atomic::AtomicBool;
use std::sync::atomic::Ordering;
use std::thread::JoinHandle;
use std::time::Duration;

use flate2::Compression;
use flate2::write::GzEncoder;
use serde_json::Value;
use serde_json::json;

use super::avro;
use super::avro::Codec;
use super::connector::Change;
use super::connector::written;
use super::lake::parquet_of;

/// The tables of the load.
const TABLES: [&str; 4] = ["products", "customers", "orders", "order_items"];
/// From one time to the next that all is written which has come.
const ROTATE: Duration = Duration::from_millis(300);
/// Objects of orders before the one to which something is done.
const BEFORE: u64 = 4;
/// The observer looks five times a second.
const LATER: Duration = Duration::from_millis(900);

/// How objects are called.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Names {
    /// As Confluent's sink does.
    Confluent,
    /// As Aiven's does, which also puts keys and offsets beside records.
    Aiven,
    /// As nobody can tell what is in them; and they come in another order than they were filled in.
    Firehose,
}

/// What an object is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Form {
    /// Lines of JSON, as they are or by gzip.
    Lines,
    Gzip,
    /// An array of JSON, an element a line.
    Array,
    Avro(Codec),
    Parquet,
}

impl Form {
    fn ending(self) -> &'static str {
        match self {
            Self::Lines | Self::Array => ".json",
            Self::Gzip => ".json.gz",
            Self::Avro(_) => ".avro",
            Self::Parquet => ".snappy.parquet",
        }
    }
}

/// What is done to one object of orders.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Harm {
    Nothing,
    /// It is not there.
    Remove,
    /// It goes once it was read.
    RemoveLater,
    /// It is there a second time, elsewhere.
    Twice,
    /// It has its first lines, and all of them later.
    Grow,
    /// It has all of its records, and fewer later; the others are nowhere, or go on under a name of their own.
    Shrink,
    Split,
    /// The same, but what goes on is there before it goes: in one look, or in two.
    Move,
    MoveLater,
    /// It is there a second time for a while.
    Copy,
    /// It ends too early, and stays so.
    Cut,
}

/// How a sink writes.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Manner {
    pub(crate) names: Names,
    pub(crate) form: Form,
    /// So many records of a partition make an object.
    pub(crate) flush: usize,
    /// Whether the clock makes one, too.
    pub(crate) rotates: bool,
    pub(crate) partitions: u64,
    /// Whether records are rows with a few fields more.
    pub(crate) flat: bool,
    pub(crate) harm: Harm,
    /// Whether somebody else writes objects beside, again and again the same.
    pub(crate) meddled: bool,
}

impl Default for Manner {
    fn default() -> Self {
        let (names, harm) = (Names::Confluent, Harm::Nothing);
        let (form, rotates, flat) = (Form::Lines, true, false);
        Self { names, form, flush: 1_000, rotates, partitions: 1, flat, harm, meddled: false }
    }
}

/// At work until it is dropped.
pub(crate) struct Sink {
    state: Arc<Mutex<State>>,
    is_over: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Sink {
    pub(crate) fn start(folder: &Path, manner: Manner) -> Self {
        let folder = folder.to_owned();
        let state = State { folder, manner, ..State::default() };
        let state = Arc::new(Mutex::new(state));
        let is_over = Arc::<AtomicBool>::default();
        let (its, flag) = (Arc::clone(&state), Arc::clone(&is_over));
        let thread = std::thread::spawn(move || {
            while !flag.load(Ordering::Relaxed) {
                std::thread::sleep(ROTATE);
                let mut state = its.lock().unwrap();
                state.rotate();
                if manner.meddled {
                    state.meddle();
                }
            }
        });
        Self { state, is_over, thread: Some(thread) }
    }

    /// For a connector.
    pub(crate) fn out(&self) -> impl FnMut(&Change, &Value) + Send + 'static {
        let state = Arc::clone(&self.state);
        move |change, envelope| state.lock().unwrap().take(change, envelope)
    }

    /// The keys of what something was done to.
    pub(crate) fn harmed(&self) -> Vec<String> {
        self.state.lock().unwrap().harmed.clone()
    }

    /// How many records of the load were never written.
    pub(crate) fn left(&self) -> usize {
        let state = self.state.lock().unwrap();
        let is_one = |(way, _): &(&(String, u64), &Partition)| TABLES.contains(&way.0.as_str());
        state.partitions.iter().filter(is_one).map(|it| it.1.waiting.len()).sum()
    }
}

impl Drop for Sink {
    fn drop(&mut self) {
        self.is_over.store(true, Ordering::Relaxed);
        let _ = self.thread.take().map(JoinHandle::join);
    }
}

/// A partition of a topic.
#[derive(Debug, Default)]
struct Partition {
    /// Where the next record is.
    next: u64,
    /// Records that are not written, and where the first of them is.
    waiting: Vec<Waiting>,
    start: u64,
    /// A whole object that waits for the one behind it.
    held: Option<(u64, Vec<u8>)>,
}

/// A record that is not written.
#[derive(Debug)]
struct Waiting {
    change: Change,
    key: String,
    value: Value,
}

#[derive(Default)]
struct State {
    folder: PathBuf,
    manner: Manner,
    partitions: BTreeMap<(String, u64), Partition>,
    objects: u64,
    orders: u64,
    meddled: u64,
    harmed: Vec<String>,
}

impl State {
    fn take(&mut self, change: &Change, envelope: &Value) {
        // Other tables have keys of their own.
        let is_known = TABLES.contains(&change.table.as_str());
        let key = if is_known { change.key().to_string() } else { "{}".to_owned() };
        let number = key.bytes().fold(7_u64, |sum, byte| sum.wrapping_mul(31) ^ u64::from(byte));
        let way = (change.table.clone(), number % self.manner.partitions);
        let partition = self.partitions.entry(way.clone()).or_default();
        let offset = partition.next;
        // What follows a delete has a place, and is left out.
        partition.next += if envelope["op"] == "d" { 2 } else { 1 };
        if partition.waiting.is_empty() {
            partition.start = offset;
        }
        let mut value = if self.manner.flat { flat(envelope) } else { envelope.clone() };
        if self.manner.names == Names::Aiven {
            let key: Value = serde_json::from_str(&key).unwrap();
            value = json!({ "key": key, "value": value, "offset": offset });
        }
        partition.waiting.push(Waiting { change: change.clone(), key, value });
        if partition.waiting.len() >= self.manner.flush {
            self.write(&way);
        }
    }

    /// Writes all that has come.
    fn rotate(&mut self) {
        if !self.manner.rotates {
            return;
        }
        let ways: Vec<_> = self.partitions.keys().cloned().collect();
        for way in ways {
            let is_idle = self.partitions[&way].waiting.is_empty();
            if is_idle
                && let Some((start, bytes)) = self.partitions.get_mut(&way).unwrap().held.take()
            {
                self.put(&way, start, &bytes);
            }
            self.write(&way);
        }
    }

    fn write(&mut self, way: &(String, u64)) {
        let partition = self.partitions.get_mut(way).unwrap();
        let waiting = std::mem::take(&mut partition.waiting);
        if waiting.is_empty() {
            return;
        }
        let start = partition.start;
        let bytes = self.packed(&waiting);
        if self.manner.names == Names::Firehose {
            // Each second object comes before the first.
            let partition = self.partitions.get_mut(way).unwrap();
            let Some((before, held)) = partition.held.take() else {
                partition.held = Some((start, bytes));
                return;
            };
            self.put(way, start, &bytes);
            return self.put(way, before, &held);
        }
        self.orders += u64::from(way.0 == "orders");
        let is_it = way.0 == "orders" && self.orders > BEFORE && self.harmed.is_empty();
        let harm = if is_it { self.manner.harm } else { Harm::Nothing };
        if harm != Harm::Nothing {
            self.harmed = waiting.iter().map(|it| it.key.clone()).collect();
        }
        match harm {
            Harm::Nothing => self.put(way, start, &bytes),
            Harm::Remove => {}
            Harm::RemoveLater => {
                self.put(way, start, &bytes);
                let path = self.path(way, start);
                std::thread::spawn(move || {
                    std::thread::sleep(LATER);
                    fs::remove_file(path).unwrap();
                });
            }
            Harm::Twice => {
                self.put(way, start, &bytes);
                let name = self.path(way, start).file_name().unwrap().to_owned();
                put(&self.folder.join("again").join(name), &bytes);
            }
            Harm::Grow => {
                let (some, path) = (self.half(&waiting), self.path(way, start));
                self.put(way, start, &some);
                std::thread::spawn(move || {
                    std::thread::sleep(LATER);
                    put(&path, &bytes);
                });
            }
            Harm::Shrink | Harm::Split => {
                self.put(way, start, &bytes);
                let (some, rest) = waiting.split_at(waiting.len() / 2);
                let later = start + u64::try_from(some.len()).unwrap();
                let beside = || (self.path(way, later), self.packed(rest));
                let (path, beside) = (self.path(way, start), (harm == Harm::Split).then(beside));
                if harm == Harm::Shrink {
                    self.harmed = rest.iter().map(|it| it.key.clone()).collect();
                }
                let some = self.packed(some);
                std::thread::spawn(move || {
                    std::thread::sleep(LATER);
                    put(&path, &some);
                    if let Some((path, rest)) = beside {
                        std::thread::sleep(LATER);
                        put(&path, &rest);
                    }
                });
            }
            Harm::Move | Harm::MoveLater | Harm::Copy => {
                self.go_on_elsewhere((way, start), &bytes, &waiting);
            }
            Harm::Cut => self.put(way, start, &bytes[..bytes.len() - 9]),
        }
    }

    /// The first half of an object.
    fn half(&self, waiting: &[Waiting]) -> Vec<u8> {
        self.packed(&waiting[..waiting.len() / 2])
    }

    /// The second half of an object comes elsewhere, and goes from one of both places.
    fn go_on_elsewhere(
        &mut self,
        (way, start): (&(String, u64), u64),
        bytes: &[u8],
        waiting: &[Waiting],
    ) {
        self.put(way, start, bytes);
        let (path, harm) = (self.path(way, start), self.manner.harm);
        let (some, rest) = (self.half(waiting), self.packed(&waiting[waiting.len() / 2..]));
        // It is read before those whose names tell where they begin.
        let beside = self.folder.join("moved.json");
        std::thread::spawn(move || {
            std::thread::sleep(LATER);
            put(&beside, &rest);
            if harm != Harm::Move {
                std::thread::sleep(LATER);
            }
            if harm == Harm::Copy {
                fs::remove_file(beside).unwrap();
            } else {
                put(&path, &some);
            }
        });
    }

    /// Writes how it goes, and the change of a table that nobody observes.
    fn meddle(&mut self) {
        self.meddled += 1;
        let status = json!({ "state": "running", "ticks": self.meddled });
        let other = json!({ "op": "c", "source": { "db": "other", "schema": "public", "table": "ticks" }, "after": status });
        put(&self.folder.join("status.json"), status.to_string().as_bytes());
        put(&self.folder.join("other/ticks.json"), other.to_string().as_bytes());
    }

    fn packed(&self, records: &[Waiting]) -> Vec<u8> {
        let values = || records.iter().map(|it| it.value.clone()).collect::<Vec<_>>();
        let lines = || {
            let lines: Vec<_> = records.iter().map(|it| written(&it.value)).collect();
            // Not everybody ends the last line.
            let end = if self.manner.names == Names::Aiven { "" } else { "\n" };
            lines.join("\n") + end
        };
        match self.manner.form {
            Form::Lines => lines().into_bytes(),
            Form::Array => {
                format!("[\n{}\n]", lines().trim_end().replace('\n', ",\n")).into_bytes()
            }
            Form::Gzip => {
                let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
                encoder.write_all(lines().as_bytes()).unwrap();
                encoder.finish().unwrap()
            }
            Form::Avro(codec) => {
                // The server tells little of a row that went: the schema is that of one of which it tells all.
                let widest = records.iter().max_by_key(|it| it.change.kinds.len()).unwrap();
                let schema = avro::schema(&widest.change, &widest.value);
                avro::container(&schema, &values(), codec)
            }
            Form::Parquet => parquet_of(&values()).0,
        }
    }

    fn put(&mut self, way: &(String, u64), start: u64, bytes: &[u8]) {
        self.objects += 1;
        put(&self.path(way, start), bytes);
    }

    fn path(&self, (table, partition): &(String, u64), start: u64) -> PathBuf {
        let topic = format!("domain_orders.public.{table}");
        let ending = self.manner.form.ending();
        let name = match self.manner.names {
            Names::Confluent => {
                format!(
                    "topics/{topic}/partition={partition}/{topic}+{partition}+{start:010}{ending}"
                )
            }
            Names::Aiven => format!("{topic}-{partition}-{start}{ending}"),
            Names::Firehose => format!("2026/11/22/{:05}-{start}{ending}", self.objects),
        };
        self.folder.join(name)
    }
}

/// As `ExtractNewRecordState` has it, with `add.fields=op,lsn,txId,table` and `delete.tombstone.handling.mode=rewrite`.
fn flat(envelope: &Value) -> Value {
    let is_gone = envelope["op"] == "d";
    let mut row = envelope[if is_gone { "before" } else { "after" }].clone();
    row["__deleted"] = json!(is_gone.to_string());
    row["__op"] = envelope["op"].clone();
    for name in ["lsn", "txId", "table"] {
        row[format!("__{name}")] = envelope["source"][name].clone();
    }
    row
}

/// As objects are: whole, or not there.
fn put(path: &Path, bytes: &[u8]) {
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    let name = path.file_name().unwrap().to_str().unwrap();
    let part = path.with_file_name(format!(".{name}"));
    fs::write(&part, bytes).unwrap();
    fs::rename(part, path).unwrap();
}
