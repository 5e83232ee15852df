//! Distributions of numbers, moments, durations and sizes, or their mistakes.

use crate::diagnostic::Place;
use crate::diagnostic::Problem;
use crate::diagnostic::Problems;
use crate::schema::ColumnType;
use crate::schema::Distribution;
use crate::schema::Shape;
use crate::schema::check::draw::greatest;
use crate::schema::check::literal;
use crate::schema::distribution::NORMAL_P99;
use crate::schema::file::ExponentialFile;
use crate::schema::file::LognormalFile;
use crate::schema::file::NormalFile;
use crate::schema::file::ParetoFile;
use crate::schema::file::SizeFile;
use crate::units::Decimal;
use crate::units::parse_signed_duration;
use crate::yaml::Scalar;
use crate::yaml::SeveralOr;
use crate::yaml::Spanned;

/// The least share of a distribution that two ends may leave.
const KEPT_MIN: f64 = 0.01;

/// What is distributed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Measure {
    /// Numbers of a column.
    Number(ColumnType),
    /// Dates or times: microseconds since 1970.
    Moment,
    /// Durations in microseconds, not negative.
    Span,
    /// A count from 1 to this.
    Count(u32),
}

/// The distributions that a file may name.
#[derive(Debug, Clone, Copy)]
pub(super) enum Written<'a> {
    Normal(&'a NormalFile),
    Lognormal(&'a LognormalFile),
    Exponential(&'a ExponentialFile),
    Pareto(&'a ParetoFile),
}

impl Measure {
    /// A value, as a number.
    #[expect(clippy::cast_precision_loss, reason = "microseconds below 2^53 are exact")]
    fn value(self, scalar: &Spanned<Scalar>, problems: &mut Problems) -> Option<f64> {
        let text = &scalar.value.1;
        let read = match self {
            Self::Number(_) | Self::Count(_) => literal::number(&scalar.value)
                .map(Decimal::to_f64)
                .ok_or_else(|| format!("`{text}` is not a number")),
            Self::Moment => literal::moment(text)
                .map(|micros| micros as f64)
                .ok_or_else(|| format!("`{text}` is not a date or time like `2026-01-31`")),
            Self::Span => parse_signed_duration(text).map(|micros| micros as f64),
        };
        noted(read, scalar.place, problems)
    }

    /// The distance of two values, as a number.
    #[expect(clippy::cast_precision_loss, reason = "microseconds below 2^53 are exact")]
    fn distance(self, scalar: &Spanned<Scalar>, problems: &mut Problems) -> Option<f64> {
        match self {
            Self::Moment => {
                let read = parse_signed_duration(&scalar.value.1).map(|micros| micros as f64);
                noted(read, scalar.place, problems)
            }
            _ => self.value(scalar, problems),
        }
    }

    /// What no value may leave, whatever the file says.
    fn ends(self) -> (f64, f64) {
        match self {
            Self::Number(_) | Self::Moment => (f64::NEG_INFINITY, f64::INFINITY),
            Self::Span => (0.0, f64::INFINITY),
            Self::Count(most) => (1.0, f64::from(most)),
        }
    }

    /// An end that the file gives, or the natural one.
    fn end(
        self,
        written: Option<&Spanned<Scalar>>,
        natural: f64,
        problems: &mut Problems,
    ) -> Option<f64> {
        let Some(scalar) = written else { return Some(natural) };
        if let Self::Number(kind) = self {
            // An end of a column's values is a value of the column.
            let literal = literal::literal(&scalar.value, kind);
            noted(literal, scalar.place, problems)?;
        }
        let value = self.value(scalar, problems)?;
        let (least, most) = self.ends();
        if value < least || value > most {
            let message = match self {
                Self::Count(most) => format!("a size is 1 to {most}"),
                _ => "a duration here is not negative".to_owned(),
            };
            problems.add(Problem::new(message).at(scalar.place));
            return None;
        }
        Some(value)
    }
}

/// The value, or None with its mistake noted.
pub(super) fn noted<T>(
    read: Result<T, String>,
    place: Place,
    problems: &mut Problems,
) -> Option<T> {
    match read {
        Ok(value) => Some(value),
        Err(message) => {
            problems.add(Problem::new(message).at(place));
            None
        }
    }
}

/// The distribution as it is meant.
pub(super) fn distribution(
    written: Written<'_>,
    measure: Measure,
    problems: &mut Problems,
) -> Option<Distribution> {
    let (meant, place) = match written {
        Written::Normal(file) => (normal(file, measure, problems)?, file.mean.place),
        Written::Lognormal(file) => (lognormal(file, measure, problems)?, file.median.place),
        Written::Exponential(file) => (exponential(file, measure, problems)?, file.mean.place),
        Written::Pareto(file) => (pareto(file, measure, problems)?, file.min.place),
    };
    let (from, to) = meant.kept();
    if meant.min >= meant.max || (to - from).is_nan() || to - from < KEPT_MIN {
        let message = "between `min` and `max` lies less than 1 % of this distribution";
        let help = "move them apart, or the distribution between them";
        problems.add(Problem::new(message).at(place).help(help));
        return None;
    }
    if let Measure::Number(kind) = measure {
        let greatest = greatest(kind);
        let [low, high] = [0.01, 0.99].map(|share| meant.quantile(share, (from, to)));
        let worst = if low.abs() > high.abs() { low } else { high };
        if worst.abs() > greatest {
            let shown = libm::round(worst);
            let message = format!("values up to {shown} do not fit into `{kind}`");
            problems.add(Problem::new(message).at(place));
            return None;
        }
    }
    Some(meant)
}

fn normal(file: &NormalFile, measure: Measure, problems: &mut Problems) -> Option<Distribution> {
    let mean = measure.value(&file.mean, problems);
    let (least, most) = measure.ends();
    let min = measure.end(file.min.as_ref(), least, problems);
    let max = measure.end(file.max.as_ref(), most, problems);
    let (deviation, place) = match (&file.sd, &file.p99) {
        (Some(sd), None) => (measure.distance(sd, problems)?, sd.place),
        (None, Some(p99)) => ((measure.value(p99, problems)? - mean?) / NORMAL_P99, p99.place),
        (Some(_), Some(p99)) => {
            let message = "`sd` and `p99` cannot stand together";
            problems.add(Problem::new(message).at(p99.place).help("keep one of them"));
            return None;
        }
        (None, None) => {
            let problem = Problem::new("how wide is the bell?").at(file.mean.place);
            problems.add(problem.help("write `sd`, its standard deviation, or `p99`"));
            return None;
        }
    };
    if deviation <= 0.0 {
        let message = match &file.sd {
            Some(_) => "the standard deviation must be above 0",
            None => "the 99th percentile must be above the mean",
        };
        problems.add(Problem::new(message).at(place));
        return None;
    }
    Some(Distribution { shape: Shape::Normal { mean: mean?, deviation }, min: min?, max: max? })
}

fn lognormal(
    file: &LognormalFile,
    measure: Measure,
    problems: &mut Problems,
) -> Option<Distribution> {
    let median = measure.value(&file.median, problems);
    let p99 = measure.value(&file.p99, problems);
    let (least, most) = measure.ends();
    let min = measure.end(file.min.as_ref(), least, problems);
    let max = measure.end(file.max.as_ref(), most, problems);
    let (median, p99) = (median?, p99?);
    if median <= 0.0 {
        problems.add(Problem::new("the median must be above 0").at(file.median.place));
        return None;
    }
    if p99 <= median {
        let problem = Problem::new("the 99th percentile must be above the median");
        problems.add(problem.at(file.p99.place));
        return None;
    }
    Some(Distribution { shape: Shape::Lognormal { median, p99 }, min: min?, max: max? })
}

fn exponential(
    file: &ExponentialFile,
    measure: Measure,
    problems: &mut Problems,
) -> Option<Distribution> {
    let mean = measure.value(&file.mean, problems);
    let (least, most) = measure.ends();
    if measure == Measure::Moment && file.min.is_none() {
        let message = "an exponential distribution of times begins somewhere";
        let problem = Problem::new(message).at(file.mean.place);
        problems.add(problem.help("write `min: 2026-01-01`"));
        return None;
    }
    let min = measure.end(file.min.as_ref(), least.max(0.0), problems);
    let max = measure.end(file.max.as_ref(), most, problems);
    let (mean, min) = (mean?, min?);
    if mean <= min {
        problems.add(Problem::new("the mean must be above the least").at(file.mean.place));
        return None;
    }
    Some(Distribution { shape: Shape::Exponential { excess: mean - min }, min, max: max? })
}

fn pareto(file: &ParetoFile, measure: Measure, problems: &mut Problems) -> Option<Distribution> {
    if measure == Measure::Moment {
        let message = "`pareto` makes numbers, and this is a time";
        problems.add(Problem::new(message).at(file.min.place));
        return None;
    }
    let (_, most) = measure.ends();
    let min = measure.end(Some(&file.min), 1.0, problems);
    let max = measure.end(file.max.as_ref(), most, problems);
    let exponent = file.shape.value;
    if !(0.1..=100.0).contains(&exponent) {
        problems.add(Problem::new("the shape is 0.1 to 100").at(file.shape.place));
        return None;
    }
    let min = min?;
    if min <= 0.0 {
        problems.add(Problem::new("the least must be above 0").at(file.min.place));
        return None;
    }
    Some(Distribution { shape: Shape::Pareto { exponent }, min, max: max? })
}

/// A size or a duration: a value, two, or a distribution of one.
pub(super) fn several(
    file: &Spanned<SeveralOr<SizeFile>>,
    measure: Measure,
    problems: &mut Problems,
) -> Option<Distribution> {
    let settings = match &file.value {
        SeveralOr::Several(values) => return range(&values.0, file.place, measure, problems),
        SeveralOr::Settings(settings) => settings,
    };
    let SizeFile { normal, lognormal, exponential, pareto } = &**settings;
    let given: Vec<Written<'_>> = [
        normal.as_ref().map(Written::Normal),
        lognormal.as_ref().map(Written::Lognormal),
        exponential.as_ref().map(Written::Exponential),
        pareto.as_ref().map(Written::Pareto),
    ]
    .into_iter()
    .flatten()
    .collect();
    if let [written] = given.as_slice() {
        return distribution(*written, measure, problems);
    }
    let problem = Problem::new("this is exactly one distribution").at(file.place);
    problems.add(problem.help("`normal`, `lognormal`, `exponential` or `pareto`"));
    None
}

/// One value, or each between two equally likely.
fn range(
    values: &[Spanned<Scalar>],
    place: Place,
    measure: Measure,
    problems: &mut Problems,
) -> Option<Distribution> {
    let (first, last) = match values {
        [both] => (both, both),
        [first, last] => (first, last),
        _ => {
            let message = "this is one value, or two: the least and the greatest";
            problems.add(Problem::new(message).at(place));
            return None;
        }
    };
    let min = measure.end(Some(first), 0.0, problems);
    let max = measure.end(Some(last), 0.0, problems);
    let (min, max) = (min?, max?);
    if min > max {
        let problem = Problem::new("the range ends before it begins").at(first.place);
        problems.add(problem.help("write the smaller value first"));
        return None;
    }
    Some(Distribution { shape: Shape::Even, min, max })
}
