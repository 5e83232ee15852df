//! The parts that profiles are made of.

use std::time::Duration;

/// The most steps that one [`Segment::Steps`] may have: each takes memory. `check` holds it.
pub const STEPS_MAX: u32 = 10_000;

/// A part of a curve. Rates are slots a second, never negative.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Segment {
    /// One rate.
    Hold {
        /// The rate.
        rate: f64,
        /// How long.
        length: Duration,
    },
    /// From one rate to another, in a straight line.
    Ramp {
        /// The first rate; if not given, that at which the segment before ended, or 0.
        from: Option<f64>,
        /// The last rate.
        to: f64,
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
    /// Nothing.
    Idle {
        /// How long.
        length: Duration,
    },
}

impl Segment {
    /// The highest rate of a segment.
    pub fn highest(&self) -> f64 {
        match self {
            Segment::Hold { rate, .. } => *rate,
            // What it begins at is another segment's, or 0.
            Segment::Ramp { from, to, .. } => from.unwrap_or(0.0).max(*to),
            Segment::Steps { from, by, count, .. } => from.max(from + by * f64::from(count - 1)),
            Segment::Spike { peak, .. } => *peak,
            Segment::Idle { .. } => 0.0,
        }
    }

    /// How long a segment is.
    pub fn length(&self) -> Duration {
        match self {
            Segment::Hold { length, .. }
            | Segment::Ramp { length, .. }
            | Segment::Spike { length, .. }
            | Segment::Idle { length } => *length,
            Segment::Steps { count, each, .. } => each.saturating_mul(*count),
        }
    }

    /// The rate at which a segment ends.
    fn ending(&self) -> f64 {
        match self {
            Segment::Hold { rate, .. } => *rate,
            Segment::Ramp { to, .. } => *to,
            Segment::Steps { from, by, count, .. } => from + by * f64::from(count - 1),
            Segment::Spike { base, .. } => *base,
            Segment::Idle { .. } => 0.0,
        }
    }

    /// One segment, lasting just so long.
    fn fitted(self, wanted: Duration, before: f64) -> Vec<Segment> {
        let own = self.length();
        match self {
            Segment::Hold { rate, .. } => vec![Segment::Hold { rate, length: wanted }],
            Segment::Idle { .. } => vec![Segment::Idle { length: wanted }],
            Segment::Spike { base, peak, rise, hold, fall, every, .. } => {
                vec![Segment::Spike { base, peak, rise, hold, fall, every, length: wanted }]
            }
            Segment::Ramp { from, to, .. } if wanted < own => {
                let from = from.unwrap_or(before);
                let to = from + (to - from) * wanted.as_secs_f64() / own.as_secs_f64();
                vec![Segment::Ramp { from: Some(from), to, length: wanted }]
            }
            Segment::Steps { from, by, count, each } if wanted < own => {
                let mut left = wanted;
                let mut steps = Vec::new();
                for step in 0..count {
                    let length = each.min(left);
                    left -= length;
                    steps.push(Segment::Hold { rate: from + by * f64::from(step), length });
                    if left.is_zero() {
                        break;
                    }
                }
                steps
            }
            longer => {
                let rate = longer.ending();
                vec![longer, Segment::Hold { rate, length: wanted.saturating_sub(own) }]
            }
        }
    }
}

/// The segments, lasting just so long: cut, or held at their last rate (the last spikes go on).
pub fn lasting(mut segments: Vec<Segment>, wanted: Duration) -> Vec<Segment> {
    let mut start = Duration::ZERO;
    for index in 0..segments.len() {
        let length = segments[index].length();
        let is_last = index + 1 == segments.len();
        if start + length < wanted && !is_last {
            start += length;
            continue;
        }
        segments.truncate(index + 1);
        let before = segments[..index].last().map_or(0.0, Segment::ending);
        if let Some(last) = segments.pop() {
            segments.extend(last.fitted(wanted.saturating_sub(start), before));
        }
        break;
    }
    segments
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

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
            Segment::Ramp { from: None, to: 30.0, length: seconds(10) },
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
