//! The parts that profiles are made of.

use std::sync::Arc;
use std::time::Duration;

use crate::pace::Curve;
use crate::pace::Profile;
use crate::pace::nanoseconds;
use crate::pace::real;
use crate::pace::whole;

/// The most steps that one [`Segment::Steps`] may have: each takes memory. `check` holds it.
pub const STEPS_MAX: u32 = 10_000;

/// A part of a curve. Rates are slots a second, never negative.
#[derive(Debug, Clone, PartialEq)]
pub enum Segment {
    /// One rate.
    Hold {
        /// The rate.
        rate: f64,
        /// How long.
        length: Duration,
    },
    /// From one rate to another.
    Ramp {
        /// The first rate; if not given, that at which the segment before ended, or 0.
        from: Option<f64>,
        /// The last rate.
        to: f64,
        /// On which way.
        curve: Bend,
        /// How long.
        length: Duration,
    },
    /// Several holds, each faster (or slower) than the one before.
    Steps {
        /// The first rate.
        from: f64,
        /// What is added from step to step; may be negative, but no step goes below 0.
        by: f64,
        /// How many, at most [`STEPS_MAX`].
        count: u32,
        /// How long each is.
        each: Duration,
    },
    /// A base rate with a peak in the middle of each period.
    ///
    /// ```text
    ///            ____               peak
    ///           ╱    ╲
    /// _________╱      ╲_________    base
    /// │  rise → hold → fall    │
    /// └───────  every  ────────┘
    /// ```
    Spike {
        /// The rate between peaks.
        base: f64,
        /// The rate at the peak.
        peak: f64,
        /// How long it takes from base to peak; may be 0.
        rise: Duration,
        /// How long the peak is held; may be 0.
        hold: Duration,
        /// How long it takes from peak to base; may be 0.
        fall: Duration,
        /// The period; at least rise, hold and fall together.
        every: Duration,
        /// How long all of it lasts; the last period may be cut short.
        length: Duration,
    },
    /// mean + amplitude · sin(2π·t / period).
    Sine {
        /// The mean of each period.
        mean: f64,
        /// How far it goes above and below; no more than the mean.
        amplitude: f64,
        /// How long a wave is.
        period: Duration,
        /// Where it begins.
        start: WaveStart,
        /// How long all of it lasts; the last period may be cut short.
        length: Duration,
    },
    /// From nothing smoothly up to a peak in the middle, and down again.
    Bump {
        /// How many slots it has in all.
        total: f64,
        /// How long it lasts.
        length: Duration,
    },
    /// A day, played again and again: straight lines between the middles of its 24 hours.
    Day {
        /// The rate in the middle of each hour, from midnight on. Their mean is the day's.
        rates: Box<[f64; 24]>,
        /// How long a day takes.
        day: Duration,
        /// How long all of it lasts; the last day may be cut short.
        length: Duration,
    },
    /// What was recorded: a hold for each line, with as many slots as the line says.
    Trace {
        /// In order of time.
        stretches: Arc<[Stretch]>,
    },
    /// The beginning of a segment.
    Cut {
        /// The segment.
        segment: Box<Segment>,
        /// How much of it.
        length: Duration,
    },
    /// Nothing.
    Idle {
        /// How long.
        length: Duration,
    },
}

/// The way of a ramp.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Bend {
    /// A straight line.
    Linear,
    /// The same factor in the same time. Neither end is 0; otherwise it is a straight line.
    Exponential,
    /// Slowly out of the first rate and slowly into the last, steepest in the middle.
    Smooth,
}

/// Where a wave begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WaveStart {
    /// At the mean, rising.
    Mean,
    /// At its highest.
    Peak,
    /// At its lowest.
    Trough,
}

/// A line of a trace.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Stretch {
    /// When it ends, in nanoseconds since the trace began.
    pub end_ns: u64,
    /// How many slots it has.
    pub slots: f64,
}

impl Segment {
    /// The highest rate of a segment: of a trace, a bound for it.
    pub fn highest(&self) -> f64 {
        match self {
            Segment::Hold { rate, .. } => *rate,
            // What it begins at is another segment's, or 0.
            Segment::Ramp { from, to, .. } => from.unwrap_or(0.0).max(*to),
            Segment::Steps { from, by, count, .. } => from.max(from + by * f64::from(count - 1)),
            Segment::Spike { peak, .. } => *peak,
            Segment::Sine { mean, amplitude, .. } => mean + amplitude,
            Segment::Bump { total, length } => 2.0 * total / length.as_secs_f64(),
            Segment::Day { rates, .. } => rates.iter().copied().fold(0.0, f64::max),
            Segment::Trace { stretches } => rates(stretches).fold(0.0, f64::max),
            Segment::Cut { segment, .. } => segment.highest(),
            Segment::Idle { .. } => 0.0,
        }
    }

    /// How long a segment is.
    pub fn length(&self) -> Duration {
        match self {
            Segment::Hold { length, .. }
            | Segment::Ramp { length, .. }
            | Segment::Spike { length, .. }
            | Segment::Sine { length, .. }
            | Segment::Bump { length, .. }
            | Segment::Day { length, .. }
            | Segment::Cut { length, .. }
            | Segment::Idle { length } => *length,
            Segment::Steps { count, each, .. } => each.saturating_mul(*count),
            Segment::Trace { stretches } => {
                Duration::from_nanos(stretches.last().map_or(0, |last| last.end_ns))
            }
        }
    }

    /// How many pieces a curve keeps of it: what it costs in memory.
    pub fn pieces(&self) -> usize {
        match self {
            Segment::Steps { count, .. } => usize::try_from(*count).unwrap_or(usize::MAX),
            Segment::Trace { stretches } => stretches.len(),
            Segment::Cut { segment, .. } => segment.pieces(),
            Segment::Sine { .. } => 64,
            Segment::Bump { .. } | Segment::Day { .. } | Segment::Ramp { .. } => 32,
            Segment::Spike { .. } => 5,
            Segment::Hold { .. } | Segment::Idle { .. } => 1,
        }
    }

    /// The rate at which a segment ends; of one that has periods, that at which it goes on.
    pub fn ending(&self) -> f64 {
        match self {
            Segment::Hold { rate, .. } => *rate,
            Segment::Ramp { to, .. } => *to,
            Segment::Steps { from, by, count, .. } => from + by * f64::from(count - 1),
            Segment::Trace { stretches } => rates(stretches).last().unwrap_or(0.0),
            Segment::Spike { .. }
            | Segment::Sine { .. }
            | Segment::Day { .. }
            | Segment::Cut { .. } => {
                Curve::new([self.clone()]).rate(nanoseconds(self.length()).saturating_sub(1))
            }
            Segment::Bump { .. } | Segment::Idle { .. } => 0.0,
        }
    }

    /// One segment, lasting just so long.
    fn fitted(mut self, wanted: Duration) -> Vec<Segment> {
        let own = self.length();
        match &mut self {
            Segment::Hold { length, .. }
            | Segment::Idle { length }
            | Segment::Spike { length, .. }
            | Segment::Sine { length, .. }
            | Segment::Day { length, .. } => {
                *length = wanted;
                vec![self]
            }
            _ if wanted < own => {
                vec![Segment::Cut { segment: Box::new(self), length: wanted }]
            }
            _ => {
                let rate = self.ending();
                vec![self, Segment::Hold { rate, length: wanted.saturating_sub(own) }]
            }
        }
    }

    /// The segment at so many times its rates, played so many times as fast.
    #[must_use]
    pub fn scaled(mut self, rates_by: f64, speed: f64) -> Segment {
        let faster = |length: &mut Duration| {
            *length = Duration::from_nanos(whole((real(nanoseconds(*length)) / speed).round()));
        };
        match &mut self {
            Segment::Hold { rate, length } => {
                *rate *= rates_by;
                faster(length);
            }
            Segment::Ramp { from, to, length, .. } => {
                *from = from.map(|from| from * rates_by);
                *to *= rates_by;
                faster(length);
            }
            Segment::Steps { from, by, each, .. } => {
                *from *= rates_by;
                *by *= rates_by;
                faster(each);
            }
            Segment::Spike { base, peak, rise, hold, fall, every, length } => {
                *base *= rates_by;
                *peak *= rates_by;
                [rise, hold, fall, every, length].into_iter().for_each(faster);
            }
            Segment::Sine { mean, amplitude, period, length, .. } => {
                *mean *= rates_by;
                *amplitude *= rates_by;
                [period, length].into_iter().for_each(faster);
            }
            Segment::Bump { total, length } => {
                *total *= rates_by / speed;
                faster(length);
            }
            Segment::Day { rates, day, length } => {
                rates.iter_mut().for_each(|rate| *rate *= rates_by);
                [day, length].into_iter().for_each(faster);
            }
            Segment::Trace { stretches } => {
                let scaled = stretches.iter().map(|stretch| Stretch {
                    end_ns: whole((real(stretch.end_ns) / speed).round()),
                    slots: stretch.slots * rates_by / speed,
                });
                *stretches = scaled.collect();
            }
            Segment::Cut { segment, length } => {
                **segment = segment.as_ref().clone().scaled(rates_by, speed);
                faster(length);
            }
            Segment::Idle { length } => faster(length),
        }
        self
    }
}

/// The rate of each line of a trace.
fn rates(stretches: &[Stretch]) -> impl Iterator<Item = f64> {
    let mut begin_ns = 0;
    stretches.iter().map(move |stretch| {
        let length_ns = stretch.end_ns.saturating_sub(begin_ns).max(1);
        begin_ns = stretch.end_ns;
        stretch.slots * 1e9 / real(length_ns)
    })
}

/// The segments, lasting just so long: cut, or held at their last rate (what has periods goes on).
pub fn lasting(mut segments: Vec<Segment>, wanted: Duration) -> Vec<Segment> {
    let mut start = Duration::ZERO;
    for index in 0..segments.len() {
        let length = segments[index].length();
        let is_last = index + 1 == segments.len();
        if start.saturating_add(length) < wanted && !is_last {
            start = start.saturating_add(length);
            continue;
        }
        segments.truncate(index + 1);
        if let Some(last) = segments.pop() {
            segments.extend(last.fitted(wanted.saturating_sub(start)));
        }
        break;
    }
    segments
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::Bend;
    use super::lasting;
    use crate::pace::Curve;
    use crate::pace::Profile;
    use crate::pace::Segment;

    fn seconds(count: u64) -> Duration {
        Duration::from_secs(count)
    }

    #[test]
    fn a_profile_is_cut_or_goes_on() {
        let segments = vec![
            Segment::Hold { rate: 10.0, length: seconds(10) },
            Segment::Ramp { from: None, to: 30.0, curve: Bend::Linear, length: seconds(10) },
        ];
        let expected = |length: u64| {
            let fitted = Curve::new(lasting(segments.clone(), seconds(length)));
            assert_eq!(fitted.length(), seconds(length));
            fitted.slots()
        };
        assert_eq!(expected(5), 50);
        assert_eq!(expected(10), 100);
        assert_eq!(expected(15), 175);
        assert_eq!(expected(20), 300);
        assert_eq!(expected(30), 600);
        let steps = vec![Segment::Steps { from: 1.0, by: 1.0, count: 3, each: seconds(10) }];
        let slots = |length| Curve::new(lasting(steps.clone(), seconds(length))).slots();
        assert_eq!((slots(15), slots(30), slots(40)), (20, 60, 90));
    }
}
