//! Looks at the tables of a lake on a thread of its own, again and again, and tells what has come.

use std::collections::BTreeMap;
use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;
use std::time::Instant;

use bytes::Bytes;
use tokio::runtime::Runtime;

use crate::action::TableId;
use crate::generate::World;
use crate::measure::Clock;
use crate::observe::debezium::coded::Decoder;
use crate::observe::debezium::form::Described;
use crate::observe::debezium::record::DebeziumReader;
use crate::observe::debezium::record::Record;
use crate::observe::lake::Lake;
use crate::observe::lake::catalog::Asking;
use crate::observe::lake::changes::DataFile;
use crate::observe::lake::commit::HELD_MAX;
use crate::observe::lake::commit::put_in_order;
use crate::observe::lake::files::Trouble;
use crate::observe::lake::kept;
use crate::observe::lake::kept::Of;
use crate::observe::lake::rows::fill;
use crate::observe::lake::rows::place;
use crate::observe::lake::rows::rows;
use crate::observe::lake::table::LakeTable;
use crate::observe::objects::kept::KeptFile;
use crate::observe::objects::kept::KeptFiles;
use crate::observe::objects::store::Store;
use crate::observe::reading::Asked;
use crate::observe::reading::Reading;
use crate::observe::reading::Tell;
use crate::observe::reading::Weighs;
use crate::scenario::TopicFormat;
use crate::sink::postgres::provision::SetupError;
use crate::sink::postgres::replication::Lsn;

/// What the thread tells.
#[derive(Debug)]
pub(super) enum FromLake {
    /// A row was there at a time.
    Row { table: TableId, record: Record, at: u64 },
    /// A heartbeat of a source was there: what is before its place in the log may be, too.
    Beat { source: usize, lsn: Lsn },
    /// All tables were looked at, or could not be, for a reason.
    Looked { trouble: Option<String>, took: Duration },
    /// It is still at work: so many files were looked for.
    Busy { files: usize },
    /// What a row of a file that is gone had been.
    Gone { table: TableId, record: Record, at: u64 },
    /// It was asked to end.
    Ended { unknown: BTreeMap<(TableId, usize), u64>, missing: Vec<DataFile>, gone: Gone },
    /// Nothing more can be read, for a reason.
    Broken(String),
}

impl Weighs for FromLake {
    fn bytes(&self) -> usize {
        match self {
            Self::Row { record, .. } | Self::Gone { record, .. } => record.bytes(),
            Self::Beat { .. }
            | Self::Looked { .. }
            | Self::Busy { .. }
            | Self::Ended { .. }
            | Self::Broken(_) => 0,
        }
    }
}

/// Files that had been read, and are gone.
#[derive(Debug, Default)]
pub(super) struct Gone {
    pub(super) files: Vec<DataFile>,
    /// Rows of which nobody knows any more what they were.
    pub(super) forgotten: u64,
}

/// What the rows of a table are.
#[derive(Debug, Clone, Copy)]
enum Kind {
    Rows(TableId),
    Beats(usize),
}

/// Begins to look on a thread of its own, behind all that is there now.
pub(super) async fn start(
    lake: &Lake,
    world: &Arc<World>,
    (application, clock): (&str, Clock),
) -> Result<Reading<FromLake>, SetupError> {
    let (lake, world) = (lake.clone(), Arc::clone(world));
    let catalog = Asking::new(lake.catalog.clone(), application.to_owned());
    let begin =
        move |asked: &Arc<Asked>| Work::begin(&lake, world, catalog, (clock, Arc::clone(asked)));
    let reading = Reading::begun("lake observer", begin, |mut work, tell| work.work(tell)).await;
    reading.map_err(|why| SetupError::Local(format!("cannot observe the lake: {why}")))
}

/// A table that is looked at.
#[derive(Debug)]
struct Looked {
    kind: Kind,
    state: LakeTable,
}

/// Why a look did not come to its end.
enum Wrong {
    /// It may go well later.
    Passing(String),
    /// It will not.
    Lasting(String),
    /// Nobody listens any more.
    Gone,
}

impl From<Trouble> for Wrong {
    fn from(trouble: Trouble) -> Self {
        match trouble {
            Trouble::Passing(why) => Self::Passing(why),
            Trouble::Lasting(why) => Self::Lasting(why),
        }
    }
}

struct Work {
    runtime: Runtime,
    store: Store,
    catalog: Asking,
    tables: BTreeMap<String, Looked>,
    reader: DebeziumReader,
    world: Arc<World>,
    format: TopicFormat,
    every: Duration,
    clock: Clock,
    kept: KeptFiles<Of>,
    asked: Arc<Asked>,
}

impl Work {
    fn begin(
        lake: &Lake,
        world: Arc<World>,
        catalog: Asking,
        (clock, asked): (Clock, Arc<Asked>),
    ) -> Result<Self, String> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        let runtime = runtime.map_err(|error| error.to_string())?;
        let looked = |kind| Looked { kind, state: LakeTable::default() };
        let rows = lake.tables.iter().map(|(name, table)| (name, Kind::Rows(*table)));
        let beats = lake.beats.iter().map(|(name, source)| (name, Kind::Beats(*source)));
        let tables = rows.chain(beats).map(|(name, kind)| (name.clone(), looked(kind)));
        let mut work = Self {
            store: runtime.block_on(Store::open(&lake.site))?,
            runtime,
            catalog,
            tables: tables.collect(),
            // A file may be older than a column, or have nothing for it.
            reader: DebeziumReader::new(lake.format, Decoder::default()).sparse(),
            world,
            format: lake.format,
            every: lake.every,
            clock,
            kept: KeptFiles::default(),
            asked,
        };
        for (name, at) in work.newest()? {
            if work.asked.to_stop() {
                return Err("stopped".to_owned());
            }
            let Some(table) = work.tables.get_mut(&name) else { continue };
            let begun = work.runtime.block_on(table.state.begin(&mut work.store, &at));
            begun.map_err(|(Trouble::Passing(why) | Trouble::Lasting(why))| why)?;
        }
        Ok(work)
    }

    fn newest(&mut self) -> Result<BTreeMap<String, String>, String> {
        let names = self.tables.keys().map(String::as_str);
        self.runtime.block_on(self.catalog.newest(&mut self.store, names))
    }

    fn work(&mut self, tell: &Tell<FromLake>) {
        loop {
            let is_last = self.asked.to_end();
            let begun = Instant::now();
            let trouble = match self.look(tell) {
                Ok(()) => None,
                Err(Wrong::Passing(why)) => Some(why),
                Err(Wrong::Gone) => return,
                Err(Wrong::Lasting(why)) => return drop(tell.blocking_send(FromLake::Broken(why))),
            };
            let gone =
                if is_last && trouble.is_none() { self.gone(tell) } else { Ok(Gone::default()) };
            let (gone, trouble) = match gone {
                Ok(gone) => (gone, trouble),
                Err(why) => (Gone::default(), Some(why)),
            };
            let is_end = is_last && trouble.is_none();
            let said = if is_end {
                self.ended(gone)
            } else {
                FromLake::Looked { trouble, took: begun.elapsed() }
            };
            if tell.blocking_send(said).is_err() || is_end {
                return;
            }
            if !self.asked.pause(begun, self.every) {
                return;
            }
        }
    }

    fn ended(&mut self, gone: Gone) -> FromLake {
        let unknown = std::mem::take(&mut self.reader.columns.unknown);
        let missing = self.tables.values().flat_map(|table| table.state.missing.clone());
        FromLake::Ended { unknown, missing: missing.collect(), gone }
    }

    /// Looks whether what was read is still there, and tells what is not.
    fn gone(&mut self, tell: &Tell<FromLake>) -> Result<Gone, String> {
        let (mut removed, mut moved) = (HashSet::new(), HashSet::new());
        for table in self.tables.values() {
            removed.extend(table.state.removed.iter().cloned());
            moved.extend(table.state.moved.iter().cloned());
        }
        // There may be thousands of them, and whoever waits must know that it goes on; a full queue says so, too.
        let goes_on = |files| {
            drop(tell.try_send(FromLake::Busy { files }));
            !self.asked.to_stop()
        };
        let looked = kept::gone(&mut self.kept, &mut self.store, (&removed, &moved), goes_on);
        let mut gone = Gone::default();
        for KeptFile { file: (name, file), bytes } in self.runtime.block_on(looked)? {
            let Some(table) = self.tables.get(&name) else { continue };
            let Kind::Rows(table) = table.kind else { continue };
            let (at, rows_of) = (self.clock.now(), file.rows);
            gone.files.push(file);
            let Some(bytes) = bytes else {
                gone.forgotten += rows_of;
                continue;
            };
            let columns = &self.tables[&name].state.columns;
            let (reader, catalog) = (&mut self.reader, &self.world.catalog);
            // It could be read before.
            let _ = rows(bytes, |mut row| {
                fill(&mut row, columns);
                let record = reader.read_value(catalog, table, (Described::Nothing, &row));
                tell.blocking_send(FromLake::Gone { table, record, at }).is_ok()
            });
        }
        Ok(gone)
    }

    /// Looks at all tables. One that cannot be looked at does not keep the others from it.
    fn look(&mut self, tell: &Tell<FromLake>) -> Result<(), Wrong> {
        let newest = self.newest().map_err(Wrong::Passing)?;
        // What is committed is there for everybody from now on, whenever it is read.
        let at = self.clock.now();
        let mut trouble = None;
        for (name, location) in newest {
            match self.look_at(&name, &location, (at, tell)) {
                Ok(()) => {}
                Err(Wrong::Passing(why)) => trouble = Some(why),
                Err(wrong) => return Err(wrong),
            }
        }
        trouble.map_or(Ok(()), |why| Err(Wrong::Passing(why)))
    }

    fn look_at(
        &mut self,
        name: &str,
        location: &str,
        (at, tell): (u64, &Tell<FromLake>),
    ) -> Result<(), Wrong> {
        let Some(mut table) = self.tables.remove(name) else { return Ok(()) };
        let found = self.runtime.block_on(table.state.advance(&mut self.store, location));
        // Of what nobody reads nobody knows which rows of it had come, if it goes.
        for copy in std::mem::take(&mut table.state.copies) {
            if matches!(table.kind, Kind::Rows(_)) {
                self.kept.add_unknown((name.to_owned(), copy));
            }
        }
        let mut files = std::mem::take(&mut table.state.missing);
        let mut result = found.map(|new| files.extend(new)).map_err(Wrong::from);
        // Where one does not come now, the commit is read later: out of order it would look reordered.
        let fetched = put_in_order(&mut files, (self.format, HELD_MAX), |path| self.fetch(path));
        let mut held = match fetched {
            Ok(held) => held,
            Err(wrong) => {
                table.state.missing = files;
                self.tables.insert(name.to_owned(), table);
                return Err(wrong);
            }
        };
        let mut files = files.into_iter();
        for file in files.by_ref() {
            let bytes = match held.take(&file.path) {
                Some(bytes) => Ok(Some(bytes)),
                None => self.fetch(&file.path).map(|found| found.map(Bytes::from)),
            };
            let read = bytes.and_then(|bytes| match bytes {
                Some(bytes) => self.read((&file, bytes), (name, &table), (at, tell)).map(|()| true),
                None => Ok(false),
            });
            match read {
                Ok(true) => {}
                Ok(false) => table.state.missing.push(file),
                Err(wrong) => {
                    // It is read from its beginning another time.
                    table.state.missing.push(file);
                    result = Err(wrong);
                    break;
                }
            }
        }
        table.state.missing.extend(files);
        result = result.and_then(|()| table.state.nothing_is_unread().map_err(Wrong::from));
        self.tables.insert(name.to_owned(), table);
        result
    }

    /// What is in a file; `None`: it is not there.
    fn fetch(&mut self, path: &str) -> Result<Option<Vec<u8>>, Wrong> {
        if self.asked.to_stop() {
            return Err(Wrong::Gone);
        }
        self.runtime.block_on(self.store.get(path)).map_err(Wrong::Passing)
    }

    /// Reads a file.
    fn read(
        &mut self,
        (file, bytes): (&DataFile, Bytes),
        (name, table): (&str, &Looked),
        (at, tell): (u64, &Tell<FromLake>),
    ) -> Result<(), Wrong> {
        if self.asked.to_stop() {
            return Err(Wrong::Gone);
        }
        if matches!(table.kind, Kind::Rows(_)) {
            self.kept.add((name.to_owned(), file.clone()), bytes.to_vec());
        }
        let (mut is_heard, format) = (true, self.format);
        let (reader, catalog) = (&mut self.reader, &self.world.catalog);
        let read = rows(bytes, |mut row| {
            let told = match table.kind {
                Kind::Rows(id) => {
                    fill(&mut row, &table.state.columns);
                    let record = reader.read_value(catalog, id, (Described::Nothing, &row));
                    FromLake::Row { table: id, record, at }
                }
                Kind::Beats(source) => match place(&row, format) {
                    Some(lsn) => FromLake::Beat { source, lsn: Lsn(lsn) },
                    None => return true,
                },
            };
            is_heard = tell.blocking_send(told).is_ok();
            is_heard
        });
        if !is_heard {
            return Err(Wrong::Gone);
        }
        let broken = |why: String| Wrong::Lasting(format!("`{}` cannot be read: {why}", file.path));
        let count = read.map_err(broken)?;
        if count != file.rows {
            let why = format!("it has {count} rows, and its manifest says {}", file.rows);
            return Err(broken(why));
        }
        Ok(())
    }
}
