//! A lake into which a sink writes what connectors capture: Iceberg tables of changes, each held against what
//! was acknowledged, as what a slot sends is.
//!
//! ```text
//!   catalog ──> table: newest metadata, its commits ──> store: files ──> rows ──> judge
//!   slots of the connectors, heartbeats ── where they are, and where the lake is ──┘
//! ```

mod catalog;
mod changes;
mod commit;
mod files;
mod history;
mod kept;
mod poll;
mod quiet;
pub(super) mod rows;
pub(super) mod said;
mod table;
#[cfg(test)]
mod tests;

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::rc::Rc;
use std::time::Duration;

use tokio::sync::watch;
use tokio::time::Instant;

pub(crate) use catalog::Catalog;

use crate::action::TableId;
use crate::measure::Clock;
use crate::observe::Options;
use crate::observe::Order;
use crate::observe::Source;
use crate::observe::course::Course;
use crate::observe::course::Ending;
use crate::observe::course::LOOK;
use crate::observe::course::Next;
use crate::observe::course::TURN;
use crate::observe::course::each;
use crate::observe::debezium::Intake;
use crate::observe::debezium::repeats::Repeats;
use crate::observe::judge::Judge;
use crate::observe::lake::changes::DataFile;
use crate::observe::lake::poll::FromLake;
use crate::observe::lake::poll::Gone;
use crate::observe::reading::Reading;
use crate::scenario::LakeSite;
use crate::scenario::TopicFormat;
use crate::sink::postgres::provision::SetupError;
use crate::sink::postgres::replication::Lsn;

/// What comes there, for people.
pub(super) const SUNK: &str = "a sink writes of a connector's records";
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
    polling: Reading<FromLake>,
    intake: Intake,
    namespaces: Vec<String>,
    within: Duration,
    every: Duration,
    /// By source: the last heartbeat that came.
    beats: Vec<Option<Lsn>>,
    /// Since when the heartbeats have passed the fence.
    past: Option<Instant>,
    /// Commits in a row that brought a heartbeat of each source and nothing else.
    quiet: u32,
    trouble: Option<String>,
    slowest: Duration,
    /// So many files were looked for at the end, at most.
    looked_for: usize,
}

/// Begins to read: all that is committed to the lake from now on is seen.
pub(super) async fn open(
    options: &Options,
    (surface, lake): (&str, &Lake),
) -> Result<LakeReader, SetupError> {
    let of = (lake.sources.iter().map(|it| &it.0), lake.tables.values().copied());
    let mut intake = Intake::open(options, (surface, SUNK), of, Repeats::of_files()).await?;
    intake.note_snapshots(&options.world.catalog, true);
    let about = (options.application.as_str(), options.clock);
    Ok(LakeReader {
        polling: poll::start(lake, &options.world, about).await?,
        beats: vec![None; intake.captured.len()],
        intake,
        namespaces: lake.sources.iter().map(|it| it.1.clone()).collect(),
        within: lake.within,
        every: lake.every,
        past: None,
        quiet: 0,
        trouble: None,
        slowest: Duration::ZERO,
        looked_for: 0,
    })
}

/// What was taken from the thread.
enum Taken {
    /// Rows, and what else is between looks.
    Rows,
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

impl LakeReader {
    /// Reads to the end of what was sent. Returns whether it came there, and what people should know.
    pub(super) async fn work(
        mut self,
        clock: Clock,
        judge: Rc<RefCell<Judge>>,
        mut orders: watch::Receiver<Order>,
    ) -> (bool, Vec<String>) {
        let (mut course, mut look) = (Course::new(self.within), each(LOOK));
        loop {
            match course.next(*orders.borrow_and_update()) {
                Next::Wait => {}
                Next::Abandon => return (false, self.notes()),
                Next::Fence => {
                    if self.fence().await {
                        course.is_fenced();
                    }
                }
                Next::GiveUp => {
                    let reason = self.stuck();
                    return self.give_up(&judge, &reason);
                }
            }
            tokio::select! {
                told = self.polling.told.recv() => {
                    let Some(told) = told else {
                        return self.give_up(&judge, "its thread ended early");
                    };
                    let (taken, has_moved) = self.take_all(told, &judge);
                    if has_moved {
                        course.has_moved();
                    }
                    match taken {
                        Taken::Looked if course.ending == Ending::Fenced => match self.is_over(&judge).await {
                            Over::No => {}
                            Over::Soon => course.has_moved(),
                            Over::Yes => {
                                course.ending = Ending::Reading;
                                self.polling.end();
                            }
                        },
                        Taken::Looked | Taken::Rows => {}
                        Taken::Ended(unknown, missing, gone) => {
                            return self.end(&unknown, (&missing, &gone), (clock, &judge)).await;
                        }
                        Taken::Broken(reason) => return self.give_up(&judge, &reason),
                    }
                    tokio::task::yield_now().await;
                }
                _ = look.tick() => {
                    self.intake.look(clock, &judge).await;
                    course.is_at(self.intake.progress());
                }
                _ = orders.changed() => {}
            }
        }
    }

    /// Takes what the thread tells: rows, as many as one turn allows, up to what is none. Returns also whether that
    /// brings the end nearer.
    fn take_all(&mut self, first: FromLake, judge: &Rc<RefCell<Judge>>) -> (Taken, bool) {
        let (mut told, mut has_moved) = (first, false);
        for left in (0..TURN).rev() {
            match told {
                FromLake::Row { table, record, at } => {
                    let has_come = self.intake.take_awaited((0, table), (record, at), judge);
                    has_moved |= has_come || self.awaits(table);
                }
                FromLake::Beat { source, lsn } => {
                    // Behind the fence they come for ever.
                    has_moved |= !self.intake.captured[source].is_fenced_before(lsn);
                    let beat = &mut self.beats[source];
                    *beat = (*beat).max(Some(lsn));
                }
                FromLake::Looked { trouble, took } => {
                    (self.trouble, self.slowest) = (trouble, self.slowest.max(took));
                    return (Taken::Looked, has_moved);
                }
                FromLake::Busy { files } => {
                    // A look that begins anew, since the store failed, brings nothing.
                    has_moved |= files > self.looked_for;
                    self.looked_for = self.looked_for.max(files);
                }
                FromLake::Gone { table, record, at } => {
                    has_moved = true;
                    self.intake.lose(table, (record, at), judge);
                }
                FromLake::Ended { unknown, missing, gone } => {
                    return (Taken::Ended(unknown, missing, gone), has_moved);
                }
                FromLake::Broken(reason) => return (Taken::Broken(reason), has_moved),
            }
            if left == 0 {
                break;
            }
            let Ok(next) = self.polling.told.try_recv() else { break };
            told = next;
        }
        (Taken::Rows, has_moved)
    }

    /// Whether the heartbeat behind all that was sent is still to come from the source of a table: then all that comes
    /// from there is on the way to it. Others may write without an end.
    fn awaits(&self, table: TableId) -> bool {
        let Some(source) = self.intake.source_of(table) else { return false };
        self.beats[source].is_some_and(|beat| !self.intake.captured[source].is_fenced_before(beat))
    }

    /// Behind all that was sent, a heartbeat. Returns whether there is one in each database.
    async fn fence(&mut self) -> bool {
        self.intake.has_news = false;
        self.intake.fence().await && self.intake.beat(&self.namespaces).await
    }

    /// Called after a look. A sink hands over one topic sooner than another, so a heartbeat alone says nothing of
    /// the rest: either all that is expected has come as well, or commits bring nothing but heartbeats.
    async fn is_over(&mut self, judge: &Rc<RefCell<Judge>>) -> Over {
        let is_settled = judge.borrow().is_settled();
        let has_beats = self.beats.iter().all(Option::is_some);
        let are_past = self.intake.captured.iter().zip(&self.beats);
        let are_past = are_past.into_iter().all(|(captured, beat)| match beat {
            Some(beat) => captured.is_fenced_before(*beat),
            None => captured.is_past_fence(),
        });
        if !are_past || (!has_beats && !is_settled) {
            return Over::No;
        }
        // Others may write without an end.
        let since = *self.past.get_or_insert_with(Instant::now);
        if is_settled || since.elapsed() > self.within {
            return Over::Yes;
        }
        self.quiet = if self.intake.has_news { 0 } else { self.quiet + 1 };
        if self.quiet >= QUIET {
            return Over::Yes;
        }
        if self.fence().await { Over::Soon } else { Over::No }
    }
}
