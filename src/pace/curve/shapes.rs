//! Segments as pieces.

use std::f64::consts::FRAC_PI_2;
use std::f64::consts::TAU;
use std::time::Duration;

use crate::pace::Bend;
use crate::pace::Segment;
use crate::pace::Stretch;
use crate::pace::WaveStart;
use crate::pace::curve::piece::Form;
use crate::pace::curve::piece::SECOND;
use crate::pace::curve::piece::Shape;
use crate::pace::nanoseconds;
use crate::pace::real;

/// Pieces of an s-shaped ramp, and of a wave's period: so many that a line through the ends of each
/// is near enough for Newton's method to begin with.
const SMOOTH_PIECES: u32 = 16;
const WAVE_PIECES: u32 = 64;

/// One period of a segment that begins behind a rate, and the length of the whole.
pub(super) fn shapes(segment: &Segment, rate_before: f64) -> (Vec<Shape>, u64) {
    match segment {
        Segment::Hold { rate, length } => one(Form::hold(*rate), *length),
        Segment::Idle { length } => one(Form::hold(0.0), *length),
        Segment::Ramp { from, to, curve, length } => {
            (ramp(from.unwrap_or(rate_before), *to, *curve, *length), nanoseconds(*length))
        }
        Segment::Steps { from, by, count, each } => {
            let length_ns = nanoseconds(*each);
            let step = |index| Form::hold((from + by * f64::from(index)).max(0.0));
            let pieces = (0..*count).map(|index| Shape { form: step(index), length_ns }).collect();
            (pieces, length_ns.saturating_mul(u64::from(*count)))
        }
        Segment::Spike { base, peak, rise, hold, fall, every, length } => {
            let times = [*rise, *hold, *fall, *every].map(nanoseconds);
            (spike(*base, *peak, times), nanoseconds(*length))
        }
        Segment::Sine { mean, amplitude, period, start, length } => {
            (wave(*mean, *amplitude, *start, nanoseconds(*period)), nanoseconds(*length))
        }
        Segment::Bump { total, length } => (bump(*total, *length), nanoseconds(*length)),
        Segment::Day { rates, day, length } => {
            (hours(rates, nanoseconds(*day)), nanoseconds(*length))
        }
        Segment::Trace { stretches } => {
            let pieces = trace(stretches);
            let length_ns = pieces.iter().map(|piece| piece.length_ns).sum();
            (pieces, length_ns)
        }
        Segment::Cut { segment, length } => {
            let (pieces, length_ns) = shapes(segment, rate_before);
            (pieces, length_ns.min(nanoseconds(*length)))
        }
    }
}

/// A segment of a single piece.
fn one(form: Form, length: Duration) -> (Vec<Shape>, u64) {
    let length_ns = nanoseconds(length);
    (vec![Shape { form, length_ns }], length_ns)
}

fn ramp(from: f64, to: f64, curve: Bend, length: Duration) -> Vec<Shape> {
    match curve {
        Bend::Smooth => smooth(from, to, nanoseconds(length)),
        // The same factor in the same time leads nowhere from nothing; `check` refuses it.
        Bend::Exponential if from > 0.0 && to > 0.0 && (to / from - 1.0).abs() > 1e-9 => {
            let form = Form::Exponential { from, growth: libm::log(to / from) };
            one(form, length).0
        }
        Bend::Exponential | Bend::Linear => one(Form::Line { from, to }, length).0,
    }
}

/// from + (to − from)·(3u² − 2u³), u from 0 to 1: as steep at neither end as a hold.
fn smooth(from: f64, to: f64, length_ns: u64) -> Vec<Shape> {
    let rise = to - from;
    let cut = |begin_ns: u64, end_ns: u64| {
        let (u, w) = (real(begin_ns) / real(length_ns), real(end_ns - begin_ns) / real(length_ns));
        let form = Form::Cubic([
            from + rise * u * u * (3.0 - 2.0 * u),
            rise * 6.0 * u * (1.0 - u) * w,
            rise * 3.0 * (1.0 - 2.0 * u) * w * w,
            rise * -2.0 * w * w * w,
        ]);
        Shape { form, length_ns: end_ns - begin_ns }
    };
    borders(length_ns, SMOOTH_PIECES).map(|(begin, end)| cut(begin, end)).collect()
}

/// Up and down again, alike.
fn bump(total: f64, length: Duration) -> Vec<Shape> {
    let length_ns = nanoseconds(length);
    let rise_ns = length_ns / 2;
    // The area is half of what a hold at the peak would have.
    let peak = 2.0 * total * SECOND / real(length_ns.max(1));
    let mut pieces = smooth(0.0, peak, rise_ns);
    pieces.extend(smooth(peak, 0.0, length_ns - rise_ns));
    pieces
}

fn spike(base: f64, peak: f64, [rise, hold, fall, every]: [u64; 4]) -> Vec<Shape> {
    let quiet = every.saturating_sub(rise).saturating_sub(hold).saturating_sub(fall);
    let before = quiet / 2;
    let shape = |from, to, length_ns| Shape { form: Form::Line { from, to }, length_ns };
    vec![
        shape(base, base, before),
        shape(base, peak, rise),
        shape(peak, peak, hold),
        shape(peak, base, fall),
        shape(base, base, quiet - before),
    ]
}

/// A period of mean + amplitude·sin(phase).
fn wave(mean: f64, amplitude: f64, start: WaveStart, period_ns: u64) -> Vec<Shape> {
    let phase = match start {
        WaveStart::Mean => 0.0,
        WaveStart::Peak => FRAC_PI_2,
        WaveStart::Trough => -FRAC_PI_2,
    };
    let cut = |begin_ns: u64, end_ns: u64| {
        let angle = TAU * (real(end_ns - begin_ns) / real(period_ns));
        let at = phase + TAU * (real(begin_ns) / real(period_ns));
        let form = Form::Wave {
            mean,
            sine: amplitude * libm::sin(at),
            cosine: amplitude * libm::cos(at),
            angle,
            per_angle: 1.0 / angle,
        };
        Shape { form, length_ns: end_ns - begin_ns }
    };
    borders(period_ns, WAVE_PIECES).map(|(begin, end)| cut(begin, end)).collect()
}

/// A day of straight lines from the middle of each hour to the middle of the next. Midnight lies
/// half-way between the last hour and the first.
fn hours(rates: &[f64; 24], day_ns: u64) -> Vec<Shape> {
    let midnight = f64::midpoint(rates[23], rates[0]);
    let edges = (0..24).map(|hour| (2 * hour + 1, rates[usize::from(hour)]));
    let edges = edges.chain([(48, midnight)]);
    let at = |half_hours: u8| scaled(day_ns, u64::from(half_hours), 48);
    let (mut begin, mut from) = (0, midnight);
    let lines = edges.map(|(half_hours, to)| {
        let end = at(half_hours);
        let line = Shape { form: Form::Line { from, to }, length_ns: end - begin };
        (begin, from) = (end, to);
        line
    });
    let mut lines: Vec<Shape> = lines.collect();
    // Where the hours are no whole nanoseconds, their sum need not be the day's.
    let area: f64 = lines.iter().map(|line| line.area(line.length_ns)).sum();
    let wanted = rates.iter().sum::<f64>() / 24.0 * real(day_ns) / SECOND;
    let factor = if area > 0.0 { wanted / area } else { 0.0 };
    for line in &mut lines {
        if let Form::Line { from, to } = &mut line.form {
            *from *= factor;
            *to *= factor;
        }
    }
    lines
}

/// Each line of a trace is a hold. What is too short to last is played with the next.
fn trace(stretches: &[Stretch]) -> Vec<Shape> {
    let mut pieces: Vec<Shape> = Vec::with_capacity(stretches.len());
    let (mut begin_ns, mut slots) = (0, 0.0);
    for stretch in stretches {
        slots += stretch.slots;
        if stretch.end_ns > begin_ns {
            let length_ns = stretch.end_ns - begin_ns;
            let form = Form::hold(slots * SECOND / real(length_ns));
            pieces.push(Shape { form, length_ns });
            (begin_ns, slots) = (stretch.end_ns, 0.0);
        }
    }
    pieces
}

/// A length cut into so many, in whole nanoseconds: where each begins and ends.
fn borders(length_ns: u64, count: u32) -> impl Iterator<Item = (u64, u64)> {
    let at = move |index: u32| scaled(length_ns, u64::from(index), u64::from(count));
    (0..count).map(move |index| (at(index), at(index + 1))).filter(|(begin, end)| begin < end)
}

/// `length · part / of`, rounded down.
fn scaled(length_ns: u64, part: u64, of: u64) -> u64 {
    let product = u128::from(length_ns) * u128::from(part) / u128::from(of);
    u64::try_from(product).unwrap_or(u64::MAX)
}
