//! What is seen of a column, as far as its law needs it.

use std::collections::BTreeMap;
use std::collections::HashSet;

use crate::fit::Finding;
use crate::fit::law::Law;
use crate::fit::law::SENTENCES_SLACK;
use crate::fit::law::canonical;
use crate::fit::statistics::Distance;
use crate::fit::statistics::kinds;
use crate::fit::statistics::numbers;
use crate::pace::real;
use crate::schema::Distribution;
use crate::schema::TextUnit;
use crate::schema::normal_at;

/// Of so few values nothing is said.
pub(super) const VALUES_MIN: usize = 20;
/// How many standard errors a correlation may be away: once in a million.
const ERRORS_MAX: f64 = 4.9;

/// A row, as tallies look at it.
pub(super) trait Seen {
    /// Its number in the table.
    fn row(&self) -> u64;
    /// A column as text; `None` is NULL.
    fn text(&self, column: usize) -> Option<String>;
    /// A column as a number: times in microseconds since 1970, of days their noon.
    fn number(&self, column: usize) -> Option<f64>;
}

/// What was seen, beside the law.
#[derive(Debug)]
pub(super) struct Tally {
    law: Law,
    column: usize,
    kinds: BTreeMap<String, u64>,
    numbers: Vec<f64>,
    pairs: Vec<(f64, f64)>,
    hashes: HashSet<String>,
    inner: Vec<Option<Tally>>,
    values: u64,
}

impl Tally {
    pub(super) fn new(law: Law, column: usize) -> Self {
        let of = |law: &Law| Tally::new(law.clone(), column);
        let inner = match &law {
            Law::From { law, .. } => vec![Some(of(law))],
            Law::Cases { cases, otherwise, .. } => {
                let cases = cases.iter().map(|(_, law)| law.as_ref().map(of));
                cases.chain([otherwise.as_deref().map(of)]).collect()
            }
            _ => Vec::new(),
        };
        Self {
            law,
            column,
            kinds: BTreeMap::new(),
            numbers: Vec::new(),
            pairs: Vec::new(),
            hashes: HashSet::new(),
            inner,
            values: 0,
        }
    }

    /// Takes a row in.
    pub(super) fn take(&mut self, row: &dyn Seen) {
        let Some(text) = row.text(self.column) else { return };
        self.values += 1;
        match &self.law {
            Law::Shares(_) => *self.kinds.entry(canonical(&text)).or_default() += 1,
            Law::Ranks { .. } | Law::Numbers { .. } => self.numbers.extend(row.number(self.column)),
            Law::Lengths { unit, .. } => {
                let length = match unit {
                    TextUnit::Words => text.split_whitespace().count(),
                    TextUnit::Characters => text.chars().count(),
                };
                self.numbers.push(real(length as u64));
            }
            Law::Words(_) => self.numbers.push(real(text.split_whitespace().count() as u64)),
            Law::Gaps { column, .. } => {
                let both = row.number(self.column).zip(row.number(*column));
                self.numbers.extend(both.map(|(own, other)| own - other));
            }
            Law::Pairs { with, .. } => {
                let own = row.number(self.column);
                self.numbers.extend(own);
                self.pairs.extend(own.zip(row.number(*with)));
            }
            Law::Distinct => {
                self.hashes.insert(text);
            }
            Law::From { row: first, .. } if row.row() >= *first => self.pass(0, row),
            Law::From { .. } => {}
            Law::Cases { column, cases, .. } => {
                let given = row.text(*column).map(|text| canonical(&text));
                let case = cases.iter().position(|(value, _)| Some(value) == given.as_ref());
                self.pass(case.unwrap_or(cases.len()), row);
            }
        }
    }

    fn pass(&mut self, to: usize, row: &dyn Seen) {
        if let Some(inner) = &mut self.inner[to] {
            inner.take(row);
        }
    }

    /// What it comes to, for a column at this place.
    pub(super) fn judge(&mut self, place: &str, findings: &mut Vec<Finding>) {
        match &self.law {
            Law::From { .. } => {
                self.inner.iter_mut().flatten().for_each(|inner| inner.judge(place, findings));
            }
            Law::Cases { cases, .. } => {
                let names = cases.iter().map(|(value, _)| value.as_str()).chain(["otherwise"]);
                for (name, inner) in names.zip(&mut self.inner) {
                    let place = format!("{place} given {name}");
                    if let Some(inner) = inner {
                        inner.judge(&place, findings);
                    }
                }
            }
            Law::Pairs { .. } => {
                findings.extend(self.correlation(place));
                findings.extend(self.finding(place));
            }
            _ => findings.extend(self.finding(place)),
        }
    }

    fn finding(&mut self, place: &str) -> Option<Finding> {
        if usize::try_from(self.values).is_ok_and(|values| values < VALUES_MIN) {
            return None;
        }
        let distance = match &self.law {
            Law::Shares(shares) => kinds(shares, &self.kinds),
            Law::Ranks { from, shares } => ranks(*from, shares, &self.numbers),
            Law::Lengths { distribution, .. } => {
                numbers(&mut self.numbers, (0.5, 0.0), &below(distribution))
            }
            Law::Words(shares) => {
                numbers(&mut self.numbers, (0.5, SENTENCES_SLACK), &|edge| up_to(shares, edge))
            }
            Law::Numbers { distribution, half }
            | Law::Gaps { distribution, half, .. }
            | Law::Pairs { own: distribution, half, .. } => {
                numbers(&mut self.numbers, (*half, 0.0), &below(distribution))
            }
            Law::Distinct => {
                let again = self.values - self.hashes.len() as u64;
                let of_limit = if again == 0 { 0.0 } else { f64::INFINITY };
                Distance { of_limit, most: format!("{again} values came again") }
            }
            Law::Cases { .. } | Law::From { .. } => return None,
        };
        Some(finding(place, self.law.words(), self.values, distance))
    }

    /// The correlation of both columns, as the normal numbers that they were bent from.
    fn correlation(&self, place: &str) -> Option<Finding> {
        let Law::Pairs { own, other, correlation, .. } = &self.law else { return None };
        if self.pairs.len() < VALUES_MIN {
            return None;
        }
        let normal = |value: f64, of: &Distribution| normal_at(of.share(value, of.kept()));
        let pairs = self.pairs.iter().map(|(one, two)| (normal(*one, own), normal(*two, other)));
        let (mut ab, mut aa, mut bb) = (0.0, 0.0, 0.0);
        for (one, two) in pairs {
            ab += one * two;
            aa += one * one;
            bb += two * two;
        }
        let seen = ab / libm::sqrt(aa * bb);
        let count = self.pairs.len() as u64;
        // By Fisher's transformation; rounding to the column's type takes a little of it away.
        let error = 1.0 / libm::sqrt(real(count).max(4.0) - 3.0);
        let apart = (libm::atanh(seen) - libm::atanh(*correlation)).abs();
        let distance = Distance {
            of_limit: apart / (ERRORS_MAX * error + 0.02),
            most: format!("the correlation is {seen:.3}, declared is {correlation:.3}"),
        };
        Some(finding(place, self.law.words(), count, distance))
    }
}

/// The share of what is kept of a distribution that lies below a number.
fn below(distribution: &Distribution) -> impl Fn(f64) -> f64 + use<> {
    let (distribution, kept) = (*distribution, distribution.kept());
    move |edge| {
        if edge <= distribution.min {
            0.0
        } else if edge >= distribution.max {
            1.0
        } else {
            distribution.share(edge, kept)
        }
    }
}

/// The share of texts with fewer words than this number between two whole ones.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "`as` saturates, and texts are short"
)]
fn up_to(shares: &[f64], edge: f64) -> f64 {
    let whole = libm::floor(edge);
    if whole < 0.0 { 0.0 } else { shares.get(whole as usize).copied().unwrap_or(1.0) }
}

fn ranks(from: f64, shares: &[f64], numbers: &[f64]) -> Distance {
    let rest = (1.0 - shares.iter().sum::<f64>()).max(0.0);
    let name = |rank: usize| format!("number {}", rank + 1);
    let mut expected: BTreeMap<String, f64> =
        shares.iter().enumerate().map(|(rank, share)| (name(rank), *share)).collect();
    if rest > 0.0 {
        expected.insert("one further behind".to_owned(), rest);
    }
    let mut seen = BTreeMap::new();
    for number in numbers {
        let rank = shares
            .iter()
            .enumerate()
            .find(|(rank, _)| (real(*rank as u64) + from - number).abs() < 0.5);
        let kind = rank.map_or_else(|| "one further behind".to_owned(), |(rank, _)| name(rank));
        *seen.entry(kind).or_insert(0) += 1;
    }
    kinds(&expected, &seen)
}

pub(super) fn finding(place: &str, law: String, values: u64, distance: Distance) -> Finding {
    let differs = (distance.of_limit > 1.0).then_some(distance.most);
    Finding { place: place.to_owned(), law, values, distance: distance.of_limit, differs }
}
