//! How many sessions there are, over time: the profile of a closed stream.

use std::time::Duration;

use super::nanoseconds;
use super::real;
use super::whole;

/// The most sessions that a profile may have: each has a lane of its own.
pub const SESSIONS_MAX: u32 = 10_000;

/// A part of a profile in which the number of sessions is a straight line.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Line {
    /// How many at its beginning.
    pub from: f64,
    /// How many at its end.
    pub to: f64,
    /// How long it lasts.
    pub length: Duration,
}

/// A number of sessions over time. Sessions are numbered, and those below the number live: so at
/// each moment ⌈number⌉ of them.
#[derive(Debug, Clone, PartialEq)]
pub struct Sessions {
    lines: Vec<Line>,
    most: u32,
}

impl Sessions {
    /// Played one after the other.
    pub fn new(lines: Vec<Line>) -> Self {
        let most = lines.iter().map(|line| line.from.max(line.to)).fold(1.0, f64::max);
        Self { lines, most: u32::try_from(whole(most.ceil())).unwrap_or(u32::MAX) }
    }

    /// The same, lasting just so long: cut, or held at the last number. It keeps its numbers: how
    /// many sessions there may be decides what each of them does.
    #[must_use]
    pub fn lasting(&self, wanted: Duration) -> Self {
        let mut lines = Vec::new();
        let mut left = wanted;
        for line in &self.lines {
            let length = line.length.min(left);
            let share = length.as_secs_f64() / line.length.as_secs_f64();
            lines.push(Line { to: line.from + (line.to - line.from) * share, length, ..*line });
            left -= length;
            if left.is_zero() {
                break;
            }
        }
        if let Some(last) = lines.last().copied().filter(|_| !left.is_zero()) {
            lines.push(Line { from: last.to, to: last.to, length: left });
        }
        Self { lines, most: self.most }
    }

    /// The lines it is made of.
    pub fn lines(&self) -> &[Line] {
        &self.lines
    }

    /// How long it lasts.
    pub fn length(&self) -> Duration {
        self.lines.iter().map(|line| line.length).sum()
    }

    /// How many sessions live when the most do; at least 1.
    pub fn most(&self) -> u32 {
        self.most
    }

    /// How many sessions live on average in the first `length`, rounded up.
    pub fn mean(&self, length: Duration) -> u32 {
        let length = nanoseconds(length.min(self.length()));
        let (mut area, mut left) = (0.0, length);
        for line in &self.lines {
            let whole_ns = nanoseconds(line.length);
            let part = left.min(whole_ns);
            let to = line.from + (line.to - line.from) * real(part) / real(whole_ns.max(1));
            area += f64::midpoint(line.from, to) * real(part);
            left -= part;
        }
        u32::try_from(whole((area / real(length.max(1))).ceil())).unwrap_or(SESSIONS_MAX)
    }

    /// When a session lives: from and until when, in nanoseconds since the profile began.
    pub fn lives(&self, session: u32) -> Vec<(u64, u64)> {
        let session = f64::from(session);
        let mut lives: Vec<(u64, u64)> = Vec::new();
        let mut start = 0;
        for line in &self.lines {
            let length = nanoseconds(line.length);
            let end = start + length;
            // Where the line crosses the session's number.
            let share = (session - line.from) / (line.to - line.from);
            let crossing = || start + whole((share.clamp(0.0, 1.0) * real(length)).ceil());
            let life = match (line.from > session, line.to > session) {
                (true, true) => Some((start, end)),
                (true, false) => Some((start, crossing())),
                (false, true) => Some((crossing(), end)),
                (false, false) => None,
            };
            if let Some((from, until)) = life.filter(|(from, until)| from < until) {
                match lives.last_mut().filter(|last| last.1 == from) {
                    Some(last) => last.1 = until,
                    None => lives.push((from, until)),
                }
            }
            start = end;
        }
        lives
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn line(from: f64, to: f64, seconds: u64) -> Line {
        Line { from, to, length: Duration::from_secs(seconds) }
    }

    #[test]
    fn a_ramp_begins_sessions_one_after_the_other() {
        let sessions = Sessions::new(vec![line(0.0, 4.0, 4), line(4.0, 4.0, 2), line(4.0, 0.0, 4)]);
        let second = 1_000_000_000;
        assert_eq!(sessions.lives(0), [(0, 10 * second)]);
        assert_eq!(sessions.lives(3), [(3 * second, 7 * second)]);
        assert_eq!((sessions.lives(4).len(), sessions.most()), (0, 4));
        assert_eq!(sessions.mean(Duration::from_secs(4)), 2);
        assert_eq!(sessions.length(), Duration::from_secs(10));
        let lasting = |seconds| sessions.lasting(Duration::from_secs(seconds));
        assert_eq!((lasting(3).lives(1), lasting(3).most()), (vec![(second, 3 * second)], 4));
        assert_eq!(lasting(5).lives(3), [(3 * second, 5 * second)]);
        let held = Sessions::new(vec![line(2.0, 2.0, 4)]).lasting(Duration::from_secs(9));
        assert_eq!(held.lives(1), [(0, 9 * second)]);
    }

    proptest! {
        /// At each moment as many live as the profile says, rounded up.
        #[test]
        fn as_many_live_as_the_profile_says(
            written in prop::collection::vec((0u32..40, 0u32..40, 1u64..9), 1..6), share in 0.0..1.0,
        ) {
            let lines: Vec<_> = written
                .iter()
                .map(|(from, to, seconds)| line(f64::from(*from), f64::from(*to), *seconds))
                .collect();
            let sessions = Sessions::new(lines.clone());
            let at = whole(share * sessions.length().as_secs_f64() * 1e9);
            let mut start = 0;
            let mut expected = 0.0;
            for line in &lines {
                let length = nanoseconds(line.length);
                if (start..start + length).contains(&at) {
                    expected = line.from + (line.to - line.from) * real(at - start) / real(length);
                }
                start += length;
            }
            // Within a nanosecond of a crossing either count is right.
            let is_flat = written.iter().all(|(from, to, _)| from == to);
            prop_assume!(is_flat || (expected - expected.round()).abs() > 1e-6);
            let living = (0..sessions.most())
                .filter(|each| sessions.lives(*each).iter().any(|(from, until)| (*from..*until).contains(&at)))
                .count();
            prop_assert_eq!(living as u64, whole(expected.ceil()));
        }
    }
}
