//! The slot guard: looks once a second how much of its log each server keeps for replication slots, holds
//! the load up at half of what it may keep, and ends the run at 80 % of it. And the heartbeats, which let
//! the slots of idle databases move on.

mod ledger;

use std::sync::Arc;
use std::sync::Mutex;
use std::sync::MutexGuard;
use std::sync::PoisonError;
use std::sync::atomic::AtomicBool;
use std::sync::atomic::Ordering;
use std::thread::JoinHandle;
use std::time::Duration;

use futures_util::StreamExt;
use futures_util::future::join;
use futures_util::future::join_all;
use futures_util::stream;
use tokio::sync::oneshot;
use tokio::time::MissedTickBehavior;
use tokio::time::interval;
use tokio::time::timeout;
use tokio_postgres::Client;

use crate::engine::stop::Level;
use crate::engine::stop::Stop;
use crate::measure::Clock;
use crate::measure::End;
use crate::measure::Feed;
use crate::measure::LiveSlot;
use crate::measure::Slots;
use crate::sink::postgres::address::Address;
use crate::sink::postgres::control::control;
use crate::sink::postgres::provision::SetupError;
use crate::sink::postgres::slots;

use ledger::Finding;
use ledger::Ledger;
use ledger::Limits;

/// How often a server is asked.
const LOOK: Duration = Duration::from_secs(1);
/// How often who is held up looks whether that is over.
const HELD: Duration = Duration::from_millis(100);
/// How long a connection, a look or a heartbeat may take.
const STEP: Duration = Duration::from_secs(5);
/// The same for the last look, where somebody waits for the end.
const LAST_STEP: Duration = Duration::from_millis(300);
/// Heartbeats that are written to a server at a time.
const BEATS_AT_A_TIME: usize = 2;

/// What is guarded, and how.
#[derive(Debug, Default)]
pub struct Guarding {
    /// The servers that rows are sent to.
    pub servers: Vec<GuardedServer>,
    /// How many bytes of its log a server may keep for one slot, if the scenario says.
    pub wal_limit: Option<u64>,
    /// How often a heartbeat is written into each database; `None`: never.
    pub heartbeat: Option<Duration>,
}

/// A server whose slots are watched.
#[derive(Debug)]
pub struct GuardedServer {
    /// The target's name.
    pub target: String,
    /// Where it is: any of its databases.
    pub address: Address,
    /// Of our sessions.
    pub application: String,
    /// The domains that are there, by their numbers in the scenario.
    pub domains: Vec<usize>,
    /// Where heartbeats go: databases, and the PostgreSQL schema in each.
    pub beats: Vec<(Address, String)>,
}

impl Guarding {
    /// Writes a heartbeat into every database, so that what is wrong with that is known before the load.
    pub async fn try_heartbeats(&self) -> Result<(), SetupError> {
        if self.heartbeat.is_some() {
            for server in &self.servers {
                for beat in &server.beats {
                    server.beat(beat).await?;
                }
            }
        }
        Ok(())
    }
}

impl GuardedServer {
    async fn beat(&self, (address, namespace): &(Address, String)) -> Result<(), SetupError> {
        let written = timeout(STEP, async {
            let client = control(address, &self.application).await?;
            slots::beat(&client, namespace).await
        });
        let late = || Err(SetupError::Local(format!("`{address}` did not answer in time")));
        written.await.unwrap_or_else(|_| late())
    }
}

/// What is known of slots, and whom they hold up: for those who write and for those who report.
#[derive(Debug)]
pub struct Guard {
    guarding: Guarding,
    feed: Feed,
    stop: Stop,
    /// Its own: it looks before the load has one.
    clock: Clock,
    /// By domain, which is also the number of its way to the server: whether nothing is sent for now.
    is_on: Box<[AtomicBool]>,
    seen: Mutex<GuardState>,
}

#[derive(Debug, Default)]
struct GuardState {
    /// By server.
    ledgers: Vec<Ledger>,
    /// What happened since that was last asked for.
    events: Vec<String>,
    heartbeats: u64,
    heartbeats_failed: u64,
}

/// A guard at work. It ends when this is dropped.
#[derive(Debug)]
pub struct OnGuard {
    guard: Arc<Guard>,
    /// Dropped to end it.
    enough: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl OnGuard {
    /// Begins to watch and to beat. Without servers there is nothing to do, and no thread.
    pub fn start(guarding: Guarding, feed: &Feed, stop: &Stop) -> std::io::Result<Self> {
        let guard = Arc::new(Guard::new(guarding, feed, stop));
        if guard.guarding.servers.is_empty() {
            return Ok(Self { guard, enough: None, thread: None });
        }
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let (enough, is_enough) = oneshot::channel::<()>();
        let thread = std::thread::Builder::new().name("slot guard".to_owned());
        let thread = thread.spawn({
            let guard = Arc::clone(&guard);
            move || {
                runtime.block_on(async {
                    tokio::select! {
                        () = work(&guard) => {}
                        // Never sent; it comes to its end.
                        _ = is_enough => {}
                    }
                });
            }
        })?;
        Ok(Self { guard, enough: Some(enough), thread: Some(thread) })
    }

    /// For those who write.
    pub fn guard(&self) -> Arc<Guard> {
        Arc::clone(&self.guard)
    }

    /// All that was seen, and what a last look shows: a slot may be lost after the one before it.
    pub fn slots(&self) -> Slots {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        if let Ok(runtime) = runtime {
            let servers = 0..self.guard.guarding.servers.len();
            runtime.block_on(join_all(servers.map(|server| look_once(&self.guard, server))));
        }
        self.guard.slots()
    }
}

impl Drop for OnGuard {
    fn drop(&mut self) {
        drop(self.enough.take());
        let _ = self.thread.take().map(JoinHandle::join);
    }
}

async fn work(guard: &Guard) {
    let servers = 0..guard.guarding.servers.len();
    let both = |server| join(watch(guard, server), keep_beating(guard, server));
    join_all(servers.map(both)).await;
}

async fn watch(guard: &Guard, number: usize) {
    let server = &guard.guarding.servers[number];
    let mut turns = interval(LOOK);
    turns.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let (mut client, mut was_refused): (Option<Client>, bool) = (None, false);
    loop {
        turns.tick().await;
        if client.as_ref().is_none_or(Client::is_closed) {
            let made = timeout(STEP, control(&server.address, &server.application)).await;
            client = made.ok().and_then(Result::ok);
        }
        // Those who write tell of a server that is away.
        let Some(connected) = &client else { continue };
        match timeout(STEP, slots::look(connected)).await {
            Ok(Ok(found)) => guard.take(number, &found),
            Ok(Err(error)) if !connected.is_closed() && !was_refused => {
                was_refused = true;
                let target = &server.target;
                guard.feed.message(format!("the slots of `{target}` are not watched: {error}"));
            }
            Ok(Err(_)) => {}
            Err(_) => client = None,
        }
    }
}

/// A server that is away has been told of.
async fn look_once(guard: &Guard, number: usize) {
    let server = &guard.guarding.servers[number];
    let look = async {
        let client = control(&server.address, &server.application).await.ok()?;
        slots::look(&client).await.ok()
    };
    let within = if guard.stop.level() == Level::Cancel { LAST_STEP } else { STEP };
    if let Ok(Some(found)) = timeout(within, look).await {
        guard.take(number, &found);
    }
}

async fn keep_beating(guard: &Guard, number: usize) {
    let Some(every) = guard.guarding.heartbeat else { return };
    let server = &guard.guarding.servers[number];
    let mut turns = interval(every);
    turns.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        turns.tick().await;
        let write = |beat| async move { guard.note_beat(server.beat(beat).await) };
        stream::iter(&server.beats).for_each_concurrent(BEATS_AT_A_TIME, write).await;
    }
}

impl Guard {
    fn new(guarding: Guarding, feed: &Feed, stop: &Stop) -> Self {
        let limits =
            Limits { wal: guarding.wal_limit, has_heartbeats: guarding.heartbeat.is_some() };
        let ledgers = guarding.servers.iter();
        let ledgers = ledgers.map(|server| Ledger::new(&server.target, limits)).collect();
        let domains = guarding.servers.iter().flat_map(|server| &server.domains).max();
        let is_on = (0..domains.map_or(0, |last| last + 1)).map(|_| AtomicBool::new(false));
        Self {
            is_on: is_on.collect(),
            seen: Mutex::new(GuardState { ledgers, ..GuardState::default() }),
            guarding,
            feed: feed.clone(),
            stop: stop.clone(),
            clock: Clock::start(),
        }
    }

    /// Whether what goes to a domain waits, because the server keeps too much of its log. What is under
    /// way when the run ends comes to its end all the same.
    pub(super) fn holds(&self, domain: usize) -> bool {
        let is_on = self.is_on.get(domain).is_some_and(|is_on| is_on.load(Ordering::Relaxed));
        is_on && self.stop.level() == Level::Run
    }

    /// Waits until a domain is not held up, or the run ends.
    pub(super) async fn let_through(&self, domain: usize) {
        while self.holds(domain) {
            tokio::time::sleep(HELD).await;
        }
    }

    /// Why writers are held up now, if they are.
    pub(super) fn why(&self) -> Option<String> {
        self.seen().ledgers.iter().find_map(Ledger::why)
    }

    /// The slot that is nearest to its limit.
    pub(super) fn live(&self) -> Option<LiveSlot> {
        let share = |slot: &LiveSlot| {
            u128::from(slot.kept_bytes) * 1_000_000 / u128::from(slot.limit_bytes.max(1))
        };
        self.seen().ledgers.iter().filter_map(Ledger::live).max_by_key(share)
    }

    /// How many bytes of its log a server kept for a slot when it was last asked; `None` if none knows it.
    pub fn kept(&self, slot: &str) -> Option<u64> {
        let slots = self.slots().slots;
        slots.iter().find(|it| it.slot == slot).map(|it| it.kept_bytes_last)
    }

    /// What happened since that was last asked for.
    pub(super) fn take_events(&self) -> Vec<String> {
        std::mem::take(&mut self.seen().events)
    }

    fn slots(&self) -> Slots {
        let (seen, now) = (self.seen(), self.clock.now());
        let ledgers = seen.ledgers.iter();
        Slots {
            slot_looks: ledgers.clone().map(Ledger::looks).sum(),
            slots: ledgers.flat_map(|ledger| ledger.counts(now)).collect(),
            heartbeats: seen.heartbeats,
            heartbeats_failed: seen.heartbeats_failed,
        }
    }

    fn seen(&self) -> MutexGuard<'_, GuardState> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Counts a heartbeat; the first that fails is told of.
    fn note_beat(&self, written: Result<(), SetupError>) {
        let mut seen = self.seen();
        let Err(error) = written else {
            seen.heartbeats += 1;
            return;
        };
        seen.heartbeats_failed += 1;
        if seen.heartbeats_failed == 1 {
            self.feed.message(format!("a heartbeat failed: {error}"));
        }
    }

    /// Takes what was found on a server, and does what is necessary.
    fn take(&self, server: usize, found: &[slots::SlotState]) {
        let now = self.clock.now();
        let findings = self.seen().ledgers[server].see(found, now);
        for finding in findings {
            let (is_held, event, text) = match finding {
                Finding::Pause(text) => (true, "writers pause", text),
                Finding::GoOn(text) => (false, "writers go on", text),
                Finding::Stop(reason) => {
                    self.stop.tell(Level::Drain, End::Stopped(reason));
                    continue;
                }
            };
            for domain in &self.guarding.servers[server].domains {
                self.is_on[*domain].store(is_held, Ordering::Relaxed);
            }
            // Behind the end nobody pauses or goes on.
            if self.stop.level() == Level::Run {
                self.seen().events.push(event.to_owned());
                self.feed.message(text);
            }
        }
    }
}
