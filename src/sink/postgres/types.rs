//! Column types as a server knows them: names, numbers, what can be compared, and whether a column
//! that exists takes every value of one.

use postgres_protocol::Oid;

use crate::schema::ColumnType;
use crate::schema::Geometry;
use crate::schema::RangeType;
use crate::sink::postgres::quote;

/// A type as PostgreSQL writes it; enums live in the PostgreSQL schema of the tables.
pub(super) fn type_name(kind: ColumnType, namespace: &str) -> String {
    match kind {
        ColumnType::Enum(of) => quote::qualified(namespace, &of.name),
        ColumnType::Array(of) => format!("{}[]", type_name(*of, namespace)),
        _ => kind.to_string(),
    }
}

/// The number by which the server knows a type; 0 for what it finds out by itself: arrays, and types
/// whose number differs from database to database.
pub(crate) fn oid(kind: ColumnType) -> Oid {
    match kind {
        ColumnType::Enum(_) | ColumnType::Citext | ColumnType::Array(_) => 0,
        ColumnType::Boolean => 16,
        ColumnType::Bytea => 17,
        ColumnType::Bigint => 20,
        ColumnType::Smallint => 21,
        ColumnType::Integer => 23,
        ColumnType::Text => 25,
        ColumnType::Oid => 26,
        ColumnType::Json => 114,
        ColumnType::Geometric(Geometry::Point) => 600,
        ColumnType::Geometric(Geometry::Segment) => 601,
        ColumnType::Geometric(Geometry::Path) => 602,
        ColumnType::Geometric(Geometry::Box) => 603,
        ColumnType::Geometric(Geometry::Polygon) => 604,
        ColumnType::Geometric(Geometry::Line) => 628,
        ColumnType::Geometric(Geometry::Circle) => 718,
        ColumnType::Cidr => 650,
        ColumnType::Real => 700,
        ColumnType::Double => 701,
        ColumnType::Macaddr8 => 774,
        ColumnType::Money => 790,
        ColumnType::Macaddr => 829,
        ColumnType::Inet => 869,
        ColumnType::Char(_) => 1042,
        ColumnType::Varchar(_) => 1043,
        ColumnType::Date => 1082,
        ColumnType::Time(_) => 1083,
        ColumnType::Timestamp | ColumnType::TimestampTo(_) => 1114,
        ColumnType::Timestamptz | ColumnType::TimestamptzTo(_) => 1184,
        ColumnType::Interval => 1186,
        ColumnType::Timetz(_) => 1266,
        ColumnType::Bit(_) => 1560,
        ColumnType::Varbit(_) => 1562,
        ColumnType::Numeric { .. } => 1700,
        ColumnType::Uuid => 2950,
        ColumnType::Jsonb => 3802,
        ColumnType::Range(RangeType::Int4) => 3904,
        ColumnType::Range(RangeType::Num) => 3906,
        ColumnType::Range(RangeType::Ts) => 3908,
        ColumnType::Range(RangeType::Tstz) => 3910,
        ColumnType::Range(RangeType::Date) => 3912,
        ColumnType::Range(RangeType::Int8) => 3926,
    }
}

/// `"a" IS NOT DISTINCT FROM $1`: whether a column holds the value of a parameter. What has no `=`,
/// or one that looks at a size only, as shapes do, is compared by its text.
pub(super) fn is_same(column: &str, kind: ColumnType, place: usize, namespace: &str) -> String {
    if kind.is_ordered() {
        return format!("{column} IS NOT DISTINCT FROM ${place}");
    }
    let name = type_name(kind, namespace);
    format!("{column}::text IS NOT DISTINCT FROM ${place}::{name}::text")
}

/// Whether a column of a type that exists takes every value of `wanted` unchanged. `base` is the
/// type's name in the catalogue, `modifier` what is kept of its parameters, -1 for nothing.
///
/// Texts are sent alike whatever their type; all others must be the very type.
pub(super) fn takes(base: &str, modifier: i32, wanted: ColumnType) -> bool {
    // Lengths, and the precision of a numeric, are kept with 4 added; those of bits and of the
    // digits of seconds are not.
    let plain = u32::try_from(modifier).ok();
    let length = plain.map(|modifier| modifier.saturating_sub(4));
    let digits = |wanted: u8| plain.is_none_or(|digits| digits >= u32::from(wanted));
    match wanted {
        ColumnType::Timestamp | ColumnType::TimestampTo(_) => {
            base == "timestamp" && digits(wanted.second_digits().unwrap_or(6))
        }
        ColumnType::Timestamptz | ColumnType::TimestamptzTo(_) => {
            base == "timestamptz" && digits(wanted.second_digits().unwrap_or(6))
        }
        ColumnType::Time(wanted) => base == "time" && digits(wanted),
        ColumnType::Timetz(wanted) => base == "timetz" && digits(wanted),
        ColumnType::Interval => base == "interval" && modifier == -1,
        ColumnType::Char(wanted) => base == "bpchar" && length == Some(wanted),
        ColumnType::Text | ColumnType::Varchar(None) => {
            base == "text" || (base == "varchar" && length.is_none())
        }
        ColumnType::Varchar(Some(wanted)) => {
            base == "text" || (base == "varchar" && length.is_none_or(|length| length >= wanted))
        }
        ColumnType::Bit(wanted) => base == "bit" && plain == Some(wanted),
        ColumnType::Varbit(wanted) => {
            let is_long = |most: u32| wanted.is_some_and(|wanted| most >= wanted);
            base == "varbit" && plain.is_none_or(is_long)
        }
        ColumnType::Numeric { is_bare: true, .. } => base == "numeric" && modifier == -1,
        ColumnType::Numeric { precision, scale, .. } => {
            let (precision, scale) = (u32::from(precision), u32::from(scale));
            base == "numeric"
                && length.is_none_or(|packed| {
                    let (most, after) = (packed >> 16, packed & 0x7ff);
                    after >= scale && most.saturating_sub(after) >= precision - scale
                })
        }
        ColumnType::Enum(of) => base == of.name,
        // The catalogue calls an array by its elements.
        ColumnType::Array(of) => {
            base.strip_prefix('_').is_some_and(|of_base| takes(of_base, modifier, *of))
        }
        plain => base == catalogue_name(plain),
    }
}

/// What the catalogue calls a type without a parameter.
fn catalogue_name(kind: ColumnType) -> String {
    match kind {
        ColumnType::Smallint => "int2".to_owned(),
        ColumnType::Integer => "int4".to_owned(),
        ColumnType::Bigint => "int8".to_owned(),
        ColumnType::Real => "float4".to_owned(),
        ColumnType::Double => "float8".to_owned(),
        ColumnType::Boolean => "bool".to_owned(),
        other => other.to_string(),
    }
}
