//! A lane at work: what it is doing, and what of its past matters for what comes.

use std::collections::HashSet;
use std::collections::VecDeque;

use smallvec::SmallVec;

use crate::action::Action;
use crate::engine::account::Effect;
use crate::engine::account::Exception;
use crate::engine::account::ExceptionKind;
use crate::engine::account::LaneAccount;
use crate::engine::catch_up::CatchUp;
use crate::engine::fresh::Recent;
use crate::engine::session::Session;
use crate::generate::Decision;
use crate::generate::Lane;
use crate::generate::RowId;
use crate::generate::World;
use crate::measure::ErrorClass;
use crate::measure::Stamps;

/// A lane of a connection. It has one action under way at a time: so no two actions in flight
/// touch the same row, nothing overtakes a retry, and what an action needs has been acknowledged
/// before the action is looked at.
#[derive(Debug)]
pub(super) struct LaneRun {
    pub(super) lane: Lane,
    pub(super) account: LaneAccount,
    pub(super) flight: Option<Flight>,
    /// Whether it is on the agenda, and from when on its next slot may be sent.
    pub(super) is_noted: bool,
    pub(super) catch_up: CatchUp,
    /// When its last action settled, on the run's clock.
    pub(super) idle_since: u64,
    /// How late its last slot was taken, and how much of that was our own fault.
    lateness: u64,
    our_lateness: u64,
    /// Rows whose insert failed or was withheld: as many as went wrong.
    pub(super) absent: HashSet<RowId>,
    /// Rows that missed an update because it failed: as many as went wrong.
    pub(super) behind: HashSet<RowId>,
    /// Acknowledged actions that a crash of a server could still take back.
    pub(super) fresh: Recent,
    /// The rows that those made.
    pub(super) born: HashSet<RowId>,
    /// Actions that a crash took back, to be sent again before anything else.
    pub(super) again: VecDeque<Flight>,
    /// Its stream, if it has a session, and the session.
    pub(super) stream: usize,
    pub(super) session: Option<Session>,
    /// Slots that an unlimited stream with a limit may still take here.
    pub(super) left: Option<u64>,
    /// Where an earlier run stopped, until its decisions have been taken again.
    pub(super) stopped_at: Option<LaneAccount>,
    /// How many exceptions of it stand in the run's journal.
    pub(super) noted: u32,
}

/// An action on its way: of one that goes to several databases, the part that is under way.
#[derive(Debug, Clone)]
pub(super) struct Flight {
    pub(super) decision: Decision,
    /// The part: see [`World::part_from`]. Those before it were acknowledged.
    pub(super) part: usize,
    pub(super) stamps: Stamps,
    /// When its last attempt was sent, if anybody observes.
    pub(super) submitted_ns: u64,
    /// Attempts at all parts so far.
    pub(super) attempts: u32,
    /// Attempts at this part so far.
    pub(super) tries: u32,
    /// What the part does, noted when it was last sent.
    pub(super) effects: SmallVec<[Effect; 2]>,
    /// Which of the connection's sinks the part goes to.
    pub(super) sink: usize,
    pub(super) is_submitted: bool,
    pub(super) origin: Provenance,
    /// What its last attempt ended by, if it is to be made again.
    pub(super) refusal: Option<ErrorClass>,
    /// Until when it rests, on the run's clock, before it is tried again: it is in no queue then.
    pub(super) rests_until: Option<u64>,
    /// A row of it missed an earlier update, and so may look already as this action leaves it.
    pub(super) is_doubtful: bool,
    /// What the sink said of it when it was last sent: see [`crate::sink::Receipt`].
    pub(super) horizon: u64,
    pub(super) is_numbered: bool,
}

/// Where an action comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Provenance {
    /// It was decided, here or by an earlier run.
    Decided,
    /// A crash took it back after it had been acknowledged and recorded.
    TakenBack,
    /// An earlier run had it under way when it ended: nobody has asked yet what became of it.
    Adopted,
}

impl Flight {
    /// A decision that is to be sent.
    pub(super) fn new(decision: Decision, stamps: Stamps) -> Self {
        Self {
            decision,
            part: 0,
            stamps,
            submitted_ns: 0,
            attempts: 0,
            tries: 0,
            effects: SmallVec::new(),
            sink: 0,
            is_submitted: false,
            origin: Provenance::Decided,
            refusal: None,
            rests_until: None,
            is_doubtful: false,
            horizon: 0,
            is_numbered: false,
        }
    }

    /// Whether it was acknowledged and recorded before.
    pub(super) fn was_acknowledged(&self) -> bool {
        self.origin == Provenance::TakenBack
    }

    /// Whether it is an earlier run's.
    pub(super) fn is_adopted(&self) -> bool {
        self.origin == Provenance::Adopted
    }

    /// Whether anything of it has been sent.
    pub(super) fn is_begun(&self) -> bool {
        self.attempts > 0
    }

    /// As the account has it when it does not take effect.
    pub(super) fn exception(&self, fate: ExceptionKind) -> Exception {
        Exception::of(&self.decision, self.part, fate)
    }

    /// Goes over to another part.
    pub(super) fn turn_to(&mut self, part: usize, world: &World) {
        self.part = part;
        self.sink = world.way_of(&self.decision, part);
        self.tries = 0;
        self.effects.clear();
        self.is_submitted = false;
        self.is_doubtful = false;
        self.horizon = 0;
        self.is_numbered = false;
    }

    /// Notes what it does, as it was rendered.
    pub(super) fn note_effects(&mut self, action: &Action) {
        self.effects.clear();
        self.effects.extend(action.operations().iter().map(Effect::from));
    }

    /// Fills `action` with what is to be sent, or looked for.
    pub(super) fn render(&self, world: &World, action: &mut Action) {
        world.render_part(&self.decision, self.part, action);
        action.is_doubtful = self.is_doubtful;
        action.horizon = self.horizon;
    }
}

impl LaneRun {
    /// A lane of a group of streams.
    pub(super) fn new(world: &World, lane: Lane, group: usize) -> Self {
        let account = LaneAccount::new(group, lane.index(), lane.lanes());
        let stream = world.groups[group].first().copied().unwrap_or(0);
        let session = world.plan(stream).sessions().map(|_| Session::default());
        Self {
            lane,
            account,
            flight: None,
            is_noted: false,
            catch_up: CatchUp::default(),
            idle_since: 0,
            lateness: 0,
            our_lateness: 0,
            absent: HashSet::new(),
            behind: HashSet::new(),
            fresh: Recent::default(),
            born: HashSet::new(),
            again: VecDeque::new(),
            left: None,
            stopped_at: None,
            noted: 0,
            stream,
            session,
        }
    }

    /// When a slot that is taken now, and was due at `intended`, counts as seen. For as long as its
    /// lane was busy, or held back by the late policy, it had to wait for the target; from then on
    /// it waited for us. Where the slots before it waited for us, it waits behind that as well, and
    /// where the lane falls further behind, we have a part in that.
    pub(super) fn seen_at(&mut self, intended: u64, now: u64) -> u64 {
        let late = now.saturating_sub(intended);
        let possible = self.idle_since.max(self.catch_up.released()).max(intended);
        let own = now.saturating_sub(possible);
        let grown = late.saturating_sub(self.lateness);
        let behind = if possible == intended { 0 } else { self.our_lateness + own.min(grown) };
        self.our_lateness = late.min(own.max(behind));
        self.lateness = late;
        intended.saturating_add(self.our_lateness)
    }
}
