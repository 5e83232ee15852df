//! Topics into which a connector writes what it captures.

pub(super) mod consumer;
mod contents;
mod fetched;

use std::cell::RefCell;
use std::rc::Rc;
use std::time::Duration;

use tokio::sync::watch;

pub use contents::Topics;

use crate::action::message::PREFIX;
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
use crate::observe::kafka::consumer::FromTopics;
use crate::observe::kafka::contents::Changed;
use crate::observe::kafka::contents::Left;
use crate::observe::kafka::contents::TopicRecord;
use crate::observe::reading::Reading;
use crate::sink::postgres::provision::SetupError;
use crate::units::format_duration;

/// How often the connectors are given something to read, while the end is waited for.
const PUSH: Duration = Duration::from_secs(1);

/// Topics that are observed.
#[derive(Debug)]
pub struct Captures {
    /// The topics.
    pub topics: Topics,
    /// The databases that they come from.
    pub sources: Vec<Source>,
    /// For so long nothing may move before the end is given up.
    pub within: Duration,
}

/// Topics that are being read.
pub(super) struct TopicReader {
    reading: Reading<Changed>,
    intake: Intake,
    within: Duration,
}

/// Begins to read: all that comes from now on is seen.
pub(super) async fn open(
    options: &Options,
    (surface, meant): (&str, &Captures),
) -> Result<TopicReader, SetupError> {
    let of = (meant.sources.iter(), meant.topics.tables.values().copied());
    let mut intake =
        Intake::open(options, (surface, "a connector writes"), of, Repeats::default()).await?;
    intake.note_snapshots(&options.world.catalog, false);
    if !meant.topics.messages.is_empty() {
        intake.name(&options.world.catalog);
    }
    let reading = contents::start(meant.topics.clone(), (options, meant.within)).await?;
    Ok(TopicReader { reading, intake, within: meant.within })
}

impl TopicReader {
    /// Reads to the end of what was sent. Returns whether it came there, and what people should know.
    pub(super) async fn work(
        mut self,
        clock: Clock,
        judge: Rc<RefCell<Judge>>,
        mut orders: watch::Receiver<Order>,
    ) -> (bool, Vec<String>) {
        let (mut course, mut look) = (Course::new(self.within), each(LOOK));
        let mut push = each(PUSH);
        loop {
            match course.next(*orders.borrow_and_update()) {
                Next::Wait => {}
                Next::Abandon => return (false, self.intake.notes()),
                Next::Fence => {
                    if self.intake.fence().await {
                        course.is_fenced();
                    }
                }
                Next::GiveUp => {
                    let reason = self.stuck();
                    return self.give_up(&judge, &reason);
                }
            }
            tokio::select! {
                told = self.reading.told.recv() => match told {
                    Some(FromTopics::Record { partition, record, at }) => {
                        if course.ending == Ending::Reading || self.awaits(&record) {
                            course.has_moved();
                        }
                        self.take((partition, at), record, &judge);
                        if let Some(last) = self.take_more(&judge) {
                            return self.last(last, (clock, &judge)).await;
                        }
                        tokio::task::yield_now().await;
                    }
                    Some(last) => return self.last(last, (clock, &judge)).await,
                    None => return self.give_up(&judge, "its thread ended early"),
                },
                _ = look.tick() => {
                    self.intake.look(clock, &judge).await;
                    course.is_at(self.intake.progress());
                    if course.ending == Ending::Fenced && self.intake.is_past_fence() {
                        course.ending = Ending::Reading;
                        self.reading.end();
                    }
                }
                _ = push.tick(), if course.ending == Ending::Fenced => {
                    for captured in &mut self.intake.captured {
                        // It is tried again, and said if the end does not come.
                        let _ = captured.push(PREFIX).await;
                    }
                }
                _ = orders.changed() => {}
            }
        }
    }

    /// Whether a record is from a connector that has to go on still: what others hand over brings no end nearer.
    fn awaits(&self, record: &TopicRecord) -> bool {
        match record {
            TopicRecord::Change(table, _) => self.intake.awaits_table(*table),
            TopicRecord::Message(source, _) | TopicRecord::Ended(source, _) => {
                self.intake.awaits(*source)
            }
        }
    }

    /// Takes a record that came in a partition at a time.
    fn take(&mut self, (partition, at): (usize, u64), record: TopicRecord, judge: &RefCell<Judge>) {
        match record {
            TopicRecord::Change(table, record) => {
                self.intake.take((partition, table), (record, at), judge);
            }
            TopicRecord::Message(database, message) => self.intake.said(database, message, judge),
            TopicRecord::Ended(database, ended) => {
                self.intake.ended((partition, database), &ended, judge);
            }
        }
    }

    /// Takes what waits, as much as one turn allows. Returns what is no record.
    fn take_more(&mut self, judge: &Rc<RefCell<Judge>>) -> Option<Changed> {
        for _ in 0..TURN {
            match self.reading.told.try_recv().ok()? {
                FromTopics::Record { partition, record, at } => {
                    self.take((partition, at), record, judge);
                }
                last => return Some(last),
            }
        }
        None
    }

    /// No more records come.
    async fn last(
        self,
        told: Changed,
        (clock, judge): (Clock, &Rc<RefCell<Judge>>),
    ) -> (bool, Vec<String>) {
        match told {
            FromTopics::AtEnd { of, busy } => self.end((of, busy), (clock, judge)).await,
            FromTopics::Broken(reason) => self.give_up(judge, &reason),
            FromTopics::Record { .. } => self.give_up(judge, "its thread ended early"),
        }
    }

    /// Everything was read.
    async fn end(
        mut self,
        (left, busy): (Left, Option<Duration>),
        (clock, judge): (Clock, &Rc<RefCell<Judge>>),
    ) -> (bool, Vec<String>) {
        let mut notes = self.intake.end(&left.unknown, (clock, judge)).await;
        notes.extend(self.intake.absent(&left.topics));
        if let Some(late) = consumer::late(&self.intake.surface, busy) {
            judge.borrow_mut().spoil(late);
        }
        (true, notes)
    }

    fn give_up(&self, judge: &Rc<RefCell<Judge>>, reason: &str) -> (bool, Vec<String>) {
        self.intake.give_up(judge, reason);
        (false, self.intake.notes())
    }

    fn stuck(&self) -> String {
        let within = format_duration(self.within);
        match self.intake.behind() {
            Some(behind) => format!("for {within} no connector went on: {behind}"),
            None => format!("the topics could not be read to their ends within {within}"),
        }
    }
}
