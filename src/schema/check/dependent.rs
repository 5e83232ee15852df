//! Fills of [`Dependent`]: what they say, or their mistakes.

use crate::diagnostic::Problem;
use crate::diagnostic::Problems;
use crate::schema::Dependent;
use crate::schema::Distribution;
use crate::schema::Drawn;
use crate::schema::Fill;
use crate::schema::Literal;
use crate::schema::Shape;
use crate::schema::check::distribution::Measure;
use crate::schema::check::distribution::several;
use crate::schema::check::draw;
use crate::schema::check::draw::Spot;
use crate::schema::check::draw::literal_in;
use crate::schema::check::draw::wants;
use crate::schema::check::fill::unknown_column;
use crate::schema::check::names;
use crate::schema::check::outline::TableOutline;
use crate::schema::check::shape;
use crate::schema::file::AfterFile;
use crate::schema::file::CorrelatedFile;
use crate::schema::file::FillFile;
use crate::schema::file::GivenFile;
use crate::yaml::Kind;
use crate::yaml::Scalar;
use crate::yaml::ScalarOr;
use crate::yaml::Spanned;

/// Most values that `given` tells apart.
const CASES_MAX: usize = 1_000;

/// A column that looks at another of its table.
pub(super) struct Depends<'a> {
    pub(super) table: &'a TableOutline<'a>,
    pub(super) spot: Spot,
}

impl Depends<'_> {
    /// The fill, if it is one of these.
    pub(super) fn fill(
        &self,
        file: &FillFile,
        shape: &str,
        problems: &mut Problems,
    ) -> Option<Fill> {
        let dependent = match shape {
            "given" => self.given(file.given.as_ref()?, problems)?,
            "correlated" => self.correlated(file.correlated.as_ref()?, problems)?,
            "after" => self.after(file.after.as_ref()?, problems)?,
            _ => return None,
        };
        Some(Fill::Dependent(dependent))
    }

    fn given(&self, file: &GivenFile, problems: &mut Problems) -> Option<Dependent> {
        let column = self.column(&file.column, problems);
        let kind = column.and_then(|column| self.table.columns[column].kind);
        let cases = &file.when.value;
        if cases.0.is_empty() || cases.0.len() > CASES_MAX {
            let message = format!("`when` has 1 to {CASES_MAX} values");
            problems.add(Problem::new(message).at(file.when.place));
        }
        let mut meant: Vec<(Literal, Fill)> = Vec::new();
        let mut is_good = true;
        for (value, written) in &cases.0 {
            let case = written.as_ref().and_then(|fill| self.inner(fill, "given", problems));
            let Some(kind) = kind else { continue };
            let spot = Spot { kind, is_nullable: false, place: value.place };
            match (literal_in(spot, value, problems), case) {
                (Some(value_of), _) if meant.iter().any(|(other, _)| *other == value_of) => {
                    let message = format!("`{}` is given twice", value.value.1);
                    problems.add(Problem::new(message).at(value.place));
                    is_good = false;
                }
                (Some(value), Some(case)) => meant.push((value, case)),
                _ => is_good = false,
            }
        }
        let otherwise = self.inner(&file.otherwise, "given", problems)?;
        let column = column.filter(|_| is_good)?;
        Some(Dependent::Given { column, cases: meant, otherwise: Box::new(otherwise) })
    }

    /// A fill within a fill: one that needs no other column.
    fn inner(
        &self,
        written: &Spanned<ScalarOr<FillFile>>,
        outer: &str,
        problems: &mut Problems,
    ) -> Option<Fill> {
        let spot = Spot { place: written.place, ..self.spot };
        match &written.value {
            ScalarOr::Scalar(scalar) => inner_word(spot, scalar, outer, problems),
            ScalarOr::Other(file) => {
                let shape = shape::fill_shape(file, written.place, false, problems)?;
                if names::is_drawn(shape) {
                    return draw::drawn(spot, file, shape, problems);
                }
                let message = format!("`{shape}` cannot stand in `{outer}`");
                problems.add(Problem::new(message).at(written.place));
                None
            }
        }
    }

    fn correlated(&self, file: &CorrelatedFile, problems: &mut Problems) -> Option<Dependent> {
        wants(self.spot, self.spot.kind.is_number(), "`correlated` makes numbers", problems)?;
        let with = self.column(&file.with, problems);
        let own = self.inner(&file.fill, "correlated", problems);
        if !(-1.0..=1.0).contains(&file.r.value) {
            problems.add(Problem::new("a correlation is -1 to 1").at(file.r.place));
            return None;
        }
        let (with, own) = (with?, own?);
        let Some(own) = distribution_of(&own) else {
            let problem = Problem::new("this is not a distribution of numbers");
            problems.add(problem.at(file.fill.place).help(DISTRIBUTIONS));
            return None;
        };
        let other = self.distribution_of(with, file, problems)?;
        Some(Dependent::Correlated { with, other, correlation: file.r.value, own })
    }

    /// How the values of another column are distributed.
    fn distribution_of(
        &self,
        column: usize,
        file: &CorrelatedFile,
        problems: &mut Problems,
    ) -> Option<Distribution> {
        let outline = &self.table.columns[column];
        let (kind, written) = (outline.kind?, &outline.file?.fill);
        let spot = Spot { kind, is_nullable: true, place: written.place };
        let meant = match &written.value {
            ScalarOr::Other(settings) => {
                // Its own mistakes are told at the column itself.
                let mut ignored = Problems::default();
                let shape = shape::fill_shape(settings, written.place, false, &mut ignored);
                match (shape, &settings.correlated) {
                    (Some("correlated"), Some(inner)) => {
                        let other = Depends { table: self.table, spot };
                        other.inner(&inner.fill, "correlated", &mut ignored)
                    }
                    (Some(shape), _) if names::is_drawn(shape) => {
                        draw::drawn(spot, settings, shape, &mut ignored)
                    }
                    _ => None,
                }
            }
            ScalarOr::Scalar(_) => None,
        };
        let found = meant.as_ref().and_then(distribution_of).filter(|_| kind.is_number());
        if found.is_none() {
            let message = format!("`{}` is not a distribution of numbers", file.with.value);
            problems.add(Problem::new(message).at(file.with.place).help(DISTRIBUTIONS));
        }
        found
    }

    fn after(&self, file: &AfterFile, problems: &mut Problems) -> Option<Dependent> {
        wants(self.spot, self.spot.kind.is_time(), "`after` makes dates and times", problems)?;
        let column = self.column(&file.column, problems);
        let by = several(&file.by, Measure::Span, problems)?;
        let column = column?;
        if let Some(kind) = self.table.columns[column].kind.filter(|kind| !kind.is_time()) {
            let message = format!("`{}` is `{kind}`, neither date nor time", file.column.value);
            problems.add(Problem::new(message).at(file.column.place));
            return None;
        }
        Some(Dependent::After { column, by })
    }

    fn column(&self, name: &Spanned<String>, problems: &mut Problems) -> Option<usize> {
        let found = self.table.column(&name.value);
        if found.is_none() {
            problems.add(unknown_column(self.table, name));
        }
        found
    }
}

/// A fill within a fill that is one word or a value.
fn inner_word(spot: Spot, scalar: &Scalar, outer: &str, problems: &mut Problems) -> Option<Fill> {
    if let Some(fill) = draw::bare(spot, scalar, problems) {
        return fill;
    }
    if *scalar == Scalar(Kind::Null, scalar.1.clone()) && spot.is_nullable {
        return Some(Fill::Constant(Literal::Null));
    }
    if scalar.0 == Kind::Word && names::is_bare(&scalar.1) {
        let message = format!("`{}` cannot stand in `{outer}`", scalar.1);
        problems.add(Problem::new(message).at(spot.place));
        return None;
    }
    if draw::is_bare_word(spot, scalar) {
        problems.add(super::fill::unknown_word(&scalar.1, spot.place));
        return None;
    }
    draw::constant(spot, scalar, spot.place, problems)
}

/// What `correlated` can work with.
const DISTRIBUTIONS: &str =
    "it is filled by `uniform`, `normal`, `lognormal`, `exponential` or `pareto`";

/// The distribution of a fill that is one of numbers.
#[expect(clippy::cast_precision_loss, reason = "the ends of a distribution")]
fn distribution_of(fill: &Fill) -> Option<Distribution> {
    let real = |literal: &Literal| match literal {
        Literal::Int(whole) => Some(*whole as f64),
        Literal::Decimal(decimal) => Some(decimal.to_f64()),
        _ => None,
    };
    match fill {
        Fill::Uniform { min, max } => {
            Some(Distribution { shape: Shape::Even, min: real(min)?, max: real(max)? })
        }
        Fill::Lognormal { median, p99 } => Some(Distribution {
            shape: Shape::Lognormal { median: *median, p99: *p99 },
            min: f64::NEG_INFINITY,
            max: f64::INFINITY,
        }),
        Fill::Drawn(Drawn::Number(distribution)) => Some(*distribution),
        _ => None,
    }
}
