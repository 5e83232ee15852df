//! The observer's thread: makes the slots, reads them, takes what the engine tells, and judges.

use std::cell::RefCell;
use std::rc::Rc;
use std::sync::PoisonError;
use std::sync::atomic::Ordering;
use std::sync::mpsc::Receiver;
use std::sync::mpsc::SyncSender;
use std::time::Duration;

use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::task::LocalSet;
use tokio::time::timeout;

use crate::action::TableInfo;
use crate::ledger::Ledger;
use crate::measure::Clock;
use crate::measure::Histogram;
use crate::measure::LagSecond;
use crate::observe::Done;
use crate::observe::Fact;
use crate::observe::FactFate;
use crate::observe::Options;
use crate::observe::Order;
use crate::observe::Shared;
use crate::observe::Source;
use crate::observe::judge::Judge;
use crate::observe::judge::Times;
use crate::observe::reader::SlotReader;
use crate::observe::render::Renderer;
use crate::observe::stream::Stream;
use crate::sink::postgres::control::control;
use crate::sink::postgres::provision::SetupError;
use crate::sink::postgres::replication::slot;
use crate::units::format_duration;

/// How often what the engine tells is taken.
const TURN: Duration = Duration::from_millis(5);
/// Facts taken before others have their turn.
const FACTS: usize = 512;
/// How often the oldest that is missing is looked for.
const LOOK_NS: u64 = 1_000_000_000;
/// Of a wake-up that comes late, so many missed ones are counted at most.
const TURNS_MISSED_MAX: u64 = 120_000;
/// How long making or dropping the slots of one database may take.
const STEP: Duration = Duration::from_mins(1);

/// What the thread does, from its beginning to its end.
pub(super) fn work(
    options: &Options,
    (facts, orders): (&Receiver<Fact>, &watch::Receiver<Order>),
    shared: &Shared,
    ready: &SyncSender<Result<(), SetupError>>,
) -> Done {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let mut notes = Vec::new();
    let made = match &runtime {
        Ok(runtime) => runtime.block_on(make(options, &mut notes)),
        Err(error) => Err(SetupError::Local(error.to_string())),
    };
    let judge = judge(options);
    let (Ok(runtime), Ok(())) = (&runtime, &made) else {
        let _ = ready.send(made);
        return Done { findings: judge.finish(&options.world.catalog, false), notes };
    };
    let _ = ready.send(Ok(()));
    let mut judge = judge;
    judge.notes.out = options.ledger.as_ref().map(Ledger::out);
    let judge = Rc::new(RefCell::new(judge));
    let local = LocalSet::new();
    let is_complete = local.block_on(runtime, observe(options, (facts, orders), shared, &judge));
    runtime.block_on(remove(options, &mut notes));
    let judge = Rc::try_unwrap(judge).map(RefCell::into_inner);
    let judge = judge.unwrap_or_else(|_| self::judge(options));
    Done { findings: judge.finish(&options.world.catalog, is_complete), notes }
}

fn judge(options: &Options) -> Judge {
    Judge::new(&options.world.catalog, |domain| {
        let source = options.sources.iter().find(|source| source.domains.contains(&domain))?;
        Some((source.surface.clone(), source.address.database().to_owned()))
    })
}

fn slot_of(options: &Options, number: usize) -> String {
    slot::name(&options.mark, number)
}

/// Makes a slot in each database, or none.
async fn make(options: &Options, notes: &mut Vec<String>) -> Result<(), SetupError> {
    for (number, source) in options.sources.iter().enumerate() {
        let made = timeout(STEP, make_one(options, source, &slot_of(options, number), notes)).await;
        let late = || Err(SetupError::Local("the server did not make a slot in time".to_owned()));
        if let Err(error) = made.unwrap_or_else(|_| late()) {
            remove(options, notes).await;
            return Err(error);
        }
    }
    Ok(())
}

async fn make_one(
    options: &Options,
    source: &Source,
    name: &str,
    notes: &mut Vec<String>,
) -> Result<(), SetupError> {
    let client = control(&source.address, &options.application).await?;
    let tables = options.world.catalog.tables.iter();
    let is_seen = |table: &&TableInfo| table.is_sent && table.event.is_none();
    let tables = tables.filter(|table| source.domains.contains(&table.domain)).filter(is_seen);
    let tables: Vec<_> =
        tables.map(|table| (table.namespace.clone(), table.name.clone())).collect();
    for swept in slot::sweep(&client).await? {
        notes.push(format!("dropped the replication slot `{swept}`, which a killed run had left"));
    }
    slot::check(&client, &options.publication, &tables).await?;
    slot::make(&client, name).await
}

/// Drops the slots. What cannot be dropped is said: a slot keeps the server's log for ever.
async fn remove(options: &Options, notes: &mut Vec<String>) {
    for (number, source) in options.sources.iter().enumerate() {
        let name = slot_of(options, number);
        let removed = timeout(STEP, async {
            let client = control(&source.address, &options.application).await?;
            slot::drop(&client, &name).await
        });
        let late = || Err(SetupError::Local("the server did not answer".to_owned()));
        if let Err(error) = removed.await.unwrap_or_else(|_| late()) {
            notes.push(format!(
                "the replication slot `{name}` was not dropped, and keeps the server's log: {error}"
            ));
        }
    }
}

/// Observes to the end. Returns whether every slot was read to it.
async fn observe(
    options: &Options,
    (facts, orders): (&Receiver<Fact>, &watch::Receiver<Order>),
    shared: &Shared,
    judge: &Rc<RefCell<Judge>>,
) -> bool {
    let mut readers = JoinSet::new();
    for (number, source) in options.sources.iter().enumerate() {
        let fence = format!("fence {}", options.mark);
        let catalog = std::sync::Arc::clone(&options.world.catalog);
        let stream = Stream::new(catalog, source.domains.clone(), fence.clone());
        let reader = SlotReader::new(
            source.clone(),
            slot_of(options, number),
            options.publication.clone(),
            options.application.clone(),
            fence,
            (options.clock, Rc::clone(judge)),
            stream,
            orders.clone(),
        );
        readers.spawn_local(reader.work());
    }
    let mut taker = Taker::new(options, facts);
    let mut is_complete = true;
    while !readers.is_empty() {
        tokio::select! {
            Some(read) = readers.join_next() => is_complete &= read.unwrap_or(false),
            () = taker.turn(judge, shared) => {}
        }
    }
    // Nobody reads any more, but the engine may still be at work.
    let mut orders = orders.clone();
    while *orders.borrow_and_update() == Order::Watch {
        tokio::select! {
            _ = orders.changed() => {}
            () = taker.turn(judge, shared) => {}
        }
    }
    while taker.take(&mut judge.borrow_mut()) {}
    taker.look(options.clock.now(), judge, shared);
    if shared.has_overflowed.load(Ordering::Relaxed) {
        judge.borrow_mut().spoil(
            "the observer was late: what was acknowledged came faster than it could be taken; give \
             loadgen more processors, or send less",
        );
    }
    taker.judge_lateness(options.late_p99, &mut judge.borrow_mut());
    is_complete
}

/// Takes what the engine tells.
struct Taker<'a> {
    options: &'a Options,
    facts: &'a Receiver<Fact>,
    renderer: Renderer,
    clock: Clock,
    looked_ns: u64,
    /// How late this thread's wake-ups came.
    late: Histogram,
}

impl<'a> Taker<'a> {
    fn new(options: &'a Options, facts: &'a Receiver<Fact>) -> Self {
        Self {
            options,
            facts,
            renderer: Renderer::new(std::sync::Arc::clone(&options.world)),
            clock: options.clock,
            looked_ns: options.clock.now(),
            late: Histogram::coarse(),
        }
    }

    /// Sleeps, takes what has come meanwhile, and looks around once a second.
    async fn turn(&mut self, judge: &Rc<RefCell<Judge>>, shared: &Shared) {
        let turn = crate::pace::nanoseconds(TURN);
        let until = self.clock.now() + turn;
        tokio::time::sleep(TURN).await;
        let now = self.clock.now();
        // While it is late, the wake-ups that it misses are late as well, each by a turn less.
        let late = now.saturating_sub(until);
        let missed = (0..TURNS_MISSED_MAX).map_while(|missed| late.checked_sub(missed * turn));
        missed.for_each(|late| self.late.record(late));
        while self.take(&mut judge.borrow_mut()) {
            tokio::task::yield_now().await;
        }
        if now.saturating_sub(self.looked_ns) >= LOOK_NS {
            self.looked_ns = now;
            self.look(now, judge, shared);
        }
    }

    /// Tells how late changes came in the last second.
    fn look(&self, now: u64, judge: &Rc<RefCell<Judge>>, shared: &Shared) {
        let (lag, mut places) = judge.borrow_mut().look(now);
        *shared.lag.lock().unwrap_or_else(PoisonError::into_inner) = lag;
        let Some(seconds) = &self.options.seconds else { return };
        for place in &mut places {
            let is_it = |source: &Source| {
                (source.surface.as_str(), source.address.database())
                    == (place.surface.as_str(), place.database.as_str())
            };
            let number = self.options.sources.iter().position(is_it);
            place.slot = number.map(|number| slot_of(self.options, number)).unwrap_or_default();
        }
        // Whoever does not keep up with a few rows a second gets fewer.
        let _ = seconds.try_send(LagSecond { at_ns: now, places });
    }

    /// Takes some. Returns whether there may be more.
    fn take(&mut self, judge: &mut Judge) -> bool {
        for _ in 0..FACTS {
            let Ok(fact) = self.facts.try_recv() else { return false };
            let Fact { due, sent, settled, is_measured, .. } = fact;
            let times = Times { due, sent, settled, is_measured };
            let changes = self.renderer.changes(&fact);
            if fact.fate == FactFate::TakenBack {
                changes.iter().rev().for_each(|(change, _)| judge.take_back(change));
                continue;
            }
            for (change, certainty) in changes {
                judge.expect(change, times, certainty);
            }
        }
        true
    }

    fn judge_lateness(&self, limit: Option<Duration>, judge: &mut Judge) {
        let late = self.late.percentile(99.0).map(Duration::from_nanos);
        if let Some((late, limit)) = late.zip(limit).filter(|(late, limit)| late > limit) {
            judge.spoil(format!(
                "the observer was late: it woke up to {} too late (99th percentile; at most {} by \
                 `validity.sched_p99`), so lags are its own; give loadgen more processors",
                format_duration(Duration::from_millis(
                    u64::try_from(late.as_millis()).unwrap_or(0)
                )),
                format_duration(limit),
            ));
        }
    }
}
