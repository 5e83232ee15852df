//! Values written in a schema, as values of a column's type.

use chrono::DateTime;
use chrono::NaiveDate;
use chrono::NaiveDateTime;
use uuid::Uuid;

use crate::schema::ColumnType;
use crate::schema::Literal;
use crate::schema::written;
use crate::units::Decimal;
use crate::yaml::Kind;
use crate::yaml::Scalar;

/// The value as one of the column's type: Int for integers, Decimal at the column's scale for
/// `numeric`, Int or Decimal for floats, Text for text, times (ISO) and UUIDs. The error says what
/// is wrong. `null` is the caller's to judge.
pub(super) fn literal(scalar: &Scalar, kind: ColumnType) -> Result<Literal, String> {
    let Scalar(look, text) = scalar;
    if *look == Kind::Null {
        return Ok(Literal::Null);
    }
    if text.contains('\0') {
        return Err("the text contains a NUL character, which PostgreSQL cannot hold".to_owned());
    }
    match kind {
        _ if is_read(kind) => written::read(text, kind).map(|_| Literal::Text(text.clone())),
        ColumnType::Smallint | ColumnType::Integer | ColumnType::Bigint | ColumnType::Oid => {
            integer(scalar, kind)
        }
        ColumnType::Numeric { .. } | ColumnType::Money => {
            exact(number(scalar).ok_or_else(|| format!("`{text}` is not a number"))?, text, kind)
        }
        ColumnType::Real | ColumnType::Double => match number(scalar) {
            Some(number) if number.scale == 0 => Ok(Literal::Int(number.unscaled)),
            Some(number) => Ok(Literal::Decimal(number)),
            None => Err(format!("`{text}` is not a number of at most 18 digits")),
        },
        ColumnType::Boolean => match look {
            Kind::Bool => Ok(Literal::Bool(text == "true")),
            _ => Err(format!("`{text}` is neither `true` nor `false`")),
        },
        ColumnType::Uuid => match Uuid::try_parse(text) {
            Ok(uuid) => Ok(Literal::Text(uuid.to_string())),
            Err(_) => Err(format!("`{text}` is not a UUID")),
        },
        _ => string(*look, text, kind),
    }
}

/// Whether a literal of the type is kept as text, in the form that [`written::read`] knows.
pub(crate) fn is_read(kind: ColumnType) -> bool {
    !(kind.is_text() || kind.is_number() || matches!(kind, ColumnType::Boolean | ColumnType::Uuid))
}

/// A decimal number as a value of an exact type.
pub(super) fn exact(number: Decimal, text: &str, kind: ColumnType) -> Result<Literal, String> {
    if let Some((least, greatest)) = kind.integer_range() {
        let whole = number.rescale(0).filter(|whole| {
            number.checked_sub(*whole).is_some_and(|difference| difference.unscaled == 0)
        });
        let whole = whole.ok_or_else(|| format!("`{text}` is not a whole number"))?.unscaled;
        return if (least..=greatest).contains(&whole) {
            Ok(Literal::Int(whole))
        } else {
            Err(format!("`{text}` does not fit into `{kind}` ({least} to {greatest})"))
        };
    }
    let (precision, scale) = kind.digits();
    if number.whole_digits() > u32::from(precision - scale) {
        let digits = precision - scale;
        return Err(format!(
            "`{text}` does not fit into `{kind}` ({digits} digits before the point)"
        ));
    }
    let rescaled = number.rescale(scale).filter(|rescaled| {
        number.checked_sub(*rescaled).is_some_and(|difference| difference.unscaled == 0)
    });
    match rescaled {
        Some(rescaled) => Ok(Literal::Decimal(rescaled)),
        None => Err(format!("`{text}` has more digits after the point than `{kind}`")),
    }
}

/// A scalar that is a number, exactly.
pub(super) fn number(scalar: &Scalar) -> Option<Decimal> {
    let Scalar(Kind::Number, text) = scalar else {
        return None;
    };
    let digits = text.replace('_', "");
    let radix = |prefix: &str, radix: u32| {
        let digits = digits.strip_prefix(prefix)?;
        i64::from_str_radix(digits, radix).ok().filter(|number| *number < 1_000_000_000_000_000_000)
    };
    if let Some(number) = radix("0x", 16).or_else(|| radix("0o", 8)) {
        return Some(Decimal::from(number));
    }
    let (mantissa, exponent) = digits.split_once(['e', 'E']).unwrap_or((&digits, "0"));
    let mantissa: Decimal = mantissa.parse().ok()?;
    let exponent: i32 = exponent.parse().ok().filter(|exponent| (-18..=18).contains(exponent))?;
    let factor = Decimal::from(10_i64.pow(exponent.unsigned_abs().min(17)));
    if exponent >= 0 {
        mantissa.checked_mul(factor)
    } else {
        let scale = mantissa.scale.checked_add(u8::try_from(-exponent).ok()?)?;
        Some(Decimal { scale, ..mantissa }).filter(|number| number.scale <= 18)
    }
}

/// Microseconds since 1970 of a date or a time with an offset (UTC where there is none).
pub(crate) fn moment(text: &str) -> Option<i64> {
    if let Ok(time) = DateTime::parse_from_rfc3339(text) {
        return Some(time.timestamp_micros());
    }
    for form in ["%Y-%m-%dT%H:%M:%S%.f", "%Y-%m-%d %H:%M:%S%.f"] {
        if let Ok(time) = NaiveDateTime::parse_from_str(text, form) {
            return Some(time.and_utc().timestamp_micros());
        }
    }
    let date = NaiveDate::parse_from_str(text, "%Y-%m-%d").ok()?;
    Some(date.and_hms_opt(0, 0, 0)?.and_utc().timestamp_micros())
}

fn integer(scalar: &Scalar, kind: ColumnType) -> Result<Literal, String> {
    let Scalar(look, text) = scalar;
    // A bigint may have 19 digits, one more than a decimal here.
    if let (Kind::Number, Ok(whole)) = (look, text.replace('_', "").parse::<i64>()) {
        let (least, greatest) = kind.integer_range().unwrap_or((i64::MIN, i64::MAX));
        if (least..=greatest).contains(&whole) {
            return Ok(Literal::Int(whole));
        }
    }
    match number(scalar) {
        Some(number) => exact(number, text, kind),
        None if *look == Kind::Number => Err(format!("`{text}` does not fit into `{kind}`")),
        None => Err(format!("`{text}` is not a whole number")),
    }
}

fn string(look: Kind, text: &str, kind: ColumnType) -> Result<Literal, String> {
    if matches!(look, Kind::Number | Kind::Bool) {
        return Err(format!("`{text}` is not text: write it in quotes"));
    }
    let length = text.chars().count();
    match kind.length_max() {
        Some(limit) if u32::try_from(length).unwrap_or(u32::MAX) > limit => {
            Err(format!("`{text}` has {length} characters, more than `{kind}` holds"))
        }
        _ => Ok(Literal::Text(text.to_owned())),
    }
}

#[cfg(test)]
mod tests {
    use super::literal;
    use super::moment;
    use crate::schema::ColumnType;
    use crate::schema::Literal;
    use crate::units::Decimal;
    use crate::yaml::Kind;
    use crate::yaml::Scalar;

    fn number(text: &str, kind: ColumnType) -> Result<Literal, String> {
        literal(&Scalar(Kind::Number, text.to_owned()), kind)
    }

    #[test]
    fn numbers_take_the_form_of_their_column() {
        let price = ColumnType::Numeric { precision: 6, scale: 2, is_bare: false };
        let scaled = Literal::Decimal(Decimal { unscaled: 120, scale: 2 });
        assert_eq!(number("1.2", price), Ok(scaled.clone()));
        assert_eq!(number("1.20", price), Ok(scaled.clone()));
        assert_eq!(number("1.200", price), Ok(scaled.clone()));
        assert_eq!(number("120e-2", price), Ok(scaled));
        assert!(number("1.234", price).is_err());
        assert!(number("10000", price).is_err());
        assert_eq!(number("1e3", ColumnType::Smallint), Ok(Literal::Int(1_000)));
        assert_eq!(number("0x10", ColumnType::Integer), Ok(Literal::Int(16)));
        assert_eq!(number("1_000.0", ColumnType::Integer), Ok(Literal::Int(1_000)));
        assert!(number("32768", ColumnType::Smallint).is_err());
        assert!(number("1.5", ColumnType::Integer).is_err());
        let greatest = number("9223372036854775807", ColumnType::Bigint);
        assert_eq!(greatest, Ok(Literal::Int(i64::MAX)));
        assert!(number("9223372036854775808", ColumnType::Bigint).is_err());
        assert!(number("5", ColumnType::Text).is_err());
    }

    #[test]
    fn times_are_utc_unless_they_say_otherwise() {
        assert_eq!(moment("1970-01-02"), Some(86_400_000_000));
        assert_eq!(moment("1970-01-01T00:00:01Z"), Some(1_000_000));
        assert_eq!(moment("1970-01-01T01:00:01+01:00"), Some(1_000_000));
        assert_eq!(moment("1970-01-01 00:00:00.5"), Some(500_000));
        assert_eq!(moment("01.01.1970"), None);
    }
}
