//! A stream's whole timetable: the warm-up, then what is measured.

use std::sync::Arc;
use std::time::Duration;

use super::Curve;
use super::Pacing;
use super::Profile;
use super::Segment;
use super::Sessions;
use super::Slots;
use super::Think;
use super::nanoseconds;
use super::real;

/// A profile with a warm-up before it.
///
/// The warm-up is a hold at the profile's mean rate over its first `length`, with slots that arrive
/// alike, so that what is warm is what the measurement begins with. Its slots come first: W of them, numbered 0 to W − 1.
/// Slot n from W on is due at `length` + Λ⁻¹(n − W) on the planned clock, which does not count the
/// pause in between, during which the warm-up settles.
#[derive(Debug, Clone)]
pub struct WarmUp {
    hold: Arc<dyn Profile>,
    profile: Arc<dyn Profile>,
}

impl WarmUp {
    /// Puts a warm-up of a certain length before a profile.
    pub fn new(profile: Arc<dyn Profile>, length: Duration) -> WarmUp {
        let over = length.min(profile.length());
        let seconds = over.as_secs_f64();
        let mean = if seconds > 0.0 { profile.expected(nanoseconds(over)) / seconds } else { 0.0 };
        let hold = Curve::new([Segment::Hold { rate: mean, length }]);
        WarmUp { hold: profile.alike(hold), profile }
    }
}

impl Profile for WarmUp {
    fn expected(&self, at_ns: u64) -> f64 {
        match at_ns.checked_sub(nanoseconds(self.hold.length())) {
            Some(since_ns) => real(self.hold.slots()) + self.profile.expected(since_ns),
            None => self.hold.expected(at_ns),
        }
    }

    fn due(&self, slot: u64) -> Option<u64> {
        match slot.checked_sub(self.hold.slots()) {
            Some(measured) => {
                let boundary_ns = nanoseconds(self.hold.length());
                self.profile.due(measured).map(|due_ns| boundary_ns.saturating_add(due_ns))
            }
            None => self.hold.due(slot),
        }
    }

    fn rate(&self, at_ns: u64) -> f64 {
        match at_ns.checked_sub(nanoseconds(self.hold.length())) {
            Some(since_ns) => self.profile.rate(since_ns),
            None => self.hold.rate(at_ns),
        }
    }

    fn length(&self) -> Duration {
        self.hold.length().saturating_add(self.profile.length())
    }

    fn slots(&self) -> u64 {
        self.hold.slots().saturating_add(self.profile.slots())
    }
}

/// The timetable of a stream without one: slot n is planned for n microseconds. It decides the
/// times in the data, and nothing else.
#[derive(Debug)]
struct Unpaced;

/// Nanoseconds between two planned slots of an unlimited stream.
const UNPACED_NS: u64 = 1_000;

impl Profile for Unpaced {
    fn expected(&self, at_ns: u64) -> f64 {
        real(at_ns) / real(UNPACED_NS)
    }

    fn due(&self, slot: u64) -> Option<u64> {
        (slot < self.slots()).then(|| slot * UNPACED_NS)
    }

    fn rate(&self, _at_ns: u64) -> f64 {
        f64::INFINITY
    }

    fn length(&self) -> Duration {
        Duration::from_nanos(u64::MAX)
    }

    fn slots(&self) -> u64 {
        u64::MAX / UNPACED_NS
    }
}

/// A stream's timetable, from the start of the warm-up to the end.
#[derive(Debug, Clone)]
pub struct Plan {
    profile: Arc<dyn Profile>,
    is_open: bool,
    warmup: Duration,
    warmup_slots: u64,
    /// `None`: until the clock says stop.
    measured_slots: Option<u64>,
    /// `None`: until the limit is reached.
    measured: Option<Duration>,
    closed: Option<Closed>,
}

/// What a closed stream has instead of a timetable.
#[derive(Debug, Clone)]
struct Closed {
    sessions: Arc<Sessions>,
    think: Think,
    /// Sessions in the warm-up.
    warm: u32,
}

impl Plan {
    /// The timetable of a stream that runs after a warm-up and ends after at most `limit` slots
    /// (those of the warm-up not counted).
    pub fn new(pacing: &Pacing, warmup: Duration, limit: Option<u64>) -> Plan {
        match pacing {
            Pacing::Open(profile) => {
                let with_warmup = WarmUp::new(Arc::clone(profile), warmup);
                let slots = profile.slots().min(limit.unwrap_or(u64::MAX));
                // With a limit the stream ends when the first slot beyond it would be due.
                let end = profile.due(slots).map_or(profile.length(), Duration::from_nanos);
                Plan {
                    is_open: true,
                    warmup,
                    warmup_slots: with_warmup.hold.slots(),
                    measured_slots: Some(slots),
                    measured: Some(end),
                    profile: Arc::new(with_warmup),
                    closed: None,
                }
            }
            Pacing::Unlimited { length } => Plan {
                profile: Arc::new(Unpaced),
                is_open: false,
                warmup,
                warmup_slots: 0,
                measured_slots: limit,
                measured: *length,
                closed: None,
            },
            Pacing::Closed { sessions, think } => Plan {
                profile: Arc::new(Unpaced),
                is_open: false,
                warmup,
                warmup_slots: 0,
                measured_slots: limit,
                measured: Some(sessions.length()),
                closed: Some(Closed {
                    // As with rates: what is warm is what the measurement begins with.
                    warm: if warmup.is_zero() { 0 } else { sessions.mean(warmup) },
                    sessions: Arc::clone(sessions),
                    think: *think,
                }),
            },
        }
    }

    /// The same, measured from a planned time on: what is due before it counts as warm-up. Of a stream
    /// without a timetable nothing does.
    #[must_use]
    pub fn resumed(mut self, at: Duration) -> Plan {
        let (slots, length) = (self.slots(), self.length());
        let at = if self.is_open { at.min(length.unwrap_or(at)) } else { Duration::ZERO };
        if self.is_open {
            let at_ns = nanoseconds(at);
            // Slots are due in order: counted by halving.
            let (mut first, mut end) = (0, slots.unwrap_or(0));
            while first < end {
                let middle = first + (end - first) / 2;
                let is_before = self.profile.due(middle).is_some_and(|due| due < at_ns);
                if is_before { first = middle + 1 } else { end = middle }
            }
            self.warmup_slots = first;
            self.measured_slots = slots.map(|slots| slots - first);
            self.measured = length.map(|length| length.saturating_sub(at));
        }
        self.warmup = at;
        self
    }

    /// Whether slots are due at moments known beforehand. Otherwise each is due at once, and
    /// [`Plan::due`] tells only which time its data shows.
    pub fn is_open(&self) -> bool {
        self.is_open
    }

    /// How many sessions there are when, if slots are sent by sessions.
    pub fn sessions(&self) -> Option<&Sessions> {
        self.closed.as_ref().map(|closed| closed.sessions.as_ref())
    }

    /// How long sessions think.
    pub fn think(&self) -> Option<&Think> {
        self.closed.as_ref().map(|closed| &closed.think)
    }

    /// How many sessions there are in the warm-up.
    pub fn warm_sessions(&self) -> u32 {
        self.closed.as_ref().map_or(0, |closed| closed.warm)
    }

    /// How many slots the warm-up has. 0 for an unlimited stream: there the clock ends it.
    pub fn warmup_slots(&self) -> u64 {
        self.warmup_slots
    }

    /// How many slots are measured; `None` if only the clock ends them.
    pub fn measured_slots(&self) -> Option<u64> {
        self.measured_slots
    }

    /// How many slots there are in all; `None` if the clock decides: an unlimited stream without
    /// a limit, or with a warm-up.
    pub fn slots(&self) -> Option<u64> {
        let known = self.is_open || self.warmup.is_zero();
        let measured = self.measured_slots.filter(|_| known)?;
        Some(self.warmup_slots.saturating_add(measured))
    }

    /// When a slot is planned, in nanoseconds since the start of the warm-up; `None` if there is
    /// no such slot.
    pub fn due(&self, slot: u64) -> Option<u64> {
        let exists = self.slots().is_none_or(|slots| slot < slots);
        self.profile.due(slot).filter(|_| exists)
    }

    /// The slots of one lane, from slot `first` on, in order, with the moment each is planned for.
    pub fn lane(&self, lane: u32, lanes: u32, first: u64) -> Slots {
        let end = self.slots().unwrap_or(u64::MAX);
        Slots::new(Arc::clone(&self.profile), lane, lanes, first, end)
    }

    /// The target rate at a planned time, in slots a second: infinite for an unlimited stream.
    pub fn rate(&self, at_ns: u64) -> f64 {
        let is_over = self.length().is_some_and(|length| at_ns >= nanoseconds(length));
        if is_over { 0.0 } else { self.profile.rate(at_ns) }
    }

    /// When the warm-up ends and measuring begins, in planned nanoseconds.
    pub fn boundary_ns(&self) -> u64 {
        nanoseconds(self.warmup)
    }

    /// How long is measured; `None` if only the limit ends it.
    pub fn measured(&self) -> Option<Duration> {
        self.measured
    }

    /// Warm-up and measurement together; `None` if only the limit ends it.
    pub fn length(&self) -> Option<Duration> {
        self.measured.map(|measured| self.warmup.saturating_add(measured))
    }
}
