//! Columns that look at another column of the row: see [`crate::schema::Dependent`].

use crate::action::Action;
use crate::action::Cell;
use crate::action::Value;
use crate::generate::chance::Sampler;
use crate::generate::column::Column;
use crate::generate::column::Constant;
use crate::generate::column::Filler;
use crate::generate::column::Row;
use crate::generate::column::as_held;
use crate::generate::column::moment;
use crate::generate::column::round_to;
use crate::generate::key::Draw;
use crate::generate::world::World;
use crate::schema::normal_at;
use crate::schema::normal_below;
use crate::schema::written::Written;
use crate::units::DAY_US;

/// A fill that looks at another column, made ready.
#[derive(Debug, Clone)]
pub(super) enum Dependent {
    Given { column: usize, cases: Vec<(Constant, Filler)>, otherwise: Filler },
    Correlated { with: usize, other: Sampler, correlation: f64, own: Sampler },
    After { column: usize, by: Sampler },
}

impl Dependent {
    /// The other column.
    pub(super) fn column(&self) -> usize {
        match self {
            Self::Given { column, .. } | Self::After { column, .. } => *column,
            Self::Correlated { with, .. } => *with,
        }
    }
}

impl World {
    /// The value of a column that looks at another; `first` is where the row's values begin.
    pub(super) fn dependent_value(
        &self,
        (column, dependent): (&Column, &Dependent),
        row: &Row<'_>,
        first: usize,
        action: &mut Action,
    ) -> Value {
        let seen = action.values_from(first)[dependent.column()];
        let draw = || Draw::new(self.column_key(column, row));
        let value = match dependent {
            Dependent::Given { cases, otherwise, .. } => {
                let case = cases.iter().find(|(value, _)| is_same(value, seen, action));
                let filler = case.map_or(otherwise, |(_, filler)| filler);
                let mut cell = Cell::new(action, first);
                self.fill(column, filler, row, &mut cell);
                cell.value
            }
            Dependent::Correlated { other, correlation, own, .. } => {
                let chance = draw().unit();
                let noise = normal_at(chance.clamp(1e-12, 1.0 - 1e-12));
                let score = match real(seen) {
                    Some(number) => {
                        let rest = libm::sqrt(1.0 - correlation * correlation);
                        correlation * normal_at(other.share(number)) + rest * noise
                    }
                    None => noise,
                };
                round_to(column.kind, own.at(normal_below(score)))
            }
            Dependent::After { by, .. } => match micros(seen) {
                #[expect(clippy::cast_possible_truncation, reason = "`as` saturates, as wanted")]
                Some(from) => {
                    let later = libm::round(by.draw(&mut draw())) as i64;
                    moment(column.kind, from.saturating_add(later))
                }
                None => Value::Null,
            },
        };
        as_held(column.kind, value)
    }
}

fn is_same(constant: &Constant, value: Value, action: &Action) -> bool {
    match (constant, value) {
        (Constant::Text(text), Value::Text(span)) => **text == *action.text(span),
        (Constant::Value(constant), value) => *constant == value,
        (Constant::Written(written), value) => match (&**written, value) {
            (Written::Text(text), Value::Text(span)) => *text == *action.text(span),
            (Written::Date(days), Value::Date(seen)) => *days == seen,
            (Written::Timestamp(us), Value::Timestamp(seen)) => *us == seen,
            _ => false,
        },
        _ => false,
    }
}

#[expect(clippy::cast_precision_loss, reason = "a place in a distribution")]
fn real(value: Value) -> Option<f64> {
    match value {
        Value::Int(number) => Some(number as f64),
        Value::Float(number) => Some(number),
        Value::Decimal(number) => Some(number.to_f64()),
        _ => None,
    }
}

fn micros(value: Value) -> Option<i64> {
    match value {
        Value::Timestamp(us) => Some(us),
        Value::Date(days) => Some(i64::from(days).saturating_mul(DAY_US)),
        _ => None,
    }
}
