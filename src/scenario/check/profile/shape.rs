//! The shapes of segments.

use std::time::Duration;

use crate::diagnostic::Problem;
use crate::diagnostic::Problems;
use crate::pace::Bend;
use crate::pace::STEPS_MAX;
use crate::pace::Segment;
use crate::pace::WaveStart;
use crate::pace::real;
use crate::scenario::check::duration;
use crate::scenario::check::positive;
use crate::scenario::file::BumpFile;
use crate::scenario::file::CurveFile;
use crate::scenario::file::DayFile;
use crate::scenario::file::RampFile;
use crate::scenario::file::SegmentFile;
use crate::scenario::file::SineFile;
use crate::scenario::file::SpikeFile;
use crate::scenario::file::StartFile;
use crate::scenario::file::StepsFile;
use crate::scenario::trace;
use crate::units::parse_count;
use crate::units::parse_rate;
use crate::yaml::Spanned;

/// A wave is no shorter.
const PERIOD_MIN: Duration = Duration::from_millis(1);

/// How long a day is unless it says otherwise.
const DAY: Duration = Duration::from_hours(24);

/// The one shape of a segment, with the length that stands beside it.
pub(super) fn shape(
    file: &SegmentFile,
    scenario: &str,
    problems: &mut Problems,
) -> Option<Segment> {
    let beside = file.length.as_ref();
    let own = beside.map_or(Some(Duration::ZERO), |length| positive(length, problems));
    if let Some(hold) = &file.hold {
        let rate = rate(hold, problems)?;
        Some(Segment::Hold { rate, length: own? })
    } else if let Some(file) = &file.ramp {
        ramp(&file.value, own, problems)
    } else if let Some(file) = &file.steps {
        steps(&file.value, problems)
    } else if let Some(file) = &file.spike {
        spike(file, own, problems)
    } else if let Some(file) = &file.sine {
        sine(&file.value, own, problems)
    } else if let Some(file) = &file.bump {
        bump(&file.value, problems)
    } else if let Some(file) = &file.day {
        day(file, beside, problems)
    } else if let Some(file) = &file.trace {
        trace::segment(&file.value, scenario, problems)
    } else {
        let length = positive(file.idle.as_ref()?, problems)?;
        Some(Segment::Idle { length })
    }
}

fn rate(text: &Spanned<String>, problems: &mut Problems) -> Option<f64> {
    parse_rate(&text.value)
        .map_err(|message| problems.add(Problem::new(message).at(text.place)))
        .ok()
}

fn ramp(file: &RampFile, length: Option<Duration>, problems: &mut Problems) -> Option<Segment> {
    let from = match &file.from {
        Some(from) => rate(from, problems).map(Some),
        None => Some(None),
    };
    let to = rate(&file.to, problems);
    let curve = match file.curve {
        None | Some(CurveFile::Linear) => Bend::Linear,
        Some(CurveFile::Exp) => Bend::Exponential,
        Some(CurveFile::Smooth) => Bend::Smooth,
    };
    Some(Segment::Ramp { from: from?, to: to?, curve, length: length? })
}

fn steps(file: &StepsFile, problems: &mut Problems) -> Option<Segment> {
    let from = rate(&file.from, problems);
    let by = signed_rate(&file.by, problems);
    let each = positive(&file.each, problems);
    let count = file.count.value;
    if count == 0 || count > STEPS_MAX {
        let message = format!("`count` is 1 to {STEPS_MAX}");
        problems.add(Problem::new(message).at(file.count.place));
        return None;
    }
    let (from, by, each) = (from?, by?, each?);
    if from + by * f64::from(count - 1) < -1e-9 {
        let problem = Problem::new("the steps go below 0").at(file.by.place);
        problems.add(problem.help("take fewer or smaller steps"));
        return None;
    }
    Some(Segment::Steps { from, by, count, each })
}

/// A rate that may be negative: steps may go down.
fn signed_rate(text: &Spanned<String>, problems: &mut Problems) -> Option<f64> {
    match text.value.strip_prefix('-') {
        None => rate(text, problems),
        Some(positive) => {
            let positive = Spanned { value: positive.to_owned(), place: text.place };
            rate(&positive, problems).map(|rate| -rate)
        }
    }
}

fn spike(
    written: &Spanned<SpikeFile>,
    length: Option<Duration>,
    problems: &mut Problems,
) -> Option<Segment> {
    let file = &written.value;
    let (base, peak) = (rate(&file.base, problems), rate(&file.peak, problems));
    let [rise, hold, fall] =
        [&file.rise, &file.hold, &file.fall].map(|text| duration(text, problems));
    let every = positive(&file.every, problems);
    let (base, peak, rise, hold, fall, every) = (base?, peak?, rise?, hold?, fall?, every?);
    let mut is_good = true;
    if rise + hold + fall > every {
        let problem = Problem::new("`rise`, `hold` and `fall` together are longer than `every`");
        problems.add(problem.at(file.every.place));
        is_good = false;
    }
    if (rise + hold + fall).is_zero() {
        problems.add(Problem::new("the peak takes no time at all").at(file.hold.place));
        is_good = false;
    }
    if peak <= base {
        problems.add(Problem::new("the peak is not above the base").at(file.peak.place));
        is_good = false;
    }
    let length = length?;
    is_good.then_some(Segment::Spike { base, peak, rise, hold, fall, every, length })
}

fn sine(file: &SineFile, length: Option<Duration>, problems: &mut Problems) -> Option<Segment> {
    let (mean, amplitude) = (rate(&file.mean, problems), rate(&file.amplitude, problems));
    let period = positive(&file.period, problems);
    let (mean, amplitude, period) = (mean?, amplitude?, period?);
    if amplitude > mean {
        let problem = Problem::new("the wave goes below 0").at(file.amplitude.place);
        problems.add(problem.help("`amplitude` is at most the `mean`"));
        return None;
    }
    if period < PERIOD_MIN {
        let problem = Problem::new("the wave is shorter than a millisecond").at(file.period.place);
        problems.add(problem);
        return None;
    }
    let start = match file.start {
        None | Some(StartFile::Mean) => WaveStart::Mean,
        Some(StartFile::Peak) => WaveStart::Peak,
        Some(StartFile::Trough) => WaveStart::Trough,
    };
    Some(Segment::Sine { mean, amplitude, period, start, length: length? })
}

fn bump(file: &BumpFile, problems: &mut Problems) -> Option<Segment> {
    let total = parse_count(&file.total.value).and_then(|total| match total {
        0 => Err("a bump of 0 slots is nothing: write `idle`".to_owned()),
        total => Ok(real(total)),
    });
    let total = total.map_err(|message| problems.add(Problem::new(message).at(file.total.place)));
    let length = positive(&file.length, problems)?;
    let total = total.ok()?;
    if 2.0 * total / length.as_secs_f64() > RATE_MAX {
        let problem = Problem::new("its peak is more than a thousand million a second");
        problems.add(problem.at(file.total.place));
        return None;
    }
    Some(Segment::Bump { total, length })
}

/// The highest rate, per second: what a rate may be as it is written.
const RATE_MAX: f64 = 1e9;

fn day(
    written: &Spanned<DayFile>,
    beside: Option<&Spanned<String>>,
    problems: &mut Problems,
) -> Option<Segment> {
    let file = &written.value;
    let day = file.day.as_ref().map_or(Some(DAY), |day| positive(day, problems));
    let rates = match (&file.rates, &file.weights) {
        (Some(rates), None) => day_rates(rates, file, problems),
        (None, Some(weights)) => day_weights(weights, written, problems),
        _ => {
            let problem = Problem::new("a day has either `rates` or `weights`").at(written.place);
            problems.add(problem.help("write `weights: [1, 1, 2, …]` and `mean: 500/s`"));
            None
        }
    };
    let (rates, day) = (rates?, day?);
    let length = beside.map_or(Some(day), |length| positive(length, problems))?;
    Some(Segment::Day { rates: Box::new(rates), day, length })
}

fn day_rates(
    rates: &Spanned<Vec<Spanned<String>>>,
    file: &DayFile,
    problems: &mut Problems,
) -> Option<[f64; 24]> {
    if let Some(other) = file.mean.as_ref().or(file.peak.as_ref()) {
        let problem = Problem::new("the rates say this already").at(other.place);
        problems.add(problem.help("leave it away, or write `weights` instead of `rates`"));
        return None;
    }
    let read: Vec<Option<f64>> = rates.value.iter().map(|each| rate(each, problems)).collect();
    let hours: Vec<f64> = read.iter().copied().collect::<Option<_>>()?;
    of_24(&hours, rates, problems)
}

fn day_weights(
    weights: &Spanned<Vec<Spanned<f64>>>,
    written: &Spanned<DayFile>,
    problems: &mut Problems,
) -> Option<[f64; 24]> {
    let file = &written.value;
    let mut is_good = true;
    for weight in weights.value.iter().filter(|weight| !(0.0..=1e9).contains(&weight.value)) {
        problems.add(Problem::new("an hour's weight is 0 to 1e9").at(weight.place));
        is_good = false;
    }
    let hours: Vec<f64> = weights.value.iter().map(|weight| weight.value).collect();
    let hours = of_24(&hours, weights, problems);
    let (wanted, place) = match (&file.mean, &file.peak) {
        (Some(mean), None) => (rate(mean, problems)?, mean.place),
        (None, Some(peak)) => (rate(peak, problems)?, peak.place),
        _ => {
            let problem = Problem::new("`weights` need either a `mean` or a `peak`");
            problems.add(problem.at(written.place).help("write `mean: 500/s`"));
            return None;
        }
    };
    let hours = hours.filter(|_| is_good)?;
    let own = match file.mean {
        Some(_) => hours.iter().sum::<f64>() / 24.0,
        None => hours.iter().copied().fold(0.0, f64::max),
    };
    if own <= 0.0 {
        problems.add(Problem::new("the weights sum to nothing").at(weights.place));
        return None;
    }
    let rates = hours.map(|weight| weight / own * wanted);
    if rates.iter().any(|rate| *rate > RATE_MAX) {
        let problem = Problem::new("an hour has more than a thousand million a second");
        problems.add(problem.at(place));
        return None;
    }
    Some(rates)
}

/// A number for each hour.
fn of_24<T>(hours: &[f64], written: &Spanned<T>, problems: &mut Problems) -> Option<[f64; 24]> {
    let found = <[f64; 24]>::try_from(hours).ok();
    if found.is_none() {
        let message = format!("a day has 24 hours, and these are {}", hours.len());
        problems.add(Problem::new(message).at(written.place));
    }
    found
}
