//! Column types as people write them.

use crate::diagnostic::suggest;
use crate::schema::ColumnType;
use crate::schema::EnumType;
use crate::schema::Geometry;
use crate::schema::RangeType;
use crate::schema::kind::named::array_of;

/// Most digits of a `numeric`: what fits into the exact numbers of [`crate::units::Decimal`].
const PRECISION_MAX: u32 = 18;

/// Longest `varchar(n)` and `char(n)` of PostgreSQL.
const LENGTH_MAX: u32 = 10_485_760;

/// Longest `bit(n)` here: a kilobyte is written as 8,192 digits.
const BITS_MAX: u32 = 1 << 20;

/// Most digits of seconds.
const SECOND_DIGITS_MAX: u32 = 6;

/// What is wrong, and what to do about it.
type Mistake = (String, Option<String>);

/// Types without a parameter, PostgreSQL's own other spellings included.
const NAMES: [(&str, ColumnType); 65] = [
    ("smallint", ColumnType::Smallint),
    ("integer", ColumnType::Integer),
    ("bigint", ColumnType::Bigint),
    ("oid", ColumnType::Oid),
    ("numeric", ColumnType::BARE_NUMERIC),
    ("decimal", ColumnType::BARE_NUMERIC),
    ("real", ColumnType::Real),
    ("double precision", ColumnType::Double),
    ("money", ColumnType::Money),
    ("boolean", ColumnType::Boolean),
    ("text", ColumnType::Text),
    ("varchar", ColumnType::Varchar(None)),
    ("citext", ColumnType::Citext),
    ("bytea", ColumnType::Bytea),
    ("uuid", ColumnType::Uuid),
    ("date", ColumnType::Date),
    ("timestamp", ColumnType::Timestamp),
    ("timestamptz", ColumnType::Timestamptz),
    ("time", ColumnType::Time(6)),
    ("timetz", ColumnType::Timetz(6)),
    ("interval", ColumnType::Interval),
    ("json", ColumnType::Json),
    ("jsonb", ColumnType::Jsonb),
    ("inet", ColumnType::Inet),
    ("cidr", ColumnType::Cidr),
    ("macaddr", ColumnType::Macaddr),
    ("macaddr8", ColumnType::Macaddr8),
    ("bit", ColumnType::Bit(1)),
    ("varbit", ColumnType::Varbit(None)),
    ("point", ColumnType::Geometric(Geometry::Point)),
    ("lseg", ColumnType::Geometric(Geometry::Segment)),
    ("box", ColumnType::Geometric(Geometry::Box)),
    ("path", ColumnType::Geometric(Geometry::Path)),
    ("polygon", ColumnType::Geometric(Geometry::Polygon)),
    ("circle", ColumnType::Geometric(Geometry::Circle)),
    ("line", ColumnType::Geometric(Geometry::Line)),
    ("int4range", ColumnType::Range(RangeType::Int4)),
    ("int8range", ColumnType::Range(RangeType::Int8)),
    ("numrange", ColumnType::Range(RangeType::Num)),
    ("tsrange", ColumnType::Range(RangeType::Ts)),
    ("tstzrange", ColumnType::Range(RangeType::Tstz)),
    ("daterange", ColumnType::Range(RangeType::Date)),
    ("int2", ColumnType::Smallint),
    ("int", ColumnType::Integer),
    ("int4", ColumnType::Integer),
    ("int8", ColumnType::Bigint),
    ("smallserial", ColumnType::Smallint),
    ("serial", ColumnType::Integer),
    ("bigserial", ColumnType::Bigint),
    ("serial2", ColumnType::Smallint),
    ("serial4", ColumnType::Integer),
    ("serial8", ColumnType::Bigint),
    ("float", ColumnType::Double),
    ("float4", ColumnType::Real),
    ("float8", ColumnType::Double),
    ("bool", ColumnType::Boolean),
    ("character varying", ColumnType::Varchar(None)),
    ("char", ColumnType::Char(1)),
    ("character", ColumnType::Char(1)),
    ("bpchar", ColumnType::Char(1)),
    ("bit varying", ColumnType::Varbit(None)),
    ("timestamp without time zone", ColumnType::Timestamp),
    ("timestamp with time zone", ColumnType::Timestamptz),
    ("time without time zone", ColumnType::Time(6)),
    ("time with time zone", ColumnType::Timetz(6)),
];

/// The spellings that messages list: the first of [`NAMES`], those with a parameter in between.
const LISTED: [&str; 45] = [
    "smallint",
    "integer",
    "bigint",
    "oid",
    "numeric",
    "real",
    "double precision",
    "numeric(10,2)",
    "money",
    "boolean",
    "text",
    "varchar(60)",
    "char(2)",
    "citext",
    "bytea",
    "uuid",
    "date",
    "timestamp",
    "timestamptz",
    "time",
    "timetz",
    "interval",
    "json",
    "jsonb",
    "inet",
    "cidr",
    "macaddr",
    "macaddr8",
    "bit(8)",
    "varbit(64)",
    "point",
    "lseg",
    "box",
    "path",
    "polygon",
    "circle",
    "line",
    "int4range",
    "int8range",
    "numrange",
    "tsrange",
    "tstzrange",
    "daterange",
    "timestamp(3)",
    "timestamptz(3)",
];

impl ColumnType {
    /// Reads a type, which may be one of those that the schema declares. The error is what is
    /// wrong, and what to do.
    pub(crate) fn parse(text: &str, enums: &[&'static EnumType]) -> Result<Self, Mistake> {
        let trimmed = text.trim();
        if let Some(of) = trimmed.strip_suffix("[]") {
            return array(text, Self::parse(of, enums)?);
        }
        if let Some(declared) = enums.iter().find(|declared| declared.name == trimmed) {
            return Ok(Self::Enum(declared));
        }
        let lower = trimmed.to_lowercase();
        let Some((before, rest)) = lower.split_once('(') else {
            let found = NAMES.iter().find(|(spelling, _)| *spelling == lower);
            return match (found, lower.as_str()) {
                (Some((_, kind)), _) => Ok(*kind),
                (None, name) => {
                    Err(refused(text, name).unwrap_or_else(|| unknown(text, name, enums)))
                }
            };
        };
        let closed = rest.split_once(')');
        let (inner, behind) =
            closed.ok_or_else(|| (format!("`{text}` has no closing `)`"), None))?;
        let name = format!("{} {}", before.trim(), behind.trim());
        let name = name.trim_end();
        let numbers = numbers(inner).ok_or_else(|| unknown(text, name, enums))?;
        with_numbers(text, name, &numbers, enums)
    }
}

/// A type with something in parentheses.
fn with_numbers(
    text: &str,
    name: &str,
    numbers: &[u32],
    enums: &[&'static EnumType],
) -> Result<ColumnType, Mistake> {
    match (name, numbers) {
        ("numeric" | "decimal", [precision]) => numeric(text, *precision, 0),
        ("numeric" | "decimal", [precision, scale]) => numeric(text, *precision, *scale),
        ("varchar" | "character varying", [length]) => {
            Ok(ColumnType::Varchar(Some(limited(text, *length, LENGTH_MAX)?)))
        }
        ("char" | "character" | "bpchar", [length]) => {
            Ok(ColumnType::Char(limited(text, *length, LENGTH_MAX)?))
        }
        ("bit", [length]) => Ok(ColumnType::Bit(limited(text, *length, BITS_MAX)?)),
        ("varbit" | "bit varying", [length]) => {
            Ok(ColumnType::Varbit(Some(limited(text, *length, BITS_MAX)?)))
        }
        ("timestamp" | "timestamp without time zone", [digits]) => {
            Ok(match second_digits(text, *digits)? {
                6 => ColumnType::Timestamp,
                digits => ColumnType::TimestampTo(digits),
            })
        }
        ("timestamptz" | "timestamp with time zone", [digits]) => {
            Ok(match second_digits(text, *digits)? {
                6 => ColumnType::Timestamptz,
                digits => ColumnType::TimestamptzTo(digits),
            })
        }
        ("time" | "time without time zone", [digits]) => {
            Ok(ColumnType::Time(second_digits(text, *digits)?))
        }
        ("timetz" | "time with time zone", [digits]) => {
            Ok(ColumnType::Timetz(second_digits(text, *digits)?))
        }
        ("float", [1..=24]) => Ok(ColumnType::Real),
        ("float", [25..=53]) => Ok(ColumnType::Double),
        _ => Err(unknown(text, name, enums)),
    }
}

/// PostgreSQL needs the number of an element's type in each value; those of enums and of `citext`
/// differ from database to database.
fn array(text: &str, of: ColumnType) -> Result<ColumnType, Mistake> {
    let message = match of {
        ColumnType::Array(_) => format!("`{text}` has more than one dimension"),
        ColumnType::Enum(_) | ColumnType::Citext => format!("`{text}` is an array of `{of}`"),
        _ => return Ok(array_of(of)),
    };
    let help = "arrays have one dimension, of a type that every server has: use `text[]`";
    Err((message, Some(help.to_owned())))
}

fn numbers(text: &str) -> Option<Vec<u32>> {
    text.split(',').map(|number| number.trim().parse().ok()).collect()
}

fn numeric(text: &str, precision: u32, scale: u32) -> Result<ColumnType, Mistake> {
    if precision == 0 || precision > PRECISION_MAX {
        let message = format!("`{text}` has a precision that is not between 1 and {PRECISION_MAX}");
        let help = format!("loadgen computes exactly with at most {PRECISION_MAX} digits");
        return Err((message, Some(help)));
    }
    if scale > precision {
        return Err((format!("`{text}` has more digits after the point than in all"), None));
    }
    let narrow = |number: u32| u8::try_from(number).unwrap_or(u8::MAX);
    let (precision, scale) = (narrow(precision), narrow(scale));
    Ok(ColumnType::Numeric { precision, scale, is_bare: false })
}

fn limited(text: &str, length: u32, limit: u32) -> Result<u32, Mistake> {
    if (1..=limit).contains(&length) {
        Ok(length)
    } else {
        Err((format!("`{text}` has a length that is not between 1 and {limit}"), None))
    }
}

fn second_digits(text: &str, digits: u32) -> Result<u8, Mistake> {
    u8::try_from(digits).ok().filter(|_| digits <= SECOND_DIGITS_MAX).ok_or_else(|| {
        (format!("`{text}` has a precision that is not between 0 and {SECOND_DIGITS_MAX}"), None)
    })
}

/// PostgreSQL's own types that loadgen makes no values of.
fn refused(text: &str, name: &str) -> Option<Mistake> {
    let help = match name {
        "xml" | "tsvector" | "tsquery" => "use `text`, and let a query of yours make it of that",
        "name" => "use `varchar(63)`",
        "pg_lsn" | "xid" | "xid8" | "txid_snapshot" | "pg_snapshot" => "use `bigint` or `text`",
        _ if name.ends_with("multirange") => "use a range, or an array of ranges",
        _ => return None,
    };
    Some((format!("`{text}` is a type that loadgen makes no values of"), Some(help.to_owned())))
}

fn unknown(text: &str, name: &str, enums: &[&'static EnumType]) -> Mistake {
    let mut known: Vec<&str> = enums.iter().map(|declared| declared.name.as_str()).collect();
    known.extend(LISTED.iter().map(|kind| kind.split('(').next().unwrap_or(kind)));
    known.truncate(known.len() - 2);
    let help = suggest(name, "the types", &known).unwrap_or_else(|| {
        "the types are PostgreSQL's: `integer`, `numeric(10,2)`, `text`, `timestamptz`, `jsonb`, …"
            .to_owned()
    });
    (format!("`{text}` is not a type that is known here"), Some(help))
}

#[cfg(test)]
mod tests {
    use crate::schema::ColumnType;

    #[test]
    fn every_listed_type_is_read_and_spelled_alike() {
        let parse = |text: &str| ColumnType::parse(text, &[]);
        for text in super::LISTED {
            assert_eq!(parse(text).unwrap().to_string(), text);
            let array = format!("{text}[]");
            match text {
                "citext" => assert!(parse(&array).is_err()),
                _ => assert_eq!(parse(&array).unwrap().to_string(), array),
            }
        }
        let spaced = parse(" NUMERIC( 6 , 2 ) ").unwrap();
        assert_eq!(spaced, ColumnType::Numeric { precision: 6, scale: 2, is_bare: false });
        assert_eq!(parse("timestamp(3) with time zone"), Ok(ColumnType::TimestamptzTo(3)));
        assert_eq!(parse("timestamp(6)"), Ok(ColumnType::Timestamp));
        assert_eq!(parse("bit varying(5)"), Ok(ColumnType::Varbit(Some(5))));
        for bad in ["xml", "numeric(19,2)", "numeric(2,3)", "varchar(0)", "varchar(", "uuid(1)"]
            .into_iter()
            .chain(["time(7)", "text[][]", "bit(0)", "[]", "float(54)"])
        {
            assert!(parse(bad).is_err(), "{bad}");
        }
    }
}
