//! Fills for one type, or made of other fills, made ready.

use crate::generate::column::Column;
use crate::generate::column::Constant;
use crate::generate::compile::fills;
use crate::generate::typed::Elements;
use crate::generate::typed::JsonFiller;
use crate::generate::typed::TypedFiller;
use crate::schema;
use crate::schema::ColumnType;
use crate::schema::Fill;
use crate::schema::TypedFill;
use crate::schema::typed::ArrayFill;
use crate::schema::typed::JsonFill;
use crate::schema::written;
use crate::schema::written::Written;

/// The fill of a column of `table`, made ready.
pub(super) fn made(fill: &TypedFill, table: &schema::Table) -> TypedFiller {
    match fill {
        TypedFill::Random => TypedFiller::Random,
        TypedFill::Bytes { min, max } => TypedFiller::Bytes { min: *min, max: *max },
        TypedFill::Span { min, max } => {
            TypedFiller::Span { min: *min, count: max.abs_diff(*min).saturating_add(1) }
        }
        TypedFill::Json(json) => TypedFiller::Json(self::json(json, table)),
        TypedFill::Array(array) => TypedFiller::Array(elements(array, table)),
        TypedFill::Range { of, from, length, length_kind } => TypedFiller::Range {
            from: Box::new(part(*of, from, table)),
            length: Box::new(part(*length_kind, length, table)),
        },
    }
}

/// A part draws by the key of its column, and by what tells the parts apart.
fn part(kind: ColumnType, fill: &Fill, table: &schema::Table) -> Column {
    fills::made(0, kind, 0.0, fills::filler(fill, kind, table))
}

fn elements(array: &ArrayFill, table: &schema::Table) -> Elements {
    let ArrayFill { of, kind, min, max, null_rate } = array;
    Elements { of: Box::new(part(*kind, of, table)), min: *min, max: *max, null_rate: *null_rate }
}

fn json(fill: &JsonFill, table: &schema::Table) -> JsonFiller {
    match fill {
        JsonFill::Object(members) => JsonFiller::Object(
            members.iter().map(|(name, member)| (name.clone(), json(member, table))).collect(),
        ),
        JsonFill::Array { of, min, max, null_rate } => JsonFiller::Array {
            of: Box::new(json(of, table)),
            min: *min,
            max: *max,
            null_rate: *null_rate,
        },
        JsonFill::Value { kind, fill } => JsonFiller::Value(Box::new(part(*kind, fill, table))),
    }
}

/// A text as a value of its type. `check` has seen that it is one.
pub(super) fn constant(text: &str, kind: ColumnType) -> Constant {
    Constant::Written(Box::new(written::read(text, kind).unwrap_or(Written::Null)))
}
