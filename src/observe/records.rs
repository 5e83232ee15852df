//! Records of changes in objects, as sinks write them to a bucket or a folder: each held against what was acknowledged,
//! as what a slot sends is.
//!
//! ```text
//!   objects ──> whole: records ──> belongs: tables ──> debezium: changes ──> judge
//!   slots of the connectors ── where they are; what sinks hold back nobody says: tails ──┘
//! ```

mod belongs;
mod contents;
mod name;
mod numbers;
mod whole;

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;

pub(crate) use belongs::Stored;

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
use crate::observe::lake::SUNK;
use crate::observe::lake::said::named;
use crate::observe::objects;
use crate::observe::objects::FromObjects;
use crate::observe::objects::looks::Looks;
use crate::observe::reading::Reading;
use crate::observe::records::contents::End;
use crate::observe::records::contents::Item;
use crate::observe::records::contents::Records;
use crate::scenario::LakeSite;
use crate::scenario::TopicFormat;
use crate::sink::postgres::provision::SetupError;
use crate::units::format_duration;

/// Objects that are observed.
#[derive(Debug, Clone)]
pub struct RecordObjects {
    /// Where they are.
    pub(crate) site: LakeSite,
    /// The table of each topic, by which objects are called.
    pub(crate) topics: BTreeMap<String, TableId>,
    /// The same tables, as records call them.
    pub(crate) stored: Vec<Stored>,
    /// How a record is written.
    pub(crate) format: TopicFormat,
    /// So many records of a partition the sink writes together.
    pub(crate) flush: u64,
    /// How often it is looked for new ones.
    pub(crate) every: Duration,
    /// For so long nothing may come at the end.
    pub(crate) within: Duration,
    /// The databases that they come from.
    pub(crate) sources: Vec<Source>,
}

/// Objects that are being read.
pub(super) struct RecordReader {
    reading: Reading<FromObjects<Item, End>>,
    intake: Intake,
    looks: Looks,
    /// So many records are not where they were, and nowhere else yet.
    absent: u64,
}

/// Begins to read: all that comes from now on is seen.
pub(super) async fn open(
    options: &Options,
    (surface, meant): (&str, &RecordObjects),
) -> Result<RecordReader, SetupError> {
    let of = (meant.sources.iter(), meant.topics.values().copied());
    let mut intake = Intake::open(options, (surface, SUNK), of, Repeats::of_files()).await?;
    intake.note_snapshots(&options.world.catalog, true);
    let records = Records::new(meant, Arc::clone(&options.world), options.clock);
    let at = (surface, &meant.site, meant.every);
    let reading = objects::start(at, records, options.clock).await?;
    Ok(RecordReader { reading, intake, looks: Looks::new(meant.every, meant.within), absent: 0 })
}

impl RecordReader {
    /// Reads to the end of what was sent. Returns whether it came there, and what people should know.
    pub(super) async fn work(
        mut self,
        clock: Clock,
        judge: Rc<RefCell<Judge>>,
        mut orders: watch::Receiver<Order>,
    ) -> (bool, Vec<String>) {
        let (mut course, mut look) = (Course::new(self.looks.within), each(LOOK));
        loop {
            match course.next(*orders.borrow_and_update()) {
                Next::Wait => {}
                Next::Abandon => return (false, self.notes()),
                Next::Fence => {
                    if self.intake.fence().await {
                        course.is_fenced();
                    }
                }
                // Nothing says that a sink has done its work: that nothing came for so long must.
                Next::GiveUp if self.is_handed_over(&course) => self.end(&mut course),
                Next::GiveUp => {
                    let reason = self.stuck();
                    return self.give_up(&judge, &reason);
                }
            }
            tokio::select! {
                told = self.reading.told.recv() => {
                    let Some(told) = told else {
                        return self.give_up(&judge, "its thread ended early");
                    };
                    let (has_moved, end) = self.take_all(told, &judge);
                    if has_moved {
                        course.has_moved();
                    }
                    if let Some(end) = end {
                        return self.ended(end, (clock, &judge)).await;
                    }
                    tokio::task::yield_now().await;
                }
                _ = look.tick() => {
                    self.intake.look(clock, &judge).await;
                    course.is_at(self.intake.progress());
                    let is_settled = self.absent == 0 && judge.borrow().is_settled();
                    if is_settled && self.is_handed_over(&course) {
                        self.end(&mut course);
                    }
                }
                _ = orders.changed() => {}
            }
        }
    }

    /// Whether the connectors have handed over all that was sent, and nobody has asked for the last look yet.
    fn is_handed_over(&self, course: &Course) -> bool {
        course.ending == Ending::Fenced && self.intake.is_past_fence()
    }

    /// What is there now is the end.
    fn end(&self, course: &mut Course) {
        course.ending = Ending::Reading;
        course.has_moved();
        self.reading.end();
    }

    /// Takes what the thread tells, as much as one turn allows. Returns whether that brings the end nearer, and the
    /// end, if it is there.
    fn take_all(
        &mut self,
        first: FromObjects<Item, End>,
        judge: &Rc<RefCell<Judge>>,
    ) -> (bool, Option<End>) {
        let (mut told, mut has_moved) = (first, false);
        for left in (0..TURN).rev() {
            match told {
                FromObjects::Of(Item::Row { table, partition, record, at }) => {
                    let of = (partition, table);
                    let has_come = self.intake.take_awaited(of, (record, at), judge);
                    has_moved |= has_come || self.intake.awaits_table(table);
                }
                FromObjects::Of(Item::Gone { table, record, at }) => {
                    has_moved = true;
                    self.intake.lose(table, (record, at), judge);
                }
                // What goes away brings the end no nearer.
                FromObjects::Of(Item::Absent(count)) => {
                    has_moved |= count < self.absent;
                    self.absent = count;
                }
                FromObjects::Of(Item::Partitions { table, count }) => {
                    judge.borrow_mut().has_partitions(table, count);
                }
                FromObjects::Of(Item::Untold(name)) => judge.borrow_mut().spoil(format!(
                    "nobody can tell of which tables the changes in `{name}` are, as neither they nor its name say \
                     so: let `ExtractNewRecordState` have `add.fields=op,lsn,txId,table,schema,db`, or say by `topics` \
                     of the observer `{}` how objects are called",
                    self.intake.surface
                )),
                FromObjects::Looked { trouble, begun, took } => {
                    self.looks.took(trouble, (begun, took));
                }
                FromObjects::Ended(end) => return (has_moved, Some(end)),
            }
            if left == 0 {
                break;
            }
            let Ok(next) = self.reading.told.try_recv() else { break };
            told = next;
        }
        (has_moved, None)
    }

    /// Everything was read.
    async fn ended(
        mut self,
        End { unknown, gone, forgotten }: End,
        (clock, judge): (Clock, &Rc<RefCell<Judge>>),
    ) -> (bool, Vec<String>) {
        let mut notes = self.intake.end(&unknown, (clock, judge)).await;
        let surface = &self.intake.surface;
        notes.push(self.looks.note(surface));
        let gone: Vec<_> = gone.iter().map(|(name, records)| (name.as_str(), *records)).collect();
        let why = "not there any more, which they were";
        notes.extend(named(surface, &gone, ("object", "records"), why));
        if forgotten > 0 {
            judge.borrow_mut().spoil(format!(
                "objects with {forgotten} records were replaced or removed after the observer `{surface}` had read \
                 them, so long ago that nobody knows which records these were"
            ));
        }
        (true, notes)
    }

    fn notes(&self) -> Vec<String> {
        let mut notes = self.intake.notes();
        notes.push(self.looks.note(&self.intake.surface));
        notes
    }

    fn give_up(&self, judge: &Rc<RefCell<Judge>>, reason: &str) -> (bool, Vec<String>) {
        self.intake.give_up(judge, reason);
        (false, self.notes())
    }

    fn stuck(&self) -> String {
        match self.intake.behind() {
            Some(behind) => {
                let within = format_duration(self.looks.within);
                format!("for {within} no connector went on: {behind}")
            }
            None => self.looks.stuck(),
        }
    }
}
