//! What objects hold into which a sink writes records of changes.

use std::collections::BTreeMap;
use std::collections::HashMap;
use std::collections::HashSet;
use std::ops::ControlFlow;
use std::sync::Arc;

use crate::action::TableId;
use crate::generate::World;
use crate::measure::Clock;
use crate::observe::debezium::coded::Decoder;
use crate::observe::debezium::record::DebeziumReader;
use crate::observe::debezium::record::Record;
use crate::observe::objects::FromObjects;
use crate::observe::objects::Gone;
use crate::observe::objects::Object;
use crate::observe::objects::ObjectContents;
use crate::observe::objects::Teller;
use crate::observe::objects::kept::KeptFile;
use crate::observe::objects::kept::KeptFiles;
use crate::observe::objects::store::Listed;
use crate::observe::reading::Weighs;
use crate::observe::records::RecordObjects;
use crate::observe::records::belongs::Belongs;
use crate::observe::records::belongs::Tables;
use crate::observe::records::belongs::unwrapped;
use crate::observe::records::name::Start;
use crate::observe::records::name::is_beside;
use crate::observe::records::name::start;
use crate::observe::records::numbers::Numbers;
use crate::observe::records::numbers::counts;
use crate::observe::records::numbers::sum;
use crate::observe::records::numbers::take;
use crate::observe::records::whole;
use crate::observe::records::whole::ObjectRecord;
use crate::observe::tails::FIRST;
use crate::observe::tails::LATE;
use crate::observe::tails::UNTOLD;

/// Records that are nowhere now, at most: with each a number, and how often.
const ABSENT_MAX: usize = 1 << 20;

/// What is told of an object.
#[derive(Debug)]
pub(super) enum Item {
    /// A record was there at a time.
    Row { table: TableId, partition: usize, record: Record, at: u64 },
    /// What had been there is not any more.
    Gone { table: TableId, record: Record, at: u64 },
    /// So many records were there, are not where they were, and have come nowhere else yet.
    Absent(u64),
    /// A table's topic has so many partitions at least.
    Partitions { table: TableId, count: usize },
    /// In an object is a change of which nobody can tell whose it is: the first of them.
    Untold(String),
}

impl Weighs for Item {
    fn bytes(&self) -> usize {
        match self {
            Self::Row { record, .. } | Self::Gone { record, .. } => record.bytes(),
            Self::Partitions { .. } | Self::Absent(_) => 0,
            Self::Untold(name) => name.len(),
        }
    }
}

/// What is to be known in the end.
#[derive(Debug)]
pub(super) struct End {
    pub(super) unknown: BTreeMap<(TableId, usize), u64>,
    /// Objects that were read and are gone, with how many records each.
    pub(super) gone: Vec<(String, u64)>,
    /// Records that were replaced or are gone, and of which nobody knows any more what they were.
    pub(super) forgotten: u64,
}

/// An object that was read.
#[derive(Debug)]
struct Of {
    name: String,
    /// Those of our tables.
    records: u64,
    /// Another one has its name, without so many of its records.
    is_replaced: bool,
}

/// The objects of a sink.
#[derive(Debug)]
pub(super) struct Records {
    tables: Tables,
    reader: DebeziumReader,
    world: Arc<World>,
    clock: Clock,
    kept: KeptFiles<Of>,
    /// The names of those.
    read: HashSet<String>,
    /// By topic and partition: where the last object began that was read.
    newest: HashMap<(String, usize), u64>,
    /// Those of which an object could not be read in this look.
    stuck: HashSet<(String, usize)>,
    /// By table: the partitions that are known of its topic, and that were told.
    partitions: HashMap<TableId, (usize, usize)>,
    /// Whether it was told that nobody can tell whose a change is.
    is_untold: bool,
    /// What was in objects that were replaced, is not in those that have their names, and has come in no other one.
    absent: Numbers,
    forgotten: u64,
}

impl Records {
    pub(super) fn new(meant: &RecordObjects, world: Arc<World>, clock: Clock) -> Self {
        Self {
            tables: Tables::new(meant.topics.clone(), &meant.stored),
            reader: DebeziumReader::new(meant.format, Decoder::default()),
            world,
            clock,
            kept: KeptFiles::default(),
            read: HashSet::new(),
            newest: HashMap::new(),
            stuck: HashSet::new(),
            partitions: HashMap::new(),
            is_untold: false,
            absent: Numbers::new(),
            forgotten: 0,
        }
    }

    fn start<'a>(&self, name: &'a str) -> Option<Start<'a>> {
        start(name, |topic| self.tables.has(topic))
    }

    /// The topic's partition of an object, if its name tells it.
    fn way(&self, name: &str) -> Option<(String, usize)> {
        self.start(name).map(|it| (it.topic.to_owned(), it.partition))
    }

    /// Where in its partition an object is, that is read now.
    fn partition(&mut self, name: &str) -> usize {
        let Some((way, offset)) = self.way(name).zip(self.start(name).map(|it| it.offset)) else {
            return UNTOLD;
        };
        let partition = way.1;
        let newest = self.newest.entry(way).or_insert(offset);
        if *newest > offset {
            return LATE;
        }
        *newest = offset;
        FIRST + partition
    }

    /// The table of an object, and how many partitions its topic has, as its name and others tell it.
    fn count(&mut self, name: &str) -> Option<(TableId, &mut (usize, usize))> {
        let (table, partition) = self
            .start(name)
            .and_then(|it| Some((self.tables.by_topic(it.topic)?, it.partition)))?;
        let counts = self.partitions.entry(table).or_default();
        counts.0 = counts.0.max(partition + 1);
        Some((table, counts))
    }

    /// What a record is, and of which table; `None`: it is none of ours.
    fn record(
        &mut self,
        ObjectRecord { record, described, .. }: ObjectRecord<'_>,
        topic: Option<&str>,
    ) -> Option<Result<(TableId, Record), ()>> {
        let (value, key) = unwrapped(record, described);
        // What follows a delete has nothing but its key.
        let told = value.as_ref().or(key.as_ref())?;
        let table = match self.tables.of(told.body(), topic) {
            Belongs::Table(table) => table,
            Belongs::Untold => return Some(Err(())),
            Belongs::Other => return None,
        };
        let catalog = &self.world.catalog;
        let record = if value.is_some() {
            self.reader.read_value(catalog, table, told.parts())
        } else {
            self.reader.read_key(catalog, table, told.parts())
        };
        (record != Record::Nothing).then_some(Ok((table, record)))
    }

    /// Tells those records of an object that was checked which `is_told` picks. Returns how many are of our tables.
    fn tell(
        &mut self,
        (name, bytes): (&str, &[u8]),
        mut is_told: impl FnMut(&ObjectRecord<'_>) -> bool,
        told: impl Fn(TableId, Record) -> Item,
        tell: &Teller<Self>,
    ) -> Result<u64, Gone> {
        let topic = self.start(name).map(|it| it.topic.to_owned());
        let (mut is_heard, mut untold, mut ours) = (true, false, 0);
        let read = whole::each(bytes, |found| {
            if !is_told(&found) {
                return ControlFlow::Continue(());
            }
            match self.record(found, topic.as_deref()) {
                Some(Ok((table, record))) => {
                    ours += 1;
                    is_heard = tell.blocking_send(FromObjects::Of(told(table, record))).is_ok();
                }
                Some(Err(())) => untold = true,
                None => {}
            }
            if is_heard { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
        });
        if untold && !std::mem::replace(&mut self.is_untold, true) {
            is_heard &= tell.blocking_send(FromObjects::Of(Item::Untold(name.to_owned()))).is_ok();
        }
        // It was read before, so it can be.
        drop(read);
        if is_heard { Ok(ours) } else { Err(Gone) }
    }

    /// Those of these records of an object that are of our tables.
    fn ours(&mut self, (name, bytes): (&str, &[u8]), mut numbers: Numbers) -> Numbers {
        let mut ours = Numbers::new();
        if numbers.is_empty() {
            return ours;
        }
        let topic = self.start(name).map(|it| it.topic.to_owned());
        // What nobody knows of their columns was counted when they came.
        let unknown = std::mem::take(&mut self.reader.columns.unknown);
        let read = whole::each(bytes, |found| {
            if take(&mut numbers, &found) {
                let number = found.number();
                if let Some(Ok(_)) = self.record(found, topic.as_deref()) {
                    *ours.entry(number).or_default() += 1;
                }
            }
            ControlFlow::Continue(())
        });
        drop(read);
        self.reader.columns.unknown = unknown;
        ours
    }

    /// What was in an object, and is picked, is not there any more.
    fn lose(
        &mut self,
        old: KeptFile<Of>,
        is_gone: impl FnMut(&ObjectRecord<'_>) -> bool,
        tell: &Teller<Self>,
    ) -> Result<(), Gone> {
        let Some(bytes) = old.bytes else {
            self.forgotten += old.file.records;
            return Ok(());
        };
        let at = self.clock.now();
        let gone = |table, record| Item::Gone { table, record, at };
        self.tell((&old.file.name, &bytes), is_gone, gone, tell).map(drop)
    }
}

impl ObjectContents for Records {
    type Told = Item;
    type End = End;

    const READS_AGAIN: bool = true;

    fn is_meant(&self, name: &str) -> bool {
        !is_beside(name)
    }

    fn were_there(&mut self, names: &[String]) {
        for name in names {
            self.partition(name);
            self.count(name);
        }
    }

    fn begin(&mut self, new: &mut Vec<String>) {
        self.stuck.clear();
        let order = |name: &String| {
            let start = self.start(name);
            start.map(|it| (it.topic.to_owned(), it.partition, it.offset))
        };
        new.sort_by_cached_key(order);
    }

    fn waits(&self, name: &str) -> bool {
        // Behind one that is missing, what follows would look reordered.
        self.way(name).is_some_and(|way| self.stuck.contains(&way))
    }

    fn failed(&mut self, name: &str) {
        self.stuck.extend(self.way(name));
    }

    fn read(
        &mut self,
        object: Object<'_>,
        tell: &Teller<Self>,
    ) -> Result<Result<(), String>, Gone> {
        let Object { name, bytes, between: (_, at) } = object;
        let records = match whole::count(&bytes) {
            Ok(records) => records,
            Err(why) => return Ok(Err(format!("`{name}` cannot be read: {why}"))),
        };
        if let Some((table, (known, told))) = self.count(name)
            && *known > *told
        {
            *told = *known;
            let told = FromObjects::Of(Item::Partitions { table, count: *known });
            tell.blocking_send(told).map_err(|_| Gone)?;
        }
        let partition = self.partition(name);
        let row = |table, record| Item::Row { table, partition, record, at };
        let is_other = !self.read.insert(name.to_owned());
        let is_it = |of: &Of| of.name == name && !of.is_replaced;
        let before = if is_other { self.kept.take(is_it).pop() } else { None };
        // What has nothing of ours is not kept, and nobody misses it.
        let before = before.filter(|it| it.file.records > 0);
        let mut absent = std::mem::take(&mut self.absent);
        let were_absent = sum(&absent);
        let ours = match before {
            // What was in another object before has moved, and was told.
            None => {
                let told =
                    self.tell((name, &bytes), |found| !take(&mut absent, found), row, tell)?;
                told + were_absent - sum(&absent)
            }
            // What is in both was told as well.
            Some(KeptFile { bytes: Some(before), file }) => {
                let mut known = counts(&before);
                let is_new = |found: &ObjectRecord<'_>| {
                    !take(&mut known, found) && !take(&mut absent, found)
                };
                let told = self.tell((name, &bytes), is_new, row, tell)?;
                let moved = were_absent - sum(&absent);
                let left = self.ours((name, &before), known);
                let records = sum(&left);
                let stayed = file.records.saturating_sub(records);
                if absent.len() + left.len() > ABSENT_MAX {
                    self.forgotten += records;
                } else if records > 0 {
                    for (number, count) in left {
                        *absent.entry(number).or_default() += count;
                    }
                    self.kept.add(Of { records, is_replaced: true, ..file }, before);
                }
                told + moved + stayed
            }
            // Of what is forgotten nobody knows what it was.
            Some(KeptFile { bytes: None, file }) => {
                self.forgotten += file.records;
                records
            }
        };
        let are_absent = sum(&absent);
        self.absent = absent;
        if are_absent != were_absent {
            tell.blocking_send(FromObjects::Of(Item::Absent(are_absent))).map_err(|_| Gone)?;
        }
        let bytes = if ours > 0 { bytes } else { Vec::new() };
        self.kept.add(Of { name: name.to_owned(), records: ours, is_replaced: false }, bytes);
        Ok(Ok(()))
    }

    fn end(&mut self, there: &Listed, tell: &Teller<Self>) -> Result<End, Gone> {
        let mut gone = Vec::new();
        let mut absent = std::mem::take(&mut self.absent);
        for old in self.kept.take(|of| of.is_replaced || !there.contains_key(&of.name)) {
            if !old.file.is_replaced {
                if old.file.records > 0 {
                    gone.push((old.file.name.clone(), old.file.records));
                    self.lose(old, |_| true, tell)?;
                }
            } else if !absent.is_empty() {
                self.lose(old, |found| take(&mut absent, found), tell)?;
            }
        }
        let unknown = std::mem::take(&mut self.reader.columns.unknown);
        Ok(End { unknown, gone, forgotten: self.forgotten })
    }
}
