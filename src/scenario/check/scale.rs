//! `--scale-rate` and `--time-scale`: the same shape with fewer slots, or played faster.

use std::time::Duration;

use crate::pace::Line;
use crate::pace::nanoseconds;
use crate::pace::real;
use crate::pace::whole;
use crate::scenario::Overrides;
use crate::scenario::check::profile::Part;

/// What the command line does to rates and lengths.
#[derive(Clone, Copy)]
pub(super) struct Scale {
    /// All rates, totals and traces are multiplied by it.
    pub(super) rates_by: f64,
    /// All lengths of profiles and warm-ups are divided by it; rates stay.
    pub(super) speed: f64,
}

impl Scale {
    pub(super) fn of(overrides: &Overrides) -> Scale {
        Scale {
            rates_by: overrides.scale_rate.unwrap_or(1.0),
            speed: overrides.time_scale.unwrap_or(1.0),
        }
    }

    /// A segment, scaled; unless there is something to do it stays as it is, to the bit.
    #[expect(clippy::float_cmp, reason = "1 stands for not being asked")]
    pub(super) fn part(self, part: Part) -> Part {
        if self.rates_by == 1.0 && self.speed == 1.0 {
            return part;
        }
        Part { segment: part.segment.scaled(self.rates_by, self.speed), ..part }
    }

    /// A part of a number of sessions, scaled: as many fewer, for as much shorter.
    pub(super) fn line(self, line: Line) -> Line {
        let Line { from, to, length } = line;
        Line { from: from * self.rates_by, to: to * self.rates_by, length: self.time(length) }
    }

    pub(super) fn time(self, length: Duration) -> Duration {
        Duration::from_nanos(whole((real(nanoseconds(length)) / self.speed).round()))
    }
}
