//! Reads one slot to its end, over as many connections as that takes.

use std::cell::RefCell;
use std::rc::Rc;
use std::time::Duration;

use chrono::Utc;
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio::time::Instant;
use tokio::time::timeout;

use crate::action::message::PREFIX;
use crate::measure::Clock;
use crate::observe::Order;
use crate::observe::Source;
use crate::observe::judge::Judge;
use crate::observe::postgres::catch_up;
use crate::observe::stream::SlotStream;
use crate::scenario::Confirms;
use crate::sink::postgres::control::control;
use crate::sink::postgres::provision::SetupError;
use crate::sink::postgres::replication::Broken;
use crate::sink::postgres::replication::Lsn;
use crate::sink::postgres::replication::ReplicationReader;
use crate::sink::postgres::replication::Sent;
use crate::sink::postgres::replication::slot;

/// How often the server is told how far its slot was read.
const STATUS: Duration = Duration::from_secs(1);
/// Between attempts to connect again.
const PAUSE: Duration = Duration::from_millis(250);
/// How long one attempt to look at a slot, to begin reading it or to write the fence may take.
const STEP: Duration = Duration::from_secs(15);
/// When nothing more is sent: so long nothing may come before the end is given up.
const PATIENCE: Duration = Duration::from_mins(1);
/// Messages taken before others have their turn.
const TURN: usize = 256;
/// A connection that held for so long was there, whatever came of it.
const STEADY: Duration = Duration::from_secs(30);

/// One slot, and who reads it.
pub(super) struct SlotReader {
    pub(super) source: Source,
    /// The slot's name.
    pub(super) slot: String,
    pub(super) publication: String,
    pub(super) application: String,
    pub(super) fence: String,
    pub(super) clock: Clock,
    pub(super) judge: Rc<RefCell<Judge>>,
    pub(super) stream: SlotStream,
    pub(super) orders: watch::Receiver<Order>,
    /// Up to where we let the server forget.
    confirmed: Lsn,
    is_fenced: bool,
    /// Waits until a replica has all that its source has.
    caught: Option<JoinHandle<Result<(), SetupError>>>,
    /// When something came last, or the end was marked; over all connections.
    heard: Instant,
}

/// Why reading stopped.
enum Stopped {
    /// All was read.
    AtEnd,
    /// It was told to.
    Abandoned,
    /// The way is gone.
    Broken(Broken),
    /// Nothing that comes now would mean anything.
    Spoilt(String),
}

impl SlotReader {
    #[expect(clippy::too_many_arguments, reason = "all that a reader is made of, in one place")]
    pub(super) fn new(
        source: Source,
        slot: String,
        publication: String,
        application: String,
        fence: String,
        (clock, judge): (Clock, Rc<RefCell<Judge>>),
        stream: SlotStream,
        orders: watch::Receiver<Order>,
    ) -> Self {
        let (confirmed, is_fenced) = (Lsn::default(), false);
        Self {
            source,
            slot,
            publication,
            application,
            fence,
            clock,
            judge,
            stream,
            orders,
            confirmed,
            is_fenced,
            caught: None,
            heard: Instant::now(),
        }
    }

    /// Reads until the fence has passed. Returns whether it has.
    pub(super) async fn work(mut self) -> bool {
        let mut lost_at: Option<Instant> = None;
        loop {
            let (began, last) = (Instant::now(), self.stream.last());
            let stopped = match self.begin().await {
                Ok(mut reader) => {
                    // Who was away is given the whole time again.
                    self.heard = Instant::now();
                    self.read(&mut reader).await
                }
                Err(stopped) => stopped,
            };
            // One that breaks as soon as it is there, or at the same place each time, is not there again.
            if self.stream.last() > last || began.elapsed() > STEADY {
                lost_at = None;
            }
            let broken = match stopped {
                Stopped::AtEnd => return true,
                Stopped::Abandoned => return false,
                Stopped::Spoilt(reason) => {
                    self.judge.borrow_mut().spoil(reason);
                    return false;
                }
                Stopped::Broken(broken) => broken,
            };
            self.stream.restart();
            let since = *lost_at.get_or_insert_with(Instant::now);
            if since.elapsed() > self.source.reconnect {
                let surface = &self.source.surface;
                let reason = format!(
                    "the observer `{surface}` lost its slot `{}` and did not get it back: {}",
                    self.slot, broken.message
                );
                self.judge.borrow_mut().spoil(reason);
                return false;
            }
            let mut orders = self.orders.clone();
            tokio::select! {
                () = tokio::time::sleep(PAUSE) => {}
                _ = orders.wait_for(|order| *order == Order::Abandon) => return false,
            }
        }
    }

    /// Connects, and looks whether the slot is as it was left: before, as a slot that is gone cannot be
    /// read, and behind, when nobody else can move it any more.
    async fn begin(&mut self) -> Result<ReplicationReader, Stopped> {
        let mut orders = self.orders.clone();
        let begun = timeout(STEP, async {
            self.look().await?;
            let names = (self.slot.as_str(), self.publication.as_str());
            let reader =
                ReplicationReader::start(&self.source.address, &self.application, names).await;
            let reader = reader.map_err(Stopped::Broken)?;
            self.look().await?;
            Ok(reader)
        });
        tokio::select! {
            begun = begun => begun.unwrap_or_else(|_| Err(broken("the server did not answer"))),
            _ = orders.wait_for(|order| *order == Order::Abandon) => Err(Stopped::Abandoned),
        }
    }

    async fn look(&mut self) -> Result<(), Stopped> {
        let client = control(&self.source.address, &self.application).await;
        let client = client.map_err(|error| broken(&error.to_string()))?;
        let found = slot::confirmed(&client, &self.slot).await;
        match found.map_err(|error| broken(&error.to_string()))? {
            None => Err(Stopped::Spoilt(format!(
                "the slot `{}` of the observer `{}` is gone: somebody dropped it, or the server gave \
                 it up (`max_slot_wal_keep_size`)",
                self.slot, self.source.surface
            ))),
            // A new one stands where it was made.
            Some(confirmed) if self.confirmed == Lsn::default() => {
                self.confirmed = confirmed;
                Ok(())
            }
            // The server may have forgotten what we confirmed, and never knows more.
            Some(confirmed) if confirmed > self.confirmed => Err(Stopped::Spoilt(format!(
                "the slot `{}` of the observer `{}` was moved to {confirmed} by somebody else; we \
                 had confirmed it up to {}",
                self.slot, self.source.surface, self.confirmed
            ))),
            Some(_) => Ok(()),
        }
    }

    async fn read(&mut self, reader: &mut ReplicationReader) -> Stopped {
        let mut status = tokio::time::interval(STATUS);
        let mut orders = self.orders.clone();
        loop {
            let order = *orders.borrow_and_update();
            if order == Order::Abandon {
                return Stopped::Abandoned;
            }
            if order == Order::Finish && !self.is_fenced {
                match self.fence().await {
                    Ok(true) => self.heard = Instant::now(),
                    Ok(false) => {}
                    Err(stopped) => return stopped,
                }
            }
            if self.is_fenced && self.heard.elapsed() > PATIENCE {
                let patience = PATIENCE.as_secs();
                return Stopped::Spoilt(format!(
                    "the slot `{}` of the observer `{}` did not come to the end of what was sent: \
                     nothing came for {patience} s; the server may still go through a long transaction of others, as \
                     `SELECT * FROM pg_stat_replication_slots` tells by what was spilled",
                    self.slot, self.source.surface
                ));
            }
            let received = tokio::select! {
                received = reader.receive() => received.map(|()| true),
                _ = status.tick() => self.confirm(reader).await.map(|()| false),
                _ = orders.changed() => Ok(false),
            };
            match received {
                Ok(false) => {}
                Ok(true) => match self.take(reader).await {
                    Ok(_) if self.stream.is_past_fence() => {
                        // What is confirmed now is not kept for a slot that goes.
                        let _ = self.confirm(reader).await;
                        return Stopped::AtEnd;
                    }
                    Ok(true) => self.heard = Instant::now(),
                    Ok(false) => {}
                    Err(stopped) => return stopped,
                },
                Err(broken) => return Stopped::Broken(broken),
            }
        }
    }

    /// Takes all that has come. Returns whether there was anything but signs of life.
    async fn take(&mut self, reader: &mut ReplicationReader) -> Result<bool, Stopped> {
        let at = self.clock.now();
        let (mut has_data, mut taken) = (false, 0);
        while let Some(sent) = reader.take().map_err(Stopped::Broken)? {
            match sent {
                Sent::Data(data) => {
                    has_data = true;
                    let understood = self.stream.take(&data, at, &mut self.judge.borrow_mut());
                    if understood.is_none() {
                        let reason =
                            "the server's output plugin sent what is no message of its own";
                        return Err(Stopped::Spoilt(reason.to_owned()));
                    }
                }
                Sent::Keepalive { end, wants_reply } => {
                    if self.source.confirms == Confirms::All {
                        self.stream.idle_until(end);
                    }
                    if wants_reply {
                        self.confirm(reader).await.map_err(Stopped::Broken)?;
                    }
                }
            }
            taken += 1;
            if taken % TURN == 0 {
                tokio::task::yield_now().await;
            }
        }
        Ok(has_data)
    }

    async fn confirm(&mut self, reader: &mut ReplicationReader) -> Result<(), Broken> {
        // Before anything came, what is said is only that somebody is there.
        let end = self.stream.end().max(self.confirmed);
        if end > Lsn::default() {
            self.confirmed = end;
            reader.confirm(end, Utc::now().timestamp_micros()).await?;
        }
        Ok(())
    }

    /// Ends the log, once all that was sent is in it: a replica has that a while later, and is read meanwhile.
    /// Returns whether it has.
    async fn fence(&mut self) -> Result<bool, Stopped> {
        if let Some(upstream) = self.source.upstream.clone() {
            let caught = self.caught.get_or_insert_with(|| {
                let replica = self.source.address.clone();
                let application = self.application.clone();
                tokio::task::spawn_local(async move {
                    catch_up(&upstream, &replica, &application).await
                })
            });
            if !caught.is_finished() {
                return Ok(false);
            }
            let reason = match caught.await {
                Ok(Ok(())) => None,
                Ok(Err(error)) => Some(error.to_string()),
                Err(error) => Some(error.to_string()),
            };
            if let Some(reason) = reason {
                return Err(Stopped::Spoilt(reason));
            }
            self.source.upstream = None;
        }
        self.write_fence().await?;
        Ok(true)
    }

    /// Writes what ends the run into the log: behind everything that was sent.
    async fn write_fence(&mut self) -> Result<(), Stopped> {
        let written = timeout(STEP, async {
            let client = control(&self.source.address, &self.application).await;
            let client = client.map_err(|error| broken(&error.to_string()))?;
            let noted = slot::note(&client, PREFIX, &self.fence).await;
            noted.map_err(|error| broken(&error.to_string()))
        });
        written.await.unwrap_or_else(|_| Err(broken("the server did not answer")))?;
        self.is_fenced = true;
        Ok(())
    }
}

fn broken(message: &str) -> Stopped {
    Stopped::Broken(Broken { code: String::new(), message: message.to_owned() })
}
