//! What becomes of actions: into the records, and into what the lane does next.

use crate::engine::account::ExceptionKind;
use crate::engine::connection::Connection;
use crate::engine::flight::Flight;
use crate::engine::fresh::Fresh;
use crate::engine::stop::Level;
use crate::generate::RowId;
use crate::measure;
use crate::measure::End;
use crate::measure::ErrorClass;
use crate::observe::FactFate;
use crate::sink::Failure;
use crate::sink::Outcome;
use crate::sink::Sink;

/// Attempts at an action that loses against another transaction.
pub(super) const TRIES_MAX: u32 = 10;
/// Rows that went wrong and are kept in mind, over all lanes, and in each at least: some 128 MB.
const WRONG_MAX: usize = 1 << 22;
const WRONG_MIN: usize = 1024;

impl Connection {
    /// Settles all outcomes that have come in by `now`.
    pub(super) fn settle_outcomes(&mut self, now: u64) {
        let mut outcomes = std::mem::take(&mut self.outcomes);
        let (mut settled, mut broken) = (0, 0);
        for outcome in outcomes.drain(..) {
            if Self::is_batch(&outcome) {
                let (done, refused) = self.settle_batch(outcome, now);
                (settled, broken) = (settled + done, broken + refused);
                continue;
            }
            if Self::is_of_event(&outcome) {
                broken += u64::from(self.settle_event(&outcome, now));
                settled += 1;
                continue;
            }
            let Outcome { ticket, result, .. } = outcome;
            let number = ticket as usize;
            if let Err(failure) = &result
                && self.try_again(number, failure)
            {
                continue;
            }
            settled += 1;
            match result {
                Ok(shortfalls) => self.acknowledged(number, &shortfalls, now),
                Err(failure) => {
                    self.failed(number, &failure, now);
                    broken += u64::from(failure.class != ErrorClass::Constraint);
                }
            }
        }
        self.outcomes = outcomes;
        self.events.window.arrived(settled, now);
        self.count(now, settled, broken);
    }

    fn count(&self, now: u64, settled: u64, broken: u64) {
        if let Some(reason) = self.shared.breaker.count(now, settled, broken) {
            self.shared.job.stop.tell(Level::Drain, End::Stopped(reason));
        }
    }

    /// Committed.
    pub(super) fn acknowledged(&mut self, number: usize, shortfalls: &[(u32, u32)], now: u64) {
        if self.turn_to_next_part(number, shortfalls, now) {
            return;
        }
        let Some(mut flight) = self.lanes[number].flight.take() else { return };
        flight.stamps.acknowledged = now;
        let mut records = self.records.borrow_mut();
        let stream = usize::from(flight.decision.stream);
        if !flight.was_acknowledged() {
            records
                .recorder
                .stream(stream)
                .finished(&flight.stamps, measure::Outcome::Acknowledged);
        }
        records.account.acknowledged(&flight.effects, shortfalls);
        drop(records);
        self.tell(number, &flight, now, || FactFate::Committed(shortfalls.to_vec()));
        if !shortfalls.is_empty() {
            self.except(number, &flight, ExceptionKind::Short);
        }
        // What fell short would not be found again in full: it is not kept in mind.
        if let Some(lossy_for) = self.routes[flight.sink].sink.lossy_for()
            && shortfalls.is_empty()
        {
            let scratch = (&*self.shared.job.world, &mut self.rows);
            self.lanes[number].remember(Fresh::new(flight, now), lossy_for, scratch);
        }
        self.idle(number, now);
    }

    /// Puts what was refused to rest if it may pass another time. Returns whether it may.
    fn try_again(&mut self, number: usize, failure: &Failure) -> bool {
        let passes = matches!(failure.class, ErrorClass::Serialization | ErrorClass::Deadlock);
        let Some(flight) = &mut self.lanes[number].flight else { return false };
        if !passes || flight.tries >= TRIES_MAX {
            return false;
        }
        flight.is_submitted = false;
        flight.refusal = Some(failure.class);
        self.rest_lane(number);
        true
    }

    /// It did not take effect, and is not sent again because the run ends.
    pub(super) fn abandoned(&mut self, number: usize, now: u64) {
        let Some(flight) = &self.lanes[number].flight else { return };
        // What a crash took back is not sent alone where parts behind it stand.
        let next = self.shared.job.world.part_from(&flight.decision, flight.part + 1);
        let is_half = flight.was_acknowledged() && next.is_some();
        let fate = if is_half { ExceptionKind::Failed } else { ExceptionKind::Abandoned };
        self.given_up(number, &Self::ended(), (fate, now));
    }

    /// Why what is not sent again has failed.
    pub(super) fn ended() -> Failure {
        let message = "the run ended before it could be sent again".to_owned();
        Failure { class: ErrorClass::Connection, code: String::new(), message }
    }

    fn failed(&mut self, number: usize, failure: &Failure, now: u64) {
        self.given_up(number, failure, (ExceptionKind::Failed, now));
    }

    fn given_up(&mut self, number: usize, failure: &Failure, (fate, now): (ExceptionKind, u64)) {
        let Some(mut flight) = self.lanes[number].flight.take() else { return };
        flight.stamps.acknowledged = now;
        let mut records = self.records.borrow_mut();
        let stream = usize::from(flight.decision.stream);
        let kind = measure::Failure {
            class: failure.class,
            code: &failure.code,
            message: &failure.message,
        };
        if !flight.was_acknowledged() {
            records
                .recorder
                .stream(stream)
                .finished(&flight.stamps, measure::Outcome::Failed(kind));
        }
        records.account.failed(&flight.effects);
        drop(records);
        self.miss_rest(&flight);
        self.came_to_nothing(number, &flight, fate);
        self.idle(number, now);
    }

    /// Nobody can tell.
    pub(super) fn unknown(&mut self, number: usize, now: u64) {
        let Some(mut flight) = self.lanes[number].flight.take() else { return };
        if flight.is_adopted() {
            // It is no action of this run, and as unknown as it was.
            return self.idle(number, now);
        }
        self.lanes[number].account.doubt = self.doubt_of(number, &flight);
        flight.stamps.acknowledged = now;
        let mut records = self.records.borrow_mut();
        let stream = usize::from(flight.decision.stream);
        if !flight.was_acknowledged() {
            records.recorder.stream(stream).finished(&flight.stamps, measure::Outcome::Unknown);
        }
        records.account.unknown(&flight.effects);
        drop(records);
        self.tell(number, &flight, now, || FactFate::Unknown);
        self.miss_rest(&flight);
        self.except(number, &flight, ExceptionKind::Unknown);
        self.idle(number, now);
    }

    /// Decided, and not sent any more.
    pub(super) fn unsent(&mut self, number: usize) {
        if let Some(flight) = self.lanes[number].flight.take() {
            self.unsent_flight(number, &flight);
        }
    }

    /// The same of one that waits behind the lane's action, or that an earlier run left.
    pub(super) fn unsent_flight(&mut self, number: usize, flight: &Flight) {
        let mut records = self.records.borrow_mut();
        let stream = records.recorder.stream(usize::from(flight.decision.stream));
        let counters = &mut stream.at(flight.stamps.due()).counters;
        counters.unfinished += 1;
        // What an earlier run left is counted when it is taken up.
        counters.scheduled += u64::from(flight.stamps.picked == 0);
        drop(records);
        self.except(number, flight, ExceptionKind::Unsent);
    }

    /// Withholds the lane's action if a row it needs is not there, or one that refers to what it
    /// deletes is still there; rows of a cascade that are not
    /// there are left out. Returns whether it was withheld.
    pub(super) fn withhold(&mut self, number: usize) -> bool {
        let lane = &mut self.lanes[number];
        let is_barred = lane.lane.is_barred();
        if lane.absent.is_empty() && !is_barred {
            return false;
        }
        let world = &self.shared.job.world;
        let Some(flight) = &mut lane.flight else { return false };
        let mut records = self.records.borrow_mut();
        for victim in flight.decision.spare(|victim| lane.absent.contains(victim)) {
            records.account.absent(victim.table, 1);
        }
        self.rows.clear();
        world.needs(&flight.decision, &mut self.rows);
        if !is_barred && !self.rows.iter().any(|row| lane.absent.contains(row)) {
            return false;
        }
        world.render_from(&flight.decision, 0, &mut self.action);
        records.account.missed(&self.action);
        let stream = records.recorder.stream(usize::from(flight.decision.stream));
        let counters = &mut stream.at(flight.stamps.due()).counters;
        counters.skipped += 1;
        counters.missed += 1;
        drop(records);
        if let Some(flight) = self.lanes[number].flight.take() {
            self.came_to_nothing(number, &flight, ExceptionKind::Missed);
        }
        true
    }

    /// What was decided did not take effect: that is kept in mind for what builds on it.
    pub(super) fn came_to_nothing(&mut self, number: usize, flight: &Flight, kind: ExceptionKind) {
        self.except(number, flight, kind);
        self.had_no_effect(number, flight);
    }

    /// The same of an action of an earlier run.
    pub(super) fn had_no_effect(&mut self, number: usize, flight: &Flight) {
        self.made_nothing(number, flight);
        self.changed_nothing(number, flight);
    }

    /// The rows that an action was to make do not exist.
    fn made_nothing(&mut self, number: usize, flight: &Flight) {
        self.rows.clear();
        let world = &self.shared.job.world;
        world.makes(&flight.decision, &mut self.rows);
        let is_open = |row: &RowId| {
            let is_event = world.catalog.table(row.table).event.is_some();
            !is_event && world.part_of(&flight.decision, row.table) >= flight.part
        };
        self.lanes[number].absent.extend(self.rows.drain(..).filter(is_open));
    }

    /// The rows that an action was to change are as they were.
    fn changed_nothing(&mut self, number: usize, flight: &Flight) {
        self.rows.clear();
        let world = &self.shared.job.world;
        let is_open = |row: &RowId| world.part_of(&flight.decision, row.table) >= flight.part;
        world.ends(&flight.decision, &mut self.rows);
        self.lanes[number].lane.survived(self.rows.drain(..).filter(is_open));
        world.changes(&flight.decision, &mut self.rows);
        self.rows.retain(is_open);
        let lane = &mut self.lanes[number];
        let most = (WRONG_MAX / lane.lane.lanes() as usize).max(WRONG_MIN);
        lane.behind.extend(self.rows.drain(..));
        if lane.absent.len().max(lane.behind.len()).max(lane.lane.survivors()) > most {
            let reason = format!(
                "too much went wrong: {most} rows of one lane were not made or not changed, and no \
                 more are kept in mind"
            );
            self.shared.job.stop.tell(Level::Drain, End::Stopped(reason));
        }
    }

    /// Marks an action whose looks would prove nothing: a row of it missed an earlier update; or it
    /// deletes a row whose insert a crash could still take back, so that it may be gone without it.
    pub(super) fn doubt(&mut self, number: usize) {
        let world = &self.shared.job.world;
        let lane = &mut self.lanes[number];
        let Some(flight) = &mut lane.flight else { return };
        if lane.behind.is_empty() && lane.fresh.is_empty() {
            return;
        }
        self.rows.clear();
        world.tells(&flight.decision, flight.part, &mut self.rows);
        flight.is_doubtful = self.rows.iter().any(|row| lane.behind.contains(row));
        if flight.is_doubtful || lane.born.is_empty() || !world.deletes(&flight.decision) {
            return;
        }
        flight.is_doubtful = self.rows.iter().any(|row| lane.born.contains(row));
    }

    pub(super) fn except(&mut self, number: usize, flight: &Flight, kind: ExceptionKind) {
        let exception = flight.exception(kind);
        self.lanes[number].account.add(exception);
        self.note_exception(number, &exception);
        if !matches!(kind, ExceptionKind::Short | ExceptionKind::Unknown) {
            self.trace_nothing(&flight.decision, flight.part);
        }
    }

    pub(super) fn idle(&mut self, number: usize, now: u64) {
        if let Some(flight) = self.lanes[number].again.pop_front() {
            self.routes[flight.sink].queue.push_back(number);
            self.lanes[number].flight = Some(flight);
            return;
        }
        self.lanes[number].idle_since = now;
        if let Some(session) = &mut self.lanes[number].session {
            session.is_answered(now);
        }
        if self.shared.job.stop.level() == Level::Run {
            self.schedule(number, now);
        }
    }
}
