//! Fills made ready: bounds scaled to the column, weights cumulated, references found.

use crate::action::Value;
use crate::generate::chance::Chance;
use crate::generate::chance::Sampler;
use crate::generate::column::Column;
use crate::generate::column::Constant;
use crate::generate::column::Filler;
use crate::generate::column::ParentRow;
use crate::generate::compile::Names;
use crate::generate::compile::parent_row;
use crate::generate::compile::typed;
use crate::generate::dependent::Dependent;
use crate::generate::moment::Led;
use crate::generate::moment::Moment;
use crate::generate::moment::Week;
use crate::generate::world::Parent;
use crate::scenario::Domain;
use crate::schema;
use crate::schema::ColumnType;
use crate::schema::Distribution;
use crate::schema::Expression;
use crate::schema::Fill;
use crate::schema::Literal;
use crate::schema::Shape;
use crate::schema::check::literal;
use crate::units::Decimal;

/// The 99th percentile of the standard normal distribution.
pub(in crate::generate) const NORMAL_P99: f64 = 2.326_347_874_040_841;

/// The columns of a table, the references that a lane decides, and which of them lead to a row whose
/// state is shown.
pub(super) struct Made {
    pub(super) columns: Vec<Column>,
    pub(super) decided: Vec<Parent>,
    pub(super) watched: Vec<usize>,
}

/// All columns of a table.
pub(super) fn columns(names: &Names<'_>, table: &schema::Table) -> Made {
    let mut decided = Vec::new();
    let columns = table.columns.iter().enumerate().map(|(number, column)| {
        let filler = match &column.fill {
            Fill::Reference(reference) => {
                let owner = table.owner.as_ref().is_some_and(|owner| owner.column == number);
                self::reference((names, table), reference, owner, (number, &mut decided))
            }
            Fill::Moment(moment) => self::moment(names, table, moment),
            Fill::Lookup { through, column } => lookup(names, table, *through, column),
            fill => filler(fill, column.kind, table),
        };
        made(number, column.kind, column.null_rate, filler)
    });
    let mut columns: Vec<Column> = columns.collect();
    let watched = watch(names, &mut columns, &decided);
    Made { columns, decided, watched }
}

/// Columns that look up where a row is on its walk: that is decided with the row, and stands behind
/// the numbers of all parents.
fn watch(names: &Names<'_>, columns: &mut [Column], decided: &[Parent]) -> Vec<usize> {
    let mut watched = Vec::new();
    for looking in columns {
        let Filler::Lookup { through, table, column } = looking.filler else { continue };
        let Some(states) = names.walk(table, column) else { continue };
        let Some(place) = decided.iter().position(|parent| parent.column == through) else {
            continue;
        };
        let at = watched.iter().position(|known| *known == place).unwrap_or_else(|| {
            watched.push(place);
            watched.len() - 1
        });
        let names = states.names.iter().map(|name| text(name)).collect();
        looking.filler = Filler::Watched { at: decided.len() + at, names };
    }
    watched
}

/// A column of that filler.
pub(super) fn made(number: usize, kind: ColumnType, null_rate: f64, filler: Filler) -> Column {
    Column { number: u16::try_from(number).unwrap_or(u16::MAX), kind, null_rate, filler }
}

fn reference(
    (names, own): (&Names<'_>, &schema::Table),
    reference: &schema::Reference,
    is_owner: bool,
    (number, decided): (usize, &mut Vec<Parent>),
) -> Filler {
    let Some((table, column)) = names.column(reference) else {
        return Filler::Constant(Constant::Value(Value::Null));
    };
    let parent = match reference.of.and_then(|of| of_row(names, own, reference, of)) {
        Some(parent) => parent,
        None if is_owner => ParentRow::Owner,
        None => parent_row(names, reference, decided.len()),
    };
    if matches!(parent, ParentRow::Decided(_)) {
        decided.push(Parent {
            table,
            column: number,
            pick: reference.pick.clone(),
            born: reference.born,
            unlike: reference
                .unlike
                .and_then(|column| decided.iter().position(|it| it.column == column)),
            stays: reference.stays,
            spreads: Vec::new(),
        });
    }
    Filler::Reference { table, column, parent }
}

/// The row that the row named by column `of` names.
fn of_row(
    names: &Names<'_>,
    own: &schema::Table,
    reference: &schema::Reference,
    of: usize,
) -> Option<ParentRow> {
    let Fill::Reference(through) = &own.columns[of].fill else { return None };
    let (table, _) = names.column(through)?;
    let (target, _) = names.column(reference)?;
    let is_same = |it: &(usize, &schema::Reference)| {
        names.column(it.1).is_some_and(|(table, _)| table == target)
    };
    let (column, _) = names.meant(table)?.references().find(is_same)?;
    Some(ParentRow::Of { through: of, table, column })
}

fn moment(names: &Names<'_>, table: &schema::Table, meant: &schema::Moment) -> Filler {
    let led =
        |through: &schema::Through| match lookup(names, table, through.through, &through.column) {
            Filler::Lookup { through, table, column } => Some(Led { through, table, column }),
            _ => None,
        };
    let week = meant.week.as_ref().map(|week| Week {
        shares: shares(week.hours.iter().copied()),
        within: week.within.as_ref().and_then(led),
    });
    let since = meant.since.as_ref().and_then(led);
    Filler::Moment(Box::new(Moment { past_us: meant.past_us, since, week, is_year: meant.is_year }))
}

fn lookup(names: &Names<'_>, table: &schema::Table, through: usize, wanted: &str) -> Filler {
    let found = match &table.columns[through].fill {
        Fill::Reference(reference) => {
            let wanted = schema::Reference { column: wanted.to_owned(), ..reference.clone() };
            names.column(&wanted)
        }
        _ => None,
    };
    match found {
        Some((table, column)) => match names.made_from(table, column) {
            Some(columns) => Filler::LookupMade { through, table, columns },
            None => Filler::Lookup { through, table, column },
        },
        None => Filler::Constant(Constant::Value(Value::Null)),
    }
}

/// A fill that needs no other table.
pub(super) fn filler(fill: &Fill, kind: ColumnType, table: &schema::Table) -> Filler {
    match fill {
        Fill::Sequence { start } => Filler::Sequence { start: *start },
        Fill::Uuid => Filler::Uuid,
        Fill::Id => Filler::Id,
        Fill::Constant(literal) => Filler::Constant(constant(literal, kind)),
        Fill::Uniform { min, max } => uniform(min, max, kind),
        Fill::Lognormal { median, p99 } => {
            let mu = libm::log(*median);
            Filler::Lognormal { mu, sigma: (libm::log(*p99) - mu) / NORMAL_P99 }
        }
        Fill::Weighted(weighted) => Filler::Weighted {
            values: weighted.iter().map(|(literal, _)| constant(literal, kind)).collect(),
            shares: shares(weighted.iter().map(|(_, weight)| *weight)),
        },
        Fill::Listed { values, then } => Filler::Listed {
            values: values.iter().map(|literal| constant(literal, kind)).collect(),
            then: Box::new(filler(then, kind, table)),
        },
        Fill::Words { min, max } => Filler::Words { min: *min, max: *max },
        Fill::Name(part) => Filler::Name(*part),
        Fill::Email { from } => Filler::Email { from: *from },
        Fill::EventTime { offset_min, offset_max } => Filler::EventTime {
            offset_min: *offset_min,
            offset_count: offset_max.abs_diff(*offset_min) + 1,
        },
        Fill::Derived(expression) => Filler::Derived(expression.clone()),
        Fill::State => Filler::State {
            names: table
                .states
                .iter()
                .flat_map(|states| &states.names)
                .map(|name| text(name))
                .collect(),
        },
        Fill::Line => Filler::Line,
        Fill::Drawn(drawn) => Filler::Chance(Chance::new(drawn, kind)),
        Fill::Unique(inner) => Filler::Unique(Box::new(filler(inner, kind, table))),
        Fill::Dependent(meant) => Filler::Dependent(Box::new(dependent(meant, kind, table))),
        Fill::Marker(marker) => Filler::Marker(*marker),
        Fill::Typed(fill) => Filler::Typed(Box::new(typed::made(fill, table))),
        Fill::Reference(_) | Fill::Lookup { .. } | Fill::Moment(_) => {
            Filler::Constant(Constant::Value(Value::Null))
        }
    }
}

fn dependent(meant: &schema::Dependent, kind: ColumnType, table: &schema::Table) -> Dependent {
    match meant {
        schema::Dependent::Given { column, cases, otherwise } => {
            let seen = table.columns[*column].kind;
            let case = |(value, fill): &(Literal, Fill)| {
                (constant(value, seen), filler(fill, kind, table))
            };
            Dependent::Given {
                column: *column,
                cases: cases.iter().map(case).collect(),
                otherwise: filler(otherwise, kind, table),
            }
        }
        schema::Dependent::Correlated { with, other, correlation, own } => Dependent::Correlated {
            with: *with,
            other: Sampler::new(widened(*other, table.columns[*with].kind)),
            correlation: *correlation,
            own: Sampler::new(widened(*own, kind)),
        },
        schema::Dependent::After { column, by } => {
            Dependent::After { column: *column, by: Sampler::new(*by) }
        }
    }
}

/// An even distribution over the steps of a column: each end has as much room as what lies between.
fn widened(distribution: Distribution, kind: ColumnType) -> Distribution {
    let Some(scale) = kind.scale().filter(|_| distribution.shape == Shape::Even) else {
        return distribution;
    };
    // A bit less than half a step, so that rounding leads to neither side.
    let half = 0.499_999 / libm::pow(10.0, f64::from(scale));
    Distribution { min: distribution.min - half, max: distribution.max + half, ..distribution }
}

fn text(text: &str) -> Constant {
    Constant::Text(text.into())
}

/// Weights cumulated to shares; the last is 1.
fn shares(weights: impl Iterator<Item = f64> + Clone) -> Vec<f64> {
    let total: f64 = weights.clone().sum();
    let mut sum = 0.0;
    weights
        .map(|weight| {
            sum += weight;
            sum / total
        })
        .collect()
}

fn uniform(min: &Literal, max: &Literal, kind: ColumnType) -> Filler {
    let scale = match kind {
        ColumnType::Numeric { scale, .. } => scale,
        ColumnType::Money => 2,
        ColumnType::Real | ColumnType::Double => {
            let (min, max) = (real(min), real(max));
            return Filler::Real { min, width: max - min };
        }
        _ => 0,
    };
    // A whole number may have 19 digits, one more than a decimal.
    let [min, max] = [min, max].map(|bound| match bound {
        Literal::Int(whole) if scale == 0 => *whole,
        bound => decimal(bound, scale).unscaled,
    });
    let count = max.abs_diff(min).saturating_add(1);
    match kind {
        ColumnType::Numeric { .. } | ColumnType::Money => Filler::Decimal { min, count, scale },
        _ => Filler::Whole { min, count },
    }
}

/// A literal number at a scale. `check` has seen that it fits.
pub(super) fn decimal(literal: &Literal, scale: u8) -> Decimal {
    let written = match literal {
        Literal::Int(number) => Decimal { unscaled: *number, scale: 0 },
        Literal::Decimal(decimal) => *decimal,
        _ => Decimal::default(),
    };
    written.rescale(scale).unwrap_or_default()
}

#[expect(clippy::cast_precision_loss, reason = "a bound of a floating-point column")]
fn real(literal: &Literal) -> f64 {
    match literal {
        Literal::Int(number) => *number as f64,
        Literal::Decimal(decimal) => decimal.to_f64(),
        _ => 0.0,
    }
}

/// A literal as the column holds it.
pub(super) fn constant(literal: &Literal, kind: ColumnType) -> Constant {
    let value = match (literal, kind) {
        (Literal::Null, _) => Value::Null,
        (Literal::Bool(value), ColumnType::Boolean) => Value::Bool(*value),
        (Literal::Text(text), kind) if literal::is_read(kind) => {
            return typed::constant(text, kind);
        }
        (number, ColumnType::Numeric { .. } | ColumnType::Money) => {
            Value::Decimal(decimal(number, kind.digits().1))
        }
        (number, ColumnType::Real | ColumnType::Double) => Value::Float(real(number)),
        (
            Literal::Int(number),
            ColumnType::Smallint | ColumnType::Integer | ColumnType::Bigint | ColumnType::Oid,
        ) => Value::Int(*number),
        (Literal::Text(text), ColumnType::Uuid) => {
            uuid::Uuid::parse_str(text).map_or(Value::Null, |uuid| Value::Uuid(uuid.into_bytes()))
        }
        (Literal::Text(text), _) => return Constant::Text(text.as_str().into()),
        (Literal::Bool(value), _) => return Constant::Text(value.to_string().into()),
        (Literal::Int(number), _) => return Constant::Text(number.to_string().into()),
        (Literal::Decimal(number), _) => return Constant::Text(number.to_string().into()),
    };
    Constant::Value(value)
}

/// The order in which columns are filled: plain ones, then e-mails and computed ones, each after
/// the columns it is made from.
pub(super) fn order(columns: &[Column]) -> Vec<usize> {
    let needs = |column: &Column| match &column.filler {
        Filler::Derived(expression) => uses(expression),
        Filler::Email { from } => from.iter().copied().collect(),
        Filler::Dependent(dependent) => vec![dependent.column()],
        _ => Vec::new(),
    };
    let mut order: Vec<usize> = Vec::new();
    while order.len() < columns.len() {
        let before = order.len();
        for (number, column) in columns.iter().enumerate() {
            let is_ready = needs(column).iter().all(|need| order.contains(need));
            if is_ready && !order.contains(&number) {
                order.push(number);
            }
        }
        if order.len() == before {
            // `check` has refused cycles.
            break;
        }
    }
    order
}

/// In rows with a history, what says when they were changed last says so.
pub(super) fn touch(columns: &mut [Column], domain: &Domain, table: usize) {
    let written = &domain.schema.tables[table];
    let has_past = domain.history.is_some()
        && written.states.as_ref().is_some_and(|states| states.walk.is_none());
    for (number, column) in columns.iter_mut().enumerate().filter(|_| has_past) {
        if matches!(column.filler, Filler::EventTime { .. })
            && domain.schema.changer(table, number).is_some()
        {
            column.filler = Filler::Touched;
        }
    }
}

/// The columns whose time lies in the opening hours of a row that is named.
pub(super) fn keeps_hours(columns: &[Column]) -> Vec<usize> {
    let keeps = |column: &Column| match &column.filler {
        Filler::Moment(meant) => meant.week.as_ref().is_some_and(|week| week.within.is_some()),
        _ => false,
    };
    let columns = columns.iter().enumerate();
    columns.filter(|(_, column)| keeps(column)).map(|(number, _)| number).collect()
}

/// Whether no column needs more of its row than the text of a column before it.
pub(super) fn is_straight(columns: &[Column]) -> bool {
    columns.iter().enumerate().all(|(number, column)| match &column.filler {
        Filler::Derived(_) | Filler::Dependent(_) => false,
        Filler::Email { from } => from.is_none_or(|from| from < number),
        _ => true,
    })
}

fn uses(expression: &Expression) -> Vec<usize> {
    match expression {
        Expression::Column(column) => vec![*column],
        Expression::Literal(_) => Vec::new(),
        Expression::Binary(_, left, right) => [uses(left), uses(right)].concat(),
        Expression::Call(_, operands) => operands.iter().flat_map(uses).collect(),
    }
}
