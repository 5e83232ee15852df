//! Column types: what fits into them, and how PostgreSQL spells them.

pub(crate) mod named;
mod parse;

use std::fmt;

use crate::schema::kind::named::EnumType;

/// A PostgreSQL type.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ColumnType {
    /// `smallint`
    Smallint,
    /// `integer`
    Integer,
    /// `bigint`
    Bigint,
    /// `oid`
    Oid,
    /// `real`
    Real,
    /// `double precision`
    Double,
    /// `numeric(precision, scale)`; precision at most 18: what loadgen computes with exactly.
    Numeric {
        /// Digits in all.
        precision: u8,
        /// Digits after the point.
        scale: u8,
        /// Whether the column itself sets no limit: `numeric`. Its values keep to these digits.
        is_bare: bool,
    },
    /// `money`, taken to have two digits after the point.
    Money,
    /// `boolean`
    Boolean,
    /// `text`
    Text,
    /// `varchar(n)`, or `varchar` without a limit.
    Varchar(Option<u32>),
    /// `char(n)`
    Char(u32),
    /// `citext`, of the extension of that name.
    Citext,
    /// `bytea`
    Bytea,
    /// `uuid`
    Uuid,
    /// `date`
    Date,
    /// `timestamp`, always filled in UTC.
    Timestamp,
    /// `timestamptz`
    Timestamptz,
    /// `timestamp(p)`, p below 6.
    TimestampTo(u8),
    /// `timestamptz(p)`, p below 6.
    TimestamptzTo(u8),
    /// `time(p)`
    Time(u8),
    /// `timetz(p)`
    Timetz(u8),
    /// `interval`
    Interval,
    /// `json`
    Json,
    /// `jsonb`
    Jsonb,
    /// `inet`
    Inet,
    /// `cidr`
    Cidr,
    /// `macaddr`
    Macaddr,
    /// `macaddr8`
    Macaddr8,
    /// `bit(n)`
    Bit(u32),
    /// `varbit(n)`, or `varbit` without a limit.
    Varbit(Option<u32>),
    /// `point` and the like.
    Geometric(Geometry),
    /// `int4range` and the like.
    Range(RangeType),
    /// An enum that the schema declares.
    Enum(&'static EnumType),
    /// An array, of one dimension, of another type.
    Array(&'static ColumnType),
}

/// A type made of numbers in a plane.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Geometry {
    /// `point`
    Point,
    /// `lseg`: two points.
    Segment,
    /// `box`: two corners.
    Box,
    /// `path`, closed.
    Path,
    /// `polygon`
    Polygon,
    /// `circle`: its middle and its radius.
    Circle,
    /// `line`: the factors A, B and C of Ax + By + C = 0.
    Line,
}

/// A range of values of another type.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RangeType {
    /// `int4range`
    Int4,
    /// `int8range`
    Int8,
    /// `numrange`
    Num,
    /// `tsrange`
    Ts,
    /// `tstzrange`
    Tstz,
    /// `daterange`
    Date,
}

impl RangeType {
    /// The type of its bounds.
    pub fn of(self) -> ColumnType {
        match self {
            Self::Int4 => ColumnType::Integer,
            Self::Int8 => ColumnType::Bigint,
            Self::Num => ColumnType::BARE_NUMERIC,
            Self::Ts => ColumnType::Timestamp,
            Self::Tstz => ColumnType::Timestamptz,
            Self::Date => ColumnType::Date,
        }
    }

    /// The type of the distance between its bounds.
    pub fn length(self) -> ColumnType {
        match self {
            Self::Int4 | Self::Int8 | Self::Date => ColumnType::Bigint,
            Self::Num => self.of(),
            Self::Ts | Self::Tstz => ColumnType::Interval,
        }
    }
}

impl ColumnType {
    /// `numeric` without a limit.
    pub const BARE_NUMERIC: Self = Self::Numeric { precision: 18, scale: 6, is_bare: true };

    /// Least and greatest value of an integer type.
    pub fn integer_range(self) -> Option<(i64, i64)> {
        match self {
            Self::Smallint => Some((i64::from(i16::MIN), i64::from(i16::MAX))),
            Self::Integer => Some((i64::from(i32::MIN), i64::from(i32::MAX))),
            Self::Bigint => Some((i64::MIN, i64::MAX)),
            Self::Oid => Some((0, i64::from(u32::MAX))),
            _ => None,
        }
    }

    /// Whether it holds text.
    pub fn is_text(self) -> bool {
        matches!(self, Self::Text | Self::Varchar(_) | Self::Char(_) | Self::Citext)
    }

    /// Whether it holds JSON.
    pub fn is_json(self) -> bool {
        matches!(self, Self::Json | Self::Jsonb)
    }

    /// Whether it holds numbers.
    pub fn is_number(self) -> bool {
        self.is_exact() || matches!(self, Self::Real | Self::Double)
    }

    /// Whether it holds exact numbers: integers, `numeric` and `money`.
    pub fn is_exact(self) -> bool {
        self.integer_range().is_some() || matches!(self, Self::Numeric { .. } | Self::Money)
    }

    /// Whether the server adds to its values, and multiplies them.
    pub fn is_computed(self) -> bool {
        self.is_exact() && self != Self::Oid
    }

    /// Whether it holds days or moments.
    pub fn is_time(self) -> bool {
        matches!(
            self,
            Self::Date
                | Self::Timestamp
                | Self::Timestamptz
                | Self::TimestampTo(_)
                | Self::TimestamptzTo(_)
        )
    }

    /// Whether two values of it can be told apart by `=`, and put in order: what a key needs.
    pub fn is_ordered(self) -> bool {
        match self {
            Self::Json | Self::Geometric(_) => false,
            Self::Array(of) => of.is_ordered(),
            _ => true,
        }
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
            Self::Money => Some(2),
            _ => self.integer_range().map(|_| 0),
        }
    }

    /// Digits in all, and after the point, of `numeric`, and of what of `money` is computed with.
    pub fn digits(self) -> (u8, u8) {
        match self {
            Self::Numeric { precision, scale, .. } => (precision, scale),
            _ => (18, self.scale().unwrap_or(0)),
        }
    }

    /// Digits after the point of the seconds of a type that has a time.
    pub fn second_digits(self) -> Option<u8> {
        match self {
            Self::Timestamp | Self::Timestamptz | Self::Interval => Some(6),
            Self::TimestampTo(digits)
            | Self::TimestamptzTo(digits)
            | Self::Time(digits)
            | Self::Timetz(digits) => Some(digits),
            _ => None,
        }
    }

    /// The enum that it is, or is an array of.
    pub fn enum_type(self) -> Option<&'static EnumType> {
        match self {
            Self::Enum(of) => Some(of),
            Self::Array(of) => of.enum_type(),
            _ => None,
        }
    }

    /// Whether it is `citext`, or an array of it.
    pub fn needs_citext(self) -> bool {
        match self {
            Self::Citext => true,
            Self::Array(of) => of.needs_citext(),
            _ => false,
        }
    }
}

impl fmt::Display for ColumnType {
    /// As PostgreSQL spells it; may stand in a `CREATE TABLE` as it is, but for the names of enums,
    /// which need their PostgreSQL schema and quotes.
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Numeric { precision, scale, is_bare: false } => {
                write!(formatter, "numeric({precision},{scale})")
            }
            Self::Varchar(Some(length)) => write!(formatter, "varchar({length})"),
            Self::Char(length) => write!(formatter, "char({length})"),
            Self::TimestampTo(digits) => write!(formatter, "timestamp({digits})"),
            Self::TimestamptzTo(digits) => write!(formatter, "timestamptz({digits})"),
            Self::Time(digits @ 0..6) => write!(formatter, "time({digits})"),
            Self::Timetz(digits @ 0..6) => write!(formatter, "timetz({digits})"),
            Self::Bit(length) => write!(formatter, "bit({length})"),
            Self::Varbit(Some(length)) => write!(formatter, "varbit({length})"),
            Self::Enum(of) => formatter.write_str(&of.name),
            Self::Array(of) => write!(formatter, "{of}[]"),
            plain => formatter.write_str(plain.word()),
        }
    }
}

impl ColumnType {
    /// The name of a type without a parameter.
    fn word(self) -> &'static str {
        match self {
            Self::Smallint => "smallint",
            Self::Integer => "integer",
            Self::Bigint => "bigint",
            Self::Oid => "oid",
            Self::Real => "real",
            Self::Double => "double precision",
            Self::Numeric { .. } => "numeric",
            Self::Money => "money",
            Self::Boolean => "boolean",
            Self::Text => "text",
            Self::Varchar(_) => "varchar",
            Self::Char(_) => "char",
            Self::Citext => "citext",
            Self::Bytea => "bytea",
            Self::Uuid => "uuid",
            Self::Date => "date",
            Self::Timestamp | Self::TimestampTo(_) => "timestamp",
            Self::Timestamptz | Self::TimestamptzTo(_) => "timestamptz",
            Self::Time(_) => "time",
            Self::Timetz(_) => "timetz",
            Self::Interval => "interval",
            Self::Json => "json",
            Self::Jsonb => "jsonb",
            Self::Inet => "inet",
            Self::Cidr => "cidr",
            Self::Macaddr => "macaddr",
            Self::Macaddr8 => "macaddr8",
            Self::Bit(_) => "bit",
            Self::Varbit(_) => "varbit",
            Self::Geometric(geometry) => geometry.word(),
            Self::Range(range) => range.word(),
            Self::Enum(_) => "enum",
            Self::Array(_) => "array",
        }
    }
}

impl Geometry {
    fn word(self) -> &'static str {
        match self {
            Self::Point => "point",
            Self::Segment => "lseg",
            Self::Box => "box",
            Self::Path => "path",
            Self::Polygon => "polygon",
            Self::Circle => "circle",
            Self::Line => "line",
        }
    }
}

impl RangeType {
    fn word(self) -> &'static str {
        match self {
            Self::Int4 => "int4range",
            Self::Int8 => "int8range",
            Self::Num => "numrange",
            Self::Ts => "tsrange",
            Self::Tstz => "tstzrange",
            Self::Date => "daterange",
        }
    }
}
