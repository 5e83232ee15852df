//! What a fill declares of the values that it makes.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::fit::phrases::lengths;
use crate::pace::real;
use crate::schema::Column;
use crate::schema::ColumnType;
use crate::schema::Dependent;
use crate::schema::Distribution;
use crate::schema::Drawn;
use crate::schema::Fill;
use crate::schema::Literal;
use crate::schema::Shape;
use crate::schema::Size;
use crate::schema::States;
use crate::schema::TextUnit;

/// Microseconds of a day.
pub(super) const DAY_US: f64 = 86_400e6;
/// Texts are of some thousand sentences that were drawn once, so that they may have more or fewer words.
pub(super) const SENTENCES_SLACK: f64 = 1.0;
/// Numbers by Zipf's law of which each is judged; the others together.
const ZIPF_HEAD: u64 = 200;
/// Up to so many numbers of Zipf's law are summed one by one.
const ZIPF_SUMMED: u64 = 100_000;

/// A law.
#[derive(Debug, Clone)]
pub(super) enum Law {
    /// Each kind has its share; they come to 1.
    Shares(BTreeMap<String, f64>),
    /// Whole numbers from `from` on; of those behind the last share only the rest is known.
    Ranks { from: f64, shares: Vec<f64> },
    /// Numbers, rounded by `half` at most in both directions.
    Numbers { distribution: Distribution, half: f64 },
    /// The number of words, or of characters.
    Lengths { unit: TextUnit, distribution: Distribution },
    /// The share of texts that have up to so many words, from 0 on.
    Words(Arc<[f64]>),
    /// The distance of a time from another column's, in microseconds.
    Gaps { column: usize, distribution: Distribution, half: f64 },
    /// Another law for each value of a column.
    Cases { column: usize, cases: Vec<(String, Option<Law>)>, otherwise: Option<Box<Law>> },
    /// As the inner law, from this row on.
    From { row: u64, law: Box<Law> },
    /// Its own law, and how it goes with another column's.
    Pairs { own: Distribution, half: f64, with: usize, other: Distribution, correlation: f64 },
    /// No value comes twice.
    Distinct,
}

impl Law {
    /// In a few words.
    pub(super) fn words(&self) -> String {
        match self {
            Self::Shares(shares) => format!("shares of {}", shares.len()),
            Self::Ranks { .. } => "Zipf's law".to_owned(),
            Self::Numbers { distribution, .. } => shape(distribution).to_owned(),
            Self::Lengths { unit: TextUnit::Words, .. } | Self::Words(_) => {
                "number of words".to_owned()
            }
            Self::Lengths { .. } => "number of characters".to_owned(),
            Self::Gaps { .. } => "time after another column".to_owned(),
            Self::Cases { cases, .. } => format!("{} cases", cases.len()),
            Self::From { law, .. } => law.words(),
            Self::Pairs { correlation, .. } => format!("correlation of {correlation}"),
            Self::Distinct => "unique".to_owned(),
        }
    }

    /// Of a column; `None` if its fill declares none that can be judged from a single column.
    pub(super) fn of(column: &Column, states: Option<&States>) -> Option<Self> {
        match (&column.fill, states) {
            (Fill::State, Some(states)) => Some(Self::of_states(states)),
            (fill, _) => Self::of_fill(fill, column.kind),
        }
    }

    fn of_states(states: &States) -> Self {
        let weighted = states.names.iter().cloned().zip(states.seeded.iter().copied());
        Self::Shares(shares(weighted))
    }

    fn of_fill(fill: &Fill, kind: ColumnType) -> Option<Self> {
        let half = half_step(kind);
        match fill {
            Fill::Weighted(values) => is_spelled_once(kind).then(|| {
                Self::Shares(shares(values.iter().map(|(value, weight)| (text(value), *weight))))
            }),
            Fill::Constant(value) => (is_spelled_once(kind) && *value != Literal::Null)
                .then(|| Self::Shares(shares([(text(value), 1.0)]))),
            Fill::Uniform { min, max } => {
                let (min, max) = (number(min)? - half, number(max)? + half);
                let distribution = Distribution { shape: Shape::Even, min, max };
                Some(Self::Numbers { distribution, half })
            }
            Fill::Lognormal { median, p99 } => {
                let shape = Shape::Lognormal { median: *median, p99: *p99 };
                let distribution = Distribution { shape, min: 0.0, max: f64::INFINITY };
                Some(Self::Numbers { distribution, half })
            }
            Fill::Listed { values, then } => {
                let law = Box::new(Self::of_fill(then, kind)?);
                Some(Self::From { row: values.len() as u64, law })
            }
            Fill::Drawn(drawn) => Self::of_drawn(drawn, kind),
            Fill::Dependent(dependent) => Self::of_dependent(dependent, kind),
            Fill::Unique(_)
            | Fill::Uuid
            | Fill::Id
            | Fill::Sequence { .. }
            | Fill::Email { .. } => Some(Self::Distinct),
            _ => None,
        }
    }

    fn of_drawn(drawn: &Drawn, kind: ColumnType) -> Option<Self> {
        let half = half_step(kind);
        match drawn {
            Drawn::Number(distribution) => {
                Some(Self::Numbers { distribution: *distribution, half })
            }
            Drawn::Zipf { from, count, exponent } => Some(Self::Ranks {
                from: number(&Literal::Int(*from))?,
                shares: zipf(*count, *exponent),
            }),
            Drawn::Between { min, max } => {
                let ends = (number(&Literal::Int(*min))?, number(&Literal::Int(*max))?);
                // Of a date, each whole day is as likely; a day stands for its noon.
                let (min, max) = match kind {
                    ColumnType::Date => (ends.0 - DAY_US / 2.0, ends.1 + DAY_US / 2.0),
                    _ => ends,
                };
                let distribution = Distribution { shape: Shape::Even, min, max };
                Some(Self::Numbers { distribution, half })
            }
            Drawn::Chance(share) => Some(Self::Shares(shares([
                ("true".to_owned(), *share),
                ("false".to_owned(), 1.0 - share),
            ]))),
            Drawn::Lines(lines) => Some(Self::Shares(shares(
                lines.entries.iter().map(|(line, weight)| (canonical(line), *weight)),
            ))),
            Drawn::Sentences { unit, size, from } => {
                // What the column cuts off has no law.
                let longest = f64::from(kind.length_max().unwrap_or(u32::MAX));
                let per = if *unit == TextUnit::Words { 16.0 } else { 1.0 };
                let distribution = sizes(size);
                let is_cut = distribution.max.min(quantile_at_most(&distribution)) * per > longest;
                (!is_cut).then(|| match from {
                    Some(lines) => Self::Words(lengths(&lines.entries, &distribution).into()),
                    None => Self::Lengths { unit: *unit, distribution },
                })
            }
            _ => None,
        }
    }

    fn of_dependent(dependent: &Dependent, kind: ColumnType) -> Option<Self> {
        let half = half_step(kind);
        match dependent {
            Dependent::Given { column, cases, otherwise } => {
                let cases =
                    cases.iter().map(|(value, fill)| (text(value), Self::of_fill(fill, kind)));
                Some(Self::Cases {
                    column: *column,
                    cases: cases.collect(),
                    otherwise: Self::of_fill(otherwise, kind).map(Box::new),
                })
            }
            Dependent::Correlated { with, other, correlation, own } => Some(Self::Pairs {
                own: *own,
                half,
                with: *with,
                other: *other,
                correlation: *correlation,
            }),
            // Whole days have lost the hour that they were after.
            Dependent::After { .. } if kind == ColumnType::Date => None,
            Dependent::After { column, by } => {
                Some(Self::Gaps { column: *column, distribution: *by, half: half.max(1.0) })
            }
        }
    }
}

fn shape(distribution: &Distribution) -> &'static str {
    match distribution.shape {
        Shape::Even => "even",
        Shape::Normal { .. } => "normal",
        Shape::Lognormal { .. } => "lognormal",
        Shape::Exponential { .. } => "exponential",
        Shape::Pareto { .. } => "Pareto",
    }
}

fn sizes(size: &Size) -> Distribution {
    match size {
        Size::Distributed(distribution) => *distribution,
        Size::Between(min, max) => Distribution {
            shape: Shape::Even,
            min: f64::from(*min) - 0.5,
            max: f64::from(*max) + 0.5,
        },
    }
}

/// A number that is hardly ever exceeded.
fn quantile_at_most(distribution: &Distribution) -> f64 {
    distribution.quantile(1.0 - 1e-9, distribution.kept())
}

/// The shares of the first ranks; what is missing to 1 belongs to all behind them.
pub(super) fn zipf(count: u64, exponent: f64) -> Vec<f64> {
    let weight = |rank: u64| libm::pow(real(rank), -exponent);
    let summed = count.min(ZIPF_SUMMED);
    let mut total: f64 = (1..=summed).map(weight).sum();
    if count > summed {
        // What lies behind is as much as the area under the curve.
        let (from, to) = (real(summed) + 0.5, real(count) + 0.5);
        total += if (exponent - 1.0).abs() < 1e-9 {
            libm::log(to / from)
        } else {
            (libm::pow(to, 1.0 - exponent) - libm::pow(from, 1.0 - exponent)) / (1.0 - exponent)
        };
    }
    (1..=count.min(ZIPF_HEAD)).map(|rank| weight(rank) / total).collect()
}

/// Half of the distance of two values of a type, in the unit in which it is judged.
fn half_step(kind: ColumnType) -> f64 {
    if kind == ColumnType::Date {
        return DAY_US / 2.0;
    }
    if kind.is_time() {
        return kind
            .second_digits()
            .map_or(0.5, |digits| 0.5 * libm::pow(10.0, f64::from(6 - digits.min(6))));
    }
    if kind.integer_range().is_some() {
        return 0.5;
    }
    match kind.scale() {
        Some(scale) => 0.5 * libm::pow(10.0, -f64::from(scale)),
        None => 0.0,
    }
}

/// Weights as shares, by the text of a value; what is declared twice counts together.
fn shares(weighted: impl IntoIterator<Item = (String, f64)>) -> BTreeMap<String, f64> {
    let mut shares = BTreeMap::new();
    for (value, weight) in weighted {
        *shares.entry(value).or_insert(0.0) += weight;
    }
    let total: f64 = shares.values().sum();
    for share in shares.values_mut() {
        *share /= total;
    }
    shares.retain(|_, share| *share > 0.0);
    shares
}

/// Whether equal values of a type are written alike, so that kinds can be told apart by their text.
fn is_spelled_once(kind: ColumnType) -> bool {
    let is_plain = kind.is_text() || kind.is_number() || kind == ColumnType::Boolean;
    is_plain || kind.enum_type().is_some()
}

fn text(value: &Literal) -> String {
    match value {
        Literal::Null => "NULL".to_owned(),
        Literal::Bool(value) => value.to_string(),
        Literal::Int(value) => canonical(&value.to_string()),
        Literal::Decimal(value) => canonical(&value.to_string()),
        Literal::Text(value) => canonical(value),
    }
}

/// The same text for the same number, however it is written.
pub(super) fn canonical(text: &str) -> String {
    match text.parse::<f64>() {
        Ok(number) if number.is_finite() => number.to_string(),
        _ => text.to_owned(),
    }
}

fn number(value: &Literal) -> Option<f64> {
    text(value).parse().ok()
}
