//! What connectors hand over, wherever it comes out: each record is held against what was acknowledged, as what
//! a slot sends is.
//!
//! ```text
//!   topics, lakes ── reading (a thread) ──> record: values ──> repeats ──> judge
//!   slots of the connectors ── source: where they are, whether they began again ──┘
//! ```

mod again;
pub(super) mod beside;
pub(super) mod coded;
mod columns;
mod end;
pub(super) mod form;
pub(super) mod mended;
pub(super) mod named;
mod node;
pub(super) mod raw;
pub(super) mod record;
pub(super) mod repeats;
mod side;
pub(super) mod source;
#[cfg(test)]
pub(super) mod tests;
mod unfit;
mod values;

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::sync::Arc;

use crate::action::Catalog;
use crate::action::TableId;
use crate::observe::Options;
use crate::observe::RowChange;
use crate::observe::Source;
use crate::observe::debezium::beside::Ended;
use crate::observe::debezium::beside::Message;
use crate::observe::debezium::named::Named;
use crate::observe::debezium::named::Run;
use crate::observe::debezium::named::Waiting;
use crate::observe::debezium::record::LogPosition;
use crate::observe::debezium::record::Record;
use crate::observe::debezium::repeats::Repeats;
use crate::observe::debezium::source::CapturedSource;
use crate::observe::judge::Judge;
use crate::observe::notes::Arrival;
use crate::observe::transactions::End;
use crate::observe::whose::Whose;
use crate::observe::whose::has_versions;
use crate::observe::whose::is_told;
use crate::sink::postgres::provision::SetupError;
use crate::sink::postgres::replication::Lsn;

/// Takes what connectors hand over, for one observer.
#[derive(Debug)]
pub(super) struct Intake {
    pub(super) surface: String,
    /// What comes, for people: `a connector writes`.
    form: &'static str,
    pub(super) captured: Vec<CapturedSource>,
    /// By table: what was committed before it is none of this run.
    opening: BTreeMap<TableId, Lsn>,
    repeats: Repeats,
    /// Who joins changes with messages, where those come.
    named: Option<Named>,
    /// By table: the number of its source.
    sources: BTreeMap<TableId, usize>,
    /// Tables whose rows in snapshots are judged by the versions that they have had, from a place in the log on.
    versioned: BTreeMap<TableId, Lsn>,
    /// By table of the domains: the number of its database; and each by that and its name.
    databases: BTreeMap<TableId, usize>,
    collections: BTreeMap<(usize, String), TableId>,
    /// Rows of snapshots, and changes of before the run.
    snapshot: u64,
    /// Of these, those that may have been read before the run.
    undated: u64,
    earlier: u64,
    /// Changes that say that they are another run's.
    foreign: u64,
    /// A change came since somebody last said that none had.
    pub(super) has_news: bool,
    /// Why connectors could not be looked at, the last time.
    trouble: Option<String>,
}

impl Intake {
    /// Looks where the log of each source is: what is committed from now on is judged.
    pub(super) async fn open(
        options: &Options,
        (surface, form): (&str, &'static str),
        (sources, tables): (impl Iterator<Item = &Source>, impl Iterator<Item = TableId>),
        mut repeats: Repeats,
    ) -> Result<Self, SetupError> {
        let mut captured = Vec::new();
        for source in sources {
            captured.push(CapturedSource::open(source.clone(), options.application.clone()).await?);
        }
        let (mut opening, mut places) = (BTreeMap::new(), BTreeMap::new());
        for table in tables {
            let info = options.world.catalog.table(table);
            let of = captured.iter().position(|it| it.source.domains.contains(&info.domain));
            opening.insert(table, of.map(|at| captured[at].opening).unwrap_or_default());
            places.extend(of.map(|at| (table, at)));
            if info.key.is_empty() {
                repeats.has_no_key(table);
            }
        }
        let intake = Self::new((surface, form), captured, repeats);
        Ok(Self { opening, sources: places, ..intake })
    }

    /// Before anything came, and of no tables yet.
    fn new(
        (surface, form): (&str, &'static str),
        captured: Vec<CapturedSource>,
        repeats: Repeats,
    ) -> Self {
        Self {
            surface: surface.to_owned(),
            form,
            captured,
            opening: BTreeMap::new(),
            repeats,
            named: None,
            sources: BTreeMap::new(),
            versioned: BTreeMap::new(),
            databases: BTreeMap::new(),
            collections: BTreeMap::new(),
            snapshot: 0,
            undated: 0,
            earlier: 0,
            foreign: 0,
            has_news: true,
            trouble: None,
        }
    }

    /// A record came, in a partition.
    pub(super) fn take(
        &mut self,
        (partition, table): (usize, TableId),
        (record, at): (Record, u64),
        judge: &RefCell<Judge>,
    ) {
        let mut judge = judge.borrow_mut();
        match record {
            Record::Nothing => {}
            Record::Change(change, _) | Record::Snapshot(change, _)
                if judge.is_foreign(&change) =>
            {
                self.foreign += 1;
            }
            Record::Snapshot(change, origin) => {
                self.snapshot += 1;
                match self.versioned.get(&table) {
                    Some(from) if origin.lsn >= *from => {
                        judge.notes.snapshot(&change, arrival(origin, at));
                        judge.snapshot_rows += 1;
                    }
                    Some(_) => self.undated += 1,
                    None => {}
                }
            }
            Record::Strange(why) => judge.spoil(format!(
                "what comes to the observer `{}` is not what {}: {why}",
                self.surface, self.form
            )),
            Record::Change(_, origin) | Record::Truncated(origin)
                if self.is_earlier(table, origin) =>
            {
                self.earlier += 1;
            }
            Record::Truncated(origin) => {
                self.has_news = true;
                judge.notes.truncated(table, arrival(origin, at));
                judge.truncated(table, origin.lsn);
            }
            Record::Change(change, origin) => {
                self.has_news = true;
                let waiting = Waiting { partition, change, origin, at };
                match self.named.as_mut().filter(|named| named.tells(table)) {
                    Some(_) if origin.transaction == 0 => judge.spoil(format!(
                        "what comes to the observer `{}` tells no transaction, so `trace: message` cannot join it; let \
                         `ExtractNewRecordState` have `add.fields=op,lsn,txId`",
                        self.surface
                    )),
                    Some(named) => {
                        for waiting in named.came(waiting) {
                            self.see(waiting, &mut judge);
                        }
                    }
                    None => self.see(waiting, &mut judge),
                }
            }
        }
    }

    /// The same. Returns whether something came that was waited for, or may lie before that: what others write without an
    /// end brings no end nearer.
    pub(super) fn take_awaited(
        &mut self,
        of: (usize, TableId),
        (record, at): (Record, u64),
        judge: &RefCell<Judge>,
    ) -> bool {
        let is_snapshot = matches!(record, Record::Snapshot(..));
        let before = (judge.borrow().outstanding(), self.repeats.count());
        self.take(of, (record, at), judge);
        // What comes again has an end.
        is_snapshot || judge.borrow().outstanding() < before.0 || self.repeats.count() > before.1
    }

    /// Rows of snapshots are noted, and judged in the end: those that come from now on or, where older ones may still come,
    /// those that were read since the run began.
    pub(super) fn note_snapshots(&mut self, catalog: &Catalog, may_be_old: bool) {
        let all = self.opening.iter().filter(|(table, _)| has_versions(catalog, **table));
        let from = |opening: Lsn| if may_be_old { opening } else { Lsn::default() };
        self.versioned = all.map(|(table, opening)| (*table, from(*opening))).collect();
    }

    /// Changes are joined with the messages of their transactions.
    pub(super) fn name(&mut self, catalog: &Catalog) {
        for table in self.opening.keys().filter(|table| !catalog.is_own(**table)) {
            let info = catalog.table(*table);
            let Some(at) = self.sources.get(table).copied() else { continue };
            self.databases.insert(*table, at);
            self.collections.insert((at, format!("{}.{}", info.namespace, info.name)), *table);
        }
        let told = self.opening.keys().filter(|table| is_told(catalog, **table));
        let of = |table: &TableId| Some((*table, *self.databases.get(table)?));
        self.named = Some(Named::new(catalog.run, told.filter_map(of).collect()));
    }

    /// A message of a transaction of one of the databases came.
    pub(super) fn said(&mut self, database: usize, message: Message, judge: &RefCell<Judge>) {
        let Some(named) = &mut self.named else { return };
        let transaction = (database, message.transaction);
        let free = named.said(transaction, message.said);
        let mut judge = judge.borrow_mut();
        match judge.transactions.as_mut().zip(named.run(transaction)) {
            Some((transactions, Run::Ours(actions))) => {
                transactions.told(transaction, Arc::clone(actions));
            }
            Some((transactions, Run::Foreign)) => transactions.is_foreign(transaction),
            None => {}
        }
        for waiting in free {
            self.see(waiting, &mut judge);
        }
    }

    /// A transaction of one of the databases has ended, as a partition says.
    pub(super) fn ended(
        &mut self,
        (partition, database): (usize, usize),
        ended: &Ended,
        judge: &RefCell<Judge>,
    ) {
        let mut judge = judge.borrow_mut();
        let Some(transactions) = &mut judge.transactions else { return };
        let opening = self.captured.get(database).map(|it| it.opening);
        // One from before the run is nobody's who is asked for.
        if ended.lsn != Lsn::default() && opening.is_some_and(|opening| ended.lsn < opening) {
            return transactions.pass((database, ended.transaction));
        }
        let sum = ended.collections.iter().map(|it| it.1).sum();
        let of = |(name, count): &(String, u64)| {
            self.collections.get(&(database, name.clone())).map(|table| (*table, *count))
        };
        let counts = ended.collections.iter().filter_map(of).collect();
        let end = End { counts, all: ended.all, sum };
        transactions.ended((database, ended.transaction), (partition, end));
    }

    /// A change is known to be whose it is.
    fn see(&mut self, waiting: Waiting, judge: &mut Judge) {
        let Waiting { partition, change, origin, at } = waiting;
        let source = self.source_of(change.table);
        let is_awaited = |it: &RowChange| judge.awaits_like(it);
        let of = (partition, source);
        if let Some(change) = self.repeats.came(of, (change, origin), at, is_awaited) {
            self.take_new(partition, (change, origin), at, judge);
        }
    }

    /// A change has not come before.
    fn take_new(
        &self,
        partition: usize,
        (change, origin): (RowChange, LogPosition),
        at: u64,
        judge: &mut Judge,
    ) {
        let database = self.databases.get(&change.table);
        // One without a message is none of the run's.
        let database = database.filter(|_| change.whose != Whose::Nobody);
        if let Some((transactions, database)) = judge.transactions.as_mut().zip(database) {
            transactions.came((*database, origin.transaction), at);
        }
        let is_loose = judge.is_loose(partition);
        judge.notes.change(&change, Arrival { is_loose, ..arrival(origin, at) }, None);
        judge.see_in(partition, change, (at, origin.lsn));
    }

    /// A record that came is not there any more.
    pub(super) fn lose(&self, table: TableId, (record, at): (Record, u64), judge: &RefCell<Judge>) {
        if let Record::Change(change, origin) = record
            && !self.is_earlier(table, origin)
            && !judge.borrow().is_foreign(&change)
        {
            let mut judge = judge.borrow_mut();
            judge.notes.gone(&change, arrival(origin, at));
            judge.gone(&change, origin.lsn);
        }
    }

    fn is_earlier(&self, table: TableId, origin: LogPosition) -> bool {
        // Where no place in the log is told, the row tells whose it is.
        let is_told = origin.lsn != Lsn::default();
        is_told && self.opening.get(&table).is_some_and(|opening| origin.lsn < *opening)
    }

    /// All that was sent is before this. A server that is away now may be back soon: called again until it is true.
    pub(super) async fn fence(&mut self) -> bool {
        for captured in &mut self.captured {
            if let Err(why) = captured.fence().await {
                self.trouble = Some(why);
                return false;
            }
        }
        true
    }

    /// A heartbeat in each database, in the PostgreSQL schema of each. Returns whether all were written.
    pub(super) async fn beat(&mut self, namespaces: &[String]) -> bool {
        for (captured, namespace) in self.captured.iter_mut().zip(namespaces) {
            if let Err(why) = captured.beat(namespace).await {
                self.trouble = Some(why);
                return false;
            }
        }
        true
    }

    /// How far those connectors are that must go on, as a number that differs where they are elsewhere. Behind the
    /// fence they go on for ever, by heartbeats, and must not be taken for those that stand still.
    pub(super) fn progress(&self) -> u64 {
        let behind = self.captured.iter().filter(|it| !it.is_past_fence());
        behind.map(CapturedSource::progress).fold(0, u64::wrapping_add)
    }

    /// Whether the connector of a source has to go on still.
    pub(super) fn awaits(&self, source: usize) -> bool {
        self.captured.get(source).is_some_and(|it| !it.is_past_fence())
    }

    /// The number of a table's source.
    pub(super) fn source_of(&self, table: TableId) -> Option<usize> {
        self.sources.get(&table).copied()
    }

    /// Whether the connector has to go on that captures a table.
    pub(super) fn awaits_table(&self, table: TableId) -> bool {
        self.source_of(table).is_some_and(|source| self.awaits(source))
    }

    /// Whether the connectors have handed over all that is before the fence.
    pub(super) fn is_past_fence(&self) -> bool {
        self.captured.iter().all(CapturedSource::is_past_fence)
    }
}

fn arrival(origin: LogPosition, at: u64) -> Arrival {
    Arrival { transaction: origin.transaction, lsn: origin.lsn, at, is_loose: false }
}
