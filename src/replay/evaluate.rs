//! What an update makes of a value that stood there before: as the server evaluates it.

use crate::action::Action;
use crate::action::Assign;
use crate::action::Value;
use crate::observe::cells;
use crate::observe::cells::Cell;
use crate::schema::ColumnType;
use crate::schema::Literal;
use crate::sink::postgres::encode::encode;
use crate::sink::postgres::numeric::Numeric;
use crate::units::Decimal;

/// Appends the cell that becomes of `old`. What cannot be told becomes one that is not compared.
pub(super) fn advance(
    kind: ColumnType,
    how: &Assign,
    (parameter, action): (Value, &Action),
    old: Cell<'_>,
    out: &mut Vec<u8>,
) {
    let made = match (how, old) {
        (Assign::Value, _) => Some(Made::Value(parameter)),
        (_, None) => None,
        (Assign::Next(list), Some(old)) => next(kind, list, old),
        (_, Some(None)) => Some(Made::Value(Value::Null)),
        (Assign::Toggle, Some(Some(old))) => {
            old.first().map(|it| Made::Value(Value::Bool(*it == 0)))
        }
        (Assign::Append, Some(Some(old))) => appended(kind, old, (parameter, action)),
        (Assign::Add, Some(Some(old))) => {
            sum(kind, old, parameter).map(|it| Made::Value(Value::Decimal(it)))
        }
        (Assign::Multiply, Some(Some(old))) => {
            product(kind, old, parameter).map(|it| Made::Value(Value::Decimal(it)))
        }
    };
    match made {
        None => cells::push_open(out),
        Some(Made::Bytes(bytes)) => cells::push(kind, &bytes, out),
        Some(Made::Value(value)) => {
            let mut field = Vec::new();
            let value = match (value, kind) {
                (Value::Decimal(number), _) if kind.integer_range().is_some() => {
                    Value::Int(number.unscaled)
                }
                (value, _) => value,
            };
            encode(value, kind, action, &mut field);
            cells::push_field(kind, &field, out);
        }
    }
}

enum Made {
    Value(Value),
    Bytes(Vec<u8>),
}

fn appended(kind: ColumnType, old: &[u8], (parameter, action): (Value, &Action)) -> Option<Made> {
    let Value::Text(more) = parameter else { return None };
    let limit = match kind {
        ColumnType::Varchar(Some(limit)) | ColumnType::Char(limit) => {
            usize::try_from(limit).unwrap_or(usize::MAX)
        }
        ColumnType::Varchar(None) | ColumnType::Text | ColumnType::Citext => usize::MAX,
        _ => return None,
    };
    let whole = format!("{}{}", std::str::from_utf8(old).ok()?, action.text(more));
    let end = whole.char_indices().nth(limit).map_or(whole.len(), |(at, _)| at);
    Some(Made::Bytes(whole.as_bytes()[..end].to_vec()))
}

/// The value behind the old one in the list, the first where it is none of them.
fn next(kind: ColumnType, list: &[Literal], old: Option<&[u8]>) -> Option<Made> {
    let mut places = Vec::new();
    for literal in list {
        let value = match literal {
            Literal::Null => return None,
            Literal::Bool(value) => Value::Bool(*value),
            Literal::Int(value) => Value::Int(*value),
            Literal::Decimal(value) => match kind {
                ColumnType::Real | ColumnType::Double => Value::Float(value.to_f64()),
                _ => Value::Decimal(*value),
            },
            Literal::Text(text) => match kind {
                ColumnType::Text
                | ColumnType::Varchar(_)
                | ColumnType::Char(_)
                | ColumnType::Enum(_) => {
                    places.push(text.clone().into_bytes());
                    continue;
                }
                _ => return None,
            },
        };
        let mut field = Vec::new();
        encode(value, kind, &Action::default(), &mut field);
        places.push(field.get(4..)?.to_vec());
    }
    let cell = |bytes: &[u8]| {
        let mut cell = Vec::new();
        cells::push(kind, bytes, &mut cell);
        cell
    };
    let is_it = |value: &Vec<u8>| old.is_some_and(|old| cell(old) == cell(value));
    let at = places.iter().position(is_it).map_or(0, |at| (at + 1) % places.len());
    places.get(at).cloned().map(Made::Bytes)
}

/// The old value plus the parameter, at the ends of its column at most.
fn sum(kind: ColumnType, old: &[u8], parameter: Value) -> Option<Decimal> {
    within(kind, number(kind, old)?.checked_add(decimal(parameter)?)?)
}

fn product(kind: ColumnType, old: &[u8], parameter: Value) -> Option<Decimal> {
    let product = number(kind, old)?.checked_mul(decimal(parameter)?)?;
    within(kind, product.rescale(scale(kind)?)?)
}

fn decimal(value: Value) -> Option<Decimal> {
    match value {
        Value::Int(whole) => Some(Decimal::from(whole)),
        Value::Decimal(number) => Some(number),
        _ => None,
    }
}

fn scale(kind: ColumnType) -> Option<u8> {
    match kind {
        ColumnType::Numeric { scale, .. } => Some(scale),
        ColumnType::Money => Some(2),
        _ => kind.integer_range().map(|_| 0),
    }
}

/// A number that would leave its column stops at the column's end.
fn within(kind: ColumnType, number: Decimal) -> Option<Decimal> {
    let number = number.rescale(scale(kind)?)?;
    let (least, greatest) = match kind {
        ColumnType::Numeric { precision, .. } => {
            let greatest = 10_i64.checked_pow(u32::from(precision))?.checked_sub(1)?;
            (-greatest, greatest)
        }
        ColumnType::Money => (i64::MIN, i64::MAX),
        _ => kind.integer_range()?,
    };
    Some(Decimal { unscaled: number.unscaled.clamp(least, greatest), ..number })
}

/// The number that bytes of a column stand for.
pub(super) fn number(kind: ColumnType, bytes: &[u8]) -> Option<Decimal> {
    let whole = match kind {
        ColumnType::Smallint => i64::from(i16::from_be_bytes(bytes.try_into().ok()?)),
        ColumnType::Integer => i64::from(i32::from_be_bytes(bytes.try_into().ok()?)),
        ColumnType::Bigint => i64::from_be_bytes(bytes.try_into().ok()?),
        ColumnType::Money => {
            let unscaled = i64::from_be_bytes(bytes.try_into().ok()?);
            return Some(Decimal { unscaled, scale: 2 });
        }
        ColumnType::Numeric { scale, .. } => return numeric(bytes, scale),
        _ => return None,
    };
    Some(Decimal::from(whole))
}

fn numeric(bytes: &[u8], scale: u8) -> Option<Decimal> {
    let Numeric::Finite(digits) = Numeric::read(bytes)? else { return None };
    let mut unscaled: i128 = 0;
    for (power, digit) in digits.all() {
        let (power, digit) = (4 * power + i32::from(scale), i128::from(digit));
        let ten = |power: i32| 10_i128.checked_pow(u32::try_from(power).ok()?);
        unscaled += if power >= 0 {
            digit.checked_mul(ten(power)?)?
        } else {
            // Digits behind the column's scale are zeros.
            digit / ten(-power)?
        };
    }
    let unscaled = if digits.is_negative { -unscaled } else { unscaled };
    // No more than 18 digits are reckoned with.
    Decimal { unscaled: i64::try_from(unscaled).ok()?, scale }.rescale(scale)
}

#[cfg(test)]
mod tests {
    use super::*;

    const PRICE: ColumnType = ColumnType::Numeric { precision: 6, scale: 2, is_bare: false };

    fn cell(kind: ColumnType, value: Value) -> Vec<u8> {
        let mut field = Vec::new();
        encode(value, kind, &Action::default(), &mut field);
        let mut cell = Vec::new();
        cells::push_field(kind, &field, &mut cell);
        cell
    }

    fn made(kind: ColumnType, how: &Assign, parameter: Value, old: Value) -> String {
        let (old, mut out) = (cell(kind, old), Vec::new());
        let old = if old.len() > 4 { Some(&old[4..]) } else { None };
        advance(kind, how, (parameter, &Action::default()), Some(old), &mut out);
        cells::show(&out, &[(String::new(), kind)], false)
    }

    fn price(unscaled: i64) -> Value {
        Value::Decimal(Decimal { unscaled, scale: 2 })
    }

    #[test]
    fn each_kind_of_change_is_evaluated_as_the_server_does() {
        let (add, multiply) = (Assign::Add, Assign::Multiply);
        assert_eq!(made(PRICE, &add, price(150), price(1_000)), "11.5");
        assert_eq!(made(PRICE, &add, price(-150), price(100)), "-0.5");
        assert_eq!(made(PRICE, &add, price(1), price(999_999)), "9999.99", "it stops at its end");
        assert_eq!(
            made(PRICE, &multiply, price(105), price(1_010)),
            "10.61",
            "10.605 is rounded up"
        );
        assert_eq!(made(PRICE, &multiply, price(105), price(-1_010)), "-10.61");
        assert_eq!(made(PRICE, &add, price(1), Value::Null), "NULL");
        let int = ColumnType::Integer;
        assert_eq!(made(int, &add, Value::Int(-3), Value::Int(1)), "-2");
        assert_eq!(made(int, &add, Value::Int(3), Value::Int(i32::MAX.into())), "2147483647");
        assert_eq!(made(int, &multiply, price(150), Value::Int(3)), "5", "4.5 is rounded up");
        let flag = ColumnType::Boolean;
        assert_eq!(made(flag, &Assign::Toggle, Value::Null, Value::Bool(true)), "false");
        assert_eq!(made(flag, &Assign::Toggle, Value::Null, Value::Null), "NULL");
        let list = Assign::Next([1, 5, 9].map(Literal::Int).to_vec());
        for (old, new) in [(1, "5"), (9, "1"), (7, "1")] {
            assert_eq!(made(int, &list, Value::Null, Value::Int(old)), new);
        }
        assert_eq!(made(int, &list, Value::Null, Value::Null), "1");
        let half = Decimal { unscaled: 15, scale: 1 };
        let list = Assign::Next([Literal::Int(2), Literal::Decimal(half)].to_vec());
        assert_eq!(made(ColumnType::Real, &list, Value::Null, Value::Float(2.0)), "1.5");
    }

    #[test]
    fn text_grows_until_its_column_is_full() {
        let mut action = Action::default();
        action.arena().push_str("äöü");
        let more = action.text_from(0);
        for (kind, expected) in [(ColumnType::Text, "xxäöü"), (ColumnType::Varchar(Some(3)), "xxä")]
        {
            let mut out = Vec::new();
            advance(kind, &Assign::Append, (more, &action), Some(Some(b"xx")), &mut out);
            assert_eq!(cells::show(&out, &[(String::new(), kind)], false), expected);
        }
    }
}
