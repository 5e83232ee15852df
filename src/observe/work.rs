//! The observer's thread: makes what is read, reads it, takes what the engine tells, and judges.

use std::cell::RefCell;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::sync::mpsc::Receiver;
use std::sync::mpsc::SyncSender;
use std::time::Duration;

use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::task::LocalSet;

use crate::ledger::Ledger;
use crate::measure::Clock;
use crate::measure::Findings;
use crate::observe::Captures;
use crate::observe::Done;
use crate::observe::FromEngine;
use crate::observe::Options;
use crate::observe::Order;
use crate::observe::Shared;
use crate::observe::SurfaceKind;
use crate::observe::events::files;
use crate::observe::events::files::FileReader;
use crate::observe::events::judge::EventJudge;
use crate::observe::events::render::EventRenderer;
use crate::observe::events::topics;
use crate::observe::events::topics::EventReader;
use crate::observe::judge::Judge;
use crate::observe::kafka;
use crate::observe::kafka::TopicReader;
use crate::observe::lake;
use crate::observe::lake::LakeReader;
use crate::observe::poll;
use crate::observe::poll::PollReader;
use crate::observe::reader::SlotReader;
use crate::observe::reasons::Reasons;
use crate::observe::reasons::not_compared;
use crate::observe::records;
use crate::observe::records::RecordReader;
use crate::observe::slots;
use crate::observe::slots::Claims;
use crate::observe::stream::SlotStream;
use crate::observe::table::ChangeSource;
use crate::observe::tails::Tails;
use crate::observe::taker::Judging;
use crate::observe::taker::Taker;
use crate::observe::transactions::Transactions;
use crate::scenario::TopicFormat;
use crate::sink::postgres::provision::SetupError;

/// How long a reader of which nothing more is wanted may take to say what it knows.
const ABANDONED: Duration = Duration::from_millis(250);

/// What the thread does, from its beginning to its end.
pub(super) fn work(
    options: &Options,
    (facts, orders): (&Receiver<FromEngine>, &watch::Receiver<Order>),
    shared: &Shared,
    ready: &SyncSender<Result<(), SetupError>>,
) -> Done {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let mut notes = Vec::new();
    let made = match &runtime {
        Ok(runtime) => runtime.block_on(make_unless_abandoned(options, orders, &mut notes)),
        Err(error) => Err(SetupError::Local(error.to_string())),
    };
    let (runtime, (opened, claims)) = match (runtime, made) {
        (Ok(runtime), Ok(made)) => (runtime, made),
        (_, made) => {
            let _ = ready.send(made.map(drop));
            return Done { findings: Findings::default(), notes };
        }
    };
    let _ = ready.send(Ok(()));
    let judges: Vec<_> = (0..options.surfaces.len()).map(|it| judging(options, it)).collect();
    let local = LocalSet::new();
    let told = ((facts, orders), shared);
    let observed = local.block_on(&runtime, observe(options, told, opened, &judges));
    // Readers that ended early hold on to their judges no longer.
    drop(local);
    runtime.block_on(slots::remove(options, orders, &mut notes));
    drop(claims);
    notes.extend(observed.notes.iter().cloned());
    for ((surface, judge), is_read) in
        options.surfaces.iter().zip(&judges).zip(&observed.is_complete)
    {
        let Judging::Rows(judge) = judge else { continue };
        let absent = judge.borrow_mut().leave_out_absent();
        let absent = absent.iter().filter(|_| *is_read);
        notes.extend(absent.map(|table| {
            format!(
                "no canary came to `{}`, as nobody captures `{table}` there, so there was none to judge; let it \
                 be captured, or write `cdc: {{ canary: off }}`",
                surface.name
            )
        }));
    }
    let findings = findings(options, judges, observed);
    notes.extend(findings.surfaces.iter().filter_map(not_compared));
    Done { findings, notes }
}

/// As [`make`], until it is not wanted any more. Then what was made goes.
async fn make_unless_abandoned(
    options: &Options,
    orders: &watch::Receiver<Order>,
    notes: &mut Vec<String>,
) -> Result<(Opened, Claims), SetupError> {
    let mut abandoned = orders.clone();
    let made = tokio::select! {
        made = make(options, orders, notes) => Some(made),
        _ = abandoned.wait_for(|order| *order == Order::Abandon) => None,
    };
    if let Some(made) = made {
        return made;
    }
    slots::give_up(options, orders, notes).await;
    Err(SetupError::Local("stopped before what is observed could be read".to_owned()))
}

/// Makes what is read, and begins to read what others make.
async fn make(
    options: &Options,
    orders: &watch::Receiver<Order>,
    notes: &mut Vec<String>,
) -> Result<(Opened, Claims), SetupError> {
    let mut opened = Vec::new();
    for (number, surface) in options.surfaces.iter().enumerate() {
        let reader = match &surface.kind {
            SurfaceKind::Slots(_) => continue,
            SurfaceKind::Polled(polled) => {
                SurfaceReader::Poll(Box::new(poll::open(options, polled).await?))
            }
            SurfaceKind::Kafka(captures) => SurfaceReader::Topics(Box::new(
                kafka::open(options, (&surface.name, captures)).await?,
            )),
            SurfaceKind::Lake(lake) => {
                SurfaceReader::Lake(Box::new(lake::open(options, (&surface.name, lake)).await?))
            }
            SurfaceKind::Records(meant) => SurfaceReader::Records(Box::new(
                records::open(options, (&surface.name, meant)).await?,
            )),
            SurfaceKind::Events(meant) => {
                SurfaceReader::Events(topics::open(&surface.name, meant, options).await?)
            }
            SurfaceKind::EventFiles(meant) => {
                SurfaceReader::Files(files::open(&surface.name, meant, options.clock).await?)
            }
        };
        opened.push((number, reader));
    }
    let claims = slots::make(options, orders, notes).await?;
    Ok((opened, claims))
}

/// What others make, and is being read.
enum SurfaceReader {
    Poll(Box<PollReader>),
    Topics(Box<TopicReader>),
    Lake(Box<LakeReader>),
    Records(Box<RecordReader>),
    Events(EventReader),
    Files(FileReader),
}

impl SurfaceReader {
    /// Reads to the end, for the one who judges. Returns whether it came there, and what people should know.
    async fn work(
        self,
        clock: Clock,
        judging: Judging,
        orders: watch::Receiver<Order>,
    ) -> (bool, Vec<String>) {
        match (self, judging) {
            (Self::Poll(reader), Judging::Rows(judge)) => reader.work(clock, judge, orders).await,
            (Self::Topics(reader), Judging::Rows(judge)) => reader.work(clock, judge, orders).await,
            (Self::Lake(reader), Judging::Rows(judge)) => reader.work(clock, judge, orders).await,
            (Self::Records(reader), Judging::Rows(judge)) => {
                reader.work(clock, judge, orders).await
            }
            (Self::Events(reader), Judging::Events(judge)) => reader.work(judge, orders).await,
            (Self::Files(reader), Judging::Events(judge)) => reader.work(judge, orders).await,
            // Both follow from the kind of the surface.
            (Self::Events(_) | Self::Files(_), Judging::Rows(_)) | (_, Judging::Events(_)) => {
                (false, Vec::new())
            }
        }
    }
}

/// The same with the numbers of their surfaces.
type Opened = Vec<(usize, SurfaceReader)>;
/// The number of a reader's surface, whether it came to its end, and what people should know.
type End = (usize, bool, Vec<String>);

/// Who judges what comes to one surface.
fn judging(options: &Options, number: usize) -> Judging {
    let surface = &options.surfaces[number];
    let rules = match &surface.kind {
        SurfaceKind::Events(topics) => topics.rules(),
        SurfaceKind::EventFiles(files) => files.rules(),
        _ => return Judging::Rows(Rc::new(RefCell::new(judge(options, number)))),
    };
    Judging::Events(Rc::new(RefCell::new(EventJudge::new(&surface.name, rules))))
}

/// The judge of the rows of one surface.
fn judge(options: &Options, number: usize) -> Judge {
    let surface = &options.surfaces[number];
    let mut judge = Judge::new(&options.world.catalog, &surface.name, |domain| {
        let database = surface.database(domain)?.to_owned();
        let slot = slots::name_of(options, number, domain).unwrap_or_default();
        Some(ChangeSource { database, slot })
    });
    // Nothing but a row's columns tells there what it is, and rows of our own have no such columns.
    let tells_by_rows = |captures: &Captures| {
        captures.topics.format == TopicFormat::Flattened && options.world.catalog.is_marked()
    };
    let has_own = match &surface.kind {
        SurfaceKind::Slots(sources) => {
            if sources.iter().any(|source| source.upstream.is_some()) {
                judge.has_own_log();
            }
            true
        }
        SurfaceKind::Polled(_) => {
            judge.is_polled(&options.world.catalog);
            true
        }
        SurfaceKind::Kafka(captures) => !tells_by_rows(captures),
        SurfaceKind::Lake(_)
        | SurfaceKind::Records(_)
        | SurfaceKind::Events(_)
        | SurfaceKind::EventFiles(_) => false,
    };
    if let SurfaceKind::Records(meant) = &surface.kind {
        judge.tails = Some(Tails::new(meant.flush));
    }
    if let SurfaceKind::Kafka(captures) = &surface.kind
        && !captures.topics.transactions.is_empty()
    {
        judge.transactions = Some(Transactions::default());
    }
    if !has_own {
        judge.leave_out_own(&options.world.catalog);
    }
    if !options.must_see_canaries {
        judge.let_canaries_stay_away();
    }
    judge.notes.out = options.ledger.as_ref().map(Ledger::out);
    judge.notes.surface = u8::try_from(number).unwrap_or(u8::MAX);
    judge
}

/// What was observed, as a whole.
struct Observed {
    /// By surface: whether it was read to its end.
    is_complete: Vec<bool>,
    /// Why none of it means anything.
    invalid_because: Vec<String>,
    notes: Vec<String>,
}

fn findings(options: &Options, judges: Vec<Judging>, observed: Observed) -> Findings {
    let (mut surfaces, mut invalid_because) = (Vec::new(), Reasons::default());
    invalid_because.extend(observed.invalid_because);
    let mut renderer = EventRenderer::new(Arc::clone(&options.world), Arc::clone(&options.forms));
    for (judge, is_complete) in judges.into_iter().zip(observed.is_complete) {
        let finished = match judge {
            Judging::Rows(judge) => Rc::into_inner(judge)
                .map(|judge| judge.into_inner().finish(&options.world.catalog, is_complete)),
            Judging::Events(judge) => Rc::into_inner(judge)
                .map(|judge| judge.into_inner().finish(&mut renderer, is_complete)),
        };
        let Some((found, reasons)) = finished else {
            invalid_because.add("what an observer had seen was not handed over");
            continue;
        };
        surfaces.push(found);
        invalid_because.extend(reasons);
    }
    Findings { surfaces, invalid_because: invalid_because.all() }
}

/// Observes to the end.
async fn observe(
    options: &Options,
    ((facts, orders), shared): ((&Receiver<FromEngine>, &watch::Receiver<Order>), &Shared),
    opened: Opened,
    judges: &[Judging],
) -> Observed {
    let mut readers = JoinSet::new();
    read_slots(options, orders, judges, &mut readers);
    for (surface, reader) in opened {
        let (clock, judging, orders) = (options.clock, judges[surface].clone(), orders.clone());
        readers.spawn_local(async move {
            let reading = Box::pin(reader.work(clock, judging, orders.clone()));
            let read = unless_abandoned(orders, reading).await;
            let (is_complete, notes) = read.unwrap_or_default();
            (surface, is_complete, notes)
        });
    }
    let mut taker = Taker::new(options, facts, judges);
    let (mut is_complete, mut notes) = (vec![true; judges.len()], Vec::new());
    let mut broken = Vec::new();
    while !readers.is_empty() {
        tokio::select! {
            Some(read) = readers.join_next() => match read {
                Ok((surface, is_read, said)) => {
                    is_complete[surface] &= is_read;
                    notes.extend(said);
                }
                // Whose it was is not known.
                Err(error) => {
                    is_complete.fill(false);
                    broken.push(format!("an observer ended by a mistake of loadgen's own: {error}"));
                }
            },
            () = taker.turn(judges, shared) => {}
        }
    }
    // Nobody reads any more, but the engine may still be at work.
    let mut orders = orders.clone();
    while *orders.borrow_and_update() == Order::Watch {
        tokio::select! {
            _ = orders.changed() => {}
            () = taker.turn(judges, shared) => {}
        }
    }
    while taker.take(judges) {}
    taker.events.judge_marked();
    taker.look(options.clock.now(), judges, shared);
    let mut invalid_because = broken;
    if shared.has_overflowed.load(Ordering::Relaxed) {
        invalid_because.push(
            "the observer was late: what was acknowledged came faster than it could be taken; give \
             loadgen more processors, or send less"
                .to_owned(),
        );
    }
    invalid_because.extend(taker.lateness());
    Observed { is_complete, invalid_because, notes }
}

/// Begins to read all slots.
fn read_slots(
    options: &Options,
    orders: &watch::Receiver<Order>,
    judges: &[Judging],
    readers: &mut JoinSet<End>,
) {
    for (surface, source, slot) in slots::all(options) {
        let fence = format!("fence {}", options.mark);
        let catalog = Arc::clone(&options.world.catalog);
        // A subscription does not hand messages on.
        let has_messages = catalog.has_messages && source.upstream.is_none();
        let stream =
            SlotStream::new((catalog, has_messages), source.domains.clone(), fence.clone());
        let Judging::Rows(judge) = &judges[surface] else { continue };
        let reader = SlotReader::new(
            source.clone(),
            slot,
            options.publication.clone(),
            options.application.clone(),
            fence,
            (options.clock, Rc::clone(judge)),
            stream,
            orders.clone(),
        );
        let orders = orders.clone();
        readers.spawn_local(async move {
            let is_complete = unless_abandoned(orders, reader.work()).await.unwrap_or(false);
            (surface, is_complete, Vec::new())
        });
    }
}

/// Lets a reader come to its end; once nothing more is wanted of it, no longer than it takes to say so: it may wait
/// for a server that does not answer.
async fn unless_abandoned<T>(
    mut orders: watch::Receiver<Order>,
    reading: impl Future<Output = T>,
) -> Option<T> {
    let abandoned = async {
        let _ = orders.wait_for(|order| *order == Order::Abandon).await;
        tokio::time::sleep(ABANDONED).await;
    };
    tokio::select! {
        biased;
        read = reading => Some(read),
        () = abandoned => None,
    }
}
