//! Topics into which a connector writes what it captures: each record is held against what was
//! acknowledged, as what a slot sends is.
//!
//! ```text
//!   topics ── consumer (a thread) ──> record: values ──> repeats ──> judge
//!   slots of the connectors ── source: where they are, whether they began again ──┘
//! ```

mod consumer;
pub(super) mod record;
pub(super) mod repeats;
pub(super) mod source;
#[cfg(test)]
mod tests;
mod values;

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::rc::Rc;
use std::time::Duration;

use tokio::sync::watch;
use tokio::time::Instant;
use tokio::time::MissedTickBehavior;

pub use consumer::Topics;

use crate::action::TableId;
use crate::measure::Clock;
use crate::observe::Options;
use crate::observe::Order;
use crate::observe::RowChange;
use crate::observe::Source;
use crate::observe::judge::Judge;
use crate::observe::kafka::consumer::Reading;
use crate::observe::kafka::consumer::Told;
use crate::observe::kafka::record::Origin;
use crate::observe::kafka::record::Record;
use crate::observe::kafka::repeats::Repeats;
use crate::observe::kafka::source::Captured;
use crate::observe::notes::Arrival;
use crate::observe::stream::PREFIX;
use crate::sink::postgres::provision::SetupError;
use crate::sink::postgres::replication::Lsn;
use crate::units::format_duration;

/// How often the connectors are looked at.
const LOOK: Duration = Duration::from_millis(500);
/// How often they are given something to read, while the end is waited for.
const PUSH: Duration = Duration::from_secs(1);
/// For so long nothing may move before the end is given up.
const PATIENCE: Duration = Duration::from_mins(2);
/// Records taken before others have their turn.
const TURN: usize = 1024;

/// Topics that are observed.
#[derive(Debug)]
pub struct Captures {
    /// The topics.
    pub topics: Topics,
    /// The databases that they come from.
    pub sources: Vec<Source>,
}

/// Topics that are being read.
pub(super) struct TopicReader {
    surface: String,
    reading: Reading,
    captured: Vec<Captured>,
    /// By table: what was committed before it is none of this run.
    opening: BTreeMap<TableId, Lsn>,
    repeats: Repeats,
    snapshot: u64,
    earlier: u64,
    names: BTreeMap<(TableId, usize), String>,
}

/// Begins to read: all that comes from now on is seen.
pub(super) async fn open(
    options: &Options,
    (surface, meant): (&str, &Captures),
) -> Result<TopicReader, SetupError> {
    let mut captured = Vec::new();
    for source in &meant.sources {
        captured.push(Captured::open(source.clone(), options.application.clone()).await?);
    }
    let topics = meant.topics.clone();
    let reading = Reading::start(topics, std::sync::Arc::clone(&options.world), options.clock)?;
    let mut opening = BTreeMap::new();
    let mut names = BTreeMap::new();
    for table in meant.topics.tables.values() {
        let info = options.world.catalog.table(*table);
        let of = captured.iter().find(|it| it.source.domains.contains(&info.domain));
        opening.insert(*table, of.map(|it| it.opening).unwrap_or_default());
        for (at, (column, _)) in info.columns.iter().enumerate() {
            names.insert((*table, at), format!("{}.{column}", info.name));
        }
    }
    Ok(TopicReader {
        surface: surface.to_owned(),
        reading,
        captured,
        opening,
        repeats: Repeats::default(),
        snapshot: 0,
        earlier: 0,
        names,
    })
}

/// How far the end is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Ending {
    /// More is sent.
    NotYet,
    /// The connectors must pass the fence.
    Fenced,
    /// What is in the topics must be read.
    Reading,
}

impl TopicReader {
    /// Reads to the end of what was sent. Returns whether it came there, and what people should know.
    pub(super) async fn work(
        mut self,
        clock: Clock,
        judge: Rc<RefCell<Judge>>,
        mut orders: watch::Receiver<Order>,
    ) -> (bool, Vec<String>) {
        let mut ending = Ending::NotYet;
        let mut look = tokio::time::interval(LOOK);
        // One look may take longer than the time between two: records must not wait for each of them.
        look.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut push = tokio::time::interval(PUSH);
        push.set_missed_tick_behavior(MissedTickBehavior::Delay);
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
            if ending != Ending::NotYet && moved.elapsed() > PATIENCE {
                let reason = self.stuck(ending);
                return self.give_up(&judge, &reason);
            }
            tokio::select! {
                told = self.reading.told.recv() => match told {
                    Some(Told::Record { partition, table, record, at }) => {
                        moved = Instant::now();
                        self.take((partition, table), record, at, &judge);
                        if let Some(last) = self.take_more(&judge) {
                            return self.last(last, (clock, &judge)).await;
                        }
                        tokio::task::yield_now().await;
                    }
                    Some(last) => return self.last(last, (clock, &judge)).await,
                    None => return self.give_up(&judge, "its thread ended early"),
                },
                _ = look.tick() => {
                    self.look(clock, &judge).await;
                    let now: u64 = self.captured.iter().map(Captured::progress).sum();
                    if now != progress {
                        (progress, moved) = (now, Instant::now());
                    }
                    if ending == Ending::Fenced && self.captured.iter().all(Captured::is_past_fence) {
                        ending = Ending::Reading;
                        self.reading.end();
                    }
                }
                _ = push.tick(), if ending == Ending::Fenced => {
                    for captured in &mut self.captured {
                        // It is tried again, and said if the end does not come.
                        let _ = captured.push(PREFIX).await;
                    }
                }
                _ = orders.changed() => {}
            }
        }
    }

    /// Takes what waits, as much as one turn allows. Returns what is no record.
    fn take_more(&mut self, judge: &Rc<RefCell<Judge>>) -> Option<Told> {
        for _ in 0..TURN {
            match self.reading.told.try_recv().ok()? {
                Told::Record { partition, table, record, at } => {
                    self.take((partition, table), record, at, judge);
                }
                last => return Some(last),
            }
        }
        None
    }

    /// No more records come.
    async fn last(
        self,
        told: Told,
        (clock, judge): (Clock, &Rc<RefCell<Judge>>),
    ) -> (bool, Vec<String>) {
        match told {
            Told::AtEnd { unknown, busy } => self.end(unknown, busy, (clock, judge)).await,
            Told::Broken(reason) => self.give_up(judge, &reason),
            Told::Record { .. } => self.give_up(judge, "its thread ended early"),
        }
    }

    async fn fence(&mut self) -> Result<(), String> {
        for captured in &mut self.captured {
            captured.fence().await?;
        }
        Ok(())
    }

    /// A record came.
    fn take(
        &mut self,
        (partition, table): (usize, TableId),
        record: Record,
        at: u64,
        judge: &Rc<RefCell<Judge>>,
    ) {
        let mut judge = judge.borrow_mut();
        let opening = self.opening.get(&table).copied().unwrap_or_default();
        match record {
            Record::Nothing => {}
            Record::Snapshot => self.snapshot += 1,
            Record::Strange(why) => judge.spoil(format!(
                "what comes to the observer `{}` is not what a connector writes: {why}",
                self.surface
            )),
            Record::Change(_, origin) | Record::Truncated(origin) if origin.lsn < opening => {
                self.earlier += 1;
            }
            Record::Truncated(origin) => {
                judge.notes.truncated(table, arrival(origin, at));
                judge.truncated(table, origin.lsn);
            }
            Record::Change(change, origin) => {
                if let Some(change) = self.repeats.came(partition, (change, origin), at) {
                    judge.notes.change(&change, arrival(origin, at), None);
                    judge.see(change, at, origin.lsn);
                }
            }
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
        if self.repeats.is_beyond {
            judge.spoil(format!(
                "more came again at the observer `{}` than is kept until its connector is looked at; so nobody \
                 can tell what of it was doubled",
                self.surface
            ));
        }
        for (repeat, is_replay) in self.repeats.decided(looked) {
            let change: RowChange = repeat.change;
            judge.notes.change(&change, arrival(repeat.origin, repeat.at), Some(is_replay));
            judge.repeated(std::slice::from_ref(&change), is_replay, repeat.origin.lsn);
        }
    }

    /// Everything was read.
    async fn end(
        mut self,
        unknown: BTreeMap<(TableId, usize), u64>,
        busy: Option<Duration>,
        (clock, judge): (Clock, &Rc<RefCell<Judge>>),
    ) -> (bool, Vec<String>) {
        self.look(clock, judge).await;
        self.decide(u64::MAX, &mut judge.borrow_mut());
        if let Some(busy) = busy {
            judge.borrow_mut().spoil(format!(
                "the observer `{}` was late: for {} records waited for it, so lags are its own; give loadgen \
                 more processors",
                self.surface,
                format_duration(Duration::from_secs(busy.as_secs()))
            ));
        }
        let mut notes = self.notes();
        if !unknown.is_empty() {
            let count: u64 = unknown.values().sum();
            let columns: Vec<_> =
                unknown.keys().filter_map(|at| self.names.get(at).map(String::as_str)).collect();
            notes.push(format!(
                "the observer `{}` could not compare {count} values, as what came leaves open what they are: {}",
                self.surface,
                columns.join(", ")
            ));
        }
        (true, notes)
    }

    fn notes(&self) -> Vec<String> {
        let surface = &self.surface;
        let counted = [
            (self.snapshot, "rows of a snapshot came, which are no changes and not judged"),
            (self.earlier, "changes came that had been made before the run"),
        ];
        let counted = counted.into_iter().filter(|(count, _)| *count > 0);
        counted
            .map(|(count, what)| format!("at the observer `{surface}`, {count} {what}"))
            .collect()
    }

    fn give_up(&self, judge: &Rc<RefCell<Judge>>, reason: &str) -> (bool, Vec<String>) {
        let text = format!("the observer `{}` did not come to its end: {reason}", self.surface);
        judge.borrow_mut().spoil(text);
        (false, self.notes())
    }

    fn stuck(&self, ending: Ending) -> String {
        let patience = PATIENCE.as_secs();
        if ending == Ending::Reading {
            return format!("the topics could not be read to their ends within {patience} s");
        }
        let behind = self.captured.iter().filter(|it| !it.is_past_fence());
        let behind: Vec<_> = behind.map(Captured::shown).collect();
        format!("for {patience} s no connector went on: {}", behind.join("; "))
    }
}

fn arrival(origin: Origin, at: u64) -> Arrival {
    Arrival { transaction: origin.transaction, lsn: origin.lsn, at }
}
