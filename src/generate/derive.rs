//! Columns that are computed from other columns of the row.

use crate::action::Action;
use crate::action::Value;
use crate::action::write_value;
use crate::generate::column::as_held;
use crate::generate::column::cut;
use crate::generate::column::round_to;
use crate::schema::ColumnType;
use crate::schema::Expression;
use crate::schema::Function;
use crate::schema::Literal;
use crate::schema::Operator;
use crate::units::Decimal;

/// A computed column; NULL if an operand is. A number that would leave the column stops at the
/// column's end.
pub(super) fn derived(
    kind: ColumnType,
    expression: &Expression,
    first: usize,
    action: &mut Action,
) -> Value {
    let value = match evaluate(expression, first, action) {
        Some(Operand::Text(text)) => {
            let start = action.arena().len();
            action.arena().push_str(&text);
            cut(kind, start, action);
            action.text_from(start)
        }
        Some(Operand::Number(number)) => exactly(kind, number),
        Some(Operand::Real(number)) => round_to(kind, number),
        None => Value::Null,
    };
    as_held(kind, value)
}

/// An exact number as a column holds it.
fn exactly(kind: ColumnType, number: Decimal) -> Value {
    let exact = match kind {
        ColumnType::Numeric { .. } | ColumnType::Money => {
            let (precision, scale) = kind.digits();
            number
                .rescale(scale)
                .filter(|fits| fits.whole_digits() <= u32::from(precision - scale))
                .map(Value::Decimal)
        }
        _ => kind.integer_range().and_then(|(least, greatest)| {
            let whole = number.rescale(0)?.unscaled;
            (least..=greatest).contains(&whole).then_some(Value::Int(whole))
        }),
    };
    exact.unwrap_or_else(|| round_to(kind, number.to_f64()))
}

enum Operand {
    Number(Decimal),
    Real(f64),
    Text(String),
}

impl Operand {
    fn real(&self) -> Option<f64> {
        match self {
            Self::Number(number) => Some(number.to_f64()),
            Self::Real(number) => Some(*number),
            Self::Text(_) => None,
        }
    }

    /// A small whole number that is written in the expression.
    fn count(&self) -> Option<usize> {
        match self {
            Self::Number(number) => usize::try_from(number.rescale(0)?.unscaled).ok(),
            _ => None,
        }
    }

    fn text(self) -> String {
        match self {
            Self::Number(number) => number.to_string(),
            Self::Real(number) => number.to_string(),
            Self::Text(text) => text,
        }
    }
}

/// As deep as the expression is written; `check` limits that.
fn evaluate(expression: &Expression, first: usize, action: &Action) -> Option<Operand> {
    Some(match expression {
        Expression::Column(column) => match action.values_from(first)[*column] {
            Value::Null => return None,
            Value::Int(unscaled) => Operand::Number(Decimal { unscaled, scale: 0 }),
            Value::Decimal(number) => Operand::Number(number),
            Value::Float(number) => Operand::Real(number),
            other => {
                let mut text = String::new();
                write_value(other, action, &mut text);
                Operand::Text(text)
            }
        },
        Expression::Literal(Literal::Int(unscaled)) => {
            Operand::Number(Decimal { unscaled: *unscaled, scale: 0 })
        }
        Expression::Literal(Literal::Decimal(number)) => Operand::Number(*number),
        Expression::Literal(Literal::Text(text)) => Operand::Text(text.clone()),
        Expression::Literal(_) => return None,
        Expression::Call(function, operands) => return call(*function, operands, first, action),
        Expression::Binary(operator, left, right) => {
            combine(*operator, evaluate(left, first, action)?, evaluate(right, first, action)?)?
        }
    })
}

/// A function; NULL where PostgreSQL's is.
fn call(
    function: Function,
    operands: &[Expression],
    first: usize,
    action: &Action,
) -> Option<Operand> {
    let mut values = operands.iter().filter_map(|operand| evaluate(operand, first, action));
    match function {
        Function::Coalesce => return values.next(),
        Function::Least => return values.reduce(|a, b| if is_below(&b, &a) { b } else { a }),
        Function::Greatest => return values.reduce(|a, b| if is_below(&a, &b) { b } else { a }),
        _ => {}
    }
    let values: Vec<Operand> = values.collect();
    if values.len() < operands.len() {
        return None;
    }
    let mut values = values.into_iter();
    let value = values.next()?;
    Some(match function {
        Function::Lower => Operand::Text(value.text().to_lowercase()),
        Function::Upper => Operand::Text(value.text().to_uppercase()),
        Function::Abs => match value {
            Operand::Number(number) => {
                Operand::Number(Decimal { unscaled: number.unscaled.saturating_abs(), ..number })
            }
            other => Operand::Real(other.real()?.abs()),
        },
        Function::Round => round(value, values.next()?.count()?)?,
        _ => {
            let (from, count) = (values.next()?.count()?, values.next()?.count()?);
            // Characters are counted from 1; what stands before the first counts too, as in SQL.
            let end = (from + count).saturating_sub(1);
            let from = from.saturating_sub(1);
            let characters = value.text().chars().take(end).skip(from).collect();
            Operand::Text(characters)
        }
    })
}

/// Rounded half away from zero, if it has more digits than that.
fn round(value: Operand, digits: usize) -> Option<Operand> {
    let digits = u8::try_from(digits).unwrap_or(u8::MAX);
    Some(match value {
        Operand::Number(number) if number.scale <= digits => Operand::Number(number),
        Operand::Number(number) => Operand::Number(number.rescale(digits)?),
        other => other,
    })
}

fn is_below(one: &Operand, other: &Operand) -> bool {
    if let (Operand::Number(one), Operand::Number(other)) = (one, other)
        && let Some(difference) = one.checked_sub(*other)
    {
        return difference.unscaled < 0;
    }
    one.real().zip(other.real()).is_some_and(|(one, other)| one < other)
}

fn combine(operator: Operator, left: Operand, right: Operand) -> Option<Operand> {
    if operator == Operator::Concat {
        return Some(Operand::Text(left.text() + &right.text()));
    }
    if let (Operand::Number(left), Operand::Number(right)) = (&left, &right) {
        let number = match operator {
            Operator::Add => left.checked_add(*right),
            Operator::Subtract => left.checked_sub(*right),
            _ => left.checked_mul(*right),
        };
        if let Some(number) = number {
            return Some(Operand::Number(number));
        }
        // What has more than 18 digits is computed in floating point, as near as that comes.
    }
    let (left, right) = (left.real()?, right.real()?);
    Some(Operand::Real(match operator {
        Operator::Add => left + right,
        Operator::Subtract => left - right,
        _ => left * right,
    }))
}
