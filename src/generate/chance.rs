//! Fills that need nothing but chance, made ready: see [`crate::schema::Drawn`].

use std::sync::Arc;

use crate::action::Action;
use crate::action::Value;
use crate::generate::bank::Bank;
use crate::generate::column::cut;
use crate::generate::column::moment;
use crate::generate::column::round_to;
use crate::generate::invent;
use crate::generate::key::Draw;
use crate::generate::place::Place;
use crate::generate::sentence;
use crate::generate::zipf::Zipf;
use crate::schema::ColumnType;
use crate::schema::Distribution;
use crate::schema::Drawn;
use crate::schema::Invented;
use crate::schema::Pattern;
use crate::schema::Size;
use crate::schema::TextUnit;
use crate::units::DAY_US;

/// Half of the distance of two doubles below 1, so that a share is never 0.
const HALF_STEP: f64 = 1.0 / 18_014_398_509_481_984.0;

/// A fill that needs nothing but chance.
#[derive(Debug, Clone)]
pub(super) enum Chance {
    Number(Sampler),
    Zipf { zipf: Zipf, from: i64 },
    Between(Between),
    Share(f64),
    Sentences { unit: TextUnit, size: Sizes, bank: Option<Arc<Bank>> },
    Place(Box<Place>),
    Invented(Invented),
    Pattern(Pattern),
    Lines(Lines),
}

/// A distribution and the shares between which it is drawn.
#[derive(Debug, Clone, Copy)]
pub(super) struct Sampler {
    distribution: Distribution,
    kept: (f64, f64),
}

impl Sampler {
    pub(super) fn new(distribution: Distribution) -> Self {
        Self { distribution, kept: distribution.kept() }
    }

    /// A number, by inversion.
    pub(super) fn draw(&self, draw: &mut Draw) -> f64 {
        self.distribution.quantile(draw.unit() + HALF_STEP, self.kept)
    }

    /// The number below which lies this share.
    pub(super) fn at(&self, share: f64) -> f64 {
        self.distribution.quantile(share, self.kept)
    }

    /// The share that lies below a number.
    pub(super) fn share(&self, number: f64) -> f64 {
        self.distribution.share(number, self.kept)
    }
}

/// Steps of days or microseconds.
#[derive(Debug, Clone, Copy)]
pub(super) struct Between {
    min: i64,
    pub(super) count: u64,
    step: i64,
}

impl Between {
    fn new(min: i64, max: i64, kind: ColumnType) -> Self {
        let step = if kind == ColumnType::Date { DAY_US } else { 1 };
        let (min, max) = (min.div_euclid(step), max.div_euclid(step));
        Self { min, count: max.abs_diff(min).saturating_add(1), step }
    }

    /// The moment of this number.
    pub(super) fn at(&self, kind: ColumnType, number: u64) -> Value {
        moment(kind, self.min.saturating_add_unsigned(number).saturating_mul(self.step))
    }
}

/// How long texts are.
#[derive(Debug, Clone, Copy)]
pub(super) enum Sizes {
    Between(u32, u32),
    Drawn(Sampler),
}

impl Sizes {
    fn draw(&self, draw: &mut Draw) -> u32 {
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "`check` keeps it between 1 and a million"
        )]
        match self {
            Self::Between(min, max) => {
                min + u32::try_from(draw.below(u64::from(max - min) + 1)).unwrap_or(0)
            }
            Self::Drawn(sampler) => libm::round(sampler.draw(draw)) as u32,
        }
    }
}

/// The lines of a file.
#[derive(Debug, Clone)]
pub(super) struct Lines {
    pub(super) entries: Arc<[(Box<str>, f64)]>,
    /// Weights cumulated to shares; empty if all are alike.
    shares: Vec<f64>,
}

impl Lines {
    fn new(entries: &Arc<[(Box<str>, f64)]>) -> Self {
        let first = entries.first().map_or(1.0, |(_, weight)| *weight);
        let is_even = entries.iter().all(|(_, weight)| weight.to_bits() == first.to_bits());
        let total: f64 = entries.iter().map(|(_, weight)| weight).sum();
        let mut sum = 0.0;
        let shares = entries.iter().filter(|_| !is_even).map(|(_, weight)| {
            sum += weight;
            sum / total
        });
        Self { shares: shares.collect(), entries: Arc::clone(entries) }
    }

    fn draw(&self, draw: &mut Draw) -> &str {
        let at = if self.shares.is_empty() {
            draw.below(self.entries.len() as u64)
        } else {
            let unit = draw.unit();
            self.shares.partition_point(|share| *share <= unit) as u64
        };
        self.line(at)
    }

    /// The line of this number; the last, if there are not so many.
    pub(super) fn line(&self, at: u64) -> &str {
        let at = usize::try_from(at).unwrap_or(usize::MAX);
        self.entries.get(at).or(self.entries.last()).map_or("", |(line, _)| line)
    }
}

impl Chance {
    pub(super) fn new(drawn: &Drawn, kind: ColumnType) -> Self {
        match drawn {
            Drawn::Number(distribution) => Self::Number(Sampler::new(*distribution)),
            Drawn::Zipf { from, count, exponent } => {
                Self::Zipf { zipf: Zipf::new(*count, *exponent), from: *from }
            }
            Drawn::Between { min, max } => Self::Between(Between::new(*min, *max, kind)),
            Drawn::Chance(share) => Self::Share(*share),
            Drawn::Sentences { unit, size, from } => {
                let size = match size {
                    Size::Between(min, max) => Sizes::Between(*min, *max),
                    Size::Distributed(distribution) => Sizes::Drawn(Sampler::new(*distribution)),
                };
                let bank = from.as_ref().map(|lines| Arc::new(Bank::new(&lines.entries)));
                Self::Sentences { unit: *unit, size, bank }
            }
            Drawn::Address(address) => Self::Place(Box::new(Place::new(address))),
            Drawn::Invented(invented) => Self::Invented(*invented),
            Drawn::Pattern(pattern) => Self::Pattern(pattern.clone()),
            Drawn::Lines(lines) => Self::Lines(Lines::new(&lines.entries)),
        }
    }

    /// The value of this key; `place` is the key of the row's addresses.
    pub(super) fn value(
        &self,
        kind: ColumnType,
        key: u64,
        place: impl Fn(u64) -> u64,
        action: &mut Action,
    ) -> Value {
        let draw = &mut Draw::new(key);
        match self {
            Self::Number(sampler) => number(kind, sampler.draw(draw)),
            Self::Zipf { zipf, from } => {
                let unscaled = from.saturating_add_unsigned(zipf.rank(draw) - 1);
                whole(kind, unscaled)
            }
            Self::Between(between) => between.at(kind, draw.below(between.count)),
            Self::Share(share) => Value::Bool(draw.unit() < *share),
            Self::Place(at) => at.value(kind, place(at.name), action),
            _ => {
                let start = action.arena().len();
                self.write(kind, draw, action);
                cut(kind, start, action);
                action.text_from(start)
            }
        }
    }

    /// Appends a text.
    pub(super) fn write(&self, kind: ColumnType, draw: &mut Draw, action: &mut Action) {
        let limit = kind.length_max().unwrap_or(u32::MAX);
        let out = action.arena();
        match self {
            Self::Sentences { size, bank: Some(bank), .. } => {
                let count = size.draw(draw);
                bank.write(count, limit as usize, draw, out);
            }
            Self::Sentences { unit: TextUnit::Words, size, .. } => {
                let count = size.draw(draw);
                let limit = usize::try_from(limit).unwrap_or(usize::MAX);
                sentence::words(count, limit, draw, out);
            }
            Self::Sentences { unit: TextUnit::Characters, size, .. } => {
                let count = size.draw(draw).min(limit);
                sentence::characters(count, draw, out);
            }
            Self::Invented(invented) => invent::write(*invented, None, draw, out),
            Self::Pattern(pattern) => {
                for piece in &pattern.pieces {
                    let more = u64::from(piece.max - piece.min) + 1;
                    let times = u64::from(piece.min) + draw.below(more);
                    for _ in 0..times {
                        out.push_str(chosen(
                            &piece.choices,
                            draw.below(piece.choices.len() as u64),
                        ));
                    }
                }
            }
            Self::Lines(lines) => out.push_str(lines.draw(draw)),
            _ => {}
        }
    }
}

/// One of the choices of a pattern's piece.
pub(super) fn chosen(choices: &[String], at: u64) -> &str {
    choices.get(usize::try_from(at).unwrap_or(0)).map_or("", String::as_str)
}

/// A whole number as a column of exact numbers holds it.
pub(super) fn whole(kind: ColumnType, number: i64) -> Value {
    use crate::units::Decimal;
    match kind {
        ColumnType::Numeric { .. } | ColumnType::Money => {
            let (_, scale) = kind.digits();
            Value::Decimal(Decimal::from(number).rescale(scale).unwrap_or_default())
        }
        _ => Value::Int(number),
    }
}

/// A number, or microseconds, as the column holds it.
pub(super) fn number(kind: ColumnType, number: f64) -> Value {
    if !kind.is_time() {
        return round_to(kind, number);
    }
    #[expect(clippy::cast_possible_truncation, reason = "`as` saturates, as wanted")]
    moment(kind, libm::round(number) as i64)
}
