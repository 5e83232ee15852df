//! A lake into which a sink writes what connectors capture: Iceberg tables of changes, each held against what
//! was acknowledged, as what a slot sends is.
//!
//! ```text
//!   catalog ──> table: newest metadata, its commits ──> store: files ──> rows ──> judge
//!   slots of the connectors, heartbeats ── where they are, and where the lake is ──┘
//! ```

mod avro;
mod catalog;
mod kept;
mod poll;
mod rows;
mod said;
mod store;
mod table;
#[cfg(test)]
mod tests;

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::rc::Rc;
use std::time::Duration;

use tokio::sync::watch;
use tokio::time::Instant;
use tokio::time::MissedTickBehavior;

pub(crate) use catalog::Catalog;

use crate::action::TableId;
use crate::measure::Clock;
use crate::observe::Options;
use crate::observe::Order;
use crate::observe::RowChange;
use crate::observe::Source;
use crate::observe::judge::Judge;
use crate::observe::kafka::record::Origin;
use crate::observe::kafka::record::Record;
use crate::observe::kafka::repeats::Repeats;
use crate::observe::kafka::source::Captured;
use crate::observe::lake::poll::Gone;
use crate::observe::lake::poll::Polling;
use crate::observe::lake::poll::Told;
use crate::observe::lake::table::DataFile;
use crate::observe::notes::Arrival;
use crate::scenario::LakeSite;
use crate::scenario::TopicFormat;
use crate::sink::postgres::provision::SetupError;
use crate::sink::postgres::replication::Lsn;

/// How often the connectors are looked at.
const LOOK: Duration = Duration::from_millis(500);
/// Rows taken before others have their turn.
const TURN: usize = 1024;
/// So many commits in a row with nothing but a heartbeat of ours say that no more comes.
const QUIET: u32 = 3;

/// Tables that are observed.
#[derive(Debug, Clone)]
pub struct Lake {
    /// Where their files are.
    pub(crate) site: LakeSite,
    /// Who knows which metadata is the newest.
    pub(crate) catalog: Catalog,
    /// The tables, by their names with their namespaces.
    pub(crate) tables: BTreeMap<String, TableId>,
    /// The tables into which heartbeats come, and the numbers of their sources.
    pub(crate) beats: BTreeMap<String, usize>,
    /// How a row is written.
    pub(crate) format: TopicFormat,
    /// How often it is looked for news.
    pub(crate) every: Duration,
    /// For so long nothing may move before the end is given up.
    pub(crate) within: Duration,
    /// The databases that they come from, and the PostgreSQL schema of the heartbeats in each.
    pub(crate) sources: Vec<(Source, String)>,
}

/// A lake that is being read.
pub(super) struct LakeReader {
    surface: String,
    polling: Polling,
    captured: Vec<Captured>,
    namespaces: Vec<String>,
    within: Duration,
    every: Duration,
    /// By table: what was committed before it is none of this run.
    opening: BTreeMap<TableId, Lsn>,
    repeats: Repeats,
    /// By source: the last heartbeat that came.
    beats: Vec<Option<Lsn>>,
    /// Commits in a row that brought a heartbeat of each source and nothing else.
    quiet: u32,
    /// Something came since the last heartbeats.
    has_news: bool,
    trouble: Option<String>,
    slowest: Duration,
    snapshot: u64,
    earlier: u64,
    names: BTreeMap<(TableId, usize), String>,
}

/// Begins to read: all that is committed to the lake from now on is seen.
pub(super) async fn open(
    options: &Options,
    (surface, lake): (&str, &Lake),
) -> Result<LakeReader, SetupError> {
    let mut captured = Vec::new();
    for (source, _) in &lake.sources {
        captured.push(Captured::open(source.clone(), options.application.clone()).await?);
    }
    let about = (options.application.as_str(), options.clock);
    let polling = Polling::start(lake, &options.world, about).await?;
    let mut opening = BTreeMap::new();
    let mut names = BTreeMap::new();
    for table in lake.tables.values() {
        let info = options.world.catalog.table(*table);
        let of = captured.iter().find(|it| it.source.domains.contains(&info.domain));
        opening.insert(*table, of.map(|it| it.opening).unwrap_or_default());
        for (at, (column, _)) in info.columns.iter().enumerate() {
            names.insert((*table, at), format!("{}.{column}", info.name));
        }
    }
    Ok(LakeReader {
        surface: surface.to_owned(),
        polling,
        beats: vec![None; captured.len()],
        captured,
        namespaces: lake.sources.iter().map(|it| it.1.clone()).collect(),
        within: lake.within,
        every: lake.every,
        opening,
        repeats: Repeats::of_files(),
        quiet: 0,
        has_news: true,
        trouble: None,
        slowest: Duration::ZERO,
        snapshot: 0,
        earlier: 0,
        names,
    })
}

/// What was taken from the thread.
enum Taken {
    /// Rows.
    News,
    /// A look has ended.
    Looked,
    /// The last look has.
    Ended(BTreeMap<(TableId, usize), u64>, Vec<DataFile>, Gone),
    Broken(String),
}

/// Whether all is there that will be.
enum Over {
    No,
    /// One more commit says that.
    Soon,
    Yes,
}

/// How far the end is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Ending {
    /// More is sent.
    NotYet,
    /// The sink must commit what is before the fence.
    Fenced,
    /// What is committed must be read.
    Reading,
}

impl LakeReader {
    /// Reads to the end of what was sent. Returns whether it came there, and what people should know.
    pub(super) async fn work(
        mut self,
        clock: Clock,
        judge: Rc<RefCell<Judge>>,
        mut orders: watch::Receiver<Order>,
    ) -> (bool, Vec<String>) {
        let mut ending = Ending::NotYet;
        let mut look = tokio::time::interval(LOOK);
        look.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let (mut moved, mut progress) = (Instant::now(), 0);
        loop {
            let order = *orders.borrow_and_update();
            if order == Order::Abandon {
                return (false, self.notes());
            }
            if ending == Ending::NotYet && order == Order::Finish {
                if let Err(reason) = self.fence().await {
                    return self.give_up(&judge, &reason);
                }
                (ending, moved) = (Ending::Fenced, Instant::now());
            }
            if ending != Ending::NotYet && moved.elapsed() > self.within {
                let reason = self.stuck();
                return self.give_up(&judge, &reason);
            }
            tokio::select! {
                told = self.polling.told.recv() => {
                    let Some(told) = told else {
                        return self.give_up(&judge, "its thread ended early");
                    };
                    match self.take_all(told, &judge) {
                        Taken::News => moved = Instant::now(),
                        Taken::Looked if ending == Ending::Fenced => match self.is_over(&judge).await {
                            Ok(Over::No) => {}
                            Ok(Over::Soon) => moved = Instant::now(),
                            Ok(Over::Yes) => {
                                ending = Ending::Reading;
                                self.polling.end();
                            }
                            Err(reason) => return self.give_up(&judge, &reason),
                        },
                        Taken::Looked => {}
                        Taken::Ended(unknown, missing, gone) => {
                            self.look(clock, &judge).await;
                            return self.end(&unknown, (&missing, &gone), &judge);
                        }
                        Taken::Broken(reason) => return self.give_up(&judge, &reason),
                    }
                    tokio::task::yield_now().await;
                }
                _ = look.tick() => {
                    self.look(clock, &judge).await;
                    // Behind the fence they go on for ever, by heartbeats.
                    let behind = self.captured.iter().filter(|it| !it.is_past_fence());
                    let now: u64 = behind.map(Captured::progress).sum();
                    if now != progress {
                        (progress, moved) = (now, Instant::now());
                    }
                }
                _ = orders.changed() => {}
            }
        }
    }

    /// Takes what the thread tells: rows, as many as one turn allows, up to what is none.
    fn take_all(&mut self, first: Told, judge: &Rc<RefCell<Judge>>) -> Taken {
        let mut told = first;
        for left in (0..TURN).rev() {
            match told {
                Told::Row { table, record, at } => self.take(table, record, at, judge),
                Told::Beat { source, lsn } => {
                    let beat = &mut self.beats[source];
                    *beat = (*beat).max(Some(lsn));
                }
                Told::Looked { trouble, took } => {
                    (self.trouble, self.slowest) = (trouble, self.slowest.max(took));
                    return Taken::Looked;
                }
                Told::Busy => {}
                Told::Gone { table, record, at } => self.lose(table, record, at, judge),
                Told::Ended { unknown, missing, gone } => {
                    return Taken::Ended(unknown, missing, gone);
                }
                Told::Broken(reason) => return Taken::Broken(reason),
            }
            if left == 0 {
                break;
            }
            let Ok(next) = self.polling.told.try_recv() else { break };
            told = next;
        }
        Taken::News
    }

    /// A row came.
    fn take(&mut self, table: TableId, record: Record, at: u64, judge: &Rc<RefCell<Judge>>) {
        let mut judge = judge.borrow_mut();
        let opening = self.opening.get(&table).copied().unwrap_or_default();
        match record {
            Record::Nothing => {}
            Record::Snapshot => self.snapshot += 1,
            Record::Strange(why) => judge.spoil(format!(
                "what comes to the observer `{}` is not what a sink writes of a connector's records: {why}",
                self.surface
            )),
            Record::Change(_, origin) | Record::Truncated(origin) if origin.lsn < opening => {
                self.earlier += 1;
            }
            Record::Truncated(origin) => {
                self.has_news = true;
                judge.notes.truncated(table, arrival(origin, at));
                judge.truncated(table, origin.lsn);
            }
            Record::Change(change, origin) => {
                self.has_news = true;
                if let Some(change) = self.repeats.came(0, (change, origin), at) {
                    judge.notes.change(&change, arrival(origin, at), None);
                    judge.see(change, at, origin.lsn);
                }
            }
        }
    }

    /// A row that came is not there any more.
    fn lose(&mut self, table: TableId, record: Record, at: u64, judge: &Rc<RefCell<Judge>>) {
        let opening = self.opening.get(&table).copied().unwrap_or_default();
        if let Record::Change(change, origin) = record
            && origin.lsn >= opening
        {
            let mut judge = judge.borrow_mut();
            judge.notes.gone(&change, arrival(origin, at));
            judge.gone(&change, origin.lsn);
        }
    }

    /// Looks at the connectors, and decides what came again before.
    async fn look(&mut self, clock: Clock, judge: &Rc<RefCell<Judge>>) {
        let (now, mut is_known) = (clock.now(), true);
        for captured in &mut self.captured {
            match captured.look(clock).await {
                Ok(restart) => restart.into_iter().for_each(|it| self.repeats.restarted(it)),
                // The server is away: what reads it is, too, and begins again.
                Err(_) => is_known = false,
            }
        }
        if is_known {
            self.decide(now, &mut judge.borrow_mut());
        }
    }

    fn decide(&mut self, looked: u64, judge: &mut Judge) {
        for (repeat, is_replay) in self.repeats.decided(looked) {
            let change: RowChange = repeat.change;
            judge.notes.change(&change, arrival(repeat.origin, repeat.at), Some(is_replay));
            judge.repeated(std::slice::from_ref(&change), is_replay, repeat.origin.lsn);
        }
    }

    /// Behind all that was sent, a heartbeat.
    async fn fence(&mut self) -> Result<(), String> {
        for (captured, namespace) in self.captured.iter_mut().zip(&self.namespaces) {
            captured.fence().await?;
            captured.beat(namespace).await?;
        }
        self.has_news = false;
        Ok(())
    }

    /// Called after a look. A sink hands over one topic sooner than another, so a heartbeat alone says nothing of
    /// the rest: either all that is expected has come as well, or commits bring nothing but heartbeats.
    async fn is_over(&mut self, judge: &Rc<RefCell<Judge>>) -> Result<Over, String> {
        let is_settled = judge.borrow().is_settled();
        let has_beats = self.beats.iter().all(Option::is_some);
        let are_past = self.captured.iter().zip(&self.beats);
        let are_past = are_past.into_iter().all(|(captured, beat)| match beat {
            Some(beat) => captured.is_fenced_before(*beat),
            None => captured.is_past_fence(),
        });
        if !are_past || (!has_beats && !is_settled) {
            return Ok(Over::No);
        }
        if is_settled {
            return Ok(Over::Yes);
        }
        self.quiet = if self.has_news { 0 } else { self.quiet + 1 };
        if self.quiet >= QUIET {
            return Ok(Over::Yes);
        }
        self.fence().await?;
        Ok(Over::Soon)
    }
}

fn arrival(origin: Origin, at: u64) -> Arrival {
    Arrival { transaction: origin.transaction, lsn: origin.lsn, at }
}
