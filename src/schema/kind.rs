//! Column types: as people write them, as PostgreSQL spells them, and what fits into them.

use std::fmt;

use crate::diagnostic::suggest;
use crate::schema::ColumnType;

/// Most digits of a `numeric`: what fits into the exact numbers of [`crate::units::Decimal`].
const PRECISION_MAX: u8 = 18;

/// Longest `varchar(n)` and `char(n)` of PostgreSQL.
const LENGTH_MAX: u32 = 10_485_760;

/// Types without a parameter, PostgreSQL's own other spellings included.
const NAMES: [(&str, ColumnType); 24] = [
    ("smallint", ColumnType::Smallint),
    ("integer", ColumnType::Integer),
    ("bigint", ColumnType::Bigint),
    ("real", ColumnType::Real),
    ("double precision", ColumnType::Double),
    ("boolean", ColumnType::Boolean),
    ("text", ColumnType::Text),
    ("varchar", ColumnType::Varchar(None)),
    ("uuid", ColumnType::Uuid),
    ("date", ColumnType::Date),
    ("timestamp", ColumnType::Timestamp),
    ("timestamptz", ColumnType::Timestamptz),
    ("int2", ColumnType::Smallint),
    ("int", ColumnType::Integer),
    ("int4", ColumnType::Integer),
    ("int8", ColumnType::Bigint),
    ("float4", ColumnType::Real),
    ("float8", ColumnType::Double),
    ("bool", ColumnType::Boolean),
    ("character varying", ColumnType::Varchar(None)),
    ("char", ColumnType::Char(1)),
    ("character", ColumnType::Char(1)),
    ("timestamp without time zone", ColumnType::Timestamp),
    ("timestamp with time zone", ColumnType::Timestamptz),
];

/// The spellings that messages list.
const LISTED: [&str; 14] = [
    "smallint",
    "integer",
    "bigint",
    "real",
    "double precision",
    "numeric(10,2)",
    "boolean",
    "text",
    "varchar(60)",
    "char(2)",
    "uuid",
    "date",
    "timestamp",
    "timestamptz",
];

impl ColumnType {
    /// Reads a type. The error is what is wrong, and what to do.
    pub(crate) fn parse(text: &str) -> Result<Self, (String, Option<String>)> {
        let lower = text.trim().to_lowercase();
        let (name, parameters) = match lower.split_once('(') {
            None => (lower.as_str(), None),
            Some((name, rest)) => {
                let inner = rest.strip_suffix(')');
                let inner = inner.ok_or_else(|| (format!("`{text}` has no closing `)`"), None))?;
                (name.trim(), Some(numbers(inner).ok_or_else(|| unknown(text, name))?))
            }
        };
        match (name, parameters.as_deref()) {
            ("numeric" | "decimal", Some([precision])) => numeric(text, *precision, 0),
            ("numeric" | "decimal", Some([precision, scale])) => numeric(text, *precision, *scale),
            ("numeric" | "decimal", None) => {
                let help = "write the digits in all and after the point: `numeric(10,2)`";
                Err((format!("`{text}` needs its precision"), Some(help.to_owned())))
            }
            ("varchar" | "character varying", Some([length])) => {
                Ok(Self::Varchar(Some(limited(text, *length)?)))
            }
            ("char" | "character", Some([length])) => Ok(Self::Char(limited(text, *length)?)),
            (_, None) => NAMES
                .iter()
                .find(|(spelling, _)| *spelling == name)
                .map(|(_, kind)| *kind)
                .ok_or_else(|| unknown(text, name)),
            (_, Some(_)) => Err(unknown(text, name)),
        }
    }

    /// Least and greatest value of an integer type.
    pub fn integer_range(self) -> Option<(i64, i64)> {
        match self {
            Self::Smallint => Some((i64::from(i16::MIN), i64::from(i16::MAX))),
            Self::Integer => Some((i64::from(i32::MIN), i64::from(i32::MAX))),
            Self::Bigint => Some((i64::MIN, i64::MAX)),
            _ => None,
        }
    }

    /// Whether it holds text.
    pub fn is_text(self) -> bool {
        matches!(self, Self::Text | Self::Varchar(_) | Self::Char(_))
    }

    /// Whether it holds numbers.
    pub fn is_number(self) -> bool {
        self.is_exact() || matches!(self, Self::Real | Self::Double)
    }

    /// Whether it holds exact numbers: integers and `numeric`.
    pub fn is_exact(self) -> bool {
        self.integer_range().is_some() || matches!(self, Self::Numeric { .. })
    }

    /// Whether it holds days or moments.
    pub fn is_time(self) -> bool {
        matches!(self, Self::Date | Self::Timestamp | Self::Timestamptz)
    }

    /// The most characters of a text type that has a limit.
    pub fn length_max(self) -> Option<u32> {
        match self {
            Self::Varchar(length) => length,
            Self::Char(length) => Some(length),
            _ => None,
        }
    }

    /// Digits after the point: 0 for integers, none for what is not exact.
    pub fn scale(self) -> Option<u8> {
        match self {
            Self::Numeric { scale, .. } => Some(scale),
            _ => self.integer_range().map(|_| 0),
        }
    }
}

impl fmt::Display for ColumnType {
    /// As PostgreSQL spells it; may stand in a `CREATE TABLE` as it is.
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Smallint => formatter.write_str("smallint"),
            Self::Integer => formatter.write_str("integer"),
            Self::Bigint => formatter.write_str("bigint"),
            Self::Real => formatter.write_str("real"),
            Self::Double => formatter.write_str("double precision"),
            Self::Numeric { precision, scale } => write!(formatter, "numeric({precision},{scale})"),
            Self::Boolean => formatter.write_str("boolean"),
            Self::Text => formatter.write_str("text"),
            Self::Varchar(None) => formatter.write_str("varchar"),
            Self::Varchar(Some(length)) => write!(formatter, "varchar({length})"),
            Self::Char(length) => write!(formatter, "char({length})"),
            Self::Uuid => formatter.write_str("uuid"),
            Self::Date => formatter.write_str("date"),
            Self::Timestamp => formatter.write_str("timestamp"),
            Self::Timestamptz => formatter.write_str("timestamptz"),
        }
    }
}

fn numbers(text: &str) -> Option<Vec<u32>> {
    text.split(',').map(|number| number.trim().parse().ok()).collect()
}

fn numeric(text: &str, precision: u32, scale: u32) -> Result<ColumnType, (String, Option<String>)> {
    let narrow = |number: u32| u8::try_from(number).unwrap_or(u8::MAX);
    let (precision, scale) = (narrow(precision), narrow(scale));
    if precision == 0 || precision > PRECISION_MAX {
        let message = format!("`{text}` has a precision that is not between 1 and {PRECISION_MAX}");
        let help = format!("loadgen computes exactly with at most {PRECISION_MAX} digits");
        return Err((message, Some(help)));
    }
    if scale > precision {
        return Err((format!("`{text}` has more digits after the point than in all"), None));
    }
    Ok(ColumnType::Numeric { precision, scale })
}

fn limited(text: &str, length: u32) -> Result<u32, (String, Option<String>)> {
    if (1..=LENGTH_MAX).contains(&length) {
        Ok(length)
    } else {
        Err((format!("`{text}` has a length that is not between 1 and {LENGTH_MAX}"), None))
    }
}

fn unknown(text: &str, name: &str) -> (String, Option<String>) {
    (format!("`{text}` is not a type that is known here"), {
        let bare: Vec<&str> =
            LISTED.iter().map(|kind| kind.split('(').next().unwrap_or(kind)).collect();
        suggest(name, "the types", &bare)
    })
}

#[cfg(test)]
mod tests {
    use crate::schema::ColumnType;

    #[test]
    fn every_listed_type_is_read_and_spelled_alike() {
        for text in super::LISTED {
            assert_eq!(ColumnType::parse(text).unwrap().to_string(), text);
        }
        let spaced = ColumnType::parse(" NUMERIC( 6 , 2 ) ").unwrap();
        assert_eq!(spaced, ColumnType::Numeric { precision: 6, scale: 2 });
        for bad in ["numeric", "numeric(19,2)", "numeric(2,3)", "varchar(0)", "varchar(", "uuid(1)"]
        {
            assert!(ColumnType::parse(bad).is_err(), "{bad}");
        }
    }
}
